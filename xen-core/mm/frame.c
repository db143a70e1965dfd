/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buddy allocator and references of machine frames.
 *
 * The lock (LOCK_FRAMES) guards the free lists, limbo and the sums. Reference counts are atomic:
 * they change without it. A frame in limbo belongs to nobody; reaping takes it off the list, scrubs
 * it without the lock and gives it to the free lists.
 */
#include "mm/frame.h"
#include "domain/domain.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/core_pages.h"
#include "x86/cpu.h"

#define ORDERS	    (FRAME_MAX_ORDER + 1)
#define ORDER_DIRTY 0x80 /* in frame.order of a free block: has to be zeroed before use */
#define ORDER_NONE  0xff /* of a free frame that is not the first of its block */
/* Blocks of which one is dirty merge up to this order, so that both are of use; not beyond. */
#define ORDER_MIXED 9

static struct frame *frame_table;
static uint64_t frame_table_end;

struct frame_counts frame_counts;

static struct {
	struct spinlock lock;
	uint32_t head[2][ORDERS]; /* clean, dirty: first frame of the first free block, 0: none */
	uint32_t limbo_new;	  /* frames that came since limbo_wait was filled, linked by next */
	uint32_t limbo_wait;	  /* frames whose grace period ends with stamp */
	uint64_t stamp;
} mem;

struct frame *frame_get_record(mfn_t mfn)
{
	if (mfn.v >= frame_table_end || frame_table[mfn.v].kind == FRAME_NONE)
		return NULL;
	return &frame_table[mfn.v];
}

void frame_list_push(uint32_t *head, uint64_t mfn)
{
	frame_table[mfn].prev = 0;
	frame_table[mfn].next = *head;
	if (*head)
		frame_table[*head].prev = (uint32_t)mfn;
	*head = (uint32_t)mfn;
}

void frame_list_remove(uint32_t *head, uint64_t mfn)
{
	const struct frame *f = &frame_table[mfn];

	if (f->prev)
		frame_table[f->prev].next = f->next;
	else
		*head = f->next;
	if (f->next)
		frame_table[f->next].prev = f->prev;
}

/* Where free blocks of @order are, with ORDER_DIRTY where it applies. */
static uint32_t *list_of(uint8_t order)
{
	return &mem.head[order & ORDER_DIRTY ? 1 : 0][order & ~ORDER_DIRTY];
}

static void block_push(uint64_t mfn, uint8_t order)
{
	frame_table[mfn].order = order;
	frame_list_push(list_of(order), mfn);
}

static void block_remove(uint64_t mfn)
{
	frame_list_remove(list_of(frame_table[mfn].order), mfn);
	frame_table[mfn].order = ORDER_NONE;
}

/* Under the lock. Merges with free buddies. */
static void block_free(uint64_t mfn, uint8_t order, uint8_t dirty)
{
	frame_counts.free += 1UL << order;
	for (; order < FRAME_MAX_ORDER; order++) {
		uint64_t buddy = mfn ^ (1UL << order);
		struct frame *b = frame_get_record((mfn_t) { buddy });
		uint8_t other = b ? b->order & ORDER_DIRTY : 0;

		if (!b || b->kind != FRAME_FREE || (b->order & ~ORDER_DIRTY) != order ||
		    (other != dirty && order >= ORDER_MIXED))
			break;
		dirty |= other;
		block_remove(buddy);
		frame_table[mfn].order = ORDER_NONE;
		mfn &= ~(1UL << order);
	}
	block_push(mfn, order | dirty);
}

/* Under the lock: the first frame of a free block of at least @order, clean if there is one; or 0. */
static uint64_t block_find(unsigned int order)
{
	for (unsigned int dirty = 0; dirty < 2; dirty++)
		for (unsigned int o = order; o < ORDERS; o++)
			if (mem.head[dirty][o])
				return mem.head[dirty][o];
	return 0;
}

/* Under the lock. Returns the first frame of a block of 2^@order, or 0. */
static uint64_t block_alloc(uint8_t order, uint8_t *dirty)
{
	uint64_t mfn = block_find(order);
	uint8_t o;

	if (!mfn)
		return 0;
	o = frame_table[mfn].order & ~ORDER_DIRTY;
	*dirty = frame_table[mfn].order & ORDER_DIRTY;
	block_remove(mfn);
	while (o > order) {
		o--;
		block_push(mfn + (1UL << o), o | *dirty);
	}
	frame_counts.free -= 1UL << order;
	return mfn;
}

