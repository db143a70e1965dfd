/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/8 (CPUID policy): what guests are shown, what the tools may change, Xen's own leaves. */
#include <string.h>
#include "support/fake_hvm.h"
#include "hvm/cpu_features.h"

#define V(n)	  (&fake_vcpus[n])
#define NONE	  XEN_CPUID_NO_SUBLEAF
#define BIT(name) (1u << (XEN_X86_FEATURE_##name % 32))
#define POLICY	  fake_domain.cpu_policy
#define LEAVES	  0x4000 /* where they lie in the caller's memory */

static uint32_t err_leaf, err_subleaf, err_msr;

static const struct cpu_policy *get_system(unsigned int index)
{
	const struct cpu_policy *p = cpu_policy_system(index);

	assert_non_null(p);
	return p;
}

/* A leaf that the policy has not got. */
static void assert_absent(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
	const xen_cpuid_leaf_t *l = cpu_policy_find(p, leaf, subleaf);

	if (l)
		assert_int_equal(l->a | l->b | l->c | l->d, 0);
}

static int set_at(uint64_t at, uint32_t nr_leaves, uint32_t nr_msrs)
{
	struct xen_domctl_cpu_policy op = { .nr_leaves = nr_leaves, .nr_msrs = nr_msrs };
	int rc;

	op.leaves.p = (void *)at;
	rc = cpu_policy_set(&fake_domain, &op);
	err_leaf = op.err_leaf;
	err_subleaf = op.err_subleaf;
	err_msr = op.err_msr;
	return rc;
}

static int set(const xen_cpuid_leaf_t *leaves, uint32_t n)
{
	if (n)
		memcpy(fake_memory + LEAVES, leaves, n * sizeof(*leaves));
	return set_at(LEAVES, n, 0);
}

static void system_policies(void **state)
{
	(void)state;
	assert_null(cpu_policy_system(XEN_SYSCTL_cpu_policy_pv_max));
	assert_null(cpu_policy_system(XEN_SYSCTL_cpu_policy_pv_default));
	assert_null(cpu_policy_system(6));
	assert_int_equal(cpu_policy_find(get_system(XEN_SYSCTL_cpu_policy_raw), 1, NONE)->c,
			 0xfefbba3f);
	assert_int_equal(cpu_policy_find(get_system(XEN_SYSCTL_cpu_policy_host), 0, NONE)->a, 0xd);
	assert_null(cpu_policy_find(get_system(XEN_SYSCTL_cpu_policy_raw), 7, NONE));
	assert_null(cpu_policy_find(get_system(XEN_SYSCTL_cpu_policy_raw), 0xd, 8));
	assert_null(cpu_policy_find(get_system(XEN_SYSCTL_cpu_policy_raw), EXT_FIRST + 0x22, NONE));
	assert_null(cpu_policy_find(get_system(XEN_SYSCTL_cpu_policy_raw), 0xe, NONE));
}

/* The arrays are sorted, and each has an entry for every leaf that the tools' library knows. */
static void serialised_form(void **state)
{
	static const unsigned int all[] = { XEN_SYSCTL_cpu_policy_raw, XEN_SYSCTL_cpu_policy_host,
					    XEN_SYSCTL_cpu_policy_hvm_max,
					    XEN_SYSCTL_cpu_policy_hvm_default };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct cpu_policy *p = get_system(all[i]);
		unsigned int n[6] = { 0 };

		for (unsigned int l = 0; l < CPU_POLICY_LEAVES; l++) {
			const xen_cpuid_leaf_t *e = &p->leaf[l];

			if (l > 0)
				assert_true(e[-1].leaf < e->leaf ||
					    (e[-1].leaf == e->leaf && e[-1].subleaf < e->subleaf));
			assert_ptr_equal(cpu_policy_find(p, e->leaf, e->subleaf), e);
			n[0] += e->leaf < 0x40000000 && e->subleaf == NONE;
			n[1] += e->leaf == 7;
			n[2] += e->leaf == 4;
			n[3] += e->leaf == 0xb;
			n[4] += e->leaf >= 0x80000000;
			n[5] += e->leaf == 0xd;
		}
		assert_int_equal(n[0], 14 - 4);
		assert_int_equal(n[1], 3);
		assert_int_equal(n[2], 6);
		assert_int_equal(n[3], 2);
		assert_int_equal(n[4], 0x22);
		assert_int_equal(n[5], 8);
		assert_int_equal(cpu_policy_find(p, 0x40000000, NONE)->leaf, 0x40000000);
		assert_int_equal(cpu_policy_find(p, 0x40000100, NONE)->leaf, 0x40000100);
		assert_absent(p, 4, 1);
		assert_absent(p, 0xd, 9);
	}
	/* Leaf 0xb is made when the guest asks: an empty entry. */
	assert_absent(get_system(XEN_SYSCTL_cpu_policy_hvm_default), 0xb, 0);
	assert_absent(get_system(XEN_SYSCTL_cpu_policy_hvm_default), 0xb, 1);
}

