/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/8: frame allocator, heap, p2m and guest page-table walk, each with its real code. */
#include "support/mm_arena.h"

#include <stdlib.h>
#include <string.h>

#include "mm/core_pages.h"
#include "mm/frame.h"
#include "hvm/hvm.h"
#include "mm/heap.h"
#include "mm/p2m.h"

static struct domain *const d1 = &arena_domain[0], *const d2 = &arena_domain[1];

static int setup(void **state)
{
	(void)state;
	arena_reset();
	assert_int_equal(p2m_init(&d1->p2m, d1), 0);
	assert_int_equal(p2m_init(&d2->p2m, d2), 0);
	p2m_set_limit(&d1->p2m, ARENA_FRAMES);
	p2m_set_limit(&d2->p2m, ARENA_FRAMES);
	return 0;
}

static void reap_all(void)
{
	while (frames_reap(100))
		;
}

static mfn_t guest_frame(struct domain *d)
{
	mfn_t mfn;

	assert_int_equal(frame_alloc_guest(d, 0, &mfn), 0);
	return mfn;
}

/* ---- frames ---- */

static void frames_come_back_zeroed(void **state)
{
	uint64_t before = frame_counts.free;
	mfn_t mfn;

	(void)state;
	assert_int_equal(frame_alloc_guest(d1, 9, &mfn), 0);
	assert_int_equal(mfn.v % 512, 0);
	assert_int_equal(d1->tot_pages, 512);
	assert_int_equal(frame_counts.free, before - 512);
	memset(arena_frame(mfn), 0xaa, 512 * PAGE_SIZE);
	for (unsigned int i = 0; i < 512; i++)
		frame_unref(mfn_add(mfn, i));
	assert_int_equal(d1->tot_pages, 0);
	reap_all();
	assert_int_equal(frame_counts.free, before);
	/* Merged again, and scrubbed. */
	assert_int_equal(frame_alloc_guest(d2, 9, &mfn), 0);
	for (unsigned int i = 0; i < 512 * PAGE_SIZE; i++)
		assert_int_equal(((uint8_t *)arena_frame(mfn))[i], 0);
}

static void limbo_lasts_until_the_grace_period_ends(void **state)
{
	uint64_t before = frame_counts.free;
	mfn_t mfn = guest_frame(d1);

	(void)state;
	arena_grace = false;
	*(uint64_t *)arena_frame(mfn) = 42;
	frame_unref(mfn);
	assert_int_equal(frame_counts.limbo, 1);
	assert_true(frames_reap(10));
	assert_int_equal(frame_counts.free, before - 1);
	assert_int_equal(*(uint64_t *)arena_frame(mfn), 42);
	assert_false(frame_ref(mfn, d1));
	arena_grace = true;
	reap_all();
	assert_int_equal(frame_counts.free, before);
	assert_int_equal(*(uint64_t *)arena_frame(mfn), 0);
}

/* What a CPU has freed it scrubs itself, so it is counted for it. */
static void freed_frames_are_counted(void **state)
{
	mfn_t mfn[3];

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		mfn[i] = guest_frame(d1);
	this_cpu()->freed = 0;
	for (unsigned int i = 0; i < 3; i++)
		frame_unref(mfn[i]);
	assert_int_equal(this_cpu()->freed, 3);
	arena_grace = false;
	assert_true(frames_reap(2));
	assert_int_equal(this_cpu()->freed, 3);
	arena_grace = true;
	assert_true(frames_reap(2));
	assert_int_equal(this_cpu()->freed, 1);
	/* Another CPU has scrubbed for this one. */
	this_cpu()->freed = 100;
	reap_all();
	assert_false(frames_reap(1));
	assert_int_equal(this_cpu()->freed, 0);
}

