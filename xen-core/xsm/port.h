/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What policy needs from the rest of the core beyond its headers for memory, locks, messages and
 * guest access. xsm asks none of the core's units by itself: these are implemented beside the domain
 * list (xen-core/domain/), and by the unit tests.
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

/*
 * Number of frames of the domain labelled @of that other domains have mapped without grants (the
 * builder's mappings). A domain can't be relabelled by another one while there are any, or its
 * builder would keep the view of a guest that it has just sealed.
 */
unsigned int xsm_port_foreign_frames(const struct xsm_label *of);

#endif
