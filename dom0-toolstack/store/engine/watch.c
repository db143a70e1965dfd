/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watches and their events.
 *
 * Watches are found through an index, a tree like that of the nodes: a change of /a/b asks the
 * index nodes /, /a and /a/b. An event waits at its connection until that takes it; the same event
 * is never queued twice, and past a limit the events of a watch are folded into one that names the
 * watch's own path, so a connection that does not read holds bounded memory and misses nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define DOM0_EVENTS_FACTOR 64

static const char *watch_token(const struct watch *watch)
{
	return watch->text + watch->path_len + 1;
}

static size_t watch_bytes(size_t path_len, size_t token_len)
{
	return sizeof(struct watch) + path_len + token_len + 2;
}

struct perms **special_perms(struct store *store, const char *name)
{
	if (!strncmp(name, "@introduceDomain", 16) && (!name[16] || name[16] == '/'))
		return &store->introduce_perms;
	if (!strncmp(name, "@releaseDomain", 14) && (!name[14] || name[14] == '/'))
		return &store->release_perms;
	return NULL;
}

struct watch *watch_find(struct conn *conn, const char *path, size_t path_len, const char *token)
{
	struct watch *watch;

	list_for_each_entry (watch, &conn->watches, link)
		if (watch->path_len == path_len && !memcmp(watch->text, path, path_len) &&
		    !strcmp(watch_token(watch), token))
			return watch;
	return NULL;
}

/* The place in the index where the watches of a path hang; NULL: no memory. */
static struct watch **index_slot(struct store *store, const char *path, size_t len)
{
	struct node *node = tree_lookup(store->watch_index, path, len);

	if (node)
		return &node->watches;
	if (tree_create(store, &store->watch_index, path, len, NULL, &node))
		return NULL;
	while (node->children)
		node = node->children;
	return &node->watches;
}

/* The place of a connection's watches among those that hang at one node. */
static struct watch **slot_of(struct watch **slot, const struct conn *conn)
{
	while (*slot && (*slot)->conn != conn)
		slot = &(*slot)->next;
	return slot;
}

static void slot_add(struct watch **slot, struct watch *watch)
{
	slot = slot_of(slot, watch->conn);
	watch->more = *slot;
	if (*slot) {
		watch->next = (*slot)->next;
		(*slot)->next = NULL;
	}
	*slot = watch;
}

static void slot_remove(struct watch **slot, struct watch *watch)
{
	slot = slot_of(slot, watch->conn);
	if (*slot == watch && watch->more)
		watch->more->next = watch->next;
	else if (*slot == watch)
		watch->more = watch->next;
	while (*slot != watch)
		slot = &(*slot)->more;
	*slot = watch->more;
}

/* Removes index nodes that lead to no watch any more. */
static void index_prune(struct store *store, const char *path, size_t len)
{
	struct node *node;

	while (len > 1) {
		node = tree_lookup(store->watch_index, path, len);
		/* Cannot fail: nothing in the index is shared, so nothing is copied. */
		if (!node || node->watches || node->children ||
		    tree_remove(store, &store->watch_index, path, len, &node))
			return;
		node_put(store, node);
		len = path_parent(path, len);
	}
}

int watch_add(struct conn *conn, const char *path, size_t path_len, uint32_t relative,
	      const char *token, int64_t depth, struct watch **out)
{
	struct store *store = conn->store;
	size_t token_len = strlen(token);
	struct watch *watch, **slot;

	watch = store_alloc(store, watch_bytes(path_len, token_len));
	if (!watch)
		return -ENOMEM;
	slot = path[0] == '@' ? &store->specials : index_slot(store, path, path_len);
	if (!slot) {
		store_free(store, watch, watch_bytes(path_len, token_len));
		return -ENOMEM;
	}
	memset(watch, 0, sizeof(*watch));
	watch->conn = conn;
	watch->depth = depth;
	watch->relative = relative;
	watch->path_len = (uint32_t)path_len;
	watch->token_len = (uint32_t)token_len;
	watch->special = path[0] == '@';
	memcpy(watch->text, path, path_len);
	watch->text[path_len] = '\0';
	memcpy(watch->text + path_len + 1, token, token_len + 1);
	slot_add(slot, watch);
	list_add_tail(&watch->link, &conn->watches);
	conn->domain->watches++;
	conn->domain->memory += watch_bytes(path_len, token_len);
	store->stats.watches++;
	*out = watch;
	return 0;
}

void watch_remove(struct watch *watch)
{
	struct conn *conn = watch->conn;
	struct store *store = conn->store;
	struct watch **slot = &store->specials;

	events_drop(conn, watch);
	if (watch->overflowed)
		conn->overflowed--;
	if (!watch->special)
		slot = index_slot(store, watch->text, watch->path_len);
	slot_remove(slot, watch);
	if (!watch->special)
		index_prune(store, watch->text, watch->path_len);
	list_del(&watch->link);
	conn->domain->watches--;
	conn->domain->memory -= watch_bytes(watch->path_len, watch->token_len);
	store->stats.watches--;
	store_free(store, watch, watch_bytes(watch->path_len, watch->token_len));
}

