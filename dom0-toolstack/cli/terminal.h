/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal on standard input, in another mode for a while: for one command, in one thread. */
#pragma once

#include <stdbool.h>
#include <termios.h>

/* Its mode; false when standard input is no terminal. */
bool terminal_mode(struct termios *mode);

/*
 * Sets @mode until terminal_leave(), exit(), or the end by SIGHUP, SIGINT, SIGQUIT or SIGTERM. @leave, which
 * must stay, is written to standard output then.
 */
void terminal_enter(const struct termios *mode, const char *leave);
/* Does nothing when nothing was entered. */
void terminal_leave(void);
