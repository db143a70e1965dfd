/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's child: gives up all rights, then takes the image apart. */
#include "builder/loader_child.h"
#include "builder/bzimage.h"
#include "builder/decompress.h"
#include "builder/loader.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY	     65534
#define MEMORY_LIMIT (640ull << 20) /* address space, beside the image */
#define CPU_SECONDS  900	    /* an emulated machine is slow */

/* Address sanitizer reserves terabytes of address space: its tests run without that limit. */
#ifdef __SANITIZE_ADDRESS__
enum {
	LIMIT_ADDRESS_SPACE = 0
};
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum {
	LIMIT_ADDRESS_SPACE = 0
};
#else
enum {
	LIMIT_ADDRESS_SPACE = 1
};
#endif
#else
enum {
	LIMIT_ADDRESS_SPACE = 1
};
#endif

#define ALLOW(number)                                             \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##number, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

#define ARGUMENT(n) offsetof(struct seccomp_data, args[n])

static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	ALLOW(write),
	ALLOW(read),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW(brk),
	ALLOW(exit_group),
	ALLOW(exit),
	ALLOW(futex),
	ALLOW(getrandom),
	ALLOW(rt_sigreturn),
	/* Memory, but none that can be executed. */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mmap, 0, 4),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(2)),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static void limit(int resource, rlim_t value)
{
	struct rlimit lim = { value, value };

	if (setrlimit(resource, &lim))
		_exit(125);
}

static void drop_descriptors(int keep)
{
	if (keep > 0 && syscall(SYS_close_range, 0, keep - 1, 0))
		_exit(125);
	if (syscall(SYS_close_range, keep + 1, ~0u, 0))
		_exit(125);
}

static void drop_privileges(void)
{
	/* Empty name spaces where they are to be had: a second fence only. */
	(void)!unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
	if (geteuid())
		return;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		_exit(125);
}

void loader_confine(int socket, uint64_t image_size)
{
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = (struct sock_filter *)filter,
	};

	drop_descriptors(socket);
	drop_privileges();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	if (LIMIT_ADDRESS_SPACE)
		limit(RLIMIT_AS, MEMORY_LIMIT + image_size);
	limit(RLIMIT_CPU, CPU_SECONDS);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_NOFILE, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(125);
}

static int write_all(int fd, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	while (length) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		p += n;
		length -= n;
	}
	return 0;
}

static int put_message(int fd, uint32_t type, uint64_t addr, const void *bytes, uint32_t length)
{
	struct loader_message m = { type, length, addr };
	int rc = write_all(fd, &m, sizeof(m));

	return rc || !bytes ? rc : write_all(fd, bytes, length);
}

#define PAGE 4096u

/*
 * The child's end: the slot that is being filled, and a run of zeroes that may grow. Only one of
 * the two is not empty.
 */
struct link {
	int fd;
	uint8_t *slots;
	uint32_t turn, free; /* slots used so far; slots that may be filled */
	uint64_t addr;	     /* where the slot's bytes belong */
	uint32_t used;	     /* bytes in the slot */
	uint64_t zero_addr;
	uint32_t zero_length;
	struct elf_kernel kernel;
};

static int flush(struct link *link)
{
	int rc = 0;

	if (link->used) {
		rc = put_message(link->fd, LOADER_DATA, link->addr, NULL, link->used);
		link->turn++;
		link->free--;
		link->used = 0;
	}
	if (!rc && link->zero_length) {
		rc = put_message(link->fd, LOADER_ZERO, link->zero_addr, NULL, link->zero_length);
		link->zero_length = 0;
	}
	return rc;
}

/* Waits until there is a slot to fill. */
static int want_slot(struct link *link)
{
	char given[LOADER_SLOTS];

	while (!link->free) {
		ssize_t n = read(link->fd, given, sizeof(given));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		link->free += n;
	}
	return 0;
}

