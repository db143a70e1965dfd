/* SPDX-License-Identifier: BSD-2-Clause */
/* xl: the commands that administrators know, over the life cycle library. */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool dry_run, json, verbose;
const struct command *current;
static struct life *life;

#define RUN(name, fn, usage, help)                \
	{                                         \
		name, usage, help, NULL, fn, NULL \
	}
#define NOT(name, why)                                   \
	{                                                \
		name, "", "not offered", NULL, NULL, why \
	}

#define NO_MIGRATION "guests are not moved or saved: their state never leaves the host's memory"
#define NO_HOTPLUG   "devices are given to a guest when it is created (disk=, vif=, pci=)"
#define NO_POOLS     "there is one CPU pool; pin guests with vcpu-pin"
#define NO_PLATFORM  "the core leaves this hardware alone"

const struct command commands[] = {
	RUN("create", cmd_create, "[-cpqn] [-f FILE | FILE] [KEY=VALUE ...]",
	    "Create a guest from a configuration file (-c: attach to its console, -p: leave it "
	    "paused,\n"
	    "    -d: only print what would be created, -n: only check that it could be)"),
	RUN("config-check", cmd_config_check, "FILE [KEY=VALUE ...]", "Check a configuration file"),
	RUN("list", cmd_list, "[-lvZcn] [DOMAIN ...]",
	    "List guests (-l: all there is to know, as JSON; -v: also UUID, reason, label;\n"
	    "    -Z: labels, -c: CPU pools, -n: memory nodes)"),
	RUN("vm-list", cmd_vm_list, "", "List UUIDs, numbers and names"),
	RUN("destroy", cmd_destroy, "DOMAIN ...",
	    "Kill guests at once (-f: also Dom0's own check is skipped)"),
	RUN("shutdown", cmd_shutdown, "[-wFa] [DOMAIN ...]",
	    "Ask guests to shut down (-a: all, -w: wait, -F: by ACPI where they do not listen)"),
	RUN("reboot", cmd_reboot, "[-wFa] [DOMAIN ...]", "Ask guests to reboot"),
	RUN("pause", cmd_pause, "DOMAIN", "Stop a guest's vCPUs"),
	RUN("unpause", cmd_unpause, "DOMAIN", "Let a paused guest go on"),
	RUN("console", cmd_console, "[-t pv] DOMAIN",
	    "Attach to a guest's console; Ctrl-] leaves it"),
	RUN("vcpu-list", cmd_vcpu_list, "[DOMAIN ...]", "List the vCPUs of guests"),
	RUN("vcpu-pin", cmd_vcpu_pin, "[-f] DOMAIN VCPU|all HARD [SOFT]",
	    "Choose the CPUs on which a vCPU may run"),
	RUN("vcpu-set", cmd_vcpu_set, "DOMAIN VCPUS", "Set how many vCPUs a guest uses"),
	RUN("mem-set", cmd_mem_set, "DOMAIN SIZE",
	    "Set the memory that a guest uses (MiB, or with k, m, g)"),
	RUN("mem-max", cmd_mem_max, "DOMAIN SIZE", "Set the most memory that a guest may use"),
	RUN("sched-credit2", cmd_sched_credit2,
	    "[-d DOMAIN [-w WEIGHT] [-c CAP]] [-p POOL] [-s [-r US]]",
	    "Show or set weights and caps"),
	RUN("rename", cmd_rename, "DOMAIN NEW-NAME", "Rename a guest"),
	RUN("domid", cmd_domid, "NAME", "Print a guest's number"),
	RUN("domname", cmd_domname, "DOMID", "Print a guest's name"),
	RUN("sysrq", cmd_sysrq, "DOMAIN LETTER", "Send a Linux guest a SysRq key"),
	RUN("trigger", cmd_trigger, "DOMAIN nmi|reset|init|power|sleep [VCPU]",
	    "Send a guest a hardware event"),
	RUN("uptime", cmd_uptime, "[-s] [DOMAIN ...]", "Print how long guests have run"),
	RUN("top", cmd_top, "[-bfvz] [-d SECONDS] [-i COUNT] [-s COLUMN]",
	    "Watch the load of guests (-b: plain samples, one unless -i says more; -d: between\n"
	    "    samples; -s: sort by domid, name, state, cpu, time, mem or vcpus; -f: full "
	    "names;\n"
	    "    -v: vCPUs; -z: Dom0 first). Keys: S sort, R reverse, V vCPUs, D delay, arrows "
	    "scroll,\n"
	    "    Q quit"),
	RUN("info", cmd_info, "[-n]", "Print what the host is"),
	RUN("dmesg", cmd_dmesg, "[-c]", "Print the core's messages (-c: and forget them)"),
	RUN("debug-keys", cmd_debug_keys, "KEYS", "Send debug keys to the core (h lists them)"),
	RUN("claims", cmd_claims, "", "List guests and the memory claimed for them"),
	RUN("getenforce", cmd_getenforce, "", "Print whether the policy is enforced"),
	RUN("setenforce", cmd_setenforce, "1|0|Enforcing|Permissive",
	    "Enforce the policy, or only log denials"),
	RUN("loadpolicy", cmd_loadpolicy, "FILE", "Load a compiled policy"),
	RUN("store-quota", cmd_store_quota, "[DOMAIN] [NAME VALUE]",
	    "Show the store's quotas, or what a domain uses of them, or set one"),
	RUN("autostart", cmd_autostart, "[DIRECTORY]",
	    "Create the guests of a directory (default: autostart= of bulkhead.conf(5), or\n"
	    "    /etc/xen/auto), those that others name in depends= first"),
	RUN("host-stop", cmd_host_stop, "[-t SECONDS]",
	    "Shut all guests down for the host's end: those that depend on others first; what\n"
	    "    does not end in time is destroyed"),
	RUN("host-config", cmd_host_config, "[FILE]",
	    "Bring Dom0 to the size that bulkhead.conf(5) or xend-config.sxp asks for"),
	RUN("help", cmd_help, "[COMMAND]", "List the commands, or explain one"),
	NOT("config-update", "change the file, then shut the guest down and create it again"),
	NOT("save", NO_MIGRATION),
	NOT("restore", NO_MIGRATION),
	NOT("migrate", NO_MIGRATION),
	NOT("migrate-receive", NO_MIGRATION),
	NOT("remus", NO_MIGRATION),
	NOT("dump-core", NO_MIGRATION),
	NOT("save-receive", NO_MIGRATION),
	NOT("fork-vm", NO_MIGRATION),
	NOT("network-attach", NO_HOTPLUG),
	NOT("network-list", NO_HOTPLUG),
	NOT("network-detach", NO_HOTPLUG),
	NOT("block-attach", NO_HOTPLUG),
	NOT("block-list", NO_HOTPLUG),
	NOT("block-detach", NO_HOTPLUG),
	NOT("channel-list", NO_HOTPLUG),
	NOT("vtpm-attach", NO_HOTPLUG),
	NOT("vtpm-list", NO_HOTPLUG),
	NOT("vtpm-detach", NO_HOTPLUG),
	NOT("cd-insert", NO_HOTPLUG),
	NOT("cd-eject", NO_HOTPLUG),
	NOT("usbctrl-attach", NO_HOTPLUG),
	NOT("usbctrl-detach", NO_HOTPLUG),
	NOT("usbdev-attach", NO_HOTPLUG),
	NOT("usbdev-detach", NO_HOTPLUG),
	NOT("usb-list", NO_HOTPLUG),
	NOT("vkb-attach", NO_HOTPLUG),
	NOT("vkb-list", NO_HOTPLUG),
	NOT("vkb-detach", NO_HOTPLUG),
	NOT("vsnd-attach", NO_HOTPLUG),
	NOT("vsnd-list", NO_HOTPLUG),
	NOT("vsnd-detach", NO_HOTPLUG),
	NOT("vdispl-attach", NO_HOTPLUG),
	NOT("vdispl-list", NO_HOTPLUG),
	NOT("vdispl-detach", NO_HOTPLUG),
	NOT("pci-attach", NO_HOTPLUG),
	NOT("pci-detach", NO_HOTPLUG),
	NOT("pci-list", NO_HOTPLUG),
	NOT("pci-assignable-list", "PCI devices can't be assigned yet"),
	NOT("pci-assignable-add", "PCI devices can't be assigned yet"),
	NOT("pci-assignable-remove", "PCI devices can't be assigned yet"),
	NOT("cpupool-create", NO_POOLS),
	NOT("cpupool-list", NO_POOLS),
	NOT("cpupool-destroy", NO_POOLS),
	NOT("cpupool-rename", NO_POOLS),
	NOT("cpupool-cpu-add", NO_POOLS),
	NOT("cpupool-cpu-remove", NO_POOLS),
	NOT("cpupool-migrate", NO_POOLS),
	NOT("cpupool-numa-split", NO_POOLS),
	NOT("sched-credit", "the scheduler is credit2: use sched-credit2"),
	NOT("sched-rtds", "the scheduler is credit2: use sched-credit2"),
	NOT("button-press", "use trigger"),
	NOT("qemu-monitor-command", "device models run in domains of their own"),
	NOT("sharing", "guests never share memory by content"),
	NOT("vncviewer", "guests have no display"),
	NOT("psr-hwinfo", NO_PLATFORM),
	NOT("psr-cmt-attach", NO_PLATFORM),
	NOT("psr-cmt-detach", NO_PLATFORM),
	NOT("psr-cmt-show", NO_PLATFORM),
	NOT("psr-cat-set", NO_PLATFORM),
	NOT("psr-cat-show", NO_PLATFORM),
	NOT("psr-mba-set", NO_PLATFORM),
	NOT("psr-mba-show", NO_PLATFORM),
	NOT("set-parameters", "options are given on the core's command line"),
	NOT("qemu-connect", "device models run in domains of their own"),
	NOT("devd", "back ends run in driver domains"),
	NOT("dt-overlay", "it is for Arm"),
};
const unsigned int n_commands = sizeof(commands) / sizeof(commands[0]);

