/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that act on guests that exist. */
#include "cli/cli.h"

#include "config/guest.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* With --dry-run says what would be done to a domain, and returns true. */
static bool would_do(const char *what, uint16_t domid)
{
	return would("%s %s (domain %u)", what, domain_name(domid), domid);
}

/* One guest, one call. */
static int simple(int argc, char **argv, const char *what,
		  int (*act)(struct life *life, uint16_t domid, struct error *err))
{
	struct error err = { 0 };
	uint16_t domid;

	no_options(argc, argv, true, 1, 1);
	domid = need_domain(argv[optind]);
	if (would_do(what, domid))
		return EXIT_SUCCESS;
	return act(need_life(), domid, &err) ? fail_error(&err) : EXIT_SUCCESS;
}

int cmd_pause(int argc, char **argv)
{
	return simple(argc, argv, "pause", life_pause);
}

int cmd_unpause(int argc, char **argv)
{
	return simple(argc, argv, "unpause", life_unpause);
}

int cmd_destroy(int argc, char **argv)
{
	struct error err = { 0 };
	int rc = EXIT_SUCCESS, option;
	bool force = false;

	while ((option = next_option(argc, argv, "f", true)) != -1)
		force = option == 'f';
	need_args(argc, 1, -1);
	for (int i = optind; i < argc; i++) {
		uint16_t domid = need_domain(argv[i]);

		if (domid == 0 && !force)
			return fail("Cannot destroy privileged domain 0.");
		if (!would_do("destroy", domid) && life_destroy(need_life(), domid, &err))
			rc = fail_error(&err);
	}
	return rc;
}

/* All guests but Dom0, as life_lookup() names them. */
static int all_guests(uint16_t **out)
{
	struct domain_info *list;
	int n = hyper_domain_list_all(life_hyper(need_life()), &list), count = 0;

	if (n < 0)
		exit(fail("can't list domains: %s", strerror(-n)));
	*out = calloc((size_t)n + 1, sizeof(**out));
	for (int i = 0; *out && i < n; i++)
		if (list[i].domid && !list[i].dying)
			(*out)[count++] = list[i].domid;
	free(list);
	return count;
}

static int wait_for(const uint16_t *domids, int n)
{
	struct error err = { 0 };
	int rc = EXIT_SUCCESS;

	fprintf(stderr, "Waiting for %d domains\n", n);
	for (int i = 0; i < n; i++) {
		enum shutdown_reason reason;

		if (life_wait(need_life(), domids[i], -1, &reason, &err)) {
			rc = fail_error(&err);
			continue;
		}
		if (reason == SHUTDOWN_REASON_NONE)
			fprintf(stderr, "Domain %u has been destroyed.\n", domids[i]);
		else
			fprintf(stderr, "Domain %u has been shut down, reason code %d\n", domids[i],
				reason);
	}
	return rc;
}

static int stop_guests(int argc, char **argv, enum life_shutdown_kind kind)
{
	const char *doing = kind == LIFE_SHUTDOWN_REBOOT ? "Rebooting" : "Shutting down";
	bool wait = false, all = false, fallback = false;
	int option, n, rc = EXIT_SUCCESS;
	struct error err = { 0 };
	uint16_t *domids;

	while ((option = next_option(argc, argv, "wFa", true)) != -1) {
		wait = wait || option == 'w';
		all = all || option == 'a';
		fallback = fallback || option == 'F';
	}
	need_args(argc, all ? 0 : 1, all ? 0 : -1);
	if (all) {
		n = all_guests(&domids);
	} else {
		n = argc - optind;
		domids = calloc((size_t)n, sizeof(*domids));
		for (int i = 0; domids && i < n; i++)
			domids[i] = need_domain(argv[optind + i]);
	}
	for (int i = 0; domids && i < n; i++) {
		if (would_do(kind == LIFE_SHUTDOWN_REBOOT ? "reboot" : "shut down", domids[i]))
			continue;
		fprintf(stderr, "%s domain %u\n", doing, domids[i]);
		if (life_shutdown(need_life(), domids[i], kind, fallback, &err))
			rc = fail_error(&err);
	}
	if (wait && !dry_run && rc == EXIT_SUCCESS && domids)
		rc = wait_for(domids, n);
	free(domids);
	return rc;
}

int cmd_shutdown(int argc, char **argv)
{
	return stop_guests(argc, argv, LIFE_SHUTDOWN_POWEROFF);
}

int cmd_reboot(int argc, char **argv)
{
	return stop_guests(argc, argv, LIFE_SHUTDOWN_REBOOT);
}

int cmd_rename(int argc, char **argv)
{
	struct error err = { 0 };
	uint16_t domid;

	no_options(argc, argv, true, 2, 2);
	domid = need_domain(argv[optind]);
	if (would_do("rename", domid))
		return EXIT_SUCCESS;
	return life_rename(need_life(), domid, argv[optind + 1], &err) ? fail_error(&err)
								       : EXIT_SUCCESS;
}

