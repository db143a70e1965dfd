/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a vCPU learns of events and interrupts. An event-channel upcall takes one of two ways: the
 * vCPU's own vector through its local APIC (HVMOP_set_evtchn_upcall_vector), or the domain's
 * callback vector, which is injected past the local APIC for as long as the upcall flag is set.
 * Callbacks by GSI or PCI INTx are accepted and lead nowhere: the platform has neither.
 *
 * No locks: senders set flags atomically, then make the vCPU look.
 */
#include "event/evtchn.h"
#include "hvm/hvm.h"
#include "hvm/hvm_vcpu.h"
#include "x86/cpu.h"

void hvm_vcpu_notice(struct vcpu *v)
{
	vcpu_unblock(v);
	/* The current vCPU looks again before its next entry; another one may be in the guest. */
	if (v != current_vcpu() && READ_ONCE(v->running))
		cpu_kick(cpus[READ_ONCE(v->processor)], WORK_EVENT);
}

void hvm_event_pending(struct vcpu *v)
{
	uint8_t vector = READ_ONCE(v->upcall_vector);

	if (vector) {
		vlapic_set_irq(v, vector);
		return;
	}
	__atomic_store_n(&v->hvm->event_check, true, __ATOMIC_SEQ_CST);
	hvm_vcpu_notice(v);
}

/*
 * Is there a callback to inject, now that event_check is set? The upcall flag lives in guest memory, so
 * it is read only after an event was announced, and as long as the guest leaves it set.
 */
static bool callback_pending(struct vcpu *v)
{
	bool *check = &v->hvm->event_check;

	if (READ_ONCE(v->upcall_vector))
		return false;
	/* Cleared before the look: an event that arrives meanwhile sets it again. */
	__atomic_store_n(check, false, __ATOMIC_SEQ_CST);
	if (!evtchn_upcall_pending(v))
		return false;
	__atomic_store_n(check, true, __ATOMIC_SEQ_CST);
	return true;
}

/* Not inlined: most entries find nothing announced, and need no more of the stack than a jump. */
static __attribute__((noinline)) int pending_or_callback(struct vcpu *v)
{
	/* Once: another vCPU may take it away. */
	uint8_t callback = READ_ONCE(v->domain->callback_vector);
	int vector = vlapic_pending(v);

	if (vector >= 0 || !callback || !callback_pending(v))
		return vector;
	v->hvm->vector_is_callback = true;
	return callback;
}

int hvm_pending_vector(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	h->vector_is_callback = false;
	return likely(!READ_ONCE(h->event_check)) ? vlapic_pending(v) : pending_or_callback(v);
}

bool hvm_interrupt_waits(struct vcpu *v)
{
	return vlapic_nmi_pending(v) || hvm_pending_vector(v) >= 0;
}

/* A callback is due as long as its flag is set: nothing changes when it is given or taken back. */
void hvm_ack_vector(struct vcpu *v, int vector)
{
	if (!v->hvm->vector_is_callback)
		vlapic_ack(v, vector);
}

void hvm_requeue_vector(struct vcpu *v, int vector)
{
	if (!v->hvm->vector_is_callback)
		vlapic_unack(v, vector);
}
