/* SPDX-License-Identifier: BSD-2-Clause */
/* The domains of a real host, through the stable Xen libraries. */
#ifndef STORE_XEN_H
#define STORE_XEN_H

#include "daemon.h"

extern const struct domains_backend xen_domains;

#endif
