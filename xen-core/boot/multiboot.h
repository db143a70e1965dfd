/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader hands over (GNU GRUB's Multiboot2 Specification 2.0). QEMU's -kernel speaks
 * version 1 alone: for it launcher/bridge goes before the core.
 */
#pragma once

#include "types.h"

#define MULTIBOOT2_MAGIC    0x36d76289

#define BOOT_CMDLINE_MAX    1024
#define BOOT_MODULE_CMDLINE 512
#define BOOT_MODULES_MAX    8
#define BOOT_MEM_MAX	    128

struct boot_module {
	maddr_t start; /* of a page */
	uint64_t size;
	char cmdline[BOOT_MODULE_CMDLINE];
};

/* Whole pages of usable memory. */
struct boot_mem {
	uint64_t start, end;
};

/* What Dom0 is made of (domain/dom0.h). */
struct dom0_image {
	const struct boot_module *loader;		    /* NULL: there is none */
	const struct boot_module *module[BOOT_MODULES_MAX]; /* the kernel, and what it is given */
	unsigned int nr_modules;
};

struct boot_info {
	char cmdline[BOOT_CMDLINE_MAX];
	struct boot_module modules[BOOT_MODULES_MAX];
	unsigned int nr_modules;
	/* Which of them is what, by its content: the first policy, or NULL; the first loader; all others. */
	const struct boot_module *policy;
	struct dom0_image dom0;
	struct boot_mem mem[BOOT_MEM_MAX];
	unsigned int nr_mem;
	maddr_t rsdp; /* 0: not given */
};

/*
 * Reads the information at @info_addr into @out, which is cleared first. Command lines that are too
 * long are cut. -EINVAL: unknown @magic or malformed, or a module that begins within a page; -EFAULT:
 * something lies where boot_map() does not reach; -E2BIG: more modules than there is room for;
 * -ENOENT: no memory map, or no RAM in it.
 */
int multiboot_parse(uint32_t magic, uint32_t info_addr, struct boot_info *out);
