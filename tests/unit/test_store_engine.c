/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's engine through its protocol: rights, watches, transactions, quotas, fair service,
 * bounded memory (REQ toolstack: store). What clients see of a whole daemon is checked by
 * tests/store/protocol.c.
 */
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

static struct harness h;
static struct pipe_conn *dom0, *guest, *other;

static int setup(void **state)
{
	(void)state;
	harness_start(&h);
	dom0 = harness_connect(&h, 0, 0);
	guest = harness_connect(&h, 5, CONN_DOMAIN);
	other = harness_connect(&h, 6, CONN_DOMAIN);
	ask(&h, dom0, XS_INTRODUCE, 0, "5|1|1|");
	ask(&h, dom0, XS_INTRODUCE, 0, "6|1|1|");
	ask(&h, dom0, XS_MKDIR, 0, "/local/domain/5|");
	ask(&h, dom0, XS_SET_PERMS, 0, "/local/domain/5|n5|");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(store_check(h.store), 0);
	assert_int_equal(harness_stop(&h), 0);
	return 0;
}

#define ASK(who, type, text)	      ask(&h, who, type, 0, text)
#define WANT(who, type, text, answer) assert_string_equal(ASK(who, type, text), answer)

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
	assert_string_equal(ask(&h, dom0, XS_READ, 99, "/|"), "ENOENT");
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
	assert_string_equal(event(&h, dom0), "/w|t");
	WANT(dom0, XS_WATCH, "/w|t|", "EEXIST");
	WANT(dom0, XS_WATCH, "/w|u|", "OK|");
	assert_string_equal(event(&h, dom0), "/w|u");
	WANT(other, XS_WATCH, "/w|t|", "OK|");
	assert_string_equal(event(&h, other), "/w|t");
	WANT(dom0, XS_WRITE, "/w/a/b|1", "OK|");
	assert_string_equal(event(&h, dom0), "/w/a/b|u");
	assert_string_equal(event(&h, dom0), "/w/a/b|t");
	assert_string_equal(event(&h, dom0), "");
	/* It may not read that. */
	assert_string_equal(event(&h, other), "");
	WANT(dom0, XS_UNWATCH, "/w|u|", "OK|");
	/* Rights given and taken are told to who had or gets them. */
	WANT(dom0, XS_SET_PERMS, "/w/a|n0|r6|", "OK|");
	assert_string_equal(event(&h, other), "/w/a|t");
	WANT(dom0, XS_WRITE, "/w/a|x", "OK|");
	assert_string_equal(event(&h, other), "/w/a|t");
	WANT(dom0, XS_SET_PERMS, "/w/a|n0|", "OK|");
	assert_string_equal(event(&h, other), "/w/a|t");
	WANT(dom0, XS_WRITE, "/w/a|y", "OK|");
	assert_string_equal(event(&h, other), "");
	WANT(dom0, XS_RESET_WATCHES, "|", "OK|");
	WANT(dom0, XS_WRITE, "/w/a|z", "OK|");
	assert_string_equal(event(&h, dom0), "");
	/* The root. */
	WANT(dom0, XS_WATCH, "/|root|", "OK|");
	assert_string_equal(event(&h, dom0), "/|root");
	WANT(dom0, XS_SET_PERMS, "/|n0|", "OK|");
	assert_string_equal(event(&h, dom0), "/|root");
	WANT(dom0, XS_WRITE, "/x|z", "OK|");
	assert_string_equal(event(&h, dom0), "/x|root");
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
	assert_string_equal(event(&h, dom0), "/w|all");
	assert_string_equal(event(&h, dom0), "/w|one");
	assert_string_equal(event(&h, dom0), "/w|zero");
	WANT(dom0, XS_MKDIR, "/w/a|", "OK|");
	assert_string_equal(event(&h, dom0), "/w/a|all");
	assert_string_equal(event(&h, dom0), "/w/a|one");
	WANT(dom0, XS_MKDIR, "/w/a/b|", "OK|");
	assert_string_equal(event(&h, dom0), "/w/a/b|all");
	assert_string_equal(event(&h, dom0), "");
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
	assert_string_equal(event(&h, dom0), "/w|w");
	assert_string_equal(event(&h, dom0), "/w/a/b|b");
	assert_string_equal(event(&h, dom0), "/w/c|c");
	assert_string_equal(event(&h, dom0), "");
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
	assert_string_equal(event(&h, dom0), "@introduceDomain|i");
	store_domain_shutdown(h.store, 7);
	store_domain_shutdown(h.store, 7);
	store_domain_shutdown(h.store, 77);
	assert_string_equal(event(&h, dom0), "@releaseDomain/7|seven");
	assert_string_equal(event(&h, dom0), "@releaseDomain/7|which");
	assert_string_equal(event(&h, dom0), "@releaseDomain|r");
	assert_string_equal(event(&h, dom0), "");
	WANT(dom0, XS_RESUME, "7|", "OK|");
	store_domain_shutdown(h.store, 7);
	for (int i = 0; i < 3; i++)
		assert_string_not_equal(event(&h, dom0), "");
	store_domain_dying(h.store, 7);
	for (int i = 0; i < 3; i++)
		assert_string_not_equal(event(&h, dom0), "");
	store_domain_dying(h.store, 7);
	assert_string_equal(event(&h, dom0), "");
	assert_string_equal(event(&h, guest), "");
	WANT(dom0, XS_SET_PERMS, "@other|n0|", "EINVAL");
	WANT(dom0, XS_SET_PERMS, "@releaseDomain|", "EINVAL");
	WANT(guest, XS_SET_PERMS, "@releaseDomain|n5|", "EACCES");
	WANT(dom0, XS_SET_PERMS, "@releaseDomain|n0|r5|", "OK|");
	WANT(dom0, XS_GET_PERMS, "@releaseDomain|", "n0|r5|");
	WANT(dom0, XS_GET_PERMS, "@introduceDomain|", "n0|");
	WANT(dom0, XS_GET_PERMS, "@other|", "EINVAL");
	WANT(guest, XS_WATCH, "@releaseDomain|g|", "OK|");
	assert_string_equal(event(&h, guest), "@releaseDomain|g");
	WANT(dom0, XS_RELEASE, "6|", "OK|");
	assert_string_equal(event(&h, guest), "@releaseDomain|g");
	WANT(dom0, XS_UNWATCH, "@releaseDomain|r|", "OK|");
}

