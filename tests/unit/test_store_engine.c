/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's engine through its protocol: rights, watches, transactions, quotas, fair service,
 * bounded memory (REQ toolstack: store). What clients see of a whole daemon is checked by
 * tests/store/protocol.c.
 */
#include "support/store_guests.h"

static void test_data(void **state)
{
	WANT(dom0, XS_WRITE, "/a/b|v", "OK|");
	WANT(dom0, XS_READ, "/a/b|", "v");
	WANT(dom0, XS_WRITE, "/a/b|", "OK|");
	WANT(dom0, XS_READ, "/a/b|", "");
	WANT(dom0, XS_MKDIR, "/a/b|", "OK|");
	WANT(dom0, XS_DIRECTORY, "/a|", "b|");
	WANT(dom0, XS_DIRECTORY, "/none|", "ENOENT");
	WANT(dom0, XS_GET_PERMS, "/a/b|", "n0|");
	WANT(dom0, XS_GET_PERMS, "/none|", "ENOENT");
	WANT(dom0, XS_RM, "/a/b|", "OK|");
	WANT(dom0, XS_RM, "/a/b|", "OK|");
	WANT(dom0, XS_RM, "/a/b/c|", "ENOENT");
	WANT(dom0, XS_RM, "/|", "EINVAL");
	WANT(dom0, XS_RM, "/a//b|", "EINVAL");
}

static void test_malformed(void **state)
{
	static const char *const bad[] = { "", "|", "a b|", "/a/|", "//|", "/a", "/a|b|", "/a.b|" };
	char path[5000];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		WANT(dom0, XS_READ, bad[i], "EINVAL");
		WANT(dom0, XS_DIRECTORY, bad[i], "EINVAL");
		WANT(dom0, XS_MKDIR, bad[i], "EINVAL");
		WANT(dom0, XS_GET_PERMS, bad[i], "EINVAL");
	}
	WANT(dom0, XS_WRITE, "/a", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool|", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool|n0", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool|q0|", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool||", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool|n|", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool|n1x|", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool|n99999|", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "/tool|n5000|", "ENOENT");
	WANT(dom0, XS_SET_PERMS, "/tool|n0|r65000|", "OK|");
	WANT(dom0, XS_GET_PERMS, "/tool|", "n0|");
	WANT(dom0, XS_SET_PERMS, "/none|n0|", "ENOENT");
	WANT(dom0, XS_DIRECTORY_PART, "/|", "EINVAL");
	WANT(dom0, XS_DIRECTORY_PART, "/|x|", "EINVAL");
	WANT(dom0, XS_DIRECTORY_PART, "/a.|0|", "EINVAL");
	WANT(dom0, XS_DIRECTORY_PART, "/none|0|", "ENOENT");
	WANT(dom0, XS_TRANSACTION_END, "|", "EINVAL");
	WANT(dom0, XS_TRANSACTION_END, "T|", "ENOENT");
	WANT(dom0, XS_TRANSACTION_END, "", "EINVAL");
	WANT(dom0, XS_WATCH, "/a|", "EINVAL");
	WANT(dom0, XS_WATCH, "/a|t|x|", "EINVAL");
	WANT(dom0, XS_WATCH, "/a|t|1|2|", "EINVAL");
	WANT(dom0, XS_WATCH, "/a.|t|", "EINVAL");
	WANT(dom0, XS_UNWATCH, "/a|", "EINVAL");
	WANT(dom0, XS_UNWATCH, "/a.|t|", "EINVAL");
	WANT(dom0, XS_UNWATCH, "/a|t|", "ENOENT");
	WANT(dom0, XS_GET_DOMAIN_PATH, "x|", "EINVAL");
	WANT(dom0, XS_GET_DOMAIN_PATH, "", "EINVAL");
	WANT(dom0, XS_IS_DOMAIN_INTRODUCED, "|", "EINVAL");
	WANT(dom0, XS_IS_DOMAIN_INTRODUCED, "99999|", "EINVAL");
	WANT(dom0, XS_WATCH_EVENT, "|", "ENOSYS");
	WANT(dom0, XS_INVALID, "|", "ENOSYS");
	IN(99, dom0, XS_READ, "/|", "ENOENT");
	memset(path, 'p', sizeof(path));
	path[0] = '@';
	memcpy(path + 2049, "|t|", 4);
	WANT(dom0, XS_WATCH, path, "EINVAL");
	path[0] = 'p';
	WANT(dom0, XS_WATCH, path, "EINVAL");
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	memcpy(path + 3073, "|", 2);
	WANT(dom0, XS_READ, path, "EINVAL");
	memcpy(path + 2000, "|", 1);
	memset(path + 2001, 't', 2099);
	strcpy(path + 4095, "|");
	/* The longest watch there can be; its events hold its own path then. */
	WANT(dom0, XS_WATCH, path, "OK|");
	assert_int_equal(strlen(event(&h, dom0)), 4095);
	path[2000] = '\0';
	strcat(path, "/x|");
	WANT(dom0, XS_MKDIR, path, "OK|");
	assert_int_equal(strlen(event(&h, dom0)), 4095);
}

