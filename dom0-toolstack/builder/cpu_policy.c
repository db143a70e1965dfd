/* SPDX-License-Identifier: BSD-2-Clause */
/* Adjusting a guest's CPUID leaves. AMD APM vol. 3 appendix E; Intel SDM vol. 2, CPUID. */
#include "builder/cpu_policy.h"

#include <stddef.h>
#include <string.h>

#define NO_SUBLEAF UINT32_MAX

enum vendor {
	VENDOR_OTHER,
	VENDOR_INTEL,
	VENDOR_AMD
};

static struct hyper_cpuid_leaf *find(struct hyper_cpu_policy *policy, uint32_t leaf,
				     uint32_t subleaf)
{
	for (uint32_t i = 0; i < policy->n_leaves; i++)
		if (policy->leaves[i].leaf == leaf && policy->leaves[i].subleaf == subleaf)
			return &policy->leaves[i];
	return NULL;
}

static void set_bit(uint32_t *word, unsigned int bit, bool on)
{
	*word = (*word & ~(1u << bit)) | (uint32_t)on << bit;
}

static enum vendor vendor_of(struct hyper_cpu_policy *policy)
{
	const struct hyper_cpuid_leaf *l = find(policy, 0, NO_SUBLEAF);
	char name[12];

	if (!l)
		return VENDOR_OTHER;
	memcpy(name, &l->b, 4);
	memcpy(name + 4, &l->d, 4);
	memcpy(name + 8, &l->c, 4);
	if (!memcmp(name, "GenuineIntel", 12))
		return VENDOR_INTEL;
	if (!memcmp(name, "AuthenticAMD", 12) || !memcmp(name, "HygonGenuine", 12))
		return VENDOR_AMD;
	return VENDOR_OTHER;
}

/* Leaf 4: cores that share a package, doubled like the APIC ids; no threads share a cache. */
static void topology_intel(struct hyper_cpu_policy *policy)
{
	for (uint32_t i = 0; i < policy->n_leaves; i++) {
		struct hyper_cpuid_leaf *l = &policy->leaves[i];
		uint32_t cores = l->a >> 26;

		if (l->leaf != 4 || !(l->a & 0x1f))
			continue;
		cores = (cores << 1 | 1) & 0x3f;
		l->a = (l->a & 0x00003fff) | cores << 26;
	}
}

/* Leaf 0x80000008: number of cores, and the width of their ids, which some systems want below 8. */
static void topology_amd(struct hyper_cpu_policy *policy)
{
	struct hyper_cpuid_leaf *l = find(policy, 0x80000008, NO_SUBLEAF);
	uint32_t cores, width;

	if (!l)
		return;
	cores = l->c & 0xff;
	width = l->c >> 12 & 0xf;
	if (cores >= 0x7f)
		return;
	if (width && width < 7)
		width++;
	cores = cores << 1 | 1;
	l->c = (l->c & ~0xf0ffu) | width << 12 | cores;
}

void cpu_policy_adjust(struct hyper_cpu_policy *policy, const struct cpu_policy_wishes *wishes)
{
	struct hyper_cpuid_leaf *basic = find(policy, 1, NO_SUBLEAF);
	struct hyper_cpuid_leaf *extended = find(policy, 0x80000001, NO_SUBLEAF);
	struct hyper_cpuid_leaf *power = find(policy, 0x80000007, NO_SUBLEAF);
	enum vendor vendor = vendor_of(policy);

	if (basic) {
		uint32_t count = basic->b >> 16 & 0xff;

		set_bit(&basic->d, 28, true); /* HTT: the count below is valid */
		if (!wishes->nested_virt)
			set_bit(&basic->c, 5, false); /* VMX */
		if (!(count & 0x80))
			count *= 2;
		basic->b = (basic->b & ~0xff0000u) | count << 16;
	}
	if (extended) {
		set_bit(&extended->c, 1, false); /* CMP legacy */
		if (!wishes->nested_virt)
			set_bit(&extended->c, 2, false); /* SVM */
	}
	if (power && !wishes->invariant_tsc)
		set_bit(&power->d, 8, false);
	if (vendor == VENDOR_INTEL)
		topology_intel(policy);
	else if (vendor == VENDOR_AMD)
		topology_amd(policy);
}