int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "xl: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	return EXIT_FAILURE;
}

int fail_error(const struct error *err)
{
	return fail("%s", err->text);
}

static struct life *open_life(int (*open)(struct life **out, struct error *err))
{
	struct error err = { 0 };

	if (!life && open(&life, &err))
		exit(fail_error(&err));
	return life;
}

struct life *need_life(void)
{
	return open_life(life_open);
}

struct life *need_host(void)
{
	return open_life(life_open_readonly);
}

uint16_t need_domain(const char *name_or_id)
{
	struct error err = { 0 };
	uint16_t domid;

	if (life_lookup(need_life(), name_or_id, &domid, &err))
		exit(fail("%s is an invalid domain identifier: %s", name_or_id, err.text));
	return domid;
}

const char *domain_name(uint16_t domid)
{
	static char names[2][DOMAIN_NAME_MAX + 1];
	static unsigned int turn;
	char *name, *out = names[turn++ % 2];

	if (life_name(need_life(), domid, &name))
		return "(null)";
	snprintf(out, sizeof(names[0]), "%s", name);
	free(name);
	return out;
}

bool would(const char *fmt, ...)
{
	va_list ap;

	if (!dry_run)
		return false;
	va_start(ap, fmt);
	printf("would ");
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	return true;
}

void print_command_help(const struct command *command)
{
	if (!command->run) {
		printf("xl %s: not offered: %s\n", command->name, command->why_not);
		return;
	}
	printf("Usage: xl [-v] %s %s\n\n    %s\n\n", command->name, command->usage, command->help);
	printf("    -h, --help      this text\n"
	       "    -n, --dry-run   with commands that change something: only say what would be "
	       "done\n"
	       "    --json          with commands that list something: print JSON\n");
}

