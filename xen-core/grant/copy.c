/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GNTTABOP_copy. Each side is a grant, or a frame of the caller's own. Neighbouring elements of a
 * batch often name the same frame, so a side stays claimed until an element names another one.
 */
#include "grant/table.h"
#include "mm/window.h"

static void side_release(struct copy_side *side)
{
	if (side->claimed && side->gref)
		grant_unpin(side->domain, (grant_ref_t)side->id, side->write);
	side->claimed = false;
}

/* Whose memory @ptr names. Sets *@changed when that is not what the last element had. */
static int side_domain(struct copy_side *side, const struct gnttab_copy_ptr *ptr, bool gref,
		       bool *changed)
{
	/* Only the caller's own memory is named by frame; a grant of its own is fine too. */
	if (ptr->domid != DOMID_SELF && !gref)
		return GNTST_permission_denied;
	if (side->domain && side->domid == ptr->domid)
		return GNTST_okay;
	side_release(side);
	side->domain = domain_lookup_self(ptr->domid);
	side->domid = ptr->domid;
	*changed = true;
	return side->domain ? GNTST_okay : GNTST_bad_domain;
}

static int side_claim(const struct domain *d, struct copy_side *side,
		      const struct gnttab_copy_ptr *ptr, bool gref)
{
	uint64_t id = gref ? ptr->u.ref : ptr->u.gmfn;
	int status = GNTST_okay;

	if (side->claimed && side->gref == gref && side->id == id)
		return GNTST_okay;
	side_release(side);
	if (gref) {
		status = grant_pin(side->domain, (grant_ref_t)id, d->id, side->write, false,
				   &side->mfn);
	} else {
		side->mfn = p2m_ram(&side->domain->p2m, (gfn_t) { id });
		if (mfn_eq(side->mfn, MFN_INVALID))
			status = GNTST_bad_page;
	}
	side->gref = gref;
	side->id = id;
	side->claimed = status == GNTST_okay;
	return status;
}

static void copy_bytes(const struct copy_state *s, const struct gnttab_copy *op)
{
	uint8_t *from = window_open(s->source.mfn);
	uint8_t *to = window_open(s->dest.mfn);

	if (mfn_eq(s->source.mfn, s->dest.mfn))
		memmove(to + op->dest.offset, to + op->source.offset, op->len);
	else
		memcpy(to + op->dest.offset, from + op->source.offset, op->len);
	window_close(to);
	window_close(from);
}

static int copy_one(const struct domain *d, struct copy_state *s, const struct gnttab_copy *op)
{
	bool source_gref = op->flags & GNTCOPY_source_gref,
	     dest_gref = op->flags & GNTCOPY_dest_gref;
	bool changed = false;
	int status;

	status = side_domain(&s->source, &op->source, source_gref, &changed);
	if (status == GNTST_okay)
		status = side_domain(&s->dest, &op->dest, dest_gref, &changed);
	if (status == GNTST_okay && changed &&
	    xsm_domain(&s->source.domain->label, &s->dest.domain->label, XSM_GRANT__COPY))
		status = GNTST_permission_denied;
	if (status == GNTST_okay)
		status = side_claim(d, &s->source, &op->source, source_gref);
	if (status == GNTST_okay)
		status = side_claim(d, &s->dest, &op->dest, dest_gref);
	if (status != GNTST_okay)
		return status;
	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	copy_bytes(s, op);
	return GNTST_okay;
}

int grant_copy(struct domain *d, void *arg, struct copy_state *state)
{
	int status = copy_one(d, state, arg);

	if (status != GNTST_okay)
		grant_copy_end(state);
	return status;
}

void grant_copy_end(struct copy_state *s)
{
	side_release(&s->source);
	side_release(&s->dest);
	s->source.domain = NULL;
	s->dest.domain = NULL;
}
