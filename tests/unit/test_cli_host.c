/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xl on a platform of fakes: what it shows of hosts and guests in odd states, the host's settings,
 * and creating from files, from the command line, and from both. REQ toolstack/1, toolstack/config.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "life/internal.h"
#include "support/fake_host.h"
#include "support/fake_platform.h"
#include "support/run_xl.h"

/* ---- settings ---- */

static void test_host_config(void **state)
{
	static const struct expectation list[] = {
		{ "host-config -n %/host.conf", 0,
		  "Dom0's memory: 200 MiB\nDom0's vCPUs: 1\nstore quota: nodes=7\n" },
		{ "host-config %/host.conf", 0, "Dom0's memory" },
		{ "host-config -n %/x.sxp", 0, "Dom0's memory: 700 MiB\nDom0's vCPUs: 3\n" },
		{ "host-config -n %/y.sxp", 0, "" },
		{ "host-config %/a.conf", 1, "a.conf:1: 'dom0_mme' is none of dom0_mem" },
		{ "host-config %/b.conf", 1, "b.conf:2: dom0_mem: MiB, or" },
		{ "host-config %/c.conf", 1, "c.conf:1: dom0_vcpus: a number from 0 to 128" },
		{ "host-config %/d.conf", 1, "d.conf:1: store_quota: a list" },
		{ "host-config %/e.conf", 1, "e.conf:1: autostart: one string" },
		{ "host-config %/f.conf", 1, "domain 0 has room for 1 to 2 vCPUs" },
		{ "host-config %/g.conf", 1, "the store does not take watches=4" },
		{ "host-config %/h.conf", 1, "1 to 256 MiB" },
	};

	write_file("host.conf", "dom0_mem = \"200m\"\ndom0_vcpus = 1\nautostart = \"\"\n"
				"shutdown_timeout = 5\nstore_quota = [ \"nodes=7\" ]\n");
	write_file("x.sxp",
		   "; (domain 0 (memory 1))\n(xend-port 8000)\n"
		   "(domain 1 (memory 2)) (domain 0 # here\n (x (y)) (memory 700) (vcpus 3))");
	write_file("y.sxp", "(domain 1 (memory 2))");
	write_file("a.conf", "dom0_mme = 3\n");
	write_file("b.conf", "dom0_vcpus = 1\ndom0_mem = \"big\"\n");
	write_file("c.conf", "dom0_vcpus = 1000\n");
	write_file("d.conf", "store_quota = \"nodes\"\n");
	write_file("e.conf", "autostart = [ \"x\" ]\n");
	write_file("f.conf", "dom0_vcpus = 5\n");
	write_file("g.conf", "store_quota = \"watches=4\"\n");
	write_file("h.conf", "dom0_mem = 300\n");
	fake->balloon = true;
	CHECK(list);
	assert_int_equal(fake->domains[0].info.total_pages, 200 * 256);
	assert_string_equal(fake_read("/local/domain/0/cpu/1/availability"), "offline");
}

/* Which file is read when none is named: ours, else the older one, else none. */
static void test_host_config_places(void **state)
{
	assert_int_equal(xl("host-config -n"), 0);
	assert_string_equal(out, "");
	write_file("xend-config.sxp", "(domain 0 (memory 100))");
	assert_int_equal(xl("host-config -n"), 0);
	assert_string_equal(out, "Dom0's memory: 100 MiB\n");
	write_file("bulkhead.conf", "dom0_vcpus = 1\n");
	assert_int_equal(xl("host-config -n"), 0);
	assert_string_equal(out, "Dom0's vCPUs: 1\n");
	/* Without a folder nothing is started. */
	write_file("bulkhead.conf", "autostart = \"\"\n");
	assert_int_equal(xl("autostart"), 0);
	assert_int_equal(fake_domains_left(), 1);
}

static void test_wrong_settings(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "store_quota = \"=5\"", "list of at most 16" },
		{ "store_quota = \"nodes=\"", "list of at most 16" },
		{ "store_quota = [ \"nodes=1x\" ]", "list of at most 16" },
		{ "store_quota = [ [ \"nodes=1\" ] ]", "host.conf:1" },
		{ "store_quota = "
		  "\"n0123456789012345678901234567890123456789012345678901234567890=1\"",
		  "list of at most 16" },
		{ "store_quota = [ \"a=1\", \"a=1\", \"a=1\", \"a=1\", \"a=1\", \"a=1\", \"a=1\", "
		  "\"a=1\", "
		  "\"a=1\", \"a=1\", \"a=1\", \"a=1\", \"a=1\", \"a=1\", \"a=1\", \"a=1\", \"a=1\" "
		  "]",
		  "list of at most 16" },
		{ "dom0_vcpus = \"two\"", "a number from 0 to 128" },
		{ "dom0_vcpus = \"2x\"", "a number from 0 to 128" },
		{ "dom0_vcpus = [ \"2\" ]", "a number from 0 to 128" },
		{ "shutdown_timeout = 3601", "a number from 0 to 3600" },
		{ "dom0_mem = [ \"1g\" ]", "MiB, or \"512m\"" },
	};
	char text[400];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file("host.conf", cases[i].text);
		assert_int_equal(xl("host-config %/host.conf"), 1);
		after(err_out, cases[i].said);
		assert_int_equal(fake_host->changes, 0);
	}
	snprintf(text, sizeof(text), "autostart = \"/%0300d\"\n", 0);
	write_file("host.conf", text);
	assert_int_equal(xl("host-config %/host.conf"), 1);
	after(err_out, "autostart: one string of less than 256 bytes");
	/* Older files are read loosely: what they don't say is left as it is. */
	write_file("odd.sxp", "(domain) (domain 0 (memoryx 5) (vcpus 2");
	assert_int_equal(xl("host-config -n %/odd.sxp"), 0);
	assert_string_equal(out, "Dom0's vCPUs: 2\n");
	write_file("odd.sxp", "(domain 0 (x)) (memory 5)");
	assert_int_equal(xl("host-config -n %/odd.sxp"), 0);
	assert_string_equal(out, "");
	assert_int_equal(xl("host-config -n %/none.sxp"), 0);
	assert_string_equal(out, "");
}

