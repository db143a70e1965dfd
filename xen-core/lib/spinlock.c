/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug builds: every CPU takes locks in the order of their ranks. */
#include "lib/spinlock.h"
#include "lib/printk.h"
#include "x86/cpu.h"

#ifdef LOCK_DEBUG

#define MAX_HELD 8

static struct {
	unsigned int depth;
	uint8_t rank[MAX_HELD];
} held[MAX_CPUS];

void spin_debug_acquire(struct spinlock *l, bool same_rank)
{
	unsigned int cpu, i;

	if (!percpu_ready)
		return;
	cpu = smp_id();
	for (i = 0; i < held[cpu].depth; i++) {
		uint8_t rank = held[cpu].rank[i];

		if (rank > l->rank || (rank == l->rank && !same_rank))
			panic("lock of rank %u taken while one of rank %u is held", l->rank, rank);
	}
	BUG_ON(held[cpu].depth == MAX_HELD);
	held[cpu].rank[held[cpu].depth++] = l->rank;
}

void spin_debug_release(struct spinlock *l)
{
	unsigned int cpu, i;

	if (!percpu_ready)
		return;
	cpu = smp_id();
	/* Not always the last one taken: two of a pair may be released in either order. */
	for (i = held[cpu].depth; i-- > 0;) {
		if (held[cpu].rank[i] != l->rank)
			continue;
		for (; i + 1 < held[cpu].depth; i++)
			held[cpu].rank[i] = held[cpu].rank[i + 1];
		held[cpu].depth--;
		return;
	}
	panic("lock of rank %u released but not held", l->rank);
}

#endif
