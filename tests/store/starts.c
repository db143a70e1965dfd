/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon around the engine: its command line, how it starts and fails to, descriptors that run out,
 * what a Xen that refuses leaves behind, live updates that go wrong (REQ toolstack: store).
 *
 *   store-starts DAEMON      in an empty directory, which becomes FAKE_XEN_DIR
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raw_client.h"

#define WORDS_MAX     24
#define PATIENCE      (RAW_PATIENCE_MS / 10) /* hundredths of a second */
#define UNDERSTOOD    93		     /* daemon.h: UPDATE_UNDERSTOOD */
#define FEW_FILES     24
#define MANY_CLIENTS  40
#define STOPPED_BY_US (128 + SIGTERM)

static const char *daemon_path;
static char place[200];
static unsigned int failures;
/* The error output of the daemon that was started last. */
static char output[8192];

static void report(int line, const char *what, const char *got, const char *wanted)
{
	if (!strcmp(got, wanted))
		return;
	failures++;
	printf("FAILED line %d: %s: got \"%.300s\", wanted \"%.100s\"\n", line, what, got, wanted);
}

#define EXPECT(expression, wanted) report(__LINE__, #expression, expression, wanted)
#define EXPECT_TRUE(expression)	   report(__LINE__, #expression, (expression) ? "yes" : "no", "yes")

#define AWAIT(condition)                                   \
	for (int i = 0; i < PATIENCE && !(condition); i++) \
	usleep(10000)

static const char *in_place(const char *name)
{
	static char path[8][300];
	static unsigned int turn;
	char *out = path[turn++ % 8];

	snprintf(out, sizeof(path[0]), "%s/%s", place, name);
	return out;
}

