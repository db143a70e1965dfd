/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store under load (REQ toolstack/3): what a host with many guests asks of it, a flood from
 * several guests, and live updates in the middle of both.
 *
 *   store-load SOCKET [PROGRAM [ROUNDS LIMIT]]
 *
 * PROGRAM: update to it while the load runs. Guests are rings of fake_xen.c; each has a client on
 * the socket that plays its toolstack. Every answer is checked.
 *
 * While guests flood the store, each in its own way, another guest's requests are counted in the
 * processor time that the daemon takes from a request to its answer. Where that time is a count of
 * instructions, in an emulator, it decides: none may take longer than LIMIT microseconds. On other
 * machines it is only printed.
 */
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "raw_client.h"

#define WORKERS		  4
#define GUESTS_PER_WORKER 25
#define FLOODERS	  8
#define FLOOD_STREAMS	  6 /* of these; the others flood with transactions */
#define FLOOD_BASE	  200
#define PROBES		  1000
#define STREAM_MAX	  65536

static const char *socket_path;
static int rounds = 20;

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
		expect(tools, XS_RM, tx, text, "OK|");
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
	for (int round = 0; round < rounds; round++) {
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

/* Requests that a guest sends over and over, without waiting for the answers. */
struct stream {
	struct raw_client *guest;
	size_t len, sent;
	char bytes[STREAM_MAX];
};

static void stream_add(struct stream *stream, uint32_t type, const char *text)
{
	struct xsd_sockmsg header = { type, 1, 0, (uint32_t)strlen(text) };

	memcpy(stream->bytes + stream->len, &header, sizeof(header));
	stream->len += sizeof(header);
	for (size_t i = 0; i < header.len; i++)
		stream->bytes[stream->len++] = text[i] == '|' ? '\0' : text[i];
}

/* A path as deep and long as a guest may have, and a number at its end. */
static const char *deep(unsigned int number)
{
	static char path[2100];
	int used = 0;

	for (int i = 0; i < 18; i++)
		used += snprintf(path + used, sizeof(path) - (size_t)used, "%090d/", i);
	snprintf(path + used, sizeof(path) - (size_t)used, "%u", number);
	return path;
}

/* What the guest with this number floods with. */
static void stream_fill(struct stream *stream, unsigned int number)
{
	char text[2200];

	switch (number) {
	case 0: /* changes that many watch */
		stream_add(stream, XS_WRITE, "flood|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
		break;
	case 1: /* long paths, come and gone */
		for (unsigned int i = 0; i < 10; i++) {
			snprintf(text, sizeof(text), "%s|", deep(i));
			stream_add(stream, XS_MKDIR, text);
		}
		snprintf(text, sizeof(text), "%090d|", 0);
		stream_add(stream, XS_RM, text);
		break;
	case 2: /* lists */
		stream_add(stream, XS_DIRECTORY, "many|");
		stream_add(stream, XS_DIRECTORY_PART, "many|1000|");
		break;
	case 3: /* watches, come and gone */
		for (int i = 0; i < 120; i++) {
			snprintf(text, sizeof(text), "/local/domain|token-%d|", i);
			stream_add(stream, XS_WATCH, text);
		}
		stream_add(stream, XS_RESET_WATCHES, "|");
		break;
	case 4: /* permissions, also for domains that are not there */
		stream_add(stream, XS_MKDIR, "perms|");
		snprintf(text, sizeof(text), "perms|b%u|r1|w2|b3|n30000|", FLOOD_BASE + number);
		stream_add(stream, XS_SET_PERMS, text);
		break;
	default: /* what is refused */
		stream_add(stream, XS_READ, "/tool|");
		stream_add(stream, XS_CONTROL, "check|");
		stream_add(stream, XS_WRITE, "a//b|");
		stream_add(stream, 4711, "nonsense");
		break;
	}
}

/* Dom0 makes a guest; all that flood may read what is each other's. */
static struct raw_client *flooder_open(struct raw_client *dom0, uint32_t number)
{
	struct raw_client *guest = raw_open_domain(dom0, FLOOD_BASE + number);
	char text[100];

	snprintf(text, sizeof(text), "/local/domain/%u|", FLOOD_BASE + number);
	expect(dom0, XS_MKDIR, 0, text, "OK|");
	snprintf(text, sizeof(text), "/local/domain/%u|r%u|", FLOOD_BASE + number,
		 FLOOD_BASE + number);
	expect(dom0, XS_SET_PERMS, 0, text, "OK|");
	/* Not those that wait for answers: they would not take the events. */
	for (int j = 0; number != 3 && number < FLOOD_STREAMS && j < 100; j++) {
		snprintf(text, sizeof(text), "/local/domain/%u/flood|%d|", FLOOD_BASE, j);
		expect(guest, XS_WATCH, 0, text, "OK|");
	}
	return guest;
}

/* Floods the store from most of the guests, as fast as it takes it, until killed. */
static void flood_streams(void)
{
	static struct stream streams[FLOOD_STREAMS];
	struct raw_client *dom0 = raw_open_socket(socket_path);
	char text[64];

	for (uint32_t i = 0; i < FLOOD_STREAMS; i++) {
		streams[i].guest = flooder_open(dom0, i);
		stream_fill(&streams[i], i);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "many/entry-%d|", i);
		expect(streams[2].guest, XS_MKDIR, 0, text, "OK|");
	}
	for (;;) {
		for (uint32_t i = 0; i < FLOOD_STREAMS; i++) {
			struct stream *stream = &streams[i];
			size_t at = stream->sent % stream->len;

			stream->sent +=
				raw_send_some(stream->guest, stream->bytes + at, stream->len - at);
			/* Take what comes, so that it is served on. */
			while (raw_receive(stream->guest, 0))
				;
		}
	}
}

/* Floods with transactions: long ones, and some that never end. */
static void flood_transactions(unsigned int number)
{
	struct raw_client *dom0 = raw_open_socket(socket_path);
	struct raw_client *guest = flooder_open(dom0, number);
	char text[2200];
	uint32_t tx;

	for (unsigned int round = 0;; round++) {
		tx = raw_begin(guest);
		for (unsigned int i = 0; tx && i < 100; i++) {
			snprintf(text, sizeof(text), "%s|%u", deep(i), round);
			raw_ask(guest, XS_WRITE, tx, text);
		}
		raw_ask(guest, XS_WRITE, 0, "other|1");
		if (round % 3)
			raw_ask(guest, XS_TRANSACTION_END, tx, "T|");
		if (round % 20 == 19)
			raw_ask(guest, XS_RESET_WATCHES, 0, "|");
	}
}

static pid_t flooders[1 + FLOODERS - FLOOD_STREAMS];

static void flood_begin(void)
{
	for (unsigned int i = 0; i <= FLOODERS - FLOOD_STREAMS; i++) {
		flooders[i] = fork();
		if (!flooders[i] && !i)
			flood_streams();
		else if (!flooders[i])
			flood_transactions(FLOODERS - i);
	}
}

static void flood_end(void)
{
	for (size_t i = 0; i < sizeof(flooders) / sizeof(flooders[0]); i++) {
		kill(flooders[i], SIGKILL);
		waitpid(flooders[i], NULL, 0);
	}
}

/* The processor time of the daemon, whose program changes but not its process, in nanoseconds. */
static uint64_t daemon_time(struct raw_client *dom0)
{
	static clockid_t clock;
	struct timespec ts;
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!clock && (getsockopt(dom0->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
		       clock_getcpuclockid(peer.pid, &clock)))
		exit(2);
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_times(const char *what, uint64_t *times, unsigned int unit)
{
	qsort(times, PROBES, sizeof(times[0]), by_size);
	printf("  %s: median %llu us, 99%% %llu us, worst %llu us\n", what,
	       (unsigned long long)times[PROBES / 2] / unit,
	       (unsigned long long)times[PROBES * 99 / 100] / unit,
	       (unsigned long long)times[PROBES - 1] / unit);
}

/*
 * Measures what another guest's requests wait for: different ones, a small transaction among them.
 * False when one took more of the daemon's time than `limit` microseconds.
 */
static bool probe(struct raw_client *dom0, struct raw_client *guest, const char *when,
		  uint64_t limit)
{
	static uint64_t wall[PROBES], cpu[PROBES];
	uint32_t tx = 0;

	for (int i = 0; i < PROBES; i++) {
		uint64_t begin = daemon_time(dom0), start = raw_now();

		if (i % 8 == 0)
			expect(guest, XS_GET_DOMAIN_PATH, 0, "199|", "/local/domain/199|");
		else if (i % 8 == 1)
			expect(guest, XS_WRITE, 0, "probe|value", "OK|");
		else if (i % 8 == 2)
			expect(guest, XS_READ, 0, "probe|", "value");
		else if (i % 8 == 3)
			expect(guest, XS_DIRECTORY, 0, "data|", "x|");
		else if (i % 8 == 4)
			tx = raw_begin(guest);
		else if (i % 8 < 7)
			expect(guest, XS_WRITE, tx, "data/x|1", "OK|");
		else
			expect(guest, XS_TRANSACTION_END, tx, "T|", "OK|");
		wall[i] = raw_now() - start;
		cpu[i] = daemon_time(dom0) - begin;
		usleep(200);
	}
	printf("%s:\n", when);
	print_times("time on the clock", wall, 1);
	print_times("time of the daemon", cpu, 1000);
	return !limit || cpu[PROBES - 1] <= limit * 1000;
}

static void update(struct raw_client *dom0, const char *program)
{
	char text[300];
	uint64_t start;

	snprintf(text, sizeof(text), "live-update|-f|%s|", program);
	expect(dom0, XS_CONTROL, 0, text, "OK|");
	start = raw_now();
	expect(dom0, XS_CONTROL, 0, "live-update|-s|", "OK|");
	expect(dom0, XS_READ, 0, "/tool|", "");
	printf("update: %llu us\n", (unsigned long long)(raw_now() - start));
}

/* A program that does not understand the state does not get the store's place. */
static void refuse_update(struct raw_client *dom0)
{
	static const char *const others[] = { "/bin/true", "/bin/false" };
	static const char start[] = "live-update\0-s";
	struct raw_client *patient = raw_open_socket(socket_path);
	char text[100], asked[200], told[200];

	snprintf(asked, sizeof(asked), "%s/asked", getenv("FAKE_XEN_DIR"));
	snprintf(told, sizeof(told), "%s/told", getenv("FAKE_XEN_DIR"));
	for (size_t i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "live-update|-f|%s|", others[i]);
		expect(dom0, XS_CONTROL, 0, text, "OK|");
		if (!strcmp(raw_ask(dom0, XS_CONTROL, 0, "live-update|-s|"), "OK|")) {
			fprintf(stderr, "%s was taken for a store\n", others[i]);
			exit(1);
		}
	}
	/* While one thinks about it, until it is told, all others are served. */
	expect(dom0, XS_CONTROL, 0, "live-update|-f|/bin/sh|", "OK|");
	expect(dom0, XS_CONTROL, 0,
	       "live-update|-c|"
	       "-c cd\t$FAKE_XEN_DIR;>asked;until\ttest\t-e\ttold;do\tsleep\t0.1;done|",
	       "OK|");
	raw_send(patient, XS_CONTROL, 0, start, sizeof(start));
	while (access(asked, F_OK))
		usleep(10000);
	expect(dom0, XS_CONTROL, 0, "live-update|-s|", "BUSY|");
	for (int i = 0; i < 100; i++)
		expect(dom0, XS_READ, 0, "/tool|", "");
	close(open(told, O_WRONLY | O_CREAT, 0600));
	if (!raw_receive(patient, RAW_PATIENCE_MS) || !strcmp(patient->payload, "OK")) {
		fprintf(stderr, "a shell was taken for a store\n");
		exit(1);
	}
	raw_close(patient);
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

/* What a guest has begun survives an update: half a message, a watch, a transaction. */
static void update_amid(struct raw_client *dom0, struct raw_client *guest, const char *program,
			int round)
{
	struct xsd_sockmsg header = { XS_READ, 78, 0, 6 };
	char bytes[sizeof(header) + 6], text[64];
	uint32_t tx;

	snprintf(text, sizeof(text), "amid|token-%d|", round);
	expect(guest, XS_WATCH, 0, text, "OK|");
	snprintf(text, sizeof(text), "amid|token-%d", round);
	if (strcmp(raw_event(guest, RAW_PATIENCE_MS), text))
		exit(1);
	tx = raw_begin(guest);
	expect(guest, XS_READ, tx, "probe|", "value");
	snprintf(text, sizeof(text), "amid/%d|new", round);
	expect(guest, XS_WRITE, tx, text, "OK|");
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), "probe", 6);
	raw_send_bytes(guest, bytes, 19);
	update(dom0, program);
	raw_send_bytes(guest, bytes + 19, sizeof(bytes) - 19);
	if (!raw_receive(guest, RAW_PATIENCE_MS) || guest->header.req_id != 78 ||
	    strcmp(guest->payload, "value")) {
		fprintf(stderr, "the message that was cut in two: \"%.60s\"\n", guest->payload);
		exit(1);
	}
	snprintf(text, sizeof(text), "amid/%d|", round);
	expect(guest, XS_READ, 0, text, "ENOENT");
	expect(guest, XS_READ, tx, text, "new");
	raw_send(guest, XS_TRANSACTION_END, tx, "T", 2);
	snprintf(text, sizeof(text), "amid/%d", round);
	/* The answer and the event, in either order. */
	for (int i = 0; i < 2; i++) {
		if (raw_receive(guest, RAW_PATIENCE_MS) &&
		    !strcmp(guest->payload, guest->header.type == XS_TRANSACTION_END ? "OK" : text))
			continue;
		fprintf(stderr, "the end after the update: \"%.60s\"\n", guest->payload);
		exit(1);
	}
	snprintf(text, sizeof(text), "amid|token-%d|", round);
	expect(guest, XS_UNWATCH, 0, text, "OK|");
}

