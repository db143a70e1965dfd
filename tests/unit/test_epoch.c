/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods: what was deferred is freed when each CPU has left the core, or entered it anew, and not
 * before. REQ core/memory: "reference counts", "full release of everything".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "types.h"
#include "x86/cpu.h"
#include "x86/regs.h"

static unsigned int flushes;

static void host_write_cr3(uint64_t value)
{
	assert_int_equal(value, 0x1000);
	flushes++;
}

/* The unit, with its privileged instructions replaced. */
#define read_cr3()	 0x1000
#define write_cr3(value) host_write_cr3(value)
#include "x86/epoch.c"
#undef read_cr3
#undef write_cr3

#define CPUS 3

static struct cpu cpu[CPUS];
struct cpu *cpus[MAX_CPUS], *host_this_cpu;
uint64_t core_tlb_generation;

unsigned int cpus_online(void)
{
	return CPUS;
}

/* CPU @n enters the core, or leaves it. */
static void enter(unsigned int n)
{
	host_this_cpu = &cpu[n];
	epoch_enter();
}

static void leave(unsigned int n)
{
	host_this_cpu = &cpu[n];
	epoch_leave();
}

struct thing {
	struct epoch_node node;
	unsigned int freed, order;
};

static unsigned int freed;

static void thing_free(struct epoch_node *node)
{
	struct thing *t = container_of(node, struct thing, node);

	t->freed++;
	t->order = freed++;
}

static int setup(void **state)
{
	for (unsigned int i = 0; i < CPUS; i++) {
		cpus[i] = &cpu[i];
		leave(i);
	}
	freed = 0;
	return 0;
}

static void nothing_waits(void **state)
{
	assert_false(epoch_run());
}

static void all_outside_means_at_once(void **state)
{
	struct thing t = { .freed = 0 };

	enter(0);
	epoch_defer(&t.node, thing_free);
	/* The CPU that unlinked it may still use what it looked up before. */
	assert_true(epoch_run());
	assert_int_equal(t.freed, 0);
	leave(0);
	assert_false(epoch_run());
	assert_int_equal(t.freed, 1);
}

static void each_cpu_must_have_been_outside(void **state)
{
	struct thing t = { .freed = 0 };

	enter(0);
	enter(1);
	enter(2);
	epoch_defer(&t.node, thing_free);
	for (unsigned int i = 0; i < CPUS; i++) {
		assert_true(epoch_run());
		assert_int_equal(t.freed, 0);
		/* To enter anew is as good as to stay outside. */
		if (i == 1)
			enter(i);
		else
			leave(i);
	}
	assert_false(epoch_run());
	assert_int_equal(t.freed, 1);
	leave(1);
}

/* What is deferred while others wait has a grace period of its own. */
static void later_ones_wait_longer(void **state)
{
	struct thing early = { .freed = 0 }, late = { .freed = 0 };

	enter(0);
	epoch_defer(&early.node, thing_free);
	assert_true(epoch_run());
	enter(0);
	enter(1);
	epoch_defer(&late.node, thing_free);
	assert_true(epoch_run());
	assert_int_equal(early.freed, 1);
	assert_int_equal(late.freed, 0);
	assert_true(epoch_run()); /* its period begins here */
	leave(0);
	assert_true(epoch_run());
	leave(1);
	assert_false(epoch_run());
	assert_int_equal(late.freed, 1);
	assert_int_equal(early.freed, 1);
	assert_true(early.order < late.order);
}

static void stamps_pass_one_after_the_other(void **state)
{
	uint64_t first, second;

	enter(0);
	first = epoch_stamp();
	assert_false(epoch_passed(first));
	enter(0);
	assert_true(epoch_passed(first));
	second = epoch_stamp();
	assert_true(second > first);
	assert_true(epoch_passed(first));
	assert_false(epoch_passed(second));
	leave(0);
	assert_true(epoch_passed(second));
}

/* A change of the core's own map is seen by a CPU when it enters, once. */
static void stale_core_translations_go_on_entry(void **state)
{
	enter(0);
	flushes = 0;
	core_tlb_generation++;
	enter(0);
	enter(0);
	assert_int_equal(flushes, 1);
	enter(1);
	assert_int_equal(flushes, 2);
	leave(0);
	leave(1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(nothing_waits),
		TEST(all_outside_means_at_once),
		TEST(each_cpu_must_have_been_outside),
		TEST(later_ones_wait_longer),
		TEST(stamps_pass_one_after_the_other),
		TEST(stale_core_translations_go_on_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