/* Starts the daemon with the words up to NULL; its output goes to the file "output". */
static pid_t spawn(const char *first, va_list more)
{
	const char *words[WORDS_MAX] = { daemon_path, first };
	pid_t pid;
	int fd;

	for (unsigned int i = 2; first && i < WORDS_MAX - 1; i++)
		if (!(words[i] = va_arg(more, const char *)))
			break;
	fd = open(in_place("output"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	pid = fork();
	if (!pid) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execv(daemon_path, (char *const *)words);
		_exit(127);
	}
	close(fd);
	return pid;
}

static void read_output(void)
{
	int fd = open(in_place("output"), O_RDONLY);
	ssize_t n = read(fd, output, sizeof(output) - 1);

	output[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* Waits for its end; returns the exit status, or 128 + the signal. */
static int end_of(pid_t pid)
{
	int status = 0;

	for (int i = 0; !waitpid(pid, &status, WNOHANG); i++) {
		if (i == PATIENCE)
			kill(pid, SIGKILL);
		usleep(10000);
	}
	read_output();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A daemon that is expected to end at once: its status. */
static int ends(const char *first, ...)
{
	va_list more;
	pid_t pid;

	va_start(more, first);
	pid = spawn(first, more);
	va_end(more);
	return end_of(pid);
}

/* Whether somebody listens at the socket; being bound is not enough. */
static bool listens(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", in_place("socket"));
	yes = !connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	close(fd);
	return yes;
}

/* A daemon that is expected to serve: waits for its socket. */
static pid_t serves(const char *first, ...)
{
	va_list more;
	pid_t pid;

	va_start(more, first);
	pid = spawn(first, more);
	va_end(more);
	AWAIT(listens());
	return pid;
}

static struct raw_client *client(void)
{
	return raw_open_socket(in_place("socket"));
}

static void stop(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	status = end_of(pid);
	EXPECT_TRUE(status == 0 || status == STOPPED_BY_US);
}

/* The daemon of a test, and its first client, which wrote /a. */
static pid_t pid;
static struct raw_client *c;

static void begin(void)
{
	pid = serves("-N", NULL);
	c = client();
	EXPECT(raw_ask(c, XS_WRITE, 0, "/a|1"), "OK|");
}

static void end(void)
{
	raw_close(c);
	stop(pid);
}

#define EXPECT_SERVED(client) EXPECT(raw_ask(client, XS_READ, 0, "/a|"), "1")

/* The first client asks for an update to this program; NULL: the one that was set, or our own. */
static void update(const char *program)
{
	char text[400];

	if (program) {
		snprintf(text, sizeof(text), "live-update|-f|%s|", program);
		EXPECT(raw_ask(c, XS_CONTROL, 0, text), "OK|");
	}
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|-s|"), "OK|");
}

static void test_wrong_words(void)
{
	EXPECT_TRUE(ends("-Q", "nodes", NULL) == 2);
	EXPECT_TRUE(strstr(output, "Usage: xenstored"));
	EXPECT_TRUE(ends("-Q", "nodes=", NULL) == 2);
	EXPECT_TRUE(ends("-Q", "nodes=many", NULL) == 2);
	EXPECT_TRUE(ends("-Q", "nodes=99999999999999999999999", NULL) == 2);
	EXPECT_TRUE(ends("-Q", "knights=3", NULL) == 2);
	EXPECT_TRUE(ends("-E", "12x", NULL) == 2);
	EXPECT_TRUE(ends("--no-such-option", NULL) == 2);
	EXPECT_TRUE(ends("-N", "word", NULL) == 2);
	EXPECT_TRUE(ends("--help", NULL) == 0);
	EXPECT_TRUE(strstr(output, "--quota NAME=VALUE"));
}

/* Limits are in force, and what only stock daemons know is passed over. */
static void test_limits(void)
{
	const char *quotas;
	static const struct {
		const char *name;
		unsigned int value;
	} wanted[] = {
		{ "nodes", 12 },
		{ "node-size", 100 },
		{ "node-permissions", 3 },
		{ "watches", 4 },
		{ "transactions", 2 },
		{ "path-max", 100 },
		{ "transaction-nodes", 5 },
	};

	pid = serves("-N", "-E", "12", "-S", "100", "-A", "3", "-W", "4", "-t", "2", "-M", "100",
		     "-Q", "transaction-nodes=5", "-K", "--verbose", "-I", "--trace-file",
		     "/dev/null", NULL);
	c = client();
	quotas = raw_ask(c, XS_CONTROL, 0, "quota|");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%-18s: %8u ", wanted[i].name, wanted[i].value);
		report(__LINE__, line, strstr(quotas, line) ? line : quotas, line);
	}
	end();
}

static void test_places(void)
{
	char deep[300];

	EXPECT_TRUE(ends("-N", "--run-dir", "/proc/no/such", NULL) == 1);
	EXPECT_TRUE(strstr(output, "can't start: No such file"));
	memset(deep, 'x', 150);
	deep[150] = '\0';
	EXPECT_TRUE(ends("-N", "--run-dir", in_place(deep), NULL) == 1);
	EXPECT_TRUE(strstr(output, "can't start: File name too long"));
	/* Something that is not a socket is in its place. */
	mkdir(in_place("taken"), 0700);
	mkdir(in_place("taken/socket"), 0700);
	EXPECT_TRUE(ends("-N", "--run-dir", in_place("taken"), NULL) == 1);
	EXPECT_TRUE(strstr(output, "can't start: Address already in use"));
	EXPECT_TRUE(ends("-N", "--pid-file", in_place("no/such/file"), NULL) == 1);
}

/* In the background the first process ends when the store serves, and says how the start went. */
static void test_background(void)
{
	FILE *file;

	EXPECT_TRUE(ends("--pid-file", in_place("pid"), NULL) == 0);
	c = client();
	EXPECT(raw_ask(c, XS_WRITE, 0, "/a|1"), "OK|");
	raw_close(c);
	pid = 0;
	file = fopen(in_place("pid"), "r");
	EXPECT_TRUE(file && fscanf(file, "%d", &pid) == 1 && !kill(pid, 0));
	if (file)
		fclose(file);
	if (!pid)
		return;
	/* It has no terminal any more, and hangs up for nobody. */
	EXPECT_TRUE(getsid(pid) == pid);
	kill(pid, SIGHUP);
	kill(pid, SIGTERM);
	AWAIT(kill(pid, 0));
	EXPECT_TRUE(kill(pid, 0) && errno == ESRCH);
	EXPECT_TRUE(ends("--pid-file", in_place("no/such/file"), NULL) == 1);
}

/* One that serves goes on; what a killed one left is no hindrance. */
static void test_second(void)
{
	struct raw_client *late;

	begin();
	EXPECT_TRUE(ends("-N", NULL) == 1);
	EXPECT_TRUE(strstr(output, "can't start: Address already in use"));
	late = client();
	EXPECT_SERVED(late);
	raw_close(late);
	raw_close(c);
	kill(pid, SIGKILL);
	EXPECT_TRUE(end_of(pid) == 128 + SIGKILL);
	pid = serves("-N", NULL);
	c = client();
	EXPECT(raw_ask(c, XS_READ, 0, "/a|"), "ENOENT");
	end();
}

static void test_no_domains(void)
{
	pid = serves("-N", "-D", NULL);
	c = client();
	EXPECT(raw_ask(c, XS_WRITE, 0, "/a|1"), "OK|");
	EXPECT(raw_ask(c, XS_INTRODUCE, 0, "5|1|1|"), "ENOSYS");
	update(NULL);
	EXPECT_SERVED(c);
	end();
}

/* A hypervisor or kernel that refuses: told, and nothing goes on without it. */
static void test_refusals(void)
{
	static const char *const calls[] = { "evtchn", "gnttab", "foreign", "call",
					     "buffer", "virq",	 "bind" };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		setenv("FAKE_XEN_FAIL", calls[i], 1);
		EXPECT_TRUE(ends("-N", NULL) == 1);
		EXPECT_TRUE(strstr(output, "can't start: "));
	}
	setenv("FAKE_XEN_FAIL", "dom0-port", 1);
	EXPECT_TRUE(ends("-N", NULL) == 1);
	EXPECT_TRUE(strstr(output, "can't start: Invalid argument"));
	setenv("FAKE_XEN_FAIL", "dom0-open", 1);
	EXPECT_TRUE(ends("-N", NULL) == 1);
	EXPECT_TRUE(strstr(output, "can't start: Permission denied"));
	setenv("FAKE_XEN_FAIL", "dom0-page", 1);
	EXPECT_TRUE(ends("-N", NULL) == 1);
	EXPECT_TRUE(strstr(output, "can't start: Permission denied"));
	unsetenv("FAKE_XEN_FAIL");
}

static void write_program(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	EXPECT_TRUE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* The system call of this name fails from now on (fail_calls.c); "": none. */
static void fail_call(const char *call)
{
	char name[32] = { 0 };
	int fd = open(in_place("fail"), O_WRONLY | O_CREAT, 0600);

	snprintf(name, sizeof(name), "%s", call);
	EXPECT_TRUE(write(fd, name, sizeof(name)) == sizeof(name));
	close(fd);
}

/* A kernel that has nothing left to give: no start. */
static void test_no_start(void)
{
	static const char *const calls[] = { "pipe2",  "fork",	 "epoll_create1", "epoll_ctl",
					     "socket", "calloc", "listen" };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fail_call(calls[i]);
		EXPECT_TRUE(ends(i < 2 ? NULL : "-N", NULL) == 1);
		EXPECT_TRUE(strstr(output, "can't start: Cannot allocate memory"));
	}
	fail_call("");
}

/* Nothing left while it serves: who comes anew is turned away, updates are refused, all else goes on. */
static void test_nothing_left(void)
{
	static const char *const new_client[] = { "calloc", "epoll_ctl", "malloc" };
	static const char *const asking[] = { "memfd_create", "fork", "syscall", "calloc",
					      "write" };
	struct raw_client *late;
	char text[400];

	begin();
	for (size_t i = 0; i < sizeof(new_client) / sizeof(new_client[0]); i++) {
		fail_call(new_client[i]);
		late = client();
		EXPECT_TRUE(raw_closed(late, RAW_PATIENCE_MS));
		raw_close(late);
		fail_call("");
		EXPECT_SERVED(c);
	}
	/* Whom it can't take now waits. */
	fail_call("accept4");
	late = client();
	EXPECT_SERVED(c);
	fail_call("");
	EXPECT_SERVED(late);
	raw_close(late);
	for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++) {
		const char *answer;

		fail_call(asking[i]);
		answer = raw_ask(c, XS_CONTROL, 0, "live-update|-s|");
		EXPECT_TRUE(strstr(answer, "can't be asked") || strstr(answer, "does not take"));
		fail_call("");
		EXPECT_SERVED(c);
	}
	fail_call("strdup");
	snprintf(text, sizeof(text), "live-update|-f|%s|", daemon_path);
	EXPECT(raw_ask(c, XS_CONTROL, 0, text), "ENOMEM");
	fail_call("calloc");
	EXPECT(raw_ask(c, XS_INTRODUCE, 0, "9|1|1|"), "ENOMEM");
	/* What was enough for the question is not there any more for the start. */
	for (size_t i = 0; i < 2; i++) {
		fail_call("");
		snprintf(text, sizeof(text),
			 "#!/bin/sh\nprintf '%s\\0' | dd of=%s conv=notrunc\nexit %d\n",
			 i ? "calloc" : "memfd_create", in_place("fail"), UNDERSTOOD);
		write_program(in_place("eater"), text);
		update(in_place("eater"));
		EXPECT_SERVED(c);
	}
	fail_call("");
	end();
	EXPECT_TRUE(strstr(output, "live update failed: Cannot allocate memory"));
}

/* Without the grant that is meant for the store, a guest's page is mapped by its number. */
static void test_no_grant(void)
{
	struct raw_client *guest;

	setenv("FAKE_XEN_FAIL", "grant", 1);
	begin();
	EXPECT(raw_ask(c, XS_MKDIR, 0, "/local/domain/7|"), "OK|");
	guest = raw_open_domain(c, 7);
	EXPECT(raw_ask(c, XS_SET_PERMS, 0, "/local/domain/7|n7|"), "OK|");
	EXPECT(raw_ask(guest, XS_WRITE, 0, "x|1"), "OK|");
	/* Over an update as well, and introduced once more with another port. */
	update(NULL);
	EXPECT(raw_ask(guest, XS_READ, 0, "x|"), "1");
	EXPECT(raw_ask(c, XS_INTRODUCE, 0, "7|1|2|"), "OK|");
	EXPECT(raw_ask(guest, XS_READ, 0, "x|"), "1");
	raw_domain_state(c, 7, 0);
	AWAIT(strcmp(raw_ask(c, XS_READ, 0, "/local/domain/7/x|"), "1"));
	EXPECT(raw_ask(c, XS_READ, 0, "/local/domain/7/x|"), "ENOENT");
	raw_close(guest);
	/* Nor a page: nobody is introduced. */
	close(open(in_place("dom-8"), O_WRONLY | O_CREAT, 0600));
	EXPECT(raw_ask(c, XS_INTRODUCE, 0, "8|1|1|"), "EINVAL");
	EXPECT(raw_ask(c, XS_IS_DOMAIN_INTRODUCED, 0, "8|"), "F|");
	end();
	unsetenv("FAKE_XEN_FAIL");
}

/* Clients for whom there is no descriptor are turned away; the others are served all the time. */
static void test_few_descriptors(void)
{
	const struct rlimit few = { FEW_FILES, FEW_FILES };
	struct raw_client *many[MANY_CLIENTS], *late;
	unsigned int served = 0;

	begin();
	prlimit(pid, RLIMIT_NOFILE, &few, NULL);
	for (unsigned int i = 0; i < MANY_CLIENTS; i++)
		many[i] = client();
	EXPECT_SERVED(c);
	for (unsigned int i = 0; i < MANY_CLIENTS; i++) {
		if (!raw_turned_away(many[i])) {
			served++;
			EXPECT_SERVED(many[i]);
		}
	}
	EXPECT_TRUE(served > 2 && served < FEW_FILES);
	for (unsigned int i = 0; i < MANY_CLIENTS; i++)
		raw_close(many[i]);
	EXPECT_SERVED(c);
	late = client();
	EXPECT_SERVED(late);
	raw_close(late);
	end();
}

/* A client that asks much and reads nothing waits; when it reads, it gets all. */
static void test_client_that_does_not_read(void)
{
	struct raw_client *slow;
	char value[2000];
	unsigned int sent = 0;
	struct xsd_sockmsg header = { XS_READ, 0, 0, 3 };
	char request[sizeof(header) + 3];

	begin();
	slow = client();
	memset(value, 'v', sizeof(value));
	memcpy(value, "/a", 3);
	raw_send(c, XS_WRITE, 0, value, sizeof(value));
	EXPECT_TRUE(raw_receive(c, RAW_PATIENCE_MS) && c->header.type == XS_WRITE);
	memcpy(request, &header, sizeof(header));
	memcpy(request + sizeof(header), "/a", 3);
	while (sent < 20000 && raw_send_some(slow, request, sizeof(request)) == sizeof(request))
		sent++;
	EXPECT_TRUE(sent > 100);
	EXPECT(raw_ask(c, XS_WRITE, 0, "/b|1"), "OK|");
	for (unsigned int i = 0; i < sent; i++)
		if (!raw_receive(slow, RAW_PATIENCE_MS) || slow->header.len != sizeof(value) - 3) {
			EXPECT("an answer is missing", "");
			break;
		}
	raw_close(slow);
	end();
}

/* A state that another program must not start with. */
static void test_strange_states(void)
{
	/* No magic, another version, listeners that are not there (daemon.h: struct inherited). */
	static const uint32_t states[][4] = { { 0 },
					      { 0x5453444e, 99 },
					      { 0x5453444e, 1, UINT32_MAX, UINT32_MAX } };
	char number[16];
	int fd = memfd_create("state", 0);

	snprintf(number, sizeof(number), "%d", fd);
	EXPECT_TRUE(ends("-N", "--check-state", "999", NULL) == 1);
	EXPECT_TRUE(ends("-N", "--check-state", number, NULL) == 1); /* empty */
	EXPECT_TRUE(ends("--take-over", number, NULL) == 1);
	EXPECT_TRUE(write(fd, "short", 5) == 5);
	EXPECT_TRUE(ends("-N", "--check-state", number, NULL) == 1);
	EXPECT_TRUE(ends("-N", "--take-over", number, NULL) == 1);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		char head[64] = { 0 };

		memcpy(head, states[i], sizeof(states[i]));
		EXPECT_TRUE(pwrite(fd, head, sizeof(head), 0) == sizeof(head));
		EXPECT_TRUE(ends("-N", "--check-state", number, NULL) == 1);
		EXPECT_TRUE(ends("-N", "--take-over", number, NULL) == 1);
		EXPECT_TRUE(strstr(output, "can't start: "));
	}
	close(fd);
}

