/* SPDX-License-Identifier: BSD-2-Clause */
/* The requests of the protocol: each decodes its arguments, checks rights and quotas, acts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* A request being served. */
struct request {
	struct conn *conn;
	struct store *store;
	const char *payload; /* a NUL follows it */
	size_t len;
	char *reply; /* XENSTORE_PAYLOAD_MAX bytes */
	size_t reply_len;
	struct view view;
	char path[XENSTORE_ABS_PATH_MAX + 1]; /* canonical; NUL-ended */
	size_t path_len;
	uint32_t relative;
};

#define FLAG_PRIVILEGED (1u << 0) /* for Dom0 only */
#define FLAG_CHANGES	(1u << 1) /* not for read-only connections */
#define FLAG_NO_TX	(1u << 2) /* does not look at the transaction */

bool path_valid(const char *path, size_t len)
{
	if (!len || path[0] != '/' || len > XENSTORE_ABS_PATH_MAX)
		return false;
	for (size_t i = 1; i < len; i++) {
		char c = path[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '@';

		if (!fine && (c != '/' || path[i - 1] == '/'))
			return false;
	}
	return len == 1 || path[len - 1] != '/';
}

/* Guests' paths have a limit of their own, which does not count their own folder's path. */
static bool path_within_quota(const struct conn *conn, const char *path, size_t len)
{
	char home[32];
	size_t home_len =
		(size_t)snprintf(home, sizeof(home), "/local/domain/%u/", conn->domain->domid);

	if (len > home_len && !memcmp(path, home, home_len))
		len -= home_len;
	return quota_allows((struct conn *)conn, QUOTA_PATH_LEN, len);
}

int path_canonical(const struct conn *conn, const char *path, char *out, size_t *len,
		   uint32_t *relative)
{
	size_t given = strlen(path), head = 0;

	if (!given)
		return -EINVAL;
	if (path[0] != '/') {
		if (given > XENSTORE_REL_PATH_MAX)
			return -EINVAL;
		head = (size_t)snprintf(out, XENSTORE_ABS_PATH_MAX, "/local/domain/%u/",
					conn->domain->domid);
	}
	if (head + given > XENSTORE_ABS_PATH_MAX)
		return -EINVAL;
	memcpy(out + head, path, given + 1);
	*len = head + given;
	*relative = (uint32_t)head;
	if (!path_valid(out, *len) || !path_within_quota(conn, out, *len))
		return -EINVAL;
	return 0;
}

int split_strings(const char *payload, size_t len, const char **strings, size_t max)
{
	int count = 0;

	if (!len || payload[len - 1])
		return -EINVAL;
	for (size_t pos = 0; pos < len; pos += strlen(payload + pos) + 1) {
		if ((size_t)count == max)
			return -EINVAL;
		strings[count++] = payload + pos;
	}
	return count;
}

int parse_number(const char *text, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned int digit = (unsigned int)(*text - '0');

		if (digit > 9 || value > (max - digit) / 10)
			return -EINVAL;
		value = value * 10 + digit;
	}
	*number = value;
	return 0;
}

/* Takes the path of a request whose whole payload is one string. */
static int take_path(struct request *req)
{
	const char *path;

	if (split_strings(req->payload, req->len, &path, 1) != 1)
		return -EINVAL;
	return path_canonical(req->conn, path, req->path, &req->path_len, &req->relative);
}

/* Takes the path at the front of the payload; *rest is what follows it. */
static int take_path_front(struct request *req, const char **rest, size_t *rest_len)
{
	size_t len = strnlen(req->payload, req->len);

	if (len == req->len)
		return -EINVAL;
	*rest = req->payload + len + 1;
	*rest_len = req->len - len - 1;
	return path_canonical(req->conn, req->payload, req->path, &req->path_len, &req->relative);
}

static void reply_bytes(struct request *req, const void *bytes, size_t len)
{
	memcpy(req->reply, bytes, len);
	req->reply_len = len;
}

static void reply_text(struct request *req, const char *text)
{
	reply_bytes(req, text, strlen(text) + 1);
}

/*
 * Finds the request's node, when the connection has all of `access`. Whether a node exists is told
 * only to those who may do the same to the last ancestor that does. Errors: -ENOENT, -EACCES,
 * -ENOSPC, -ENOMEM.
 */
static int find_node(struct request *req, unsigned int access, unsigned int touch,
		     struct node **out)
{
	struct node *node;
	size_t found;
	int err;