/* A balloon that does not move, in either direction. */
static void test_balloon_hangs(void **state)
{
	write_file("host.conf", "dom0_mem = 200\n");
	assert_int_equal(xl("host-config %/host.conf"), 1);
	after(err_out, "Dom0 has 256 MiB and does not come nearer to 200");
	fake->domains[0].info.total_pages = 100 * 256;
	assert_int_equal(xl("host-config %/host.conf"), 1);
	after(err_out, "Dom0 has 100 MiB and does not come nearer to 200");
	/* A little beside it is there. */
	fake->domains[0].info.total_pages = 199 * 256;
	assert_int_equal(xl("host-config %/host.conf"), 0);
}

/* Dom0's vCPUs are brought up here; the first one always is. */
static void test_vcpus_are_brought_up(void **state)
{
	char text[4] = "";
	FILE *f;

	write_file("host.conf", "dom0_vcpus = 2\n");
	write_file("cpu0", "0\n");
	write_file("cpu1", "0\n");
	assert_int_equal(xl("host-config %/host.conf"), 0);
	f = fopen("cpu1", "re");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "1\n");
	f = fopen("cpu0", "re");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "0\n");
	/* One that does not come up is not waited for for ever. */
	unlink("cpu1");
	assert_int_equal(symlink("/dev/zero", "cpu1"), 0);
	assert_int_equal(xl("host-config %/host.conf"), 0);
}

/* ---- the host ---- */

static void test_info_tells_capabilities(void **state)
{
	fake_host->all_capabilities = true;
	assert_int_equal(xl("info"), 0);
	after(out,
	      ": pv hvm hvm_directio pv_directio hap shadow iommu_hap_pt_share vmtrace gnttab-v1 "
	      "gnttab-v2\n");
	fake_host->all_capabilities = false;
	fake_host->no_capabilities = true;
	assert_int_equal(xl("info --numa"), 0);
	after(out, "virt_caps              : \n");
}

static void test_policy_answers(void **state)
{
	static const struct expectation permissive[] = {
		{ "getenforce", 0, "Permissive" },
		{ "getenforce --json", 0, "{ \"enforcing\": false }" },
		{ "loadpolicy %/empty", 1, "is empty or longer than 16777215 bytes" },
		{ "loadpolicy %/long", 1, "is empty or longer than 16777215 bytes" },
	};
	static const struct expectation unsupported[] = {
		{ "setenforce 1", 1, "no policy engine is loaded" },
		{ "getenforce", 1, "no policy engine is loaded" },
	};
	static const struct expectation forbidden[] = {
		{ "setenforce 1", 1, "setenforce: the policy in force does not allow it" },
	};

	write_file("empty", "");
	write_file("long", "x");
	assert_int_equal(truncate("long", 17 << 20), 0);
	fake_host->engine = 0;
	CHECK(permissive);
	fake_host->engine = -EOPNOTSUPP;
	CHECK(unsupported);
	fake_host->engine = -EPERM;
	CHECK(forbidden);
}

static void test_quotas(void **state)
{
	assert_int_equal(xl("store-quota --json"), 0);
	after(out, "\"size\": {");
	after(out, "\"used\": 3");
	after(out, "\"limit\": 7");
	assert_int_equal(xl("store-quota"), 0);
	assert_string_equal(out, "nodes 1000\nwatches: 128\nsize = 3 of 7\n");
	assert_int_equal(xl("store-quota web"), 0);
	assert_string_equal(fake_host->wanted, "quota 1 ");
	assert_int_equal(xl("store-quota web nodes 5"), 0);
	assert_string_equal(fake_host->wanted, "quota set nodes 5 1 ");
	assert_string_equal(out, "");
	assert_int_equal(xl("store-quota --json nodes 5"), 0);
	assert_string_equal(out, "");
}

/* ---- guests in odd states ---- */

