/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers: order, moving between CPUs, stopping while one runs. REQ core/guests see (timers). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lib/bitops.h"
#include "lib/printk.h"
#include "sched/timer.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define CPUS   3
#define TIMERS 200

struct cpu *host_this_cpu;
struct cpu *cpus[MAX_CPUS];
static struct cpu cpu[CPUS];
static uint64_t now, programmed[CPUS];
static unsigned int nr_programmed;

uint64_t system_time(void)
{
	return now;
}

void apic_timer_set(uint64_t ns)
{
	programmed[smp_id()] = ns;
	nr_programmed++;
}

void cpu_kick(struct cpu *c, enum cpu_work work)
{
	set_bit(work, &c->pending);
}

void panic(const char *fmt, ...)
{
	mock_assert(0, fmt, __FILE__, __LINE__);
	abort();
}

static int setup(void **state)
{
	unsigned int i;

	(void)state;
	now = 1000;
	memset(cpu, 0, sizeof(cpu));
	for (i = 0; i < CPUS; i++) {
		cpu[i].id = i;
		cpus[i] = &cpu[i];
		timers_cpu_init(i);
		programmed[i] = 0;
	}
	host_this_cpu = &cpu[0];
	return 0;
}

static struct timer *fired[TIMERS * 4];
static unsigned int nr_fired;

static void record(void *data)
{
	struct timer *t = data;

	assert_true(t->expires <= now);
	assert_false(timer_armed(t));
	assert_true(t->running);
	fired[nr_fired++] = t;
}

static void test_order(void **state)
{
	static struct timer t[TIMERS];
	uint64_t last = 0;
	unsigned int i, removed = 0;

	(void)state;
	srand(7);
	nr_fired = 0;
	for (i = 0; i < TIMERS; i++) {
		timer_init(&t[i], record, &t[i]);
		assert_false(timer_armed(&t[i]));
		timer_set(&t[i], 0, 2000 + (uint64_t)(rand() % 500));
		assert_true(timer_armed(&t[i]));
	}
	/* Some are set again, some stopped, in any order; twice is no matter. */
	for (i = 0; i < TIMERS; i += 3)
		timer_set(&t[i], 0, 2000 + (uint64_t)(rand() % 500));
	for (i = 1; i < TIMERS; i += 4) {
		assert_true(timer_stop(&t[i]));
		assert_true(timer_stop(&t[i]));
		assert_false(timer_armed(&t[i]));
		removed++;
	}
	timers_run();
	assert_int_equal(nr_fired, 0);
	timers_program();
	/* Runs in the order of time, and the hardware is always set to the first one left. */
	for (now = 2000; now < 2500; now++) {
		unsigned int k, before = nr_fired;
		uint64_t first = ~0UL;

		timers_run();
		for (k = before; k < nr_fired; k++) {
			assert_true(fired[k]->expires >= last);
			last = fired[k]->expires;
		}
		timers_program();
		for (i = 0; i < TIMERS; i++)
			if (timer_armed(&t[i]) && t[i].expires < first)
				first = t[i].expires;
		/* With none left, what it was set to is over. */
		if (first == ~0UL)
			assert_true(programmed[0] <= now);
		else
			assert_int_equal(programmed[0], first);
	}
	assert_int_equal(nr_fired, TIMERS - removed);
	/* Nothing has changed: the hardware is left alone. */
	nr_programmed = 0;
	timers_program();
	assert_int_equal(nr_programmed, 0);
}

/* Early hardware: what is not due stays, and is programmed again. */
static void test_early(void **state)
{
	struct timer t;

	(void)state;
	nr_fired = 0;
	timer_init(&t, record, &t);
	timer_set(&t, 0, 5000);
	timers_program();
	assert_int_equal(programmed[0], 5000);
	programmed[0] = 0;
	timers_run();
	timers_program();
	assert_int_equal(programmed[0], 5000);
	assert_int_equal(nr_fired, 0);
	/* Time 0 is the past, not "no timer". */
	timer_set(&t, 0, 0);
	timers_program();
	assert_int_equal(programmed[0], 1);
	timers_run();
	assert_int_equal(nr_fired, 1);
}

static void test_other_cpu(void **state)
{
	struct timer a, b;

	(void)state;
	nr_fired = 0;
	timer_init(&a, record, &a);
	timer_init(&b, record, &b);
	timer_set(&a, 1, 3000);
	assert_int_equal(a.cpu, 1);
	assert_true(test_bit(WORK_TIMER, &cpu[1].pending));
	cpu[1].pending = 0;
	/* Later than what is there: nobody needs to look. */
	timer_set(&b, 1, 4000);
	assert_int_equal(cpu[1].pending, 0);
	/* Moves from CPU 1 to 2 while armed. */
	timer_set(&a, 2, 3500);
	assert_int_equal(a.cpu, 2);
	now = 10000;
	host_this_cpu = &cpu[1];
	timers_run();
	assert_int_equal(nr_fired, 1);
	assert_ptr_equal(fired[0], &b);
	host_this_cpu = &cpu[2];
	timers_run();
	assert_int_equal(nr_fired, 2);
	timers_program();
	assert_true(programmed[2] <= now);
}

static struct timer again;
static unsigned int rounds;

static void set_elsewhere(void *data)
{
	/* While it runs it stays on its CPU, so that it never runs on two. */
	rounds++;
	assert_false(timer_stop(data));
	timer_set(data, 2, now + 100);
	assert_int_equal(again.cpu, 0);
}

static void test_rearm_while_running(void **state)
{
	(void)state;
	rounds = 0;
	timer_init(&again, set_elsewhere, &again);
	timer_set(&again, 0, now);
	timers_run();
	assert_int_equal(rounds, 1);
	assert_true(timer_armed(&again));
	timers_program();
	assert_int_equal(programmed[0], now + 100);
	now += 100;
	timers_run();
	assert_int_equal(rounds, 2);
	/* Once it is over, it moves. */
	timer_set(&again, 2, now + 100);
	assert_int_equal(again.cpu, 2);
	timer_kill(&again);
	assert_false(timer_armed(&again));
	assert_true(timer_stop(&again));
}

/* A running one can't be killed until it has ended; here another thread would wait. */
static void finish(void *data)
{
	struct timer *t = data;

	assert_false(timer_stop(t));
	rounds++;
}

static void test_stop_while_running(void **state)
{
	struct timer t;

	(void)state;
	rounds = 0;
	timer_init(&t, finish, &t);
	timer_set(&t, 0, now);
	timers_run();
	assert_int_equal(rounds, 1);
	assert_true(timer_stop(&t));
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_order),
		T(test_early),
		T(test_other_cpu),
		T(test_rearm_while_running),
		T(test_stop_while_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