size_t event_cost(const struct event *event)
{
	/* The path is shared with others, but each is charged for it: one may outlast the rest. */
	return sizeof(*event) + (event->path ? sizeof(*event->path) + event->path->len : 0);
}

static struct event **event_bucket(struct conn *conn, const struct watch *watch, uint32_t hash)
{
	hash ^= (uint32_t)((uintptr_t)watch >> 5);
	return &conn->event_hash[hash % EVENT_BUCKETS];
}

static bool event_is(const struct event *event, const struct watch *watch, const struct blob *path,
		     uint32_t hash)
{
	if (event->watch != watch || event->hash != hash || !event->path != !path)
		return false;
	return !path ||
	       (event->path->len == path->len && !memcmp(event->path->data, path->data, path->len));
}

/* Notes that events of this watch were folded into one. */
static void watch_overflow(struct watch *watch)
{
	struct conn *conn = watch->conn;

	if (!watch->overflowed) {
		watch->overflowed = true;
		conn->overflowed++;
	}
	conn_schedule(conn);
}

/* How many events may wait. Dom0, whose clients rely on each event's path, may have many more. */
static uint64_t event_limit(const struct conn *conn)
{
	uint64_t limit = domain_quota(conn->store, conn->domain, QUOTA_EVENTS);

	return conn_privileged(conn) ? limit * DOM0_EVENTS_FACTOR : limit;
}

void event_add(struct watch *watch, struct blob *path, uint32_t hash)
{
	/* The folded event will say it; this also bounds what many watches on one change cost. */
	if (!watch->overflowed)
		event_queue(watch, path, hash);
}

void event_queue(struct watch *watch, struct blob *path, uint32_t hash)
{
	struct conn *conn = watch->conn;
	struct store *store = conn->store;
	struct event **bucket = event_bucket(conn, watch, hash), *event;
	uint64_t cost = sizeof(*event) + (path ? sizeof(*path) + path->len : 0);

	for (event = *bucket; event; event = event->hash_next)
		if (event_is(event, watch, path, hash))
			return;
	if (conn->event_count >= event_limit(conn)) {
		quota_allows(conn, QUOTA_EVENTS, conn->event_count + 1);
		watch_overflow(watch);
		return;
	}
	if (!quota_allows(conn, QUOTA_MEMORY, conn->domain->memory + cost)) {
		watch_overflow(watch);
		return;
	}
	event = store_alloc(store, sizeof(*event));
	if (!event) {
		watch_overflow(watch);
		return;
	}
	event->watch = watch;
	event->path = blob_get(path);
	event->hash = hash;
	event->hash_next = *bucket;
	*bucket = event;
	list_add_tail(&event->link, &conn->events);
	conn->event_count++;
	conn->domain->memory += event_cost(event);
	conn_schedule(conn);
}

static void event_free(struct conn *conn, struct event *event)
{
	struct event **bucket = event_bucket(conn, event->watch, event->hash);

	while (*bucket != event)
		bucket = &(*bucket)->hash_next;
	*bucket = event->hash_next;
	list_del(&event->link);
	conn->event_count--;
	conn->domain->memory -= event_cost(event);
	blob_put(conn->store, event->path);
	store_free(conn->store, event, sizeof(*event));
}

void events_drop(struct conn *conn, struct watch *watch)
{
	struct event *event, *tmp;

	list_for_each_entry_safe (event, tmp, &conn->events, link)
		if (!watch || event->watch == watch)
			event_free(conn, event);
}

/* Writes one event as a message; returns its bytes, or 0 when it does not fit. */
static size_t event_format(const struct watch *watch, const struct blob *path, char *to,
			   size_t room)
{
	struct xsd_sockmsg header = { .type = XS_WATCH_EVENT };
	const char *text = watch->text + watch->relative;
	size_t len = watch->path_len - watch->relative;

	/* With a path too long for a message it is the watch's own, which always fits. */
	if (path && path->len - watch->relative + watch->token_len + 2 <= XENSTORE_PAYLOAD_MAX) {
		text = path->data + watch->relative;
		len = path->len - watch->relative;
	}
	header.len = (uint32_t)(len + watch->token_len + 2);
	if (sizeof(header) + header.len > room)
		return 0;
	memcpy(to, &header, sizeof(header));
	to += sizeof(header);
	memcpy(to, text, len);
	to[len] = '\0';
	memcpy(to + len + 1, watch_token(watch), watch->token_len + 1);
	return sizeof(header) + header.len;
}

/* Moves the folded events into `to`. */
static size_t overflows_take(struct conn *conn, char *to, size_t room)
{
	struct watch *watch;
	size_t used = 0, size;

	list_for_each_entry (watch, &conn->watches, link) {
		if (!conn->overflowed)
			break;
		if (!watch->overflowed)
			continue;
		size = event_format(watch, NULL, to + used, room - used);
		if (!size)
			break;
		used += size;
		watch->overflowed = false;
		conn->overflowed--;
	}
	return used;
}

