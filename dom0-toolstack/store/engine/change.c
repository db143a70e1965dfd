/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of the tree together with the accounts of the owners. */
#include <errno.h>

#include "internal.h"

int change_write(struct store *store, struct view *view, const char *path, size_t len,
		 struct blob *value)
{
	struct node *node;
	size_t before;
	int err;

	err = tree_edit(store, view->root, path, len, &node);
	if (err)
		return err;
	before = node_cost(node);
	blob_put(store, node->value);
	node->value = blob_get(value);
	node->generation = ++store->generation;
	view_account(store, view, node->perms, 0, (int64_t)node_cost(node) - (int64_t)before);
	return 0;
}

int change_perms(struct store *store, struct view *view, const char *path, size_t len,
		 struct perms *perms)
{
	struct node *node;
	int err;

	err = tree_edit(store, view->root, path, len, &node);
	if (err)
		return err;
	view_account(store, view, node->perms, -1, -(int64_t)node_cost(node));
	perms_put(store, node->perms);
	node->perms = perms_get(perms);
	node->generation = ++store->generation;
	view_account(store, view, node->perms, 1, (int64_t)node_cost(node));
	return 0;
}

int change_create(struct store *store, struct view *view, const char *path, size_t len,
		  struct perms *perms, struct blob *value)
{
	struct node *node, *leaf;
	size_t found;
	int err;

	tree_nearest(*view->root, path, len, &found);
	err = tree_create(store, view->root, path, len, perms, &leaf);
	if (err)
		return err;
	leaf->value = blob_get(value);
	/* Charge the new nodes: those from the first one that was missing to the leaf. */
	node = tree_lookup(*view->root, path, found);
	for (const char *pos = path + found, *name; path_step(&pos, path + len, &name, &found);) {
		node = node_find_child(node, name, found);
		view_account(store, view, perms, 1, (int64_t)node_cost(node));
	}
	return 0;
}

struct release {
	struct store *store;
	struct view *view;
};

/* Relieves the owners of a removed tree. */
static bool release_node(struct node *node, void *arg)
{
	struct release *release = arg;

	view_account(release->store, release->view, node->perms, -1, -(int64_t)node_cost(node));
	return siblings_visit(node->children, release_node, arg);
}

int change_remove(struct store *store, struct view *view, const char *path, size_t len,
		  struct node **removed)
{
	struct release release = { store, view };
	struct node *node;
	int err;

	err = tree_remove(store, view->root, path, len, &node);
	if (err)
		return err;
	release_node(node, &release);
	if (removed)
		*removed = node;
	else
		node_put(store, node);
	return 0;
}
