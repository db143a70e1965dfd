/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks: one LOCK_TIMER for each CPU's heap; never two at a time. A timer that moves from one CPU to
 * another is taken out under the old CPU's lock, which hands it over by writing t->cpu last; who
 * wants the timer reads t->cpu, takes that CPU's lock, and looks again.
 */
#include "sched/timer.h"
#include "lib/spinlock.h"
#include "x86/cpu.h"
#include "x86/time.h"

struct timer_heap {
	struct spinlock lock;
	struct timer *root;
	uint64_t first;	     /* when the root expires, 0: empty; read without the lock */
	uint64_t programmed; /* what the hardware is set to, 0: nothing; its own CPU only */
} __attribute__((aligned(64)));

static struct timer_heap heaps[MAX_CPUS];

static void put(struct timer **at, struct timer *t)
{
	*at = t;
	if (t)
		t->link = at;
}

/*
 * Makes one heap of @a and @b (either may be NULL) at *@at: their right sides are merged, and each
 * timer on the way swaps its sides. That is what keeps a skew heap shallow: n operations cost
 * O(n log n), whatever their order.
 */
static void heap_meld(struct timer **at, struct timer *a, struct timer *b)
{
	while (a && b) {
		struct timer *first = b->expires < a->expires ? b : a;

		b = first == a ? b : a;
		a = first->right;
		put(at, first);
		put(&first->right, first->left);
		at = &first->left;
	}
	put(at, a ? a : b);
}

static void heap_changed(struct timer_heap *h)
{
	WRITE_ONCE(h->first, h->root ? max(h->root->expires, (uint64_t)1) : 0);
}

static void heap_insert(struct timer_heap *h, struct timer *t)
{
	t->left = t->right = NULL;
	heap_meld(&h->root, h->root, t);
	heap_changed(h);
}

static void heap_remove(struct timer_heap *h, struct timer *t)
{
	heap_meld(t->link, t->left, t->right);
	t->link = NULL;
	heap_changed(h);
}

/* Takes the lock of the heap that @t belongs to. */
static struct timer_heap *timer_lock(struct timer *t)
{
	for (;;) {
		unsigned int cpu = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);
		struct timer_heap *h = &heaps[cpu];

		spin_lock(&h->lock);
		if (likely(t->cpu == cpu))
			return h;
		spin_unlock(&h->lock);
	}
}

void timer_init(struct timer *t, void (*fn)(void *data), void *data)
{
	*t = (struct timer) { .fn = fn, .data = data };
}

void timer_set(struct timer *t, unsigned int cpu, uint64_t expires)
{
	struct timer_heap *h;
	bool first;

	for (;;) {
		h = timer_lock(t);
		if (t->link)
			heap_remove(h, t);
		if (t->cpu == cpu || t->running)
			break;
		__atomic_store_n(&t->cpu, cpu, __ATOMIC_RELEASE);
		spin_unlock(&h->lock);
	}
	cpu = t->cpu;
	t->expires = expires;
	heap_insert(h, t);
	first = h->root == t;
	spin_unlock(&h->lock);
	/* This CPU looks by itself before it enters a guest or idles. */
	if (first && cpu != smp_id())
		cpu_kick(cpus[cpu], WORK_TIMER);
}

bool timer_stop(struct timer *t)
{
	struct timer_heap *h = timer_lock(t);
	bool running = t->running;

	if (t->link)
		heap_remove(h, t);
	spin_unlock(&h->lock);
	return !running;
}

void timer_kill(struct timer *t)
{
	/* A function that runs may arm its timer again: look once more when it has ended. */
	while (!timer_stop(t))
		__builtin_ia32_pause();
}

bool timer_armed(const struct timer *t)
{
	return READ_ONCE(t->link) != NULL;
}

void timers_cpu_init(unsigned int cpu)
{
	heaps[cpu] = (struct timer_heap) { .lock = SPINLOCK_INIT(LOCK_TIMER) };
}

void timers_run(void)
{
	struct timer_heap *h = &heaps[smp_id()];
	uint64_t now = system_time();
	struct timer *t;

	spin_lock(&h->lock);
	/* The hardware may have fired: whatever is first has to be programmed again. */
	h->programmed = 0;
	while ((t = h->root) && t->expires <= now) {
		heap_remove(h, t);
		t->running = true;
		spin_unlock(&h->lock);
		t->fn(t->data);
		spin_lock(&h->lock);
		t->running = false;
	}
	spin_unlock(&h->lock);
}

void timers_program(void)
{
	struct timer_heap *h = &heaps[smp_id()];
	uint64_t first = READ_ONCE(h->first);

	/* Another CPU that puts a new first entry in kicks this one, which then comes here again. */
	if (first == h->programmed)
		return;
	h->programmed = first;
	apic_timer_set(first);
}
