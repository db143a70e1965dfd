/* SPDX-License-Identifier: BSD-2-Clause */
/* Placing things in a guest's physical address space, and telling the guest where they are. */
#include "builder/layout.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <xen/arch-x86/hvm/start_info.h>

static uint64_t page_up(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

/* What lies in the pages of the start info, one after the other. */
struct info_block {
	struct hvm_start_info info;
	struct hvm_modlist_entry module;
	struct hvm_memmap_table_entry map[LAYOUT_MAP_MAX];
	char cmdline[];
};

void layout_memory(struct layout *layout, uint64_t memory)
{
	memset(layout, 0, sizeof(*layout));
	layout->low_end = memory;
	if (memory > HOLE_START) {
		layout->low_end = HOLE_START;
		layout->high_end = HOLE_END + (memory - HOLE_START);
	}
}

int layout_place(struct layout *layout, const struct elf_kernel *kernel, uint64_t ramdisk_size,
		 uint64_t cmdline_length, struct error *err)
{
	uint64_t at = page_up(kernel->end);
	uint64_t info = page_up(sizeof(struct info_block) + cmdline_length + 1);

	/* The first MiB is for the guest's own purposes; some kernels look for tables there. */
	if (kernel->start < 0x100000)
		return error_set(err, -EBADMSG, "the kernel wants to be loaded below 1 MiB");
	layout->ramdisk_size = ramdisk_size;
	layout->ramdisk = ramdisk_size ? at : 0;
	layout->info_size = info;
	if (kernel->end > layout->low_end || ramdisk_size > layout->low_end ||
	    at + page_up(ramdisk_size) + info > layout->low_end)
		return error_set(
			err, -E2BIG,
			"the guest's memory is too small: kernel and RAM disk need %llu MiB, "
			"it has %llu MiB",
			(unsigned long long)((at + page_up(ramdisk_size) + info) >> 20) + 1,
			(unsigned long long)(layout->low_end >> 20));
	layout->info = at + page_up(ramdisk_size);
	return 0;
}

static void add_range(struct layout *layout, uint64_t addr, uint64_t size, uint32_t type)
{
	layout->map[layout->n_map++] = (struct hyper_memory_range) { addr, size, type };
}

void layout_map(struct layout *layout, uint32_t acpi_pages)
{
	layout->acpi_pages = acpi_pages;
	layout->n_map = 0;
	add_range(layout, 0, layout->low_end, XEN_HVM_MEMMAP_TYPE_RAM);
	add_range(layout, ACPI_START, acpi_pages * PAGE_BYTES, XEN_HVM_MEMMAP_TYPE_ACPI);
	add_range(layout, SPECIAL_START, SPECIAL_PAGES * PAGE_BYTES, XEN_HVM_MEMMAP_TYPE_RESERVED);
	if (layout->high_end)
		add_range(layout, HOLE_END, layout->high_end - HOLE_END, XEN_HVM_MEMMAP_TYPE_RAM);
}

void layout_start_info(const struct layout *layout, const char *cmdline, uint64_t rsdp,
		       uint8_t *out)
{
	struct info_block *block = (struct info_block *)out;
	uint64_t at = layout->info;

	memset(out, 0, layout->info_size);
	block->info.magic = XEN_HVM_START_MAGIC_VALUE;
	block->info.version = 1;
	block->info.cmdline_paddr = at + offsetof(struct info_block, cmdline);
	block->info.rsdp_paddr = rsdp;
	if (layout->ramdisk_size) {
		block->info.nr_modules = 1;
		block->info.modlist_paddr = at + offsetof(struct info_block, module);
		block->module.paddr = layout->ramdisk;
		block->module.size = layout->ramdisk_size;
	}
	block->info.memmap_paddr = at + offsetof(struct info_block, map);
	block->info.memmap_entries = layout->n_map;
	for (uint32_t i = 0; i < layout->n_map; i++) {
		block->map[i].addr = layout->map[i].addr;
		block->map[i].size = layout->map[i].size;
		block->map[i].type = layout->map[i].type;
	}
	memcpy(block->cmdline, cmdline, strlen(cmdline) + 1);
}
