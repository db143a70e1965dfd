/* SPDX-License-Identifier: BSD-2-Clause */
/* The store's tree: order, sharing between versions, listing (REQ toolstack: store). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "support/store_harness.h"

static struct harness harness;

static int setup(void **state)
{
	(void)state;
	harness_start(&harness);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(harness_stop(&harness), 0);
	return 0;
}

static struct perms *root_perms(void)
{
	return harness.store->root->perms;
}

static int create(struct node **root, const char *path)
{
	struct node *top;

	return tree_create(harness.store, root, path, strlen(path), root_perms(), &top);
}

static struct node *lookup(struct node *root, const char *path)
{
	return tree_lookup(root, path, strlen(path));
}

/* Checks order, heap and spans of a treap; returns its size. */
static unsigned int check_treap(const struct node *node)
{
	unsigned int size = 1;
	uint32_t span;

	if (!node)
		return 0;
	span = node->name_len + 1u;
	if (node->left) {
		assert_true(node->left->priority <= node->priority);
		size += check_treap(node->left);
		span += node->left->span;
	}
	if (node->right) {
		assert_true(node->right->priority <= node->priority);
		size += check_treap(node->right);
		span += node->right->span;
	}
	assert_int_equal(span, node->span);
	return size;
}

struct order {
	char last[32];
	unsigned int count;
};

static bool in_order(struct node *node, void *arg)
{
	struct order *order = arg;
	char name[32];

	snprintf(name, sizeof(name), "%.*s", node->name_len, node->name);
	assert_true(strcmp(order->last, name) < 0);
	strcpy(order->last, name);
	order->count++;
	return true;
}

/* Names come out in order however they went in, and the treap stays flat. */
static void test_children_ordered(void **state)
{
	struct node *root = node_get(harness.store->root);
	struct order order = { "", 0 };
	struct node *dir;
	char path[32];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "/d/n%04d", (i * 1117) % 2000);
		assert_int_equal(create(&root, path), 0);
	}
	dir = lookup(root, "/d");
	assert_int_equal(check_treap(dir->children), 2000);
	assert_true(siblings_visit(dir->children, in_order, &order));
	assert_int_equal(order.count, 2000);
	assert_int_equal(node_list_size(dir), 2000 * 6);
	node_put(harness.store, root);
}

static bool stop_at_once(struct node *node, void *arg)
{
	(void)node;
	++*(int *)arg;
	return false;
}

static void test_visit_stops(void **state)
{
	struct node *root = node_get(harness.store->root);
	int visited = 0;

	(void)state;
	create(&root, "/d/a");
	create(&root, "/d/b");
	create(&root, "/d/c");
	assert_false(siblings_visit(lookup(root, "/d")->children, stop_at_once, &visited));
	assert_int_equal(visited, 1);
	node_put(harness.store, root);
}

/* A change of one version leaves the other as it was and copies the path only. */
static void test_copy_on_write(void **state)
{
	struct node *first = node_get(harness.store->root), *second, *node;
	uint64_t live;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/a/b/n%d", i);
		assert_int_equal(create(&first, path), 0);
	}
	second = node_get(first);
	live = harness.live;
	assert_int_equal(tree_edit(harness.store, &second, "/a/b/n50", 8, &node), 0);
	assert_true(harness.live - live < 40);
	assert_ptr_not_equal(lookup(first, "/a/b/n50"), lookup(second, "/a/b/n50"));
	assert_int_equal(tree_remove(harness.store, &second, "/a/b/n7", 7, &node), 0);
	node_put(harness.store, node);
	assert_null(lookup(second, "/a/b/n7"));
	assert_non_null(lookup(first, "/a/b/n7"));
	assert_int_equal(create(&second, "/a/b/new/deep"), 0);
	assert_null(lookup(first, "/a/b/new"));
	check_treap(lookup(first, "/a/b")->children);
	check_treap(lookup(second, "/a/b")->children);
	/* Once nobody else holds it, changes happen in place. */
	node_put(harness.store, first);
	live = harness.live;
	assert_int_equal(tree_edit(harness.store, &second, "/a/b/n51", 8, &node), 0);
	assert_int_equal(harness.live, live);
	node_put(harness.store, second);
}

/* Random additions, removals and copies against a plain table. */
static void test_random(void **state)
{
	struct node *versions[4] = { 0 }, *removed;
	bool there[4][64] = { 0 };
	char path[16];

	(void)state;
	srand(7);
	for (int v = 0; v < 4; v++)
		versions[v] = node_get(harness.store->root);
	for (int i = 0; i < 20000; i++) {
		int v = rand() % 4, n = rand() % 64, other = rand() % 4;

		snprintf(path, sizeof(path), "/r/k%d", n);
		switch (rand() % 8) {
		case 0:
			if (v == other)
				break;
			node_put(harness.store, versions[v]);
			versions[v] = node_get(versions[other]);
			memcpy(there[v], there[other], sizeof(there[v]));
			break;
		case 1:
		case 2:
		case 3:
			if (there[v][n]) {
				assert_int_equal(tree_remove(harness.store, &versions[v], path,
							     strlen(path), &removed),
						 0);
				node_put(harness.store, removed);
				there[v][n] = false;
			}
			break;
		default:
			if (!there[v][n])
				assert_int_equal(create(&versions[v], path), 0);
			there[v][n] = true;
		}
		assert_int_equal(!!lookup(versions[v], path), there[v][n]);
	}
	for (int v = 0; v < 4; v++) {
		if (lookup(versions[v], "/r"))
			check_treap(lookup(versions[v], "/r")->children);
		node_put(harness.store, versions[v]);
	}
}

