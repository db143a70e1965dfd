/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transactions.
 *
 * One holds two versions of the tree: the one that it began with (base) and its own (root), which
 * share all that it did not change, and a record of the paths that it touched. Its end succeeds
 * when each touched path is now as it was at the beginning. If nothing else was changed meanwhile,
 * its version simply becomes the store's; otherwise the touched paths are carried over.
 *
 * The events of what it changed are fired a part at a time while others are served, from the two
 * versions before and after it.
 *
 * A guest that goes on changing what others' transactions touch could make them fail for ever. So
 * each change that did costs it a fine, which it may have outstanding a few of; beyond that it is
 * served again only when time has paid for it.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/*
 * How much memory old versions may hold beyond what domains are charged with, before the oldest
 * transactions of guests lose theirs.
 */
#define RETAINED_MAX (32ull << 20)

/*
 * How much work the events of transactions may make before others are served; 16 stands for an
 * event. A path costs something besides, and so does memory that is freed.
 */
#define FIRE_WORK    4000
#define FIRE_PATH    100
#define FIRE_FREE    10

/*
 * In microseconds: the fine for a change that made a transaction fail, so many times as the loser
 * has failed in a row, up to a limit; what may be owed without having to wait.
 */
#define FINE	     4000
#define FINE_FACTOR  4
#define FINE_ALLOWED (3 * FINE)

struct tx *tx_new(struct conn *conn, uint32_t id, struct node *base, struct node *root)
{
	struct store *store = conn->store;
	struct tx *tx = store_alloc(store, sizeof(*tx));

	if (!tx)
		return NULL;
	memset(tx, 0, sizeof(*tx));
	tx->conn = conn;
	tx->id = id;
	tx->base = node_get(base);
	tx->root = node_get(root);
	list_init(&tx->touched);
	list_add_tail(&tx->conn_link, &conn->txs);
	list_add_tail(&tx->store_link, &store->txs);
	conn->domain->transactions++;
	conn->domain->memory += sizeof(*tx);
	store->stats.transactions++;
	return tx;
}

int tx_start(struct conn *conn, struct tx **out)
{
	struct store *store = conn->store;
	struct tx *tx;

	if (!quota_allows(conn, QUOTA_TRANSACTIONS, conn->domain->transactions + 1))
		return -ENOSPC;
	do
		store->next_tx++;
	while (!store->next_tx || tx_find(conn, store->next_tx));
	tx = tx_new(conn, store->next_tx, store->root, store->root);
	if (!tx)
		return -ENOMEM;
	*out = tx;
	return 0;
}

struct tx *tx_find(struct conn *conn, uint32_t id)
{
	struct tx *tx;

	list_for_each_entry (tx, &conn->txs, conn_link)
		if (tx->id == id)
			return tx;
	return NULL;
}

static size_t touch_cost(const struct touch *touch)
{
	return sizeof(*touch) + sizeof(*touch->path) + touch->path->len;
}

static void touch_free(struct store *store, struct touch *touch)
{
	list_del(&touch->link);
	blob_put(store, touch->path);
	perms_put(store, touch->old_perms);
	store_free(store, touch, sizeof(*touch));
}

/* Takes what a transaction touched off its domain's account. */
static void tx_discharge(struct tx *tx)
{
	struct touch *touch;

	list_for_each_entry (touch, &tx->touched, link)
		tx->conn->domain->memory -= touch_cost(touch);
	memset(tx->touch_hash, 0, sizeof(tx->touch_hash));
	tx->touch_count = 0;
	deltas_free(tx->conn->store, &tx->deltas);
}

static void tx_forget_touches(struct tx *tx)
{
	struct touch *touch, *tmp;

	tx_discharge(tx);
	list_for_each_entry_safe (touch, tmp, &tx->touched, link)
		touch_free(tx->conn->store, touch);
}

/* Takes a transaction from its connection; what it is made of remains. */
static void tx_detach(struct tx *tx)
{
	struct conn *conn = tx->conn;

	list_del(&tx->conn_link);
	list_del(&tx->store_link);
	conn->domain->transactions--;
	conn->domain->memory -= sizeof(*tx);
	conn->store->stats.transactions--;
}

static void tx_free(struct store *store, struct tx *tx)
{
	node_put(store, tx->base);
	node_put(store, tx->root);
	store_free(store, tx, sizeof(*tx));
}

void tx_drop(struct tx *tx)
{
	struct touch *touch;

	tx_discharge(tx);
	tx_detach(tx);
	/* There may be many to free: that is done like the events of others, only silently. */
	list_for_each_entry (touch, &tx->touched, link)
		touch->flags = 0;
	list_add_tail(&tx->store_link, &tx->conn->store->firing);
	tx->conn = NULL;
}

static struct touch *touch_find(struct tx *tx, const char *path, size_t len, uint32_t hash)
{
	struct touch *touch = tx->touch_hash[hash % TOUCH_BUCKETS];

	while (touch && (touch->hash != hash || touch->path->len != len ||
			 memcmp(touch->path->data, path, len)))
		touch = touch->hash_next;
	return touch;
}

