/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console daemon as a program, over fakes of store, grants and event channels: its options, its
 * start and its end. REQ toolstack/console.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "support/fake_console.h"

/* Its places are in the test's folder. */
#define LOG_PARENT     "log"
#define CONSOLE_FOLDER "run"
#define main	       console_main
#include "../../dom0-toolstack/console/daemon.c"
#undef main

static char folder[] = "/tmp/test_console_start.XXXXXX";
static char said[4096], said_path[64];

static const char *text_of(const char *path)
{
	FILE *f = fopen(path, "re");

	said[f ? fread(said, 1, sizeof(said) - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
	return said;
}

/* `xenconsoled ARGUMENT…` in a process of its own; what it says goes to the file "said". */
static pid_t start(const char *first, const char *second)
{
	const char *words[] = { "xenconsoled", first, second, NULL };
	pid_t child;

	fflush(stdout);
	fflush(stderr);
	child = fork();
	if (!child) {
		int file = open(said_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(file, STDOUT_FILENO);
		dup2(file, STDERR_FILENO);
		close(file);
		exit(console_main(first ? second ? 3 : 2 : 1, (char **)words));
	}
	return child;
}

static int status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	(void)text_of(said_path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A viewer of guest 1, when the daemon is there and knows the guest. */
static int view(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = CONSOLE_SOCKET };
	char answer;

	for (int tries = 0; tries < 500; tries++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!connect(fd, (struct sockaddr *)&at, sizeof(at))) {
			assert_int_equal(write(fd, "attach 1\n", 9), 9);
			assert_int_equal(read(fd, &answer, 1), 1);
			assert_int_equal(answer, CONSOLE_ATTACHED);
			return fd;
		}
		close(fd);
		usleep(20000);
	}
	fail_msg("no daemon: %s", text_of(said_path));
	return -1;
}

static int setup(void **state)
{
	return fake_console_open();
}

static int teardown(void **state)
{
	fake_console_close();
	return system("rm -rf log run said pid");
}

static void options_are_explained(void **state)
{
	assert_int_equal(status_of(start("--help", NULL)), 0);
	assert_non_null(strstr(said, "Usage: xenconsoled"));
	assert_non_null(strstr(said, LOG_FOLDER));
	assert_int_equal(status_of(start("-h", NULL)), 0);
	assert_int_equal(status_of(start("--nonsense", NULL)), 2);
	assert_non_null(strstr(said, "Usage: xenconsoled"));
	/* Nothing was begun. */
	assert_int_equal(access("run", F_OK), -1);
}

static void a_socket_that_can_t_be_bound_is_told(void **state)
{
	assert_int_equal(mkdir("run", 0700), 0);
	assert_int_equal(mkdir(CONSOLE_SOCKET, 0700), 0);
	assert_int_equal(status_of(start("-i", NULL)), EXIT_FAILURE);
	assert_non_null(strstr(said, "xenconsoled: " CONSOLE_SOCKET ": Address already in use"));
	/* Its logs' folder is there nevertheless, for its owner only. */
	assert_int_equal(access(LOG_FOLDER, F_OK), 0);
}

static void logs_that_have_no_place_are_told(void **state)
{
	assert_int_equal(chdir("/proc"), 0); /* nothing can be made here */
	assert_int_equal(status_of(start("-i", NULL)), EXIT_FAILURE);
	assert_non_null(strstr(said, "xenconsoled: " LOG_PARENT ": No such file or directory"));
	assert_int_equal(chdir(folder), 0);
}

static void what_can_t_be_reached_is_told(void **state)
{
	static const struct {
		struct fake_console how;
		const char *why;
	} cases[] = {
		{ { .no_hypervisor = true }, "No such device" },
		{ { .no_store = true }, "No such file or directory" },
		{ { .no_watch = "@introduceDomain" }, "No space left on device" },
		{ { .no_watch = "@releaseDomain" }, "No space left on device" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_console = cases[i].how;
		/* In the background as well: whoever starts it learns that it does not serve. */
		for (int background = 0; background < 2; background++) {
			pid_t daemon = start(background ? NULL : "--interactive", NULL);

			assert_int_equal(status_of(daemon), EXIT_FAILURE);
			assert_non_null(strstr(said, "can't reach the store or the hypervisor: "));
			assert_non_null(strstr(said, cases[i].why));
			assert_int_equal(access("run", F_OK), -1);
		}
	}
}

/* The first one goes on. */
static void a_second_daemon_is_refused(void **state)
{
	pid_t daemon = start("-i", NULL);

	close(view());
	assert_int_equal(status_of(start("-i", NULL)), EXIT_FAILURE);
	assert_non_null(strstr(said, "xenconsoled: " CONSOLE_SOCKET ": Address already in use"));
	close(view());
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EXIT_SUCCESS);
}

/* One that was killed still answers for a moment: the next one waits until it does not. */
static void a_daemon_that_ends_is_waited_for(void **state)
{
	pid_t daemon, next;

	daemon = start("-i", NULL);
	close(view());
	next = start("-i", NULL);
	usleep(200000);
	assert_int_equal(waitpid(next, NULL, WNOHANG), 0);
	kill(daemon, SIGKILL);
	assert_int_equal(status_of(daemon), -1);
	close(view());
	kill(next, SIGTERM);
	assert_int_equal(status_of(next), EXIT_SUCCESS);
	assert_string_equal(said, "");
}

static void it_serves_until_it_is_told_to_end(void **state)
{
	pid_t daemon;
	char pid[16];
	int fd;

	/* A socket that a killed daemon left is no hindrance. */
	daemon = start("-i", NULL);
	close(view());
	kill(daemon, SIGKILL);
	assert_int_equal(status_of(daemon), -1);
	assert_int_equal(access(CONSOLE_SOCKET, F_OK), 0);
	daemon = start("-i", "--pid-file=pid");
	fd = view();
	snprintf(pid, sizeof(pid), "%d\n", daemon);
	assert_string_equal(text_of("pid"), pid);
	assert_int_equal(access(LOG_FOLDER "/guest-web_.._x.log", F_OK), 0);
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EXIT_SUCCESS);
	assert_string_equal(said, "");
	assert_int_equal(access(CONSOLE_SOCKET, F_OK), -1);
	/* Its viewers are told by the end of their connection. */
	assert_int_equal(read(fd, pid, 1), 0);
	close(fd);
}

static void it_ends_when_the_store_does(void **state)
{
	pid_t daemon;

	fake_console.store_gone = true;
	daemon = start("-i", NULL);
	assert_int_equal(status_of(daemon), EXIT_FAILURE);
	assert_non_null(strstr(said, "xenconsoled: the store went away: Input/output error"));
	assert_int_equal(access(CONSOLE_SOCKET, F_OK), -1);
}

/* The caller goes on when the socket is there; the daemon is nobody's child. */
static void it_becomes_a_daemon(void **state)
{
	char argument[80];
	pid_t daemon;
	int fd;

	snprintf(argument, sizeof(argument), "--pid-file=%s/pid", folder);
	assert_int_equal(status_of(start(argument, NULL)), EXIT_SUCCESS);
	assert_int_equal(access(CONSOLE_SOCKET, F_OK), 0);
	fd = view();
	daemon = atoi(text_of("pid"));
	assert_true(daemon > 1 && daemon != getpid());
	assert_int_equal(kill(daemon, SIGTERM), 0);
	assert_int_equal(read(fd, argument, 1), 0);
	close(fd);
	assert_int_equal(waitpid(daemon, NULL, WNOHANG), -1);
}

/* A pid file that can't be written costs nothing but itself. */
static void it_runs_without_a_pid_file(void **state)
{
	pid_t daemon = start("-i", "--pid-file=/proc/none/pid");

	close(view());
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EXIT_SUCCESS);
}

static int setup_all(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(said_path, sizeof(said_path), "%s/said", folder);
	return chdir(folder);
}

static int teardown_all(void **state)
{
	return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_are_explained),
		TEST(a_socket_that_can_t_be_bound_is_told),
		TEST(logs_that_have_no_place_are_told),
		TEST(what_can_t_be_reached_is_told),
		TEST(a_second_daemon_is_refused),
		TEST(a_daemon_that_ends_is_waited_for),
		TEST(it_serves_until_it_is_told_to_end),
		TEST(it_ends_when_the_store_does),
		TEST(it_becomes_a_daemon),
		TEST(it_runs_without_a_pid_file),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
