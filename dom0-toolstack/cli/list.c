/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that show domains: list, vcpu-list, uptime, top, claims, domid, domname. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xsclient/xsclient.h"

/* The domains that the arguments name, or all: *out is for free(). Exits on errors. */
static int chosen(int argc, char **argv, struct domain_info **out)
{
	struct hyper *h = life_hyper(need_life());
	int n = argc - optind, rc;

	if (n == 0) {
		rc = hyper_domain_list_all(h, out);
		if (rc < 0)
			exit(fail("can't list domains: %s", strerror(-rc)));
		return rc;
	}
	*out = calloc((size_t)n, sizeof(**out));
	for (int i = 0; *out && i < n; i++) {
		rc = hyper_domain_info(h, need_domain(argv[optind + i]), &(*out)[i]);
		if (rc)
			exit(fail("domain %s: %s", argv[optind + i], strerror(-rc)));
	}
	return *out ? n : 0;
}

static void state_letters(const struct domain_info *d, char out[7])
{
	bool crashed = d->shutdown && d->shutdown_reason == SHUTDOWN_REASON_CRASH;

	snprintf(out, 7, "%c%c%c%c%c%c", d->running ? 'r' : '-', d->blocked ? 'b' : '-',
		 d->paused ? 'p' : '-', d->shutdown ? 's' : '-', crashed ? 'c' : '-',
		 d->dying ? 'd' : '-');
}

static uint64_t memory_mib(const struct domain_info *d)
{
	return (d->total_pages + d->outstanding_pages) / 256;
}

static const char *label_of(const struct domain_info *d)
{
	static char label[FLASK_CONTEXT_MAX];

	if (!d->ssidref || hyper_flask_sid_to_context(life_hyper(need_life()), d->ssidref, label,
						      sizeof(label)) < 0)
		return "-";
	return label;
}

static struct json_object *domain_json(const struct domain_info *d, bool whole)
{
	struct json_object *o = json_object_new_object();
	char uuid[37], state[7], *text;
	struct domain_config config;

	domain_uuid_format(d->uuid, uuid);
	state_letters(d, state);
	json_object_object_add(o, "domid", json_object_new_int(d->domid));
	json_object_object_add(o, "name", json_object_new_string(domain_name(d->domid)));
	json_object_object_add(o, "uuid", json_object_new_string(uuid));
	json_object_object_add(o, "memory_mib", json_object_new_int64((int64_t)memory_mib(d)));
	json_object_object_add(o, "vcpus", json_object_new_int64(d->online_vcpus));
	json_object_object_add(o, "state", json_object_new_string(state));
	json_object_object_add(o, "cpu_time_s",
			       json_object_new_double((double)d->cpu_time_ns / 1e9));
	json_object_object_add(o, "label", json_object_new_string(label_of(d)));
	if (d->shutdown)
		json_object_object_add(o, "shutdown_reason",
				       json_object_new_int(d->shutdown_reason));
	if (whole && !life_config(need_life(), d->domid, &config, NULL)) {
		if (!domain_config_to_json(&config, &text)) {
			json_object_object_add(o, "config", json_tokener_parse(text));
			free(text);
		}
		domain_config_free(&config);
	}
	return o;
}

