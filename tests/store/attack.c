/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile guests and hostile clients of the socket against a whole daemon (REQ toolstack: store).
 * After each attack, and during those that last, another guest and Dom0 are served as ever; at the
 * end the store is in order and has forgotten the attackers.
 *
 *   store-attack SOCKET
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_xen.h"
#include "raw_client.h"

#define VICTIM	 5
#define ATTACKER 300

static const char *socket_path, *current;
static struct raw_client *dom0, *victim;
static unsigned int checks, failures, next_attacker = ATTACKER;

static void report(int line, const char *what, const char *got, const char *wanted)
{
	checks++;
	if (!strcmp(got, wanted))
		return;
	failures++;
	printf("FAILED %s, line %d: %s: got \"%.100s\", wanted \"%.100s\"\n", current, line, what,
	       got, wanted);
}

#define EXPECT(expression, wanted) report(__LINE__, #expression, expression, wanted)
#define EXPECT_TRUE(expression)	   report(__LINE__, #expression, expression ? "yes" : "no", "yes")

/* Others are served. */
static void served(void)
{
	EXPECT(raw_ask(victim, XS_WRITE, 0, "mine|1"), "OK|");
	EXPECT(raw_ask(victim, XS_READ, 0, "mine|"), "1");
	EXPECT(raw_ask(dom0, XS_READ, 0, "/local/domain/5/mine|"), "1");
}

/* A guest with a folder of its own. */
static struct raw_client *attacker_open(void)
{
	unsigned int domid = next_attacker++;
	struct raw_client *guest = raw_open_domain(dom0, domid);
	char text[64];

	snprintf(text, sizeof(text), "/local/domain/%u|", domid);
	EXPECT(raw_ask(dom0, XS_MKDIR, 0, text), "OK|");
	snprintf(text, sizeof(text), "/local/domain/%u|n%u|", domid, domid);
	EXPECT(raw_ask(dom0, XS_SET_PERMS, 0, text), "OK|");
	return guest;
}

static void attacker_close(struct raw_client *guest)
{
	raw_domain_state(dom0, guest->domid, 0);
	raw_close(guest);
	served();
}

static void notify(struct raw_client *guest)
{
	uint32_t port = FAKE_PORT_BASE + guest->domid;

	EXPECT_TRUE((send(guest->events, &port, sizeof(port), 0) == sizeof(port)));
}

/* Ring indices that lie, in each way, before and while answers are under way. */
static void test_indices(void)
{
	static const struct {
		uint32_t req_cons, req_prod, rsp_cons, rsp_prod;
		bool fine; /* strange, but possible */
	} lies[] = {
		{ 0, 1025, 0, 0, false },
		{ 0, UINT32_MAX, 0, 0, false },
		{ 5, 4, 0, 0, false },
		{ 0, 0x80000000, 0, 0, false },
		{ 0, 20, 0, 1025, false },
		{ 0, 20, 1, 0, false },
		{ 0, 20, 0x80000000, 0, false },
		{ UINT32_MAX - 5, 14, 0, 0, true },
		{ 0, 20, UINT32_MAX, UINT32_MAX, true },
		{ 0, 1024, 0, 1024, true },
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct raw_client *guest = attacker_open();
		struct xenstore_domain_interface *ring = guest->ring;

		for (size_t j = 0; j < XENSTORE_RING_SIZE; j++)
			ring->req[j] = "\x0a\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0"
				       "1"[j % 17];
		ring->rsp_cons = lies[i].rsp_cons;
		ring->rsp_prod = lies[i].rsp_prod;
		ring->req_cons = lies[i].req_cons;
		ring->req_prod = lies[i].req_prod;
		notify(guest);
		for (int tries = 0; tries < 6000 && !ring->error && !lies[i].fine; tries++)
			raw_event(dom0, 10);
		EXPECT_TRUE((!!ring->error != lies[i].fine));
		attacker_close(guest);
	}
}

/* The indices change all the time while the store serves the ring. */
static void test_indices_race(void)
{
	struct raw_client *guest = attacker_open();

	for (uint32_t i = 0; i < 3000; i++) {
		guest->ring->req_prod += i * 2654435761u >> 20;
		guest->ring->rsp_cons += i % 7;
		if (i % 16 == 0)
			notify(guest);
		if (i % 500 == 0)
			served();
		/* With the error the connection is gone: begin anew. */
		if (guest->ring->error) {
			attacker_close(guest);
			guest = attacker_open();
		}
	}
	attacker_close(guest);
}

