/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: options, start, the loop. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"

/* Turns between two looks at who else has something to say. */
#define TURNS_PER_ROUND 4

static volatile sig_atomic_t stop_signal;

static void on_stop(int number)
{
	stop_signal = number;
}

void daemon_log(void *ctx, const char *text)
{
	struct store_daemon *daemon = ctx;

	if (daemon->to_syslog)
		syslog(LOG_NOTICE, "%s", text);
	else
		fprintf(stderr, "xenstored: %s\n", text);
}

static void *host_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void host_free(void *ctx, void *memory, size_t size)
{
	(void)ctx;
	(void)size;
	free(memory);
}

static uint64_t host_now(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Numbers that clients can't guess before they have seen none: xorshift on a secret state. */
static uint32_t host_random(void *ctx)
{
	struct store_daemon *daemon = ctx;
	uint64_t x = daemon->random_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	daemon->random_state = x;
	return (uint32_t)(x >> 32);
}

static bool host_domain_exists(void *ctx, uint32_t domid)
{
	struct store_daemon *daemon = ctx;

	return !domid || (daemon->domains && daemon->domains->exists(daemon, domid));
}

static int host_introduce(void *ctx, uint32_t domid, uint64_t gfn, uint32_t port)
{
	struct store_daemon *daemon = ctx;

	if (!daemon->domains)
		return -ENOSYS;
	return daemon->domains->introduce(daemon, domid, gfn, port);
}

static int host_control(void *ctx, const char *const *words, size_t count, char *answer,
			size_t room)
{
	if (!strcmp(words[0], "live-update"))
		return update_control(ctx, words, count, answer, room);
	return -EINVAL;
}

static int source_control(struct store_daemon *daemon, int operation, struct source *source,
			  bool out)
{
	struct epoll_event event = { .events = source->edge ? EPOLLIN | EPOLLET : EPOLLIN,
				     .data.ptr = source };

	if (out)
		event.events |= EPOLLOUT;
	return epoll_ctl(daemon->epoll, operation, source->fd, &event) ? -errno : 0;
}

int source_watch(struct store_daemon *daemon, struct source *source)
{
	return source_control(daemon, EPOLL_CTL_ADD, source, false);
}

int source_modify(struct store_daemon *daemon, struct source *source, bool out)
{
	return source_control(daemon, EPOLL_CTL_MOD, source, out);
}

enum {
	OPT_PID_FILE = 256,
	OPT_RUN_DIR,
	OPT_TAKE_OVER,
	OPT_CHECK_STATE,
	OPT_IGNORED,
	OPT_IGNORED_ARG,
};

/* Long options of stock daemons are accepted; those that mean nothing here are ignored. */
static const struct option options[] = {
	{ "no-fork", no_argument, NULL, 'N' },
	{ "no-domain-init", no_argument, NULL, 'D' },
	{ "keep-orphans", no_argument, NULL, 'K' },
	{ "pid-file", required_argument, NULL, OPT_PID_FILE },
	{ "entry-nb", required_argument, NULL, 'E' },
	{ "entry-size", required_argument, NULL, 'S' },
	{ "perm-nb", required_argument, NULL, 'A' },
	{ "watch-nb", required_argument, NULL, 'W' },
	{ "transaction", required_argument, NULL, 't' },
	{ "path-max", required_argument, NULL, 'M' },
	{ "quota", required_argument, NULL, 'Q' },
	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
	{ "take-over", required_argument, NULL, OPT_TAKE_OVER },
	{ "check-state", required_argument, NULL, OPT_CHECK_STATE },
	{ "help", no_argument, NULL, 'h' },
	{ "internal-db", optional_argument, NULL, OPT_IGNORED },
	{ "verbose", no_argument, NULL, OPT_IGNORED },
	{ "trace-file", required_argument, NULL, OPT_IGNORED_ARG },
	{ "timeout", required_argument, NULL, OPT_IGNORED_ARG },
	{ "priv-domid", required_argument, NULL, OPT_IGNORED_ARG },
	{ "master-domid", required_argument, NULL, OPT_IGNORED_ARG },
	{ NULL, 0, NULL, 0 }
};

/* Limits from the command line, to be set once there is a store. */
struct limits {
	uint64_t value[QUOTA_COUNT];
	uint32_t set;
	bool keep_orphans;
};

static void usage(FILE *to)
{
	fputs("Usage: xenstored [options]\n"
	      "  -N, --no-fork            stay in the foreground, log to the error output\n"
	      "  -D, --no-domain-init     serve no domains, only sockets\n"
	      "  -K, --keep-orphans       keep nodes of destroyed domains, as Dom0's\n"
	      "  -Q, --quota NAME=VALUE   set a limit for each domain (xenstore-control quota)\n"
	      "  -E -S -A -W -t -M VALUE  set nodes, node-size, node-permissions, watches,\n"
	      "                           transactions, path-max\n"
	      "      --pid-file FILE      write the process id there\n"
	      "      --run-dir DIR        place of the sockets (default /run/xenstored)\n",
	      to);
}

static int set_limit(struct limits *limits, enum quota quota, const char *text)
{
	char *end;

	errno = 0;
	limits->value[quota] = strtoull(text, &end, 0);
	if (!*text || *end || errno)
		return -EINVAL;
	limits->set |= 1u << quota;
	return 0;
}

/* NAME=VALUE */
static int set_named_limit(struct limits *limits, char *text)
{
	char *value = strchr(text, '=');
	enum quota quota;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	if (store_quota_by_name(text, &quota))
		return -EINVAL;
	return set_limit(limits, quota, value);
}

/* The quota that a stock daemon sets with a letter. */
static bool quota_of_letter(int letter, enum quota *quota)
{
	static const char letters[] = "ESAWtM";
	static const enum quota quotas[] = { QUOTA_NODES,   QUOTA_NODE_SIZE,	QUOTA_PERMS,
					     QUOTA_WATCHES, QUOTA_TRANSACTIONS, QUOTA_PATH_LEN };
	const char *at = letter < 256 ? strchr(letters, letter) : NULL;

	if (at)
		*quota = quotas[at - letters];
	return at;
}

/* What the command line asks for besides the daemon's own settings. */
struct command_line {
	struct limits limits;
	int state_fd; /* a state to take over, or to check; -1: none */
	bool check;
	bool help;
};

static int parse_options(struct store_daemon *daemon, int argc, char **argv,
			 struct command_line *line)
{
	enum quota quota = QUOTA_COUNT;
	int option, err = 0;

	line->state_fd = -1;
	while (!err && (option = getopt_long(argc, argv, "NDKE:S:A:W:t:M:Q:hIRVT:w:", options,
					     NULL)) != -1) {
		if (quota_of_letter(option, &quota)) {
			err = set_limit(&line->limits, quota, optarg);
			continue;
		}
		switch (option) {
		case 'N':
			daemon->no_fork = true;
			break;
		case 'D':
			daemon->domains = NULL;
			break;
		case 'K':
			line->limits.keep_orphans = true;
			break;
		case 'Q':
			err = set_named_limit(&line->limits, optarg);
			break;
		case 'h':
			line->help = true;
			break;
		case OPT_PID_FILE:
			daemon->pid_file = optarg;
			break;
		case OPT_RUN_DIR:
			daemon->run_dir = optarg;
			break;
		case OPT_CHECK_STATE:
			line->check = true;
			/* fall through */
		case OPT_TAKE_OVER:
			line->state_fd = atoi(optarg);
			break;
		case '?':
			err = -EINVAL;
			break;
		default:
			break;
		}
	}
	return optind == argc ? err : -EINVAL;
}

static void apply_limits(struct store_daemon *daemon, const struct limits *limits)
{
	for (unsigned int i = 0; i < QUOTA_COUNT; i++)
		if (limits->set & (1u << i))
			store_set_quota(daemon->store, (enum quota)i, limits->value[i]);
	store_set_keep_orphans(daemon->store, limits->keep_orphans);
}

/* Begins with an empty store. */
static int start_fresh(struct store_daemon *daemon, const struct limits *limits)
{
	int err;

	err = store_create(&daemon->host, &daemon->store);
	if (err)
		return err;
	apply_limits(daemon, limits);
	err = sockets_listen(daemon);
	if (!err && daemon->domains)
		err = daemon->domains->start(daemon, NULL);
	return err;
}

static int write_pid(const char *path)
{
	FILE *file = fopen(path, "we");
	int err = 0;

	if (!file)
		return -errno;
	if (fprintf(file, "%d\n", (int)getpid()) < 0)
		err = -EIO;
	if (fclose(file) && !err)
		err = -errno;
	return err;
}

/* Goes on in a child; the parent ends when the child says, through *ready, how the start went. */
static int go_background(int *ready)
{
	int ends[2];
	char fine = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		close(ends[1]);
		_exit(read(ends[0], &fine, 1) == 1 && fine ? 0 : 1);
	}
	close(ends[0]);
	setsid();
	*ready = ends[1];
	return 0;
}

