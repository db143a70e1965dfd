/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared ring of a domain (ring.h). */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "ring.h"

/* Reads a field that the domain may change at any time, exactly once. */
static uint32_t read_once(const uint32_t *field)
{
	return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static void write_once(uint32_t *field, uint32_t value)
{
	__atomic_store_n(field, value, __ATOMIC_RELEASE);
}

/* Full barrier: our loads and stores of ring contents stay on their side of it. */
static void barrier_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static ssize_t ring_broken(struct xenstore_domain_interface *ring)
{
	write_once(&ring->error, XENSTORE_ERROR_RINGIDX);
	return -EPROTO;
}

ssize_t ring_recv(struct xenstore_domain_interface *ring, void *to, size_t len)
{
	uint32_t cons = read_once(&ring->req_cons), prod = read_once(&ring->req_prod);
	uint32_t avail = prod - cons, at = MASK_XENSTORE_IDX(cons), first;

	if (avail > XENSTORE_RING_SIZE)
		return ring_broken(ring);
	if (len > avail)
		len = avail;
	first = XENSTORE_RING_SIZE - at;
	if (first > len)
		first = (uint32_t)len;
	barrier_full();
	memcpy(to, ring->req + at, first);
	memcpy((char *)to + first, ring->req, len - first);
	barrier_full();
	if (len)
		write_once(&ring->req_cons, cons + (uint32_t)len);
	return (ssize_t)len;
}

ssize_t ring_send(struct xenstore_domain_interface *ring, const void *from, size_t len)
{
	uint32_t cons = read_once(&ring->rsp_cons), prod = read_once(&ring->rsp_prod);
	uint32_t used = prod - cons, at = MASK_XENSTORE_IDX(prod), first;

	if (used > XENSTORE_RING_SIZE)
		return ring_broken(ring);
	if (len > XENSTORE_RING_SIZE - used)
		len = XENSTORE_RING_SIZE - used;
	first = XENSTORE_RING_SIZE - at;
	if (first > len)
		first = (uint32_t)len;
	barrier_full();
	memcpy(ring->rsp + at, from, first);
	memcpy(ring->rsp, (const char *)from + first, len - first);
	barrier_full();
	if (len)
		write_once(&ring->rsp_prod, prod + (uint32_t)len);
	return (ssize_t)len;
}

void ring_announce(struct xenstore_domain_interface *ring)
{
	write_once(&ring->server_features,
		   XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR);
}

bool ring_reconnect(struct xenstore_domain_interface *ring)
{
	if (read_once(&ring->connection) != XENSTORE_RECONNECT)
		return false;
	write_once(&ring->req_cons, 0);
	write_once(&ring->req_prod, 0);
	write_once(&ring->rsp_cons, 0);
	write_once(&ring->rsp_prod, 0);
	write_once(&ring->error, XENSTORE_ERROR_NONE);
	barrier_full();
	write_once(&ring->connection, XENSTORE_CONNECTED);
	return true;
}
