/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel loader: a real confined child on good and bad images, and a parent that meets a child
 * gone bad. REQ toolstack/builder: "A hostile kernel image is assumed: parsing and decompression
 * run in a child with no privileges".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "builder/loader.h"
#include "builder/loader_child.h"
#include "support/make_elf.h"

#define LIMIT (64ull << 20)

static int file_with(const void *bytes, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

static size_t gzip(const uint8_t *in, size_t size, uint8_t *out, size_t room)
{
	z_stream z = { 0 };

	deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	z.next_in = (uint8_t *)in;
	z.avail_in = size;
	z.next_out = out;
	z.avail_out = room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size = z.total_out;
	deflateEnd(&z);
	return size;
}

/* Reads everything that the loader says into `memory`. */
static int read_all(struct loader *loader, uint8_t *memory, uint64_t *entry, struct error *err)
{
	uint64_t addr, length;
	int run;

	while ((run = loader_next(loader, "test", &addr, &length, entry, err)) > 0) {
		uint8_t *at = memory + (addr - TEST_LOAD);

		if (run == LOADER_RUN_ZERO) {
			memset(at, 0, length);
			continue;
		}
		memcpy(at, loader_data(loader), length);
	}
	return run;
}

static void check_kernel(int fd, const struct test_elf *e)
{
	uint8_t *memory = malloc(0x20000);
	struct error err = { 0 };
	struct loader loader;
	uint64_t entry = 0;

	memset(memory, 0xee, 0x20000);
	assert_int_equal(loader_start(&loader, fd, "test", LIMIT, &err), 0);
	assert_int_equal(loader.kernel.n_segments, 2);
	assert_int_equal(loader.kernel.segments[1].memory_size, TEST_DATA_BYTES + TEST_BSS_BYTES);
	assert_int_equal(read_all(&loader, memory, &entry, &err), 0);
	assert_int_equal(entry, TEST_ENTRY);
	assert_memory_equal(memory, e->bytes + 4096, TEST_CODE_BYTES);
	assert_memory_equal(memory + 0x10000, e->bytes + 4096 + TEST_CODE_BYTES, TEST_DATA_BYTES);
	loader_stop(&loader);
	loader_stop(&loader);
	close(fd);
	free(memory);
}

/* A kernel of many slots, with zero pages between: all arrives, and zeroes are told apart. */
static void large_kernels_go_through_the_slots(void **state)
{
	const size_t size = 24 << 20, front = 8192;
	uint8_t *file = calloc(1, front + size);
	struct test_elf e = make_elf();
	struct error err = { 0 };
	struct loader loader;
	uint64_t addr, length, entry, zeroes = 0, at = TEST_LOAD;
	int fd, run;

	e.program[0].p_type = PT_NULL;
	e.program[1].p_offset = front;
	e.program[1].p_filesz = size;
	e.program[1].p_memsz = size;
	e.program[2].p_offset = front + 512;
	memcpy(file, e.bytes, 512);
	/* Each third MiB is zeroes. */
	for (size_t i = 0; i < size; i++)
		if ((i >> 20) % 3)
			file[front + i] = (uint8_t)(i >> 12) | 1;
	memcpy(file + front + 512, e.note, 20);
	fd = file_with(file, front + size);
	assert_int_equal(loader_start(&loader, fd, "test", LIMIT, &err), 0);
	while ((run = loader_next(&loader, "test", &addr, &length, &entry, &err)) > 0) {
		assert_int_equal(addr, at);
		at += length;
		if (run == LOADER_RUN_ZERO) {
			zeroes += length;
			continue;
		}
		assert_memory_equal(loader_data(&loader), file + front + (addr - TEST_LOAD),
				    length);
	}
	assert_int_equal(run, 0);
	assert_int_equal(at, TEST_LOAD + size);
	/* All of them but the page with the note. */
	assert_int_equal(zeroes, (8 << 20) - 4096);
	loader_stop(&loader);
	close(fd);
	free(e.bytes);
	free(file);
}

static void kernels_come_through_the_child(void **state)
{
	struct test_elf e = make_elf();
	uint8_t *packed = malloc(65536), *image;
	size_t n = gzip(e.bytes, e.size, packed, 65536), size;

	check_kernel(file_with(e.bytes, e.size), &e);
	check_kernel(file_with(packed, n), &e);
	image = make_bzimage(packed, n, &size);
	check_kernel(file_with(image, size), &e);
	free(image);
	free(packed);
	free(e.bytes);
}

/* Starts and reads; returns the first error. */
static int try_image(const void *bytes, size_t size, uint64_t limit, struct error *err)
{
	uint8_t *memory = calloc(1, 0x20000);
	int fd = file_with(bytes, size);
	struct loader loader;
	uint64_t entry;
	int rc = loader_start(&loader, fd, "test", limit, err);

	if (!rc) {
		rc = read_all(&loader, memory, &entry, err);
		loader_stop(&loader);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	close(fd);
	free(memory);
	return rc;
}

static void bad_images_are_refused_with_a_reason(void **state)
{
	struct test_elf e = make_elf();
	struct error err = { 0 };

	assert_int_equal(try_image("short", 5, LIMIT, &err), -ENOEXEC);
	assert_int_equal(try_image(e.bytes, e.size - 1, LIMIT, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "cut short"));
	assert_int_equal(try_image(e.bytes, e.size, TEST_LOAD + 0x10000, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "does not fit"));
	e.note[8] = 1;
	assert_int_equal(try_image(e.bytes, e.size, LIMIT, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "PHYS32_ENTRY"));
	memset(e.bytes, 'x', 4096);
	assert_int_equal(try_image(e.bytes, e.size, LIMIT, &err), -ENOEXEC);
	free(e.bytes);
}

static void other_files_are_refused(void **state)
{
	struct error err = { 0 };
	struct loader loader;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loader_spawn(&loader, fds[0], &err), -EINVAL);
	close(fds[0]);
	close(fds[1]);
}

static void what_is_missing_is_named(void **state)
{
	struct test_elf e = make_elf();
	int fd = file_with(e.bytes, e.size);
	struct error err = { 0 };
	struct loader loader;
	struct rlimit old;

	assert_int_equal(loader_spawn(&loader, -1, &err), -EBADF);
	assert_non_null(strstr(err.text, "cannot look at the kernel image"));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit) { 0, old.rlim_max }), 0);
	assert_int_equal(loader_spawn(&loader, fd, &err), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_non_null(strstr(err.text, "cannot make a socket"));
	assert_null(loader.slots);
	/* An image of an impossible size is refused before anything of it is read. */
	assert_int_equal(ftruncate(fd, (off_t)LOADER_IMAGE_MAX + 1), 0);
	assert_int_equal(loader_spawn(&loader, fd, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "too large"));
	close(fd);
	free(e.bytes);
}