	err = tx_touch(req->conn, &req->view, req->path, req->path_len, TOUCH_SELF | touch);
	if (err)
		return err;
	node = tree_nearest(*req->view.root, req->path, req->path_len, &found);
	if ((perms_access(req->conn, node->perms) & access) != access)
		return -EACCES;
	if (found != req->path_len)
		return -ENOENT;
	*out = node;
	return 0;
}

static struct node *node_at(struct request *req, size_t len)
{
	return tree_lookup(*req->view.root, req->path, len);
}

/* Fires the watches of the request's path, unless a transaction holds that back. */
static void fire(struct request *req, const struct perms *old_perms)
{
	if (!req->view.tx)
		watch_fire(req->store, req->path, req->path_len, node_at(req, req->path_len),
			   node_at(req, path_parent(req->path, req->path_len)), old_perms);
}

/* Whether the connection may own that much more, as far as this view knows. */
static int check_usage(struct request *req, uint64_t nodes, uint64_t memory)
{
	uint64_t have_nodes, have_memory;

	if (conn_privileged(req->conn))
		return 0;
	view_usage(&req->view, req->conn->domain, &have_nodes, &have_memory);
	if (nodes && !quota_allows(req->conn, QUOTA_NODES, have_nodes + nodes))
		return -ENOSPC;
	return quota_allows(req->conn, QUOTA_MEMORY, have_memory + memory) ? 0 : -ENOSPC;
}

static int serve_read(struct request *req)
{
	struct node *node;
	int err;

	err = take_path(req);
	if (!err)
		err = find_node(req, PERM_READ, 0, &node);
	if (!err && node->value)
		reply_bytes(req, node->value->data, node->value->len);
	return err;
}

static int serve_directory(struct request *req)
{
	struct node *node;
	int err;

	err = take_path(req);
	if (!err)
		err = find_node(req, PERM_READ, TOUCH_LIST, &node);
	if (!err && node_list_size(node) > XENSTORE_PAYLOAD_MAX)
		err = -E2BIG;
	if (!err)
		req->reply_len = node_list(node, 0, req->reply, XENSTORE_PAYLOAD_MAX);
	return err;
}

static int serve_directory_part(struct request *req)
{
	const char *words[2];
	uint64_t offset;
	struct node *node;
	size_t head;
	int err;

	if (split_strings(req->payload, req->len, words, 2) != 2 ||
	    parse_number(words[1], UINT32_MAX, &offset))
		return -EINVAL;
	err = path_canonical(req->conn, words[0], req->path, &req->path_len, &req->relative);
	if (!err)
		err = find_node(req, PERM_READ, TOUCH_LIST, &node);
	if (err)
		return err;
	head = (size_t)snprintf(req->reply, 24, "%llu", (unsigned long long)node->list_generation) +
	       1;
	req->reply_len =
		head + node_list(node, offset, req->reply + head, XENSTORE_PAYLOAD_MAX - head);
	/* An empty name ends the list; without room for it the next request gets it alone. */
	if (offset + req->reply_len - head >= node_list_size(node) &&
	    req->reply_len < XENSTORE_PAYLOAD_MAX)
		req->reply[req->reply_len++] = '\0';
	return 0;
}

/* Notes in a transaction that a path and its ancestors beyond `from` are about to be created. */
static int touch_created(struct request *req, size_t from)
{
	const char *pos = req->path + from, *end = req->path + req->path_len, *name;
	size_t len;
	int err;

	err = tx_touch(req->conn, &req->view, req->path, from, TOUCH_SELF);
	while (!err && path_step(&pos, end, &name, &len))
		err = tx_touch(req->conn, &req->view, req->path, (size_t)(pos - req->path),
			       TOUCH_SELF | TOUCH_WRITE | (pos == end ? TOUCH_EVENT : 0));
	return err;
}

/* Creates the request's node, which does not exist, and its missing ancestors. */
static int create_node(struct request *req, struct blob *value)
{
	uint64_t levels = 0, memory = value ? value->len : 0;
	struct node *parent;
	struct perms *perms;
	size_t found;
	int err;

	parent = tree_nearest(*req->view.root, req->path, req->path_len, &found);
	for (size_t i = found == 1 ? 0 : found; i < req->path_len; i++)
		levels += req->path[i] == '/';
	memory += levels * (sizeof(struct node) + perms_size(parent->perms));
	err = check_usage(req, levels, memory + req->path_len - found);
	if (err)
		return err;
	perms = perms_inherit(req->conn, parent->perms);
	if (!perms)
		return -ENOMEM;
	err = touch_created(req, found);
	if (!err)
		err = change_create(req->store, &req->view, req->path, req->path_len, perms, value);
	perms_put(req->store, perms);
	if (!err)
		fire(req, NULL);
	return err;
}