static void references_keep_a_frame(void **state)
{
	mfn_t mfn = guest_frame(d1);

	(void)state;
	assert_true(frame_ref(mfn, d1));
	assert_false(frame_ref(mfn, d2));
	assert_false(frame_ref((mfn_t) { ARENA_FRAMES }, d1));
	assert_int_equal(frame_get_record(mfn)->owner, 1);
	frame_unref(mfn);
	assert_int_equal(d1->tot_pages, 1);
	frame_get_record(mfn)->refs = 0x7fffffff;
	assert_false(frame_ref(mfn, d1));
	frame_get_record(mfn)->refs = 1;
	frame_unref(mfn);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(frame_get_record(mfn)->kind, FRAME_LIMBO);
	assert_int_equal(d1->refs, 1);
}

static void limits_hold(void **state)
{
	mfn_t mfn;

	(void)state;
	d1->max_pages = 3;
	assert_int_equal(frame_alloc_guest(d1, 2, &mfn), -E2BIG);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(frame_alloc_guest(d1, 1, &mfn), 0);
	assert_int_equal(frame_alloc_guest(d1, 0, &mfn), 0);
	assert_int_equal(frame_alloc_guest(d1, 0, &mfn), -E2BIG);
	d2->state = DOMAIN_DYING;
	assert_int_equal(frame_alloc_guest(d2, 0, &mfn), -E2BIG);
	d2->state = DOMAIN_ALIVE;
	assert_int_equal(frame_alloc_guest(d2, 18, &mfn), -E2BIG);
	d2->max_pages = ~0UL;
	assert_int_equal(frame_alloc_guest(d2, 18, &mfn), -ENOMEM);
	assert_int_equal(d2->tot_pages, 0);
	assert_int_equal(d2->refs, 1);
}

static void claims_are_kept_for_the_claimant(void **state)
{
	uint64_t all = frame_counts.free;
	mfn_t mfn;
	unsigned int n = 0;

	(void)state;
	d2->max_pages = ~0UL;
	d1->max_pages = ~0UL;
	assert_int_equal(frames_claim(d1, all + 1), -ENOMEM);
	d1->max_pages = 99;
	assert_int_equal(frames_claim(d1, 100), -EINVAL);
	d1->max_pages = ~0UL;
	assert_int_equal(frames_claim(d1, 100), 0);
	assert_int_equal(frame_counts.claimed, 100);
	while (frame_alloc_guest(d2, 0, &mfn) == 0)
		n++;
	assert_int_equal(n, all - 100);
	for (unsigned int i = 0; i < 100; i++)
		guest_frame(d1);
	assert_int_equal(frame_counts.claimed, 0);
	assert_int_equal(frame_alloc_guest(d1, 0, &mfn), -ENOMEM);
	/* Giving a claim back. */
	frame_unref(mfn);
	reap_all();
	assert_int_equal(frames_claim(d1, d1->tot_pages + 1), 0);
	assert_int_equal(frames_claim(d1, 0), 0);
	assert_int_equal(frame_counts.claimed, 0);
	/* Destruction has given it back: no claim comes after that. */
	d1->state = DOMAIN_DYING;
	assert_int_equal(frames_claim(d1, d1->tot_pages + 1), -EINVAL);
	assert_int_equal(frames_claim(d1, 0), 0);
	assert_int_equal(frame_counts.claimed, 0);
}

static void short_memory_is_reaped_first(void **state)
{
	mfn_t mfn, last = MFN_INVALID;

	(void)state;
	d1->max_pages = ~0UL;
	while (frame_alloc_guest(d1, 0, &mfn) == 0)
		last = mfn;
	frame_unref(last);
	assert_int_equal(frame_counts.limbo, 1);
	assert_int_equal(frame_alloc_guest(d1, 0, &mfn), 0);
	assert_int_equal(mfn.v, last.v);
	assert_true(mfn_eq(frame_alloc_core(0), MFN_INVALID));
}

