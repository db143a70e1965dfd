/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the store's engine serves many: fair turns, fines, dear requests, clients that stall or
 * break, bounded memory, and what happens when memory runs out (REQ toolstack: store).
 */
#include "support/store_guests.h"

/*
 * Under a flood from 8 guests another guest's request is served after at most one request of
 * each of them (REQ toolstack/3: the bound in time is this times the work of one request).
 */
static void test_fair(void **state)
{
	struct pipe_conn *flood[8];
	struct store_stats before, after;
	uint32_t turns = 0;

	for (uint32_t i = 0; i < 8; i++) {
		flood[i] = harness_connect(&h, 20 + i, CONN_DOMAIN);
		for (int j = 0; j < 500; j++)
			pipe_put(flood[i], XS_GET_DOMAIN_PATH, 0, "1|");
	}
	for (int i = 0; i < 100; i++)
		store_run(h.store);
	for (int round = 0; round < 20; round++) {
		store_get_stats(h.store, &before);
		pipe_put(guest, XS_GET_DOMAIN_PATH, 0, "1|");
		for (turns = 0; !pipe_take(guest); turns++) {
			assert_true(turns < 10);
			store_run(h.store);
		}
		store_get_stats(h.store, &after);
		assert_true(after.requests - before.requests <= 9);
	}
	/* All get the same share. */
	for (int i = 0; i < 800; i++)
		store_run(h.store);
	for (uint32_t i = 1; i < 8; i++) {
		size_t a = flood[0]->out_len, b = flood[i]->out_len;

		assert_true((a > b ? a - b : b - a) < 200);
	}
}

/*
 * Ends of long transactions that come at once do not add up for others: one of them at most is
 * served before another guest's request.
 */
static void test_dear(void **state)
{
	struct pipe_conn *flood[8];
	struct store_stats before, after;
	uint32_t tx[8];
	char text[64];

	WANT(dom0, XS_WRITE, "/shared|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/shared|b0|", "OK|");
	for (uint32_t i = 0; i < 8; i++) {
		flood[i] = harness_connect(&h, 20 + i, CONN_DOMAIN);
		tx[i] = begin(&h, flood[i]);
		for (int j = 0; j < 20; j++) {
			snprintf(text, sizeof(text), "/shared/%u-%d|x", i, j);
			IN(tx[i], flood[i], XS_WRITE, text, "OK|");
		}
	}
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 8; i++)
			pipe_put(flood[i], XS_GET_DOMAIN_PATH, 0, "1|");
		for (int i = round; !round && i < 8; i++)
			pipe_put(flood[i], XS_TRANSACTION_END, tx[i], "T|");
		/* It comes at any point among them. */
		for (int i = 0; i < 3 * round; i++)
			store_run(h.store);
		store_get_stats(h.store, &before);
		pipe_put(guest, XS_GET_DOMAIN_PATH, 0, "1|");
		for (int turns = 0; !pipe_take(guest); turns++) {
			assert_true(turns < 20);
			store_run(h.store);
		}
		store_get_stats(h.store, &after);
		assert_true(before.transactions - after.transactions <= 1);
	}
	harness_run(&h);
	store_get_stats(h.store, &after);
	assert_int_equal(after.transactions, 0);
	WANT(dom0, XS_READ, "/shared/7-19|", "x");
}

/* One turn, in which 10 us pass, with guests that ask again as soon as they may. */
static void turn_with(struct pipe_conn **flood, size_t count, uint32_t type, const char *text)
{
	store_run(h.store);
	h.now += 10;
	for (size_t i = 0; i < count; i++) {
		while (pipe_take(flood[i]))
			;
		if (!flood[i]->in_len)
			pipe_put(flood[i], type, 0, text);
	}
}

static const char *ask_with(struct pipe_conn **flood, size_t count, uint32_t type,
			    const char *theirs, uint32_t mine, uint32_t tx, const char *text)
{
	pipe_put(dom0, mine, tx, text);
	for (int i = 0; i < 10000; i++) {
		if (pipe_take(dom0))
			return dom0->payload;
		turn_with(flood, count, type, theirs);
	}
	return "no answer";
}

/*
 * Guests that change what another one's transaction touches, as fast as they can, delay it, but
 * can't make it fail for ever: by value, permissions, coming and going, in a listed folder.
 */
