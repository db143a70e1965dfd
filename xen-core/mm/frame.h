/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine frames: one 16-byte record each, a buddy allocator of free ones, and references.
 *
 * A frame that belongs to a domain lives while its reference count is above zero: the p2m entry
 * that maps it holds one, each foreign or grant mapping holds one, each registered area (vcpu_info
 * and the like) holds one. A frame whose last reference goes away waits in limbo until every CPU
 * has passed a quiescent point (x86/epoch.h), is scrubbed, and is free then. So code that runs on
 * one CPU without returning to a guest may use what it looked up in a p2m without a reference.
 */
#pragma once

#include "types.h"

enum frame_kind {
	FRAME_NONE = 0, /* not memory, or not ours */
	FRAME_FREE,	/* in the buddy allocator (order is that of the block at its first frame) */
	FRAME_LIMBO,	/* no references left; to be scrubbed after a grace period */
	FRAME_CORE,	/* the core's own: heap, page tables; mapped at core_va() */
	FRAME_SHARED,	/* the core's, mapped at core_va(), and visible to its owner domain */
	FRAME_GUEST,	/* a domain's memory; mapped only through windows */
};

struct frame {
	uint32_t refs;
	uint16_t owner; /* domid of FRAME_GUEST and FRAME_SHARED, else DOMID_INVALID */
	uint8_t kind;	/* enum frame_kind */
	uint8_t order;	/* of a free or a core block, at its first frame */
	uint32_t next;	/* list links of the allocator, as frame numbers */
	uint32_t prev;
};

#define FRAME_MAX_ORDER 18 /* 1 GiB */

/* Record of @mfn, or NULL where there is no memory. */
struct frame *frame_get_record(mfn_t mfn);

/*
 * Allocates 2^@order frames for @d, zeroed, charged to it, with one reference each (for the p2m
 * entry that is to map them). -ENOMEM: none free, or claimed by others; -E2BIG: above d->max_pages.
 */
int frame_alloc_guest(struct domain *d, unsigned int order, mfn_t *mfn);

/*
 * 2^@order frames more for @d without a place in its map (XENMEM_increase_reservation), which it has for
 * as long as it lives. Errors as above; -ESRCH: it is dying.
 */
int frame_alloc_unmapped(struct domain *d, unsigned int order);
/* Lets up to @max of those go, when @d is dying; true: there are no more. */
bool frames_free_unmapped(struct domain *d, unsigned int max);

/*
 * Takes a reference to @mfn if it is memory of @owner (FRAME_GUEST or FRAME_SHARED) and alive.
 * Returns false otherwise (also when the count would overflow).
 */
bool frame_ref(mfn_t mfn, const struct domain *owner);

/* Drops a reference; with the last, the frame goes to limbo and its owner is uncharged. */
void frame_unref(mfn_t mfn);

/*
 * Boot: the frame table is at @table for frames below @max_mfn. Then each range of usable memory
 * is added (not scrubbed yet: frames are zeroed when they are handed out).
 */
void frames_boot(struct frame *table, uint64_t max_mfn);
void frames_boot_add(mfn_t start, mfn_t end);

/*
 * Core memory: 2^@order frames mapped at core_va() of the first, zeroed. For FRAME_SHARED, @owner
 * is charged nothing and must outlive it. Returns NULL when there is none.
 */
void *core_pages_alloc(unsigned int order);
void core_pages_free(void *va);
void *shared_page_alloc(struct domain *owner);
/* Drops the core's reference; the frame is freed when no mapping of it is left. */
void shared_page_free(void *va);

/* Where a core or shared frame is mapped; and back. Never for guest frames. */
void *core_va(mfn_t mfn);
mfn_t core_va_to_mfn(const void *va);

/* Numbers for xl info, in frames: to be read at any time, written by the allocator alone. */
extern struct frame_counts {
	uint64_t total;
	uint64_t free;	  /* ready to be allocated */
	uint64_t limbo;	  /* freed, not scrubbed yet */
	uint64_t claimed; /* promised to domains, not theirs yet */
	uint64_t max_mfn; /* the highest frame of memory */
} frame_counts;

/* Memory promised to @d (XENMEM_claim_pages). -ENOMEM when there is not that much unclaimed. */
int frames_claim(struct domain *d, uint64_t pages);

/*
 * Per-CPU windows (x86/paging.c): the only way by which the core sees guest memory. A window lasts for
 * one access and is private to the CPU that opened it. They nest as a stack: the last opened closes
 * first. At most 16 open at a time on a CPU. Cannot fail: @mfn must be memory.
 */
void *window_open(mfn_t mfn);
void window_close(void *va);

/* Scrubs and frees up to @max frames of limbo whose grace period is over; true: there are more. */
bool frames_reap(unsigned int max);
