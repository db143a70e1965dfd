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
#include <sys/uio.h>
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
	ALLOW(writev),
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

static void drop_descriptors(int pipe)
{
	if (pipe > 0 && syscall(SYS_close_range, 0, pipe - 1, 0))
		_exit(125);
	if (syscall(SYS_close_range, pipe + 1, ~0u, 0))
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

void loader_confine(int pipe, uint64_t image_size)
{
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = (struct sock_filter *)filter,
	};

	drop_descriptors(pipe);
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

	return rc || !length ? rc : write_all(fd, bytes, length);
}

static int put_layout(void *arg, const struct elf_kernel *kernel)
{
	return put_message(*(int *)arg, LOADER_LAYOUT, 0, kernel->segments,
			   kernel->n_segments * sizeof(kernel->segments[0]));
}

static int put_data(void *arg, uint64_t addr, const uint8_t *bytes, size_t length)
{
	int rc = 0;

	for (size_t at = 0; at < length && !rc; at += LOADER_DATA_MAX) {
		size_t n = length - at < LOADER_DATA_MAX ? length - at : LOADER_DATA_MAX;

		rc = put_message(*(int *)arg, LOADER_DATA, addr + at, bytes + at, n);
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

int loader_work(int pipe, const uint8_t *image, uint64_t size)
{
	struct elf_events events = { put_layout, put_data, &pipe };
	struct elf_stream *elf = malloc(sizeof(*elf));
	struct sink sink = { elf_stream_feed, elf, LOADER_KERNEL_MAX, 0, NULL };
	const char *why = NULL;
	uint64_t entry = 0;
	size_t offset = 0, length = size;
	int rc;

	if (!elf)
		return put_error(pipe, -ENOMEM, "no memory");
	elf_stream_init(elf, &events);
	rc = bzimage_payload(image, size, &offset, &length, &why);
	if (rc == -ENOEXEC)
		rc = 0; /* Perhaps an ELF file, or a compressed one. */
	if (!rc)
		rc = decompress(image + offset, length, &sink);
	if (rc >= 0)
		rc = elf_stream_finish(elf, &entry);
	if (!rc) {
		rc = put_message(pipe, LOADER_DONE, entry, NULL, 0);
	} else {
		why = elf->why ? elf->why : sink.why ? sink.why : why;
		rc = put_error(pipe, rc, why ? why : "not a kernel");
	}
	elf_stream_free(elf);
	free(elf);
	return rc ? 1 : 0;
}