/* Random orders and frees keep the sums, and no frame is handed out twice. */
static void random_allocations(void **state)
{
	static mfn_t held[512];
	static unsigned int order[512];
	static uint8_t used[ARENA_FRAMES];
	uint64_t before = frame_counts.free;
	unsigned int n = 0;

	(void)state;
	memset(used, 0, sizeof(used));
	d1->max_pages = ~0UL;
	srandom(1);
	for (unsigned int step = 0; step < 20000; step++) {
		if (n < 512 && (random() & 1)) {
			order[n] = (unsigned int)random() % 5;
			if (frame_alloc_guest(d1, order[n], &held[n]))
				continue;
			for (uint64_t i = 0; i < 1UL << order[n]; i++)
				assert_int_equal(used[held[n].v + i]++, 0);
			n++;
		} else if (n) {
			unsigned int k = (unsigned int)random() % n;

			for (uint64_t i = 0; i < 1UL << order[k]; i++) {
				used[held[k].v + i]--;
				frame_unref(mfn_add(held[k], i));
			}
			n--;
			held[k] = held[n];
			order[k] = order[n];
		}
		if (step % 64 == 0)
			frames_reap(40);
	}
	while (n--)
		for (uint64_t i = 0; i < 1UL << order[n]; i++)
			frame_unref(mfn_add(held[n], i));
	reap_all();
	assert_int_equal(frame_counts.free, before);
}

/* ---- heap ---- */

static void heap_pieces(void **state)
{
	static void *p[3000];
	size_t before = heap_used();
	uint64_t frames;

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		size_t size = (size_t)(i % 2100) + 1;

		p[i] = xmalloc(size);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)i, size);
	}
	for (unsigned int i = 0; i < 3000; i++) {
		size_t size = (size_t)(i % 2100) + 1;

		for (size_t k = 0; k < size; k++)
			assert_int_equal(((uint8_t *)p[i])[k], (uint8_t)i);
	}
	for (unsigned int i = 0; i < 3000; i += 2)
		xfree(p[i]);
	for (unsigned int i = 1; i < 3000; i += 2)
		xfree(p[i]);
	xfree(NULL);
	assert_int_equal(heap_used(), before);
	reap_all();
	frames = frame_counts.free;
	p[0] = xzalloc(100000);
	assert_non_null(p[0]);
	for (unsigned int i = 0; i < 100000; i++)
		assert_int_equal(((uint8_t *)p[0])[i], 0);
	assert_int_equal(heap_used(), before + 131072);
	xfree(p[0]);
	reap_all();
	assert_int_equal(frame_counts.free, frames);
	assert_null(xmalloc(1UL << 30));
}

static void heap_out_of_memory(void **state)
{
	unsigned int n = 0;
	void *p;

	(void)state;
	while ((p = xmalloc(4096)) != NULL)
		n++;
	assert_true(n > 1000);
	assert_null(xzalloc(16));
	assert_null(xzalloc(8192));
}

/*
 * Memory of which the core knows that it is clean is handed out first and as it is; dirty memory
 * beside it does not make it dirty, and none is handed out dirty.
 */
static void clean_memory_stays_clean(void **state)
{
	enum {
		BLOCKS = 4
	};
	mfn_t block[BLOCKS], mfn;
	unsigned int zeroed = 0;

	(void)state;
	for (unsigned int i = 0; i < BLOCKS; i++)
		assert_int_equal(frame_alloc_guest(d1, 9, &block[i]), 0);
	for (unsigned int i = 0; i < BLOCKS; i++)
		for (unsigned int j = 0; j < 512; j++) {
			*(uint64_t *)arena_frame(mfn_add(block[i], j)) = ~0UL;
			frame_unref(mfn_add(block[i], j));
		}
	reap_all();
	arena_opened = 0;
	for (unsigned int i = 0; i < BLOCKS; i++) {
		assert_int_equal(frame_alloc_guest(d1, 9, &mfn), 0);
		assert_int_equal(*(uint64_t *)arena_frame(mfn_add(mfn, 511)), 0);
	}
	assert_int_equal(arena_opened, 0);
	/* Then the rest, which the boot loader left; all of it can be had in large blocks. */
	while (frame_alloc_guest(d1, 9, &mfn) == 0)
		zeroed = arena_opened;
	assert_int_equal(zeroed % 512, 0);
	assert_true(frame_counts.free < 512 * 2);
	while (frame_alloc_guest(d1, 0, &mfn) == 0)
		;
	assert_int_equal(frame_counts.free, 0);
}

