/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall memory_op on the real allocator and p2m (REQ core/memory operations, core/6: bad
 * arguments, core/policy hooks). Virtual addresses are the test's own; d1 calls.
 */
#include "support/mm_arena.h"

#include <string.h>

#include "grant/grant.h"
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "mm/core_pages.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define EXTENTS	     8
#define GRANT_FRAMES 2
#define HANDLE(array)   \
	{               \
		(array) \
	}

static struct domain *const d1 = &arena_domain[0], *const d2 = &arena_domain[1];
static struct vcpu vcpu;
static enum xsm_perm denied, last_asked;
static unsigned int steps_left, reads_left; /* before preemption; before guest_read() fails */
static struct shared_info *shared;
static mfn_t grant_frames[GRANT_FRAMES];
static gfn_t grant_gfn[GRANT_FRAMES];

int guest_read(void *dst, gva_t src, size_t len)
{
	if (!src.v || !reads_left)
		return -EFAULT;
	reads_left--;
	memcpy(dst, (void *)(uintptr_t)src.v, len);
	return 0;
}

int guest_write(gva_t dst, const void *src, size_t len)
{
	if (!dst.v)
		return -EFAULT;
	memcpy((void *)(uintptr_t)dst.v, src, len);
	return 0;
}

int xsm_domain(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_perm perm)
{
	last_asked = perm;
	return perm == denied ? -EPERM : 0;
}

int xsm_xen(const struct xsm_label *subj, enum xsm_perm perm)
{
	return 0;
}

bool hypercall_preempt(void)
{
	return !steps_left || !--steps_left;
}

unsigned int cpus_online(void)
{
	return 1;
}

struct domain *domain_lookup_self(uint16_t domid)
{
	return domid == DOMID_SELF ? d1 : domain_lookup(domid);
}

int grant_table_frame(struct domain *d, uint64_t index, mfn_t *mfn, gfn_t **at)
{
	if (index >= GRANT_FRAMES)
		return -EINVAL;
	*mfn = grant_frames[index];
	*at = &grant_gfn[index];
	return 0;
}

uint32_t grant_table_max_frames(const struct domain *d)
{
	return GRANT_FRAMES;
}

static void *shared_page(struct domain *d)
{
	void *va = core_pages_alloc(0);
	struct frame *f = frame_get_record(core_va_to_mfn(va));

	f->owner = d->id;
	f->refs = 1;
	f->kind = FRAME_SHARED;
	return va;
}

static int setup(void **state)
{
	arena_reset();
	for (unsigned int i = 0; i < 2; i++) {
		struct domain *d = &arena_domain[i];

		spin_init(&d->lock, LOCK_DOMAIN);
		assert_int_equal(p2m_init(&d->p2m, d), 0);
		p2m_set_limit(&d->p2m, ARENA_FRAMES);
		d->max_pages = 4096;
		d->shared_gfn = GFN_INVALID;
	}
	d1->shared = shared = shared_page(d1);
	for (unsigned int i = 0; i < GRANT_FRAMES; i++) {
		grant_frames[i] = core_va_to_mfn(shared_page(d1));
		grant_gfn[i] = GFN_INVALID;
	}
	vcpu.domain = d1;
	host_this_cpu->current = &vcpu;
	denied = 0;
	steps_left = reads_left = ~0U;
	return 0;
}

static struct hypercall_args args;

static long op(unsigned int cmd, void *arg)
{
	args = (struct hypercall_args) { { cmd, (uintptr_t)arg } };
	return op_dispatch(&memory_ops, &args);
}

/* As a guest does that is entered again at the same instruction. */
static long op_to_end(unsigned int cmd, void *arg, unsigned int *restarts)
{
	long rc;

	args = (struct hypercall_args) { { cmd, (uintptr_t)arg } };
	for (*restarts = 0; (rc = op_dispatch(&memory_ops, &args)) == -ERESTART_CALL; ++*restarts)
		steps_left = 2;
	steps_left = ~0U;
	return rc;
}

static xen_pfn_t list[EXTENTS];

