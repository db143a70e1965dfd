/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about the host: info, dmesg, debug-keys, policy, the store's quotas. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "xsclient/xsclient.h"

#define POLICY_MAX (16u << 20)

static struct json_object *info_json;

static void text_line(const char *name, const char *value)
{
	if (info_json)
		json_object_object_add(info_json, name, json_object_new_string(value));
	else
		printf("%-23s: %s\n", name, value);
}

static void number_line(const char *name, uint64_t value)
{
	char text[24];

	if (info_json) {
		json_object_object_add(info_json, name, json_object_new_int64((int64_t)value));
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	text_line(name, text);
}

static void info_host(void)
{
	struct utsname u;

	if (uname(&u))
		return;
	text_line("host", u.nodename);
	text_line("release", u.release);
	text_line("version", u.version);
	text_line("machine", u.machine);
}

static void info_physical(const struct phys_info *p)
{
	char text[128];
	size_t len = 0;

	number_line("nr_cpus", p->cpus);
	number_line("max_cpu_id", p->max_cpu_id);
	number_line("nr_nodes", p->nodes);
	number_line("cores_per_socket", p->cores_per_socket);
	number_line("threads_per_core", p->threads_per_core);
	snprintf(text, sizeof(text), "%u.%03u", p->cpu_khz / 1000, p->cpu_khz % 1000);
	text_line("cpu_mhz", text);
	for (int i = 0; i < 8; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%08x", i ? ":" : "",
					p->hw_cap[i]);
	text_line("hw_caps", text);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s%s%s%s", p->cap_pv ? " pv" : "",
		 p->cap_hvm ? " hvm" : "", p->cap_hvm && p->cap_directio ? " hvm_directio" : "",
		 p->cap_pv && p->cap_directio ? " pv_directio" : "", p->cap_hap ? " hap" : "",
		 p->cap_shadow ? " shadow" : "",
		 p->cap_iommu_hap_pt_share ? " iommu_hap_pt_share" : "",
		 p->cap_vmtrace ? " vmtrace" : "", p->cap_gnttab_v1 ? " gnttab-v1" : "",
		 p->cap_gnttab_v2 ? " gnttab-v2" : "");
	text_line("virt_caps", *text ? text + 1 : "");
	number_line("total_memory", p->total_pages / 256);
	number_line("free_memory", (p->free_pages - p->outstanding_pages) / 256);
	number_line("sharing_freed_memory", 0);
	number_line("sharing_used_memory", 0);
	number_line("outstanding_claims", p->outstanding_pages / 256);
	number_line("free_cpus", 0);
}

static void info_hypervisor(struct hyper *h, const struct version_info *v)
{
	char text[64];
	uint32_t scheduler = 0;

	number_line("xen_major", v->major);
	number_line("xen_minor", v->minor);
	text_line("xen_extra", v->extra);
	snprintf(text, sizeof(text), "%u.%u%s", v->major, v->minor, v->extra);
	text_line("xen_version", text);
	text_line("xen_caps", v->capabilities);
	hyper_scheduler_id(h, &scheduler);
	text_line("xen_scheduler", hyper_scheduler_name(scheduler));
	number_line("xen_pagesize", v->page_size);
	snprintf(text, sizeof(text), "virt_start=0x%llx", (unsigned long long)v->virt_start);
	text_line("platform_params", text);
	text_line("xen_changeset", v->changeset);
	text_line("xen_commandline", v->command_line);
	text_line("cc_compiler", v->compiler);
	text_line("cc_compile_by", v->compile_by);
	text_line("cc_compile_domain", v->compile_domain);
	text_line("cc_compile_date", v->compile_date);
	text_line("build_id", v->build_id);
}

static void info_topology(struct hyper *h)
{
	struct cpu_topology cpus[CPU_SET_MAX];
	int n = hyper_cpu_topology(h, cpus, CPU_SET_MAX);

	printf("cpu_topology           :\ncpu:    core    socket     node\n");
	for (int i = 0; i < n; i++)
		if (cpus[i].core != UINT32_MAX)
			printf("%3d:    %4u     %4u     %4u\n", i, cpus[i].core, cpus[i].socket,
			       cpus[i].node);
	printf("device topology        :\ndevice           node\n");
	printf("No device topology data available\n");
}

