/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall memory_op: a domain's memory grows, shrinks and moves. The number of extents done so
 * far travels in the upper bits of the command, so that long calls can stop and continue.
 */
#include "hypercall/control.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/guest.h"
#include "mm/heap.h"
#include "xsm/xsm.h"

#define MEMORY_MAP_MAX 128
/* Guests may ask for so much at once; more is refused and the caller tries smaller extents. */
#define ORDER_MAX      P2M_ORDER_2M

/* Allocates and maps 2^@order frames at @gfn. */
static int populate_one(struct domain *d, gfn_t gfn, unsigned int order)
{
	mfn_t mfn;
	int rc = frame_alloc_guest(d, order, &mfn);

	if (rc)
		return rc;
	if (order == P2M_ORDER_2M && !(gfn.v & ((1UL << order) - 1))) {
		rc = p2m_map(&d->p2m, gfn, mfn, order, P2M_RAM);
		for (uint64_t i = 0; rc && i < 1UL << order; i++)
			frame_unref(mfn_add(mfn, i));
		return rc;
	}
	/* What was there goes at once: not with a flush for each page. */
	if (order)
		rc = p2m_release_ram(&d->p2m, gfn, 1UL << order, true);
	for (uint64_t i = 0; i < 1UL << order; i++) {
		if (!rc)
			rc = p2m_map(&d->p2m, gfn_add(gfn, i), mfn_add(mfn, i), 0, P2M_RAM);
		if (rc)
			frame_unref(mfn_add(mfn, i));
	}
	return rc;
}

/* Takes 2^@order frames of RAM away. Stops at the first that is none. */
static int release_one(struct domain *d, gfn_t gfn, unsigned int order)
{
	struct p2m_entry e = p2m_lookup(&d->p2m, gfn);

	if (order == P2M_ORDER_2M && !(gfn.v & ((1UL << order) - 1)) && e.type == P2M_RAM &&
	    e.order >= order)
		return p2m_unmap(&d->p2m, gfn, order);
	return p2m_release_ram(&d->p2m, gfn, 1UL << order, false);
}

/* Extent @i of the list of populate or decrease; increase has no use for one. */
static int extent_change(struct op_call *call, const struct xen_memory_reservation *r, uint64_t i)
{
	xen_pfn_t pfn;

	if (call->op->nr == XENMEM_increase_reservation)
		return frame_alloc_unmapped(call->d, r->extent_order);
	if (guest_read_elem(&pfn, r->extent_start, i))
		return -EFAULT;
	if (call->op->nr == XENMEM_populate_physmap)
		return populate_one(call->d, (gfn_t) { pfn }, r->extent_order);
	return release_one(call->d, (gfn_t) { pfn }, r->extent_order);
}

/* Populate, increase and decrease: returns how many extents are done in all. */
static long reservation_op(struct op_call *call)
{
	struct xen_memory_reservation r;
	uint64_t i = call->start;
	int rc;

	if (guest_read(&r, call->arg, sizeof(r)) || r.extent_order > ORDER_MAX)
		return (long)i;
	call->d = domain_lookup_self(r.domid);
	if (!call->d)
		return (long)i;
	rc = xsm_domain(&call->caller->label, &call->d->label, XSM_MMU__ADJUST);
	if (rc)
		return rc;
	for (; !rc && i < r.nr_extents; i += !rc) {
		if (op_stop(call, i))
			return -ERESTART_CALL;
		rc = extent_change(call, &r, i);
	}
	return (long)i;
}

/* Numbers: of the domain, or of the host. */
static long query(struct op_call *call)
{
	switch (call->op->nr) {
	case XENMEM_current_reservation:
		return (long)READ_ONCE(call->d->tot_pages);
	case XENMEM_maximum_reservation:
		return (long)call->d->max_pages;
	case XENMEM_maximum_gpfn:
		return (long)READ_ONCE(call->d->p2m.max_gfn);
	case XENMEM_maximum_ram_page:
		return (long)frame_counts.total;
	default:
		return 0; /* nothing is shared */
	}
}

static long memory_map(struct op_call *call)
{
	const struct domain *d = call->caller;
	struct xen_memory_map map;
	int rc;

	if (!d->memory_map)
		return -ENOSYS;
	if (guest_read(&map, call->arg, sizeof(map)))
		return -EFAULT;
	map.nr_entries = min(map.nr_entries, d->nr_memory_map);
	rc = guest_write(handle_gva(map.buffer), d->memory_map,
			 map.nr_entries * sizeof(struct e820entry));
	return rc ? rc : guest_write(call->arg, &map, sizeof(map));
}