static void test_fines(void **state)
{
	static const struct {
		uint32_t look, change;
		const char *path, *change_text;
	} cases[] = {
		{ XS_READ, XS_WRITE, "/shared/x|", "/shared/x|1" },
		{ XS_READ, XS_SET_PERMS, "/shared/x|", "/shared/x|b20|" },
		{ XS_DIRECTORY, XS_MKDIR, "/shared|", "/shared/y%d|" },
		{ XS_READ, XS_RM, "/shared/z|", "/shared/z|" },
	};
	struct pipe_conn *flood[8];
	unsigned int tries;
	const char *end;
	uint32_t tx;

	WANT(dom0, XS_WRITE, "/shared|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/shared|b0|", "OK|");
	for (uint32_t i = 0; i < 8; i++)
		flood[i] = harness_connect(&h, 20 + i, CONN_DOMAIN);
	assert_string_equal(ASK(flood[0], XS_WRITE, "/shared/x|1"), "OK|");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = cases[i].change == XS_SET_PERMS ? 1 : 8;
		char text[64];

		h.now += 1000000; /* nobody owes anything */
		for (tries = 0, end = ""; strcmp(end, "OK"); tries++) {
			assert_true(tries < 60);
			snprintf(text, sizeof(text), cases[i].change_text, tries);
#define BESIDE(type, tx, mine) ask_with(flood, count, cases[i].change, text, type, tx, mine)
			tx = (uint32_t)atoi(BESIDE(XS_TRANSACTION_START, 0, "|"));
			assert_int_not_equal(tx, 0);
			BESIDE(cases[i].look, tx, cases[i].path);
			BESIDE(XS_WRITE, tx, "/t/mine|1");
			BESIDE(XS_READ, tx, "/t/mine|");
			end = BESIDE(XS_TRANSACTION_END, tx, "T|");
		}
		print_message("request %u: %u tries\n", cases[i].change, tries);
	}
	/* They are served again: what each owes is bounded by time. */
	h.now += 1000000;
	harness_run(&h);
	assert_int_equal(store_wait(h.store), -1);
	while (pipe_take(flood[0]))
		;
	assert_string_equal(ASK(flood[0], XS_READ, "/shared/x|"), "1");
}

/* Nobody is fined for what the loser may not see, by itself, or Dom0. */
static void test_fines_not(void **state)
{
	uint32_t tx;

	WANT(guest, XS_WRITE, "x|1", "OK|");
	for (int i = 0; i < 40; i++) {
		tx = begin(&h, other);
		IN(tx, other, XS_READ, "/local/domain/5/x|", "EACCES");
		WANT(guest, XS_WRITE, "x|2", "OK|");
		IN(tx, other, XS_TRANSACTION_END, "T|", "EAGAIN");
		tx = begin(&h, guest);
		IN(tx, guest, XS_READ, "x|", "2");
		WANT(guest, XS_WRITE, "x|2", "OK|");
		IN(tx, guest, XS_TRANSACTION_END, "T|", "EAGAIN");
		tx = begin(&h, guest);
		IN(tx, guest, XS_READ, "x|", "2");
		WANT(dom0, XS_WRITE, "/local/domain/5/x|2", "OK|");
		IN(tx, guest, XS_TRANSACTION_END, "T|", "EAGAIN");
	}
	assert_int_equal(store_wait(h.store), -1);
	/* One change counts once, however many transactions it makes fail. */
	for (int i = 0; i < 40; i++) {
		tx = begin(&h, dom0);
		ask(&h, dom0, XS_READ, tx, "/local/domain/5/x|");
		if (!i)
			WANT(guest, XS_WRITE, "x|3", "OK|");
	}
	assert_int_equal(store_wait(h.store), -1);
	for (int i = 0; i < 3; i++) {
		tx = begin(&h, dom0);
		ask(&h, dom0, XS_READ, tx, "/local/domain/5/x|");
		WANT(guest, XS_WRITE, "x|3", "OK|");
		IN(tx, dom0, XS_TRANSACTION_END, "T|", "EAGAIN");
	}
	/* That was one too many: it waits for a while, others do not, and goes on then. */
	pipe_put(guest, XS_READ, 0, "x|");
	harness_run(&h);
	assert_false(pipe_take(guest));
	WANT(other, XS_GET_DOMAIN_PATH, "6|", "/local/domain/6|");
	assert_true(store_wait(h.store) > 0 && store_wait(h.store) <= 16000);
	h.now += (uint64_t)store_wait(h.store);
	assert_int_equal(store_wait(h.store), 0);
	harness_run(&h);
	assert_true(pipe_take(guest));
	/* It may go while it waits. */
	tx = begin(&h, dom0);
	ask(&h, dom0, XS_READ, tx, "/local/domain/5/x|");
	WANT(guest, XS_WRITE, "x|3", "OK|");
	IN(tx, dom0, XS_TRANSACTION_END, "T|", "EAGAIN");
	pipe_put(guest, XS_READ, 0, "x|");
	harness_run(&h);
	store_domain_gone(h.store, 5);
	harness_run(&h);
	assert_int_equal(store_wait(h.store), -1);
}

