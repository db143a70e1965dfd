/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a kernel image, which is hostile until shown otherwise, in a child process that can do
 * nothing but read the image, compute, and write to a pipe: no other descriptors, no privileges, a
 * system call filter, limits on memory and time. The parent believes nothing of what comes through
 * the pipe that it has not checked.
 *
 * Over the pipe: a layout, then data (address and bytes), then the entry point; or an error and its
 * text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "builder/elf_stream.h"
#include "hyper/error.h"

#define LOADER_IMAGE_MAX  (1ull << 30) /* bytes of an image file */
#define LOADER_KERNEL_MAX (2ull << 30) /* bytes that come out of it */

#define LOADER_SLOTS	  4u
#define LOADER_SLOT_BYTES (1u << 20)

struct loader {
	pid_t pid;	/* 0: none */
	int socket;	/* -1: none */
	uint8_t *slots; /* LOADER_SLOTS of LOADER_SLOT_BYTES; NULL: none */
	struct elf_kernel kernel;
	uint32_t turn;	 /* data runs so far: the next one is in slot turn % LOADER_SLOTS */
	uint64_t budget; /* bytes that may still come */
	bool lent;	 /* slot `turn` is the caller's until the next call */
};

/* What loader_next() has found. */
enum loader_run {
	LOADER_RUN_END = 0,
	LOADER_RUN_DATA = 1,
	LOADER_RUN_ZERO = 2, /* zeroes: nothing to read */
};

/*
 * Starts the child on the file `image_fd` (which stays the caller's; regular file) named `name` in
 * messages, and waits for the layout, which is in loader->kernel then: sorted, without overlap,
 * below `limit` (guest-physical). On an error nothing is left. -ENOEXEC, -EBADMSG: the image is not
 * fit; -ETIMEDOUT; -EPROTO: the child misbehaved.
 */
int loader_start(struct loader *loader, int image_fd, const char *name, uint64_t limit,
		 struct error *err);

/*
 * Starts as above, without waiting; loader_layout() waits. So that the child can work while the
 * parent does something else.
 */
int loader_spawn(struct loader *loader, int image_fd, struct error *err);
int loader_layout(struct loader *loader, const char *name, uint64_t limit, struct error *err);

/*
 * The next run: an enum loader_run, or a negative errno. With data, loader_data() has the *length
 * bytes (> 0) that belong at *addr; with zeroes there is nothing to read. At the end *entry is set.
 * Addresses lie within one segment's file_size.
 */
int loader_next(struct loader *loader, const char *name, uint64_t *addr, uint64_t *length,
		uint64_t *entry, struct error *err);

/*
 * The bytes of the data run that loader_next() has found: valid until it is called again. The child
 * may change them meanwhile: they are the guest's data, to be copied once and not looked at.
 */
const uint8_t *loader_data(const struct loader *loader);

/* Ends the child and frees all; fit to be called at any time, also twice. */
void loader_stop(struct loader *loader);
