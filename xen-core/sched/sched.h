/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: weights and caps (credit2's interface), a run queue for each CPU, balancing, hard
 * and soft affinity. The core is one loop on each CPU (x86/loop.c): it asks for a vCPU, runs it
 * until something happens, and asks again when WORK_SCHED is set.
 */
#pragma once

#include "xen_abi.h"
#include "list.h"
#include "types.h"
#include "sched/timer.h"
#include "x86/cpu.h"

struct cpumask {
	unsigned long bits[MAX_CPUS / BITS_PER_LONG];
};

/* Why a vCPU does not run; it runs when v->pause_flags is 0 and v->pause_count and its domain's are too. */
enum pause_flag {
	PAUSE_DOWN,	/* VCPUOP_down, or never initialised */
	PAUSE_BLOCKED,	/* SCHEDOP_block, HLT: until an event */
	PAUSE_POLL,	/* SCHEDOP_poll */
	PAUSE_SHUTDOWN, /* its domain has shut down */
	PAUSE_IO,	/* waits for a device model */
};

enum sched_state {
	SCHED_SLEEPING, /* in no queue: not runnable, or its state is being saved (v->running) */
	SCHED_QUEUED,
	SCHED_RUNNING, /* some CPU's current */
	SCHED_PARKED,  /* runnable, but its domain has used up what its cap allows */
};

/*
 * What the scheduler keeps in a vCPU (v->sched). All under the lock of @rq, which changes under that
 * lock too; @yielding belongs to the CPU that runs it.
 */
struct sched_vcpu {
	struct runqueue *rq;
	struct list_head link; /* SCHED_QUEUED */
	enum sched_state state;
	bool yielding;
	uint64_t vtime; /* ns run × 256 / weight */
	struct cpumask hard, soft;
};

/* And in a domain (d->sched). */
struct sched_domain {
	uint16_t weight;       /* 256 at first, never 0 */
	uint16_t cap;	       /* per cent of one CPU; 0: none */
	uint64_t capped_since; /* system time at which the cap was set */
	uint64_t paid;	       /* system time up to which what its vCPUs ran is paid for; atomic */
	struct timer unpark;   /* armed while a vCPU is parked */
};

/* Each CPU at its start, with its topology and timers set up. */
void sched_cpu_init(struct cpu *cpu);

/*
 * Sets a new domain's parameters and timers (watchdogs as well). sched_domain_stop() ends the
 * timers for good, once no vCPU of it can run any more.
 */
void sched_domain_init(struct domain *d);
void sched_domain_stop(struct domain *d);

/* A new vCPU, which is down. There is nothing to undo when its domain has been paused for good. */
void sched_vcpu_init(struct vcpu *v);

/*
 * Main loop: who runs next on this CPU, or NULL to idle. Accounts for the time of who ran. Sets
 * this_cpu()->current, v->processor, runstate; and arms the timer for the end of the time slice.
 */
struct vcpu *sched_next(void);

/*
 * Main loop: the state of @v, which this CPU ran before what sched_next() chose, is saved, and
 * another CPU may run it now. Called after vm_ops->switch_from(), also when the CPU goes idle.
 */
void sched_switched_from(struct vcpu *v);

/* Something that v waited for has happened, or its pause count dropped to 0. Any CPU; no locks needed. */
void vcpu_wake(struct vcpu *v);

/* Clears PAUSE_BLOCKED/PAUSE_POLL and wakes. Called for each event or interrupt that arrives. */
void vcpu_unblock(struct vcpu *v);

/* Sets @flag on the current vCPU so that the main loop will choose another. */
void vcpu_block_current(enum pause_flag flag);

/*
 * What decides whether or where @v may run has changed from outside (a pause flag, its affinity):
 * takes it off its CPU or queue, and finds it a place anew if it may run. Does not wait.
 */
void vcpu_sleep(struct vcpu *v);

/* Takes @v of the current domain down, or, when no other is up, shuts the domain down (power-off). */
void vcpu_down(struct vcpu *v);

/*
 * The current vCPU executed HLT: blocks it until an interrupt can be taken. With interrupts
 * disabled it goes down.
 */
void vcpu_hlt(struct vcpu *v);

/* Whether @v would run if a CPU were free. */
bool vcpu_runnable(const struct vcpu *v);

/*
 * Pause counts nest. The _sync functions return when the vCPU(s) are not running any more; never call
 * them for the current one. Two CPUs must not wait for each other's current vCPU: the callers,
 * control operations, are serialised by LOCK_DOMCTL.
 */
void vcpu_pause_sync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
void domain_pause_sync(struct domain *d);
void domain_unpause(struct domain *d);
bool vcpu_is_running(const struct vcpu *v);

/* The hypercall sched_op: yield, block, poll, shutdown, shutdown_code, remote_shutdown, watchdog. */
long sched_op(unsigned int cmd, gva_t arg);

/* domctl/sysctl parts; the arguments are copied in already, the policy has been asked. */
int sched_domctl_scheduler_op(struct domain *d, struct xen_domctl_scheduler_op *op);
int sched_sysctl_scheduler_op(struct xen_sysctl_scheduler_op *op);
/* NULL: that part stays as it is. -EINVAL: no CPU that is up is in @hard. */
int sched_set_affinity(struct vcpu *v, const struct cpumask *hard, const struct cpumask *soft);
void sched_get_affinity(const struct vcpu *v, struct cpumask *hard, struct cpumask *soft);

/* Run state times (ns) up to now, for VCPUOP_get_runstate_info and domctl; any vCPU. */
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/* The same as of the last change of state, as the registered area holds it. */
void vcpu_runstate_snapshot(struct vcpu *v, struct vcpu_runstate_info *out);
