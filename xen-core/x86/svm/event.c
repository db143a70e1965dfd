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

void svm_inject_exception(struct vcpu *v, unsigned int vector, int64_t error)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	uint64_t event = EVENT_VALID | EVENT_EXCEPTION << 8 | vector;

	if (error >= 0)
		event |= EVENT_ERROR | (uint64_t)error << 32;
	if (EVENT_TYPE(sv->pending_event) == EVENT_NMI) {
		/* That one follows. */
		svm_intercept(sv->vmcb, VMEXIT_IRET, false);
		vlapic_set_nmi(v);
	} else if (sv->pending_event) {
		event = combine(sv->pending_event, event);
		if (!event)
			svm_triple_fault(v);
	}
	sv->pending_event = event;
}

static bool interrupts_open(const struct svm_vcpu *sv)
{
	return (sv->regs.rflags & RFLAGS_IF) && !(sv->vmcb->int_shadow & 1);
}

void svm_prepare_event(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;

	/* One NMI at a time: IRET ends it, and until then IRET is intercepted. */
	if (!sv->pending_event && vlapic_nmi_pending(v) && !svm_intercepts(c, VMEXIT_IRET) &&
	    !(c->int_shadow & 1)) {
		vlapic_ack_nmi(v);
		svm_intercept(c, VMEXIT_IRET, true);
		sv->pending_event = EVENT_VALID | EVENT_NMI << 8 | 2;
	}
	c->eventinj = sv->pending_event;
}

int svm_offer_interrupt(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;
	int vector = hvm_pending_vector(v);

	c->vintr &= ~(VINTR_IRQ | VINTR_VECTOR(0xff));
	svm_intercept(c, VMEXIT_VINTR, false);
	if (vector < 0)
		return -1;
	c->vintr |= VINTR_IRQ | VINTR_IGN_TPR | VINTR_PRIO_MAX;
	if (c->eventinj || !interrupts_open(sv)) {
		svm_intercept(c, VMEXIT_VINTR, true);
		return -1;
	}
	c->vintr |= VINTR_VECTOR(vector);
	hvm_ack_vector(v, vector);
	return vector;
}

/*
 * What an instruction raised by itself (INT n, INT3, INTO) is not injected again: the guest executes
 * the instruction again. Nor is an interrupt: it waits again.
 */
void svm_take_back_events(struct vcpu *v, int vector)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	uint64_t event = sv->vmcb->exitintinfo;
	unsigned int type = EVENT_TYPE(event), nr = event & 0xff;
	bool valid = event & EVENT_VALID;

	if (vector >= 0 && ((sv->vmcb->vintr & VINTR_IRQ) || (valid && type == EVENT_INTR)))
		hvm_requeue_vector(v, vector);
	if (!valid || type == EVENT_INTR || type == EVENT_SOFT ||
	    (type == EVENT_EXCEPTION && (nr == TRAP_BP || nr == TRAP_OF)))
		event = 0;
	sv->pending_event = event;
}
