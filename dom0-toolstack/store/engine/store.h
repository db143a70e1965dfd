/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's engine: the XenStore protocol (<xen/io/xs_wire.h>) over a tree of nodes, with
 * permissions, watches, transactions and quotas.
 *
 * It knows nothing of Linux or of Dom0: what it needs from its surroundings (memory, byte
 * transports, news of domains) it gets through struct store_host and struct conn_ops, so the same
 * files run in a daemon, in a domain of their own and in host tests. It is single-threaded: no
 * function may be called while another one runs, callbacks of the host included, except where said.
 *
 * Functions that can fail return 0 or a negative errno value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct store;
struct conn;

/* What is limited for each domain; Dom0 and its sockets are bound by EVENTS only, 64-fold. */
enum quota {
	QUOTA_NODES,	    /* nodes owned */
	QUOTA_NODE_SIZE,    /* bytes of one node's value */
	QUOTA_PERMS,	    /* permission entries of one node */
	QUOTA_PATH_LEN,	    /* bytes of a path, beyond the domain's own folder */
	QUOTA_PATH_LEVELS,  /* components of a path; they bound the work that a path makes */
	QUOTA_WATCHES,	    /* watches set */
	QUOTA_TRANSACTIONS, /* transactions open */
	QUOTA_TX_NODES,	    /* nodes touched in one transaction */
	QUOTA_EVENTS, /* watch events not yet taken; more are folded into one for each watch */
	QUOTA_MEMORY, /* bytes of nodes, watches, events and transactions together */
	QUOTA_COUNT
};

/* What the engine asks of its surroundings. `ctx` is handed to each function. */
struct store_host {
	void *ctx;
	/* Memory; alloc may return NULL. `size` is the same for an allocation and its release. */
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *memory, size_t size);
	/* One line of text for the administrator, without a line end. */
	void (*log)(void *ctx, const char *text);
	/* A clock in microseconds that never goes back; from when is all the same. */
	uint64_t (*now)(void *ctx);
	/* Unpredictable 32 bits (the shape of the tree depends on them). */
	uint32_t (*random)(void *ctx);
	/* Whether the machine has a domain of this number now. */
	bool (*domain_exists)(void *ctx, uint32_t domid);
	/*
	 * Connects a domain's ring and calls store_connect() for it; for a domain that is connected
	 * already it only binds the new event channel. Errors go back to who asked.
	 */
	int (*introduce)(void *ctx, uint32_t domid, uint64_t gfn, uint32_t port);
	/*
	 * A control command that the engine does not know; the answer is text in `answer`. With
	 * -EINPROGRESS it comes later, by store_control_answer().
	 */
	int (*control)(void *ctx, const char *const *words, size_t count, char *answer,
		       size_t room);
};

/* A byte transport: a socket, a ring in shared memory. */
struct conn_ops {
	/*
	 * Both move up to `len` bytes and return how many (fewer means: no more until
	 * store_conn_kick() is called), or a negative errno value when the other side is gone.
	 */
	ssize_t (*recv)(void *transport, void *to, size_t len);
	ssize_t (*send)(void *transport, const void *from, size_t len);
	/* The connection is over; frees the transport. */
	void (*close)(void *transport);
	/*
	 * Describes the transport in at most `room` bytes for a state dump; returns their number,
	 * or a negative errno value when it cannot be carried over.
	 */
	ssize_t (*save)(void *transport, void *to, size_t room);
};

/* A connection that may read but not change anything (store_connect()). */
#define CONN_READONLY (1u << 0)
/* This is the ring of the domain `domid`, not just some client with its rights. */
#define CONN_DOMAIN   (1u << 1)

/*
 * Creates an empty store with the nodes that every store has. `host` must outlive it. Errors:
 * -ENOMEM.
 */
int store_create(const struct store_host *host, struct store **store);

/* Closes all connections and frees everything. */
void store_destroy(struct store *store);

/* The default value of a quota, for all domains without one of their own. */
void store_set_quota(struct store *store, enum quota quota, uint64_t value);
uint64_t store_get_quota(const struct store *store, enum quota quota);