static void never_offered(void **state)
{
	static const unsigned int never[] = {
		XEN_X86_FEATURE_VMX,	    XEN_X86_FEATURE_SVM,	XEN_X86_FEATURE_MONITOR,
		XEN_X86_FEATURE_TSC_ADJUST, XEN_X86_FEATURE_XSAVES,	XEN_X86_FEATURE_PKU,
		XEN_X86_FEATURE_IBRS,	    XEN_X86_FEATURE_IBPB,	XEN_X86_FEATURE_SSBD,
		XEN_X86_FEATURE_ARCH_CAPS,  XEN_X86_FEATURE_OSXSAVE,	XEN_X86_FEATURE_MPX,
		XEN_X86_FEATURE_RTM,	    XEN_X86_FEATURE_OSVW,	XEN_X86_FEATURE_TOPOEXT,
		XEN_X86_FEATURE_SKINIT,	    XEN_X86_FEATURE_MONITORX,	XEN_X86_FEATURE_EXTAPIC,
		XEN_X86_FEATURE_IBS,	    XEN_X86_FEATURE_NODEID_MSR, XEN_X86_FEATURE_PDCM,
		XEN_X86_FEATURE_DBEXT,	    XEN_X86_FEATURE_AUTO_IBRS,	XEN_X86_FEATURE_OSPKE,
	};
	const struct cpu_policy *max = get_system(XEN_SYSCTL_cpu_policy_hvm_max);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		assert_false(cpu_policy_has(max, never[i]));
		assert_false(
			cpu_policy_has(get_system(XEN_SYSCTL_cpu_policy_hvm_default), never[i]));
	}
	/* Leaves that describe what guests don't get. */
	assert_int_equal(cpu_policy_find(max, 5, NONE)->a, 0);
	assert_int_equal(cpu_policy_find(max, 0x8000000a, NONE)->a, 0);
	assert_int_equal(cpu_policy_find(max, 0x8000001e, NONE)->a, 0);
	assert_int_equal(cpu_policy_find(max, 0x80000007, NONE)->b, 0);
	assert_int_equal(cpu_policy_find(max, 7, 2)->a, 0);
	assert_int_equal(cpu_policy_find(max, 7, 2)->c, 0);
	assert_int_equal(cpu_policy_find(max, 7, 1)->b, 0);
}

static void always_offered(void **state)
{
	const struct cpu_policy *def = get_system(XEN_SYSCTL_cpu_policy_hvm_default);

	(void)state;
	assert_true(cpu_policy_has(def, XEN_X86_FEATURE_HYPERVISOR));
	assert_true(cpu_policy_has(def, XEN_X86_FEATURE_X2APIC)); /* the host may lack it */
	assert_true(cpu_policy_has(def, XEN_X86_FEATURE_APIC));
	assert_true(cpu_policy_has(def, XEN_X86_FEATURE_SSE2));
	assert_true(cpu_policy_has(def, XEN_X86_FEATURE_LM));
	assert_true(cpu_policy_has(def, XEN_X86_FEATURE_SMEP));
	/* AMD repeats leaf 1's bits in the extended leaf. */
	assert_int_equal(cpu_policy_find(def, 0x80000001, NONE)->d & FEATURES_COMMON_1D,
			 cpu_policy_find(def, 1, NONE)->d & FEATURES_COMMON_1D);
}

