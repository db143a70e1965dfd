/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree of nodes (tree.h says how it works). */
#include <errno.h>
#include <string.h>

#include "internal.h"

struct blob *blob_new(struct store *store, const void *data, size_t len)
{
	struct blob *blob = store_alloc(store, sizeof(*blob) + len);

	if (!blob)
		return NULL;
	blob->refs = 1;
	blob->len = (uint32_t)len;
	memcpy(blob->data, data, len);
	return blob;
}

struct blob *blob_get(struct blob *blob)
{
	if (blob)
		blob->refs++;
	return blob;
}

void blob_put(struct store *store, struct blob *blob)
{
	if (blob && !--blob->refs)
		store_free(store, blob, sizeof(*blob) + blob->len);
}

size_t perms_size(const struct perms *perms)
{
	return sizeof(*perms) + perms->count * sizeof(perms->list[0]);
}

struct perms *perms_new(struct store *store, size_t count)
{
	struct perms *perms = store_alloc(store, sizeof(*perms) + count * sizeof(perms->list[0]));

	if (!perms)
		return NULL;
	perms->refs = 1;
	perms->count = (uint32_t)count;
	return perms;
}

struct perms *perms_get(struct perms *perms)
{
	if (perms)
		perms->refs++;
	return perms;
}

void perms_put(struct store *store, struct perms *perms)
{
	if (perms && !--perms->refs)
		store_free(store, perms, perms_size(perms));
}

static size_t node_bytes(size_t name_len)
{
	return sizeof(struct node) + (name_len + NAME_WORD) / NAME_WORD * NAME_WORD;
}

void node_stamp(struct store *store, struct node *node)
{
	node->generation = ++store->generation;
	node->writer = store->actor;
}

static void list_stamp(struct store *store, struct node *node)
{
	node->list_generation = ++store->generation;
	node->list_writer = store->actor;
}

struct node *node_new(struct store *store, const char *name, size_t len, struct perms *perms)
{
	struct node *node = store_alloc(store, node_bytes(len));

	if (!node)
		return NULL;
	memset(node, 0, node_bytes(len));
	node->refs = 1;
	node->priority = store->host->random(store->host->ctx);
	node->perms = perms_get(perms);
	node_stamp(store, node);
	list_stamp(store, node);
	node->span = (uint32_t)len + 1;
	node->name_len = (uint16_t)len;
	memcpy(node->name, name, len);
	return node;
}

struct node *node_get(struct node *node)
{
	if (node)
		node->refs++;
	return node;
}

/*
 * Drops a reference: a node without any joins the chain of those to be freed. Recurses along
 * smaller siblings only, so to a depth in the logarithm of their number.
 */
static void put_later(struct node *node, struct node **chain)
{
	if (node && !--node->refs) {
		/* Nobody sees this node any more, so a link of its own can hold the chain; what
		 * the link pointed to is dropped in its turn. */
		struct node *left = node->left;

		node->left = *chain;
		*chain = node;
		if (left)
			put_later(left, &node->left);
	}
}

bool node_free_some(struct store *store, unsigned int count)
{
	struct node *node;

	for (; count && (node = store->trash); count--) {
		store->trash = node->left;
		put_later(node->right, &store->trash);
		put_later(node->children, &store->trash);
		blob_put(store, node->value);
		perms_put(store, node->perms);
		store_free(store, node, node_bytes(node->name_len));
	}
	return store->trash;
}

void node_put(struct store *store, struct node *node)
{
	put_later(node, &store->trash);
	node_free_some(store, 32);
}

size_t node_cost(const struct node *node)
{
	return node_bytes(node->name_len) + perms_size(node->perms) +
	       (node->value ? sizeof(*node->value) + node->value->len : 0);
}

/* Puts a copy in place of a shared node, so that this version alone may change it. */
static int node_own(struct store *store, struct node **slot)
{
	struct node *node = *slot, *copy;

	if (node->refs == 1)
		return 0;
	copy = store_alloc(store, node_bytes(node->name_len));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, node, node_bytes(node->name_len));
	copy->refs = 1;
	node_get(copy->left);
	node_get(copy->right);
	node_get(copy->children);
	blob_get(copy->value);
	perms_get(copy->perms);
	node->refs--;
	*slot = copy;
	return 0;
}

static uint32_t span_of(const struct node *node)
{
	return node ? node->span : 0;
}

static void span_fix(struct node *node)
{
	node->span = node->name_len + 1u + span_of(node->left) + span_of(node->right);
}

static int name_compare(const char *name, size_t len, const struct node *node)
{
	size_t common = len < node->name_len ? len : node->name_len;
	int diff = memcmp(name, node->name, common);

	if (diff)
		return diff;
	return len < node->name_len ? -1 : len > node->name_len;
}