/* Finds a quota by its name ("nodes"); -ENOENT when there is none. */
int store_quota_by_name(const char *name, enum quota *quota);

/* Keep the nodes of a domain that is gone, as Dom0's, instead of removing them. */
void store_set_keep_orphans(struct store *store, bool keep);

/*
 * Adds a connection that acts as domain `domid`. On success the engine owns `transport`; on
 * failure the caller does. The connection is scheduled at once. Errors: -ENOMEM, -EEXIST (a second
 * ring for one domain).
 */
int store_connect(struct store *store, uint32_t domid, unsigned int flags,
		  const struct conn_ops *ops, void *transport, struct conn **conn);

/* Closes a connection: its watches and transactions end. Not from within its own callbacks. */
void store_disconnect(struct conn *conn);

/* Something may have changed for this connection: bytes to read, room to write. Callable always. */
void store_conn_kick(struct conn *conn);

/*
 * Serves the connection that has waited longest, for at most one request, and does a part of the
 * work that need not be done at once. Returns whether there is more to do at once; when not, the
 * next call is due after a store_conn_kick(), or when store_wait() says.
 */
bool store_run(struct store *store);

/*
 * When store_run() returned false: after how many microseconds it is due again all the same, or -1.
 */
int64_t store_wait(const struct store *store);

/* Answers all control commands that returned -EINPROGRESS; `text` is shorter than a payload. */
void store_control_answer(struct store *store, const char *text);

/* The ring connection of a domain, or NULL. */
struct conn *store_domain_conn(struct store *store, uint32_t domid);

/* Calls `visit` for every domain that the engine knows, Dom0 aside. `visit` may end the domain. */
void store_for_each_domain(struct store *store,
			   void (*visit)(void *arg, uint32_t domid, bool introduced), void *arg);

/* A domain has shut down or crashed: @releaseDomain fires, once until XS_RESUME. */
void store_domain_shutdown(struct store *store, uint32_t domid);

/* A domain is being destroyed: drops its connection and fires @releaseDomain. */
void store_domain_dying(struct store *store, uint32_t domid);

/* A domain is gone for good: what it owned is removed, grants to it are void from now on. */
void store_domain_gone(struct store *store, uint32_t domid);

/*
 * Forgets what a domain's connection was doing (watches, transactions, partial messages), as when
 * its ring is set up anew.
 */
void store_conn_reset(struct conn *conn);

/* Numbers for tests and reports. */
struct store_stats {
	uint64_t bytes;	       /* memory held */
	uint64_t nodes;	       /* nodes in the tree */
	uint64_t connections;  /* open connections */
	uint64_t watches;      /* watches set */
	uint64_t transactions; /* transactions open */
	uint64_t requests;     /* requests served */
	uint64_t conflicts;    /* transactions that failed with EAGAIN */
};

void store_get_stats(const struct store *store, struct store_stats *stats);

/*
 * Verifies that the tree is in order and that all accounts are right. Returns 0 or -EILSEQ, and
 * logs what is wrong. Takes time in proportion to the store.
 */
int store_check(struct store *store);

/*
 * Writes the whole state through `sink`, which returns 0 or a negative errno value. The format is
 * described in dump_format.h. The store goes on as before.
 */
int store_dump(struct store *store, int (*sink)(void *ctx, const void *bytes, size_t len),
	       void *ctx);

/*
 * Builds a store from a dump of `len` bytes. Everything in it is checked; on any doubt the result
 * is -EBADMSG and nothing remains. `adopt` turns the description that conn_ops.save() made
 * (saved_len bytes) into a transport, or returns a negative errno value, in which case the
 * connection is dropped, as if it had been closed.
 */
int store_restore(const struct store_host *host, const void *dump, size_t len,
		  int (*adopt)(void *ctx, uint32_t domid, unsigned int flags, const void *saved,
			       size_t saved_len, const struct conn_ops **ops, void **transport),
		  void (*adopted)(void *ctx, void *transport, struct conn *conn), void *ctx,
		  struct store **store);
