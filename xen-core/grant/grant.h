/* SPDX-License-Identifier: BSD-2-Clause */
/* Grant tables, version 1: one domain lets another map or copy single frames of its memory. */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include "xen_abi.h"
#include "types.h"
#include "lib/spinlock.h"

struct hypercall_args;
struct grant_table; /* the grants of one domain and what it has mapped; grant.c */

/*
 * Makes @d's table. Limits in frames, as XEN_DOMCTL_createdomain has them (negative: the core's
 * own maximum); -EINVAL when above that. -ENOMEM.
 */
int grant_init(struct domain *d, uint32_t max_grant_frames, uint32_t max_maptrack_frames);

/*
 * Releases what a dying domain has mapped from others, in steps of at most @budget mappings; true
 * when done. Grants that others still map stay valid memory until they unmap: each mapping holds a
 * reference to the granting domain. So grant_free() comes when the last reference is gone.
 */
bool grant_destroy(struct domain *d, unsigned int budget);
void grant_free(struct domain *d);

/* The hypercall: command, list and length. -ERESTART_CALL leaves in @args what is still to be done. */
long grant_table_op(struct hypercall_args *args);

/*
 * Frame @index of @d's shared table, growing the table up to there (XENMAPSPACE_grant_table,
 * XENMEM_acquire_resource). @status frames of version 2 do not exist: -EINVAL. The frame is
 * FRAME_SHARED of @d, without a new reference.
 */
int grant_table_frame(struct domain *d, uint32_t index, mfn_t *mfn);

/* How many frames @d's table may have. */
uint32_t grant_table_max_frames(const struct domain *d);

/* Where @d has put frame @index of its table in its own memory (for XENMAPSPACE moves). */
gfn_t grant_table_gfn(const struct domain *d, uint32_t index);
void grant_table_set_gfn(struct domain *d, uint32_t index, gfn_t gfn);

/* XEN_DOMCTL_set_gnttab_limits is gone in 4.17; sizes for domctl getdomaininfo and debug key 'g'. */
void grant_dump(void);

#endif
