/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's command line, and numbers in text (REQ core/boot: Xen's names, unknown ones reported). */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/cmdline.h"
#include "lib/string.h"
#include "support/said.h"

#define GIB (1UL << 30)
#define MIB (1UL << 20)

static struct core_options o;

static unsigned int parse(const char *line)
{
	said[0] = '\0';
	o = options;
	return cmdline_parse(line, &o);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(parse("  \t "), 0);
	assert_true(o.smp && o.smep && o.smap && o.x2apic && o.iommu && !o.noreboot);
	assert_int_equal(o.dom0_mem.size, ~0UL);
	assert_int_equal(o.loglvl, 3);
	assert_string_equal(o.flask, "");
}

static void test_dom0_mem(void **state)
{
	(void)state;
	assert_int_equal(parse("dom0_mem=512M"), 0);
	assert_int_equal(o.dom0_mem.size, 512 * MIB);
	assert_int_equal(o.dom0_mem.min, ~0UL);
	assert_int_equal(parse("dom0_mem=1G,min:256m,max:0x2G"), 0);
	assert_int_equal(o.dom0_mem.size, GIB);
	assert_int_equal(o.dom0_mem.min, 256 * MIB);
	assert_int_equal(o.dom0_mem.max, 2 * GIB);
	assert_int_equal(parse("dom0_mem=max:1048576"), 0); /* a bare number: KiB */
	assert_int_equal(o.dom0_mem.max, GIB);
	assert_int_equal(o.dom0_mem.size, ~0UL);
	/* Not understood: nothing changes. */
	assert_int_equal(parse("dom0_mem=512X"), 1);
	assert_int_equal(parse("dom0_mem=512M;max:1G"), 1);
	assert_int_equal(parse("dom0_mem=min:"), 1);
	assert_int_equal(parse("dom0_mem=99999999999T"), 1);
	assert_int_equal(o.dom0_mem.size, ~0UL);
	assert_non_null(strstr(said, "dom0_mem=99999999999T"));
}

static void test_dom0_vcpus(void **state)
{
	(void)state;
	assert_int_equal(o.dom0_max_vcpus, 0);
	assert_int_equal(parse("dom0_max_vcpus=4"), 0);
	assert_int_equal(o.dom0_max_vcpus, 4);
	assert_int_equal(parse("dom0_max_vcpus=2-8"), 1); /* Xen's range is not offered */
	assert_int_equal(parse("dom0_max_vcpus=-8"), 1);
	assert_int_equal(o.dom0_max_vcpus, 0);
	assert_int_equal(parse("dom0_max_vcpus="), 1);
	assert_int_equal(parse("dom0_max_vcpus=2,3"), 1);
	assert_int_equal(parse("dom0_max_vcpus=5000000000"), 1);
}

static void test_booleans(void **state)
{
	(void)state;
	assert_int_equal(parse("noreboot sync_console nosmp no-smep smap=off x2apic=0 iommu=no"),
			 0);
	assert_true(o.noreboot && o.sync_console);
	assert_false(o.smp || o.smep || o.smap || o.x2apic || o.iommu);
	assert_int_equal(parse("noreboot=false dom0_vcpus_pin=yes smap=enable"), 0);
	assert_true(!o.noreboot && o.dom0_vcpus_pin && o.smap);
	assert_int_equal(parse("smap=maybe"), 1);
	assert_int_equal(parse("nologlvl nosched"), 2); /* not booleans */
	assert_int_equal(parse("nosmp=1"), 1);
}

static void test_words(void **state)
{
	(void)state;
	assert_int_equal(
		parse("loglvl=all/error guest_loglvl=none sched-gran=core flask=permissive "
		      "sched=credit2 maxcpus=3 console=com1 com1=115200,8n1,0x3f8,4 "
		      "conswitch=ax dom0=pvh"),
		0);
	assert_int_equal(o.loglvl, 5);
	assert_int_equal(o.guest_loglvl, 0);
	assert_int_equal(o.sched_gran, 2);
	assert_string_equal(o.flask, "permissive");
	assert_string_equal(o.com1, "115200,8n1,0x3f8,4");
	assert_int_equal(o.maxcpus, 3);
	assert_int_equal(parse("loglvl=loud sched-gran=node maxcpus=x sched-gran="), 4);
	assert_int_equal(parse("loglvl=warning/something-that-is-very-long"), 0);
	assert_int_equal(parse("loglvl=something-that-is-very-long/x"), 1);
	assert_int_equal(parse("conswitch=toolongforit"), 1);
	assert_int_equal(parse("maxcpus=4294967296"), 1);
	assert_int_equal(parse("sched=null dom0=pv smap=off/on"), 3);
}

static void test_unknown(void **state)
{
	char line[400];

	(void)state;
	assert_int_equal(parse("watchdog=1 placeholder loglvl=error -- loglvl=debug x=y"), 2);
	assert_non_null(strstr(said, "unknown option 'watchdog'"));
	assert_non_null(strstr(said, "unknown option 'placeholder'"));
	assert_int_equal(o.loglvl, 1);
	memset(line, 'a', sizeof(line));
	strcpy(line + 300, " noreboot");
	assert_int_equal(parse(line), 1);
	assert_true(o.noreboot);
}

static void test_saved(void **state)
{
	(void)state;
	cmdline_init("loglvl=debug  noreboot");
	assert_string_equal(saved_cmdline, "loglvl=debug  noreboot");
	assert_int_equal(options.loglvl, 4);
	assert_true(options.noreboot);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t value;
		const char *rest;
	} cases[] = {
		{ "0", 0, 0, "" },
		{ "10", 0, 10, "" },
		{ "010", 0, 8, "" },
		{ "08", 0, 8, "" },
		{ "0x1F", 0, 31, "" },
		{ "0xg", 0, 0, "xg" },
		{ "18446744073709551615", 0, ~0UL, "" },
		{ "18446744073709551616", -ERANGE, 0, "" },
		{ "0x10000000000000000", -ERANGE, 0, "" },
		{ "", -EINVAL, 0, "" },
		{ "-1", -EINVAL, 0, "" },
		{ "7,8", 0, 7, ",8" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *end = NULL;
		uint64_t v = 99;

		assert_int_equal(parse_u64(cases[i].text, &end, &v), cases[i].rc);
		assert_int_equal(v, cases[i].rc ? 99 : cases[i].value);
		if (!cases[i].rc)
			assert_string_equal(end, cases[i].rest);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	assert_int_equal(parse("dom0_mem=3"), 0);
	assert_int_equal(o.dom0_mem.size, 3072);
	assert_int_equal(parse("dom0_mem=3b,max:4k"), 0);
	assert_int_equal(o.dom0_mem.size, 3);
	assert_int_equal(o.dom0_mem.max, 4096);
	assert_int_equal(parse("dom0_mem=16777216T"), 1); /* 64 bits are not enough */
	assert_int_equal(parse("dom0_mem=18014398509481984"), 1);
	assert_int_equal(parse("dom0_mem=K"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_dom0_mem),
		cmocka_unit_test(test_dom0_vcpus), cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_words),	   cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_saved),	   cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
