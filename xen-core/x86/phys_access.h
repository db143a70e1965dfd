/* SPDX-License-Identifier: BSD-2-Clause */
/* How parsers of boot information and ACPI tables see machine memory. */
#ifndef CORE_PHYS_ACCESS_H
#define CORE_PHYS_ACCESS_H

#include "types.h"

struct phys_access {
	/*
	 * @len bytes at machine address @addr for reading (not aligned), or NULL when they can't
	 * be had. At most three are in use at a time.
	 */
	const void *(*map)(uint64_t addr, size_t len);
	/* NULL when there is nothing to undo. Called in the reverse order of map. */
	void (*unmap)(const void *va, size_t len);
};

static inline void phys_unmap(const struct phys_access *acc, const void *va, size_t len)
{
	if (acc->unmap)
		acc->unmap(va, len);
}

/* Little-endian fields of any alignment. */
static inline uint16_t read_le16(const void *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t read_le32(const void *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t read_le64(const void *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

#endif
