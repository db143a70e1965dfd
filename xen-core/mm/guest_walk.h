/* SPDX-License-Identifier: BSD-2-Clause */
/* A software walk of a guest's own page tables. */
#pragma once

#include "hvm/hvm.h"
#include "types.h"

/*
 * Translates @va as a supervisor access of a vCPU with control state @st; sets accessed and dirty
 * bits as hardware does. Paging off, 32-bit, PAE and 4-level tables. -EFAULT: not present, not
 * writable, not canonical, or the tables are not in memory.
 */
int guest_walk(struct domain *d, const struct guest_control *st, gva_t va, bool write, gpa_t *out);