static struct xen_memory_reservation reservation(unsigned int nr, unsigned int order)
{
	return (struct xen_memory_reservation) { .extent_start = HANDLE(list),
						 .nr_extents = nr,
						 .extent_order = order,
						 .domid = DOMID_SELF };
}

static enum p2m_type type_at(uint64_t gfn)
{
	return p2m_lookup(&d1->p2m, (gfn_t) { gfn }).type;
}

static void entry(void **state)
{
	assert_int_equal(op(63, NULL), -ENOSYS);
	for (unsigned int nr = 0; nr < 64; nr++) {
		unsigned int i = 0;

		while (i < memory_ops.nr_ops && memory_ops.ops[i].nr != nr)
			i++;
		if (i == memory_ops.nr_ops)
			assert_int_equal(op(nr, NULL), -ENOSYS);
	}
	assert_int_equal(op(XENMEM_maximum_ram_page, NULL), ARENA_FRAMES - 1);
	assert_int_equal(op(XENMEM_get_sharing_freed_pages, NULL), 0);
	assert_int_equal(op(XENMEM_get_sharing_shared_pages, NULL), 0);
}

/* Each operation whose permission stands in the table, denied; and one on a domain that is not there. */
static void every_hook(void **state)
{
	for (unsigned int i = 0; i < memory_ops.nr_ops; i++) {
		const struct op_entry *e = &memory_ops.ops[i];
		uint8_t arg[128] = { 0 };
		domid_t none = 99, self = DOMID_SELF;

		if (e->hook >= OP_HOOK_IN_ACT)
			continue;
		memcpy(arg + e->domid_at, &none, sizeof(none));
		assert_int_equal(op(e->nr, arg), -ESRCH);
		memcpy(arg + e->domid_at, &self, sizeof(self));
		denied = e->hook;
		assert_int_equal(op(e->nr, arg), -EPERM);
		denied = 0;
		reads_left = 0;
		assert_int_equal(op(e->nr, arg), -EFAULT);
		reads_left = ~0U;
	}
}

/* What a domain can't get or name changes nothing; the answer is how many extents are done. */
static void populate(void **state)
{
	struct xen_memory_reservation r = reservation(3, 0);

	list[0] = 10;
	list[1] = 11;
	list[2] = 700;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 3);
	assert_int_equal(d1->tot_pages, 3);
	assert_int_equal(type_at(11), P2M_RAM);
	assert_int_equal(op(XENMEM_current_reservation, &r.domid), 3);
	assert_int_equal(op(XENMEM_maximum_gpfn, &r.domid), 700);
	assert_int_equal(op(XENMEM_populate_physmap, NULL), 0);
	r.extent_start.p = NULL;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
	r = reservation(3, 10);
	assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
	r = reservation(3, 0);
	r.domid = 77;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
	r.domid = DOMID_SELF;
	denied = XSM_MMU__ADJUST;
	assert_int_equal(op(XENMEM_populate_physmap, &r), -EPERM);
	denied = 0;
	d1->state = DOMAIN_DYING;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
	assert_int_equal(op(XENMEM_decrease_reservation, &r), 3);
	d1->state = DOMAIN_ALIVE;
	/* Beyond the guest-physical width, and above the domain's limit. */
	list[1] = 1UL << 40;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 1);
	assert_int_equal(d1->tot_pages, 1);
	d1->max_pages = 2;
	list[1] = 12;
	list[2] = 13;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 2);
	assert_int_equal(d1->tot_pages, 2);
}

static void populate_large(void **state)
{
	struct xen_memory_reservation r = reservation(2, 9);

	list[0] = 512;
	list[1] = 1024 + 5; /* in the middle of a large page: small ones */
	assert_int_equal(op(XENMEM_populate_physmap, &r), 2);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 600 }).order, 9);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 1030 }).order, 0);
	assert_int_equal(d1->tot_pages, 1024);
	/* Over what is there: one flush for all of it, and the old frames are let go. */
	arena_flushes = 0;
	list[0] = 1024 + 5;
	r.nr_extents = 1;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 1);
	assert_int_equal(arena_flushes, 1);
	assert_int_equal(d1->tot_pages, 1024);
	/* No tables: nothing stays charged. */
	d1->p2m.table_limit = d1->p2m.table_pages;
	list[0] = 1UL << 30;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
	r = reservation(1, 3);
	assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
	assert_int_equal(d1->tot_pages, 1024);
}