#define NODES_MAX 64

static void info_numa(struct hyper *h)
{
	struct json_object *array = info_json ? json_object_new_array() : NULL;
	static uint32_t distance[NODES_MAX * NODES_MAX];
	struct numa_node nodes[NODES_MAX];
	int n = hyper_numa_info(h, nodes, distance, NODES_MAX);

	if (!array) {
		info_topology(h);
		printf("numa_info              :\nnode:    memsize    memfree    distances\n");
	}
	for (int i = 0; i < n; i++) {
		unsigned long long size = nodes[i].memory_bytes >> 20,
				   rest = nodes[i].free_bytes >> 20;
		struct json_object *o;

		if (nodes[i].memory_bytes == UINT64_MAX)
			continue;
		if (array) {
			o = json_object_new_object();
			json_object_object_add(o, "node", json_object_new_int(i));
			json_object_object_add(o, "memory_mib",
					       json_object_new_int64((int64_t)size));
			json_object_object_add(o, "free_mib", json_object_new_int64((int64_t)rest));
			json_object_array_add(array, o);
			continue;
		}
		printf("%4d:    %6llu     %6llu      ", i, size, rest);
		for (int k = 0; k < n; k++)
			printf("%s%u", k ? "," : "", distance[i * NODES_MAX + k]);
		printf("\n");
	}
	if (array)
		json_object_object_add(info_json, "nodes", array);
}

int cmd_info(int argc, char **argv)
{
	struct hyper *h = life_hyper(need_host());
	struct version_info *v = calloc(1, sizeof(*v));
	struct phys_info p;
	bool numa = false;
	int option, rc;

	while ((option = next_option(argc, argv, "nl", false)) != -1)
		numa = numa || option == 'n';
	need_args(argc, 0, 0);
	rc = v ? hyper_phys_info(h, &p) : -ENOMEM;
	if (!rc)
		rc = hyper_version_info(h, v);
	if (rc) {
		free(v);
		return fail("can't ask the hypervisor: %s", strerror(-rc));
	}
	if (json)
		info_json = json_object_new_object();
	info_host();
	info_physical(&p);
	if (numa)
		info_numa(h);
	info_hypervisor(h, v);
	if (info_json)
		print_json(info_json);
	else
		printf("%-23s: %d\n", "xend_config_format", 4);
	free(v);
	return EXIT_SUCCESS;
}

int cmd_dmesg(int argc, char **argv)
{
	bool clear = false;
	size_t length;
	char *text;
	int option, rc;

	while ((option = next_option(argc, argv, "c", true)) != -1)
		clear = option == 'c';
	need_args(argc, 0, 0);
	if (clear)
		clear = !would("clear the core's messages, which are:");
	rc = hyper_console_read(life_hyper(need_host()), clear, &text, &length);
	if (rc)
		return fail("can't read the core's messages: %s", strerror(-rc));
	fwrite(text, 1, length, stdout);
	free(text);
	return EXIT_SUCCESS;
}

int cmd_debug_keys(int argc, char **argv)
{
	int rc;

	no_options(argc, argv, true, 1, 1);
	if (would("send the debug keys %s to the core", argv[optind]))
		return EXIT_SUCCESS;
	rc = hyper_debug_keys(life_hyper(need_host()), argv[optind]);
	return rc ? fail("cannot send debug keys: %s: %s", argv[optind], strerror(-rc))
		  : EXIT_SUCCESS;
}

static int no_engine(int rc, const char *what)
{
	if (rc == -ENOSYS || rc == -EOPNOTSUPP)
		return fail(
			"no policy engine is loaded: boot with a policy module (flask=enforcing)");
	if (rc == -EACCES || rc == -EPERM)
		return fail("%s: the policy in force does not allow it to this domain", what);
	return fail("%s: %s", what, strerror(-rc));
}

int cmd_getenforce(int argc, char **argv)
{
	int rc;

	no_options(argc, argv, false, 0, 0);
	rc = hyper_flask_getenforce(life_hyper(need_host()));
	if (rc == -ENOSYS) {
		puts("Flask XSM Disabled");
		return -1; /* as the stock tool */
	}
	if (rc < 0)
		return no_engine(rc, "getenforce");
	if (json)
		printf("{ \"enforcing\": %s }\n", rc ? "true" : "false");
	else
		puts(rc ? "Enforcing" : "Permissive");
	/* The mode is the status, as with the stock tool. */
	return rc;
}

