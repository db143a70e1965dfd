/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD SVM: what the CPU has, switching it on, a vCPU's control block, entering it, and the table. */
#include "x86/svm/svm.h"
#include "hvm/vlapic.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/p2m.h"
#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/regs.h"

#define CPUID_SVM_FEATURES 0x8000000a

struct svm_features svm_features;

/* All ones: everything is intercepted. The I/O map passes nothing to anybody. */
static uint8_t iopm[12288] __attribute__((aligned(PAGE_SIZE)));
static uint8_t msrpm[8192] __attribute__((aligned(PAGE_SIZE)));

/* Host state that VMLOAD restores after each exit, and the save area that VMRUN uses. */
static struct svm_cpu {
	maddr_t host_vmcb;
	uint32_t next_asid;
	uint64_t generation;
} svm_cpus[MAX_CPUS];

/* MSRs that VMLOAD/VMSAVE switch, so that the guest may use the CPU's own. */
static const uint32_t passed_msrs[] = {
	MSR_STAR,    MSR_LSTAR,		 MSR_CSTAR,	  MSR_SFMASK,	    MSR_FS_BASE,
	MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

#define PASS_READ  1U
#define PASS_WRITE 2U

/* Each MSR has two bits in one of the map's first two parts (APM vol. 2 § 15.11). */
static void msrpm_pass(uint32_t msr, unsigned int accesses)
{
	uint32_t bit = (msr & 0x1fff) * 2;

	msrpm[(msr >= 0xc0000000 ? 0x800 : 0) + bit / 8] &= (uint8_t) ~(accesses << (bit % 8));
}

static void svm_probe(void)
{
	uint32_t r[4];

	cpuid(0x80000001, 0, r);
	if (!(r[2] & 1U << 2))
		panic("this CPU has no SVM; Bulkhead needs it");
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		panic("SVM is switched off by the firmware: switch it on in the setup");
	svm_features.tsc_aux = r[3] & 1U << 27;
	cpuid(CPUID_SVM_FEATURES, 0, r);
	if (!(r[3] & 1))
		panic("this CPU's SVM has no nested paging; Bulkhead needs it");
	svm_features.nrip_save = r[3] & 1U << 3;
	svm_features.asids = r[1];
	memset(iopm, 0xff, sizeof(iopm));
	memset(msrpm, 0xff, sizeof(msrpm));
	for (unsigned int i = 0; i < ARRAY_SIZE(passed_msrs); i++)
		msrpm_pass(passed_msrs[i], PASS_READ | PASS_WRITE);
	msrpm_pass(MSR_TSC, PASS_READ);
	fpu_boot();
	printk("SVM: nested paging, %u ASIDs%s\n", svm_features.asids,
	       svm_features.nrip_save ? ", next-RIP" : "");
}

static void svm_cpu_enable(void)
{
	struct svm_cpu *cpu = &svm_cpus[smp_id()];
	void *hsave = core_pages_alloc(0), *host = core_pages_alloc(0);

	if (!hsave || !host)
		panic("no memory for CPU %u to run guests", smp_id());
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, mfn_to_maddr(core_va_to_mfn(hsave)).v);
	cpu->host_vmcb = mfn_to_maddr(core_va_to_mfn(host));
	asm volatile("vmsave %0" : : "a"(cpu->host_vmcb.v) : "memory");
	cpu->next_asid = 1;
	cpu->generation = smp_id() + 1;
}

static void init_controls(struct vcpu *v)
{
	struct vmcb *c = svm_vcpu(v)->vmcb;

	svm_init_intercepts(c);
	c->iopm = (uint64_t)iopm - IMAGE_VIRT;
	c->msrpm = (uint64_t)msrpm - IMAGE_VIRT;
	c->tsc_offset = v->tsc_offset;
	c->vintr = VINTR_MASKING;
	c->np_enable = 1;
	c->n_cr3 = p2m_root(&v->domain->p2m).v;
	c->g_pat = 0x0007040600070406UL;
}

static void svm_vcpu_free(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);

	if (!sv)
		return;
	if (sv->vmcb)
		core_pages_free(sv->vmcb);
	/* Its registers may hold secrets, and a free page may stay mapped. */
	memset(sv, 0, sizeof(*sv));
	core_pages_free(sv);
	v->vm = NULL;
}

static int svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *sv = core_pages_alloc(0);

	v->vm = sv;
	if (sv)
		sv->vmcb = core_pages_alloc(0);
	if (!sv || !sv->vmcb)
		return -ENOMEM;
	sv->vmcb_addr = mfn_to_maddr(core_va_to_mfn(sv->vmcb));
	init_controls(v);
	svm_reset_state(v);
	return 0;
}