static void frame_zero(mfn_t mfn)
{
	void *p = window_open(mfn);

	memset(p, 0, PAGE_SIZE);
	window_close(p);
}

void frames_boot(struct frame *table, uint64_t max_mfn)
{
	memset(&mem, 0, sizeof(mem));
	spin_init(&mem.lock, LOCK_FRAMES);
	frame_table = table;
	frame_table_end = min(max_mfn, 1UL << 32);
	frame_counts = (struct frame_counts) { .max_mfn = frame_table_end - 1 };
}

void frames_boot_add(mfn_t start, mfn_t end)
{
	uint64_t mfn = max(start.v, 1UL), last = min(end.v, frame_table_end);

	for (uint64_t i = mfn; i < last; i++)
		frame_table[i] = (struct frame) { .kind = FRAME_FREE,
						  .owner = DOMID_INVALID,
						  .order = ORDER_NONE };
	if (last > mfn)
		frame_counts.total += last - mfn;
	while (mfn < last) {
		uint8_t order = (uint8_t)min(__builtin_ctzl(mfn), FRAME_MAX_ORDER);

		while ((1UL << order) > last - mfn)
			order--;
		block_free(mfn, order, ORDER_DIRTY);
		mfn += 1UL << order;
	}
}

/*
 * Takes 2^@order frames out of the free lists, zeroed, with one reference, for @d (which may use what
 * it has claimed) or, with NULL, for the core. 0: none.
 */
static uint64_t frames_try(unsigned int order, struct domain *d)
{
	uint64_t n = 1UL << order, claim, mfn = 0;
	uint8_t dirty = 0;

	spin_lock(&mem.lock);
	claim = d ? d->claimed_pages : 0;
	if (frame_counts.free + claim >= frame_counts.claimed + n)
		mfn = block_alloc((uint8_t)order, &dirty);
	if (mfn && claim) {
		d->claimed_pages -= min(claim, n);
		frame_counts.claimed -= min(claim, n);
	}
	for (uint64_t i = 0; mfn && i < n; i++)
		frame_table[mfn + i] = (struct frame) { .refs = 1,
							.owner = d ? d->id : DOMID_INVALID,
							.kind = d ? FRAME_GUEST : FRAME_CORE };
	spin_unlock(&mem.lock);
	for (uint64_t i = 0; mfn && dirty && i < n; i++)
		frame_zero((mfn_t) { mfn + i });
	if (mfn)
		frame_table[mfn].order = (uint8_t)order;
	return mfn;
}

/* As frames_try; when there are none, what waits to be scrubbed is freed first. */
static mfn_t frames_take(unsigned int order, struct domain *d)
{
	uint64_t mfn = frames_try(order, d);

	if (!mfn && frame_counts.limbo) {
		frames_reap(512);
		mfn = frames_try(order, d);
	}
	return mfn ? (mfn_t) { mfn } : MFN_INVALID;
}

mfn_t frame_alloc_core(unsigned int order)
{
	return frames_take(order, NULL);
}

static void domain_uncharge(struct domain *d, uint64_t n)
{
	if (__atomic_fetch_sub(&d->tot_pages, n, __ATOMIC_ACQ_REL) == n)
		domain_put(d);
}

/* Charges @n frames to @d, or says why not. The domain stays as long as it has memory. */
static int domain_charge(struct domain *d, uint64_t n)
{
	uint64_t old = __atomic_fetch_add(&d->tot_pages, n, __ATOMIC_ACQ_REL);

	if (old == 0)
		domain_get(d);
	if (old + n <= READ_ONCE(d->max_pages) && !domain_is_dying(d))
		return 0;
	domain_uncharge(d, n);
	return -E2BIG;
}

int frame_alloc_guest(struct domain *d, unsigned int order, mfn_t *mfn)
{
	int rc = domain_charge(d, 1UL << order);
	mfn_t first;

	if (rc)
		return rc;
	first = frames_take(order, d);
	if (mfn_eq(first, MFN_INVALID)) {
		domain_uncharge(d, 1UL << order);
		return -ENOMEM;
	}
	*mfn = first;
	return 0;
}

