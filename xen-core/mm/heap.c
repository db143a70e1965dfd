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

static size_t class_size(unsigned int class)
{
	return 1UL << (MIN_SHIFT + class);
}

static unsigned int page_class(const struct frame *f)
{
	return f->refs >> 16;
}

/* Bytes of each piece of a page, or of the pages that are one piece. */
static size_t piece_size(const struct frame *f)
{
	return page_class(f) == CLASS_LARGE ? PAGE_SIZE << f->order : class_size(page_class(f));
}

/* A new page of @class, all pieces free, on the partial list. */
static bool slab_grow(unsigned int class)
{
	size_t size = class_size(class);
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
	frame_list_push(&heap.partial[class], core_va_to_mfn(page).v);
	spin_unlock(&heap.lock);
	return true;
}

static void *slab_take(unsigned int class)
{
	uint32_t mfn;
	struct frame *f;
	char *p = NULL;

	spin_lock(&heap.lock);
	mfn = heap.partial[class];
	if (mfn) {
		f = record(mfn);
		p = (char *)core_va((mfn_t) { mfn }) + f->owner * class_size(class);
		f->owner = *(uint16_t *)p;
		f->refs++;
		if (f->owner == NO_PIECE)
			frame_list_remove(&heap.partial[class], mfn);
	}
	spin_unlock(&heap.lock);
	return p;
}

static void *slab_alloc(size_t size)
{
	unsigned int class = 0;
	void *p;

	while (class_size(class) < size)
		class ++;
	do
		p = slab_take(class);
	while (!p && slab_grow(class));
	return p;
}

static void *large_alloc(size_t size)
{
	unsigned int order = 0;
	void *p = NULL;

	while (order < MAX_ORDER && PAGE_SIZE << order < size)
		order++;
	if (PAGE_SIZE << order >= size)
		p = core_pages_alloc(order);
	if (p)
		record(core_va_to_mfn(p).v)->refs = CLASS_LARGE << 16;
	return p;
}

void *xmalloc(size_t size)
{
	void *p = size > class_size(CLASSES - 1) ? large_alloc(size) : slab_alloc(size);

	if (p)
		__atomic_add_fetch(&heap.used, piece_size(record(core_va_to_mfn(p).v)),
				   __ATOMIC_RELAXED);
	return p;
}

void *xzalloc(size_t size)
{
	void *p = xmalloc(size);

	if (p)
		memset(p, 0, size);
	return p;
}

static void slab_free(void *p, struct frame *f, uint64_t mfn)
{
	uint32_t *partial = &heap.partial[page_class(f)];
	size_t offset = (uintptr_t)p & ~PAGE_MASK;
	bool empty;

	BUG_ON(page_class(f) >= CLASSES || offset % piece_size(f) || !(f->refs & 0xffff));
	spin_lock(&heap.lock);
	if (f->owner == NO_PIECE)
		frame_list_push(partial, mfn);
	*(uint16_t *)p = f->owner;
	f->owner = (uint16_t)(offset / piece_size(f));
	f->refs--;
	empty = !(f->refs & 0xffff);
	if (empty)
		frame_list_remove(partial, mfn);
	spin_unlock(&heap.lock);
	if (empty)
		core_pages_free((void *)((uintptr_t)p & PAGE_MASK));
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
	__atomic_sub_fetch(&heap.used, piece_size(f), __ATOMIC_RELAXED);
	if (page_class(f) == CLASS_LARGE)
		core_pages_free(p);
	else
		slab_free(p, f, mfn.v);
}

size_t heap_used(void)
{
	return READ_ONCE(heap.used);
}
