/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Caps: a domain's vCPUs together may run cap per cent of one CPU. For each ns that one runs they
 * pay 100 / cap ns of time that passes: d->sched.paid is the time up to which that has been done.
 * Once it is ahead of the clock, who stops running is parked, until a whole SCHED_CAP_PERIOD has
 * been earned. Two periods' worth are kept at most, since what runs at that moment has not been
 * charged yet.
 *
 * Locks: d->sched.paid is atomic. d->sched.unpark is armed under LOCK_RUNQUEUE by who parks.
 */
#include "sched/runqueue.h"
#include "x86/time.h"

static uint64_t paid_until(const struct domain *d)
{
	return __atomic_load_n(&d->sched.paid, __ATOMIC_RELAXED);
}

bool sched_capped_out(const struct domain *d)
{
	return READ_ONCE(d->sched.cap) && paid_until(d) >= system_time();
}

void sched_cap_use(struct domain *d, uint64_t ns, uint64_t now)
{
	uint64_t since = READ_ONCE(d->sched.capped_since), cap = READ_ONCE(d->sched.cap);
	uint64_t old, paid;

	if (!cap)
		return;
	/* What ran before there was a cap is not charged. */
	ns = now > since ? min(ns, now - since) : 0;
	old = paid_until(d);
	do
		paid = max(old, now - 2 * SCHED_CAP_PERIOD) + ns * 100 / cap;
	while (!__atomic_compare_exchange_n(&d->sched.paid, &old, paid, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED));
}

uint64_t sched_cap_slice(const struct domain *d, uint64_t now)
{
	uint64_t cap = READ_ONCE(d->sched.cap), paid, use = 0;
	const struct vcpu *v;
	unsigned int i;

	if (!cap)
		return SCHED_SLICE_MAX;
	/* Per cent of a CPU that they use now. */
	for_each_vcpu (d, v, i)
		use += READ_ONCE(v->running) ? 100 : 0;
	if (use <= cap)
		return SCHED_SLICE_MAX;
	paid = paid_until(d);
	return max(now > paid ? (now - paid) * cap / (use - cap) : 0, MS / 10);
}

void sched_cap_arm(struct domain *d)
{
	if (!timer_armed(&d->sched.unpark))
		timer_set(&d->sched.unpark, smp_id(), paid_until(d) + SCHED_CAP_PERIOD);
}

void sched_cap_set(struct domain *d, uint16_t cap)
{
	uint64_t now = system_time();

	WRITE_ONCE(d->sched.capped_since, now);
	WRITE_ONCE(d->sched.cap, cap);
	__atomic_store_n(&d->sched.paid, now - SCHED_CAP_PERIOD, __ATOMIC_RELAXED);
	/* Parked vCPUs must not wait for a cap that is gone; running ones must notice a new one. */
	sched_domain_anew(d);
}