/* A grant that is mapped stays, and with it the way to unmap it; nothing is lost on the way. */
static void populate_over_a_grant(void **state)
{
	struct xen_memory_reservation r = reservation(1, 0);
	struct xen_remove_from_physmap x = { .domid = DOMID_SELF, .gpfn = 20 };
	mfn_t mfn;

	assert_int_equal(frame_alloc_guest(d2, 0, &mfn), 0);
	assert_true(frame_ref(mfn, d2));
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 20 }, mfn, 0, P2M_GRANT_RW), 0);
	list[0] = 20;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
	list[0] = 0;
	r.extent_order = 9;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
	assert_int_equal(op(XENMEM_decrease_reservation, &r), 0);
	assert_int_equal(op(XENMEM_remove_from_physmap, &x), -EINVAL);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { 20 }, mfn, P2M_GRANT_RW), 0);
}

/* Memory without a place in the map: charged and bounded like any other, and the domain's to its end. */
static void increase(void **state)
{
	struct xen_memory_reservation r = reservation(3, 0);
	uint64_t free = frame_counts.free;

	/* The list is not asked for. */
	r.extent_start.p = NULL;
	assert_int_equal(op(XENMEM_increase_reservation, &r), 3);
	assert_int_equal(op(XENMEM_current_reservation, &r.domid), 3);
	assert_int_equal(d1->p2m.max_gfn, 0);
	r.extent_order = 10;
	assert_int_equal(op(XENMEM_increase_reservation, &r), 0);
	r.extent_order = 3;
	d1->max_pages = 8 + 3 + 7;
	assert_int_equal(op(XENMEM_increase_reservation, &r), 1);
	assert_int_equal(d1->tot_pages, 11);
	denied = XSM_MMU__ADJUST;
	assert_int_equal(op(XENMEM_increase_reservation, &r), -EPERM);
	denied = 0;
	d1->state = DOMAIN_DYING;
	assert_int_equal(op(XENMEM_increase_reservation, &r), 0);
	/* Destruction takes them in steps. */
	assert_false(frames_free_unmapped(d1, 10));
	assert_int_equal(d1->tot_pages, 1);
	assert_true(frames_free_unmapped(d1, 10));
	assert_int_equal(d1->tot_pages, 0);
	while (frames_reap(100))
		;
	assert_int_equal(frame_counts.free, free);
	d1->state = DOMAIN_ALIVE;
}

static void decrease(void **state)
{
	struct xen_memory_reservation r = reservation(2, 9);

	list[0] = 512;
	list[1] = 1024 + 5;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 2);
	arena_flushes = 0;
	assert_int_equal(op(XENMEM_decrease_reservation, &r), 2);
	assert_int_equal(arena_flushes, 2);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(op(XENMEM_decrease_reservation, &r), 0);
	/* A large page, from its middle on: what follows is none of the domain's. */
	r.nr_extents = 1;
	assert_int_equal(op(XENMEM_populate_physmap, &r), 1);
	list[0] = 513;
	assert_int_equal(op(XENMEM_decrease_reservation, &r), 0);
	assert_int_equal(d1->tot_pages, 1);
}

/* Long calls stop and go on, and say in the end what they would have said at once. */
static void in_steps(void **state)
{
	struct xen_memory_reservation r = reservation(EXTENTS, 0);
	unsigned int restarts;

	for (unsigned int i = 0; i < EXTENTS; i++)
		list[i] = 100 + i;
	steps_left = 2;
	assert_int_equal(op_to_end(XENMEM_populate_physmap, &r, &restarts), EXTENTS);
	assert_in_range(restarts, 2, EXTENTS);
	assert_int_equal(d1->tot_pages, EXTENTS);
	/* Shrunk meanwhile, or gone: what is done is done. */
	steps_left = 1;
	assert_int_equal(op(XENMEM_decrease_reservation, &r), -ERESTART_CALL);
	r.nr_extents = 1;
	assert_int_equal(op_dispatch(&memory_ops, &args), 1);
	assert_int_equal(d1->tot_pages, EXTENTS - 1);
}