static void test_rights(void **state)
{
	WANT(guest, XS_READ, "/tool|", "EACCES");
	WANT(guest, XS_READ, "/tool/none|", "EACCES");
	WANT(guest, XS_WRITE, "/x|1", "EACCES");
	WANT(guest, XS_MKDIR, "/x|", "EACCES");
	WANT(guest, XS_RM, "/tool|", "EACCES");
	WANT(guest, XS_RM, "/none|", "EACCES");
	WANT(guest, XS_SET_PERMS, "/tool|n5|", "EACCES");
	WANT(guest, XS_GET_PERMS, "/tool|", "EACCES");
	WANT(guest, XS_GET_PERMS, "@releaseDomain|", "EACCES");
	WANT(guest, XS_DIRECTORY, "/|", "EACCES");
	WANT(guest, XS_DIRECTORY_PART, "/|0|", "EACCES");
	WANT(guest, XS_WRITE, "own|1", "OK|");
	WANT(guest, XS_READ, "none|", "ENOENT");
	WANT(guest, XS_RM, "none|", "OK|");
	WANT(dom0, XS_GET_PERMS, "/local/domain/5/own|", "n5|");
	WANT(guest, XS_SET_PERMS, "own|n6|", "EPERM");
	WANT(guest, XS_SET_PERMS, "own|n0|", "EPERM");
	WANT(guest, XS_SET_PERMS, "own|n5|r6|", "OK|");
	WANT(other, XS_READ, "/local/domain/5/own|", "1");
	WANT(other, XS_SET_PERMS, "/local/domain/5/own|n6|", "EACCES");
	WANT(guest, XS_SET_PERMS, "own|n5|w6|", "OK|");
	WANT(other, XS_READ, "/local/domain/5/own|", "EACCES");
	WANT(other, XS_WRITE, "/local/domain/5/own|2", "OK|");
	WANT(guest, XS_SET_PERMS, "own|b5|n6|", "OK|");
	WANT(other, XS_WRITE, "/local/domain/5/own|2", "EACCES");
	/* A guest may create below what another one lets it write; it owns that. */
	WANT(guest, XS_SET_PERMS, "own|n5|b6|", "OK|");
	WANT(other, XS_WRITE, "/local/domain/5/own/x|2", "OK|");
	WANT(dom0, XS_GET_PERMS, "/local/domain/5/own/x|", "n6|b6|");
	WANT(guest, XS_READ, "own/x|", "EACCES");
	for (uint32_t type = 0; type < XS_TYPE_COUNT; type++)
		if (type == XS_CONTROL || type == XS_INTRODUCE || type == XS_RELEASE ||
		    type == XS_RESUME || type == XS_SET_TARGET)
			WANT(guest, type, "5|6|7|", "EACCES");
}

static void test_target(void **state)
{
	WANT(dom0, XS_SET_TARGET, "6|", "EINVAL");
	WANT(dom0, XS_SET_TARGET, "0|5|", "EINVAL");
	WANT(dom0, XS_SET_TARGET, "6|0|", "EINVAL");
	WANT(dom0, XS_SET_TARGET, "6|40000|", "EINVAL");
	WANT(dom0, XS_SET_TARGET, "6|77|", "ENOENT");
	WANT(dom0, XS_SET_TARGET, "77|5|", "ENOENT");
	WANT(other, XS_WRITE, "/local/domain/5/x|1", "EACCES");
	WANT(dom0, XS_SET_TARGET, "6|5|", "OK|");
	WANT(other, XS_WRITE, "/local/domain/5/x|1", "OK|");
	/* The target's end ends it, also when its number comes again. */
	store_domain_gone(h.store, 5);
	harness_run(&h);
	guest = harness_connect(&h, 5, CONN_DOMAIN);
	WANT(dom0, XS_INTRODUCE, "5|1|1|", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/y|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/local/domain/5/y|n5|", "OK|");
	WANT(other, XS_READ, "/local/domain/5/y|", "EACCES");
}

static void test_read_only(void **state)
{
	struct pipe_conn *ro = harness_connect(&h, 0, CONN_READONLY);

	WANT(ro, XS_READ, "/tool|", "");
	WANT(ro, XS_WRITE, "/tool|x", "EROFS");
	WANT(ro, XS_MKDIR, "/x|", "EROFS");
	WANT(ro, XS_RM, "/tool|", "EROFS");
	WANT(ro, XS_SET_PERMS, "/tool|n0|", "EROFS");
	WANT(ro, XS_RELEASE, "5|", "EROFS");
	WANT(ro, XS_CONTROL, "check|", "EROFS");
	WANT(ro, XS_WATCH, "/tool|t|", "OK|");
}

static void test_directory_part(void **state)
{
	char text[64], last[64] = "";
	size_t offset = 0, names = 0;

	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "/d/entry-%04d|", i);
		WANT(dom0, XS_MKDIR, text, "OK|");
	}
	WANT(dom0, XS_DIRECTORY, "/d|", "E2BIG");
	for (bool end = false; !end;) {
		const char *at;

		snprintf(text, sizeof(text), "/d|%zu|", offset);
		at = strchr(ASK(dom0, XS_DIRECTORY_PART, text), '|') + 1;
		assert_true(*at);
		while (*at && *at != '|') {
			char name[64];
			size_t len = strcspn(at, "|");

			snprintf(name, sizeof(name), "%.*s", (int)len, at);
			assert_true(strcmp(last, name) < 0);
			strcpy(last, name);
			at += len + 1;
			offset += len + 1;
			names++;
		}
		end = *at == '|';
	}
	assert_int_equal(names, 1000);
	/* Only the end marker, behind the end; the same for an empty folder. */
	snprintf(text, sizeof(text), "/d|%zu|", offset);
	assert_non_null(strstr(ASK(dom0, XS_DIRECTORY_PART, text), "||"));
	assert_non_null(strstr(ASK(dom0, XS_DIRECTORY_PART, "/d/entry-0001|0|"), "||"));
}

