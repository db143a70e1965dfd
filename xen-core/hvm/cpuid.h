/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID policies: what the host has, the most that a guest may see, and what each domain sees. */
#ifndef CORE_CPUID_H
#define CORE_CPUID_H

#include "xen_abi.h"
#include "types.h"

#define CPU_POLICY_MAX_LEAVES 96
#define CPU_POLICY_MAX_MSRS   4

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

/* Boot: reads the host's leaves and derives the others. */
void cpu_policy_boot(void);

/* XEN_SYSCTL_get_cpu_policy's policies; -EOPNOTSUPP for PV's. */
int cpu_policy_system(unsigned int index, const struct cpu_policy **out);

/* A new domain's default policy (allocated). */
int cpu_policy_init(struct domain *d);
void cpu_policy_free(struct domain *d);

/*
 * XEN_DOMCTL_set_cpu_policy: replaces leaves and MSRs of @d, which has not run yet. Each must be
 * within the maximum; otherwise -EINVAL with the offender in the three outputs.
 */
int cpu_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
		   const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t *err_leaf,
		   uint32_t *err_subleaf, uint32_t *err_msr);

/* XEN_SYSCTL_get_cpu_featureset: fills up to @nr words, returns how many there are. */
unsigned int cpu_featureset(unsigned int index, uint32_t *words, unsigned int nr);

#endif