/* Invariant TSC and hyperthreading are for the tools to give. */
static void opt_in(void **state)
{
	const struct cpu_policy *def = get_system(XEN_SYSCTL_cpu_policy_hvm_default),
				*max = get_system(XEN_SYSCTL_cpu_policy_hvm_max);

	(void)state;
	assert_false(cpu_policy_has(def, XEN_X86_FEATURE_ITSC));
	assert_true(cpu_policy_has(max, XEN_X86_FEATURE_ITSC));
	assert_false(cpu_policy_has(def, XEN_X86_FEATURE_HTT));
	assert_true(cpu_policy_has(max, XEN_X86_FEATURE_HTT));
	assert_int_equal(cpu_policy_find(def, 0x80000008, NONE)->c, 0);
	fake_other.privileged = true; /* the control domain gets it */
	assert_int_equal(cpu_policy_init(&fake_other), 0);
	assert_true(cpu_policy_has(fake_other.cpu_policy, XEN_X86_FEATURE_ITSC));
	cpu_policy_free(&fake_other);
	assert_null(fake_other.cpu_policy);
	fake_host.heap_budget = 0;
	assert_int_equal(cpu_policy_init(&fake_other), -ENOMEM);
}

static void xstate(void **state)
{
	const struct cpu_policy *max = get_system(XEN_SYSCTL_cpu_policy_hvm_max);
	xen_cpuid_leaf_t l = *cpu_policy_find(POLICY, 1, NONE);

	(void)state;
	assert_true(cpu_policy_has(max, XEN_X86_FEATURE_AVX));
	assert_int_equal(cpu_policy_find(max, 0xd, 0)->a, 7); /* not PKRU */
	assert_int_equal(cpu_policy_find(max, 0xd, 0)->b, 0x340);
	assert_int_equal(cpu_policy_find(max, 0xd, 0)->c, 0x340);
	assert_int_equal(cpu_policy_find(max, 0xd, 1)->a, 7); /* not XSAVES */
	l.c &= ~BIT(AVX);
	assert_int_equal(set(&l, 1), 0);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 0)->a, 3);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 0)->c, 576);
	assert_absent(POLICY, 0xd, 2);
	assert_false(cpu_policy_has(POLICY, XEN_X86_FEATURE_AVX2));
	assert_false(cpu_policy_has(POLICY, XEN_X86_FEATURE_FMA));
	l.c &= ~BIT(XSAVE);
	assert_int_equal(set(&l, 1), 0);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 0)->a, 0);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 0)->b, 0);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 1)->a, 0);
}

/* What the hardware part can't give is offered to nobody. Last: it stays hidden. */
static void hidden(void **state)
{
	(void)state;
	cpu_policy_hide(XEN_X86_FEATURE_XSAVE);
	cpu_policy_boot();
	assert_false(
		cpu_policy_has(get_system(XEN_SYSCTL_cpu_policy_hvm_max), XEN_X86_FEATURE_XSAVE));
	assert_false(
		cpu_policy_has(get_system(XEN_SYSCTL_cpu_policy_hvm_max), XEN_X86_FEATURE_AVX2));
	assert_true(cpu_policy_has(get_system(XEN_SYSCTL_cpu_policy_host), XEN_X86_FEATURE_XSAVE));
	assert_int_equal(cpu_policy_find(get_system(XEN_SYSCTL_cpu_policy_hvm_default), 0xd, 0)->a,
			 0);
}

/* As the stock library does: reads the default, changes a few bits, writes all of it back. */
static void set_round_trip(void **state)
{
	struct cpu_policy p = *get_system(XEN_SYSCTL_cpu_policy_hvm_default), before = *POLICY;

	(void)state;
	assert_int_equal(set(p.leaf, CPU_POLICY_LEAVES), 0);
	assert_int_equal(err_leaf, ~0u);
	assert_memory_equal(&before, POLICY, sizeof(before));
	for (unsigned int i = 0; i < CPU_POLICY_LEAVES; i++)
		if (p.leaf[i].leaf == 1)
			p.leaf[i].c &= ~BIT(X2APIC);
	assert_int_equal(set(p.leaf, CPU_POLICY_LEAVES), 0);
	assert_false(cpu_policy_has(POLICY, XEN_X86_FEATURE_X2APIC));
	assert_int_equal(set(NULL, 0), 0);
	assert_false(cpu_policy_has(POLICY, XEN_X86_FEATURE_X2APIC));
}

