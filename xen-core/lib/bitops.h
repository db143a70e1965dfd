/* SPDX-License-Identifier: BSD-2-Clause */
/* Atomic and plain operations on bitmaps of unsigned longs, and on reference counts. */
#pragma once

#include "types.h"

static inline bool test_bit(unsigned int nr, const unsigned long *map)
{
	return (READ_ONCE(map[nr / BITS_PER_LONG]) >> (nr % BITS_PER_LONG)) & 1;
}

/* The atomic ones are full barriers and return the bit's old value. */
static inline bool test_and_set_bit(unsigned int nr, unsigned long *map)
{
	unsigned long mask = 1UL << (nr % BITS_PER_LONG);

	return __atomic_fetch_or(&map[nr / BITS_PER_LONG], mask, __ATOMIC_SEQ_CST) & mask;
}

static inline bool test_and_clear_bit(unsigned int nr, unsigned long *map)
{
	unsigned long mask = 1UL << (nr % BITS_PER_LONG);

	return __atomic_fetch_and(&map[nr / BITS_PER_LONG], ~mask, __ATOMIC_SEQ_CST) & mask;
}

static inline void set_bit(unsigned int nr, unsigned long *map)
{
	(void)test_and_set_bit(nr, map);
}

static inline void clear_bit(unsigned int nr, unsigned long *map)
{
	(void)test_and_clear_bit(nr, map);
}

/* First set bit at or after @from, or @size. */
static inline unsigned int find_next_bit(const unsigned long *map, unsigned int size,
					 unsigned int from)
{
	while (from < size) {
		unsigned long w = READ_ONCE(map[from / BITS_PER_LONG]) >> (from % BITS_PER_LONG);

		if (w) {
			from += (unsigned int)__builtin_ctzl(w);
			return from < size ? from : size;
		}
		from = (from / BITS_PER_LONG + 1) * BITS_PER_LONG;
	}
	return size;
}

/* Takes one more reference. False: the last has gone already, or there are too many. */
static inline bool refs_get(uint32_t *refs)
{
	uint32_t old = __atomic_load_n(refs, __ATOMIC_RELAXED);

	do {
		if (old == 0 || old >= INT32_MAX)
			return false;
	} while (!__atomic_compare_exchange_n(refs, &old, old + 1, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return true;
}
