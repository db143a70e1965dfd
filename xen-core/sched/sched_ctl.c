/* SPDX-License-Identifier: BSD-2-Clause */
/* Parameters of the scheduler: affinity, weights, caps, rate limit. */
#include "sched/runqueue.h"

int sched_set_affinity(struct vcpu *v, const struct cpumask *hard, const struct cpumask *soft)
{
	struct runqueue *rq;

	if (hard && find_next_bit(hard->bits, cpus_online(), 0) == cpus_online())
		return -EINVAL;
	rq = sched_lock_vcpu(v);
	if (hard)
		v->sched.hard = *hard;
	if (soft)
		v->sched.soft = *soft;
	spin_unlock(&rq->lock);
	vcpu_sleep(v);
	return 0;
}

void sched_get_affinity(const struct vcpu *v, struct cpumask *hard, struct cpumask *soft)
{
	struct runqueue *rq = sched_lock_vcpu(v);

	*hard = v->sched.hard;
	*soft = v->sched.soft;
	spin_unlock(&rq->lock);
}

int sched_domctl_scheduler_op(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	if (op->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (op->cmd) {
	case XEN_DOMCTL_SCHEDOP_putinfo:
		/* As credit2: weight 0 keeps the weight, cap 0 takes the cap away. */
		if (op->u.credit2.weight && op->u.credit2.weight != d->sched.weight) {
			WRITE_ONCE(d->sched.weight, op->u.credit2.weight);
			/* Who waits for a turn that a small weight has put far away gets a new place. */
			sched_domain_anew(d);
		}
		if (op->u.credit2.cap != d->sched.cap)
			sched_cap_set(d, op->u.credit2.cap);
		return 0;
	case XEN_DOMCTL_SCHEDOP_getinfo:
		op->u.credit2.weight = d->sched.weight;
		op->u.credit2.cap = d->sched.cap;
		return 0;
	default:
		/* credit2 has no parameters of single vCPUs. */
		return -EINVAL;
	}
}

int sched_sysctl_scheduler_op(struct xen_sysctl_scheduler_op *op)
{
	uint32_t us = op->u.sched_credit2.ratelimit_us;

	if (op->cpupool_id)
		return -ESRCH;
	if (op->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (op->cmd) {
	case XEN_SYSCTL_SCHEDOP_putinfo:
		if (us &&
		    (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN || us > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
			return -EINVAL;
		WRITE_ONCE(sched_ratelimit, us * 1000UL);
		return 0;
	case XEN_SYSCTL_SCHEDOP_getinfo:
		op->u.sched_credit2.ratelimit_us = (uint32_t)(sched_ratelimit / 1000);
		return 0;
	default:
		return -EINVAL;
	}
}
