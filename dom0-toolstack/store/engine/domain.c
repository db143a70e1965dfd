/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains: their lives, their accounts, their quotas, and the end of what they owned. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Names and meanings of the quotas, as control commands and the log give them. */
static const struct {
	const char *name, *meaning;
} quota_names[QUOTA_COUNT] = {
	[QUOTA_NODES] = { "nodes", "nodes owned" },
	[QUOTA_NODE_SIZE] = { "node-size", "bytes of one node's value" },
	[QUOTA_PERMS] = { "node-permissions", "permission entries of one node" },
	[QUOTA_PATH_LEN] = { "path-max", "bytes of a path" },
	[QUOTA_PATH_LEVELS] = { "path-levels", "components of a path" },
	[QUOTA_WATCHES] = { "watches", "watches set" },
	[QUOTA_TRANSACTIONS] = { "transactions", "transactions open" },
	[QUOTA_TX_NODES] = { "transaction-nodes", "nodes touched in one transaction" },
	[QUOTA_EVENTS] = { "outstanding", "watch events not yet taken" },
	[QUOTA_MEMORY] = { "memory", "bytes of nodes, watches, events and transactions" },
};

const char *quota_name(enum quota quota)
{
	return quota_names[quota].name;
}

const char *quota_meaning(enum quota quota)
{
	return quota_names[quota].meaning;
}

int store_quota_by_name(const char *name, enum quota *quota)
{
	for (unsigned int i = 0; i < QUOTA_COUNT; i++) {
		if (!strcmp(name, quota_names[i].name)) {
			*quota = (enum quota)i;
			return 0;
		}
	}
	return -ENOENT;
}

uint64_t domain_quota(const struct store *store, const struct domain *domain, enum quota quota)
{
	return domain->has_quota & (1u << quota) ? domain->quota[quota] : store->quota[quota];
}

bool conn_privileged(const struct conn *conn)
{
	return !conn->domain->domid;
}

bool quota_allows(struct conn *conn, enum quota quota, uint64_t wanted)
{
	struct domain *domain = conn->domain;
	uint64_t limit;

	if (conn_privileged(conn))
		return true;
	limit = domain_quota(conn->store, domain, quota);
	if (wanted <= limit)
		return true;
	/* Once for each quota, so that a guest can't fill the log. */
	if (!(domain->quota_logged & (1u << quota))) {
		domain->quota_logged |= 1u << quota;
		store_log(conn->store, "domain %u exceeds its quota \"%s\" (%s): %llu of %llu",
			  domain->domid, quota_name(quota), quota_meaning(quota),
			  (unsigned long long)wanted, (unsigned long long)limit);
	}
	return false;
}

static struct list_head *domain_bucket(struct store *store, uint32_t domid)
{
	return &store->domains[domid % DOMAIN_BUCKETS];
}

struct domain *domain_find(struct store *store, uint32_t domid)
{
	struct domain *domain;

	list_for_each_entry (domain, domain_bucket(store, domid), link)
		if (domain->domid == domid && !domain->gone)
			return domain;
	return NULL;
}

struct domain *domain_find_life(struct store *store, uint32_t domid, uint32_t life)
{
	struct domain *domain;

	list_for_each_entry (domain, domain_bucket(store, domid), link)
		if (domain->domid == domid && domain->life == life)
			return domain;
	return NULL;
}

struct domain *domain_add(struct store *store, uint32_t domid)
{
	struct domain *domain = store_alloc(store, sizeof(*domain));
	if (!domain)
		return NULL;
	memset(domain, 0, sizeof(*domain));
	domain->domid = domid;
	domain->life = domid ? ++store->next_life : 0;
	list_add_tail(&domain->link, domain_bucket(store, domid));
	return domain;
}

struct domain *domain_get(struct store *store, uint32_t domid)
{
	struct domain *domain = domain_find(store, domid);

	return domain ? domain : domain_add(store, domid);
}

struct domain *domain_get_existing(struct store *store, uint32_t domid)
{
	struct domain *domain = domain_find(store, domid);

	if (domain)
		return domain;
	if (!store->host->domain_exists(store->host->ctx, domid))
		return NULL;
	return domain_get(store, domid);
}

void domain_free(struct store *store, struct domain *domain)
{
	list_del(&domain->link);
	store_free(store, domain, sizeof(*domain));
}

void domains_free(struct store *store)
{
	struct domain *domain, *tmp;

	for (size_t i = 0; i < DOMAIN_BUCKETS; i++)
		list_for_each_entry_safe (domain, tmp, &store->domains[i], link)
			domain_free(store, domain);
}

void view_account(struct store *store, struct view *view, const struct perms *perms, int64_t nodes,
		  int64_t memory)
{
	const struct perm *owner = &perms->list[0];
	struct domain *domain;
	struct delta *delta;

	if (!view->deltas) {
		store->stats.nodes += (uint64_t)nodes;
		domain = domain_find_life(store, owner->domid, owner->life);
		if (domain) {
			domain->nodes += (uint64_t)nodes;
			domain->memory += (uint64_t)memory;
		}
		return;
	}
	for (delta = *view->deltas; delta; delta = delta->next)
		if (delta->domid == owner->domid && delta->life == owner->life)
			break;
	if (!delta) {
		delta = store_alloc(store, sizeof(*delta));
		if (!delta) {
			/* An account that can't be kept must not become public. */
			if (view->tx)
				view->tx->doomed = true;
			return;
		}
		*delta = (struct delta) { *view->deltas, owner->domid, owner->life, 0, 0 };
		*view->deltas = delta;
	}
	delta->nodes += nodes;
	delta->memory += memory;
}