/* Events that nobody takes are folded, never lost altogether, and hold bounded memory. */
static void test_watch_overflow(void **state)
{
	uint64_t bytes = 0;
	char text[64];
	int got = 0;

	WANT(guest, XS_WATCH, "dir|t|", "OK|");
	assert_string_equal(event(&h, guest), "dir|t");
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
	assert_string_equal(event(&h, guest), "dir/same|t");
	for (const char *text; *(text = event(&h, guest)); got++)
		if (!strcmp(text, "dir|t"))
			break;
	assert_true(got > 5 && got <= 11);
	assert_string_equal(event(&h, guest), "");
	/* It works on as before. */
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/z|x", "OK|");
	assert_string_equal(event(&h, guest), "dir/z|t");
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
	assert_string_equal(event(&h, guest), "");
}

/* Events are folded too when their domain has used up its memory. */
static void test_watch_memory(void **state)
{
	WANT(guest, XS_WATCH, "dir|t|", "OK|");
	assert_string_equal(event(&h, guest), "dir|t");
	WANT(dom0, XS_CONTROL, "quota|set|memory|1|5|", "OK|");
	guest->room = 0;
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/a|x", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/b|x", "OK|");
	WANT(dom0, XS_WRITE, "/local/domain/5/dir/c|x", "OK|");
	assert_non_null(strstr(h.log, "domain 5 exceeds its quota \"memory\""));
	guest->room = PIPE_MAX;
	store_conn_kick(guest->conn);
	/* One had been on its way; the others are one. */
	assert_string_equal(event(&h, guest), "dir|t");
	assert_string_equal(event(&h, guest), "dir|t");
	assert_string_equal(event(&h, guest), "");
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
	assert_string_equal(event(&h, dom0), "@releaseDomain|r");
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

	assert_string_equal(ask(&h, dom0, XS_WRITE, tx, "/t/a|1"), "OK|");
	assert_string_equal(ask(&h, dom0, XS_READ, tx, "/t/a|"), "1");
	assert_string_equal(ask(&h, dom0, XS_DIRECTORY, tx, "/t|"), "a|");
	WANT(dom0, XS_READ, "/t|", "ENOENT");
	assert_string_equal(ask(&h, dom0, XS_TRANSACTION_START, tx, "|"), "EBUSY");
	assert_string_equal(ask(&h, guest, XS_READ, tx, "/t|"), "ENOENT");
	assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
	WANT(dom0, XS_READ, "/t/a|", "1");

	/* Carried over changes of others: created, written, removed, permissions. */
	WANT(dom0, XS_WRITE, "/t/b|1", "OK|");
	WANT(dom0, XS_WRITE, "/t/c/d|1", "OK|");
	tx = begin(&h, dom0);
	assert_string_equal(ask(&h, dom0, XS_WRITE, tx, "/t/new/x|1"), "OK|");
	assert_string_equal(ask(&h, dom0, XS_WRITE, tx, "/t/b|2"), "OK|");
	assert_string_equal(ask(&h, dom0, XS_RM, tx, "/t/c|"), "OK|");
	assert_string_equal(ask(&h, dom0, XS_SET_PERMS, tx, "/t/a|n5|"), "OK|");
	assert_string_equal(ask(&h, dom0, XS_WRITE, tx, "/t/c|again"), "OK|");
	assert_string_equal(ask(&h, dom0, XS_MKDIR, tx, "/t/gone/y|"), "OK|");
	assert_string_equal(ask(&h, dom0, XS_RM, tx, "/t/gone|"), "OK|");
	WANT(dom0, XS_WRITE, "/u|1", "OK|");
	WANT(dom0, XS_WRITE, "/t/z|1", "OK|");
	assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
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
		assert_string_equal(ask(&h, dom0, cases[i].type, tx, cases[i].mine),
				    cases[i].answer);
		WANT(dom0, cases[i].change, cases[i].theirs, "OK|");
		assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "T|"), cases[i].end);
	}
	/* Dropped with its connection, or on request. */
	tx = begin(&h, guest);
	second = begin(&h, guest);
	assert_string_equal(ask(&h, guest, XS_WRITE, tx, "x|1"), "OK|");
	assert_string_equal(ask(&h, guest, XS_WRITE, second, "x|1"), "OK|");
	assert_string_equal(ask(&h, guest, XS_TRANSACTION_END, tx, "F|"), "OK|");
	WANT(guest, XS_READ, "x|", "ENOENT");
	WANT(guest, XS_RESET_WATCHES, "|", "OK|");
	assert_string_equal(ask(&h, guest, XS_TRANSACTION_END, second, "T|"), "ENOENT");
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
		assert_string_equal(ask(&h, dom0, XS_WRITE, tx, "/t/a|1"), "OK|");
		assert_string_equal(ask(&h, dom0, XS_SET_PERMS, tx, "/t/old|n0|"), "OK|");
		assert_string_equal(ask(&h, dom0, XS_SET_PERMS, tx, "/t/old|b0|"), "OK|");
		assert_string_equal(event(&h, dom0), "");
		if (merge)
			WANT(dom0, XS_WRITE, "/unrelated|1", "OK|");
		assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
		assert_string_equal(event(&h, dom0), "/t/a|w");
		assert_string_equal(event(&h, dom0), "/t/old|w");
		assert_string_equal(event(&h, dom0), "");
		/* Told to who could read it before. */
		assert_string_equal(event(&h, other), "/t/old|o");
		tx = begin(&h, dom0);
		assert_string_equal(ask(&h, dom0, XS_RM, tx, "/t/a|"), "OK|");
		assert_string_equal(ask(&h, dom0, XS_SET_PERMS, tx, "/t/old|n0|r6|"), "OK|");
		assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
		assert_string_equal(event(&h, dom0), "/t/a|w");
		assert_string_equal(event(&h, dom0), "/t/old|w");
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

		assert_string_equal(ask(&h, guest, XS_READ, tx, "d|"), "");
		assert_string_equal(ask(&h, guest, XS_READ, tx, "p|"), "");
		assert_string_equal(ask(&h, guest, XS_READ, tx, "d|"), "");
		assert_string_equal(ask(&h, guest, XS_READ, tx, "x1|"), "ENOENT");
		assert_string_equal(ask(&h, guest, XS_READ, tx, "x2|"), "ENOSPC");
		LOGGED("transaction-nodes");
		assert_string_equal(ask(&h, guest, XS_MKDIR, tx, "x3/x4|"), "ENOSPC");
		assert_string_equal(ask(&h, guest, XS_TRANSACTION_END, tx, "T|"), "OK|");
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
		assert_string_equal(ask(&h, guest, XS_MKDIR, first, text), "OK|");
		snprintf(text, sizeof(text), "b%d|", i);
		assert_string_equal(ask(&h, guest, XS_MKDIR, second, text), "OK|");
	}
	for (int i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "c%d|", i);
		ask(&h, guest, XS_MKDIR, first, text);
	}
	assert_string_equal(ask(&h, guest, XS_MKDIR, first, "one-more|"), "ENOSPC");
	assert_string_equal(ask(&h, guest, XS_TRANSACTION_END, first, "T|"), "OK|");
	assert_string_equal(ask(&h, guest, XS_TRANSACTION_END, second, "T|"), "ENOSPC");
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
	assert_string_equal(event(&h, dom0), "");
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
	assert_string_equal(event(&h, dom0), "/zz/five|w");
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

