/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bare client of a store for tests: sends any bytes, over the daemon's socket or as a domain
 * over a ring (fake_xen.c). Functions that can't do their work end the program with a message.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

struct raw_client {
	int fd;	    /* the socket, or the datagram socket that events come to */
	int events; /* the daemon's event socket; -1: this is a socket client */
	uint32_t domid;
	struct xenstore_domain_interface *ring;
	/* The message that was received last. */
	struct xsd_sockmsg header;
	char payload[XENSTORE_PAYLOAD_MAX + 1];
	/* Bytes of the next one. */
	size_t have;
	char buffer[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
};

struct raw_client *raw_open_socket(const char *path);
/*
 * Makes a domain and its ring under $FAKE_XEN_DIR and introduces it through `dom0`; with `dom0`
 * NULL the caller does that (frame 1, port 1).
 */
struct raw_client *raw_open_domain(struct raw_client *dom0, uint32_t domid);
void raw_close(struct raw_client *client);

/* Sets a domain's state ('r', 's', 'd'; 0: gone) and tells the daemon that one changed. */
void raw_domain_state(struct raw_client *dom0, uint32_t domid, char state);

/* Tries to send bytes without waiting; returns how many went. */
size_t raw_send_some(struct raw_client *client, const void *bytes, size_t len);
void raw_send_bytes(struct raw_client *client, const void *bytes, size_t len);
void raw_send(struct raw_client *client, uint32_t type, uint32_t tx, const void *payload,
	      size_t len);
/* Waits for what is sure to come have this limit: it ends only what hangs, however busy the machine is. */
#define RAW_PATIENCE_MS 60000
/* Receives one message into header and payload (NUL-ended); false after `ms` without one. */
bool raw_receive(struct raw_client *client, int ms);
/* Whether the other side has closed the connection. */
bool raw_closed(struct raw_client *client, int ms);
/* Whether the daemon ends the connection rather than answer a question. */
bool raw_turned_away(struct raw_client *client);

/*
 * Sends a request whose payload is `text`, where each '|' stands for a NUL, and waits for the
 * answer, dropping events. Returns it with NULs shown as '|', or the error's name; static memory.
 */
const char *raw_ask(struct raw_client *client, uint32_t type, uint32_t tx, const char *text);
/* The next event as "path|token", or "" when there is none within `ms`. */
const char *raw_event(struct raw_client *client, int ms);
/* Starts a transaction. */
uint32_t raw_begin(struct raw_client *client);
/* Monotonic time in microseconds. */
uint64_t raw_now(void);
