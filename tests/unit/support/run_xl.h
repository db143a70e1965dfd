/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the command line, whole, on the fakes of a platform and of a host: with its output in
 * memory, or on a terminal. The current directory is the test's folder.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

extern char folder[];

/* Around all tests; before each, a host with Domain-0 and a guest "web" of number 1. */
int run_xl_setup_all(void **state);
int run_xl_teardown_all(void **state);
int run_xl_setup(void **state);

/* The file that "web" was made from. */
extern const char web[];

/* Writes a file in the folder. */
void write_file(const char *name, const char *text);

/*
 * Runs `xl LINE` in a process of its own; its status. '%' stands for the folder's path. What it
 * printed is in `out` and `err_out`.
 */
extern char out[65536], err_out[65536];
int xl(const char *line);

struct expectation {
	const char *line;
	int status;
	const char *said; /* on either output */
};
void check(const struct expectation *list, size_t n);
#define CHECK(list) check(list, sizeof(list) / sizeof((list)[0]))

/* Where `word` is in `text`; the test fails when it is not. */
const char *after(const char *text, const char *word);

/* A command on a terminal. */
struct screen {
	int terminal;
	pid_t child;
	char text[1 << 18];
	size_t length;
};

void screen_start(struct screen *s, const char *line, unsigned short rows, unsigned short columns);
/* Waits until the screen has shown `word` since the last time; fails when it does not. */
void screen_shows(struct screen *s, const char *word);
void screen_type(struct screen *s, const char *keys);
/* Its status, when it has ended. */
int screen_end(struct screen *s);