/*
 * Under a flood from 8 guests another guest's request is served after at most one request of
 * each of them (REQ toolstack/3: the bound in time is this times the work of one request).
 */
static void test_fair(void **state)
{
	struct pipe_conn *flood[8];
	struct store_stats before, after;
	uint32_t turns = 0;

	for (uint32_t i = 0; i < 8; i++) {
		flood[i] = harness_connect(&h, 20 + i, CONN_DOMAIN);
		for (int j = 0; j < 500; j++)
			pipe_put(flood[i], XS_GET_DOMAIN_PATH, 0, "1|");
	}
	for (int i = 0; i < 100; i++)
		store_run(h.store);
	for (int round = 0; round < 20; round++) {
		store_get_stats(h.store, &before);
		pipe_put(guest, XS_GET_DOMAIN_PATH, 0, "1|");
		for (turns = 0; !pipe_take(guest); turns++) {
			assert_true(turns < 10);
			store_run(h.store);
		}
		store_get_stats(h.store, &after);
		assert_true(after.requests - before.requests <= 9);
	}
	/* All get the same share. */
	for (int i = 0; i < 800; i++)
		store_run(h.store);
	for (uint32_t i = 1; i < 8; i++) {
		size_t a = flood[0]->out_len, b = flood[i]->out_len;

		assert_true((a > b ? a - b : b - a) < 200);
	}
}