static void test_watch(void **state)
{
	WANT(dom0, XS_WATCH, "/w|t|", "OK|");
	EVENT(dom0, "/w|t");
	WANT(dom0, XS_WATCH, "/w|t|", "EEXIST");
	WANT(dom0, XS_WATCH, "/w|u|", "OK|");
	EVENT(dom0, "/w|u");
	WANT(other, XS_WATCH, "/w|t|", "OK|");
	EVENT(other, "/w|t");
	WANT(dom0, XS_WRITE, "/w/a/b|1", "OK|");
	EVENT(dom0, "/w/a/b|u");
	EVENT(dom0, "/w/a/b|t");
	EVENT(dom0, "");
	/* It may not read that. */
	EVENT(other, "");
	WANT(dom0, XS_UNWATCH, "/w|u|", "OK|");
	/* Rights given and taken are told to who had or gets them. */
	WANT(dom0, XS_SET_PERMS, "/w/a|n0|r6|", "OK|");
	EVENT(other, "/w/a|t");
	WANT(dom0, XS_WRITE, "/w/a|x", "OK|");
	EVENT(other, "/w/a|t");
	WANT(dom0, XS_SET_PERMS, "/w/a|n0|", "OK|");
	EVENT(other, "/w/a|t");
	WANT(dom0, XS_WRITE, "/w/a|y", "OK|");
	EVENT(other, "");
	WANT(dom0, XS_RESET_WATCHES, "|", "OK|");
	WANT(dom0, XS_WRITE, "/w/a|z", "OK|");
	EVENT(dom0, "");
	/* The root. */
	WANT(dom0, XS_WATCH, "/|root|", "OK|");
	EVENT(dom0, "/|root");
	WANT(dom0, XS_SET_PERMS, "/|n0|", "OK|");
	EVENT(dom0, "/|root");
	WANT(dom0, XS_WRITE, "/x|z", "OK|");
	EVENT(dom0, "/x|root");
	WANT(dom0, XS_UNWATCH, "/|root|", "OK|");
}

static void test_watch_depth(void **state)
{
	WANT(dom0, XS_WATCH, "/w|zero|0|", "OK|");
	WANT(dom0, XS_WATCH, "/w|one|1|", "OK|");
	WANT(dom0, XS_WATCH, "/w|all||", "OK|");
	for (int i = 0; i < 3; i++)
		event(&h, dom0);
	WANT(dom0, XS_MKDIR, "/w|", "OK|");
	EVENT(dom0, "/w|all");
	EVENT(dom0, "/w|one");
	EVENT(dom0, "/w|zero");
	WANT(dom0, XS_MKDIR, "/w/a|", "OK|");
	EVENT(dom0, "/w/a|all");
	EVENT(dom0, "/w/a|one");
	WANT(dom0, XS_MKDIR, "/w/a/b|", "OK|");
	EVENT(dom0, "/w/a/b|all");
	EVENT(dom0, "");
}

static void test_watch_removed(void **state)
{
	WANT(dom0, XS_WRITE, "/w/a/b|1", "OK|");
	WANT(dom0, XS_WRITE, "/w/c|1", "OK|");
	WANT(dom0, XS_WATCH, "/w/a/b|b|", "OK|");
	WANT(dom0, XS_WATCH, "/w/a/none|n|", "OK|");
	WANT(dom0, XS_WATCH, "/w/c|c|", "OK|");
	WANT(dom0, XS_WATCH, "/w|w|", "OK|");
	for (int i = 0; i < 4; i++)
		event(&h, dom0);
	WANT(dom0, XS_RM, "/w|", "OK|");
	EVENT(dom0, "/w|w");
	EVENT(dom0, "/w/a/b|b");
	EVENT(dom0, "/w/c|c");
	EVENT(dom0, "");
}

