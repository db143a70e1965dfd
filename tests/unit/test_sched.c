/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler on a simulated machine (support/sim_machine.h). Requirements: REQ core/scheduling
 * (shares within 5 % of the weights over 10 s, wake-up to run within 1 ms on an idle machine, no
 * starvation by spinners, caps, affinity, core scheduling).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "support/sim_machine.h"
#include "lib/cmdline.h"

#define SECOND (1000 * MS)

/* Asserts that @got is within @percent of @want. */
static void assert_near(uint64_t got, uint64_t want, unsigned int percent)
{
	if (got * 100 < want * (100 - percent) || got * 100 > want * (100 + percent))
		fail_msg("%lu us is not within %u %% of %lu us", got / 1000, percent, want / 1000);
}

/*
 * What spinning vCPUs of the weights @w are due in @ns on @cpus CPUs: in proportion, but no one
 * more than one CPU (who would get more gets one, and the rest is shared anew).
 */
static void fair_shares(const uint16_t *w, unsigned int n, unsigned int cpus_up, uint64_t ns,
			uint64_t *share)
{
	bool full[SIM_VCPUS] = { false }, again = true;
	unsigned int i, left = cpus_up;

	while (again) {
		uint64_t sum = 0;

		again = false;
		for (i = 0; i < n; i++)
			sum += full[i] ? 0 : w[i];
		for (i = 0; i < n && left; i++)
			if (!full[i] && (uint64_t)w[i] * left >= sum) {
				full[i] = again = true;
				left--;
				break;
			}
		for (i = 0; i < n; i++)
			share[i] = full[i] ? ns : sum ? ns * left * w[i] / sum : 0;
	}
}

static void check_shares(unsigned int cpu_count, const uint16_t *w, unsigned int n,
			 uint64_t save_ns)
{
	struct sim_domain *d[SIM_VCPUS];
	uint64_t share[SIM_VCPUS];
	unsigned int i;

	options.sched_gran = 1;
	sim_reset(cpu_count, 1);
	sim_save_ns = save_ns;
	for (i = 0; i < n; i++)
		d[i] = sim_domain_add(1, w[i]);
	sim_run(SECOND / 10);
	sim_count_anew();
	sim_run(10 * SECOND);
	fair_shares(w, n, cpu_count, 10 * SECOND, share);
	for (i = 0; i < n; i++)
		assert_near(d[i]->vcpu[0].ran, share[i], 5);
	sim_end();
}

/* REQ core/scheduling: "shares stay within 5 % of the weights over 10 s". */
static void test_weights(void **state)
{
	static const struct {
		unsigned int cpus, n;
		uint16_t w[SIM_VCPUS];
	} mix[] = {
		{ 1, 1, { 256 } },
		{ 1, 2, { 256, 256 } },
		{ 1, 2, { 512, 256 } },
		{ 1, 3, { 1024, 256, 64 } },
		{ 1, 4, { 100, 200, 300, 400 } },
		{ 1, 8, { 256, 256, 256, 256, 256, 256, 256, 256 } },
		{ 1, 2, { 65535, 4096 } },
		{ 2, 2, { 256, 1024 } },
		{ 2, 3, { 256, 256, 256 } },
		{ 2, 3, { 512, 256, 256 } },
		{ 2, 4, { 1024, 256, 256, 256 } },
		{ 2, 5, { 256, 256, 256, 256, 256 } },
		{ 2, 5, { 128, 256, 384, 512, 640 } },
		{ 4, 5, { 256, 256, 256, 256, 256 } },
		{ 4, 6, { 256, 256, 256, 512, 512, 512 } },
		{ 4, 7, { 256, 256, 256, 256, 256, 256, 256 } },
		{ 4, 8, { 512, 512, 256, 256, 256, 256, 256, 256 } },
		{ 4, 9, { 64, 128, 256, 512, 1024, 256, 256, 256, 256 } },
		{ 8, 11, { 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256 } },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(mix); i++) {
		check_shares(mix[i].cpus, mix[i].w, mix[i].n, 0);
		check_shares(mix[i].cpus, mix[i].w, mix[i].n, 20000);
	}
}

