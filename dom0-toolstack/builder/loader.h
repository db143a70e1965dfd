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
#ifndef BULKHEAD_BUILDER_LOADER_H
#define BULKHEAD_BUILDER_LOADER_H

#include <stdint.h>
#include <sys/types.h>

#include "builder/elf_stream.h"
#include "hyper/error.h"

#define LOADER_IMAGE_MAX  (1ull << 30) /* bytes of an image file */
#define LOADER_KERNEL_MAX (2ull << 30) /* bytes that come out of it */

struct loader {
	pid_t pid; /* 0: none */
	int pipe;  /* -1: none */
	struct elf_kernel kernel;
	uint64_t budget;  /* bytes of data that may still come */
	uint64_t pending; /* bytes of the current data message not yet read */
	uint64_t addr;	  /* where they belong */
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
 * The next run of bytes: sets *addr and *length (> 0) and returns 1, to be read with loader_read();
 * or 0 at the end, with *entry set. Addresses lie within a segment's file_size.
 */
int loader_next(struct loader *loader, const char *name, uint64_t *addr, uint64_t *length,
		uint64_t *entry, struct error *err);

/* Reads exactly `length` bytes (at most what loader_next() said) to `to`. */
int loader_read(struct loader *loader, void *to, size_t length, struct error *err);

/* Ends the child and frees all; fit to be called at any time, also twice. */
void loader_stop(struct loader *loader);

#endif