static void test_special_watches(void **state)
{
	WANT(dom0, XS_WATCH, "@releaseDomain|r|", "OK|");
	WANT(dom0, XS_WATCH, "@releaseDomain|which|1|", "OK|");
	WANT(dom0, XS_WATCH, "@releaseDomain/7|seven|", "OK|");
	WANT(dom0, XS_WATCH, "@introduceDomain|i|", "OK|");
	WANT(dom0, XS_WATCH, "@other|o|", "OK|");
	for (int i = 0; i < 5; i++)
		event(&h, dom0);
	h.introduce_error = -EINVAL;
	WANT(dom0, XS_INTRODUCE, "7|1|1|", "EINVAL");
	h.introduce_error = 0;
	WANT(dom0, XS_INTRODUCE, "7|1|1|", "OK|");
	EVENT(dom0, "@introduceDomain|i");
	store_domain_shutdown(h.store, 7);
	store_domain_shutdown(h.store, 7);
	store_domain_shutdown(h.store, 77);
	EVENT(dom0, "@releaseDomain/7|seven");
	EVENT(dom0, "@releaseDomain/7|which");
	EVENT(dom0, "@releaseDomain|r");
	EVENT(dom0, "");
	WANT(dom0, XS_RESUME, "7|", "OK|");
	store_domain_shutdown(h.store, 7);
	for (int i = 0; i < 3; i++)
		assert_string_not_equal(event(&h, dom0), "");
	store_domain_dying(h.store, 7);
	for (int i = 0; i < 3; i++)
		assert_string_not_equal(event(&h, dom0), "");
	store_domain_dying(h.store, 7);
	EVENT(dom0, "");
	EVENT(guest, "");
	WANT(dom0, XS_SET_PERMS, "@other|n0|", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "@releaseDomain|", "EINVAL");
	WANT(guest, XS_SET_PERMS, "@releaseDomain|n5|", "EACCES");
	WANT(dom0, XS_SET_PERMS, "@releaseDomain|n0|r5|", "OK|");
	WANT(dom0, XS_GET_PERMS, "@releaseDomain|", "n0|r5|");
	WANT(dom0, XS_GET_PERMS, "@introduceDomain|", "n0|");
	WANT(dom0, XS_GET_PERMS, "@other|", "EINVAL");
	WANT(guest, XS_WATCH, "@releaseDomain|g|", "OK|");
	EVENT(guest, "@releaseDomain|g");
	WANT(dom0, XS_RELEASE, "6|", "OK|");
	EVENT(guest, "@releaseDomain|g");
	WANT(dom0, XS_UNWATCH, "@releaseDomain|r|", "OK|");
}

/* Events that nobody takes are folded, never lost altogether, and hold bounded memory. */
static void test_watch_overflow(void **state)
{
	uint64_t bytes = 0;
	char text[64];
	int got = 0;

	WANT(guest, XS_WATCH, "dir|t|", "OK|");
	EVENT(guest, "dir|t");
	WANT(dom0, XS_CONTROL, "quota|set|outstanding|10|5|", "OK|");
	guest->room = 0;
	for (int i = 0; i < 5; i++)
		WANT(dom0, XS_WRITE, "/local/domain/5/dir/same|x", "OK|");
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "/local/domain/5/dir/n%d|x", i % 250);
		WANT(dom0, XS_WRITE, text, "OK|");
		if (i == 250)
			bytes = h.live_bytes;
	}
	assert_non_null(strstr(h.log, "domain 5 exceeds its quota \"outstanding\""));
	/* Nothing more was kept for the second half. */
	assert_true(h.live_bytes <= bytes + 200);
	guest->room = PIPE_MAX;
	store_conn_kick(guest->conn);
	EVENT(guest, "dir/same|t");
	for (const char *text; *(text = event(&h, guest)); got++)
		if (!strcmp(text, "dir|t"))
			break;
	assert_true(got > 5 && got <= 11);
	EVENT(guest, "");
	/* It works on as before. */
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/z|x", "OK|");
	EVENT(guest, "dir/z|t");
	/* Unwatching drops what waits. */
	guest->room = 0;
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/y|x", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/x|x", "OK|");
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "/local/domain/5/dir/m%d|x", i);
		WANT(dom0, XS_WRITE, text, "OK|");
	}
	store_conn_reset(guest->conn);
	guest->room = PIPE_MAX;
	guest->out_len = 0;
	store_conn_kick(guest->conn);
	EVENT(guest, "");
}

/* Events are folded too when their domain has used up its memory. */
static void test_watch_memory(void **state)
{
	WANT(guest, XS_WATCH, "dir|t|", "OK|");
	EVENT(guest, "dir|t");
	WANT(dom0, XS_CONTROL, "quota|set|memory|1|5|", "OK|");
	guest->room = 0;
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/a|x", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/b|x", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/c|x", "OK|");
	assert_non_null(strstr(h.log, "domain 5 exceeds its quota \"memory\""));
	guest->room = PIPE_MAX;
	store_conn_kick(guest->conn);
	/* One had been on its way; the others are one. */
	EVENT(guest, "dir|t");
	EVENT(guest, "dir|t");
	EVENT(guest, "");
}

/* Dom0 too, later; and folding works for special watches and without memory. */
static void test_watch_overflow_dom0(void **state)
{
	char text[64];
	int got = 0;

	WANT(dom0, XS_WATCH, "/o|t|", "OK|");
	WANT(other, XS_WATCH, "/local/domain/5|t|", "OK|");
	WANT(dom0, XS_SET_PERMS, "/local/domain/5|n5|r6|", "OK|");
	while (*event(&h, dom0) || *event(&h, other))
		;
	WANT(dom0, XS_CONTROL, "quota|set|outstanding|2|", "OK|");
	dom0->room = 0;
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "/local/domain/5/x%d|x", i);
		pipe_put(guest, XS_WRITE, 0, text);
		harness_run(&h);
	}
	while (pipe_take(guest))
		;
	dom0->room = PIPE_MAX;
	store_conn_kick(dom0->conn);
	/* An event for which there is no memory is folded too. */
	h.allocations_left = 0;
	store_domain_shutdown(h.store, 5);
	pipe_put(dom0, XS_WRITE, 0, "/o|");
	harness_run(&h);
	h.allocations_left = UINT64_MAX;
	while (pipe_take(dom0))
		;
	while (*event(&h, other))
		got++;
	assert_true(got > 0);
	WANT(dom0, XS_WATCH, "@releaseDomain|r|1|", "OK|");
	while (*event(&h, dom0))
		;
	WANT(dom0, XS_RESUME, "5|", "OK|");
	h.allocations_left = 0;
	store_domain_shutdown(h.store, 5);
	h.allocations_left = UINT64_MAX;
	EVENT(dom0, "@releaseDomain|r");
	/* What is folded and then unwatched is gone. */
	WANT(dom0, XS_RESUME, "5|", "OK|");
	h.allocations_left = 0;
	store_domain_shutdown(h.store, 5);
	h.allocations_left = UINT64_MAX;
	pipe_put(dom0, XS_UNWATCH, 0, "@releaseDomain|r|");
	harness_run(&h);
}

