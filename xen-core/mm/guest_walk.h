/* SPDX-License-Identifier: BSD-2-Clause */
/* A software walk of a guest's own page tables. */
#ifndef CORE_GUEST_WALK_H
#define CORE_GUEST_WALK_H

#include "types.h"

struct guest_walk_state {
	uint64_t cr0, cr3, cr4, efer;
};

/*
 * Translates @va as a supervisor access of a guest with registers @st; sets accessed and dirty
 * bits as hardware does. Paging off, 32-bit, PAE and 4-level tables. -EFAULT: not present, not
 * writable, not canonical, or the tables are not in memory.
 */
int guest_walk(struct domain *d, const struct guest_walk_state *st, gva_t va, bool write,
	       gpa_t *out);

#endif
