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
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/core_pages.h"
#include "mm/window.h"
#include "x86/cpu.h"

#define ORDERS	    (FRAME_MAX_ORDER + 1)
#define ORDER_DIRTY 0x80 /* in frame.order of a free block: has to be zeroed before use */
#define ORDER_NONE  0xff /* of a free frame that is not the first of its block */
/* Blocks of which one is dirty merge up to this order, so that both are of use; not beyond. */
#define ORDER_MIXED 9
#define REFS_MAX    0x7fffffffU

static struct frame *frame_table;
static uint64_t frame_table_end;

static struct {
	struct spinlock lock;
	uint32_t head[2][ORDERS]; /* clean, dirty: first frame of the first free block, 0: none */
	uint64_t total, free, limbo, claimed;
	uint32_t limbo_new;  /* frames that came since limbo_wait was filled, linked by next */
	uint32_t limbo_wait; /* frames whose grace period ends with stamp */
	uint64_t stamp;
} mem;

struct frame *frame_get_record(mfn_t mfn)
{
	if (mfn.v >= frame_table_end || frame_table[mfn.v].kind == FRAME_NONE)
		return NULL;
	return &frame_table[mfn.v];
}

uint16_t frame_owner(mfn_t mfn)
{
	struct frame *f = frame_get_record(mfn);

	return f && (f->kind == FRAME_GUEST || f->kind == FRAME_SHARED) ? f->owner : DOMID_INVALID;
}

static uint32_t *list_of(uint8_t order)
{
	return &mem.head[order & ORDER_DIRTY ? 1 : 0][order & ~ORDER_DIRTY];
}

/* Under the lock. @order with ORDER_DIRTY where it applies. */
static void list_push(uint64_t mfn, uint8_t order)
{
	uint32_t *head = list_of(order);

	frame_table[mfn].order = order;
	frame_table[mfn].prev = 0;
	frame_table[mfn].next = *head;
	if (*head)
		frame_table[*head].prev = (uint32_t)mfn;
	*head = (uint32_t)mfn;
}

static void list_remove(uint64_t mfn)
{
	struct frame *f = &frame_table[mfn];

	if (f->prev)
		frame_table[f->prev].next = f->next;
	else
		*list_of(f->order) = f->next;
	if (f->next)
		frame_table[f->next].prev = f->prev;
	f->order = ORDER_NONE;
}

/* Under the lock. Merges with free buddies. */
static void block_free(uint64_t mfn, uint8_t order, uint8_t dirty)
{
	mem.free += 1UL << order;
	for (; order < FRAME_MAX_ORDER; order++) {
		uint64_t buddy = mfn ^ (1UL << order);
		struct frame *b = frame_get_record((mfn_t) { buddy });
		uint8_t other = b ? b->order & ORDER_DIRTY : 0;

		if (!b || b->kind != FRAME_FREE || (b->order & ~ORDER_DIRTY) != order ||
		    (other != dirty && order >= ORDER_MIXED))
			break;
		dirty |= other;
		list_remove(buddy);
		frame_table[mfn].order = ORDER_NONE;
		mfn &= ~(1UL << order);
	}
	list_push(mfn, order | dirty);
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
	list_remove(mfn);
	while (o > order) {
		o--;
		list_push(mfn + (1UL << o), o | *dirty);
	}
	mem.free -= 1UL << order;
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
}

void frames_boot_add(mfn_t start, mfn_t end)
{
	uint64_t mfn = max(start.v, 1UL), last = min(end.v, frame_table_end);

	for (uint64_t i = mfn; i < last; i++)
		frame_table[i] = (struct frame) { .kind = FRAME_FREE,
						  .owner = DOMID_INVALID,
						  .order = ORDER_NONE };
	if (last > mfn)
		mem.total += last - mfn;
	while (mfn < last) {
		uint8_t order = (uint8_t)min(__builtin_ctzl(mfn), FRAME_MAX_ORDER);

		while ((1UL << order) > last - mfn)
			order--;
		block_free(mfn, order, ORDER_DIRTY);
		mfn += 1UL << order;
	}
}

/*
 * Takes 2^@order frames out of the free lists and marks them @kind, @owner, with one reference.
 * @own_claim: how much of what is claimed the caller may use. Zeroed. 0: none.
 */