static int write_node(struct request *req, struct blob *value)
{
	struct node *node;
	int err;

	err = find_node(req, PERM_WRITE, 0, &node);
	if (err == -ENOENT)
		return create_node(req, value);
	if (!err)
		err = check_usage(req, 0, value ? value->len : 0);
	if (!err)
		err = tx_touch(req->conn, &req->view, req->path, req->path_len,
			       TOUCH_WRITE | TOUCH_EVENT);
	if (!err)
		err = change_write(req->store, &req->view, req->path, req->path_len, value);
	if (!err)
		fire(req, NULL);
	return err;
}

static int serve_write(struct request *req)
{
	struct blob *value = NULL;
	const char *data;
	size_t len;
	int err;

	err = take_path_front(req, &data, &len);
	if (err)
		return err;
	if (!quota_allows(req->conn, QUOTA_NODE_SIZE, len))
		return -ENOSPC;
	if (len) {
		value = blob_new(req->store, data, len);
		if (!value)
			return -ENOMEM;
	}
	err = write_node(req, value);
	blob_put(req->store, value);
	return err;
}

static int serve_mkdir(struct request *req)
{
	struct node *node;
	int err;

	err = take_path(req);
	if (!err)
		err = find_node(req, PERM_WRITE, 0, &node);
	return err == -ENOENT ? create_node(req, NULL) : err;
}

static int serve_rm(struct request *req)
{
	struct node *node;
	size_t parent_len;
	int err;

	err = take_path(req);
	if (err)
		return err;
	if (req->path_len == 1)
		return -EINVAL;
	parent_len = path_parent(req->path, req->path_len);
	err = find_node(req, PERM_WRITE, 0, &node);
	/* To remove what is not there is fine where it could be. */
	if (err == -ENOENT)
		return node_at(req, parent_len) ? 0 : -ENOENT;
	if (!err)
		err = tx_touch(req->conn, &req->view, req->path, req->path_len, TOUCH_REMOVE);
	if (!err)
		err = change_remove(req->store, &req->view, req->path, req->path_len, &node);
	if (err)
		return err;
	if (!req->view.tx)
		watch_fire_removed(req->store, req->path, req->path_len, node,
				   node_at(req, parent_len));
	node_put(req->store, node);
	return 0;
}

/* The permissions of a special watch. */
static int find_special(struct request *req, const char *name, struct perms ***special)
{
	*special = special_perms(req->store, name);
	if (!*special)
		return -EINVAL;
	return conn_privileged(req->conn) ? 0 : -EACCES;
}

static int serve_get_perms(struct request *req)
{
	struct perms **special, *perms;
	struct node *node;
	ssize_t len;
	int err;

	if (req->payload[0] == '@') {
		err = find_special(req, req->payload, &special);
		perms = err ? NULL : *special;
	} else {
		err = take_path(req);
		if (!err)
			err = find_node(req, PERM_READ, 0, &node);
		perms = err ? NULL : node->perms;
	}
	if (err)
		return err;
	len = perms_format(req->store, perms, req->reply, XENSTORE_PAYLOAD_MAX);
	if (len < 0)
		return (int)len;
	req->reply_len = (size_t)len;
	return 0;
}

/* Who may see the events of a special watch. */
static int set_special_perms(struct request *req, const char *text, size_t len)
{
	struct perms **special, *perms;
	int err;

	err = find_special(req, req->payload, &special);
	if (err)
		return err;
	err = perms_parse(req->store, text, len, XENSTORE_PAYLOAD_MAX, &perms);
	if (err)
		return err;
	perms_put(req->store, *special);
	*special = perms;
	return 0;
}

