/* SPDX-License-Identifier: BSD-2-Clause */
/* See sim_machine.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim_machine.h"
#include "event/evtchn.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "mm/heap.h"
#include "x86/time.h"

#define SIM_DOMAINS 16

struct cpu *host_this_cpu;
struct cpu *cpus[MAX_CPUS];
struct core_options options;
uint64_t sim_now, sim_save_ns;
unsigned int sim_kicks;

static struct {
	struct cpu cpu;
	uint64_t deadline;   /* of the one-shot timer, 0: off */
	struct vcpu *in;     /* whom it runs */
	struct vcpu *saving; /* whose state it saves, until @saved_at */
	uint64_t saved_at;
	bool started;
} machine[SIM_CPUS];
static unsigned int nr_cpus;
static struct sim_domain *domains[SIM_DOMAINS];
static unsigned int nr_domains;

/* ---- what the scheduler needs of the core ---- */

unsigned int cpus_online(void)
{
	return nr_cpus;
}

void cpu_kick(struct cpu *cpu, enum cpu_work work)
{
	sim_kicks++;
	set_bit(work, &cpu->pending);
}

uint64_t system_time(void)
{
	return sim_now;
}

void apic_timer_set(uint64_t ns)
{
	machine[smp_id()].deadline = ns;
}

void *xzalloc(size_t size)
{
	return calloc(1, size);
}

void xfree(void *p)
{
	free(p);
}

void printk(const char *fmt, ...)
{
	(void)fmt;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	/* In a test that expects it, this does not return. */
	mock_assert(0, fmt, "panic", 0);
	abort();
}

struct domain *domain_next(const struct domain *d)
{
	unsigned int i = 0;

	while (d && &domains[i++]->d != d)
		;
	return i < nr_domains ? &domains[i]->d : NULL;
}

struct domain *domain_lookup(uint16_t domid)
{
	return domid < nr_domains ? &domains[domid]->d : NULL;
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
	struct sim_domain *s = sim_of(d);

	s->shutdowns++;
	s->shutdown_reason = reason;
}

/* ---- what it needs of events and guests ---- */

bool sim_ports_open[64], sim_ports_pending[64];
int sim_policy;
void (*sim_race)(void);
struct guest_regs sim_regs;

static struct guest_regs *regs(struct vcpu *v)
{
	(void)v;
	return &sim_regs;
}

static const struct vm_ops ops = { .regs = regs };
const struct vm_ops *vm_ops = &ops;

bool evtchn_upcall_pending(const struct vcpu *v)
{
	void (*race)(void) = sim_race;

	sim_race = NULL;
	if (race)
		race();
	return container_of((struct vcpu *)(uintptr_t)v, struct sim_vcpu, v)->pending;
}

bool hvm_interrupt_waits(struct vcpu *v)
{
	return evtchn_upcall_pending(v);
}

int evtchn_poll(struct domain *d, const port_t *ports, unsigned int nr)
{
	(void)d;
	for (unsigned int i = 0; i < nr; i++) {
		if (ports[i] >= 64 || !sim_ports_open[ports[i]])
			return -EINVAL;
		if (sim_ports_pending[ports[i]])
			return 1;
	}
	return 0;
}

int guest_read(void *dst, gva_t src, size_t len)
{
	if (!len)
		return 0;
	if (!src.v)
		return -EFAULT;
	memcpy(dst, (const void *)(uintptr_t)src.v, len);
	return 0;
}

int xsm_domain(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_perm perm)
{
	(void)subj;
	(void)obj;
	(void)perm;
	return sim_policy;
}

/* ---- the simulation ---- */

struct sim_domain *sim_of(const struct domain *d)
{
	return (struct sim_domain *)container_of((struct domain *)(uintptr_t)d, struct sim_domain,
						 d);
}

static struct sim_vcpu *sim_vcpu(struct vcpu *v)
{
	return container_of(v, struct sim_vcpu, v);
}

void sim_reset(unsigned int count, unsigned int threads)
{
	unsigned int i;

	memset(machine, 0, sizeof(machine));
	memset(runqueues, 0, sizeof(runqueues));
	memset(&sched_idle, 0, sizeof(sched_idle));
	memset(cpus, 0, sizeof(cpus));
	nr_runqueues = 0;
	sched_ratelimit = MS;
	nr_cpus = count;
	nr_domains = 0;
	sim_now = 1000 * MS;
	sim_save_ns = 0;
	sim_kicks = 0;
	sim_policy = 0;
	sim_race = NULL;
	memset(sim_ports_open, 0, sizeof(sim_ports_open));
	memset(sim_ports_pending, 0, sizeof(sim_ports_pending));
	for (i = 0; i < count; i++) {
		struct cpu *cpu = &machine[i].cpu;

		cpu->id = i;
		cpu->core = i / threads;
		cpu->thread = i % threads;
		cpus[i] = cpu;
	}
	for (i = 0; i < count; i++) {
		sim_on_cpu(i);
		timers_cpu_init(i);
		sched_cpu_init(&machine[i].cpu);
	}
	sim_on_cpu(0);
}

