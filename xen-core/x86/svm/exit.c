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
 * The guest goes on behind the intercepted instruction @what (enum insn_plain), out of an interrupt
 * shadow. Without next-RIP saving the instruction is decoded, but for VMMCALL: it stands in hypercall pages
 * alone, without prefixes, and a walk of the guest's tables would double the cost of a hypercall.
 * A guest that puts prefixes before its own VMMCALL goes on in the middle of it.
 */
static void svm_skip(struct vcpu *v, unsigned int what)
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

static void exit_cpuid(struct vcpu *v, unsigned int arg)
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

static void exit_msr(struct vcpu *v, unsigned int arg)
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
static void exit_io(struct vcpu *v, unsigned int arg)
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
	hvm_pio(v, (uint16_t)(info >> 16), size, !in, &value);
	if (in) {
		/* Of these sizes, 4 bytes alone clear the rest of the register. */
		uint64_t mask = size == 4 ? ~0UL : (1UL << 8 * size) - 1;

		sv->regs.rax = (sv->regs.rax & ~mask) | (value & mask);
	}
	sv->regs.rip = sv->vmcb->exitinfo2;
	sv->vmcb->int_shadow = 0;
}

static void exit_hypercall(struct vcpu *v, unsigned int arg)
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
static void exit_dr(struct vcpu *v, unsigned int arg)
{
	struct svm_vcpu *sv = svm_vcpu(v);

	asm volatile("mov %0, %%dr0\n\tmov %1, %%dr1\n\tmov %2, %%dr2\n\tmov %3, %%dr3"
		     :
		     : "r"(sv->dr[0]), "r"(sv->dr[1]), "r"(sv->dr[2]), "r"(sv->dr[3]));
	sv->dr_loaded = true;
	sv->vmcb->intercepts[VMEXIT_DR_READ / 32] = 0;
}

static void exit_machine_check(struct vcpu *v, unsigned int arg)
{
	panic("machine check while %u ran", v->domain->id);
}

static void exit_xsetbv(struct vcpu *v, unsigned int arg)
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

static void exit_interrupt(struct vcpu *v, unsigned int arg)
{
	irq_window();
}

/*
 * An NMI was taken when GIF was set, an SMI is the firmware's own and it has had it by now. At an
 * interrupt window the next entry gives the guest its interrupt.
 */
static void exit_done(struct vcpu *v, unsigned int arg)
{
}

/* The NMI's handler is at its end: the shadow keeps the next one off it. */
static void exit_iret(struct vcpu *v, unsigned int arg)
{
	svm_intercept(svm_vcpu(v)->vmcb, VMEXIT_IRET, false);
	svm_vcpu(v)->vmcb->int_shadow |= 1;
}

static void exit_hlt(struct vcpu *v, unsigned int arg)
{
	svm_skip(v, INSN_HLT);
	vcpu_hlt(v);
}

/* An error code of these is 0. */
static void exit_fault(struct vcpu *v, unsigned int vector)
{
	svm_inject_exception(v, vector, vector < TRAP_TS ? -1 : 0);
}

static void exit_shutdown(struct vcpu *v, unsigned int arg)
{
	svm_triple_fault(v);
}

static void exit_crash(struct vcpu *v, unsigned int arg)
{
	const struct vmcb *c = svm_vcpu(v)->vmcb;

	domain_crash(v->domain, "vCPU %u: exit %lx, rip %lx cr0 %lx cr4 %lx efer %lx", v->id,
		     c->exitcode, c->rip, c->cr0, c->cr4, c->efer);
}

/* What is intercepted, and what is done then. */
static const struct {
	void (*handle)(struct vcpu *v, unsigned int arg);
	unsigned int arg;
} exits[] = {
	[VMEXIT_DR_READ... VMEXIT_DR_READ + 31] = { exit_dr },
	/* #DB and #AC: a guest that makes their delivery fault for ever must not keep the CPU. */
	[VMEXIT_EXCEPTION + TRAP_DB] = { exit_fault, TRAP_DB }, /* the CPU has set dr6 */
	[VMEXIT_EXCEPTION + TRAP_AC] = { exit_fault, TRAP_AC },
	[VMEXIT_EXCEPTION + TRAP_MC] = { exit_machine_check },
	[VMEXIT_INTR] = { exit_interrupt },
	[VMEXIT_NMI] = { exit_done },
	[VMEXIT_SMI] = { exit_done },
	[VMEXIT_INIT] = { exit_crash },
	[VMEXIT_VINTR] = { exit_done }, /* when svm_offer_interrupt() asks for it */
	[VMEXIT_RDPMC] = { exit_fault, TRAP_GP },
	[VMEXIT_CPUID] = { exit_cpuid },
	[VMEXIT_IRET] = { exit_iret }, /* while an NMI is handled */
	/* No device of the guest's looks past the caches. */
	[VMEXIT_INVD] = { svm_skip, INSN_INVD },
	[VMEXIT_HLT] = { exit_hlt },
	/* Guests do not have this instruction, nor the others that are #UD. */
	[VMEXIT_INVLPGA] = { exit_fault, TRAP_UD },
	[VMEXIT_IOIO] = { exit_io },
	[VMEXIT_MSR] = { exit_msr },
	[VMEXIT_TASK] = { exit_crash },
	[VMEXIT_FERR] = { exit_crash },
	[VMEXIT_SHUTDOWN] = { exit_shutdown },
	[VMEXIT_VMRUN] = { exit_fault, TRAP_UD },
	[VMEXIT_VMMCALL] = { exit_hypercall },
	[VMEXIT_VMMCALL + 1 ... VMEXIT_SKINIT] = { exit_fault, TRAP_UD },
	[VMEXIT_WBINVD] = { svm_skip, INSN_WBINVD },
	[VMEXIT_MONITOR... VMEXIT_MWAIT_C] = { exit_fault, TRAP_UD },
	[VMEXIT_XSETBV] = { exit_xsetbv },
	[VMEXIT_RDPRU] = { exit_fault, TRAP_UD },
};

void svm_init_intercepts(struct vmcb *c)
{
	for (unsigned int exit = 0; exit < ARRAY_SIZE(exits); exit++)
		svm_intercept(c, exit, exits[exit].handle);
	svm_intercept(c, VMEXIT_VINTR, false);
	svm_intercept(c, VMEXIT_IRET, false);
}

void svm_handle_exit(struct vcpu *v)
{
	uint64_t exit = svm_vcpu(v)->vmcb->exitcode;

	if (exit < ARRAY_SIZE(exits) && exits[exit].handle)
		exits[exit].handle(v, exits[exit].arg);
	else if (exit == VMEXIT_NPF)
		exit_npf(v);
	else /* a state that the CPU can't run (code -1) */
		exit_crash(v, 0);
}