bool path_step(const char **pos, const char *end, const char **name, size_t *len)
{
	const char *slash;

	if (*pos < end && **pos == '/')
		(*pos)++;
	if (*pos >= end)
		return false;
	slash = memchr(*pos, '/', (size_t)(end - *pos));
	*name = *pos;
	*len = (size_t)((slash ? slash : end) - *pos);
	*pos += *len;
	return true;
}

size_t path_parent(const char *path, size_t len)
{
	while (len > 1 && path[len - 1] != '/')
		len--;
	return len > 1 ? len - 1 : 1;
}

struct node *node_find_child(const struct node *dir, const char *name, size_t len)
{
	struct node *node = dir->children;
	int diff;

	while (node) {
		diff = name_compare(name, len, node);
		if (!diff)
			break;
		node = diff < 0 ? node->left : node->right;
	}
	return node;
}

struct node *tree_nearest(struct node *root, const char *path, size_t len, size_t *found)
{
	const char *pos = path, *end = path + len, *name;
	struct node *node = root, *child;
	size_t name_len;

	*found = 1;
	while (path_step(&pos, end, &name, &name_len)) {
		child = node_find_child(node, name, name_len);
		if (!child)
			break;
		node = child;
		*found = (size_t)(pos - path);
	}
	return node;
}

struct node *tree_lookup(struct node *root, const char *path, size_t len)
{
	size_t found;
	struct node *node = tree_nearest(root, path, len, &found);

	return found == len ? node : NULL;
}

/*
 * Makes the nodes of a path fit to be changed as far as they exist: *out is the last of them, *found
 * the length of its path. -ENOMEM: the tree is as it was, to the reader.
 */
static int edit_nearest(struct store *store, struct node **root, const char *path, size_t len,
			size_t *found, struct node **out)
{
	const char *pos = path, *end = path + len, *name;
	struct node **slot;
	size_t name_len;
	int err, diff;

	err = node_own(store, root);
	if (err)
		return err;
	*out = *root;
	*found = 1;
	while (path_step(&pos, end, &name, &name_len)) {
		slot = &(*out)->children;
		for (diff = 1; diff;) {
			if (!*slot)
				return 0;
			err = node_own(store, slot);
			if (err)
				return err;
			diff = name_compare(name, name_len, *slot);
			if (diff)
				slot = diff < 0 ? &(*slot)->left : &(*slot)->right;
		}
		*out = *slot;
		*found = (size_t)(pos - path);
	}
	return 0;
}

int tree_edit(struct store *store, struct node **root, const char *path, size_t len,
	      struct node **node)
{
	size_t found;
	int err = edit_nearest(store, root, path, len, &found, node);

	return !err && found != len ? -ENOENT : err;
}

/* Lifts the left child over its parent; both must be owned. */
static void rotate_right(struct node **slot)
{
	struct node *node = *slot, *up = node->left;

	node->left = up->right;
	up->right = node;
	span_fix(node);
	*slot = up;
}

static void rotate_left(struct node **slot)
{
	struct node *node = *slot, *up = node->right;

	node->right = up->left;
	up->left = node;
	span_fix(node);
	*slot = up;
}

/* Adds a node to a treap. Memory is only needed on the way down, so a failure changes nothing. */
static int treap_add(struct store *store, struct node **slot, struct node *new)
{
	struct node *node;
	int err;

	if (!*slot) {
		*slot = new;
		return 0;
	}
	err = node_own(store, slot);
	if (err)
		return err;
	node = *slot;
	if (name_compare(new->name, new->name_len, node) < 0) {
		err = treap_add(store, &node->left, new);
		if (!err && node->left->priority > node->priority)
			rotate_right(slot);
	} else {
		err = treap_add(store, &node->right, new);
		if (!err && node->right->priority > node->priority)
			rotate_left(slot);
	}
	span_fix(*slot);
	return err;
}

/* Moves the node in *slot, which must be owned, down to where it can be taken out. */
static int treap_sink(struct store *store, struct node **slot, struct node **out)
{
	struct node *node = *slot;
	int err;

	if (!node->left || !node->right) {
		*slot = node->left ? node->left : node->right;
		node->left = NULL;
		node->right = NULL;
		span_fix(node);
		*out = node;
		return 0;
	}
	/* Without memory each rotation is taken back. */
	if (node->left->priority > node->right->priority) {
		err = node_own(store, &node->left);
		if (err)
			return err;
		rotate_right(slot);
		err = treap_sink(store, &(*slot)->right, out);
		if (err)
			rotate_left(slot);
	} else {
		err = node_own(store, &node->right);
		if (err)
			return err;
		rotate_left(slot);
		err = treap_sink(store, &(*slot)->left, out);
		if (err)
			rotate_right(slot);
	}
	span_fix(*slot);
	return err;
}

/* Takes a node that is there out of a treap. */
static int treap_del(struct store *store, struct node **slot, const char *name, size_t len,
		     struct node **out)
{
	struct node *node;
	int err, diff;

