/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls of the daemon that fail when a test says so: the file "fail" in $FAKE_XEN_DIR holds the name
 * of one, which fails from then on. Linked with --wrap for each (tests/store/meson.build).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define NAME_MAX_BYTES 32

static const char *name;

/* Before main(): the file is shared, so a test changes its bytes while the daemon runs. */
__attribute__((constructor)) static void map_name(void)
{
	const char *dir = getenv("FAKE_XEN_DIR");
	char path[200];
	void *page;
	int fd;

	snprintf(path, sizeof(path), "%s/fail", dir ? dir : ".");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, NAME_MAX_BYTES))
		abort();
	page = mmap(NULL, NAME_MAX_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		abort();
	close(fd);
	name = page;
}

static bool fails(const char *call)
{
	if (!name || strncmp(name, call, NAME_MAX_BYTES))
		return false;
	errno = ENOMEM;
	return true;
}

#define FAILING(type, call, bad, parameters, arguments)                \
	type __real_##call parameters;                                 \
	type __wrap_##call parameters;                                 \
	type __wrap_##call parameters                                  \
	{                                                              \
		return fails(#call) ? (bad) : __real_##call arguments; \
	}

FAILING(int, pipe2, -1, (int *ends, int flags), (ends, flags))
FAILING(pid_t, fork, -1, (void), ())
FAILING(int, epoll_create1, -1, (int flags), (flags))
FAILING(int, epoll_ctl, -1, (int epoll, int op, int fd, struct epoll_event *event),
	(epoll, op, fd, event))
FAILING(int, memfd_create, -1, (const char *label, unsigned int flags), (label, flags))
FAILING(int, socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(int, listen, -1, (int fd, int waiting), (fd, waiting))
FAILING(int, accept4, -1, (int fd, void *addr, void *size, int flags), (fd, addr, size, flags))
FAILING(void *, malloc, NULL, (size_t size), (size))
FAILING(void *, calloc, NULL, (size_t n, size_t size), (n, size))
FAILING(char *, strdup, NULL, (const char *text), (text))
FAILING(ssize_t, write, -1, (int fd, const void *bytes, size_t length), (fd, bytes, length))

/* The daemon calls pidfd_open() so; the stand-in for Xen opens files with up to four arguments. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d);

long __wrap_syscall(long number, long a, long b, long c, long d)
{
	return fails("syscall") ? -1 : __real_syscall(number, a, b, c, d);
}
