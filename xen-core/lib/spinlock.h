/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticket spinlocks. The core runs with interrupts off and never sleeps, so one kind of lock is
 * enough. Each lock has a rank; a debug build (LOCK_DEBUG) panics when a CPU takes a lock whose
 * rank is not above that of every lock it holds. docs/locking.md lists the ranks.
 */
#pragma once

#include "types.h"

/* In the order in which they may be taken: outer first. */
enum lock_rank {
	LOCK_DOMCTL,   /* serialises changes to the set of domains */
	LOCK_DOMAIN,   /* d->lock: life cycle, parameters */
	LOCK_GRANT,    /* grant table of one domain */
	LOCK_EVTCHN,   /* event-channel table of one domain, then its channels */
	LOCK_P2M,      /* p2m of one domain (two: lower domid first) */
	LOCK_SCHED,    /* scheduler-wide parameters */
	LOCK_RUNQUEUE, /* run queue of one CPU (two: lower CPU first) */
	LOCK_VCPU,     /* small per-vCPU state (vlapic, event delivery) */
	LOCK_TIMER,    /* timer heap of one CPU */
	LOCK_HEAP,     /* core heap */
	LOCK_FRAMES,   /* frame allocator */
	LOCK_XSM,      /* policy */
	LOCK_CONSOLE,  /* console ring and serial port: innermost, printk works everywhere */
	LOCK_RANKS,
};

struct spinlock {
	uint16_t next;	/* ticket to hand out */
	uint16_t owner; /* ticket being served */
	uint8_t rank;	/* enum lock_rank */
};

#define SPINLOCK_INIT(r)  \
	{                 \
		0, 0, (r) \
	}

static inline void spin_init(struct spinlock *l, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INIT((uint8_t)rank);
}

#ifndef LOCK_DEBUG
#define LOCK_DEBUG 0
#endif

/* Debug builds: keep the ranks that this CPU holds, and panic when they are not in order. */
void spin_debug_acquire(struct spinlock *l, bool same_rank);
void spin_debug_release(struct spinlock *l);

static inline void spin_lock_ticket(struct spinlock *l)
{
	uint16_t me = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != me)
		__builtin_ia32_pause();
}

static inline void spin_lock(struct spinlock *l)
{
	if (LOCK_DEBUG)
		spin_debug_acquire(l, false);
	spin_lock_ticket(l);
}

/* Takes a second lock of the same rank; the caller keeps the order given in the table above. */
static inline void spin_lock_nested(struct spinlock *l)
{
	if (LOCK_DEBUG)
		spin_debug_acquire(l, true);
	spin_lock_ticket(l);
}

static inline bool spin_trylock(struct spinlock *l)
{
	uint16_t owner = __atomic_load_n(&l->owner, __ATOMIC_RELAXED), expect = owner;

	if (!__atomic_compare_exchange_n(&l->next, &expect, (uint16_t)(owner + 1), false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	if (LOCK_DEBUG)
		spin_debug_acquire(l, true);
	return true;
}

static inline void spin_unlock(struct spinlock *l)
{
	if (LOCK_DEBUG)
		spin_debug_release(l);
	__atomic_store_n(&l->owner, (uint16_t)(l->owner + 1), __ATOMIC_RELEASE);
}
