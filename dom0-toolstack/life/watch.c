/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watcher: waits for domains to stop and lets a child act on each. All it knows is in the
 * records, so it can be killed at any time; whoever uses the toolstack next starts it again.
 */
#include "life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Tests have another place. */
#ifndef LOG_FOLDER
#define LOG_FOLDER "/var/log/bulkhead"
#endif
#define LOG_MAX (1 << 20) /* bytes; then there is a new one, and the old one is kept */
#define PROGRAM "bulkhead-watchd"
/* Where the build installs it. */
#ifndef PROGRAM_PATH
#define PROGRAM_PATH "/usr/libexec/bulkhead/" PROGRAM
#endif
/* Tests have less time. */
#ifndef RETRY_MS
#define RETRY_MS 1000
#endif
#define CHILDREN_MAX  16
#define LOCK_TRIES    10
#define LOCK_PAUSE_MS 20

struct child {
	pid_t pid;	  /* 0: none */
	int64_t again_ms; /* one that failed is not followed by another before this time */
	uint8_t uuid[HYPER_UUID_BYTES];
};

struct watcher {
	struct life life;
	int lock;
	struct child children[CHILDREN_MAX];
};

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[640];
	va_list args;
	size_t n;

	localtime_r(&now, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S ", &tm);
	va_start(args, fmt);
	vsnprintf(text + n, sizeof(text) - n - 1, fmt, args);
	va_end(args);
	n = strlen(text);
	text[n] = '\n';
	(void)!write(STDERR_FILENO, text, n + 1);
}

static void open_log(void)
{
	char path[PATH_MAX], old[PATH_MAX];
	struct stat st;
	int fd;

	(void)!mkdir(LOG_FOLDER, 0755);
	snprintf(path, sizeof(path), "%s/watch.log", LOG_FOLDER);
	snprintf(old, sizeof(old), "%s/watch.log.1", LOG_FOLDER);
	if (!stat(path, &st) && st.st_size > LOG_MAX)
		rename(path, old);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* The daemon's log, when it has become long, makes place for a new one. */
static void renew_log(void)
{
	char path[PATH_MAX];
	struct stat ours, st;

	snprintf(path, sizeof(path), "%s/watch.log", LOG_FOLDER);
	if (!fstat(STDERR_FILENO, &ours) && ours.st_size > LOG_MAX && !stat(path, &st) &&
	    st.st_ino == ours.st_ino && st.st_dev == ours.st_dev)
		open_log();
}

static int open_lock(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/watch.lock", life_run_directory());
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/*
 * Takes the lock; tries for a moment, because whoever only looks whether a watcher runs takes it as
 * well.
 */
static int take_lock(struct error *err)
{
	int lock = open_lock();

	if (lock < 0)
		return error_errno(err, -errno, "cannot open the watcher's lock");
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(lock, LOCK_EX | LOCK_NB))
			return lock;
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	close(lock);
	return error_set(err, -EBUSY, "the watcher runs already");
}

/* What the child that acts on one record does. */
static int act(const uint8_t uuid[HYPER_UUID_BYTES])
{
	struct life life = { 0 };
	struct record record;
	struct error err = { 0 };
	char text[37];
	int rc;

	domain_uuid_format(uuid, text);
	record_empty(&record);
	/* Whoever else changes this guest is waited for. */
	rc = record_lock(&record, uuid, true);
	if (!rc)
		rc = record_load(&record, uuid);
	if (rc == -ENOENT) {
		/* Done meanwhile. The lock file was made just now. */
		record_remove(&record);
		record_free(&record);
		return 0;
	}
	if (!rc)
		rc = hyper_open(&life.hyper);
	if (!rc)
		rc = xs_client_open(&life.store);
	if (rc) {
		say("%s: cannot act: %s", text, strerror(-rc));
	} else {
		char *name = strdup(record.config.name ? record.config.name : text);

		rc = life_act(&life, &record, &err);
		if (rc)
			say("%s: %s", name ? name : text, err.text);
		else
			say("%s: done, domain %u", name ? name : text, record.domid);
		free(name);
	}
	xs_client_close(life.store);
	hyper_close(life.hyper);
	record_free(&record);
	return rc ? 1 : 0;
}

/* True while a child works on it, or has just failed to. */
static bool has_child(const struct watcher *w, const uint8_t *uuid)
{
	for (int i = 0; i < CHILDREN_MAX; i++) {
		const struct child *c = &w->children[i];

		if (!memcmp(c->uuid, uuid, HYPER_UUID_BYTES) &&
		    (c->pid || c->again_ms > life_now_ms()))
			return true;
	}
	return false;
}

static void start_child(struct watcher *w, const uint8_t *uuid)
{
	struct child *c = NULL;

	for (int i = 0; i < CHILDREN_MAX; i++) {
		/* The one that was free the longest. */
		if (!w->children[i].pid && (!c || w->children[i].again_ms < c->again_ms))
			c = &w->children[i];
	}
	if (!c)
		return;
	c->pid = fork();
	if (!c->pid) {
		sigset_t none;

		/* A child that outlives the watcher must not keep a new one from starting. */
		close(w->lock);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(act(uuid));
	}
	c->pid = c->pid < 0 ? 0 : c->pid;
	memcpy(c->uuid, uuid, HYPER_UUID_BYTES);
}

static void reap(struct watcher *w)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < CHILDREN_MAX; i++) {
			struct child *c = &w->children[i];

			if (c->pid != pid)
				continue;
			c->pid = 0;
			c->again_ms = status ? life_now_ms() + RETRY_MS : 0;
		}
		if (WIFSIGNALED(status))
			say("a child was stopped by signal %d", WTERMSIG(status));
	}
}

