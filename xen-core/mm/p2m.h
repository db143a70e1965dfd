/* SPDX-License-Identifier: BSD-2-Clause */
/* A domain's guest-physical map: nested page tables and what each entry is. */
#pragma once

#include "types.h"
#include "lib/spinlock.h"

enum p2m_type {
	P2M_NONE = 0,	 /* nothing mapped */
	P2M_RAM,	 /* the domain's own memory, read-write-execute */
	P2M_RAM_RO,	 /* the domain's own memory, writes are dropped */
	P2M_SHARED_RW,	 /* a frame of the core shared with the domain (shared info, grant table) */
	P2M_FOREIGN,	 /* another domain's frame, mapped by a privileged domain */
	P2M_GRANT_RW,	 /* another domain's frame, granted */
	P2M_GRANT_RO,	 /* the same, read only */
	P2M_MMIO_DIRECT, /* device memory of an assigned device */
};

/* Page orders of entries. */
#define P2M_ORDER_4K 0
#define P2M_ORDER_2M 9

struct p2m {
	struct spinlock lock; /* LOCK_P2M: taken by changes, not by lookups */
	uint64_t root;	      /* the level-4 table, in the form of an entry; 0: torn down */
	struct domain *domain;
	uint64_t table_pages; /* nested page-table pages in use, charged to the domain */
	uint64_t
		table_limit; /* at most so many (XEN_DOMCTL_set_paging_mempool_size only raises it) */
	uint64_t max_gfn;    /* highest gfn ever mapped */
	uint64_t tlb_epoch; /* raised by every change that takes a right away */
};

struct p2m_entry {
	mfn_t mfn;
	enum p2m_type type;
	unsigned int order; /* of the entry that maps it; mfn is that of the very gfn asked */
};

int p2m_init(struct p2m *p2m, struct domain *d);

/* Looks one gfn up. Takes no lock; the result is good until the CPU returns to a guest (frame.h). */
struct p2m_entry p2m_lookup(const struct p2m *p2m, gfn_t gfn);

/*
 * Maps 2^@order frames; takes over the caller's reference of each. What was mapped there is
 * unmapped first, and its references dropped once no CPU can use it. Splits larger entries as
 * needed; an order of 2 MiB replaces a table of 4 KiB entries. -ENOMEM: no table page (nothing
 * changed); -EINVAL: beyond the guest-physical width, or not one of the orders above; -EBUSY: a grant
 * is mapped there, which goes by its handle alone, or this is a grant (of order 0) and what is mapped
 * there is more than the domain's own memory.
 */
int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type);

/*
 * Unmaps 2^@order frames at @gfn, dropping the references of what was mapped. -ENOMEM when a
 * larger entry would have to be split and there is no page for it; -EBUSY as p2m_map.
 */
int p2m_unmap(struct p2m *p2m, gfn_t gfn, unsigned int order);

/*
 * Takes @count frames of the domain's own memory at @gfn away, with one flush. -EINVAL at the first
 * that is none (those before it are gone); with @holes, such are left as they are. -ENOMEM.
 */
int p2m_release_ram(struct p2m *p2m, gfn_t gfn, uint64_t count, bool holes);

/*
 * Unmaps one gfn if it maps @mfn with @type, and hands the entry's reference to the caller.
 * -ENOENT otherwise. Flushes the TLBs before it returns.
 */
int p2m_take(struct p2m *p2m, gfn_t gfn, mfn_t mfn, enum p2m_type type);

/* The domain's own memory at @gfn (P2M_RAM), or MFN_INVALID. No reference (see p2m_lookup). */
mfn_t p2m_ram(const struct p2m *p2m, gfn_t gfn);

/*
 * Releases everything, in steps: unmaps up to @budget entries. Returns true when all is gone.
 * The domain must not run any more.
 */
bool p2m_teardown(struct p2m *p2m, unsigned int budget);

/* Raises the limit of nested page-table pages to what @max_pages of memory can need. */
void p2m_set_limit(struct p2m *p2m, uint64_t max_pages);

/* The root table and the identity of its TLB entries, for the hardware. */
maddr_t p2m_root(const struct p2m *p2m);
