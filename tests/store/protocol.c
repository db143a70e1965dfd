/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's protocol, as clients and guests see it, checked from outside (REQ toolstack/2). Runs
 * against our daemon and against a stock one, both on fake_xen.c:
 *
 *   store-protocol SOCKET [--stock]
 *
 * Where the two differ on purpose both behaviours are named, with the reason; docs/store.md has
 * the list. With --stock the stock behaviour is what is expected.
 */
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raw_client.h"

static const char *socket_path;
static bool stock, verbose;
static struct raw_client *dom0;
static unsigned int checks, failures;
static const char *current;

static void report(int line, const char *what, const char *got, const char *wanted)
{
	checks++;
	fflush(stdout);
	if (!strcmp(got, wanted))
		return;
	failures++;
	printf("FAILED %s, line %d: %s: got \"%.100s\", wanted \"%.100s\"\n", current, line, what,
	       got, wanted);
}

#define EXPECT(expression, wanted) report(__LINE__, #expression, expression, wanted)
/* Ours differs from the stock daemon, because of `why`. */
#define EXPECT_OURS(expression, ours, theirs, why) \
	report(__LINE__, #expression, expression, stock ? (theirs) : (ours))

static const char *truth(bool value)
{
	return value ? "yes" : "no";
}

/* Requests of Dom0, outside transactions. */
static const char *ask(uint32_t type, const char *text)
{
	return raw_ask(dom0, type, 0, text);
}

static void test_read_write(void)
{
	EXPECT(ask(XS_WRITE, "/t/a|hello"), "OK|");
	EXPECT(ask(XS_READ, "/t/a|"), "hello");
	EXPECT(ask(XS_READ, "/t|"), "");
	EXPECT(ask(XS_WRITE, "/t/a|"), "OK|");
	EXPECT(ask(XS_READ, "/t/a|"), "");
	EXPECT(ask(XS_WRITE, "/t/a|with|nul|s"), "OK|");
	EXPECT(ask(XS_READ, "/t/a|"), "with|nul|s");
	EXPECT(ask(XS_READ, "/t/none|"), "ENOENT");
	EXPECT(ask(XS_MKDIR, "/t/x/y/z|"), "OK|");
	EXPECT(ask(XS_MKDIR, "/t/x/y/z|"), "OK|");
	EXPECT(ask(XS_DIRECTORY, "/t/x|"), "y|");
	EXPECT(ask(XS_DIRECTORY, "/t/x/y/z|"), "");
	EXPECT(ask(XS_DIRECTORY, "/t/none|"), "ENOENT");
	EXPECT(ask(XS_RM, "/t/x|"), "OK|");
	EXPECT(ask(XS_READ, "/t/x/y|"), "ENOENT");
	EXPECT(ask(XS_RM, "/t/x|"), "OK|");
	EXPECT(ask(XS_RM, "/t/none/below|"), "ENOENT");
	EXPECT(ask(XS_RM, "/|"), "EINVAL");
	EXPECT(ask(XS_RM, "/t|"), "OK|");
}

static void test_malformed(void)
{
	static const char *const bad[] = { "|",	    "/t/|",  "//t|",	   "/t//u|", "/t u|",
					   "/t.u|", "/t:u|", "/\xc3\xa4|", "/t",     "" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(ask(XS_READ, bad[i]), "EINVAL");
	EXPECT(ask(XS_READ, "/t|/u|"), "EINVAL");
	EXPECT(ask(XS_WRITE, "/t"), "EINVAL");
	EXPECT(ask(XS_WATCH, "/t|"), "EINVAL");
	EXPECT(ask(XS_TRANSACTION_END, "X|"), "EINVAL");
	EXPECT(ask(XS_SET_PERMS, "/tool|"), "EINVAL");
	EXPECT(ask(XS_SET_PERMS, "/tool|x0|"), "EINVAL");
	EXPECT(ask(XS_WATCH_EVENT, "/t|"), "ENOSYS");
	EXPECT(ask(XS_ERROR, "/t|"), "ENOSYS");
	EXPECT(ask(20, "/t|"), "ENOSYS");
	EXPECT(ask(500, "/t|"), "ENOSYS");
	EXPECT(raw_ask(dom0, XS_READ, 4711, "/tool|"), "ENOENT");
}

static void test_long_paths(void)
{
	char path[4000];

	memset(path, 'a', sizeof(path));
	memcpy(path, "/t/", 3);
	strcpy(path + XENSTORE_ABS_PATH_MAX, "|");
	EXPECT_OURS(ask(XS_MKDIR, path), "OK|", "EINVAL",
		    "4.17 applies the guests' limit of 2048 to Dom0 as well");
	EXPECT_OURS(ask(XS_READ, path), "", "EINVAL", "as above");
	memcpy(path + XENSTORE_ABS_PATH_MAX, "a|", 3);
	EXPECT(ask(XS_MKDIR, path), "EINVAL");
	strcpy(path + 2047, "|");
	EXPECT(ask(XS_MKDIR, path), "OK|");
	EXPECT(ask(XS_RM, "/t|"), "OK|");
}

static void test_too_long(void)
{
	struct raw_client *client = raw_open_socket(socket_path);
	struct xsd_sockmsg header = { XS_READ, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };

	raw_send_bytes(client, &header, sizeof(header));
	EXPECT(truth(raw_closed(client, RAW_PATIENCE_MS)), "yes");
	raw_close(client);
}

static void test_pieces(void)
{
	struct raw_client *client = raw_open_socket(socket_path);
	struct xsd_sockmsg header = { XS_WRITE, 9, 0, 8 };
	char bytes[sizeof(header) + 8];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), "/t/p\0xyz", 8);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		raw_send_bytes(client, bytes + i, 1);
		/* 4.17 serves nobody between a header and its payload. */
		if (!stock)
			EXPECT(ask(XS_READ, "/tool|"), "");
	}
	EXPECT(truth(raw_receive(client, RAW_PATIENCE_MS)), "yes");
	EXPECT(truth(client->header.req_id == 9), "yes");
	EXPECT(ask(XS_READ, "/t/p|"), "xyz");
	/* Two requests in one piece get two answers. */
	header = (struct xsd_sockmsg) { XS_READ, 10, 0, 5 };
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), "/t/p", 5);
	raw_send_bytes(client, bytes, sizeof(header) + 5);
	raw_send_bytes(client, bytes, sizeof(header) + 5);
	EXPECT(truth(raw_receive(client, RAW_PATIENCE_MS) && raw_receive(client, RAW_PATIENCE_MS)),
	       "yes");
	EXPECT(client->payload, "xyz");
	raw_close(client);
	ask(XS_RM, "/t|");
}

