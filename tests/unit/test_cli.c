/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xl on a platform of fakes: every command with its options, its errors, --dry-run and --json. REQ
 * toolstack/1.
 */
/* Its fail() is a function; cmocka's is a macro. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fake_host.h"
#include "support/fake_platform.h"
#include "support/run_xl.h"

/* ---- help, usage, what is not offered ---- */

static void test_help(void **state)
{
	static const struct expectation list[] = {
		{ "help", 0, "xl.cfg(5)" },
		{ "-h", 0, "xl.cfg(5)" },
		{ "", 1, "xl.cfg(5)" },
		{ "help create", 0, "Usage: xl [-v] create" },
		{ "help migrate", 0, "not offered" },
		{ "help nonsense", 1, "there is no command nonsense" },
		{ "nonsense", 1, "there is no command nonsense" },
		{ "-Q list", 2, "" },
		{ "list --nonsense", 2, "Usage: xl list" },
		{ "list -n --dry-run", 2, "Usage: xl list" },
		{ "pause", 2, "Usage: xl pause" },
		{ "domid a b", 2, "Usage: xl domid" },
	};

	CHECK(list);
	for (unsigned int i = 0; i < n_commands; i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s --help", commands[i].name);
		if (commands[i].run) {
			assert_int_equal(xl(line), 0);
			assert_non_null(strstr(out, "Usage: xl"));
			continue;
		}
		assert_int_equal(xl(commands[i].name), 1);
		assert_non_null(strstr(err_out, "is not offered: "));
		assert_true(strlen(commands[i].why_not) > 10);
	}
}

/* ---- each command does what it says ---- */

static void test_errors_say_what_to_do(void **state)
{
	static const struct expectation list[] = {
		{ "pause nobody", 1, "xl list shows all" },
		{ "pause 9", 1, "invalid domain identifier" },
		{ "domname 9", 1, "`xl list` shows all" },
		{ "destroy 0", 1, "Cannot destroy privileged domain 0" },
		{ "destroy -f 0", 1, "Domain-0 can't be destroyed" },
		{ "create %/none.cfg", 1, "none.cfg" },
		{ "create %/web.cfg", 1, "there is a domain \"web\" already" },
		{ "create %/one.cfg memroy=4", 1, "did you mean 'memory'" },
		{ "config-check %/one.cfg vcpus=0", 1, "vcpus" },
		{ "sysrq web xx", 1, "one letter" },
		{ "trigger web jump", 1, "nmi, reset, init, power and sleep are" },
		{ "vcpu-set web 9", 1, "room for 1 to 2 vCPUs" },
		{ "vcpu-set web x", 1, "not a number from 0" },
		{ "vcpu-pin web 0 blue", 1, "0-3,^2 or all" },
		{ "vcpu-pin web 0 7", 1, "xl info" },
		{ "vcpu-pin web 5 0", 1, "not a number from 0 to 1" },
		{ "mem-set web 4000g", 1, "xl mem-max" },
		{ "mem-set web lots", 1, "MiB, or one with k, m, g or t" },
		{ "mem-set web 5q", 1, "MiB, or one with" },
		{ "mem-max web 1k", 1, "too little" },
		{ "rename web 17", 1, "not digits only" },
		{ "sched-credit2 -w 3", 1, "Must specify a domain" },
		{ "sched-credit2 -d web -w 0", 1, "weight is 1 to 65535" },
		{ "sched-credit2 -p Pool-1", 1, "Pool-0 is the only one" },
		{ "sched-credit2 -s -d web", 1, "leave -d out" },
		{ "console -t serial web", 1, "(pv)" },
		{ "console -n 1 web", 1, "one console" },
		{ "console web", 1, "is the console daemon" },
		{ "setenforce maybe", 1, "1, 0, Enforcing, Permissive" },
		{ "loadpolicy %/none", 1, "can't open" },
		{ "loadpolicy %/web.cfg", 1, "xl dmesg" },
		{ "store-quota nonsense 3", 1, "`xl store-quota` lists them" },
		{ "store-quota nodes", 1, "invalid domain identifier" },
		{ "store-quota a b c d", 2, "Usage" },
		{ "top", 1, "top -b" },
		{ "top -b -s colour", 1, "domid, name, state" },
		{ "host-config %/none.conf", 1, "none.conf" },
		{ "autostart %/web.cfg", 1, "can't read" },
	};

	CHECK(list);
}

