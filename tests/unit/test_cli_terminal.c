/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xl on a terminal, on a platform of fakes: the live view of `xl top`, consoles through the daemon
 * and through a pseudo terminal, progress. REQ toolstack/1, toolstack/console.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "console/console.h"
#include "life/internal.h"
#include "support/fake_host.h"
#include "support/fake_platform.h"
#include "support/run_xl.h"

static struct screen s;

/* ---- top ---- */

/* Every picture fits: a line has at most `columns` letters, a picture at most `rows` lines. */
static void assert_fits(const struct screen *s, unsigned int rows, unsigned int columns)
{
	unsigned int line = 1, column = 0;

	for (size_t i = 0; i < s->length; i++) {
		unsigned int row = 0;
		int used = 0;

		if (s->text[i] == '\033') {
			if (sscanf(s->text + i, "\033[%u;1H%n", &row, &used) == 1 && used) {
				assert_true(row <= rows);
				line = row;
				column = 0;
			} else if (s->text[i + 2] == 'H') {
				line = 1;
				column = 0;
			}
			while (!strchr("HKhlmJ", s->text[i]))
				i++;
		} else if (s->text[i] == '\n') {
			line++;
			column = 0;
		} else if (s->text[i] != '\r') {
			column++;
		}
		assert_true(line <= rows && column <= columns);
	}
}

static void test_top_terminal(void **state)
{
	struct winsize size = { .ws_row = 10, .ws_col = 60 };

	for (int i = 2; i < 14; i++) {
		char line[64];

		snprintf(line, sizeof(line), "create -q %%/one.cfg name=\"guest%d\"", i);
		assert_int_equal(xl(line), 0);
	}
	screen_start(&s, "top", 24, 80);
	screen_shows(&s, "14 domains: 1 running");
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "s");
	screen_shows(&s, "S sort (name)");
	screen_type(&s, "S");
	screen_shows(&s, "S sort (state)");
	screen_type(&s, "r");
	screen_shows(&s, "S sort (state)");
	screen_type(&s, "d");
	screen_shows(&s, "Delay (seconds): ");
	screen_type(&s, "77\b\b");
	screen_type(&s, "2\r");
	screen_shows(&s, "S sort (state)");
	screen_type(&s, "v");
	screen_shows(&s, "VCPUs(sec):");
	assert_fits(&s, 24, 80);
	/* Smaller: the rest is reached by scrolling. */
	assert_int_equal(ioctl(s.terminal, TIOCSWINSZ, &size), 0);
	screen_shows(&s, "\033[10;1H");
	s.length = 0;
	screen_type(&s, "ss\033[B\033[B\033[A");
	screen_shows(&s, "S sort (time)");
	screen_type(&s, "q");
	screen_shows(&s, "\033[?1049l");
	assert_fits(&s, 10, 60);
	assert_int_equal(screen_end(&s), 0);

	screen_start(&s, "top -d 1 -s name", 24, 132);
	screen_shows(&s, "MAXMEM(%)");
	screen_shows(&s, "SSID");
	screen_shows(&s, "no limit");
	screen_type(&s, "\003");
	assert_fits(&s, 24, 132);
	assert_int_equal(screen_end(&s), 0);
}

/* Samples without a pause, as when one takes longer than the delay: it is seen, and can be ended. */
static void test_top_busy(void **state)
{
	screen_start(&s, "top -d 0", 24, 80);
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "s");
	screen_shows(&s, "S sort (name)");
	screen_type(&s, "q");
	assert_int_equal(screen_end(&s), 0);
}

/* The stock daemon's way: a pseudo terminal named in the store. */
static void test_console(void **state)
{
	int guest, end;
	char name[64], got[64] = "";
	struct termios raw = { 0 };

	cfmakeraw(&raw);
	assert_int_equal(openpty(&guest, &end, name, &raw, NULL), 0);
	fake_write("/local/domain/1/console/tty", name);
	screen_start(&s, "console web", 24, 80);
	assert_int_equal(write(guest, "login:", 6), 6);
	screen_shows(&s, "login:");
	screen_type(&s, "root\r");
	assert_true(read(guest, got, 5) > 0);
	assert_int_equal(got[0], 'r');
	screen_type(&s, "\035");
	assert_int_equal(screen_end(&s), 0);

	/* create -c: the console comes with the guest; its end is the command's. */
	fake_write("/local/domain/2/console/tty", "/dev/none");
	assert_int_equal(xl("create -q -c %/one.cfg"), 1);
	assert_non_null(strstr(err_out, "is the console daemon"));
	assert_false(fake->domains[2].info.paused);
	close(guest);
	close(end);
}

/* ---- more of top ---- */