static void test_transaction(void **state)
{
	uint32_t tx = begin(&h, dom0), second;

	IN(tx, dom0, XS_WRITE, "/t/a|1", "OK|");
	IN(tx, dom0, XS_READ, "/t/a|", "1");
	IN(tx, dom0, XS_DIRECTORY, "/t|", "a|");
	WANT(dom0, XS_READ, "/t|", "ENOENT");
	IN(tx, dom0, XS_TRANSACTION_START, "|", "EBUSY");
	IN(tx, guest, XS_READ, "/t|", "ENOENT");
	IN(tx, dom0, XS_TRANSACTION_END, "T|", "OK|");
	WANT(dom0, XS_READ, "/t/a|", "1");

	/* Carried over changes of others: created, written, removed, permissions. */
	WANT(dom0, XS_WRITE, "/t/b|1", "OK|");
	WANT(dom0, XS_WRITE, "/t/c/d|1", "OK|");
	tx = begin(&h, dom0);
	IN(tx, dom0, XS_WRITE, "/t/new/x|1", "OK|");
	IN(tx, dom0, XS_WRITE, "/t/b|2", "OK|");
	IN(tx, dom0, XS_RM, "/t/c|", "OK|");
	IN(tx, dom0, XS_SET_PERMS, "/t/a|n5|", "OK|");
	IN(tx, dom0, XS_WRITE, "/t/c|again", "OK|");
	IN(tx, dom0, XS_MKDIR, "/t/gone/y|", "OK|");
	IN(tx, dom0, XS_RM, "/t/gone|", "OK|");
	WANT(dom0, XS_WRITE, "/u|1", "OK|");
	WANT(dom0, XS_WRITE, "/t/z|1", "OK|");
	IN(tx, dom0, XS_TRANSACTION_END, "T|", "OK|");
	WANT(dom0, XS_DIRECTORY, "/t|", "a|b|c|new|z|");
	WANT(dom0, XS_READ, "/t/b|", "2");
	WANT(dom0, XS_READ, "/t/c|", "again");
	WANT(dom0, XS_DIRECTORY, "/t/c|", "");
	WANT(dom0, XS_GET_PERMS, "/t/a|", "n5|");

	/* Conflicts: a value read, existence, absence, a listing. */
	static const struct {
		uint32_t type;
		const char *mine, *answer;
		uint32_t change;
		const char *theirs;
		const char *end;
	} cases[] = {
		{ XS_READ, "/t/b|", "2", XS_WRITE, "/t/b|3", "EAGAIN" },
		{ XS_READ, "/t/b|", "3", XS_SET_PERMS, "/t/b|r0|", "EAGAIN" },
		{ XS_READ, "/t/b|", "3", XS_RM, "/t/b|", "EAGAIN" },
		{ XS_READ, "/t/b|", "ENOENT", XS_MKDIR, "/t/b|", "EAGAIN" },
		{ XS_DIRECTORY, "/t|", "a|b|c|new|z|", XS_MKDIR, "/t/more|", "EAGAIN" },
		{ XS_DIRECTORY, "/t|", "a|b|c|more|new|z|", XS_RM, "/t/more|", "EAGAIN" },
		{ XS_READ, "/t|", "", XS_MKDIR, "/t/more|", "OK|" },
		{ XS_READ, "/t|", "", XS_WRITE, "/t/b|0", "OK|" },
		{ XS_MKDIR, "/t/n/m|", "OK|", XS_RM, "/t|", "EAGAIN" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tx = begin(&h, dom0);
		IN(tx, dom0, cases[i].type, cases[i].mine, cases[i].answer);
		WANT(dom0, cases[i].change, cases[i].theirs, "OK|");
		IN(tx, dom0, XS_TRANSACTION_END, "T|", cases[i].end);
	}
	/* Dropped with its connection, or on request. */
	tx = begin(&h, guest);
	second = begin(&h, guest);
	IN(tx, guest, XS_WRITE, "x|1", "OK|");
	IN(second, guest, XS_WRITE, "x|1", "OK|");
	IN(tx, guest, XS_TRANSACTION_END, "F|", "OK|");
	WANT(guest, XS_READ, "x|", "ENOENT");
	WANT(guest, XS_RESET_WATCHES, "|", "OK|");
	IN(second, guest, XS_TRANSACTION_END, "T|", "ENOENT");
}

static void test_transaction_events(void **state)
{
	uint32_t tx;

	WANT(dom0, XS_WRITE, "/t/old/x|1", "OK|");
	WANT(dom0, XS_WATCH, "/t|w|", "OK|");
	WANT(other, XS_WATCH, "/t/old|o|", "OK|");
	event(&h, dom0);
	event(&h, other);
	WANT(dom0, XS_SET_PERMS, "/t/old|n0|r6|", "OK|");
	event(&h, dom0);
	event(&h, other);
	for (int merge = 0; merge < 2; merge++) {
		tx = begin(&h, dom0);
		IN(tx, dom0, XS_WRITE, "/t/a|1", "OK|");
		IN(tx, dom0, XS_SET_PERMS, "/t/old|n0|", "OK|");
		IN(tx, dom0, XS_SET_PERMS, "/t/old|b0|", "OK|");
		EVENT(dom0, "");
		if (merge)
			WANT(dom0, XS_WRITE, "/unrelated|1", "OK|");
		IN(tx, dom0, XS_TRANSACTION_END, "T|", "OK|");
		EVENT(dom0, "/t/a|w");
		EVENT(dom0, "/t/old|w");
		EVENT(dom0, "");
		/* Told to who could read it before. */
		EVENT(other, "/t/old|o");
		tx = begin(&h, dom0);
		IN(tx, dom0, XS_RM, "/t/a|", "OK|");
		IN(tx, dom0, XS_SET_PERMS, "/t/old|n0|r6|", "OK|");
		IN(tx, dom0, XS_TRANSACTION_END, "T|", "OK|");
		EVENT(dom0, "/t/a|w");
		EVENT(dom0, "/t/old|w");
		event(&h, other);
	}
}

/* Each quota binds a guest, leaves Dom0 alone, is named in the log, and can be set. */
static void test_quotas(void **state)
{
	static const struct {
		const char *name;
		uint32_t type;
		const char *fits, *exceeds, *error;
	} cases[] = {
		{ "node-size", XS_WRITE, "v|1234", "v|12345", "ENOSPC" },
		{ "node-permissions", XS_SET_PERMS, "p|n5|r1|r2|r3|", "p|n5|r1|r2|r3|r4|",
		  "ENOSPC" },
		{ "path-max", XS_MKDIR, "abcd|", "abcde|", "EINVAL" },
		{ "path-levels", XS_MKDIR, "a|", "a/b|", "EINVAL" },
		{ "nodes", XS_MKDIR, "d|", "e/f|", "ENOSPC" },
	};
	char text[100];

	WANT(guest, XS_MKDIR, "p|", "OK|");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "quota|set|%s|4|5|", cases[i].name);
		WANT(dom0, XS_CONTROL, text, "OK|");
		if (!strcmp(cases[i].name, "nodes")) {
			WANT(guest, XS_RM, "v|", "OK|");
			WANT(guest, XS_RM, "a|", "OK|");
			WANT(guest, XS_RM, "abcd|", "OK|");
			WANT(guest, XS_RM, "abcde|", "OK|");
		}
		WANT(guest, cases[i].type, cases[i].fits, "OK|");
		h.log[0] = '\0';
		WANT(guest, cases[i].type, cases[i].exceeds, cases[i].error);
		assert_non_null(strstr(h.log, cases[i].name));
		assert_non_null(strstr(h.log, "domain 5"));
		/* Only once. */
		h.log[0] = '\0';
		WANT(guest, cases[i].type, cases[i].exceeds, cases[i].error);
		assert_string_equal(h.log, "");
		/* For this domain only. */
		WANT(dom0, XS_MKDIR, "/local/domain/5/by-dom0-with-a-long-name|", "OK|");
		WANT(dom0, XS_RM, "/local/domain/5/by-dom0-with-a-long-name|", "OK|");
		snprintf(text, sizeof(text), "quota|set|%s|1000|5|", cases[i].name);
		WANT(dom0, XS_CONTROL, text, "OK|");
		WANT(guest, cases[i].type, cases[i].exceeds, "OK|");
	}
