/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/6, core/7: memory_op and grants of two hostile domains over the real frame allocator,
 * nested tables and grant tables: in any order, with any arguments, with preemption anywhere. After
 * each call what a domain has mapped must be alive and rightly its own; when both have died, every
 * frame, reference and table must be back.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/support/mm_arena.h"
#include "grant/table.h"
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "lib/printk.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define DOMAINS	 2
#define LIMIT	 1500			/* pages of each */
#define RAM	 64			/* what each has at first */
#define ARG_GPA	 (0x3fUL << PAGE_SHIFT) /* of hypercall arguments, in the last of them */
#define LIST_GPA (ARG_GPA + 1024)
#define LOOK	 96 /* gfns behind each base that are looked at after each call */

static struct vcpu vcpu[DOMAINS];
static const uint8_t *input;
static size_t left;
static unsigned int preempt_calls;
static uint64_t core_frames; /* allocated for good by the set-up */

static uint8_t byte(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

/* Mostly small numbers, sometimes large ones. */
static uint64_t number(void)
{
	uint8_t b = byte();
	uint64_t n = 0;

	if (b < 0xe0)
		return b;
	for (unsigned int i = 0; i <= (b & 7); i++)
		n = n << 8 | byte();
	return n;
}

/* ---- what the core's units call ---- */

struct domain *domain_lookup_self(uint16_t domid)
{
	return domid == DOMID_SELF ? current_domain() : domain_lookup(domid);
}

struct domain *domain_next(const struct domain *d)
{
	(void)d;
	return NULL;
}

int xsm_domain(const struct xsm_label *source, const struct xsm_label *target, enum xsm_perm perm)
{
	(void)source;
	(void)target;
	(void)perm;
	return left && (*input & 0x3f) == 0x3f ? -EPERM : 0;
}

int xsm_xen(const struct xsm_label *source, enum xsm_perm perm)
{
	(void)source;
	(void)perm;
	return 0;
}

unsigned int cpus_online(void)
{
	return 1;
}

/* Now and then, as the input wants it: often enough for an end. */
bool hypercall_preempt(void)
{
	return ++preempt_calls % (1 + (left ? *input & 7 : 0)) == 0;
}

void printk(const char *fmt, ...)
{
	(void)fmt;
}

/* Memory of a guest that the core may write: as mm/guest.c has it. */
static int copy(gva_t va, void *buf, size_t len, bool write)
{
	while (len) {
		struct p2m_entry e =
			p2m_lookup(&current_domain()->p2m, (gfn_t) { va.v >> PAGE_SHIFT });
		size_t n = min(len, PAGE_SIZE - (va.v & ~PAGE_MASK));
		uint8_t *at;

		if (e.type == P2M_NONE || (write && e.type == P2M_GRANT_RO))
			return -EFAULT;
		at = (uint8_t *)arena_frame(e.mfn) + (va.v & ~PAGE_MASK);
		memcpy(write ? (void *)at : buf, write ? buf : (void *)at, n);
		buf = (uint8_t *)buf + n;
		va.v += n;
		len -= n;
	}
	return 0;
}

int guest_read(void *dst, gva_t src, size_t len)
{
	return copy(src, dst, len, false);
}

int guest_write(gva_t dst, const void *src, size_t len)
{
	return copy(dst, (void *)(uintptr_t)src, len, true);
}

void *shared_page_alloc(struct domain *owner)
{
	void *va = core_pages_alloc(0);
	struct frame *f;

	if (!va)
		return NULL;
	f = frame_get_record(core_va_to_mfn(va));
	f->owner = owner->id;
	f->refs = 1;
	f->kind = FRAME_SHARED;
	return va;
}

void shared_page_free(void *va)
{
	frame_unref(core_va_to_mfn(va));
}

/* ---- the calls ---- */

static domid_t domid(void)
{
	static const domid_t ids[] = { 1, 2, DOMID_SELF, 77 };

	return ids[byte() & 3];
}

/* Frames that matter: RAM of the beginning, a table's borders, the end. */
static const uint64_t bases[] = { 0, 0x40, 0x1c0, 0x200, 0x3c0, 0x400, 0x40000, 1UL << 36 };

static uint64_t frame_number(void)
{
	return bases[byte() & 7] + number() - (byte() & 1);
}

static void put(uint64_t gpa, const void *data, size_t size)
{
	guest_write((gva_t) { gpa }, data, size);
}

/* A list of frames at LIST_GPA. */
static unsigned int frame_list(void)
{
	uint64_t list[8] = { 0 };
	unsigned int n = byte() & 7;

	for (unsigned int i = 0; i < n; i++)
		list[i] = frame_number();
	put(LIST_GPA, list, sizeof(list));
	return n;
}

static void reservation_call(unsigned int cmd)
{
	static const unsigned int orders[] = { 0, 9, 1, 3, 8, 10, 0, 0 };
	struct xen_memory_reservation r = { .nr_extents = frame_list(),
					    .extent_order = orders[byte() & 7],
					    .domid = domid() };

	if (byte() & 1)
		r.nr_extents = number();
	if (cmd == XENMEM_claim_pages)
		r.extent_order = 0;
	else
		r.extent_start.p = (xen_pfn_t *)LIST_GPA;
	put(ARG_GPA, &r, sizeof(r));
}

static void batch_call(void)
{
	struct xen_add_to_physmap_batch x = { .domid = domid(),
					      .space = byte() % 6,
					      .size = (uint16_t)frame_list(),
					      .u.foreign_domid = domid() };

	x.idxs.p = (xen_ulong_t *)(LIST_GPA + (byte() & 1) * 8);
	x.gpfns.p = (xen_pfn_t *)LIST_GPA;
	x.errs.p = (int *)(LIST_GPA + 512);
	put(ARG_GPA, &x, sizeof(x));
}

static void resource_call(void)
{
	struct xen_mem_acquire_resource r = {
		.domid = domid(), .type = byte() & 1, .nr_frames = frame_list(), .frame = number()
	};

	r.frame_list.p = byte() & 7 ? (xen_pfn_t *)LIST_GPA : NULL;
	put(ARG_GPA, &r, sizeof(r));
}

static void memory_call(void)
{
	unsigned int cmd = byte() & 31;
	struct hypercall_args args = { { cmd | (byte() & 15 ? 0 : number() << MEMOP_EXTENT_SHIFT),
					 ARG_GPA } };
	struct xen_add_to_physmap add = { .domid = domid(), .space = byte() % 6 };

	switch (cmd) {
	case XENMEM_populate_physmap:
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_claim_pages:
		reservation_call(cmd);
		break;
	case XENMEM_add_to_physmap_batch:
		batch_call();
		break;
	case XENMEM_acquire_resource:
		resource_call();
		break;
	case XENMEM_remove_from_physmap: {
		struct xen_remove_from_physmap x = { .domid = domid(), .gpfn = frame_number() };

		put(ARG_GPA, &x, sizeof(x));
		break;
	}
	default:
		add.size = (uint16_t)number();
		add.idx = frame_number();
		add.gpfn = frame_number();
		put(ARG_GPA, &add, sizeof(add));
	}
	for (unsigned int i = 0; i < 50 && op_dispatch(&memory_ops, &args) == -ERESTART_CALL; i++)
		;
}

static void grant_call(struct domain *d)
{
	static const uint32_t flags[] = { GNTMAP_host_map, GNTMAP_host_map | GNTMAP_readonly };
	unsigned int cmd = byte() & 7, count = 1 + (byte() & 1);
	struct hypercall_args args;
	struct gnttab_map_grant_ref map = { .host_addr = frame_number() << PAGE_SHIFT,
					    .flags = flags[byte() & 1],
					    .ref = byte() & 15,
					    .dom = domid() };
	struct gnttab_unmap_grant_ref unmap = { .host_addr = frame_number() << PAGE_SHIFT,
						.handle = byte() & 15 };
	struct gnttab_copy copy_op = { .source = { .u.ref = byte() & 15, .domid = domid() },
				       .dest = { .u.gmfn = number(), .domid = domid() },
				       .len = (uint16_t)number(),
				       .flags = byte() & 3 };

	if (cmd == GNTTABOP_map_grant_ref) {
		put(ARG_GPA, &map, sizeof(map));
		put(ARG_GPA + sizeof(map), &map, sizeof(map));
	} else if (cmd == GNTTABOP_copy) {
		put(ARG_GPA, &copy_op, sizeof(copy_op));
		count = 1;
	} else {
		put(ARG_GPA, &unmap, sizeof(unmap));
		count = 1;
	}
	(void)d;
	args = (struct hypercall_args) { { cmd, ARG_GPA, count } };
	grant_table_op(&args);
}

static void grant_entry(struct domain *d)
{
	struct grant_entry_v1 *e = grant_shared(d->grant, byte() & 15);

	e->flags = byte() & 7 ? GTF_permit_access | (byte() & 1 ? GTF_readonly : 0) : byte();
	e->domid = (domid_t)(1 + (byte() & 1));
	e->frame = (uint32_t)frame_number();
}

/* ---- what must hold ---- */

static bool right_owner(const struct domain *d, const struct p2m_entry *e)
{
	const struct frame *f = frame_get_record(e->mfn);

	if (!f || !f->refs)
		return false;
	switch (e->type) {
	case P2M_RAM:
	case P2M_RAM_RO:
		return f->kind == FRAME_GUEST && f->owner == d->id;
	case P2M_SHARED_RW:
		return f->kind == FRAME_SHARED && f->owner == d->id;
	case P2M_FOREIGN:
		return (f->kind == FRAME_SHARED || f->kind == FRAME_GUEST) && f->owner != d->id;
	case P2M_GRANT_RW:
	case P2M_GRANT_RO:
		return f->kind == FRAME_GUEST;
	default:
		return false;
	}
}

/* Every mapping is of a live frame of the right owner; RAM is counted as it is. */
static void check(struct domain *d)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(bases); i++) {
		for (uint64_t at = 0; at < LOOK; at++) {
			struct p2m_entry e = p2m_lookup(&d->p2m, (gfn_t) { bases[i] + at });

			if (e.type != P2M_NONE && !right_owner(d, &e))
				abort();
		}
	}
	if (d->tot_pages > d->max_pages || d->p2m.table_pages > d->p2m.table_limit)
		abort();
}

