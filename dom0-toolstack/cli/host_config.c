/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xl host-config: brings Dom0 to the size that bulkhead.conf(5) asks for, at boot, through its
 * balloon and its vCPUs' hot-plug. Where there is no bulkhead.conf, the older xend-config.sxp's
 * (domain 0 (memory MIB) (vcpus N)) is read.
 */
#include "cli/cli.h"

#include "config/syntax.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST_CONFIG "/etc/bulkhead.conf"
#define SXP_CONFIG  "/etc/xen/xend-config.sxp"
#define SXP_MAX	    65536

struct host_config {
	uint64_t memory_kib; /* 0: leave as it is */
	uint32_t vcpus;	     /* 0: leave as it is */
};

static void read_settings(const char *path, struct host_config *out)
{
	struct error err = { 0 };
	struct cfg cfg;
	int rc = cfg_init(&cfg, path);

	if (!rc)
		rc = cfg_parse_file(&cfg, path, &err);
	for (size_t i = 0; !rc && i < cfg.n_settings; i++) {
		const struct cfg_setting *s = &cfg.settings[i];
		bool text = s->value.kind != CFG_LIST;

		if (text && !strcmp(s->name, "dom0_mem"))
			out->memory_kib = need_size(s->value.text);
		else if (text && !strcmp(s->name, "dom0_vcpus"))
			out->vcpus = (uint32_t)need_number(s->value.text, DOMAIN_VCPUS_MAX);
		else
			rc = cfg_error(&s->value, &err,
				       "'%s' is none of dom0_mem, dom0_vcpus (one value each)",
				       s->name);
	}
	cfg_free(&cfg);
	if (rc)
		exit(fail("%s", err.text[0] ? err.text : strerror(-rc)));
}

/* The number behind "(NAME" in @text, within the parentheses that @text begins in; 0: none. */
static unsigned long sxp_number(const char *text, const char *name)
{
	size_t len = strlen(name);
	int depth = 0;

	for (; *text && depth >= 0; text++) {
		if (*text == '#' || *text == ';')
			text += strcspn(text, "\n") - 1;
		else if (*text == ')')
			depth--;
		else if (*text == '(') {
			depth++;
			if (!strncmp(text + 1, name, len) && isspace((unsigned char)text[1 + len]))
				return strtoul(text + 1 + len, NULL, 10);
		}
	}
	return 0;
}

static void read_sxp(const char *path, struct host_config *out)
{
	char *text = calloc(1, SXP_MAX), *domain;
	FILE *f = fopen(path, "re");

	if (text && f && fread(text, 1, SXP_MAX - 1, f) > 0) {
		for (domain = text; (domain = strstr(domain, "(domain")) != NULL; domain++) {
			const char *id = domain + strlen("(domain");

			if (!isspace((unsigned char)*id) || strtol(id, NULL, 10) != 0)
				continue;
			out->memory_kib = sxp_number(id, "memory") * 1024;
			out->vcpus = (uint32_t)sxp_number(id, "vcpus");
			break;
		}
	}
	if (f)
		fclose(f);
	free(text);
}

int cmd_host_config(int argc, char **argv)
{
	struct host_config config = { 0 };
	struct error err = { 0 };
	const char *path;

	while (next_option(argc, argv, "", true) != -1)
		;
	need_args(argc, 0, 1);
	path = optind < argc ? argv[optind] : access(HOST_CONFIG, R_OK) ? SXP_CONFIG : HOST_CONFIG;
	if (optind == argc && access(path, R_OK))
		return EXIT_SUCCESS; /* nothing is asked for */
	if (strlen(path) > 4 && !strcmp(path + strlen(path) - 4, ".sxp"))
		read_sxp(path, &config);
	else
		read_settings(path, &config);
	if (config.memory_kib)
		printf("Dom0's memory: %llu MiB\n", (unsigned long long)config.memory_kib / 1024);
	if (config.vcpus)
		printf("Dom0's vCPUs: %u\n", config.vcpus);
	if (dry_run)
		return EXIT_SUCCESS;
	if (config.memory_kib && life_set_memory(need_life(), 0, config.memory_kib, false, &err))
		return fail_error(&err);
	if (config.vcpus && life_set_vcpus(need_life(), 0, config.vcpus, &err))
		return fail_error(&err);
	return EXIT_SUCCESS;
}
