/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring through which a domain talks to the store (struct xenstore_domain_interface). The page
 * belongs to the domain, which may write anything into it at any time: indices are read once and
 * checked, and what is copied out is not looked at in the page again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <xen/io/xs_wire.h>

/*
 * Copies up to `len` bytes of requests out of the ring (or answers into it). Returns how many, or
 * -EPROTO when the indices make no sense, which is told to the domain in the `error` field. The
 * caller notifies the domain when the result is not 0.
 */
ssize_t ring_recv(struct xenstore_domain_interface *ring, void *to, size_t len);
ssize_t ring_send(struct xenstore_domain_interface *ring, const void *from, size_t len);

/* Says what this store can do. */
void ring_announce(struct xenstore_domain_interface *ring);

/*
 * Whether the domain asks for its ring to be set up anew; if so that is done, and the caller
 * resets the connection and notifies the domain.
 */
bool ring_reconnect(struct xenstore_domain_interface *ring);
