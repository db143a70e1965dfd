/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID policies: what the host has, the most that a guest may see, and what each domain sees.
 *
 * A policy is a sorted array in the ABI's exchange format (xen_cpuid_leaf_t), with one entry for
 * each leaf that the stock library of the tools serialises: basic leaves, the sub-leaves of 4, 7,
 * 0xb and 0xd, the two hypervisor limits, and extended leaves. What is not in it reads as zero.
 */
#ifndef CORE_CPUID_H
#define CORE_CPUID_H

#include "xen_abi.h"
#include <xen/arch-x86/cpufeatureset.h>
#include "types.h"

#define CPU_POLICY_MAX_LEAVES 96
#define CPU_POLICY_MAX_MSRS   4

/* Feature words, in the order of arch-x86/cpufeatureset.h. */
#define CPU_FEATURE_WORDS     19

struct cpu_policy {
	unsigned int nr_leaves, nr_msrs;
	xen_cpuid_leaf_t leaf[CPU_POLICY_MAX_LEAVES]; /* sorted by (leaf, subleaf) */
	xen_msr_entry_t msr[CPU_POLICY_MAX_MSRS];
};

enum {
	POLICY_RAW,
	POLICY_HOST,
	POLICY_PV_MAX,
	POLICY_HVM_MAX,
	POLICY_PV_DEFAULT,
	POLICY_HVM_DEFAULT
};

/* The CPUID instruction (x86/). @out: eax, ebx, ecx, edx. */
void arch_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/*
 * Boot, before cpu_policy_boot(): the hardware part can't give @feature (XEN_X86_FEATURE_…) to
 * guests, for example XSAVE where XSETBV can't be intercepted.
 */
void cpu_policy_hide(unsigned int feature);

/* Boot: reads the host's leaves and derives the others. */
void cpu_policy_boot(void);

/* XEN_SYSCTL_get_cpu_policy's policies; -EOPNOTSUPP for PV's, -EINVAL for an unknown index. */
int cpu_policy_system(unsigned int index, const struct cpu_policy **out);

/* A new domain's default policy (allocated). -ENOMEM. */
int cpu_policy_init(struct domain *d);
void cpu_policy_free(struct domain *d);

/*
 * XEN_DOMCTL_set_cpu_policy: replaces leaves and MSRs of @d, which has not run yet (-EEXIST).
 * The arrays are the core's own memory. As in Xen, a maximum leaf above the host's is refused,
 * while features that the maximum policy lacks are dropped. -ERANGE for a leaf that no policy
 * holds, -EINVAL for a value that is not allowed, both with the offender in the three outputs
 * (which are ~0 otherwise); -E2BIG for too many entries; -ENOMEM. On error nothing has changed.
 */
int cpu_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
		   const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t *err_leaf,
		   uint32_t *err_subleaf, uint32_t *err_msr);

/*
 * XEN_SYSCTL_get_cpu_featureset, @index as there: fills up to @nr words and returns how many
 * there are; 0 for an index that has none (PV, unknown).
 */
unsigned int cpu_featureset(unsigned int index, uint32_t *words, unsigned int nr);

/* The entry of a policy, or NULL. @subleaf: XEN_CPUID_NO_SUBLEAF for leaves without sub-leaves. */
const xen_cpuid_leaf_t *cpu_policy_find(const struct cpu_policy *p, uint32_t leaf,
					uint32_t subleaf);

/* Has @p the feature XEN_X86_FEATURE_…? */
bool cpu_policy_has(const struct cpu_policy *p, unsigned int feature);

#endif
