/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What policy needs from the rest of the core beyond its headers for memory, locks, messages and
 * guest access. xsm asks none of the core's units by itself: these two are implemented beside the
 * domain list and the event channels (xen-core/domain/), and by the unit tests.
 */
#ifndef CORE_XSM_PORT_H
#define CORE_XSM_PORT_H

#include "types.h"

struct xsm_label;

/*
 * Label of the domain @domid (DOMID_SELF is resolved by the caller), or NULL. Good until this CPU
 * returns to a guest.
 */
struct xsm_label *xsm_port_label(uint16_t domid);

/* Calls @fn for every domain's label; used when a new policy changes what _self types there are. */
void xsm_port_each_label(void (*fn)(struct xsm_label *label));

/*
 * Label of the domain at the other end of interdomain port @port of the domain labelled @self, or
 * NULL when the port is not interdomain.
 */
const struct xsm_label *xsm_port_peer(const struct xsm_label *self, uint32_t port);

#endif