/*
 * Ends of long transactions that come at once do not add up for others: one of them at most is
 * served before another guest's request.
 */
static void test_dear(void **state)
{
	struct pipe_conn *flood[8];
	struct store_stats before, after;
	uint32_t tx[8];
	char text[64];

	WANT(dom0, XS_WRITE, "/shared|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/shared|b0|", "OK|");
	for (uint32_t i = 0; i < 8; i++) {
		flood[i] = harness_connect(&h, 20 + i, CONN_DOMAIN);
		tx[i] = begin(&h, flood[i]);
		for (int j = 0; j < 20; j++) {
			snprintf(text, sizeof(text), "/shared/%u-%d|x", i, j);
			assert_string_equal(ask(&h, flood[i], XS_WRITE, tx[i], text), "OK|");
		}
	}
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 8; i++)
			pipe_put(flood[i], XS_GET_DOMAIN_PATH, 0, "1|");
		for (int i = round; !round && i < 8; i++)
			pipe_put(flood[i], XS_TRANSACTION_END, tx[i], "T|");
		/* It comes at any point among them. */
		for (int i = 0; i < 3 * round; i++)
			store_run(h.store);
		store_get_stats(h.store, &before);
		pipe_put(guest, XS_GET_DOMAIN_PATH, 0, "1|");
		for (int turns = 0; !pipe_take(guest); turns++) {
			assert_true(turns < 20);
			store_run(h.store);
		}
		store_get_stats(h.store, &after);
		assert_true(before.transactions - after.transactions <= 1);
	}
	harness_run(&h);
	store_get_stats(h.store, &after);
	assert_int_equal(after.transactions, 0);
	WANT(dom0, XS_READ, "/shared/7-19|", "x");
}

/* One turn, in which 10 us pass, with guests that ask again as soon as they may. */
static void turn_with(struct pipe_conn **flood, size_t count, uint32_t type, const char *text)
{
	store_run(h.store);
	h.now += 10;
	for (size_t i = 0; i < count; i++) {
		while (pipe_take(flood[i]))
			;
		if (!flood[i]->in_len)
			pipe_put(flood[i], type, 0, text);
	}
}

