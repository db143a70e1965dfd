/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console daemon: maps each guest's console page, logs what it writes, and joins viewers to it.
 *
 * A guest that floods is stopped by its own ring: its event channel stays masked, and its page
 * unread, until the next second's allowance. Killing the daemon loses nothing: pages are mapped
 * and channels bound again from the store's entries.
 */
#include "console/console.h"
#include "console/log.h"
#include "console/ring.h"
#include "local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/console.h>

#include "xsclient/xsclient.h"

#define MAX_GUESTS    512
#define MAX_VIEWERS   64
#define VIEWER_BUFFER 16384
#define EVENT_COST    32 /* an event's part of the allowance: it is work also without output */
/* Tests have another place. */
#ifndef LOG_PARENT
#define LOG_PARENT "/var/log/xen"
#endif
#define LOG_FOLDER LOG_PARENT "/console"

struct guest {
	uint16_t domid;
	struct xencons_interface *ring;
	bool granted; /* mapped by grant, not as foreign memory */
	xenevtchn_handle *events;
	xenevtchn_port_or_error_t port;
	bool masked; /* over its allowance: an event waits to be unmasked */
	struct log log;
};

struct viewer {
	int fd;
	struct guest *guest; /* NULL: has not said which yet */
	char line[32];
	size_t line_length;
	unsigned long attached; /* order of attaching: the lowest of a guest writes */
	char *held;		/* output that the viewer has not taken yet */
	size_t n_held;
};

static struct guest *guests[MAX_GUESTS];
static struct viewer *viewers[MAX_VIEWERS];
static unsigned int n_guests, n_viewers;
static unsigned long attach_count;
static struct xs_client *store;
static xengnttab_handle *grants;
static xenforeignmemory_handle *foreign;
static volatile sig_atomic_t stopping;