int cmd_setenforce(int argc, char **argv)
{
	const char *word;
	bool on;
	int rc;

	no_options(argc, argv, true, 1, 1);
	word = argv[optind];
	on = !strcmp(word, "1") || !strcasecmp(word, "enforcing");
	if (!on && strcmp(word, "0") && strcasecmp(word, "permissive"))
		return fail("%s is none of 1, 0, Enforcing, Permissive", word);
	if (would(on ? "enforce the policy" : "only log what the policy denies"))
		return EXIT_SUCCESS;
	rc = hyper_flask_setenforce(life_hyper(need_host()), on);
	return rc < 0 ? no_engine(rc, "setenforce") : EXIT_SUCCESS;
}

int cmd_loadpolicy(int argc, char **argv)
{
	char *policy;
	size_t size;
	FILE *file;
	int rc;

	no_options(argc, argv, true, 1, 1);
	file = fopen(argv[optind], "re");
	if (!file)
		return fail("can't open %s: %s", argv[optind], strerror(errno));
	policy = malloc(POLICY_MAX);
	size = policy ? fread(policy, 1, POLICY_MAX, file) : 0;
	fclose(file);
	if (size == 0 || size == POLICY_MAX) {
		free(policy);
		return fail("%s is empty or longer than %u bytes", argv[optind], POLICY_MAX - 1);
	}
	rc = would("load %s, %zu bytes", argv[optind], size)
		     ? 0
		     : hyper_flask_load(life_hyper(need_host()), policy, size);
	free(policy);
	if (dry_run)
		return EXIT_SUCCESS;
	if (rc == -EINVAL)
		return fail("%s is not a policy that the core accepts: `xl dmesg` says where it is "
			    "wrong",
			    argv[optind]);
	if (rc)
		return no_engine(rc, "loadpolicy");
	printf("Successfully loaded policy.\n");
	return EXIT_SUCCESS;
}

/* Lines "NAME VALUE" of the store's answer as an object. */
static void print_quotas_json(char *answer)
{
	struct json_object *o = json_object_new_object();
	char *line, *rest = answer;

	while ((line = strsep(&rest, "\n")) != NULL) {
		struct json_object *both;
		char name[64];
		long long value, limit;
		int got = sscanf(line, " %63[^ :=]%*[ :=]%lld of %lld", name, &value, &limit);

		if (got == 2)
			json_object_object_add(o, name, json_object_new_int64(value));
		if (got < 3)
			continue;
		both = json_object_new_object();
		json_object_object_add(both, "used", json_object_new_int64(value));
		json_object_object_add(both, "limit", json_object_new_int64(limit));
		json_object_object_add(o, name, both);
	}
	print_json(o);
}

int cmd_store_quota(int argc, char **argv)
{
	const char *words[5] = { "quota" };
	size_t count = 1;
	char *answer, domid[8] = "";
	int rc;

	no_options(argc, argv, true, 0, 3);
	/* An odd number of words: a domain first. */
	if ((argc - optind) % 2)
		snprintf(domid, sizeof(domid), "%u", need_domain(argv[optind++]));
	if (argc > optind) {
		need_number(argv[optind + 1], UINT32_MAX);
		words[count++] = "set";
		words[count++] = argv[optind];
		words[count++] = argv[optind + 1];
		if (would("set the store's quota %s to %s", argv[optind], argv[optind + 1]))
			return EXIT_SUCCESS;
	}
	if (*domid)
		words[count++] = domid;
	rc = xs_client_control(life_store(need_life()), words, count, &answer);
	if (rc)
		return fail("the store does not know its quotas, or not this one "
			    "(`xl store-quota` lists them): %s",
			    strerror(-rc));
	if (json && count <= 2) {
		print_quotas_json(answer);
	} else {
		fputs(answer, stdout);
		if (*answer && answer[strlen(answer) - 1] != '\n')
			putchar('\n');
	}
	free(answer);
	return EXIT_SUCCESS;
}
