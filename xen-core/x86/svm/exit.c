/* SPDX-License-Identifier: BSD-2-Clause */
/* Why the guest stopped, and what is done about it (AMD APM vol. 2, appendix C). */
#include "hypercall/hypercall.h"
#include "lib/printk.h"
#include "mm/p2m.h"
#include "sched/sched.h"
#include "x86/regs.h"
#include "x86/svm/svm.h"

#define NPF_WRITE 2
#define NPF_FETCH 16

/*
 * Without next-RIP saving the instruction is decoded, but for VMMCALL: it stands in hypercall pages
 * alone, without prefixes, and a walk of the guest's tables would double the cost of a hypercall.
 * A guest that puts prefixes before its own VMMCALL goes on in the middle of it.
 */
void svm_skip(struct vcpu *v, enum insn_op what)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	unsigned int len = 3;

	if (svm_features.nrip_save && sv->vmcb->nrip)
		len = (unsigned int)(sv->vmcb->nrip - sv->regs.rip);
	else if (what != INSN_VMMCALL)
		len = hvm_insn_length(v, what);
	if (!len) {
		/* Another vCPU has changed the code under it. */
		svm_inject_exception(v, TRAP_UD, -1);
		return;
	}
	sv->regs.rip += len;
	if (!svm_long_mode_active(sv))
		sv->regs.rip &= 0xffffffffUL;
	sv->vmcb->int_shadow = 0;
}

static void exit_cpuid(struct vcpu *v)
{
	struct guest_regs *r = &svm_vcpu(v)->regs;
	uint32_t out[4];

	hvm_cpuid(v, (uint32_t)r->rax, (uint32_t)r->rcx, out);
	r->rax = out[0];
	r->rbx = out[1];
	r->rcx = out[2];
	r->rdx = out[3];
	svm_skip(v, INSN_CPUID);
}

static void exit_msr(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct guest_regs *r = &sv->regs;
	uint64_t value = (r->rdx << 32) | (uint32_t)r->rax;
	bool write = sv->vmcb->exitinfo1, ok;

	if (write)
		ok = svm_wrmsr(v, (uint32_t)r->rcx, value);
	else
		ok = svm_rdmsr(v, (uint32_t)r->rcx, &value);
	if (!ok) {
		svm_inject_exception(v, TRAP_GP, 0);
		return;
	}
	if (!write) {
		r->rax = (uint32_t)value;
		r->rdx = value >> 32;
	}
	svm_skip(v, write ? INSN_WRMSR : INSN_RDMSR);
}

/* EXITINFO1: port 31:16, size 6:4, repeat 3, string 2, in 0. EXITINFO2: the next rip. */
static void exit_io(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	uint64_t info = sv->vmcb->exitinfo1;
	unsigned int size = info >> 4 & 7;
	uint32_t value = (uint32_t)sv->regs.rax;
	bool in = info & 1;

	if (info & 1U << 2) {
		/* No port that a string could be meant for is there. */
		svm_inject_exception(v, TRAP_GP, 0);
		return;
	}
	if (!hvm_pio(v, (uint16_t)(info >> 16), size, !in, &value))
		value = ~0U;
	if (in) {
		uint64_t mask = size == 4 ? ~0UL : (1UL << 8 * size) - 1;

		sv->regs.rax = (sv->regs.rax & ~mask) | (value & mask);
		if (size == 4)
			sv->regs.rax = value;
	}
	sv->regs.rip = sv->vmcb->exitinfo2;
	sv->vmcb->int_shadow = 0;
}

static void exit_hypercall(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct guest_regs *r = &sv->regs;
	struct hypercall_args args = { { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 } };
	long rc;

	if (sv->vmcb->cpl != 0)
		rc = -EPERM;
	else if (!svm_long_mode_active(sv))
		rc = -ENOSYS; /* the 32-bit ABI is not offered yet */
	else
		rc = hypercall_dispatch(r->rax, &args);
	if (rc == -ERESTART_CALL) {
		r->rdi = args.a[0];
		r->rsi = args.a[1];
		r->rdx = args.a[2];
		r->r10 = args.a[3];
		return;
	}
	r->rax = (uint64_t)rc;
	svm_skip(v, INSN_VMMCALL);
}

static void exit_npf(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	uint64_t error = sv->vmcb->exitinfo1;
	gpa_t gpa = { sv->vmcb->exitinfo2 };
	struct p2m_entry e = p2m_lookup(&v->domain->p2m, gpa_to_gfn(gpa));
	bool write = error & NPF_WRITE;

	/* Another vCPU has mapped it meanwhile: try again. */
	if (e.type == P2M_RAM ||
	    ((e.type == P2M_SHARED_RW || e.type == P2M_FOREIGN || e.type == P2M_GRANT_RW) &&
	     !(error & NPF_FETCH)) ||
	    ((e.type == P2M_RAM_RO || e.type == P2M_GRANT_RO) && !write && !(error & NPF_FETCH)))
		return;
	if ((error & NPF_FETCH) || !hvm_mmio(v, gpa, write))
		domain_crash(v->domain,
			     "vCPU %u: access to %lx outside its memory, rip %lx, error %lx", v->id,
			     gpa.v, sv->regs.rip, error);
}

