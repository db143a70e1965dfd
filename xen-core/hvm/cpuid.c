/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID policies: derivation from the host and changes by the tools. Every policy of a domain is
 * the tools' wish passed through normalise(), so that it can't exceed the maximum policy.
 *
 * No lock: the system's policies are written at boot only; a domain's changes while it is being
 * built, under LOCK_DOMAIN, and is read by its own vCPUs when it runs.
 */
#include "hvm/cpu_features.h"
#include "domain/domain.h"
#include "hvm/cpuid.h"
#include "mm/heap.h"

#define NO_SUBLEAF     XEN_CPUID_NO_SUBLEAF

/* What the tools' library can hold; a leaf above these is not described to guests. */
#define BASIC_LAST     0xdu
#define FEAT_LAST      2u
#define XSTATE_LAST    62u
#define EXT_LAST       0x80000021u

/* Leaf 0, ebx. */
#define VENDOR_AMD_EBX 0x68747541u

/* XSAVE components that guests may use, but for x87 and SSE. */
#define XSTATE_AVX     0x4u
#define XSTATE_AVX512  0xe0u

static struct cpu_policy raw_policy, max_policy, default_policy;
static uint32_t hidden[CPU_FEATURE_WORDS];

/* As strchr() does, it leaves to the caller whether the entry may be changed. */
xen_cpuid_leaf_t *cpu_policy_find(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
	const xen_cpuid_leaf_t *l = p->leaf;

	for (unsigned int i = 0; i < cpuid_nr_runs; l += cpuid_runs[i++].count) {
		const struct cpuid_run *run = &cpuid_runs[i];

		if (!run->subleaves && leaf - run->leaf < run->count)
			return (xen_cpuid_leaf_t *)l + (leaf - run->leaf);
		if (run->subleaves && leaf == run->leaf)
			return subleaf < run->count ? (xen_cpuid_leaf_t *)l + subleaf : NULL;
	}
	return NULL;
}

/* The register that holds feature word @word. */
static uint32_t *feature_reg(const struct cpu_policy *p, unsigned int word)
{
	const struct feature_word *w = &feature_words[word];
	xen_cpuid_leaf_t *l = cpu_policy_find(p, w->leaf, w->subleaf);

	return w->reg == 0 ? &l->a : w->reg == 1 ? &l->b : w->reg == 2 ? &l->c : &l->d;
}

uint32_t cpu_policy_feature_word(const struct cpu_policy *p, unsigned int word)
{
	return *feature_reg(p, word);
}

bool cpu_policy_has(const struct cpu_policy *p, unsigned int feature)
{
	return (cpu_policy_feature_word(p, feature / 32) >> (feature % 32)) & 1;
}

static void feature_assign(struct cpu_policy *p, unsigned int feature, bool on)
{
	uint32_t *reg = feature_reg(p, feature / 32), bit = 1u << (feature % 32);

	*reg = on ? *reg | bit : *reg & ~bit;
}

void cpu_policy_hide(unsigned int feature)
{
	hidden[feature / 32] |= 1u << (feature % 32);
}

/* Is the leaf of entry @l, which is one of @p's, above @p's limits? */
static bool above_limits(const struct cpu_policy *p, const xen_cpuid_leaf_t *l)
{
	if (l->leaf == 7 && l->subleaf > cpu_policy_find(p, 7, 0)->a)
		return true;
	if (l->leaf >= EXT_FIRST)
		return l->leaf > cpu_policy_find(p, EXT_FIRST, 0)->a;
	return l->leaf < HV_FIRST && l->leaf > cpu_policy_find(p, 0, 0)->a;
}

/*
 * Normalisation: what a guest may see of the values in a policy, given the maximum policy.
 */

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
	xen_cpuid_leaf_t *l = cpu_policy_find(p, 0xd, 0);
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

/* Brings @p within @limit, by the rules of cpuid_runs and what depends on what. */
static void normalise(struct cpu_policy *p, const struct cpu_policy *limit)
{
	bool amd = cpu_policy_find(limit, 0, 0)->b == VENDOR_AMD_EBX;
	unsigned int slot = 0;
	uint32_t *e1d;

	for (unsigned int i = 0; i < cpuid_nr_runs; i++)
		for (unsigned int n = 0; n < cpuid_runs[i].count; n++, slot++)
			normalise_leaf(&p->leaf[slot], &limit->leaf[slot], cpuid_runs[i].rule);
	for (unsigned int i = 0; i < ARRAY_SIZE(dependencies); i++)
		if (!cpu_policy_has(p, dependencies[i].needs))
			feature_assign(p, dependencies[i].feature, false);
	normalise_xstate(p);
	e1d = feature_reg(p, 2);
	*e1d &= ~FEATURES_COMMON_1D;
	if (amd)
		*e1d |= cpu_policy_feature_word(p, 0) & FEATURES_COMMON_1D;
	feature_assign(p, XEN_X86_FEATURE_HYPERVISOR, true);
	for (slot = 0; slot < CPU_POLICY_LEAVES; slot++)
		if (above_limits(p, &p->leaf[slot]))
			clear(&p->leaf[slot]);
}

/*
 * The system's policies.
 */