/* The highest descriptor of `pid` that is a socket: the client that came last. */
static int last_socket(pid_t pid)
{
	char path[64], target[32];
	int last = -1;

	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		n = readlink(path, target, sizeof(target));
		if (n > 7 && !memcmp(target, "socket:", 7))
			last = fd;
	}
	return last;
}

/*
 * What the next program finds gone: a guest's page, a client's socket (closed, or something else there).
 * That connection is lost; the store and all others are not.
 */
static void test_updates_that_lose(void)
{
	static const char *const others[] = { "<&-", "</dev/null" };
	struct raw_client *guest, *stays, *lost;
	char text[600];

	begin();
	EXPECT(raw_ask(c, XS_MKDIR, 0, "/local/domain/7|"), "OK|");
	EXPECT(raw_ask(c, XS_MKDIR, 0, "/local/domain/8|"), "OK|");
	EXPECT(raw_ask(c, XS_SET_PERMS, 0, "/local/domain/8|n8|"), "OK|");
	guest = raw_open_domain(c, 7);
	stays = raw_open_domain(c, 8);
	for (size_t i = 0; i < 2; i++) {
		lost = client();
		EXPECT(raw_ask(lost, XS_READ, 0, "/local/domain/7|"), "");
		snprintf(text, sizeof(text),
			 "#!/bin/bash\n[ \"$2\" = --take-over ] || exit %d\nrm -f ring-7\n"
			 "exec %s \"$@\" %d%s\n",
			 UNDERSTOOD, daemon_path, last_socket(pid), others[i]);
		write_program(in_place("loser"), text);
		update(in_place("loser"));
		EXPECT(raw_ask(c, XS_READ, 0, "/local/domain/7|"), "");
		EXPECT(raw_ask(stays, XS_WRITE, 0, "x|1"), "OK|");
		EXPECT_TRUE(raw_closed(lost, RAW_PATIENCE_MS));
		raw_close(lost);
	}
	raw_close(guest);
	raw_close(stays);
	end();
}

