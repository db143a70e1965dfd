/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Caps: a domain's vCPUs together may run cap per cent of one CPU. They draw on one budget, to which
 * every SCHED_CAP_PERIOD adds; what is overdrawn is paid back first. It holds two periods' worth at
 * most, since what runs at that moment has not been charged yet. A vCPU that finds the budget empty
 * is parked until there is some.
 *
 * Locks: the budget is atomic. d->sched.replenish is armed under LOCK_RUNQUEUE by who uses budget.
 */
#include "sched/runqueue.h"
#include "x86/time.h"

static int64_t cap_quota(const struct domain *d)
{
	return (int64_t)(SCHED_CAP_PERIOD / 100 * READ_ONCE(d->sched.cap));
}

void sched_cap_use(struct domain *d, uint64_t ns, uint64_t now)
{
	uint64_t since = READ_ONCE(d->sched.capped_since);

	/* What ran before there was a cap is not charged. */
	ns = now > since ? min(ns, now - since) : 0;
	__atomic_fetch_sub(&d->sched.budget, (int64_t)ns, __ATOMIC_RELAXED);
}

void sched_cap_arm(struct domain *d)
{
	if (!timer_armed(&d->sched.replenish))
		timer_set(&d->sched.replenish, smp_id(), system_time() + SCHED_CAP_PERIOD);
}

uint64_t sched_cap_slice(const struct domain *d)
{
	int64_t left = __atomic_load_n(&d->sched.budget, __ATOMIC_RELAXED);
	int64_t running = 0;
	const struct vcpu *v;
	unsigned int i;

	for_each_vcpu (d, v, i)
		running += READ_ONCE(v->running);
	return (uint64_t)max(left / max(running, (int64_t)1), (int64_t)(MS / 10));
}

static void unpark(struct vcpu *v)
{
	struct sched_vcpu *sv = v->sched;
	struct runqueue *rq = sched_lock_vcpu(sv);
	bool parked = sv->state == SCHED_PARKED;

	if (parked)
		sv->state = SCHED_SLEEPING;
	spin_unlock(&rq->lock);
	if (parked)
		vcpu_wake(v);
}

/* d->sched.replenish */
static void cap_replenish(void *data)
{
	struct domain *d = data;
	int64_t quota = cap_quota(d), old = __atomic_load_n(&d->sched.budget, __ATOMIC_RELAXED);
	bool full = old == 2 * quota;
	struct vcpu *v;
	unsigned int i;

	while (!__atomic_compare_exchange_n(&d->sched.budget, &old, min(old + quota, 2 * quota),
					    true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	/* Nothing used: who runs next arms it again. */
	if (!full && quota)
		timer_set(&d->sched.replenish, smp_id(),
			  d->sched.replenish.expires + SCHED_CAP_PERIOD);
	if (!sched_capped_out(d))
		for_each_vcpu (d, v, i)
			unpark(v);
}

void sched_cap_set(struct domain *d, uint16_t cap)
{
	struct vcpu *v;
	unsigned int i;

	WRITE_ONCE(d->sched.capped_since, system_time());
	WRITE_ONCE(d->sched.cap, cap);
	__atomic_store_n(&d->sched.budget, cap_quota(d), __ATOMIC_RELAXED);
	/* Parked vCPUs must not wait for a cap that is gone; running ones must notice a new one. */
	timer_set(&d->sched.replenish, smp_id(), system_time());
	for_each_vcpu (d, v, i)
		if (vcpu_is_running(v))
			cpu_kick(cpus[v->processor], WORK_SCHED);
}

void sched_cap_init(struct domain *d)
{
	timer_init(&d->sched.replenish, cap_replenish, d);
}