static int set_node_perms(struct request *req, struct node *node, struct perms *perms)
{
	struct perms *old = perms_get(node->perms);
	int err = 0;

	if (!conn_privileged(req->conn) && (old->list[0].domid != perms->list[0].domid ||
					    old->list[0].life != perms->list[0].life))
		err = -EPERM;
	if (!err)
		err = check_usage(req, 0, perms_size(perms));
	if (!err)
		err = tx_touch(req->conn, &req->view, req->path, req->path_len,
			       TOUCH_WRITE | TOUCH_EVENT);
	if (!err)
		err = tx_touch_perms(&req->view, req->path, req->path_len, old);
	if (!err)
		err = change_perms(req->store, &req->view, req->path, req->path_len, perms);
	if (!err)
		fire(req, old);
	perms_put(req->store, old);
	return err;
}

static int serve_set_perms(struct request *req)
{
	size_t max = XENSTORE_PAYLOAD_MAX, name_len = strnlen(req->payload, req->len), len;
	struct perms *perms;
	struct node *node;
	const char *text;
	int err;

	if (name_len < req->len && req->payload[0] == '@')
		return set_special_perms(req, req->payload + name_len + 1, req->len - name_len - 1);
	err = take_path_front(req, &text, &len);
	if (!err)
		err = find_node(req, PERM_WRITE | PERM_OWNER, 0, &node);
	if (err)
		return err;
	err = perms_parse(req->store, text, len, max, &perms);
	if (err)
		return err;
	if (!quota_allows(req->conn, QUOTA_PERMS, perms->count))
		err = -ENOSPC;
	else
		err = set_node_perms(req, node, perms);
	perms_put(req->store, perms);
	return err;
}

/*
 * Takes a watch's path, which may be a special one: anything that begins with '@'. Those that mean
 * nothing never fire, those that do are subject to permissions when they fire.
 */
static int take_watch_path(struct request *req, const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '@')
		return path_canonical(req->conn, path, req->path, &req->path_len, &req->relative);
	if (len > XENSTORE_REL_PATH_MAX)
		return -EINVAL;
	memcpy(req->path, path, len + 1);
	req->path_len = len;
	req->relative = 0;
	return 0;
}

static int serve_watch(struct request *req)
{
	struct watch *watch;
	const char *words[3];
	uint64_t depth = 0;
	int count, err;

	/* Without a third string, or with an empty one, all levels count. */
	count = split_strings(req->payload, req->len, words, 3);
	if (count < 2 || (count == 3 && words[2][0] && parse_number(words[2], INT32_MAX, &depth)))
		return -EINVAL;
	err = take_watch_path(req, words[0]);
	if (err)
		return err;
	if (watch_find(req->conn, req->path, req->path_len, words[1]))
		return -EEXIST;
	if (!quota_allows(req->conn, QUOTA_WATCHES, req->conn->domain->watches + 1))
		return -E2BIG;
	err = check_usage(req, 0, sizeof(*watch) + req->path_len + strlen(words[1]));
	if (err)
		return err;
	err = watch_add(req->conn, req->path, req->path_len, req->relative, words[1],
			count == 3 && words[2][0] ? (int64_t)depth : -1, &watch);
	if (!err)
		watch_confirm(watch);
	return err;
}

static int serve_unwatch(struct request *req)
{
	const char *words[3];
	struct watch *watch;
	int err;

	if (split_strings(req->payload, req->len, words, 3) < 2)
		return -EINVAL;
	err = take_watch_path(req, words[0]);
	if (err)
		return err;
	watch = watch_find(req->conn, req->path, req->path_len, words[1]);
	if (!watch)
		return -ENOENT;
	watch_remove(watch);
	return 0;
}

static int serve_reset_watches(struct request *req)
{
	struct watch *watch, *next_watch;
	struct tx *tx, *next_tx;

	list_for_each_entry_safe (watch, next_watch, &req->conn->watches, link)
		watch_remove(watch);
	list_for_each_entry_safe (tx, next_tx, &req->conn->txs, conn_link)
		tx_drop(tx);
	return 0;
}

static int serve_transaction_start(struct request *req)
{
	struct tx *tx;
	int err;

	if (req->view.tx)
		return -EBUSY;
	err = check_usage(req, 0, sizeof(*tx));
	if (!err)
		err = tx_start(req->conn, &tx);
	if (!err)
		req->reply_len = (size_t)snprintf(req->reply, 16, "%u", tx->id) + 1;
	return err;
}

static int serve_transaction_end(struct request *req)
{
	const char *word;

	if (split_strings(req->payload, req->len, &word, 1) != 1 ||
	    (strcmp(word, "T") && strcmp(word, "F")))
		return -EINVAL;
	if (!req->view.tx)
		return -ENOENT;
	if (word[0] == 'T')
		return tx_commit(req->view.tx);
	tx_drop(req->view.tx);
	return 0;
}

