/* SPDX-License-Identifier: BSD-2-Clause */
/* Building Dom0 from boot modules. */
#pragma once

#include "boot/multiboot.h"

/*
 * The loader that starts Dom0's kernel is an image of its memory, this header first, numbers
 * little-endian (dom0-loader/start.S). It is copied to guest-physical @load and entered as the PVH
 * boot protocol has it, with start info (xen/arch-x86/hvm/start_info.h) that names neither an RSDP
 * nor a command line: writing ACPI tables into the memory map's region for them and choosing the
 * kernel among the modules, each of which has a command line of its own, is the loader's.
 */
#define DOM0_LOADER_MAGIC "BHLOADER"

struct dom0_loader_header {
	char magic[8];
	uint32_t size;	/* of the whole image, which is the module's */
	uint32_t load;	/* guest-physical address of this header */
	uint32_t entry; /* 32-bit entry point, inside the image */
};

/*
 * Makes domain 0 of @image, with the memory that the options ask for and vCPU 0; before the other CPUs
 * are up. An error comes after a message that says what is wrong.
 */
int dom0_build(const struct dom0_image *image, struct domain **dom0);
/* When they are up: its other vCPUs; then it runs. */
int dom0_start(struct domain *dom0);