static long set_memory_map(struct op_call *call)
{
	const struct xen_memory_map *from = &call->u.foreign_map.map;
	struct e820entry *map, *old;
	size_t size = from->nr_entries * sizeof(*map);
	int rc = 0;

	if (from->nr_entries == 0 || from->nr_entries > MEMORY_MAP_MAX)
		return -EINVAL;
	map = xmalloc(size);
	if (!map)
		return -ENOMEM;
	if (guest_read(map, handle_gva(from->buffer), size)) {
		xfree(map);
		return -EFAULT;
	}
	spin_lock(&call->d->lock);
	old = call->d->memory_map;
	/* A guest may be reading the old one only while it runs: not before its builder is done. */
	if (call->d->state == DOMAIN_BUILDING) {
		call->d->memory_map = map;
		call->d->nr_memory_map = from->nr_entries;
		map = old;
	} else {
		rc = -EBUSY;
	}
	spin_unlock(&call->d->lock);
	xfree(map);
	return rc;
}

/* There is no populate-on-demand: the target is what the domain has. */
static long pod_target(struct op_call *call)
{
	call->u.pod.tot_pages = READ_ONCE(call->d->tot_pages);
	call->u.pod.pod_cache_pages = call->u.pod.pod_entries = 0;
	return 0;
}

static long claim_pages(struct op_call *call)
{
	const struct xen_memory_reservation *r = &call->u.reservation;

	if (r->extent_order || r->mem_flags || handle_gva(r->extent_start).v)
		return -EINVAL;
	return frames_claim(call->d, r->nr_extents);
}

/* Reads the argument of an operation that has one, and finds the domain that it names. */
static int find_domain(struct op_call *call)
{
	const struct op_entry *op = call->op;
	domid_t domid;

	if (!op || !op->size)
		return 0;
	call->size = op->size;
	if (guest_read(&call->u, call->arg, op->size))
		return -EFAULT;
	memcpy(&domid, (const char *)&call->u + op->domid_at, sizeof(domid));
	call->d = domain_lookup_self(domid);
	return call->d ? 0 : -ESRCH;
}

static const struct op_entry entries[] = {
	OP(XENMEM_increase_reservation, OP_HOOK_IN_ACT, reservation_op, 0),
	OP(XENMEM_decrease_reservation, OP_HOOK_IN_ACT, reservation_op, 0),
	OP(XENMEM_populate_physmap, OP_HOOK_IN_ACT, reservation_op, 0),
	OP(XENMEM_maximum_ram_page, OP_HOOK_NONE, query, 0),
	OP_OF(memory_domid, XENMEM_current_reservation, XSM_MMU__STAT, query, 0),
	OP_OF(memory_domid, XENMEM_maximum_reservation, XSM_MMU__STAT, query, 0),
	OP_OF(memory_domid, XENMEM_maximum_gpfn, XSM_MMU__STAT, query, 0),
	OP_OF(xen_add_to_physmap, XENMEM_add_to_physmap, XSM_MMU__PHYSMAP, physmap_add, OP_ALIVE),
	OP_OF(xen_add_to_physmap_batch, XENMEM_add_to_physmap_batch, XSM_MMU__PHYSMAP,
	      physmap_add_batch, OP_ALIVE),
	OP_OF(xen_remove_from_physmap, XENMEM_remove_from_physmap, XSM_MMU__PHYSMAP, physmap_remove,
	      OP_ALIVE),
	OP(XENMEM_memory_map, OP_HOOK_NONE, memory_map, 0),
	OP_OF(xen_foreign_memory_map, XENMEM_set_memory_map, XSM_MMU__MEMORYMAP, set_memory_map, 0),
	OP_OF(xen_pod_target, XENMEM_set_pod_target, XSM_DOMAIN__SETPODTARGET, pod_target, OP_OUT),
	OP_OF(xen_pod_target, XENMEM_get_pod_target, XSM_DOMAIN__GETPODTARGET, pod_target, OP_OUT),
	OP(XENMEM_get_sharing_freed_pages, OP_HOOK_NONE, query, 0),
	OP(XENMEM_get_sharing_shared_pages, OP_HOOK_NONE, query, 0),
	OP_OF(xen_memory_reservation, XENMEM_claim_pages, XSM_DOMAIN2__SETCLAIM, claim_pages,
	      OP_ALIVE),
	OP_OF(xen_mem_acquire_resource, XENMEM_acquire_resource, XSM_DOMAIN2__RESOURCE_MAP,
	      physmap_acquire_resource, 0),
};

const struct op_table memory_ops = {
	.hypercall = "memory_op",
	OP_ENTRIES(entries),
	.nr_bits = MEMOP_EXTENT_SHIFT,
	.find = find_domain,
};
