/* SPDX-License-Identifier: BSD-2-Clause */
/* See run_xl.h. */
/* Its fail() is a function; cmocka's is a macro. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake_host.h"
#include "support/fake_platform.h"
#include "support/run_xl.h"

int xl_main(int argc, char **argv);

/* Each command is a process that ends at once: what it leaves to the system is no leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

int life_watch_start(struct error *err)
{
	(void)err;
	return 0;
}

char folder[] = "/tmp/test_cli.XXXXXX";
char out[65536], err_out[65536];

void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void read_back(FILE *f, char *text, size_t size)
{
	rewind(f);
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
}

/* Splits at blanks; '%' stands for the folder's path, '_' inside a word for nothing special. */
static int split(char *line, char **words, int max)
{
	int n = 0;
	char *word, *rest = line;

	words[n++] = (char *)"xl";
	while ((word = strsep(&rest, " ")) && n < max - 1)
		if (*word)
			words[n++] = word;
	words[n] = NULL;
	return n;
}

static void expand(const char *line, char *to, size_t size)
{
	size_t n = 0;

	for (; *line && n < size - sizeof(folder); line++) {
		if (*line == '%')
			n += (size_t)snprintf(to + n, size - n, "%s", folder);
		else
			to[n++] = *line;
	}
	to[n] = '\0';
}

/* Runs `xl LINE` in a process of its own; its status. What it printed is in `out` and `err_out`. */
int xl(const char *line)
{
	FILE *files[2] = { tmpfile(), tmpfile() };
	char copy[1024], *words[32];
	int status, n;
	pid_t child;

	expand(line, copy, sizeof(copy));
	n = split(copy, words, 32);
	fflush(stdout);
	fflush(stderr);
	child = fork();
	if (!child) {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, STDIN_FILENO);
		dup2(fileno(files[0]), STDOUT_FILENO);
		dup2(fileno(files[1]), STDERR_FILENO);
		exit(xl_main(n, words));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	read_back(files[0], out, sizeof(out));
	read_back(files[1], err_out, sizeof(err_out));
	if (!WIFEXITED(status) || strstr(err_out, "AddressSanitizer") ||
	    strstr(err_out, "runtime error"))
		fail_msg("xl %s: %s", line, err_out);
	return WEXITSTATUS(status);
}

void check(const struct expectation *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status = xl(list[i].line);

		if (status != list[i].status ||
		    (!strstr(out, list[i].said) && !strstr(err_out, list[i].said)))
			fail_msg("xl %s: status %d, not %d with \"%s\":\n%s%s", list[i].line,
				 status, list[i].status, list[i].said, out, err_out);
	}
}
const char web[] = "name = \"web\"\nkernel = \"/boot/k\"\nmemory = 64\nvcpus = 2\n";

int run_xl_setup(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s/*", folder);
	(void)!system(command);
	fake_reset();
	fake_host_reset();
	fake->obedient = true;
	fake->domains[0].info.online_vcpus = 2;
	fake->domains[0].info.max_vcpu_id = 1;
	fake->domains[0].info.running = true;
	fake->domains[0].info.cpu_time_ns = 12345678901;
	fake->domains[0].info.ssidref = 7;
	fake->domains[0].info.max_pages = UINT64_MAX / 4096;
	write_file("web.cfg", web);
	write_file("one.cfg", "name = \"one\"\nkernel = \"/boot/k\"\n");
	assert_int_equal(xl("create -q %/web.cfg"), 0);
	fake->domains[1].info.online_vcpus = 1;
	fake->domains[1].info.blocked = true;
	return 0;
}

int run_xl_setup_all(void **state)
{
	char run[64];

	if (!mkdtemp(folder))
		return -1;
	snprintf(run, sizeof(run), "%s/.run", folder);
	setenv("BULKHEAD_RUN", run, 1);
	/* Where the host's files are looked for in tests. */
	return chdir(folder);
}

int run_xl_teardown_all(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

const char *after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	if (!at)
		fail_msg("\"%s\" is missing or not in order in:\n%s", word, out);
	return at;
}

void screen_start(struct screen *s, const char *line, unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	char copy[256], *words[32];
	int n;

	memset(s, 0, sizeof(*s));
	expand(line, copy, sizeof(copy));
	n = split(copy, words, 32);
	fflush(stdout);
	s->child = forkpty(&s->terminal, NULL, NULL, &size);
	if (!s->child)
		exit(xl_main(n, words));
}

/* Waits until the screen has shown `word` since the last time; fails when it does not. */
void screen_shows(struct screen *s, const char *word)
{
	static size_t from;
	size_t rest;

	if (!s->length)
		from = 0;
	for (int pieces = 0;; pieces++) {
		struct pollfd p = { .fd = s->terminal, .events = POLLIN };
		char *at = memmem(s->text + from, s->length - from, word, strlen(word));
		ssize_t n;

		if (at) {
			from = (size_t)(at - s->text);
			return;
		}
		rest = sizeof(s->text) - s->length;
		n = poll(&p, 1, 20000) > 0 ? read(s->terminal, s->text + s->length, rest) : 0;
		if (n <= 0 || pieces > 100)
			fail_msg("\"%s\" is not shown:\n%.*s", word, (int)s->length, s->text);
		s->length += (size_t)n;
	}
}

void screen_type(struct screen *s, const char *keys)
{
	assert_int_equal(write(s->terminal, keys, strlen(keys)), (ssize_t)strlen(keys));
}

int screen_end(struct screen *s)
{
	int status;

	while (read(s->terminal, s->text, sizeof(s->text)) > 0)
		;
	close(s->terminal);
	assert_int_equal(waitpid(s->child, &status, 0), s->child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
