/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store client against the real engine, over a socket pair, and against a server that answers
 * nonsense (REQ toolstack/2).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/store_harness.h"
#include "xsclient.h"

static struct harness h;
static struct xs_client *client;
static pthread_t thread;
static int ends[2];

/* The server's side: the engine on the other end of the pair. */
static ssize_t end_recv(void *transport, void *to, size_t len)
{
	ssize_t got = recv(ends[1], to, len, MSG_DONTWAIT);

	return got > 0 ? got : got < 0 && errno == EAGAIN ? 0 : -EPIPE;
}

static ssize_t end_send(void *transport, const void *from, size_t len)
{
	ssize_t sent = send(ends[1], from, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return sent >= 0 ? sent : errno == EAGAIN ? 0 : -EPIPE;
}

static void end_close(void *transport)
{
}

static const struct conn_ops end_ops = { end_recv, end_send, end_close, NULL };

static void *serve(void *arg)
{
	struct conn *conn;
	struct pollfd pfd = { .fd = ends[1], .events = POLLIN };
	struct store_stats stats;

	if (store_connect(h.store, 0, 0, &end_ops, NULL, &conn))
		abort();
	for (;;) {
		while (store_run(h.store))
			;
		store_get_stats(h.store, &stats);
		if (!stats.connections)
			return NULL;
		poll(&pfd, 1, 10);
		store_conn_kick(conn);
	}
}

static int setup(void **state)
{
	harness_start(&h);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(xs_client_open_fd(ends[0], &client), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	xs_client_close(client);
	pthread_join(thread, NULL);
	close(ends[1]);
	assert_int_equal(harness_stop(&h), 0);
	return 0;
}

static void test_data(void **state)
{
	struct xs_client_perm perms[] = { { 0, XS_CLIENT_NONE }, { 5, XS_CLIENT_BOTH } }, *got;
	uint64_t number;
	size_t count;
	char *text;

	assert_int_equal(xs_client_write(client, 0, "/a/b", "value", 5), 0);
	assert_int_equal(xs_client_read(client, 0, "/a/b", &text, &count), 0);
	assert_int_equal(count, 5);
	assert_string_equal(text, "value");
	free(text);
	assert_int_equal(xs_client_read_u64(client, 0, "/a/b", &number), -EBADMSG);
	assert_int_equal(xs_client_printf(client, 0, "/a/n", "%d", 4711), 0);
	assert_int_equal(xs_client_read_u64(client, 0, "/a/n", &number), 0);
	assert_int_equal(number, 4711);
	assert_int_equal(xs_client_printf(client, 0, "/a/n", "%s", "99999999999999999999"), 0);
	assert_int_equal(xs_client_read_u64(client, 0, "/a/n", &number), -ERANGE);
	assert_int_equal(xs_client_printf(client, 0, "/a/n", "%5000d", 1), -E2BIG);
	assert_int_equal(xs_client_read(client, 0, "/none", &text, NULL), -ENOENT);
	assert_int_equal(xs_client_read_u64(client, 0, "/none", &number), -ENOENT);
	assert_int_equal(xs_client_read(client, 0, "not a path", &text, NULL), -EINVAL);
	assert_int_equal(xs_client_mkdir(client, 0, "/a/d"), 0);
	assert_int_equal(xs_client_rm(client, 0, "/a/d"), 0);
	assert_int_equal(xs_client_set_perms(client, 0, "/a/b", perms, 2), 0);
	assert_int_equal(xs_client_get_perms(client, 0, "/a/b", &got, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(got[1].domid, 5);
	assert_int_equal(got[1].access, XS_CLIENT_BOTH);
	free(got);
	assert_int_equal(xs_client_set_perms(client, 0, "/a/b", perms, 0), -EINVAL);
	assert_int_equal(xs_client_get_perms(client, 0, "/none", &got, &count), -ENOENT);
}

static void test_directory(void **state)
{
	char path[64], **names;
	size_t count;

	assert_int_equal(xs_client_directory(client, 0, "/none", &names, &count), -ENOENT);
	assert_int_equal(xs_client_mkdir(client, 0, "/d"), 0);
	assert_int_equal(xs_client_directory(client, 0, "/d", &names, &count), 0);
	assert_int_equal(count, 0);
	assert_null(names[0]);
	free(names);
	/* Past what one answer holds, at sizes about a multiple of it. */
	for (int i = 0; i < 1300; i++) {
		snprintf(path, sizeof(path), "/d/a-long-name-%04d", i);
		assert_int_equal(xs_client_mkdir(client, 0, path), 0);
		if (i % 50 && (i < 200 || i > 230))
			continue;
		assert_int_equal(xs_client_directory(client, 0, "/d", &names, &count), 0);
		assert_int_equal(count, i + 1);
		assert_string_equal(names[i], path + 3);
		assert_null(names[i + 1]);
		free(names);
	}
}

static int count_up(struct xs_client *c, xs_client_tx_t tx, void *arg)
{
	uint64_t number = 0;
	int *runs = arg;
	int err = xs_client_read_u64(c, tx, "/count", &number);

	if (err && err != -ENOENT)
		return err;
	/* The first time somebody else comes between. */
	if (!(*runs)++)
		assert_int_equal(xs_client_write(c, 0, "/count", "10", 2), 0);
	return xs_client_printf(c, tx, "/count", "%d", (int)number + 1);
}

static int give_up(struct xs_client *c, xs_client_tx_t tx, void *arg)
{
	xs_client_write(c, tx, "/count", "99", 2);
	return -ECANCELED;
}

static void test_transactions(void **state)
{
	xs_client_tx_t tx;
	uint64_t number;
	int runs = 0;

	assert_int_equal(xs_client_tx_run(client, count_up, &runs), 0);
	assert_int_equal(runs, 2);
	assert_int_equal(xs_client_read_u64(client, 0, "/count", &number), 0);
	assert_int_equal(number, 11);
	assert_int_equal(xs_client_tx_run(client, give_up, NULL), -ECANCELED);
	assert_int_equal(xs_client_read_u64(client, 0, "/count", &number), 0);
	assert_int_equal(number, 11);
	assert_int_equal(xs_client_tx_start(client, &tx), 0);
	assert_int_equal(xs_client_tx_end(client, tx, false), 0);
	assert_int_equal(xs_client_tx_end(client, tx, true), -ENOENT);
}

static void test_watches(void **state)
{
	char *path, *token;

	assert_int_equal(xs_client_next_event(client, 0, &path, &token), -EAGAIN);
	assert_int_equal(xs_client_watch(client, "/w", "my token"), 0);
	assert_int_equal(xs_client_watch(client, "/w", "my token"), -EEXIST);
	assert_int_equal(xs_client_next_event(client, 1000, &path, &token), 0);
	assert_string_equal(path, "/w");
	assert_string_equal(token, "my token");
	free(path);
	/* Events that come while an answer is awaited are kept, in order. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(xs_client_printf(client, 0, i % 2 ? "/w/b" : "/w/a", "%d", i), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(xs_client_next_event(client, 1000, &path, &token), 0);
		assert_string_equal(path, i % 2 ? "/w/b" : "/w/a");
		free(path);
	}
	assert_int_equal(xs_client_next_event(client, 10, &path, &token), -EAGAIN);
	assert_int_equal(xs_client_unwatch(client, "/w", "my token"), 0);
	assert_int_equal(xs_client_unwatch(client, "/w", "my token"), -ENOENT);
	assert_int_equal(xs_client_watch(client, "/w", "left over"), 0);
	assert_int_equal(xs_client_write(client, 0, "/w/x", "1", 1), 0);
	assert_true(xs_client_fd(client) >= 0);
}

static void test_domains(void **state)
{
	const char *words[] = { "quota", "set", "nodes", "5" };
	char *text;

	assert_int_equal(xs_client_is_introduced(client, 7), 0);
	h.introduce_error = -EINVAL;
	assert_int_equal(xs_client_introduce(client, 7, 1, 1), -EINVAL);
	assert_int_equal(xs_client_release(client, 7), -ENOENT);
	assert_int_equal(xs_client_resume(client, 7), -ENOENT);
	assert_int_equal(xs_client_set_target(client, 7, 8), -ENOENT);
	assert_int_equal(xs_client_is_introduced(client, 0), 1);
	assert_int_equal(xs_client_is_introduced(client, 70000), -EINVAL);
	assert_int_equal(xs_client_domain_path(client, 7, &text), 0);
	assert_string_equal(text, "/local/domain/7");
	free(text);
	assert_int_equal(xs_client_control(client, words, 4, &text), 0);
	assert_string_equal(text, "OK");
	free(text);
	assert_int_equal(xs_client_control(client, words + 1, 1, &text), -EINVAL);
}

/* A server that gives this answer to the first request. */
static int answered(uint32_t type, const char *payload, size_t len,
		    int (*request)(struct xs_client *victim))
{
	struct xsd_sockmsg header = { type, 0, 0, (uint32_t)len };
	struct xs_client *victim;
	int pair[2], err;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(xs_client_open_fd(pair[0], &victim), 0);
	assert_int_equal(write(pair[1], &header, sizeof(header)), sizeof(header));
	assert_int_equal(write(pair[1], payload, len), (ssize_t)len);
	shutdown(pair[1], SHUT_WR);
	err = request(victim);
	xs_client_close(victim);
	close(pair[1]);
	return err;
}

static int ask_perms(struct xs_client *victim)
{
	struct xs_client_perm *perms;
	size_t count;
	int err = xs_client_get_perms(victim, 0, "/x", &perms, &count);

	if (!err)
		free(perms);
	return err;
}

static int ask_start(struct xs_client *victim)
{
	xs_client_tx_t tx;

	return xs_client_tx_start(victim, &tx);
}

static int ask_number(struct xs_client *victim)
{
	uint64_t number;

	return xs_client_read_u64(victim, 0, "/x", &number);
}

/* A list that is too long for one answer, then parts that make no sense. */
static int ask_parts(struct xs_client *victim)
{
	char **names;
	size_t count;
	int err = xs_client_directory(victim, 0, "/x", &names, &count);

	if (!err)
		free(names);
	return err;
}

static void test_bad_answers(void **state)
{
	static const char *const perms[] = { "", "x1", "r", "rx", "r1x", "1" };
	static const char *const ids[] = { "", "x", "0", "1x", "99999999999" };

	for (size_t i = 0; i < sizeof(perms) / sizeof(perms[0]); i++)
		assert_int_equal(answered(XS_GET_PERMS, perms[i], strlen(perms[i]) + 1, ask_perms),
				 -EIO);
	assert_int_equal(answered(XS_GET_PERMS, "", 0, ask_perms), -EIO);
	assert_int_equal(answered(XS_GET_PERMS, "b0\0w7", 6, ask_perms), 0);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_int_equal(
			answered(XS_TRANSACTION_START, ids[i], strlen(ids[i]) + 1, ask_start),
			-EIO);
	assert_int_equal(answered(XS_READ, "-1", 2, ask_number), -EBADMSG);
	assert_int_equal(answered(XS_READ,
				  "1\0"
				  "2",
				  3, ask_number),
			 -EBADMSG);
	assert_int_equal(answered(XS_READ, "", 0, ask_number), -EBADMSG);
	assert_int_equal(answered(XS_READ, "12", 2, ask_number), 0);
	assert_int_equal(answered(XS_ERROR, "E2BIG", 6, ask_parts), -EIO);
	assert_int_equal(answered(XS_ERROR, "EACCES", 7, ask_parts), -EACCES);
	assert_int_equal(answered(XS_DIRECTORY, "a\0b", 4, ask_parts), 0);
}

/* Requests that are too long for the protocol do not leave the client. */
static void test_too_long(void **state)
{
	static char big[5000];
	const char *words[] = { big, big };
	char *text;

	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(xs_client_write(client, 0, "/x", big, sizeof(big)), -E2BIG);
	assert_int_equal(xs_client_mkdir(client, 0, big), -E2BIG);
	assert_int_equal(xs_client_control(client, words, 2, &text), -E2BIG);
	/* It works on. */
	assert_int_equal(xs_client_mkdir(client, 0, "/x"), 0);
	/* Several messages ahead of the answer, larger than the read-ahead. */
	assert_int_equal(xs_client_write(client, 0, "/x", big, 4000), 0);
	assert_int_equal(xs_client_read(client, 0, "/x", &text, NULL), 0);
	assert_int_equal(strlen(text), 4000);
	free(text);
}

/* A server that sends these bytes for whatever it is asked, then hangs up or stays silent. */
static void with_server(const void *bytes, size_t len, bool hang_up, int wanted)
{
	struct xs_client *victim;
	char *text, *token;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(xs_client_open_fd(pair[0], &victim), 0);
	xs_client_set_timeout(victim, 50);
	assert_int_equal(write(pair[1], bytes, len), (ssize_t)len);
	if (hang_up)
		shutdown(pair[1], SHUT_WR);
	assert_int_equal(xs_client_read(victim, 0, "/x", &text, NULL), wanted);
	/* It stays that way. */
	assert_int_equal(xs_client_read(victim, 0, "/x", &text, NULL), -EIO);
	assert_int_equal(xs_client_next_event(victim, 0, &text, &token), -EIO);
	xs_client_close(victim);
	close(pair[1]);
}

static void test_nonsense(void **state)
{
	struct {
		struct xsd_sockmsg header;
		char payload[8];
	} message = { { XS_READ, 0, 0, 8 }, "payload" };

	with_server("", 0, true, -EIO);
	with_server("", 0, false, -ETIMEDOUT);
	with_server(&message, 10, true, -EIO);
	with_server(&message, 20, false, -ETIMEDOUT);
	message.header.type = XS_WRITE;
	with_server(&message, sizeof(message), false, -EIO);
	message.header.type = XS_READ;
	message.header.req_id = 5;
	with_server(&message, sizeof(message), false, -EIO);
	message.header.req_id = 0;
	message.header.len = XENSTORE_PAYLOAD_MAX + 1;
	with_server(&message, sizeof(message), false, -EIO);
	/* An event without a token. */
	message.header = (struct xsd_sockmsg) { XS_WATCH_EVENT, 0, 0, 7 };
	with_server(&message, sizeof(message.header) + 7, false, -EIO);
}

/* Nobody waits for ever who has not asked for it. */
static void test_patience(void **state)
{
	struct xs_client *victim;
	char *text;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(xs_client_open_fd(pair[0], &victim), 0);
	assert_int_equal(xs_client_read(victim, 0, "/x", &text, NULL), -ETIMEDOUT);
	xs_client_close(victim);
	close(pair[1]);
}

static void test_unknown_error(void **state)
{
	struct {
		struct xsd_sockmsg header;
		char payload[8];
	} message = { { XS_ERROR, 0, 0, 8 }, "ENOPE!!" };
	struct xs_client *victim;
	char *text, *token;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(xs_client_open_fd(pair[0], &victim), 0);
	assert_int_equal(write(pair[1], &message, sizeof(message)), sizeof(message));
	assert_int_equal(xs_client_read(victim, 0, "/x", &text, NULL), -EINVAL);
	/* An answer that nobody asked for. */
	assert_int_equal(write(pair[1], &message, sizeof(message)), sizeof(message));
	assert_int_equal(xs_client_next_event(victim, 100, &text, &token), -EIO);
	xs_client_close(victim);
	close(pair[1]);
	xs_client_close(NULL);
}

static void test_open(void **state)
{
	struct xs_client *none;

	assert_int_equal(xs_client_open_path("/nonexistent/socket", &none), -ENOENT);
	setenv("XENSTORED_PATH", "/nonexistent/socket", 1);
	assert_int_equal(xs_client_open(&none), -ENOENT);
	/* Neither a socket nor a device of the kind. */
	assert_int_equal(xs_client_open_path("/dev/null", &none), 0);
	assert_int_equal(xs_client_mkdir(none, 0, "/x"), -EIO);
	xs_client_close(none);
}

/* Memory runs out in this thread after so many allocations (the linker wraps them). */
static _Thread_local long allocations_left = -1;

static bool allocation_fails(void)
{
	if (allocations_left > 0)
		allocations_left--;
	return !allocations_left;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(memory, size);
}

/* A server's side of a conversation: messages that answer requests 0, 1, ... and events. */
struct script {
	char bytes[16384];
	size_t len;
	uint32_t next;
};

static void script_add(struct script *script, uint32_t type, const char *payload, size_t len)
{
	struct xsd_sockmsg header = { type, 0, 0, (uint32_t)len };

	if (type != XS_WATCH_EVENT)
		header.req_id = script->next++;
	memcpy(script->bytes + script->len, &header, sizeof(header));
	memcpy(script->bytes + script->len + sizeof(header), payload, len);
	script->len += sizeof(header) + len;
}

static int play(const struct script *script, int (*request)(struct xs_client *victim), long memory)
{
	struct xs_client *victim;
	int pair[2], err;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], script->bytes, script->len), (ssize_t)script->len);
	shutdown(pair[1], SHUT_WR);
	allocations_left = memory;
	err = xs_client_open_fd(pair[0], &victim);
	if (!err)
		err = request(victim);
	allocations_left = -1;
	if (memory == 1 && err == -ENOMEM)
		close(pair[0]);
	else
		xs_client_close(victim);
	close(pair[1]);
	return err;
}

static int ask_set(struct xs_client *victim)
{
	static const struct xs_client_perm perms[] = { { 0, XS_CLIENT_READ } };

	return xs_client_set_perms(victim, 0, "/x", perms, 1);
}

static int ask_event(struct xs_client *victim)
{
	char *path, *token;
	int err = xs_client_next_event(victim, 1000, &path, &token);

	if (!err)
		free(path);
	return err;
}

/* A list in several parts: such as it should be, and such as it should not. */
static void test_parts(void **state)
{
	static const struct {
		const char *first;
		size_t first_len;
		const char *second;
		size_t second_len;
		int wanted;
	} cases[] = {
		{ "1\0a\0", 4, "1\0b\0", 5, 0 },
		{ "1\0", 3, NULL, 0, 0 },
		{ "1\0", 2, NULL, 0, 0 },
		{ "1\0a\0", 4, "1\0", 2, 0 },
		{ "1", 1, NULL, 0, -EIO },
		{ "", 0, NULL, 0, -EIO },
		{ "1234567890123456789012345678901234567890\0a\0", 43, NULL, 0, -EIO },
		{ "1\0a\0", 4, "", 0, -EIO },
		{ "1\0a\0", 4, NULL, 0, -EIO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script script = { .len = 0 };

		script_add(&script, XS_ERROR, "E2BIG", 6);
		script_add(&script, XS_DIRECTORY_PART, cases[i].first, cases[i].first_len);
		if (cases[i].second)
			script_add(&script, XS_DIRECTORY_PART, cases[i].second,
				   cases[i].second_len);
		assert_int_equal(play(&script, ask_parts, -1), cases[i].wanted);
	}
	/* It changed between two parts: from the start, then. */
	{
		struct script script = { .len = 0 };

		script_add(&script, XS_ERROR, "E2BIG", 6);
		script_add(&script, XS_DIRECTORY_PART, "1\0a\0", 4);
		script_add(&script, XS_DIRECTORY_PART, "2\0b\0", 5);
		script_add(&script, XS_DIRECTORY_PART, "2\0c\0d\0", 7);
		assert_int_equal(play(&script, ask_parts, -1), 0);
	}
}

/* Whatever allocation fails: an error, nothing lost, nothing freed twice. */
static void test_no_memory(void **state)
{
	static int (*const requests[])(struct xs_client *) = { ask_parts,  ask_perms, ask_start,
							       ask_number, ask_event, ask_set };
	struct script scripts[6] = { 0 };

	script_add(&scripts[0], XS_ERROR, "E2BIG", 6);
	script_add(&scripts[0], XS_DIRECTORY_PART, "1\0a\0", 4);
	script_add(&scripts[0], XS_WATCH_EVENT, "/w\0t", 5);
	script_add(&scripts[0], XS_DIRECTORY_PART, "1\0b\0", 5);
	script_add(&scripts[1], XS_GET_PERMS, "b0\0w7", 6);
	script_add(&scripts[2], XS_TRANSACTION_START, "7", 2);
	script_add(&scripts[3], XS_READ, "12", 2);
	script_add(&scripts[4], XS_WATCH_EVENT, "/w\0t", 5);
	script_add(&scripts[5], XS_SET_PERMS, "OK", 3);
	for (size_t i = 0; i < 6; i++) {
		long memory = 1;
		int err;

		while ((err = play(&scripts[i], requests[i], memory))) {
			assert_int_equal(err, -ENOMEM);
			memory++;
		}
		assert_true(memory > 2);
	}
}

static void *read_late(void *arg)
{
	struct xsd_sockmsg header;
	char bytes[5000];
	size_t have = 0;
	ssize_t got;

	usleep(50000);
	while (have < sizeof(header) + 4002) {
		got = read(*(int *)arg, bytes + have, 100);
		assert_true(got > 0);
		have += (size_t)got;
	}
	memcpy(&header, bytes, sizeof(header));
	header.len = 3;
	assert_int_equal(write(*(int *)arg, &header, sizeof(header)), sizeof(header));
	assert_int_equal(write(*(int *)arg, "OK", 3), 3);
	return NULL;
}

static void on_signal(int number)
{
}

/* A server that takes the request in pieces and late, under signals; one that never takes it. */
static void test_slow_server(void **state)
{
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = { 0 };
	struct sigaction action = { .sa_handler = on_signal }, before;
	static char big[4000];
	struct xs_client *victim;
	char *path, *token;
	pthread_t reader;
	int pair[2], size = 1;

	sigaction(SIGALRM, &action, &before);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	assert_int_equal(xs_client_open_fd(pair[0], &victim), 0);
	xs_client_set_timeout(victim, 20000);
	assert_int_equal(pthread_create(&reader, NULL, read_late, &pair[1]), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(xs_client_write(victim, 0, "/", big, sizeof(big)), 0);
	assert_int_equal(xs_client_next_event(victim, 30, &path, &token), -EAGAIN);
	setitimer(ITIMER_REAL, &never, NULL);
	pthread_join(reader, NULL);
	xs_client_set_timeout(victim, 20);
	while (xs_client_write(victim, 0, "/", big, sizeof(big)) != -ETIMEDOUT)
		fail();
	xs_client_close(victim);
	close(pair[1]);
	sigaction(SIGALRM, &before, NULL);
	/* Nobody there any more. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(xs_client_open_fd(pair[0], &victim), 0);
	close(pair[1]);
	assert_int_equal(xs_client_mkdir(victim, 0, "/x"), -EIO);
	xs_client_close(victim);
}

static void test_sockets(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "socket" };
	char place[] = "/tmp/test-xsclient-XXXXXX", deep[300], *here = getcwd(NULL, 0);
	struct xs_client *client_on_it;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_non_null(mkdtemp(place));
	snprintf(deep, sizeof(deep), "%s/%0120d", place, 0);
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_int_equal(chdir(deep), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	/* Nobody listens; then somebody does. */
	assert_int_equal(xs_client_open_path("socket", &client_on_it), -ECONNREFUSED);
	setenv("XENSTORED_PATH", "socket", 1);
	assert_int_equal(xs_client_open(&client_on_it), -ECONNREFUSED);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(xs_client_open(&client_on_it), 0);
	xs_client_close(client_on_it);
	allocations_left = 1;
	assert_int_equal(xs_client_open_path("socket", &client_on_it), -ENOMEM);
	allocations_left = -1;
	/* A name too long for a socket's address, a folder, no store at all. */
	strcat(deep, "/socket");
	assert_int_equal(xs_client_open_path(deep, &client_on_it), -ENAMETOOLONG);
	assert_int_equal(xs_client_open_path(place, &client_on_it), -EISDIR);
	unsetenv("XENSTORED_PATH");
	assert_int_equal(xs_client_open(&client_on_it), -ENOENT);
	unlink("socket");
	assert_int_equal(chdir(here), 0);
	*strrchr(deep, '/') = '\0';
	rmdir(deep);
	rmdir(place);
	close(fd);
	free(here);
}

/* The kernel's device is for where no daemon has a socket. */
static void test_dead_daemon(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX,
				    .sun_path = STORE_ROOT "/run/xenstored/socket" };
	char place[] = "/tmp/test-xsclient-XXXXXX", command[64], *here = getcwd(NULL, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct xs_client *client_on_it;

	unsetenv("XENSTORED_PATH");
	assert_non_null(mkdtemp(place));
	assert_int_equal(chdir(place), 0);
	assert_int_equal(system("mkdir -p " STORE_ROOT "/run/xenstored " STORE_ROOT "/dev/xen"), 0);
	close(open(STORE_ROOT "/dev/xen/xenbus", O_WRONLY | O_CREAT, 0600));
	assert_int_equal(xs_client_open(&client_on_it), 0);
	xs_client_close(client_on_it);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(xs_client_open(&client_on_it), -ECONNREFUSED);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(xs_client_open(&client_on_it), 0);
	xs_client_close(client_on_it);
	close(fd);
	assert_int_equal(chdir(here), 0);
	snprintf(command, sizeof(command), "rm -r %s", place);
	assert_int_equal(system(command), 0);
	free(here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_domains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_unknown_error),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_dead_daemon),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_slow_server),
		cmocka_unit_test(test_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