int cmd_sysrq(int argc, char **argv)
{
	struct error err = { 0 };
	uint16_t domid;

	no_options(argc, argv, true, 2, 2);
	domid = need_domain(argv[optind]);
	if (strlen(argv[optind + 1]) != 1)
		return fail("a SysRq key is one letter");
	if (would_do("send a SysRq key to", domid))
		return EXIT_SUCCESS;
	return life_sysrq(need_life(), domid, *argv[optind + 1], &err) ? fail_error(&err)
								       : EXIT_SUCCESS;
}

int cmd_trigger(int argc, char **argv)
{
	static const char *const words[] = { "nmi", "reset", "init", "power", "sleep" };
	unsigned int which = 0, vcpu = 0;
	uint16_t domid;
	int rc;

	no_options(argc, argv, true, 2, 3);
	domid = need_domain(argv[optind]);
	while (which < 5 && strcmp(words[which], argv[optind + 1]))
		which++;
	if (which == 5)
		return fail("there is no trigger %s; nmi, reset, init, power and sleep are",
			    argv[optind + 1]);
	if (argc - optind == 3)
		vcpu = (unsigned int)need_number(argv[optind + 2], DOMAIN_VCPUS_MAX - 1);
	if (would_do("trigger", domid))
		return EXIT_SUCCESS;
	rc = hyper_domain_trigger(life_hyper(need_life()), domid, (enum domain_trigger)which, vcpu);
	if (rc == -EOPNOTSUPP || rc == -ENOSYS)
		return fail("the hypervisor does not offer this trigger for %s; `xl shutdown` asks "
			    "the guest",
			    domain_name(domid));
	return rc ? fail("trigger failed: %s", strerror(-rc)) : EXIT_SUCCESS;
}

int cmd_vcpu_set(int argc, char **argv)
{
	struct error err = { 0 };
	uint16_t domid;
	uint32_t count;

	/* -i, the stock tool's leave to have more vCPUs than the host CPUs, is not needed. */
	while (next_option(argc, argv, "i", true) != -1)
		;
	need_args(argc, 2, 2);
	domid = need_domain(argv[optind]);
	count = (uint32_t)need_number(argv[optind + 1], DOMAIN_VCPUS_MAX);
	if (would_do("set the vCPUs of", domid))
		return EXIT_SUCCESS;
	return life_set_vcpus(need_life(), domid, count, &err) ? fail_error(&err) : EXIT_SUCCESS;
}

/* "-" leaves a set alone. */
static const struct cpu_set *pin_set(const char *text, struct cpu_set *set)
{
	bool all;

	if (!strcmp(text, "-"))
		return NULL;
	if (cpu_list_parse(text, set, &all))
		exit(fail("%s is not a list of CPUs like 0-3,^2 or all", text));
	return set;
}

int cmd_vcpu_pin(int argc, char **argv)
{
	struct hyper *h = life_hyper(need_life());
	const struct cpu_set *hard, *soft = NULL;
	struct cpu_set hard_set, soft_set;
	struct domain_info info;
	uint32_t first = 0, last;
	bool force = false;
	uint16_t domid;
	int option, rc;

	while ((option = next_option(argc, argv, "fi", true)) != -1)
		force |= option == 'f'; /* -i: there are no masks to be ignored */
	need_args(argc, 3, 4);
	domid = need_domain(argv[optind]);
	rc = hyper_domain_info(h, domid, &info);
	if (rc || info.max_vcpu_id == UINT32_MAX)
		return fail("%s has no vCPUs", argv[optind]);
	last = info.max_vcpu_id;
	if (strcmp(argv[optind + 1], "all"))
		first = last = (uint32_t)need_number(argv[optind + 1], info.max_vcpu_id);
	hard = pin_set(argv[optind + 2], &hard_set);
	if (argc - optind == 4)
		soft = pin_set(argv[optind + 3], &soft_set);
	if (would_do("pin vCPUs of", domid))
		return EXIT_SUCCESS;
	for (uint32_t vcpu = first; vcpu <= last; vcpu++) {
		rc = hyper_vcpu_affinity_set(h, domid, vcpu, hard, soft, force);
		if (rc)
			return fail(
				"can't pin vCPU %u of %s: %s%s", vcpu, domain_name(domid),
				strerror(-rc),
				rc == -EINVAL
					? " (none of these CPUs is there; `xl info` tells nr_cpus)"
					: "");
	}
	return EXIT_SUCCESS;
}

static int set_memory(int argc, char **argv, bool limit)
{
	struct error err = { 0 };
	uint16_t domid;
	uint64_t kib;
	int rc;

	no_options(argc, argv, true, 2, 2);
	domid = need_domain(argv[optind]);
	kib = need_size(argv[optind + 1]);
	if (would_do(limit ? "set the memory limit of" : "set the memory of", domid))
		return EXIT_SUCCESS;
	rc = limit ? life_set_max_memory(need_life(), domid, kib, &err)
		   : life_set_memory(need_life(), domid, kib, true, &err);
	return rc ? fail_error(&err) : EXIT_SUCCESS;
}

int cmd_mem_set(int argc, char **argv)
{
	return set_memory(argc, argv, false);
}

int cmd_mem_max(int argc, char **argv)
{
	return set_memory(argc, argv, true);
}