/* Weights are of each vCPU: a domain with two gets twice as much; and they may change. */
static void test_weight_change(void **state)
{
	struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT2,
					      .cmd = XEN_DOMCTL_SCHEDOP_putinfo };
	struct sim_domain *a, *b;

	(void)state;
	options.sched_gran = 1;
	sim_reset(1, 1);
	a = sim_domain_add(2, 256);
	b = sim_domain_add(1, 256);
	sim_run(10 * SECOND);
	assert_near(a->vcpu[0].ran, 10 * SECOND / 3, 5);
	assert_near(a->vcpu[1].ran, 10 * SECOND / 3, 5);
	assert_near(b->vcpu[0].ran, 10 * SECOND / 3, 5);
	op.u.credit2.weight = 1024;
	assert_int_equal(sched_domctl_scheduler_op(&b->d, &op), 0);
	sim_count_anew();
	sim_run(10 * SECOND);
	assert_near(a->vcpu[0].ran, 10 * SECOND / 6, 5);
	assert_near(b->vcpu[0].ran, 10 * SECOND * 4 / 6, 5);
	/* Run state times tell the same, and their sum is the time that has passed. */
	for (unsigned int i = 0; i < 2; i++) {
		struct vcpu_runstate_info r;

		vcpu_runstate_get(&a->vcpu[i].v, &r);
		assert_near(r.time[RUNSTATE_running], 10 * SECOND / 3 + 10 * SECOND / 6, 5);
		assert_int_equal(r.time[0] + r.time[1] + r.time[2] + r.time[3], 20 * SECOND);
	}
	sim_end();
}

/* A spinner can't starve one that sleeps, computes, and sleeps; nor the other way round. */
static void test_sleepers(void **state)
{
	static const unsigned int counts[] = { 1, 2, 4 };

	(void)state;
	options.sched_gran = 1;
	for (unsigned int k = 0; k < ARRAY_SIZE(counts); k++) {
		unsigned int n = counts[k], i;
		struct sim_domain *spin, *sleep;

		sim_reset(n, 1);
		sim_save_ns = 5000;
		spin = sim_domain_add(2 * n, 256);
		sleep = sim_domain_add(n, 256);
		for (i = 0; i < n; i++) {
			sleep->vcpu[i].burst = sleep->vcpu[i].left = MS / 2 + i * 7000;
			sleep->vcpu[i].sleep = 7 * MS + i * 13000;
		}
		sim_run(SECOND / 10);
		sim_count_anew();
		sim_run(10 * SECOND);
		for (i = 0; i < n; i++) {
			/* Asks for less than its share: gets what it asks for, and soon. */
			assert_true(sleep->vcpu[i].ran > 10 * SECOND / 20);
			assert_true(sleep->vcpu[i].worst_wait < 8 * MS);
		}
		for (i = 0; i < 2 * n; i++)
			assert_near(spin->vcpu[i].ran, spin->vcpu[0].ran, 5);
		sim_end();
	}
}

/* Who sleeps for long saves nothing up: it may not keep the CPU for itself afterwards. */
static void test_no_hoarding(void **state)
{
	struct sim_domain *spin, *sleep;

	(void)state;
	options.sched_gran = 1;
	for (unsigned int n = 1; n <= 2; n++) {
		sim_reset(n, 1);
		spin = sim_domain_add(n, 256);
		sleep = sim_domain_add(n, 256);
		domain_pause_nosync(&sleep->d);
		sim_run(10 * SECOND);
		assert_int_equal(sleep->vcpu[0].ran, 0);
		domain_unpause(&sleep->d);
		sim_count_anew();
		sim_run(SECOND);
		for (unsigned int i = 0; i < n; i++) {
			assert_near(spin->vcpu[i].ran, SECOND / 2, 5);
			assert_near(sleep->vcpu[i].ran, SECOND / 2, 5);
		}
		sim_end();
	}
}