static const char *ask_with(struct pipe_conn **flood, size_t count, uint32_t type,
			    const char *theirs, uint32_t mine, uint32_t tx, const char *text)
{
	pipe_put(dom0, mine, tx, text);
	for (int i = 0; i < 10000; i++) {
		if (pipe_take(dom0))
			return dom0->payload;
		turn_with(flood, count, type, theirs);
	}
	return "no answer";
}

/*
 * Guests that change what another one's transaction touches, as fast as they can, delay it, but
 * can't make it fail for ever: by value, permissions, coming and going, in a listed folder.
 */
static void test_fines(void **state)
{
	static const struct {
		uint32_t look, change;
		const char *path, *change_text;
	} cases[] = {
		{ XS_READ, XS_WRITE, "/shared/x|", "/shared/x|1" },
		{ XS_READ, XS_SET_PERMS, "/shared/x|", "/shared/x|b20|" },
		{ XS_DIRECTORY, XS_MKDIR, "/shared|", "/shared/y%d|" },
		{ XS_READ, XS_RM, "/shared/z|", "/shared/z|" },
	};
	struct pipe_conn *flood[8];
	unsigned int tries;
	const char *end;
	uint32_t tx;

	WANT(dom0, XS_WRITE, "/shared|1", "OK|");
	WANT(dom0, XS_SET_PERMS, "/shared|b0|", "OK|");
	for (uint32_t i = 0; i < 8; i++)
		flood[i] = harness_connect(&h, 20 + i, CONN_DOMAIN);
	assert_string_equal(ASK(flood[0], XS_WRITE, "/shared/x|1"), "OK|");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = cases[i].change == XS_SET_PERMS ? 1 : 8;
		char text[64];

		h.now += 1000000; /* nobody owes anything */
		for (tries = 0, end = ""; strcmp(end, "OK"); tries++) {
			assert_true(tries < 60);
			snprintf(text, sizeof(text), cases[i].change_text, tries);
#define BESIDE(type, tx, mine) ask_with(flood, count, cases[i].change, text, type, tx, mine)
			tx = (uint32_t)atoi(BESIDE(XS_TRANSACTION_START, 0, "|"));
			assert_int_not_equal(tx, 0);
			BESIDE(cases[i].look, tx, cases[i].path);
			BESIDE(XS_WRITE, tx, "/t/mine|1");
			BESIDE(XS_READ, tx, "/t/mine|");
			end = BESIDE(XS_TRANSACTION_END, tx, "T|");
		}
		print_message("request %u: %u tries\n", cases[i].change, tries);
	}
	/* They are served again: what each owes is bounded by time. */
	h.now += 1000000;
	harness_run(&h);
	assert_int_equal(store_wait(h.store), -1);
	while (pipe_take(flood[0]))
		;
	assert_string_equal(ASK(flood[0], XS_READ, "/shared/x|"), "1");
}

