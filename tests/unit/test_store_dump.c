/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's state, dumped and restored: nothing is lost, nobody notices, and no damage of the
 * stream is believed (REQ toolstack/3: live update).
 */
#include "dump_format.h"
#include "support/store_guests.h"

static struct harness next;

/* A stream in memory. */
struct stream {
	char *bytes;
	size_t len, room;
	size_t fail_at;
};

static int stream_put(void *ctx, const void *bytes, size_t len)
{
	struct stream *stream = ctx;

	if (stream->fail_at && stream->len + len > stream->fail_at)
		return -ENOSPC;
	if (stream->len + len > stream->room) {
		stream->room = (stream->len + len) * 2;
		stream->bytes = realloc(stream->bytes, stream->room);
	}
	memcpy(stream->bytes + stream->len, bytes, len);
	stream->len += len;
	return 0;
}

/* Connections go on with the same pipes. */
static int adopt(void *ctx, uint32_t domid, unsigned int flags, const void *saved, size_t len,
		 const struct conn_ops **ops, void **transport)
{
	struct pipe_conn *pipe;

	if (len != sizeof(pipe))
		return -EBADMSG;
	memcpy(&pipe, saved, sizeof(pipe));
	*ops = &pipe_ops;
	*transport = pipe;
	return 0;
}

static void adopted(void *ctx, void *transport, struct conn *conn)
{
	struct pipe_conn *pipe = transport;

	pipe->conn = conn;
	pipe->open = true;
}

static int adopt_none(void *ctx, uint32_t domid, unsigned int flags, const void *saved, size_t len,
		      const struct conn_ops **ops, void **transport)
{
	return -EBADMSG;
}

static void adopted_none(void *ctx, void *transport, struct conn *conn)
{
	fail();
}

static int setup_readable(void **state)
{
	setup(state);
	ask(&h, dom0, XS_SET_PERMS, 0, "/local/domain/5|n5|r6|");
	return 0;
}

/* Replaces the store by what its own dump gives. */
static void update(void)
{
	struct stream stream = { 0 };
	struct store_stats before, after;
	struct store *store;

	store_get_stats(h.store, &before);
	assert_int_equal(store_dump(h.store, stream_put, &stream), 0);
	assert_int_equal(
		store_restore(&h.host, stream.bytes, stream.len, adopt, adopted, NULL, &store), 0);
	/* The old program is gone without having closed anything. */
	for (size_t i = 0; i < h.conn_count; i++)
		assert_true(h.conns[i]->open);
	{
		struct store *old = h.store;
		struct conn *conns[64];

		for (size_t i = 0; i < h.conn_count; i++)
			conns[i] = h.conns[i]->conn;
		store_destroy(old);
		for (size_t i = 0; i < h.conn_count; i++) {
			h.conns[i]->conn = conns[i];
			h.conns[i]->open = true;
		}
	}
	h.store = store;
	store_get_stats(h.store, &after);
	assert_int_equal(before.nodes, after.nodes);
	assert_int_equal(before.watches, after.watches);
	assert_int_equal(before.transactions, after.transactions);
	assert_int_equal(before.connections, after.connections);
	assert_int_equal(store_check(h.store), 0);
	free(stream.bytes);
}