/* ---- p2m ---- */

static void p2m_maps_and_unmaps(void **state)
{
	mfn_t mfn = guest_frame(d1), other = guest_frame(d1);
	gfn_t gfn = { 0x12345 };

	(void)state;
	assert_int_equal(p2m_lookup(&d1->p2m, gfn).type, P2M_NONE);
	assert_int_equal(p2m_map(&d1->p2m, gfn, mfn, 0, P2M_RAM), 0);
	assert_int_equal(p2m_lookup(&d1->p2m, gfn).type, P2M_RAM);
	assert_int_equal(p2m_ram(&d1->p2m, gfn).v, mfn.v);
	assert_int_equal(d1->p2m.max_gfn, gfn.v);
	assert_int_equal(arena_flushes, 0);
	/* Replacing drops the old frame, after a flush. */
	assert_int_equal(p2m_map(&d1->p2m, gfn, other, 0, P2M_RAM), 0);
	assert_int_equal(arena_flushes, 1);
	assert_int_equal(d1->tot_pages, 1);
	assert_int_equal(p2m_unmap(&d1->p2m, gfn, 0), 0);
	assert_int_equal(arena_flushes, 2);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(p2m_unmap(&d1->p2m, gfn, 0), 0);
	assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 1UL << 35 }, 0), 0);
}

static void p2m_refuses_nonsense(void **state)
{
	mfn_t mfn = guest_frame(d1);

	(void)state;
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 1UL << 36 }, mfn, 0, P2M_RAM), -EINVAL);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { ~0UL }, mfn, 0, P2M_RAM), -EINVAL);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 1 }, (mfn_t) { 512 }, 9, P2M_RAM), -EINVAL);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 512 }, (mfn_t) { 1 }, 9, P2M_RAM), -EINVAL);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 0 }, (mfn_t) { 0 }, 1, P2M_RAM), -EINVAL);
	assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 1UL << 40 }, 0), -EINVAL);
	assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 0 }, 3), -EINVAL);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { ~0UL }).type, P2M_NONE);
	assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { ~0UL }, mfn, P2M_RAM), -ENOENT);
	assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { 7 }, mfn, P2M_RAM), -ENOENT);
	frame_unref(mfn);
}

static void p2m_table_limit_holds(void **state)
{
	unsigned int n = 0;
	mfn_t mfn;
	int rc;

	(void)state;
	d1->p2m.table_limit = 10;
	do {
		mfn = guest_frame(d1);
		rc = p2m_map(&d1->p2m, (gfn_t) { (uint64_t)n++ << 27 }, mfn, 0, P2M_RAM);
	} while (!rc);
	assert_int_equal(rc, -ENOMEM);
	assert_int_equal(n, 4);
	frame_unref(mfn);
	assert_true(d1->p2m.table_pages <= 10);
}

static void p2m_splits_large_pages(void **state)
{
	mfn_t mfn;

	(void)state;
	assert_int_equal(frame_alloc_guest(d1, 9, &mfn), 0);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 1024 }, mfn, 9, P2M_RAM), 0);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 1024 + 77 }).mfn.v, mfn.v + 77);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 1024 + 77 }).order, 9);
	assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 1024 + 77 }, 0), 0);
	assert_int_equal(d1->tot_pages, 511);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 1024 + 77 }).type, P2M_NONE);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 1024 + 78 }).mfn.v, mfn.v + 78);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 1024 + 78 }).order, 0);
	/* A large page over the table takes the table and what it maps away. */
	assert_int_equal(frame_alloc_guest(d1, 9, &mfn), 0);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 1024 }, mfn, 9, P2M_RAM), 0);
	assert_int_equal(d1->tot_pages, 512);
	assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 1024 }, 9), 0);
	assert_int_equal(d1->tot_pages, 0);
}

