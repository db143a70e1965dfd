/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console daemon over fakes of store, grants and event channels: several viewers and one
 * writer, floods, guests that come and go, a restart. REQ toolstack/console.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>

/* Its log goes to the test's folder; its main() and signal handler are not called. */
static char log_folder[] = "/tmp/test_console_daemon.XXXXXX";
#define LOG_FOLDER log_folder
#define main	   console_main
#include "../../dom0-toolstack/console/daemon.c"
#undef main

#define GUESTS 4

static struct fake {
	bool introduced, by_grant;
	struct xencons_interface ring;
	int events[2]; /* a byte for each event that waits */
	unsigned int notified, unmasked, unmapped;
} fakes[GUESTS];
static int store_event[2], listener;
static unsigned int queued;	  /* events that the client has read already */
static bool released_during_scan; /* guest 1 goes while the daemon asks the store */

struct xenevtchn_handle {
	struct fake *fake;
};

/* ---- fakes ---- */

static struct fake *fake_of(const char *path)
{
	unsigned int domid = 0;

	return sscanf(path, "/local/domain/%u/", &domid) == 1 && domid < GUESTS ? &fakes[domid]
										: NULL;
}

int xs_client_read_u64(struct xs_client *c, xs_client_tx_t tx, const char *path, uint64_t *value)
{
	struct fake *f = fake_of(path);

	*value = f ? (uint64_t)(f - fakes) : 0;
	return f ? 0 : -ENOENT;
}

int xs_client_read(struct xs_client *c, xs_client_tx_t tx, const char *path, char **value,
		   size_t *len)
{
	*value = strdup(strstr(path, "/1/") ? "web/../x" : "");
	return strstr(path, "/3/") ? (free(*value), -ENOENT) : 0;
}

int xs_client_directory(struct xs_client *c, xs_client_tx_t tx, const char *path, char ***names,
			size_t *count)
{
	static const char *const all[GUESTS] = { "0", "1", "2", "3" };

	if (released_during_scan) {
		released_during_scan = false;
		fakes[1].introduced = false;
		queued++;
	}
	*names = malloc(sizeof(all));
	memcpy(*names, all, sizeof(all));
	*count = GUESTS;
	return 0;
}

int xs_client_is_introduced(struct xs_client *c, uint32_t domid)
{
	return domid < GUESTS && fakes[domid].introduced;
}

int xs_client_fd(const struct xs_client *c)
{
	return store_event[0];
}

int xs_client_next_event(struct xs_client *c, int timeout, char **path, char **token)
{
	char byte;

	if (queued)
		queued--;
	else if (read(store_event[0], &byte, 1) != 1)
		return -EAGAIN;
	*path = strdup("@releaseDomain");
	return 0;
}

int xs_client_open(struct xs_client **c)
{
	return -ENODEV;
}

int xs_client_watch(struct xs_client *c, const char *path, const char *token)
{
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t domid, uint32_t ref, int prot)
{
	return fakes[domid].by_grant ? &fakes[domid].ring : NULL;
}

int xengnttab_unmap(xengnttab_handle *h, void *page, uint32_t count)
{
	for (int i = 0; i < GUESTS; i++)
		fakes[i].unmapped += page == &fakes[i].ring;
	return 0;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return NULL;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return NULL;
}

void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t domid, int prot, size_t pages,
			   const xen_pfn_t pfns[], int errors[])
{
	errors[0] = domid == 3 ? -EINVAL : 0;
	return &fakes[domid].ring;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *page, size_t pages)
{
	return xengnttab_unmap(NULL, page, 1);
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return calloc(1, sizeof(xenevtchn_handle));
}

int xenevtchn_close(xenevtchn_handle *h)
{
	free(h);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *h)
{
	return h->fake->events[0];
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid,
						     evtchn_port_t port)
{
	h->fake = &fakes[domid];
	return (int)port + 10;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
	char byte;

	return read(h->fake->events[0], &byte, 1) == 1 ? 1 : -1;
}

int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	h->fake->unmasked++;
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
	h->fake->notified++;
	return 0;
}

/* ---- what guests and viewers do ---- */

static void event(const int pipe[2])
{
	assert_int_equal(write(pipe[1], "e", 1), 1);
}

/* One round of the daemon's loop, which always has something to do. */
static void rounds(int n)
{
	while (n-- > 0) {
		/* So that poll() returns, whichever guest is there. */
		event(fakes[1].events);
		event(fakes[2].events);
		serve(listener);
	}
}

static void guest_says(unsigned int domid, const char *text)
{
	struct xencons_interface *ring = &fakes[domid].ring;

	for (; *text; text++)
		ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = *text;
	event(fakes[domid].events);
	rounds(2);
}

