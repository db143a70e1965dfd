/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store under load (REQ toolstack/3): what a host with many guests asks of it, a flood from
 * several guests, and a live update in the middle of both.
 *
 *   store-load SOCKET [PROGRAM]   PROGRAM: update to it while the load runs
 *
 * Guests are rings of fake_xen.c; each has a client on the socket that plays its toolstack. Every
 * answer is checked. The latency under the flood is measured and printed; it decides nothing.
 */
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raw_client.h"

#define WORKERS		  4
#define GUESTS_PER_WORKER 25
#define ROUNDS		  20
#define FLOODERS	  8
#define FLOOD_BASE	  200
#define PROBES		  2000

static const char *socket_path;

static void expect(struct raw_client *client, uint32_t type, uint32_t tx, const char *text,
		   const char *wanted)
{
	const char *got = raw_ask(client, type, tx, text);

	if (strcmp(got, wanted)) {
		fprintf(stderr,
			"domain %u: request %u \"%.60s\": got \"%.60s\", wanted \"%.60s\"\n",
			client->domid, type, text, got, wanted);
		exit(1);
	}
}

/* What a toolstack writes for a new guest: one transaction, started again on conflicts. */
static void build(struct raw_client *tools, uint32_t domid)
{
	static const char *const nodes[] = { "name|guest",
					     "vm|/vm/x",
					     "memory/target|262144",
					     "cpu/0/availability|online",
					     "control/platform-feature-multiprocessor-suspend|1",
					     "device/vbd/51712/state|1",
					     "device/vif/0/state|1",
					     "console/ring-ref|5" };
	const char *result;
	char text[200];
	uint32_t tx;

	do {
		tx = raw_begin(tools);
		snprintf(text, sizeof(text), "/local/domain/%u|", domid);
		expect(tools, XS_RM, tx, text, domid % 2 ? "OK|" : "OK|");
		expect(tools, XS_MKDIR, tx, text, "OK|");
		snprintf(text, sizeof(text), "/local/domain/%u|n%u|", domid, domid);
		expect(tools, XS_SET_PERMS, tx, text, "OK|");
		for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
			snprintf(text, sizeof(text), "/local/domain/%u/%s", domid, nodes[i]);
			expect(tools, XS_WRITE, tx, text, "OK|");
		}
		result = raw_ask(tools, XS_TRANSACTION_END, tx, "T|");
	} while (!strcmp(result, "EAGAIN"));
	if (strcmp(result, "OK|")) {
		fprintf(stderr, "building %u: %s\n", domid, result);
		exit(1);
	}
}

/* What a guest does: reads, a watch, a transaction of its own. */
static void live(struct raw_client *guest, int round)
{
	const char *result;
	char text[100];
	uint32_t tx;

	expect(guest, XS_READ, 0, "name|", "guest");
	expect(guest, XS_READ, 0, "memory/target|", "262144");
	snprintf(text, sizeof(text), "device|round-%d|", round);
	expect(guest, XS_WATCH, 0, text, "OK|");
	do {
		tx = raw_begin(guest);
		expect(guest, XS_READ, tx, "device/vif/0/state|", "1");
		snprintf(text, sizeof(text), "data/round|%d", round);
		expect(guest, XS_WRITE, tx, text, "OK|");
		result = raw_ask(guest, XS_TRANSACTION_END, tx, "T|");
	} while (!strcmp(result, "EAGAIN"));
	snprintf(text, sizeof(text), "%d", round);
	expect(guest, XS_READ, 0, "data/round|", text);
	snprintf(text, sizeof(text), "device|round-%d|", round);
	expect(guest, XS_UNWATCH, 0, text, "OK|");
}

static void worker(uint32_t first)
{
	struct raw_client *tools[GUESTS_PER_WORKER], *guests[GUESTS_PER_WORKER];

	for (uint32_t i = 0; i < GUESTS_PER_WORKER; i++) {
		tools[i] = raw_open_socket(socket_path);
		guests[i] = raw_open_domain(tools[i], first + i);
		expect(tools[i], XS_WATCH, 0, "@releaseDomain|gone|", "OK|");
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < GUESTS_PER_WORKER; i++) {
			build(tools[i], first + i);
			live(guests[i], round);
		}
	}
	for (uint32_t i = 0; i < GUESTS_PER_WORKER; i++) {
		raw_domain_state(tools[i], first + i, 0);
		raw_close(guests[i]);
		raw_close(tools[i]);
	}
	exit(0);
}

