/* SPDX-License-Identifier: BSD-2-Clause */
/* The MSRs whose value is hardware state of the vCPU; all others are hvm/'s. */
#include "domain/domain.h"
#include "hvm/cpuid.h"
#include "x86/regs.h"
#include "x86/svm/svm.h"

static bool write_efer(struct vmcb *c, uint64_t value)
{
	uint64_t old = c->efer;

	if (value & ~EFER_GUEST)
		return false;
	/* LME can't change while paging is on; LMA follows by itself. */
	if ((c->cr0 & CR0_PG) && ((value ^ old) & EFER_LME))
		return false;
	c->efer = (value & ~EFER_LMA) | (old & EFER_LMA) | EFER_SVME;
	return true;
}

static bool write_pat(struct vmcb *c, uint64_t value)
{
	for (unsigned int i = 0; i < 8; i++) {
		uint8_t type = (uint8_t)(value >> 8 * i);

		if (type == 2 || type == 3 || type > 7)
			return false;
	}
	c->g_pat = value;
	return true;
}

static bool has_tsc_aux(const struct vcpu *v)
{
	return svm_features.tsc_aux &&
	       cpu_policy_has(v->domain->cpu_policy, XEN_X86_FEATURE_RDTSCP);
}

bool svm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const struct vmcb *c = svm_vcpu(v)->vmcb;

	switch (msr) {
	case MSR_EFER:
		*value = c->efer & ~EFER_SVME;
		return true;
	case MSR_PAT:
		*value = c->g_pat;
		return true;
	case MSR_TSC_AUX:
		*value = svm_vcpu(v)->tsc_aux;
		return has_tsc_aux(v);
	default:
		return hvm_rdmsr(v, msr, value);
	}
}

bool svm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	struct vmcb *c = svm_vcpu(v)->vmcb;

	switch (msr) {
	case MSR_EFER:
		return write_efer(c, value);
	case MSR_PAT:
		return write_pat(c, value);
	case MSR_TSC:
		c->tsc_offset = value - __builtin_ia32_rdtsc();
		vcpu_set_tsc_offset(v, c->tsc_offset);
		return true;
	case MSR_TSC_AUX:
		if (!has_tsc_aux(v) || value >> 32)
			return false;
		svm_vcpu(v)->tsc_aux = value;
		wrmsr(MSR_TSC_AUX, value);
		return true;
	default:
		return hvm_wrmsr(v, msr, value);
	}
}