/* ---- A child gone bad ---- */

/* What the parent makes of the bytes that child `pid` (0: none) sent: start and read. */
static int talk_with(pid_t pid, const void *bytes, size_t size, struct error *err)
{
	static uint8_t memory[0x20000];
	struct loader loader = { .pid = pid };
	uint64_t entry;
	int fds[2], rc;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[1], bytes, size), size);
	close(fds[1]);
	loader.socket = fds[0];
	loader.slots = mmap(NULL, LOADER_SLOTS * LOADER_SLOT_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	rc = loader_layout(&loader, "test", LIMIT, err);
	if (!rc)
		rc = read_all(&loader, memory, &entry, err);
	loader_stop(&loader);
	return rc;
}

static int talk(const void *bytes, size_t size, struct error *err)
{
	return talk_with(0, bytes, size, err);
}

struct script {
	uint8_t bytes[8192];
	size_t size;
};

static void say(struct script *s, uint32_t type, uint32_t length, uint64_t addr, const void *body,
		size_t body_size)
{
	struct loader_message m = { type, length, addr };

	memcpy(s->bytes + s->size, &m, sizeof(m));
	s->size += sizeof(m);
	memcpy(s->bytes + s->size, body, body_size);
	s->size += body_size;
}

static void say_layout(struct script *s, uint64_t addr, uint64_t file, uint64_t memory)
{
	struct elf_segment segment = { addr, file, memory };

	say(s, LOADER_LAYOUT, sizeof(segment), 0, &segment, sizeof(segment));
}

#define TALK(...)                                \
	({                                       \
		struct script s = { .size = 0 }; \
		struct error err = { 0 };        \
		__VA_ARGS__;                     \
		talk(s.bytes, s.size, &err);     \
	})

