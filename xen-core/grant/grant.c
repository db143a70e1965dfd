/* SPDX-License-Identifier: BSD-2-Clause */
/* Grant tables: the hypercall, the frames that a table is made of, its life. Locks: see table.h. */
#include "grant/table.h"
#include "hypercall/hypercall.h"
#include "lib/printk.h"
#include "mm/frame.h"
#include "mm/heap.h"

/* Bytes of operations that are copied in and out at once. */
#define BATCH_BYTES 512

struct batch_op {
	uint8_t size;
	void (*one)(struct domain *d, void *op, void *state);
};

static const struct batch_op batch_ops[] = {
	[GNTTABOP_map_grant_ref] = { sizeof(struct gnttab_map_grant_ref), grant_map_one },
	[GNTTABOP_unmap_grant_ref] = { sizeof(struct gnttab_unmap_grant_ref), grant_unmap_one },
	[GNTTABOP_copy] = { sizeof(struct gnttab_copy), grant_copy_one },
	[GNTTABOP_unmap_and_replace] = { sizeof(struct gnttab_unmap_and_replace),
					 grant_unmap_and_replace_one },
	[GNTTABOP_swap_grant_ref] = { sizeof(struct gnttab_swap_grant_ref), grant_swap_one },
};

size_t grant_op_size(unsigned int cmd)
{
	return cmd < ARRAY_SIZE(batch_ops) ? batch_ops[cmd].size : 0;
}

/*
 * Runs @count elements, as many at a time as fit in the buffer. Where they can't all be read, one
 * at a time, so that those before the bad address are done as they would be without batches.
 */
static long run_batch(const struct batch_op *op, gva_t arg, unsigned int count, unsigned int *done,
		      void *state)
{
	struct domain *d = current_domain();
	uint64_t buf[BATCH_BYTES / 8];
	unsigned int most = BATCH_BYTES / op->size;

	while (*done < count) {
		gva_t at = gva_add(arg, (uint64_t)*done * op->size);
		unsigned int n = min(count - *done, most);

		if (guest_read(buf, at, (size_t)n * op->size)) {
			if (n == 1)
				return -EFAULT;
			most = 1;
			continue;
		}
		for (unsigned int i = 0; i < n; i++)
			op->one(d, (uint8_t *)buf + i * op->size, state);
		if (guest_write(at, buf, (size_t)n * op->size))
			return -EFAULT;
		*done += n;
		if (*done < count && hypercall_preempt())
			return -ERESTART_CALL;
	}
	return 0;
}

long grant_op(unsigned int cmd, gva_t arg, unsigned int count, unsigned int *done)
{
	struct domain *d = current_domain();
	struct copy_state state = { 0 };
	long rc;

	*done = 0;
	if ((int)count < 0)
		return -EINVAL;
	if (grant_op_size(cmd)) {
		rc = run_batch(&batch_ops[cmd], arg, count, done, &state);
		grant_copy_end(&state);
		return rc;
	}
	switch (cmd) {
	case GNTTABOP_setup_table:
		return grant_setup_table(d, arg, count);
	case GNTTABOP_query_size:
		return grant_query_size(d, arg, count);
	case GNTTABOP_set_version:
		return grant_set_version(d, arg);
	case GNTTABOP_get_version:
		return grant_get_version(d, arg);
	default:
		return -ENOSYS; /* as Xen says to HVM and PVH guests: status frames, transfer, cache flush */
	}
}