/* Messages that never end, or claim to be enormous. */
static void test_lengths(void)
{
	static const uint32_t lengths[] = { XENSTORE_PAYLOAD_MAX + 1, 65536, 0x7fffffff, 0xfffffff0,
					    UINT32_MAX };
	struct xsd_sockmsg header = { XS_WRITE, 1, 0, 0 };
	struct raw_client *guest;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		guest = attacker_open();
		header.len = lengths[i];
		raw_send_bytes(guest, &header, sizeof(header));
		served();
		raw_send_some(guest, "x", 1);
		attacker_close(guest);
	}
	for (size_t part = 1; part <= sizeof(header); part++) {
		guest = attacker_open();
		header.len = 100;
		raw_send_bytes(guest, &header, part);
		served();
		attacker_close(guest);
	}
}

/* All watches that there may be, for everything, and events that nobody takes. */
static void test_watch_storm(void)
{
	struct raw_client *guest = attacker_open();
	char text[100];
	struct xsd_sockmsg header = { XS_WRITE, 1, 0, 10 };

	for (int i = 0; i < 128; i++) {
		snprintf(text, sizeof(text), "%s|%d|", i % 2 ? "/" : "x", i);
		EXPECT(raw_ask(guest, XS_WATCH, 0, text), "OK|");
	}
	EXPECT(raw_ask(guest, XS_WATCH, 0, "x|more|"), "E2BIG");
	for (int i = 0; i < 3000; i++) {
		char bytes[sizeof(header) + 10];

		memcpy(bytes, &header, sizeof(header));
		snprintf(bytes + sizeof(header), 10, "x/n%d", i % 1000);
		bytes[sizeof(header) + 9] = 'v';
		raw_send_some(guest, bytes, sizeof(bytes));
		if (i % 300 == 0)
			served();
	}
	attacker_close(guest);
}

/* What is others' stays others'. */
static void test_permissions(void)
{
	static const struct {
		uint32_t type;
		const char *text;
	} tries[] = {
		{ XS_READ, "/local/domain/5/mine|" },
		{ XS_WRITE, "/local/domain/5/mine|x" },
		{ XS_WRITE, "/local/domain/5/mine/below|x" },
		{ XS_MKDIR, "/local/domain/5/new|" },
		{ XS_MKDIR, "/new|" },
		{ XS_RM, "/local/domain/5/mine|" },
		{ XS_RM, "/local/domain/5|" },
		{ XS_RM, "/local|" },
		{ XS_DIRECTORY, "/|" },
		{ XS_DIRECTORY, "/local/domain/5|" },
		{ XS_DIRECTORY_PART, "/local/domain/5|0|" },
		{ XS_GET_PERMS, "/local/domain/5/mine|" },
		{ XS_GET_PERMS, "@releaseDomain|" },
		{ XS_SET_PERMS, "/local/domain/5/mine|b300|" },
		{ XS_SET_PERMS, "/|b300|" },
		{ XS_SET_PERMS, "@releaseDomain|b300|" },
		{ XS_CONTROL, "quota|set|nodes|100000|" },
		{ XS_CONTROL, "live-update|-s|" },
		{ XS_INTRODUCE, "5|1|1|" },
		{ XS_RELEASE, "5|" },
		{ XS_RESUME, "5|" },
		{ XS_SET_TARGET, "300|5|" },
	};
	struct raw_client *guest = attacker_open();
	char text[64];
	uint32_t tx;

	for (int in_tx = 0; in_tx < 2; in_tx++) {
		tx = in_tx ? raw_begin(guest) : 0;
		for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
			EXPECT(raw_ask(guest, tries[i].type, tx, tries[i].text), "EACCES");
		if (in_tx)
			EXPECT(raw_ask(guest, XS_TRANSACTION_END, tx, "T|"), "OK|");
	}
	/* Its own: not to be given away, in no order. */
	EXPECT(raw_ask(guest, XS_WRITE, 0, "own|1"), "OK|");
	EXPECT(raw_ask(guest, XS_SET_PERMS, 0, "own|n0|"), "EPERM");
	snprintf(text, sizeof(text), "own|n5|b%u|", guest->domid);
	EXPECT(raw_ask(guest, XS_SET_PERMS, 0, text), "EPERM");
	snprintf(text, sizeof(text), "own|n%u|n%u|b%u|", guest->domid, guest->domid, guest->domid);
	EXPECT(raw_ask(guest, XS_SET_PERMS, 0, text), "OK|");
	EXPECT(raw_ask(guest, XS_READ, 0, "own|"), "1");
	/* What it may see is not told of others' nodes: there or not, the answer is the same. */
	EXPECT(raw_ask(guest, XS_READ, 0, "/local/domain/5/none|"), "EACCES");
	EXPECT(raw_ask(guest, XS_RM, 0, "/local/domain/5/none|"), "EACCES");
	EXPECT(raw_ask(guest, XS_WATCH, 0, "/local/domain/5|w|"), "OK|");
	EXPECT(raw_event(guest, RAW_PATIENCE_MS), "/local/domain/5|w");
	served();
	EXPECT(raw_event(guest, 50), "");
	attacker_close(guest);
}