static void test_lists(void **state)
{
	static const struct expectation list[] = {
		{ "list", 0,
		  "web                                          1    64     1     -b----" },
		{ "list", 0,
		  "Domain-0                                     0   256     2     r-----" },
		{ "list web", 0, "web " },
		{ "-v list", 0, "Reason-Code" },
		{ "list -Z", 0, "system_u:system_r:fake_t" },
		{ "list -c", 0, "          Pool-0" },
		{ "list -n", 0, " all" },
		{ "list --long web", 0, "\"kernel\"" },
		{ "vcpu-list", 0, "    1    -   --p" },
		{ "vcpu-list web", 0, "0 / all" },
		{ "vm-list", 0, "  1    web" },
		{ "uptime", 0, "Uptime" },
		{ "uptime -s", 0, " up " },
		{ "claims", 0, "Claimed" },
		{ "domid web", 0, "1\n" },
		{ "domname 1", 0, "web\n" },
		{ "info", 0, "xen_version            : 4.17.0-fake" },
		{ "info", 0, "virt_caps              : hvm hap" },
		{ "info -n", 0, "   0:      4096       2048      10,0" },
		{ "info -n", 0, "  0:       0        0        0" },
		{ "dmesg", 0, "(XEN) a message" },
		{ "getenforce", 1, "Enforcing" },
		{ "store-quota", 0, "nodes 1000" },
		{ "sched-credit2", 0, "Cpupool Pool-0: ratelimit=1000us" },
		{ "sched-credit2 -s", 0, "ratelimit=1000us" },
		{ "sched-credit2 -d web", 0, "web                                  1    256    0" },
		{ "top -b -d 0", 0, "web " },
		{ "top -b -d 0 -i 2 -v -f -z -s cpu", 0, "VCPUs(sec):" },
	};

	CHECK(list);
	assert_int_equal(xl("sched-credit2 -d web"), 0);
	assert_null(strstr(out, "Cpupool")); /* as the stock tool */
}

static void test_json(void **state)
{
	static const char *const lines[] = {
		"list --json",
		"list -l",
		"vcpu-list --json",
		"uptime --json",
		"claims --json",
		"info --json",
		"info -n --json",
		"sched-credit2 --json",
		"sched-credit2 -s --json",
		"getenforce --json",
		"vm-list --json",
		"store-quota --json",
		"top -b -d 0 --json",
		"create -d %/one.cfg",
		"sched-credit2 -d web --json",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct json_object *o;

		assert_int_equal(xl(lines[i]), strstr(lines[i], "getenforce") ? 1 : 0);
		o = json_tokener_parse(out);
		if (!o)
			fail_msg("xl %s does not print JSON: %s", lines[i], out);
		json_object_put(o);
	}
	xl("store-quota --json");
	assert_non_null(strstr(out, "\"nodes\": 1000"));
	assert_non_null(strstr(out, "\"watches\": 128"));
}

static void test_changes(void **state)
{
	static const struct expectation list[] = {
		{ "pause web", 0, "" },
		{ "unpause web", 0, "" },
		{ "mem-set web 32", 0, "" },
		{ "mem-max web 128m", 0, "" },
		{ "mem-max web 1024kb", 1, "too little" },
		{ "vcpu-set web 1", 0, "" },
		{ "vcpu-pin web all 0-1 -", 0, "" },
		{ "vcpu-pin -f web 1 all 0", 0, "" },
		{ "sched-credit2 -d web -w 512 -c 50", 0, "" },
		{ "sched-credit2 -s -r 2000", 0, "" },
		{ "sysrq web h", 0, "" },
		{ "trigger web nmi 1", 0, "" },
		{ "debug-keys qr", 0, "" },
		{ "dmesg -c", 0, "" },
		{ "setenforce permissive", 0, "" },
		{ "store-quota nodes 2000", 0, "" },
		{ "rename web shop", 0, "" },
		{ "domname 1", 0, "shop" },
		{ "create %/one.cfg name=\"two\" memory=48", 0, "Parsing config from" },
		{ "list two", 0, "   48 " },
		{ "create -p -q -f %/one.cfg", 0, "" },
		{ "reboot -w one", 0, "Rebooting domain 3" },
		{ "shutdown -a -w", 0, "has been shut down, reason code 0" },
		{ "destroy shop two", 0, "" },
	};

	write_file("good.policy", "good policy");
	CHECK(list);
	assert_int_equal(fake_host->weight, 512);
	assert_int_equal(fake_host->cap, 50);
	assert_int_equal(fake_host->rate, 2000);
	assert_int_equal(fake_host->engine, 0);
	assert_string_equal(fake_host->keys, "qr");
	assert_int_equal(xl("loadpolicy %/good.policy"), 0);
	assert_int_equal(fake_domains_left(), 1);
}