int main(int argc, char **argv)
{
	struct raw_client *dom0, *guest;
	const char *program = argc > 2 ? argv[2] : NULL;
	uint64_t start = raw_now(), limit = 0;
	bool bad;

	if (argc < 2)
		return 2;
	socket_path = argv[1];
	if (argc > 4) {
		rounds = atoi(argv[3]);
		limit = strtoull(argv[4], NULL, 10);
	}
	dom0 = raw_open_socket(socket_path);
	expect(dom0, XS_MKDIR, 0, "/local/domain|", "OK|");
	fflush(stdout);
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
	printf("%d guests, %d rounds: %s in %llu ms\n", WORKERS * GUESTS_PER_WORKER, rounds,
	       bad ? "FAILED" : "fine", (unsigned long long)(raw_now() - start) / 1000);

	guest = raw_open_domain(dom0, 199);
	expect(dom0, XS_WRITE, 0, "/local/domain/199/data/x|0", "OK|");
	expect(dom0, XS_SET_PERMS, 0, "/local/domain/199|n199|", "OK|");
	expect(dom0, XS_SET_PERMS, 0, "/local/domain/199/data|n199|", "OK|");
	expect(dom0, XS_SET_PERMS, 0, "/local/domain/199/data/x|n199|", "OK|");
	probe(dom0, guest, "alone", 0);
	fflush(stdout);
	flood_begin();
	usleep(500000);
	bad |= !probe(dom0, guest, "under the flood", limit);
	for (int i = 0; program && i < 3; i++)
		update_amid(dom0, guest, program, i);
	bad |= !probe(dom0, guest, "after updates under the flood", limit);
	flood_end();
	if (program)
		expect(dom0, XS_CONTROL, 0, "check|", "OK|");
	printf(bad ? "FAILED\n" : "fine\n");
	return bad;
}