bool frame_ref(mfn_t mfn, const struct domain *owner)
{
	struct frame *f = frame_get_record(mfn);

	return f && f->owner == owner->id && (f->kind == FRAME_GUEST || f->kind == FRAME_SHARED) &&
	       refs_get(&f->refs);
}

int frame_alloc_unmapped(struct domain *d, unsigned int order)
{
	mfn_t mfn;
	int rc = frame_alloc_guest(d, order, &mfn);

	if (rc)
		return rc;
	spin_lock(&mem.lock);
	/* Destruction takes the list away under the lock: nothing comes to it after that. */
	if (domain_is_dying(d))
		rc = -ESRCH;
	for (uint64_t i = 0; !rc && i < 1UL << order; i++)
		frame_list_push(&d->unmapped, mfn.v + i);
	spin_unlock(&mem.lock);
	for (uint64_t i = 0; rc && i < 1UL << order; i++)
		frame_unref(mfn_add(mfn, i));
	return rc;
}

bool frames_free_unmapped(struct domain *d, unsigned int max)
{
	while (max--) {
		uint64_t mfn;

		spin_lock(&mem.lock);
		mfn = d->unmapped;
		if (mfn)
			frame_list_remove(&d->unmapped, mfn);
		spin_unlock(&mem.lock);
		if (!mfn)
			return true;
		frame_unref((mfn_t) { mfn });
	}
	return false;
}

void frame_free(mfn_t mfn)
{
	spin_lock(&mem.lock);
	frame_table[mfn.v].kind = FRAME_LIMBO;
	frame_table[mfn.v].next = mem.limbo_new;
	mem.limbo_new = (uint32_t)mfn.v;
	frame_counts.limbo++;
	this_cpu()->freed++;
	spin_unlock(&mem.lock);
}

void frame_unref(mfn_t mfn)
{
	struct frame *f = frame_get_record(mfn);
	struct domain *owner;

	BUG_ON(!f || !f->refs);
	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (f->kind == FRAME_GUEST) {
		owner = domain_lookup(f->owner);
		BUG_ON(!owner);
		frame_free(mfn);
		domain_uncharge(owner, 1);
	} else {
		/* A shared frame that nobody maps any more: its core mapping goes as well. */
		core_page_retire(mfn);
	}
}

/* Under the lock: the next frame whose grace period is over, or 0. */
static uint64_t limbo_take(void)
{
	uint64_t mfn;

	if (!mem.limbo_wait && mem.limbo_new) {
		mem.limbo_wait = mem.limbo_new;
		mem.limbo_new = 0;
		mem.stamp = epoch_stamp();
	}
	if (!mem.limbo_wait || !epoch_passed(mem.stamp))
		return 0;
	mfn = mem.limbo_wait;
	mem.limbo_wait = frame_table[mfn].next;
	return mfn;
}

bool frames_reap(unsigned int max)
{
	struct cpu *cpu = this_cpu();
	uint64_t mfn;

	if (!READ_ONCE(frame_counts.limbo)) {
		cpu->freed = 0;
		return false;
	}
	while (max--) {
		spin_lock(&mem.lock);
		mfn = limbo_take();
		spin_unlock(&mem.lock);
		if (!mfn)
			break;
		frame_zero((mfn_t) { mfn });
		spin_lock(&mem.lock);
		frame_table[mfn].kind = FRAME_FREE;
		frame_table[mfn].owner = DOMID_INVALID;
		frame_counts.limbo--;
		block_free(mfn, 0, 0);
		cpu->freed -= cpu->freed != 0;
		spin_unlock(&mem.lock);
	}
	return READ_ONCE(frame_counts.limbo) != 0;
}

int frames_claim(struct domain *d, uint64_t pages)
{
	uint64_t need = 0;
	int rc = 0;

	spin_lock(&mem.lock);
	frame_counts.claimed -= d->claimed_pages;
	d->claimed_pages = 0;
	/* As Xen: a claim is of a total; what the domain has already counts. 0 gives it back. */
	if (pages > d->tot_pages)
		need = pages - d->tot_pages;
	/* Destruction gives claims back once: under the lock, none comes after that. */
	if (pages > d->max_pages || (pages && domain_is_dying(d)))
		rc = -EINVAL;
	else if (frame_counts.claimed + need > frame_counts.free + frame_counts.limbo)
		rc = -ENOMEM;
	else {
		d->claimed_pages = need;
		frame_counts.claimed += need;
	}
	spin_unlock(&mem.lock);
	return rc;
}
