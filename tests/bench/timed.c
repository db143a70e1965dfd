/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a command takes, in Dom0:
 *
 *   timed NAME ROUNDS COMMAND...      until it ends, the mean of ROUNDS runs
 *   timed -f FILE NAME COMMAND...     until the new FILE has its first byte
 *
 * Prints `BENCH NAME nanoseconds`. What the command prints is dropped.
 */
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 60000

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static pid_t start(char **command)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 2; fd++)
		dup2(null, fd);
	execvp(command[0], command);
	_exit(127);
}

static void await(pid_t pid, char **command)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status) {
		printf("FAILED: %s %s: status %d\n", command[0], command[1], status);
		exit(1);
	}
}

/* Any change in FILE's folder is a reason to look. */
static uint64_t await_byte(char *file, int changes)
{
	char events[4096];
	struct pollfd p = { .fd = changes, .events = POLLIN };
	struct stat st;

	while (stat(file, &st) || !st.st_size) {
		if (poll(&p, 1, WAIT_MS) != 1 || read(changes, events, sizeof(events)) < 0) {
			printf("FAILED: nothing comes into %s\n", file);
			exit(1);
		}
	}
	return now();
}

static uint64_t first_byte(char *file, char **command)
{
	char folder[256];
	int changes = inotify_init1(IN_CLOEXEC);
	uint64_t began, end;
	pid_t pid;

	snprintf(folder, sizeof(folder), "%s", file);
	inotify_add_watch(changes, dirname(folder), IN_CREATE | IN_MODIFY | IN_MOVED_TO);
	began = now();
	pid = start(command);
	end = await_byte(file, changes);
	await(pid, command);
	return end - began;
}

int main(int argc, char **argv)
{
	uint64_t began;
	int rounds;

	if (argc > 4 && !strcmp(argv[1], "-f")) {
		printf("BENCH %s %lu\n", argv[3], first_byte(argv[2], argv + 4));
		return 0;
	}
	rounds = argc > 3 ? atoi(argv[2]) : 0;
	if (rounds <= 0)
		return 2;
	began = now();
	for (int i = 0; i < rounds; i++)
		await(start(argv + 3), argv + 3);
	printf("BENCH %s %lu\n", argv[1], (now() - began) / (unsigned int)rounds);
	return 0;
}