int cmd_list(int argc, char **argv)
{
	struct domain_info *list;
	bool whole = false, more = verbose, label = false;
	int option, n;

	while ((option = next_option(argc, argv, "lvZcn", false)) != -1) {
		whole = whole || option == 'l';
		more = more || option == 'v';
		label = label || option == 'Z';
	}
	n = chosen(argc, argv, &list);
	if (whole || json) {
		struct json_object *array = json_object_new_array();

		for (int i = 0; i < n; i++)
			json_object_array_add(array, domain_json(&list[i], whole));
		print_json(array);
		free(list);
		return EXIT_SUCCESS;
	}
	printf("Name                                        ID   Mem VCPUs\tState\tTime(s)");
	if (more)
		printf("   UUID                            Reason-Code\tSecurity Label");
	else if (label)
		printf("   Security Label");
	printf("\n");
	for (int i = 0; i < n; i++) {
		const struct domain_info *d = &list[i];
		char state[7], uuid[37];

		state_letters(d, state);
		printf("%-40s %5d %5lu %5u     %s  %8.1f", domain_name(d->domid), d->domid,
		       (unsigned long)memory_mib(d), d->online_vcpus, state,
		       (double)d->cpu_time_ns / 1e9);
		if (more) {
			domain_uuid_format(d->uuid, uuid);
			printf(" %s", uuid);
			if (d->shutdown)
				printf(" %8x", (unsigned int)d->shutdown_reason);
			else
				printf(" %8s", "-");
		}
		if (more || label)
			printf(" %16s", label_of(d));
		printf("\n");
	}
	free(list);
	return EXIT_SUCCESS;
}

/* CPU sets as xl prints them: "all", "0-2,5". */
static void format_set(const struct cpu_set *set, unsigned int n_cpus, char *out, size_t size)
{
	unsigned int cpu = 0, members = 0;
	size_t len = 0;

	for (cpu = 0; cpu < n_cpus; cpu++)
		members += cpu_set_has(set, cpu);
	*out = '\0';
	if (members == n_cpus || members == 0) {
		snprintf(out, size, members ? "all" : "none");
		return;
	}
	for (cpu = 0; cpu < n_cpus && len < size; cpu++) {
		unsigned int first = cpu;

		if (!cpu_set_has(set, cpu))
			continue;
		while (cpu + 1 < n_cpus && cpu_set_has(set, cpu + 1))
			cpu++;
		len += (size_t)snprintf(out + len, size - len, first == cpu ? "%s%u" : "%s%u-%u",
					len ? "," : "", first, cpu);
	}
}

struct vcpu_row {
	struct vcpu_state state;
	char hard[128], soft[128];
};

static int vcpu_row(uint16_t domid, uint32_t vcpu, unsigned int cpus, struct vcpu_row *row)
{
	struct hyper *h = life_hyper(need_life());
	struct cpu_set hard, soft;
	int rc = hyper_vcpu_state(h, domid, vcpu, &row->state);

	if (rc)
		return rc;
	strcpy(row->hard, "-");
	strcpy(row->soft, "-");
	if (hyper_vcpu_affinity_get(h, domid, vcpu, &hard, &soft) >= 0) {
		format_set(&hard, cpus, row->hard, sizeof(row->hard));
		format_set(&soft, cpus, row->soft, sizeof(row->soft));
	}
	return 0;
}

static void print_vcpu(const struct domain_info *d, uint32_t vcpu, const struct vcpu_row *row)
{
	printf("%-32s %5u %5u", domain_name(d->domid), d->domid, vcpu);
	if (row->state.online)
		printf(" %5u %3c%c- ", row->state.cpu, row->state.running ? 'r' : '-',
		       row->state.blocked ? 'b' : '-');
	else
		printf(" %5c %3c%cp ", '-', '-', '-');
	printf(" %9.1f  %s / %s\n", (double)row->state.cpu_time_ns / 1e9, row->hard, row->soft);
}

static struct json_object *vcpu_json(const struct domain_info *d, uint32_t vcpu,
				     const struct vcpu_row *row)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(domain_name(d->domid)));
	json_object_object_add(o, "domid", json_object_new_int(d->domid));
	json_object_object_add(o, "vcpu", json_object_new_int64(vcpu));
	json_object_object_add(o, "online", json_object_new_boolean(row->state.online));
	json_object_object_add(o, "cpu", json_object_new_int64(row->state.cpu));
	json_object_object_add(o, "cpu_time_s",
			       json_object_new_double((double)row->state.cpu_time_ns / 1e9));
	json_object_object_add(o, "hard_affinity", json_object_new_string(row->hard));
	json_object_object_add(o, "soft_affinity", json_object_new_string(row->soft));
	return o;
}

