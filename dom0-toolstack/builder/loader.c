/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's parent side: starts the child, and checks every word that it says. */
#include "builder/loader.h"
#include "builder/loader_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 120000 /* without a byte from the child */
#define SLOTS_SIZE  ((size_t)LOADER_SLOTS * LOADER_SLOT_BYTES)

/* What the child is: never returns. */
static void child(int image_fd, int socket, uint8_t *slots, uint64_t size)
{
	const uint8_t *image = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, image_fd, 0);

	if (image == MAP_FAILED)
		_exit(126);
	loader_confine(socket, size);
	_exit(loader_work(socket, slots, image, size));
}

/* The means to talk: *theirs is the child's end of the socket. */
static int open_link(struct loader *loader, int *theirs, struct error *err)
{
	void *slots =
		mmap(NULL, SLOTS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	if (slots == MAP_FAILED)
		return error_errno(err, -errno, "no memory for the kernel loader");
	loader->slots = slots;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return error_errno(err, -errno, "cannot make a socket");
	loader->socket = fds[0];
	*theirs = fds[1];
	return 0;
}

int loader_spawn(struct loader *loader, int image_fd, struct error *err)
{
	int theirs = -1, rc;
	struct stat st;

	memset(loader, 0, sizeof(*loader));
	loader->socket = -1;
	if (fstat(image_fd, &st))
		return error_errno(err, -errno, "cannot look at the kernel image");
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "the kernel image is not a regular file");
	if (st.st_size < 64 || (uint64_t)st.st_size > LOADER_IMAGE_MAX)
		return error_set(err, -ENOEXEC,
				 "the kernel image is too small or too large (%lld bytes)",
				 (long long)st.st_size);
	rc = open_link(loader, &theirs, err);
	if (!rc) {
		loader->pid = fork();
		if (!loader->pid)
			child(image_fd, theirs, loader->slots, st.st_size);
		if (loader->pid < 0) {
			loader->pid = 0;
			rc = error_errno(err, -errno, "cannot start the kernel loader");
		}
	}
	if (theirs >= 0)
		close(theirs);
	if (rc)
		loader_stop(loader);
	return rc;
}

void loader_stop(struct loader *loader)
{
	if (loader->socket >= 0)
		close(loader->socket);
	loader->socket = -1;
	if (loader->pid > 0) {
		kill(loader->pid, SIGKILL);
		while (waitpid(loader->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	loader->pid = 0;
	if (loader->slots)
		munmap(loader->slots, SLOTS_SIZE);
	loader->slots = NULL;
}

/* Says how the child ended, when it ended without a word. */
static int child_gone(struct loader *loader, struct error *err)
{
	int status = 0;

	while (loader->pid > 0 && waitpid(loader->pid, &status, 0) < 0 && errno == EINTR)
		;
	loader->pid = 0;
	if (WIFSIGNALED(status))
		return error_set(err, -EPROTO, "the kernel loader was stopped by signal %d%s",
				 WTERMSIG(status),
				 WTERMSIG(status) == SIGSYS    ? " (it tried what it may not do)"
				 : WTERMSIG(status) == SIGXCPU ? " (it took too long)"
							       : "");
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 125)
		return error_set(err, -EPROTO, "the kernel loader could not confine itself");
	return error_set(err, -EPROTO, "the kernel loader ended too early");
}

static int read_bytes(struct loader *loader, void *to, size_t length, struct error *err)
{
	struct pollfd p = { .fd = loader->socket, .events = POLLIN };
	uint8_t *at = to;

	while (length) {
		ssize_t n;
		int rc = poll(&p, 1, PATIENCE_MS);

		if (rc < 0 && errno == EINTR)
			continue;
		if (!rc)
			return error_set(err, -ETIMEDOUT, "the kernel loader makes no progress");
		n = read(loader->socket, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, -errno, "cannot read from the kernel loader");
		if (!n)
			return child_gone(loader, err);
		at += n;
		length -= n;
	}
	return 0;
}

/* The child's own error: an errno and a text that is shown, so only its printable characters. */
static int child_error(struct loader *loader, const struct loader_message *m, const char *name,
		       struct error *err)
{
	char text[LOADER_TEXT_MAX + 1];
	int rc;

	if (m->length > LOADER_TEXT_MAX || !m->addr || m->addr > 4095)
		return error_set(err, -EPROTO, "%s: nonsense from the kernel loader", name);
	rc = read_bytes(loader, text, m->length, err);
	if (rc)
		return rc;
	text[m->length] = '\0';
	for (char *p = text; *p; p++)
		if (*p < 32 || *p > 126)
			*p = '?';
	return error_set(err, -(int)m->addr, "%s: %s", name, text);
}

/* The checks that make a layout safe to use: sizes, order, no overlap, below the limit. */
static int check_layout(struct elf_kernel *k, uint64_t limit)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < k->n_segments; i++) {
		const struct elf_segment *s = &k->segments[i];

		if (s->addr < end || s->addr > limit || !s->memory_size ||
		    s->memory_size > limit - s->addr || s->file_size > s->memory_size)
			return -EPROTO;
		end = s->addr + s->memory_size;
	}
	k->start = k->segments[0].addr;
	k->end = end;
	return 0;
}