/* Domains that are shut down, dying, or can't be asked about. */
static void test_domain_states(void)
{
	struct raw_client *guest;

	begin();
	EXPECT(raw_ask(c, XS_WATCH, 0, "@releaseDomain|t|"), "OK|");
	EXPECT(raw_event(c, RAW_PATIENCE_MS), "@releaseDomain|t");
	guest = raw_open_domain(c, 7);
	raw_domain_state(c, 7, 's');
	EXPECT(raw_event(c, RAW_PATIENCE_MS), "@releaseDomain|t");
	raw_domain_state(c, 7, 'd');
	EXPECT(raw_ask(c, XS_READ, 0, "/none|"), "ENOENT");
	raw_domain_state(c, 8, 'd');
	EXPECT(raw_ask(c, XS_CONTROL, 0, "quota|set|nodes|5|8|"), "ENOENT");
	raw_domain_state(c, 8, 'r');
	EXPECT(raw_ask(c, XS_CONTROL, 0, "quota|set|nodes|5|8|"), "OK|");
	raw_domain_state(c, 7, 0);
	AWAIT(strcmp(raw_ask(c, XS_IS_DOMAIN_INTRODUCED, 0, "7|"), "T|"));
	EXPECT(raw_ask(c, XS_IS_DOMAIN_INTRODUCED, 0, "7|"), "F|");
	raw_close(guest);
	end();
}