static void numbers(void **state)
{
	domid_t other = 2, none = 99;

	d2->max_pages = 123;
	assert_int_equal(op(XENMEM_maximum_reservation, &other), 123);
	assert_int_equal(last_asked, XSM_MMU__STAT);
	assert_int_equal(op(XENMEM_maximum_reservation, &none), -ESRCH);
	assert_int_equal(op(XENMEM_maximum_reservation, NULL), -EFAULT);
	denied = XSM_MMU__STAT;
	assert_int_equal(op(XENMEM_current_reservation, &other), -EPERM);
}

static void memory_maps(void **state)
{
	struct e820entry map[3] = { { 0, 4096, 1 }, { 8192, 4096, 2 }, { 1 << 20, 4096, 1 } };
	struct e820entry back[2] = { 0 };
	struct xen_foreign_memory_map set = { .domid = 1,
					      .map = { .nr_entries = 3, .buffer = HANDLE(map) } };
	struct xen_memory_map get = { .nr_entries = 2, .buffer = HANDLE(back) };

	d1->state = DOMAIN_BUILDING;
	assert_int_equal(op(XENMEM_memory_map, &get), -ENOSYS);
	assert_int_equal(op(XENMEM_set_memory_map, NULL), -EFAULT);
	assert_int_equal(op(XENMEM_set_memory_map, &set), 0);
	assert_int_equal(op(XENMEM_set_memory_map, &set), 0); /* another one in its place */
	assert_int_equal(op(XENMEM_memory_map, NULL), -EFAULT);
	assert_int_equal(op(XENMEM_memory_map, &get), 0);
	assert_memory_equal(back, map, sizeof(back));
	assert_int_equal(get.nr_entries, 2);
	get.buffer.p = NULL;
	assert_int_equal(op(XENMEM_memory_map, &get), -EFAULT);
	set.map.buffer.p = NULL;
	assert_int_equal(op(XENMEM_set_memory_map, &set), -EFAULT);
	set.map.buffer.p = map;
	set.map.nr_entries = 129;
	assert_int_equal(op(XENMEM_set_memory_map, &set), -EINVAL);
	set.map.nr_entries = 0;
	assert_int_equal(op(XENMEM_set_memory_map, &set), -EINVAL);
	set.map.nr_entries = 3;
	denied = XSM_MMU__MEMORYMAP;
	assert_int_equal(op(XENMEM_set_memory_map, &set), -EPERM);
	denied = 0;
	d1->state = DOMAIN_ALIVE;
	assert_int_equal(op(XENMEM_set_memory_map, &set), -EBUSY);
	xfree(d1->memory_map);
}

static void targets_and_claims(void **state)
{
	struct xen_pod_target t = { .domid = 1, .pod_cache_pages = 9 };
	struct xen_memory_reservation r = { .nr_extents = 10, .domid = 1 };

	d1->tot_pages = 5;
	assert_int_equal(op(XENMEM_get_pod_target, &t), 0);
	assert_int_equal(t.tot_pages, 5);
	assert_int_equal(t.pod_cache_pages, 0);
	assert_int_equal(op(XENMEM_get_pod_target, NULL), -EFAULT);
	denied = XSM_DOMAIN__SETPODTARGET;
	assert_int_equal(op(XENMEM_get_pod_target, &t), 0);
	assert_int_equal(op(XENMEM_set_pod_target, &t), -EPERM);
	d1->tot_pages = 0;
	assert_int_equal(op(XENMEM_claim_pages, &r), 0);
	assert_int_equal(d1->claimed_pages, 10);
	denied = XSM_DOMAIN2__SETCLAIM;
	assert_int_equal(op(XENMEM_claim_pages, &r), -EPERM);
	denied = 0;
	assert_int_equal(op(XENMEM_claim_pages, NULL), -EFAULT);
	r.extent_start.p = list;
	assert_int_equal(op(XENMEM_claim_pages, &r), -EINVAL);
	r.extent_start.p = NULL;
	r.mem_flags = 1;
	assert_int_equal(op(XENMEM_claim_pages, &r), -EINVAL);
	r.mem_flags = 0;
	r.extent_order = 1;
	assert_int_equal(op(XENMEM_claim_pages, &r), -EINVAL);
	r.extent_order = 0;
	d1->state = DOMAIN_DYING;
	assert_int_equal(op(XENMEM_claim_pages, &r), -EINVAL);
}

