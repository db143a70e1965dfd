/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler's decisions: who runs next on a CPU, and what waking, blocking and pausing do. Run
 * queues and balancing are in runqueue.c, caps in cap.c, parameters in sched_ctl.c.
 *
 * Locks: all of a vCPU's scheduling state, its run state times and what a CPU runs are under the
 * LOCK_RUNQUEUE of the queue that it belongs to. Pause flags and counts change without a lock; who
 * sets one calls vcpu_sleep() after, who clears one calls vcpu_wake() after, and both look again
 * under the lock, so that the last word decides. SCHED_RUNNING ends only in sched_next() on the
 * vCPU's own CPU. A vCPU whose state is being saved (v->running, not SCHED_RUNNING) is in no queue:
 * sched_switched_from() puts it into one.
 */
#include "sched/runqueue.h"
#include "lib/cmdline.h"
#include "lib/string.h"
#include "x86/time.h"

uint64_t sched_ratelimit = MS;
static struct spinlock setup_lock = SPINLOCK_INIT(LOCK_SCHED);

/* The queue of @cpu's core (or socket), as sched-gran says; a new one for its first CPU. */
static struct runqueue *runqueue_of(const struct cpu *cpu)
{
	struct runqueue *rq;
	unsigned int i;

	for (i = 0; options.sched_gran > 1 && i < nr_runqueues; i++) {
		const struct cpu *first = cpus[find_next_bit(runqueues[i].cpus.bits, MAX_CPUS, 0)];

		if (first->socket == cpu->socket &&
		    (options.sched_gran > 2 || first->core == cpu->core))
			return &runqueues[i];
	}
	rq = &runqueues[nr_runqueues];
	*rq = (struct runqueue) { .lock = SPINLOCK_INIT(LOCK_RUNQUEUE), .head_vtime = ~0UL };
	list_init(&rq->queue);
	__atomic_store_n(&nr_runqueues, nr_runqueues + 1, __ATOMIC_RELEASE);
	return rq;
}

static void slice_over(void *data)
{
	struct sched_cpu *sc = data;

	cpu_kick(sc->cpu, WORK_SCHED);
}

void sched_cpu_init(struct cpu *cpu)
{
	struct sched_cpu *sc = sched_cpu(cpu->id);

	*sc = (struct sched_cpu) { .cpu = cpu };
	timer_init(&sc->slice, slice_over, sc);
	sc->slice.cpu = cpu->id;
	spin_lock(&setup_lock);
	sc->rq = runqueue_of(cpu);
	set_bit(cpu->id, sc->rq->cpus.bits);
	sc->rq->nr_cpus++;
	spin_unlock(&setup_lock);
}

bool vcpu_runnable(const struct vcpu *v)
{
	return !READ_ONCE(v->pause_flags) && !READ_ONCE(v->pause_count) &&
	       !READ_ONCE(v->domain->pause_count) && READ_ONCE(v->initialised);
}

bool vcpu_is_running(const struct vcpu *v)
{
	return __atomic_load_n(&v->running, __ATOMIC_ACQUIRE);
}

/* Run states; under the queue's lock. */
static void runstate_set(struct vcpu *v, int state, uint64_t now)
{
	struct vcpu_runstate_info *r = &v->runstate;

	if (r->state == state)
		return;
	r->time[r->state] += now - r->state_entry_time;
	r->state_entry_time = now;
	r->state = state;
}

/* The run state of a vCPU that does not run. */
static int runstate_of(const struct vcpu *v)
{
	if (READ_ONCE(v->pause_flags) & (1UL << PAUSE_BLOCKED | 1UL << PAUSE_POLL))
		return RUNSTATE_blocked;
	return vcpu_runnable(v) ? RUNSTATE_runnable : RUNSTATE_offline;
}

void vcpu_runstate_snapshot(struct vcpu *v, struct vcpu_runstate_info *out)
{
	struct runqueue *rq = sched_lock_vcpu(v);

	*out = v->runstate;
	spin_unlock(&rq->lock);
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	uint64_t now;

	vcpu_runstate_snapshot(v, out);
	now = system_time();
	if (now > out->state_entry_time)
		out->time[out->state] += now - out->state_entry_time;
}

