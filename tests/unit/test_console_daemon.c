/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console daemon over fakes of store, grants and event channels: several viewers and one
 * writer, floods, guests that come and go, a restart. REQ toolstack/console.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/un.h>
#include <fcntl.h>
#include <stdlib.h>

#include "support/fail_alloc.h"
#include "support/fake_console.h"

/* Its places are in the test's folder; its main() is not called. */
#define LOG_PARENT     "log"
#define CONSOLE_FOLDER "run"
#define main	       console_main
#include "../../dom0-toolstack/console/daemon.c"
#undef main

static int listener;

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

/* A page whose number is missing, that can't be had, or whose channel can't: nothing is kept of it. */
static void guests_that_can_t_be_joined_are_left(void **state)
{
	static const struct fake_guest odd[] = {
		{ .missing = "ring-ref" }, { .missing = "console/port" },
		{ .no_memory = true },	   { .no_page = true },
		{ .no_channel = true },	   { .no_channel = true, .by_grant = true },
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct fake_guest before = fakes[3];

		fakes[3].introduced = true;
		fakes[3].missing = odd[i].missing;
		fakes[3].no_memory = odd[i].no_memory;
		fakes[3].no_page = odd[i].no_page;
		fakes[3].no_channel = odd[i].no_channel;
		fakes[3].by_grant = odd[i].by_grant;
		guests_scan();
		assert_int_equal(n_guests, 2);
		/* What was mapped is unmapped. */
		assert_int_equal(fakes[3].unmapped - before.unmapped, i >= 3);
		fakes[3] = before;
	}
	fakes[3].introduced = true;
	fake_console.no_events = true;
	guests_scan();
	assert_int_equal(n_guests, 2);
	fake_console.no_events = false;
	fake_console.no_directory = true;
	guests_scan();
	assert_int_equal(n_guests, 2);
	fake_console.no_directory = false;
	fail_alloc_at(2); /* after the list of domains */
	guests_scan();
	fail_alloc_at(0);
	assert_int_equal(n_guests, 2);
	guests_scan();
	assert_int_equal(n_guests, 3);
	/* One without a name has its number in the log's. */
	assert_int_equal(access(LOG_FOLDER "/guest-3.log", F_OK), 0);
	assert_int_equal(access(LOG_FOLDER "/guest-web_.._x.log", F_OK), 0);
}

static void without_memory_viewers_are_sent_away(void **state)
{
	for (unsigned int n = 1; n <= 2; n++) {
		int fd;

		fail_alloc_at(n);
		fd = view("attach 1\n");
		fail_alloc_at(0);
		assert_string_equal(seen(fd), "closed");
		assert_int_equal(n_viewers, 0);
		close(fd);
	}
	/* Nobody is there any more when it is asked who wants to come in. */
	viewer_accept(listener);
	assert_int_equal(n_viewers, 0);
}

static void a_channel_that_fails_is_not_served(void **state)
{
	struct guest *g = guest_find(1);

	close(fakes[1].events[1]);
	fakes[1].ring.out_prod = 3;
	assert_int_equal(serve(listener), 0);
	assert_false(g->masked);
	assert_int_equal(fakes[1].ring.out_cons, 0);
	fakes[1].events[1] = dup(fakes[2].events[1]);
}

/* Without an event: its time comes with the next second. */
static void a_guest_that_was_stopped_goes_on_by_itself(void **state)
{
	struct guest *g = guest_find(1);

	g->log.second = now_second();
	g->log.spent = LOG_RATE;
	g->masked = true;
	fakes[1].ring.out_prod = 3;
	/* Nothing happens but that time passes. */
	for (int tries = 0; g->masked && tries < 30; tries++) {
		assert_int_equal(serve(listener), 0);
		event(fakes[2].events);
		usleep(100000);
	}
	assert_false(g->masked);
	assert_int_equal(fakes[1].unmasked, 1);
	assert_int_equal(fakes[1].ring.out_cons, 3);
}

static void held_output_follows_when_there_is_room(void **state)
{
	int fd = view("attach 2\n");
	struct viewer *v = viewers[0];

	assert_string_equal(seen(fd), "\n");
	memcpy(v->held, "late", 4);
	v->n_held = 4;
	rounds(1);
	assert_int_equal(v->n_held, 0);
	assert_string_equal(seen(fd), "late");
	close(fd);
}

static void a_store_that_goes_away_ends_the_loop(void **state)
{
	fake_console.store_gone = true;
	event(fakes[1].events);
	assert_int_equal(serve(listener), -EIO);
}

static int setup(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (fake_console_open())
		return -1;
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
	fake_console_close();
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
	fakes[3].introduced = true;
	fakes[3].no_page = true;
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

/* Events alone cost time as well. */
static void a_flood_of_events_waits_too(void **state)
{
	struct guest *g = guest_find(1);
	unsigned int before = fakes[1].unmasked, n = 0;

	for (; !g->masked && n <= 2 * LOG_RATE / EVENT_COST; n++) {
		g->log.second = now_second(); /* whatever time has passed */
		rounds(1);
	}
	assert_true(g->masked);
	assert_in_range(fakes[1].unmasked - before, LOG_RATE / EVENT_COST - 1,
			2 * LOG_RATE / EVENT_COST);
	assert_true(g->log.spent <= LOG_RATE);
	/* The next second. */
	g->log.second--;
	guest_serve(g);
	assert_false(g->masked);
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
	fake_console.released_during_scan = true;
	event(store_event);
	rounds(2);
	assert_int_equal(fake_console.queued, 0);
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

static char folder[] = "/tmp/test_console_daemon.XXXXXX";

static int setup_all(void **state)
{
	return !mkdtemp(folder) || chdir(folder) || mkdir(LOG_PARENT, 0700) ||
	       mkdir(LOG_FOLDER, 0700);
}

static int teardown_all(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
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
		TEST(a_flood_of_events_waits_too),
		TEST(a_viewer_that_does_not_read_loses_output),
		TEST(nonsense_in_the_ring_is_dropped),
		TEST(a_guest_that_goes_takes_its_viewers),
		TEST(an_end_during_a_scan_is_seen),
		TEST(a_restart_loses_nothing),
		TEST(too_many_viewers_are_sent_away),
		TEST(guests_that_can_t_be_joined_are_left),
		TEST(without_memory_viewers_are_sent_away),
		TEST(a_channel_that_fails_is_not_served),
		TEST(a_guest_that_was_stopped_goes_on_by_itself),
		TEST(held_output_follows_when_there_is_room),
		TEST(a_store_that_goes_away_ends_the_loop),
	};

	(void)console_main;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