static void test_directory_part(void)
{
	char path[64], text[80];
	const char *answer;
	size_t names = 0, offset = 0, last = 0;

	for (int i = 0; i < 800; i++) {
		snprintf(path, sizeof(path), "/t/node-%03d|", i);
		EXPECT(ask(XS_MKDIR, path), "OK|");
	}
	EXPECT(ask(XS_DIRECTORY, "/t|"), "E2BIG");
	for (int rounds = 0; rounds < 10 && !last; rounds++) {
		snprintf(text, sizeof(text), "/t|%zu|", offset);
		answer = ask(XS_DIRECTORY_PART, text);
		answer = strchr(answer, '|');
		while (answer && answer[1] && answer[1] != '|') {
			names++;
			offset += 9;
			answer = strchr(answer + 1, '|');
		}
		last = answer && answer[1] == '|';
	}
	EXPECT(truth(names == 800), "yes");
	EXPECT(truth(last), "yes");
	EXPECT(ask(XS_DIRECTORY_PART, "/t|"), "EINVAL");
	EXPECT(ask(XS_RM, "/t|"), "OK|");
}

static void test_permissions(struct raw_client *domain, struct raw_client *other)
{
	EXPECT(ask(XS_WRITE, "/t/secret|s"), "OK|");
	EXPECT(raw_ask(domain, XS_READ, 0, "/t/secret|"), "EACCES");
	EXPECT(raw_ask(domain, XS_READ, 0, "/t/nothing|"), "EACCES");
	EXPECT(raw_ask(domain, XS_WRITE, 0, "/t/new|x"), "EACCES");
	EXPECT(raw_ask(domain, XS_RM, 0, "/t/secret|"), "EACCES");
	EXPECT(raw_ask(domain, XS_DIRECTORY, 0, "/t|"), "EACCES");
	EXPECT(ask(XS_SET_PERMS, "/t/secret|n0|r5|"), "OK|");
	EXPECT(ask(XS_GET_PERMS, "/t/secret|"), "n0|r5|");
	EXPECT(raw_ask(domain, XS_READ, 0, "/t/secret|"), "s");
	EXPECT(raw_ask(domain, XS_GET_PERMS, 0, "/t/secret|"), "n0|r5|");
	EXPECT(raw_ask(domain, XS_WRITE, 0, "/t/secret|x"), "EACCES");
	EXPECT(raw_ask(other, XS_READ, 0, "/t/secret|"), "EACCES");
	EXPECT(ask(XS_SET_PERMS, "/t/secret|r0|b5|"), "OK|");
	EXPECT(raw_ask(domain, XS_WRITE, 0, "/t/secret|y"), "OK|");
	EXPECT(raw_ask(other, XS_READ, 0, "/t/secret|"), "y");
	EXPECT(raw_ask(other, XS_WRITE, 0, "/t/secret|z"), "EACCES");
	EXPECT(raw_ask(domain, XS_SET_PERMS, 0, "/t/secret|b5|"), "EACCES");
	EXPECT(ask(XS_SET_PERMS, "/t/secret|w0|"), "OK|");
	EXPECT(raw_ask(other, XS_READ, 0, "/t/secret|"), "EACCES");
	EXPECT(raw_ask(other, XS_WRITE, 0, "/t/secret|w"), "OK|");
	EXPECT(ask(XS_RM, "/t|"), "OK|");
}

