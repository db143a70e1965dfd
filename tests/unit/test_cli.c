/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xl on a platform of fakes: every command with its options, its errors, --dry-run and --json; the
 * live view of `xl top` on a terminal. REQ toolstack/1.
 */
/* Its fail() is a function; cmocka's is a macro. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "life/internal.h"
#include "support/fake_host.h"
#include "support/fake_platform.h"

int xl_main(int argc, char **argv);

/* Each command is a process that ends at once: what it leaves to the system is no leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

int life_watch_start(struct error *err)
{
	return 0;
}

static char folder[] = "/tmp/test_cli.XXXXXX";
static char out[65536], err_out[65536];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void read_back(FILE *f, char *text, size_t size)
{
	rewind(f);
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
}

/* Splits at blanks; '%' stands for the folder's path, '_' inside a word for nothing special. */
static int split(char *line, char **words, int max)
{
	int n = 0;
	char *word, *rest = line;

	words[n++] = (char *)"xl";
	while ((word = strsep(&rest, " ")) && n < max - 1)
		if (*word)
			words[n++] = word;
	words[n] = NULL;
	return n;
}

static void expand(const char *line, char *to, size_t size)
{
	size_t n = 0;

	for (; *line && n < size - sizeof(folder); line++) {
		if (*line == '%')
			n += (size_t)snprintf(to + n, size - n, "%s", folder);
		else
			to[n++] = *line;
	}
	to[n] = '\0';
}

/* Runs `xl LINE` in a process of its own; its status. What it printed is in `out` and `err_out`. */
static int xl(const char *line)
{
	FILE *files[2] = { tmpfile(), tmpfile() };
	char copy[1024], *words[32];
	int status, n;
	pid_t child;

	expand(line, copy, sizeof(copy));
	n = split(copy, words, 32);
	fflush(stdout);
	fflush(stderr);
	child = fork();
	if (!child) {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, STDIN_FILENO);
		dup2(fileno(files[0]), STDOUT_FILENO);
		dup2(fileno(files[1]), STDERR_FILENO);
		exit(xl_main(n, words));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	read_back(files[0], out, sizeof(out));
	read_back(files[1], err_out, sizeof(err_out));
	if (!WIFEXITED(status) || strstr(err_out, "AddressSanitizer") ||
	    strstr(err_out, "runtime error"))
		fail_msg("xl %s: %s", line, err_out);
	return WEXITSTATUS(status);
}

struct expectation {
	const char *line;
	int status;
	const char *said; /* on either output */
};

static void check(const struct expectation *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status = xl(list[i].line);

		if (status != list[i].status ||
		    (!strstr(out, list[i].said) && !strstr(err_out, list[i].said)))
			fail_msg("xl %s: status %d, not %d with \"%s\":\n%s%s", list[i].line,
				 status, list[i].status, list[i].said, out, err_out);
	}
}
#define CHECK(list) check(list, sizeof(list) / sizeof((list)[0]))

static const char web[] = "name = \"web\"\nkernel = \"/boot/k\"\nmemory = 64\nvcpus = 2\n";

