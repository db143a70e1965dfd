/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID policies: what the host has, the most that a guest may see, and what each domain sees.
 *
 * A policy is an array in the ABI's exchange format (xen_cpuid_leaf_t), with one entry for each
 * leaf that the stock library of the tools knows: basic leaves, the sub-leaves of 4, 7, 0xb and
 * 0xd, the two hypervisor limits, and extended leaves. Every policy has all of them, at the same
 * places; those above its limits are zero. So is what guests read of all others.
 */
#pragma once

#include "xen_abi.h"
#include <xen/arch-x86/cpufeatureset.h>
#include "types.h"

#define CPU_POLICY_LEAVES 65

/* Feature words, in the order of arch-x86/cpufeatureset.h. */
#define CPU_FEATURE_WORDS 19

struct cpu_policy {
	xen_cpuid_leaf_t leaf[CPU_POLICY_LEAVES]; /* sorted by (leaf, subleaf) */
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

/* XEN_SYSCTL_get_cpu_policy's policies; NULL for PV's and for an unknown index. */
const struct cpu_policy *cpu_policy_system(unsigned int index);

/* A new domain's default policy (allocated). -ENOMEM. */
int cpu_policy_init(struct domain *d);
void cpu_policy_free(struct domain *d);

/*
 * XEN_DOMCTL_set_cpu_policy: replaces those leaves of @d, which has not run yet (-EEXIST), that are
 * among op->nr_leaves of the caller's (-EFAULT). As in Xen, a maximum leaf above the host's is refused,
 * while features that the maximum policy lacks are dropped. -E2BIG for more leaves than a policy has,
 * and for MSRs, of which it has none; -ERANGE for a leaf that no policy holds, -EINVAL for a value that
 * is not allowed, both with the offender in op->err_… (which are ~0 otherwise); -ENOMEM. On error
 * nothing has changed.
 */
int cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *op);

/* Feature word @word of @p. */
uint32_t cpu_policy_feature_word(const struct cpu_policy *p, unsigned int word);

/* The entry of a policy; NULL when none has it. @subleaf matters for 4, 7, 0xb and 0xd alone. */
xen_cpuid_leaf_t *cpu_policy_find(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf);

/* Has @p the feature XEN_X86_FEATURE_…? */
bool cpu_policy_has(const struct cpu_policy *p, unsigned int feature);