static void test_tree(void **state)
{
	char text[64];

	WANT(dom0, XS_WRITE, "/a/b/c|value", "OK|");
	WANT(dom0, XS_SET_PERMS, "/a/b|r0|b5|w6|", "OK|");
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "/many/%d|%d", i, i);
		WANT(dom0, XS_WRITE, text, "OK|");
	}
	WANT(dom0, XS_SET_PERMS, "@releaseDomain|n0|r5|", "OK|");
	WANT(dom0, XS_CONTROL, "quota|set|nodes|12|5|", "OK|");
	WANT(dom0, XS_CONTROL, "quota|set|nodes|1234|", "OK|");
	WANT(dom0, XS_SET_TARGET, "6|5|", "OK|");
	store_set_keep_orphans(h.store, true);
	store_domain_shutdown(h.store, 6);
	update();
	WANT(dom0, XS_READ, "/a/b/c|", "value");
	WANT(dom0, XS_GET_PERMS, "/a/b|", "r0|b5|w6|");
	WANT(dom0, XS_READ, "/many/299|", "299");
	WANT(dom0, XS_GET_PERMS, "@releaseDomain|", "n0|r5|");
	WANT(other, XS_WRITE, "/local/domain/5/x|1", "OK|");
	WANT(dom0, XS_IS_DOMAIN_INTRODUCED, "6|", "T|");
	assert_non_null(strstr(ask(&h, dom0, XS_CONTROL, 0, "quota|5|"), "of       12"));
	assert_int_equal(store_get_quota(h.store, QUOTA_NODES), 1234);
	WANT(dom0, XS_DIRECTORY_PART, "/a|0|", ask(&h, dom0, XS_DIRECTORY_PART, 0, "/a|0|"));
}

static void test_watches(void **state)
{
	WANT(guest, XS_WATCH, "dir|rel|", "OK|");
	WANT(guest, XS_WATCH, "/local/domain/5|abs|1|", "OK|");
	WANT(dom0, XS_WATCH, "@introduceDomain|in|", "OK|");
	while (*event(&h, guest) || *event(&h, dom0))
		;
	update();
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/x|1", "OK|");
	EVENT(guest, "dir/x|rel");
	EVENT(guest, "");
	WANT(dom0, XS_WRITE, "/local/domain/5/y|1", "OK|");
	EVENT(guest, "/local/domain/5/y|abs");
	WANT(dom0, XS_INTRODUCE, "7|1|1|", "OK|");
	EVENT(dom0, "@introduceDomain|in");
	WANT(guest, XS_UNWATCH, "dir|rel|", "OK|");
}

/* Events that wait, folded ones among them, come in the same order afterwards. */
static void test_events(void **state)
{
	WANT(guest, XS_WATCH, "dir|rel|", "OK|");
	WANT(guest, XS_WATCH, "dir/a|own|", "OK|");
	while (*event(&h, guest))
		;
	guest->room = 0;
	WANT(dom0, XS_CONTROL, "quota|set|outstanding|4|5|", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/first|1", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/z|1", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/a|1", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/b|1", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/c|1", "OK|");
	update();
	guest->room = PIPE_MAX;
	store_conn_kick(guest->conn);
	EVENT(guest, "dir/first|rel");
	EVENT(guest, "dir/z|rel");
	EVENT(guest, "dir/a|rel");
	EVENT(guest, "dir/a|own");
	EVENT(guest, "dir/b|rel");
	EVENT(guest, "dir|rel");
	EVENT(guest, "");
}

/* An update between any two bytes of requests and answers. */
static void test_partial(void **state)
{
	struct xsd_sockmsg header = { XS_WRITE, 9, 0, 7 };
	char message[sizeof(header) + 7];

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), "x\0value", 7);
	for (size_t i = 0; i < sizeof(message); i++) {
		pipe_put_bytes(guest, message + i, 1);
		harness_run(&h);
		update();
	}
	harness_run(&h);
	assert_true(pipe_take(guest));
	assert_string_equal(guest->payload, "OK");
	assert_int_equal(guest->header.req_id, 9);
	WANT(guest, XS_READ, "x|", "value");
	pipe_put(guest, XS_READ, 0, "x|");
	guest->room = 0;
	for (int i = 0; i < 30; i++) {
		store_conn_kick(guest->conn);
		harness_run(&h);
		update();
		guest->room++;
	}
	store_conn_kick(guest->conn);
	harness_run(&h);
	assert_true(pipe_take(guest));
	assert_string_equal(guest->payload, "value");
	guest->room = PIPE_MAX;
}