struct sim_domain *sim_domain_add(unsigned int vcpus, uint16_t weight)
{
	struct sim_domain *s = calloc(1, sizeof(*s));
	unsigned int i;

	assert_true(nr_domains < SIM_DOMAINS && vcpus <= SIM_VCPUS);
	s->d.id = (uint16_t)nr_domains;
	domains[nr_domains++] = s;
	s->d.max_vcpus = vcpus;
	s->d.vcpu = s->table;
	sched_domain_init(&s->d);
	if (weight)
		s->d.sched.weight = weight;
	for (i = 0; i < vcpus; i++) {
		struct sim_vcpu *v = &s->vcpu[i];

		v->v.domain = &s->d;
		v->v.id = i;
		v->v.initialised = true;
		v->burst = v->left = SIM_FOREVER;
		sched_vcpu_init(&v->v);
		s->table[i] = &v->v;
	}
	for (i = 0; i < vcpus; i++) {
		s->vcpu[i].ready_since = sim_now;
		vcpu_wake(&s->vcpu[i].v);
	}
	return s;
}

void sim_end(void)
{
	unsigned int i, k;

	/* No one runs any more; then all is let go. */
	for (i = 0; i < nr_domains; i++)
		domain_pause_nosync(&domains[i]->d);
	sim_save_ns = 0;
	sim_run(MS);
	for (i = 0; i < nr_domains; i++) {
		sched_domain_stop(&domains[i]->d);
		for (k = 0; k < domains[i]->d.max_vcpus; k++)
			assert_false(vcpu_is_running(&domains[i]->vcpu[k].v));
	}
	for (i = 0; i < nr_runqueues; i++)
		assert_int_equal(runqueues[i].nr, 0);
	for (i = 0; i < nr_domains; i++)
		free(domains[i]);
	nr_domains = 0;
}

void sim_on_cpu(unsigned int cpu)
{
	host_this_cpu = &machine[cpu].cpu;
}

void sim_count_anew(void)
{
	unsigned int i, k;

	for (i = 0; i < nr_domains; i++)
		for (k = 0; k < domains[i]->d.max_vcpus; k++) {
			domains[i]->vcpu[k].ran = 0;
			domains[i]->vcpu[k].worst_wait = 0;
		}
}

void sim_pin(struct sim_vcpu *s, unsigned long hard, unsigned long soft)
{
	struct cpumask h = { { hard } }, f = { { soft } };

	assert_int_equal(sched_set_affinity(&s->v, &h, &f), 0);
}

/* What must hold whenever @cpu begins to run @v. */
static void check_enter(unsigned int cpu, struct vcpu *v)
{
	struct sim_vcpu *s = sim_vcpu(v);
	unsigned int i;

	assert_true(vcpu_runnable(v));
	assert_true(v->running);
	assert_int_equal(v->processor, cpu);
	assert_int_equal(v->runstate.state, RUNSTATE_running);
	assert_true(test_bit(cpu, v->sched.hard.bits));
	assert_false(test_bit(cpu, sched_idle.bits));
	for (i = 0; i < nr_cpus; i++) {
		const struct vcpu *other[2] = { machine[i].in, machine[i].saving };

		if (i == cpu)
			continue;
		for (unsigned int k = 0; k < 2; k++) {
			/* Nowhere else, and its state is saved. */
			assert_ptr_not_equal(other[k], v);
			if (other[k] && machine[i].cpu.core == machine[cpu].cpu.core &&
			    options.sched_gran > 1)
				assert_ptr_equal(other[k]->domain, v->domain);
		}
	}
	if (s->ready_since) {
		s->worst_wait = max(s->worst_wait, sim_now - s->ready_since);
		s->ready_since = 0;
	}
	if (s->on_run)
		s->on_run(s);
}

static void leave(unsigned int i)
{
	struct vcpu *v = machine[i].saving;

	machine[i].saving = NULL;
	sched_switched_from(v);
}

/* One turn of the main loop. */
static void turn(unsigned int i)
{
	struct cpu *cpu = &machine[i].cpu;
	struct vcpu *prev = cpu->current, *next;

	if (test_and_clear_bit(WORK_TIMER, &cpu->pending))
		timers_run();
	if (prev && !test_bit(WORK_SCHED, &cpu->pending))
		return;
	clear_bit(WORK_SCHED, &cpu->pending);
	next = sched_next();
	assert_ptr_equal(next, cpu->current);
	if (next == prev)
		return;
	machine[i].in = NULL;
	if (prev) {
		machine[i].saving = prev;
		machine[i].saved_at = sim_now + sim_save_ns;
		if (!sim_save_ns)
			leave(i);
	}
}