/* Features above the maximum are dropped, as in Xen, never shown. */
static void set_too_much(void **state)
{
	xen_cpuid_leaf_t l[] = {
		{ 1, NONE, 0x12345678, 0xff040800, ~0u, ~0u },
		{ 5, NONE, 1, 2, 3, 4 },
		{ 7, 0, 2, ~0u, ~0u, ~0u },
		{ 0xd, 0, ~0u, ~0u, ~0u, ~0u },
		{ 0xd, 1, ~0u, ~0u, ~0u, ~0u },
		{ 0xd, 62, ~0u, ~0u, ~0u, ~0u },
		{ 0x80000001, NONE, 0, ~0u, ~0u, ~0u },
		{ 0x80000007, NONE, ~0u, ~0u, ~0u, ~0u },
		{ 0x80000008, NONE, 0x00ffffff, ~0u, 0x3007, ~0u },
		{ 0x8000000a, NONE, ~0u, ~0u, ~0u, ~0u },
		{ 0x80000021, NONE, ~0u, ~0u, ~0u, ~0u },
	};
	const struct cpu_policy *max = get_system(XEN_SYSCTL_cpu_policy_hvm_max);

	(void)state;
	assert_int_equal(set(l, ARRAY_SIZE(l)), 0);
	for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++)
		for (unsigned int bit = 0; bit < 32; bit++)
			if (cpu_policy_has(POLICY, w * 32 + bit))
				assert_true(cpu_policy_has(max, w * 32 + bit));
	assert_int_equal(cpu_policy_find(POLICY, 1, NONE)->a, 0x12345678);
	assert_int_equal(cpu_policy_find(POLICY, 1, NONE)->b, 0x00040800);
	assert_int_equal(cpu_policy_find(POLICY, 5, NONE)->b, 0);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 0)->a, 7);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 0)->c, 0x340);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 1)->d, 0);
	assert_absent(POLICY, 0xd, 62);
	assert_int_equal(cpu_policy_find(POLICY, 0x80000008, NONE)->a, 0x3030);
	assert_int_equal(cpu_policy_find(POLICY, 0x80000008, NONE)->c, 0x3007);
	assert_int_equal(cpu_policy_find(POLICY, 0x8000000a, NONE)->a, 0);
}

