/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small objects come from pages that are cut into pieces of one size class. What a page holds is
 * kept in its frame record (unused otherwise for core frames): refs = class and pieces in use,
 * owner = index of the first free piece, next/prev = list of pages of the class with free pieces.
 */
#include "mm/heap.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/core_pages.h"
#include "mm/frame.h"

#define MIN_SHIFT   4 /* 16 bytes */
#define CLASSES	    8 /* 16 … 2048 */
#define CLASS_LARGE 15
#define NO_PIECE    0xffffU
#define MAX_ORDER   11 /* 8 MiB */

static struct {
	struct spinlock lock;
	uint32_t partial[CLASSES];
	size_t used;
} heap = { .lock = SPINLOCK_INIT(LOCK_HEAP) };

static struct frame *record(uint64_t mfn)
{
	return frame_get_record((mfn_t) { mfn });
}

static unsigned int page_class(const struct frame *f)
{
	return f->refs >> 16;
}

static void partial_push(unsigned int class, uint32_t mfn)
{
	struct frame *f = record(mfn);

	f->prev = 0;
	f->next = heap.partial[class];
	if (f->next)
		record(f->next)->prev = mfn;
	heap.partial[class] = mfn;
}

static void partial_remove(unsigned int class, uint32_t mfn)
{
	struct frame *f = record(mfn);

	if (f->prev)
		record(f->prev)->next = f->next;
	else
		heap.partial[class] = f->next;
	if (f->next)
		record(f->next)->prev = f->prev;
}

/* A new page of @class, all pieces free, on the partial list. */
static bool slab_grow(unsigned int class)
{
	size_t size = 1UL << (MIN_SHIFT + class);
	unsigned int pieces = PAGE_SIZE / size;
	char *page = core_pages_alloc(0);
	struct frame *f;

	if (!page)
		return false;
	for (unsigned int i = 0; i < pieces; i++)
		*(uint16_t *)(page + i * size) = (uint16_t)(i + 1 < pieces ? i + 1 : NO_PIECE);
	f = record(core_va_to_mfn(page).v);
	f->refs = class << 16;
	f->owner = 0;
	spin_lock(&heap.lock);
	partial_push(class, (uint32_t)core_va_to_mfn(page).v);
	spin_unlock(&heap.lock);
	return true;
}

static void *slab_take(unsigned int class)
{
	size_t size = 1UL << (MIN_SHIFT + class);
	uint32_t mfn;
	struct frame *f;
	char *p = NULL;

	spin_lock(&heap.lock);
	mfn = heap.partial[class];
	if (mfn) {
		f = record(mfn);
		p = (char *)core_va((mfn_t) { mfn }) + f->owner * size;
		f->owner = *(uint16_t *)p;
		f->refs++;
		if (f->owner == NO_PIECE)
			partial_remove(class, mfn);
		heap.used += size;
	}
	spin_unlock(&heap.lock);
	return p;
}

static void *large_alloc(size_t size)
{
	unsigned int order = 0;
	void *p;

	while (order < MAX_ORDER && (PAGE_SIZE << order) < size)
		order++;
	if ((PAGE_SIZE << order) < size)
		return NULL;
	p = core_pages_alloc(order);
	if (!p)
		return NULL;
	struct frame *f = record(core_va_to_mfn(p).v);
	f->refs = CLASS_LARGE << 16;
	f->order = (uint8_t)order;
	spin_lock(&heap.lock);
	heap.used += PAGE_SIZE << order;
	spin_unlock(&heap.lock);
	return p;
}

void *xmalloc(size_t size)
{
	unsigned int class = 0;
	void *p;

	if (size > 1UL << (MIN_SHIFT + CLASSES - 1))
		return large_alloc(size);
	while ((1UL << (MIN_SHIFT + class)) < size)
		class ++;
	do
		p = slab_take(class);
	while (!p && slab_grow(class));
	return p;
}

void *xzalloc(size_t size)
{
	void *p = xmalloc(size);

	if (p)
		memset(p, 0, size);
	return p;
}

static void slab_free(void *p, struct frame *f, uint32_t mfn)
{
	unsigned int class = page_class(f);
	size_t size = 1UL << (MIN_SHIFT + class);
	size_t offset = (uintptr_t)p & ~PAGE_MASK;
	bool empty;

	BUG_ON(class >= CLASSES || offset % size || !(f->refs & 0xffff));
	spin_lock(&heap.lock);
	heap.used -= size;
	if (f->owner == NO_PIECE)
		partial_push(class, mfn);
	*(uint16_t *)p = f->owner;
	f->owner = (uint16_t)(offset / size);
	f->refs--;
	empty = !(f->refs & 0xffff);
	if (empty)
		partial_remove(class, mfn);
	spin_unlock(&heap.lock);
	if (empty)
		core_pages_free((void *)((uintptr_t)p & PAGE_MASK), 0);
}

void xfree(void *p)
{
	mfn_t mfn;
	struct frame *f;

	if (!p)
		return;
	mfn = core_va_to_mfn(p);
	f = frame_get_record(mfn);
	BUG_ON(!f || f->kind != FRAME_CORE);
	if (page_class(f) != CLASS_LARGE) {
		slab_free(p, f, (uint32_t)mfn.v);
		return;
	}
	spin_lock(&heap.lock);
	heap.used -= PAGE_SIZE << f->order;
	spin_unlock(&heap.lock);
	core_pages_free(p, f->order);
}

size_t heap_used(void)
{
	return READ_ONCE(heap.used);
}
