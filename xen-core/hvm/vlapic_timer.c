/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer: one-shot and periodic from a bus clock of 100 MHz (as Xen's), and TSC
 * deadline. @timer_lock (LOCK_VCPU, before LOCK_TIMER) guards deadline, counts and LVTT, since the
 * core's timer runs where it was armed, and the vCPU may have moved since.
 */
#include "hvm/hvm_vcpu.h"
#include "hvm/cpuid.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define TICK_NS	      10
/* A guest can't make the core take more than so many interrupts: the shortest period. */
#define MIN_PERIOD_NS 100000

static unsigned int mode(const struct vlapic *l)
{
	return (l->reg[REG_LVT_TIMER] >> 17) & 3;
}

/* Length of one count in ns: the divider is coded in bits 3, 1, 0; 7 means 1. */
static uint64_t count_ns(const struct vlapic *l)
{
	unsigned int code = (l->reg[REG_TDCR] & 3) | (l->reg[REG_TDCR] & 8) >> 1;

	return (uint64_t)TICK_NS << ((code + 1) & 7);
}

static uint64_t period_ns(const struct vlapic *l)
{
	return l->reg[REG_TMICT] * count_ns(l);
}

static void arm(struct vcpu *v)
{
	timer_set(&v->vlapic->timer, v->processor, v->vlapic->deadline);
}

/* The next deadline of a periodic timer: missed periods are skipped, not made up for. */
static uint64_t next_period(const struct vlapic *l, uint64_t now)
{
	uint64_t period = max(period_ns(l), (uint64_t)MIN_PERIOD_NS), next = l->deadline + period;

	return next > now ? next : now + period - (now - l->deadline) % period;
}

static void fire(void *data)
{
	struct vcpu *v = data;
	struct vlapic *l = v->vlapic;
	uint64_t now = system_time();
	uint32_t lvt = APIC_LVT_MASKED;

	spin_lock(&l->timer_lock);
	if (l->deadline && l->deadline <= now) {
		lvt = l->reg[REG_LVT_TIMER];
		if (mode(l) == TIMER_PERIODIC) {
			l->deadline = next_period(l, now);
		} else {
			l->deadline = 0;
			l->tsc_deadline = 0;
		}
	}
	if (l->deadline)
		arm(v);
	spin_unlock(&l->timer_lock);
	if (!(lvt & APIC_LVT_MASKED))
		vlapic_set_irq(v, lvt & 0xff);
}

void vlapic_timer_init(struct vcpu *v)
{
	timer_init(&v->vlapic->timer, fire, v);
}

static void stop_locked(struct vlapic *l)
{
	l->deadline = 0;
	timer_stop(&l->timer);
}

void vlapic_timer_stop(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;

	spin_lock(&l->timer_lock);
	stop_locked(l);
	spin_unlock(&l->timer_lock);
}

/* Starts the count again from its initial value. */
static void start_locked(struct vcpu *v, uint64_t now)
{
	struct vlapic *l = v->vlapic;

	if (!l->reg[REG_TMICT]) {
		stop_locked(l);
		return;
	}
	l->deadline = now + period_ns(l);
	arm(v);
}

void vlapic_timer_set_count(struct vcpu *v, uint32_t count)
{
	struct vlapic *l = v->vlapic;

	spin_lock(&l->timer_lock);
	if (mode(l) != TIMER_DEADLINE) {
		l->reg[REG_TMICT] = count;
		start_locked(v, system_time());
	}
	spin_unlock(&l->timer_lock);
}

static uint32_t count_locked(const struct vlapic *l)
{
	uint64_t now = system_time();

	if (!l->deadline || l->deadline <= now || mode(l) == TIMER_DEADLINE)
		return 0;
	/* With the period's lower bound the deadline can be further away than the count. */
	return min((l->deadline - now) / count_ns(l), (uint64_t)l->reg[REG_TMICT]);
}

uint32_t vlapic_timer_count(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;
	uint32_t count;

	spin_lock(&l->timer_lock);
	count = count_locked(l);
	spin_unlock(&l->timer_lock);
	return count;
}

/* The count goes on from where it is, at the new speed. */
void vlapic_timer_set_divide(struct vcpu *v, uint32_t divide)
{
	struct vlapic *l = v->vlapic;
	uint32_t left;

	spin_lock(&l->timer_lock);
	left = count_locked(l);
	l->reg[REG_TDCR] = divide;
	if (left) {
		l->deadline = system_time() + left * count_ns(l);
		arm(v);
	}
	spin_unlock(&l->timer_lock);
}

/* To or from TSC deadline disarms; between the other two the count goes on. */
void vlapic_timer_set_lvt(struct vcpu *v, uint32_t lvt)
{
	struct vlapic *l = v->vlapic;
	unsigned int old, new;

	if (!cpu_policy_has(v->domain->cpu_policy, XEN_X86_FEATURE_TSC_DEADLINE))
		lvt &= ~(1u << 18);
	spin_lock(&l->timer_lock);
	old = mode(l);
	l->reg[REG_LVT_TIMER] = lvt;
	new = mode(l);
	if ((old == TIMER_DEADLINE) != (new == TIMER_DEADLINE)) {
		stop_locked(l);
		l->reg[REG_TMICT] = 0;
		l->tsc_deadline = 0;
	}
	spin_unlock(&l->timer_lock);
}

bool vlapic_get_tsc_deadline(struct vcpu *v, uint64_t *value)
{
	if (!cpu_policy_has(v->domain->cpu_policy, XEN_X86_FEATURE_TSC_DEADLINE))
		return false;
	*value = READ_ONCE(v->vlapic->tsc_deadline);
	return true;
}

/* A deadline in the past, or one that wraps, fires at once. 0 is none. */
static void set_deadline_locked(struct vcpu *v, uint64_t tsc)
{
	struct vlapic *l = v->vlapic;
	int64_t ns = (int64_t)tsc_to_ns(tsc - v->tsc_offset);

	l->tsc_deadline = tsc;
	if (!tsc) {
		stop_locked(l);
		return;
	}
	l->deadline = ns > 0 ? (uint64_t)ns : 1;
	arm(v);
}

bool vlapic_set_tsc_deadline(struct vcpu *v, uint64_t value)
{
	struct vlapic *l = v->vlapic;

	if (!cpu_policy_has(v->domain->cpu_policy, XEN_X86_FEATURE_TSC_DEADLINE))
		return false;
	spin_lock(&l->timer_lock);
	if (mode(l) == TIMER_DEADLINE)
		set_deadline_locked(v, value);
	spin_unlock(&l->timer_lock);
	return true;
}

void vlapic_tsc_moved(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;

	spin_lock(&l->timer_lock);
	if (l->tsc_deadline)
		set_deadline_locked(v, l->tsc_deadline);
	spin_unlock(&l->timer_lock);
}
