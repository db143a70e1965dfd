/* SPDX-License-Identifier: BSD-2-Clause */
/* create, config-check: configuration files become guests. */
#include "cli/cli.h"

#include "config/guest.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes of work that takes long enough for someone to wonder. */
#define PROGRESS_FROM (256u << 20)

int load_config(const char *file, char **overrides, int n, struct domain_config *config,
		struct error *err)
{
	struct cfg cfg;
	int rc = cfg_init(&cfg, file ? file : "command line");

	if (!rc && file)
		rc = cfg_parse_file(&cfg, file, err);
	for (int i = 0; !rc && i < n; i++) {
		struct cfg line = cfg;

		/* Messages about it name the command line; the settings join those of the file. */
		line.source = (char *)"command line";
		rc = cfg_parse(&line, overrides[i], strlen(overrides[i]), err);
		cfg.settings = line.settings;
		cfg.n_settings = line.n_settings;
	}
	if (!rc)
		rc = guest_config(&cfg, config, err);
	cfg_free(&cfg);
	if (rc && !err->text[0])
		error_errno(err, rc, "%s", file ? file : "command line");
	return rc;
}

/* The same; exits with the message on errors. */
static void read_config(const char *file, char **overrides, int n, struct domain_config *config)
{
	struct error err = { 0 };

	if (load_config(file, overrides, n, config, &err))
		exit(fail_error(&err));
}

void show_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	if (total >= PROGRESS_FROM && isatty(STDERR_FILENO))
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

	no_options(argc, argv, false, 1, -1);
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

struct create {
	struct life_create_options life;
	const char *file;
	bool console, show, paused;
};

static void create_options(int argc, char **argv, struct create *c)
{
	int option;

	while ((option = next_option(argc, argv, "cpqdneFf:", true)) != -1) {
		c->console |= option == 'c';
		c->paused |= option == 'p';
		c->life.quiet |= option == 'q';
		c->show |= option == 'd';
		dry_run |= option == 'n';
		/* -e: nobody acts on its end; -F, the stock tool's "in the foreground", is not needed. */
		c->life.watch &= option != 'e';
		if (option == 'f')
			c->file = optarg;
	}
	need_args(argc, c->file ? 0 : 1, -1);
	c->file = config_file(argc, argv, c->file);
}

/* The console is joined before the guest runs: nothing of it is missed. */
static int run_with_console(uint16_t domid, bool paused)
{
	struct error err = { 0 };
	int fd = console_open(domid);

	if (!paused && life_unpause(need_life(), domid, &err))
		return fail_error(&err);
	return fd < 0 ? EXIT_FAILURE : console_copy(fd);
}

int cmd_create(int argc, char **argv)
{
	struct create c = { .life = { .watch = true, .progress = show_progress } };
	struct domain_config config;
	struct error err = { 0 };
	uint16_t domid;
	int rc;

	create_options(argc, argv, &c);
	if (c.file && !c.life.quiet)
		fprintf(stderr, "Parsing config from %s\n", c.file);
	read_config(c.file, argv + optind, argc - optind, &config);
	if (c.show) {
		rc = show_config(&config);
		domain_config_free(&config);
		return rc;
	}
	if (dry_run) {
		rc = life_create_dry_run(need_life(), &config, &err);
		if (!rc)
			would("create %s", config.name);
		domain_config_free(&config);
		return rc ? fail_error(&err) : EXIT_SUCCESS;
	}
	c.life.paused = c.paused || c.console;
	rc = life_create(need_life(), &config, &c.life, &domid, &err);
	domain_config_free(&config);
	if (rc)
		return fail_error(&err);
	return c.console ? run_with_console(domid, c.paused) : EXIT_SUCCESS;
}