static void usage_error(void)
{
	fprintf(stderr, "Usage: xl %s %s\n(xl %s --help explains it)\n", current->name,
		current->usage, current->name);
	exit(2);
}

/*
 * The stock tool's long options. One counts for a command when the command has its letter, with an
 * argument or without as here: so one name may stand for different letters.
 */
static const struct option all_longs[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "batch", no_argument, NULL, 'b' },
	{ "cap", required_argument, NULL, 'c' },
	{ "clear", no_argument, NULL, 'c' },
	{ "context", no_argument, NULL, 'Z' },
	{ "cpupool", no_argument, NULL, 'c' },
	{ "cpupool", required_argument, NULL, 'p' },
	{ "defconfig", required_argument, NULL, 'f' },
	{ "delay", required_argument, NULL, 'd' },
	{ "dom0-first", no_argument, NULL, 'z' },
	{ "domain", required_argument, NULL, 'd' },
	{ "dryrun", no_argument, NULL, 'd' },
	{ "force", no_argument, NULL, 'f' },
	{ "full-name", no_argument, NULL, 'f' },
	{ "ignore-global-affinity-masks", no_argument, NULL, 'i' },
	{ "ignore-host", no_argument, NULL, 'i' },
	{ "iterations", required_argument, NULL, 'i' },
	{ "long", no_argument, NULL, 'l' },
	{ "numa", no_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "ratelimit_us", required_argument, NULL, 'r' },
	{ "schedparam", no_argument, NULL, 's' },
	{ "short", no_argument, NULL, 's' },
	{ "sort", required_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	{ "type", required_argument, NULL, 't' },
	{ "vcpus", no_argument, NULL, 'v' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "wait", no_argument, NULL, 'w' },
	{ "weight", required_argument, NULL, 'w' },
};