int loader_layout(struct loader *loader, const char *name, uint64_t limit, struct error *err)
{
	struct elf_kernel *k = &loader->kernel;
	struct loader_message m;
	int rc = read_bytes(loader, &m, sizeof(m), err);

	if (rc)
		return error_prefix(err, "%s", name);
	if (m.type == LOADER_ERROR)
		return child_error(loader, &m, name, err);
	if (m.type != LOADER_LAYOUT || !m.length || m.length % sizeof(k->segments[0]) ||
	    m.length > sizeof(k->segments))
		return error_set(err, -EPROTO, "%s: nonsense from the kernel loader", name);
	rc = read_bytes(loader, k->segments, m.length, err);
	if (rc)
		return error_prefix(err, "%s", name);
	k->n_segments = m.length / sizeof(k->segments[0]);
	if (check_layout(k, limit))
		return error_set(err, -EBADMSG,
				 "%s: the kernel does not fit below %llu MiB of guest memory", name,
				 (unsigned long long)(limit >> 20));
	loader->budget = 0;
	for (uint32_t i = 0; i < k->n_segments; i++)
		loader->budget += k->segments[i].file_size;
	return 0;
}

int loader_start(struct loader *loader, int image_fd, const char *name, uint64_t limit,
		 struct error *err)
{
	int rc = loader_spawn(loader, image_fd, err);

	if (rc)
		return error_prefix(err, "%s", name);
	rc = loader_layout(loader, name, limit, err);
	if (rc)
		loader_stop(loader);
	return rc;
}

/*
 * True when [addr, addr + length) lies in the part of one segment that the file fills (or all its
 * memory).
 */
static bool in_segment(const struct elf_kernel *k, uint64_t addr, uint64_t length, bool memory)
{
	for (uint32_t i = 0; i < k->n_segments; i++) {
		const struct elf_segment *s = &k->segments[i];
		uint64_t size = memory ? s->memory_size : s->file_size;

		if (addr >= s->addr && addr - s->addr < size && length <= size - (addr - s->addr))
			return true;
	}
	return false;
}

/* True when the run may come at all; its bytes are counted then. */
static bool take_run(struct loader *loader, const struct loader_message *m, uint32_t max)
{
	if (!m->length || m->length > max || m->length > loader->budget ||
	    !in_segment(&loader->kernel, m->addr, m->length, false))
		return false;
	loader->budget -= m->length;
	return true;
}

/* The slot that was lent is the child's again. */
static void give_back(struct loader *loader)
{
	if (!loader->lent)
		return;
	loader->lent = false;
	loader->turn++;
	/* When the child is gone, the next read says so. */
	(void)!send(loader->socket, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int loader_next(struct loader *loader, const char *name, uint64_t *addr, uint64_t *length,
		uint64_t *entry, struct error *err)
{
	struct loader_message m;
	int rc;

	give_back(loader);
	rc = read_bytes(loader, &m, sizeof(m), err);
	if (rc)
		return error_prefix(err, "%s", name);
	*addr = m.addr;
	*length = m.length;
	switch (m.type) {
	case LOADER_ERROR:
		return child_error(loader, &m, name, err);
	case LOADER_DONE:
		if (loader->budget || m.length || m.addr > UINT32_MAX ||
		    !in_segment(&loader->kernel, m.addr, 1, true))
			break;
		*entry = m.addr;
		return LOADER_RUN_END;
	case LOADER_DATA:
		if (!take_run(loader, &m, LOADER_SLOT_BYTES))
			break;
		loader->lent = true;
		return LOADER_RUN_DATA;
	case LOADER_ZERO:
		if (!take_run(loader, &m, LOADER_ZERO_MAX))
			break;
		return LOADER_RUN_ZERO;
	default:
		break;
	}
	return error_set(err, -EPROTO, "%s: nonsense from the kernel loader", name);
}

const uint8_t *loader_data(const struct loader *loader)
{
	return loader->slots + (size_t)(loader->turn % LOADER_SLOTS) * LOADER_SLOT_BYTES;
}