static int add_zeroes(struct link *link, uint64_t addr, uint32_t length)
{
	int rc = 0;

	if (link->used || addr != link->zero_addr + link->zero_length ||
	    link->zero_length > LOADER_ZERO_MAX - length)
		rc = flush(link);
	if (!link->zero_length)
		link->zero_addr = addr;
	link->zero_length += length;
	return rc;
}

/* At most a page: fits a slot, whose size is a multiple of it, when the slot is new. */
static int add_bytes(struct link *link, uint64_t addr, const uint8_t *bytes, uint32_t length)
{
	int rc = 0;

	if (link->zero_length || addr != link->addr + link->used ||
	    length > LOADER_SLOT_BYTES - link->used)
		rc = flush(link);
	if (!rc)
		rc = want_slot(link);
	if (rc)
		return rc;
	if (!link->used)
		link->addr = addr;
	memcpy(link->slots + (size_t)(link->turn % LOADER_SLOTS) * LOADER_SLOT_BYTES + link->used,
	       bytes, length);
	link->used += length;
	return 0;
}

static int put_layout(void *arg, const struct elf_kernel *kernel)
{
	struct link *link = arg;

	link->kernel = *kernel;
	return put_message(link->fd, LOADER_LAYOUT, 0, kernel->segments,
			   kernel->n_segments * sizeof(kernel->segments[0]));
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, length - 1);
}

static int put_data(void *arg, uint64_t addr, const uint8_t *bytes, size_t length)
{
	struct link *link = arg;
	int rc = 0;

	/* Runs do not reach from one segment into the next. */
	for (uint32_t i = 0; i < link->kernel.n_segments; i++)
		if (link->kernel.segments[i].addr == addr)
			rc = flush(link);
	while (length && !rc) {
		uint32_t n = PAGE - (uint32_t)(addr % PAGE);

		if (n > length)
			n = length;
		if (n == PAGE && is_zero(bytes, n))
			rc = add_zeroes(link, addr, n);
		else
			rc = add_bytes(link, addr, bytes, n);
		addr += n;
		bytes += n;
		length -= n;
	}
	return rc;
}

static int put_error(int fd, int code, const char *why)
{
	size_t length = strlen(why);

	if (length > LOADER_TEXT_MAX)
		length = LOADER_TEXT_MAX;
	put_message(fd, LOADER_ERROR, -code, why, length);
	return 1;
}

/* The work itself, with the memory that it needs. */
struct work {
	struct elf_stream elf;
	struct link link;
};

static int take_apart(struct work *w, const uint8_t *image, uint64_t size, const char **why)
{
	struct elf_events events = { put_layout, put_data, &w->link };
	struct sink sink = { elf_stream_feed, &w->elf, LOADER_KERNEL_MAX, 0, NULL };
	size_t offset = 0, length = size;
	uint64_t entry = 0;
	int rc;

	elf_stream_init(&w->elf, &events);
	rc = bzimage_payload(image, size, &offset, &length, why);
	if (rc == -ENOEXEC)
		rc = 0; /* Perhaps an ELF file, or a compressed one. */
	if (!rc)
		rc = decompress(image + offset, length, &sink);
	if (rc >= 0)
		rc = elf_stream_finish(&w->elf, &entry);
	if (!rc)
		rc = flush(&w->link);
	if (!rc)
		rc = put_message(w->link.fd, LOADER_DONE, entry, NULL, 0);
	else
		*why = w->elf.why ? w->elf.why : sink.why ? sink.why : *why;
	elf_stream_free(&w->elf);
	return rc;
}

int loader_work(int socket, uint8_t *slots, const uint8_t *image, uint64_t size)
{
	struct work *w = calloc(1, sizeof(*w));
	const char *why = NULL;
	int rc;

	if (!w)
		return put_error(socket, -ENOMEM, "no memory");
	w->link.fd = socket;
	w->link.slots = slots;
	w->link.free = LOADER_SLOTS;
	rc = take_apart(w, image, size, &why);
	free(w);
	return rc ? put_error(socket, rc, why ? why : "not a kernel") : 0;
}
