/* SPDX-License-Identifier: BSD-2-Clause */
/* Grant tables, version 1: one domain lets another map or copy single frames of its memory. */
#pragma once

#include "xen_abi.h"
#include "types.h"

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
 * XENMEM_acquire_resource). The frame is FRAME_SHARED of @d, without a new reference; *@at is for the
 * caller to note where @d has put it in its own memory. -EINVAL: beyond its limit, as the status frames
 * of version 2 are; -ENOMEM.
 */
int grant_table_frame(struct domain *d, uint64_t index, mfn_t *mfn, gfn_t **at);

/* How many frames @d's table may have. */
uint32_t grant_table_max_frames(const struct domain *d);

/* Debug key 'g'. */
void grant_dump(void);
