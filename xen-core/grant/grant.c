/* SPDX-License-Identifier: BSD-2-Clause */
/* Grant tables: the hypercall, the frames that a table is made of, its life. Locks: see table.h. */
#include "grant/table.h"
#include "hypercall/hypercall.h"
#include "lib/printk.h"
#include "mm/frame.h"
#include "mm/heap.h"

/* Bytes of elements that are copied in and out at once. */
#define BATCH_BYTES 512
/* In place of a status's offset: the handler's result is the hypercall's, whatever the count. */
#define NO_STATUS   0xff

/* How the elements of an operation look, and what does one: in the core's copy, written back then. */
struct grant_operation {
	uint8_t size;	/* bytes */
	uint8_t status; /* offset of the status */
	bool single;	/* a list of one only */
	int (*one)(struct domain *d, void *op);
};

#define OP(name, single, fn)                                                                     \
	{                                                                                        \
		sizeof(struct gnttab_##name), offsetof(struct gnttab_##name, status), single, fn \
	}

/* What is missing (status frames, transfer, cache flush) says -ENOSYS, as in Xen for HVM and PVH. */
static const struct grant_operation operations[] = {
	[GNTTABOP_map_grant_ref] = OP(map_grant_ref, false, grant_map),
	[GNTTABOP_unmap_grant_ref] = OP(unmap_grant_ref, false, grant_unmap),
	[GNTTABOP_setup_table] = OP(setup_table, true, grant_setup_table),
	[GNTTABOP_copy] = OP(copy, false, grant_copy),
	[GNTTABOP_query_size] = OP(query_size, true, grant_query_size),
	[GNTTABOP_unmap_and_replace] = OP(unmap_and_replace, false, grant_unmap_and_replace),
	[GNTTABOP_set_version] = { sizeof(struct gnttab_set_version), NO_STATUS, true,
				   grant_set_version },
	[GNTTABOP_get_version] = { sizeof(struct gnttab_get_version), NO_STATUS, true,
				   grant_get_version },
	[GNTTABOP_swap_grant_ref] = OP(swap_grant_ref, false, grant_swap),
};

/*
 * Runs @count elements, as many at a time as fit in the buffer. Where they can't all be read, one
 * at a time, so that those before the bad address are done as they would be without batches.
 */
static long run_list(const struct grant_operation *op, struct hypercall_args *args,
		     unsigned int count)
{
	struct domain *d = current_domain();
	uint64_t buf[BATCH_BYTES / 8];
	unsigned int most = BATCH_BYTES / op->size;
	int result = 0;

	while (count) {
		gva_t at = { args->a[1] };
		unsigned int n = min(count, most);

		if (guest_read(buf, at, (size_t)n * op->size)) {
			if (n == 1)
				return -EFAULT;
			most = 1;
			continue;
		}
		for (unsigned int i = 0; i < n; i++) {
			uint8_t *element = (uint8_t *)buf + i * op->size;

			result = op->one(d, element);
			if (op->status != NO_STATUS)
				*(int16_t *)(element + op->status) = (int16_t)result;
		}
		if (guest_write(at, buf, (size_t)n * op->size))
			return -EFAULT;
		count -= n;
		args->a[1] += (uint64_t)n * op->size;
		args->a[2] = count;
		if (count && hypercall_preempt())
			return -ERESTART_CALL;
	}
	return op->status == NO_STATUS ? result : 0;
}

long grant_table_op(struct hypercall_args *args)
{
	unsigned int cmd = (unsigned int)args->a[0], count = (unsigned int)args->a[2];
	const struct grant_operation *op;

	if ((int)count < 0)
		return -EINVAL;
	if (cmd >= ARRAY_SIZE(operations) || !operations[cmd].one)
		return -ENOSYS;
	op = &operations[cmd];
	if (op->status == NO_STATUS)
		count = 1;
	else if (op->single && count != 1)
		return -EINVAL;
	return run_list(op, args, count);
}

static int grow_locked(struct domain *d, uint32_t frames)
{
	struct grant_table *gt = d->grant;

	while (gt->nr_frames < frames) {
		uint32_t n = gt->nr_frames;

		if (!gt->active[n])
			gt->active[n] = xzalloc_array(struct grant_active, GRANTS_PER_FRAME);
		if (gt->active[n])
			gt->shared[n] = shared_page_alloc(d);
		if (!gt->shared[n])
			return -ENOMEM;
		gt->gfn[n] = GFN_INVALID;
		__atomic_store_n(&gt->nr_frames, n + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

int grant_grow(struct domain *d, uint32_t frames)
{
	int rc;

	if (frames > d->grant->max_frames)
		return -EINVAL;
	spin_lock(&d->grant->lock);
	rc = grow_locked(d, frames);
	spin_unlock(&d->grant->lock);
	return rc;
}

int grant_table_frame(struct domain *d, uint64_t index, mfn_t *mfn, gfn_t **at)
{
	int rc = index < GRANT_FRAMES_MAX ? grant_grow(d, (uint32_t)index + 1) : -EINVAL;

	if (rc)
		return rc;
	*mfn = core_va_to_mfn(d->grant->shared[index]);
	*at = &d->grant->gfn[index];
	return 0;
}

uint32_t grant_table_max_frames(const struct domain *d)
{
	return d->grant->max_frames;
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
	gt->maptrack = xzalloc_array(struct maptrack *, max_maptrack_frames);
	d->grant = gt;
	if (!gt->maptrack || grant_grow(d, 1)) {
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
	for (uint32_t i = 0; i < GRANT_FRAMES_MAX; i++)
		xfree(gt->active[i]);
	for (uint32_t i = 0; i < gt->nr_maptrack / MAPTRACK_PER_FRAME; i++)
		xfree(gt->maptrack[i]);
	xfree(gt->maptrack);
	xfree(gt);
	d->grant = NULL;
}

void grant_dump(void)
{
	struct domain *d;

	for_each_domain (d) {
		for (grant_ref_t ref = 0; ref < grant_entries(d->grant); ref++) {
			const struct grant_active *act = grant_active(d->grant, ref);

			if (grant_in_use(act))
				printk("d%u: grant %u: d%u reads %u, writes %u\n", d->id, ref,
				       act->domid, act->readers, act->writers);
		}
	}
}
