/* SPDX-License-Identifier: BSD-2-Clause */
/* Building Dom0 from boot modules. */
#ifndef CORE_DOM0_H
#define CORE_DOM0_H

#include "boot/multiboot.h"

#define DOM0_MODULES_MAX 2

/* What Dom0 is made of, in machine memory that is in no other use. */
struct dom0_image {
	const struct boot_module *kernel; /* ELF with a PHYS32_ENTRY note */
	const struct boot_module *module[DOM0_MODULES_MAX];
	unsigned int nr_modules;
	const char *cmdline;
};

/*
 * Makes domain 0 of @image, with the memory and vCPUs that the options ask for; not unpaused yet.
 * Returns NULL after a message that says what is wrong.
 */
struct domain *dom0_build(const struct dom0_image *image);

/* Copies @len bytes at @offset of module @img into @buf. false: beyond its end. */
bool image_read(const struct boot_module *img, uint64_t offset, void *buf, size_t len);

#endif