static void test_states(void **state)
{
	static const struct expectation list[] = {
		{ "list web", 0, "r-psc-" },
		{ "-v list web", 0, "        3" },
		{ "list --json web", 0, "\"shutdown_reason\": 3" },
		{ "list -c web", 0, "               -" },
		{ "list -Z web", 0, "                -" }, /* no label */
		{ "list web Domain-0", 0, "Domain-0" },
		{ "claims web", 0, "  128     1     r-psc-       0.0    64\n" },
	};
	struct domain_info *d = &fake->domains[1].info;

	d->shutdown = d->running = d->paused = true;
	d->blocked = false;
	d->shutdown_reason = SHUTDOWN_REASON_CRASH;
	d->cpupool = 1;
	d->outstanding_pages = 64 * 256;
	CHECK(list);
	d->shutdown_reason = SHUTDOWN_REASON_REBOOT;
	d->dying = true;
	assert_int_equal(xl("list web"), 0);
	after(out, "r-ps-d");
}

static void test_vcpus(void **state)
{
	static const struct expectation list[] = {
		{ "vcpu-list web", 0, "  0     0   rb-        1.5  0-2,5 / all\n" },
		{ "vcpu-list --json web", 0, "\"hard_affinity\": \"0-2,5\"" },
	};

	fake_host->cpus = 6;
	fake_host->hard = 0x27;
	CHECK(list);
	fake_host->hard = 1ull << 40; /* none of the host's */
	assert_int_equal(xl("vcpu-list web"), 0);
	after(out, "none / all");
	fake_host->affinity_error = -EPERM;
	assert_int_equal(xl("vcpu-list web"), 0);
	after(out, "1.5  - / -\n");
	fake_host->vcpu_error = -EINVAL;
	assert_int_equal(xl("vcpu-list web"), 0);
	assert_null(strstr(out, "web"));
	fake_host->vcpu_error = 0;
	fake->domains[1].info.max_vcpu_id = UINT32_MAX; /* half built */
	assert_int_equal(xl("vcpu-list web"), 0);
	assert_null(strstr(out, "web"));
	assert_int_equal(xl("vcpu-set web 1"), 1);
}

static void set_start(long long seconds)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s/start_time", fake_read("/local/domain/1/vm"));
	snprintf(text, sizeof(text), "%lld.00", seconds);
	fake_write(path, text);
}

static void test_uptimes(void **state)
{
	char path[128];

	set_start(time(NULL) - 86400 - 3600);
	assert_int_equal(xl("uptime web"), 0);
	after(out, "1 day,  1:00:0");
	set_start(time(NULL) - 3 * 86400 - 60);
	assert_int_equal(xl("uptime -s web"), 0);
	after(out, " up 3 days,  0:01, web (1)\n");
	/* The clock was set back. */
	set_start(time(NULL) + 86400);
	assert_int_equal(xl("uptime web"), 0);
	after(out, "  0:00:00\n");
	/* Another tool's guest has no time. */
	snprintf(path, sizeof(path), "%s/start_time", fake_read("/local/domain/1/vm"));
	xs_client_rm(NULL, 0, path);
	assert_int_equal(xl("uptime web"), 0);
	after(out, "1 -\n");
	xs_client_rm(NULL, 0, "/local/domain/1/vm");
	assert_int_equal(xl("uptime web"), 0);
	after(out, "1 -\n");
}

/* ---- creating ---- */

static void test_where_settings_come_from(void **state)
{
	static const struct expectation list[] = {
		{ "config-check %/one.cfg", 0, "one.cfg: good" },
		{ "config-check name=\"x\" kernel=\"k\"", 0, "command line: good" },
		{ "config-check %/one.cfg vcpu=1", 1, "command line" },
		{ "create name=\"x\" kernel=\"k\"", 0, "" },
		{ "domid x", 0, "2" },
		{ "create -f %/one.cfg name=\"y\" vcpus=2", 0, "Parsing config from" },
		{ "domid y", 0, "3" },
		{ "create -e -F -q %/one.cfg", 0, "" },
		{ "domid one", 0, "4" },
		{ "create -f", 2, "Usage: xl create" },
		{ "create", 2, "Usage: xl create" },
	};
	struct record record;

	CHECK(list);
	assert_int_equal(xl("list --long y"), 0);
	after(out, "\"vcpus\": 2");
	/* Whose end is nobody's business is not watched. */
	record_empty(&record);
	assert_int_equal(record_load(&record, fake->domains[4].info.uuid), 0);
	assert_false(record.watch);
	record_free(&record);
	assert_int_equal(record_load(&record, fake->domains[3].info.uuid), 0);
	assert_true(record.watch);
	record_free(&record);
}

#define TEST(name) cmocka_unit_test_setup(name, run_xl_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_host_config),
		TEST(test_host_config_places),
		TEST(test_wrong_settings),
		TEST(test_balloon_hangs),
		TEST(test_vcpus_are_brought_up),
		TEST(test_info_tells_capabilities),
		TEST(test_policy_answers),
		TEST(test_quotas),
		TEST(test_states),
		TEST(test_vcpus),
		TEST(test_uptimes),
		TEST(test_where_settings_come_from),
	};

	return cmocka_run_group_tests(tests, run_xl_setup_all, run_xl_teardown_all);
}
