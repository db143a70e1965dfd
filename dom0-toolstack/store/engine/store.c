/* SPDX-License-Identifier: BSD-2-Clause */
/* The store as a whole: its beginning and end, memory, the log, the self-check. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* The limits of a domain without limits of its own; mostly those of stock stores. */
static const uint64_t quota_defaults[QUOTA_COUNT] = {
	[QUOTA_NODES] = 1000,	   [QUOTA_NODE_SIZE] = 2048,
	[QUOTA_PERMS] = 5,	   [QUOTA_PATH_LEN] = XENSTORE_REL_PATH_MAX,
	[QUOTA_PATH_LEVELS] = 24,  [QUOTA_WATCHES] = 128,
	[QUOTA_TRANSACTIONS] = 10, [QUOTA_TX_NODES] = 256,
	[QUOTA_EVENTS] = 1024,	   [QUOTA_MEMORY] = 2 << 20,
};

void *store_alloc(struct store *store, size_t size)
{
	void *memory = store->host->alloc(store->host->ctx, size);

	if (memory)
		store->stats.bytes += size;
	return memory;
}

void store_free(struct store *store, void *memory, size_t size)
{
	store->stats.bytes -= size;
	store->host->free(store->host->ctx, memory, size);
}

void store_log(struct store *store, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	store->host->log(store->host->ctx, text);
}

uint32_t checksum_more(uint32_t sum, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	while (len--)
		sum = (sum ^ *bytes++) * 16777619u;
	return sum;
}

uint32_t hash_path(const struct store *store, const char *path, size_t len)
{
	uint64_t hash = store->hash_seed + len, word;

	for (; len; path += sizeof(word)) {
		size_t part = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, path, part);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
		len -= part;
	}
	return (uint32_t)hash;
}

/* Creates the nodes that every store has: the root and the place where tools look for a store. */
static int create_nodes(struct store *store)
{
	static const char place[] = "/tool/xenstored";
	struct view view = { .root = &store->root };
	struct perms *perms = perms_new(store, 1);
	int err = -ENOMEM;

	if (!perms)
		return -ENOMEM;
	perms->list[0] = (struct perm) { 0 };
	store->introduce_perms = perms_get(perms);
	store->release_perms = perms_get(perms);
	store->root = node_new(store, "", 0, perms);
	store->watch_index = node_new(store, "", 0, NULL);
	if (store->root && store->watch_index) {
		view_account(store, &view, perms, 1, (int64_t)node_cost(store->root));
		err = change_create(store, &view, place, sizeof(place) - 1, perms, NULL);
	}
	perms_put(store, perms);
	return err;
}

int store_new(const struct store_host *host, struct store **out)
{
	struct store *store = host->alloc(host->ctx, sizeof(*store));

	if (!store)
		return -ENOMEM;
	memset(store, 0, sizeof(*store));
	store->host = host;
	store->stats.bytes = sizeof(*store);
	memcpy(store->quota, quota_defaults, sizeof(store->quota));
	for (size_t i = 0; i < DOMAIN_BUCKETS; i++)
		list_init(&store->domains[i]);
	list_init(&store->conns);
	list_init(&store->ready);
	list_init(&store->held);
	list_init(&store->txs);
	list_init(&store->firing);
	store->hash_seed = host->random(host->ctx);
	store->dom0 = domain_get(store, 0);
	if (!store->dom0) {
		host->free(host->ctx, store, sizeof(*store));
		return -ENOMEM;
	}
	store->dom0->introduced = true;
	*out = store;
	return 0;
}

int store_create(const struct store_host *host, struct store **out)
{
	struct store *store;
	int err;

	err = store_new(host, &store);
	if (err)
		return err;
	err = create_nodes(store);
	if (err) {
		store_destroy(store);
		return err;
	}
	*out = store;
	return 0;
}

