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
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#define NO_SUBLEAF	      XEN_CPUID_NO_SUBLEAF

/* What the tools' library can hold; a leaf above these is not described to guests. */
#define BASIC_LAST	      0xdu
#define CACHE_LAST	      5u
#define FEAT_LAST	      2u
#define TOPOLOGY_LAST	      1u
#define EXT_LAST	      0x80000021u

#define MSR_PLATFORM_INFO     0xceu
#define MSR_ARCH_CAPABILITIES 0x10au

static struct cpu_policy raw_policy, max_policy, default_policy;
static uint32_t hidden[CPU_FEATURE_WORDS];

static uint32_t *reg_of(xen_cpuid_leaf_t *l, unsigned int reg)
{
	return reg == 0 ? &l->a : reg == 1 ? &l->b : reg == 2 ? &l->c : &l->d;
}

const xen_cpuid_leaf_t *cpu_policy_find(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
	unsigned int lo = 0, hi = p->nr_leaves;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const xen_cpuid_leaf_t *l = &p->leaf[mid];

		if (l->leaf == leaf && l->subleaf == subleaf)
			return l;
		if (l->leaf < leaf || (l->leaf == leaf && l->subleaf < subleaf))
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

xen_cpuid_leaf_t *cpu_policy_find_mutable(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
	return (xen_cpuid_leaf_t *)cpu_policy_find(p, leaf, subleaf);
}

uint32_t *cpu_policy_feature_reg(struct cpu_policy *p, unsigned int word)
{
	const struct feature_word *w = &feature_words[word];
	xen_cpuid_leaf_t *l = cpu_policy_find_mutable(p, w->leaf, w->subleaf);

	return l ? reg_of(l, w->reg) : NULL;
}

bool cpu_policy_has(const struct cpu_policy *p, unsigned int feature)
{
	const uint32_t *reg = cpu_policy_feature_reg((struct cpu_policy *)p, feature / 32);

	return reg && (*reg >> (feature % 32)) & 1;
}

void cpu_policy_feature_assign(struct cpu_policy *p, unsigned int feature, bool on)
{
	uint32_t *reg = cpu_policy_feature_reg(p, feature / 32), bit = 1u << (feature % 32);

	if (reg)
		*reg = on ? *reg | bit : *reg & ~bit;
}

void cpu_policy_hide(unsigned int feature)
{
	hidden[feature / 32] |= 1u << (feature % 32);
}

/*
 * The set of leaves.
 */

static void append(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf, const uint32_t r[4])
{
	if (p->nr_leaves < CPU_POLICY_MAX_LEAVES)
		p->leaf[p->nr_leaves++] =
			(xen_cpuid_leaf_t) { leaf, subleaf, r[0], r[1], r[2], r[3] };
}

/* A leaf of policy @s (zero where it has none), or of the host when that is NULL. */
static void fetch(const struct cpu_policy *s, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	const xen_cpuid_leaf_t *l;

	memset(r, 0, 4 * sizeof(r[0]));
	if (!s) {
		arch_cpuid(leaf, subleaf == NO_SUBLEAF ? 0 : subleaf, r);
		return;
	}
	l = cpu_policy_find(s, leaf, subleaf);
	if (l) {
		r[0] = l->a;
		r[1] = l->b;
		r[2] = l->c;
		r[3] = l->d;
	}
}

/* Leaves 4 and 0xb: entries up to the first without a type, that one included. */
static void append_typed(struct cpu_policy *p, const struct cpu_policy *s, uint32_t leaf,
			 uint32_t last)
{
	for (uint32_t sub = 0; sub <= last; sub++) {
		uint32_t r[4];

		fetch(s, leaf, sub, r);
		append(p, leaf, sub, r);
		if (!(leaf == 4 ? r[0] & 0x1f : r[2] & 0xff00))
			return;
	}
}

static void append_features(struct cpu_policy *p, const struct cpu_policy *s)
{
	uint32_t r[4], last;

	fetch(s, 7, 0, r);
	last = min(r[0], FEAT_LAST);
	append(p, 7, 0, r);
	for (uint32_t sub = 1; sub <= last; sub++) {
		fetch(s, 7, sub, r);
		append(p, 7, sub, r);
	}
}

static void append_xstate(struct cpu_policy *p, const struct cpu_policy *s)
{
	uint32_t r[4], states;

	fetch(s, 0xd, 0, r);
	states = r[0] & XSTATE_ALLOWED;
	append(p, 0xd, 0, r);
	fetch(s, 0xd, 1, r);
	append(p, 0xd, 1, r);
	for (uint32_t sub = 2; states >> sub; sub++) {
		memset(r, 0, sizeof(r));
		if ((states >> sub) & 1)
			fetch(s, 0xd, sub, r);
		append(p, 0xd, sub, r);
	}
}

/* Fills @p's leaves from @s, in the order and number that the tools' library makes of them. */
static void fill(struct cpu_policy *p, const struct cpu_policy *s)
{
	static const uint32_t zero[4];
	uint32_t r[4], last;

	p->nr_leaves = 0;
	fetch(s, 0, NO_SUBLEAF, r);
	r[0] = last = min(r[0], BASIC_LAST);
	append(p, 0, NO_SUBLEAF, r);
	for (uint32_t leaf = 1; leaf <= last; leaf++) {
		if (leaf == 4) {
			append_typed(p, s, 4, CACHE_LAST);
		} else if (leaf == 7) {
			append_features(p, s);
		} else if (leaf == 0xb) {
			append_typed(p, s, 0xb, TOPOLOGY_LAST);
		} else if (leaf == 0xd) {
			append_xstate(p, s);
		} else {
			fetch(s, leaf, NO_SUBLEAF, r);
			append(p, leaf, NO_SUBLEAF, r);
		}
	}
	append(p, HV_FIRST, NO_SUBLEAF, zero);
	append(p, HV2_FIRST, NO_SUBLEAF, zero);
	fetch(s, EXT_FIRST, NO_SUBLEAF, r);
	if (r[0] < EXT_FIRST)
		r[0] = EXT_FIRST;
	r[0] = last = min(r[0], EXT_LAST);
	append(p, EXT_FIRST, NO_SUBLEAF, r);
	for (uint32_t leaf = EXT_FIRST + 1; leaf <= last; leaf++) {
		fetch(s, leaf, NO_SUBLEAF, r);
		append(p, leaf, NO_SUBLEAF, r);
	}
}

static void fill_msrs(struct cpu_policy *p)
{
	p->nr_msrs = 2;
	p->msr[0] = (xen_msr_entry_t) { .idx = MSR_PLATFORM_INFO };
	p->msr[1] = (xen_msr_entry_t) { .idx = MSR_ARCH_CAPABILITIES };
}

/* The most that guests may see: the host's values under the allow-list, with what is emulated. */
static void derive_max(void)
{
	static struct cpu_policy allowed;

	allowed = raw_policy;
	for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++) {
		uint32_t *reg = cpu_policy_feature_reg(&allowed, w),
			 mask = feature_words[w].allowed;

		if (w == 2)
			mask |= FEATURES_COMMON_1D;
		if (reg)
			*reg &= mask & ~hidden[w];
	}
	/* Emulated, or a matter of the tools' choice, whatever the host has. */
	cpu_policy_feature_assign(&allowed, XEN_X86_FEATURE_APIC, true);
	cpu_policy_feature_assign(&allowed, XEN_X86_FEATURE_X2APIC, true);
	cpu_policy_feature_assign(&allowed, XEN_X86_FEATURE_HYPERVISOR, true);
	cpu_policy_feature_assign(&allowed, XEN_X86_FEATURE_HTT, true);
	cpu_policy_feature_assign(&allowed, XEN_X86_FEATURE_CMP_LEGACY, true);
	cpu_policy_normalise(&allowed, &allowed);
	fill(&max_policy, &allowed);
	fill_msrs(&max_policy);
}