size_t events_take(struct conn *conn, char *to, size_t room)
{
	struct event *event, *tmp;
	size_t used = 0, size;

	list_for_each_entry_safe (event, tmp, &conn->events, link) {
		size = event_format(event->watch, event->path, to + used, room - used);
		if (!size)
			return used;
		used += size;
		event_free(conn, event);
	}
	if (conn->overflowed)
		used += overflows_take(conn, to + used, room - used);
	return used;
}

/* A change that watches are asked about. */
struct change {
	struct store *store;
	const char *path;
	size_t len;
	const struct node *node, *parent;
	const struct perms *old_perms;
	struct blob *blob; /* the path, once somebody wants it */
	uint32_t hash;
	unsigned int cost; /* in sixteenths of an event */
};

/*
 * Whether a connection may learn of a change: it could read the node, before or after, or it can
 * list the parent.
 */
static bool change_visible(const struct change *change, const struct conn *conn)
{
	if (conn_privileged(conn))
		return true;
	if (change->node && perms_access(conn, change->node->perms) & PERM_READ)
		return true;
	if (change->old_perms && perms_access(conn, change->old_perms) & PERM_READ)
		return true;
	return change->parent && perms_access(conn, change->parent->perms) & PERM_READ;
}

/* Fires one watch, `below` levels above the change. */
static void change_fire(struct change *change, struct watch *watch, unsigned int below)
{
	if (watch->depth >= 0 && below > (uint64_t)watch->depth)
		return;
	change->cost += 16;
	if (!below) {
		event_add(watch, NULL, 0);
		return;
	}
	if (!change->blob) {
		change->blob = blob_new(change->store, change->path, change->len);
		change->hash = hash_path(change->store, change->path, change->len);
	}
	if (change->blob)
		event_add(watch, change->blob, change->hash);
	else
		watch_overflow(watch);
}

/* Fires the watches at one node of the index. */
static void fire_list(struct change *change, struct watch *watch, unsigned int below)
{
	for (; watch; watch = watch->next) {
		change->cost++;
		if (change_visible(change, watch->conn))
			for (struct watch *each = watch; each; each = each->more)
				change_fire(change, each, below);
	}
}

/* Fires the watches on the way to a path; returns the index node of the path itself. */
static struct node *fire_path(struct change *change)
{
	const char *pos = change->path, *end = pos + change->len, *name;
	unsigned int levels = path_levels(change->path, change->len);
	struct node *node = change->store->watch_index;
	size_t len;

	while (node) {
		fire_list(change, node->watches, levels);
		if (!path_step(&pos, end, &name, &len))
			break;
		node = node_find_child(node, name, len);
		levels--;
	}
	blob_put(change->store, change->blob);
	return node;
}

unsigned int watch_fire(struct store *store, const char *path, size_t len, const struct node *node,
			const struct node *parent, const struct perms *old_perms)
{
	struct change change = { .store = store,
				 .path = path,
				 .len = len,
				 .node = node,
				 .parent = parent,
				 .old_perms = old_perms };

	fire_path(&change);
	return change.cost;
}

/* Where the index and a removed tree are compared. */
struct removal {
	struct change change;
	const struct node *dir;
};

/* Fires the watches below a removed node whose own nodes went with it. */
static bool fire_below(struct node *index, void *arg)
{
	struct removal *removal = arg, below = *removal;

	below.change.node = node_find_child(removal->dir, index->name, index->name_len);
	if (!below.change.node)
		return true;
	below.change.parent = removal->dir;
	below.dir = below.change.node;
	fire_list(&below.change, index->watches, 0);
	siblings_visit(index->children, fire_below, &below);
	removal->change.cost = below.change.cost;
	return true;
}

unsigned int watch_fire_removed(struct store *store, const char *path, size_t len,
				struct node *removed, const struct node *parent)
{
	struct removal removal = {
		{ .store = store, .path = path, .len = len, .node = removed, .parent = parent },
		removed
	};
	struct node *index = fire_path(&removal.change);

	removal.change.blob = NULL;
	if (index)
		siblings_visit(index->children, fire_below, &removal);
	return removal.change.cost;
}

void watch_fire_special(struct store *store, const char *name, uint32_t domid)
{
	struct perms *perms = *special_perms(store, name);
	struct blob *blob = NULL;
	char numbered[40];
	size_t len;

	len = (size_t)snprintf(numbered, sizeof(numbered), "%s/%u", name, domid);
	for (struct watch *first = store->specials; first; first = first->next) {
		if (!(perms_access(first->conn, perms) & PERM_READ))
			continue;
		for (struct watch *watch = first; watch; watch = watch->more) {
			if (!strcmp(watch->text, numbered) ||
			    (!strcmp(watch->text, name) && watch->depth < 1)) {
				event_add(watch, NULL, 0);
			} else if (!strcmp(watch->text, name)) {
				/* With a depth the watcher is told which domain it is. */
				if (!blob)
					blob = blob_new(store, numbered, len);
				if (blob)
					event_add(watch, blob, hash_path(store, numbered, len));
				else
					watch_overflow(watch);
			}
		}
	}
	blob_put(store, blob);
}
