/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a program on a terminal of its own and types, for scenarios of what people see:
 *
 *     typist [-s LINESxCOLUMNS] PROGRAM ARGUMENT... <SCRIPT
 *
 * The script's lines: "expect TEXT" waits up to 120 s until the program has written TEXT (after what
 * was expected before), "type TEXT" types it, "key N" the byte N, "enter TEXT" a line, "pause MS", "end"
 * waits until the program ends. All that the program writes goes to standard output. The status is the
 * program's; 99 when what is expected does not come.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 120000
#define HEARD_MAX   (1 << 20)

static char heard[HEARD_MAX];
static size_t length, position;
static int terminal;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Takes what comes within `ms`; false when the program has closed its terminal. */
static int listen_for(long ms)
{
	struct pollfd p = { .fd = terminal, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, (int)(ms < 0 ? 0 : ms)) <= 0)
		return 1;
	n = read(terminal, heard + length, HEARD_MAX - 1 - length);
	if (n <= 0)
		return 0;
	fwrite(heard + length, 1, (size_t)n, stdout);
	fflush(stdout);
	length += (size_t)n;
	return 1;
}

static int expect(const char *text)
{
	long end = now_ms() + PATIENCE_MS;
	int open = 1;

	for (;;) {
		char *at = memmem(heard + position, length - position, text, strlen(text));

		if (at) {
			position = (size_t)(at - heard) + strlen(text);
			return 0;
		}
		if (!open || now_ms() >= end) {
			printf("\ntypist: \"%s\" does not come%s\n", text,
			       open ? "" : ": the program has ended");
			return -1;
		}
		open = listen_for(end - now_ms());
	}
}

static void type(const char *text, size_t n)
{
	if (write(terminal, text, n) != (ssize_t)n)
		printf("\ntypist: cannot type\n");
}

static void pause_for(long ms)
{
	long end = now_ms() + ms;

	while (now_ms() < end && listen_for(end - now_ms()))
		;
}

static int step(char *line)
{
	char *rest = strchr(line, ' ');

	line[strcspn(line, "\n")] = '\0';
	rest = rest ? rest + 1 : line + strlen(line);
	if (!strncmp(line, "expect ", 7))
		return expect(rest);
	if (!strncmp(line, "type ", 5)) {
		type(rest, strlen(rest));
	} else if (!strncmp(line, "enter ", 6)) {
		type(rest, strlen(rest));
		type("\r", 1);
	} else if (!strncmp(line, "key ", 4)) {
		char key = (char)atoi(rest);

		type(&key, 1);
	} else if (!strncmp(line, "pause ", 6)) {
		pause_for(atol(rest));
	} else if (!strcmp(line, "end")) {
		pause_for(PATIENCE_MS);
	} else if (*line) {
		printf("\ntypist: what is \"%s\"?\n", line);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	char line[1024];
	int first = 1, status = 0, rc = 0;
	pid_t child;

	if (argc > 3 && !strcmp(argv[1], "-s")) {
		if (sscanf(argv[2], "%hux%hu", &size.ws_row, &size.ws_col) != 2)
			return 2;
		first = 3;
	}
	if (argc <= first)
		return 2;
	child = forkpty(&terminal, NULL, NULL, &size);
	if (child < 0) {
		perror("typist");
		return 98;
	}
	if (!child) {
		execvp(argv[first], argv + first);
		_exit(127);
	}
	while (!rc && fgets(line, sizeof(line), stdin))
		rc = step(line);
	if (rc)
		kill(child, SIGKILL);
	while (listen_for(PATIENCE_MS) && !rc)
		;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return rc ? 99 : WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}
