/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU state. Each CPU has its own top-level page table, stack and windows. */
#pragma once

#include "types.h"

#define MAX_CPUS 128

/* Bits of cpu->pending, set by interrupt handlers and other CPUs, served in the main loop. */
enum cpu_work {
	WORK_TIMER,  /* the timer heap's first entry may be due */
	WORK_SCHED,  /* choose another vCPU */
	WORK_SERIAL, /* serial port wants service */
	WORK_EVENT,  /* the current vCPU's interrupts have changed: look again before entry */
};

struct cpu {
	unsigned int id; /* 0 … cpus_online() - 1 */
	uint32_t apic_id;
	uint32_t acpi_id;
	unsigned long pending; /* enum cpu_work; atomic */
	struct vcpu *current;  /* NULL: idle */
	uint64_t epoch;	       /* x86/epoch.h: what this CPU has seen, ~0 when quiescent */
	bool in_guest; /* between the last look at pending and the exit's first instruction */
	struct domain *copying; /* a copy uses its map of others' memory (mm/guest.c), or NULL */
	unsigned int window_depth;
	maddr_t root;		 /* its top-level page table */
	struct avc *avc;	 /* policy cache */
	uint64_t tlb_generation; /* core_tlb_generation at the last flush */
	uint32_t freed; /* frames that it has put into limbo, and nobody has scrubbed for it */
	uint64_t exits; /* guest exits so far */
	uint64_t step_exit, step_start; /* hypercall_preempt(): when this exit's work began */
	uint32_t socket, core, thread;	/* topology */
};

#if __STDC_HOSTED__
/* Unit tests: one CPU after another, chosen by the test. */
extern struct cpu *host_this_cpu;
static inline struct cpu *this_cpu(void)
{
	return host_this_cpu;
}
#else
/* Each CPU's page table maps a page of its own at this address; its first word points to its record. */
#define PERCPU_VA 0xffffff0000000000UL
static inline struct cpu *this_cpu(void)
{
	return *(struct cpu *const *)PERCPU_VA;
}
#endif

static inline unsigned int smp_id(void)
{
	return this_cpu()->id;
}

static inline struct vcpu *current_vcpu(void)
{
	return this_cpu()->current;
}

extern struct cpu *cpus[MAX_CPUS];
unsigned int cpus_online(void); /* number of CPUs up; they are numbered from 0 */

/* Sets a work bit of @cpu and makes it look (IPI when it is another CPU in a guest or idle). */
void cpu_kick(struct cpu *cpu, enum cpu_work work);