#define LOGGED(name) assert_non_null(strstr(h.log, "domain 5 exceeds its quota \"" name "\""))
	WANT(dom0, XS_CONTROL, "quota|set|watches|1|5|", "OK|");
	WANT(guest, XS_WATCH, "a|1|", "OK|");
	assert_null(strstr(ASK(dom0, XS_CONTROL, "quota|5|"), "watches set (was exceeded)"));
	WANT(guest, XS_WATCH, "a|2|", "E2BIG");
	LOGGED("watches");
	assert_non_null(strstr(ASK(dom0, XS_CONTROL, "quota|5|"), "watches set (was exceeded)"));
	WANT(dom0, XS_CONTROL, "quota|set|transactions|1|5|", "OK|");
	assert_int_not_equal(begin(&h, guest), 0);
	WANT(guest, XS_TRANSACTION_START, "|", "ENOSPC");
	LOGGED("transactions");
	WANT(guest, XS_RESET_WATCHES, "|", "OK|");
	WANT(dom0, XS_CONTROL, "quota|set|transaction-nodes|3|5|", "OK|");
	{
		uint32_t tx = begin(&h, guest);

		IN(tx, guest, XS_READ, "d|", "");
		IN(tx, guest, XS_READ, "p|", "");
		IN(tx, guest, XS_READ, "d|", "");
		IN(tx, guest, XS_READ, "x1|", "ENOENT");
		IN(tx, guest, XS_READ, "x2|", "ENOSPC");
		LOGGED("transaction-nodes");
		IN(tx, guest, XS_MKDIR, "x3/x4|", "ENOSPC");
		IN(tx, guest, XS_TRANSACTION_END, "T|", "OK|");
	}
	WANT(dom0, XS_CONTROL, "quota|set|memory|1|5|", "OK|");
	WANT(guest, XS_WRITE, "d|more", "ENOSPC");
	LOGGED("memory");
	WANT(guest, XS_MKDIR, "dd|", "ENOSPC");
	WANT(guest, XS_WATCH, "d|d|", "ENOSPC");
	WANT(guest, XS_TRANSACTION_START, "|", "ENOSPC");
	WANT(guest, XS_SET_PERMS, "d|n5|r1|", "ENOSPC");
	WANT(guest, XS_RM, "d|", "OK|");
}

