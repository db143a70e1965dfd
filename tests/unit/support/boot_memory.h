/* SPDX-License-Identifier: BSD-2-Clause */
/* What a boot loader and firmware left in low memory, of MEM_SIZE bytes (to be defined before). */
#pragma once

#include <stdint.h>
#include <string.h>

#include "x86/view.h"

static uint8_t mem[MEM_SIZE];

const void *boot_map(uint64_t addr, size_t len)
{
	if (addr > MEM_SIZE || len > MEM_SIZE - addr)
		return NULL;
	return mem + addr;
}

static void put32(uint32_t at, uint32_t v)
{
	memcpy(mem + at, &v, 4);
}

static void put64(uint32_t at, uint64_t v)
{
	memcpy(mem + at, &v, 8);
}
