/* SPDX-License-Identifier: BSD-2-Clause */
/* The domains of a real host, through the stable Xen libraries. */
#pragma once

#include "daemon.h"

extern const struct domains_backend xen_domains;