/* Lets CPU @i do what it can now. True: it did something. */
static bool step(unsigned int i)
{
	struct cpu *cpu = &machine[i].cpu;
	bool did = false;

	sim_on_cpu(i);
	if (machine[i].deadline && machine[i].deadline <= sim_now) {
		machine[i].deadline = 0;
		set_bit(WORK_TIMER, &cpu->pending);
	}
	if (machine[i].saving) {
		if (machine[i].saved_at > sim_now)
			return false;
		leave(i);
		did = true;
	}
	while (cpu->pending || !machine[i].started) {
		machine[i].started = true;
		did = true;
		turn(i);
		if (machine[i].saving)
			return true;
	}
	if (machine[i].in != cpu->current) {
		machine[i].in = cpu->current;
		check_enter(i, cpu->current);
		did = true;
	}
	timers_program();
	return did || (machine[i].deadline && machine[i].deadline <= sim_now);
}

void sim_settle(void)
{
	struct cpu *before = host_this_cpu;
	unsigned int i, rounds = 0;
	bool again = true;

	while (again) {
		/* Whoever kicks others for ever has a fault. */
		assert_true(rounds++ < 1000);
		for (again = false, i = 0; i < nr_cpus; i++)
			again |= step(i);
	}
	host_this_cpu = before;
}

/* Has a CPU been claimed for @sv that is done in a moment, since it only saves what it ran? */
static bool taken_by_saver(const struct vcpu *v)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++)
		if (machine[i].saving && test_bit(i, v->sched.hard.bits) &&
		    !test_bit(i, sched_idle.bits))
			return true;
	return false;
}

/* Nobody waits while a CPU that may run him idles (but for cores that run another domain). */
static void check_work_conserving(void)
{
	unsigned int i, r;
	struct vcpu *v;

	if (options.sched_gran > 1)
		return;
	for (i = 0; i < nr_cpus; i++) {
		if (machine[i].in || machine[i].saving)
			continue;
		for (r = 0; r < nr_runqueues; r++)
			list_for_each_entry (v, &runqueues[r].queue, sched.link)
				assert_false(test_bit(i, v->sched.hard.bits) && !taken_by_saver(v));
	}
}

static uint64_t next_event(uint64_t end)
{
	uint64_t next = end;
	unsigned int i, k;

	for (i = 0; i < nr_cpus; i++) {
		if (machine[i].deadline)
			next = min(next, machine[i].deadline);
		if (machine[i].saving)
			next = min(next, machine[i].saved_at);
		if (machine[i].in)
			next = min(next, sim_now + sim_vcpu(machine[i].in)->left);
	}
	for (i = 0; i < nr_domains; i++)
		for (k = 0; k < domains[i]->d.max_vcpus; k++)
			if (domains[i]->vcpu[k].wake_at)
				next = min(next, domains[i]->vcpu[k].wake_at);
	return max(next, sim_now);
}

static void pass(uint64_t until)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++)
		if (machine[i].in) {
			sim_vcpu(machine[i].in)->ran += until - sim_now;
			sim_vcpu(machine[i].in)->left -= until - sim_now;
		}
	sim_now = until;
}

/* Bursts that end, and sleepers that wake (on some CPU, not always the same). */
static void behave(void)
{
	static unsigned int waker;
	unsigned int i, k;

	for (i = 0; i < nr_cpus; i++) {
		struct sim_vcpu *s = machine[i].in ? sim_vcpu(machine[i].in) : NULL;

		if (!s || s->left)
			continue;
		sim_on_cpu(i);
		s->left = s->burst;
		vcpu_block_current(PAUSE_BLOCKED);
		s->wake_at = sim_now + s->sleep;
	}
	for (i = 0; i < nr_domains; i++)
		for (k = 0; k < domains[i]->d.max_vcpus; k++) {
			struct sim_vcpu *s = &domains[i]->vcpu[k];

			if (!s->wake_at || s->wake_at > sim_now)
				continue;
			sim_on_cpu(waker++ % nr_cpus);
			s->wake_at = 0;
			s->ready_since = sim_now;
			vcpu_unblock(&s->v);
		}
}

void sim_run(uint64_t ns)
{
	uint64_t end = sim_now + ns;
	struct cpu *before = host_this_cpu;

	for (;;) {
		behave();
		sim_settle();
		check_work_conserving();
		host_this_cpu = before;
		if (sim_now >= end)
			return;
		pass(next_event(end));
	}
}