/* The guest's own debug registers go into the CPU at its first access to them. */
static void exit_dr(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);

	asm volatile("mov %0, %%dr0\n\tmov %1, %%dr1\n\tmov %2, %%dr2\n\tmov %3, %%dr3"
		     :
		     : "r"(sv->dr[0]), "r"(sv->dr[1]), "r"(sv->dr[2]), "r"(sv->dr[3]));
	sv->dr_loaded = true;
	sv->vmcb->dr_read = sv->vmcb->dr_write = 0;
}

/* #DB: dr6 has been set by the CPU. */
static void exit_debug(struct vcpu *v)
{
	svm_inject_exception(v, TRAP_DB, -1);
}

static void exit_alignment(struct vcpu *v)
{
	svm_inject_exception(v, TRAP_AC, (int64_t)svm_vcpu(v)->vmcb->exitinfo1);
}

static void exit_machine_check(struct vcpu *v)
{
	panic("machine check while %u ran", v->domain->id);
}

static void exit_xsetbv(struct vcpu *v)
{
	struct guest_regs *r = &svm_vcpu(v)->regs;

	if (svm_vcpu(v)->vmcb->cpl == 0 &&
	    fpu_set_xcr0(v, (uint32_t)r->rcx, (r->rdx << 32) | (uint32_t)r->rax))
		svm_skip(v, INSN_XSETBV);
	else
		svm_inject_exception(v, TRAP_GP, 0);
}

void svm_triple_fault(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);

	printk_ratelimited(KERN_WARNING "d%uv%u: triple fault, rip %lx\n", v->domain->id, v->id,
			   sv->regs.rip);
	/* As a PC does. */
	domain_shutdown(v->domain, SHUTDOWN_reboot);
}

static void exit_interrupt(struct vcpu *v)
{
	irq_window();
}

/*
 * An NMI was taken when GIF was set, an SMI is the firmware's own and it has had it by now. At an
 * interrupt window the next entry gives the guest its interrupt.
 */
static void exit_done(struct vcpu *v)
{
}

/* The NMI's handler is at its end: the shadow keeps the next one off it. */
static void exit_iret(struct vcpu *v)
{
	svm_vcpu(v)->vmcb->intercept1 &= ~INTERCEPT(VMEXIT_IRET);
	svm_vcpu(v)->vmcb->int_shadow |= 1;
}

static void exit_hlt(struct vcpu *v)
{
	svm_skip(v, INSN_HLT);
	vcpu_hlt(v);
}

/* No device of the guest's looks past the caches. */
static void exit_invd(struct vcpu *v)
{
	svm_skip(v, INSN_INVD);
}

static void exit_wbinvd(struct vcpu *v)
{
	svm_skip(v, INSN_WBINVD);
}

static void exit_rdpmc(struct vcpu *v)
{
	svm_inject_exception(v, TRAP_GP, 0);
}

/* Instructions that guests do not have. */
static void exit_undefined(struct vcpu *v)
{
	svm_inject_exception(v, TRAP_UD, -1);
}

static void (*const handlers[])(struct vcpu *v) = {
	[VMEXIT_DR_READ... VMEXIT_DR_READ + 31] = exit_dr,
	[VMEXIT_EXCEPTION + TRAP_DB] = exit_debug,
	[VMEXIT_EXCEPTION + TRAP_AC] = exit_alignment,
	[VMEXIT_EXCEPTION + TRAP_MC] = exit_machine_check,
	[VMEXIT_INTR] = exit_interrupt,
	[VMEXIT_NMI] = exit_done,
	[VMEXIT_SMI] = exit_done,
	[VMEXIT_VINTR] = exit_done,
	[VMEXIT_RDPMC] = exit_rdpmc,
	[VMEXIT_CPUID] = exit_cpuid,
	[VMEXIT_IRET] = exit_iret,
	[VMEXIT_INVD] = exit_invd,
	[VMEXIT_HLT] = exit_hlt,
	[VMEXIT_INVLPGA] = exit_undefined,
	[VMEXIT_IOIO] = exit_io,
	[VMEXIT_MSR] = exit_msr,
	[VMEXIT_SHUTDOWN] = svm_triple_fault,
	[VMEXIT_VMRUN] = exit_undefined,
	[VMEXIT_VMMCALL] = exit_hypercall,
	[VMEXIT_VMMCALL + 1 ... VMEXIT_SKINIT] = exit_undefined,
	[VMEXIT_WBINVD] = exit_wbinvd,
	[VMEXIT_MONITOR... VMEXIT_MWAIT_C] = exit_undefined,
	[VMEXIT_XSETBV] = exit_xsetbv,
	[VMEXIT_RDPRU] = exit_undefined,
};

void svm_handle_exit(struct vcpu *v)
{
	const struct vmcb *c = svm_vcpu(v)->vmcb;

	if (c->exitcode < ARRAY_SIZE(handlers) && handlers[c->exitcode])
		handlers[c->exitcode](v);
	else if (c->exitcode == VMEXIT_NPF)
		exit_npf(v);
	else /* a task switch, or a state that the CPU can't run (code -1) */
		domain_crash(v->domain, "vCPU %u: exit %lx, rip %lx cr0 %lx cr4 %lx efer %lx",
			     v->id, c->exitcode, c->rip, c->cr0, c->cr4, c->efer);
}