void view_usage(struct view *view, const struct domain *domain, uint64_t *nodes, uint64_t *memory)
{
	*nodes = domain->nodes;
	*memory = domain->memory;
	if (!view->deltas)
		return;
	for (const struct delta *delta = *view->deltas; delta; delta = delta->next) {
		if (delta->domid == domain->domid && delta->life == domain->life) {
			*nodes += (uint64_t)delta->nodes;
			*memory += (uint64_t)delta->memory;
		}
	}
}

void deltas_apply(struct store *store, struct delta *deltas)
{
	for (; deltas; deltas = deltas->next) {
		struct domain *domain = domain_find_life(store, deltas->domid, deltas->life);

		store->stats.nodes += (uint64_t)deltas->nodes;
		if (domain) {
			domain->nodes += (uint64_t)deltas->nodes;
			domain->memory += (uint64_t)deltas->memory;
		}
	}
}

void deltas_free(struct store *store, struct delta **deltas)
{
	struct delta *delta;

	while ((delta = *deltas)) {
		*deltas = delta->next;
		store_free(store, delta, sizeof(*delta));
	}
}

struct conn *store_domain_conn(struct store *store, uint32_t domid)
{
	struct domain *domain = domain_find(store, domid);

	return domain ? domain->conn : NULL;
}

void store_for_each_domain(struct store *store,
			   void (*visit)(void *arg, uint32_t domid, bool introduced), void *arg)
{
	struct domain *domain, *tmp;

	for (size_t i = 0; i < DOMAIN_BUCKETS; i++)
		list_for_each_entry_safe (domain, tmp, &store->domains[i], link)
			if (domain->domid && !domain->gone)
				visit(arg, domain->domid, domain->introduced);
}

void domain_release(struct store *store, struct domain *domain)
{
	domain->introduced = false;
	if (domain->conn)
		conn_close(domain->conn);
	watch_fire_special(store, "@releaseDomain", domain->domid);
}

void store_domain_shutdown(struct store *store, uint32_t domid)
{
	struct domain *domain = domain_find(store, domid);

	if (!domain || !domain->introduced || domain->shutdown)
		return;
	domain->shutdown = true;
	watch_fire_special(store, "@releaseDomain", domid);
}

void store_domain_dying(struct store *store, uint32_t domid)
{
	struct domain *domain = domain_find(store, domid);

	if (domain && domid && domain->introduced)
		domain_release(store, domain);
}

/* Connections that act as this domain without being its ring go with it. */
static void domain_drop_clients(struct store *store, const struct domain *domain)
{
	struct conn *conn, *tmp;

	list_for_each_entry_safe (conn, tmp, &store->conns, link)
		if (conn->domain == domain)
			conn_close(conn);
}

void store_domain_gone(struct store *store, uint32_t domid)
{
	struct domain *domain = domain_find(store, domid);

	if (!domain || !domid)
		return;
	if (domain->introduced)
		domain_release(store, domain);
	domain_drop_clients(store, domain);
	domain->gone = true;
	if (!domain->nodes) {
		domain_free(store, domain);
		return;
	}
	/* A walk that is under way may have passed nodes of this one: begin anew. */
	store->reaping = true;
	store->reap_path[0] = '/';
	store->reap_len = 1;
}

/* Frees what is known of gone domains, once none of their nodes can be left. */
static void domains_forget(struct store *store)
{
	struct domain *domain, *tmp;

	for (size_t i = 0; i < DOMAIN_BUCKETS; i++)
		list_for_each_entry_safe (domain, tmp, &store->domains[i], link)
			if (domain->gone)
				domain_free(store, domain);
}

/* Removes, or gives to Dom0, one node of a gone domain. Returns whether it was removed. */
static bool reap_node(struct store *store, struct node *node)
{
	struct view view = { .root = &store->root };
	const char *path = store->reap_path;
	size_t len = store->reap_len;
	struct node *removed, *parent;
	struct perms *perms;

	if (store->keep_orphans || len == 1) {
		perms = perms_new(store, node->perms->count);
		if (!perms)
			return false;
		memcpy(perms->list, node->perms->list, perms->count * sizeof(perms->list[0]));
		perms->list[0].domid = 0;
		perms->list[0].life = 0;
		change_perms(store, &view, path, len, perms);
		perms_put(store, perms);
		return false;
	}
	if (change_remove(store, &view, path, len, &removed))
		return false;
	parent = tree_lookup(store->root, path, path_parent(path, len));
	watch_fire_removed(store, path, len, removed, parent);
	node_put(store, removed);
	return true;
}

bool domains_reap(struct store *store)
{
	struct domain *domain;
	struct node *node;
	bool removed;

	for (unsigned int budget = 200; store->reaping && budget; budget--) {
		removed = false;
		node = tree_lookup(store->root, store->reap_path, store->reap_len);
		if (node) {
			const struct perm *owner = &node->perms->list[0];

			domain = domain_find_life(store, owner->domid, owner->life);
			if (!domain || domain->gone)
				removed = reap_node(store, node);
		}
		if (!tree_next(store->root, store->reap_path, &store->reap_len, removed)) {
			store->reaping = false;
			domains_forget(store);
		}
	}
	return store->reaping;
}
