/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a store's state (dump_format.h). Nothing in the stream is taken on trust: numbers are
 * checked against what was read before, names and paths against the protocol's rules, the tree for
 * order and size, so that a stream that was damaged, or made by an enemy, gives -EBADMSG.
 */
#include <errno.h>
#include <string.h>

#include "dump_format.h"
#include "internal.h"

#define TREAP_DEPTH_MAX 512

/* What is known of a node that was read, with its siblings left and right and all below. */
struct loaded {
	struct node *node;
	struct node *first, *last; /* the siblings with the smallest and the greatest name */
	uint32_t depth;		   /* of the treap of siblings */
	uint32_t path_len;	   /* of the longest path that begins here */
	uint64_t count;		   /* nodes */
};

/* A dump being read. */
struct restore {
	struct store *store;
	const char *pos, *end;
	/* The record at hand: its fixed part was copied out, these bytes follow it. */
	const char *more;
	size_t more_len;
	struct loaded *nodes; /* by number, from 1 */
	uint32_t node_count, node_room;
	bool have_root;
	struct conn *conn;
	struct tx *tx;
	struct perms *last_perms; /* equal permissions in a row are shared */
	int (*adopt)(void *ctx, uint32_t domid, unsigned int flags, const void *saved,
		     size_t saved_len, const struct conn_ops **ops, void **transport);
	void (*adopted)(void *ctx, void *transport, struct conn *conn);
	void *ctx;
};

/* A connection whose transport could not be adopted: it is closed at the end. */
static ssize_t lost_recv(void *transport, void *to, size_t len)
{
	(void)transport;
	(void)to;
	(void)len;
	return -EPIPE;
}

static ssize_t lost_send(void *transport, const void *from, size_t len)
{
	(void)transport;
	(void)from;
	(void)len;
	return -EPIPE;
}

static void lost_close(void *transport)
{
	(void)transport;
}

static const struct conn_ops lost_ops = { lost_recv, lost_send, lost_close, NULL };

/* Takes `len` bytes that follow the fixed part; NULL when there are fewer. */
static const char *take(struct restore *restore, size_t len)
{
	const char *bytes = restore->more;

	if (len > restore->more_len)
		return NULL;
	restore->more += len;
	restore->more_len -= len;
	return bytes;
}

static int take_fixed(struct restore *restore, void *fixed, size_t size)
{
	const char *bytes = take(restore, size);

	if (!bytes)
		return -EBADMSG;
	memcpy(fixed, bytes, size);
	return 0;
}

/* Takes permissions, sharing them with those read before when they are equal. */
static int take_perms(struct restore *restore, uint32_t count, struct perms **out)
{
	const char *bytes;
	struct perms *perms;

	if (!count || count > XENSTORE_PAYLOAD_MAX)
		return -EBADMSG;
	bytes = take(restore, count * sizeof(struct dump_perm));
	if (!bytes)
		return -EBADMSG;
	perms = perms_new(restore->store, count);
	if (!perms)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct dump_perm perm;

		memcpy(&perm, bytes + i * sizeof(perm), sizeof(perm));
		perms->list[i] = (struct perm) { perm.domid, perm.access & (PERM_READ | PERM_WRITE),
						 perm.life };
	}
	if (restore->last_perms && restore->last_perms->count == count &&
	    !memcmp(restore->last_perms->list, perms->list, count * sizeof(perms->list[0]))) {
		perms_put(restore->store, perms);
		perms = perms_get(restore->last_perms);
	} else {
		perms_put(restore->store, restore->last_perms);
		restore->last_perms = perms_get(perms);
	}
	*out = perms;
	return 0;
}

static int read_store(struct restore *restore)
{
	struct store *store = restore->store;
	struct dump_store fixed;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || fixed.magic != DUMP_MAGIC ||
	    fixed.version != DUMP_VERSION || fixed.quota_count != QUOTA_COUNT)
		return -EBADMSG;
	store->generation = fixed.generation;
	store->next_life = fixed.next_life;
	store->next_tx = fixed.next_tx;
	store->next_conn = fixed.next_conn;
	store->keep_orphans = fixed.keep_orphans;
	memcpy(store->quota, fixed.quota, sizeof(store->quota));
	return 0;
}

