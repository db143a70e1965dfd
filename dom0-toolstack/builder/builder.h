/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domain builder: from a description to a domain that is paused at its kernel's first
 * instruction.
 *
 * Three steps, so that the caller can write down what it is about to do before a domain exists, and
 * so that a bad kernel image is found before as well: builder_open(), builder_create(),
 * builder_fill(). The builder never destroys a domain; the caller does when a step fails.
 */
#pragma once

#include <stdint.h>

#include "hyper/error.h"
#include "hyper/hyper.h"
#include "life/config.h"

struct builder;

/* Called as memory is filled: `done` of `total` bytes. */
typedef void (*builder_progress_fn)(void *arg, const char *what, uint64_t done, uint64_t total);

/* What others need to talk to the guest. */
struct builder_result {
	uint64_t store_gfn, console_gfn;
	uint32_t store_port, console_port; /* the guest's ends, free for Dom0 to bind */
	uint64_t kernel_bytes, ramdisk_bytes;
};

/*
 * Opens kernel and RAM disk, starts the loader and reads the kernel's layout; checks that host
 * memory suffices. `config` must stay until builder_close(). Errors: of the files; -ENOEXEC,
 * -EBADMSG (kernel), -E2BIG (guest too small), -ENOMEM (host has too little free).
 */
int builder_open(struct builder **out, struct hyper *hyper, const struct domain_config *config,
		 struct error *err);

/* Makes the empty domain, with its limits. *domid: LIFE_DOMID_NONE or 0 for any, then its id. */
int builder_create(struct builder *builder, uint16_t *domid, struct error *err);

/* Fills it: memory, kernel, tables, registers. */
int builder_fill(struct builder *builder, builder_progress_fn progress, void *arg,
		 struct builder_result *result, struct error *err);

/* For a dry run: reads the whole kernel and throws it away. */
int builder_check(struct builder *builder, struct error *err);

void builder_close(struct builder *builder);

/*
 * Host memory that the guest takes beside its own, in KiB: nested page tables and the hypervisor's
 * data.
 */
uint64_t builder_overhead_kib(const struct domain_config *config);