/* The host's leaves. Limits come before what they limit. */
static void read_host(struct cpu_policy *p)
{
	xen_cpuid_leaf_t *l = p->leaf;

	for (unsigned int i = 0; i < cpuid_nr_runs; i++) {
		const struct cpuid_run *run = &cpuid_runs[i];

		for (uint32_t n = 0; n < run->count; n++, l++) {
			uint32_t r[4] = { 0 };

			l->leaf = run->subleaves ? run->leaf : run->leaf + n;
			l->subleaf = run->subleaves ? n : NO_SUBLEAF;
			l->a = ~0u; /* no limit is above itself */
			if (!above_limits(p, l) && (l->leaf & ~0xfffu) != HV_FIRST)
				arch_cpuid(l->leaf, run->subleaves ? n : 0, r);
			*l = (xen_cpuid_leaf_t) { l->leaf, l->subleaf, r[0], r[1], r[2], r[3] };
		}
	}
	l = p->leaf;
	l->a = min(l->a, BASIC_LAST);
	l = cpu_policy_find(p, 7, 0);
	l->a = min(l->a, FEAT_LAST);
	l = cpu_policy_find(p, EXT_FIRST, 0);
	l->a = min(l->a, EXT_LAST);
}

/* The most that guests may see: the host's values under the allow-list, with what is emulated. */
static void derive_max(struct cpu_policy *p)
{
	/* Emulated, or a matter of the tools' choice, whatever the host has. */
	static const unsigned int always[] = { XEN_X86_FEATURE_APIC, XEN_X86_FEATURE_X2APIC,
					       XEN_X86_FEATURE_HYPERVISOR, XEN_X86_FEATURE_HTT,
					       XEN_X86_FEATURE_CMP_LEGACY };

	*p = raw_policy;
	for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++)
		*feature_reg(p, w) &=
			(feature_words[w].allowed | (w == 2 ? FEATURES_COMMON_1D : 0)) & ~hidden[w];
	for (unsigned int i = 0; i < ARRAY_SIZE(always); i++)
		feature_assign(p, always[i], true);
	normalise(p, p);
}

void cpu_policy_boot(void)
{
	read_host(&raw_policy);
	derive_max(&max_policy);
	default_policy = max_policy;
	for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++)
		*feature_reg(&default_policy, w) &= ~feature_words[w].opt_in;
	/* How many logical processors there are is the tools' to say. */
	cpu_policy_find(&default_policy, 1, 0)->b &= 0x0000ff00;
	cpu_policy_find(&default_policy, EXT_FIRST + 8, 0)->c = 0;
}

const struct cpu_policy *cpu_policy_system(unsigned int index)
{
	static const struct cpu_policy *const policies[] = {
		[XEN_SYSCTL_cpu_policy_raw] = &raw_policy,
		[XEN_SYSCTL_cpu_policy_host] = &raw_policy,
		[XEN_SYSCTL_cpu_policy_hvm_max] = &max_policy,
		[XEN_SYSCTL_cpu_policy_hvm_default] = &default_policy,
	};

	return index < ARRAY_SIZE(policies) ? policies[index] : NULL;
}

/*
 * Domains.
 */

int cpu_policy_init(struct domain *d)
{
	struct cpu_policy *p = xmalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = default_policy;
	if (d->privileged && cpu_policy_has(&max_policy, XEN_X86_FEATURE_ITSC))
		feature_assign(p, XEN_X86_FEATURE_ITSC, true);
	d->cpu_policy = p;
	return 0;
}

void cpu_policy_free(struct domain *d)
{
	xfree(d->cpu_policy);
	d->cpu_policy = NULL;
}

/* Replaces the entry of @p for @l. A limit (highest leaf or sub-leaf) may not exceed the host's. */
static int replace_leaf(struct cpu_policy *p, const xen_cpuid_leaf_t *l)
{
	xen_cpuid_leaf_t *have = cpu_policy_find(p, l->leaf, l->subleaf);

	/* Components of XSAVE that no guest has: described in vain. */
	if (!have && l->leaf == 0xd && l->subleaf <= XSTATE_LAST)
		return 0;
	if (!have || have->subleaf != l->subleaf)
		return -ERANGE;
	if ((l->leaf == 0 || l->leaf == EXT_FIRST || (l->leaf == 7 && l->subleaf == 0)) &&
	    l->a > cpu_policy_find(&max_policy, l->leaf, l->subleaf)->a)
		return -EINVAL;
	if (l->leaf == EXT_FIRST && l->a != 0 && l->a < EXT_FIRST)
		return -EINVAL;
	*have = *l;
	return 0;
}

int cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *op)
{
	struct cpu_policy *p;
	xen_cpuid_leaf_t leaf;
	int rc = 0;

	op->err_leaf = op->err_subleaf = op->err_msr = ~0u;
	if (op->nr_leaves > CPU_POLICY_LEAVES || op->nr_msrs)
		return -E2BIG;
	if (READ_ONCE(d->state) != DOMAIN_BUILDING)
		return -EEXIST;
	p = xmalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = *d->cpu_policy;
	for (uint32_t i = 0; i < op->nr_leaves && !rc; i++) {
		rc = guest_read_elem(&leaf, op->leaves, i);
		if (rc)
			break;
		rc = replace_leaf(p, &leaf);
		if (rc) {
			op->err_leaf = leaf.leaf;
			op->err_subleaf = leaf.subleaf;
		}
	}
	if (!rc) {
		normalise(p, &max_policy);
		spin_lock(&d->lock);
		*d->cpu_policy = *p;
		spin_unlock(&d->lock);
	}
	xfree(p);
	return rc;
}