/* Words of live-update, and updates that end half-way: the store goes on. */
static void test_updates_that_fail(void)
{
	char text[400];

	begin();
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|"), "EINVAL");
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|-x|"), "EINVAL");
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|-f|"), "EINVAL");
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|-a|x|"), "EINVAL");
	EXPECT(raw_ask(c, XS_CONTROL, 0, "no-such-command|"), "EINVAL");
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|-f|/tmp|"), "/tmp is no program|");
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|-f|/etc/passwd|"),
	       "/etc/passwd is no program|");
	/* It says that it understands, and is not there any more when it is to start. */
	snprintf(text, sizeof(text), "#!/bin/sh\nrm %s\nexit %d\n", in_place("gone"), UNDERSTOOD);
	write_program(in_place("gone"), text);
	update(in_place("gone"));
	for (int i = 0; i < 20; i++)
		EXPECT_SERVED(c);
	/* Our own program again, with a line of its own; then once more with what that left. */
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|-a|"), "OK|");
	EXPECT(raw_ask(c, XS_CONTROL, 0, "live-update|-c|-N -K|"), "OK|");
	update(NULL);
	EXPECT_SERVED(c);
	update(NULL);
	EXPECT_SERVED(c);
	end();
	EXPECT_TRUE(strstr(output, "live update failed: No such file"));
}

int main(int argc, char **argv)
{
	if (argc != 2 || !getcwd(place, sizeof(place)))
		return 2;
	daemon_path = argv[1];
	setenv("FAKE_XEN_DIR", place, 1);
	setenv("XENSTORED_RUNDIR", place, 1);
	test_wrong_words();
	test_limits();
	test_places();
	test_background();
	test_second();
	test_no_domains();
	test_refusals();
	test_no_start();
	test_nothing_left();
	test_no_grant();
	test_few_descriptors();
	test_client_that_does_not_read();
	test_strange_states();
	test_updates_that_fail();
	test_updates_that_lose();
	test_domain_states();
	printf("%u failures\n", failures);
	return !!failures;
}