/* The events of a long transaction come in parts; what happens meanwhile does no harm. */
static void test_firing(void **state)
{
	struct pipe_conn *client;
	char text[64];
	uint32_t tx;

	WANT(dom0, XS_SET_PERMS, "/local/domain/5|n5|r6|", "OK|");
	for (int round = 0; round < 4; round++) {
		client = round == 2 ? harness_connect(&h, 5, 0) : guest;
		for (int i = 0; i < 100; i++) {
			snprintf(text, sizeof(text), "/local/domain/5/d|%d|", i);
			WANT(other, XS_WATCH, text, "OK|");
		}
		while (*event(&h, other))
			;
		tx = begin(&h, client);
		for (int i = 0; i < 9; i++) {
			snprintf(text, sizeof(text), "d/n%d|%d", i, round);
			IN(tx, client, XS_WRITE, text, "OK|");
		}
		pipe_put(client, XS_TRANSACTION_END, tx, "T|");
		pipe_put(client, XS_READ, 0, "d/n8|");
		while (store_run(h.store) && !client->conn->firing)
			;
		assert_non_null(client->conn->firing);
		assert_false(pipe_take(client));
		/* All of it can be seen, nothing of it is changed any more by what follows. */
		snprintf(text, sizeof(text), "%d", round);
		pipe_put(dom0, XS_READ, 0, "/local/domain/5/d/n8|");
		for (int i = 0; !pipe_take(dom0); i++) {
			assert_true(i < 10);
			store_run(h.store);
		}
		assert_string_equal(dom0->payload, text);
		pipe_put(dom0, XS_RM, 0, "/local/domain/5/d|");
		if (round == 1)
			store_conn_reset(guest->conn);
		if (round == 2)
			store_disconnect(client->conn);
		harness_run(&h);
		if (round == 0 || round == 3) {
			assert_true(pipe_take(guest));
			assert_int_equal(guest->header.type, XS_TRANSACTION_END);
			assert_string_equal(guest->payload, "OK");
			assert_true(pipe_take(guest));
			assert_string_equal(guest->payload, "ENOENT");
		}
		for (int i = 0; i < 900; i++)
			assert_string_not_equal(event(&h, other), "");
		while (*event(&h, other))
			;
		while (pipe_take(dom0) || pipe_take(guest))
			;
		WANT(other, XS_RESET_WATCHES, "|", "OK|");
	}
}

/* Who does not read gets one answer, and is not served on until it is taken. */
static void test_stalled(void **state)
{
	struct store_stats before, after;
	uint64_t bytes;

	guest->room = 10;
	for (int i = 0; i < 100; i++)
		pipe_put(guest, XS_GET_DOMAIN_PATH, 0, "1|");
	store_get_stats(h.store, &before);
	bytes = h.live_bytes;
	for (int i = 0; i < 1000; i++) {
		store_conn_kick(guest->conn);
		store_run(h.store);
	}
	store_get_stats(h.store, &after);
	assert_int_equal(after.requests - before.requests, 1);
	assert_true(h.live_bytes - bytes < 3 * MESSAGE_MAX);
	WANT(other, XS_GET_DOMAIN_PATH, "6|", "/local/domain/6|");
	guest->room = PIPE_MAX;
	store_conn_kick(guest->conn);
	harness_run(&h);
	store_get_stats(h.store, &after);
	assert_int_equal(after.requests - before.requests, 101);
}