static void p2m_gives_the_reference_away(void **state)
{
	mfn_t mfn = guest_frame(d1), other = guest_frame(d1);

	(void)state;
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 5 }, mfn, 0, P2M_RAM), 0);
	assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { 5 }, other, P2M_RAM), -ENOENT);
	assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { 5 }, mfn, P2M_GRANT_RW), -ENOENT);
	assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { 5 }, mfn, P2M_RAM), 0);
	assert_int_equal(arena_flushes, 1);
	assert_int_equal(d1->tot_pages, 2);
	frame_unref(mfn);
	frame_unref(other);
}

static void p2m_counts_foreign_frames(void **state)
{
	mfn_t mfn = guest_frame(d2);
	uint32_t refs = d2->refs;

	(void)state;
	d2->label.foreign_frames = 1;
	/* A mapping keeps its owner's record, whatever kind of frame it is of. */
	assert_true(domain_get(d2));
	assert_true(frame_ref(mfn, d2));
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 9 }, mfn, 0, P2M_FOREIGN), 0);
	frame_unref(mfn);
	assert_int_equal(d2->tot_pages, 1);
	assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 9 }, 0), 0);
	assert_int_equal(d2->label.foreign_frames, 0);
	assert_int_equal(d2->tot_pages, 0);
	/* One less: the frame's own is gone as well. */
	assert_int_equal(d2->refs, refs - 1);
}

/* What hardware reads in the entries: AMD APM vol. 2 § 15.25, and rights by type. */
static void p2m_rights_by_type(void **state)
{
	static const struct {
		enum p2m_type type;
		bool write, execute;
	} want[] = {
		{ P2M_RAM, true, true },	{ P2M_RAM_RO, false, true },
		{ P2M_SHARED_RW, true, false }, { P2M_GRANT_RW, true, false },
		{ P2M_GRANT_RO, false, false },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++) {
		mfn_t mfn = guest_frame(d1);
		uint64_t *t = arena_frame(maddr_to_mfn(p2m_root(&d1->p2m))), e;

		assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { i }, mfn, 0, want[i].type), 0);
		for (unsigned int level = 4; level > 1; level--) {
			assert_int_equal(t[0] & 7, 7);
			t = arena_frame((mfn_t) { (t[0] & 0x000ffffffffff000UL) >> 12 });
		}
		e = t[i];
		assert_int_equal(e & 5, 5);
		assert_int_equal(!!(e & 2), want[i].write);
		assert_int_equal(!(e >> 63), want[i].execute);
		assert_int_equal((e & 0x000ffffffffff000UL) >> 12, mfn.v);
		assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { i }).type, want[i].type);
	}
	assert_int_equal(p2m_ram(&d1->p2m, (gfn_t) { 1 }).v, MFN_INVALID.v);
}

/* A granted page goes by its handle alone: whatever is mapped over it would leave the grant in use. */
static void p2m_keeps_grants(void **state)
{
	mfn_t mfn = guest_frame(d2), large;

	(void)state;
	assert_int_equal(frame_alloc_guest(d1, 9, &large), 0);
	for (unsigned int type = P2M_GRANT_RW; type <= P2M_GRANT_RO; type++) {
		assert_true(frame_ref(mfn, d2));
		assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 700 }, mfn, 0, type), 0);
		assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 700 }, large, 0, P2M_RAM), -EBUSY);
		assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 512 }, large, 9, P2M_RAM), -EBUSY);
		assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 700 }, 0), -EBUSY);
		assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 512 }, 9), -EBUSY);
		assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { 700 }, 1, false), -EINVAL);
		assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { 699 }, 3, true), 0);
		assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 700 }).type, type);
		assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { 700 }, mfn, type), 0);
		frame_unref(mfn);
		assert_int_equal(frame_get_record(mfn)->refs, 1);
	}
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 512 }, large, 9, P2M_RAM), 0);
}

