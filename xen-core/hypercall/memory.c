/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall memory_op: a domain's memory grows, shrinks and moves. The number of extents done so
 * far travels in the upper bits of the command, so that long calls can stop and continue.
 */
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "hypercall/physmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/guest.h"
#include "mm/heap.h"
#include "xsm/xsm.h"

#define MEMORY_MAP_MAX 128
/* Guests may ask for so much at once; more is refused and the caller tries smaller extents. */
#define ORDER_MAX      P2M_ORDER_2M

/* A reservation's domain, checked with @perm. */
static int reservation_domain(struct op_call *call, uint16_t domid, enum xsm_perm perm)
{
	call->d = domain_lookup_self(domid);
	if (!call->d)
		return -ESRCH;
	return xsm_domain(&call->caller->label, &call->d->label, perm);
}

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

/* Populate and decrease: returns how many extents are done in all. */
static long reservation_op(struct op_call *call)
{
	bool grows = call->op->nr == XENMEM_populate_physmap;
	struct xen_memory_reservation r;
	uint64_t i = call->start;
	int rc;

	if (guest_read(&r, call->arg, sizeof(r)) || r.extent_order > ORDER_MAX)
		return (long)i;
	rc = reservation_domain(call, r.domid, XSM_MMU__ADJUST);
	if (rc)
		return rc == -EPERM ? rc : (long)i;
	if (grows && domain_is_dying(call->d))
		return (long)i;
	for (; i < r.nr_extents; i++) {
		xen_pfn_t pfn;

		if (i > call->start && hypercall_preempt()) {
			call->start = i;
			return -ERESTART_CALL;
		}
		if (guest_read_elem(&pfn, r.extent_start, i))
			break;
		rc = grows ? populate_one(call->d, (gfn_t) { pfn }, r.extent_order)
			   : release_one(call->d, (gfn_t) { pfn }, r.extent_order);
		if (rc)
			break;
	}
	return (long)i;
}

/* Operations whose argument is just a domid. */
static long stat_op(struct op_call *call)
{
	domid_t domid;
	int rc;

	if (guest_read(&domid, call->arg, sizeof(domid)))
		return -EFAULT;
	rc = reservation_domain(call, domid, XSM_MMU__STAT);
	if (rc)
		return rc;
	switch (call->op->nr) {
	case XENMEM_current_reservation:
		return (long)READ_ONCE(call->d->tot_pages);
	case XENMEM_maximum_reservation:
		return (long)call->d->max_pages;
	default:
		return (long)READ_ONCE(call->d->p2m.max_gfn);
	}
}

