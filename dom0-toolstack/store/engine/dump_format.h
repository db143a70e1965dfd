/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream in which a store's state is handed to the next program (store_dump(),
 * store_restore()).
 *
 * It is a sequence of records: a struct dump_record, then `len` bytes: the fixed part that the
 * type has (below), then its variable parts in the order of their lengths there. Numbers are in
 * the machine's order, without padding: the stream never leaves the machine.
 *
 * DUMP_STORE comes first; then all domains and special permissions; then nodes, each after those
 * that it refers to, numbered from 1 in this order (0 stands for none), so what versions share is
 * shared again; DUMP_ROOT; then connections, each followed by what is its own: watches, then
 * events, then transactions, each followed by its touched paths and deltas. DUMP_END ends it.
 *
 * DUMP_VERSION is raised with any change of the format. A program reads its own version only: an
 * update to a program that reads another one is refused before anything is stopped.
 */
#pragma once

#include <stdint.h>

#include "store.h"

#define DUMP_MAGIC   0x45524f5453484221ull /* "!BHSTORE" */
#define DUMP_VERSION 1

enum dump_type {
	DUMP_STORE = 1,
	DUMP_DOMAIN,
	DUMP_SPECIAL,
	DUMP_NODE,
	DUMP_ROOT,
	DUMP_CONN,
	DUMP_WATCH,
	DUMP_EVENT,
	DUMP_TX,
	DUMP_TOUCH,
	DUMP_DELTA,
	DUMP_END,
};

struct dump_record {
	uint32_t type; /* enum dump_type */
	uint32_t len;
};

struct dump_store {
	uint64_t magic;
	uint32_t version;
	uint32_t quota_count;
	uint64_t generation;
	uint64_t quota[QUOTA_COUNT];
	uint32_t next_life, next_tx, next_conn;
	uint32_t keep_orphans;
};

#define DUMP_DOMAIN_INTRODUCED 1u
#define DUMP_DOMAIN_SHUTDOWN   2u
#define DUMP_DOMAIN_GONE       4u
#define DUMP_DOMAIN_TARGET     8u

struct dump_domain {
	uint32_t domid, life, flags;
	uint32_t target, target_life;
	uint32_t has_quota;
	uint64_t quota[QUOTA_COUNT];
};

struct dump_perm {
	uint16_t domid, access;
	uint32_t life;
};

/* Followed by the permissions. */
struct dump_special {
	uint32_t release; /* 0: @introduceDomain, 1: @releaseDomain */
	uint32_t perm_count;
};

/* Followed by permissions, name, value. */
struct dump_node {
	uint32_t left, right, children;
	uint32_t priority;
	uint64_t generation, list_generation;
	uint32_t perm_count, name_len, value_len;
	uint32_t has_value;
};

struct dump_root {
	uint32_t node;
};

/* Followed by the transport's description, unread input, unsent output. */
struct dump_conn {
	uint32_t domid, flags;
	uint32_t saved_len, in_len, out_len;
};

/* Followed by path and token. */
struct dump_watch {
	int64_t depth;
	uint32_t relative, overflowed;
	uint32_t path_len, token_len;
};

/* Followed by the path, unless it is the watch's own. `watch` counts the connection's from 0. */
struct dump_event {
	uint32_t watch;
	uint32_t path_len;
};

struct dump_tx {
	uint32_t id, doomed;
	uint32_t base, root;
};

/* Followed by the path and the permissions before the change (none: perm_count 0). */
struct dump_touch {
	uint32_t flags;
	uint32_t path_len, perm_count;
};

struct dump_delta {
	uint32_t domid, life;
	int64_t nodes, memory;
};

/* `checksum` is that of all bytes before this record (checksum_more() of the engine). */
struct dump_end {
	uint32_t checksum;
};