/* REQ core/scheduling: "wake-up to run within 1 ms on an idle machine". */
static void test_wake_latency(void **state)
{
	struct sim_domain *d;

	(void)state;
	options.sched_gran = 1;
	sim_reset(2, 1);
	sim_save_ns = 20000;
	d = sim_domain_add(2, 256);
	for (unsigned int i = 0; i < 2; i++) {
		d->vcpu[i].burst = d->vcpu[i].left = 300000 + i * 1000;
		d->vcpu[i].sleep = 2 * MS + i * 5;
	}
	sim_run(10 * SECOND);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(d->vcpu[i].worst_wait <= 2 * sim_save_ns);
		assert_true(d->vcpu[i].ran > SECOND);
	}
	/* Idle CPUs are asleep: no timer runs that no one needs. */
	domain_pause_nosync(&d->d);
	sim_run(10 * MS);
	sim_kicks = 0;
	sim_run(SECOND);
	assert_int_equal(sim_kicks, 0);
	sim_end();
}

/* A cap bounds a domain, not each vCPU, also when the CPUs have nothing else to do. */
static void test_caps(void **state)
{
	static const struct {
		unsigned int cpus, vcpus;
		uint16_t cap;
	} mix[] = { { 1, 1, 1 },   { 1, 1, 10 }, { 1, 1, 50 },	{ 1, 1, 99 },  { 2, 2, 50 },
		    { 2, 2, 150 }, { 4, 4, 25 }, { 4, 3, 270 }, { 8, 8, 790 }, { 8, 8, 350 } };
	struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT2,
					      .cmd = XEN_DOMCTL_SCHEDOP_putinfo };
	unsigned int i, k;

	(void)state;
	options.sched_gran = 1;
	for (i = 0; i < ARRAY_SIZE(mix); i++) {
		struct sim_domain *d, *other;
		uint64_t ran = 0;

		sim_reset(mix[i].cpus, 1);
		d = sim_domain_add(mix[i].vcpus, 256);
		sim_run(100 * MS);
		op.u.credit2.cap = mix[i].cap;
		op.u.credit2.weight = 0;
		assert_int_equal(sched_domctl_scheduler_op(&d->d, &op), 0);
		assert_int_equal(d->d.sched.weight, 256);
		sim_run(100 * MS);
		sim_count_anew();
		sim_run(10 * SECOND);
		for (k = 0; k < mix[i].vcpus; k++)
			ran += d->vcpu[k].ran;
		assert_near(ran, 10 * SECOND * mix[i].cap / 100, 5);
		/* Parked vCPUs are runnable, not blocked. */
		for (k = 0; k < mix[i].vcpus; k++)
			assert_true(d->vcpu[k].v.runstate.state <= RUNSTATE_runnable);
		/* What the cap leaves, others have. */
		other = sim_domain_add(mix[i].cpus, 256);
		sim_run(100 * MS);
		sim_count_anew();
		sim_run(SECOND);
		for (ran = 0, k = 0; k < mix[i].cpus; k++)
			ran += other->vcpu[k].ran;
		assert_true(ran * 20 >= SECOND * mix[i].cpus * 9);
		/* Pausing and unpausing while parked gains and loses nothing. */
		domain_pause_nosync(&d->d);
		sim_run(50 * MS);
		domain_unpause(&d->d);
		domain_pause_nosync(&other->d);
		sim_run(50 * MS);
		sim_count_anew();
		sim_run(SECOND);
		for (ran = 0, k = 0; k < mix[i].vcpus; k++)
			ran += d->vcpu[k].ran;
		assert_near(ran, SECOND * mix[i].cap / 100, 7);
		/* Without the cap again. */
		op.u.credit2.cap = 0;
		assert_int_equal(sched_domctl_scheduler_op(&d->d, &op), 0);
		sim_count_anew();
		sim_run(SECOND);
		for (ran = 0, k = 0; k < mix[i].vcpus; k++)
			ran += d->vcpu[k].ran;
		assert_near(ran, SECOND * min(mix[i].vcpus, mix[i].cpus), 2);
		sim_end();
	}
}

