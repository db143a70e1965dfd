/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things lie in a PVH guest's physical address space.
 *
 *     0 … low_end                RAM: kernel, then initial RAM disk, then start info
 *     0xfc000000 …               ACPI tables
 *     0xfeff8000 … 0xff000000    pages shared with the hypervisor and the store, console …
 *     4 GiB … high_end           RAM that found no room below the hole
 *
 * The hole begins at 0xfc000000, so the local APIC's page (0xfee00000) lies in it as well.
 */
#pragma once

#include <stdint.h>

#include "builder/elf_stream.h"
#include "hyper/build.h"
#include "hyper/error.h"

#define PAGE_BYTES     4096ull
#define HOLE_START     0xfc000000ull
#define HOLE_END       0x100000000ull
#define ACPI_START     HOLE_START
#define ACPI_PAGES_MAX 16u
#define SPECIAL_PAGES  8u
#define SPECIAL_START  (0xff000000ull - SPECIAL_PAGES * PAGE_BYTES)
#define BIOS_RSDP      0xfffc0ull /* where old kernels look for the RSDP */

/* The pages from SPECIAL_START on, by index. */
enum special_page {
	SPECIAL_PAGING,
	SPECIAL_ACCESS,
	SPECIAL_SHARING,
	SPECIAL_BUFIOREQ,
	SPECIAL_STORE,
	SPECIAL_IOREQ,
	SPECIAL_IDENT_PT,
	SPECIAL_CONSOLE,
};

static inline uint64_t special_addr(enum special_page page)
{
	return SPECIAL_START + (uint64_t)page * PAGE_BYTES;
}

#define LAYOUT_MAP_MAX 8

struct layout {
	uint64_t low_end;  /* bytes; RAM from 0 */
	uint64_t high_end; /* bytes; 0: no high RAM, else > HOLE_END */
	uint64_t ramdisk, ramdisk_size;
	uint64_t info, info_size; /* start info with all that it points to */
	uint32_t acpi_pages;
	struct hyper_memory_range map[LAYOUT_MAP_MAX]; /* sorted */
	uint32_t n_map;
};

/* RAM of `memory` bytes (page multiple) spread around the hole; all else is 0 yet. */
void layout_memory(struct layout *layout, uint64_t memory);

/*
 * Places RAM disk (`ramdisk_size` bytes, may be 0) and start info (with a command line of
 * `cmdline_length` bytes) behind the kernel. -E2BIG: too little low RAM.
 */
int layout_place(struct layout *layout, const struct elf_kernel *kernel, uint64_t ramdisk_size,
		 uint64_t cmdline_length, struct error *err);

/* Makes the memory map, with `acpi_pages` of ACPI tables. */
void layout_map(struct layout *layout, uint32_t acpi_pages);

/*
 * Writes the start info (layout->info_size bytes) as it is to lie at layout->info. `rsdp` is the
 * RSDP's address.
 */
void layout_start_info(const struct layout *layout, const char *cmdline, uint64_t rsdp,
		       uint8_t *out);
