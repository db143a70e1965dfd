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
	__atomic_store_n(&hvm_vcpu(v)->event_check, EVENT_LOOK, __ATOMIC_SEQ_CST);
	hvm_vcpu_notice(v);
}

/*
 * Is there a callback to inject? The upcall flag lives in guest memory, so it is read only after
 * an event was announced, and as long as the guest leaves it set. Right after an injection it is
 * not looked at: the guest has had no chance to clear it, and to wait for that with an interrupt
 * window would cost an exit for every event.
 */
static bool callback_pending(struct vcpu *v)
{
	uint8_t *check = &hvm_vcpu(v)->event_check;
	uint8_t injected = EVENT_INJECTED;

	if (!READ_ONCE(*check) || __atomic_compare_exchange_n(check, &injected, EVENT_LOOK, false,
							      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	/* Cleared before the look: an event that arrives meanwhile sets it again. */
	__atomic_store_n(check, EVENT_NONE, __ATOMIC_SEQ_CST);
	if (!evtchn_upcall_pending(v))
		return false;
	__atomic_store_n(check, EVENT_LOOK, __ATOMIC_SEQ_CST);
	return true;
}

int hvm_pending_vector(struct vcpu *v)
{
	struct hvm_vcpu *h = hvm_vcpu(v);
	uint8_t callback = READ_ONCE(v->domain->callback_vector);

	h->vector_is_callback = callback && !READ_ONCE(v->upcall_vector) && callback_pending(v);
	return h->vector_is_callback ? callback : vlapic_pending(v);
}

bool hvm_interrupt_waits(struct vcpu *v)
{
	return vlapic_nmi_pending(v) || hvm_pending_vector(v) >= 0;
}

void hvm_ack_vector(struct vcpu *v, int vector)
{
	struct hvm_vcpu *h = hvm_vcpu(v);

	if (h->vector_is_callback)
		__atomic_store_n(&h->event_check, EVENT_INJECTED, __ATOMIC_SEQ_CST);
	else
		vlapic_ack(v, vector);
}

void hvm_requeue_vector(struct vcpu *v, uint8_t vector)
{
	if (vector == READ_ONCE(v->domain->callback_vector) && !READ_ONCE(v->upcall_vector))
		__atomic_store_n(&hvm_vcpu(v)->event_check, EVENT_LOOK, __ATOMIC_SEQ_CST);
	else
		vlapic_unack(v, vector);
}