/* -n on everything that changes something: it says "would", and nothing changes. */
static void test_dry_run(void **state)
{
	static const char *const lines[] = {
		"pause -n web",
		"unpause --dry-run web",
		"mem-set -n web 32",
		"mem-max -n web 128",
		"vcpu-set -n web 1",
		"vcpu-pin -n web 0 1",
		"sched-credit2 -n -d web -w 512",
		"sched-credit2 -n -s -r 2000",
		"sysrq -n web h",
		"trigger -n web nmi",
		"debug-keys -n q",
		"dmesg -n -c",
		"setenforce -n 0",
		"setenforce -n Enforcing",
		"loadpolicy -n %/good.policy",
		"store-quota -n nodes 2000",
		"rename -n web shop",
		"shutdown -n web",
		"shutdown -n -w -a",
		"reboot -n web",
		"destroy -n web",
		"create -n %/one.cfg",
		"-N create %/one.cfg",
		"autostart -n %/auto",
		"host-stop -n",
	};
	struct fake_platform *before = malloc(sizeof(*before));
	char command[256];

	write_file("good.policy", "good policy");
	snprintf(command, sizeof(command), "mkdir %s/auto && cp %s/one.cfg %s/auto", folder, folder,
		 folder);
	assert_int_equal(system(command), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		memcpy(before, fake, sizeof(*before));
		fake_host->changes = 0;
		if (xl(lines[i]) || !strstr(out, "would "))
			fail_msg("xl %s: %s%s", lines[i], out, err_out);
		if (fake_host->changes ||
		    memcmp(before->domains, fake->domains, sizeof(before->domains)) ||
		    memcmp(before->nodes, fake->nodes, sizeof(before->nodes)))
			fail_msg("xl %s changes something", lines[i]);
	}
	free(before);
}

static void test_no_policy(void **state)
{
	static const struct expectation none[] = {
		{ "getenforce", 255, "Flask XSM Disabled" },
		{ "setenforce 1", 1, "no policy engine is loaded" },
		{ "loadpolicy %/web.cfg", 1, "no policy engine is loaded" },
	};
	static const struct expectation denied[] = {
		{ "getenforce", 1, "does not allow it" },
		{ "setenforce 1", 1, "does not allow it" },
		{ "loadpolicy %/web.cfg", 1, "does not allow it" },
	};
	static const struct expectation broken[] = {
		{ "setenforce 1", 1, "setenforce: Input/output error" },
	};

	fake_host->engine = -ENOSYS;
	CHECK(none);
	fake_host->engine = -EACCES;
	CHECK(denied);
	fake_host->engine = -EIO;
	CHECK(broken);
}

static void test_hypervisor_fails(void **state)
{
	static const struct expectation list[] = {
		{ "info", 1, "can't ask the hypervisor" },
		{ "dmesg", 1, "can't read the core's messages" },
		{ "debug-keys q", 1, "cannot send debug keys" },
		{ "vcpu-list", 1, "can't ask for the host's CPUs" },
		{ "sched-credit2 -d web", 1, "can't ask for the weight" },
		{ "sched-credit2 -r 100", 1, "can't set the rate limit" },
		{ "trigger web nmi", 1, "does not offer this trigger" },
	};
	static const struct expectation trigger[] = {
		{ "trigger web nmi", 1, "trigger failed: Invalid argument" },
	};

	fake_host->fail = -EIO;
	fake_host->trigger = -EOPNOTSUPP;
	CHECK(list);
	fake_host->trigger = -EINVAL;
	CHECK(trigger);
}

