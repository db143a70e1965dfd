/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer: one-shot and periodic, from a bus clock of 100 MHz (as Xen's). @timer_lock
 * (LOCK_VCPU, before LOCK_TIMER) guards deadline and counts, since the core's timer runs where it was
 * armed, and the vCPU may have moved since.
 */
#include "hvm/hvm_vcpu.h"
#include "x86/time.h"

#define TICK_NS	      10
/* A guest can't make the core take more than so many interrupts: the shortest period. */
#define MIN_PERIOD_NS 100000

/* Length of one count in ns: the divider is coded in bits 3, 1, 0; 7 means 1. */
static uint64_t count_ns(const struct hvm_vcpu *l)
{
	unsigned int code = (l->reg[REG_TDCR] & 3) | (l->reg[REG_TDCR] & 8) >> 1;

	return (uint64_t)TICK_NS << ((code + 1) & 7);
}

static uint64_t period_ns(const struct hvm_vcpu *l)
{
	return l->reg[REG_TMICT] * count_ns(l);
}

/* Sets the deadline; 0 stops the timer. The timer's lock is held. */
static void arm(struct vcpu *v, uint64_t deadline)
{
	struct hvm_vcpu *l = v->hvm;

	l->deadline = deadline;
	l->suspended = false;
	if (deadline)
		timer_set(&l->timer, v->processor, deadline);
	else
		timer_stop(&l->timer);
}

/* The next deadline of a periodic timer: missed periods are skipped, not made up for. */
static uint64_t next_period(const struct hvm_vcpu *l, uint64_t now)
{
	uint64_t period = max(period_ns(l), (uint64_t)MIN_PERIOD_NS), next = l->deadline + period;

	return next > now ? next : now + period - (now - l->deadline) % period;
}

/*
 * A periodic timer goes on while its vCPU runs, in time that is charged to its domain. When it fires
 * for one that does not run, the interrupt waits (and may have woken the vCPU) or was masked; further
 * ticks would change nothing until the vCPU runs again, but cost others' time.
 */
static void fire(void *data)
{
	struct vcpu *v = data;
	struct hvm_vcpu *l = v->hvm;
	uint64_t now = system_time();
	uint32_t lvt = APIC_LVT_MASKED;

	spin_lock(&l->timer_lock);
	if (l->deadline && l->deadline <= now) {
		lvt = READ_ONCE(l->reg[REG_LVT_TIMER]);
		if (!(lvt & APIC_LVT_PERIODIC)) {
			l->deadline = 0;
		} else if (vcpu_is_running(v)) {
			arm(v, next_period(l, now));
		} else {
			l->deadline = next_period(l, now);
			l->suspended = true;
		}
	}
	spin_unlock(&l->timer_lock);
	if (!(lvt & APIC_LVT_MASKED))
		vlapic_set_irq(v, lvt & 0xff);
}

void vlapic_timer_init(struct vcpu *v)
{
	timer_init(&v->hvm->timer, fire, v);
}

void vlapic_timer_stop(struct vcpu *v)
{
	struct hvm_vcpu *l = v->hvm;

	spin_lock(&l->timer_lock);
	arm(v, 0);
	spin_unlock(&l->timer_lock);
}

void vlapic_timer_resume(struct vcpu *v)
{
	struct hvm_vcpu *l = v->hvm;
	uint64_t now;

	if (!READ_ONCE(l->deadline))
		return;
	spin_lock(&l->timer_lock);
	now = system_time();
	if (l->suspended && l->deadline <= now)
		arm(v, next_period(l, now));
	else
		arm(v, l->deadline);
	spin_unlock(&l->timer_lock);
}

void vlapic_timer_set_count(struct vcpu *v, uint32_t count)
{
	struct hvm_vcpu *l = v->hvm;

	spin_lock(&l->timer_lock);
	l->reg[REG_TMICT] = count;
	arm(v, count ? system_time() + period_ns(l) : 0);
	spin_unlock(&l->timer_lock);
}

static uint32_t count_locked(const struct hvm_vcpu *l, uint64_t now)
{
	if (l->deadline <= now)
		return 0;
	/* With the period's lower bound the deadline can be further away than the count. */
	return min((l->deadline - now) / count_ns(l), (uint64_t)l->reg[REG_TMICT]);
}

uint32_t vlapic_timer_count(struct vcpu *v)
{
	struct hvm_vcpu *l = v->hvm;
	uint32_t count;

	spin_lock(&l->timer_lock);
	count = count_locked(l, system_time());
	spin_unlock(&l->timer_lock);
	return count;
}

/* The count goes on from where it is, at the new speed. */
void vlapic_timer_set_divide(struct vcpu *v, uint32_t divide)
{
	struct hvm_vcpu *l = v->hvm;
	uint64_t now;
	uint32_t left;

	spin_lock(&l->timer_lock);
	now = system_time();
	left = count_locked(l, now);
	l->reg[REG_TDCR] = divide;
	if (left)
		arm(v, now + left * count_ns(l));
	spin_unlock(&l->timer_lock);
}