/* Messages in single bytes, and several in one piece. */
static void test_pieces(void **state)
{
	guest->chunk = 1;
	WANT(guest, XS_WRITE, "x|a value in pieces", "OK|");
	WANT(guest, XS_READ, "x|", "a value in pieces");
	guest->chunk = 7;
	WANT(guest, XS_READ, "x|", "a value in pieces");
	guest->chunk = 0;
	for (int i = 0; i < 200; i++)
		pipe_put(guest, XS_READ, 0, "x|");
	harness_run(&h);
	for (int i = 0; i < 200; i++)
		assert_true(pipe_take(guest));
	assert_false(pipe_take(guest));
}

static void test_broken(void **state)
{
	struct xsd_sockmsg header = { XS_READ, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };

	pipe_put_bytes(guest, &header, sizeof(header));
	harness_run(&h);
	assert_false(guest->open);
	assert_non_null(strstr(h.log, "closed"));
	header.len = UINT32_MAX;
	pipe_put_bytes(other, &header, sizeof(header));
	harness_run(&h);
	assert_false(other->open);
	WANT(dom0, XS_READ, "/tool|", "");
	/* Gone while being read from, written to, with an answer waiting. */
	for (int i = 0; i < 4; i++) {
		struct pipe_conn *client = harness_connect(&h, 0, 0);

		harness_run(&h);
		if (i == 1) {
			client->room = 3;
			pipe_put(client, XS_READ, 0, "/tool|");
			harness_run(&h);
		}
		if (i == 2) {
			WANT(client, XS_WATCH, "/x|t|", "OK|");
			client->room = 0;
			harness_run(&h);
			WANT(dom0, XS_WRITE, "/x|1", "OK|");
		}
		client->gone = true;
		store_conn_kick(client->conn);
		harness_run(&h);
		assert_false(client->open);
	}
	{
		struct pipe_conn *client = harness_connect(&h, 0, 0);

		store_disconnect(client->conn);
		assert_false(client->open);
	}
}

/* 100,000 nodes: what is asked takes the same work as with few (counted in allocations). */
static void test_many_nodes(void **state)
{
	uint64_t live;
	char text[64];
	uint32_t tx;

	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "/big/%d/%d|", i / 300, i % 300);
		pipe_put(dom0, XS_MKDIR, 0, text);
		if (i % 500 == 499) {
			harness_run(&h);
			while (pipe_take(dom0))
				;
		}
	}
	harness_run(&h);
	while (pipe_take(dom0))
		;
	WANT(dom0, XS_DIRECTORY, "/big/7/7|", "");
	live = h.live;
	tx = begin(&h, dom0);
	assert_true(h.live - live < 10);
	IN(tx, dom0, XS_WRITE, "/big/100/100|x", "OK|");
	assert_true(h.live - live < 100);
	IN(tx, dom0, XS_TRANSACTION_END, "T|", "OK|");
	assert_true(h.live - live < 10);
	WANT(dom0, XS_RM, "/big|", "OK|");
}

/* Old versions that transactions of guests hold are given up when they cost too much. */
static void test_retained(void **state)
{
	char text[3100];
	uint32_t tx = begin(&h, guest), end;

	memset(text, 'v', sizeof(text));
	text[3000] = '\0';
	IN(tx, guest, XS_MKDIR, "mine|", "OK|");
	for (int round = 0; round < 12; round++) {
		/* Each round a transaction keeps the version of now, with all its values. */
		end = begin(&h, other);
		assert_int_not_equal(end, 0);
		if (round == 9)
			ask(&h, other, XS_RESET_WATCHES, 0, "|");
		for (int i = 0; i < 1500; i++) {
			char name[40];

			snprintf(name, sizeof(name), "/r/%04d|", i);
			memcpy(text, name, strlen(name));
			WANT(dom0, XS_WRITE, text, "OK|");
			memset(text, 'v', 20);
		}
	}
	assert_true(h.live_bytes < 48u << 20);
	IN(tx, guest, XS_READ, "mine|", "ENOENT");
	IN(tx, guest, XS_TRANSACTION_END, "T|", "EAGAIN");
}

