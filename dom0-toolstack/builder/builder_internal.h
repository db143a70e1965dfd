/* SPDX-License-Identifier: BSD-2-Clause */
/* What the builder's files share. */
#pragma once

#include "builder/builder.h"
#include "builder/guest_memory.h"
#include "builder/layout.h"
#include "builder/loader.h"

struct builder {
	struct hyper *hyper;
	const struct domain_config *config; /* the caller's */
	int kernel_fd, ramdisk_fd;	    /* -1: none */
	uint64_t ramdisk_size;
	struct loader loader;
	struct layout layout;
	struct guest_memory memory;
	uint16_t domid;
	bool scrubbed;		      /* memory is known to be zero where nothing was written */
	builder_progress_fn progress; /* may be NULL */
	void *progress_arg;
};

/* The parts of builder_fill(), in order; each needs those before it. */
int builder_populate(struct builder *b, struct error *err);
int builder_load_kernel(struct builder *b, uint64_t *entry, struct error *err);
int builder_load_ramdisk(struct builder *b, struct error *err);
int builder_write_tables(struct builder *b, struct error *err);
int builder_set_special_pages(struct builder *b, struct builder_result *result, struct error *err);
int builder_set_registers(struct builder *b, uint64_t entry, struct error *err);