int cmd_vcpu_list(int argc, char **argv)
{
	struct json_object *array = NULL;
	struct domain_info *list;
	struct phys_info phys;
	int n;

	while (next_option(argc, argv, "", false) != -1)
		;
	n = chosen(argc, argv, &list);
	if (hyper_phys_info(life_hyper(need_life()), &phys))
		return fail("can't ask for the host's CPUs");
	if (json)
		array = json_object_new_array();
	else
		printf("Name                                ID  VCPU   CPU State   Time(s) "
		       "Affinity (Hard / Soft)\n");
	for (int i = 0; i < n; i++) {
		for (uint32_t vcpu = 0;
		     list[i].max_vcpu_id != UINT32_MAX && vcpu <= list[i].max_vcpu_id; vcpu++) {
			struct vcpu_row row;

			if (vcpu_row(list[i].domid, vcpu, phys.cpus, &row))
				continue;
			if (json)
				json_object_array_add(array, vcpu_json(&list[i], vcpu, &row));
			else
				print_vcpu(&list[i], vcpu, &row);
		}
	}
	if (json)
		print_json(array);
	free(list);
	return EXIT_SUCCESS;
}

/* Seconds since the guest was created (its store entry), or since the host's start for Dom0. */
static double uptime_of(uint16_t domid)
{
	struct timespec now;
	char path[64], *text;
	double up = -1;

	if (domid == 0) {
		clock_gettime(CLOCK_BOOTTIME, &now);
		return (double)now.tv_sec;
	}
	snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
	if (xs_client_read(life_store(need_life()), XS_CLIENT_NO_TX, path, &text, NULL))
		return up;
	snprintf(path, sizeof(path), "%s/start_time", text);
	free(text);
	if (xs_client_read(life_store(need_life()), XS_CLIENT_NO_TX, path, &text, NULL))
		return up;
	clock_gettime(CLOCK_REALTIME, &now);
	up = (double)now.tv_sec - strtod(text, NULL);
	free(text);
	return up < 0 ? 0 : up;
}

