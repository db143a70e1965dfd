/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the scheduler: run queues. Time is shared by virtual time: the time that a vCPU has run,
 * divided by its weight. Who has least runs next. Each CPU has a run queue; with sched-gran=core
 * (or socket) the threads of a core share one, which runs one domain at a time.
 *
 * Virtual time means the same on all queues, so CPUs compare their queues' first entries and take
 * over what is further behind. Where affinity or weights make equal progress impossible the queues
 * drift apart; a vCPU that changes queues is put within SCHED_LAG of the new one's time.
 */
#pragma once

#include "list.h"
#include "domain/domain.h"
#include "lib/bitops.h"
#include "lib/spinlock.h"
#include "sched/sched.h"
#include "sched/timer.h"

#define MS		     1000000UL
#define SCHED_WEIGHT_DEFAULT 256
#define SCHED_SLICE_MAX	     (10 * MS)
#define SCHED_SLICE_MIN	     (3 * MS)  /* of the default weight */
#define SCHED_LATENCY	     (20 * MS) /* everyone on a queue runs about once in that time */
#define SCHED_LAG	     (30 * MS)
#define SCHED_GRAIN	     (1 * MS) /* so far behind that who wakes up preempts */
#define SCHED_PULL	     (4 * MS) /* so far behind that it is worth moving to another CPU */
#define SCHED_CAP_PERIOD     (10 * MS)

struct runqueue {
	struct spinlock lock;
	struct list_head queue; /* of vCPUs, by vtime */
	unsigned int nr;	/* queued; as head_vtime, read by others without the lock */
	uint64_t head_vtime;	/* of the first, ~0: empty */
	struct cpumask cpus;
	unsigned int nr_cpus;
	/* With more than one CPU: */
	struct domain *dom; /* what they run */
	uint64_t dom_since;
	struct domain *wanted; /* they are to stop, so that it can have its turn; NULL: go on */
} __attribute__((aligned(64)));

/* Under the lock of @rq; @vtime, @since, @weight are read by others as a hint. */
struct sched_cpu {
	struct cpu *cpu;
	struct runqueue *rq;
	struct vcpu *curr;   /* cpu->current */
	struct vcpu *saving; /* was current; until sched_switched_from() */
	uint64_t started;    /* when curr began */
	uint64_t since;	     /* up to when curr is accounted for */
	uint64_t vtime;	     /* curr's at that time */
	uint16_t weight;     /* curr's; 0: idle */
	struct timer slice;
} __attribute__((aligned(64)));

extern struct runqueue runqueues[MAX_CPUS];
extern unsigned int nr_runqueues;
extern struct sched_cpu sched_cpus[MAX_CPUS];
extern struct cpumask sched_idle; /* CPUs with nothing to run; atomic */
extern uint64_t sched_ratelimit;  /* ns that a vCPU runs before another takes over */

static inline struct sched_cpu *sched_cpu(unsigned int cpu)
{
	return &sched_cpus[cpu];
}

#define for_each_rq_cpu(rq, i)                                                  \
	for ((i) = find_next_bit((rq)->cpus.bits, MAX_CPUS, 0); (i) < MAX_CPUS; \
	     (i) = find_next_bit((rq)->cpus.bits, MAX_CPUS, (i) + 1))

/* Takes the lock of the queue that @v belongs to. */
struct runqueue *sched_lock_vcpu(const struct vcpu *v);

/* @ns of run time as virtual time. */
uint64_t sched_vtime(uint64_t ns, uint16_t weight);

/* @cpu's current vCPU's virtual time about now (without a lock); 0: it idles. */
uint64_t sched_cpu_vtime(const struct sched_cpu *sc, uint64_t now);
/* The least of those of @rq's CPUs that do not idle; ~0: all do. */
uint64_t rq_running_vtime(const struct runqueue *rq, uint64_t now);

/* Under rq->lock. */
void rq_remove(struct runqueue *rq, struct vcpu *v);
/* Queues @v for @cpu, whose queue it belongs to, with its virtual time brought near the queue's. */
void rq_insert(struct vcpu *v, unsigned int cpu);
/* First in the queue that may run on @cpu, of domain @d (NULL: any), or NULL. */
struct vcpu *rq_first(const struct runqueue *rq, unsigned int cpu, const struct domain *d);
/* Is there a current vCPU on @sc, the CPU that asks, that may go on? Good under the lock, else a hint. */
bool sched_may_stay(const struct sched_cpu *sc);
/* Does another CPU of @rq than @except run a vCPU, or save one's state? */
bool rq_others_active(const struct runqueue *rq, unsigned int except);

/*
 * Where @v had best run: an idle CPU (claimed: no one else chooses it), or one whose current is
 * behind it in turn, or where it ran before. Always one that its affinity allows.
 */
unsigned int sched_choose_cpu(const struct vcpu *v);

/*
 * Under rq->lock: idle CPUs that may run who waits in @rq get a kick to pull. Not where threads of a
 * core are scheduled together, for there they may be idle on purpose.
 */
void sched_offer(const struct runqueue *rq);

/*
 * Before @sc chooses: takes a vCPU over from another queue if that is worth it. No locks held. True
 * when it looked for whatever there is, since @sc has nothing to run.
 */
bool sched_pull(struct sched_cpu *sc);

/* Caps (cap.c). May no vCPU of @d run now? */
bool sched_capped_out(const struct domain *d);
/* Sets the cap and starts with a full credit. */
void sched_cap_set(struct domain *d, uint16_t cap);
/* A vCPU of @d has run for @ns up to @now. */
void sched_cap_use(struct domain *d, uint64_t ns, uint64_t now);
/* How long a vCPU of @d may run from @now at a stretch. */
uint64_t sched_cap_slice(const struct domain *d, uint64_t now);
/* A vCPU of @d has been parked: makes sure that it will be looked at again. */
void sched_cap_arm(struct domain *d);

/* vcpu_sleep() for all vCPUs of domain @data. */
void sched_domain_anew(void *data);