void sched_vcpu_init(struct vcpu *v)
{
	static unsigned int next_cpu;
	struct sched_vcpu *sv = &v->sched;
	unsigned int nr = cpus_online();

	list_init(&sv->link);
	memset(&sv->hard, 0xff, sizeof(sv->hard));
	memset(&sv->soft, 0xff, sizeof(sv->soft));
	v->processor = __atomic_fetch_add(&next_cpu, 1, __ATOMIC_RELAXED) % nr;
	if (v->domain->privileged && options.dom0_vcpus_pin) {
		memset(&sv->hard, 0, sizeof(sv->hard));
		v->processor = v->id % nr;
		set_bit(v->processor, sv->hard.bits);
	}
	sv->rq = sched_cpu(v->processor)->rq;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = system_time();
}

static void kick_siblings(const struct runqueue *rq, unsigned int except)
{
	unsigned int i;

	for_each_rq_cpu (rq, i)
		if (i != except)
			cpu_kick(cpus[i], WORK_SCHED);
}

/* How long @sc may run what it chose before it has to choose again. */
static uint64_t slice_length(const struct sched_cpu *sc, uint64_t now)
{
	const struct domain *d = sc->curr->domain;
	const struct runqueue *rq = sc->rq;
	uint64_t slice = SCHED_SLICE_MAX, grain;

	if (rq->nr) {
		/* Until it is ahead of the next one by a turn. */
		grain = max(SCHED_LATENCY / (rq->nr + 1), SCHED_SLICE_MIN);
		if (rq->head_vtime > sc->vtime)
			grain += min(rq->head_vtime - sc->vtime, 1000 * MS);
		slice = min(slice, grain * sc->weight / SCHED_WEIGHT_DEFAULT);
		slice = max(slice, sched_ratelimit);
		/* It is behind, and runs on only because it has just begun. */
		if (rq->head_vtime + SCHED_GRAIN < sc->vtime && now - sc->started < sched_ratelimit)
			slice = sched_ratelimit - (now - sc->started);
	}
	return min(slice, sched_cap_slice(d, now));
}

/*
 * Arms @sc's timer. Also when nobody waits: what else has to be done (scrubbing, deferred frees) must
 * not depend on the guest. Then an end that is set already does as well, and the hardware's timer
 * need not be set anew.
 */
static void slice_arm(struct sched_cpu *sc, uint64_t now)
{
	bool alone = sc->curr && !sc->rq->nr && !sc->curr->domain->sched.cap;

	if (!sc->curr)
		timer_stop(&sc->slice);
	else if (!alone || !timer_armed(&sc->slice) || sc->slice.expires > now + SCHED_SLICE_MAX)
		timer_set(&sc->slice, sc->cpu->id, now + slice_length(sc, now));
}

/* @v has been queued for its CPU's sake: does someone have to look? */
static void tickle(const struct vcpu *v)
{
	struct sched_cpu *sc = sched_cpu(v->processor);
	uint64_t now = system_time();

	if (!sc->curr || v->sched.vtime + SCHED_GRAIN < sched_cpu_vtime(sc, now)) {
		cpu_kick(sc->cpu, WORK_SCHED);
		return;
	}
	/* The slice may have been one for a vCPU alone. */
	if (now + slice_length(sc, now) < sc->slice.expires)
		slice_arm(sc, now);
	/* Who went idle after the choice may have looked before this vCPU was in the queue. */
	sched_offer(sc->rq);
}

/* Is @v to go into a queue? Under its queue's lock; brings its run state up to date. */
static bool wants_queue(struct vcpu *v)
{
	/* Running, or being saved: sched_next() or sched_switched_from() will look. */
	if (v->sched.state == SCHED_RUNNING || v->running)
		return false;
	runstate_set(v, runstate_of(v), system_time());
	if (v->sched.state != SCHED_SLEEPING || !vcpu_runnable(v))
		return false;
	if (sched_capped_out(v->domain)) {
		v->sched.state = SCHED_PARKED;
		sched_cap_arm(v->domain);
		return false;
	}
	return true;
}