static void set_refused(void **state)
{
	static const struct {
		xen_cpuid_leaf_t l;
		int want;
	} bad[] = {
		{ { 0, NONE, 0xe, 0, 0, 0 }, -EINVAL },
		{ { 0, 0, 0, 0, 0, 0 }, -ERANGE },
		{ { 0xe, NONE, 0, 0, 0, 0 }, -ERANGE },
		{ { 4, 6, 0, 0, 0, 0 }, -ERANGE },
		{ { 7, 3, 0, 0, 0, 0 }, -ERANGE },
		{ { 7, 0, 3, 0, 0, 0 }, -EINVAL },
		{ { 0xb, 2, 0, 0, 0, 0 }, -ERANGE },
		{ { 0xd, 63, 0, 0, 0, 0 }, -ERANGE },
		{ { 0xd, NONE, 0, 0, 0, 0 }, -ERANGE },
		{ { 0x40000001, NONE, 0, 0, 0, 0 }, -ERANGE },
		{ { 0x40000000, 0, 0, 0, 0, 0 }, -ERANGE },
		{ { 0x80000000, NONE, 0x80000022, 0, 0, 0 }, -EINVAL },
		{ { 0x80000000, NONE, 0x10, 0, 0, 0 }, -EINVAL },
		{ { 0x80000022, NONE, 0, 0, 0, 0 }, -ERANGE },
		{ { ~0u, NONE, 0, 0, 0, 0 }, -ERANGE },
	};
	struct cpu_policy before = *POLICY;
	xen_cpuid_leaf_t two[2] = { { 1, NONE, 1, 0, 0, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		two[1] = bad[i].l;
		assert_int_equal(set(two, 2), bad[i].want);
		assert_int_equal(err_leaf, bad[i].l.leaf);
		assert_int_equal(err_subleaf, bad[i].l.subleaf);
		assert_int_equal(err_msr, ~0u);
		assert_memory_equal(&before, POLICY, sizeof(before)); /* nothing has changed */
	}
	fake_host.heap_budget = 0;
	assert_int_equal(set(two, 1), -ENOMEM);
	fake_host.heap_budget = -1;
	fake_domain.state = DOMAIN_ALIVE; /* it has run */
	assert_int_equal(set(two, 1), -EEXIST);
}

/* Every sub-leaf of 0xd that there can be is taken, as in Xen; what no guest has is shown to none. */
static void set_all_subleaves(void **state)
{
	static xen_cpuid_leaf_t l[63];

	(void)state;
	for (unsigned int i = 0; i < 63; i++)
		l[i] = (xen_cpuid_leaf_t) { 0xd, 62 - i, 7, 7, 7, 7 };
	assert_int_equal(set(l, 63), 0);
	assert_int_equal(cpu_policy_find(POLICY, 0xd, 2)->a, 0x100);
	for (unsigned int i = 3; i < 64; i++)
		assert_absent(POLICY, 0xd, i);
}

static void set_limits(void **state)
{
	xen_cpuid_leaf_t l[] = { { 0, NONE, 6, 0, 0, 0 }, { 0x80000000, NONE, 0, 0, 0, 0 } };
	uint32_t out[4];

	(void)state;
	assert_int_equal(set(l, 2), 0);
	assert_absent(POLICY, 7, 0);
	assert_absent(POLICY, 0xd, 0);
	assert_absent(POLICY, 0x80000001, NONE);
	assert_false(cpu_policy_has(POLICY, XEN_X86_FEATURE_SMEP));
	hvm_cpuid(V(0), 0, 0, out);
	assert_int_equal(out[0], 6);
	assert_int_equal(out[1], 0x68747541); /* the vendor is not for the tools to change */
	hvm_cpuid(V(0), 7, 0, out);
	assert_int_equal(out[0] | out[1] | out[2] | out[3], 0);
	hvm_cpuid(V(0), 0x80000001, 0, out);
	assert_int_equal(out[0] | out[1] | out[2] | out[3], 0);
}

static void set_other(void **state)
{
	struct cpu_policy before = *POLICY;
	const uint64_t last = sizeof(fake_memory) - sizeof(xen_cpuid_leaf_t);
	xen_cpuid_leaf_t l = { 1, NONE, 1, 0, 0, 0 };

	(void)state;
	assert_int_equal(set(&l, 0), 0);
	memcpy(fake_memory + last, &l, sizeof(l));
	assert_int_equal(set_at(last, 2, 0), -EFAULT);
	assert_int_equal(err_leaf & err_subleaf & err_msr, ~0u);
	assert_int_equal(set_at(LEAVES, CPU_POLICY_LEAVES + 1, 0), -E2BIG);
	assert_int_equal(set_at(LEAVES, 0, 1), -E2BIG); /* policies have no MSRs */
	assert_int_equal(err_msr, ~0u);
	assert_memory_equal(&before, POLICY, sizeof(before));
}

static void features(void **state)
{
	const struct cpu_policy *host = get_system(XEN_SYSCTL_cpu_policy_host),
				*def = get_system(XEN_SYSCTL_cpu_policy_hvm_default),
				*max = get_system(XEN_SYSCTL_cpu_policy_hvm_max);

	(void)state;
	assert_int_equal(cpu_policy_feature_word(host, 1), 0xfefbba3f);
	assert_int_equal(cpu_policy_feature_word(host, 3), 0x35c233ff);
	assert_int_equal(cpu_policy_feature_word(def, 1) & BIT(VMX), 0);
	assert_int_equal(cpu_policy_feature_word(max, 7), BIT(ITSC));
	for (unsigned int w = 16; w < 18; w++) /* of an MSR */
		assert_int_equal(cpu_policy_feature_word(host, w), 0);
	assert_int_equal(cpu_policy_feature_word(max, 18), cpu_policy_find(max, 0x80000021, 0)->c);
}

/* ---- what the guest reads ---- */

static void guest_apic_id(void **state)
{
	uint32_t out[4];

	(void)state;
	hvm_cpuid(V(3), 1, 0, out);
	assert_int_equal(out[1] >> 24, 6);
	assert_true(out[3] & BIT(APIC));
	hvm_cpuid(V(3), 0xb, 1, out);
	assert_int_equal(out[3], 6);
	assert_int_equal(out[2], 1);
	assert_true(vlapic_wrmsr(V(3), 0x1b, 0xfee00000));
	hvm_cpuid(V(3), 1, 0, out);
	assert_false(out[3] & BIT(APIC));
	hvm_cpuid(V(3), 0x80000001, 0, out);
	assert_false(out[3] & BIT(APIC));
	hvm_cpuid(V(2), 0x80000001, 0, out);
	assert_true(out[3] & BIT(APIC));
}

static void guest_osxsave(void **state)
{
	xen_cpuid_leaf_t l = *cpu_policy_find(POLICY, 1, NONE);
	uint32_t out[4];

	(void)state;
	hvm_cpuid(V(0), 1, 0, out);
	assert_false(out[2] & BIT(OSXSAVE));
	fake_state[0].cr4 = 1 << 18;
	hvm_cpuid(V(0), 1, 0, out);
	assert_true(out[2] & BIT(OSXSAVE));
	l.c &= ~BIT(XSAVE);
	assert_int_equal(set(&l, 1), 0);
	hvm_cpuid(V(0), 1, 0, out);
	assert_false(out[2] & BIT(OSXSAVE));
}

/* 0xd: the size is that of what XCR0 switches on, not of all that the policy has. */
static void guest_xsave_size(void **state)
{
	uint32_t out[4];

	(void)state;
	fake_state[0].xcr0 = 1;
	hvm_cpuid(V(0), 0xd, 0, out);
	assert_int_equal(out[0], 7);
	assert_int_equal(out[1], 576);
	assert_int_equal(out[2], 832);
	fake_state[0].xcr0 = 7;
	hvm_cpuid(V(0), 0xd, 0, out);
	assert_int_equal(out[1], 832);
	hvm_cpuid(V(0), 0xd, 1, out);
	assert_int_equal(out[1], 832);
	fake_state[0].xcr0 = 3;
	hvm_cpuid(V(0), 0xd, 1, out);
	assert_int_equal(out[1], 576);
}

static void xen_leaves(void **state)
{
	static const uint32_t sig[3] = { 0x566e6558, 0x65584d4d, 0x4d4d566e };
	uint32_t out[4];

	(void)state;
	hvm_cpuid(V(2), 0x40000000, 0, out);
	assert_int_equal(out[0], 0x40000005);
	assert_memory_equal(&out[1], sig, 12);
	hvm_cpuid(V(2), 0x40000001, 0, out);
	assert_int_equal(out[0], 4 << 16 | 17);
	hvm_cpuid(V(2), 0x40000002, 0, out);
	assert_int_equal(out[0], 1);
	assert_int_equal(out[1], 0x40000000);
	assert_int_equal(out[2] | out[3], 0);
	hvm_cpuid(V(2), 0x40000003, 0, out);
	assert_int_equal(out[2], 1000000);
	hvm_cpuid(V(2), 0x40000003, 1, out);
	assert_int_equal(out[2], 0x80000000);
	assert_int_equal(out[3], 1);
	hvm_cpuid(V(2), 0x40000003, 2, out);
	assert_int_equal(out[0], 1000000);
	hvm_cpuid(V(2), 0x40000003, 3, out);
	assert_int_equal(out[0] | out[1] | out[2] | out[3], 0);
	hvm_cpuid(V(2), 0x40000004, 0, out);
	assert_int_equal(out[0], XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT |
					 XEN_HVM_CPUID_UPCALL_VECTOR);
	assert_int_equal(out[1], 2);
	assert_int_equal(out[2], 5);
	for (uint32_t leaf = 0x40000005; leaf < 0x40000200; leaf++) {
		hvm_cpuid(V(2), leaf, 0, out);
		assert_int_equal(out[0] | out[1] | out[2] | out[3], 0);
	}
	hvm_cpuid(V(2), 0x40000004, 1, out);
	assert_int_equal(out[0], 0);
}

/* The tools may lower the number of Xen's leaves, to 2 at the least. */
static void xen_leaf_limit(void **state)
{
	static const struct {
		uint32_t set, want;
	} limits[] = { { 3, 3 }, { 1, 2 }, { ~0u, 5 }, { 0, 5 } };
	uint32_t out[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		xen_cpuid_leaf_t l = { 0x40000000, NONE, limits[i].set, 9, 9, 9 };

		assert_int_equal(set(&l, 1), 0);
		hvm_cpuid(V(0), 0x40000000, 0, out);
		assert_int_equal(out[0], 0x40000000 + limits[i].want);
		hvm_cpuid(V(0), 0x40000000 + limits[i].want + 1, 0, out);
		assert_int_equal(out[0] | out[1] | out[2] | out[3], 0);
	}
}

static void out_of_range(void **state)
{
	static const uint32_t leaves[] = { 0xe,	       0x10,	   0xfff,      0x3fffffff,
					   0x40000100, 0x40000200, 0x7fffffff, 0x80000022,
					   0xc0000000, ~0u };
	uint32_t out[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		hvm_cpuid(V(0), leaves[i], 0, out);
		assert_int_equal(out[0] | out[1] | out[2] | out[3], 0);
	}
	hvm_cpuid(V(0), 7, 3, out);
	assert_int_equal(out[0] | out[1] | out[2] | out[3], 0);
	hvm_cpuid(V(0), 2, 77, out); /* a leaf without sub-leaves takes any */
	hvm_cpuid(V(0), 0, 77, out);
	assert_int_equal(out[0], 0xd);
}

static void intel_host(void **state)
{
	const struct cpu_policy *max = get_system(XEN_SYSCTL_cpu_policy_hvm_max);
	uint32_t out[4];

	(void)state;
	assert_false(cpu_policy_has(max, XEN_X86_FEATURE_TSC_DEADLINE));
	assert_false(cpu_policy_has(max, XEN_X86_FEATURE_VMX));
	assert_false(cpu_policy_has(max, XEN_X86_FEATURE_XSAVE));
	assert_int_equal(cpu_policy_find(max, 4, 1)->d, 0);
	assert_int_equal(cpu_policy_find(max, 4, 2)->a, 0);
	assert_absent(max, 4, 3);
	/* No bits of leaf 1 in the extended leaf but SYSCALL, NX, LM and the like. */
	assert_int_equal(cpu_policy_find(max, 0x80000001, NONE)->d & FEATURES_COMMON_1D, 0);
	assert_true(cpu_policy_has(max, XEN_X86_FEATURE_LM));
	assert_absent(max, 0xd, 0);
	hvm_cpuid(V(1), 0xb, 0, out); /* beyond the last leaf */
	assert_int_equal(out[0], 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fake_hvm_setup, fake_hvm_teardown)
	const struct CMUnitTest tests[] = {
		T(system_policies),
		T(serialised_form),
		T(never_offered),
		T(always_offered),
		T(opt_in),
		T(xstate),
		T(set_round_trip),
		T(set_too_much),
		T(set_refused),
		T(set_all_subleaves),
		T(set_limits),
		T(set_other),
		T(features),
		T(guest_apic_id),
		T(guest_osxsave),
		T(guest_xsave_size),
		T(xen_leaves),
		T(xen_leaf_limit),
		T(out_of_range),
		cmocka_unit_test_setup_teardown(intel_host, fake_hvm_setup_intel,
						fake_hvm_teardown),
		T(hidden), /* last */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