static void test_transactions(void **state)
{
	uint32_t clean, merged, conflict, doomed;

	WANT(dom0, XS_WRITE, "/t/a|1", "OK|");
	WANT(dom0, XS_WRITE, "/t/gone/x|1", "OK|");
	merged = begin(&h, dom0);
	conflict = begin(&h, dom0);
	doomed = begin(&h, guest);
	IN(merged, dom0, XS_WRITE, "/t/new/x|1", "OK|");
	IN(merged, dom0, XS_RM, "/t/gone|", "OK|");
	IN(merged, dom0, XS_SET_PERMS, "/t/a|n5|", "OK|");
	IN(conflict, dom0, XS_DIRECTORY, "/u|", "ENOENT");
	IN(doomed, guest, XS_WRITE, "mine|1", "OK|");
	WANT(dom0, XS_WRITE, "/u/a|1", "OK|");
	clean = begin(&h, dom0);
	IN(clean, dom0, XS_WRITE, "/c|1", "OK|");
	update();
	IN(merged, dom0, XS_READ, "/t/new/x|", "1");
	IN(merged, dom0, XS_READ, "/u|", "ENOENT");
	WANT(dom0, XS_READ, "/t/new|", "ENOENT");
	IN(clean, dom0, XS_TRANSACTION_END, "T|", "OK|");
	/* Having read that /u is not there, it can't be made public now. */
	IN(merged, dom0, XS_TRANSACTION_END, "T|", "EAGAIN");
	IN(conflict, dom0, XS_TRANSACTION_END, "T|", "EAGAIN");
	IN(doomed, guest, XS_TRANSACTION_END, "T|", "OK|");
	WANT(guest, XS_READ, "mine|", "1");
	merged = begin(&h, dom0);
	IN(merged, dom0, XS_WRITE, "/t/new/x|2", "OK|");
	WANT(dom0, XS_WRITE, "/u/a|2", "OK|");
	update();
	IN(merged, dom0, XS_TRANSACTION_END, "T|", "OK|");
	WANT(dom0, XS_READ, "/t/new/x|", "2");
}

/* The removal of what a gone domain owned goes on. */
static void test_gone(void **state)
{
	char text[64];

	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "/local/n%d|", i);
		WANT(dom0, XS_MKDIR, text, "OK|");
	}
	WANT(dom0, XS_SET_PERMS, "/local/n99|n5|", "OK|");
	WANT(dom0, XS_WRITE, "/keep|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/keep|n0|r5|", "OK|");
	store_domain_gone(h.store, 5);
	h.conns[1]->open = true;
	assert_ptr_equal(h.conns[1], guest);
	free(guest);
	h.conns[1] = h.conns[--h.conn_count];
	guest = harness_connect(&h, 5, CONN_DOMAIN);
	WANT(dom0, XS_INTRODUCE, "5|1|1|", "OK|");
	update();
	harness_run(&h);
	WANT(dom0, XS_READ, "/local/n99|", "ENOENT");
	WANT(guest, XS_READ, "/keep|", "EACCES");
}

/* A connection that can't be carried over is closed; what it had ends. */
static void test_lost(void **state)
{
	struct stream stream = { 0 };
	struct store *store;
	struct store_stats stats;

	WANT(guest, XS_WATCH, "x|t|", "OK|");
	begin(&h, guest);
	other->unsavable = true;
	assert_int_equal(store_dump(h.store, stream_put, &stream), 0);
	harness_init(&next);
	assert_int_equal(store_restore(&next.host, stream.bytes, stream.len, adopt_none,
				       adopted_none, NULL, &store),
			 0);
	store_get_stats(store, &stats);
	assert_int_equal(stats.connections, 0);
	assert_int_equal(stats.watches, 0);
	assert_int_equal(stats.transactions, 0);
	assert_int_equal(store_check(store), 0);
	store_destroy(store);
	assert_int_equal(next.live, 0);
	free(stream.bytes);
}

/* A sink that fails leaves the store fit for the next attempt. */
static void test_sink_fails(void **state)
{
	struct stream stream = { 0 };

	begin(&h, dom0);
	WANT(dom0, XS_WRITE, "/x|1", "OK|");
	for (stream.fail_at = 10; stream.fail_at < 1200; stream.fail_at += 100) {
		stream.len = 0;
		assert_int_equal(store_dump(h.store, stream_put, &stream), -ENOSPC);
	}
	free(stream.bytes);
	update();
}

