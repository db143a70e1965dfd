/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug builds: every CPU takes locks in the order of their ranks. */
#include "lib/spinlock.h"
#include "lib/printk.h"
#include "x86/cpu.h"

#if LOCK_DEBUG

static struct {
	uint32_t ranks;		   /* a bit for each rank of which a lock is held */
	uint8_t count[LOCK_RANKS]; /* and how many */
} held[MAX_CPUS];

void spin_debug_acquire(struct spinlock *l, bool same_rank)
{
	unsigned int cpu;
	uint32_t outer;

	if (!percpu_ready)
		return;
	cpu = smp_id();
	outer = held[cpu].ranks & ~0U << (l->rank + same_rank);
	if (outer)
		panic("lock of rank %u taken while one of rank %u is held", l->rank,
		      (unsigned int)__builtin_ctz(outer));
	held[cpu].ranks |= 1U << l->rank;
	held[cpu].count[l->rank]++;
}

void spin_debug_release(struct spinlock *l)
{
	unsigned int cpu;

	if (!percpu_ready)
		return;
	cpu = smp_id();
	if (!held[cpu].count[l->rank])
		panic("lock of rank %u released but not held", l->rank);
	if (!--held[cpu].count[l->rank])
		held[cpu].ranks &= ~(1U << l->rank);
}

#endif
