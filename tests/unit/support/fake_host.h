/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the command line asks of the host besides what fake_platform.h has: CPUs, versions, weights,
 * policy, quotas; in memory that survives the process that uses it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fake_host {
	unsigned int changes; /* calls that changed something */
	int engine;	      /* what the policy's calls return when negative; else "enforcing" */
	int trigger;	      /* what a trigger returns */
	int fail;	      /* when not 0, what asking for the host returns */
	char keys[16];	      /* debug keys that were sent */
	uint16_t weight, cap;
	uint32_t rate;
	uint64_t memory_target_kib; /* of the last guest whose limit was set */
	unsigned int cpus;
	uint64_t hard;			/* CPUs of the vCPUs' hard affinity; 0: each vCPU's own */
	int vcpu_error, affinity_error; /* what asking for these returns */
	bool all_capabilities, no_capabilities;
	char wanted[64]; /* the words of the last question about quotas */
};

extern struct fake_host *fake_host;
void fake_host_reset(void);