/* Nobody is fined for what the loser may not see, by itself, or Dom0. */
static void test_fines_not(void **state)
{
	uint32_t tx;

	WANT(guest, XS_WRITE, "x|1", "OK|");
	for (int i = 0; i < 40; i++) {
		tx = begin(&h, other);
		assert_string_equal(ask(&h, other, XS_READ, tx, "/local/domain/5/x|"), "EACCES");
		WANT(guest, XS_WRITE, "x|2", "OK|");
		assert_string_equal(ask(&h, other, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
		tx = begin(&h, guest);
		assert_string_equal(ask(&h, guest, XS_READ, tx, "x|"), "2");
		WANT(guest, XS_WRITE, "x|2", "OK|");
		assert_string_equal(ask(&h, guest, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
		tx = begin(&h, guest);
		assert_string_equal(ask(&h, guest, XS_READ, tx, "x|"), "2");
		WANT(dom0, XS_WRITE, "/local/domain/5/x|2", "OK|");
		assert_string_equal(ask(&h, guest, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
	}
	assert_int_equal(store_wait(h.store), -1);
	/* One change counts once, however many transactions it makes fail. */
	for (int i = 0; i < 40; i++) {
		tx = begin(&h, dom0);
		ask(&h, dom0, XS_READ, tx, "/local/domain/5/x|");
		if (!i)
			WANT(guest, XS_WRITE, "x|3", "OK|");
	}
	assert_int_equal(store_wait(h.store), -1);
	for (int i = 0; i < 3; i++) {
		tx = begin(&h, dom0);
		ask(&h, dom0, XS_READ, tx, "/local/domain/5/x|");
		WANT(guest, XS_WRITE, "x|3", "OK|");
		assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
	}
	/* That was one too many: it waits for a while, others do not, and goes on then. */
	pipe_put(guest, XS_READ, 0, "x|");
	harness_run(&h);
	assert_false(pipe_take(guest));
	WANT(other, XS_GET_DOMAIN_PATH, "6|", "/local/domain/6|");
	assert_true(store_wait(h.store) > 0 && store_wait(h.store) <= 16000);
	h.now += (uint64_t)store_wait(h.store);
	assert_int_equal(store_wait(h.store), 0);
	harness_run(&h);
	assert_true(pipe_take(guest));
	/* It may go while it waits. */
	tx = begin(&h, dom0);
	ask(&h, dom0, XS_READ, tx, "/local/domain/5/x|");
	WANT(guest, XS_WRITE, "x|3", "OK|");
	assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
	pipe_put(guest, XS_READ, 0, "x|");
	harness_run(&h);
	store_domain_gone(h.store, 5);
	harness_run(&h);
	assert_int_equal(store_wait(h.store), -1);
}

/* The events of a long transaction come in parts; what happens meanwhile does no harm. */
static void test_firing(void **state)
{
	struct pipe_conn *client;
	char text[64];
	uint32_t tx;

	WANT(dom0, XS_SET_PERMS, "/local/domain/5|n5|r6|", "OK|");
	for (int round = 0; round < 4; round++) {
		client = round == 2 ? harness_connect(&h, 5, 0) : guest;
		for (int i = 0; i < 100; i++) {
			snprintf(text, sizeof(text), "/local/domain/5/d|%d|", i);
			WANT(other, XS_WATCH, text, "OK|");
		}
		while (*event(&h, other))
			;
		tx = begin(&h, client);
		for (int i = 0; i < 9; i++) {
			snprintf(text, sizeof(text), "d/n%d|%d", i, round);
			assert_string_equal(ask(&h, client, XS_WRITE, tx, text), "OK|");
		}
		pipe_put(client, XS_TRANSACTION_END, tx, "T|");
		pipe_put(client, XS_READ, 0, "d/n8|");
		while (store_run(h.store) && !client->conn->firing)
			;
		assert_non_null(client->conn->firing);
		assert_false(pipe_take(client));
		/* All of it can be seen, nothing of it is changed any more by what follows. */
		snprintf(text, sizeof(text), "%d", round);
		pipe_put(dom0, XS_READ, 0, "/local/domain/5/d/n8|");
		for (int i = 0; !pipe_take(dom0); i++) {
			assert_true(i < 10);
			store_run(h.store);
		}
		assert_string_equal(dom0->payload, text);
		pipe_put(dom0, XS_RM, 0, "/local/domain/5/d|");
		if (round == 1)
			store_conn_reset(guest->conn);
		if (round == 2)
			store_disconnect(client->conn);
		harness_run(&h);
		if (round == 0 || round == 3) {
			assert_true(pipe_take(guest));
			assert_int_equal(guest->header.type, XS_TRANSACTION_END);
			assert_string_equal(guest->payload, "OK");
			assert_true(pipe_take(guest));
			assert_string_equal(guest->payload, "ENOENT");
		}
		for (int i = 0; i < 900; i++)
			assert_string_not_equal(event(&h, other), "");
		while (*event(&h, other))
			;
		while (pipe_take(dom0) || pipe_take(guest))
			;
		WANT(other, XS_RESET_WATCHES, "|", "OK|");
	}
}

/* Who does not read gets one answer, and is not served on until it is taken. */
static void test_stalled(void **state)
{
	struct store_stats before, after;
	uint64_t bytes;

	guest->room = 10;
	for (int i = 0; i < 100; i++)
		pipe_put(guest, XS_GET_DOMAIN_PATH, 0, "1|");
	store_get_stats(h.store, &before);
	bytes = h.live_bytes;
	for (int i = 0; i < 1000; i++) {
		store_conn_kick(guest->conn);
		store_run(h.store);
	}
	store_get_stats(h.store, &after);
	assert_int_equal(after.requests - before.requests, 1);
	assert_true(h.live_bytes - bytes < 3 * MESSAGE_MAX);
	WANT(other, XS_GET_DOMAIN_PATH, "6|", "/local/domain/6|");
	guest->room = PIPE_MAX;
	store_conn_kick(guest->conn);
	harness_run(&h);
	store_get_stats(h.store, &after);
	assert_int_equal(after.requests - before.requests, 101);
}

/* Messages in single bytes, and several in one piece. */
static void test_pieces(void **state)
{
	guest->chunk = 1;
	WANT(guest, XS_WRITE, "x|a value in pieces", "OK|");
	WANT(guest, XS_READ, "x|", "a value in pieces");
	guest->chunk = 7;
	WANT(guest, XS_READ, "x|", "a value in pieces");
	guest->chunk = 0;
	for (int i = 0; i < 200; i++)
		pipe_put(guest, XS_READ, 0, "x|");
	harness_run(&h);
	for (int i = 0; i < 200; i++)
		assert_true(pipe_take(guest));
	assert_false(pipe_take(guest));
}

static void test_broken(void **state)
{
	struct xsd_sockmsg header = { XS_READ, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };

	pipe_put_bytes(guest, &header, sizeof(header));
	harness_run(&h);
	assert_false(guest->open);
	assert_non_null(strstr(h.log, "closed"));
	header.len = UINT32_MAX;
	pipe_put_bytes(other, &header, sizeof(header));
	harness_run(&h);
	assert_false(other->open);
	WANT(dom0, XS_READ, "/tool|", "");
	/* Gone while being read from, written to, with an answer waiting. */
	for (int i = 0; i < 4; i++) {
		struct pipe_conn *client = harness_connect(&h, 0, 0);

		harness_run(&h);
		if (i == 1) {
			client->room = 3;
			pipe_put(client, XS_READ, 0, "/tool|");
			harness_run(&h);
		}
		if (i == 2) {
			WANT(client, XS_WATCH, "/x|t|", "OK|");
			client->room = 0;
			harness_run(&h);
			WANT(dom0, XS_WRITE, "/x|1", "OK|");
		}
		client->gone = true;
		store_conn_kick(client->conn);
		harness_run(&h);
		assert_false(client->open);
	}
	{
		struct pipe_conn *client = harness_connect(&h, 0, 0);

		store_disconnect(client->conn);
		assert_false(client->open);
	}
}

/* 100,000 nodes: what is asked takes the same work as with few (counted in allocations). */
static void test_many_nodes(void **state)
{
	uint64_t live;
	char text[64];
	uint32_t tx;

	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "/big/%d/%d|", i / 300, i % 300);
		pipe_put(dom0, XS_MKDIR, 0, text);
		if (i % 500 == 499) {
			harness_run(&h);
			while (pipe_take(dom0))
				;
		}
	}
	harness_run(&h);
	while (pipe_take(dom0))
		;
	WANT(dom0, XS_DIRECTORY, "/big/7/7|", "");
	live = h.live;
	tx = begin(&h, dom0);
	assert_true(h.live - live < 10);
	assert_string_equal(ask(&h, dom0, XS_WRITE, tx, "/big/100/100|x"), "OK|");
	assert_true(h.live - live < 100);
	assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
	assert_true(h.live - live < 10);
	WANT(dom0, XS_RM, "/big|", "OK|");
}

/* Old versions that transactions of guests hold are given up when they cost too much. */
static void test_retained(void **state)
{
	char text[3100];
	uint32_t tx = begin(&h, guest), end;

	memset(text, 'v', sizeof(text));
	text[3000] = '\0';
	assert_string_equal(ask(&h, guest, XS_MKDIR, tx, "mine|"), "OK|");
	for (int round = 0; round < 12; round++) {
		/* Each round a transaction keeps the version of now, with all its values. */
		end = begin(&h, other);
		assert_int_not_equal(end, 0);
		if (round == 9)
			ask(&h, other, XS_RESET_WATCHES, 0, "|");
		for (int i = 0; i < 1500; i++) {
			char name[40];

			snprintf(name, sizeof(name), "/r/%04d|", i);
			memcpy(text, name, strlen(name));
			WANT(dom0, XS_WRITE, text, "OK|");
			memset(text, 'v', 20);
		}
	}
	assert_true(h.live_bytes < 48u << 20);
	assert_string_equal(ask(&h, guest, XS_READ, tx, "mine|"), "ENOENT");
	assert_string_equal(ask(&h, guest, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
}

/* A request for which memory runs out, at whatever point, changes nothing or all. */
static void test_no_memory(void **state)
{
	static const struct {
		uint32_t type;
		const char *text;
	} requests[] = {
		{ XS_WRITE, "/m/a/b|value" },
		{ XS_WRITE, "/m/x|new value" },
		{ XS_MKDIR, "/m/c/d/e|" },
		{ XS_SET_PERMS, "/m/x|n0|r5|" },
		{ XS_WATCH, "/m/deep/er|token|" },
		{ XS_TRANSACTION_START, "|" },
		{ XS_RM, "/m/x|" },
	};
	uint32_t tx;

	WANT(dom0, XS_WATCH, "/|all|", "OK|");
	event(&h, dom0);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		for (uint64_t limit = 0;; limit++) {
			bool fine;

			WANT(dom0, XS_WRITE, "/m/x|old", "OK|");
			tx = begin(&h, dom0); /* so that versions are shared */
			while (*event(&h, dom0))
				;
			h.allocations_left = limit;
			fine = strcmp(ASK(dom0, requests[i].type, requests[i].text), "ENOMEM");
			h.allocations_left = UINT64_MAX;
			assert_int_equal(store_check(h.store), 0);
			assert_string_equal(ask(&h, dom0, XS_READ, tx, "/m/x|"), "old");
			assert_string_equal(ask(&h, dom0, XS_TRANSACTION_END, tx, "F|"), "OK|");
			if (fine)
				break;
			if (requests[i].type != XS_SET_PERMS)
				WANT(dom0, XS_READ, "/m/x|", "old");
			WANT(dom0, XS_READ, "/m/a|", i ? "" : "ENOENT");
		}
		while (*event(&h, dom0))
			;
	}
	/* The same inside a transaction, and at its end, with and without others' changes. */
	for (int others = 0; others < 2; others++) {
		for (uint64_t limit = 0; limit < 120; limit++) {
			const char *end;

			WANT(dom0, XS_WRITE, "/n/x|old", "OK|");
			tx = begin(&h, dom0);
			h.allocations_left = limit;
			ask(&h, dom0, XS_WRITE, tx, "/n/x|new");
			ask(&h, dom0, XS_WRITE, tx, "/n/y/z|new");
			ask(&h, dom0, XS_RM, tx, "/m|");
			h.allocations_left = UINT64_MAX;
			if (others)
				WANT(dom0, XS_WRITE, "/other|1", "OK|");
			h.allocations_left = limit;
			end = ask(&h, dom0, XS_TRANSACTION_END, tx, "T|");
			h.allocations_left = UINT64_MAX;
			assert_true(!strcmp(end, "OK|") || !strcmp(end, "ENOMEM") ||
				    !strcmp(end, "EAGAIN"));
			if (strcmp(end, "OK|"))
				WANT(dom0, XS_READ, "/n/x|", "old");
			assert_int_equal(store_check(h.store), 0);
			WANT(dom0, XS_RM, "/n|", "OK|");
			while (*event(&h, dom0))
				;
		}
	}
}

/* Connections and the store itself without memory. */
static void test_no_memory_start(void **state)
{
	struct harness small;

	for (uint64_t limit = 0;; limit++) {
		int err;

		harness_init(&small);
		small.allocations_left = limit;
		err = store_create(&small.host, &small.store);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(small.live, 0);
	}
	small.allocations_left = 0;
	assert_null(harness_connect(&small, 3, 0));
	small.allocations_left = 1;
	assert_null(harness_connect(&small, 3, 0));
	small.allocations_left = UINT64_MAX;
	assert_int_equal(harness_stop(&small), 0);
	/* An answer that can't be kept ends the connection, no other one. */
	guest->room = 0;
	harness_run(&h);
	pipe_put(guest, XS_GET_DOMAIN_PATH, 0, "1|");
	h.allocations_left = 0;
	for (int i = 0; i < 10; i++)
		store_run(h.store);
	h.allocations_left = UINT64_MAX;
	assert_false(guest->open);
	WANT(dom0, XS_READ, "/tool|", "");
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
		TEST(test_fair),
		TEST(test_dear),
		TEST(test_fines),
		TEST(test_fines_not),
		TEST(test_firing),
		TEST(test_stalled),
		TEST(test_pieces),
		TEST(test_broken),
		TEST(test_many_nodes),
		TEST(test_retained),
		TEST(test_no_memory),
		TEST(test_no_memory_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