static void svm_switch_to(struct vcpu *v)
{
	fpu_load(svm_vcpu(v));
	if (svm_features.tsc_aux)
		wrmsr(MSR_TSC_AUX, svm_vcpu(v)->tsc_aux);
}

static void svm_switch_from(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);

	fpu_save(sv);
	if (sv->dr_loaded) {
		asm volatile("mov %%dr0, %0\n\tmov %%dr1, %1\n\tmov %%dr2, %2\n\tmov %%dr3, %3"
			     : "=r"(sv->dr[0]), "=r"(sv->dr[1]), "=r"(sv->dr[2]), "=r"(sv->dr[3]));
		sv->dr_loaded = false;
		sv->vmcb->intercepts[VMEXIT_DR_READ / 32] = ~0U;
	}
}

/*
 * Each CPU hands out ASIDs; when they are used up it starts again with a flush. A vCPU keeps its
 * ASID as long as it stays on the CPU, the CPU in the same generation, and what its domain's nested
 * page tables allowed is still allowed: what a TLB holds under the old ASID is never used again.
 */
static void assign_asid(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_vcpu(v);
	struct svm_cpu *cpu = &svm_cpus[smp_id()];
	uint64_t epoch = __atomic_load_n(&v->domain->p2m.tlb_epoch, __ATOMIC_SEQ_CST);

	sv->vmcb->tlb_control = 0;
	if (sv->asid_generation == cpu->generation && sv->tlb_epoch == epoch)
		return;
	if (cpu->next_asid >= svm_features.asids) {
		cpu->next_asid = 1;
		cpu->generation += MAX_CPUS;
		sv->vmcb->tlb_control = TLB_FLUSH_ALL;
	}
	sv->vmcb->asid = cpu->next_asid++;
	sv->asid_generation = cpu->generation;
	sv->tlb_epoch = epoch;
}

/* Enters the guest: the last look at pending work, and the way back. */
static void svm_run(struct vcpu *v)
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
		return;
	}
	assign_asid(v);
	offered = svm_offer_interrupt(v);
	c->vintr = (c->vintr & ~VINTR_TPR_MASK) | tpr;
	c->rax = sv->regs.rax;
	c->rsp = sv->regs.rsp;
	c->rip = sv->regs.rip;
	c->rflags = sv->regs.rflags;
	epoch_leave();

	svm_enter(&sv->regs, sv->vmcb_addr.v, svm_cpus[cpu->id].host_vmcb.v);

	epoch_enter();
	WRITE_ONCE(cpu->exits, cpu->exits + 1);
	WRITE_ONCE(cpu->in_guest, false);
	svm_take_back_events(v, offered);
	/* CR8 is the guest's without an exit; the local APIC's TPR is the same register. */
	if (unlikely((c->vintr & VINTR_TPR_MASK) != tpr))
		vlapic_set_tpr(v, (uint8_t)((c->vintr & VINTR_TPR_MASK) << 4));
	sv->regs.rax = c->rax;
	sv->regs.rsp = c->rsp;
	sv->regs.rip = c->rip;
	sv->regs.rflags = c->rflags;
	svm_handle_exit(v);
}

static struct guest_regs *svm_regs(struct vcpu *v)
{
	return &svm_vcpu(v)->regs;
}

static void svm_get_control(struct vcpu *v, struct guest_control *out)
{
	const struct svm_vcpu *sv = svm_vcpu(v);
	const struct vmcb *c = sv->vmcb;

	*out = (struct guest_control) {
		.cr0 = c->cr0,
		.cr2 = c->cr2,
		.cr3 = c->cr3,
		.cr4 = c->cr4,
		.efer = c->efer & ~EFER_SVME,
		.xcr0 = sv->xcr0,
		.cpl = c->cpl,
		.long_mode = svm_long_mode_active(sv),
	};
}

static void svm_get_segment(struct vcpu *v, unsigned int seg, struct guest_segment *out)
{
	*out = svm_vcpu(v)->vmcb->seg[seg];
}

static const struct vm_ops svm_ops = {
	.probe = svm_probe,
	.cpu_enable = svm_cpu_enable,
	.vcpu_init = svm_vcpu_init,
	.vcpu_free = svm_vcpu_free,
	.run = svm_run,
	.switch_to = svm_switch_to,
	.switch_from = svm_switch_from,
	.regs = svm_regs,
	.get_control = svm_get_control,
	.get_segment = svm_get_segment,
	.set_hvm_cpu = svm_set_hvm_cpu,
	.inject_exception = svm_inject_exception,
};

const struct vm_ops *vm_ops = &svm_ops;
