/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engine's files share and its users do not see. */
#pragma once

#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "list.h"
#include "store.h"
#include "tree.h"

#define DOMAIN_BUCKETS 64
#define TOUCH_BUCKETS  32
#define EVENT_BUCKETS  32
#define DOMID_MAX      0x7fef /* the last number before the special ones (DOMID_FIRST_RESERVED) */

/* A message with the longest payload. */
#define MESSAGE_MAX    (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)

/*
 * A domain, from its first mention (introduced, connected, named in permissions) until it is gone
 * and what it owned is cleaned up. `life` is unique: permissions and accounts name a domain by
 * number and life, so a later domain of the same number inherits nothing.
 */
struct domain {
	struct list_head link; /* in store->domains[], hashed by domid */
	uint32_t domid;
	uint32_t life;
	bool introduced;
	bool shutdown; /* its shutdown has been told */
	bool gone;     /* the domain is no more, its nodes remain to be removed */
	struct conn *conn;
	bool has_target;
	uint32_t target, target_life; /* SET_TARGET: it acts for this domain as well */
	uint64_t nodes, watches, transactions;
	uint64_t memory;
	uint64_t quota[QUOTA_COUNT]; /* valid where has_quota has the bit */
	uint32_t has_quota;
	uint32_t quota_logged; /* bits of quotas whose exceeding has been logged */
	/* What changes that made others' transactions fail cost it (tx_fine()): a time, and the
	 * change that was fined last. */
	uint64_t fine, fined;
	uint64_t counted_nodes, counted_memory; /* by store_check() */
};

/* A change of one domain's account that is not public yet. */
struct delta {
	struct delta *next;
	uint16_t domid;
	uint32_t life;
	int64_t nodes, memory;
};

/*
 * A version of the tree that requests work on: the store's own, or a transaction's. Accounts are
 * changed at once when `deltas` is NULL, else noted there.
 */
struct view {
	struct node **root;
	struct delta **deltas;
	struct tx *tx; /* NULL outside transactions */
};

/* What a transaction did with a path. */
#define TOUCH_SELF   (1u << 0) /* saw whether it exists, its value or its permissions */
#define TOUCH_LIST   (1u << 1) /* saw the names of its children */
#define TOUCH_WRITE  (1u << 2) /* wrote value or permissions, perhaps created it */
#define TOUCH_REMOVE (1u << 3) /* removed it with all below */
#define TOUCH_EVENT  (1u << 4) /* watches are to fire for it */
#define TOUCH_ALL    0x1fu

struct touch {
	struct list_head link; /* in tx->touched, in order of first use */
	struct touch *hash_next;
	unsigned int flags;
	uint32_t hash; /* of the path */
	struct blob *path;
	/* The permissions before the first change of them, to tell who could read it. */
	struct perms *old_perms;
};

struct tx {
	struct list_head conn_link;  /* in conn->txs */
	struct list_head store_link; /* in store->txs, oldest first; public: in store->firing */
	struct conn *conn;	     /* public: NULL once it is gone */
	uint32_t id;
	bool doomed;	   /* will end with EAGAIN: its view was given up */
	struct node *base; /* the version that it began with; public: the store's before it */
	struct node *root; /* its own version; public: the store's after it */
	struct delta *deltas;
	struct list_head touched;
	uint32_t touch_count;
	struct touch *touch_hash[TOUCH_BUCKETS];
};

/* A watch; `text` holds the path, a NUL, the token, a NUL. */
struct watch {
	struct list_head link; /* in conn->watches */
	/* At the same node of the index, or in store->specials: the next connection's first one;
	 * the next one of this connection. */
	struct watch *next, *more;
	struct conn *conn;
	int64_t depth;	   /* levels below the path that count, -1: all */
	uint32_t relative; /* bytes that are cut off the front of event paths */
	uint32_t path_len, token_len;
	bool special;	 /* a special watch ("@...") */
	bool overflowed; /* events were folded: one with the watch's own path is due */
	char text[];
};

/* An event that its connection has not taken yet. */
struct event {
	struct list_head link; /* in conn->events */
	struct event *hash_next;
	struct watch *watch;
	struct blob *path; /* NULL: the watch's own path */
	uint32_t hash;	   /* of the path */
};

/* Bytes that wait; `room` is what was allocated. */
struct buffer {
	char *bytes;
	uint32_t len, room;
};

struct conn {
	struct list_head link;	/* in store->conns */
	struct list_head ready; /* in store->ready or store->held, or empty */
	struct store *store;
	struct domain *domain;
	uint32_t id;	 /* for logs */
	uint32_t failed; /* transactions in a row that failed with EAGAIN */
	unsigned int flags;
	const struct conn_ops *ops;
	void *transport;
	bool readable;	   /* recv may have something */
	bool blocked;	   /* send had no room */
	bool broken;	   /* to be closed at the end of its turn */
	bool held;	   /* in store->held */
	struct buffer in;  /* the beginning of messages not yet complete */
	struct buffer out; /* what the transport has not taken yet */
	struct list_head watches;
	uint32_t overflowed; /* watches with `overflowed` set */
	struct list_head events;
	uint64_t event_count;
	struct event *event_hash[EVENT_BUCKETS];
	struct list_head txs;
	/* A request whose answer is not ready: the next one is taken when this has been answered. */
	bool waiting;
	struct xsd_sockmsg delayed;
	struct tx *firing; /* what it waits for: the events of a transaction of its own */
};

