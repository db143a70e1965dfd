/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering a guest: the last look at pending work, and the way back. */
#include "hvm/vlapic.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "x86/cpu.h"
#include "x86/loop.h"
#include "x86/regs.h"
#include "x86/svm/svm.h"

void svm_run(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;
	struct cpu *cpu = this_cpu();
	uint8_t tpr = vlapic_get_tpr(v) >> 4;
	int offered;

	svm_prepare_event(v);
	/* From here on another CPU that changes what concerns us sends an interrupt (guest_tlb_flush). */
	(void)__atomic_exchange_n(&cpu->in_guest, true, __ATOMIC_SEQ_CST);
	if (unlikely(READ_ONCE(cpu->pending))) {
		WRITE_ONCE(cpu->in_guest, false);
		svm_cancel_event(c);
		return;
	}
	svm_assign_asid(v);
	offered = svm_offer_interrupt(v);
	c->vintr = (c->vintr & ~VINTR_TPR_MASK) | tpr;
	c->rax = sv->regs.rax;
	c->rsp = sv->regs.rsp;
	c->rip = sv->regs.rip;
	c->rflags = sv->regs.rflags;
	epoch_leave();

	svm_enter(&sv->regs, sv->vmcb_addr.v, svm_host_vmcb().v);

	epoch_enter();
	WRITE_ONCE(cpu->exits, cpu->exits + 1);
	WRITE_ONCE(cpu->in_guest, false);
	if (unlikely(offered >= 0))
		svm_take_back_interrupt(v, offered);
	/* CR8 is the guest's without an exit; the local APIC's TPR is the same register. */
	if (unlikely((c->vintr & VINTR_TPR_MASK) != tpr))
		vlapic_set_tpr(v, (uint8_t)((c->vintr & VINTR_TPR_MASK) << 4));
	sv->regs.rax = c->rax;
	sv->regs.rsp = c->rsp;
	sv->regs.rip = c->rip;
	sv->regs.rflags = c->rflags;
	svm_handle_exit(v);
}
