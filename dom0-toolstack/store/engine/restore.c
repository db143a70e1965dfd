/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a store's state (dump_format.h). Nothing in the stream is taken on trust: numbers are
 * checked against what was read before, names and paths against the protocol's rules, the tree for
 * order and size, so that a stream that was damaged, or made by an enemy, gives -EBADMSG.
 */
#include <errno.h>
#include <string.h>

#include "restore.h"

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

const char *take(struct restore *restore, size_t len)
{
	const char *bytes = restore->more;

	if (len > restore->more_len)
		return NULL;
	restore->more += len;
	restore->more_len -= len;
	return bytes;
}

int take_fixed(struct restore *restore, void *fixed, size_t size)
{
	const char *bytes = take(restore, size);

	if (!bytes)
		return -EBADMSG;
	memcpy(fixed, bytes, size);
	return 0;
}

int take_perms(struct restore *restore, uint32_t count, struct perms **out)
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
	err = buffer_append(store, &conn->in, in, fixed.in_len);
	return err ? err : buffer_append(store, &conn->out, out, fixed.out_len);
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
	event_queue(found, blob, blob ? hash_path(restore->store, path, fixed.path_len) : 0);
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
	if (!err && restore->more_len)
		err = -EBADMSG;
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
	if (take_fixed(restore, &end, sizeof(end)) || restore->more_len ||
	    restore->pos != restore->end || !restore->have_root ||
	    !restore->store->introduce_perms || !restore->store->release_perms)
		return -EBADMSG;
	return end.checksum == checksum_more(CHECKSUM_SEED, begin, (size_t)(record - begin))
		       ? 0
		       : -EBADMSG;
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
