/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/mm_arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/core_pages.h"
#include "mm/frame.h"
#include "x86/loop.h"

struct domain arena_domain[2];
unsigned int arena_windows, arena_opened, arena_flushes;
bool arena_grace;
void (*arena_in_window)(void);

static _Alignas(4096) uint8_t arena[ARENA_FRAMES * PAGE_SIZE];
static struct frame table[ARENA_FRAMES];
static struct epoch_node *deferred;
static struct cpu cpu;
struct cpu *host_this_cpu = &cpu;
struct cpu *cpus[MAX_CPUS] = { &cpu };
bool percpu_ready;

static void run_deferred(void)
{
	while (deferred) {
		struct epoch_node *node = deferred;

		deferred = node->next;
		node->free(node);
	}
}

void arena_reset(void)
{
	run_deferred();
	memset(table, 0, sizeof(table));
	memset(arena_domain, 0, sizeof(arena_domain));
	frames_boot(table, ARENA_FRAMES);
	frames_boot_add((mfn_t) { 1 }, (mfn_t) { ARENA_FRAMES });
	for (unsigned int i = 0; i < 2; i++) {
		arena_domain[i].id = (uint16_t)(i + 1);
		arena_domain[i].refs = 1;
		arena_domain[i].max_pages = ARENA_FRAMES;
	}
	arena_windows = arena_flushes = 0;
	arena_grace = true;
}

void *arena_frame(mfn_t mfn)
{
	assert_true(mfn.v < ARENA_FRAMES);
	return arena + mfn.v * PAGE_SIZE;
}

void *window_open(mfn_t mfn)
{
	arena_windows++;
	arena_opened++;
	if (arena_in_window)
		arena_in_window();
	return arena_frame(mfn);
}

void window_close(void *va)
{
	(void)va;
	assert_int_not_equal(arena_windows, 0);
	arena_windows--;
}

void *core_va(mfn_t mfn)
{
	return arena_frame(mfn);
}

mfn_t core_va_to_mfn(const void *va)
{
	return (mfn_t) { (uint64_t)((const uint8_t *)va - arena) / PAGE_SIZE };
}

void *core_pages_alloc(unsigned int order)
{
	mfn_t mfn = frame_alloc_core(order);

	return mfn_eq(mfn, MFN_INVALID) ? NULL : core_va(mfn);
}

void core_pages_free(void *va)
{
	mfn_t mfn = core_va_to_mfn(va);
	unsigned int order = frame_get_record(mfn)->order;

	for (uint64_t i = 0; i < 1UL << order; i++)
		frame_free(mfn_add(mfn, i));
}

void core_page_retire(mfn_t mfn)
{
	frame_free(mfn);
}

void epoch_defer(struct epoch_node *node, void (*fn)(struct epoch_node *node))
{
	node->free = fn;
	node->next = deferred;
	deferred = node;
	if (arena_grace)
		run_deferred();
}

uint64_t epoch_stamp(void)
{
	return 1;
}

bool epoch_passed(uint64_t stamp)
{
	(void)stamp;
	return arena_grace;
}

void guest_tlb_flush(struct domain *d)
{
	d->p2m.tlb_epoch++;
	arena_flushes++;
}

struct domain *domain_lookup(uint16_t domid)
{
	return domid == 1 || domid == 2 ? &arena_domain[domid - 1] : NULL;
}

bool domain_get(struct domain *d)
{
	d->refs++;
	return true;
}

void domain_put(struct domain *d)
{
	assert_int_not_equal(d->refs, 0);
	d->refs--;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}
