/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Run queues and balancing between them.
 *
 * Locks: LOCK_RUNQUEUE of each queue; of two, the one at the lower address first. A vCPU changes queues
 * either under both locks, or, in no queue, by being handed over under the old one's.
 */
#include "sched/runqueue.h"
#include "x86/time.h"

struct runqueue runqueues[MAX_CPUS];
unsigned int nr_runqueues;
struct sched_cpu sched_cpus[MAX_CPUS];
struct cpumask sched_idle;

struct runqueue *sched_lock_vcpu(const struct vcpu *v)
{
	for (;;) {
		struct runqueue *rq = __atomic_load_n(&v->sched.rq, __ATOMIC_ACQUIRE);

		spin_lock(&rq->lock);
		if (likely(v->sched.rq == rq))
			return rq;
		spin_unlock(&rq->lock);
	}
}

uint64_t sched_vtime(uint64_t ns, uint16_t weight)
{
	return ns * SCHED_WEIGHT_DEFAULT / weight;
}

uint64_t sched_cpu_vtime(const struct sched_cpu *sc, uint64_t now)
{
	uint16_t weight = READ_ONCE(sc->weight);
	uint64_t since = READ_ONCE(sc->since);

	if (!weight)
		return 0;
	return READ_ONCE(sc->vtime) + (now > since ? sched_vtime(now - since, weight) : 0);
}

static struct vcpu *rq_head(const struct runqueue *rq)
{
	return list_empty(&rq->queue) ? NULL : list_first(&rq->queue, struct vcpu, sched.link);
}

/* Publishes what others see of the queue, in which there are @nr now. */
static void rq_changed(struct runqueue *rq, unsigned int nr)
{
	WRITE_ONCE(rq->nr, nr);
	WRITE_ONCE(rq->head_vtime, nr ? rq_head(rq)->sched.vtime : ~0UL);
}

uint64_t rq_running_vtime(const struct runqueue *rq, uint64_t now)
{
	uint64_t least = ~0UL;
	unsigned int i;

	for_each_rq_cpu (rq, i)
		if (READ_ONCE(sched_cpu(i)->weight))
			least = min(least, sched_cpu_vtime(sched_cpu(i), now));
	return least;
}

/* Least virtual time that waits or runs on @rq about now, ~0 when there is none. */
static uint64_t rq_floor(const struct runqueue *rq, uint64_t now)
{
	return min(READ_ONCE(rq->head_vtime), rq_running_vtime(rq, now));
}

/* Brings @v's virtual time near the queue's. */
static void rq_place(const struct runqueue *rq, struct vcpu *v)
{
	uint64_t now = system_time(), floor = rq_floor(rq, now), ahead;
	unsigned int i;

	/* A queue that was empty has no time of its own: the machine's. */
	if (floor == ~0UL)
		for (i = 0; i < nr_runqueues; i++)
			floor = min(floor, rq_floor(&runqueues[i], now));
	if (floor == ~0UL)
		return;
	ahead = floor + max(SCHED_LAG, sched_vtime(SCHED_LAG, READ_ONCE(v->domain->sched.weight)));
	if (v->sched.vtime + SCHED_LAG < floor)
		v->sched.vtime = floor - SCHED_LAG;
	else if (v->sched.vtime > ahead)
		v->sched.vtime = ahead;
}

void rq_insert(struct vcpu *v, unsigned int cpu)
{
	struct runqueue *rq = v->sched.rq;
	struct list_head *at = rq->queue.prev;

	rq_place(rq, v);
	/* From the end: most have just run. Equals stay in the order in which they came. */
	while (at != &rq->queue &&
	       list_entry(at, struct vcpu, sched.link)->sched.vtime > v->sched.vtime)
		at = at->prev;
	list_add(&v->sched.link, at);
	v->sched.state = SCHED_QUEUED;
	v->processor = cpu;
	rq_changed(rq, rq->nr + 1);
}

void rq_remove(struct runqueue *rq, struct vcpu *v)
{
	list_del(&v->sched.link);
	v->sched.state = SCHED_SLEEPING;
	rq_changed(rq, rq->nr - 1);
}

struct vcpu *rq_first(const struct runqueue *rq, unsigned int cpu, const struct domain *d)
{
	struct vcpu *v;

	list_for_each_entry (v, &rq->queue, sched.link)
		if (test_bit(cpu, v->sched.hard.bits) && (!d || v->domain == d))
			return v;
	return NULL;
}

bool rq_others_active(const struct runqueue *rq, unsigned int except)
{
	unsigned int i;

	if (rq->nr_cpus == 1)
		return false;
	for_each_rq_cpu (rq, i)
		if (i != except && (sched_cpu(i)->curr || sched_cpu(i)->saving))
			return true;
	return false;
}

/* May @cpu run a vCPU of @d at once, as far as its sibling threads go? A hint, without a lock. */
static bool core_open_for(unsigned int cpu, const struct domain *d)
{
	const struct runqueue *rq = sched_cpu(cpu)->rq;

	return rq->nr_cpus == 1 || (!READ_ONCE(rq->wanted) &&
				    (READ_ONCE(rq->dom) == d || !rq_others_active(rq, MAX_CPUS)));
}

