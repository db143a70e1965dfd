/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing a store's state (dump_format.h). */
#include <errno.h>
#include <string.h>

#include "dump_format.h"
#include "internal.h"

/* A dump being written. Once an error occurred nothing is written any more. */
struct dump {
	struct store *store;
	int (*sink)(void *ctx, const void *bytes, size_t len);
	void *ctx;
	int err;
	uint32_t checksum;
	uint32_t nodes;
};

static void put(struct dump *dump, const void *bytes, size_t len)
{
	if (dump->err || !len)
		return;
	dump->checksum = checksum_more(dump->checksum, bytes, len);
	dump->err = dump->sink(dump->ctx, bytes, len);
}

/* Begins a record: its head and fixed part; `more` bytes follow. */
static void put_record(struct dump *dump, enum dump_type type, const void *fixed, size_t size,
		       size_t more)
{
	struct dump_record record = { type, (uint32_t)(size + more) };

	put(dump, &record, sizeof(record));
	put(dump, fixed, size);
}

static void put_perms(struct dump *dump, const struct perms *perms)
{
	for (uint32_t i = 0; perms && i < perms->count; i++) {
		struct dump_perm perm = { perms->list[i].domid, perms->list[i].access,
					  perms->list[i].life };

		put(dump, &perm, sizeof(perm));
	}
}

static size_t perms_bytes(const struct perms *perms)
{
	return perms ? perms->count * sizeof(struct dump_perm) : 0;
}

static void dump_settings(struct dump *dump)
{
	struct store *store = dump->store;
	struct dump_store fixed = { .magic = DUMP_MAGIC,
				    .version = DUMP_VERSION,
				    .quota_count = QUOTA_COUNT,
				    .generation = store->generation,
				    .next_life = store->next_life,
				    .next_tx = store->next_tx,
				    .next_conn = store->next_conn,
				    .keep_orphans = store->keep_orphans };

	memcpy(fixed.quota, store->quota, sizeof(fixed.quota));
	put_record(dump, DUMP_STORE, &fixed, sizeof(fixed), 0);
}

static void dump_domain(struct dump *dump, const struct domain *domain)
{
	struct dump_domain fixed = { .domid = domain->domid,
				     .life = domain->life,
				     .target = domain->target,
				     .target_life = domain->target_life,
				     .has_quota = domain->has_quota };

	fixed.flags = (domain->introduced ? DUMP_DOMAIN_INTRODUCED : 0) |
		      (domain->shutdown ? DUMP_DOMAIN_SHUTDOWN : 0) |
		      (domain->gone ? DUMP_DOMAIN_GONE : 0) |
		      (domain->has_target ? DUMP_DOMAIN_TARGET : 0);
	memcpy(fixed.quota, domain->quota, sizeof(fixed.quota));
	put_record(dump, DUMP_DOMAIN, &fixed, sizeof(fixed), 0);
}

static void dump_special(struct dump *dump, uint32_t release, const struct perms *perms)
{
	struct dump_special fixed = { release, perms->count };

	put_record(dump, DUMP_SPECIAL, &fixed, sizeof(fixed), perms_bytes(perms));
	put_perms(dump, perms);
}

/* Writes a node after those that it refers to, unless it was written for another version. */
static uint32_t dump_node(struct dump *dump, struct node *node)
{
	struct dump_node fixed = { 0 };
	size_t value_len;

	if (!node)
		return 0;
	if (node->dump_id)
		return node->dump_id;
	value_len = node->value ? node->value->len : 0;
	fixed.left = dump_node(dump, node->left);
	fixed.right = dump_node(dump, node->right);
	fixed.children = dump_node(dump, node->children);
	fixed.priority = node->priority;
	fixed.generation = node->generation;
	fixed.list_generation = node->list_generation;
	fixed.perm_count = node->perms->count;
	fixed.name_len = node->name_len;
	fixed.value_len = (uint32_t)value_len;
	fixed.has_value = !!node->value;
	put_record(dump, DUMP_NODE, &fixed, sizeof(fixed),
		   perms_bytes(node->perms) + node->name_len + value_len);
	put_perms(dump, node->perms);
	put(dump, node->name, node->name_len);
	if (node->value)
		put(dump, node->value->data, value_len);
	node->dump_id = ++dump->nodes;
	return node->dump_id;
}

/* Takes the numbers off again. */
static void clear_ids(struct node *node)
{
	if (!node || !node->dump_id)
		return;
	node->dump_id = 0;
	clear_ids(node->left);
	clear_ids(node->right);
	clear_ids(node->children);
}