static void test_paths(void)
{
	static const char *const bad[] = {
		"",
		"|",
		"/|/|",
		"//|",
		"/local//domain|",
		"/local/|",
		"../5/mine|",
		"./x|",
		"x/../y|",
		"x y|",
		"x\n|",
		"x\xff|",
		"x\\y|",
		"%s|",
		"x*|",
		"@|",
		"@x|",
		"mine|x|",
		"/local/domain/5/mine/|",
	};
	struct raw_client *guest = attacker_open();
	char text[4096];
	size_t len;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *got = raw_ask(guest, XS_READ, 0, bad[i]);

		/* A name that begins with '@' is one like others here. */
		EXPECT(got, bad[i][0] == '@' ? "ENOENT" : "EINVAL");
	}
	for (len = 2000; len < sizeof(text) - 2; len += 347) {
		memset(text, 'a', len);
		strcpy(text + len, "|");
		EXPECT(raw_ask(guest, XS_MKDIR, 0, text), len > 2048 ? "EINVAL" : "OK|");
	}
	for (int i = 0; i < 1000; i++)
		memcpy(text + 2 * i, "a/", 2);
	strcpy(text + 1999, "|");
	EXPECT(raw_ask(guest, XS_MKDIR, 0, text), "EINVAL");
	attacker_close(guest);
}

/* Transactions that never end, and other people's. */
static void test_transactions(void)
{
	struct raw_client *guest = attacker_open();
	uint32_t tx = 0, mine = raw_begin(victim);
	char text[64];
	int count = 0;

	EXPECT(raw_ask(victim, XS_WRITE, mine, "mine|in it"), "OK|");
	EXPECT(raw_ask(guest, XS_READ, mine, "mine|"), "ENOENT");
	EXPECT(raw_ask(guest, XS_TRANSACTION_END, mine, "F|"), "ENOENT");
	EXPECT(raw_ask(guest, XS_TRANSACTION_END, UINT32_MAX, "T|"), "ENOENT");
	while (count < 30 && (tx = raw_begin(guest))) {
		count++;
		for (int i = 0; i < 20; i++) {
			snprintf(text, sizeof(text), "t/%d/%d|x", count, i);
			EXPECT(raw_ask(guest, XS_WRITE, tx, text), "OK|");
		}
	}
	EXPECT_TRUE((count == 10));
	EXPECT(raw_ask(victim, XS_TRANSACTION_END, mine, "T|"), "OK|");
	EXPECT(raw_ask(victim, XS_READ, 0, "mine|"), "in it");
	attacker_close(guest);
}

/* The ring set up anew, again and again, at any point. */
static void test_reconnect(void)
{
	struct raw_client *guest = attacker_open();
	struct xsd_sockmsg header = { XS_TRANSACTION_START, 1, 0, 1 };

	for (unsigned int i = 0; i < 600; i++) {
		raw_send_some(guest, &header, sizeof(header) - i % 5);
		raw_send_some(guest, "", i % 2);
		guest->ring->connection = XENSTORE_RECONNECT;
		notify(guest);
		if (i % 100 == 0)
			served();
	}
	for (int tries = 0; tries < 6000 && guest->ring->connection; tries++)
		raw_event(dom0, 10);
	EXPECT_TRUE((guest->ring->connection == XENSTORE_CONNECTED));
	guest->have = 0;
	EXPECT(raw_ask(guest, XS_WRITE, 0, "x|1"), "OK|");
	/* Dom0 introduces it anew, while it talks. */
	for (unsigned int i = 0; i < 100; i++) {
		char text[64];

		raw_send_some(guest, &header, 10);
		snprintf(text, sizeof(text), "%u|1|1|", guest->domid);
		EXPECT(raw_ask(dom0, XS_INTRODUCE, 0, text), "OK|");
	}
	attacker_close(guest);
}

