/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Acts of memory_op that change where in a guest's physical map something is. Every entry made here
 * holds a reference of its frame (mm/frame.h).
 */
#include "grant/grant.h"
#include "hypercall/control.h"
#include "mm/frame.h"
#include "mm/guest.h"
#include "xsm/xsm.h"

#define RESOURCE_FRAMES_MAX 32

/*
 * Maps a frame of @owner at @gfn of @d. The policy is asked after the frame is counted: relabelling
 * (xsm/flask_op.c) changes the label before it looks at the count. So a guest that is being sealed
 * either sees this mapping and stays as it is, or this mapping sees the new label.
 */
static int map_foreign(struct domain *d, gfn_t gfn, mfn_t mfn, struct domain *owner,
		       enum xsm_perm perm)
{
	int rc;

	/* The core's own pages do not keep their domain by themselves, as its memory does. */
	if (!domain_get(owner))
		return -ESRCH;
	if (!frame_ref(mfn, owner)) {
		domain_put(owner);
		return -EINVAL;
	}
	__atomic_add_fetch(&owner->label.foreign_frames, 1, __ATOMIC_SEQ_CST);
	rc = xsm_domain(&current_domain()->label, &owner->label, perm);
	if (!rc)
		rc = p2m_map(&d->p2m, gfn, mfn, 0, P2M_FOREIGN);
	if (rc) {
		__atomic_sub_fetch(&owner->label.foreign_frames, 1, __ATOMIC_SEQ_CST);
		frame_unref(mfn);
		domain_put(owner);
	}
	return rc;
}

/* A frame of the core that @d may have in one place: moves from *@at to @gfn. */
static int move_shared(struct domain *d, gfn_t *at, gfn_t gfn, mfn_t mfn)
{
	int rc;

	if (!gfn_eq(*at, GFN_INVALID) && !gfn_eq(*at, gfn) &&
	    !p2m_take(&d->p2m, *at, mfn, P2M_SHARED_RW))
		frame_unref(mfn);
	if (!frame_ref(mfn, d))
		return -EINVAL;
	rc = p2m_map(&d->p2m, gfn, mfn, 0, P2M_SHARED_RW);
	if (rc)
		frame_unref(mfn);
	else
		*at = gfn;
	return rc;
}

static int add_grant_frame(struct domain *d, uint64_t idx, gfn_t gfn)
{
	gfn_t *at;
	mfn_t mfn;
	int rc = grant_table_frame(d, idx, &mfn, &at);

	return rc ? rc : move_shared(d, at, gfn, mfn);
}

/* Moves the domain's own frame from @idx to @gfn. */
static int move_ram(struct domain *d, uint64_t idx, gfn_t gfn)
{
	mfn_t mfn = p2m_ram(&d->p2m, (gfn_t) { idx });
	int rc;

	if (mfn_eq(mfn, MFN_INVALID))
		return -EINVAL;
	if (idx == gfn.v)
		return 0;
	rc = p2m_take(&d->p2m, (gfn_t) { idx }, mfn, P2M_RAM);
	if (rc)
		return rc;
	rc = p2m_map(&d->p2m, gfn, mfn, 0, P2M_RAM);
	if (rc)
		frame_unref(mfn);
	return rc;
}

static int add_foreign(struct domain *d, struct domain *owner, uint64_t idx, gfn_t gfn)
{
	struct p2m_entry e;

	if (domain_is_dying(owner))
		return -ESRCH;
	e = p2m_lookup(&owner->p2m, (gfn_t) { idx });
	/* Not what is read-only for its owner: this mapping would not be. */
	if (e.type != P2M_RAM && e.type != P2M_SHARED_RW)
		return -EINVAL;
	return map_foreign(d, gfn, e.mfn, owner, XSM_MMU__MAP_WRITE);
}

static int add_one(struct domain *d, struct domain *foreign, unsigned int space, uint64_t idx,
		   gfn_t gfn)
{
	switch (space) {
	case XENMAPSPACE_shared_info:
		return idx ? -EINVAL
			   : move_shared(d, &d->shared_gfn, gfn, core_va_to_mfn(d->shared));
	case XENMAPSPACE_grant_table:
		return add_grant_frame(d, idx, gfn);
	case XENMAPSPACE_gmfn:
	case XENMAPSPACE_gmfn_range:
		return move_ram(d, idx, gfn);
	case XENMAPSPACE_gmfn_foreign:
		return add_foreign(d, foreign, idx, gfn);
	default:
		return -EINVAL;
	}
}