/* Quotas hold over transactions too: each alone fits, both together don't. */
static void test_quota_transactions(void **state)
{
	uint32_t first, second;
	char text[32];

	WANT(dom0, XS_CONTROL, "quota|set|nodes|20|5|", "OK|");
	first = begin(&h, guest);
	second = begin(&h, guest);
	for (int i = 0; i < 15; i++) {
		snprintf(text, sizeof(text), "a%d|", i);
		IN(first, guest, XS_MKDIR, text, "OK|");
		snprintf(text, sizeof(text), "b%d|", i);
		IN(second, guest, XS_MKDIR, text, "OK|");
	}
	for (int i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "c%d|", i);
		ask(&h, guest, XS_MKDIR, first, text);
	}
	IN(first, guest, XS_MKDIR, "one-more|", "ENOSPC");
	IN(first, guest, XS_TRANSACTION_END, "T|", "OK|");
	IN(second, guest, XS_TRANSACTION_END, "T|", "ENOSPC");
	WANT(guest, XS_READ, "b1|", "ENOENT");
	WANT(guest, XS_READ, "a1|", "");
}

static void test_control(void **state)
{
	struct store_stats stats;
	enum quota quota;

	assert_non_null(strstr(ASK(dom0, XS_CONTROL, "help|"), "quota"));
	assert_non_null(strstr(ASK(dom0, XS_CONTROL, "quota|"), "nodes             :     1000"));
	assert_non_null(strstr(ASK(dom0, XS_CONTROL, "quota|5|"), "Domain 5:"));
	WANT(dom0, XS_CONTROL, "quota|999|", "ENOENT");
	WANT(dom0, XS_CONTROL, "quota|x|", "EINVAL");
	WANT(dom0, XS_CONTROL, "quota|5|6|", "EINVAL");
	WANT(dom0, XS_CONTROL, "quota|set|", "EINVAL");
	WANT(dom0, XS_CONTROL, "quota|set|nonsense|1|", "EINVAL");
	WANT(dom0, XS_CONTROL, "quota|set|nodes|x|", "EINVAL");
	WANT(dom0, XS_CONTROL, "quota|set|nodes|1|x|", "EINVAL");
	WANT(dom0, XS_CONTROL, "quota|set|nodes|1|5000|", "ENOENT");
	WANT(dom0, XS_CONTROL, "quota|set|nodes|77|", "OK|");
	assert_int_equal(store_get_quota(h.store, QUOTA_NODES), 77);
	assert_int_equal(store_quota_by_name("nonsense", &quota), -ENOENT);
	WANT(dom0, XS_CONTROL, "check|", "OK|");
	WANT(dom0, XS_CONTROL, "print|hello|", "OK|");
	assert_string_equal(h.log, "hello");
	WANT(dom0, XS_CONTROL, "print|", "EINVAL");
	WANT(dom0, XS_CONTROL, "log|on|", "OK|");
	WANT(dom0, XS_READ, "/tool|", "");
	assert_non_null(strstr(h.log, "READ /tool"));
	WANT(dom0, XS_CONTROL, "log|off|", "OK|");
	WANT(dom0, XS_CONTROL, "log|maybe|", "EINVAL");
	assert_non_null(strstr(ASK(dom0, XS_CONTROL, "memreport|"), "connections: 3"));
	WANT(dom0, XS_CONTROL, "host|a|b|", "3|");
	WANT(dom0, XS_CONTROL, "nonsense|", "EINVAL");
	WANT(dom0, XS_CONTROL, "", "EINVAL");
	/* An answer that comes later: this one waits, others do not. */
	store_control_answer(h.store, "nobody waits");
	pipe_put(dom0, XS_CONTROL, 0, "later|");
	pipe_put(dom0, XS_GET_DOMAIN_PATH, 0, "7|");
	harness_run(&h);
	assert_false(pipe_take(dom0));
	WANT(guest, XS_GET_DOMAIN_PATH, "5|", "/local/domain/5|");
	store_control_answer(h.store, "at last");
	assert_true(pipe_take(dom0));
	assert_int_equal(dom0->header.type, XS_CONTROL);
	assert_string_equal(dom0->payload, "at last");
	harness_run(&h);
	assert_true(pipe_take(dom0));
	assert_string_equal(dom0->payload, "/local/domain/7");
	store_get_stats(h.store, &stats);
	assert_int_equal(stats.connections, 3);
	assert_int_equal(stats.bytes, h.live_bytes);
}

