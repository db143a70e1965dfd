/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping of grants into a domain's guest-physical memory: GNTTABOP_map_grant_ref, unmap_grant_ref
 * and unmap_and_replace. Checks and status codes come in Xen 4.17's order.
 */
#include "grant/table.h"
#include "mm/frame.h"
#include "mm/heap.h"

/* Adds a page of free handles. maptrack_lock is held. */
static bool maptrack_grow(struct grant_table *gt)
{
	uint32_t first = gt->nr_maptrack;
	struct maptrack *page;

	if (first / MAPTRACK_PER_FRAME >= gt->max_maptrack_frames)
		return false;
	page = xzalloc(PAGE_SIZE);
	if (!page)
		return false;
	for (uint32_t i = 0; i < MAPTRACK_PER_FRAME; i++)
		page[i].ref = i + 1 < MAPTRACK_PER_FRAME ? first + i + 1 : MAPTRACK_NONE;
	gt->maptrack[first / MAPTRACK_PER_FRAME] = page;
	gt->maptrack_free = first;
	__atomic_store_n(&gt->nr_maptrack, first + MAPTRACK_PER_FRAME, __ATOMIC_RELEASE);
	return true;
}

/* A free handle, busy from now on, that takes over a reference to @rd; MAPTRACK_NONE: there is none. */
static grant_handle_t maptrack_get(struct grant_table *gt, struct domain *rd)
{
	grant_handle_t handle = MAPTRACK_NONE;

	spin_lock(&gt->maptrack_lock);
	if (gt->maptrack_free != MAPTRACK_NONE || maptrack_grow(gt)) {
		struct maptrack *entry = maptrack_entry(gt, gt->maptrack_free);

		handle = gt->maptrack_free;
		gt->maptrack_free = entry->ref;
		entry->granter = rd;
		WRITE_ONCE(entry->flags, MAPTRACK_BUSY);
	}
	spin_unlock(&gt->maptrack_lock);
	return handle;
}

/* Gives back @handle and the reference to its granter. */
static void maptrack_put(struct grant_table *gt, grant_handle_t handle)
{
	struct maptrack *entry = maptrack_entry(gt, handle);
	struct domain *rd = entry->granter;

	spin_lock(&gt->maptrack_lock);
	entry->granter = NULL;
	WRITE_ONCE(entry->flags, 0);
	entry->ref = gt->maptrack_free;
	gt->maptrack_free = handle;
	spin_unlock(&gt->maptrack_lock);
	domain_put(rd);
}

/* The mapping @handle, made with @flags, is gone, or nobody can use it any more. */
static void mapping_end(struct grant_table *gt, grant_handle_t handle, uint32_t flags)
{
	const struct maptrack *entry = maptrack_entry(gt, handle);

	grant_unpin(entry->granter, entry->ref, !(flags & GNTMAP_readonly));
	maptrack_put(gt, handle);
}

static enum p2m_type map_type(uint32_t flags)
{
	return flags & GNTMAP_readonly ? P2M_GRANT_RO : P2M_GRANT_RW;
}

/* Puts @mfn of @rd, which is pinned, at @addr, where there is nothing or memory of the domain itself. */
static int map_host(struct domain *d, uint64_t addr, mfn_t mfn, const struct domain *rd,
		    uint32_t flags)
{
	int rc;

	if ((flags & ~(uint32_t)GNTMAP_readonly) != GNTMAP_host_map || !frame_ref(mfn, rd))
		return -EINVAL;
	rc = p2m_map(&d->p2m, gpa_to_gfn((gpa_t) { addr }), mfn, P2M_ORDER_4K, map_type(flags));
	if (rc)
		frame_unref(mfn);
	return rc;
}

static int map_policy(const struct domain *d, const struct domain *rd, uint32_t flags)
{
	int rc = xsm_domain(&d->label, &rd->label, XSM_GRANT__MAP_READ);

	if (!rc && !(flags & GNTMAP_readonly))
		rc = xsm_domain(&d->label, &rd->label, XSM_GRANT__MAP_WRITE);
	return rc;
}

