/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF images with a PVH entry. */
#ifndef CORE_ELF_H
#define CORE_ELF_H

#include "domain/dom0.h"

#define ELF_MAX_SEGMENTS 16

struct elf_image {
	unsigned int nr;
	struct elf_segment {
		uint64_t paddr, offset, filesz, memsz;
	} segment[ELF_MAX_SEGMENTS];
	uint64_t end;	/* first byte after the highest segment */
	uint32_t entry; /* PHYS32_ENTRY */
};

/* Reads the headers and notes of @img. -EINVAL: no ELF that can be loaded; -ENOENT: no PVH entry. */
int elf_parse(const struct boot_module *img, struct elf_image *out);

#endif
