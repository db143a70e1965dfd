/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's surroundings in tests (store_harness.h). */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_harness.h"

static void *harness_alloc(void *ctx, size_t size)
{
	struct harness *harness = ctx;
	void *memory;

	if (!harness->allocations_left)
		return NULL;
	if (harness->allocations_left != UINT64_MAX)
		harness->allocations_left--;
	memory = malloc(size);
	harness->live++;
	harness->live_bytes += size;
	return memory;
}

static void harness_free(void *ctx, void *memory, size_t size)
{
	struct harness *harness = ctx;

	harness->live--;
	harness->live_bytes -= size;
	free(memory);
}

static void harness_log(void *ctx, const char *text)
{
	struct harness *harness = ctx;

	harness->log_lines++;
	snprintf(harness->log, sizeof(harness->log), "%s", text);
}

static uint32_t harness_random(void *ctx)
{
	struct harness *harness = ctx;

	harness->seed = harness->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(harness->seed >> 33);
}

static uint64_t harness_now(void *ctx)
{
	struct harness *harness = ctx;

	return harness->now;
}

static bool harness_exists(void *ctx, uint32_t domid)
{
	struct harness *harness = ctx;

	return domid <= harness->last_domid;
}

static int harness_introduce(void *ctx, uint32_t domid, uint64_t gfn, uint32_t port)
{
	struct harness *harness = ctx;

	(void)gfn;
	(void)port;
	if (harness->introduce_error)
		return harness->introduce_error;
	if (!store_domain_conn(harness->store, domid) && harness->conn_count < 64 &&
	    !harness_connect(harness, domid, CONN_DOMAIN))
		return -ENOMEM;
	return 0;
}

static int harness_control(void *ctx, const char *const *words, size_t count, char *answer,
			   size_t room)
{
	(void)ctx;
	if (!strcmp(words[0], "later"))
		return -EINPROGRESS;
	if (strcmp(words[0], "host"))
		return -EINVAL;
	snprintf(answer, room, "%zu", count);
	return 0;
}

void harness_init(struct harness *harness)
{
	memset(harness, 0, sizeof(*harness));
	harness->host = (struct store_host) { harness,	      harness_alloc,	 harness_free,
					      harness_log,    harness_now,	 harness_random,
					      harness_exists, harness_introduce, harness_control };
	harness->allocations_left = UINT64_MAX;
	harness->last_domid = 1000;
	harness->seed = 1;
}

void harness_start(struct harness *harness)
{
	harness_init(harness);
	if (store_create(&harness->host, &harness->store))
		abort();
}

uint64_t harness_stop(struct harness *harness)
{
	if (harness->store)
		store_destroy(harness->store);
	for (size_t i = 0; i < harness->conn_count; i++)
		free(harness->conns[i]);
	return harness->live;
}

static ssize_t pipe_recv(void *transport, void *to, size_t len)
{
	struct pipe_conn *pipe = transport;

	if (pipe->gone)
		return -EPIPE;
	if (pipe->chunk && len > pipe->chunk)
		len = pipe->chunk;
	if (len > pipe->in_len)
		len = pipe->in_len;
	memcpy(to, pipe->in, len);
	pipe->in_len -= len;
	memmove(pipe->in, pipe->in + len, pipe->in_len);
	pipe->moved += len;
	return (ssize_t)len;
}

static ssize_t pipe_send(void *transport, const void *from, size_t len)
{
	struct pipe_conn *pipe = transport;

	if (pipe->gone)
		return -EPIPE;
	if (pipe->chunk && len > pipe->chunk)
		len = pipe->chunk;
	if (pipe->out_len + len > pipe->room)
		len = pipe->out_len < pipe->room ? pipe->room - pipe->out_len : 0;
	memcpy(pipe->out + pipe->out_len, from, len);
	pipe->out_len += len;
	pipe->moved += len;
	return (ssize_t)len;
}

static void pipe_close(void *transport)
{
	struct pipe_conn *pipe = transport;

	pipe->open = false;
	pipe->conn = NULL;
}

static ssize_t pipe_save(void *transport, void *to, size_t room)
{
	struct pipe_conn *pipe = transport;

	if (pipe->unsavable || room < sizeof(pipe))
		return -EINVAL;
	memcpy(to, &pipe, sizeof(pipe));
	return sizeof(pipe);
}