/* Keys that mean nothing here, and those that are typed wrongly. */
static void test_top_keys(void **state)
{
	screen_start(&s, "top", 0, 0); /* a terminal that does not know its size */
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "x\033[C\033[A");
	screen_type(&s, "\033[B\033[B\033[B\033[B"); /* there are two rows */
	screen_shows(&s, "web ");
	/* A delay must be from a second to an hour. */
	screen_type(&s, "d");
	screen_shows(&s, "Delay (seconds): ");
	screen_type(&s, "9\1777");
	screen_shows(&s, "Delay (seconds): 7");
	screen_type(&s, "00000000\n");
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "d0\r");
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "d7x"); /* anything else leaves it as it was */
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "d\177"); /* there is nothing to take back */
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "d9\n");
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "\033");
	assert_int_equal(screen_end(&s), 0);
	screen_start(&s, "top", 24, 80);
	screen_shows(&s, "S sort (domid)");
	screen_type(&s, "Q");
	screen_shows(&s, "\033[?1049l");
	assert_int_equal(screen_end(&s), 0);
}

/* The terminal goes away: so does the command. */
static void test_top_hangs_up(void **state)
{
	int status;

	screen_start(&s, "top", 24, 80);
	screen_shows(&s, "S sort (domid)");
	close(s.terminal);
	assert_int_equal(waitpid(s.child, &status, 0), s.child);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGHUP : !WEXITSTATUS(status));
}

/* Between two samples a guest works, one is replaced under its number, and one goes. */
static void test_top_samples(void **state)
{
	assert_int_equal(xl("create -q %/one.cfg"), 0);
	assert_int_equal(xl("create -q %/one.cfg name=\"gone\""), 0);
	screen_start(&s, "top -d 1", 24, 132);
	screen_shows(&s, "4 domains");
	screen_type(&s, "\033[B\033[B\033[B");
	fake->domains[1].info.cpu_time_ns += 500000000;
	fake->domains[2].info.uuid[0] ^= 1;
	fake->domains[2].info.cpu_time_ns += 900000000;
	fake->domains[3].exists = false;
	fake->domains[2].info.max_vcpu_id = UINT32_MAX;
	screen_shows(&s, "3 domains");
	screen_type(&s, "\033[A\033[Av");
	screen_shows(&s, "VCPUs(sec)");
	fake_host->vcpu_error = -EINVAL;
	screen_type(&s, "vq");
	screen_shows(&s, "\033[?1049l");
	assert_int_equal(screen_end(&s), 0);
	/* A sample that can't be had ends it, with the terminal as it was. */
	screen_start(&s, "top -d 1", 24, 80);
	screen_shows(&s, "3 domains");
	fake->fail_at = fake->steps + 1;
	screen_shows(&s, "\033[?1049l");
	assert_int_equal(screen_end(&s), 1);
}

static void test_top_plain(void **state)
{
	fake->domains[1].info.max_vcpu_id = UINT32_MAX;
	assert_int_equal(xl("top --json -d 0 -v"), 0);
	after(out, "\"cpu_percent\"");
	assert_int_equal(xl("top -b -d 0 -v -i 0"), 0);
	assert_string_equal(out, "");
	fake->domains[1].info.max_vcpu_id = 1;
	fake_host->vcpu_error = -EINVAL; /* its vCPUs are not told */
	assert_int_equal(xl("top -b -d 0 -v"), 0);
	after(out, "web");
	fake_host->fail = -EIO; /* nor is the version */
	assert_int_equal(xl("top -b -d 0"), 0);
	after(out, "web");
}

/* ---- consoles ---- */

/* The daemon for one viewer: what it was asked goes to the file "asked", what it got to "got". */
static enum {
	ENDS,
	HOLDS,
	DEAF
} daemon_kind;

static pid_t start_daemon(const char *answer)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = CONSOLE_SOCKET };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	char text[64];
	ssize_t n;
	pid_t pid;

	(void)mkdir(CONSOLE_FOLDER, 0700);
	unlink(CONSOLE_SOCKET);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (pid) {
		close(listener);
		return pid;
	}
	fd = accept(listener, NULL, NULL);
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	write_file("asked", text);
	(void)!write(fd, answer, strlen(answer));
	if (!*answer)
		close(fd);
	else if (daemon_kind != HOLDS)
		shutdown(fd, daemon_kind == ENDS ? SHUT_WR : SHUT_RD);
	if (daemon_kind == DEAF)
		pause();
	n = *answer ? read(fd, text, sizeof(text) - 1) : 0;
	text[n > 0 ? n : 0] = '\0';
	write_file("got", text);
	life_test_exit(0);
}

static const char *text_of(const char *path)
{
	static char text[256];
	FILE *f = fopen(path, "re");

	text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
	return text;
}