/* An idle CPU of @v's hard, if possible of its soft affinity, claimed; or MAX_CPUS. */
static unsigned int claim_idle(const struct vcpu *v)
{
	unsigned int n, cpu, nr = cpus_online();

	/* The second time round any will do. */
	for (n = 0; n < 2 * nr; n++) {
		cpu = (v->processor + n) % nr;
		if (!test_bit(cpu, sched_idle.bits) || !test_bit(cpu, v->sched.hard.bits) ||
		    (n < nr && !test_bit(cpu, v->sched.soft.bits)) ||
		    !core_open_for(cpu, v->domain))
			continue;
		if (test_and_clear_bit(cpu, sched_idle.bits))
			return cpu;
	}
	return MAX_CPUS;
}

/* Of busy CPUs, the best for @v: where it ran before, unless another one is clearly ahead of it. */
static unsigned int choose_busy(const struct vcpu *v)
{
	unsigned int cpu, best = MAX_CPUS, home = v->processor;
	uint64_t now = system_time(), ahead = 0;

	if (test_bit(home, v->sched.hard.bits)) {
		best = home;
		ahead = max(sched_cpu_vtime(sched_cpu(home), now), v->sched.vtime) + SCHED_PULL;
	}
	for (cpu = 0; cpu < cpus_online(); cpu++) {
		const struct sched_cpu *sc = sched_cpu(cpu);
		/* Whom it runs, or would choose by itself. */
		uint64_t vtime = min(sched_cpu_vtime(sc, now), READ_ONCE(sc->rq->head_vtime));

		if (!test_bit(cpu, v->sched.hard.bits) || cpu == home ||
		    (best != MAX_CPUS && (vtime <= ahead || !test_bit(cpu, v->sched.soft.bits))))
			continue;
		best = cpu;
		ahead = vtime;
	}
	return best;
}

unsigned int sched_choose_cpu(const struct vcpu *v)
{
	unsigned int cpu = claim_idle(v);

	return cpu == MAX_CPUS ? choose_busy(v) : cpu;
}

void sched_offer(const struct runqueue *rq)
{
	const struct vcpu *v;
	unsigned int cpu;

	/* Pairs with sched_pull(): who goes idle says so before it looks at the queues. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	list_for_each_entry (v, &rq->queue, sched.link) {
		if (rq->nr_cpus > 1 || find_next_bit(sched_idle.bits, MAX_CPUS, 0) == MAX_CPUS)
			return;
		cpu = claim_idle(v);
		if (cpu != MAX_CPUS)
			cpu_kick(cpus[cpu], WORK_SCHED);
	}
}

static void lock_two(struct runqueue *a, struct runqueue *b)
{
	spin_lock(&min(a, b)->lock);
	spin_lock_nested(&max(a, b)->lock);
}

/* Whom @sc would take from @from: more than SCHED_PULL behind @limit, or anyone when @limit is ~0. */
static struct vcpu *pull_candidate(const struct sched_cpu *sc, const struct runqueue *from,
				   uint64_t limit)
{
	const struct domain *d = rq_others_active(sc->rq, sc->cpu->id) ? sc->rq->dom : NULL;
	struct vcpu *v, *second = NULL;

	list_for_each_entry (v, &from->queue, sched.link) {
		if (limit != ~0UL && v->sched.vtime + SCHED_PULL >= limit)
			break;
		if (!test_bit(sc->cpu->id, v->sched.hard.bits) || (d && v->domain != d))
			continue;
		if (test_bit(sc->cpu->id, v->sched.soft.bits))
			return v;
		if (!second)
			second = v;
	}
	/* Only who would otherwise wait runs outside its soft affinity. */
	return limit == ~0UL ? second : NULL;
}

static bool pull_from(struct sched_cpu *sc, struct runqueue *from, uint64_t limit)
{
	struct vcpu *v;

	lock_two(sc->rq, from);
	v = pull_candidate(sc, from, limit);
	if (v) {
		rq_remove(from, v);
		__atomic_store_n(&v->sched.rq, sc->rq, __ATOMIC_RELEASE);
		rq_insert(v, sc->cpu->id);
	}
	spin_unlock(&from->lock);
	spin_unlock(&sc->rq->lock);
	return v;
}

/* The queue whose first entry is furthest behind, other than @own; NULL: nobody waits. */
static struct runqueue *rq_furthest_behind(const struct runqueue *own)
{
	struct runqueue *found = NULL;
	unsigned int i;

	for (i = 0; i < nr_runqueues; i++) {
		struct runqueue *rq = &runqueues[i];

		if (rq != own && READ_ONCE(rq->nr) &&
		    (!found || READ_ONCE(rq->head_vtime) < READ_ONCE(found->head_vtime)))
			found = rq;
	}
	return found;
}

bool sched_pull(struct sched_cpu *sc)
{
	struct runqueue *rq = sc->rq, *from;
	uint64_t own = READ_ONCE(rq->head_vtime);
	unsigned int i;

	if (sched_may_stay(sc))
		own = min(own, sched_cpu_vtime(sc, system_time()));
	if (own == ~0UL)
		/* Before looking: who queues a vCPU from now on sees that this CPU is idle. */
		set_bit(sc->cpu->id, sched_idle.bits);
	from = rq_furthest_behind(rq);
	if (own != ~0UL) {
		if (from && READ_ONCE(from->head_vtime) + SCHED_PULL < own)
			pull_from(sc, from, own);
		return false;
	}
	if (!from || pull_from(sc, from, own))
		return true;
	for (i = 0; i < nr_runqueues; i++)
		if (&runqueues[i] != rq && READ_ONCE(runqueues[i].nr) &&
		    pull_from(sc, &runqueues[i], own))
			break;
	return true;
}