void cpu_policy_boot(void)
{
	fill(&raw_policy, NULL);
	fill_msrs(&raw_policy);
	derive_max();
	default_policy = max_policy;
	for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++) {
		uint32_t *reg = cpu_policy_feature_reg(&default_policy, w);

		if (reg)
			*reg &= ~feature_words[w].opt_in;
	}
	/* How many logical processors there are is the tools' to say. */
	cpu_policy_find_mutable(&default_policy, 1, NO_SUBLEAF)->b &= 0x0000ff00;
	if (cpu_policy_find_mutable(&default_policy, EXT_FIRST + 8, NO_SUBLEAF))
		cpu_policy_find_mutable(&default_policy, EXT_FIRST + 8, NO_SUBLEAF)->c = 0;
}

int cpu_policy_system(unsigned int index, const struct cpu_policy **out)
{
	switch (index) {
	case POLICY_RAW:
	case POLICY_HOST:
		*out = &raw_policy;
		return 0;
	case POLICY_HVM_MAX:
		*out = &max_policy;
		return 0;
	case POLICY_HVM_DEFAULT:
		*out = &default_policy;
		return 0;
	case POLICY_PV_MAX:
	case POLICY_PV_DEFAULT:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

unsigned int cpu_featureset(unsigned int index, uint32_t *words, unsigned int nr)
{
	static const struct cpu_policy *const sets[] = {
		[XEN_SYSCTL_cpu_featureset_raw] = &raw_policy,
		[XEN_SYSCTL_cpu_featureset_host] = &raw_policy,
		[XEN_SYSCTL_cpu_featureset_hvm] = &default_policy,
		[XEN_SYSCTL_cpu_featureset_hvm_max] = &max_policy,
	};
	unsigned int w;

	if (index >= ARRAY_SIZE(sets) || !sets[index])
		return 0;
	for (w = 0; w < CPU_FEATURE_WORDS && w < nr; w++) {
		const uint32_t *reg = cpu_policy_feature_reg((struct cpu_policy *)sets[index], w);

		words[w] = reg ? *reg : 0;
	}
	return CPU_FEATURE_WORDS;
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
		cpu_policy_feature_assign(p, XEN_X86_FEATURE_ITSC, true);
	d->cpu_policy = p;
	return 0;
}

void cpu_policy_free(struct domain *d)
{
	xfree(d->cpu_policy);
	d->cpu_policy = NULL;
}

/* Can any policy hold this leaf? */
static bool leaf_in_range(const xen_cpuid_leaf_t *l)
{
	if (l->leaf == 4)
		return l->subleaf <= CACHE_LAST;
	if (l->leaf == 7)
		return l->subleaf <= FEAT_LAST;
	if (l->leaf == 0xb)
		return l->subleaf <= TOPOLOGY_LAST;
	if (l->leaf == 0xd)
		return l->subleaf <= 62;
	if (l->subleaf != NO_SUBLEAF)
		return false;
	return l->leaf <= BASIC_LAST || l->leaf == HV_FIRST || l->leaf == HV2_FIRST ||
	       (l->leaf >= EXT_FIRST && l->leaf <= EXT_LAST);
}

static bool leaf_before(const xen_cpuid_leaf_t *a, const xen_cpuid_leaf_t *b)
{
	return a->leaf < b->leaf || (a->leaf == b->leaf && a->subleaf < b->subleaf);
}

/* Replaces the entry of @p for @l, or adds it in its place. */
static int merge_leaf(struct cpu_policy *p, const xen_cpuid_leaf_t *l)
{
	xen_cpuid_leaf_t *have = cpu_policy_find_mutable(p, l->leaf, l->subleaf);
	unsigned int i;

	if (have) {
		*have = *l;
		return 0;
	}
	if (p->nr_leaves == CPU_POLICY_MAX_LEAVES)
		return -E2BIG;
	for (i = p->nr_leaves; i > 0 && leaf_before(l, &p->leaf[i - 1]); i--)
		p->leaf[i] = p->leaf[i - 1];
	p->leaf[i] = *l;
	p->nr_leaves++;
	return 0;
}

/* A limit (highest leaf or sub-leaf) may not exceed the host's. */
static bool leaf_limit_ok(const xen_cpuid_leaf_t *l)
{
	const xen_cpuid_leaf_t *m;

	if (l->leaf != 0 && l->leaf != EXT_FIRST && !(l->leaf == 7 && l->subleaf == 0))
		return true;
	m = cpu_policy_find(&max_policy, l->leaf, l->subleaf);
	if (!m)
		return l->a == 0;
	return l->a <= m->a && (l->leaf != EXT_FIRST || l->a == 0 || l->a >= EXT_FIRST);
}

static int merge_leaves(struct cpu_policy *p, const xen_cpuid_leaf_t *leaves, uint32_t nr,
			uint32_t *err_leaf, uint32_t *err_subleaf)
{
	for (uint32_t i = 0; i < nr; i++) {
		int rc = !leaf_in_range(&leaves[i])   ? -ERANGE
			 : !leaf_limit_ok(&leaves[i]) ? -EINVAL
						      : merge_leaf(p, &leaves[i]);

		if (rc) {
			*err_leaf = leaves[i].leaf;
			*err_subleaf = leaves[i].subleaf;
			return rc;
		}
	}
	return 0;
}

static int merge_msrs(struct cpu_policy *p, const xen_msr_entry_t *msrs, uint32_t nr,
		      uint32_t *err_msr)
{
	for (uint32_t i = 0; i < nr; i++) {
		unsigned int at;

		for (at = 0; at < p->nr_msrs && p->msr[at].idx != msrs[i].idx; at++)
			;
		*err_msr = msrs[i].idx;
		if (at == p->nr_msrs)
			return -ERANGE;
		if (msrs[i].flags || (msrs[i].val & ~max_policy.msr[at].val))
			return -EINVAL;
		p->msr[at].val = msrs[i].val;
	}
	*err_msr = ~0u;
	return 0;
}

int cpu_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
		   const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t *err_leaf,
		   uint32_t *err_subleaf, uint32_t *err_msr)
{
	struct cpu_policy *merged, *final;
	int rc;

	*err_leaf = *err_subleaf = *err_msr = ~0u;
	if (READ_ONCE(d->state) != DOMAIN_BUILDING)
		return -EEXIST;
	if (nr_leaves > CPU_POLICY_MAX_LEAVES || nr_msrs > CPU_POLICY_MAX_MSRS)
		return -E2BIG;
	merged = xmalloc(sizeof(*merged));
	final = xmalloc(sizeof(*final));
	rc = merged && final ? 0 : -ENOMEM;
	if (!rc) {
		*merged = *d->cpu_policy;
		rc = merge_leaves(merged, leaves, nr_leaves, err_leaf, err_subleaf);
	}
	if (!rc)
		rc = merge_msrs(merged, msrs, nr_msrs, err_msr);
	if (!rc) {
		cpu_policy_normalise(merged, &max_policy);
		*final = *merged;
		fill(final, merged);
		cpu_policy_find_mutable(final, HV_FIRST, NO_SUBLEAF)->a =
			cpu_policy_find_mutable(merged, HV_FIRST, NO_SUBLEAF)->a;
		spin_lock(&d->lock);
		*d->cpu_policy = *final;
		spin_unlock(&d->lock);
	}
	xfree(final);
	xfree(merged);
	return rc;
}