struct store {
	const struct store_host *host;
	struct node *root;
	struct node *watch_index;
	struct watch *specials;
	struct perms *introduce_perms, *release_perms; /* who may see the special watches' events */
	uint64_t generation;
	uint32_t next_life, next_tx, next_conn;
	uint64_t quota[QUOTA_COUNT];
	bool keep_orphans;
	bool log_requests;
	struct list_head domains[DOMAIN_BUCKETS];
	struct domain *dom0;
	struct list_head conns;
	struct list_head ready; /* in the order of their turns */
	uint32_t ready_count;
	uint32_t since_dear, since_background; /* turns */
	struct list_head held;		       /* of domains that wait until their fine is paid */
	struct list_head txs;
	struct list_head firing; /* public transactions whose events are due, oldest first */
	struct node *trash;	 /* nodes to be freed, chained by `left` */
	uint16_t actor;		 /* whose request is being served */
	uint32_t hash_seed;
	struct store_stats stats;
	/* The removal of what gone domains owned, a piece at a time. */
	bool reaping;
	size_t reap_len;
	char reap_path[XENSTORE_ABS_PATH_MAX + 1];
	/* Where the message being served and the answer to it are. */
	char in[MESSAGE_MAX + 1];
	char out[MESSAGE_MAX];
	size_t reply_len; /* payload bytes in `out` */
};

