/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GNTTABOP_copy. Each side is a grant, or a frame of the caller's own. Neighbouring elements of a
 * batch often name the same frame, so a side stays claimed until an element names another one.
 */
#include "grant/table.h"
#include "mm/window.h"

static void side_release(struct copy_side *side, bool write)
{
	if (side->claimed && side->gref)
		grant_unpin(side->domain, (grant_ref_t)side->id, write);
	side->claimed = false;
}

/* Whose memory @ptr names. Sets *@changed when that is not what the last element had. */
static int16_t side_domain(struct copy_side *side, const struct gnttab_copy_ptr *ptr, bool gref,
			   bool write, bool *changed)
{
	/* Only the caller's own memory is named by frame; a grant of its own is fine too. */
	if (ptr->domid != DOMID_SELF && !gref)
		return GNTST_permission_denied;
	if (side->domain && side->domid == ptr->domid)
		return GNTST_okay;
	side_release(side, write);
	side->domain = domain_lookup_self(ptr->domid);
	side->domid = ptr->domid;
	*changed = true;
	return side->domain ? GNTST_okay : GNTST_bad_domain;
}

static int16_t side_claim(const struct domain *d, struct copy_side *side,
			  const struct gnttab_copy_ptr *ptr, bool gref, bool write)
{
	uint64_t id = gref ? ptr->u.ref : ptr->u.gmfn;
	int16_t rc;

	if (side->claimed && side->gref == gref && side->id == id)
		return GNTST_okay;
	side_release(side, write);
	if (gref) {
		rc = grant_pin(side->domain, (grant_ref_t)id, d->id, write, false, &side->mfn);
		if (rc != GNTST_okay)
			return rc;
	} else {
		side->mfn = p2m_ram(&side->domain->p2m, (gfn_t) { id });
		if (mfn_eq(side->mfn, MFN_INVALID))
			return GNTST_bad_page;
	}
	side->gref = gref;
	side->id = id;
	side->claimed = true;
	return GNTST_okay;
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

static int16_t copy_one(const struct domain *d, struct copy_state *s, const struct gnttab_copy *op)
{
	bool source_gref = op->flags & GNTCOPY_source_gref,
	     dest_gref = op->flags & GNTCOPY_dest_gref;
	bool changed = false;
	int16_t rc;

	rc = side_domain(&s->source, &op->source, source_gref, false, &changed);
	if (rc == GNTST_okay)
		rc = side_domain(&s->dest, &op->dest, dest_gref, true, &changed);
	if (rc == GNTST_okay && changed &&
	    xsm_domain(&s->source.domain->label, &s->dest.domain->label, XSM_GRANT__COPY))
		rc = GNTST_permission_denied;
	if (rc == GNTST_okay)
		rc = side_claim(d, &s->source, &op->source, source_gref, false);
	if (rc == GNTST_okay)
		rc = side_claim(d, &s->dest, &op->dest, dest_gref, true);
	if (rc != GNTST_okay)
		return rc;
	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	copy_bytes(s, op);
	return GNTST_okay;
}

void grant_copy_one(struct domain *d, void *arg, void *state)
{
	struct gnttab_copy *op = arg;

	op->status = copy_one(d, state, op);
	if (op->status != GNTST_okay)
		grant_copy_end(state);
}

void grant_copy_end(struct copy_state *s)
{
	side_release(&s->source, false);
	side_release(&s->dest, true);
	s->source.domain = NULL;
	s->dest.domain = NULL;
}
