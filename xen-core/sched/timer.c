/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks: one LOCK_TIMER for each CPU's heap; never two at a time. A timer that moves from one CPU to
 * another is taken out under the old CPU's lock, which hands it over by writing t->cpu last; who
 * wants the timer reads t->cpu, takes that CPU's lock, and looks again.
 */
#include "sched/timer.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "x86/cpu.h"
#include "x86/time.h"

struct timer_heap {
	struct spinlock lock;
	struct timer *root;
	uint64_t first;	     /* when the root expires, 0: empty; read without the lock */
	uint64_t programmed; /* what the hardware is set to, 0: nothing; its own CPU only */
};

static struct timer_heap *heap_of(unsigned int cpu)
{
	return cpus[cpu]->timers;
}

/* The one that expires first becomes the parent of the other. Either may be NULL. */
static struct timer *heap_meld(struct timer *a, struct timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->expires < a->expires) {
		struct timer *t = a;

		a = b;
		b = t;
	}
	b->next = a->child;
	b->prev = a;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	a->next = a->prev = NULL;
	return a;
}

/* Makes one heap of a list of siblings: in pairs from the left, then from the right. */
static struct timer *heap_merge_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *root = NULL;

	while (first) {
		struct timer *a = first, *b = a->next, *pair;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		pair = heap_meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct timer *rest = pairs->next;

		pairs->next = NULL;
		root = heap_meld(root, pairs);
		pairs = rest;
	}
	return root;
}

static void heap_set_root(struct timer_heap *h, struct timer *root)
{
	h->root = root;
	WRITE_ONCE(h->first, root ? max(root->expires, (uint64_t)1) : 0);
}

static void heap_remove(struct timer_heap *h, struct timer *t)
{
	struct timer *below = heap_merge_siblings(t->child);

	if (t == h->root) {
		heap_set_root(h, below);
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		heap_set_root(h, heap_meld(h->root, below));
	}
	t->child = t->next = t->prev = NULL;
	t->armed = false;
}

/* Takes the lock of the heap that @t belongs to. */
static struct timer_heap *timer_lock(struct timer *t)
{
	for (;;) {
		unsigned int cpu = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);
		struct timer_heap *h = heap_of(cpu);

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
	struct timer_heap *h = timer_lock(t);
	bool first;

	if (t->armed)
		heap_remove(h, t);
	while (t->cpu != cpu && !t->running) {
		__atomic_store_n(&t->cpu, cpu, __ATOMIC_RELEASE);
		spin_unlock(&h->lock);
		h = timer_lock(t);
		if (t->armed)
			heap_remove(h, t);
	}
	cpu = t->cpu;
	t->expires = expires;
	t->armed = true;
	heap_set_root(h, heap_meld(h->root, t));
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

	if (t->armed)
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
	return READ_ONCE(t->armed);
}

void timers_cpu_init(unsigned int cpu)
{
	struct timer_heap *h = xzalloc(sizeof(*h));

	if (!h)
		panic("No memory for the timers of CPU %u", cpu);
	spin_init(&h->lock, LOCK_TIMER);
	cpus[cpu]->timers = h;
}

void timers_run(void)
{
	struct timer_heap *h = this_cpu()->timers;
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
	struct timer_heap *h = this_cpu()->timers;
	uint64_t first = READ_ONCE(h->first);

	/* Another CPU that puts a new first entry in kicks this one, which then comes here again. */
	if (first == h->programmed)
		return;
	h->programmed = first;
	apic_timer_set(first);
}
