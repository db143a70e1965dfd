/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest sees of the CPU (CPUID leaves): adjustments to the policy that the hypervisor gives
 * a new domain.
 */
#pragma once

#include <stdbool.h>

#include "hyper/build.h"

struct cpu_policy_wishes {
	bool invariant_tsc; /* the guest stays on this host, or its TSC is emulated */
	bool nested_virt;
};

/*
 * Makes the topology that Xen 4.17's tools give a guest: vCPU n has APIC id 2 * n, so every logical
 * processor is a core of its own; and applies the wishes. Changes leaves in place.
 */
void cpu_policy_adjust(struct hyper_cpu_policy *policy, const struct cpu_policy_wishes *wishes);