void vcpu_wake(struct vcpu *v)
{
	struct sched_vcpu *sv = &v->sched;
	struct runqueue *rq = sched_lock_vcpu(v);
	unsigned int cpu = MAX_CPUS;

	while (wants_queue(v)) {
		if (cpu == MAX_CPUS || sched_cpu(cpu)->rq != rq || !test_bit(cpu, sv->hard.bits))
			cpu = sched_choose_cpu(v);
		if (sched_cpu(cpu)->rq == rq) {
			rq_insert(v, cpu);
			tickle(v);
			cpu = MAX_CPUS;
			break;
		}
		/* Hand it over: from here the other lock guards it, and all is looked at anew. */
		__atomic_store_n(&sv->rq, sched_cpu(cpu)->rq, __ATOMIC_RELEASE);
		spin_unlock(&rq->lock);
		rq = sched_lock_vcpu(v);
	}
	spin_unlock(&rq->lock);
	/* An idle CPU was claimed for nothing: it declares itself idle again. */
	if (cpu != MAX_CPUS)
		cpu_kick(cpus[cpu], WORK_SCHED);
}

void vcpu_sleep(struct vcpu *v)
{
	struct runqueue *rq = sched_lock_vcpu(v);

	if (v->sched.state == SCHED_QUEUED)
		rq_remove(rq, v);
	if (v->sched.state == SCHED_RUNNING)
		cpu_kick(cpus[v->processor], WORK_SCHED);
	else
		v->sched.state = SCHED_SLEEPING;
	spin_unlock(&rq->lock);
	vcpu_wake(v);
}

void sched_domain_anew(void *data)
{
	const struct domain *d = data;
	struct vcpu *v;
	unsigned int i;

	for_each_vcpu (d, v, i)
		vcpu_sleep(v);
}

/* Charges @sc's current vCPU for its time since the last call. */
static void account(struct sched_cpu *sc, uint64_t now)
{
	struct vcpu *v = sc->curr;
	uint64_t ran = now > sc->since ? now - sc->since : 0;

	WRITE_ONCE(sc->since, now);
	if (!v)
		return;
	WRITE_ONCE(sc->weight, READ_ONCE(v->domain->sched.weight));
	v->sched.vtime += sched_vtime(ran, sc->weight);
	WRITE_ONCE(sc->vtime, v->sched.vtime);
	sched_cap_use(v->domain, ran, now);
}

/* Of the current vCPU @prev, which may stay (or NULL), and the best that waits (or NULL). */
static struct vcpu *prefer(struct sched_cpu *sc, struct vcpu *prev, struct vcpu *best, uint64_t now)
{
	if (!prev || !best)
		return prev ? prev : best;
	if (!prev->sched.yielding &&
	    (now - sc->started < sched_ratelimit || prev->sched.vtime <= best->sched.vtime))
		return prev;
	return best;
}

/* Does a CPU of @rq save the state of a vCPU of another domain than @d? */
static bool saves_another(const struct runqueue *rq, const struct domain *d)
{
	unsigned int i;

	for_each_rq_cpu (rq, i)
		if (sched_cpu(i)->saving && sched_cpu(i)->saving->domain != d)
			return true;
	return false;
}

/* Does a vCPU of @d wait in @rq? */
static bool rq_waits(const struct runqueue *rq, const struct domain *d)
{
	unsigned int i;

	for_each_rq_cpu (rq, i)
		if (rq_first(rq, i, d))
			return true;
	return false;
}

bool sched_may_stay(const struct sched_cpu *sc)
{
	const struct vcpu *v = sc->curr;

	return v && vcpu_runnable(v) && !sched_capped_out(v->domain) &&
	       test_bit(sc->cpu->id, v->sched.hard.bits);
}

/*
 * Who runs next on @sc. Where CPUs share a queue no two of them run different domains at a time:
 * while a sibling runs something (or saves its state), only its domain may join. When another
 * domain's turn has come, all siblings drain; the last one chooses, and calls the others.
 */
static struct vcpu *choose(struct sched_cpu *sc, uint64_t now)
{
	struct runqueue *rq = sc->rq;
	unsigned int cpu = sc->cpu->id;
	struct vcpu *prev = sched_may_stay(sc) ? sc->curr : NULL, *next;
	struct vcpu *best = rq_first(rq, cpu, NULL), *same;