int grant_grow(struct domain *d, uint32_t frames)
{
	struct grant_table *gt = d->grant;

	while (gt->nr_frames < frames) {
		uint32_t n = gt->nr_frames;

		if (!gt->active[n]) {
			gt->active[n] = xzalloc_array(struct grant_active, GRANTS_PER_FRAME);
			if (!gt->active[n])
				return -ENOMEM;
		}
		gt->shared[n] = shared_page_alloc(d);
		if (!gt->shared[n])
			return -ENOMEM;
		gt->gfn[n] = GFN_INVALID;
		__atomic_store_n(&gt->nr_frames, n + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

int grant_table_frame(struct domain *d, uint32_t index, mfn_t *mfn)
{
	struct grant_table *gt = d->grant;
	int rc;

	if (index >= gt->max_frames)
		return -EINVAL;
	spin_lock(&gt->lock);
	rc = grant_grow(d, index + 1);
	spin_unlock(&gt->lock);
	if (!rc)
		*mfn = core_va_to_mfn(gt->shared[index]);
	return rc;
}

uint32_t grant_table_max_frames(const struct domain *d)
{
	return d->grant->max_frames;
}

gfn_t grant_table_gfn(const struct domain *d, uint32_t index)
{
	const struct grant_table *gt = d->grant;

	return index < READ_ONCE(gt->nr_frames) ? gt->gfn[index] : GFN_INVALID;
}

void grant_table_set_gfn(struct domain *d, uint32_t index, gfn_t gfn)
{
	if (index < READ_ONCE(d->grant->nr_frames))
		d->grant->gfn[index] = gfn;
}

int grant_init(struct domain *d, uint32_t max_grant_frames, uint32_t max_maptrack_frames)
{
	struct grant_table *gt;

	/* Tools say -1 for the default. */
	if ((int32_t)max_grant_frames < 0)
		max_grant_frames = GRANT_FRAMES_MAX;
	if ((int32_t)max_maptrack_frames < 0)
		max_maptrack_frames = MAPTRACK_FRAMES_MAX;
	if (!max_grant_frames || max_grant_frames > GRANT_FRAMES_MAX ||
	    max_maptrack_frames > MAPTRACK_FRAMES_MAX)
		return -EINVAL;
	gt = xzalloc(sizeof(*gt));
	if (!gt)
		return -ENOMEM;
	spin_init(&gt->lock, LOCK_GRANT);
	spin_init(&gt->maptrack_lock, LOCK_GRANT);
	gt->max_frames = max_grant_frames;
	gt->max_maptrack_frames = max_maptrack_frames;
	gt->maptrack_free = MAPTRACK_NONE;
	gt->shared = xzalloc_array(struct grant_entry_v1 *, max_grant_frames);
	gt->active = xzalloc_array(struct grant_active *, max_grant_frames);
	gt->gfn = xzalloc_array(gfn_t, max_grant_frames);
	d->grant = gt;
	if (!gt->shared || !gt->active || !gt->gfn || grant_grow(d, 1)) {
		grant_free(d);
		return -ENOMEM;
	}
	return 0;
}

void grant_free(struct domain *d)
{
	struct grant_table *gt = d->grant;

	if (!gt)
		return;
	for (uint32_t i = 0; i < gt->nr_frames; i++)
		shared_page_free(gt->shared[i]);
	for (uint32_t i = 0; gt->active && i < gt->max_frames; i++)
		xfree(gt->active[i]);
	for (uint32_t i = 0; i < gt->nr_maptrack / MAPTRACK_PER_FRAME; i++)
		xfree(gt->maptrack[i]);
	xfree(gt->shared);
	xfree(gt->active);
	xfree(gt->gfn);
	xfree(gt->maptrack);
	xfree(gt);
	d->grant = NULL;
}

/* Debug key 'g'. */
static void dump_domain(const struct domain *d, const struct grant_table *gt)
{
	uint32_t mapped = 0;

	for (uint32_t i = 0; i < READ_ONCE(gt->nr_maptrack); i++)
		mapped += (READ_ONCE(maptrack_entry(gt, i)->flags) & GNTMAP_host_map) != 0;
	printk("d%u: grant table %u of %u frames, %u mappings of others' grants\n", d->id,
	       READ_ONCE(gt->nr_frames), gt->max_frames, mapped);
	for (grant_ref_t ref = 0; ref < grant_entries(gt); ref++) {
		const struct grant_active *act = grant_active(gt, ref);

		if (act->readers || act->writers)
			printk("  ref %u: d%u reads %u, writes %u, gfn %#x\n", ref, act->domid,
			       act->readers, act->writers, READ_ONCE(grant_shared(gt, ref)->frame));
	}
}

void grant_dump(void)
{
	struct domain *d;

	for_each_domain (d)
		if (d->grant)
			dump_domain(d, d->grant);
}
