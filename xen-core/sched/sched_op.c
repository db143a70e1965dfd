/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall sched_op, HLT, and the watchdogs. */
#include "domain/domain.h"
#include "event/evtchn.h"
#include "hvm/hvm.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "sched/runqueue.h"
#include "x86/bits.h"
#include "x86/time.h"

#define POLL_MAX_PORTS 128

/* Would the current vCPU be woken at once? Called with its pause flag set, so that nothing is lost. */
static bool event_waits(struct vcpu *v)
{
	return evtchn_upcall_pending(v) || hvm_interrupt_waits(v);
}

/* The flag first, then the look at events: who raises one does it the other way round. */
static void block_until(struct vcpu *v, bool (*waits)(struct vcpu *v))
{
	vcpu_block_current(PAUSE_BLOCKED);
	if (waits(v))
		clear_bit(PAUSE_BLOCKED, &v->pause_flags);
}

void vcpu_down(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct vcpu *other;
	unsigned int i;
	bool last = true;

	spin_lock(&d->lock);
	for_each_vcpu (d, other, i)
		if (other != v && !test_bit(PAUSE_DOWN, &other->pause_flags))
			last = false;
	if (!last)
		set_bit(PAUSE_DOWN, &v->pause_flags);
	spin_unlock(&d->lock);
	if (last)
		domain_shutdown(d, SHUTDOWN_poweroff);
	else
		vcpu_sleep(v);
}

void vcpu_hlt(struct vcpu *v)
{
	/* As in Xen: with interrupts off it means "down"; an NMI does not end that. */
	if (vm_ops->regs(v)->rflags & RFLAGS_IF)
		block_until(v, hvm_interrupt_waits);
	else
		vcpu_down(v);
}

static long sched_poll(struct vcpu *v, gva_t arg)
{
	struct sched_poll poll;
	port_t ports[POLL_MAX_PORTS];
	int rc;

	if (guest_read(&poll, arg, sizeof(poll)))
		return -EFAULT;
	if (poll.nr_ports > POLL_MAX_PORTS)
		return -EINVAL;
	if (guest_read(ports, handle_gva(poll.ports), poll.nr_ports * sizeof(ports[0])))
		return -EFAULT;

	/* Whoever makes a port pending from now on finds the flag. */
	WRITE_ONCE(v->poll_port, poll.nr_ports == 1 ? ports[0] : 0);
	vcpu_block_current(PAUSE_POLL);
	rc = event_waits(v) ? 1 : evtchn_poll(v->domain, ports, poll.nr_ports);
	if (rc) {
		clear_bit(PAUSE_POLL, &v->pause_flags);
		return rc < 0 ? rc : 0;
	}
	if (poll.timeout) {
		timer_set(&v->poll, smp_id(), poll.timeout);
		/* It was woken before the timer was armed: the wake-up saw nothing to stop. */
		if (!test_bit(PAUSE_POLL, &v->pause_flags))
			timer_stop(&v->poll);
	}
	return 0;
}

static long sched_shutdown(struct domain *d, unsigned int cmd, gva_t arg)
{
	struct sched_shutdown shutdown;

	if (guest_read(&shutdown, arg, sizeof(shutdown)))
		return -EFAULT;
	/* Reasons mean something to the tools only: any is passed on. */
	if (cmd == SCHEDOP_shutdown) {
		domain_shutdown(d, (uint8_t)shutdown.reason);
	} else {
		/* Only says why; the domain goes on. A shutdown that follows keeps the code. */
		spin_lock(&d->lock);
		if (!d->is_shutting_down)
			d->shutdown_code = (uint8_t)shutdown.reason;
		spin_unlock(&d->lock);
	}
	return 0;
}

static long sched_remote_shutdown(struct domain *current, gva_t arg)
{
	struct sched_remote_shutdown remote;
	struct domain *d;
	int rc;

	if (guest_read(&remote, arg, sizeof(remote)))
		return -EFAULT;
	d = domain_lookup(remote.domain_id);
	if (!d)
		return -ESRCH;
	rc = xsm_domain(&current->label, &d->label, XSM_DOMAIN__SHUTDOWN);
	if (rc)
		return rc;
	domain_shutdown(d, (uint8_t)remote.reason);
	return 0;
}

static void watchdog_fired(void *data)
{
	struct domain *d = data;

	if (d->is_shutting_down)
		return;
	printk(KERN_WARNING "d%u: watchdog expired\n", d->id);
	domain_shutdown(d, SHUTDOWN_watchdog);
}

/* @id 0: takes a free one and returns its id; otherwise restarts it, or frees it with @seconds 0. */
static long watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
	unsigned int i = id ? id - 1 : (unsigned int)__builtin_ctz(~d->watchdog_in_use);

	if (id > ARRAY_SIZE(d->watchdog) || (!id && !seconds))
		return -EINVAL;
	if (id && !(d->watchdog_in_use & (1U << i)))
		return -EINVAL;
	if (i == ARRAY_SIZE(d->watchdog))
		return -ENOSPC;
	if (seconds) {
		d->watchdog_in_use |= 1U << i;
		timer_set(&d->watchdog[i], smp_id(), system_time() + seconds * (1000 * MS));
	} else {
		d->watchdog_in_use &= ~(1U << i);
		timer_stop(&d->watchdog[i]);
	}
	return id ? 0 : i + 1;
}

static long sched_watchdog(struct domain *d, gva_t arg)
{
	struct sched_watchdog watchdog;
	long rc;

	if (guest_read(&watchdog, arg, sizeof(watchdog)))
		return -EFAULT;
	spin_lock(&d->lock);
	rc = watchdog_set(d, watchdog.id, watchdog.timeout);
	spin_unlock(&d->lock);
	return rc;
}

long sched_op(unsigned int cmd, gva_t arg)
{
	struct vcpu *v = current_vcpu();

	switch (cmd) {
	case SCHEDOP_yield:
		v->sched.yielding = true;
		cpu_kick(this_cpu(), WORK_SCHED);
		return 0;
	case SCHEDOP_block:
		block_until(v, event_waits);
		return 0;
	case SCHEDOP_poll:
		return sched_poll(v, arg);
	case SCHEDOP_shutdown:
	case SCHEDOP_shutdown_code:
		return sched_shutdown(v->domain, cmd, arg);
	case SCHEDOP_remote_shutdown:
		return sched_remote_shutdown(v->domain, arg);
	case SCHEDOP_watchdog:
		return sched_watchdog(v->domain, arg);
	default:
		return -ENOSYS;
	}
}

void sched_domain_init(struct domain *d)
{
	unsigned int i;

	d->sched.weight = SCHED_WEIGHT_DEFAULT;
	timer_init(&d->sched.unpark, sched_domain_anew, d);
	for (i = 0; i < ARRAY_SIZE(d->watchdog); i++)
		timer_init(&d->watchdog[i], watchdog_fired, d);
}

void sched_domain_stop(struct domain *d)
{
	unsigned int i;

	timer_kill(&d->sched.unpark);
	for (i = 0; i < ARRAY_SIZE(d->watchdog); i++)
		timer_kill(&d->watchdog[i]);
}