/* Acts: the handle is taken, the granter referenced. */
static int map_grant(struct domain *d, struct domain *rd, struct gnttab_map_grant_ref *op,
		     grant_handle_t handle)
{
	bool write = !(op->flags & GNTMAP_readonly);
	struct maptrack *entry = maptrack_entry(d->grant, handle);
	mfn_t mfn;
	int status = grant_pin(rd, op->ref, d->id, write, true, &mfn);

	if (status != GNTST_okay)
		return status;
	if (map_host(d, op->host_addr, mfn, rd, op->flags)) {
		grant_unpin(rd, op->ref, write);
		return GNTST_general_error;
	}
	entry->ref = op->ref;
	__atomic_store_n(&entry->flags, op->flags, __ATOMIC_RELEASE);
	op->handle = handle;
	op->dev_bus_addr = 0; /* no machine address is told to a guest */
	return GNTST_okay;
}

int grant_map(struct domain *d, void *arg)
{
	struct gnttab_map_grant_ref *op = arg;
	grant_handle_t handle;
	struct domain *rd;
	int status;

	if (!(op->flags & (GNTMAP_device_map | GNTMAP_host_map)))
		return GNTST_bad_gntref;
	/* What is for PV guests only. */
	if (op->flags & (GNTMAP_device_map | GNTMAP_application_map | GNTMAP_contains_pte))
		return GNTST_general_error;
	rd = domain_lookup(op->dom);
	if (!rd)
		return GNTST_bad_domain;
	if (map_policy(d, rd, op->flags))
		return GNTST_permission_denied;
	if (!domain_get(rd))
		return GNTST_bad_domain;
	handle = maptrack_get(d->grant, rd);
	if (handle == MAPTRACK_NONE) {
		domain_put(rd);
		return GNTST_no_space;
	}
	status = map_grant(d, rd, op, handle);
	if (status != GNTST_okay)
		maptrack_put(d->grant, handle);
	return status;
}

/*
 * Undoes the mapping @handle at @addr. The entry is claimed by taking its flags away, so that of
 * two racing calls one fails; it is given back when the call turns out to be wrong.
 */
static int unmap(struct domain *d, grant_handle_t handle, uint64_t addr, bool replace)
{
	struct grant_table *gt = d->grant;
	struct maptrack *entry;
	int status = GNTST_okay;
	uint32_t flags;
	mfn_t mfn;

	if (handle >= __atomic_load_n(&gt->nr_maptrack, __ATOMIC_ACQUIRE))
		return GNTST_bad_handle;
	entry = maptrack_entry(gt, handle);
	flags = READ_ONCE(entry->flags);
	if (!(flags & GNTMAP_host_map) ||
	    !__atomic_compare_exchange_n(&entry->flags, &flags, MAPTRACK_BUSY, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return GNTST_bad_handle;
	mfn = grant_active(entry->granter->grant, entry->ref)->mfn; /* fixed while it is mapped */
	if (xsm_domain(&d->label, &entry->granter->label, XSM_GRANT__UNMAP))
		status = GNTST_permission_denied;
	else if (addr &&
		 (replace || p2m_take(&d->p2m, gpa_to_gfn((gpa_t) { addr }), mfn, map_type(flags))))
		status = GNTST_general_error;
	if (status != GNTST_okay || !addr) { /* without an address there is nothing to undo */
		__atomic_store_n(&entry->flags, flags, __ATOMIC_RELEASE);
		return status;
	}
	frame_unref(mfn);
	mapping_end(gt, handle, flags);
	return GNTST_okay;
}

int grant_unmap(struct domain *d, void *arg)
{
	const struct gnttab_unmap_grant_ref *op = arg;

	return unmap(d, op->handle, op->host_addr, false);
}

/* Replacing is a matter of page tables that the core does not keep for its guests. */
int grant_unmap_and_replace(struct domain *d, void *arg)
{
	const struct gnttab_unmap_and_replace *op = arg;

	return unmap(d, op->handle, op->host_addr, op->new_addr != 0);
}

bool grant_destroy(struct domain *d, unsigned int budget)
{
	struct grant_table *gt = d->grant;

	for (; gt->destroy_next < gt->nr_maptrack; gt->destroy_next++) {
		uint32_t flags = maptrack_entry(gt, gt->destroy_next)->flags;

		if (!(flags & GNTMAP_host_map))
			continue;
		if (!budget--)
			return false;
		/* The p2m entry and its reference go with the p2m; no vCPU can use them now. */
		mapping_end(gt, gt->destroy_next, flags);
	}
	return true;
}