/* A state in which everything occurs. */
static void make_full(struct stream *stream)
{
	uint32_t tx;

	ask(&h, dom0, XS_WRITE, 0, "/t/a|1");
	ask(&h, guest, XS_WATCH, 0, "dir|rel|");
	ask(&h, guest, XS_WATCH, 0, "@releaseDomain|s|");
	tx = begin(&h, dom0);
	ask(&h, dom0, XS_WRITE, tx, "/t/b/c|1");
	ask(&h, dom0, XS_SET_PERMS, tx, "/t/a|n5|");
	ask(&h, dom0, XS_RM, tx, "/tool|");
	ask(&h, dom0, XS_WRITE, 0, "/t/z|1");
	guest->room = 0;
	ask(&h, dom0, XS_WRITE, 0, "/local/domain/5/dir/x|1");
	pipe_put(guest, XS_READ, 0, "x|");
	pipe_put_bytes(guest, "abc", 3);
	harness_run(&h);
	assert_int_equal(store_dump(h.store, stream_put, stream), 0);
	guest->room = PIPE_MAX;
}

/* No single changed byte, and no missing end, is taken for a good stream. */
static void test_damage(void **state)
{
	struct stream stream = { 0 };
	struct store *store;

	make_full(&stream);
	for (size_t i = 0; i < stream.len; i++) {
		for (unsigned int bit = 1; bit < 256; bit <<= 3) {
			harness_init(&next);
			stream.bytes[i] ^= (char)bit;
			assert_int_not_equal(store_restore(&next.host, stream.bytes, stream.len,
							   adopt_none, adopted_none, NULL, &store),
					     0);
			stream.bytes[i] ^= (char)bit;
			assert_int_equal(next.live, 0);
		}
		assert_int_equal(store_restore(&next.host, stream.bytes, i, adopt_none,
					       adopted_none, NULL, &store),
				 -EBADMSG);
		assert_int_equal(next.live, 0);
	}
	free(stream.bytes);
}

/* Puts the right checksum on a stream that was changed on purpose. */
static void seal(struct stream *stream)
{
	size_t end = stream->len - sizeof(struct dump_record) - sizeof(struct dump_end);
	struct dump_end fixed = { checksum_more(CHECKSUM_SEED, stream->bytes, end) };

	memcpy(stream->bytes + stream->len - sizeof(fixed), &fixed, sizeof(fixed));
}

/* With the right checksum as well nothing breaks; what is accepted is a sound store. */
static void test_forged(void **state)
{
	struct stream stream = { 0 };
	struct store *store;
	unsigned int accepted = 0, refused = 0;
	int err;

	make_full(&stream);
	for (size_t i = 0; i < stream.len - sizeof(struct dump_end); i++) {
		static const unsigned char changes[] = { 1, 0x80, 0xff, 4 };

		for (size_t j = 0; j < sizeof(changes); j++) {
			harness_init(&next);
			stream.bytes[i] ^= (char)changes[j];
			seal(&stream);
			err = store_restore(&next.host, stream.bytes, stream.len, adopt_none,
					    adopted_none, NULL, &store);
			stream.bytes[i] ^= (char)changes[j];
			if (err) {
				refused++;
			} else {
				accepted++;
				assert_int_equal(store_check(store), 0);
				store_destroy(store);
			}
			assert_int_equal(next.live, 0);
		}
	}
	assert_true(accepted > 100 && refused > 1000);
	free(stream.bytes);
}

/* Transports that only count: each that was adopted is closed once, whatever becomes of the restore. */
static struct {
	unsigned int adopted, closed;
} counted;

static ssize_t counted_recv(void *transport, void *to, size_t len)
{
	return 0;
}

static ssize_t counted_send(void *transport, const void *from, size_t len)
{
	return 0;
}