static void end_background_start(struct store_daemon *daemon, int ready)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	daemon->to_syslog = true;
	if (write(ready, "\1", 1) != 1)
		daemon_log(daemon, "nobody waits for the start");
	close(ready);
}

/* Signals that stop the daemon arrive only where it waits, so that none comes just before that. */
static void set_signals(sigset_t *waiting)
{
	struct sigaction stop = { .sa_handler = on_stop };
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, waiting);
	sigdelset(waiting, SIGTERM);
	sigdelset(waiting, SIGINT);

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* As many clients as the system lets us have. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void loop(struct store_daemon *daemon, const sigset_t *waiting)
{
	struct epoll_event events[64];
	bool more = true;
	int64_t wait;
	int count;

	while (!stop_signal) {
		wait = more ? 0 : store_wait(daemon->store);
		/* In whole milliseconds, and not too early. */
		count = epoll_pwait(daemon->epoll, events, 64,
				    wait > 0 ? (int)(wait / 1000) + 1 : (int)wait, waiting);
		for (int i = 0; i < count; i++) {
			struct source *source = events[i].data.ptr;

			source->ready(daemon, source);
		}
		more = true;
		for (int i = 0; more && i < TURNS_PER_ROUND; i++)
			more = store_run(daemon->store);
		sockets_bury(daemon);
		if (daemon->update_due)
			update_now(daemon);
	}
}

