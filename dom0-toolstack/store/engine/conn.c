/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections: their bytes, their turns.
 *
 * Service is round robin: a connection that has something to do waits in store->ready, and each
 * turn serves one request at most, and none while its last answer has not been taken. So nobody
 * gets more by asking more, and what a connection that does not read can make the store hold is
 * one answer, one buffer of events, and the events that its quota allows.
 *
 * A request that is known to be dear, the end of a long transaction, is served when all that wait
 * have had a turn since the last dear one. So what a request waits for is one of these at most,
 * and one turn of each other connection.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* The end of a transaction that touched more than this is dear. */
#define DEAR_TOUCHES 8
/* How many nodes are freed at a time, of those that nobody uses any more. */
#define FREE_NODES   1000

void conn_schedule(struct conn *conn)
{
	if (!list_empty(&conn->ready))
		return;
	list_add_tail(&conn->ready, &conn->store->ready);
	conn->store->ready_count++;
}

void store_conn_kick(struct conn *conn)
{
	conn->readable = true;
	conn->blocked = false;
	conn_schedule(conn);
}

int store_connect(struct store *store, uint32_t domid, unsigned int flags,
		  const struct conn_ops *ops, void *transport, struct conn **out)
{
	struct domain *domain = domain_get(store, domid);
	struct conn *conn;

	if (!domain)
		return -ENOMEM;
	if (flags & CONN_DOMAIN && domain->conn)
		return -EEXIST;
	conn = store_alloc(store, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	memset(conn, 0, sizeof(*conn));
	conn->store = store;
	conn->domain = domain;
	conn->id = ++store->next_conn;
	conn->flags = flags;
	conn->ops = ops;
	conn->transport = transport;
	list_init(&conn->ready);
	list_init(&conn->watches);
	list_init(&conn->events);
	list_init(&conn->txs);
	list_add_tail(&conn->link, &store->conns);
	if (flags & CONN_DOMAIN)
		domain->conn = conn;
	store->stats.connections++;
	store_conn_kick(conn);
	*out = conn;
	return 0;
}

static void buffer_free(struct store *store, struct buffer *buffer)
{
	if (buffer->bytes)
		store_free(store, buffer->bytes, buffer->room);
	*buffer = (struct buffer) { 0 };
}

int buffer_append(struct store *store, struct buffer *buffer, const char *bytes, size_t len)
{
	size_t room = buffer->len + len;
	char *grown;

	if (!room)
		return 0;
	grown = store_alloc(store, room);
	if (!grown)
		return -ENOMEM;
	if (buffer->len)
		memcpy(grown, buffer->bytes, buffer->len);
	memcpy(grown + buffer->len, bytes, len);
	buffer_free(store, buffer);
	*buffer = (struct buffer) { grown, (uint32_t)room, (uint32_t)room };
	return 0;
}

void conn_forget(struct conn *conn)
{
	struct watch *watch, *next_watch;
	struct tx *tx, *next_tx;

	events_drop(conn, NULL);
	list_for_each_entry_safe (watch, next_watch, &conn->watches, link)
		watch_remove(watch);
	list_for_each_entry_safe (tx, next_tx, &conn->txs, conn_link)
		tx_drop(tx);
}

/* The events of a transaction that is public are due all the same, but no answer is. */
static void conn_forget_firing(struct conn *conn)
{
	if (conn->firing)
		conn->firing->conn = NULL;
	conn->firing = NULL;
	conn->waiting = false;
}

void store_conn_reset(struct conn *conn)
{
	conn_forget(conn);
	conn_forget_firing(conn);
	buffer_free(conn->store, &conn->in);
	buffer_free(conn->store, &conn->out);
	store_conn_kick(conn);
}

void conn_close(struct conn *conn)
{
	struct store *store = conn->store;

	conn_forget(conn);
	conn_forget_firing(conn);
	if (!list_empty(&conn->ready) && !conn->held)
		store->ready_count--;
	list_del(&conn->ready);
	buffer_free(store, &conn->in);
	buffer_free(store, &conn->out);
	list_del(&conn->link);
	if (conn->domain->conn == conn)
		conn->domain->conn = NULL;
	store->stats.connections--;
	conn->ops->close(conn->transport);
	store_free(store, conn, sizeof(*conn));
}

void store_disconnect(struct conn *conn)
{
	conn_close(conn);
}

void conn_send(struct conn *conn, const void *bytes, size_t len)
{
	ssize_t sent = 0;

	if (conn->broken)
		return;
	if (!conn->out.len && !conn->blocked) {
		sent = conn->ops->send(conn->transport, bytes, len);
		if (sent < 0) {
			conn->broken = true;
			return;
		}
	}
	if ((size_t)sent == len)
		return;
	conn->blocked = true;
	if (buffer_append(conn->store, &conn->out, (const char *)bytes + sent, len - (size_t)sent))
		conn->broken = true;
}

/* Sends what was kept. Returns whether all is gone. */
static bool conn_flush(struct conn *conn)
{
	ssize_t sent;

	if (!conn->out.len)
		return true;
	if (conn->blocked)
		return false;
	sent = conn->ops->send(conn->transport, conn->out.bytes, conn->out.len);
	if (sent < 0) {
		conn->broken = true;
		return false;
	}
	conn->out.len -= (uint32_t)sent;
	if (conn->out.len) {
		conn->blocked = true;
		memmove(conn->out.bytes, conn->out.bytes + sent, conn->out.len);
		return false;
	}
	buffer_free(conn->store, &conn->out);
	return true;
}

/* The bytes of the message at the front of `have` bytes, header included; 0 while unknown. */
static size_t message_size(const char *bytes, size_t have)
{
	struct xsd_sockmsg header;

	if (have < sizeof(header))
		return 0;
	memcpy(&header, bytes, sizeof(header));
	return sizeof(header) + (size_t)header.len;
}

static bool message_whole(const char *bytes, size_t have)
{
	size_t size = message_size(bytes, have);

	return size && size <= have;
}

/*
 * Brings the next message into store->in. What arrived behind it, or of a message that is not
 * complete, is kept for the next turn. Returns whether there is a message.
 */
static bool conn_receive(struct conn *conn)
{
	struct store *store = conn->store;
	size_t have = conn->in.len, size;
	ssize_t got;

	if (have)
		memcpy(store->in, conn->in.bytes, have);
	buffer_free(store, &conn->in);
	if (!message_whole(store->in, have) && conn->readable) {
		got = conn->ops->recv(conn->transport, store->in + have, MESSAGE_MAX - have);
		if (got < 0) {
			conn->broken = true;
			return false;
		}
		if ((size_t)got < MESSAGE_MAX - have)
			conn->readable = false;
		have += (size_t)got;
	}
	size = message_size(store->in, have);
	if (size > MESSAGE_MAX) {
		store_log(store, "connection %u of domain %u sent a message of %zu bytes: closed",
			  conn->id, conn->domain->domid, size);
		conn->broken = true;
		return false;
	}
	if (!message_whole(store->in, have))
		size = 0;
	if (have > size && buffer_append(store, &conn->in, store->in + size, have - size))
		conn->broken = true;
	return size && !conn->broken;
}

/* Whether the message in store->in, `header` its header, asks for much work at once. */
static bool message_dear(struct conn *conn, const struct xsd_sockmsg *header)
{
	struct tx *tx;

	if (header->type != XS_TRANSACTION_END || conn->store->in[sizeof(*header)] != 'T')
		return false;
	tx = tx_find(conn, header->tx_id);
	return tx && tx->touch_count > DEAR_TOUCHES;
}

/* Puts the message in store->in back before what was received after it. */
static void message_put_back(struct conn *conn, size_t len)
{
	struct store *store = conn->store;

	if (conn->in.len)
		memcpy(store->in + len, conn->in.bytes, conn->in.len);
	len += conn->in.len;
	buffer_free(store, &conn->in);
	if (buffer_append(store, &conn->in, store->in, len))
		conn->broken = true;
}

/* One turn of a connection. */
static void conn_turn(struct conn *conn)
{
	struct store *store = conn->store;
	struct xsd_sockmsg header;
	size_t len;

	store->since_dear++;
	if (!conn_flush(conn))
		return;
	if (conn->event_count || conn->overflowed) {
		len = events_take(conn, store->out, sizeof(store->out));
		conn_send(conn, store->out, len);
		if (conn->blocked)
			return;
	}
	if (conn->broken || conn->waiting || !conn_receive(conn))
		return;
	memcpy(&header, store->in, sizeof(header));
	if (message_dear(conn, &header)) {
		if (store->since_dear <= store->ready_count) {
			message_put_back(conn, sizeof(header) + header.len);
			return;
		}
		store->since_dear = 0;
	}
	/* Requests may rely on a NUL behind the payload. */
	store->in[sizeof(header) + header.len] = '\0';
	store->stats.requests++;
	request_serve(conn, &header, store->in + sizeof(header));
}

static bool conn_has_work(const struct conn *conn)
{
	if (conn->blocked)
		return false;
	if (conn->out.len || conn->event_count || conn->overflowed)
		return true;
	return !conn->waiting && (conn->readable || message_whole(conn->in.bytes, conn->in.len));
}

/* What need not be done at once: a part of it, when each connection has had a turn. */
static void background(struct store *store)
{
	if (store->since_background++ < store->ready_count)
		return;
	store->since_background = 0;
	tx_fire_some(store);
	if (store->reaping)
		domains_reap(store);
	node_free_some(store, FREE_NODES);
	tx_relieve(store);
}

/* Lets those be served again who have waited long enough. */
static void release_held(struct store *store)
{
	uint64_t now = store->host->now(store->host->ctx);
	struct conn *conn, *tmp;

	list_for_each_entry_safe (conn, tmp, &store->held, ready) {
		if (domain_held_until(conn->domain) > now)
			continue;
		list_del(&conn->ready);
		conn->held = false;
		conn_schedule(conn);
	}
}

int64_t store_wait(const struct store *store)
{
	uint64_t now, until, wait = UINT64_MAX;
	struct conn *conn;

	if (list_empty(&store->held))
		return -1;
	now = store->host->now(store->host->ctx);
	list_for_each_entry (conn, &store->held, ready) {
		until = domain_held_until(conn->domain);
		if (until <= now)
			return 0;
		wait = until - now < wait ? until - now : wait;
	}
	return (int64_t)wait;
}

/* The connection whose turn it is, or NULL. */
static struct conn *next_conn(struct store *store)
{
	struct conn *conn;

	while (!list_empty(&store->ready)) {
		conn = list_entry(store->ready.next, struct conn, ready);
		list_del(&conn->ready);
		store->ready_count--;
		if (!domain_held_until(conn->domain) ||
		    domain_held_until(conn->domain) <= store->host->now(store->host->ctx))
			return conn;
		conn->held = true;
		list_add_tail(&conn->ready, &store->held);
	}
	return NULL;
}

bool store_run(struct store *store)
{
	struct conn *conn;

	background(store);
	if (!list_empty(&store->held))
		release_held(store);
	conn = next_conn(store);
	if (conn) {
		conn_turn(conn);
		if (conn->broken)
			conn_close(conn);
		else if (conn_has_work(conn))
			conn_schedule(conn);
	}
	return store->trash || store->reaping || !list_empty(&store->firing) ||
	       !list_empty(&store->ready);
}
