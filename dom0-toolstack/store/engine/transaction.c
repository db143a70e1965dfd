/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transactions.
 *
 * One holds two versions of the tree: the one that it began with (base) and its own (root), which
 * share all that it did not change, and a record of the paths that it touched. Its end succeeds
 * when each touched path is now as it was at the beginning. If nothing else was changed meanwhile,
 * its version simply becomes the store's; otherwise the touched paths are carried over.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/*
 * How much memory old versions may hold beyond what domains are charged with, before the oldest
 * transactions of guests lose theirs.
 */
#define RETAINED_MAX (32ull << 20)

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

static void tx_forget_touches(struct tx *tx)
{
	struct store *store = tx->conn->store;
	struct touch *touch, *tmp;

	list_for_each_entry_safe (touch, tmp, &tx->touched, link) {
		list_del(&touch->link);
		tx->conn->domain->memory -= touch_cost(touch);
		blob_put(store, touch->path);
		perms_put(store, touch->old_perms);
		store_free(store, touch, sizeof(*touch));
	}
	memset(tx->touch_hash, 0, sizeof(tx->touch_hash));
	tx->touch_count = 0;
	deltas_free(store, &tx->deltas);
}

void tx_drop(struct tx *tx)
{
	struct conn *conn = tx->conn;
	struct store *store = conn->store;

	tx_forget_touches(tx);
	node_put(store, tx->base);
	node_put(store, tx->root);
	list_del(&tx->conn_link);
	list_del(&tx->store_link);
	conn->domain->transactions--;
	conn->domain->memory -= sizeof(*tx);
	store->stats.transactions--;
	store_free(store, tx, sizeof(*tx));
}

static struct touch **touch_bucket(struct tx *tx, const char *path, size_t len)
{
	return &tx->touch_hash[hash_bytes(path, len) % TOUCH_BUCKETS];
}

static struct touch *touch_find(struct tx *tx, const char *path, size_t len)
{
	struct touch *touch = *touch_bucket(tx, path, len);

	while (touch && (touch->path->len != len || memcmp(touch->path->data, path, len)))
		touch = touch->hash_next;
	return touch;
}

struct touch *touch_add(struct tx *tx, const char *path, size_t len, unsigned int flags)
{
	struct store *store = tx->conn->store;
	struct touch **bucket = touch_bucket(tx, path, len);
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
	touch = touch_find(view->tx, path, len);
	if (touch) {
		touch->flags |= flags;
		return 0;
	}
	if (!quota_allows(conn, QUOTA_TX_NODES, view->tx->touch_count + 1))
		return -ENOSPC;
	return touch_add(view->tx, path, len, flags) ? 0 : -ENOMEM;
}

int tx_touch_perms(struct view *view, const char *path, size_t len, struct perms *old)
{
	struct touch *touch = view->tx ? touch_find(view->tx, path, len) : NULL;

	if (touch && !touch->old_perms)
		touch->old_perms = perms_get(old);
	return 0;
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

/* Puts one path into `view` as the transaction has it. */
static int carry_over(struct store *store, struct view *view, const struct tx *tx,
		      const struct touch *touch)
{
	const char *path = touch->path->data;
	size_t len = touch->path->len;
	struct node *mine = tree_lookup(tx->root, path, len), *theirs;
	int err;

	if (!mine)
		return 0;
	theirs = tree_lookup(*view->root, path, len);
	if (!theirs)
		return change_create(store, view, path, len, mine->perms, mine->value);
	if (mine->perms != theirs->perms) {
		err = change_perms(store, view, path, len, mine->perms);
		if (err)
			return err;
	}
	return change_write(store, view, path, len, mine->value);
}

/* Builds, in `view`, the store's present version with the transaction's changes on top. */
static int tx_merge(struct tx *tx, struct view *view)
{
	struct store *store = tx->conn->store;
	struct touch *touch;
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
		if (touch->flags & TOUCH_WRITE)
			err = carry_over(store, view, tx, touch);
	}
	return err;
}

/* Fires the watches of everything that a transaction changed. */
static void tx_fire(struct tx *tx, struct node *old_root)
{
	struct store *store = tx->conn->store;
	struct node *before, *after, *parent;
	struct touch *touch;

	list_for_each_entry (touch, &tx->touched, link) {
		const char *path = touch->path->data;
		size_t len = touch->path->len;

		if (!(touch->flags & (TOUCH_EVENT | TOUCH_REMOVE)))
			continue;
		before = touch->flags & TOUCH_REMOVE ? tree_lookup(old_root, path, len) : NULL;
		after = tree_lookup(store->root, path, len);
		parent = tree_lookup(store->root, path, path_parent(path, len));
		if (before)
			watch_fire_removed(store, path, len, before, parent);
		if (touch->flags & TOUCH_EVENT && after)
			watch_fire(store, path, len, after, parent, touch->old_perms);
	}
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
			if (!touch_holds(tx, touch))
				err = -EAGAIN;
		if (!err)
			err = tx_merge(tx, &view);
	}
	if (!err && !tx_within_quota(tx, &view))
		err = -ENOSPC;
	/* Merging dooms the transaction when an account could not be kept. */
	if (!err && tx->doomed)
		err = -EAGAIN;
	if (!err) {
		store->root = merged;
		deltas_apply(store, *view.deltas);
		tx_fire(tx, old);
		merged = old;
	}
	node_put(store, merged);
	deltas_free(store, &deltas);
	return err;
}

int tx_commit(struct tx *tx)
{
	struct store *store = tx->conn->store;
	int err = tx_publish(tx);

	if (err == -EAGAIN)
		store->stats.conflicts++;
	tx_drop(tx);
	return err;
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

	list_for_each_entry (tx, &store->txs, store_link) {
		if (store->stats.bytes <= RETAINED_MAX ||
		    store->stats.bytes <= charged_bytes(store) + RETAINED_MAX)
			return;
		if (conn_privileged(tx->conn) || tx->base == store->root)
			continue;
		/* It sees the present state from now on, and is told to start again at its end. */
		tx_forget_touches(tx);
		node_put(store, tx->base);
		node_put(store, tx->root);
		tx->base = node_get(store->root);
		tx->root = node_get(store->root);
		tx->doomed = true;
	}
}