/* Clients of the socket that stop in the middle, never read, come and go. */
static void test_sockets(void)
{
	struct xsd_sockmsg header = { XS_DIRECTORY, 1, 0, 2 };
	struct raw_client *clients[200];
	char bytes[sizeof(header) + 2];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), "/", 2);
	for (size_t i = 0; i < 200; i++) {
		clients[i] = raw_open_socket(socket_path);
		raw_send_bytes(clients[i], bytes, i % sizeof(bytes));
		/* Some ask without end and never read. */
		for (int j = 0; i % 20 == 0 && j < 3000; j++)
			raw_send_some(clients[i], bytes, sizeof(bytes));
	}
	served();
	for (size_t i = 0; i < 200; i++)
		raw_close(clients[i]);
	served();
	for (size_t i = 0; i < 500; i++) {
		clients[0] = raw_open_socket(socket_path);
		raw_send_some(clients[0], bytes, i % sizeof(bytes));
		raw_close(clients[0]);
	}
	served();
	header.len = UINT32_MAX;
	clients[0] = raw_open_socket(socket_path);
	raw_send_bytes(clients[0], &header, sizeof(header));
	EXPECT_TRUE(raw_closed(clients[0], RAW_PATIENCE_MS));
	raw_close(clients[0]);
}

/* More clients than the daemon may have descriptors: those that are too many are turned away. */
static void test_descriptors(void)
{
	struct rlimit few = { 40, 40 }, before, none;
	struct raw_client *clients[100];
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int closed = 0;

	EXPECT_TRUE(!getsockopt(dom0->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len));
	EXPECT_TRUE(!prlimit(peer.pid, RLIMIT_NOFILE, NULL, &before));
	few.rlim_max = before.rlim_max;
	EXPECT_TRUE(!prlimit(peer.pid, RLIMIT_NOFILE, &few, &none));
	for (size_t i = 0; i < 100; i++)
		clients[i] = raw_open_socket(socket_path);
	served();
	/* None goes before all have been asked: its descriptor would be another's. */
	for (size_t i = 0; i < 100; i++)
		closed += raw_turned_away(clients[i]);
	for (size_t i = 0; i < 100; i++)
		raw_close(clients[i]);
	EXPECT_TRUE((closed > 50 && closed < 100));
	served();
	EXPECT_TRUE(!prlimit(peer.pid, RLIMIT_NOFILE, &before, NULL));
	clients[0] = raw_open_socket(socket_path);
	EXPECT(raw_ask(clients[0], XS_READ, 0, "/tool|"), "");
	raw_close(clients[0]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "indices", test_indices },	       { "indices race", test_indices_race },
		{ "lengths", test_lengths },	       { "watch storm", test_watch_storm },
		{ "permissions", test_permissions },   { "paths", test_paths },
		{ "transactions", test_transactions }, { "reconnect", test_reconnect },
		{ "sockets", test_sockets },	       { "descriptors", test_descriptors },
	};

	if (argc != 2)
		return 2;
	socket_path = argv[1];
	dom0 = raw_open_socket(socket_path);
	victim = raw_open_domain(dom0, VICTIM);
	raw_ask(dom0, XS_MKDIR, 0, "/local/domain/5|");
	raw_ask(dom0, XS_SET_PERMS, 0, "/local/domain/5|n5|");
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		current = tests[i].name;
		fflush(stdout);
		tests[i].run();
	}
	current = "end";
	for (int i = 0; i < 6000 && strcmp(raw_ask(dom0, XS_DIRECTORY, 0, "/local/domain|"), "5|");
	     i++)
		raw_event(dom0, 10);
	EXPECT(raw_ask(dom0, XS_DIRECTORY, 0, "/local/domain|"), "5|");
	EXPECT(raw_ask(dom0, XS_CONTROL, 0, "check|"), "OK|");
	printf("%u checks, %u failed\n", checks, failures);
	return failures ? 1 : 0;
}