static int64_t now_second(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ---- viewers ---- */

static void viewer_close(unsigned int i)
{
	struct viewer *v = viewers[i];

	close(v->fd);
	free(v->held);
	free(v);
	viewers[i] = viewers[--n_viewers];
}

static void viewer_flush(struct viewer *v)
{
	ssize_t done = send(v->fd, v->held, v->n_held, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (done > 0) {
		memmove(v->held, v->held + done, v->n_held - (size_t)done);
		v->n_held -= (size_t)done;
	}
}

/* A viewer that does not read loses output beyond its buffer. */
static void viewers_send(const struct guest *g, const char *data, size_t n)
{
	for (unsigned int i = 0; i < n_viewers; i++) {
		struct viewer *v = viewers[i];
		size_t fits = VIEWER_BUFFER - v->n_held;

		if (v->guest != g)
			continue;
		fits = n < fits ? n : fits;
		memcpy(v->held + v->n_held, data, fits);
		v->n_held += fits;
		viewer_flush(v);
	}
}

static bool is_writer(const struct viewer *v)
{
	for (unsigned int i = 0; i < n_viewers; i++)
		if (viewers[i]->guest == v->guest && viewers[i]->attached < v->attached)
			return false;
	return true;
}

static void guest_add(uint16_t domid);

static struct guest *guest_find(unsigned int domid)
{
	for (unsigned int i = 0; i < n_guests; i++)
		if (guests[i]->domid == domid)
			return guests[i];
	return NULL;
}

/*
 * The first line names the guest; a byte says that it is known. False: the viewer has to go. A guest
 * made just now may not have been seen yet.
 */
static bool viewer_attach(struct viewer *v, char c)
{
	unsigned int domid;

	if (c != '\n') {
		if (v->line_length + 1 >= sizeof(v->line))
			return false;
		v->line[v->line_length++] = c;
		return true;
	}
	if (sscanf(v->line, "attach %u", &domid) != 1)
		return false;
	v->guest = guest_find(domid);
	if (!v->guest && domid < DOMID_FIRST_RESERVED &&
	    xs_client_is_introduced(store, domid) == 1) {
		guest_add((uint16_t)domid);
		v->guest = guest_find(domid);
	}
	v->attached = attach_count++;
	if (v->guest) {
		v->held[v->n_held++] = CONSOLE_ATTACHED;
		viewer_flush(v);
	}
	return v->guest;
}

static bool viewer_read(struct viewer *v)
{
	char buf[1024];
	ssize_t n = recv(v->fd, buf, sizeof(buf), MSG_DONTWAIT), at = 0;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	while (at < n && !v->guest)
		if (!viewer_attach(v, buf[at++]))
			return false;
	/* What does not fit into the guest's ring is lost, as on a serial line. */
	if (at < n && is_writer(v) && ring_put_input(v->guest->ring, buf + at, (size_t)(n - at)))
		xenevtchn_notify(v->guest->events, (evtchn_port_t)v->guest->port);
	return true;
}

static void viewer_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct viewer *v = fd >= 0 && n_viewers < MAX_VIEWERS ? calloc(1, sizeof(*v)) : NULL;

	if (v)
		v->held = malloc(VIEWER_BUFFER);
	if (!v || !v->held) {
		free(v);
		if (fd >= 0)
			close(fd);
		return;
	}
	v->fd = fd;
	viewers[n_viewers++] = v;
}

/* ---- guests ---- */

static void guest_free(struct guest *g)
{
	for (unsigned int i = n_viewers; i-- > 0;)
		if (viewers[i]->guest == g)
			viewer_close(i);
	if (g->events)
		xenevtchn_close(g->events);
	if (g->ring && g->granted)
		xengnttab_unmap(grants, g->ring, 1);
	else if (g->ring)
		xenforeignmemory_unmap(foreign, g->ring, 1);
	log_close(&g->log);
	free(g);
}

static int read_number(uint16_t domid, const char *node, uint64_t *value)
{
	char path[80];

	snprintf(path, sizeof(path), "/local/domain/%u/console/%s", domid, node);
	return xs_client_read_u64(store, XS_CLIENT_NO_TX, path, value);
}

/* The builder grants the page to Dom0 at a fixed reference; the frame's number is the older way. */
static void map_ring(struct guest *g, uint64_t gfn)
{
	xen_pfn_t pfn = gfn;
	int failed = 0;

	g->ring = xengnttab_map_grant_ref(grants, g->domid, GNTTAB_RESERVED_CONSOLE,
					  PROT_READ | PROT_WRITE);
	g->granted = g->ring;
	if (!g->ring)
		g->ring = xenforeignmemory_map(foreign, g->domid, PROT_READ | PROT_WRITE, 1, &pfn,
					       &failed);
	if (failed && g->ring) {
		xenforeignmemory_unmap(foreign, g->ring, 1);
		g->ring = NULL;
	}
}

static bool bind_channel(struct guest *g, uint64_t port)
{
	g->events = xenevtchn_open(NULL, 0);
	if (!g->events)
		return false;
	g->port = xenevtchn_bind_interdomain(g->events, g->domid, (evtchn_port_t)port);
	return g->port >= 0;
}

static void open_log(struct guest *g)
{
	char path[64], *name = NULL, number[16];

	snprintf(path, sizeof(path), "/local/domain/%u/name", g->domid);
	snprintf(number, sizeof(number), "%u", g->domid);
	if (xs_client_read(store, XS_CLIENT_NO_TX, path, &name, NULL))
		name = NULL;
	log_open(&g->log, LOG_FOLDER, name && *name ? name : number);
	free(name);
}

static void guest_add(uint16_t domid)
{
	uint64_t gfn, port;
	struct guest *g;

	if (guest_find(domid) || n_guests == MAX_GUESTS || read_number(domid, "ring-ref", &gfn) ||
	    read_number(domid, "port", &port))
		return;
	g = calloc(1, sizeof(*g));
	if (!g)
		return;
	g->domid = domid;
	g->log.fd = -1;
	map_ring(g, gfn);
	if (!g->ring || !bind_channel(g, port)) {
		guest_free(g);
		return;
	}
	open_log(g);
	guests[n_guests++] = g;
}

/*
 * Guests that the store has released are let go: what is mapped of them keeps a dead domain's
 * record. New ones are taken up.
 */
static void guests_scan(void)
{
	char **names;
	size_t n;

	for (unsigned int i = n_guests; i-- > 0;) {
		if (xs_client_is_introduced(store, guests[i]->domid) == 1)
			continue;
		guest_free(guests[i]);
		guests[i] = guests[--n_guests];
	}
	if (xs_client_directory(store, XS_CLIENT_NO_TX, "/local/domain", &names, &n))
		return;
	for (size_t k = 0; k < n; k++) {
		int domid = atoi(names[k]);

		if (domid > 0 && xs_client_is_introduced(store, (uint32_t)domid) == 1)
			guest_add((uint16_t)domid);
	}
	free(names);
}

/* Moves output as far as the allowance goes; then the channel stays masked until the next second. */
static void guest_serve(struct guest *g)
{
	char buf[2048];
	size_t n, allowed = log_allowance(&g->log, now_second());

	while (allowed &&
	       (n = ring_take_output(g->ring, buf, allowed < sizeof(buf) ? allowed : sizeof(buf))) >
		       0) {
		log_write(&g->log, buf, n);
		viewers_send(g, buf, n);
		allowed -= n;
		xenevtchn_notify(g->events, (evtchn_port_t)g->port);
	}
	if (allowed && g->masked) {
		g->masked = false;
		xenevtchn_unmask(g->events, (evtchn_port_t)g->port);
	}
}

static void guest_event(struct guest *g)
{
	if (xenevtchn_pending(g->events) < 0)
		return;
	g->masked = true;
	log_charge(&g->log, EVENT_COST);
	guest_serve(g);
}

/* ---- the loop ---- */

/* Takes the events that wait: how many, or a negative errno when the store went away. */
static int store_events(void)
{
	char *path, *token;
	int n = 0, rc;

	while (!(rc = xs_client_next_event(store, 0, &path, &token))) {
		free(path);
		n++;
	}
	return rc == -EAGAIN ? n : rc;
}

/*
 * Events may come in while the store is asked, and are then in the client's queue, where poll() does
 * not see them. 0, or a negative errno.
 */
static int follow_store(void)
{
	int n;

	while ((n = store_events()) > 0)
		guests_scan();
	return n;
}

/*
 * One round: waits, then serves whatever is ready. What the store says waits for the next one.
 * Signals come in while it waits, only. Negative errno: the store went away.
 */
static int serve(int listener)
{
	static struct pollfd p[2 + MAX_GUESTS + MAX_VIEWERS];
	static struct guest *polled[MAX_GUESTS];
	unsigned int n = 0, g_count, v_count;
	bool waiting = false;
	struct timespec soon = { .tv_nsec = 100000000 };
	sigset_t none;
	int rc = follow_store();

	if (rc)
		return rc;
	g_count = n_guests;
	v_count = n_viewers;

	p[n++] = (struct pollfd) { .fd = listener, .events = POLLIN };
	p[n++] = (struct pollfd) { .fd = xs_client_fd(store), .events = POLLIN };
	for (unsigned int i = 0; i < g_count; i++) {
		polled[i] = guests[i];
		waiting = waiting || guests[i]->masked;
		p[n++] =
			(struct pollfd) { .fd = xenevtchn_fd(guests[i]->events), .events = POLLIN };
	}
	for (unsigned int i = 0; i < v_count; i++)
		p[n++] = (struct pollfd) { .fd = viewers[i]->fd,
					   .events = (short)(POLLIN |
							     (viewers[i]->n_held ? POLLOUT : 0)) };
	sigemptyset(&none);
	if (ppoll(p, n, waiting ? &soon : NULL, &none) < 0)
		return 0;
	for (unsigned int i = v_count; i-- > 0;) {
		short what = p[2 + g_count + i].revents;

		if (what & POLLOUT)
			viewer_flush(viewers[i]);
		if ((what & (POLLIN | POLLHUP | POLLERR)) && !viewer_read(viewers[i]))
			viewer_close(i);
	}
	for (unsigned int i = 0; i < g_count; i++) {
		if (p[2 + i].revents)
			guest_event(polled[i]);
		else if (polled[i]->masked)
			guest_serve(polled[i]);
	}
	if (p[0].revents)
		viewer_accept(listener);
	return 0;
}

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
}