static int read_domain(struct restore *restore)
{
	struct store *store = restore->store;
	uint32_t next_life = store->next_life;
	struct dump_domain fixed;
	struct domain *domain;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || fixed.domid > DOMID_MAX ||
	    fixed.life > store->next_life || !fixed.domid != !fixed.life ||
	    (!fixed.domid && fixed.flags & DUMP_DOMAIN_GONE))
		return -EBADMSG;
	if (fixed.domid && (domain_find_life(store, fixed.domid, fixed.life) ||
			    (!(fixed.flags & DUMP_DOMAIN_GONE) && domain_find(store, fixed.domid))))
		return -EBADMSG;
	domain = fixed.domid ? domain_add(store, fixed.domid) : store->dom0;
	if (!domain)
		return -ENOMEM;
	domain->life = fixed.life;
	domain->introduced = fixed.flags & DUMP_DOMAIN_INTRODUCED;
	domain->shutdown = fixed.flags & DUMP_DOMAIN_SHUTDOWN;
	domain->gone = fixed.flags & DUMP_DOMAIN_GONE;
	domain->has_target = fixed.flags & DUMP_DOMAIN_TARGET;
	domain->target = fixed.target;
	domain->target_life = fixed.target_life;
	domain->has_quota = fixed.has_quota;
	memcpy(domain->quota, fixed.quota, sizeof(domain->quota));
	/* Beginning a life counted one; these had been counted. */
	store->next_life = next_life;
	if (domain->gone)
		store->reaping = true;
	return 0;
}

static int read_special(struct restore *restore)
{
	struct dump_special fixed;
	struct perms **slot, *perms;
	int err;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || fixed.release > 1)
		return -EBADMSG;
	err = take_perms(restore, fixed.perm_count, &perms);
	if (err)
		return err;
	slot = fixed.release ? &restore->store->release_perms : &restore->store->introduce_perms;
	perms_put(restore->store, *slot);
	*slot = perms;
	return 0;
}

/* Makes room for one more node in the table. */
static int table_grow(struct restore *restore)
{
	uint32_t room = restore->node_room ? restore->node_room * 2 : 256;
	struct loaded *grown;

	if (restore->node_count + 1 < restore->node_room)
		return 0;
	grown = store_alloc(restore->store, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memset(grown, 0, room * sizeof(*grown));
	if (restore->nodes) {
		memcpy(grown, restore->nodes, restore->node_room * sizeof(*grown));
		store_free(restore->store, restore->nodes, restore->node_room * sizeof(*grown));
	}
	restore->nodes = grown;
	restore->node_room = room;
	return 0;
}

static int name_order(const struct node *a, const struct node *b)
{
	size_t common = a->name_len < b->name_len ? a->name_len : b->name_len;
	int diff = memcmp(a->name, b->name, common);

	return diff ? diff : (int)a->name_len - (int)b->name_len;
}

/* Checks a node against the siblings and children that it names, and sums them up. */
static bool node_fits(struct loaded *self, const struct loaded *left, const struct loaded *right,
		      const struct loaded *children)
{
	struct node *node = self->node;
	uint32_t below = children->path_len + 1u + node->name_len;

	if (left->node &&
	    (left->node->priority > node->priority || name_order(left->last, node) >= 0))
		return false;
	if (right->node &&
	    (right->node->priority > node->priority || name_order(node, right->first) >= 0))
		return false;
	self->first = left->node ? left->first : node;
	self->last = right->node ? right->last : node;
	self->depth = 1 + (left->depth > right->depth ? left->depth : right->depth);
	self->path_len = below;
	if (left->path_len > self->path_len)
		self->path_len = left->path_len;
	if (right->path_len > self->path_len)
		self->path_len = right->path_len;
	self->count = 1 + left->count + right->count + children->count;
	node->span = node->name_len + 1u + (left->node ? left->node->span : 0) +
		     (right->node ? right->node->span : 0);
	return self->depth <= TREAP_DEPTH_MAX && self->path_len <= XENSTORE_ABS_PATH_MAX + 1;
}

/* Builds the node of a record from its parts. */
static int build_node(struct restore *restore, const struct dump_node *fixed, struct node **out)
{
	struct store *store = restore->store;
	const char *name, *value;
	struct perms *perms;
	struct node *node;
	char path[XENSTORE_ABS_PATH_MAX + 1] = "/";
	int err;

	err = take_perms(restore, fixed->perm_count, &perms);
	if (err)
		return err;
	name = take(restore, fixed->name_len);
	value = take(restore, fixed->value_len);
	err = -EBADMSG;
	if (!name || !value || fixed->name_len >= XENSTORE_ABS_PATH_MAX ||
	    fixed->value_len > XENSTORE_PAYLOAD_MAX || memchr(name, '/', fixed->name_len) ||
	    (fixed->value_len && !fixed->has_value))
		goto out;
	memcpy(path + 1, name, fixed->name_len);
	if (!path_valid(path, fixed->name_len + 1u))
		goto out;
	err = -ENOMEM;
	node = node_new(store, name, fixed->name_len, perms);
	if (!node)
		goto out;
	if (fixed->has_value) {
		node->value = blob_new(store, value, fixed->value_len);
		if (!node->value) {
			node_put(store, node);
			goto out;
		}
	}
	node->priority = fixed->priority;
	node->generation = fixed->generation;
	node->list_generation = fixed->list_generation;
	*out = node;
	err = 0;
out:
	perms_put(store, perms);
	return err;
}

static int read_node(struct restore *restore)
{
	struct loaded none = { 0 }, self = { 0 }, *left, *right, *children;
	uint64_t generation = restore->store->generation;
	struct dump_node fixed;
	int err;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || fixed.left > restore->node_count ||
	    fixed.right > restore->node_count || fixed.children > restore->node_count ||
	    fixed.generation > generation || fixed.list_generation > generation)
		return -EBADMSG;
	err = table_grow(restore);
	if (!err)
		err = build_node(restore, &fixed, &self.node);
	/* Building stamps new generations; the store's own must not move. */
	restore->store->generation = generation;
	if (err)
		return err;
	left = fixed.left ? &restore->nodes[fixed.left] : &none;
	right = fixed.right ? &restore->nodes[fixed.right] : &none;
	children = fixed.children ? &restore->nodes[fixed.children] : &none;
	/* Only a root has no name, and a root is nobody's sibling or child. Within one version no
	 * node occurs twice, so none has more below it than were read. */
	if ((left->node && !left->node->name_len) || (right->node && !right->node->name_len) ||
	    (children->node && !children->node->name_len) ||
	    !node_fits(&self, left, right, children) || self.count > restore->node_count + 1u) {
		node_put(restore->store, self.node);
		return -EBADMSG;
	}
	self.node->left = node_get(left->node);
	self.node->right = node_get(right->node);
	self.node->children = node_get(children->node);
	restore->nodes[++restore->node_count] = self;
	return 0;
}