#define N_LONGS (sizeof(all_longs) / sizeof(all_longs[0]))

/* The long options of a command with the letters `shorts`, and those that all have. */
static void long_options(const char *shorts, struct option out[N_LONGS + 4])
{
	unsigned int n = 0;

	out[n++] = (struct option) { "help", no_argument, NULL, 'h' };
	out[n++] = (struct option) { "dry-run", no_argument, NULL, 'N' };
	out[n++] = (struct option) { "json", no_argument, NULL, 'J' };
	for (size_t i = 0; i < N_LONGS; i++) {
		const char *letter = strchr(shorts, all_longs[i].val);

		if (letter && (letter[1] == ':') == (all_longs[i].has_arg == required_argument))
			out[n++] = all_longs[i];
	}
	out[n] = (struct option) { 0 };
}

int next_option(int argc, char **argv, const char *shorts, bool changes)
{
	struct option longs[N_LONGS + 4];
	bool plain_n = changes && !strchr(shorts, 'n');
	char all[64];
	int option;

	snprintf(all, sizeof(all), "%sh%s", shorts, plain_n ? "n" : "");
	long_options(shorts, longs);
	for (;;) {
		option = getopt_long(argc, argv, all, longs, NULL);
		if (option == 'h') {
			print_command_help(current);
			exit(EXIT_SUCCESS);
		}
		if ((option == 'N' && changes) || (option == 'n' && plain_n))
			dry_run = true;
		else if (option == 'J')
			json = true;
		else if (option == '?' || option == 'N')
			usage_error();
		else
			return option;
	}
}

void need_args(int argc, int least, int most)
{
	if (argc - optind < least || (most >= 0 && argc - optind > most))
		usage_error();
}

void no_options(int argc, char **argv, bool changes, int least, int most)
{
	(void)next_option(argc, argv, "", changes);
	need_args(argc, least, most);
}

unsigned long need_number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || !isdigit((unsigned char)*text) || *end || value > max)
		exit(fail("%s is not a number from 0 to %lu", text, max));
	return value;
}

int parse_size(const char *text, uint64_t *kib)
{
	static const char units[] = "kmgt";
	const char *unit;
	char *end;
	unsigned long long value;
	int shift = 10;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || value > DOMAIN_MEMORY_MAX)
		return -EINVAL;
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units);
		end++;
		if (tolower((unsigned char)*end) == 'b')
			end++;
	}
	if (*end)
		return -EINVAL;
	*kib = (uint64_t)value << shift;
	return 0;
}

uint64_t need_size(const char *text)
{
	uint64_t kib;

	if (parse_size(text, &kib))
		exit(fail("%s is not a size: a number of MiB, or one with k, m, g or t", text));
	return kib;
}

void print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static const struct command *find(const char *name)
{
	for (unsigned int i = 0; i < n_commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int cmd_help(int argc, char **argv)
{
	const struct command *command;

	no_options(argc, argv, false, 0, 1);
	if (argc > optind) {
		command = find(argv[optind]);
		if (!command)
			return fail("there is no command %s; `xl help` lists all", argv[optind]);
		print_command_help(command);
		return EXIT_SUCCESS;
	}
	printf("Usage: xl [-vN] COMMAND [ARGUMENTS]\n\n");
	for (unsigned int i = 0; i < n_commands; i++)
		if (commands[i].run)
			printf(" %-19s %s\n", commands[i].name, commands[i].help);
	printf("\nxl COMMAND --help explains one. xl(1) and xl.cfg(5) tell the rest.\n");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int option, rc;

	while ((option = getopt(argc, argv, "+vfNthT")) != -1) {
		if (option == 'v')
			verbose = true;
		else if (option == 'N')
			dry_run = true;
		else if (option == 'h')
			return current = find("help"), optind = argc, cmd_help(argc, argv);
		else if (option == '?')
			return 2;
	}
	if (optind == argc) {
		current = find("help");
		cmd_help(argc, argv);
		return EXIT_FAILURE;
	}
	current = find(argv[optind]);
	if (!current)
		return fail("there is no command %s; `xl help` lists all", argv[optind]);
	if (!current->run)
		return fail("%s is not offered: %s", current->name, current->why_not);
	argc -= optind;
	argv += optind;
	optind = 0; /* getopt starts again, with the command's own arguments */
	rc = current->run(argc, argv);
	if (life)
		life_close(life);
	return rc;
}