static int start(struct store_daemon *daemon, const struct command_line *line)
{
	int ready = -1, err = 0;

	if (!daemon->no_fork && line->state_fd < 0)
		err = go_background(&ready);
	daemon->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!err && daemon->epoll < 0)
		err = -errno;
	if (err)
		return err;
	if (line->state_fd >= 0) {
		daemon->to_syslog = !daemon->no_fork;
		return update_take_over(daemon, line->state_fd, false);
	}
	err = start_fresh(daemon, &line->limits);
	if (!err && daemon->pid_file)
		err = write_pid(daemon->pid_file);
	if (!err && ready >= 0)
		end_background_start(daemon, ready);
	return err;
}

int daemon_main(int argc, char **argv, const struct domains_backend *domains)
{
	struct store_daemon daemon = { .domains = domains, .argc = argc, .argv = argv };
	struct command_line line = { 0 };
	sigset_t waiting;
	const char *place = getenv("XENSTORED_RUNDIR");
	int err;

	daemon.run_dir = place ? place : "/run/xenstored";
	daemon.host =
		(struct store_host) { &daemon,	   host_alloc,	host_free,	    daemon_log,
				      host_now,	   host_random, host_domain_exists, host_introduce,
				      host_control };
	if (parse_options(&daemon, argc, argv, &line)) {
		usage(stderr);
		return 2;
	}
	if (line.help) {
		usage(stdout);
		return 0;
	}
	if (line.check)
		return update_take_over(&daemon, line.state_fd, true) ? 1 : UPDATE_UNDERSTOOD;
	if (getrandom(&daemon.random_state, sizeof(daemon.random_state), 0) < 0 ||
	    !daemon.random_state)
		daemon.random_state = 0x9e3779b97f4a7c15;
	set_signals(&waiting);
	raise_fd_limit();
	openlog("xenstored", LOG_PID, LOG_DAEMON);
	err = start(&daemon, &line);
	if (err) {
		fprintf(stderr, "xenstored: can't start: %s\n", strerror(-err));
		return 1;
	}
	loop(&daemon, &waiting);
	store_destroy(daemon.store);
	sockets_bury(&daemon);
	if (daemon.domains)
		daemon.domains->stop(&daemon);
	free(daemon.update_file);
	free(daemon.update_line);
	return 0;
}
