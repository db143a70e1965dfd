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
	[QUOTA_PATH_LEVELS] = 32,  [QUOTA_WATCHES] = 128,
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

uint32_t hash_more(uint32_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	while (len--)
		hash = (hash ^ *bytes++) * 16777619u;
	return hash;
}

uint32_t hash_bytes(const void *data, size_t len)
{
	return hash_more(HASH_SEED, data, len);
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
	list_init(&store->txs);
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
	node_put(store, store->root);
	node_put(store, store->watch_index);
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
	struct node *before; /* the sibling before */
	uint64_t nodes;
	uint64_t mine, memory; /* of the domain that is being checked */
	uint32_t domid, life;
	bool bad;
};

static bool check_node(struct node *node, void *arg)
{
	struct check *check = arg;
	const struct perm *owner = &node->perms->list[0];
	uint32_t span = node->name_len + 1u;

	span += node->left ? node->left->span : 0;
	span += node->right ? node->right->span : 0;
	if (span != node->span || !node->refs ||
	    (node->left && node->left->priority > node->priority) ||
	    (node->right && node->right->priority > node->priority))
		check->bad = true;
	check->nodes++;
	if (owner->domid == check->domid && owner->life == check->life) {
		check->mine++;
		check->memory += node_cost(node);
	}
	return siblings_visit(node->children, check_node, arg);
}

/* What a domain's connections hold. */
static uint64_t check_conns(struct check *check, const struct domain *domain, uint64_t *memory)
{
	struct conn *conn;
	struct watch *watch;
	struct event *event;
	struct tx *tx;
	struct touch *touch;
	uint64_t watches = 0;

	list_for_each_entry (conn, &check->store->conns, link) {
		if (conn->domain != domain)
			continue;
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
	}
	return watches;
}

int store_check(struct store *store)
{
	struct check check = { .store = store };
	struct domain *domain;
	uint64_t watches;

	for (size_t i = 0; i < DOMAIN_BUCKETS; i++) {
		list_for_each_entry (domain, &store->domains[i], link) {
			check.domid = domain->domid;
			check.life = domain->life;
			check.nodes = check.mine = check.memory = 0;
			check_node(store->root, &check);
			watches = check_conns(&check, domain, &check.memory);
			if (check.mine != domain->nodes || check.memory != domain->memory ||
			    watches != domain->watches) {
				store_log(store,
					  "check: domain %u: nodes %llu (%llu), memory %llu (%llu)",
					  domain->domid, (unsigned long long)domain->nodes,
					  (unsigned long long)check.mine,
					  (unsigned long long)domain->memory,
					  (unsigned long long)check.memory);
				check.bad = true;
			}
		}
	}
	if (check.bad || check.nodes != store->stats.nodes) {
		store_log(store, "check: the tree is not in order (%llu nodes, %llu counted)",
			  (unsigned long long)check.nodes, (unsigned long long)store->stats.nodes);
		return -EILSEQ;
	}
	return 0;
}