	if (!rq_others_active(rq, cpu)) {
		/* Whom the others made room for must have it, or they would do so again at once. */
		if (rq->wanted && !rq_waits(rq, rq->wanted))
			rq->wanted = NULL;
		next = rq->wanted ? rq_first(rq, cpu, rq->wanted) : prefer(sc, prev, best, now);
		/* The wanted one may run on a sibling only: nobody else does before. */
		if (next)
			rq->wanted = NULL;
		if (next && rq->dom != next->domain) {
			rq->dom = next->domain;
			rq->dom_since = now;
		}
		if (rq->nr > 1 || (rq->nr && (!next || next == prev)))
			kick_siblings(rq, cpu);
		return next;
	}
	/* A sibling that enters this domain still saves what it ran before: it calls when it has. */
	if (rq->wanted || saves_another(rq, rq->dom))
		return NULL;
	same = rq_first(rq, cpu, rq->dom);
	if (best && best != same && now - rq->dom_since >= sched_ratelimit &&
	    best->sched.vtime + SCHED_GRAIN < rq_running_vtime(rq, now) &&
	    (!same || best->sched.vtime + SCHED_GRAIN < same->sched.vtime)) {
		rq->wanted = best->domain;
		kick_siblings(rq, cpu);
		return NULL;
	}
	return prefer(sc, prev, same, now);
}

/* Makes @next (NULL: idle) current in place of what was. */
static void make_current(struct sched_cpu *sc, struct vcpu *next, uint64_t now)
{
	struct vcpu *prev = sc->curr;

	if (prev) {
		prev->sched.state = SCHED_SLEEPING;
		runstate_set(prev, runstate_of(prev), now);
		sc->saving = prev;
	}
	sc->curr = next;
	WRITE_ONCE(sc->weight, 0);
	sc->started = now;
	WRITE_ONCE(sc->since, now);
	if (next) {
		WRITE_ONCE(sc->vtime, next->sched.vtime);
		rq_remove(sc->rq, next);
		next->sched.state = SCHED_RUNNING;
		next->processor = sc->cpu->id;
		next->running = true;
		runstate_set(next, RUNSTATE_running, now);
		WRITE_ONCE(sc->weight, READ_ONCE(next->domain->sched.weight));
	}
	sc->cpu->current = next;
}

struct vcpu *sched_next(void)
{
	struct sched_cpu *sc = sched_cpu(smp_id());
	struct vcpu *next;
	uint64_t now;
	bool looked;

	for (;;) {
		looked = nr_runqueues == 1 || sched_pull(sc);
		spin_lock(&sc->rq->lock);
		now = system_time();
		account(sc, now);
		next = choose(sc, now);
		if (next || looked || sc->rq->nr || sched_may_stay(sc))
			break;
		/* The current one has just used up its cap: look elsewhere before idling. */
		spin_unlock(&sc->rq->lock);
	}
	if (sc->curr)
		sc->curr->sched.yielding = false;
	if (next != sc->curr)
		make_current(sc, next, now);
	if (!next)
		set_bit(sc->cpu->id, sched_idle.bits);
	else if (test_bit(sc->cpu->id, sched_idle.bits))
		clear_bit(sc->cpu->id, sched_idle.bits);
	slice_arm(sc, now);
	/* Who waits may have been put here, while this CPU was idle, for its sake. */
	sched_offer(sc->rq);
	spin_unlock(&sc->rq->lock);
	return next;
}

void sched_switched_from(struct vcpu *v)
{
	struct sched_cpu *sc = sched_cpu(smp_id());
	struct runqueue *rq = sc->rq;
	bool waited_for;

	spin_lock(&rq->lock);
	sc->saving = NULL;
	/* Siblings may have idled until now: to drain, or not to run beside this domain. */
	waited_for = rq->nr_cpus > 1 && (rq->wanted || v->domain != rq->dom);
	spin_unlock(&rq->lock);
	/* From here another CPU may take it; vcpu_wake() on either side sees that under its lock. */
	__atomic_store_n(&v->running, false, __ATOMIC_SEQ_CST);
	vcpu_wake(v);
	if (waited_for)
		kick_siblings(rq, MAX_CPUS);
}