static uint64_t frames_take(unsigned int order, enum frame_kind kind, uint16_t owner,
			    uint64_t own_claim)
{
	uint64_t n = 1UL << order, mfn = 0;
	uint8_t dirty = 0;

	spin_lock(&mem.lock);
	if (mem.free + own_claim >= mem.claimed + n)
		mfn = block_alloc((uint8_t)order, &dirty);
	for (uint64_t i = 0; mfn && i < n; i++)
		frame_table[mfn + i] =
			(struct frame) { .refs = 1, .owner = owner, .kind = (uint8_t)kind };
	spin_unlock(&mem.lock);
	for (uint64_t i = 0; mfn && dirty && i < n; i++)
		frame_zero((mfn_t) { mfn + i });
	if (mfn)
		frame_table[mfn].order = (uint8_t)order;
	return mfn;
}

/* As frames_take; when short of memory, first frees what the core only keeps for speed. */
static uint64_t frames_take_hard(unsigned int order, enum frame_kind kind, uint16_t owner,
				 uint64_t own_claim)
{
	uint64_t mfn = frames_take(order, kind, owner, own_claim);

	if (!mfn && mem.limbo) {
		frames_reap(512);
		mfn = frames_take(order, kind, owner, own_claim);
	}
	return mfn;
}

mfn_t frame_alloc_raw(void)
{
	uint64_t mfn = frames_take(0, FRAME_CORE, DOMID_INVALID, 0);

	return mfn ? (mfn_t) { mfn } : MFN_INVALID;
}

mfn_t frame_alloc_core(unsigned int order)
{
	uint64_t mfn = frames_take_hard(order, FRAME_CORE, DOMID_INVALID, 0);

	return mfn ? (mfn_t) { mfn } : MFN_INVALID;
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
	uint64_t n = 1UL << order, first;
	int rc = domain_charge(d, n);

	if (rc)
		return rc;
	first = frames_take_hard(order, FRAME_GUEST, d->id, d->claimed_pages);
	if (!first) {
		domain_uncharge(d, n);
		return -ENOMEM;
	}
	if (d->claimed_pages) {
		spin_lock(&mem.lock);
		uint64_t used = min(d->claimed_pages, n);
		d->claimed_pages -= used;
		mem.claimed -= used;
		spin_unlock(&mem.lock);
	}
	*mfn = (mfn_t) { first };
	return 0;
}

bool frame_ref(mfn_t mfn, const struct domain *owner)
{
	struct frame *f = frame_get_record(mfn);
	uint32_t refs;

	if (!f || f->owner != owner->id || (f->kind != FRAME_GUEST && f->kind != FRAME_SHARED))
		return false;
	refs = __atomic_load_n(&f->refs, __ATOMIC_RELAXED);
	do {
		if (refs == 0 || refs >= REFS_MAX)
			return false;
	} while (!__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return true;
}

static void limbo_add(uint64_t mfn)
{
	spin_lock(&mem.lock);
	frame_table[mfn].kind = FRAME_LIMBO;
	frame_table[mfn].next = mem.limbo_new;
	mem.limbo_new = (uint32_t)mfn;
	mem.limbo++;
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
		limbo_add(mfn.v);
		domain_uncharge(owner, 1);
	} else {
		/* A shared frame that nobody maps any more: its core mapping goes as well. */
		core_page_retire(mfn);
		limbo_add(mfn.v);
	}
}

void frame_free_core(mfn_t mfn)
{
	limbo_add(mfn.v);
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

	if (!READ_ONCE(mem.limbo)) {
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
		mem.limbo--;
		block_free(mfn, 0, 0);
		cpu->freed -= cpu->freed != 0;
		spin_unlock(&mem.lock);
	}
	return READ_ONCE(mem.limbo) != 0;
}

mfn_t frames_max(void)
{
	return (mfn_t) { frame_table_end - 1 };
}

uint64_t frames_total(void)
{
	return mem.total;
}

uint64_t frames_free(void)
{
	return READ_ONCE(mem.free);
}

uint64_t frames_limbo(void)
{
	return READ_ONCE(mem.limbo);
}

uint64_t frames_claimed(void)
{
	return READ_ONCE(mem.claimed);
}

int frames_claim(struct domain *d, uint64_t pages)
{
	uint64_t need = 0;
	int rc = 0;

	spin_lock(&mem.lock);
	mem.claimed -= d->claimed_pages;
	d->claimed_pages = 0;
	/* As Xen: a claim is of a total; what the domain has already counts. 0 gives it back. */
	if (pages > d->tot_pages)
		need = pages - d->tot_pages;
	/* Destruction gives claims back once: under the lock, none comes after that. */
	if (pages > d->max_pages || (pages && domain_is_dying(d)))
		rc = -EINVAL;
	else if (mem.claimed + need > mem.free + mem.limbo)
		rc = -ENOMEM;
	else {
		d->claimed_pages = need;
		mem.claimed += need;
	}
	spin_unlock(&mem.lock);
	return rc;
}
