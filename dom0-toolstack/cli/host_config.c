/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xl host-config: brings Dom0 to the size that bulkhead.conf(5) asks for, at boot, through its
 * balloon and its vCPUs' hot-plug, and sets the store's quotas. Where there is no bulkhead.conf, the
 * older xend-config.sxp's (domain 0 (memory MIB) (vcpus N)) is read.
 */
#include "cli/cli.h"

#include "config/syntax.h"
#include "xsclient/xsclient.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SXP_MAX		 65536
#define SHUTDOWN_SECONDS 60
#define POLL_MS		 100
/* Tests have other places, and less patience. */
#ifndef HOST_CONFIG
#define HOST_CONFIG "/etc/bulkhead.conf"
#define SXP_CONFIG  "/etc/xen/xend-config.sxp"
#define CPU_ONLINE  "/sys/devices/system/cpu/cpu%u/online"
#define PATIENCE_MS 30000
#endif
/* The balloon stops a little beside its target. */
#define SLACK_PAGES 512

static int text_setting(const struct cfg_setting *s, char *out, size_t size, struct error *err)
{
	if (s->value.kind == CFG_LIST || strlen(s->value.text) >= size)
		return cfg_error(&s->value, err, "%s: one string of less than %zu bytes is allowed",
				 s->name, size);
	strcpy(out, s->value.text);
	return 0;
}

static int number_setting(const struct cfg_setting *s, uint32_t max, uint32_t *out,
			  struct error *err)
{
	unsigned long value = 0;
	char *end = NULL;

	if (s->value.kind != CFG_LIST && isdigit((unsigned char)*s->value.text))
		value = strtoul(s->value.text, &end, 0);
	if (!end || *end || value > max)
		return cfg_error(&s->value, err, "%s: a number from 0 to %u is allowed", s->name,
				 max);
	*out = (uint32_t)value;
	return 0;
}

/* store_quota = [ "nodes=2000", ... ] */
static int quota_setting(const struct cfg_setting *s, struct host_config *out, struct error *err)
{
	size_t n = s->value.kind == CFG_LIST ? s->value.n_items : 1;

	for (size_t i = 0; i < n; i++) {
		const struct cfg_value *v =
			s->value.kind == CFG_LIST ? &s->value.items[i] : &s->value;
		const char *value = v->kind == CFG_LIST ? NULL : strchr(v->text, '=');

		if (!value || value == v->text || !value[1] ||
		    strspn(value + 1, "0123456789") != strlen(value + 1) ||
		    strlen(v->text) >= sizeof(out->quotas[0]) ||
		    out->n_quotas == sizeof(out->quotas) / sizeof(out->quotas[0]))
			return cfg_error(v, err,
					 "store_quota: a list of at most 16 \"NAME=NUMBER\" is "
					 "allowed; `xl store-quota` lists the names");
		strcpy(out->quotas[out->n_quotas++], v->text);
	}
	return 0;
}

static int size_setting(const struct cfg_setting *s, uint64_t *kib, struct error *err)
{
	if (s->value.kind == CFG_LIST || parse_size(s->value.text, kib))
		return cfg_error(&s->value, err, "%s: MiB, or \"512m\", \"2g\" are allowed",
				 s->name);
	return 0;
}

static int read_setting(const struct cfg_setting *s, struct host_config *out, struct error *err)
{
	if (!strcmp(s->name, "dom0_mem"))
		return size_setting(s, &out->memory_kib, err);
	if (!strcmp(s->name, "dom0_vcpus"))
		return number_setting(s, DOMAIN_VCPUS_MAX, &out->vcpus, err);
	if (!strcmp(s->name, "autostart"))
		return text_setting(s, out->autostart, sizeof(out->autostart), err);
	if (!strcmp(s->name, "shutdown_timeout"))
		return number_setting(s, 3600, &out->shutdown_seconds, err);
	if (!strcmp(s->name, "store_quota"))
		return quota_setting(s, out, err);
	return cfg_error(&s->value, err,
			 "'%s' is none of dom0_mem, dom0_vcpus, autostart, shutdown_timeout, "
			 "store_quota",
			 s->name);
}

static void read_settings(const char *path, struct host_config *out)
{
	struct error err = { 0 };
	struct cfg cfg;
	int rc = cfg_init(&cfg, path);

	if (!rc)
		rc = cfg_parse_file(&cfg, path, &err);
	for (size_t i = 0; !rc && i < cfg.n_settings; i++)
		rc = read_setting(&cfg.settings[i], out, &err);
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
		if (*text == ')') {
			depth--;
		} else if (*text == '(') {
			depth++;
			if (!strncmp(text + 1, name, len) && isspace((unsigned char)text[1 + len]))
				return strtoul(text + 1 + len, NULL, 10);
		}
	}
	return 0;
}