/* The node with a number, if it can be a root; else NULL. */
static struct node *root_node(struct restore *restore, uint32_t number)
{
	struct node *node;

	if (!number || number > restore->node_count)
		return NULL;
	node = restore->nodes[number].node;
	return node->name_len || node->left || node->right ? NULL : node;
}

/* Charges the owners of all nodes. */
static bool charge_node(struct node *node, void *arg)
{
	struct store *store = arg;
	struct view view = { .root = &store->root };

	view_account(store, &view, node->perms, 1, (int64_t)node_cost(node));
	return siblings_visit(node->children, charge_node, arg);
}

static int read_root(struct restore *restore)
{
	struct dump_root fixed;
	struct node *root;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || restore->have_root)
		return -EBADMSG;
	root = root_node(restore, fixed.node);
	if (!root)
		return -EBADMSG;
	restore->store->root = node_get(root);
	restore->have_root = true;
	charge_node(root, restore->store);
	return 0;
}

/* Puts bytes that were read into one of a connection's buffers. */
static int fill_buffer(struct store *store, const char *bytes, uint32_t len, char **buffer,
		       uint32_t *buffer_len, uint32_t *room)
{
	if (!len)
		return 0;
	*buffer = store_alloc(store, len);
	if (!*buffer)
		return -ENOMEM;
	memcpy(*buffer, bytes, len);
	*buffer_len = len;
	*room = len;
	return 0;
}

static int read_conn(struct restore *restore)
{
	const struct conn_ops *ops = &lost_ops;
	struct store *store = restore->store;
	const char *saved, *in, *out;
	struct dump_conn fixed;
	void *transport = NULL;
	struct conn *conn;
	bool adopted;
	int err;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || !restore->have_root ||
	    fixed.flags & ~(CONN_READONLY | CONN_DOMAIN) || fixed.in_len > MESSAGE_MAX ||
	    fixed.out_len > 3 * MESSAGE_MAX || !domain_find(store, fixed.domid))
		return -EBADMSG;
	saved = take(restore, fixed.saved_len);
	in = take(restore, fixed.in_len);
	out = take(restore, fixed.out_len);
	if (!saved || !in || !out)
		return -EBADMSG;
	adopted = !restore->adopt(restore->ctx, fixed.domid, fixed.flags, saved, fixed.saved_len,
				  &ops, &transport);
	err = store_connect(store, fixed.domid, fixed.flags, ops, transport, &conn);
	if (err) {
		if (adopted)
			ops->close(transport);
		return err == -EEXIST ? -EBADMSG : err;
	}
	if (adopted)
		restore->adopted(restore->ctx, transport, conn);
	restore->conn = conn;
	restore->tx = NULL;
	err = fill_buffer(store, in, fixed.in_len, &conn->in, &conn->in_len, &conn->in_room);
	if (!err)
		err = fill_buffer(store, out, fixed.out_len, &conn->out, &conn->out_len,
				  &conn->out_room);
	return err;
}