/* Floods the store from some guests, as fast as it takes it, until killed. */
static void flood(void)
{
	struct raw_client *dom0 = raw_open_socket(socket_path), *guests[FLOODERS];
	struct xsd_sockmsg header = { XS_WRITE, 1, 0, 0 };
	char message[200], text[64];
	size_t sent[FLOODERS] = { 0 };

	for (uint32_t i = 0; i < FLOODERS; i++) {
		guests[i] = raw_open_domain(dom0, FLOOD_BASE + i);
		snprintf(text, sizeof(text), "/local/domain/%u|", FLOOD_BASE + i);
		expect(dom0, XS_MKDIR, 0, text, "OK|");
		snprintf(text, sizeof(text), "/local/domain/%u|n%u|", FLOOD_BASE + i,
			 FLOOD_BASE + i);
		expect(dom0, XS_SET_PERMS, 0, text, "OK|");
		for (int j = 0; j < 100; j++) {
			snprintf(text, sizeof(text), "flood|%d|", j);
			expect(guests[i], XS_WATCH, 0, text, "OK|");
		}
	}
	header.len = 60;
	memcpy(message, &header, sizeof(header));
	memset(message + sizeof(header), 'x', header.len);
	memcpy(message + sizeof(header), "flood\0", 6);
	for (;;) {
		for (uint32_t i = 0; i < FLOODERS; i++) {
			size_t size = sizeof(header) + header.len, at = sent[i] % size;

			sent[i] += raw_send_some(guests[i], message + at, size - at);
			/* Take what comes, so that it is served on. */
			while (raw_receive(guests[i], 0))
				;
		}
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Measures how long another guest's requests take. */
static void probe(struct raw_client *guest, const char *when)
{
	static uint64_t times[PROBES];

	for (int i = 0; i < PROBES; i++) {
		uint64_t start = raw_now();

		expect(guest, XS_GET_DOMAIN_PATH, 0, "199|", "/local/domain/199|");
		times[i] = raw_now() - start;
		usleep(200);
	}
	qsort(times, PROBES, sizeof(times[0]), by_size);
	printf("latency %s: median %llu us, 99%% %llu us, 99.9%% %llu us, worst %llu us\n", when,
	       (unsigned long long)times[PROBES / 2], (unsigned long long)times[PROBES * 99 / 100],
	       (unsigned long long)times[PROBES * 999 / 1000],
	       (unsigned long long)times[PROBES - 1]);
}

static void update(struct raw_client *dom0, const char *program)
{
	char text[300];

	snprintf(text, sizeof(text), "live-update|-f|%s|", program);
	expect(dom0, XS_CONTROL, 0, text, "OK|");
	expect(dom0, XS_CONTROL, 0, "live-update|-s|", "OK|");
	expect(dom0, XS_READ, 0, "/tool|", "");
}

/* A program that does not understand the state does not get the store's place. */
static void refuse_update(struct raw_client *dom0)
{
	static const char *const others[] = { "/bin/true", "/bin/false" };
	char text[100];

	for (size_t i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "live-update|-f|%s|", others[i]);
		expect(dom0, XS_CONTROL, 0, text, "OK|");
		if (!strcmp(raw_ask(dom0, XS_CONTROL, 0, "live-update|-s|"), "OK|")) {
			fprintf(stderr, "%s was taken for a store\n", others[i]);
			exit(1);
		}
	}
	expect(dom0, XS_CONTROL, 0, "live-update|-a|", "OK|");
	expect(dom0, XS_READ, 0, "/tool|", "");
}

static int wait_workers(void)
{
	int status, bad = 0;

	for (int i = 0; i < WORKERS; i++)
		if (wait(&status) < 0 || status)
			bad = 1;
	return bad;
}

int main(int argc, char **argv)
{
	struct raw_client *dom0, *guest;
	const char *program = argc > 2 ? argv[2] : NULL;
	uint64_t start = raw_now();
	pid_t flooder;
	int bad;

	if (argc < 2)
		return 2;
	socket_path = argv[1];
	dom0 = raw_open_socket(socket_path);
	expect(dom0, XS_MKDIR, 0, "/local/domain|", "OK|");
	for (uint32_t i = 0; i < WORKERS; i++)
		if (!fork())
			worker(1 + i * GUESTS_PER_WORKER);
	for (int i = 0; program && i < 3; i++) {
		usleep(200000);
		update(dom0, program);
	}
	if (program)
		refuse_update(dom0);
	bad = wait_workers();
	printf("%d guests, %d rounds: %s in %llu ms\n", WORKERS * GUESTS_PER_WORKER, ROUNDS,
	       bad ? "FAILED" : "fine", (unsigned long long)(raw_now() - start) / 1000);

	guest = raw_open_domain(dom0, 199);
	probe(guest, "alone");
	flooder = fork();
	if (!flooder)
		flood();
	usleep(500000);
	probe(guest, "under the flood");
	if (program)
		update(dom0, program);
	probe(guest, "after an update under the flood");
	kill(flooder, SIGKILL);
	waitpid(flooder, NULL, 0);
	if (program)
		expect(dom0, XS_CONTROL, 0, "check|", "OK|");
	return bad;
}
