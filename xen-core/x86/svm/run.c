/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering a guest: what to inject, the last look at pending work, and the way back. */
#include "hvm/vlapic.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "x86/cpu.h"
#include "x86/loop.h"
#include "x86/regs.h"
#include "x86/svm/svm.h"

/* Exceptions of the class that makes a double fault when they meet another (APM vol. 2 § 8.2.9). */
static bool contributory(unsigned int vector)
{
	return vector == 0 || (vector >= 10 && vector <= 14);
}

void svm_inject_exception(struct vcpu *v, unsigned int vector, int64_t error)
{
	struct svm_vcpu *sv = svm_vcpu(v);

	if (sv->pending_event) {
		if ((sv->pending_event & 0xff) == 8) {
			domain_crash(v->domain, "vCPU %u: triple fault", v->id);
			return;
		}
		if (contributory(vector) && contributory(sv->pending_event & 0xff)) {
			vector = 8;
			error = 0;
		}
	}
	sv->pending_event = EVENT_VALID | EVENT_EXCEPTION << 8 | vector;
	if (error >= 0)
		sv->pending_event |= EVENT_ERROR | (uint64_t)error << 32;
}

static bool interrupts_open(const struct svm_vcpu *sv)
{
	return (sv->regs.rflags & RFLAGS_IF) && !(sv->vmcb->int_shadow & 1);
}

static void request_window(struct vmcb *c)
{
	c->vintr |= VINTR_IRQ | VINTR_IGN_TPR | VINTR_PRIO_MAX;
	c->intercept1 |= INTERCEPT_VINTR;
}

void svm_prepare_event(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;
	int vector;

	c->eventinj = 0;
	/*
	 * An event whose delivery the exit interrupted goes first. A software interrupt is not
	 * injected again: the guest executes its instruction again.
	 */
	if ((c->exitintinfo & EVENT_VALID) && EVENT_TYPE(c->exitintinfo) != EVENT_SOFT)
		c->eventinj = c->exitintinfo;
	c->exitintinfo = 0;
	if (sv->pending_event) {
		c->eventinj = sv->pending_event;
		sv->pending_event = 0;
	}
	/* One at a time: IRET ends it, and until then IRET is intercepted. */
	if (!c->eventinj && vlapic_nmi_pending(v) && !(c->intercept1 & INTERCEPT_IRET)) {
		c->eventinj = EVENT_VALID | EVENT_NMI << 8 | 2;
		c->intercept1 |= INTERCEPT_IRET;
		vlapic_ack_nmi(v);
	}
	vector = hvm_pending_vector(v);
	if (vector < 0)
		return;
	if (!c->eventinj && interrupts_open(sv)) {
		c->eventinj = EVENT_VALID | EVENT_INTR << 8 | (uint64_t)vector;
		hvm_ack_vector(v, vector);
		if (hvm_pending_vector(v) < 0)
			return;
	}
	request_window(c);
}

/* An injection that was prepared but not delivered, because the entry did not happen. */
static void cancel_event(struct vmcb *c)
{
	if (c->eventinj & EVENT_VALID)
		c->exitintinfo = c->eventinj;
}

void svm_run(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;
	struct cpu *cpu = this_cpu();
	uint8_t tpr = vlapic_get_tpr(v) >> 4;

	svm_prepare_event(v);
	c->vintr = (c->vintr & ~VINTR_TPR_MASK) | tpr;
	/* From here on another CPU that changes what concerns us sends an interrupt (guest_tlb_flush). */
	(void)__atomic_exchange_n(&cpu->in_guest, true, __ATOMIC_SEQ_CST);
	if (unlikely(READ_ONCE(cpu->pending))) {
		WRITE_ONCE(cpu->in_guest, false);
		cancel_event(c);
		return;
	}
	svm_assign_asid(v);
	c->rax = sv->regs.rax;
	c->rsp = sv->regs.rsp;
	c->rip = sv->regs.rip;
	c->rflags = sv->regs.rflags;
	epoch_leave();

	svm_enter(&sv->regs, sv->vmcb_addr.v, svm_host_vmcb().v);

	epoch_enter();
	WRITE_ONCE(cpu->exits, cpu->exits + 1);
	WRITE_ONCE(cpu->in_guest, false);
	/* CR8 is the guest's without an exit; the local APIC's TPR is the same register. */
	if (unlikely((c->vintr & VINTR_TPR_MASK) != tpr))
		vlapic_set_tpr(v, (uint8_t)((c->vintr & VINTR_TPR_MASK) << 4));
	sv->regs.rax = c->rax;
	sv->regs.rsp = c->rsp;
	sv->regs.rip = c->rip;
	sv->regs.rflags = c->rflags;
	svm_handle_exit(v);
}
