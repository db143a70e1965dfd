/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that list domains and vCPUs: list, vcpu-list. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int chosen(int argc, char **argv, struct domain_info **out)
{
	struct hyper *h = life_hyper(need_life());
	int n = argc > optind ? argc - optind : 0, rc;

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

void state_letters(const struct domain_info *d, char out[7])
{
	bool crashed = d->shutdown && d->shutdown_reason == SHUTDOWN_REASON_CRASH;

	snprintf(out, 7, "%c%c%c%c%c%c", d->running ? 'r' : '-', d->blocked ? 'b' : '-',
		 d->paused ? 'p' : '-', d->shutdown ? 's' : '-', crashed ? 'c' : '-',
		 d->dying ? 'd' : '-');
}

uint64_t memory_mib(const struct domain_info *d)
{
	return (d->total_pages + d->outstanding_pages) / 256;
}

const char *label_of(const struct domain_info *d)
{
	static char label[FLASK_CONTEXT_MAX];

	if (!d->ssidref || hyper_flask_sid_to_context(life_hyper(need_life()), d->ssidref, label,
						      sizeof(label)) < 0)
		return "-";
	return label;
}

struct json_object *domain_json(const struct domain_info *d, bool whole)
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

struct columns {
	bool more, label, pool, nodes;
};

static void print_domain(const struct domain_info *d, const struct columns *c)
{
	char state[7], uuid[37];

	state_letters(d, state);
	printf("%-40s %5d %5lu %5u     %s  %8.1f", domain_name(d->domid), d->domid,
	       (unsigned long)memory_mib(d), d->online_vcpus, state, (double)d->cpu_time_ns / 1e9);
	if (c->more) {
		domain_uuid_format(d->uuid, uuid);
		printf(" %s", uuid);
		if (d->shutdown)
			printf(" %8x", (unsigned int)d->shutdown_reason);
		else
			printf(" %8s", "-");
	}
	if (c->more || c->label)
		printf(" %16s", label_of(d));
	if (c->pool)
		printf("%16s", d->cpupool ? "-" : "Pool-0");
	if (c->nodes)
		printf(" all");
	printf("\n");
}

int cmd_list(int argc, char **argv)
{
	struct columns c = { .more = verbose };
	struct json_object *array = NULL;
	struct domain_info *list;
	bool whole = false;
	int option, n;

	while ((option = next_option(argc, argv, "lvZcn", false)) != -1) {
		whole |= option == 'l';
		c.more |= option == 'v';
		c.label |= option == 'Z';
		c.pool |= option == 'c';
		c.nodes |= option == 'n';
	}
	n = chosen(argc, argv, &list);
	if (whole || json)
		array = json_object_new_array();
	else
		printf("Name                                        ID   Mem VCPUs\tState\tTime(s)"
		       "%s%s%s%s\n",
		       c.more ? "   UUID                            Reason-Code\tSecurity Label"
			      : "",
		       c.label && !c.more ? "   Security Label" : "",
		       c.pool ? "         Cpupool" : "", c.nodes ? " NODE Affinity" : "");
	for (int i = 0; i < n; i++) {
		if (array)
			json_object_array_add(array, domain_json(&list[i], whole));
		else
			print_domain(&list[i], &c);
	}
	if (array)
		print_json(array);
	free(list);
	return EXIT_SUCCESS;
}

int cmd_vm_list(int argc, char **argv)
{
	struct json_object *array = NULL;
	struct domain_info *list;
	char uuid[37];
	int n;

	no_options(argc, argv, false, 0, 0);
	n = chosen(argc, argv, &list);
	if (json)
		array = json_object_new_array();
	else
		printf("UUID                                  ID    name\n");
	for (int i = 0; i < n; i++) {
		domain_uuid_format(list[i].uuid, uuid);
		if (json)
			json_object_array_add(array, domain_json(&list[i], false));
		else
			printf("%s  %d    %-30s\n", uuid, list[i].domid,
			       domain_name(list[i].domid));
	}
	if (json)
		print_json(array);
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
		printf("%5c %3c%cp ", '-', '-', '-');
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

	no_options(argc, argv, false, 0, -1);
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
