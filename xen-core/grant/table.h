/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of grant/ share: a domain's grant table and its map tracking.
 *
 * Locks. gt->lock (LOCK_GRANT) guards the active entries of the domain's own grants and the growth
 * of its table. The maptrack (what this domain has mapped of others) has a lock of its own for the
 * list of free handles; an entry in use belongs to whoever takes its flags away atomically. No
 * operation holds two of these locks at once, so a domain may map its own grants.
 *
 * An active entry that is in use (mapped, or being copied from or to) holds a reference to its
 * frame; each mapping's p2m entry holds another; each maptrack entry in use holds a reference to
 * the granting domain, whose table therefore lives as long as it is needed.
 */
#pragma once

#include "domain/domain.h"
#include "grant/grant.h"
#include "lib/string.h"

#define GRANTS_PER_FRAME    (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define GRANT_FRAMES_MAX    64	 /* Xen's default for gnttab_max_frames= */
#define MAPTRACK_FRAMES_MAX 1024 /* Xen's default for gnttab_max_maptrack_frames= */

/* A grant in use. Both counts are below GRANT_USERS_MAX. */
struct grant_active {
	mfn_t mfn;
	uint16_t domid; /* the grantee */
	uint16_t readers, writers;
};
#define GRANT_USERS_MAX 0x7fff

/* A mapping of another domain's grant. */
struct maptrack {
	struct domain *granter;
	uint32_t ref;	/* the grant reference, or the next free handle */
	uint32_t flags; /* GNTMAP_*; 0: free; MAPTRACK_BUSY: being made or undone */
};
#define MAPTRACK_BUSY	   (1U << 31)
#define MAPTRACK_NONE	   ~0U
#define MAPTRACK_PER_FRAME (PAGE_SIZE / sizeof(struct maptrack))

struct grant_table {
	struct spinlock lock;
	uint32_t nr_frames; /* published after the frame */
	uint32_t max_frames;
	struct grant_entry_v1 *shared[GRANT_FRAMES_MAX]; /* frames shared with the domain */
	struct grant_active *active[GRANT_FRAMES_MAX];	 /* as many entries for each */
	gfn_t gfn[GRANT_FRAMES_MAX];			 /* where the domain has put each frame */

	struct spinlock maptrack_lock;
	uint32_t max_maptrack_frames;
	uint32_t nr_maptrack;	    /* entries; published after the frame */
	uint32_t maptrack_free;	    /* first free handle or MAPTRACK_NONE */
	struct maptrack **maptrack; /* max_maptrack_frames */
	uint32_t destroy_next;
};

static inline uint32_t grant_entries(const struct grant_table *gt)
{
	return __atomic_load_n(&gt->nr_frames, __ATOMIC_ACQUIRE) * GRANTS_PER_FRAME;
}

static inline struct grant_entry_v1 *grant_shared(const struct grant_table *gt, grant_ref_t ref)
{
	return &gt->shared[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

static inline struct grant_active *grant_active(const struct grant_table *gt, grant_ref_t ref)
{
	return &gt->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

/* Under gt->lock. */
static inline bool grant_in_use(const struct grant_active *act)
{
	return act->readers || act->writers;
}

static inline struct maptrack *maptrack_entry(const struct grant_table *gt, grant_handle_t handle)
{
	return &gt->maptrack[handle / MAPTRACK_PER_FRAME][handle % MAPTRACK_PER_FRAME];
}

/*
 * Takes grant @ref of @rd into use for the domain @to: checks the entry, tells the granter by its
 * flags, and counts the use. With @map, a grant of a part of a page is refused. GNTST_okay and the
 * frame, which lives until grant_unpin(); or the status for the caller. No locks held.
 */
int16_t grant_pin(struct domain *rd, grant_ref_t ref, domid_t to, bool write, bool map, mfn_t *mfn);
void grant_unpin(struct domain *rd, grant_ref_t ref, bool write);

/* Grows @d's table to @frames. -EINVAL: above its limit; -ENOMEM (it may have grown a part). */
int grant_grow(struct domain *d, uint32_t frames);

/* One element of a list; returns its status, those of the versions 0 or -errno. */
int grant_map(struct domain *d, void *op);
int grant_unmap(struct domain *d, void *op);
int grant_unmap_and_replace(struct domain *d, void *op);
int grant_copy(struct domain *d, void *op);
int grant_swap(struct domain *d, void *op);
int grant_setup_table(struct domain *d, void *op);
int grant_query_size(struct domain *d, void *op);
int grant_set_version(struct domain *d, void *op);
int grant_get_version(struct domain *d, void *op);
