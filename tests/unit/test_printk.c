/* SPDX-License-Identifier: BSD-2-Clause */
/* The formatter against the C library's; levels, ring, rate limit, panic (REQ core/console). */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "x86/cpu.h"
#include "x86/time.h"

struct core_options options = { .loglvl = 3, .guest_loglvl = 3 };
static struct cpu cpu0;
struct cpu *host_this_cpu = &cpu0;
static uint64_t now;
static char out[4096];
static char to_serial[4096];
static bool panic_mode;
static jmp_buf stopped;

uint64_t system_time(void)
{
	return now;
}

void console_write(const char *s, size_t len, unsigned int where)
{
	assert_true(where & CONSOLE_RING);
	strncat(out, s, len);
	if (where & CONSOLE_SERIAL)
		strncat(to_serial, s, len);
}

void console_panic_mode(void)
{
	panic_mode = true;
}

void arch_panic_stop(void)
{
	longjmp(stopped, 1);
}

static int setup(void **state)
{
	(void)state;
	out[0] = to_serial[0] = '\0';
	options.loglvl = 3;
	now = 0;
	return 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
#pragma GCC diagnostic ignored "-Wformat-overflow"
/* The same output and length as the C library's, with room and without. */
#define check(size, ...)                                                    \
	do {                                                                \
		char ours[128], theirs[128];                                \
		int n = snprintk(ours, (size), __VA_ARGS__);                \
		assert_int_equal(n, snprintf(theirs, (size), __VA_ARGS__)); \
		assert_string_equal(ours, theirs);                          \
	} while (0)
#define same(...)                        \
	do {                             \
		check(128, __VA_ARGS__); \
		check(5, __VA_ARGS__);   \
		check(1, __VA_ARGS__);   \
	} while (0)

static void test_integers(void **state)
{
	static const long values[] = { 0,
				       1,
				       -1,
				       42,
				       -42,
				       INT32_MAX,
				       INT32_MIN,
				       UINT32_MAX,
				       INT64_MAX,
				       INT64_MIN,
				       0x123456789abcdef };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		long v = values[i];

		same("%d|%u|%x", (int)v, (int)v, (int)v);
		same("%ld|%lu|%lx|%zd", v, v, v, v);
		same("%lld|%llu|%llx|%zu", (long long)v, (long long)v, (long long)v, v);
		same("%5d|%05d|%1d|%12ld|%020ld", (int)v, (int)v, (int)v, v, v);
		same("%8x|%08x|%010lx|%20lx|0x%lx", (int)v, (int)v, v, v, v);
	}
}

static void test_strings(void **state)
{
	char text[32];

	(void)state;
	same("%s|%10s|%.2s|%10.2s|%.0s|", "abc", "abc", "abc", "abc", "abc");
	same("%.*s|%.*s|", 2, "abc", -1, "abc");
	same("%c%c|%%|", 'a', 'b');
	same("plain");
	same("");
	snprintk(text, sizeof(text), "%s", (char *)NULL);
	assert_string_equal(text, "(null)");
	/* Precision bounds what is read: not terminated. */
	same("%.3s", (char[]) { 'x', 'y', 'z' });
}

static void test_unknown_conversion(void **state)
{
	char text[32];

	(void)state;
	snprintk(text, sizeof(text), "a%qb");
	assert_string_equal(text, "a%qb");
	assert_int_equal(snprintk(text, sizeof(text), "100%"), 4);
	assert_string_equal(text, "100%");
	assert_int_equal(snprintk(NULL, 0, "%d", 12345), 5);
}
#pragma GCC diagnostic pop

static void test_levels(void **state)
{
	(void)state;
	options.loglvl = 2;
	printk(KERN_WARNING "warn\n");
	printk("info\n");
	printk(KERN_DEBUG "debug\n");
	assert_string_equal(out, "(core) warn\n(core) info\n(core) debug\n");
	assert_string_equal(to_serial, "(core) warn\n");
}

static void test_lines(void **state)
{
	char text[600];

	(void)state;
	printk("a=%d\n", 1);
	printk("b=%d\n", 2);
	assert_string_equal(out, "(core) a=1\n(core) b=2\n");
	/* One that is too long is cut, and ends its line. */
	out[0] = '\0';
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	printk("%s\n", text);
	assert_int_equal(strlen(out), 511);
	assert_int_equal(out[510], '\n');
}

static unsigned int count_lines(void)
{
	unsigned int n = 0;
	const char *s;

	for (s = out; *s; s++)
		n += *s == '\n';
	return n;
}

static void test_ratelimit(void **state)
{
	unsigned int i;

	(void)state;
	percpu_ready = true;
	now = 5000000000;
	for (i = 0; i < 50; i++)
		printk_ratelimited("noise\n");
	assert_int_equal(count_lines(), 10);
	now += 1000000000;
	printk_ratelimited("again\n");
	assert_non_null(strstr(out, "40 messages suppressed"));
	assert_non_null(strstr(out, "again"));
	percpu_ready = false;
}

/* Before the CPU's record and the clock are there, all messages count as one second's. */
static void test_ratelimit_early(void **state)
{
	(void)state;
	now = 9000000000;
	for (unsigned int i = 0; i < 30; i++)
		printk_ratelimited("noise\n");
	assert_true(count_lines() <= 10);
}

static void test_panic(void **state)
{
	(void)state;
	cpu0.id = 5;
	percpu_ready = true; /* as on every CPU but at the very start */
	options.loglvl = 1;
	if (!setjmp(stopped))
		panic("reason %d", 7);
	assert_true(panic_mode);
	assert_non_null(strstr(to_serial, "Panic on CPU 5:\n"));
	assert_non_null(strstr(to_serial, "reason 7\n"));
	/* A second one stops as well, but does not hide the first. */
	out[0] = '\0';
	if (!setjmp(stopped))
		panic("second");
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_integers, setup),
		cmocka_unit_test_setup(test_strings, setup),
		cmocka_unit_test_setup(test_unknown_conversion, setup),
		cmocka_unit_test_setup(test_levels, setup),
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_ratelimit, setup),
		cmocka_unit_test_setup(test_ratelimit_early, setup),
		cmocka_unit_test_setup(test_panic, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