/* Takes the numbers of which a payload consists; the first is a domain's. */
static int take_numbers(struct request *req, uint64_t *numbers, size_t count)
{
	const char *words[4];
	int got = split_strings(req->payload, req->len, words, 4);

	if (got < (int)count)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (parse_number(words[i], i ? UINT64_MAX / 2 : DOMID_MAX, &numbers[i]))
			return -EINVAL;
	return 0;
}

static int serve_introduce(struct request *req)
{
	const struct store_host *host = req->store->host;
	struct domain *domain;
	uint64_t numbers[3]; /* domain, frame, event channel */
	bool again;
	int err;

	err = take_numbers(req, numbers, 3);
	if (err || !numbers[0] || !numbers[2] || numbers[2] > UINT32_MAX)
		return -EINVAL;
	domain = domain_find(req->store, (uint32_t)numbers[0]);
	again = domain && domain->introduced;
	err = host->introduce(host->ctx, (uint32_t)numbers[0], numbers[1], (uint32_t)numbers[2]);
	if (err)
		return err;
	domain = domain_get(req->store, (uint32_t)numbers[0]);
	if (!domain)
		return -ENOMEM;
	domain->introduced = true;
	domain->shutdown = false;
	if (!again)
		watch_fire_special(req->store, "@introduceDomain", domain->domid);
	else if (domain->conn && domain->conn != req->conn)
		store_conn_reset(domain->conn);
	return 0;
}

/* Takes the one domain that a request names; it must be introduced. */
static int take_domain(struct request *req, struct domain **domain)
{
	uint64_t domid;

	if (take_numbers(req, &domid, 1) || !domid)
		return -EINVAL;
	*domain = domain_find(req->store, (uint32_t)domid);
	return *domain && (*domain)->introduced ? 0 : -ENOENT;
}

static int serve_release(struct request *req)
{
	struct domain *domain;
	int err;

	err = take_domain(req, &domain);
	if (!err)
		domain_release(req->store, domain, false);
	return err;
}

static int serve_resume(struct request *req)
{
	struct domain *domain;
	int err;

	err = take_domain(req, &domain);
	if (!err)
		domain->shutdown = false;
	return err;
}

static int serve_set_target(struct request *req)
{
	struct domain *domain, *target;
	uint64_t numbers[2];

	if (take_numbers(req, numbers, 2) || !numbers[0] || !numbers[1] || numbers[1] > DOMID_MAX)
		return -EINVAL;
	domain = domain_find(req->store, (uint32_t)numbers[0]);
	target = domain_find(req->store, (uint32_t)numbers[1]);
	if (!domain || !domain->introduced || !target || !target->introduced)
		return -ENOENT;
	domain->has_target = true;
	domain->target = target->domid;
	domain->target_life = target->life;
	return 0;
}

static int serve_is_introduced(struct request *req)
{
	const char *word;
	uint64_t domid;
	struct domain *domain;

	if (split_strings(req->payload, req->len, &word, 1) != 1 ||
	    parse_number(word, UINT16_MAX, &domid))
		return -EINVAL;
	domain = domain_find(req->store, (uint32_t)domid);
	/* DOMID_SELF: whoever can ask is connected. */
	reply_text(req, domid == 0x7ff0 || (domain && domain->introduced) ? "T" : "F");
	return 0;
}

static int serve_domain_path(struct request *req)
{
	const char *word;
	uint64_t domid;

	if (split_strings(req->payload, req->len, &word, 1) != 1 ||
	    parse_number(word, UINT16_MAX, &domid))
		return -EINVAL;
	req->reply_len =
		(size_t)snprintf(req->reply, 32, "/local/domain/%u", (unsigned int)domid) + 1;
	return 0;
}

static int serve_control(struct request *req)
{
	int err =
		control_serve(req->conn, req->payload, req->len, req->reply, XENSTORE_PAYLOAD_MAX);

	if (!err)
		req->reply_len = strlen(req->reply) + 1;
	return err;
}