static bool needs_action(struct watcher *w, const struct record *record)
{
	struct domain_info info;
	int rc;

	if (!record->watch)
		return false;
	if (record->state == RECORD_RESTARTING)
		return true;
	if (record->state != RECORD_RUNNING)
		return false;
	rc = hyper_domain_info(w->life.hyper, record->domid, &info);
	if (rc == -ESRCH)
		return true;
	if (rc)
		return false;
	if (info.dying || memcmp(info.uuid, record->uuid, HYPER_UUID_BYTES))
		return true;
	return info.shutdown && info.shutdown_reason != SHUTDOWN_REASON_SUSPEND;
}

/* Looks at all records. Returns how many still need something. */
static int scan(struct watcher *w)
{
	uint8_t(*uuids)[HYPER_UUID_BYTES];
	int n = record_list(&uuids), waiting = 0;

	for (int i = 0; i < n; i++) {
		struct record record;

		record_empty(&record);
		if (!record_load(&record, uuids[i]) && needs_action(w, &record)) {
			if (!has_child(w, uuids[i]))
				start_child(w, uuids[i]);
			waiting++;
		}
		record_free(&record);
	}
	free(uuids);
	return waiting;
}

static bool children_left(const struct watcher *w)
{
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (w->children[i].pid)
			return true;
	return false;
}

static void on_child(int signal)
{
	(void)signal; /* its arrival ends the wait */
}

static void connect_store(struct watcher *w)
{
	int rc;

	while ((rc = xs_client_open(&w->life.store)) ||
	       (rc = xs_client_watch(w->life.store, "@releaseDomain", "watch"))) {
		xs_client_close(w->life.store);
		w->life.store = NULL;
		poll(NULL, 0, RETRY_MS);
	}
}

/* Takes all events that have come; -EIO: the store went away. */
static int drain(struct watcher *w)
{
	char *path, *token;
	int rc;

	while (!(rc = xs_client_next_event(w->life.store, 0, &path, &token)))
		free(path);
	return rc == -EAGAIN ? 0 : rc;
}

static void loop(struct watcher *w, bool once)
{
	sigset_t unblocked;

	sigprocmask(SIG_SETMASK, NULL, &unblocked);
	sigdelset(&unblocked, SIGCHLD);
	for (;;) {
		struct timespec retry = { RETRY_MS / 1000, RETRY_MS % 1000 * 1000000 };
		struct pollfd p = { .events = POLLIN };
		int waiting;

		if (drain(w)) {
			say("the store went away; connecting again");
			xs_client_close(w->life.store);
			connect_store(w);
		}
		waiting = scan(w);
		if (once && !waiting && !children_left(w))
			return;
		p.fd = xs_client_fd(w->life.store);
		ppoll(&p, 1, waiting || children_left(w) ? &retry : NULL, &unblocked);
		reap(w);
		renew_log();
	}
}

int life_watch_run(bool once, struct error *err)
{
	struct sigaction action = { .sa_handler = on_child };
	struct watcher w = { 0 };
	sigset_t blocked;
	int rc;

	rc = record_init(err);
	if (rc)
		return rc;
	w.lock = take_lock(err);
	if (w.lock < 0)
		return w.lock;
	rc = hyper_open(&w.life.hyper);
	if (rc) {
		close(w.lock);
		return error_errno(err, rc, "cannot open /dev/xen/privcmd");
	}
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	connect_store(&w);
	loop(&w, once);
	xs_client_close(w.life.store);
	hyper_close(w.life.hyper);
	close(w.lock);
	return 0;
}

/* The daemon's process: detached, with nothing of the caller's. Never returns. */
static void become_daemon(void)
{
	char self[PATH_MAX], path[PATH_MAX + sizeof(PROGRAM) + 1];
	int null = open("/dev/null", O_RDWR);
	ssize_t n;

	setsid();
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	open_log();
	close_range(3, ~0u, 0);
	(void)!chdir("/");
	signal(SIGHUP, SIG_IGN);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		snprintf(path, sizeof(path), "%s/%s", dirname(self), PROGRAM);
		execl(path, PROGRAM, (char *)NULL);
	}
	execl(PROGRAM_PATH, PROGRAM, (char *)NULL);
	/* Not installed apart: this program has all that is needed. */
	_exit(life_watch_run(false, NULL) ? 1 : 0);
}

int life_watch_start(struct error *err)
{
	int lock = open_lock();
	pid_t pid;

	if (lock < 0)
		return error_errno(err, -errno, "cannot open the watcher's lock");
	if (flock(lock, LOCK_EX | LOCK_NB)) {
		close(lock);
		return 0; /* runs */
	}
	close(lock);
	pid = fork();
	if (pid < 0)
		return error_errno(err, -errno, "cannot start the watcher");
	if (!pid) {
		/* Twice, so that it is nobody's child. */
		if (fork())
			_exit(0);
		become_daemon();
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