static int read_watch(struct restore *restore)
{
	char path_text[XENSTORE_ABS_PATH_MAX + 1], token_text[XENSTORE_PAYLOAD_MAX + 1];
	struct conn *conn = restore->conn;
	const char *path, *token;
	struct dump_watch fixed;
	struct watch *watch;
	int err;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || !conn)
		return -EBADMSG;
	path = take(restore, fixed.path_len);
	token = take(restore, fixed.token_len);
	if (!path || !token || !fixed.path_len || fixed.path_len >= sizeof(path_text) ||
	    fixed.relative >= fixed.path_len || fixed.depth < -1 ||
	    (uint64_t)fixed.path_len - fixed.relative + fixed.token_len + 2 >
		    XENSTORE_PAYLOAD_MAX ||
	    memchr(token, '\0', fixed.token_len))
		return -EBADMSG;
	memcpy(path_text, path, fixed.path_len);
	path_text[fixed.path_len] = '\0';
	memcpy(token_text, token, fixed.token_len);
	token_text[fixed.token_len] = '\0';
	if (path_text[0] == '@' ? fixed.relative || strlen(path_text) != fixed.path_len ||
					  !special_perms(restore->store, path_text)
				: !path_valid(path_text, fixed.path_len))
		return -EBADMSG;
	err = watch_add(conn, path_text, fixed.path_len, fixed.relative, token_text, fixed.depth,
			&watch);
	if (!err && fixed.overflowed) {
		watch->overflowed = true;
		conn->overflowed++;
	}
	return err;
}

static int read_event(struct restore *restore)
{
	struct watch *watch, *found = NULL;
	struct blob *blob = NULL;
	struct dump_event fixed;
	const char *path;
	uint32_t index = 0;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || !restore->conn)
		return -EBADMSG;
	path = take(restore, fixed.path_len);
	list_for_each_entry (watch, &restore->conn->watches, link)
		if (index++ == fixed.watch)
			found = watch;
	/* What changed is the watched path or below it. */
	if (!path || !found || fixed.path_len > XENSTORE_ABS_PATH_MAX ||
	    (fixed.path_len &&
	     (fixed.path_len < found->path_len || memcmp(path, found->text, found->path_len) ||
	      memchr(path, '\0', fixed.path_len))))
		return -EBADMSG;
	if (fixed.path_len) {
		blob = blob_new(restore->store, path, fixed.path_len);
		if (!blob)
			return -ENOMEM;
	}
	event_add(found, blob);
	blob_put(restore->store, blob);
	return 0;
}

static int read_tx(struct restore *restore)
{
	struct node *base, *root;
	struct dump_tx fixed;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || !restore->conn || !fixed.id ||
	    tx_find(restore->conn, fixed.id))
		return -EBADMSG;
	base = root_node(restore, fixed.base);
	root = root_node(restore, fixed.root);
	if (!base || !root)
		return -EBADMSG;
	restore->tx = tx_new(restore->conn, fixed.id, base, root);
	if (!restore->tx)
		return -ENOMEM;
	restore->tx->doomed = fixed.doomed;
	return 0;
}

static int read_touch(struct restore *restore)
{
	struct dump_touch fixed;
	struct touch *touch;
	const char *path;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || !restore->tx || fixed.flags & ~TOUCH_ALL)
		return -EBADMSG;
	path = take(restore, fixed.path_len);
	if (!path || !path_valid(path, fixed.path_len) ||
	    (fixed.flags & TOUCH_REMOVE && fixed.path_len == 1))
		return -EBADMSG;
	touch = touch_add(restore->tx, path, fixed.path_len, fixed.flags);
	if (!touch)
		return -ENOMEM;
	return fixed.perm_count ? take_perms(restore, fixed.perm_count, &touch->old_perms) : 0;
}