static void test_hard_affinity(void **state)
{
	struct sim_domain *d;
	struct cpumask none = { { 1UL << 10 } }, hard, soft;

	(void)state;
	options.sched_gran = 1;
	sim_reset(4, 1);
	sim_save_ns = 3000;
	d = sim_domain_add(6, 256);
	/* check_enter() of the simulation asserts it at every switch. */
	sim_pin(&d->vcpu[0], 1, ~0UL);
	sim_pin(&d->vcpu[1], 1, ~0UL);
	sim_pin(&d->vcpu[2], 2 | 4, ~0UL);
	sim_pin(&d->vcpu[3], 8, ~0UL);
	sim_run(SECOND);
	sim_count_anew();
	sim_run(10 * SECOND);
	/* Two pinned on CPU 0, one alone on CPU 3; the others on CPUs 1 and 2 and where there is room. */
	assert_near(d->vcpu[0].ran, d->vcpu[1].ran, 5);
	for (unsigned int i = 0; i < 6; i++)
		assert_true(d->vcpu[i].ran > 4 * SECOND);
	/* Moved while running and while queued. */
	sim_pin(&d->vcpu[0], 8, ~0UL);
	sim_pin(&d->vcpu[1], 8, ~0UL);
	sim_count_anew();
	sim_run(SECOND);
	assert_true(d->vcpu[0].ran > 200 * MS && d->vcpu[1].ran > 200 * MS);
	/* No CPU that is up: refused, and nothing changes. */
	assert_int_equal(sched_set_affinity(&d->vcpu[0].v, &none, NULL), -EINVAL);
	sched_get_affinity(&d->vcpu[0].v, &hard, &soft);
	assert_int_equal(hard.bits[0], 8);
	assert_true(soft.bits[0] == ~0UL);
	assert_int_equal(sched_set_affinity(&d->vcpu[0].v, NULL, &none), 0);
	sched_get_affinity(&d->vcpu[0].v, &hard, &soft);
	assert_int_equal(hard.bits[0], 8);
	assert_int_equal(soft.bits[0], none.bits[0]);
	sim_end();
}

/* Soft affinity is kept while there is room, and gives way rather than let a CPU idle. */
static void test_soft_affinity(void **state)
{
	struct sim_domain *a, *b;

	(void)state;
	options.sched_gran = 1;
	sim_reset(2, 1);
	a = sim_domain_add(1, 256);
	sim_pin(&a->vcpu[0], 3, 2);
	a->vcpu[0].burst = a->vcpu[0].left = MS;
	a->vcpu[0].sleep = MS;
	sim_run(100 * MS);
	assert_int_equal(a->vcpu[0].v.processor, 1);
	b = sim_domain_add(2, 256);
	sim_pin(&b->vcpu[0], 3, 2);
	sim_pin(&b->vcpu[1], 3, 2);
	sim_run(SECOND);
	sim_count_anew();
	sim_run(SECOND);
	assert_true(b->vcpu[0].ran + b->vcpu[1].ran > 3 * SECOND / 2 - 50 * MS);
	sim_end();
}

/* Events that come while a vCPU is on its way to sleep are not lost. */
static void test_no_lost_wakeup(void **state)
{
	struct sim_domain *d, *e;
	uint64_t since;

	(void)state;
	options.sched_gran = 1;
	for (unsigned int n = 1; n <= 4; n++) {
		sim_reset(n, 1);
		sim_save_ns = 50000; /* wake-ups come while the state is being saved */
		d = sim_domain_add(8, 256);
		e = sim_domain_add(1, 256);
		for (unsigned int i = 0; i < 8; i++) {
			d->vcpu[i].burst = d->vcpu[i].left = 20000 + i * 3000;
			d->vcpu[i].sleep = 10000 + i * 11000;
		}
		since = sim_now;
		sim_run(5 * SECOND);
		for (unsigned int i = 0; i < 8; i++) {
			/* Still at it. */
			assert_true(d->vcpu[i].ran > 50 * MS);
			assert_true(d->vcpu[i].worst_wait < SECOND / 2);
		}
		assert_true(e->vcpu[0].ran > (sim_now - since) / 20);
		sim_end();
	}
}

