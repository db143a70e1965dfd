/* SPDX-License-Identifier: BSD-2-Clause */
/* autostart, host-stop: the host's guests when it starts, and when it stops. */
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 3

/* ---- starting ---- */

struct start {
	struct domain_config config;
	enum {
		WAITING,
		RUNS,
		FAILED
	} state;
};

static const struct start *start_of(const struct start *all, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (all[i].config.name && !strcmp(all[i].config.name, name))
			return &all[i];
	return NULL;
}

static bool exists(const char *name)
{
	uint16_t domid;

	return !life_lookup(need_life(), name, &domid, NULL);
}

/* WAITING: not yet; RUNS: all that it depends on do; FAILED: never, and *why is the guest's name. */
static int dependencies(const struct start *all, int n, const struct start *s, const char **why)
{
	int state = RUNS;

	for (uint32_t i = 0; i < s->config.n_depends && state != FAILED; i++) {
		const struct start *other = start_of(all, n, s->config.depends[i]);

		*why = s->config.depends[i];
		if (other && other->state != RUNS)
			state = other->state;
		else if (!other && !exists(*why))
			state = FAILED;
	}
	return state;
}

static int start_one(struct start *s)
{
	struct life_create_options options = { .watch = true, .progress = show_progress };
	struct error err = { 0 };
	uint16_t domid;

	s->state = RUNS;
	if (exists(s->config.name)) {
		printf("%s runs already\n", s->config.name);
		return EXIT_SUCCESS;
	}
	if (would("start %s", s->config.name))
		return EXIT_SUCCESS;
	printf("starting %s\n", s->config.name);
	fflush(stdout);
	if (!life_create(need_life(), &s->config, &options, &domid, &err))
		return EXIT_SUCCESS;
	s->state = FAILED;
	return fail("%s does not start: %s", s->config.name, err.text);
}

