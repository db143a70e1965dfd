/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of the core: each is mapped at CORE_BASE plus its machine address, and only those are.
 * Single pages that are freed are kept mapped in a small pool, since most of what the core does
 * takes and gives single pages.
 */
#include "mm/core_pages.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "x86/paging.h"

#define POOL_MAX 64

static struct {
	struct spinlock lock;
	void *free; /* linked through their first words */
	unsigned int count;
} pool = { .lock = SPINLOCK_INIT(LOCK_HEAP) };

void *core_va(mfn_t mfn)
{
	return (void *)(CORE_BASE + mfn_to_maddr(mfn).v);
}

mfn_t core_va_to_mfn(const void *va)
{
	return maddr_to_mfn((maddr_t) { (uint64_t)va - CORE_BASE });
}

/* Under the lock: takes 2^@order pages' mappings away, as far as there are any, and frees them. */
static void unmap_pages(mfn_t mfn, unsigned int order)
{
	for (uint64_t i = 0; i < 1UL << order; i++) {
		core_unmap(mfn_add(mfn, i));
		frame_free(mfn_add(mfn, i));
	}
}

/* Under the lock. */
static void *map_new(unsigned int order)
{
	mfn_t mfn = frame_alloc_core(order);

	if (mfn_eq(mfn, MFN_INVALID))
		return NULL;
	for (uint64_t i = 0; i < 1UL << order; i++) {
		if (core_map(mfn_add(mfn, i))) {
			unmap_pages(mfn, order);
			return NULL;
		}
	}
	return core_va(mfn);
}

void *core_pages_alloc(unsigned int order)
{
	bool reused;
	void *va;

	spin_lock(&pool.lock);
	reused = order == 0 && pool.free;
	if (reused) {
		va = pool.free;
		pool.free = *(void **)va;
		pool.count--;
	} else {
		va = map_new(order);
	}
	spin_unlock(&pool.lock);
	if (reused)
		memset(va, 0, PAGE_SIZE);
	return va;
}

void core_pages_free(void *va)
{
	mfn_t mfn = core_va_to_mfn(va);
	unsigned int order = frame_get_record(mfn)->order;

	spin_lock(&pool.lock);
	if (order == 0 && pool.count < POOL_MAX) {
		*(void **)va = pool.free;
		pool.free = va;
		pool.count++;
	} else {
		unmap_pages(mfn, order);
	}
	spin_unlock(&pool.lock);
}

void *shared_page_alloc(struct domain *owner)
{
	void *va = core_pages_alloc(0);
	struct frame *f;

	if (!va)
		return NULL;
	f = frame_get_record(core_va_to_mfn(va));
	f->owner = owner->id;
	__atomic_store_n(&f->refs, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&f->kind, FRAME_SHARED, __ATOMIC_RELEASE);
	return va;
}

void shared_page_free(void *va)
{
	frame_unref(core_va_to_mfn(va));
}

void core_page_retire(mfn_t mfn)
{
	spin_lock(&pool.lock);
	unmap_pages(mfn, 0);
	spin_unlock(&pool.lock);
}
