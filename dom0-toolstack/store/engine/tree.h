/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of nodes: counted references, copy on write.
 *
 * A root pointer is one version of the whole tree. Taking a reference to the root keeps that
 * version; changing a version copies the nodes on the way from its root to the change, but only
 * those that another version shares. Without open transactions nothing is shared and changes
 * happen in place.
 *
 * The children of a node form a treap ordered by name (a binary search tree whose random
 * priorities form a heap): finding, adding and removing one take time in the logarithm of their
 * number, for any order in which a hostile guest adds them, and copy as few nodes. `span` makes it
 * possible to start a listing at any byte in the same time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct watch;

/* Bytes that several nodes or versions share. */
struct blob {
	uint32_t refs;
	uint32_t len;
	char data[];
};

#define PERM_READ  1u
#define PERM_WRITE 2u
#define PERM_OWNER 4u

/*
 * One permission entry. `life` tells one domain from a later one of the same number (struct
 * domain); LIFE_NONE fits no domain.
 */
struct perm {
	uint16_t domid;
	uint16_t access; /* PERM_READ | PERM_WRITE */
	uint32_t life;
};

#define LIFE_NONE UINT32_MAX

/* A node's permissions, owner first, at least one entry. Shared by nodes that inherited them. */
struct perms {
	uint32_t refs;
	uint32_t count;
	struct perm list[];
};

/* A node's memory reaches to a whole word behind its name: lists are copied in words. */
#define NAME_WORD 8

struct node {
	uint32_t refs;
	uint32_t priority;	   /* of the treap: no smaller than those of left and right */
	struct node *left, *right; /* siblings with smaller and with greater names */
	struct node *children;	   /* the treap of the children */
	union {
		struct blob *value;    /* in the store's tree; NULL stands for an empty value */
		struct watch *watches; /* in the index of watches, which is such a tree too */
	};
	struct perms *perms;	  /* NULL in the index of watches */
	uint64_t generation;	  /* stamp of the last change of value or permissions */
	uint64_t list_generation; /* stamp of the last child added or removed */
	uint32_t span;		  /* bytes of the names (with a NUL each) here, left and right */
	uint32_t dump_id;	  /* used while a dump is written */
	/* Who (domid) made the last change of value or permissions, of the children. */
	uint16_t writer, list_writer;
	uint16_t name_len;
	char name[]; /* NUL-ended */
};

struct blob *blob_new(struct store *store, const void *data, size_t len);
struct blob *blob_get(struct blob *blob);
void blob_put(struct store *store, struct blob *blob);

struct perms *perms_new(struct store *store, size_t count);
struct perms *perms_get(struct perms *perms);
void perms_put(struct store *store, struct perms *perms);

/* A node without parent, siblings, value; it takes a reference to perms. NULL: no memory. */
struct node *node_new(struct store *store, const char *name, size_t len, struct perms *perms);
struct node *node_get(struct node *node);
/*
 * Drops a reference; with the last one all goes that only this node held, a part at once, the rest
 * by node_free_some().
 */
void node_put(struct store *store, struct node *node);
/* Frees up to `count` nodes that nobody refers to; true while there are more. */
bool node_free_some(struct store *store, unsigned int count);
/* Notes a change of value or permissions by whose request is being served. */
void node_stamp(struct store *store, struct node *node);
/* What a node is charged with: its own memory, value and permissions. */
size_t node_cost(const struct node *node);

/*
 * Steps through a path ("/a/b"): sets *name and *len to the component at *pos and moves *pos on.
 * Returns false at the end.
 */
bool path_step(const char **pos, const char *end, const char **name, size_t *len);
/* The length of the path of the parent; 1 ("/") for children of the root. */
size_t path_parent(const char *path, size_t len);

struct node *node_find_child(const struct node *dir, const char *name, size_t len);

/* Finds a node; NULL when there is none. The result lives as long as the version. */
struct node *tree_lookup(struct node *root, const char *path, size_t len);
/* Finds the last node on the way that exists; *found is the length of its path. */
struct node *tree_nearest(struct node *root, const char *path, size_t len, size_t *found);

/*
 * Makes a node fit to be changed in this version: copies what is shared on the way. Errors:
 * -ENOENT, -ENOMEM (the tree is as it was, to the reader).
 */
int tree_edit(struct store *store, struct node **root, const char *path, size_t len,
	      struct node **node);

/*
 * Creates a node that does not exist, with its missing ancestors; all get `perms`. *top is the
 * first that was missing, each has the next one as its only child. On failure (-ENOMEM) nothing was
 * created.
 */
int tree_create(struct store *store, struct node **root, const char *path, size_t len,
		struct perms *perms, struct node **top);

/*
 * Takes out a node that exists, with all below it; the caller gets the reference. On failure
 * (-ENOMEM) nothing was removed.
 */
int tree_remove(struct store *store, struct node **root, const char *path, size_t len,
		struct node **removed);

/*
 * Copies the names of the children, each with its NUL, from byte `offset` of the whole list on,
 * only whole names and as many as fit. Returns the number of bytes.
 */
size_t node_list(const struct node *dir, size_t offset, char *to, size_t room);
/* The bytes of the whole list. */
size_t node_list_size(const struct node *dir);

/*
 * Turns `path` (room for XENSTORE_ABS_PATH_MAX + 1 bytes) into the node that follows it when each
 * node precedes its children; `path` itself need not exist any more. With `skip`, its children are
 * passed over. False at the end.
 */
bool tree_next(struct node *root, char *path, size_t *len, bool skip);

/* For each node of a treap in order of names; `visit` returns false to end it. */
bool siblings_visit(struct node *node, bool (*visit)(struct node *node, void *arg), void *arg);
