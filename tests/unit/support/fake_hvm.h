/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One fake domain with vCPUs, memory, a clock and timers, for unit tests of xen-core/hvm/. The
 * test moves the clock. A guest-virtual address is the guest-physical one; memory begins at 0 and
 * each page has a p2m type. The TSC runs at 1 GHz.
 */
#pragma once

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/domain.h"
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "hvm/vlapic.h"

#define FAKE_VCPUS 4
#define FAKE_PAGES 16

struct fake_vcpu {
	struct guest_regs regs;
	struct guest_segment segment[10];
	uint64_t cr4, xcr0;
	bool long_mode;
	unsigned int cpl;
	bool upcall_pending; /* in its vcpu_info */
	unsigned int unblocked, woken, slept;
	int exception; /* last injected vector, -1: none */
	int sipi;      /* vector of the last vcpu_start_sipi(), -1: none */
	struct hvm_hw_cpu hvm_cpu;
};

extern struct fake_host {
	uint64_t now; /* ns */
	unsigned int kicks, messages;
	int heap_budget; /* allocations before they fail; -1: none fails */
	int heap_blocks; /* not freed yet */
	enum xsm_perm deny;
	bool deny_any;
	int set_hvm_cpu_error;
	unsigned int lookups; /* of the upcall flag */
	unsigned int timers_fired;
} fake_host;

extern struct domain fake_domain, fake_other; /* domids 5 and 6; the other has no vCPUs */
extern struct vcpu fake_vcpus[FAKE_VCPUS];
extern struct fake_vcpu fake_state[FAKE_VCPUS];
extern uint8_t fake_memory[FAKE_PAGES * PAGE_SIZE];
extern enum p2m_type fake_type[FAKE_PAGES];

/* A host CPU to derive policies from: leaves in any order, ended by leaf ~0. */
extern const xen_cpuid_leaf_t *fake_cpuid;
extern const xen_cpuid_leaf_t fake_cpuid_amd[], fake_cpuid_intel[];

/* Everything as new: policies from @host, local APICs, vCPU 0 current and initialised. */
void fake_hvm_reset(const xen_cpuid_leaf_t *host);
/* The same, of AMD's CPUs or Intel's, before a test; after it all is freed: none may be lost. */
int fake_hvm_setup(void **state);
int fake_hvm_setup_intel(void **state);
int fake_hvm_teardown(void **state);
void fake_current_vcpu(unsigned int id);
/* Moves the clock, running timers in their order. */
void fake_advance(uint64_t ns);
unsigned int fake_timers_armed(void);
