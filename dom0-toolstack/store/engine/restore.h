/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files that read a dump share. */
#pragma once

#include "dump_format.h"
#include "internal.h"

/* What is known of a node that was read, with its siblings left and right and all below. */
struct loaded {
	struct node *node;
	struct node *first, *last; /* the siblings with the smallest and the greatest name */
	uint32_t depth;		   /* of the treap of siblings */
	uint32_t steps;		   /* the longest way from here along siblings and children */
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

/* Takes `len` bytes that follow the fixed part; NULL when there are fewer. */
const char *take(struct restore *restore, size_t len);
/* Takes the fixed part; -EBADMSG when the record is shorter. */
int take_fixed(struct restore *restore, void *fixed, size_t size);
/* Takes permissions, sharing them with those read before when they are equal. */
int take_perms(struct restore *restore, uint32_t count, struct perms **perms);

/* restore_tree.c: the records DUMP_NODE and DUMP_ROOT. */
int read_node(struct restore *restore);
int read_root(struct restore *restore);
/* The node with a number, if it can be a root; else NULL. */
struct node *root_node(struct restore *restore, uint32_t number);