static void test_pause(void **state)
{
	struct sim_domain *d;
	struct sim_vcpu *s;
	struct vcpu_runstate_info r;

	(void)state;
	options.sched_gran = 1;
	sim_reset(2, 1);
	d = sim_domain_add(3, 256);
	s = &d->vcpu[0];
	sim_run(100 * MS);
	/* Counts nest. */
	vcpu_pause_nosync(&s->v);
	vcpu_pause_nosync(&s->v);
	sim_settle();
	assert_false(vcpu_is_running(&s->v));
	assert_int_equal(s->v.runstate.state, RUNSTATE_offline);
	vcpu_unpause(&s->v);
	sim_count_anew();
	sim_run(100 * MS);
	assert_int_equal(s->ran, 0);
	assert_int_equal(d->vcpu[1].ran, 100 * MS);
	vcpu_unpause(&s->v);
	sim_run(100 * MS);
	assert_true(s->ran > 50 * MS);
	/* The whole domain, and one of it as well. */
	domain_pause_nosync(&d->d);
	sim_settle();
	domain_pause_sync(&d->d);
	vcpu_pause_sync(&s->v);
	for (unsigned int i = 0; i < 3; i++)
		assert_false(vcpu_is_running(&d->vcpu[i].v));
	domain_unpause(&d->d);
	domain_unpause(&d->d);
	sim_count_anew();
	sim_run(100 * MS);
	assert_int_equal(s->ran, 0);
	assert_true(d->vcpu[1].ran >= 99 * MS);
	vcpu_unpause(&s->v);
	/* A wake-up of one that runs, is queued, or is paused changes nothing. */
	for (unsigned int i = 0; i < 3; i++)
		vcpu_wake(&d->vcpu[i].v);
	sim_run(100 * MS);
	/* Down, and up again; one that is blocked and down stays blocked to the eye. */
	set_bit(PAUSE_DOWN, &s->v.pause_flags);
	vcpu_sleep(&s->v);
	sim_settle();
	assert_int_equal(s->v.runstate.state, RUNSTATE_offline);
	set_bit(PAUSE_BLOCKED, &s->v.pause_flags);
	vcpu_sleep(&s->v);
	assert_int_equal(s->v.runstate.state, RUNSTATE_blocked);
	vcpu_unblock(&s->v);
	assert_int_equal(s->v.runstate.state, RUNSTATE_offline);
	sim_run(10 * MS);
	clear_bit(PAUSE_DOWN, &s->v.pause_flags);
	vcpu_wake(&s->v);
	sim_count_anew();
	sim_run(100 * MS);
	assert_true(s->ran > 50 * MS);
	vcpu_runstate_get(&s->v, &r);
	assert_true(r.time[RUNSTATE_offline] > 200 * MS);
	/* Sleeping when it need not changes nothing. */
	vcpu_sleep(&s->v);
	sim_run(50 * MS);
	assert_true(s->ran > 75 * MS);
	sim_end();
}

/* A domain whose vCPUs are not all there yet can be paused and capped like others. */
static void test_incomplete(void **state)
{
	struct sim_domain *d;
	struct vcpu *missing;

	(void)state;
	options.sched_gran = 1;
	sim_reset(1, 1);
	d = sim_domain_add(2, 256);
	vcpu_pause_nosync(&d->vcpu[1].v);
	sim_settle();
	missing = d->d.vcpu[1];
	d->d.vcpu[1] = NULL;
	domain_pause_nosync(&d->d);
	sim_settle();
	domain_pause_sync(&d->d);
	domain_unpause(&d->d);
	domain_unpause(&d->d);
	sched_cap_set(&d->d, 50);
	sim_run(SECOND);
	sim_count_anew();
	sim_run(SECOND);
	assert_near(d->vcpu[0].ran, SECOND / 2, 5);
	sched_cap_set(&d->d, 0);
	d->d.vcpu[1] = missing;
	vcpu_unpause(missing);
	sim_end();
}

