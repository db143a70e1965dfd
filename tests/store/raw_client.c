/* SPDX-License-Identifier: BSD-2-Clause */
/* The bare client (raw_client.h). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fake_xen.h"
#include "raw_client.h"

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static const char *place(void)
{
	const char *dir = getenv("FAKE_XEN_DIR");

	return dir ? dir : ".";
}

uint64_t raw_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct raw_client *client_new(void)
{
	struct raw_client *client = calloc(1, sizeof(*client));

	if (!client)
		die("memory");
	client->events = -1;
	return client;
}

static int unix_socket(int type, const char *path, bool server)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0)
		die("socket");
	if (server)
		unlink(path);
	if (server ? bind(fd, (struct sockaddr *)&addr, sizeof(addr))
		   : connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die(path);
	return fd;
}

struct raw_client *raw_open_socket(const char *path)
{
	struct raw_client *client = client_new();

	client->fd = unix_socket(SOCK_STREAM, path, false);
	return client;
}

static void write_state(uint32_t domid, char state)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/dom-%u", place(), domid);
	if (!state) {
		unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, &state, 1) != 1)
		die(path);
	close(fd);
}

struct raw_client *raw_open_domain(struct raw_client *dom0, uint32_t domid)
{
	struct raw_client *client = client_new();
	char path[200], text[64];
	int fd;

	client->domid = domid;
	write_state(domid, 'r');
	snprintf(path, sizeof(path), "%s/ring-%u", place(), domid);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 4096))
		die(path);
	client->ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (client->ring == MAP_FAILED)
		die("mmap");
	close(fd);
	snprintf(path, sizeof(path), "%s/guest-%u", place(), domid);
	client->fd = unix_socket(SOCK_DGRAM, path, true);
	snprintf(path, sizeof(path), "%s/evtchn", place());
	client->events = unix_socket(SOCK_DGRAM, path, false);
	if (!dom0)
		return client;
	snprintf(text, sizeof(text), "%u|1|1|", domid);
	if (strcmp(raw_ask(dom0, XS_INTRODUCE, 0, text), "OK|")) {
		fprintf(stderr, "domain %u was not introduced\n", domid);
		exit(2);
	}
	return client;
}

void raw_close(struct raw_client *client)
{
	if (client->ring)
		munmap(client->ring, 4096);
	if (client->events >= 0)
		close(client->events);
	close(client->fd);
	free(client);
}

void raw_domain_state(struct raw_client *dom0, uint32_t domid, char state)
{
	uint32_t port = FAKE_PORT_VIRQ;
	char path[200];
	int fd;

	(void)dom0;
	write_state(domid, state);
	snprintf(path, sizeof(path), "%s/evtchn", place());
	fd = unix_socket(SOCK_DGRAM, path, false);
	if (send(fd, &port, sizeof(port), 0) != sizeof(port))
		die("event");
	close(fd);
}

static void notify(struct raw_client *client)
{
	uint32_t port = FAKE_PORT_BASE + client->domid;

	if (send(client->events, &port, sizeof(port), 0) != sizeof(port))
		die("event");
}

static size_t ring_put(struct raw_client *client, const char *bytes, size_t len)
{
	struct xenstore_domain_interface *ring = client->ring;
	uint32_t prod = ring->req_prod;
	size_t room =
		XENSTORE_RING_SIZE - (prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE));

	if (len > room)
		len = room;
	for (size_t i = 0; i < len; i++)
		ring->req[MASK_XENSTORE_IDX(prod + i)] = bytes[i];
	__atomic_store_n(&ring->req_prod, prod + (uint32_t)len, __ATOMIC_SEQ_CST);
	if (len)
		notify(client);
	return len;
}

static size_t ring_get(struct raw_client *client, char *bytes, size_t len)
{
	struct xenstore_domain_interface *ring = client->ring;
	uint32_t cons = ring->rsp_cons;
	size_t avail = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) - cons;

	if (len > avail)
		len = avail;
	for (size_t i = 0; i < len; i++)
		bytes[i] = ring->rsp[MASK_XENSTORE_IDX(cons + i)];
	__atomic_store_n(&ring->rsp_cons, cons + (uint32_t)len, __ATOMIC_SEQ_CST);
	if (len)
		notify(client);
	return len;
}

/* Waits for the descriptor; swallows an event of a ring. */
static bool await(struct raw_client *client, short what, int ms)
{
	struct pollfd pfd = { .fd = client->fd, .events = what };
	char bytes[16];

	if (poll(&pfd, 1, ms) <= 0)
		return false;
	if (client->ring && recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0)
		return errno == EAGAIN;
	return true;
}

