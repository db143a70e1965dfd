/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on the tables themselves: their size, their version, their frames. */
#include "grant/table.h"

/* The domain that an operation on a table names. The policy is asked for @perm. */
static int table_owner(const struct domain *d, domid_t domid, enum xsm_perm perm,
		       struct domain **owner)
{
	*owner = domain_lookup_self(domid);
	if (!*owner)
		return GNTST_bad_domain;
	return xsm_domain(&d->label, &(*owner)->label, perm) ? GNTST_permission_denied : GNTST_okay;
}

/* Writes the gfns of the first @nr frames; those not in the guest's memory yet are ~0. */
static int frames_list(const struct domain *rd, gva_t list, uint32_t nr)
{
	int status = GNTST_okay;

	for (uint32_t i = 0; i < nr; i++) {
		xen_pfn_t gfn = rd->grant->gfn[i].v;

		if (guest_write(gva_add(list, i * sizeof(gfn)), &gfn, sizeof(gfn)))
			status = GNTST_bad_virt_addr;
	}
	return status;
}

int grant_setup_table(struct domain *d, void *arg)
{
	struct gnttab_setup_table *op = arg;
	struct domain *rd;
	int status = table_owner(d, op->dom, XSM_GRANT__SETUP, &rd);

	if (status != GNTST_okay)
		return status;
	if (grant_grow(rd, op->nr_frames))
		return GNTST_general_error;
	return frames_list(rd, handle_gva(op->frame_list), op->nr_frames);
}

int grant_query_size(struct domain *d, void *arg)
{
	struct gnttab_query_size *op = arg;
	struct domain *rd;
	int status = table_owner(d, op->dom, XSM_GRANT__QUERY, &rd);

	if (status != GNTST_okay)
		return status;
	op->nr_frames = READ_ONCE(rd->grant->nr_frames);
	op->max_nr_frames = rd->grant->max_frames;
	return GNTST_okay;
}

/* Only version 1 is offered; what Xen says of 2 with gnttab=max-ver:1. */
int grant_set_version(struct domain *d, void *arg)
{
	struct gnttab_set_version *op = arg;
	uint32_t asked = op->version;

	op->version = 1;
	if (asked != 1)
		return asked == 2 ? -ENOSYS : -EINVAL;
	return xsm_domain(&d->label, &d->label, XSM_GRANT__SETUP);
}

int grant_get_version(struct domain *d, void *arg)
{
	struct gnttab_get_version *op = arg;
	const struct domain *rd = domain_lookup_self(op->dom);

	if (!rd)
		return -ESRCH;
	op->version = 1;
	return xsm_domain(&d->label, &rd->label, XSM_GRANT__QUERY);
}

static int swap_locked(struct grant_table *gt, grant_ref_t a, grant_ref_t b)
{
	uint64_t *entry_a = (uint64_t *)grant_shared(gt, a);
	uint64_t *entry_b = (uint64_t *)grant_shared(gt, b);
	uint64_t old;

	if (grant_in_use(grant_active(gt, a)) || grant_in_use(grant_active(gt, b)))
		return GNTST_eagain;
	old = READ_ONCE(*entry_a);
	WRITE_ONCE(*entry_a, READ_ONCE(*entry_b));
	WRITE_ONCE(*entry_b, old);
	return GNTST_okay;
}

int grant_swap(struct domain *d, void *arg)
{
	const struct gnttab_swap_grant_ref *op = arg;
	struct grant_table *gt = d->grant;
	int status;

	if (op->ref_a >= grant_entries(gt) || op->ref_b >= grant_entries(gt))
		return GNTST_bad_gntref;
	if (op->ref_a == op->ref_b)
		return GNTST_okay;
	spin_lock(&gt->lock);
	status = swap_locked(gt, op->ref_a, op->ref_b);
	spin_unlock(&gt->lock);
	return status;
}