/* A grant takes the place of nothing, or of the domain's own memory, and of nothing else. */
static void p2m_grants_replace_memory(void **state)
{
	static const struct {
		enum p2m_type type;
		int rc;
	} cases[] = { { P2M_RAM, 0 },
		      { P2M_RAM_RO, -EBUSY },
		      { P2M_SHARED_RW, -EBUSY },
		      { P2M_FOREIGN, -EBUSY },
		      { P2M_MMIO_DIRECT, -EBUSY } };
	mfn_t mfn = guest_frame(d2);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		gfn_t gfn = { 40 + i };
		mfn_t before = guest_frame(d1);

		assert_int_equal(p2m_map(&d1->p2m, gfn, before, 0, cases[i].type), 0);
		assert_true(frame_ref(mfn, d2));
		assert_int_equal(p2m_map(&d1->p2m, gfn, mfn, 0, P2M_GRANT_RW), cases[i].rc);
		if (cases[i].rc) {
			assert_int_equal(p2m_lookup(&d1->p2m, gfn).mfn.v, before.v);
			frame_unref(mfn);
		} else {
			assert_int_equal(p2m_lookup(&d1->p2m, gfn).mfn.v, mfn.v);
			assert_int_equal(d1->tot_pages, 0);
		}
	}
}

/* Many small pages are let go with one flush; other domains' CPUs wait no longer than for one. */
static void p2m_releases_at_once(void **state)
{
	mfn_t large;

	(void)state;
	for (unsigned int i = 0; i < 512; i++)
		assert_int_equal(
			p2m_map(&d1->p2m, (gfn_t) { 300 + i }, guest_frame(d1), 0, P2M_RAM), 0);
	arena_flushes = 0;
	assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { 300 }, 512, false), 0);
	assert_int_equal(arena_flushes, 1);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 400 }).type, P2M_NONE);
	assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { 300 }, 512, true), 0);
	assert_int_equal(arena_flushes, 1);

	/* Up to the first hole; with holes allowed, around them. */
	for (unsigned int i = 0; i < 6; i++)
		if (i != 3)
			assert_int_equal(
				p2m_map(&d1->p2m, (gfn_t) { 510 + i }, guest_frame(d1), 0, P2M_RAM),
				0);
	assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { 510 }, 6, false), -EINVAL);
	assert_int_equal(d1->tot_pages, 2);
	assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { 510 }, 6, true), 0);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(arena_flushes, 3);
	/* A part of a large page. */
	assert_int_equal(frame_alloc_guest(d1, 9, &large), 0);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 1024 }, large, 9, P2M_RAM), 0);
	assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { 1030 }, 2, false), 0);
	assert_int_equal(d1->tot_pages, 510);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 1032 }).type, P2M_RAM);
	assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { (1UL << 36) - 1 }, 2, false), -EINVAL);
	/* No table page to split a large page: nothing happens. */
	assert_int_equal(frame_alloc_guest(d1, 9, &large), 0);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 2048 }, large, 9, P2M_RAM), 0);
	d1->p2m.table_limit = d1->p2m.table_pages;
	assert_int_equal(p2m_release_ram(&d1->p2m, (gfn_t) { 2048 }, 1, true), -ENOMEM);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 2048 }).type, P2M_RAM);
	assert_int_equal(p2m_release_ram(&d2->p2m, (gfn_t) { 0 }, 1, true), 0);
	assert_int_equal(p2m_teardown(&d2->p2m, 10), true);
	assert_int_equal(p2m_release_ram(&d2->p2m, (gfn_t) { 0 }, 1, true), -ESRCH);
}

