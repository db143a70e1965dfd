/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering a guest: the last look at pending work, and the way back. */
#include "hvm/vlapic.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "x86/cpu.h"
#include "x86/loop.h"
#include "x86/regs.h"
#include "x86/svm/svm.h"

/*
 * An interrupt (never without RFLAGS.IF) goes in as a virtual interrupt, which the CPU takes before the
 * guest's first instruction, unless that mechanism waits for a window already. As an injected event it would
 * be the same to hardware; but QEMU's emulation (7.2, TYPE_INTR in helper_vmrun) may deliver that a second
 * time, in the middle of the handler. Returns the event, or 0.
 */
static uint64_t interrupt_offer(struct vmcb *c)
{
	uint64_t event = c->eventinj;

	if (!(event & EVENT_VALID) || EVENT_TYPE(event) != EVENT_INTR || (c->vintr & VINTR_IRQ))
		return 0;
	c->eventinj = 0;
	c->intercept1 &= ~INTERCEPT_VINTR;
	c->vintr |= VINTR_IRQ | VINTR_IGN_TPR | VINTR_PRIO_MAX | VINTR_VECTOR(event & 0xff);
	return event;
}

/* After the exit: what the CPU did not take, or not wholly, is to be injected again. */
static void interrupt_take_back(struct vmcb *c, uint64_t event)
{
	if (!event)
		return;
	if ((c->vintr & VINTR_IRQ) && !(c->exitintinfo & EVENT_VALID))
		c->exitintinfo = event;
	c->vintr &= ~(VINTR_IRQ | VINTR_IGN_TPR | VINTR_PRIO_MAX | VINTR_VECTOR(0xff));
}

void svm_run(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;
	struct cpu *cpu = this_cpu();
	uint8_t tpr = vlapic_get_tpr(v) >> 4;
	uint64_t offered;

	svm_prepare_event(v);
	c->vintr = (c->vintr & ~VINTR_TPR_MASK) | tpr;
	/* From here on another CPU that changes what concerns us sends an interrupt (guest_tlb_flush). */
	(void)__atomic_exchange_n(&cpu->in_guest, true, __ATOMIC_SEQ_CST);
	if (unlikely(READ_ONCE(cpu->pending))) {
		WRITE_ONCE(cpu->in_guest, false);
		svm_cancel_event(c);
		return;
	}
	svm_assign_asid(v);
	offered = interrupt_offer(c);
	c->rax = sv->regs.rax;
	c->rsp = sv->regs.rsp;
	c->rip = sv->regs.rip;
	c->rflags = sv->regs.rflags;
	epoch_leave();

	svm_enter(&sv->regs, sv->vmcb_addr.v, svm_host_vmcb().v);

	epoch_enter();
	WRITE_ONCE(cpu->exits, cpu->exits + 1);
	WRITE_ONCE(cpu->in_guest, false);
	interrupt_take_back(c, offered);
	/* CR8 is the guest's without an exit; the local APIC's TPR is the same register. */
	if (unlikely((c->vintr & VINTR_TPR_MASK) != tpr))
		vlapic_set_tpr(v, (uint8_t)((c->vintr & VINTR_TPR_MASK) << 4));
	sv->regs.rax = c->rax;
	sv->regs.rsp = c->rsp;
	sv->regs.rip = c->rip;
	sv->regs.rflags = c->rflags;
	svm_handle_exit(v);
}