static int read_delta(struct restore *restore)
{
	struct store *store = restore->store;
	struct dump_delta fixed;
	struct delta *delta;

	if (take_fixed(restore, &fixed, sizeof(fixed)) || !restore->tx || fixed.domid > UINT16_MAX)
		return -EBADMSG;
	delta = store_alloc(store, sizeof(*delta));
	if (!delta)
		return -ENOMEM;
	*delta = (struct delta) { restore->tx->deltas, (uint16_t)fixed.domid, fixed.life,
				  fixed.nodes, fixed.memory };
	restore->tx->deltas = delta;
	return 0;
}

static int read_record(struct restore *restore, uint32_t type)
{
	static int (*const readers[])(struct restore * restore) = {
		[DUMP_DOMAIN] = read_domain, [DUMP_SPECIAL] = read_special,
		[DUMP_NODE] = read_node,     [DUMP_ROOT] = read_root,
		[DUMP_CONN] = read_conn,     [DUMP_WATCH] = read_watch,
		[DUMP_EVENT] = read_event,   [DUMP_TX] = read_tx,
		[DUMP_TOUCH] = read_touch,   [DUMP_DELTA] = read_delta,
	};
	int err;

	if (type >= sizeof(readers) / sizeof(readers[0]) || !readers[type])
		return -EBADMSG;
	err = readers[type](restore);
	/* Bytes that nobody wanted are as wrong as missing ones. */
	return !err && restore->more_len ? -EBADMSG : err;
}

/* Cuts the next record out of the stream. */
static int next_record(struct restore *restore, uint32_t *type)
{
	struct dump_record record;

	if ((size_t)(restore->end - restore->pos) < sizeof(record))
		return -EBADMSG;
	memcpy(&record, restore->pos, sizeof(record));
	restore->pos += sizeof(record);
	if (record.len > (size_t)(restore->end - restore->pos))
		return -EBADMSG;
	restore->more = restore->pos;
	restore->more_len = record.len;
	restore->pos += record.len;
	*type = record.type;
	return 0;
}

static int read_all(struct restore *restore, const char *begin)
{
	const char *record;
	struct dump_end end;
	uint32_t type;
	int err;

	err = next_record(restore, &type);
	if (!err)
		err = type == DUMP_STORE ? read_store(restore) : -EBADMSG;
	while (!err) {
		record = restore->pos;
		err = next_record(restore, &type);
		if (!err && type == DUMP_END)
			break;
		if (!err)
			err = read_record(restore, type);
	}
	if (err)
		return err;
	if (take_fixed(restore, &end, sizeof(end)) || restore->pos != restore->end ||
	    !restore->have_root || !restore->store->introduce_perms ||
	    !restore->store->release_perms)
		return -EBADMSG;
	return end.checksum == hash_more(HASH_SEED, begin, (size_t)(record - begin)) ? 0 : -EBADMSG;
}

/* Closes the connections whose transports are lost. */
static void close_lost(struct store *store)
{
	struct conn *conn, *tmp;

	list_for_each_entry_safe (conn, tmp, &store->conns, link)
		if (conn->ops == &lost_ops)
			conn_close(conn);
}

int store_restore(const struct store_host *host, const void *dump, size_t len,
		  int (*adopt)(void *ctx, uint32_t domid, unsigned int flags, const void *saved,
			       size_t saved_len, const struct conn_ops **ops, void **transport),
		  void (*adopted)(void *ctx, void *transport, struct conn *conn), void *ctx,
		  struct store **out)
{
	struct restore restore = { .pos = dump,
				   .end = (const char *)dump + len,
				   .adopt = adopt,
				   .adopted = adopted,
				   .ctx = ctx };
	struct store *store;
	int err;

	err = store_new(host, &store);
	if (err)
		return err;
	restore.store = store;
	store->watch_index = node_new(store, "", 0, NULL);
	err = store->watch_index ? read_all(&restore, dump) : -ENOMEM;
	for (uint32_t i = 1; i <= restore.node_count; i++)
		node_put(store, restore.nodes[i].node);
	if (restore.nodes)
		store_free(store, restore.nodes, restore.node_room * sizeof(*restore.nodes));
	perms_put(store, restore.last_perms);
	if (err) {
		store_destroy(store);
		return err;
	}
	close_lost(store);
	if (store->reaping) {
		store->reap_path[0] = '/';
		store->reap_len = 1;
	}
	*out = store;
	return 0;
}
