/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocking and pausing: flags and counts that say why a vCPU does not run. No locks of their own. */
#include "domain/domain.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "sched/runqueue.h"

void vcpu_unblock(struct vcpu *v)
{
	unsigned long mask = 1UL << PAUSE_BLOCKED | 1UL << PAUSE_POLL, old;

	/* Pairs with the barrier between setting a flag and looking for events in block and poll. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(READ_ONCE(v->pause_flags) & mask))
		return;
	old = __atomic_fetch_and(&v->pause_flags, ~mask, __ATOMIC_SEQ_CST);
	if (old & (1UL << PAUSE_POLL))
		timer_stop(&v->poll);
	if (old & mask)
		vcpu_wake(v);
}

void vcpu_block_current(enum pause_flag flag)
{
	struct vcpu *v = current_vcpu();

	set_bit(flag, &v->pause_flags);
	cpu_kick(this_cpu(), WORK_SCHED);
}

static void wait_not_running(const struct vcpu *v)
{
	BUG_ON(v == current_vcpu());
	while (vcpu_is_running(v))
		__builtin_ia32_pause();
}

void vcpu_pause_sync(struct vcpu *v)
{
	__atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
	vcpu_sleep(v);
	wait_not_running(v);
}

void vcpu_unpause(struct vcpu *v)
{
	if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
		vcpu_wake(v);
}

void domain_pause_sync(struct domain *d)
{
	struct vcpu *v;
	unsigned int i;

	__atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
	sched_domain_anew(d);
	for_each_vcpu (d, v, i)
		wait_not_running(v);
}

void domain_unpause(struct domain *d)
{
	if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
		sched_domain_anew(d);
}