	err = node_own(store, slot);
	if (err)
		return err;
	node = *slot;
	diff = name_compare(name, len, node);
	if (!diff)
		return treap_sink(store, slot, out);
	err = treap_del(store, diff < 0 ? &node->left : &node->right, name, len, out);
	span_fix(node);
	return err;
}

/* Builds the missing end of a path as a chain of nodes that hangs on nothing yet. */
static int chain_build(struct store *store, const char *pos, const char *end, struct perms *perms,
		       struct node **top)
{
	struct node **slot = top;
	const char *name;
	size_t len;

	*top = NULL;
	while (path_step(&pos, end, &name, &len)) {
		*slot = node_new(store, name, len, perms);
		if (!*slot) {
			node_put(store, *top);
			return -ENOMEM;
		}
		slot = &(*slot)->children;
	}
	return 0;
}

int tree_create(struct store *store, struct node **root, const char *path, size_t len,
		struct perms *perms, struct node **top)
{
	struct node *parent;
	size_t found;
	int err;

	err = edit_nearest(store, root, path, len, &found, &parent);
	if (!err)
		err = chain_build(store, path + found, path + len, perms, top);
	if (err)
		return err;
	err = treap_add(store, &parent->children, *top);
	if (err)
		node_put(store, *top);
	else
		list_stamp(store, parent);
	return err;
}

int tree_remove(struct store *store, struct node **root, const char *path, size_t len,
		struct node **removed)
{
	size_t parent_len = path_parent(path, len);
	size_t start = parent_len == 1 ? 1 : parent_len + 1;
	struct node *parent;
	int err;

	err = tree_edit(store, root, path, parent_len, &parent);
	if (err)
		return err;
	err = treap_del(store, &parent->children, path + start, len - start, removed);
	if (!err)
		list_stamp(store, parent);
	return err;
}

/* Where a listing is. */
struct listing {
	size_t skip; /* bytes before the first name that is wanted */
	char *to;
	size_t room, used;
	bool full;
};

static void list_names(const struct node *node, struct listing *listing)
{
	size_t size;

	if (!node || listing->full)
		return;
	if (listing->skip >= node->span) {
		listing->skip -= node->span;
		return;
	}
	list_names(node->left, listing);
	size = node->name_len + 1u;
	if (listing->skip) {
		listing->skip -= listing->skip < size ? listing->skip : size;
	} else if (listing->full || size > listing->room - listing->used) {
		listing->full = true;
	} else {
		memcpy(listing->to + listing->used, node->name, size);
		listing->used += size;
	}
	list_names(node->right, listing);
}

/* All names, where there is room for them and a word more. */
static char *list_all(const struct node *node, char *to)
{
	for (; node; node = node->right) {
		if (node->left)
			to = list_all(node->left, to);
		for (size_t i = 0; i <= node->name_len; i += NAME_WORD)
			memcpy(to + i, node->name + i, NAME_WORD);
		to += node->name_len + 1;
	}
	return to;
}

size_t node_list(const struct node *dir, size_t offset, char *to, size_t room)
{
	struct listing listing = { .skip = offset, .to = to, .room = room };

	if (!offset && node_list_size(dir) + NAME_WORD <= room)
		return (size_t)(list_all(dir->children, to) - to);
	list_names(dir->children, &listing);
	return listing.used;
}

size_t node_list_size(const struct node *dir)
{
	return span_of(dir->children);
}

/* The child of `dir` with the smallest name greater than `name` (all, when len is 0). */
static const struct node *child_after(const struct node *dir, const char *name, size_t len)
{
	const struct node *node = dir->children, *best = NULL;

	while (node) {
		if (!len || name_compare(name, len, node) < 0) {
			best = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return best;
}

/* Appends a child's name to a path; false when it would be too long (it never is, in a tree). */
static bool path_append(char *path, size_t *len, const struct node *child)
{
	size_t at = *len == 1 ? 1 : *len + 1;

	if (at + child->name_len > XENSTORE_ABS_PATH_MAX)
		return false;
	path[at - 1] = '/';
	memcpy(path + at, child->name, child->name_len);
	*len = at + child->name_len;
	return true;
}

bool tree_next(struct node *root, char *path, size_t *len, bool skip)
{
	struct node *node = skip ? NULL : tree_lookup(root, path, *len), *parent;
	const struct node *next = node ? child_after(node, "", 0) : NULL;
	size_t parent_len, start;

	if (next)
		return path_append(path, len, next);
	while (*len > 1) {
		parent_len = path_parent(path, *len);
		start = parent_len == 1 ? 1 : parent_len + 1;
		parent = tree_lookup(root, path, parent_len);
		next = parent ? child_after(parent, path + start, *len - start) : NULL;
		*len = parent_len;
		if (next)
			return path_append(path, len, next);
	}
	return false;
}

bool siblings_visit(struct node *node, bool (*visit)(struct node *node, void *arg), void *arg)
{
	if (!node)
		return true;
	return siblings_visit(node->left, visit, arg) && visit(node, arg) &&
	       siblings_visit(node->right, visit, arg);
}
