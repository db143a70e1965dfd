/* SPDX-License-Identifier: BSD-2-Clause */
/* Building Dom0 from boot modules. */
#ifndef CORE_DOM0_H
#define CORE_DOM0_H

#include "boot/multiboot.h"

/* A kernel image, in machine memory that is in no other use. */
struct image {
	maddr_t start;
	uint64_t size;
};

/*
 * Makes domain 0 of @kernel (ELF with a PHYS32_ENTRY note), @initrd (size 0: none) and @cmdline,
 * with the memory and vCPUs that the options ask for; not unpaused yet. Returns NULL after a
 * message that says what is wrong.
 */
struct domain *dom0_build(const struct image *kernel, const struct image *initrd,
			  const char *cmdline);

/* Copies @len bytes at @offset of the image into @buf. false: beyond its end. */
bool image_read(const struct image *img, uint64_t offset, void *buf, size_t len);

#endif