void store_destroy(struct store *store)
{
	const struct store_host *host = store->host;
	struct conn *conn, *tmp;

	list_for_each_entry_safe (conn, tmp, &store->conns, link)
		conn_close(conn);
	while (tx_fire_some(store))
		;
	node_put(store, store->root);
	node_put(store, store->watch_index);
	while (node_free_some(store, UINT32_MAX))
		;
	perms_put(store, store->introduce_perms);
	perms_put(store, store->release_perms);
	domains_free(store);
	host->free(host->ctx, store, sizeof(*store));
}

void store_set_quota(struct store *store, enum quota quota, uint64_t value)
{
	struct domain *domain;

	store->quota[quota] = value;
	/* The next one who exceeds it is worth a line again. */
	for (size_t i = 0; i < DOMAIN_BUCKETS; i++)
		list_for_each_entry (domain, &store->domains[i], link)
			domain->quota_logged &= ~(1u << quota);
}

uint64_t store_get_quota(const struct store *store, enum quota quota)
{
	return store->quota[quota];
}

void store_set_keep_orphans(struct store *store, bool keep)
{
	store->keep_orphans = keep;
}

void store_get_stats(const struct store *store, struct store_stats *stats)
{
	*stats = store->stats;
}

/* What the self-check counts. */
struct check {
	struct store *store;
	uint64_t nodes;
	bool bad;
};

static bool check_node(struct node *node, void *arg)
{
	struct check *check = arg;
	const struct perm *owner = &node->perms->list[0];
	struct domain *domain = domain_find_life(check->store, owner->domid, owner->life);
	uint32_t span = node->name_len + 1u;

	span += node->left ? node->left->span : 0;
	span += node->right ? node->right->span : 0;
	if (span != node->span || !node->refs ||
	    (node->left && node->left->priority > node->priority) ||
	    (node->right && node->right->priority > node->priority))
		check->bad = true;
	check->nodes++;
	if (domain) {
		domain->counted_nodes++;
		domain->counted_memory += node_cost(node);
	}
	return siblings_visit(node->children, check_node, arg);
}

/* Adds what a connection holds, and returns its watches. */
static uint64_t check_conn(const struct conn *conn, uint64_t *memory)
{
	struct watch *watch;
	struct event *event;
	struct tx *tx;
	struct touch *touch;
	uint64_t watches = 0;

	list_for_each_entry (watch, &conn->watches, link) {
		watches++;
		*memory += sizeof(*watch) + watch->path_len + watch->token_len + 2;
	}
	list_for_each_entry (event, &conn->events, link)
		*memory += event_cost(event);
	list_for_each_entry (tx, &conn->txs, conn_link) {
		*memory += sizeof(*tx);
		list_for_each_entry (touch, &tx->touched, link)
			*memory += sizeof(*touch) + sizeof(*touch->path) + touch->path->len;
	}
	return watches;
}

/* Compares a domain's account with what was counted. */
static bool check_domain(const struct store *store, const struct domain *domain)
{
	uint64_t watches = 0, memory = domain->counted_memory;
	struct conn *conn;

	list_for_each_entry (conn, &store->conns, link)
		if (conn->domain == domain)
			watches += check_conn(conn, &memory);
	return domain->counted_nodes == domain->nodes && memory == domain->memory &&
	       watches == domain->watches;
}

int store_check(struct store *store)
{
	struct check check = { .store = store };
	struct domain *domain;

	for (size_t i = 0; i < DOMAIN_BUCKETS; i++)
		list_for_each_entry (domain, &store->domains[i], link)
			domain->counted_nodes = domain->counted_memory = 0;
	check_node(store->root, &check);
	for (size_t i = 0; i < DOMAIN_BUCKETS; i++) {
		list_for_each_entry (domain, &store->domains[i], link) {
			if (check_domain(store, domain))
				continue;
			store_log(store, "check: the account of domain %u is wrong", domain->domid);
			check.bad = true;
		}
	}
	if (check.bad || check.nodes != store->stats.nodes) {
		store_log(store, "check: the tree is not in order (%llu nodes, %llu counted)",
			  (unsigned long long)store->stats.nodes, (unsigned long long)check.nodes);
		return -EILSEQ;
	}
	return 0;
}
