/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live update: the state goes into a file in memory, and the next program is started in place of
 * this one with the file and all connections still open. Before that the next program is asked, in
 * a child and with the state of then, whether it can read it: if it can't, or says nothing in time,
 * everything stays as it is.
 */
#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"

#define STATE_MAGIC   0x5453444e
#define CHECK_SECONDS 10
#define WORDS_MAX     64

/* What comes before the engine's dump. Its version covers the transports' descriptions as well. */
struct state_head {
	uint32_t magic, version;
	struct inherited inherited;
};

#define STATE_VERSION 1

/* Bytes on their way into the file, gathered so that a write() takes many. */
struct writer {
	int fd;
	size_t used;
	char buffer[16384];
};

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t done = write(fd, bytes, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		bytes += done;
		len -= (size_t)done;
	}
	return 0;
}

static int writer_flush(struct writer *writer)
{
	int err = write_all(writer->fd, writer->buffer, writer->used);

	writer->used = 0;
	return err;
}

static int writer_put(void *ctx, const void *bytes, size_t len)
{
	struct writer *writer = ctx;
	int err = 0;

	if (len > sizeof(writer->buffer) - writer->used)
		err = writer_flush(writer);
	if (err || len > sizeof(writer->buffer))
		return err ? err : write_all(writer->fd, bytes, len);
	memcpy(writer->buffer + writer->used, bytes, len);
	writer->used += len;
	return 0;
}

/* Writes the state into a file in memory; returns its descriptor, which survives exec. */
static int save_state(struct store_daemon *daemon)
{
	struct state_head head = { STATE_MAGIC, STATE_VERSION, { { -1, -1 }, -1, 0 } };
	struct writer writer = { .fd = memfd_create("xenstored-state", 0) };
	int err;

	if (writer.fd < 0)
		return -errno;
	sockets_hand_over(daemon, &head.inherited);
	if (daemon->domains)
		daemon->domains->hand_over(daemon, &head.inherited);
	err = writer_put(&writer, &head, sizeof(head));
	if (!err)
		err = store_dump(daemon->store, writer_put, &writer);
	if (!err)
		err = writer_flush(&writer);
	if (err) {
		close(writer.fd);
		return err;
	}
	return writer.fd;
}

/*
 * The command line of the next program: ours or the one that was set, plus `option` and its number.
 * One allocation.
 */