size_t raw_send_some(struct raw_client *client, const void *bytes, size_t len)
{
	ssize_t sent;

	if (client->ring)
		return ring_put(client, bytes, len);
	sent = send(client->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent > 0 ? (size_t)sent : 0;
}

void raw_send_bytes(struct raw_client *client, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len) {
		size_t sent = raw_send_some(client, from, len);

		from += sent;
		len -= sent;
		if (len && !await(client, client->ring ? POLLIN : POLLOUT, RAW_PATIENCE_MS)) {
			fprintf(stderr, "the store takes no more\n");
			exit(2);
		}
	}
}

void raw_send(struct raw_client *client, uint32_t type, uint32_t tx, const void *payload,
	      size_t len)
{
	char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg header = { type, 77, tx, (uint32_t)len };

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), payload, len);
	raw_send_bytes(client, message, sizeof(header) + len);
}

/* Reads into the buffer without waiting; -1 at the end of the connection. */
static int fill(struct raw_client *client)
{
	size_t room = sizeof(client->buffer) - client->have;
	ssize_t got;

	if (client->ring) {
		got = (ssize_t)ring_get(client, client->buffer + client->have, room);
	} else {
		got = recv(client->fd, client->buffer + client->have, room, MSG_DONTWAIT);
		if (!got || (got < 0 && errno != EAGAIN))
			return -1;
	}
	client->have += got > 0 ? (size_t)got : 0;
	return got > 0;
}

/* Cuts a whole message off the buffer. */
static bool cut(struct raw_client *client)
{
	const size_t head = sizeof(client->header);
	size_t size;

	if (client->have < head)
		return false;
	memcpy(&client->header, client->buffer, head);
	size = head + client->header.len;
	if (size > sizeof(client->buffer)) {
		fprintf(stderr, "the store sent a message of %zu bytes\n", size);
		exit(2);
	}
	if (client->have < size)
		return false;
	memcpy(client->payload, client->buffer + head, client->header.len);
	client->payload[client->header.len] = '\0';
	client->have -= size;
	memmove(client->buffer, client->buffer + size, client->have);
	return true;
}

bool raw_receive(struct raw_client *client, int ms)
{
	uint64_t end = raw_now() + (uint64_t)ms * 1000, now;
	int got;

	for (;;) {
		if (cut(client))
			return true;
		got = fill(client);
		if (got < 0)
			return false;
		if (got)
			continue;
		now = raw_now();
		if (now >= end)
			return false;
		await(client, POLLIN, (int)((end - now) / 1000) + 1);
	}
}

bool raw_closed(struct raw_client *client, int ms)
{
	uint64_t end = raw_now() + (uint64_t)ms * 1000;

	while (raw_now() < end) {
		if (fill(client) < 0)
			return true;
		while (cut(client))
			;
		await(client, POLLIN, 10);
	}
	return false;
}

bool raw_turned_away(struct raw_client *client)
{
	struct xsd_sockmsg header = { XS_DIRECTORY, 77, 0, 2 };
	char bytes[sizeof(header) + 2];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), "/", 2);
	raw_send_some(client, bytes, sizeof(bytes));
	return !raw_receive(client, RAW_PATIENCE_MS) && raw_closed(client, RAW_PATIENCE_MS);
}

const char *raw_ask(struct raw_client *client, uint32_t type, uint32_t tx, const char *text)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	static char answer[XENSTORE_PAYLOAD_MAX + 1];
	size_t len = strlen(text);

	if (len > sizeof(payload))
		len = sizeof(payload);
	for (size_t i = 0; i < len; i++)
		payload[i] = text[i] == '|' ? '\0' : text[i];
	raw_send(client, type, tx, payload, len);
	do {
		if (!raw_receive(client, RAW_PATIENCE_MS))
			return "no answer";
	} while (client->header.type == XS_WATCH_EVENT);
	if (client->header.type != XS_ERROR && client->header.type != type)
		return "an answer of another type";
	if (client->header.req_id != 77 || client->header.tx_id != tx)
		return "an answer to something else";
	len = client->header.len;
	for (size_t i = 0; i < len; i++)
		answer[i] = client->payload[i] ? client->payload[i] : '|';
	answer[len] = '\0';
	if (client->header.type == XS_ERROR && len)
		answer[len - 1] = '\0';
	return answer;
}

const char *raw_event(struct raw_client *client, int ms)
{
	static char text[XENSTORE_PAYLOAD_MAX + 1];

	if (!raw_receive(client, ms))
		return "";
	if (client->header.type != XS_WATCH_EVENT)
		return "not an event";
	for (size_t i = 0; i < client->header.len; i++)
		text[i] = client->payload[i] ? client->payload[i] : '|';
	text[client->header.len ? client->header.len - 1 : 0] = '\0';
	return text;
}

uint32_t raw_begin(struct raw_client *client)
{
	return (uint32_t)strtoul(raw_ask(client, XS_TRANSACTION_START, 0, "|"), NULL, 10);
}
