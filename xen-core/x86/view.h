/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot loader and the firmware left in memory, as its parsers see it: bytes of a known length. */
#pragma once

#include "types.h"

struct view {
	const uint8_t *p;
	uint32_t len;
	uint64_t addr; /* in machine memory */
};

/*
 * @len bytes at machine address @addr for reading (not aligned), or NULL when they can't be had.
 * Good as long as the boot loader's memory is (boot/start.c); tests bring their own.
 */
const void *boot_map(uint64_t addr, size_t len);

/* False when boot_map() can't have them; the view is an empty one then. */
static inline bool view_open(struct view *v, uint64_t addr, uint32_t len)
{
	const uint8_t *p = boot_map(addr, len);

	*v = (struct view) { p, p ? len : 0, addr };
	return p;
}

static inline bool view_has(const struct view *v, uint32_t at, uint32_t len)
{
	return at <= v->len && v->len - at >= len;
}

/* @len bytes of @v from @at on; an empty view when @v does not have them all. */
static inline struct view view_part(const struct view *v, uint32_t at, uint32_t len)
{
	if (!view_has(v, at, len))
		return (struct view) { 0 };
	return (struct view) { v->p + at, len, v->addr + at };
}

/* Little-endian fields of any alignment; outside of @v they are 0. */
static inline uint64_t view_get(const struct view *v, uint32_t at, uint32_t size)
{
	uint64_t value = 0;

	if (view_has(v, at, size))
		__builtin_memcpy(&value, v->p + at, size);
	return value;
}

static inline uint8_t view_u8(const struct view *v, uint32_t at)
{
	return (uint8_t)view_get(v, at, 1);
}

static inline uint16_t view_u16(const struct view *v, uint32_t at)
{
	return (uint16_t)view_get(v, at, 2);
}

static inline uint32_t view_u32(const struct view *v, uint32_t at)
{
	return (uint32_t)view_get(v, at, 4);
}

static inline uint64_t view_u64(const struct view *v, uint32_t at)
{
	return view_get(v, at, 8);
}
