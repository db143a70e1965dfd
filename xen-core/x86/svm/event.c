/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest gets at its next entry. One event is injected: the one whose delivery the last exit
 * interrupted, an exception that the core raises, or an NMI. Interrupts are offered as virtual ones.
 */
#include "hvm/vlapic.h"
#include "x86/svm/svm.h"

static bool contributory(unsigned int vector)
{
	return vector == TRAP_DE || (vector >= TRAP_TS && vector <= TRAP_GP);
}

/* What exception @second makes of @first, whose delivery it met (APM vol. 2 § 8.2.9). 0: a triple fault. */
static uint64_t combine(uint64_t first, uint64_t second)
{
	unsigned int one = first & 0xff, two = second & 0xff;

	if (one == TRAP_DF && (contributory(two) || two == TRAP_PF))
		return 0;
	if ((contributory(one) && contributory(two)) ||
	    (one == TRAP_PF && (contributory(two) || two == TRAP_PF)))
		return EVENT_VALID | EVENT_ERROR | EVENT_EXCEPTION << 8 | TRAP_DF;
	/* One after the other: the first one's instruction raises it again. */
	return second;
}

/* Takes the place of the event @first with the exception @second. */
static uint64_t replace(struct vcpu *v, uint64_t first, uint64_t second)
{
	struct svm_vcpu *sv = svm_vcpu(v);

	if (EVENT_TYPE(first) == EVENT_NMI) {
		sv->vmcb->intercept1 &= ~INTERCEPT(VMEXIT_IRET);
		vlapic_set_nmi(v);
		return second;
	}
	second = combine(first, second);
	if (!second)
		svm_triple_fault(v);
	return second;
}

void svm_inject_exception(struct vcpu *v, unsigned int vector, int64_t error)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	uint64_t event = EVENT_VALID | EVENT_EXCEPTION << 8 | vector;

	if (error >= 0)
		event |= EVENT_ERROR | (uint64_t)error << 32;
	sv->pending_event = sv->pending_event ? replace(v, sv->pending_event, event) : event;
}

/*
 * An event whose delivery the exit interrupted. What an instruction raised by itself (INT n, INT3,
 * INTO) is not injected again: the guest executes the instruction again. Nor is an interrupt: it waits
 * again (svm_take_back_interrupt).
 */
static uint64_t interrupted_event(struct vmcb *c)
{
	uint64_t event = c->exitintinfo;
	unsigned int vector = event & 0xff;

	c->exitintinfo = 0;
	if (!(event & EVENT_VALID) || EVENT_TYPE(event) == EVENT_INTR ||
	    EVENT_TYPE(event) == EVENT_SOFT ||
	    (EVENT_TYPE(event) == EVENT_EXCEPTION && (vector == TRAP_BP || vector == TRAP_OF)))
		return 0;
	return event;
}

static bool interrupts_open(const struct svm_vcpu *sv)
{
	return (sv->regs.rflags & RFLAGS_IF) && !(sv->vmcb->int_shadow & 1);
}

/* One NMI at a time: IRET ends it, and until then IRET is intercepted. */
static uint64_t take_nmi(struct vcpu *v, struct vmcb *c)
{
	if (!vlapic_nmi_pending(v) || (c->intercept1 & INTERCEPT(VMEXIT_IRET)) ||
	    (c->int_shadow & 1))
		return 0;
	vlapic_ack_nmi(v);
	c->intercept1 |= INTERCEPT(VMEXIT_IRET);
	return EVENT_VALID | EVENT_NMI << 8 | 2;
}

void svm_prepare_event(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;

	c->eventinj = interrupted_event(c);
	if (sv->pending_event) {
		c->eventinj = c->eventinj ? replace(v, c->eventinj, sv->pending_event)
					  : sv->pending_event;
		sv->pending_event = 0;
	}
	if (!c->eventinj)
		c->eventinj = take_nmi(v, c);
}

void svm_cancel_event(struct vmcb *c)
{
	if (c->eventinj & EVENT_VALID)
		c->exitintinfo = c->eventinj;
}

int svm_offer_interrupt(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;
	int vector = hvm_pending_vector(v);

	c->vintr &= ~(VINTR_IRQ | VINTR_VECTOR(0xff));
	c->intercept1 &= ~INTERCEPT(VMEXIT_VINTR);
	if (vector < 0)
		return -1;
	c->vintr |= VINTR_IRQ | VINTR_IGN_TPR | VINTR_PRIO_MAX;
	if (c->eventinj || !interrupts_open(sv)) {
		c->intercept1 |= INTERCEPT(VMEXIT_VINTR);
		return -1;
	}
	c->vintr |= VINTR_VECTOR(vector);
	hvm_ack_vector(v, vector);
	return vector;
}

void svm_take_back_interrupt(struct vcpu *v, int vector)
{
	const struct vmcb *c = svm_vcpu(v)->vmcb;
	bool broken_off =
		(c->exitintinfo & EVENT_VALID) && EVENT_TYPE(c->exitintinfo) == EVENT_INTR;

	if ((c->vintr & VINTR_IRQ) || broken_off)
		hvm_requeue_vector(v, vector);
}