static long maximum_ram_page(struct op_call *call)
{
	return (long)frames_total();
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
	struct xen_foreign_memory_map fmap;
	struct e820entry *map, *old;
	size_t size;
	int rc;

	if (guest_read(&fmap, call->arg, sizeof(fmap)))
		return -EFAULT;
	if (fmap.map.nr_entries == 0 || fmap.map.nr_entries > MEMORY_MAP_MAX)
		return -EINVAL;
	rc = reservation_domain(call, fmap.domid, XSM_MMU__MEMORYMAP);
	if (rc)
		return rc;
	size = fmap.map.nr_entries * sizeof(*map);
	map = xmalloc(size);
	if (!map)
		return -ENOMEM;
	if (guest_read(map, handle_gva(fmap.map.buffer), size)) {
		xfree(map);
		return -EFAULT;
	}
	spin_lock(&call->d->lock);
	old = call->d->memory_map;
	/* A guest may be reading the old one only while it runs: not before its builder is done. */
	if (call->d->state == DOMAIN_BUILDING) {
		call->d->memory_map = map;
		call->d->nr_memory_map = fmap.map.nr_entries;
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
	struct xen_pod_target t;
	int rc;

	if (guest_read(&t, call->arg, sizeof(t)))
		return -EFAULT;
	rc = reservation_domain(call, t.domid,
				call->op->nr == XENMEM_set_pod_target ? XSM_DOMAIN__SETPODTARGET
								      : XSM_DOMAIN__GETPODTARGET);
	if (rc)
		return rc;
	t.tot_pages = READ_ONCE(call->d->tot_pages);
	t.pod_cache_pages = t.pod_entries = 0;
	return guest_write(call->arg, &t, sizeof(t));
}

static long nothing_shared(struct op_call *call)
{
	return 0;
}

static long claim_pages(struct op_call *call)
{
	struct xen_memory_reservation r;
	int rc;

	if (guest_read(&r, call->arg, sizeof(r)))
		return -EFAULT;
	if (r.extent_order || r.mem_flags || handle_gva(r.extent_start).v)
		return -EINVAL;
	rc = reservation_domain(call, r.domid, XSM_DOMAIN2__SETCLAIM);
	if (rc)
		return rc;
	return domain_is_dying(call->d) ? -EINVAL : frames_claim(call->d, r.nr_extents);
}

static const struct op_entry entries[] = {
	OP(XENMEM_decrease_reservation, OP_HOOK_IN_ACT, reservation_op),
	OP(XENMEM_populate_physmap, OP_HOOK_IN_ACT, reservation_op),
	OP(XENMEM_maximum_ram_page, OP_HOOK_NONE, maximum_ram_page),
	OP(XENMEM_current_reservation, OP_HOOK_IN_ACT, stat_op),
	OP(XENMEM_maximum_reservation, OP_HOOK_IN_ACT, stat_op),
	OP(XENMEM_maximum_gpfn, OP_HOOK_IN_ACT, stat_op),
	OP(XENMEM_add_to_physmap, OP_HOOK_IN_ACT, physmap_add),
	OP(XENMEM_add_to_physmap_batch, OP_HOOK_IN_ACT, physmap_add_batch),
	OP(XENMEM_remove_from_physmap, OP_HOOK_IN_ACT, physmap_remove),
	OP(XENMEM_memory_map, OP_HOOK_NONE, memory_map),
	OP(XENMEM_set_memory_map, OP_HOOK_IN_ACT, set_memory_map),
	OP(XENMEM_set_pod_target, OP_HOOK_IN_ACT, pod_target),
	OP(XENMEM_get_pod_target, OP_HOOK_IN_ACT, pod_target),
	OP(XENMEM_get_sharing_freed_pages, OP_HOOK_NONE, nothing_shared),
	OP(XENMEM_get_sharing_shared_pages, OP_HOOK_NONE, nothing_shared),
	OP(XENMEM_claim_pages, OP_HOOK_IN_ACT, claim_pages),
	OP(XENMEM_acquire_resource, OP_HOOK_IN_ACT, physmap_acquire_resource),
};

const struct op_table memory_ops = {
	.hypercall = "memory_op",
	OP_ENTRIES(entries),
	OP_REFUSED(XENMEM_increase_reservation, XENMEM_machphys_mfn_list,
		   XENMEM_machphys_compat_mfn_list, XENMEM_machphys_mapping,
		   XENMEM_machine_memory_map, XENMEM_paging_op, XENMEM_access_op, XENMEM_sharing_op,
		   XENMEM_exchange, XENMEM_reserved_device_memory_map, XENMEM_get_vnumainfo),
};

long do_memory_op(struct hypercall_args *args)
{
	struct op_call call = { .caller = current_domain(),
				.arg = { args->a[1] },
				.start = args->a[0] >> MEMOP_EXTENT_SHIFT };
	uint64_t nr = args->a[0] & ((1UL << MEMOP_EXTENT_SHIFT) - 1);
	long rc = op_run(&memory_ops, nr, &call);

	if (rc == -ERESTART_CALL)
		args->a[0] = nr | call.start << MEMOP_EXTENT_SHIFT;
	return rc;
}
