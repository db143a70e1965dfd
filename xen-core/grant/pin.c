/* SPDX-License-Identifier: BSD-2-Clause */
/* Grants in use: the flags that the granter sees, the counts behind them, and the frame. */
#include "grant/table.h"
#include "mm/frame.h"

/* Flags and domid of an entry as one word, to change the flags only while both are as checked. */
union entry_head {
	uint32_t raw;
	struct {
		uint16_t flags;
		domid_t domid;
	};
};

/*
 * Sets GTF_reading, and GTF_writing for @write, if the entry (still) permits it; domid and type
 * are checked only for the first use. The granter may change other bits at any time: five tries.
 */
static int16_t entry_take(struct grant_entry_v1 *entry, bool first, domid_t to, bool write,
			  bool map)
{
	uint32_t *word = (uint32_t *)entry;
	uint16_t mask = GTF_type_mask | (map ? GTF_sub_page : 0);
	union entry_head old = { .raw = READ_ONCE(*word) }, new;

	for (unsigned int try = 0; try < 5; try++) {
		if (first && ((old.flags & mask) != GTF_permit_access || old.domid != to))
			return GNTST_general_error;
		if (write && (old.flags & GTF_readonly))
			return GNTST_general_error;
		new = old;
		new.flags |= write ? GTF_reading | GTF_writing : GTF_reading;
		if (__atomic_compare_exchange_n(word, &old.raw, new.raw, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return GNTST_okay;
	}
	return GNTST_general_error;
}

/* Clears the flags that no user needs any more. */
static void entry_settle(struct grant_entry_v1 *entry, const struct grant_active *act, bool write)
{
	uint16_t clear = 0;

	if (write && !act->writers)
		clear |= GTF_writing;
	if (!grant_in_use(act))
		clear |= GTF_reading;
	if (clear)
		__atomic_fetch_and(&entry->flags, (uint16_t)~clear, __ATOMIC_SEQ_CST);
}

/* The frame behind a grant's gfn: memory of the granter alone, never what was granted to it. */
static bool frame_take(struct domain *rd, const struct grant_entry_v1 *entry, mfn_t *mfn)
{
	if (domain_is_dying(rd))
		return false;
	*mfn = p2m_ram(&rd->p2m, (gfn_t) { READ_ONCE(entry->frame) });
	return !mfn_eq(*mfn, MFN_INVALID) && frame_ref(*mfn, rd);
}

static int16_t pin_locked(struct domain *rd, grant_ref_t ref, domid_t to, bool write, bool map)
{
	struct grant_active *act = grant_active(rd->grant, ref);
	struct grant_entry_v1 *entry = grant_shared(rd->grant, ref);
	bool first = !grant_in_use(act);
	uint16_t *users = write ? &act->writers : &act->readers;
	int16_t rc;

	if (!first && (act->domid != to || *users == GRANT_USERS_MAX))
		return GNTST_general_error;
	if (first || (write && !act->writers)) {
		rc = entry_take(entry, first, to, write, map);
		if (rc != GNTST_okay)
			return rc;
	}
	if (first) {
		if (!frame_take(rd, entry, &act->mfn)) {
			entry_settle(entry, act, write);
			return GNTST_bad_page;
		}
		act->domid = to;
	}
	++*users;
	return GNTST_okay;
}

int16_t grant_pin(struct domain *rd, grant_ref_t ref, domid_t to, bool write, bool map, mfn_t *mfn)
{
	struct grant_table *gt = rd->grant;
	int16_t rc;

	if (unlikely(ref >= grant_entries(gt)))
		return GNTST_bad_gntref;
	spin_lock(&gt->lock);
	rc = pin_locked(rd, ref, to, write, map);
	*mfn = grant_active(gt, ref)->mfn;
	spin_unlock(&gt->lock);
	return rc;
}

void grant_unpin(struct domain *rd, grant_ref_t ref, bool write)
{
	struct grant_table *gt = rd->grant;
	struct grant_active *act = grant_active(gt, ref);

	spin_lock(&gt->lock);
	if (write)
		act->writers--;
	else
		act->readers--;
	entry_settle(grant_shared(gt, ref), act, write);
	if (!grant_in_use(act))
		frame_unref(act->mfn);
	spin_unlock(&gt->lock);
}