static void test_domains(void **state)
{
	WANT(dom0, XS_IS_DOMAIN_INTRODUCED, "5|", "T|");
	WANT(dom0, XS_IS_DOMAIN_INTRODUCED, "0|", "T|");
	WANT(guest, XS_IS_DOMAIN_INTRODUCED, "32752|", "T|");
	WANT(dom0, XS_IS_DOMAIN_INTRODUCED, "9|", "F|");
	WANT(dom0, XS_INTRODUCE, "9|1|", "EINVAL");
	WANT(dom0, XS_INTRODUCE, "9|1|0|", "EINVAL");
	WANT(dom0, XS_INTRODUCE, "0|1|1|", "EINVAL");
	WANT(dom0, XS_INTRODUCE, "9|1|99999999999|", "EINVAL");
	WANT(dom0, XS_INTRODUCE, "9|1|1|extra|", "OK|");
	WANT(dom0, XS_INTRODUCE, "9|1|1|extra|more|", "EINVAL");
	WANT(dom0, XS_RELEASE, "0|", "EINVAL");
	WANT(dom0, XS_RELEASE, "77|", "ENOENT");
	WANT(dom0, XS_RESUME, "77|", "ENOENT");
	assert_non_null(store_domain_conn(h.store, 9));
	assert_null(store_domain_conn(h.store, 88));
	/* A second ring for one domain. */
	assert_null(harness_connect(&h, 9, CONN_DOMAIN));
	/* Introduced again: watches and transactions are gone. */
	WANT(guest, XS_WATCH, "x|t|", "OK|");
	event(&h, guest);
	WANT(dom0, XS_INTRODUCE, "5|1|1|", "OK|");
	WANT(guest, XS_UNWATCH, "x|t|", "ENOENT");
	WANT(dom0, XS_RELEASE, "9|", "OK|");
	assert_null(store_domain_conn(h.store, 9));
}

/* What a domain owned goes when it is gone, in pieces, while others are served. */
static void test_gone(void **state)
{
	struct pipe_conn *client = harness_connect(&h, 5, 0);
	unsigned int turns = 0;
	char text[64];

	for (int i = 0; i < 900; i++) {
		snprintf(text, sizeof(text), "d/n%d|", i);
		WANT(guest, XS_MKDIR, text, "OK|");
	}
	WANT(dom0, XS_WRITE, "/local/domain/5/d/dom0|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/local/domain/5/d/dom0|n0|", "OK|");
	WANT(dom0, XS_WRITE, "/keep|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/keep|n0|r5|", "OK|");
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "/other/n%d|", i);
		WANT(dom0, XS_MKDIR, text, "OK|");
	}
	WANT(dom0, XS_WRITE, "/zz/five|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/zz/five|n5|", "OK|");
	WANT(dom0, XS_WATCH, "/zz/five|w|", "OK|");
	event(&h, dom0);
	store_domain_gone(h.store, 5);
	assert_false(guest->open);
	assert_false(client->open);
	store_domain_gone(h.store, 5);
	store_domain_gone(h.store, 0);
	store_domain_gone(h.store, 999);
	while (store_run(h.store))
		turns++;
	assert_true(turns >= 2);
	WANT(dom0, XS_READ, "/local/domain/5|", "ENOENT");
	WANT(dom0, XS_READ, "/zz|", "");
	WANT(dom0, XS_READ, "/zz/five|", "ENOENT");
	EVENT(dom0, "");
	WANT(dom0, XS_GET_PERMS, "/keep|", "n0|");
	/* The next domain of the same number starts from nothing. */
	guest = harness_connect(&h, 5, CONN_DOMAIN);
	WANT(guest, XS_READ, "/keep|", "EACCES");
	assert_non_null(strstr(ASK(dom0, XS_CONTROL, "quota|5|"), "nodes             :        0"));
}

static void test_gone_event(void **state)
{
	WANT(dom0, XS_WRITE, "/zz/five|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/zz/five|n5|", "OK|");
	WANT(dom0, XS_WATCH, "/zz|w|", "OK|");
	event(&h, dom0);
	store_domain_gone(h.store, 5);
	EVENT(dom0, "/zz/five|w");
}

static void test_keep_orphans(void **state)
{
	store_set_keep_orphans(h.store, true);
	WANT(guest, XS_WRITE, "x|1", "OK|");
	store_domain_gone(h.store, 5);
	while (store_run(h.store))
		;
	WANT(dom0, XS_READ, "/local/domain/5/x|", "1");
	WANT(dom0, XS_GET_PERMS, "/local/domain/5/x|", "n0|");
}

static void count_domain(void *arg, uint32_t domid, bool introduced)
{
	(void)domid;
	*(int *)arg += introduced;
}

static void test_for_each(void **state)
{
	int count = 0;

	store_for_each_domain(h.store, count_domain, &count);
	assert_int_equal(count, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_data),
		TEST(test_malformed),
		TEST(test_rights),
		TEST(test_target),
		TEST(test_read_only),
		TEST(test_directory_part),
		TEST(test_watch),
		TEST(test_watch_depth),
		TEST(test_watch_removed),
		TEST(test_special_watches),
		TEST(test_watch_memory),
		TEST(test_watch_overflow),
		TEST(test_watch_overflow_dom0),
		TEST(test_transaction),
		TEST(test_transaction_events),
		TEST(test_quotas),
		TEST(test_quota_transactions),
		TEST(test_control),
		TEST(test_domains),
		TEST(test_gone),
		TEST(test_gone_event),
		TEST(test_keep_orphans),
		TEST(test_for_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
