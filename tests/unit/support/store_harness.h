/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's engine with nothing around it: memory that may run out, byte transports in memory,
 * a list of domains. For unit tests and fuzz targets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "store.h"

#define PIPE_MAX 65536

/* One connection's two directions. `room` bounds what the store may have sent and not read yet. */
struct pipe_conn {
	struct conn *conn;
	uint32_t domid;
	bool open; /* the store has not closed it */
	bool gone; /* the other side has: recv and send fail */
	bool unsavable;
	size_t in_len, out_len, room;
	size_t chunk; /* at most so many bytes in one go; 0: any number */
	size_t moved; /* bytes in either direction since the last kick */
	char in[PIPE_MAX], out[PIPE_MAX];
	/* The message taken last. */
	struct xsd_sockmsg header;
	char payload[XENSTORE_PAYLOAD_MAX + 1];
};

struct harness {
	struct store_host host;
	struct store *store;
	/* Memory: fail the allocation when this reaches 0 (UINT64_MAX: never). */
	uint64_t allocations_left;
	uint64_t live; /* allocations not yet freed */
	uint64_t live_bytes;
	uint64_t seed;
	uint64_t now;	     /* the clock; stands still unless a test moves it */
	uint32_t last_domid; /* domains 1 to this exist */
	int introduce_error;
	unsigned int log_lines;
	char log[256]; /* the last line */
	struct pipe_conn *conns[64];
	size_t conn_count;
};

extern const struct conn_ops pipe_ops;

void harness_init(struct harness *harness);
/* Creates the store too; ends the test when it can't. */
void harness_start(struct harness *harness);
/* Frees all; returns the number of allocations that were never freed. */
uint64_t harness_stop(struct harness *harness);
struct pipe_conn *harness_connect(struct harness *harness, uint32_t domid, unsigned int flags);
/* Lets the store work until it has nothing to do. */
void harness_run(struct harness *harness);

/* Puts a request on its way without letting the store work. Each '|' in `text` is a NUL. */
void pipe_put(struct pipe_conn *pipe, uint32_t type, uint32_t tx, const char *text);
void pipe_put_bytes(struct pipe_conn *pipe, const void *bytes, size_t len);
/* Takes the next message out; false when there is none. */
bool pipe_take(struct pipe_conn *pipe);
/*
 * Asks and runs the store; events before the answer are dropped. Returns the payload with NULs
 * as '|', or the error's name.
 */
const char *ask(struct harness *harness, struct pipe_conn *pipe, uint32_t type, uint32_t tx,
		const char *text);
/* The next event as "path|token", or "". */
const char *event(struct harness *harness, struct pipe_conn *pipe);
uint32_t begin(struct harness *harness, struct pipe_conn *pipe);