static void a_good_conversation_is_believed(void **state)
{
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 4, 4096);
			      say(&s, LOADER_DATA, 4, TEST_LOAD, "", 0);
			      say(&s, LOADER_DONE, 0, TEST_LOAD + 4095, "", 0)),
			 0);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 8, 4096);
			      say(&s, LOADER_ZERO, 4, TEST_LOAD + 4, "", 0);
			      say(&s, LOADER_DATA, 4, TEST_LOAD, "", 0);
			      say(&s, LOADER_DONE, 0, TEST_LOAD, "", 0)),
			 0);
}

static void bad_layouts_are_not_believed(void **state)
{
	struct elf_segment two[2] = { { TEST_LOAD, 8, 4096 }, { TEST_LOAD + 4095, 8, 4096 } };
	struct elf_segment many[ELF_SEGMENTS_MAX + 1] = { 0 };

	assert_int_equal(TALK(say(&s, LOADER_DATA, 4, TEST_LOAD, "", 0)), -EPROTO);
	assert_int_equal(TALK(say(&s, LOADER_LAYOUT, 0, 0, "", 0)), -EPROTO);
	assert_int_equal(TALK(say(&s, LOADER_LAYOUT, 23, 0, two, 23)), -EPROTO);
	assert_int_equal(TALK(say(&s, LOADER_LAYOUT, sizeof(many), 0, many, sizeof(many))),
			 -EPROTO);
	assert_int_equal(TALK(say(&s, LOADER_LAYOUT, sizeof(two), 0, two, sizeof(two))), -EBADMSG);
	assert_int_equal(TALK(say_layout(&s, LIMIT - 10, 1, 11)), -EBADMSG);
	assert_int_equal(TALK(say_layout(&s, UINT64_MAX - 10, 1, 100)), -EBADMSG);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 1, UINT64_MAX)), -EBADMSG);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 100, 99)), -EBADMSG);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 0, 0)), -EBADMSG);
}

static void data_outside_of_the_layout_is_not_believed(void **state)
{
	/* Before, behind, beyond what the file fills, and more than was announced. */
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 8, 4096);
			      say(&s, LOADER_DATA, 4, TEST_LOAD - 1, "", 0)),
			 -EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 8, 4096);
			      say(&s, LOADER_DATA, 4, TEST_LOAD + 5, "", 0)),
			 -EPROTO);
	assert_int_equal(
		TALK(say_layout(&s, TEST_LOAD, 8, 4096); say(&s, LOADER_DATA, 9, TEST_LOAD, "", 0)),
		-EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 8, 4096);
			      say(&s, LOADER_DATA, 8, TEST_LOAD, "", 0);
			      say(&s, LOADER_DATA, 1, TEST_LOAD, "", 0)),
			 -EPROTO);
	assert_int_equal(
		TALK(say_layout(&s, TEST_LOAD, 8, 4096); say(&s, LOADER_DATA, 0, TEST_LOAD, "", 0)),
		-EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 8, 4096);
			      say(&s, LOADER_DATA, UINT32_MAX, TEST_LOAD, "", 0)),
			 -EPROTO);
}

static void zeroes_outside_of_the_layout_are_not_believed(void **state)
{
	assert_int_equal(
		TALK(say_layout(&s, TEST_LOAD, 8, 4096); say(&s, LOADER_ZERO, 9, TEST_LOAD, "", 0)),
		-EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 8, 4096);
			      say(&s, LOADER_ZERO, 8, TEST_LOAD + 1, "", 0)),
			 -EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 8, 4096);
			      say(&s, LOADER_ZERO, 8, TEST_LOAD, "", 0);
			      say(&s, LOADER_ZERO, 1, TEST_LOAD, "", 0)),
			 -EPROTO);
	assert_int_equal(
		TALK(say_layout(&s, TEST_LOAD, 8, 4096); say(&s, LOADER_ZERO, 0, TEST_LOAD, "", 0)),
		-EPROTO);
}