/* Waiting for the current vCPU itself would never end. */
static void test_pause_self(void **state)
{
	struct sim_domain *d;

	(void)state;
	options.sched_gran = 1;
	sim_reset(1, 1);
	d = sim_domain_add(1, 256);
	sim_settle();
	sim_on_cpu(0);
	expect_assert_failure(vcpu_pause_sync(&d->vcpu[0].v));
	sim_end();
}

static unsigned int turns;

static void yields(struct sim_vcpu *s)
{
	turns++;
	(void)s;
	sched_op(SCHEDOP_yield, (gva_t) { 0 });
}

/* Who yields lets the other run at once, whatever the virtual time. */
static void test_yield(void **state)
{
	struct sim_domain *d;

	(void)state;
	options.sched_gran = 1;
	sim_reset(1, 1);
	d = sim_domain_add(2, 256);
	d->vcpu[0].on_run = yields;
	turns = 0;
	sim_run(SECOND);
	assert_true(turns > 90);
	assert_true(d->vcpu[1].ran > 9 * SECOND / 10);
	/* With nobody else it goes on. */
	domain_pause_nosync(&d->d);
	d->vcpu[1].v.pause_count = 1;
	domain_unpause(&d->d);
	sim_count_anew();
	sim_run(SECOND);
	assert_true(d->vcpu[0].ran > 9 * SECOND / 10);
	sim_end();
}

/*
 * sched-gran=core: threads of a core never run, or save, different domains at a time
 * (check_enter() of the simulation asserts it), and the shares are fair none the less.
 */
static void test_core_scheduling(void **state)
{
	(void)state;
	for (unsigned int save = 0; save < 2; save++)
		for (unsigned int gran = 2; gran <= 3; gran++) {
			struct sim_domain *a, *b, *c;

			options.sched_gran = (uint8_t)gran;
			sim_reset(4, 2);
			assert_int_equal(nr_runqueues, gran == 2 ? 2 : 1);
			sim_save_ns = save * 30000;
			a = sim_domain_add(4, 256);
			b = sim_domain_add(4, 256);
			c = sim_domain_add(1, 256);
			sim_run(10 * SECOND);
			for (unsigned int i = 0; i < 4; i++) {
				assert_true(a->vcpu[i].ran > 2 * SECOND);
				assert_true(b->vcpu[i].ran > 2 * SECOND);
				assert_near(a->vcpu[i].ran, b->vcpu[i].ran, 15);
			}
			assert_true(c->vcpu[0].ran > 2 * SECOND);
			/* Sleepers among spinners: rendezvous in every combination. */
			for (unsigned int i = 0; i < 4; i++) {
				a->vcpu[i].burst = a->vcpu[i].left = 400000 + i * 100000;
				a->vcpu[i].sleep = 900000 + i * 70000;
			}
			c->vcpu[0].burst = c->vcpu[0].left = MS;
			c->vcpu[0].sleep = 3 * MS;
			sim_run(100 * MS);
			sim_count_anew();
			sim_run(10 * SECOND);
			for (unsigned int i = 0; i < 4; i++) {
				assert_true(a->vcpu[i].ran > SECOND / 2);
				assert_true(a->vcpu[i].worst_wait < 100 * MS);
				assert_true(b->vcpu[i].ran > SECOND);
			}
			assert_true(c->vcpu[0].worst_wait < 100 * MS);
			sim_end();
		}
	options.sched_gran = 1;
}

/* Alone, a domain has all threads of all cores. */
static void test_core_alone(void **state)
{
	struct sim_domain *a;

	(void)state;
	options.sched_gran = 2;
	sim_reset(4, 2);
	a = sim_domain_add(4, 256);
	sim_run(SECOND);
	for (unsigned int i = 0; i < 4; i++)
		assert_near(a->vcpu[i].ran, SECOND, 1);
	sim_end();
	options.sched_gran = 1;
}