const struct conn_ops pipe_ops = { pipe_recv, pipe_send, pipe_close, pipe_save };

struct pipe_conn *harness_connect(struct harness *harness, uint32_t domid, unsigned int flags)
{
	struct pipe_conn *pipe = calloc(1, sizeof(*pipe));

	if (!pipe || harness->conn_count == 64)
		abort();
	pipe->domid = domid;
	pipe->room = PIPE_MAX;
	if (store_connect(harness->store, domid, flags, &pipe_ops, pipe, &pipe->conn)) {
		free(pipe);
		return NULL;
	}
	pipe->open = true;
	harness->conns[harness->conn_count++] = pipe;
	return pipe;
}

void harness_run(struct harness *harness)
{
	for (unsigned int i = 0; i < 100000; i++) {
		bool more = store_run(harness->store);

		/* A transport that moves pieces says at once that there is more. */
		for (size_t j = 0; j < harness->conn_count; j++) {
			struct pipe_conn *pipe = harness->conns[j];

			if (pipe->open && (pipe->in_len || (pipe->chunk && pipe->moved))) {
				pipe->moved = 0;
				store_conn_kick(pipe->conn);
				more = true;
			}
		}
		if (!more)
			return;
	}
}

void pipe_put_bytes(struct pipe_conn *pipe, const void *bytes, size_t len)
{
	if (len > sizeof(pipe->in) - pipe->in_len)
		abort();
	memcpy(pipe->in + pipe->in_len, bytes, len);
	pipe->in_len += len;
	if (pipe->open)
		store_conn_kick(pipe->conn);
}

void pipe_put(struct pipe_conn *pipe, uint32_t type, uint32_t tx, const char *text)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg header = { type, 5, tx, (uint32_t)strlen(text) };

	for (size_t i = 0; i < header.len; i++)
		payload[i] = text[i] == '|' ? '\0' : text[i];
	pipe_put_bytes(pipe, &header, sizeof(header));
	pipe_put_bytes(pipe, payload, header.len);
}

bool pipe_take(struct pipe_conn *pipe)
{
	const size_t head = sizeof(pipe->header);
	size_t size;

	if (pipe->out_len < head)
		return false;
	memcpy(&pipe->header, pipe->out, head);
	size = head + pipe->header.len;
	if (pipe->header.len > XENSTORE_PAYLOAD_MAX)
		abort(); /* the store must never send this */
	if (pipe->out_len < size)
		return false;
	memcpy(pipe->payload, pipe->out + head, pipe->header.len);
	pipe->payload[pipe->header.len] = '\0';
	pipe->out_len -= size;
	memmove(pipe->out, pipe->out + size, pipe->out_len);
	if (pipe->open)
		store_conn_kick(pipe->conn);
	return true;
}

static const char *shown(struct pipe_conn *pipe)
{
	static char text[XENSTORE_PAYLOAD_MAX + 1];

	for (size_t i = 0; i < pipe->header.len; i++)
		text[i] = pipe->payload[i] ? pipe->payload[i] : '|';
	text[pipe->header.len] = '\0';
	return text;
}

const char *ask(struct harness *harness, struct pipe_conn *pipe, uint32_t type, uint32_t tx,
		const char *text)
{
	pipe_put(pipe, type, tx, text);
	for (unsigned int i = 0; i < 1000; i++) {
		harness_run(harness);
		if (!pipe_take(pipe))
			return "no answer";
		if (pipe->header.type == XS_ERROR)
			return pipe->payload;
		if (pipe->header.type == type)
			return shown(pipe);
	}
	return "no answer";
}

const char *event(struct harness *harness, struct pipe_conn *pipe)
{
	harness_run(harness);
	if (!pipe_take(pipe))
		return "";
	if (pipe->header.type != XS_WATCH_EVENT)
		return "not an event";
	/* Without the last NUL. */
	shown(pipe);
	pipe->header.len--;
	return shown(pipe);
}

uint32_t begin(struct harness *harness, struct pipe_conn *pipe)
{
	return (uint32_t)strtoul(ask(harness, pipe, XS_TRANSACTION_START, 0, "|"), NULL, 10);
}
