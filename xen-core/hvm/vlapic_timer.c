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

/* Sets the deadline; 0 stops the timer. The timer's lock is held. */
static void arm(struct vcpu *v, uint64_t deadline)
{
	struct vlapic *l = v->vlapic;

	l->deadline = deadline;
	l->suspended = false;
	if (deadline)
		timer_set(&l->timer, v->processor, deadline);
	else
		timer_stop(&l->timer);
}

/* The next deadline of a periodic timer: missed periods are skipped, not made up for. */
static uint64_t next_period(const struct vlapic *l, uint64_t now)
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
	struct vlapic *l = v->vlapic;
	uint64_t now = system_time();
	uint32_t lvt = APIC_LVT_MASKED;

	spin_lock(&l->timer_lock);
	if (l->deadline && l->deadline <= now) {
		lvt = l->reg[REG_LVT_TIMER];
		if (mode(l) != TIMER_PERIODIC) {
			l->deadline = l->tsc_deadline = 0;
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
	timer_init(&v->vlapic->timer, fire, v);
}

void vlapic_timer_stop(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;

	spin_lock(&l->timer_lock);
	arm(v, 0);
	spin_unlock(&l->timer_lock);
}

void vlapic_timer_resume(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;
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
	struct vlapic *l = v->vlapic;

	spin_lock(&l->timer_lock);
	if (mode(l) != TIMER_DEADLINE) {
		l->reg[REG_TMICT] = count;
		arm(v, count ? system_time() + period_ns(l) : 0);
	}
	spin_unlock(&l->timer_lock);
}

static uint32_t count_locked(const struct vlapic *l, uint64_t now)
{
	if (l->deadline <= now || mode(l) == TIMER_DEADLINE)
		return 0;
	/* With the period's lower bound the deadline can be further away than the count. */
	return min((l->deadline - now) / count_ns(l), (uint64_t)l->reg[REG_TMICT]);
}

uint32_t vlapic_timer_count(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;
	uint32_t count;

	spin_lock(&l->timer_lock);
	count = count_locked(l, system_time());
	spin_unlock(&l->timer_lock);
	return count;
}

/* The count goes on from where it is, at the new speed. */
void vlapic_timer_set_divide(struct vcpu *v, uint32_t divide)
{
	struct vlapic *l = v->vlapic;
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

static bool has_deadline(const struct vcpu *v)
{
	return cpu_policy_has(v->domain->cpu_policy, XEN_X86_FEATURE_TSC_DEADLINE);
}

/* To or from TSC deadline disarms; between the other two the count goes on. */
void vlapic_timer_set_lvt(struct vcpu *v, uint32_t lvt)
{
	struct vlapic *l = v->vlapic;
	unsigned int old;

	if (!has_deadline(v))
		lvt &= ~(1u << 18);
	spin_lock(&l->timer_lock);
	old = mode(l);
	l->reg[REG_LVT_TIMER] = lvt;
	if ((old == TIMER_DEADLINE) != (mode(l) == TIMER_DEADLINE)) {
		arm(v, 0);
		l->reg[REG_TMICT] = 0;
		l->tsc_deadline = 0;
	}
	spin_unlock(&l->timer_lock);
}

bool vlapic_get_tsc_deadline(struct vcpu *v, uint64_t *value)
{
	*value = READ_ONCE(v->vlapic->tsc_deadline);
	return has_deadline(v);
}

/* A deadline in the past, or one that wraps, fires at once. 0 is none. */
static void set_deadline_locked(struct vcpu *v, uint64_t tsc)
{
	int64_t ns = (int64_t)tsc_to_ns(tsc - v->tsc_offset);

	v->vlapic->tsc_deadline = tsc;
	if (tsc)
		arm(v, ns > 0 ? (uint64_t)ns : 1);
	else
		arm(v, 0);
}

bool vlapic_set_tsc_deadline(struct vcpu *v, uint64_t value)
{
	struct vlapic *l = v->vlapic;

	if (!has_deadline(v))
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