static long add(unsigned int space, uint64_t idx, uint64_t gpfn)
{
	struct xen_add_to_physmap x = { DOMID_SELF, 0, space, idx, gpfn };

	return op(XENMEM_add_to_physmap, &x);
}

static void fill(struct domain *d, uint64_t gfn)
{
	mfn_t mfn;

	assert_int_equal(frame_alloc_guest(d, 0, &mfn), 0);
	assert_int_equal(p2m_map(&d->p2m, (gfn_t) { gfn }, mfn, 0, P2M_RAM), 0);
}

/* Pages of the core that a domain sees: each in one place, with one reference for it. */
static void shared_pages(void **state)
{
	mfn_t info = core_va_to_mfn(shared);

	assert_int_equal(add(XENMAPSPACE_shared_info, 1, 30), -EINVAL);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, 30), 0);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, 30), 0);
	assert_int_equal(frame_get_record(info)->refs, 2);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, 31), 0);
	assert_int_equal(type_at(30), P2M_NONE);
	assert_int_equal(type_at(31), P2M_SHARED_RW);
	assert_int_equal(d1->shared_gfn.v, 31);
	assert_int_equal(frame_get_record(info)->refs, 2);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, 1UL << 40), -EINVAL);
	assert_int_equal(frame_get_record(info)->refs, 1);
	fill(d1, 32); /* what was there is let go */
	assert_int_equal(add(XENMAPSPACE_grant_table, 1, 32), 0);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(grant_gfn[1].v, 32);
	assert_int_equal(add(XENMAPSPACE_grant_table, 1, 33), 0);
	assert_int_equal(type_at(32), P2M_NONE);
	assert_int_equal(frame_get_record(grant_frames[1])->refs, 2);
	assert_int_equal(add(XENMAPSPACE_grant_table, GRANT_FRAMES, 34), -EINVAL);
	assert_int_equal(add(XENMAPSPACE_grant_table, 1UL << 33, 34), -EINVAL);
	assert_int_equal(add(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, 34), -EINVAL);
	assert_int_equal(add(XENMAPSPACE_gmfn_foreign, 0, 34), -ENOSYS);
	assert_int_equal(add(XENMAPSPACE_dev_mmio, 0, 34), -EINVAL);
	/* One that nobody references any more can't be mapped. */
	frame_get_record(info)->refs = 0;
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, 35), -EINVAL);
	frame_get_record(info)->refs = 1;
}

static void moves(void **state)
{
	struct xen_add_to_physmap x = { 99, 0, XENMAPSPACE_gmfn, 40, 41 };
	unsigned int restarts;
	uint64_t pages;

	fill(d1, 40);
	assert_int_equal(add(XENMAPSPACE_gmfn, 39, 41), -EINVAL);
	assert_int_equal(add(XENMAPSPACE_gmfn, 40, 40), 0);
	assert_int_equal(add(XENMAPSPACE_gmfn, 40, 41), 0);
	assert_int_equal(type_at(40), P2M_NONE);
	assert_int_equal(type_at(41), P2M_RAM);
	assert_int_equal(op(XENMEM_add_to_physmap, NULL), -EFAULT);
	assert_int_equal(op(XENMEM_add_to_physmap, &x), -ESRCH);
	x.domid = 1;
	denied = XSM_MMU__PHYSMAP;
	assert_int_equal(op(XENMEM_add_to_physmap, &x), -EPERM);
	denied = 0;
	/* Nowhere to go: the page is gone rather than in two places. */
	assert_int_equal(add(XENMAPSPACE_gmfn, 41, 1UL << 40), -EINVAL);
	assert_int_equal(d1->tot_pages, 0);
	for (unsigned int i = 0; i < EXTENTS; i++)
		fill(d1, 50 + i);
	pages = d1->tot_pages;
	x = (struct xen_add_to_physmap) { 1, EXTENTS, XENMAPSPACE_gmfn_range, 50, 70 };
	steps_left = 2;
	assert_int_equal(op_to_end(XENMEM_add_to_physmap, &x, &restarts), 0);
	assert_int_not_equal(restarts, 0);
	assert_int_equal(type_at(70 + EXTENTS - 1), P2M_RAM);
	assert_int_equal(type_at(50), P2M_NONE);
	assert_int_equal(d1->tot_pages, pages);
	assert_int_equal(op(XENMEM_add_to_physmap, &x), -EINVAL);
	d1->state = DOMAIN_DYING;
	assert_int_equal(op(XENMEM_add_to_physmap, &x), -EINVAL);
}

