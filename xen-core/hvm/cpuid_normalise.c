/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Normalisation of a CPUID policy: what a guest may see of the values in it, given the maximum
 * policy. Pure functions; callers serialise changes to a policy.
 */
#include "hvm/cpu_features.h"
#include "hvm/cpuid.h"

static uint32_t bounded(uint8_t rule, uint32_t value, uint32_t maximum)
{
	switch (rule) {
	case RULE_MAX:
		return maximum;
	case RULE_AND:
		return value & maximum;
	case RULE_FREE:
		return value;
	default:
		return 0;
	}
}

/* @m: the maximum policy's entry for the same leaf, which may be @l itself. */
static void normalise_leaf(xen_cpuid_leaf_t *l, const xen_cpuid_leaf_t *m, const uint8_t rule[4])
{
	if (l->leaf == 7 && l->subleaf == 0) /* the last sub-leaf */
		l->a = min(l->a, m->a);
	else if (l->leaf == 0xd && l->subleaf >= 2) /* the size of a component */
		l->a = m->a;
	else
		l->a = bounded(rule[0], l->a, m->a);
	l->b = bounded(rule[1], l->b, m->b);
	l->c = bounded(rule[2], l->c, m->c);
	l->d = bounded(rule[3], l->d, m->d);
	if (l->leaf == 7 && l->subleaf == 2) /* features in edx alone */
		l->a = l->b = l->c = 0;
	if (l->leaf == 1) /* no APIC id; cache-line size of the host; logical processors free */
		l->b = (l->b & 0x00ff0000) | (m->b & 0x0000ff00);
	if (l->leaf == EXT_FIRST) /* there is one */
		l->a = max(l->a, EXT_FIRST);
	if (l->leaf == EXT_FIRST + 8) /* physical and linear address widths */
		l->a = min(l->a & 0xff, m->a & 0xff) | (m->a & 0xff00);
}

struct dependency {
	uint16_t feature, needs;
};

/* What can't be had without what; a feature comes after those that it needs. */
/* clang-format off */
#define NEEDS(f, n) { XEN_X86_FEATURE_##f, XEN_X86_FEATURE_##n }
static const struct dependency dependencies[] = {
	NEEDS(X2APIC, APIC), NEEDS(LM, PAE), NEEDS(PCID, LM),
	NEEDS(INVPCID, PCID), NEEDS(LAHF_LM, LM), NEEDS(PAGE1GB, LM), NEEDS(FSGSBASE, LM),
	NEEDS(CX16, LM), NEEDS(RDPID, RDTSCP), NEEDS(AVX, XSAVE), NEEDS(XSAVEOPT, XSAVE),
	NEEDS(XSAVEC, XSAVE), NEEDS(XGETBV1, XSAVE), NEEDS(FMA, AVX), NEEDS(FMA4, AVX),
	NEEDS(F16C, AVX), NEEDS(XOP, AVX), NEEDS(AVX2, AVX), NEEDS(VAES, AVX),
	NEEDS(VPCLMULQDQ, AVX), NEEDS(AVX_VNNI, AVX2), NEEDS(AVX512F, AVX2),
	NEEDS(AVX512DQ, AVX512F), NEEDS(AVX512_IFMA, AVX512F), NEEDS(AVX512PF, AVX512F),
	NEEDS(AVX512ER, AVX512F), NEEDS(AVX512CD, AVX512F), NEEDS(AVX512BW, AVX512F),
	NEEDS(AVX512VL, AVX512F), NEEDS(AVX512_VBMI, AVX512BW), NEEDS(AVX512_VBMI2, AVX512BW),
	NEEDS(AVX512_VNNI, AVX512F), NEEDS(AVX512_BITALG, AVX512BW),
	NEEDS(AVX512_VPOPCNTDQ, AVX512F), NEEDS(AVX512_4VNNIW, AVX512F),
	NEEDS(AVX512_4FMAPS, AVX512F), NEEDS(AVX512_VP2INTERSECT, AVX512F),
	NEEDS(AVX512_BF16, AVX512BW),
};
#undef NEEDS
/* clang-format on */

static void clear(xen_cpuid_leaf_t *l)
{
	l->a = l->b = l->c = l->d = 0;
}

/* Components of XSAVE that the policy's features need, and the size of their area. */
static void normalise_xstate(struct cpu_policy *p)
{
	xen_cpuid_leaf_t *l = cpu_policy_find_mutable(p, 0xd, 0);
	uint32_t states = 0x3, size = 512 + 64;
	bool on = cpu_policy_has(p, XEN_X86_FEATURE_XSAVE);

	if (cpu_policy_has(p, XEN_X86_FEATURE_AVX))
		states |= XSTATE_AVX;
	if (cpu_policy_has(p, XEN_X86_FEATURE_AVX512F))
		states |= XSTATE_AVX512;
	states = on ? l[0].a & states : 0;
	for (uint32_t i = 2; i < XSTATE_SUBLEAVES; i++) {
		if ((states >> i) & 1)
			size = max(size, l[i].a + l[i].b); /* size and offset */
		else
			clear(&l[i]);
	}
	if (!on)
		size = 0;
	l[0] = (xen_cpuid_leaf_t) { 0xd, 0, states, size, size, 0 };
	l[1] = (xen_cpuid_leaf_t) { 0xd, 1, on ? l[1].a : 0, l[1].a ? size : 0, 0, 0 };
}

void cpu_policy_normalise(struct cpu_policy *p, const struct cpu_policy *limit)
{
	bool amd = cpu_policy_find(limit, 0, 0)->b == VENDOR_AMD_EBX;
	unsigned int slot = 0;
	uint32_t *e1d;

	for (unsigned int i = 0; i < cpuid_nr_runs; i++)
		for (unsigned int n = 0; n < cpuid_runs[i].count; n++, slot++)
			normalise_leaf(&p->leaf[slot], &limit->leaf[slot], cpuid_runs[i].rule);
	for (unsigned int i = 0; i < ARRAY_SIZE(dependencies); i++)
		if (!cpu_policy_has(p, dependencies[i].needs))
			cpu_policy_feature_assign(p, dependencies[i].feature, false);
	normalise_xstate(p);
	e1d = cpu_policy_feature_reg(p, 2);
	*e1d &= ~FEATURES_COMMON_1D;
	if (amd)
		*e1d |= cpu_policy_feature_word(p, 0) & FEATURES_COMMON_1D;
	cpu_policy_feature_assign(p, XEN_X86_FEATURE_HYPERVISOR, true);
	for (slot = 0; slot < CPU_POLICY_LEAVES; slot++)
		if (cpu_policy_above_limits(p, &p->leaf[slot]))
			clear(&p->leaf[slot]);
}