/* Something that a tool, a guest or time may do, to one of the domains @d on @n CPUs. */
static void random_deed(struct sim_domain *const d[4], unsigned int n)
{
	struct sim_domain *x = d[rand() % 4];
	struct sim_vcpu *s = &x->vcpu[rand() % 4];
	unsigned long mask = 1UL << rand() % n | 1UL << rand() % n;

	sim_on_cpu((unsigned int)rand() % n);
	switch (rand() % 8) {
	case 0:
		vcpu_pause_nosync(&s->v);
		sim_run((uint64_t)(rand() % 1000) * 1000);
		vcpu_unpause(&s->v);
		break;
	case 1:
		domain_pause_nosync(&x->d);
		sim_run((uint64_t)(rand() % 1000) * 1000);
		domain_unpause(&x->d);
		break;
	case 2:
		sim_pin(s, mask, 1UL << rand() % n);
		break;
	case 3:
		sim_pin(s, ~0UL, ~0UL);
		break;
	case 4:
		sched_cap_set(&x->d, rand() % 2 ? 0 : (uint16_t)(rand() % 300));
		break;
	case 5:
		x->d.sched.weight = (uint16_t)(rand() % UINT16_MAX + 1);
		break;
	case 6:
		vcpu_unblock(&s->v);
		break;
	default:
		sim_run((uint64_t)(rand() % 4000) * 1000);
	}
}

/* Random comings and goings of all kinds; the simulation's assertions are the test. */
static void test_random(void **state)
{
	(void)state;
	srand(20261122);
	for (unsigned int round = 0; round < 160; round++) {
		unsigned int n = 1U << (round % 4);
		struct sim_domain *d[4];

		options.sched_gran = (uint8_t)(1 + round / 4 % 2);
		sim_reset(n, n > 1 ? 2 : 1);
		sim_save_ns = (uint64_t)(rand() % 3) * 15000;
		for (unsigned int i = 0; i < 4; i++) {
			d[i] = sim_domain_add(4, (uint16_t)(64 << i));
			for (unsigned int k = 0; k < 4; k++)
				if (rand() % 2) {
					d[i]->vcpu[k].burst = d[i]->vcpu[k].left =
						(uint64_t)(rand() % 3000 + 1) * 1000;
					d[i]->vcpu[k].sleep = (uint64_t)(rand() % 5000 + 1) * 1000;
				}
		}
		for (unsigned int i = 0; i < 400; i++)
			random_deed(d, n);
		/* Left alone, everybody who wants to run does. */
		for (unsigned int i = 0; i < 4; i++) {
			struct xen_domctl_scheduler_op op = {
				.sched_id = XEN_SCHEDULER_CREDIT2,
				.cmd = XEN_DOMCTL_SCHEDOP_putinfo,
				.u.credit2.weight = 256,
			};

			assert_int_equal(sched_domctl_scheduler_op(&d[i]->d, &op), 0);
			assert_int_equal(d[i]->d.sched.cap, 0);
			for (unsigned int k = 0; k < 4; k++)
				sim_pin(&d[i]->vcpu[k], ~0UL, ~0UL);
		}
		sim_run(SECOND);
		sim_count_anew();
		sim_run(SECOND);
		for (unsigned int i = 0; i < 4; i++)
			for (unsigned int k = 0; k < 4; k++) {
				assert_true(d[i]->vcpu[k].ran > 0);
				/* SCHED_LAG ahead of fifteen that are as far behind. */
				assert_true(d[i]->vcpu[k].worst_wait < 1000 * MS);
			}
		sim_end();
	}
	options.sched_gran = 1;
}

