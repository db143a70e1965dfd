/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The global epoch only grows. A CPU publishes what it has seen when it enters the core, and ~0
 * while it is idle or in a guest. What was unlinked at stamp s is out of use when every CPU has
 * published s or more.
 */
#include "x86/epoch.h"
#include "lib/spinlock.h"
#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/regs.h"

static uint64_t epoch_now = 1;

static struct {
	struct spinlock lock;
	struct epoch_node *fresh;   /* deferred since `waiting` was filled */
	struct epoch_node *waiting; /* freed when `stamp` has passed */
	uint64_t stamp;
} deferred = { .lock = SPINLOCK_INIT(LOCK_FRAMES) };

uint64_t epoch_stamp(void)
{
	return __atomic_add_fetch(&epoch_now, 1, __ATOMIC_SEQ_CST);
}

bool epoch_passed(uint64_t stamp)
{
	for (unsigned int i = 0; i < cpus_online(); i++)
		if (__atomic_load_n(&cpus[i]->epoch, __ATOMIC_ACQUIRE) < stamp)
			return false;
	return true;
}

void epoch_enter(void)
{
	struct cpu *cpu = this_cpu();

	/* A full barrier: what this CPU looks up from here on, it looks up after publishing. */
	__atomic_exchange_n(&cpu->epoch, __atomic_load_n(&epoch_now, __ATOMIC_RELAXED),
			    __ATOMIC_SEQ_CST);
	if (unlikely(cpu->tlb_generation != READ_ONCE(core_tlb_generation))) {
		cpu->tlb_generation = READ_ONCE(core_tlb_generation);
		write_cr3(read_cr3());
	}
}

void epoch_leave(void)
{
	__atomic_store_n(&this_cpu()->epoch, ~0UL, __ATOMIC_RELEASE);
}

void epoch_defer(struct epoch_node *node, void (*fn)(struct epoch_node *node))
{
	node->free = fn;
	spin_lock(&deferred.lock);
	node->next = deferred.fresh;
	deferred.fresh = node;
	spin_unlock(&deferred.lock);
}

bool epoch_run(void)
{
	struct epoch_node *list = NULL, *next;

	if (!READ_ONCE(deferred.fresh) && !READ_ONCE(deferred.waiting))
		return false;
	spin_lock(&deferred.lock);
	if (!deferred.waiting && deferred.fresh) {
		deferred.waiting = deferred.fresh;
		deferred.fresh = NULL;
		deferred.stamp = epoch_stamp();
	}
	if (deferred.waiting && epoch_passed(deferred.stamp)) {
		list = deferred.waiting;
		deferred.waiting = NULL;
	}
	spin_unlock(&deferred.lock);
	for (; list; list = next) {
		next = list->next;
		list->free(list);
	}
	return READ_ONCE(deferred.fresh) || READ_ONCE(deferred.waiting);
}
