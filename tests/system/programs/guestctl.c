/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The toolstack's life-cycle library as a program for scenarios in Dom0: one command for each call, with nothing
 * in between that could hide a fault.
 *
 *     guestctl create NAME KERNEL RAMDISK MIB VCPUS CMDLINE [KEY=VALUE...]
 *     guestctl destroy|poweroff|reboot|pause|unpause|config NAME
 *     guestctl rename NAME NEW; vcpus NAME N; memory NAME MIB; wait NAME MS
 *     guestctl recover; watch
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "life/life.h"

static struct life *life;
static struct error err;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	static const char *last = "";

	if (strcmp(what, last))
		printf("guestctl: %.2f s: %s\n", now() - *(double *)arg, what);
	last = what;
	(void)done;
	(void)total;
}

static void on_report(void *arg, const char *what)
{
	(void)arg;
	printf("guestctl: %s\n", what);
}

static int set_key(struct domain_config *c, const char *word)
{
	const char *value = strchr(word, '=');

	if (!value)
		return -EINVAL;
	value++;
	if (!strncmp(word, "on_reboot=", 10))
		return domain_action_parse(value, &c->on_reboot);
	if (!strncmp(word, "on_poweroff=", 12))
		return domain_action_parse(value, &c->on_poweroff);
	if (!strncmp(word, "on_crash=", 9))
		return domain_action_parse(value, &c->on_crash);
	if (!strncmp(word, "maxvcpus=", 9))
		c->maxvcpus = (uint32_t)strtoul(value, NULL, 10);
	else if (!strncmp(word, "maxmem=", 7))
		c->maxmem_kib = strtoull(value, NULL, 10) * 1024;
	else
		return -EINVAL;
	return 0;
}

static int create(int argc, char **argv)
{
	double start = now();
	struct life_create_options options = { .watch = true,
					       .progress = on_progress,
					       .progress_arg = &start };
	struct domain_config c;
	uint16_t domid;
	int rc = 0;

	if (argc < 8)
		return error_set(&err, -EINVAL, "too few words");
	domain_config_init(&c);
	c.name = strdup(argv[2]);
	c.kernel = strdup(argv[3]);
	c.ramdisk = *argv[4] ? strdup(argv[4]) : NULL;
	c.memory_kib = strtoull(argv[5], NULL, 10) * 1024;
	c.vcpus = (uint32_t)strtoul(argv[6], NULL, 10);
	c.cmdline = strdup(argv[7]);
	for (int i = 8; i < argc && !rc; i++)
		rc = set_key(&c, argv[i]);
	if (rc)
		error_set(&err, rc, "bad KEY=VALUE");
	else
		rc = life_create(life, &c, &options, &domid, &err);
	if (!rc)
		printf("guestctl: %.2f s: domain %u runs\n", now() - start, domid);
	domain_config_free(&c);
	return rc;
}

static int print_config(uint16_t domid)
{
	struct domain_config c;
	char *text;
	int rc = life_config(life, domid, &c, &err);

	if (rc)
		return rc;
	rc = domain_config_to_json(&c, &text);
	if (!rc)
		puts(text);
	free(text);
	domain_config_free(&c);
	return rc;
}

static int wait_for(uint16_t domid, int timeout_ms)
{
	enum shutdown_reason reason;
	int rc = life_wait(life, domid, timeout_ms, &reason, &err);

	if (!rc)
		printf("guestctl: reason %d\n", reason);
	return rc;
}

static int on_domain(int argc, char **argv)
{
	const char *verb = argv[1], *more = argc > 3 ? argv[3] : "";
	uint16_t domid;
	int rc = life_lookup(life, argc > 2 ? argv[2] : "", &domid, &err);

	if (rc)
		return rc;
	if (!strcmp(verb, "destroy"))
		return life_destroy(life, domid, &err);
	if (!strcmp(verb, "poweroff"))
		return life_shutdown(life, domid, LIFE_SHUTDOWN_POWEROFF, false, &err);
	if (!strcmp(verb, "reboot"))
		return life_shutdown(life, domid, LIFE_SHUTDOWN_REBOOT, false, &err);
	if (!strcmp(verb, "pause"))
		return life_pause(life, domid, &err);
	if (!strcmp(verb, "unpause"))
		return life_unpause(life, domid, &err);
	if (!strcmp(verb, "rename"))
		return life_rename(life, domid, more, &err);
	if (!strcmp(verb, "vcpus"))
		return life_set_vcpus(life, domid, (uint32_t)strtoul(more, NULL, 10), &err);
	if (!strcmp(verb, "memory"))
		return life_set_memory(life, domid, strtoull(more, NULL, 10) * 1024, false, &err);
	if (!strcmp(verb, "wait"))
		return wait_for(domid, atoi(more));
	if (!strcmp(verb, "config"))
		return print_config(domid);
	return error_set(&err, -EINVAL, "unknown command %s", verb);
}

int main(int argc, char **argv)
{
	int rc;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		return 2;
	if (!strcmp(argv[1], "watch")) {
		rc = life_watch_run(false, &err);
	} else if (!strcmp(argv[1], "recover")) {
		rc = life_open_readonly(&life, &err);
		if (!rc)
			rc = life_recover(life, on_report, NULL, &err);
		rc = rc > 0 ? 0 : rc;
	} else {
		rc = life_open(&life, &err);
		if (!rc)
			rc = !strcmp(argv[1], "create") ? create(argc, argv)
							: on_domain(argc, argv);
	}
	if (rc)
		printf("guestctl: %s: %s\n", argv[1], err.text);
	life_close(life);
	return rc ? 1 : 0;
}
