/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the nodes of a dump. Each is checked against those that it refers to, which came before
 * it: order and priorities of siblings, depth, length of paths, number of nodes. So a stream can't
 * make a tree that the engine would take too long, or too much stack, to walk.
 */
#include <errno.h>
#include <string.h>

#include "restore.h"

#define TREAP_DEPTH_MAX 128
/* Bounds the stack that walks over the tree take. */
#define STEPS_MAX	20000

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

static uint32_t max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
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
	self->depth = 1 + max(left->depth, right->depth);
	self->path_len = max(below, max(left->path_len, right->path_len));
	self->steps = 1 + max(children->steps, max(left->steps, right->steps));
	self->count = 1 + left->count + right->count + children->count;
	node->span = node->name_len + 1u + (left->node ? left->node->span : 0) +
		     (right->node ? right->node->span : 0);
	return self->depth <= TREAP_DEPTH_MAX && self->steps <= STEPS_MAX &&
	       self->path_len <= XENSTORE_ABS_PATH_MAX + 1;
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

int read_node(struct restore *restore)
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

struct node *root_node(struct restore *restore, uint32_t number)
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

int read_root(struct restore *restore)
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