static void test_parameters(void **state)
{
	struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT,
					      .cmd = XEN_DOMCTL_SCHEDOP_getinfo };
	struct xen_sysctl_scheduler_op sys = { .sched_id = XEN_SCHEDULER_CREDIT2,
					       .cmd = XEN_SYSCTL_SCHEDOP_getinfo };
	struct sim_domain *d;

	(void)state;
	sim_reset(1, 1);
	d = sim_domain_add(1, 0);
	assert_int_equal(sched_domctl_scheduler_op(&d->d, &op), -EINVAL);
	op.sched_id = XEN_SCHEDULER_CREDIT2;
	assert_int_equal(sched_domctl_scheduler_op(&d->d, &op), 0);
	assert_int_equal(op.u.credit2.weight, 256);
	assert_int_equal(op.u.credit2.cap, 0);
	op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	op.u.credit2.weight = 77;
	op.u.credit2.cap = 30;
	assert_int_equal(sched_domctl_scheduler_op(&d->d, &op), 0);
	op.u.credit2.weight = op.u.credit2.cap = 0;
	op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	assert_int_equal(sched_domctl_scheduler_op(&d->d, &op), 0);
	assert_int_equal(op.u.credit2.weight, 77);
	assert_int_equal(op.u.credit2.cap, 30);
	op.cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
	assert_int_equal(sched_domctl_scheduler_op(&d->d, &op), -EINVAL);

	assert_int_equal(sched_sysctl_scheduler_op(&sys), 0);
	assert_int_equal(sys.u.sched_credit2.ratelimit_us, 1000);
	sys.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
	sys.u.sched_credit2.ratelimit_us = 99;
	assert_int_equal(sched_sysctl_scheduler_op(&sys), -EINVAL);
	sys.u.sched_credit2.ratelimit_us = 500001;
	assert_int_equal(sched_sysctl_scheduler_op(&sys), -EINVAL);
	sys.u.sched_credit2.ratelimit_us = 0;
	assert_int_equal(sched_sysctl_scheduler_op(&sys), 0);
	sys.u.sched_credit2.ratelimit_us = 5000;
	assert_int_equal(sched_sysctl_scheduler_op(&sys), 0);
	assert_int_equal(sched_ratelimit, 5 * MS);
	sys.cmd = 9;
	assert_int_equal(sched_sysctl_scheduler_op(&sys), -EINVAL);
	sys.cpupool_id = 1;
	assert_int_equal(sched_sysctl_scheduler_op(&sys), -ESRCH);
	sys.cpupool_id = 0;
	sys.sched_id = XEN_SCHEDULER_NULL;
	assert_int_equal(sched_sysctl_scheduler_op(&sys), -EINVAL);
	sim_end();
}

/* Dom0's vCPUs one to a CPU, when asked for. */
static void test_dom0_pinned(void **state)
{
	struct sim_domain *d;
	struct vcpu v = { 0 };

	(void)state;
	sim_reset(2, 1);
	options.dom0_vcpus_pin = true;
	d = sim_domain_add(1, 256);
	d->d.privileged = true;
	v.domain = &d->d;
	v.id = 3;
	sched_vcpu_init(&v);
	assert_int_equal(v.processor, 1);
	assert_int_equal(v.sched.hard.bits[0], 2);
	/* Paused while it waits, it is in no queue any more: its record may go. */
	v.initialised = true;
	sim_settle();
	v.sched.vtime = ~0UL >> 2;
	vcpu_wake(&v);
	vcpu_pause_nosync(&v);
	options.dom0_vcpus_pin = false;
	sim_settle();
	assert_int_equal(v.sched.state, SCHED_SLEEPING);
	sim_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),	       cmocka_unit_test(test_weight_change),
		cmocka_unit_test(test_sleepers),       cmocka_unit_test(test_no_hoarding),
		cmocka_unit_test(test_wake_latency),   cmocka_unit_test(test_caps),
		cmocka_unit_test(test_hard_affinity),  cmocka_unit_test(test_soft_affinity),
		cmocka_unit_test(test_no_lost_wakeup), cmocka_unit_test(test_pause),
		cmocka_unit_test(test_incomplete),     cmocka_unit_test(test_pause_self),
		cmocka_unit_test(test_yield),	       cmocka_unit_test(test_core_scheduling),
		cmocka_unit_test(test_core_alone),     cmocka_unit_test(test_random),
		cmocka_unit_test(test_parameters),     cmocka_unit_test(test_dom0_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