static void write_pid(const char *path)
{
	FILE *f = path ? fopen(path, "we") : NULL;

	if (f) {
		fprintf(f, "%d\n", getpid());
		fclose(f);
	}
}

/* Arguments as the stock daemon takes them; most of them have no meaning here. */
static const char *parse(int argc, char **argv, bool *foreground)
{
	static const struct option options[] = {
		{ "pid-file", required_argument, NULL, 'p' },
		{ "interactive", no_argument, NULL, 'i' },
		{ "log", required_argument, NULL, 'x' },
		{ "log-dir", required_argument, NULL, 'x' },
		{ "timestamp", required_argument, NULL, 'x' },
		{ "verbose", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *pid_file = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "ihv", options, NULL)) != -1) {
		if (option == 'p')
			pid_file = optarg;
		else if (option == 'i')
			*foreground = true;
		else if (option == 'h' || option == '?') {
			printf("Usage: xenconsoled [--interactive] [--pid-file=FILE]\n"
			       "Logs guests' consoles to %s and serves `xl console`.\n",
			       LOG_FOLDER);
			exit(option == 'h' ? EXIT_SUCCESS : 2);
		}
	}
	return pid_file;
}

/*
 * Goes on in a child, and returns what to write to when that serves; the parent ends then, or when the
 * child has ended. -1: can't.
 */