static void test_ownership(struct raw_client *domain, struct raw_client *other)
{
	EXPECT(ask(XS_MKDIR, "/local/domain/5|"), "OK|");
	EXPECT(ask(XS_SET_PERMS, "/local/domain/5|n5|r6|"), "OK|");
	/* What a guest creates is its own; further entries are inherited. */
	EXPECT(raw_ask(domain, XS_WRITE, 0, "data/x|1"), "OK|");
	EXPECT(ask(XS_READ, "/local/domain/5/data/x|"), "1");
	EXPECT(ask(XS_GET_PERMS, "/local/domain/5/data/x|"), "n5|r6|");
	EXPECT(raw_ask(other, XS_READ, 0, "/local/domain/5/data/x|"), "1");
	EXPECT(raw_ask(other, XS_WRITE, 0, "/local/domain/5/data/x|2"), "EACCES");
	EXPECT(raw_ask(domain, XS_SET_PERMS, 0, "data/x|b5|n6|"), "OK|");
	EXPECT(raw_ask(other, XS_READ, 0, "/local/domain/5/data/x|"), "EACCES");
	/* It can't be given away, nor made to look like somebody else's. */
	EXPECT(raw_ask(domain, XS_SET_PERMS, 0, "data/x|b6|"), "EPERM");
	EXPECT(raw_ask(domain, XS_RM, 0, "data|"), "OK|");
	EXPECT(raw_ask(domain, XS_READ, 0, "data|"), "ENOENT");
	EXPECT(ask(XS_SET_PERMS, "/local/domain/5|n5|"), "OK|");
	EXPECT(ask(XS_SET_PERMS, "/local/domain/5|n12345|"), "ENOENT");
	EXPECT(ask(XS_SET_PERMS, "/local/domain/5|n5|"), "OK|");
}