static void test_console_by_daemon(void **state)
{
	pid_t daemon = start_daemon("\nlogin: ");

	/* Its input has ended before it begins: what the guest says is shown nevertheless. */
	assert_int_equal(xl("console -t pvh -n 0 web"), 0);
	assert_string_equal(out, "login: ");
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	assert_string_equal(text_of("asked"), "attach 1\n");
	/* A guest that the daemon does not know, nor anyone else. */
	daemon = start_daemon("");
	assert_int_equal(xl("console web"), 1);
	after(err_out, "is the console daemon (xenconsoled) running?");
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	/* What the store names must be a device. */
	fake_write("/local/domain/1/console/tty", "/etc/passwd");
	assert_int_equal(xl("console web"), 1);
	/* A daemon that was killed left its socket: nobody waits for another one. */
	unlink(CONSOLE_SOCKET);
	write_file(CONSOLE_SOCKET, "");
	xs_client_rm(NULL, 0, "/local/domain/1/console/tty");
	assert_int_equal(xl("console web"), 1);
}

static void assert_as_it_was(const struct screen *s)
{
	struct termios now = { 0 };

	for (int tries = 0; !(now.c_lflag & ICANON) && tries < 500; tries++) {
		usleep(20000);
		assert_int_equal(tcgetattr(s->terminal, &now), 0);
	}
	assert_int_equal(now.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
}

/* Signals end xl as they end any program, with a terminal as it was. */
static void test_terminal_signals(void **state)
{
	static const int ends[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };
	int null, input = dup(STDIN_FILENO);
	struct termios mode;
	pid_t daemon;

	daemon_kind = HOLDS;
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		daemon = start_daemon("\nlogin: ");
		screen_start(&s, "console web", 24, 80);
		screen_shows(&s, "login: ");
		assert_int_equal(kill(s.child, ends[i]), 0);
		assert_as_it_was(&s);
		assert_int_equal(screen_end(&s), -1);
		kill(daemon, SIGKILL);
		assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	}
	unlink(CONSOLE_SOCKET);
	/* Without a terminal there is nothing to enter. */
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(null >= 0 && input >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO);
	assert_false(terminal_mode(&mode));
	terminal_enter(&mode, "not written");
	terminal_leave();
	assert_int_equal(dup2(input, STDIN_FILENO), STDIN_FILENO);
	close(input);
	close(null);
	screen_start(&s, "top", 24, 80);
	screen_shows(&s, "S sort (domid)");
	assert_int_equal(kill(s.child, SIGTERM), 0);
	screen_shows(&s, "\033[?1049l");
	assert_as_it_was(&s);
	assert_int_equal(screen_end(&s), -1);
}

/* Output that can't be written, and a daemon that takes nothing, end it: with a terminal as it was. */
static void test_console_ends(void **state)
{
	struct rlimit before, none;
	struct termios now;
	pid_t daemon;

	daemon_kind = HOLDS;
	daemon = start_daemon("\nlost");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(xl("console web"), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(kill(daemon, SIGKILL), 0);
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);

	daemon_kind = DEAF;
	daemon = start_daemon("\nlogin: ");
	screen_start(&s, "console web", 24, 80);
	screen_shows(&s, "login: ");
	assert_int_equal(tcgetattr(s.terminal, &now), 0);
	assert_int_equal(now.c_lflag & ICANON, 0);
	screen_type(&s, "root\r");
	screen_shows(&s, "login: ");
	assert_as_it_was(&s);
	assert_int_equal(screen_end(&s), 0);
	kill(daemon, SIGKILL);
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	daemon_kind = ENDS;
}

/* The new guest's console is joined before it runs. */
static void test_create_with_console(void **state)
{
	pid_t daemon = start_daemon("\nboot");

	assert_int_equal(xl("create -c -q %/one.cfg"), 0);
	assert_string_equal(out, "boot");
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	assert_string_equal(text_of("asked"), "attach 2\n");
	assert_false(fake->domains[2].info.paused);
	daemon = start_daemon("\nboot");
	assert_int_equal(xl("create -c -p -q %/one.cfg name=\"two\""), 0);
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	assert_true(fake->domains[3].info.paused);
}

/* On a terminal, long work tells how far it is. */
static void test_progress(void **state)
{
	screen_start(&s, "create %/one.cfg", 24, 80);
	screen_shows(&s, "memory:   0 %");
	screen_shows(&s, "memory: 100 %");
	assert_int_equal(screen_end(&s), 0);
	assert_true(fake->domains[2].filled);
}

#define TEST(name) cmocka_unit_test_setup(name, run_xl_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_top_terminal),     TEST(test_top_keys),
		TEST(test_top_hangs_up),     TEST(test_top_samples),
		TEST(test_top_plain),	     TEST(test_console),
		TEST(test_top_busy),	     TEST(test_console_by_daemon),
		TEST(test_console_ends),     TEST(test_create_with_console),
		TEST(test_terminal_signals), TEST(test_progress),
	};

	return cmocka_run_group_tests(tests, run_xl_setup_all, run_xl_teardown_all);
}