static int go_background(void)
{
	int ends[2];
	char fine;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid > 0) {
		close(ends[1]);
		_exit(read(ends[0], &fine, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	close(ends[0]);
	setsid();
	return pid < 0 ? -1 : ends[1];
}

static void end_background_start(int ready)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)!chdir("/");
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	close(null);
	(void)!write(ready, "", 1); /* nobody may wait any more */
	close(ready);
}

/* What the daemon stands on; 0 or a negative errno. */
static int open_handles(void)
{
	int rc;

	grants = xengnttab_open(NULL, 0);
	foreign = xenforeignmemory_open(NULL, 0);
	rc = grants && foreign ? xs_client_open(&store) : -ENODEV;
	if (!rc)
		rc = xs_client_watch(store, "@introduceDomain", "in");
	if (!rc)
		rc = xs_client_watch(store, "@releaseDomain", "out");
	return rc;
}

static void set_signals(void)
{
	sigset_t blocked;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, stop);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
}

int main(int argc, char **argv)
{
	bool foreground = false;
	const char *pid_file = parse(argc, argv, &foreground);
	int listener, rc, ready = foreground ? -1 : go_background();

	if (!foreground && ready < 0) {
		perror("xenconsoled: can't go into the background");
		return EXIT_FAILURE;
	}
	set_signals();
	rc = open_handles();
	if (rc) {
		fprintf(stderr, "xenconsoled: can't reach the store or the hypervisor: %s\n",
			strerror(-rc));
		return EXIT_FAILURE;
	}
	if (mkdir(LOG_PARENT, 0755) && errno != EEXIST)
		perror("xenconsoled: " LOG_PARENT);
	mkdir(LOG_FOLDER, 0700);
	mkdir(CONSOLE_FOLDER, 0700);
	umask(077);
	listener = local_listen(CONSOLE_SOCKET, 0600);
	if (listener < 0) {
		fprintf(stderr, "xenconsoled: " CONSOLE_SOCKET ": %s\n", strerror(-listener));
		return EXIT_FAILURE;
	}
	guests_scan();
	write_pid(pid_file);
	if (ready >= 0)
		end_background_start(ready);
	while (!stopping && !rc)
		rc = serve(listener);
	unlink(CONSOLE_SOCKET);
	/* The next daemon finds everything again in the store's entries. */
	if (rc)
		fprintf(stderr, "xenconsoled: the store went away: %s\n", strerror(-rc));
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