static void p2m_teardown_in_steps(void **state)
{
	uint64_t before = frame_counts.free;
	unsigned int steps = 0;
	mfn_t mfn;

	(void)state;
	for (unsigned int i = 0; i < 300; i++)
		assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { (uint64_t)i * 700 }, guest_frame(d1),
					 0, P2M_RAM),
				 0);
	assert_int_equal(frame_alloc_guest(d1, 9, &mfn), 0);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 1UL << 30 }, mfn, 9, P2M_RAM), 0);
	while (!p2m_teardown(&d1->p2m, 50))
		steps++;
	assert_in_range(steps, 6, 20);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(d1->p2m.table_pages, 0);
	assert_int_equal(d1->p2m.root, 0);
	assert_int_equal(p2m_lookup(&d1->p2m, (gfn_t) { 0 }).type, P2M_NONE);
	assert_true(p2m_teardown(&d1->p2m, 1));
	/* Another CPU that was about to change it comes too late. */
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { 3 }, (mfn_t) { 3 }, 0, P2M_RAM), -ESRCH);
	assert_int_equal(p2m_unmap(&d1->p2m, (gfn_t) { 3 }, 0), -ESRCH);
	assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { 3 }, (mfn_t) { 3 }, P2M_RAM), -ESRCH);
	reap_all();
	/* The root was allocated before the count was taken. */
	assert_int_equal(frame_counts.free, before + 1);
}

/* ---- guest page tables ---- */

#define PG  (1UL << 31)
#define WP  (1UL << 16)
#define PAE (1UL << 5)
#define PSE (1UL << 4)
#define LMA (1UL << 10)

/* RAM at gfns 0 … 15; tables are written at frames 1 … 4. */
static void *gpage(unsigned int gfn)
{
	return arena_frame(p2m_ram(&d1->p2m, (gfn_t) { gfn }));
}

static void guest_ram(void)
{
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { i }, guest_frame(d1), 0, P2M_RAM), 0);
}

static void walk_long_mode(void **state)
{
	struct guest_control st = { .cr0 = PG | WP, .cr3 = 0x1000, .cr4 = PAE, .efer = LMA };
	gva_t va = { 0x7f8040201123UL };
	uint64_t *l4, *l3, *l2, *l1;
	gpa_t out;

	(void)state;
	guest_ram();
	l4 = gpage(1), l3 = gpage(2), l2 = gpage(3), l1 = gpage(4);
	assert_int_equal(guest_walk(d1, &st, va, false, &out), -EFAULT);
	l4[255] = 0x2007;
	l3[1] = 0x3007;
	l2[1] = 0x4007;
	assert_int_equal(guest_walk(d1, &st, va, false, &out), -EFAULT);
	l1[1] = 0x8000000000005001UL;
	assert_int_equal(guest_walk(d1, &st, va, false, &out), 0);
	assert_int_equal(out.v, 0x5123);
	/* Accessed bits at all levels, dirty only by a write, which this page does not allow. */
	assert_int_equal(l4[255] & 0x60, 0x20);
	assert_int_equal(l1[1] & 0x60, 0x20);
	assert_int_equal(guest_walk(d1, &st, va, true, &out), -EFAULT);
	st.cr0 = PG; /* without WP a supervisor writes anywhere */
	assert_int_equal(guest_walk(d1, &st, va, true, &out), 0);
	assert_int_equal(l1[1] & 0x60, 0x60);
	st.cr0 = PG | WP;
	l1[1] = 0x5003;
	l2[1] = 0x4005; /* read-only above counts as well */
	assert_int_equal(guest_walk(d1, &st, va, true, &out), -EFAULT);
	/* Large pages. */
	l2[1] = 0x400083;
	assert_int_equal(guest_walk(d1, &st, va, true, &out), 0);
	assert_int_equal(out.v, 0x401123);
	l3[1] = 0x80000083;
	assert_int_equal(guest_walk(d1, &st, va, true, &out), 0);
	assert_int_equal(out.v, 0x80201123);
	/* Not canonical; tables beyond memory; five levels are not offered. */
	assert_int_equal(guest_walk(d1, &st, (gva_t) { 1UL << 47 }, false, &out), -EFAULT);
	l4[255] = 0xffff000007UL;
	assert_int_equal(guest_walk(d1, &st, va, false, &out), -EFAULT);
	st.cr4 |= 1UL << 12;
	assert_int_equal(guest_walk(d1, &st, va, false, &out), -EFAULT);
}

