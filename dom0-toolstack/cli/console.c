/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xl console: the terminal in raw mode, joined to the guest by our console daemon's socket, or by
 * the pseudo terminal that the stock daemon names in the store. Ctrl-] leaves.
 */
#include "cli/cli.h"
#include "cli/terminal.h"

#include "console/console.h"
#include "xsclient/xsclient.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ESCAPE 0x1d /* Ctrl-] */

/*
 * Our daemon's end for @domid, or -1: no such daemon, or it knows no such guest. It answers with one
 * byte when the guest's output is on its way here.
 */
static int open_daemon(uint16_t domid)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = CONSOLE_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = 10 }, none = { 0 };
	char line[32], answer;
	int n = snprintf(line, sizeof(line), CONSOLE_ATTACH, domid);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || write(fd, line, (size_t)n) != n ||
	    read(fd, &answer, 1) != 1) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	return fd;
}

/* The stock daemon's pseudo terminal; it may take a moment after the guest was made. */
static int open_tty(uint16_t domid)
{
	char path[64], *tty;
	int fd = -1;

	snprintf(path, sizeof(path), "/local/domain/%u/console/tty", domid);
	/* Where our daemon runs there will be none. */
	for (int i = 0; i < (access(CONSOLE_SOCKET, F_OK) ? 50 : 1) && fd < 0; i++) {
		if (i)
			usleep(100000);
		if (xs_client_read(life_store(need_life()), XS_CLIENT_NO_TX, path, &tty, NULL))
			continue;
		if (!strncmp(tty, "/dev/", 5))
			fd = open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC);
		free(tty);
	}
	return fd;
}

static bool write_all(int fd, const char *data, ssize_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, data, (size_t)n);

		if (done <= 0)
			return false;
		data += done;
		n -= done;
	}
	return true;
}

/* Copies both ways until the guest's end closes or the user leaves. */
static void copy(int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };
	char buf[4096];
	ssize_t n;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			return;
		if (p[0].revents) {
			n = read(fd, buf, sizeof(buf));
			if (n <= 0 || !write_all(STDOUT_FILENO, buf, n))
				return;
		}
		if (p[1].revents) {
			char *escape;

			n = read(STDIN_FILENO, buf, sizeof(buf));
			if (n <= 0) {
				p[1].fd = -1; /* a pipe that has ended: go on showing */
				continue;
			}
			escape = memchr(buf, ESCAPE, (size_t)n);
			if (!write_all(fd, buf, escape ? escape - buf : n) || escape)
				return;
		}
	}
}

int console_open(uint16_t domid)
{
	int fd = open_daemon(domid);

	if (fd < 0)
		fd = open_tty(domid);
	if (fd < 0)
		fail("%s has no console that can be reached: is the console daemon (xenconsoled) "
		     "running?",
		     domain_name(domid));
	return fd;
}

int console_copy(int fd)
{
	struct termios raw;

	/* A daemon that ends while something is written must not leave the terminal raw. */
	signal(SIGPIPE, SIG_IGN);
	if (terminal_mode(&raw)) {
		cfmakeraw(&raw);
		terminal_enter(&raw, "");
	}
	copy(fd);
	terminal_leave();
	close(fd);
	return EXIT_SUCCESS;
}

int cmd_console(int argc, char **argv)
{
	int option, fd;

	while ((option = next_option(argc, argv, "t:n:e:s:", false)) != -1) {
		if (option == 't' && strcmp(optarg, "pv") && strcmp(optarg, "pvh"))
			return fail("console type %s is not offered: guests have a paravirtual "
				    "console (pv)",
				    optarg);
		if (option == 'n' && strcmp(optarg, "0"))
			return fail("guests have one console, number 0");
	}
	need_args(argc, 1, 1);
	fd = console_open(need_domain(argv[optind]));
	return fd < 0 ? EXIT_FAILURE : console_copy(fd);
}