static void guest_floods(unsigned int domid)
{
	struct xencons_interface *ring = &fakes[domid].ring;

	memset(ring->out, 'f', sizeof(ring->out));
	ring->out_prod = ring->out_cons + sizeof(ring->out);
	event(fakes[domid].events);
	rounds(1);
}

static const char *guest_hears(unsigned int domid)
{
	struct xencons_interface *ring = &fakes[domid].ring;
	static char text[sizeof(ring->in) + 1];
	size_t n = 0;

	while (ring->in_cons != ring->in_prod)
		text[n++] = ring->in[MASK_XENCONS_IDX(ring->in_cons++, ring->in)];
	text[n] = '\0';
	return text;
}

/* A viewer that has said `line`. */
static int view(const char *line)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(at);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &length), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, length), 0);
	assert_int_equal(write(fd, line, strlen(line)), (ssize_t)strlen(line));
	rounds(3);
	return fd;
}

/* What a viewer has got; "closed" when its connection has ended. */
static const char *seen(int fd)
{
	static char text[VIEWER_BUFFER * 4];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return "closed";
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void type(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	rounds(2);
}

static int setup(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	memset(fakes, 0, sizeof(fakes));
	for (int i = 0; i < GUESTS; i++)
		if (pipe2(fakes[i].events, O_NONBLOCK))
			return -1;
	if (pipe2(store_event, O_NONBLOCK))
		return -1;
	fakes[1].introduced = fakes[2].introduced = true;
	fakes[1].by_grant = true;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	/* A name of the kernel's choice. */
	if (bind(listener, (struct sockaddr *)&at, sizeof(sa_family_t)) || listen(listener, 16))
		return -1;
	guests_scan();
	return n_guests == 2 ? 0 : -1;
}

static int teardown(void **state)
{
	while (n_viewers)
		viewer_close(0);
	while (n_guests) {
		guest_free(guests[0]);
		guests[0] = guests[--n_guests];
	}
	for (int i = 0; i < GUESTS; i++) {
		close(fakes[i].events[0]);
		close(fakes[i].events[1]);
	}
	close(store_event[0]);
	close(store_event[1]);
	close(listener);
	return 0;
}

static void all_see_and_one_writes(void **state)
{
	int first = view("attach 1\n"), second = view("attach 1\n"), other = view("attach 2\n");

	assert_string_equal(seen(first), "\n"); /* attached */
	assert_string_equal(seen(second), "\n");
	assert_string_equal(seen(other), "\n");
	guest_says(1, "hello");
	assert_string_equal(seen(first), "hello");
	assert_string_equal(seen(second), "hello");
	assert_string_equal(seen(other), "");
	type(first, "one");
	type(second, "two");
	assert_string_equal(guest_hears(1), "one");
	assert_string_equal(guest_hears(2), "");
	/* The writer leaves: the next one takes its place. */
	close(first);
	rounds(2);
	type(second, "three");
	assert_string_equal(guest_hears(1), "three");
	assert_true(fakes[1].notified > 0);
	close(second);
	close(other);
}

static void input_behind_the_line_counts(void **state)
{
	int fd = view("attach 1\nls\n");

	assert_string_equal(guest_hears(1), "ls\n");
	close(fd);
}

static void wrong_lines_are_sent_away(void **state)
{
	static const char *const lines[] = {
		"attach 3\n", "attach 9\n", "attach 99999\n",
		"attach x\n", "\n",	    "attach 000000000000000000000000000000000001",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int fd = view(lines[i]);

		assert_string_equal(seen(fd), "closed");
		close(fd);
	}
	assert_int_equal(n_viewers, 0);
}

/* A guest made just now is found although the store's event has not been seen. */
static void a_new_guest_can_be_viewed_at_once(void **state)
{
	int fd;

	fakes[0].introduced = true; /* its number stands for any */
	fd = view("attach 0\n");
	assert_string_equal(seen(fd), "\n");
	close(fd);
	fakes[3].introduced = true; /* its page can't be mapped */
	fd = view("attach 3\n");
	assert_string_equal(seen(fd), "closed");
	assert_int_equal(fakes[3].unmapped, 1);
	close(fd);
}

static void a_flood_waits_for_the_next_second(void **state)
{
	struct guest *g = guest_find(1);
	size_t before;

	/* Each time as much as the ring holds: more than a second's allowance in all. */
	g->log.second = now_second() + 1000;
	for (int i = 0; i < 2; i++) {
		for (size_t n = 0; n < 2 * LOG_RATE / sizeof(g->ring->out); n++)
			guest_floods(1);
		/* The clock moved on by itself at most once. */
		assert_true(g->log.spent <= LOG_RATE);
	}
	before = g->log.size;
	g->log.spent = LOG_RATE;
	g->log.second = now_second();
	guest_serve(g);
	if (g->log.second == now_second()) {
		assert_true(g->masked);
		assert_true(g->log.size <= before + LOG_RATE);
	}
	/* The next second. */
	g->log.second--;
	g->log.spent = 0;
	guest_serve(g);
	assert_false(g->masked);
	assert_true(fakes[1].unmasked > 0);
}

static void a_viewer_that_does_not_read_loses_output(void **state)
{
	int slow = view("attach 2\n"), quick = view("attach 2\n");
	struct guest *g = guest_find(2);
	size_t quick_got = 0;

	for (int i = 0; i < 1000; i++) {
		g->log.spent = 0;
		guest_floods(2);
		quick_got += strlen(seen(quick));
	}
	for (unsigned int i = 0; i < n_viewers; i++)
		assert_true(viewers[i]->n_held <= VIEWER_BUFFER);
	assert_true(quick_got > 1000 * 1024);
	assert_true(strlen(seen(slow)) > 0);
	close(slow);
	close(quick);
}

static void nonsense_in_the_ring_is_dropped(void **state)
{
	fakes[1].ring.out_prod = fakes[1].ring.out_cons + 1000000;
	fakes[1].ring.in_prod = fakes[1].ring.in_cons + 1000000;
	event(fakes[1].events);
	rounds(2);
	type(view("attach 1\n"), "into nothing");
	assert_int_equal(fakes[1].ring.out_cons, fakes[1].ring.out_prod);
}

static void a_guest_that_goes_takes_its_viewers(void **state)
{
	int fd = view("attach 1\n"), other = view("attach 2\n");

	seen(fd);
	seen(other);
	fakes[1].introduced = false;
	event(store_event);
	rounds(2);
	assert_int_equal(n_guests, 1);
	assert_int_equal(fakes[1].unmapped, 1);
	assert_string_equal(seen(fd), "closed");
	assert_string_equal(seen(other), "");
	close(fd);
	close(other);
}

/* The event of its end is read together with an answer: nobody is told by poll(). */
static void an_end_during_a_scan_is_seen(void **state)
{
	released_during_scan = true;
	event(store_event);
	rounds(2);
	assert_int_equal(queued, 0);
	assert_int_equal(n_guests, 1);
	assert_int_equal(fakes[1].unmapped, 1);
}

static void a_restart_loses_nothing(void **state)
{
	int fd;

	guest_says(1, "before");
	while (n_guests) {
		guest_free(guests[0]);
		guests[0] = guests[--n_guests];
	}
	/* The guest goes on writing while there is no daemon. */
	for (const char *c = "meanwhile"; *c; c++)
		fakes[1].ring.out[MASK_XENCONS_IDX(fakes[1].ring.out_prod++, fakes[1].ring.out)] =
			*c;
	guests_scan();
	fd = view("attach 1\n");
	event(fakes[1].events);
	rounds(2);
	guest_says(1, " and after");
	assert_non_null(strstr(seen(fd), " and after"));
	assert_int_equal(fakes[1].ring.out_cons, fakes[1].ring.out_prod);
	close(fd);
}

static void too_many_viewers_are_sent_away(void **state)
{
	int fds[MAX_VIEWERS + 4];

	for (int i = 0; i < MAX_VIEWERS + 4; i++)
		fds[i] = view("attach 1\n");
	assert_int_equal(n_viewers, MAX_VIEWERS);
	assert_string_equal(seen(fds[MAX_VIEWERS]), "closed");
	for (int i = 0; i < MAX_VIEWERS + 4; i++)
		close(fds[i]);
}

static int setup_all(void **state)
{
	return mkdtemp(log_folder) ? 0 : -1;
}

static int teardown_all(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", log_folder);
	return system(command);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_see_and_one_writes),
		TEST(input_behind_the_line_counts),
		TEST(wrong_lines_are_sent_away),
		TEST(a_new_guest_can_be_viewed_at_once),
		TEST(a_flood_waits_for_the_next_second),
		TEST(a_viewer_that_does_not_read_loses_output),
		TEST(nonsense_in_the_ring_is_dropped),
		TEST(a_guest_that_goes_takes_its_viewers),
		TEST(an_end_during_a_scan_is_seen),
		TEST(a_restart_loses_nothing),
		TEST(too_many_viewers_are_sent_away),
	};

	(void)console_main;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