/* A request for which memory runs out, at whatever point, changes nothing or all. */
static void test_no_memory(void **state)
{
	static const struct {
		uint32_t type;
		const char *text;
	} requests[] = {
		{ XS_WRITE, "/m/a/b|value" },
		{ XS_WRITE, "/m/x|new value" },
		{ XS_MKDIR, "/m/c/d/e|" },
		{ XS_SET_PERMS, "/m/x|n0|r5|" },
		{ XS_WATCH, "/m/deep/er|token|" },
		{ XS_TRANSACTION_START, "|" },
		{ XS_RM, "/m/x|" },
	};
	uint32_t tx;

	WANT(dom0, XS_WATCH, "/|all|", "OK|");
	event(&h, dom0);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		for (uint64_t limit = 0;; limit++) {
			bool fine;

			WANT(dom0, XS_WRITE, "/m/x|old", "OK|");
			tx = begin(&h, dom0); /* so that versions are shared */
			while (*event(&h, dom0))
				;
			h.allocations_left = limit;
			fine = strcmp(ASK(dom0, requests[i].type, requests[i].text), "ENOMEM");
			h.allocations_left = UINT64_MAX;
			assert_int_equal(store_check(h.store), 0);
			IN(tx, dom0, XS_READ, "/m/x|", "old");
			IN(tx, dom0, XS_TRANSACTION_END, "F|", "OK|");
			if (fine)
				break;
			if (requests[i].type != XS_SET_PERMS)
				WANT(dom0, XS_READ, "/m/x|", "old");
			WANT(dom0, XS_READ, "/m/a|", i ? "" : "ENOENT");
		}
		while (*event(&h, dom0))
			;
	}
	/* The same inside a transaction, and at its end, with and without others' changes. */
	for (int others = 0; others < 2; others++) {
		for (uint64_t limit = 0; limit < 120; limit++) {
			const char *end;

			WANT(dom0, XS_WRITE, "/n/x|old", "OK|");
			tx = begin(&h, dom0);
			h.allocations_left = limit;
			ask(&h, dom0, XS_WRITE, tx, "/n/x|new");
			ask(&h, dom0, XS_WRITE, tx, "/n/y/z|new");
			ask(&h, dom0, XS_RM, tx, "/m|");
			h.allocations_left = UINT64_MAX;
			if (others)
				WANT(dom0, XS_WRITE, "/other|1", "OK|");
			h.allocations_left = limit;
			end = ask(&h, dom0, XS_TRANSACTION_END, tx, "T|");
			h.allocations_left = UINT64_MAX;
			assert_true(!strcmp(end, "OK|") || !strcmp(end, "ENOMEM") ||
				    !strcmp(end, "EAGAIN"));
			if (strcmp(end, "OK|"))
				WANT(dom0, XS_READ, "/n/x|", "old");
			assert_int_equal(store_check(h.store), 0);
			WANT(dom0, XS_RM, "/n|", "OK|");
			while (*event(&h, dom0))
				;
		}
	}
}

/* Connections and the store itself without memory. */
static void test_no_memory_start(void **state)
{
	struct harness small;

	for (uint64_t limit = 0;; limit++) {
		int err;

		harness_init(&small);
		small.allocations_left = limit;
		err = store_create(&small.host, &small.store);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(small.live, 0);
	}
	small.allocations_left = 0;
	assert_null(harness_connect(&small, 3, 0));
	small.allocations_left = 1;
	assert_null(harness_connect(&small, 3, 0));
	small.allocations_left = UINT64_MAX;
	assert_int_equal(harness_stop(&small), 0);
	/* An answer that can't be kept ends the connection, no other one. */
	guest->room = 0;
	harness_run(&h);
	pipe_put(guest, XS_GET_DOMAIN_PATH, 0, "1|");
	h.allocations_left = 0;
	for (int i = 0; i < 10; i++)
		store_run(h.store);
	h.allocations_left = UINT64_MAX;
	assert_false(guest->open);
	WANT(dom0, XS_READ, "/tool|", "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_fair),      TEST(test_dear),	    TEST(test_fines),
		TEST(test_fines_not), TEST(test_firing),    TEST(test_stalled),
		TEST(test_pieces),    TEST(test_broken),    TEST(test_many_nodes),
		TEST(test_retained),  TEST(test_no_memory), TEST(test_no_memory_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