long physmap_add(struct op_call *call)
{
	const struct xen_add_to_physmap *x = &call->u.add_to_physmap;
	int rc = 0;

	/* The structure has no room for a foreign domain. */
	if (x->space == XENMAPSPACE_gmfn_foreign)
		return -ENOSYS;
	if (x->space != XENMAPSPACE_gmfn_range)
		return add_one(call->d, NULL, x->space, x->idx, (gfn_t) { x->gpfn });
	for (uint64_t i = call->start; i < x->size && !rc; i++) {
		if (op_stop(call, i))
			return -ERESTART_CALL;
		rc = add_one(call->d, NULL, x->space, x->idx + i, (gfn_t) { x->gpfn + i });
	}
	return rc;
}

static int batch_foreign(struct op_call *call, const struct xen_add_to_physmap_batch *x,
			 struct domain **foreign)
{
	int rc;

	*foreign = NULL;
	if (x->space != XENMAPSPACE_gmfn_foreign)
		return x->space == XENMAPSPACE_gmfn_range ? -EOPNOTSUPP : 0;
	*foreign = domain_lookup(x->u.foreign_domid);
	if (!*foreign || *foreign == call->d)
		return *foreign ? -EINVAL : -ESRCH;
	rc = xsm_domain(&call->caller->label, &(*foreign)->label, XSM_MMU__MAP_READ);
	return rc ? rc : xsm_domain(&call->caller->label, &(*foreign)->label, XSM_MMU__MAP_WRITE);
}

long physmap_add_batch(struct op_call *call)
{
	const struct xen_add_to_physmap_batch *x = &call->u.add_batch;
	struct domain *foreign;
	int rc = batch_foreign(call, x, &foreign);

	if (rc)
		return rc;
	for (uint64_t i = call->start; i < x->size; i++) {
		xen_ulong_t idx;
		xen_pfn_t gpfn;

		if (op_stop(call, i))
			return -ERESTART_CALL;
		if (guest_read_elem(&idx, x->idxs, i) || guest_read_elem(&gpfn, x->gpfns, i))
			return -EFAULT;
		rc = add_one(call->d, foreign, x->space, idx, (gfn_t) { gpfn });
		if (guest_write_elem(x->errs, i, &rc))
			return -EFAULT;
	}
	return 0;
}

long physmap_remove(struct op_call *call)
{
	gfn_t gfn = { call->u.remove.gpfn };
	struct p2m_entry e = p2m_lookup(&call->d->p2m, gfn);

	if (e.type == P2M_NONE)
		return -ENOENT;
	/* Grants are unmapped by their handles alone. */
	if (e.type == P2M_GRANT_RW || e.type == P2M_GRANT_RO || e.type == P2M_MMIO_DIRECT)
		return -EINVAL;
	return p2m_unmap(&call->d->p2m, gfn, 0);
}

static long acquire_frames(struct op_call *call, const struct xen_mem_acquire_resource *r)
{
	for (uint32_t i = 0; i < r->nr_frames; i++) {
		xen_pfn_t gfn;
		gfn_t *own;
		mfn_t mfn;
		int rc = grant_table_frame(call->d, r->frame + i, &mfn, &own);

		if (rc)
			return rc;
		if (guest_read_elem(&gfn, r->frame_list, i))
			return -EFAULT;
		rc = map_foreign(call->caller, (gfn_t) { gfn }, mfn, call->d,
				 XSM_DOMAIN2__RESOURCE_MAP);
		if (rc)
			return rc;
	}
	return 0;
}

long physmap_acquire_resource(struct op_call *call)
{
	struct xen_mem_acquire_resource *r = &call->u.acquire;

	if (call->d == call->caller)
		return -ESRCH;
	if (r->pad)
		return -EINVAL;
	if (r->type != XENMEM_resource_grant_table)
		return -EOPNOTSUPP;
	if (r->id != XENMEM_resource_grant_table_id_shared || domain_is_dying(call->d))
		return -EINVAL;
	if (handle_gva(r->frame_list).v)
		return r->nr_frames > RESOURCE_FRAMES_MAX ? -E2BIG : acquire_frames(call, r);
	/* Just the question how many there can be. */
	if (r->nr_frames)
		return -EINVAL;
	r->nr_frames = grant_table_max_frames(call->d);
	return guest_write(call->arg, r, sizeof(*r));
}