static void walk_older_modes(void **state)
{
	struct guest_control st = { .cr0 = 0 };
	uint64_t *pdpt, *pd;
	uint32_t *dir, *table;
	gpa_t out;

	(void)state;
	guest_ram();
	assert_int_equal(guest_walk(d1, &st, (gva_t) { 0x1234 }, true, &out), 0);
	assert_int_equal(out.v, 0x1234);
	assert_int_equal(guest_walk(d1, &st, (gva_t) { 1UL << 32 }, true, &out), -EFAULT);
	/* 32-bit, two levels. */
	st = (struct guest_control) { .cr0 = PG, .cr3 = 0x1000 };
	dir = gpage(1);
	table = gpage(2);
	dir[3] = 0x2003;
	table[5] = 0x7003;
	assert_int_equal(guest_walk(d1, &st, (gva_t) { 0x00c05abc }, true, &out), 0);
	assert_int_equal(out.v, 0x7abc);
	assert_int_equal(table[5] & 0x60, 0x60);
	assert_int_equal(dir[3] & 0x20, 0x20);
	dir[3] = 0x00800083; /* 4 MiB page, but only with PSE */
	assert_int_equal(guest_walk(d1, &st, (gva_t) { 0x00c05abc }, true, &out), -EFAULT);
	st.cr4 = PSE;
	assert_int_equal(guest_walk(d1, &st, (gva_t) { 0x00c05abc }, true, &out), 0);
	assert_int_equal(out.v, 0x00805abc);
	assert_int_equal(guest_walk(d1, &st, (gva_t) { 1UL << 33 }, true, &out), -EFAULT);
	/* PAE: the top table has four entries at any multiple of 32, and neither rights nor accessed bit. */
	st = (struct guest_control) { .cr0 = PG | WP, .cr3 = 0x3020, .cr4 = PAE };
	pdpt = (uint64_t *)((char *)gpage(3) + 0x20);
	pd = gpage(4);
	pdpt[3] = 0x4001;
	pd[1] = 0x600083;
	assert_int_equal(guest_walk(d1, &st, (gva_t) { 0xc0212345 }, true, &out), 0);
	assert_int_equal(out.v, 0x612345);
	assert_int_equal(pdpt[3], 0x4001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(frames_come_back_zeroed, setup),
		cmocka_unit_test_setup(limbo_lasts_until_the_grace_period_ends, setup),
		cmocka_unit_test_setup(freed_frames_are_counted, setup),
		cmocka_unit_test_setup(references_keep_a_frame, setup),
		cmocka_unit_test_setup(limits_hold, setup),
		cmocka_unit_test_setup(clean_memory_stays_clean, setup),
		cmocka_unit_test_setup(claims_are_kept_for_the_claimant, setup),
		cmocka_unit_test_setup(short_memory_is_reaped_first, setup),
		cmocka_unit_test_setup(random_allocations, setup),
		cmocka_unit_test_setup(heap_pieces, setup),
		cmocka_unit_test_setup(heap_out_of_memory, setup),
		cmocka_unit_test_setup(p2m_maps_and_unmaps, setup),
		cmocka_unit_test_setup(p2m_refuses_nonsense, setup),
		cmocka_unit_test_setup(p2m_table_limit_holds, setup),
		cmocka_unit_test_setup(p2m_splits_large_pages, setup),
		cmocka_unit_test_setup(p2m_gives_the_reference_away, setup),
		cmocka_unit_test_setup(p2m_counts_foreign_frames, setup),
		cmocka_unit_test_setup(p2m_rights_by_type, setup),
		cmocka_unit_test_setup(p2m_keeps_grants, setup),
		cmocka_unit_test_setup(p2m_grants_replace_memory, setup),
		cmocka_unit_test_setup(p2m_releases_at_once, setup),
		cmocka_unit_test_setup(p2m_teardown_in_steps, setup),
		cmocka_unit_test_setup(walk_long_mode, setup),
		cmocka_unit_test_setup(walk_older_modes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