static const struct {
	const char *name;
	int (*serve)(struct request *req);
	unsigned int flags;
} requests[] = {
	[XS_CONTROL] = { "CONTROL", serve_control, FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_DIRECTORY] = { "DIRECTORY", serve_directory, 0 },
	[XS_READ] = { "READ", serve_read, 0 },
	[XS_GET_PERMS] = { "GET_PERMS", serve_get_perms, 0 },
	[XS_WATCH] = { "WATCH", serve_watch, FLAG_NO_TX },
	[XS_UNWATCH] = { "UNWATCH", serve_unwatch, FLAG_NO_TX },
	[XS_TRANSACTION_START] = { "TRANSACTION_START", serve_transaction_start, 0 },
	[XS_TRANSACTION_END] = { "TRANSACTION_END", serve_transaction_end, 0 },
	[XS_INTRODUCE] = { "INTRODUCE", serve_introduce,
			   FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_RELEASE] = { "RELEASE", serve_release, FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_GET_DOMAIN_PATH] = { "GET_DOMAIN_PATH", serve_domain_path, FLAG_NO_TX },
	[XS_WRITE] = { "WRITE", serve_write, FLAG_CHANGES },
	[XS_MKDIR] = { "MKDIR", serve_mkdir, FLAG_CHANGES },
	[XS_RM] = { "RM", serve_rm, FLAG_CHANGES },
	[XS_SET_PERMS] = { "SET_PERMS", serve_set_perms, FLAG_CHANGES },
	[XS_IS_DOMAIN_INTRODUCED] = { "IS_DOMAIN_INTRODUCED", serve_is_introduced, FLAG_NO_TX },
	[XS_RESUME] = { "RESUME", serve_resume, FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_SET_TARGET] = { "SET_TARGET", serve_set_target,
			    FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_RESET_WATCHES] = { "RESET_WATCHES", serve_reset_watches, FLAG_NO_TX },
	[XS_DIRECTORY_PART] = { "DIRECTORY_PART", serve_directory_part, 0 },
};

/* Checks what all requests have in common, then serves one. */
static int request_dispatch(struct request *req, const struct xsd_sockmsg *header)
{
	unsigned int flags;

	if ((size_t)header->type >= sizeof(requests) / sizeof(requests[0]) ||
	    !requests[header->type].serve)
		return -ENOSYS;
	flags = requests[header->type].flags;
	if (flags & FLAG_PRIVILEGED && !conn_privileged(req->conn))
		return -EACCES;
	if (flags & FLAG_CHANGES && req->conn->flags & CONN_READONLY)
		return -EROFS;
	if (header->tx_id && !(flags & FLAG_NO_TX)) {
		req->view.tx = tx_find(req->conn, header->tx_id);
		if (!req->view.tx)
			return -ENOENT;
		req->view.root = &req->view.tx->root;
		req->view.deltas = &req->view.tx->deltas;
	}
	if (req->store->log_requests)
		store_log(req->store, "connection %u, domain %u: %s %.*s", req->conn->id,
			  req->conn->domain->domid, requests[header->type].name,
			  (int)strnlen(req->payload, 120), req->payload);
	return requests[header->type].serve(req);
}

static const char *error_name(int err)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (xsd_errors[i].errnum == -err)
			return xsd_errors[i].errstring;
	return "EINVAL";
}

/* Requests that change something answer so when they have nothing else to say. */
static bool answers_ok(uint32_t type)
{
	switch (type) {
	case XS_READ:
	case XS_DIRECTORY:
	case XS_DIRECTORY_PART:
	case XS_GET_PERMS:
		return false;
	default:
		return true;
	}
}

void request_serve(struct conn *conn, const struct xsd_sockmsg *header, char *payload)
{
	struct store *store = conn->store;
	struct request req;
	struct xsd_sockmsg answer = { header->type, header->req_id, header->tx_id, 0 };
	int err;

	req.conn = conn;
	req.store = store;
	req.payload = payload;
	req.len = header->len;
	req.reply = store->out + sizeof(answer);
	req.reply_len = 0;
	req.view = (struct view) { .root = &store->root };
	req.path_len = 0;
	req.relative = 0;
	err = request_dispatch(&req, header);
	if (err) {
		answer.type = XS_ERROR;
		reply_text(&req, error_name(err));
	} else if (!req.reply_len && answers_ok(header->type)) {
		reply_text(&req, "OK");
	}
	answer.len = (uint32_t)req.reply_len;
	memcpy(store->out, &answer, sizeof(answer));
	conn_send(conn, store->out, sizeof(answer) + req.reply_len);
}
