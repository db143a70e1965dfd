/* SPDX-License-Identifier: BSD-2-Clause */
/* GNTTABOP_copy. Each side is a grant, or a frame of the caller's own. */
#include "grant/table.h"
#include "mm/frame.h"

struct copy_side {
	const struct gnttab_copy_ptr *ptr;
	bool gref, write;
	struct domain *domain;
	mfn_t mfn;
};

/* Only the caller's own memory is named by frame; a grant of its own is fine too. */
static int side_domain(struct copy_side *side)
{
	if (side->ptr->domid != DOMID_SELF && !side->gref)
		return GNTST_permission_denied;
	side->domain = domain_lookup_self(side->ptr->domid);
	return side->domain ? GNTST_okay : GNTST_bad_domain;
}

static int side_claim(const struct domain *d, struct copy_side *side)
{
	if (side->gref)
		return grant_pin(side->domain, side->ptr->u.ref, d->id, side->write, false,
				 &side->mfn);
	side->mfn = p2m_ram(&side->domain->p2m, (gfn_t) { side->ptr->u.gmfn });
	return mfn_eq(side->mfn, MFN_INVALID) ? GNTST_bad_page : GNTST_okay;
}

static void side_release(const struct copy_side *side)
{
	if (side->gref)
		grant_unpin(side->domain, side->ptr->u.ref, side->write);
}

/* Both sides are claimed. */
static int copy_bytes(const struct copy_side *source, const struct copy_side *dest, uint16_t len)
{
	uint8_t *from, *to;

	if (source->ptr->offset + len > PAGE_SIZE || dest->ptr->offset + len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	from = window_open(source->mfn);
	to = window_open(dest->mfn);
	if (mfn_eq(source->mfn, dest->mfn))
		memmove(to + dest->ptr->offset, to + source->ptr->offset, len);
	else
		memcpy(to + dest->ptr->offset, from + source->ptr->offset, len);
	window_close(to);
	window_close(from);
	return GNTST_okay;
}

int grant_copy(struct domain *d, void *arg)
{
	const struct gnttab_copy *op = arg;
	struct copy_side source = { &op->source, .gref = op->flags & GNTCOPY_source_gref };
	struct copy_side dest = { &op->dest, .gref = op->flags & GNTCOPY_dest_gref, .write = true };
	int status = side_domain(&source);

	if (status == GNTST_okay)
		status = side_domain(&dest);
	if (status == GNTST_okay &&
	    xsm_domain(&source.domain->label, &dest.domain->label, XSM_GRANT__COPY))
		status = GNTST_permission_denied;
	if (status == GNTST_okay)
		status = side_claim(d, &source);
	if (status != GNTST_okay)
		return status;
	status = side_claim(d, &dest);
	if (status == GNTST_okay) {
		status = copy_bytes(&source, &dest, op->len);
		side_release(&dest);
	}
	side_release(&source);
	return status;
}