static xen_ulong_t idxs[EXTENTS];
static int errs[EXTENTS];

static struct xen_add_to_physmap_batch batch(unsigned int space, unsigned int size)
{
	return (struct xen_add_to_physmap_batch) { .domid = DOMID_SELF,
						   .space = space,
						   .size = size,
						   .u.foreign_domid = 2,
						   .idxs = HANDLE(idxs),
						   .gpfns = HANDLE(list),
						   .errs = HANDLE(errs) };
}

/* REQ core/hostile Dom0: another's memory only as the policy says, writable only where it is there. */
static void foreign(void **state)
{
	struct xen_add_to_physmap_batch x = batch(XENMAPSPACE_gmfn_foreign, 4);
	static const enum xsm_perm perms[] = { XSM_MMU__MAP_READ, XSM_MMU__MAP_WRITE };
	unsigned int restarts;
	uint32_t refs = d2->refs;
	mfn_t ro;

	fill(d2, 5);
	assert_int_equal(frame_alloc_guest(d2, 0, &ro), 0);
	assert_int_equal(p2m_map(&d2->p2m, (gfn_t) { 6 }, ro, 0, P2M_RAM_RO), 0);
	for (unsigned int i = 0; i < 4; i++) {
		idxs[i] = 5 + i;
		list[i] = 80 + i;
	}
	idxs[3] = 5;
	list[3] = 1UL << 40;
	steps_left = 2;
	assert_int_equal(op_to_end(XENMEM_add_to_physmap_batch, &x, &restarts), 0);
	assert_int_not_equal(restarts, 0);
	assert_int_equal(errs[0], 0);
	assert_int_equal(errs[1], -EINVAL); /* read-only for its owner */
	assert_int_equal(errs[2], -EINVAL); /* nothing there */
	assert_int_equal(errs[3], -EINVAL); /* no such place */
	assert_int_equal(type_at(80), P2M_FOREIGN);
	assert_int_equal(d2->label.foreign_frames, 1);
	assert_int_equal(d2->refs, refs + 2); /* its memory, the mapping */

	for (unsigned int i = 0; i < ARRAY_SIZE(perms); i++) {
		denied = perms[i];
		assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), -EPERM);
	}
	denied = 0;
	d2->state = DOMAIN_DYING;
	assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), 0);
	assert_int_equal(errs[0], -ESRCH);
	d2->state = DOMAIN_ALIVE;
	frame_get_record(p2m_ram(&d2->p2m, (gfn_t) { 5 }))->refs = 0x7fffffff;
	assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), 0);
	assert_int_equal(errs[0], -EINVAL);
	frame_get_record(p2m_ram(&d2->p2m, (gfn_t) { 5 }))->refs = 2;
	assert_int_equal(d2->label.foreign_frames, 1);
	x.u.foreign_domid = 1;
	assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), -EINVAL);
	x.u.foreign_domid = 99;
	assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), -ESRCH);
	x.domid = 99;
	assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), -ESRCH);
	assert_int_equal(op(XENMEM_add_to_physmap_batch, NULL), -EFAULT);
	x = batch(XENMAPSPACE_gmfn_range, 1);
	assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), -EOPNOTSUPP);
}

