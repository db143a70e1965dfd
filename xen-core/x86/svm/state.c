/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's register state: at reset, and as the HVM save record has it. */
#include "hvm/vlapic.h"
#include "lib/string.h"
#include "x86/regs.h"
#include "x86/svm/svm.h"

#define CR4_ALLOWED 0x3f0fffUL /* without VMXE and LA57 */

/* As after INIT, in 32-bit flat mode is for the builder to set; this is the CPU's own reset state. */
void svm_reset_state(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;

	fpu_init_image(sv);
	memset(&sv->regs, 0, sizeof(sv->regs));
	sv->regs.rip = 0xfff0;
	sv->regs.rflags = 2;
	sv->pending_event = 0;
	sv->asid_generation = 0; /* a new ASID: what the TLB knows is of the vCPU's life before */
	for (unsigned int i = 0; i < SEG_COUNT; i++)
		c->seg[i] = (struct guest_segment) { 0, 0x093, 0xffff, 0 };
	c->seg[SEG_CS] = (struct guest_segment) { 0xf000, 0x09b, 0xffff, 0xffff0000 };
	c->seg[SEG_LDTR].attr = 0x082;
	c->seg[SEG_TR].attr = 0x08b;
	c->cpl = 0;
	c->efer = EFER_SVME;
	c->cr0 = CR0_ET;
	c->cr3 = c->cr4 = c->cr2 = 0;
	c->dr6 = 0xffff0ff0;
	c->dr7 = 0x400;
	c->int_shadow = 0;
	svm_intercept(c, VMEXIT_IRET, false);
	memset(sv->dr, 0, sizeof(sv->dr));
}

/* What VMRUN would refuse (APM § 15.5.1), and what the core does not let guests have. */
static bool valid_state(const struct hvm_hw_cpu *in)
{
	bool paging = in->cr0 & CR0_PG, pae = in->cr4 & CR4_PAE, lme = in->msr_efer & EFER_LME;
	bool lma = in->msr_efer & EFER_LMA;

	if ((in->cr0 >> 32) || ((in->cr0 & CR0_NW) && !(in->cr0 & CR0_CD)) ||
	    (paging && !(in->cr0 & CR0_PE)))
		return false;
	if (in->cr4 & ~CR4_ALLOWED)
		return false;
	if (in->msr_efer & ~EFER_GUEST)
		return false;
	if ((lme && paging && !pae) || lma != (lme && paging))
		return false;
	if (lma && (in->cs_arbytes & 1U << 9) && (in->cs_arbytes & 1U << 10))
		return false;
	return !(in->dr6 >> 32) && !(in->dr7 >> 32) && !(in->cr3 >> 52);
}

int svm_set_hvm_cpu(struct vcpu *v, const struct hvm_hw_cpu *in)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct vmcb *c = sv->vmcb;

	if (!valid_state(in))
		return -EINVAL;
	svm_reset_state(v);
	if (in->flags & XEN_X86_FPU_INITIALISED) {
		memcpy(sv->fpu, in->fpu_regs, sizeof(in->fpu_regs));
		*(uint32_t *)(sv->fpu + 24) &= 0xffbf; /* reserved MXCSR bits fault */
	}
#define SET_REG(r) sv->regs.r = in->r;
	GUEST_REGS(SET_REG)
	c->cr0 = in->cr0;
	c->cr2 = in->cr2;
	c->cr3 = in->cr3;
	c->cr4 = in->cr4;
	c->dr6 = in->dr6;
	c->dr7 = in->dr7;
	c->sysenter_cs = in->sysenter_cs;
	c->sysenter_esp = in->sysenter_esp;
	c->sysenter_eip = in->sysenter_eip;
	c->kernel_gs_base = in->shadow_gs;
	c->lstar = in->msr_lstar;
	c->star = in->msr_star;
	c->cstar = in->msr_cstar;
	c->sfmask = in->msr_syscall_mask;
#define SET_SEG(from, nr)                                                             \
	c->seg[nr] = (struct guest_segment) { (uint16_t)in->from##_sel,               \
					      (uint16_t)(in->from##_arbytes & 0xfff), \
					      in->from##_limit, in->from##_base }
	SET_SEG(cs, SEG_CS);
	SET_SEG(ds, SEG_DS);
	SET_SEG(es, SEG_ES);
	SET_SEG(fs, SEG_FS);
	SET_SEG(gs, SEG_GS);
	SET_SEG(ss, SEG_SS);
	SET_SEG(tr, SEG_TR);
	SET_SEG(ldtr, SEG_LDTR);
	sv->dr[0] = in->dr0;
	sv->dr[1] = in->dr1;
	sv->dr[2] = in->dr2;
	sv->dr[3] = in->dr3;
	c->seg[SEG_IDTR] = (struct guest_segment) { 0, 0, in->idtr_limit, in->idtr_base };
	c->seg[SEG_GDTR] = (struct guest_segment) { 0, 0, in->gdtr_limit, in->gdtr_base };
	c->efer = in->msr_efer | EFER_SVME;
	c->cpl = c->seg[SEG_SS].attr >> 5 & 3;
	c->cr0 |= CR0_ET;
	sv->regs.rflags = (in->rflags & 0x3f7fd7UL) | 2;
	return 0;
}

/* Real mode at @vector << 12, as after a start-up IPI. The vCPU is down. */
void vcpu_start_sipi(struct vcpu *v, uint8_t vector)
{
	struct svm_vcpu *sv = svm_vcpu(v);

	svm_reset_state(v);
	sv->regs.rip = 0;
	sv->vmcb->seg[SEG_CS].sel = (uint16_t)(vector << 8);
	sv->vmcb->seg[SEG_CS].base = (uint64_t)vector << 12;
}