static void format_uptime(double seconds, char *out, size_t size)
{
	unsigned long s = (unsigned long)seconds, days = s / 86400;

	if (seconds < 0)
		snprintf(out, size, "-");
	else if (days)
		snprintf(out, size, "%lu day%s, %2lu:%02lu:%02lu", days, days > 1 ? "s" : "",
			 s / 3600 % 24, s / 60 % 60, s % 60);
	else
		snprintf(out, size, "%2lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
}

int cmd_uptime(int argc, char **argv)
{
	struct json_object *array = NULL;
	struct domain_info *list;
	bool brief = false;
	int option, n;

	while ((option = next_option(argc, argv, "s", false)) != -1)
		brief = option == 's';
	n = chosen(argc, argv, &list);
	if (json)
		array = json_object_new_array();
	else if (!brief)
		printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
	for (int i = 0; i < n; i++) {
		double up = uptime_of(list[i].domid);
		char text[48];

		format_uptime(up, text, sizeof(text));
		if (json) {
			struct json_object *o = json_object_new_object();

			json_object_object_add(o, "name",
					       json_object_new_string(domain_name(list[i].domid)));
			json_object_object_add(o, "domid", json_object_new_int(list[i].domid));
			json_object_object_add(o, "uptime_s", json_object_new_double(up));
			json_object_array_add(array, o);
		} else if (brief) {
			printf("%s up %s, %s (%u)\n", "", text, domain_name(list[i].domid),
			       list[i].domid);
		} else {
			printf("%-33s %4d %s\n", domain_name(list[i].domid), list[i].domid, text);
		}
	}
	if (json)
		print_json(array);
	free(list);
	return EXIT_SUCCESS;
}

int cmd_claims(int argc, char **argv)
{
	struct json_object *array = NULL;
	struct domain_info *list;
	int n;

	while (next_option(argc, argv, "", false) != -1)
		;
	n = chosen(argc, argv, &list);
	if (json)
		array = json_object_new_array();
	else
		printf("Name                                        ID   Mem VCPUs\tState\tTime(s) "
		       " Claimed\n");
	for (int i = 0; i < n; i++) {
		const struct domain_info *d = &list[i];
		struct json_object *o;
		char state[7];

		state_letters(d, state);
		if (json) {
			o = domain_json(d, false);
			json_object_object_add(
				o, "claimed_mib",
				json_object_new_int64((int64_t)(d->outstanding_pages / 256)));
			json_object_array_add(array, o);
		} else {
			printf("%-40s %5d %5lu %5u     %s  %8.1f %5lu\n", domain_name(d->domid),
			       d->domid, (unsigned long)memory_mib(d), d->online_vcpus, state,
			       (double)d->cpu_time_ns / 1e9,
			       (unsigned long)(d->outstanding_pages / 256));
		}
	}
	if (json)
		print_json(array);
	free(list);
	return EXIT_SUCCESS;
}

/* One table of loads: `before` and `after` are samples `seconds` apart. */
static void print_top(const struct domain_info *before, int n_before,
		      const struct domain_info *after, int n_after, double seconds)
{
	struct phys_info phys = { 0 };

	hyper_phys_info(life_hyper(need_life()), &phys);
	printf("%d domains, %u CPUs, %lu of %lu MiB free\n", n_after, phys.cpus,
	       (unsigned long)phys.free_pages / 256, (unsigned long)phys.total_pages / 256);
	printf("%-28s %5s %-6s %10s %6s %8s %5s\n", "NAME", "ID", "STATE", "CPU(s)", "CPU(%)",
	       "MEM(MiB)", "VCPUS");
	for (int i = 0; i < n_after; i++) {
		const struct domain_info *d = &after[i];
		double used = 0;
		char state[7];

		for (int k = 0; k < n_before; k++)
			if (before[k].domid == d->domid && before[k].cpu_time_ns <= d->cpu_time_ns)
				used = (double)(d->cpu_time_ns - before[k].cpu_time_ns) / 1e9;
		state_letters(d, state);
		printf("%-28.28s %5u %-6s %10.0f %6.1f %8lu %5u\n", domain_name(d->domid), d->domid,
		       state, (double)d->cpu_time_ns / 1e9, 100 * used / seconds,
		       (unsigned long)memory_mib(d), d->online_vcpus);
	}
}

int cmd_top(int argc, char **argv)
{
	struct hyper *h = life_hyper(need_life());
	struct domain_info *before, *after;
	bool once = false;
	int option, n, m;

	while ((option = next_option(argc, argv, "b", false)) != -1)
		once = option == 'b';
	need_args(argc, 0, 0);
	n = hyper_domain_list_all(h, &before);
	while (n >= 0) {
		struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

		/* A second between samples; a key (in fact a line) ends it. */
		if (poll(&in, once ? 0 : 1, 1000) > 0)
			break;
		m = hyper_domain_list_all(h, &after);
		if (m < 0)
			break;
		if (!once)
			printf("\033[H\033[2J");
		print_top(before, n, after, m, 1.0);
		fflush(stdout);
		free(before);
		before = after;
		n = m;
		if (once)
			break;
	}
	if (n >= 0)
		free(before);
	return EXIT_SUCCESS;
}

int cmd_domid(int argc, char **argv)
{
	while (next_option(argc, argv, "", false) != -1)
		;
	need_args(argc, 1, 1);
	printf("%u\n", need_domain(argv[optind]));
	return EXIT_SUCCESS;
}

int cmd_domname(int argc, char **argv)
{
	char *name;
	uint16_t domid;

	while (next_option(argc, argv, "", false) != -1)
		;
	need_args(argc, 1, 1);
	domid = (uint16_t)need_number(argv[optind], 0x7fef);
	if (life_name(need_life(), domid, &name))
		return fail("%u is an invalid domain identifier (`xl list` shows all)", domid);
	puts(name);
	free(name);
	return EXIT_SUCCESS;
}