static void batches(void **state)
{
	struct xen_add_to_physmap_batch x = batch(XENMAPSPACE_grant_table, 2);

	idxs[0] = 0;
	idxs[1] = GRANT_FRAMES;
	assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), 0);
	assert_int_equal(errs[0], 0);
	assert_int_equal(errs[1], -EINVAL);
	for (reads_left = 1; reads_left < 3; reads_left++) {
		unsigned int again = reads_left;

		assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), -EFAULT);
		reads_left = again;
	}
	reads_left = ~0U;
	x.errs.p = NULL;
	assert_int_equal(op(XENMEM_add_to_physmap_batch, &x), -EFAULT);
}

static void removes(void **state)
{
	struct xen_remove_from_physmap x = { .domid = 2, .gpfn = 90 };

	assert_int_equal(op(XENMEM_remove_from_physmap, NULL), -EFAULT);
	assert_int_equal(op(XENMEM_remove_from_physmap, &x), -ENOENT);
	fill(d2, 90);
	assert_int_equal(op(XENMEM_remove_from_physmap, &x), 0);
	assert_int_equal(d2->tot_pages, 0);
	denied = XSM_MMU__PHYSMAP;
	assert_int_equal(op(XENMEM_remove_from_physmap, &x), -EPERM);
	denied = 0;
	assert_int_equal(p2m_map(&d2->p2m, (gfn_t) { 91 }, (mfn_t) { 9 }, 0, P2M_MMIO_DIRECT), 0);
	x.gpfn = 91;
	assert_int_equal(op(XENMEM_remove_from_physmap, &x), -EINVAL);
}

static void resources(void **state)
{
	struct xen_mem_acquire_resource r = { .domid = 2,
					      .type = XENMEM_resource_grant_table,
					      .id = XENMEM_resource_grant_table_id_shared };

	assert_int_equal(op(XENMEM_acquire_resource, NULL), -EFAULT);
	assert_int_equal(op(XENMEM_acquire_resource, &r), 0);
	assert_int_equal(r.nr_frames, GRANT_FRAMES);
	assert_int_equal(last_asked, XSM_DOMAIN2__RESOURCE_MAP);
	r.nr_frames = 1;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EINVAL); /* a number without a list */
	r.frame_list.p = list;
	list[0] = 95;
	list[1] = 1UL << 40;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EINVAL); /* d1's own frames */
	for (unsigned int i = 0; i < GRANT_FRAMES; i++)
		frame_get_record(grant_frames[i])->owner = 2;
	assert_int_equal(op(XENMEM_acquire_resource, &r), 0);
	assert_int_equal(type_at(95), P2M_FOREIGN);
	assert_int_equal(d2->label.foreign_frames, 1);
	r.nr_frames = 2;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EINVAL);
	assert_int_equal(d2->label.foreign_frames, 1);
	r.nr_frames = 1;
	r.frame = GRANT_FRAMES;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.frame = 1UL << 32;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.frame = 0;
	reads_left = 1;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EFAULT);
	reads_left = ~0U;
	r.nr_frames = 33;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -E2BIG);
	denied = XSM_DOMAIN2__RESOURCE_MAP;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EPERM);
	denied = 0;
	d2->state = DOMAIN_DYING;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.id = XENMEM_resource_grant_table_id_status;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.type = XENMEM_resource_ioreq_server;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EOPNOTSUPP);
	r.pad = 1;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.pad = 0;
	r.domid = 1;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -ESRCH);
	r.domid = 99;
	assert_int_equal(op(XENMEM_acquire_resource, &r), -ESRCH);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(entry),
		T(every_hook),
		T(populate),
		T(populate_large),
		T(populate_over_a_grant),
		T(increase),
		T(decrease),
		T(in_steps),
		T(numbers),
		T(memory_maps),
		T(moves),
		T(foreign),
		T(targets_and_claims),
		T(shared_pages),
		T(batches),
		T(removes),
		T(resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