static int setup(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s/*", folder);
	(void)!system(command);
	fake_reset();
	fake_host_reset();
	fake->obedient = true;
	fake->domains[0].info.online_vcpus = 2;
	fake->domains[0].info.max_vcpu_id = 1;
	fake->domains[0].info.running = true;
	fake->domains[0].info.cpu_time_ns = 12345678901;
	fake->domains[0].info.ssidref = 7;
	fake->domains[0].info.max_pages = UINT64_MAX / 4096;
	write_file("web.cfg", web);
	write_file("one.cfg", "name = \"one\"\nkernel = \"/boot/k\"\n");
	assert_int_equal(xl("create -q %/web.cfg"), 0);
	fake->domains[1].info.online_vcpus = 1;
	fake->domains[1].info.blocked = true;
	return 0;
}

static int setup_all(void **state)
{
	char run[64];

	if (!mkdtemp(folder))
		return -1;
	snprintf(run, sizeof(run), "%s/.run", folder);
	setenv("BULKHEAD_RUN", run, 1);
	return 0;
}

static int teardown_all(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

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
			setup(NULL);
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

static const char *after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	if (!at)
		fail_msg("\"%s\" is missing or not in order in:\n%s", word, out);
	return at;
}

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

/* ---- the terminal ---- */

struct screen {
	int terminal;
	pid_t child;
	char text[1 << 18];
	size_t length;
};

static void screen_start(struct screen *s, const char *line, unsigned short rows,
			 unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	char copy[256], *words[32];
	int n;

	memset(s, 0, sizeof(*s));
	expand(line, copy, sizeof(copy));
	n = split(copy, words, 32);
	fflush(stdout);
	s->child = forkpty(&s->terminal, NULL, NULL, &size);
	if (!s->child)
		exit(xl_main(n, words));
}

/* Waits until the screen has shown `word` since the last time; fails when it does not. */
static void screen_shows(struct screen *s, const char *word)
{
	static size_t from;
	size_t rest;

	if (!s->length)
		from = 0;
	for (int pieces = 0;; pieces++) {
		struct pollfd p = { .fd = s->terminal, .events = POLLIN };
		char *at = memmem(s->text + from, s->length - from, word, strlen(word));
		ssize_t n;

		if (at) {
			from = (size_t)(at - s->text);
			return;
		}
		rest = sizeof(s->text) - s->length;
		n = poll(&p, 1, 20000) > 0 ? read(s->terminal, s->text + s->length, rest) : 0;
		if (n <= 0 || pieces > 100)
			fail_msg("\"%s\" is not shown:\n%.*s", word, (int)s->length, s->text);
		s->length += (size_t)n;
	}
}

static void screen_type(struct screen *s, const char *keys)
{
	assert_int_equal(write(s->terminal, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static int screen_end(struct screen *s)
{
	int status;

	while (read(s->terminal, s->text, sizeof(s->text)) > 0)
		;
	close(s->terminal);
	assert_int_equal(waitpid(s->child, &status, 0), s->child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Every picture fits: a line has at most `columns` letters, a picture at most `rows` lines. */
static void assert_fits(const struct screen *s, unsigned int rows, unsigned int columns)
{
	unsigned int line = 1, column = 0;

	for (size_t i = 0; i < s->length; i++) {
		unsigned int row = 0;
		int used = 0;

		if (s->text[i] == '\033') {
			if (sscanf(s->text + i, "\033[%u;1H%n", &row, &used) == 1 && used) {
				assert_true(row <= rows);
				line = row;
				column = 0;
			} else if (s->text[i + 2] == 'H') {
				line = 1;
				column = 0;
			}
			while (!strchr("HKhlmJ", s->text[i]))
				i++;
		} else if (s->text[i] == '\n') {
			line++;
			column = 0;
		} else if (s->text[i] != '\r') {
			column++;
		}
		assert_true(line <= rows && column <= columns);
	}
}

static void test_top_terminal(void **state)
{
	static struct screen s;
	struct winsize size = { .ws_row = 10, .ws_col = 60 };

	for (int i = 2; i < 14; i++) {
		char line[64];

		snprintf(line, sizeof(line), "create -q %%/one.cfg name=\"guest%d\"", i);
		assert_int_equal(xl(line), 0);
	}
	screen_start(&s, "top", 24, 80);
	screen_shows(&s, "14 domains: 1 running");
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "s");
	screen_shows(&s, "S sort (name)");
	screen_type(&s, "S");
	screen_shows(&s, "S sort (state)");
	screen_type(&s, "r");
	screen_shows(&s, "S sort (state)");
	screen_type(&s, "d");
	screen_shows(&s, "Delay (seconds): ");
	screen_type(&s, "77\b\b");
	screen_type(&s, "2\r");
	screen_shows(&s, "S sort (state)");
	screen_type(&s, "v");
	screen_shows(&s, "VCPUs(sec):");
	assert_fits(&s, 24, 80);
	/* Smaller: the rest is reached by scrolling. */
	assert_int_equal(ioctl(s.terminal, TIOCSWINSZ, &size), 0);
	screen_shows(&s, "\033[10;1H");
	s.length = 0;
	screen_type(&s, "ss\033[B\033[B\033[A");
	screen_shows(&s, "S sort (time)");
	screen_type(&s, "q");
	screen_shows(&s, "\033[?1049l");
	assert_fits(&s, 10, 60);
	assert_int_equal(screen_end(&s), 0);

	screen_start(&s, "top -d 1 -s name", 24, 132);
	screen_shows(&s, "MAXMEM(%)");
	screen_shows(&s, "SSID");
	screen_shows(&s, "no limit");
	screen_type(&s, "\003");
	assert_fits(&s, 24, 132);
	assert_int_equal(screen_end(&s), 0);
}

/* The stock daemon's way: a pseudo terminal named in the store. */
static void test_console(void **state)
{
	static struct screen s;
	int guest, end;
	char name[64], got[64] = "";
	struct termios raw = { 0 };

	cfmakeraw(&raw);
	assert_int_equal(openpty(&guest, &end, name, &raw, NULL), 0);
	fake_write("/local/domain/1/console/tty", name);
	screen_start(&s, "console web", 24, 80);
	assert_int_equal(write(guest, "login:", 6), 6);
	screen_shows(&s, "login:");
	screen_type(&s, "root\r");
	assert_true(read(guest, got, 5) > 0);
	assert_int_equal(got[0], 'r');
	screen_type(&s, "\035");
	assert_int_equal(screen_end(&s), 0);

	/* create -c: the console comes with the guest; its end is the command's. */
	fake_write("/local/domain/2/console/tty", "/dev/none");
	assert_int_equal(xl("create -q -c %/one.cfg"), 1);
	assert_non_null(strstr(err_out, "is the console daemon"));
	assert_false(fake->domains[2].info.paused);
	close(guest);
	close(end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_help, setup),
		cmocka_unit_test_setup(test_errors_say_what_to_do, setup),
		cmocka_unit_test_setup(test_lists, setup),
		cmocka_unit_test_setup(test_json, setup),
		cmocka_unit_test_setup(test_changes, setup),
		cmocka_unit_test_setup(test_dry_run, setup),
		cmocka_unit_test_setup(test_no_policy, setup),
		cmocka_unit_test_setup(test_hypervisor_fails, setup),
		cmocka_unit_test_setup(test_every_step_fails, setup),
		cmocka_unit_test_setup(test_autostart_and_stop, setup),
		cmocka_unit_test_setup(test_host_config, setup),
		cmocka_unit_test_setup(test_top_terminal, setup),
		cmocka_unit_test_setup(test_console, setup),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