static void blank_comments(char *text)
{
	for (bool comment = false; *text; text++) {
		comment = *text != '\n' && (comment || *text == '#' || *text == ';');
		if (comment)
			*text = ' ';
	}
}

static void read_sxp(const char *path, struct host_config *out)
{
	char *text = calloc(1, SXP_MAX), *domain;
	FILE *f = fopen(path, "re");

	if (text && f && fread(text, 1, SXP_MAX - 1, f) > 0) {
		blank_comments(text);
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

void read_host_config(const char *path, struct host_config *out)
{
	memset(out, 0, sizeof(*out));
	out->shutdown_seconds = SHUTDOWN_SECONDS;
	strcpy(out->autostart, "/etc/xen/auto");
	if (!path) {
		path = access(HOST_CONFIG, R_OK) ? SXP_CONFIG : HOST_CONFIG;
		if (access(path, R_OK))
			return; /* nothing is asked for */
	}
	if (strlen(path) > 4 && !strcmp(path + strlen(path) - 4, ".sxp"))
		read_sxp(path, out);
	else
		read_settings(path, out);
}

/* Waits until the balloon is where it is to be: guests that start next need what it gives back. */
static int set_memory(uint64_t kib, struct error *err)
{
	struct hyper *h = life_hyper(need_life());
	struct domain_info info = { 0 };
	int rc = life_set_memory(need_life(), 0, kib, false, err);

	for (int waited = 0; !rc; waited += POLL_MS) {
		rc = hyper_domain_info(h, 0, &info);
		if (rc || (info.total_pages <= kib / 4 + SLACK_PAGES &&
			   info.total_pages + SLACK_PAGES >= kib / 4))
			break;
		if (waited >= PATIENCE_MS)
			return error_set(err, -ETIMEDOUT,
					 "Dom0 has %llu MiB and does not come nearer to %llu: is "
					 "its balloon driver loaded, and is memory free (xl info)?",
					 (unsigned long long)info.total_pages / 256,
					 (unsigned long long)kib / 1024);
		poll(NULL, 0, POLL_MS);
	}
	return rc;
}

/*
 * The store's entries make vCPUs present or absent; to bring them up is for user land (udev), which
 * is here.
 */
static int set_vcpus(uint32_t vcpus, struct error *err)
{
	int rc = life_set_vcpus(need_life(), 0, vcpus, err);

	for (uint32_t cpu = 1; !rc && cpu < vcpus; cpu++) {
		char path[64], state = '1';

		snprintf(path, sizeof(path), CPU_ONLINE, cpu);
		for (int waited = 0; waited < PATIENCE_MS / 10; waited += POLL_MS) {
			FILE *f = fopen(path, "r+e");

			if (f) {
				state = (char)fgetc(f);
				rewind(f);
				if (state == '0')
					fputs("1", f);
				fclose(f);
			}
			if (!f || state == '1')
				break;
			poll(NULL, 0, POLL_MS);
		}
	}
	return rc;
}

static int set_quotas(const struct host_config *config, struct error *err)
{
	for (unsigned int i = 0; i < config->n_quotas; i++) {
		const char *value = strchr(config->quotas[i], '=');
		char name[sizeof(config->quotas[0])], *answer;
		const char *words[] = { "quota", "set", name, value + 1 };
		int rc;

		snprintf(name, sizeof(name), "%.*s", (int)(value - config->quotas[i]),
			 config->quotas[i]);
		rc = xs_client_control(life_store(need_life()), words, 4, &answer);
		if (rc)
			return error_set(err, rc,
					 "the store does not take %s (`xl store-quota` lists its "
					 "quotas): %s",
					 config->quotas[i], strerror(-rc));
		free(answer);
	}
	return 0;
}

int cmd_host_config(int argc, char **argv)
{
	struct host_config config;
	struct error err = { 0 };
	int rc = 0;

	no_options(argc, argv, true, 0, 1);
	read_host_config(optind < argc ? argv[optind] : NULL, &config);
	if (config.memory_kib)
		printf("Dom0's memory: %llu MiB\n", (unsigned long long)config.memory_kib / 1024);
	if (config.vcpus)
		printf("Dom0's vCPUs: %u\n", config.vcpus);
	for (unsigned int i = 0; i < config.n_quotas; i++)
		printf("store quota: %s\n", config.quotas[i]);
	if (dry_run)
		return EXIT_SUCCESS;
	rc = life_init_dom0(need_life(), &err);
	if (!rc)
		rc = set_quotas(&config, &err);
	if (!rc && config.vcpus)
		rc = set_vcpus(config.vcpus, &err);
	if (!rc && config.memory_kib)
		rc = set_memory(config.memory_kib, &err);
	return rc ? fail_error(&err) : EXIT_SUCCESS;
}
