/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of the tree together with the accounts of the owners. */
#include <errno.h>

#include "internal.h"

/* Gives a node that may be changed these permissions and this value. */
static void node_set(struct store *store, struct view *view, struct node *node, struct perms *perms,
		     struct blob *value)
{
	int64_t before = (int64_t)node_cost(node);
	struct perms *old_perms = node->perms;
	struct blob *old_value = node->value;

	node->perms = perms_get(perms);
	node->value = blob_get(value);
	node_stamp(store, node);
	if (perms == old_perms) {
		view_account(store, view, perms, 0, (int64_t)node_cost(node) - before);
	} else {
		view_account(store, view, old_perms, -1, -before);
		view_account(store, view, perms, 1, (int64_t)node_cost(node));
	}
	perms_put(store, old_perms);
	blob_put(store, old_value);
}

int change_write(struct store *store, struct view *view, const char *path, size_t len,
		 struct blob *value)
{
	struct node *node;
	int err;

	err = tree_edit(store, view->root, path, len, &node);
	if (!err)
		node_set(store, view, node, node->perms, value);
	return err;
}

int change_perms(struct store *store, struct view *view, const char *path, size_t len,
		 struct perms *perms)
{
	struct node *node;
	int err;

	err = tree_edit(store, view->root, path, len, &node);
	if (!err)
		node_set(store, view, node, perms, node->value);
	return err;
}

int change_put(struct store *store, struct view *view, const char *path, size_t len,
	       struct perms *perms, struct blob *value)
{
	struct node *node;
	int err;

	err = tree_edit(store, view->root, path, len, &node);
	if (err == -ENOENT)
		return change_create(store, view, path, len, perms, value);
	if (!err)
		node_set(store, view, node, perms, value);
	return err;
}

int change_create(struct store *store, struct view *view, const char *path, size_t len,
		  struct perms *perms, struct blob *value)
{
	struct node *node;
	int64_t nodes = 0, memory = 0;
	int err;

	err = tree_create(store, view->root, path, len, perms, &node);
	if (err)
		return err;
	for (; node; node = node->children) {
		if (!node->children)
			node->value = blob_get(value);
		nodes++;
		memory += (int64_t)node_cost(node);
	}
	view_account(store, view, perms, nodes, memory);
	return 0;
}

/* What is taken off accounts: owner by owner, as long as one follows itself. */
struct release {
	struct store *store;
	struct view *view;
	const struct perms *owner;
	int64_t nodes, memory;
};

static void release_flush(struct release *release)
{
	if (release->owner)
		view_account(release->store, release->view, release->owner, -release->nodes,
			     -release->memory);
	release->nodes = 0;
	release->memory = 0;
}

static bool release_node(struct node *node, void *arg)
{
	struct release *release = arg;

	if (node->perms != release->owner) {
		release_flush(release);
		release->owner = node->perms;
	}
	release->nodes++;
	release->memory += (int64_t)node_cost(node);
	return siblings_visit(node->children, release_node, arg);
}

int change_remove(struct store *store, struct view *view, const char *path, size_t len,
		  struct node **removed)
{
	struct release release = { .store = store, .view = view };
	struct node *node;
	int err;

	err = tree_remove(store, view->root, path, len, &node);
	if (err)
		return err;
	release_node(node, &release);
	release_flush(&release);
	if (removed)
		*removed = node;
	else
		node_put(store, node);
	return 0;
}
