/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Normalisation of a CPUID policy: what a guest may see of the values in it, given the maximum
 * policy. Pure functions; callers serialise changes to a policy.
 */
#include "hvm/cpu_features.h"
#include "hvm/cpuid.h"

enum kind {
	ZERO, /* not described to guests, or made when the guest asks */
	MAX,  /* as in the maximum policy */
	AND,  /* features: not more than the maximum's */
	FREE, /* description only: the tools may say what they like */
};

static const struct rule {
	uint32_t first, last;
	uint8_t kind[4];
} rules[] = {
	{ 0x0, 0x0, { FREE, MAX, MAX, MAX } }, /* its limit is checked by cpu_policy_set() */
	{ 0x1, 0x1, { FREE, FREE, AND, AND } },
	{ 0x2, 0x2, { FREE, FREE, FREE, FREE } },
	{ 0x4, 0x4, { FREE, FREE, FREE, FREE } },
	{ 0x7, 0x7, { AND, AND, AND, AND } }, /* .a of sub-leaf 0: see normalise_leaf() */
	{ 0xd, 0xd, { AND, MAX, MAX, MAX } }, /* see normalise_xstate() */
	{ HV_FIRST, HV_FIRST, { FREE, ZERO, ZERO, ZERO } },
	{ EXT_FIRST, EXT_FIRST, { FREE, MAX, MAX, MAX } },
	{ EXT_FIRST + 1, EXT_FIRST + 1, { FREE, ZERO, AND, AND } },
	{ EXT_FIRST + 2, EXT_FIRST + 6, { FREE, FREE, FREE, FREE } },
	{ EXT_FIRST + 7, EXT_FIRST + 7, { ZERO, ZERO, ZERO, AND } },
	{ EXT_FIRST + 8, EXT_FIRST + 8, { FREE, AND, FREE, ZERO } },
	{ EXT_FIRST + 0x19, EXT_FIRST + 0x1a, { FREE, FREE, FREE, FREE } },
	{ EXT_FIRST + 0x21, EXT_FIRST + 0x21, { AND, ZERO, AND, ZERO } },
};

static uint32_t bounded(uint8_t kind, uint32_t value, uint32_t maximum)
{
	switch (kind) {
	case MAX:
		return maximum;
	case AND:
		return value & maximum;
	case FREE:
		return value;
	default:
		return 0;
	}
}

static void normalise_leaf(xen_cpuid_leaf_t *l, const struct cpu_policy *limit)
{
	static const uint8_t all_zero[4] = { ZERO, ZERO, ZERO, ZERO };
	static const uint8_t all_max[4] = { MAX, MAX, MAX, MAX };
	static const xen_cpuid_leaf_t none;
	const xen_cpuid_leaf_t *m = cpu_policy_find(limit, l->leaf, l->subleaf);
	const uint8_t *kind = all_zero;

	if (!m)
		m = &none;
	for (unsigned int i = 0; i < ARRAY_SIZE(rules); i++)
		if (l->leaf >= rules[i].first && l->leaf <= rules[i].last)
			kind = rules[i].kind;
	if (l->leaf == 0xd && l->subleaf >= 2)
		kind = all_max;
	if (l->leaf == 7 && l->subleaf == 0)
		l->a = min(l->a, m->a);
	else
		l->a = bounded(kind[0], l->a, m->a);
	l->b = bounded(kind[1], l->b, m->b);
	l->c = bounded(kind[2], l->c, m->c);
	l->d = bounded(kind[3], l->d, m->d);
	if (l->leaf == 7 && l->subleaf == 2) /* features in edx alone */
		l->a = l->b = l->c = 0;
	if (l->leaf == 1) /* no APIC id; cache-line size of the host; logical processors free */
		l->b = (l->b & 0x00ff0000) | (m->b & 0x0000ff00);
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
	NEEDS(X2APIC, APIC), NEEDS(TSC_DEADLINE, APIC), NEEDS(LM, PAE), NEEDS(PCID, LM),
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

/* Components of XSAVE that the policy's features need, and the size of their area. */
static void normalise_xstate(struct cpu_policy *p)
{
	xen_cpuid_leaf_t *l0 = cpu_policy_find_mutable(p, 0xd, 0),
			 *l1 = cpu_policy_find_mutable(p, 0xd, 1);
	uint32_t states = 0x3, size = 512 + 64;
	bool on = cpu_policy_has(p, XEN_X86_FEATURE_XSAVE);

	if (!l0 || !l1)
		return;
	if (cpu_policy_has(p, XEN_X86_FEATURE_AVX))
		states |= XSTATE_AVX;
	if (cpu_policy_has(p, XEN_X86_FEATURE_AVX512F))
		states |= XSTATE_AVX512;
	states = on ? l0->a & states : 0;
	for (unsigned int i = 0; i < p->nr_leaves; i++) {
		xen_cpuid_leaf_t *l = &p->leaf[i];

		if (l->leaf != 0xd || l->subleaf < 2)
			continue;
		if (((uint64_t)states >> l->subleaf) & 1)
			size = max(size, l->a + l->b); /* size and offset */
		else
			l->a = l->b = l->c = l->d = 0;
	}
	if (!on)
		size = 0;
	*l0 = (xen_cpuid_leaf_t) { 0xd, 0, states, size, size, 0 };
	*l1 = (xen_cpuid_leaf_t) { 0xd, 1, on ? l1->a : 0, l1->a ? size : 0, 0, 0 };
}

/* Brings @p within @limit; see rules[]. */
void cpu_policy_normalise(struct cpu_policy *p, const struct cpu_policy *limit)
{
	uint32_t *e1d, *d1;
	bool amd = cpu_policy_find_mutable(p, 0, XEN_CPUID_NO_SUBLEAF)->b == VENDOR_AMD_EBX;

	for (unsigned int i = 0; i < p->nr_leaves; i++)
		normalise_leaf(&p->leaf[i], limit);
	for (unsigned int i = 0; i < ARRAY_SIZE(dependencies); i++)
		if (!cpu_policy_has(p, dependencies[i].needs))
			cpu_policy_feature_assign(p, dependencies[i].feature, false);
	normalise_xstate(p);
	e1d = cpu_policy_feature_reg(p, 2);
	d1 = cpu_policy_feature_reg(p, 0);
	if (e1d && d1)
		*e1d = (*e1d & ~FEATURES_COMMON_1D) | (amd ? *d1 & FEATURES_COMMON_1D : 0);
	cpu_policy_feature_assign(p, XEN_X86_FEATURE_HYPERVISOR, true);
}