static void build(struct domain *d)
{
	mfn_t mfn;

	d->state = DOMAIN_ALIVE;
	d->max_pages = LIMIT;
	d->shared_gfn = GFN_INVALID;
	vcpu[d->id - 1].domain = d;
	d->p2m.domain = d;
	if (p2m_init(&d->p2m, d) || grant_init(d, 4, 2))
		abort();
	p2m_set_limit(&d->p2m, LIMIT);
	d->shared = shared_page_alloc(d);
	for (uint64_t i = 0; i < RAM; i++)
		if (frame_alloc_guest(d, 0, &mfn) ||
		    p2m_map(&d->p2m, (gfn_t) { i }, mfn, 0, P2M_RAM))
			abort();
}

static void die(struct domain *d)
{
	d->state = DOMAIN_DYING;
	frames_claim(d, 0);
	while (!grant_destroy(d, 3) || !p2m_teardown(&d->p2m, 100) || !frames_free_unmapped(d, 100))
		;
}

static void bury(struct domain *d)
{
	if (d->refs != 1 || d->tot_pages || d->label.foreign_frames || d->claimed_pages ||
	    d->p2m.table_pages)
		abort();
	grant_free(d);
	shared_page_free(d->shared);
}

static void run(void)
{
	while (left) {
		uint8_t what = byte();
		struct domain *d = &arena_domain[what & 1];

		this_cpu()->current = &vcpu[what & 1];
		/* Its arguments' page may be gone: then nothing is read. */
		if (what & 2)
			memory_call();
		else if (what & 4)
			grant_call(d);
		else
			grant_entry(d);
		/* Back to a guest. */
		frames_reap(100);
		if (arena_windows)
			abort();
		check(d);
	}
	check(&arena_domain[0]);
	check(&arena_domain[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	left = size < 512 ? size : 512;
	preempt_calls = 0; /* an input does the same whatever went before */
	arena_reset();
	core_frames = heap_used();
	build(&arena_domain[0]);
	build(&arena_domain[1]);
	run();
	left = 0;
	die(&arena_domain[0]);
	die(&arena_domain[1]);
	bury(&arena_domain[0]);
	bury(&arena_domain[1]);
	while (frames_reap(1000))
		;
	if (heap_used() != core_frames)
		abort();
	return 0;
}
