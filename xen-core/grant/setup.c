/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on the tables themselves: their size, their version, their frames. */
#include "grant/table.h"

/*
 * The domain that an operation on a table names; NULL with the status to report. The policy is
 * asked for @perm.
 */
static struct domain *table_owner(const struct domain *d, domid_t domid, enum xsm_perm perm,
				  int16_t *status)
{
	struct domain *rd = domain_lookup_self(domid);

	*status = GNTST_okay;
	if (!rd || !rd->grant) {
		*status = GNTST_bad_domain;
		return NULL;
	}
	if (xsm_domain(&d->label, &rd->label, perm)) {
		*status = GNTST_permission_denied;
		return NULL;
	}
	return rd;
}

/* Writes the gfns of the first @nr frames; those not in the guest's memory yet are ~0. */
static int16_t frames_list(const struct domain *rd, gva_t list, uint32_t nr)
{
	int16_t status = GNTST_okay;

	for (uint32_t i = 0; i < nr; i++) {
		xen_pfn_t gfn = rd->grant->gfn[i].v;

		if (guest_write(gva_add(list, i * sizeof(gfn)), &gfn, sizeof(gfn)))
			status = GNTST_bad_virt_addr;
	}
	return status;
}

long grant_setup_table(struct domain *d, gva_t arg, unsigned int count)
{
	struct gnttab_setup_table op;
	struct domain *rd;
	int rc;

	if (count != 1)
		return -EINVAL;
	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	rd = table_owner(d, op.dom, XSM_GRANT__SETUP, &op.status);
	if (rd && op.nr_frames > rd->grant->max_frames)
		op.status = GNTST_general_error;
	if (op.status == GNTST_okay) {
		spin_lock(&rd->grant->lock);
		rc = grant_grow(rd, op.nr_frames);
		spin_unlock(&rd->grant->lock);
		op.status = rc ? GNTST_general_error
			       : frames_list(rd, handle_gva(op.frame_list), op.nr_frames);
	}
	return guest_write(arg, &op, sizeof(op)) ? -EFAULT : 0;
}

long grant_query_size(struct domain *d, gva_t arg, unsigned int count)
{
	struct gnttab_query_size op;
	struct domain *rd;

	if (count != 1)
		return -EINVAL;
	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	rd = table_owner(d, op.dom, XSM_GRANT__QUERY, &op.status);
	if (rd) {
		op.nr_frames = READ_ONCE(rd->grant->nr_frames);
		op.max_nr_frames = rd->grant->max_frames;
	}
	return guest_write(arg, &op, sizeof(op)) ? -EFAULT : 0;
}

/* Only version 1 is offered; what Xen says of 2 with gnttab=max-ver:1. */
long grant_set_version(struct domain *d, gva_t arg)
{
	struct gnttab_set_version op;
	int rc = 0;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.version != 1 && op.version != 2)
		rc = -EINVAL;
	else if (op.version == 2)
		rc = -ENOSYS;
	else
		rc = xsm_domain(&d->label, &d->label, XSM_GRANT__SETUP);
	op.version = 1;
	return guest_write(arg, &op, sizeof(op)) ? -EFAULT : rc;
}

long grant_get_version(struct domain *d, gva_t arg)
{
	struct gnttab_get_version op;
	struct domain *rd;
	int rc;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	rd = domain_lookup_self(op.dom);
	if (!rd)
		return -ESRCH;
	rc = xsm_domain(&d->label, &rd->label, XSM_GRANT__QUERY);
	if (rc)
		return rc;
	op.version = 1;
	return guest_write(arg, &op, sizeof(op)) ? -EFAULT : 0;
}

static int16_t swap_locked(struct grant_table *gt, grant_ref_t a, grant_ref_t b)
{
	const struct grant_active *act_a = grant_active(gt, a), *act_b = grant_active(gt, b);
	uint64_t *entry_a = (uint64_t *)grant_shared(gt, a);
	uint64_t *entry_b = (uint64_t *)grant_shared(gt, b);
	uint64_t old;

	if (act_a->readers || act_a->writers || act_b->readers || act_b->writers)
		return GNTST_eagain;
	old = READ_ONCE(*entry_a);
	WRITE_ONCE(*entry_a, READ_ONCE(*entry_b));
	WRITE_ONCE(*entry_b, old);
	return GNTST_okay;
}

void grant_swap_one(struct domain *d, void *arg, void *state)
{
	struct gnttab_swap_grant_ref *op = arg;
	struct grant_table *gt = d->grant;

	if (op->ref_a >= grant_entries(gt) || op->ref_b >= grant_entries(gt)) {
		op->status = GNTST_bad_gntref;
		return;
	}
	op->status = GNTST_okay;
	if (op->ref_a == op->ref_b)
		return;
	spin_lock(&gt->lock);
	op->status = swap_locked(gt, op->ref_a, op->ref_b);
	spin_unlock(&gt->lock);
}