static char **next_arguments(struct store_daemon *daemon, char *option, char *number)
{
	const char *set = daemon->update_line ? daemon->update_line : "";
	const size_t room = (WORDS_MAX + 4) * sizeof(char *);
	char **words = calloc(1, room + strlen(set) + 1), *word, *rest;
	size_t count = 0;

	if (!words)
		return NULL;
	words[count++] = daemon->update_file ? daemon->update_file : daemon->argv[0];
	strcpy((char *)words + room, set);
	for (word = strtok_r((char *)words + room, " ", &rest); word && count < WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	for (int i = 1; !daemon->update_line && i < daemon->argc && count < WORDS_MAX; i++) {
		/* Not what an update before this one added. */
		if (!strcmp(daemon->argv[i], "--take-over"))
			i++;
		else
			words[count++] = daemon->argv[i];
	}
	words[count++] = option;
	words[count++] = number;
	return words;
}

static const char *next_program(const struct store_daemon *daemon)
{
	return daemon->update_file ? daemon->update_file : "/proc/self/exe";
}

/* The program that was asked has said something, or nothing in time: whoever waits is told. */
static void check_ended(struct store_daemon *daemon, struct source *source)
{
	int status = 0;

	close(source->fd);
	waitpid(daemon->checker, &status, 0);
	daemon->checker = 0;
	daemon->update_due = WIFEXITED(status) && WEXITSTATUS(status) == UPDATE_UNDERSTOOD;
	store_control_answer(daemon->store,
			     daemon->update_due ? "OK"
						: "the next program does not take the state over");
}

/* What asks the next program, in a child that gets the state and nothing else. */
static void check_child(struct store_daemon *daemon, int fd, char **words)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(CHECK_SECONDS);
	close_range(3, (unsigned int)fd - 1, CLOSE_RANGE_CLOEXEC);
	close_range((unsigned int)fd + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	execv(next_program(daemon), words);
	_exit(127);
}

/* Asks the next program whether it understands the state; others are served meanwhile. */
static int check_start(struct store_daemon *daemon, int fd)
{
	struct source *source = &daemon->check;
	char **words, number[16];
	int err;

	snprintf(number, sizeof(number), "%d", fd);
	words = next_arguments(daemon, "--check-state", number);
	if (!words)
		return -ENOMEM;
	daemon->checker = fork();
	if (!daemon->checker)
		check_child(daemon, fd, words);
	err = daemon->checker < 0 ? -errno : 0;
	free(words);
	if (err) {
		daemon->checker = 0;
		return err;
	}
	source->ready = check_ended;
	source->fd = (int)syscall(SYS_pidfd_open, daemon->checker, 0);
	err = source->fd < 0 ? -errno : source_watch(daemon, source);
	if (err) {
		kill(daemon->checker, SIGKILL);
		check_ended(daemon, source);
	}
	return err;
}

void update_now(struct store_daemon *daemon)
{
	int fd = save_state(daemon);
	char text[100], number[16];
	char **words;
	int err = fd;

	daemon->update_due = false;
	if (fd >= 0) {
		snprintf(number, sizeof(number), "%d", fd);
		words = next_arguments(daemon, "--take-over", number);
		err = -ENOMEM;
		if (words) {
			execv(next_program(daemon), words);
			err = -errno;
			free(words);
		}
		close(fd);
	}
	snprintf(text, sizeof(text), "live update failed: %s", strerror(-err));
	daemon_log(daemon, text);
}

static int replace(char **slot, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	free(*slot);
	*slot = copy;
	return 0;
}

/* Starts the update: it is done when the next program has been asked. */
static int update_start(struct store_daemon *daemon, char *answer, size_t room)
{
	int fd, err;

	if (daemon->checker) {
		snprintf(answer, room, "BUSY");
		return 0;
	}
	fd = save_state(daemon);
	err = fd;
	if (fd >= 0) {
		err = check_start(daemon, fd);
		close(fd);
	}
	if (!err)
		return -EINPROGRESS;
	snprintf(answer, room, "the next program can't be asked: %s", strerror(-err));
	return 0;
}

int update_control(struct store_daemon *daemon, const char *const *words, size_t count,
		   char *answer, size_t room)
{
	struct stat st;
	int err = 0;

	if (count < 2)
		return -EINVAL;
	snprintf(answer, room, "OK");
	if (!strcmp(words[1], "-f") && count == 3) {
		if (stat(words[2], &st) || !S_ISREG(st.st_mode) || access(words[2], X_OK))
			snprintf(answer, room, "%s is no program", words[2]);
		else
			err = replace(&daemon->update_file, words[2]);
	} else if (!strcmp(words[1], "-c") && count == 3) {
		err = replace(&daemon->update_line, words[2]);
	} else if (!strcmp(words[1], "-a") && count == 2) {
		replace(&daemon->update_file, NULL);
		replace(&daemon->update_line, NULL);
	} else if (!strcmp(words[1], "-s")) {
		/* -t and -F are about open transactions, which are simply carried over. */
		err = update_start(daemon, answer, room);
	} else {
		return -EINVAL;
	}
	return err;
}

/* Turns what a transport wrote about itself into a transport again. */
static int adopt(void *ctx, uint32_t domid, unsigned int flags, const void *saved, size_t len,
		 const struct conn_ops **ops, void **transport)
{
	struct store_daemon *daemon = ctx;
	const char *kind = saved;

	(void)flags;
	if (!len)
		return -EBADMSG;
	daemon->adopting = *kind;
	if (*kind == SAVED_SOCKET)
		return socket_adopt(daemon, saved, len, ops, transport);
	if (*kind == SAVED_DOMAIN && daemon->domains)
		return daemon->domains->adopt(daemon, domid, saved, len, ops, transport);
	return -EBADMSG;
}

static void adopted(void *ctx, void *transport, struct conn *conn)
{
	struct store_daemon *daemon = ctx;

	if (daemon->adopting == SAVED_SOCKET)
		socket_adopted(daemon, transport, conn);
	else
		daemon->domains->adopted(daemon, transport, conn);
}

/* While only checking no transport is touched. */
static int adopt_none(void *ctx, uint32_t domid, unsigned int flags, const void *saved, size_t len,
		      const struct conn_ops **ops, void **transport)
{
	(void)ctx;
	(void)domid;
	(void)flags;
	(void)saved;
	(void)len;
	(void)ops;
	(void)transport;
	return -EBADMSG;
}

static void adopted_none(void *ctx, void *transport, struct conn *conn)
{
	(void)ctx;
	(void)transport;
	(void)conn;
}

static int take_over_state(struct store_daemon *daemon, const char *state, size_t len)
{
	struct state_head head;
	int err;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, state, sizeof(head));
	if (head.magic != STATE_MAGIC || head.version != STATE_VERSION)
		return -EBADMSG;
	err = sockets_inherit(daemon, &head.inherited);
	if (!err && daemon->domains)
		err = daemon->domains->start(daemon, &head.inherited);
	if (err)
		return err;
	return store_restore(&daemon->host, state + sizeof(head), len - sizeof(head), adopt,
			     adopted, daemon, &daemon->store);
}

static int check_only(struct store_daemon *daemon, const char *state, size_t len)
{
	struct state_head head;
	struct store *store;
	int err;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, state, sizeof(head));
	if (head.magic != STATE_MAGIC || head.version != STATE_VERSION)
		return -EBADMSG;
	err = store_restore(&daemon->host, state + sizeof(head), len - sizeof(head), adopt_none,
			    adopted_none, daemon, &store);
	if (!err)
		store_destroy(store);
	return err;
}

int update_take_over(struct store_daemon *daemon, int fd, bool check)
{
	struct stat st;
	char *state;
	int err;

	if (fstat(fd, &st) || !st.st_size)
		return -EBADMSG;
	state = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (state == MAP_FAILED)
		return -errno;
	close(fd);
	if (check)
		err = check_only(daemon, state, (size_t)st.st_size);
	else
		err = take_over_state(daemon, state, (size_t)st.st_size);
	munmap(state, (size_t)st.st_size);
	return err;
}