static void dump_watch(struct dump *dump, const struct watch *watch)
{
	struct dump_watch fixed = { watch->depth, watch->relative, watch->overflowed,
				    watch->path_len, watch->token_len };

	put_record(dump, DUMP_WATCH, &fixed, sizeof(fixed), watch->path_len + watch->token_len);
	put(dump, watch->text, watch->path_len);
	put(dump, watch->text + watch->path_len + 1, watch->token_len);
}

static void dump_event(struct dump *dump, const struct conn *conn, const struct event *event)
{
	struct dump_event fixed = { 0, event->path ? event->path->len : 0 };
	struct watch *watch;

	list_for_each_entry (watch, &conn->watches, link) {
		if (watch == event->watch)
			break;
		fixed.watch++;
	}
	put_record(dump, DUMP_EVENT, &fixed, sizeof(fixed), fixed.path_len);
	if (event->path)
		put(dump, event->path->data, event->path->len);
}

static void dump_tx(struct dump *dump, const struct tx *tx)
{
	struct dump_tx fixed = { tx->id, tx->doomed, tx->base->dump_id, tx->root->dump_id };
	struct touch *touch;

	put_record(dump, DUMP_TX, &fixed, sizeof(fixed), 0);
	list_for_each_entry (touch, &tx->touched, link) {
		struct dump_touch part = { touch->flags, touch->path->len,
					   touch->old_perms ? touch->old_perms->count : 0 };

		put_record(dump, DUMP_TOUCH, &part, sizeof(part),
			   part.path_len + perms_bytes(touch->old_perms));
		put(dump, touch->path->data, touch->path->len);
		put_perms(dump, touch->old_perms);
	}
	for (const struct delta *delta = tx->deltas; delta; delta = delta->next) {
		struct dump_delta part = { delta->domid, delta->life, delta->nodes, delta->memory };

		put_record(dump, DUMP_DELTA, &part, sizeof(part), 0);
	}
}

static void dump_conn(struct dump *dump, struct conn *conn)
{
	struct dump_conn fixed = { conn->domain->domid, conn->flags, 0, conn->in.len,
				   conn->out.len };
	struct watch *watch;
	struct event *event;
	char saved[256];
	ssize_t len = conn->ops->save(conn->transport, saved, sizeof(saved));
	struct tx *tx;

	if (len < 0)
		return;
	fixed.saved_len = (uint32_t)len;
	put_record(dump, DUMP_CONN, &fixed, sizeof(fixed),
		   fixed.saved_len + fixed.in_len + fixed.out_len);
	put(dump, saved, fixed.saved_len);
	put(dump, conn->in.bytes, conn->in.len);
	put(dump, conn->out.bytes, conn->out.len);
	list_for_each_entry (watch, &conn->watches, link)
		dump_watch(dump, watch);
	list_for_each_entry (event, &conn->events, link)
		dump_event(dump, conn, event);
	list_for_each_entry (tx, &conn->txs, conn_link)
		dump_tx(dump, tx);
}

static void dump_nodes(struct dump *dump)
{
	struct dump_root fixed;
	struct tx *tx;

	fixed.node = dump_node(dump, dump->store->root);
	list_for_each_entry (tx, &dump->store->txs, store_link) {
		dump_node(dump, tx->base);
		dump_node(dump, tx->root);
	}
	put_record(dump, DUMP_ROOT, &fixed, sizeof(fixed), 0);
}

int store_dump(struct store *store, int (*sink)(void *ctx, const void *bytes, size_t len),
	       void *ctx)
{
	struct dump dump = { .store = store, .sink = sink, .ctx = ctx, .checksum = CHECKSUM_SEED };
	struct dump_end end;
	struct domain *domain;
	struct conn *conn;
	struct tx *tx;

	/* What is public must have been told, and answered. */
	while (tx_fire_some(store))
		;
	dump_settings(&dump);
	for (size_t i = 0; i < DOMAIN_BUCKETS; i++)
		list_for_each_entry (domain, &store->domains[i], link)
			dump_domain(&dump, domain);
	dump_special(&dump, 0, store->introduce_perms);
	dump_special(&dump, 1, store->release_perms);
	dump_nodes(&dump);
	list_for_each_entry (conn, &store->conns, link)
		dump_conn(&dump, conn);
	end.checksum = dump.checksum;
	put_record(&dump, DUMP_END, &end, sizeof(end), 0);
	clear_ids(store->root);
	list_for_each_entry (tx, &store->txs, store_link) {
		clear_ids(tx->base);
		clear_ids(tx->root);
	}
	return dump.err;
}
