/* SPDX-License-Identifier: BSD-2-Clause */
/* create, config-check, autostart: configuration files become guests. */
#include "cli/cli.h"

#include "config/guest.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AUTOSTART_MAX 256

/* Reads FILE (NULL: none) and the overrides on the command line. Exits with a message on errors. */
static void read_config(const char *file, char **overrides, int n, struct domain_config *config)
{
	struct error err = { 0 };
	struct cfg cfg;
	int rc = cfg_init(&cfg, file ? file : "command line");

	if (!rc && file)
		rc = cfg_parse_file(&cfg, file, &err);
	for (int i = 0; !rc && i < n; i++) {
		struct cfg line = cfg;

		/* Messages about it name the command line; the settings join those of the file. */
		line.source = (char *)"command line";
		rc = cfg_parse(&line, overrides[i], strlen(overrides[i]), &err);
		cfg.settings = line.settings;
		cfg.n_settings = line.n_settings;
	}
	if (!rc)
		rc = guest_config(&cfg, config, &err);
	cfg_free(&cfg);
	if (rc)
		exit(fail("%s", err.text[0] ? err.text : strerror(-rc)));
}

static void progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	if (total >= 256 * 1024 && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s: %3u %%%s", what, (unsigned int)(done * 100 / total),
			done == total ? "\n" : "");
}

/* The file is the first argument that is not KEY=VALUE, or the one behind -f. */
static const char *config_file(int argc, char **argv, const char *given)
{
	if (!given && optind < argc && !strchr(argv[optind], '='))
		given = argv[optind++];
	return given;
}

int cmd_config_check(int argc, char **argv)
{
	struct domain_config config;
	const char *file;

	while (next_option(argc, argv, "", false) != -1)
		;
	need_args(argc, 1, -1);
	file = config_file(argc, argv, NULL);
	read_config(file, argv + optind, argc - optind, &config);
	printf("%s: good\n", file ? file : "command line");
	domain_config_free(&config);
	return EXIT_SUCCESS;
}

static int show_config(const struct domain_config *config)
{
	char *text;

	if (domain_config_to_json(config, &text))
		return fail("out of memory");
	print_json(json_tokener_parse(text));
	free(text);
	return EXIT_SUCCESS;
}

int cmd_create(int argc, char **argv)
{
	struct life_create_options options = { .watch = true, .progress = progress };
	bool console = false, show = false, quiet = false;
	const char *file = NULL;
	struct domain_config config;
	struct error err = { 0 };
	uint16_t domid;
	int option, rc;

	while ((option = next_option(argc, argv, "cpqdneFf:", true)) != -1) {
		if (option == 'c')
			console = true;
		else if (option == 'p')
			options.paused = true;
		else if (option == 'q')
			quiet = true;
		else if (option == 'd')
			show = true;
		else if (option == 'n')
			dry_run = true;
		else if (option == 'e')
			options.watch = false;
		else if (option == 'f')
			file = optarg;
	}
	need_args(argc, file ? 0 : 1, -1);
	file = config_file(argc, argv, file);
	if (file && !quiet)
		fprintf(stderr, "Parsing config from %s\n", file);
	read_config(file, argv + optind, argc - optind, &config);
	if (show)
		return show_config(&config);
	options.quiet = quiet;
	if (dry_run) {
		rc = life_create_dry_run(need_life(), &config, &err);
		domain_config_free(&config);
		return rc ? fail_error(&err) : EXIT_SUCCESS;
	}
	/* With a console the guest starts when its first byte can be seen. */
	options.paused = options.paused || console;
	rc = life_create(need_life(), &config, &options, &domid, &err);
	domain_config_free(&config);
	if (rc)
		return fail_error(&err);
	if (!console)
		return EXIT_SUCCESS;
	if (life_unpause(need_life(), domid, &err))
		return fail_error(&err);
	return console_attach(domid);
}

/* ---- autostart ---- */

struct start {
	struct domain_config config;
	bool done;
};

static bool ready(const struct start *all, int n, const struct start *s)
{
	for (uint32_t i = 0; i < s->config.n_depends; i++)
		for (int k = 0; k < n; k++)
			if (!strcmp(all[k].config.name, s->config.depends[i]) && !all[k].done)
				return false;
	return true;
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

/* Rounds over the guests: each starts when all that it depends on have. */
static int start_all(struct start *all, int n)
{
	struct life_create_options options = { .watch = true, .progress = progress };
	int rc = EXIT_SUCCESS, left = n, before;

	do {
		before = left;
		for (int i = 0; i < n; i++) {
			struct error err = { 0 };
			uint16_t domid;

			if (all[i].done || !ready(all, n, &all[i]))
				continue;
			all[i].done = true;
			left--;
			printf("%s %s\n", dry_run ? "would start" : "starting", all[i].config.name);
			if (!dry_run &&
			    life_create(need_life(), &all[i].config, &options, &domid, &err))
				rc = fail_error(&err);
		}
	} while (left && left < before);
	for (int i = 0; left && i < n; i++)
		if (!all[i].done)
			rc = fail("%s is not started: what it depends on waits for it",
				  all[i].config.name);
	return rc;
}

int cmd_autostart(int argc, char **argv)
{
	const char *folder = "/etc/xen/auto";
	struct dirent **entries;
	struct start *all;
	int n, count = 0, rc;

	while (next_option(argc, argv, "", true) != -1)
		;
	need_args(argc, 0, 1);
	if (optind < argc)
		folder = argv[optind];
	n = scandir(folder, &entries, config_files, by_name);
	if (n < 0)
		return errno == ENOENT ? EXIT_SUCCESS
				       : fail("can't read %s: %s", folder, strerror(errno));
	all = calloc(AUTOSTART_MAX, sizeof(*all));
	for (int i = 0; i < n; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (all && count < AUTOSTART_MAX)
			read_config(path, NULL, 0, &all[count++].config);
		free(entries[i]);
	}
	free(entries);
	rc = all ? start_all(all, count) : fail("out of memory");
	for (int i = 0; i < count; i++)
		domain_config_free(&all[i].config);
	free(all);
	return rc;
}