/* Whichever call to hypervisor or store fails: the command ends with a message, or does without it. */
static void test_every_step_fails(void **state)
{
	static const char *const lines[] = {
		"list -v -Z web",      "vcpu-list web",	      "uptime web",
		"sched-credit2",       "pause web",	      "rename web shop",
		"vcpu-set web 1",      "mem-set web 32",      "shutdown -F web",
		"shutdown -w web",     "reboot -a",	      "destroy web",
		"create -q %/one.cfg", "create -n %/one.cfg", "domname 1",
		"host-stop -t 0",      "autostart %/auto",    "host-config %/host.conf",
		"top -b -d 0 -v",
	};
	int status;
	char command[128];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (uint32_t n = 1; n < 100; n++) {
			run_xl_setup(NULL);
			write_file("host.conf", "dom0_vcpus = 2\nstore_quota = [ \"nodes=7\" ]\n");
			snprintf(command, sizeof(command), "mkdir %s/auto && cp %s/one.cfg %s/auto",
				 folder, folder, folder);
			assert_int_equal(system(command), 0);
			fake->domains[0].deaf = true;
			fake_write("/local/domain/1/console/tty", "/dev/none");
			fake->steps = 0;
			fake->fail_at = n;
			status = xl(lines[i]);
			if (status && !strstr(err_out, "xl: ") && !strstr(out, "Domain-0"))
				fail_msg("xl %s, step %u: status %d: %s%s", lines[i], n, status,
					 out, err_out);
			if (fake->steps < n)
				break;
			/* Some lines are long; their middle is like their beginning. */
			n += n > 10 ? 6 : 0;
		}
	}
}

/* ---- the host's start and end ---- */

static void test_autostart_and_stop(void **state)
{
	char command[128];
	const char *at;

	snprintf(command, sizeof(command), "mkdir %s/auto", folder);
	assert_int_equal(system(command), 0);
	write_file("auto/a.cfg", "name=\"a\"\nkernel=\"k\"\ndepends=[\"b\", \"web\"]\n");
	write_file("auto/b.cfg",
		   "name=\"b\"\nkernel=\"k\"\ndepends=[\"c\"]\non_poweroff=\"restart\"\n");
	write_file("auto/c.cfg", "name=\"c\"\nkernel=\"k\"\n");
	write_file("auto/d.cfg", "name=\"d\"\nkernel=\"k\"\ndepends=[\"nobody\"]\n");
	write_file("auto/e.cfg", "name=\"e\"\nkernel=\"k\"\ndepends=[\"d\"]\n");
	write_file("auto/f.cfg", "name=\"f\"\nkernel=\"k\"\ndepends=[\"g\"]\n");
	write_file("auto/g.cfg", "name=\"g\"\nkernel=\"k\"\ndepends=[\"f\"]\n");
	write_file("auto/h.cfg", "nam=\"h\"\n");
	write_file("auto/web.cfg", web);
	write_file("auto/x.txt", "not one");
	assert_int_equal(xl("autostart %/auto"), 1);
	at = after(out, "starting c\n");
	at = after(at, "starting b\n");
	after(at, "starting a\n");
	after(out, "web runs already");
	after(err_out, "h.cfg:1: unknown key 'nam'");
	after(err_out, "d is not started: nobody, which it depends on, does not run");
	after(err_out, "e is not started: d, which it depends on, does not run");
	after(err_out, "f is not started: it depends on itself");
	assert_int_equal(fake_domains_left(), 4);

	/* They listen, but c hangs. */
	for (int i = 1; i < FAKE_DOMAINS_MAX; i++)
		fake->domains[i].deaf = fake->domains[i].exists && i == 2;
	assert_int_equal(xl("host-stop -t 1"), 0);
	at = after(out, "a is down\n");
	at = after(at, "shutting down b\n");
	at = after(at, "b is down\n");
	at = after(at, "shutting down c\n");
	after(at, "c does not end: it is destroyed");
	assert_true(strstr(out, "shutting down web") > strstr(out, "a is down"));
	assert_int_equal(fake_domains_left(), 0);
	assert_int_equal(xl("host-stop"), 0);
	assert_string_equal(out, "");
	assert_int_equal(xl("autostart %/nowhere"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_help, run_xl_setup),
		cmocka_unit_test_setup(test_errors_say_what_to_do, run_xl_setup),
		cmocka_unit_test_setup(test_lists, run_xl_setup),
		cmocka_unit_test_setup(test_json, run_xl_setup),
		cmocka_unit_test_setup(test_changes, run_xl_setup),
		cmocka_unit_test_setup(test_dry_run, run_xl_setup),
		cmocka_unit_test_setup(test_no_policy, run_xl_setup),
		cmocka_unit_test_setup(test_hypervisor_fails, run_xl_setup),
		cmocka_unit_test_setup(test_every_step_fails, run_xl_setup),
		cmocka_unit_test_setup(test_autostart_and_stop, run_xl_setup),
	};

	return cmocka_run_group_tests(tests, run_xl_setup_all, run_xl_teardown_all);
}