/* Memory, counted in stats.bytes. */
void *store_alloc(struct store *store, size_t size);
void store_free(struct store *store, void *memory, size_t size);
void store_log(struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A checksum, which begins with CHECKSUM_SEED, goes on over more bytes. */
#define CHECKSUM_SEED 2166136261u
uint32_t checksum_more(uint32_t sum, const void *data, size_t len);
/* A hash that outsiders can't predict. */
uint32_t hash_path(const struct store *store, const char *path, size_t len);
/* A store without any node; store_destroy() takes it too. */
int store_new(const struct store_host *host, struct store **store);

/* domain.c: domains, accounts, quotas. */
struct domain *domain_find(struct store *store, uint32_t domid);
struct domain *domain_find_life(struct store *store, uint32_t domid, uint32_t life);
/* Finds a domain or begins its life; NULL: no memory. */
struct domain *domain_get(struct store *store, uint32_t domid);
/* Begins a life for this number, whatever lives there were before. */
struct domain *domain_add(struct store *store, uint32_t domid);
/* As domain_get(), but only a domain that the host knows too: NULL otherwise. */
struct domain *domain_get_existing(struct store *store, uint32_t domid);
void domain_free(struct store *store, struct domain *domain);
void domains_free(struct store *store);
uint64_t domain_quota(const struct store *store, const struct domain *domain, enum quota quota);
const char *quota_name(enum quota quota);
const char *quota_meaning(enum quota quota);
/* Whether `wanted` stays within a connection's quota; logs when it does not. */
bool quota_allows(struct conn *conn, enum quota quota, uint64_t wanted);
bool conn_privileged(const struct conn *conn);
/* Charges (or with negative numbers relieves) the owner of a node. */
void view_account(struct store *store, struct view *view, const struct perms *perms, int64_t nodes,
		  int64_t memory);
/* What a domain owns as this view sees it. */
void view_usage(struct view *view, const struct domain *domain, uint64_t *nodes, uint64_t *memory);
/* Makes noted changes public; then, and also without that, drops the notes. */
void deltas_apply(struct store *store, struct delta *deltas);
void deltas_free(struct store *store, struct delta **deltas);
/* Removes a piece of what gone domains owned. Returns whether there is more. */
bool domains_reap(struct store *store);
/* A domain's ring is given up; @releaseDomain fires. */
void domain_release(struct store *store, struct domain *domain);

/* perms.c: who may do what. */
unsigned int perms_access(const struct conn *conn, const struct perms *perms);
/* Reads entries ("r7", NUL-ended each). Errors: -EINVAL, -ENOENT (owner unknown), -ENOMEM. */
int perms_parse(struct store *store, const char *text, size_t len, struct perms **perms);
/* Writes them as text; returns the bytes, NULs counted, or -E2BIG. */
ssize_t perms_format(struct store *store, const struct perms *perms, char *to, size_t room);
/* Permissions for a new child: the parent's, owned by who creates it. NULL: no memory. */
struct perms *perms_inherit(struct conn *conn, struct perms *parent);
size_t perms_size(const struct perms *perms);

/* watch.c: watches and their events. */
int watch_add(struct conn *conn, const char *path, size_t path_len, uint32_t relative,
	      const char *token, int64_t depth, struct watch **watch);
struct watch *watch_find(struct conn *conn, const char *path, size_t path_len, const char *token);
void watch_remove(struct watch *watch);
/*
 * Fires for a change of `path`. `node` and `parent` are what may be read by those who are told;
 * old_perms (may be NULL) are what a change of permissions replaced. Returns what it cost, where 16
 * stands for an event.
 */
unsigned int watch_fire(struct store *store, const char *path, size_t len, const struct node *node,
			const struct node *parent, const struct perms *old_perms);
/* Fires for a node removed with all below it; it must still be whole. */
unsigned int watch_fire_removed(struct store *store, const char *path, size_t len,
				struct node *removed, const struct node *parent);
/* Fires a special watch ("@releaseDomain") for a domain. */
void watch_fire_special(struct store *store, const char *name, uint32_t domid);
/* Queues an event, or folds it; NULL as the path, with hash 0, stands for the watch's own. */
void event_add(struct watch *watch, struct blob *path, uint32_t hash);
/* The same for one that came before those that were folded. */
void event_queue(struct watch *watch, struct blob *path, uint32_t hash);
/* Moves events into `to` as messages, as many as fit; returns the bytes. */
size_t events_take(struct conn *conn, char *to, size_t room);
void events_drop(struct conn *conn, struct watch *watch);
size_t event_cost(const struct event *event);
struct perms **special_perms(struct store *store, const char *name);

/* transaction.c */
int tx_start(struct conn *conn, struct tx **tx);
/* When a domain is to be served again; 0 or a time that is over: now. */
uint64_t domain_held_until(const struct domain *domain);
struct tx *tx_find(struct conn *conn, uint32_t id);
/*
 * Makes it public: 0, -EAGAIN, -ENOSPC, -ENOMEM. The transaction is over in any case; when many
 * events are to be fired conn->firing is set until all are.
 */
int tx_commit(struct tx *tx);
void tx_drop(struct tx *tx);
/* Fires some of the events that are due; true while more are. */
bool tx_fire_some(struct store *store);
/* Notes a use of a path; a no-op outside transactions. Errors: -ENOMEM, -ENOSPC (quota). */
int tx_touch(struct conn *conn, struct view *view, const char *path, size_t len,
	     unsigned int flags);
/* Notes the permissions before the first change of them. */
void tx_touch_perms(struct store *store, struct view *view, const char *path, size_t len,
		    struct perms *old);
struct tx *tx_new(struct conn *conn, uint32_t id, struct node *base, struct node *root);
struct touch *touch_add(struct tx *tx, const char *path, size_t len, unsigned int flags);
/* Gives up an old version when they hold too much memory. */
void tx_relieve(struct store *store);

/* change.c: changes of the tree with their accounts, for requests and for commits. */
int change_write(struct store *store, struct view *view, const char *path, size_t len,
		 struct blob *value);
int change_perms(struct store *store, struct view *view, const char *path, size_t len,
		 struct perms *perms);
/* Both, or creates it so. */
int change_put(struct store *store, struct view *view, const char *path, size_t len,
	       struct perms *perms, struct blob *value);
int change_create(struct store *store, struct view *view, const char *path, size_t len,
		  struct perms *perms, struct blob *value);
/* *removed (may be NULL) gets the reference to what was removed. */
int change_remove(struct store *store, struct view *view, const char *path, size_t len,
		  struct node **removed);

/* request.c, control.c */
void request_serve(struct conn *conn, const struct xsd_sockmsg *header, char *payload);
/* Gives the answer that had to wait, if one does. */
void request_answer_delayed(struct conn *conn, const char *text);
int control_serve(struct conn *conn, const char *payload, size_t len, char *answer, size_t room);
/* Checks a path's form and makes it absolute in `out` (XENSTORE_ABS_PATH_MAX + 1 bytes). */
int path_canonical(struct conn *conn, const char *path, char *out, size_t *len, uint32_t *relative);
bool path_valid(const char *path, size_t len);
/* The components of a path. */
unsigned int path_levels(const char *path, size_t len);
/* Cuts NUL-ended strings out of a payload; -EINVAL when the last one has no end. */
int split_strings(const char *payload, size_t len, const char **strings, size_t max);
int parse_number(const char *text, uint64_t max, uint64_t *number);

/* conn.c */
void conn_schedule(struct conn *conn);
void conn_close(struct conn *conn);
/* Adds bytes to what waits: 0 or -ENOMEM. */
int buffer_append(struct store *store, struct buffer *buffer, const char *bytes, size_t len);
/* Ends what a connection set up: its watches with their events, its transactions. */
void conn_forget(struct conn *conn);
/* Hands bytes to the transport, keeping what it does not take. */
void conn_send(struct conn *conn, const void *bytes, size_t len);
