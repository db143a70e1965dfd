/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct termios before;
static const char *last_words;
static volatile sig_atomic_t entered;

bool terminal_mode(struct termios *mode)
{
	return tcgetattr(STDIN_FILENO, mode) == 0;
}

/* In a signal handler too. */
void terminal_leave(void)
{
	if (!entered)
		return;
	entered = 0;
	(void)!write(STDOUT_FILENO, last_words, strlen(last_words));
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* The signal comes again when the handler returns, and ends the process. */
static void on_end(int signal)
{
	terminal_leave();
	raise(signal);
}

void terminal_enter(const struct termios *mode, const char *leave)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	const struct sigaction action = { .sa_handler = on_end, .sa_flags = (int)SA_RESETHAND };

	if (!terminal_mode(&before))
		return;
	last_words = leave;
	entered = 1;
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &action, NULL);
	atexit(terminal_leave);
	tcsetattr(STDIN_FILENO, TCSANOW, mode);
}