struct touch *touch_add(struct tx *tx, const char *path, size_t len, unsigned int flags)
{
	struct store *store = tx->conn->store;
	uint32_t hash = hash_path(store, path, len);
	struct touch **bucket = &tx->touch_hash[hash % TOUCH_BUCKETS];
	struct touch *touch = store_alloc(store, sizeof(*touch));

	if (!touch)
		return NULL;
	memset(touch, 0, sizeof(*touch));
	touch->path = blob_new(store, path, len);
	if (!touch->path) {
		store_free(store, touch, sizeof(*touch));
		return NULL;
	}
	touch->flags = flags;
	touch->hash = hash;
	touch->hash_next = *bucket;
	*bucket = touch;
	list_add_tail(&touch->link, &tx->touched);
	tx->touch_count++;
	tx->conn->domain->memory += touch_cost(touch);
	return touch;
}

int tx_touch(struct conn *conn, struct view *view, const char *path, size_t len, unsigned int flags)
{
	struct touch *touch;

	if (!view->tx)
		return 0;
	touch = touch_find(view->tx, path, len, hash_path(conn->store, path, len));
	if (touch) {
		touch->flags |= flags;
		return 0;
	}
	if (!quota_allows(conn, QUOTA_TX_NODES, view->tx->touch_count + 1))
		return -ENOSPC;
	return touch_add(view->tx, path, len, flags) ? 0 : -ENOMEM;
}

void tx_touch_perms(struct store *store, struct view *view, const char *path, size_t len,
		    struct perms *old)
{
	struct touch *touch =
		view->tx ? touch_find(view->tx, path, len, hash_path(store, path, len)) : NULL;

	if (touch && !touch->old_perms)
		touch->old_perms = perms_get(old);
}

/* Fines whoever made the change `generation`, once for each change. */
static void fine_writer(struct conn *loser, uint16_t writer, uint64_t generation)
{
	const struct store_host *host = loser->store->host;
	struct domain *domain = writer ? domain_find(loser->store, writer) : NULL;
	uint64_t now;

	if (!domain || domain == loser->domain || generation <= domain->fined)
		return;
	now = host->now(host->ctx);
	domain->fined = generation;
	domain->fine = (domain->fine > now ? domain->fine : now) +
		       FINE * (uint64_t)(loser->failed < FINE_FACTOR ? loser->failed : FINE_FACTOR);
}

/*
 * Fines who made a transaction fail at this path; not for what the loser may not see, or anybody
 * could have anybody fined.
 */
static void touch_fine(const struct tx *tx, const struct touch *touch)
{
	size_t found;
	struct node *now =
		tree_nearest(tx->conn->store->root, touch->path->data, touch->path->len, &found);

	if (!(perms_access(tx->conn, now->perms) & PERM_READ))
		return;
	if (found == touch->path->len)
		fine_writer(tx->conn, now->writer, now->generation);
	if (found < touch->path->len || touch->flags & TOUCH_LIST)
		fine_writer(tx->conn, now->list_writer, now->list_generation);
}

uint64_t domain_held_until(const struct domain *domain)
{
	return domain->fine > FINE_ALLOWED ? domain->fine - FINE_ALLOWED : 0;
}

/* Whether a touched path is now what it was when the transaction began. */
static bool touch_holds(const struct tx *tx, const struct touch *touch)
{
	struct node *now = tree_lookup(tx->conn->store->root, touch->path->data, touch->path->len);
	struct node *then = tree_lookup(tx->base, touch->path->data, touch->path->len);

	if (now == then)
		return true;
	if (!now || !then)
		return false;
	if (touch->flags & TOUCH_LIST && now->list_generation != then->list_generation)
		return false;
	return now->generation == then->generation;
}

/* Builds, in `view`, the store's present version with the transaction's changes on top. */
static int tx_merge(struct tx *tx, struct view *view)
{
	struct store *store = tx->conn->store;
	struct touch *touch;
	struct node *node;
	int err = 0;

	/* First all removals, so that none takes away what is carried over below it. */
	list_for_each_entry (touch, &tx->touched, link) {
		if (err)
			return err;
		if (touch->flags & TOUCH_REMOVE &&
		    tree_lookup(*view->root, touch->path->data, touch->path->len))
			err = change_remove(store, view, touch->path->data, touch->path->len, NULL);
	}
	list_for_each_entry (touch, &tx->touched, link) {
		if (err)
			return err;
		if (!(touch->flags & TOUCH_WRITE))
			continue;
		node = tree_lookup(tx->root, touch->path->data, touch->path->len);
		if (node)
			err = change_put(store, view, touch->path->data, touch->path->len,
					 node->perms, node->value);
	}
	return err;
}