/* Rounds over the guests: each starts when all that it depends on have. */
static int start_all(struct start *all, int n)
{
	int rc = EXIT_SUCCESS;
	bool moved;

	do {
		moved = false;
		for (int i = 0; i < n; i++) {
			const char *why = "";
			int state;

			if (all[i].state != WAITING)
				continue;
			state = dependencies(all, n, &all[i], &why);
			if (state == WAITING)
				continue;
			moved = true;
			if (state == RUNS) {
				rc |= start_one(&all[i]);
			} else {
				all[i].state = FAILED;
				rc = fail("%s is not started: %s, which it depends on, does not "
					  "run",
					  all[i].config.name, why);
			}
		}
	} while (moved);
	for (int i = 0; i < n; i++)
		if (all[i].state == WAITING)
			rc = fail("%s is not started: it depends on itself through depends=",
				  all[i].config.name);
	return rc;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int config_files(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return *entry->d_name != '.' && len > 4 && !strcmp(entry->d_name + len - 4, ".cfg");
}

/* Reads the folder's files; one that is wrong is told, and the others still count. */
static int read_folder(const char *folder, struct start **all, int *count)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, config_files, by_name), rc = EXIT_SUCCESS;

	*count = 0;
	*all = NULL;
	if (n < 0)
		return errno == ENOENT ? EXIT_SUCCESS
				       : fail("can't read %s: %s", folder, strerror(errno));
	*all = calloc((size_t)n + 1, sizeof(**all));
	for (int i = 0; i < n; i++) {
		struct error err = { 0 };
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (*all && !load_config(path, NULL, 0, &(*all)[*count].config, &err))
			(*count)++;
		else
			rc = fail("%s", err.text);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int cmd_autostart(int argc, char **argv)
{
	struct host_config host;
	struct start *all;
	int count, rc;

	no_options(argc, argv, true, 0, 1);
	read_host_config(NULL, &host);
	if (optind < argc)
		snprintf(host.autostart, sizeof(host.autostart), "%s", argv[optind]);
	if (!*host.autostart)
		return EXIT_SUCCESS;
	rc = read_folder(host.autostart, &all, &count);
	rc |= start_all(all, count);
	for (int i = 0; i < count; i++)
		domain_config_free(&all[i].config);
	free(all);
	return rc;
}

/* ---- stopping ---- */

struct stop {
	uint16_t domid;
	char name[DOMAIN_NAME_MAX + 1];
	struct domain_config config;
	bool asked, gone;
};

/* All guests, with what they depend on. */
static int running_guests(struct stop **out)
{
	struct domain_info *list;
	int n = hyper_domain_list_all(life_hyper(need_life()), &list), count = 0;

	if (n < 0)
		exit(fail("can't list domains: %s", strerror(-n)));
	*out = calloc((size_t)n + 1, sizeof(**out));
	for (int i = 0; *out && i < n; i++) {
		struct stop *s = &(*out)[count];

		if (!list[i].domid || list[i].dying)
			continue;
		s->domid = list[i].domid;
		snprintf(s->name, sizeof(s->name), "%s", domain_name(s->domid));
		domain_config_init(&s->config);
		(void)life_config(need_life(), s->domid, &s->config, NULL);
		count++;
	}
	free(list);
	return count;
}

static bool needed(const struct stop *all, int n, const struct stop *s)
{
	for (int i = 0; i < n; i++)
		for (uint32_t k = 0; !all[i].gone && k < all[i].config.n_depends; k++)
			if (&all[i] != s && !strcmp(all[i].config.depends[k], s->name))
				return true;
	return false;
}

/* Whatever the guest's description says, it ends for good now. */
static void forget_restarts(struct stop *s)
{
	if (!s->config.name)
		return;
	s->config.on_poweroff = s->config.on_reboot = s->config.on_crash = s->config.on_watchdog =
		ACTION_DESTROY;
	(void)life_set_config(need_life(), s->domid, &s->config, NULL);
}

static void ask(struct stop *s)
{
	struct error err = { 0 };

	printf("shutting down %s\n", s->name);
	fflush(stdout);
	forget_restarts(s);
	s->asked = true;
	if (life_shutdown(need_life(), s->domid, LIFE_SHUTDOWN_POWEROFF, true, &err)) {
		fail_error(&err);
		s->asked = false;
	}
	/* One that is paused could not answer. */
	(void)hyper_domain_unpause(life_hyper(need_life()), s->domid);
}

static int finish(struct stop *s, int64_t end)
{
	struct error err = { 0 };
	int64_t left = end - life_now_ms();
	int rc = -ETIMEDOUT;

	if (s->asked)
		rc = life_wait(need_life(), s->domid, left > 0 ? (int)left : 0, NULL, &err);
	if (rc == -ETIMEDOUT)
		printf("%s does not end: it is destroyed\n", s->name);
	else
		printf("%s is down\n", s->name);
	fflush(stdout);
	rc = life_destroy(need_life(), s->domid, &err);
	s->gone = true;
	/* The watcher may have been quicker. */
	return rc && rc != -ESRCH ? fail_error(&err) : EXIT_SUCCESS;
}

/* One wave: all guests that no other one needs. */
static int stop_wave(struct stop *all, int n, int seconds)
{
	int64_t end = life_now_ms() + seconds * 1000ll;
	bool *wave = calloc((size_t)n, sizeof(*wave)), any = false;
	int rc = EXIT_SUCCESS;

	for (int i = 0; wave && i < n; i++)
		any |= wave[i] = !all[i].gone && !needed(all, n, &all[i]);
	for (int i = 0; wave && i < n; i++) {
		/* They need each other in a circle: all at once. */
		wave[i] |= !any && !all[i].gone;
		if (wave[i] && dry_run)
			all[i].gone = would("shut down %s", all[i].name);
		else if (wave[i])
			ask(&all[i]);
	}
	for (int i = 0; wave && i < n; i++)
		if (wave[i] && !dry_run)
			rc |= finish(&all[i], end);
	free(wave);
	return wave ? rc : fail("out of memory");
}

static int stop_all(struct stop *all, int n, int seconds)
{
	int rc = EXIT_SUCCESS, left;

	do {
		rc |= stop_wave(all, n, seconds);
		left = 0;
		for (int i = 0; i < n; i++)
			left += !all[i].gone;
	} while (left);
	for (int i = 0; i < n; i++)
		domain_config_free(&all[i].config);
	return rc;
}

int cmd_host_stop(int argc, char **argv)
{
	struct host_config host;
	int option, n, rc = EXIT_SUCCESS;

	read_host_config(NULL, &host);
	while ((option = next_option(argc, argv, "t:", true)) != -1)
		host.shutdown_seconds = (uint32_t)need_number(optarg, 3600);
	need_args(argc, 0, 0);
	/* A guest that was being restarted may turn up behind the list. */
	for (int round = 0; round < (dry_run ? 1 : ROUNDS); round++) {
		struct stop *all;

		n = running_guests(&all);
		if (n)
			rc = stop_all(all, n, (int)host.shutdown_seconds);
		free(all);
		if (!n)
			break;
	}
	return rc;
}