static void test_watches(struct raw_client *domain)
{
	struct raw_client *client = raw_open_socket(socket_path);

	EXPECT(raw_ask(client, XS_WATCH, 0, "/t|token|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t|token");
	EXPECT(raw_ask(client, XS_WATCH, 0, "/t|token|"), "EEXIST");
	EXPECT(ask(XS_WRITE, "/t/a/b|x"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t/a/b|token");
	EXPECT(ask(XS_MKDIR, "/t/a/b|"), "OK|");
	EXPECT(raw_event(client, 100), "");
	EXPECT(ask(XS_SET_PERMS, "/t/a/b|r0|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t/a/b|token");
	EXPECT(ask(XS_WRITE, "/tt|x"), "OK|");
	EXPECT(raw_event(client, 100), "");
	EXPECT(ask(XS_RM, "/t/a|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t/a|token");
	EXPECT(raw_event(client, 100), "");
	EXPECT(raw_ask(client, XS_UNWATCH, 0, "/t|other|"), "ENOENT");
	EXPECT(raw_ask(client, XS_UNWATCH, 0, "/t|token|"), "OK|");
	EXPECT(ask(XS_WRITE, "/t/a|x"), "OK|");
	EXPECT(raw_event(client, 100), "");
	/* A watch below what is removed is told of its own path. */
	EXPECT(ask(XS_WRITE, "/t/a/b/c|x"), "OK|");
	EXPECT(raw_ask(client, XS_WATCH, 0, "/t/a/b|deep|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t/a/b|deep");
	EXPECT(ask(XS_RM, "/t|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t/a/b|deep");
	EXPECT(raw_event(client, 100), "");
	raw_close(client);
	ask(XS_RM, "/tt|");
	/* Relative watches get relative events; what can't be read is not told. */
	EXPECT(raw_ask(domain, XS_WATCH, 0, "dir|rel|"), "OK|");
	EXPECT(raw_event(domain, RAW_PATIENCE_MS), "dir|rel");
	EXPECT(ask(XS_WRITE, "/local/domain/5/dir/x|1"), "OK|");
	EXPECT(raw_event(domain, RAW_PATIENCE_MS), "dir/x|rel");
	EXPECT(raw_ask(domain, XS_WATCH, 0, "/|root|"), "OK|");
	EXPECT(raw_event(domain, RAW_PATIENCE_MS), "/|root");
	EXPECT(ask(XS_WRITE, "/private|1"), "OK|");
	EXPECT(raw_event(domain, 100), "");
	EXPECT(ask(XS_RM, "/private|"), "OK|");
	EXPECT(raw_event(domain, 100), "");
	EXPECT(raw_ask(domain, XS_RESET_WATCHES, 0, "|"), "OK|");
	EXPECT(ask(XS_WRITE, "/local/domain/5/dir/x|2"), "OK|");
	EXPECT(raw_event(domain, 100), "");
	EXPECT(ask(XS_RM, "/local/domain/5/dir|"), "OK|");
}

static void test_watch_depth(void)
{
	struct raw_client *client = raw_open_socket(socket_path);

	if (stock)
		return; /* the depth is a later addition to the protocol, which 4.17 refuses */
	EXPECT(raw_ask(client, XS_WATCH, 0, "/t|d|1|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t|d");
	EXPECT(ask(XS_WRITE, "/t/a|x"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t/a|d");
	EXPECT(ask(XS_WRITE, "/t/a/b|x"), "OK|");
	EXPECT_OURS(raw_event(client, 100), "", "/t/a/b|d", "4.17 has no depth");
	EXPECT_OURS(raw_ask(client, XS_WATCH, 0, "/t|e|x|"), "EINVAL", "OK|", "4.17 has no depth");
	raw_close(client);
	ask(XS_RM, "/t|");
}

static void test_special_watches(struct raw_client *domain)
{
	struct raw_client *client = raw_open_socket(socket_path), *guest;

	EXPECT(raw_ask(client, XS_WATCH, 0, "@introduceDomain|in|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "@introduceDomain|in");
	EXPECT(raw_ask(client, XS_WATCH, 0, "@releaseDomain|out|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "@releaseDomain|out");
	EXPECT(raw_ask(client, XS_WATCH, 0, "@nonsense|x|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "@nonsense|x");
	/* A guest may set one, but is told nothing. */
	EXPECT(raw_ask(domain, XS_WATCH, 0, "@releaseDomain|x|"), "OK|");
	EXPECT(raw_event(domain, RAW_PATIENCE_MS), "@releaseDomain|x");
	guest = raw_open_domain(dom0, 40);
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "@introduceDomain|in");
	EXPECT(ask(XS_IS_DOMAIN_INTRODUCED, "40|"), "T|");
	/* Its shutdown is told once, until it is resumed. */
	raw_domain_state(dom0, 40, 's');
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "@releaseDomain|out");
	EXPECT(raw_event(domain, 100), "");
	raw_domain_state(dom0, 40, 's');
	EXPECT(raw_event(client, 100), "");
	EXPECT(ask(XS_RESUME, "40|"), "OK|");
	raw_domain_state(dom0, 40, 's');
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "@releaseDomain|out");
	EXPECT(ask(XS_RELEASE, "40|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "@releaseDomain|out");
	EXPECT(ask(XS_IS_DOMAIN_INTRODUCED, "40|"), "F|");
	EXPECT(ask(XS_RELEASE, "40|"), "ENOENT");
	raw_close(guest);
	/* A guest may be allowed to see them. */
	EXPECT(ask(XS_SET_PERMS, "@releaseDomain|n0|r5|"), "OK|");
	raw_domain_state(dom0, 40, 0);
	guest = raw_open_domain(dom0, 41);
	EXPECT(ask(XS_RELEASE, "41|"), "OK|");
	EXPECT(raw_event(domain, RAW_PATIENCE_MS), "@releaseDomain|x");
	raw_domain_state(dom0, 41, 0);
	raw_close(guest);
	EXPECT(raw_ask(domain, XS_UNWATCH, 0, "@releaseDomain|x|"), "OK|");
	/* 4.17 ends here: consider_message: Assertion `conn->in == NULL' failed. */
	if (!stock)
		EXPECT(raw_ask(domain, XS_SET_PERMS, 0, "@releaseDomain|n5|"), "EACCES");
	EXPECT_OURS(ask(XS_GET_PERMS, "@releaseDomain|"), "n0|r5|", "EINVAL",
		    "what can be set should be visible");
	EXPECT(ask(XS_SET_PERMS, "@releaseDomain|n0|"), "OK|");
	raw_close(client);
}

static void test_transactions(void)
{
	uint32_t tx, second;

	EXPECT(ask(XS_WRITE, "/t/a|1"), "OK|");
	tx = raw_begin(dom0);
	EXPECT(truth(tx), "yes");
	EXPECT(raw_ask(dom0, XS_WRITE, tx, "/t/a|2"), "OK|");
	EXPECT(raw_ask(dom0, XS_WRITE, tx, "/t/new/node|n"), "OK|");
	EXPECT(raw_ask(dom0, XS_READ, tx, "/t/a|"), "2");
	EXPECT(ask(XS_READ, "/t/a|"), "1");
	EXPECT(ask(XS_READ, "/t/new|"), "ENOENT");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_START, tx, "|"), "EBUSY");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
	EXPECT(ask(XS_READ, "/t/a|"), "2");
	EXPECT(ask(XS_READ, "/t/new/node|"), "n");
	EXPECT(raw_ask(dom0, XS_READ, tx, "/t/a|"), "ENOENT");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "T|"), "ENOENT");
	/* Dropped. */
	tx = raw_begin(dom0);
	EXPECT(raw_ask(dom0, XS_RM, tx, "/t|"), "OK|");
	EXPECT(raw_ask(dom0, XS_READ, tx, "/t/a|"), "ENOENT");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "F|"), "OK|");
	EXPECT(ask(XS_READ, "/t/a|"), "2");
	/* A conflict on what was read, and on what was written. */
	tx = raw_begin(dom0);
	second = raw_begin(dom0);
	EXPECT(raw_ask(dom0, XS_READ, tx, "/t/a|"), "2");
	EXPECT(raw_ask(dom0, XS_WRITE, tx, "/t/b|x"), "OK|");
	EXPECT(raw_ask(dom0, XS_WRITE, second, "/t/a|3"), "OK|");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, second, "T|"), "OK|");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "T|"), "EAGAIN");
	EXPECT(ask(XS_READ, "/t/b|"), "ENOENT");
	/* None between things that have nothing to do with each other. */
	EXPECT(ask(XS_WRITE, "/u/a|1"), "OK|");
	tx = raw_begin(dom0);
	EXPECT(raw_ask(dom0, XS_WRITE, tx, "/t/a|4"), "OK|");
	EXPECT(ask(XS_WRITE, "/u/a|2"), "OK|");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
	EXPECT(ask(XS_READ, "/t/a|"), "4");
	EXPECT(ask(XS_READ, "/u/a|"), "2");
	/* Of two that add to one folder, 4.17 lets one fail. */
	tx = raw_begin(dom0);
	second = raw_begin(dom0);
	EXPECT(raw_ask(dom0, XS_WRITE, tx, "/t/one|1"), "OK|");
	EXPECT(raw_ask(dom0, XS_WRITE, second, "/t/two|2"), "OK|");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
	EXPECT_OURS(raw_ask(dom0, XS_TRANSACTION_END, second, "T|"), "OK|", "EAGAIN",
		    "a folder is not changed by what is added to it, unless it was listed");
	ask(XS_RM, "/u|");
	ask(XS_RM, "/t|");
}

static void test_transaction_events(void)
{
	struct raw_client *client = raw_open_socket(socket_path);
	uint32_t tx;

	EXPECT(raw_ask(client, XS_WATCH, 0, "/t|w|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t|w");
	tx = raw_begin(dom0);
	EXPECT(raw_ask(dom0, XS_WRITE, tx, "/t/a|1"), "OK|");
	EXPECT(raw_event(client, 100), "");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "F|"), "OK|");
	EXPECT(raw_event(client, 100), "");
	EXPECT(ask(XS_MKDIR, "/t|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t|w");
	tx = raw_begin(dom0);
	EXPECT(raw_ask(dom0, XS_WRITE, tx, "/t/a|1"), "OK|");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t/a|w");
	tx = raw_begin(dom0);
	EXPECT(raw_ask(dom0, XS_RM, tx, "/t/a|"), "OK|");
	EXPECT(raw_ask(dom0, XS_TRANSACTION_END, tx, "T|"), "OK|");
	EXPECT(raw_event(client, RAW_PATIENCE_MS), "/t/a|w");
	EXPECT(raw_event(client, 100), "");
	raw_close(client);
	ask(XS_RM, "/t|");
}

static void test_domains(struct raw_client *domain)
{
	EXPECT(ask(XS_GET_DOMAIN_PATH, "5|"), "/local/domain/5|");
	EXPECT(ask(XS_IS_DOMAIN_INTRODUCED, "5|"), "T|");
	EXPECT(ask(XS_IS_DOMAIN_INTRODUCED, "77|"), "F|");
	EXPECT(ask(XS_INTRODUCE, "5|1|"), "EINVAL");
	EXPECT(ask(XS_INTRODUCE, "5|1|0|"), "EINVAL");
	EXPECT(ask(XS_RELEASE, "0|"), "EINVAL");
	EXPECT(ask(XS_RELEASE, "77|"), "ENOENT");
	EXPECT(ask(XS_RESUME, "77|"), "ENOENT");
	EXPECT(raw_ask(domain, XS_INTRODUCE, 0, "7|1|1|"), "EACCES");
	EXPECT(raw_ask(domain, XS_RELEASE, 0, "6|"), "EACCES");
	EXPECT(raw_ask(domain, XS_RESUME, 0, "6|"), "EACCES");
	EXPECT(raw_ask(domain, XS_SET_TARGET, 0, "5|6|"), "EACCES");
	EXPECT(raw_ask(domain, XS_CONTROL, 0, "check|"), "EACCES");
	EXPECT(raw_ask(domain, XS_GET_DOMAIN_PATH, 0, "6|"), "/local/domain/6|");
	/* Introduced again: the same ring, a new event channel; its watches are gone. */
	EXPECT(raw_ask(domain, XS_WATCH, 0, "x|t|"), "OK|");
	EXPECT(raw_event(domain, RAW_PATIENCE_MS), "x|t");
	EXPECT(ask(XS_INTRODUCE, "5|1|1|"), "OK|");
	EXPECT(raw_ask(domain, XS_UNWATCH, 0, "x|t|"), "ENOENT");
}

static void test_target(struct raw_client *domain, struct raw_client *other)
{
	EXPECT(raw_ask(other, XS_WRITE, 0, "/local/domain/5/x|1"), "EACCES");
	EXPECT(ask(XS_SET_TARGET, "6|77|"), "ENOENT");
	EXPECT(ask(XS_SET_TARGET, "6|5|"), "OK|");
	EXPECT(raw_ask(other, XS_WRITE, 0, "/local/domain/5/x|1"), "OK|");
	EXPECT(raw_ask(domain, XS_READ, 0, "x|"), "EACCES");
	EXPECT(raw_ask(other, XS_RM, 0, "/local/domain/5/x|"), "OK|");
	(void)domain;
}

static void test_quotas(struct raw_client *domain)
{
	char text[4096], big[2200];
	const char *answer = "OK|";
	int made = 0;

	/* 4.17 allows one more of each than its limits say. */

	while (!strcmp(answer, "OK|") && made < 2000) {
		snprintf(text, sizeof(text), "q/n%d|", made);
		answer = raw_ask(domain, XS_MKDIR, 0, text);
		made += !strcmp(answer, "OK|");
	}
	EXPECT(answer, "ENOSPC");
	/* 4.17 counts the names of the children into a folder's size. */
	EXPECT(truth(stock ? made > 400 : made > 900 && made <= 1000), "yes");
	EXPECT(raw_ask(domain, XS_RM, 0, "q|"), "OK|");
	EXPECT(raw_ask(domain, XS_MKDIR, 0, "q|"), "OK|");
	memset(big, 'v', sizeof(big));
	memcpy(big, "q/big|", 6);
	big[2100] = '\0';
	EXPECT(raw_ask(domain, XS_WRITE, 0, big), "ENOSPC");
	big[1800] = '\0';
	EXPECT(raw_ask(domain, XS_WRITE, 0, big), "OK|");
	EXPECT(raw_ask(domain, XS_SET_PERMS, 0, "q|n5|r1|r2|r3|r4|r6|"), "ENOSPC");
	for (made = 0, answer = "OK|"; !strcmp(answer, "OK|") && made < 300;) {
		snprintf(text, sizeof(text), "q|token%d|", made);
		answer = raw_ask(domain, XS_WATCH, 0, text);
		made += !strcmp(answer, "OK|");
	}
	EXPECT(answer, "E2BIG");
	EXPECT(truth(made == 128 + stock), "yes");
	for (made = 0; made < 30 && raw_begin(domain); made++)
		;
	EXPECT(truth(made == 10 + stock), "yes");
	EXPECT(raw_ask(domain, XS_RESET_WATCHES, 0, "|"), "OK|");
	/* A guest's long names; its own folder's path does not count. */
	memset(text, 'p', sizeof(text));
	strcpy(text + 2047, "|");
	EXPECT_OURS(raw_ask(domain, XS_MKDIR, 0, text), "OK|", "ENOSPC",
		    "4.17 counts a node's name into its size");
	memcpy(text + 2047, "pp|", 4);
	EXPECT(raw_ask(domain, XS_MKDIR, 0, text), "EINVAL");
	text[2047] = '|';
	text[2048] = '\0';
	raw_ask(domain, XS_RM, 0, text);
	for (made = 0; made < 70; made++)
		memcpy(text + 2 * made, "l/", 2);
	strcpy(text + 139, "|");
	EXPECT_OURS(raw_ask(domain, XS_MKDIR, 0, text), "EINVAL", "OK|",
		    "a guest's paths have a limit of components, which bounds the work they make");
	raw_ask(domain, XS_RM, 0, "l|");
	raw_ask(domain, XS_RM, 0, "q|");
}

static void test_life(void)
{
	struct raw_client *guest = raw_open_domain(dom0, 50);

	EXPECT(ask(XS_MKDIR, "/local/domain/50|"), "OK|");
	EXPECT(ask(XS_SET_PERMS, "/local/domain/50|n50|"), "OK|");
	EXPECT(ask(XS_WRITE, "/t/shared|s"), "OK|");
	EXPECT(ask(XS_SET_PERMS, "/t/shared|n0|b50|"), "OK|");
	EXPECT(raw_ask(guest, XS_WRITE, 0, "mine|1"), "OK|");
	EXPECT(raw_ask(guest, XS_READ, 0, "/t/shared|"), "s");
	raw_domain_state(dom0, 50, 0);
	raw_close(guest);
	for (int i = 0; i < 3000 && !strcmp(ask(XS_IS_DOMAIN_INTRODUCED, "50|"), "T|"); i++)
		raw_event(dom0, 20);
	/* What it owned goes with it. */
	for (int i = 0; i < 3000 && strcmp(ask(XS_READ, "/local/domain/50|"), "ENOENT"); i++)
		raw_event(dom0, 20);
	EXPECT(ask(XS_READ, "/local/domain/50|"), "ENOENT");
	/* A later domain of the same number has no share in what the first one was given. */
	guest = raw_open_domain(dom0, 50);
	EXPECT(raw_ask(guest, XS_READ, 0, "/t/shared|"), "EACCES");
	EXPECT_OURS(ask(XS_GET_PERMS, "/t/shared|"), "n0|", "n0|b50|",
		    "what is void is not shown as if it were valid");
	raw_domain_state(dom0, 50, 0);
	raw_close(guest);
	EXPECT(ask(XS_RM, "/t|"), "OK|");
}

static void test_ring(struct raw_client *domain)
{
	char text[1100], value[1000];
	struct raw_client *guest;

	/* Round and round the ring, with messages that don't divide its size. */
	for (int i = 0; i < 50; i++) {
		memset(value, 'a' + i % 26, sizeof(value));
		value[900 + i % 80] = '\0';
		snprintf(text, sizeof(text), "ring|%s", value);
		EXPECT(raw_ask(domain, XS_WRITE, 0, text), "OK|");
		EXPECT(raw_ask(domain, XS_READ, 0, "ring|"), value);
	}
	EXPECT(raw_ask(domain, XS_RM, 0, "ring|"), "OK|");
	/* Indices that make no sense end the service for this domain, nobody else's. */
	guest = raw_open_domain(dom0, 60);
	EXPECT(raw_ask(guest, XS_GET_DOMAIN_PATH, 0, "60|"), "/local/domain/60|");
	guest->ring->req_prod = guest->ring->req_cons + 5000;
	raw_send_bytes(guest, "x", 0);
	{
		uint32_t port = 100 + 60;

		(void)!write(guest->events, &port, sizeof(port));
	}
	for (int i = 0; i < 6000 && !guest->ring->error; i++)
		raw_event(dom0, 10);
	EXPECT(truth(guest->ring->error == XENSTORE_ERROR_RINGIDX), "yes");
	EXPECT(ask(XS_READ, "/tool|"), "");
	raw_domain_state(dom0, 60, 0);
	raw_close(guest);
}

static void test_stalled(struct raw_client *domain)
{
	struct raw_client *guest = raw_open_domain(dom0, 61);
	struct xsd_sockmsg header = { XS_DIRECTORY, 1, 0, 2 };
	char bytes[sizeof(header) + 2];

	/* A guest that asks and never reads is not served on; others are. */
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), "/", 2);
	for (int i = 0; i < 2000; i++)
		raw_send_some(guest, bytes, sizeof(bytes));
	EXPECT(ask(XS_READ, "/tool|"), "");
	EXPECT(raw_ask(domain, XS_GET_DOMAIN_PATH, 0, "6|"), "/local/domain/6|");
	raw_domain_state(dom0, 61, 0);
	raw_close(guest);
}

static void test_dom0_ring(void)
{
	/* Dom0's kernel is a client on a ring as well, with Dom0's rights. */
	EXPECT(ask(XS_IS_DOMAIN_INTRODUCED, "0|"), "T|");
}

static void test_read_only(void)
{
	struct raw_client *client;
	char path[200];

	if (stock)
		return; /* 4.17 has no such socket any more */
	snprintf(path, sizeof(path), "%s_ro", socket_path);
	client = raw_open_socket(path);
	EXPECT(raw_ask(client, XS_READ, 0, "/tool|"), "");
	EXPECT(raw_ask(client, XS_WRITE, 0, "/tool|x"), "EROFS");
	EXPECT(raw_ask(client, XS_RM, 0, "/tool|"), "EROFS");
	EXPECT(raw_ask(client, XS_CONTROL, 0, "check|"), "EROFS");
	EXPECT(raw_ask(client, XS_INTRODUCE, 0, "9|1|1|"), "EROFS");
	raw_close(client);
}

int main(int argc, char **argv)
{
	struct raw_client *domain, *other;

	if (argc < 2) {
		fprintf(stderr, "store-protocol SOCKET [--stock]\n");
		return 2;
	}
	socket_path = argv[1];
	stock = argc > 2 && !strcmp(argv[2], "--stock");
	verbose = getenv("VERBOSE");
	dom0 = raw_open_socket(socket_path);
	domain = raw_open_domain(dom0, 5);
	other = raw_open_domain(dom0, 6);
#define RUN(test, ...) (current = #test, verbose ? puts(current) : 0, test(__VA_ARGS__))
	RUN(test_read_write);
	RUN(test_malformed);
	RUN(test_long_paths);
	RUN(test_too_long);
	RUN(test_pieces);
	RUN(test_directory_part);
	RUN(test_permissions, domain, other);
	RUN(test_ownership, domain, other);
	RUN(test_watches, domain);
	RUN(test_watch_depth);
	RUN(test_special_watches, domain);
	RUN(test_transactions);
	RUN(test_transaction_events);
	RUN(test_domains, domain);
	RUN(test_quotas, domain);
	RUN(test_life);
	RUN(test_ring, domain);
	RUN(test_stalled, other);
	RUN(test_dom0_ring);
	RUN(test_read_only);
	RUN(test_target, domain, other);
	current = "end";
	if (!stock)
		EXPECT(ask(XS_CONTROL, "check|"), "OK|");
	fflush(stdout);
	printf("%u checks, %u failed\n", checks, failures);
	return failures ? 1 : 0;
}