/* A listing can begin at any byte and holds whole names only. */
static void test_list_parts(void **state)
{
	struct node *root = node_get(harness.store->root);
	char all[600], part[64], path[32];
	size_t size, got;
	struct node *dir;

	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "/d/%0*d", 1 + i % 7, i);
		create(&root, path);
	}
	dir = lookup(root, "/d");
	size = node_list(dir, 0, all, sizeof(all));
	assert_int_equal(size, node_list_size(dir));
	for (size_t offset = 0; offset < size; offset += strlen(all + offset) + 1) {
		got = node_list(dir, offset, part, sizeof(part));
		assert_memory_equal(part, all + offset, got);
		assert_true(got > sizeof(part) - 9 || offset + got == size);
	}
	assert_int_equal(node_list(dir, size, part, sizeof(part)), 0);
	assert_int_equal(node_list(dir, size + 1000, part, sizeof(part)), 0);
	/* In the middle of a name: from the next one on. */
	got = node_list(dir, 1, part, sizeof(part));
	assert_memory_equal(part, all + strlen(all) + 1, got);
	node_put(harness.store, root);
}

static void test_next(void **state)
{
	static const char *const wanted[] = { "/a", "/a/b",  "/a/b/c",	       "/a/d",
					      "/e", "/tool", "/tool/xenstored" };
	struct node *root = node_get(harness.store->root);
	char path[XENSTORE_ABS_PATH_MAX + 1] = "/";
	size_t len = 1;

	(void)state;
	create(&root, "/a/b/c");
	create(&root, "/a/d");
	create(&root, "/e");
	for (size_t i = 0; i < 7; i++) {
		assert_true(tree_next(root, path, &len, false));
		assert_int_equal(len, strlen(wanted[i]));
		assert_memory_equal(path, wanted[i], len);
	}
	assert_false(tree_next(root, path, &len, false));
	/* Passing over children; and from a path that is no more. */
	memcpy(path, "/a", 2);
	len = 2;
	assert_true(tree_next(root, path, &len, true));
	assert_memory_equal(path, "/e", len);
	memcpy(path, "/a/c/x", 6);
	len = 6;
	assert_true(tree_next(root, path, &len, false));
	assert_memory_equal(path, "/a/d", len);
	node_put(harness.store, root);
}

/* A tree as deep as paths allow is freed without a deep stack. */
static void test_deep(void **state)
{
	struct node *root = node_get(harness.store->root);
	char path[XENSTORE_ABS_PATH_MAX + 1];

	(void)state;
	for (size_t i = 0; i < XENSTORE_ABS_PATH_MAX; i += 2)
		memcpy(path + i, "/x", 2);
	path[XENSTORE_ABS_PATH_MAX] = '\0';
	assert_int_equal(create(&root, path), 0);
	assert_non_null(lookup(root, path));
	node_put(harness.store, root);
}

/* When memory runs out at any point, the tree is as it was. */
static void test_no_memory(void **state)
{
	struct node *root = node_get(harness.store->root), *copy, *node;
	unsigned int done = 0;

	(void)state;
	for (int i = 0; i < 30; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/d/n%02d", i);
		create(&root, path);
	}
	for (uint64_t limit = 0; done < 3; limit++) {
		copy = node_get(root);
		harness.allocations_left = limit;
		done = 0;
		if (create(&copy, "/d/new/x") == 0)
			done++;
		else
			assert_null(lookup(copy, "/d/new"));
		harness.allocations_left = limit;
		if (tree_remove(harness.store, &copy, "/d/n15", 6, &node) == 0) {
			node_put(harness.store, node);
			done++;
		} else {
			assert_non_null(lookup(copy, "/d/n15"));
		}
		harness.allocations_left = limit;
		if (tree_edit(harness.store, &copy, "/d/n03", 6, &node) == 0)
			done++;
		harness.allocations_left = UINT64_MAX;
		check_treap(lookup(copy, "/d")->children);
		check_treap(lookup(root, "/d")->children);
		assert_int_equal(tree_edit(harness.store, &copy, "/d/none", 7, &node), -ENOENT);
		node_put(harness.store, copy);
	}
	node_put(harness.store, root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_children_ordered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visit_stops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_on_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
