/* SPDX-License-Identifier: BSD-2-Clause */
/* Any boot information: memory from 0x1000 on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/multiboot.h"
#include "x86/view.h"

#define BASE 0x1000

static const uint8_t *mem;
static size_t mem_size;

const void *boot_map(uint64_t addr, size_t len)
{
	if (addr < BASE || addr - BASE > mem_size || len > mem_size - (addr - BASE))
		return NULL;
	return mem + (addr - BASE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	unsigned int i;

	mem = data;
	mem_size = size;
	if (multiboot_parse(MULTIBOOT2_MAGIC, BASE, &info))
		return 0;
	/* What comes out can be relied on. */
	if (info.nr_modules > BOOT_MODULES_MAX || !info.nr_mem || info.nr_mem > BOOT_MEM_MAX)
		abort();
	for (i = 0; i < info.nr_modules; i++)
		if (!info.modules[i].size || info.modules[i].start.v % 4096 ||
		    strnlen(info.modules[i].cmdline, BOOT_MODULE_CMDLINE) == BOOT_MODULE_CMDLINE)
			abort();
	for (i = 0; i < info.nr_mem; i++)
		if (info.mem[i].start >= info.mem[i].end || info.mem[i].start % 4096 ||
		    info.mem[i].end % 4096)
			abort();
	if (info.dom0.nr_modules + !!info.dom0.loader + !!info.policy > info.nr_modules)
		abort();
	return 0;
}