/* Fires the watches of one path that a public transaction changed; returns the work. */
static unsigned int touch_fire(struct store *store, const struct tx *tx, const struct touch *touch)
{
	const char *path = touch->path->data;
	size_t len = touch->path->len;
	struct node *before, *after, *parent;
	unsigned int done = FIRE_PATH;

	if (!(touch->flags & (TOUCH_EVENT | TOUCH_REMOVE)))
		return 0;
	before = touch->flags & TOUCH_REMOVE ? tree_lookup(tx->base, path, len) : NULL;
	after = tree_lookup(tx->root, path, len);
	parent = tree_lookup(tx->root, path, path_parent(path, len));
	if (before)
		done += watch_fire_removed(store, path, len, before, parent);
	if (touch->flags & TOUCH_EVENT && after)
		done += watch_fire(store, path, len, after, parent, touch->old_perms);
	return done;
}

/* Fires some events of one transaction; returns the work. With the last ones it is gone. */
static unsigned int tx_fire(struct store *store, struct tx *tx)
{
	struct conn *conn = tx->conn;
	unsigned int work = 0;
	struct touch *touch;

	while (!list_empty(&tx->touched) && work < FIRE_WORK) {
		touch = list_entry(tx->touched.next, struct touch, link);
		work += FIRE_FREE + touch_fire(store, tx, touch);
		touch_free(store, touch);
	}
	list_del(&tx->store_link);
	if (!list_empty(&tx->touched)) {
		list_add_tail(&tx->store_link, &store->firing);
		return work;
	}
	tx_free(store, tx);
	if (conn) {
		conn->firing = NULL;
		request_answer_delayed(conn, "OK");
	}
	return work + FIRE_PATH;
}

bool tx_fire_some(struct store *store)
{
	unsigned int work = 0;

	while (!list_empty(&store->firing) && work < FIRE_WORK)
		work += tx_fire(store, list_entry(store->firing.next, struct tx, store_link));
	return !list_empty(&store->firing);
}

/* Whether the end result keeps within the committer's quotas. */
static bool tx_within_quota(struct tx *tx, struct view *view)
{
	struct conn *conn = tx->conn;
	uint64_t nodes, memory;

	view_usage(view, conn->domain, &nodes, &memory);
	return (nodes <= conn->domain->nodes || quota_allows(conn, QUOTA_NODES, nodes)) &&
	       (memory <= conn->domain->memory || quota_allows(conn, QUOTA_MEMORY, memory));
}

static int tx_publish(struct tx *tx)
{
	struct store *store = tx->conn->store;
	struct node *old = store->root, *merged = node_get(store->root);
	struct delta *deltas = NULL;
	struct view view = { .root = &merged, .deltas = &deltas, .tx = tx };
	struct touch *touch;
	int err = 0;

	if (tx->doomed) {
		err = -EAGAIN;
	} else if (old == tx->base) {
		node_put(store, merged);
		merged = node_get(tx->root);
		view.deltas = &tx->deltas;
	} else {
		list_for_each_entry (touch, &tx->touched, link)
			if (!touch_holds(tx, touch)) {
				touch_fine(tx, touch);
				err = -EAGAIN;
			}
		if (!err)
			err = tx_merge(tx, &view);
	}
	if (!err && !tx_within_quota(tx, &view))
		err = -ENOSPC;
	/* Merging dooms the transaction when an account could not be kept. */
	if (!err && tx->doomed)
		err = -EAGAIN;
	if (!err) {
		/* From now on `base` is what was before it and `root` what is after it. */
		node_put(store, tx->base);
		node_put(store, tx->root);
		tx->base = old;
		tx->root = node_get(merged);
		store->root = node_get(merged);
		deltas_apply(store, *view.deltas);
	}
	node_put(store, merged);
	deltas_free(store, &deltas);
	return err;
}

int tx_commit(struct tx *tx)
{
	struct store *store = tx->conn->store;
	int err;

	tx->conn->failed++;
	err = tx_publish(tx);
	if (err == -EAGAIN)
		store->stats.conflicts++;
	else
		tx->conn->failed = 0;
	if (err) {
		tx_drop(tx);
		return err;
	}
	tx_discharge(tx);
	tx_detach(tx);
	list_add_tail(&tx->store_link, &store->firing);
	tx->conn->firing = tx;
	/* With few events that is all. */
	tx_fire(store, tx);
	return 0;
}

/* What domains are charged with, which old versions come on top of. */
static uint64_t charged_bytes(struct store *store)
{
	struct domain *domain;
	uint64_t sum = 0;

	for (size_t i = 0; i < DOMAIN_BUCKETS; i++)
		list_for_each_entry (domain, &store->domains[i], link)
			sum += domain->memory + sizeof(*domain);
	return sum;
}

void tx_relieve(struct store *store)
{
	struct tx *tx;

	if (store->trash || store->stats.bytes <= RETAINED_MAX ||
	    store->stats.bytes <= charged_bytes(store) + RETAINED_MAX)
		return;
	list_for_each_entry (tx, &store->txs, store_link) {
		if (conn_privileged(tx->conn) || tx->base == store->root)
			continue;
		/* It sees the present state from now on, and is told to start again at its end. */
		tx_forget_touches(tx);
		node_put(store, tx->base);
		node_put(store, tx->root);
		tx->base = node_get(store->root);
		tx->root = node_get(store->root);
		tx->doomed = true;
		return;
	}
}
