/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated machine for the scheduler's tests: CPUs with the main loop and one-shot timers on a
 * virtual clock, and vCPUs that compute and sleep. The real scheduler and timers run on it; their
 * promises are asserted at every step.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/domain.h"
#include "hvm/hvm.h"
#include "sched/runqueue.h"

/* The core's pauses, without the wait for a CPU that goes on only when the simulation does. */
static inline void vcpu_pause_nosync(struct vcpu *v)
{
	v->pause_count++;
	vcpu_sleep(v);
}

static inline void domain_pause_nosync(struct domain *d)
{
	d->pause_count++;
	sched_domain_anew(d);
}

#define SIM_CPUS    8
#define SIM_VCPUS   16
#define SIM_FOREVER (~0UL >> 2)

struct sim_vcpu {
	struct vcpu v;
	uint64_t burst, sleep;		    /* computes @burst ns, then blocks for @sleep ns */
	uint64_t left, wake_at;		    /* of the burst; 0: not asleep by its own will */
	uint64_t ran;			    /* ns on a CPU, by the simulation's count */
	uint64_t ready_since;		    /* 0: not waiting */
	uint64_t worst_wait;		    /* longest time from wake-up to running */
	bool pending;			    /* an event that ends blocking */
	void (*on_run)(struct sim_vcpu *s); /* called whenever it begins to run */
};

struct sim_domain {
	struct domain d;
	struct vcpu *table[SIM_VCPUS];
	struct sim_vcpu vcpu[SIM_VCPUS];
	unsigned int shutdowns;
	uint8_t shutdown_reason;
};

extern uint64_t sim_now;
extern uint64_t sim_save_ns;   /* how long saving a vCPU's state takes */
extern unsigned int sim_kicks; /* cpu_kick() calls */

/* Guests: a guest-virtual address is a pointer of the test; null faults. */
extern bool sim_ports_open[64], sim_ports_pending[64];
extern int sim_policy;	       /* what the policy answers */
extern void (*sim_race)(void); /* called once, when the scheduler next looks for events */
extern struct guest_regs sim_regs;
static inline gva_t sim_gva(const void *p)
{
	return (gva_t) { (uint64_t)(uintptr_t)p };
}

/* A new machine of @cpus CPUs, @threads to a core. The clock starts at 1 s. */
void sim_reset(unsigned int cpus, unsigned int threads);
/* A domain of @vcpus vCPUs that are up and compute for ever. */
struct sim_domain *sim_domain_add(unsigned int vcpus, uint16_t weight);
struct sim_domain *sim_of(const struct domain *d);
/* Frees what the domains and CPUs hold. */
void sim_end(void);

/* Runs the machine for @ns. */
void sim_run(uint64_t ns);
/* Makes CPU @cpu the one that executes; what the test does then, its vCPU does. */
void sim_on_cpu(unsigned int cpu);
/* Handles pending work of all CPUs without letting time pass. */
void sim_settle(void);
/* Sets ran of all vCPUs to 0. */
void sim_count_anew(void);
/* Pins a vCPU to the CPUs of a bit mask. */
void sim_pin(struct sim_vcpu *s, unsigned long hard, unsigned long soft);
