/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests about nodes: each checks rights and quotas, then acts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "request.h"

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

int serve_read(struct request *req)
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

int serve_directory(struct request *req)
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

int serve_directory_part(struct request *req)
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
	uint64_t levels, memory = value ? value->len : 0;
	struct node *parent;
	struct perms *perms;
	size_t found;
	int err;

	parent = tree_nearest(*req->view.root, req->path, req->path_len, &found);
	levels = path_levels(req->path, req->path_len) - path_levels(req->path, found);
	memory += levels * (sizeof(struct node) + NAME_WORD + perms_size(parent->perms));
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

int serve_write(struct request *req)
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

int serve_mkdir(struct request *req)
{
	struct node *node;
	int err;

	err = take_path(req);
	if (!err)
		err = find_node(req, PERM_WRITE, 0, &node);
	return err == -ENOENT ? create_node(req, NULL) : err;
}

int serve_rm(struct request *req)
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

int serve_get_perms(struct request *req)
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
	err = perms_parse(req->store, text, len, &perms);
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
	if (!err) {
		tx_touch_perms(req->store, &req->view, req->path, req->path_len, old);
		err = change_perms(req->store, &req->view, req->path, req->path_len, perms);
	}
	if (!err)
		fire(req, old);
	perms_put(req->store, old);
	return err;
}

int serve_set_perms(struct request *req)
{
	size_t name_len = strnlen(req->payload, req->len), len, count = 0;
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
	/* Before anything is asked about the domains that they name. */
	for (size_t i = 0; i < len; i++)
		count += !text[i];
	if (!quota_allows(req->conn, QUOTA_PERMS, count))
		return -ENOSPC;
	err = perms_parse(req->store, text, len, &perms);
	if (err)
		return err;
	err = set_node_perms(req, node, perms);
	perms_put(req->store, perms);
	return err;
}