static void a_bad_end_is_not_believed(void **state)
{
	/* Data missing; an entry outside; above 4 GiB; unknown words; nothing more. */
	assert_int_equal(
		TALK(say_layout(&s, TEST_LOAD, 8, 4096); say(&s, LOADER_DONE, 0, TEST_LOAD, "", 0)),
		-EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 0, 4096);
			      say(&s, LOADER_DONE, 0, TEST_LOAD + 4096, "", 0)),
			 -EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 0, 4096);
			      say(&s, LOADER_DONE, 0, TEST_LOAD + (1ull << 32), "", 0)),
			 -EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 0, 4096); say(&s, 7, 0, 0, "", 0)),
			 -EPROTO);
	assert_int_equal(TALK(say_layout(&s, TEST_LOAD, 0, 4096)), -EPROTO);
	assert_int_equal(TALK(), -EPROTO);
}

static void errors_are_shown_without_control_characters(void **state)
{
	struct script s = { .size = 0 };
	struct error err = { 0 };

	say(&s, LOADER_ERROR, 10, ENOEXEC, "\033[31mred\n\007", 10);
	assert_int_equal(talk(s.bytes, s.size, &err), -ENOEXEC);
	assert_string_equal(err.text, "test: ?[31mred??");
	assert_int_equal(TALK(say(&s, LOADER_ERROR, LOADER_TEXT_MAX + 1, 1, "", 0)), -EPROTO);
	assert_int_equal(TALK(say(&s, LOADER_ERROR, 0, 0, "", 0)), -EPROTO);
	assert_int_equal(TALK(say(&s, LOADER_ERROR, 0, 1ull << 40, "", 0)), -EPROTO);
}

/* A child that ends without a word, by `signal` or with `status`: what is said of it. */
static void assert_end(int signal, int status, const char *what)
{
	struct error err = { 0 };
	pid_t pid = fork();

	if (!pid) {
		struct sigaction plain = { .sa_handler = SIG_DFL };

		if (signal) {
			sigaction(signal, &plain, NULL);
			raise(signal);
		}
		_exit(status);
	}
	assert_int_equal(talk_with(pid, "", 0, &err), -EPROTO);
	assert_non_null(strstr(err.text, what));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* it was waited for */
}

static void the_end_of_a_child_is_explained(void **state)
{
	assert_end(SIGSYS, 0, "it tried what it may not do");
	assert_end(SIGXCPU, 0, "it took too long");
	assert_end(SIGKILL, 0, "stopped by signal 9");
	assert_end(0, 126, "could not confine itself");
	assert_end(0, 0, "ended too early");
	/* In the middle of a text, and of a layout. */
	assert_int_equal(TALK(say(&s, LOADER_ERROR, 10, ENOEXEC, "half", 4)), -EPROTO);
	assert_int_equal(TALK(say(&s, LOADER_LAYOUT, sizeof(struct elf_segment), 0, "", 1)),
			 -EPROTO);
}

/* ---- The child's fences ---- */

/* Runs `deed` in a confined child; returns how it ended. */
static int confined(void (*deed)(void))
{
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		loader_confine(fds[1], 1 << 20);
		deed();
		/*
		 * Not _exit(): the sanitizers' leak check hangs on it, and needs more system calls.
		 */
		syscall(SYS_exit_group, 0);
	}
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void deed_nothing(void)
{
}

static void deed_open(void)
{
	open("/etc/passwd", O_RDONLY);
}

static void deed_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void deed_fork(void)
{
	fork();
}

static void deed_kill(void)
{
	kill(1, 0);
}

static void deed_execute(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void the_child_can_do_nothing_else(void **state)
{
	static void (*const deeds[])(void) = { deed_open, deed_socket, deed_fork, deed_kill,
					       deed_execute };
	int status = confined(deed_nothing);

	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		status = confined(deeds[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels_come_through_the_child),
		cmocka_unit_test(large_kernels_go_through_the_slots),
		cmocka_unit_test(bad_images_are_refused_with_a_reason),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_good_conversation_is_believed),
		cmocka_unit_test(bad_layouts_are_not_believed),
		cmocka_unit_test(data_outside_of_the_layout_is_not_believed),
		cmocka_unit_test(zeroes_outside_of_the_layout_are_not_believed),
		cmocka_unit_test(a_bad_end_is_not_believed),
		cmocka_unit_test(errors_are_shown_without_control_characters),
		cmocka_unit_test(the_end_of_a_child_is_explained),
		cmocka_unit_test(the_child_can_do_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
