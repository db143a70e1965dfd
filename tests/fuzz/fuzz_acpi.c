/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any ACPI tables: the input is memory from address 0 on, with the RSDP at 16. Checksums would stop
 * nearly every input, so they are made right first: of the RSDP, the root table, and each table that
 * the root table lists.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printk.h"
#include "x86/acpi.h"
#include "x86/view.h"

#define RSDP 16
#define ROOT 64

static uint8_t *mem;
static size_t mem_size;

void printk(const char *fmt, ...)
{
	(void)fmt;
}

const void *boot_map(uint64_t addr, size_t len)
{
	return addr > mem_size || len > mem_size - addr ? NULL : mem + addr;
}

static void fix(uint64_t at, uint64_t len, unsigned int field)
{
	uint8_t sum = 0;
	uint64_t i;

	if (at > mem_size || len > mem_size - at || len <= field)
		return;
	mem[at + field] = 0;
	for (i = 0; i < len; i++)
		sum += mem[at + i];
	mem[at + field] = (uint8_t)-sum;
}

static uint32_t table_len(uint64_t at)
{
	uint32_t len = 0;

	if (at + 8 >= at && at + 8 <= mem_size)
		memcpy(&len, mem + at + 4, 4);
	return len;
}

static void fix_all(void)
{
	uint32_t len = table_len(ROOT), at;

	memcpy(mem + RSDP, "RSD PTR ", 8);
	mem[RSDP + 15] = 2;
	memset(mem + RSDP + 16, 0, 20);
	mem[RSDP + 16] = mem[RSDP + 24] = ROOT;
	for (at = ROOT + 36; at + 8 <= mem_size && at + 8 <= ROOT + len; at += 8) {
		uint64_t table;

		memcpy(&table, mem + at, 8);
		if (table >= ROOT + 36)
			fix(table, table_len(table), 9);
	}
	fix(ROOT, len, 9);
	fix(RSDP, 20, 8);
	fix(RSDP, 36, 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct acpi_info info;

	if (size < ROOT + 36)
		return 0;
	mem = malloc(size);
	mem_size = size;
	memcpy(mem, data, size);
	fix_all();
	if (!acpi_parse(RSDP, &info) && (!info.nr_cpus || info.nr_cpus > ACPI_CPUS_MAX))
		abort();
	acpi_parse(0, &info); /* searches */
	free(mem);
	return 0;
}