static void counted_close(void *transport)
{
	counted.closed++;
}

static int adopt_counted(void *ctx, uint32_t domid, unsigned int flags, const void *saved,
			 size_t len, const struct conn_ops **ops, void **transport)
{
	static const struct conn_ops counted_ops = { counted_recv, counted_send, counted_close,
						     NULL };

	counted.adopted++;
	*ops = &counted_ops;
	*transport = &counted;
	return 0;
}

static void adopted_counted(void *ctx, void *transport, struct conn *conn)
{
}

/* Restores a forged stream: refused without a trace, or a sound store. */
static bool try_forged(struct stream *stream)
{
	struct store *store;
	int err;

	seal(stream);
	harness_init(&next);
	counted.adopted = counted.closed = 0;
	err = store_restore(&next.host, stream->bytes, stream->len, adopt_counted, adopted_counted,
			    NULL, &store);
	if (err) {
		assert_int_equal(err, -EBADMSG);
	} else {
		assert_int_equal(store_check(store), 0);
		store_destroy(store);
	}
	assert_int_equal(counted.adopted, counted.closed);
	assert_int_equal(next.live, 0);
	return !err;
}

/* `from` with the bytes [at, at + cut) replaced by `len` bytes. */
static struct stream spliced(const struct stream *from, size_t at, size_t cut, const void *bytes,
			     size_t len)
{
	struct stream to = { .len = from->len - cut + len };

	to.bytes = malloc(to.len);
	memcpy(to.bytes, from->bytes, at);
	memcpy(to.bytes + at, bytes, len);
	memcpy(to.bytes + at + len, from->bytes + at + cut, from->len - at - cut);
	return to;
}

/* Whole records that are missing, come twice, come too early, or are a byte too short or too long. */
static void test_misplaced(void **state)
{
	struct stream stream = { 0 }, forged;
	unsigned int records = 0, refused = 0;
	size_t size, first = 0;

	make_full(&stream);
	for (size_t at = 0; at < stream.len - sizeof(struct dump_end); at += size) {
		char *record = stream.bytes + at, changed[8192];
		struct dump_record head;

		memcpy(&head, record, sizeof(head));
		size = sizeof(head) + head.len;
		assert_true(size < sizeof(changed));
		if (!at)
			first = size;
		if (head.type == DUMP_END)
			break;
		records++;
		forged = spliced(&stream, at, size, "", 0);
		refused += !try_forged(&forged);
		free(forged.bytes);
		forged = spliced(&stream, at, 0, record, size);
		refused += !try_forged(&forged);
		free(forged.bytes);
		forged = spliced(&stream, first, 0, record, size);
		refused += !try_forged(&forged);
		free(forged.bytes);
		for (int more = -1; more <= 1; more += 2) {
			memcpy(changed, record, size);
			changed[size] = 0;
			head.len += (uint32_t)more;
			memcpy(changed, &head, sizeof(head));
			forged = spliced(&stream, at, size, changed, size + (size_t)more);
			assert_false(try_forged(&forged));
			free(forged.bytes);
			head.len -= (uint32_t)more;
		}
	}
	assert_true(records > 20 && refused > records);
	free(stream.bytes);
}

static void test_no_memory(void **state)
{
	struct stream stream = { 0 };
	struct store *store;
	int err = -1;

	make_full(&stream);
	for (uint64_t limit = 0; err; limit++) {
		harness_init(&next);
		next.allocations_left = limit;
		err = store_restore(&next.host, stream.bytes, stream.len, adopt_none, adopted_none,
				    NULL, &store);
		if (!err)
			store_destroy(store);
		else
			assert_int_equal(err, -ENOMEM);
		assert_int_equal(next.live, 0);
	}
	free(stream.bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_readable, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_tree),    TEST(test_watches),	     TEST(test_events),
		TEST(test_partial), TEST(test_transactions), TEST(test_gone),
		TEST(test_lost),    TEST(test_sink_fails),   TEST(test_damage),
		TEST(test_forged),  TEST(test_misplaced),    TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
