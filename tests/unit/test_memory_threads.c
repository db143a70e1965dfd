/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/7: memory operations and grants under real concurrency, over the real allocator, nested tables,
 * grant tables and grace periods. Each thread is a CPU: in the core it does something at random to one
 * of two domains, in the guest it uses translations that it has kept, as a TLB does, until it is told to flush.
 * No translation may lead to a frame that was let go, and at the end everything is back.
 * Compiled with host_this_cpu being each thread's own.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "grant/table.h"
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "lib/printk.h"
#include "mm/core_pages.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/epoch.h"
#include "x86/loop.h"
#include "x86/paging.h"

#define FRAMES	2048UL
#define CPUS	3 /* the first and the last are of the same domain */
#define DOMAINS 2
#define RAM	24    /* pages that each domain plays with */
#define WINDOW	0x200 /* where grants and others' pages are mapped */
#define GRANTS	8
#define TLB	8
#define LOOKS	16
#define LIMIT	200
#define TURNS	2500

static _Thread_local struct cpu *this_thread;
struct cpu **host_cpu_slot(void)
{
	return &this_thread;
}

struct cpu *cpus[MAX_CPUS];
bool percpu_ready = true;
uint64_t core_tlb_generation;
static struct cpu cpu[CPUS];
static struct vcpu vcpu[CPUS];
static struct domain domain[DOMAINS];
static _Alignas(4096) uint8_t arena[FRAMES * PAGE_SIZE];
static struct frame table[FRAMES];
static bool kicked[CPUS];
static uint64_t faults;

/* What a CPU keeps of a domain's nested tables. */
static _Thread_local struct {
	uint64_t gfn;
	mfn_t mfn;
	bool used;
} tlb[TLB];
static _Thread_local uint64_t tlb_epoch, seed;

static unsigned int roll(unsigned int sides)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)((seed >> 20) % sides);
}

/* ---- what the units stand on ---- */

unsigned int cpus_online(void)
{
	return CPUS;
}

void *window_open(mfn_t mfn)
{
	return arena + mfn.v * PAGE_SIZE;
}

void window_close(void *va)
{
	(void)va;
}

void *core_va(mfn_t mfn)
{
	return arena + mfn.v * PAGE_SIZE;
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

struct domain *domain_lookup(uint16_t domid)
{
	return domid < DOMAINS ? &domain[domid] : NULL;
}

struct domain *domain_lookup_self(uint16_t domid)
{
	return domid == DOMID_SELF ? current_domain() : domain_lookup(domid);
}

struct domain *domain_next(const struct domain *d)
{
	(void)d;
	return NULL;
}

bool domain_get(struct domain *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_SEQ_CST);
	return true;
}

void domain_put(struct domain *d)
{
	assert_int_not_equal(__atomic_fetch_sub(&d->refs, 1, __ATOMIC_SEQ_CST), 0);
}

int xsm_domain(const struct xsm_label *source, const struct xsm_label *target, enum xsm_perm perm)
{
	(void)source;
	(void)target;
	(void)perm;
	return 0;
}

int xsm_xen(const struct xsm_label *source, enum xsm_perm perm)
{
	(void)source;
	(void)perm;
	return 0;
}

bool hypercall_preempt(void)
{
	return roll(8) == 0;
}

/* Arguments are the test's own: nothing of them is in guests' memory. */
int guest_read(void *dst, gva_t src, size_t len)
{
	memcpy(dst, (void *)src.v, len);
	return 0;
}

int guest_write(gva_t dst, const void *src, size_t len)
{
	memcpy((void *)dst.v, src, len);
	return 0;
}

void printk(const char *fmt, ...)
{
	(void)fmt;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

/* As x86/loop.c has it: whoever is in a guest of @d leaves it before this returns. */
void guest_tlb_flush(struct domain *d)
{
	__atomic_add_fetch(&d->p2m.tlb_epoch, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < CPUS; i++) {
		struct cpu *c = &cpu[i];
		uint64_t exits = READ_ONCE(c->exits);

		if (c == this_cpu() || vcpu[i].domain != d ||
		    !__atomic_load_n(&c->in_guest, __ATOMIC_SEQ_CST))
			continue;
		__atomic_store_n(&kicked[i], true, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&c->in_guest, __ATOMIC_SEQ_CST) &&
		       READ_ONCE(c->exits) == exits)
			sched_yield();
	}
}

/* ---- the guest ---- */

/* Fills a place of the TLB, as a walk of the nested tables does. */
static void tlb_fill(const struct domain *d, unsigned int slot)
{
	uint64_t gfn = roll(3) ? roll(RAM) : WINDOW + roll(RAM);
	struct p2m_entry e = p2m_lookup(&d->p2m, (gfn_t) { gfn });

	tlb[slot].used = e.type != P2M_NONE;
	tlb[slot].mfn = e.mfn;
	tlb[slot].gfn = gfn;
}

/* What a kept translation leads to must live. */
static void use(unsigned int slot)
{
	const struct frame *f = &table[tlb[slot].mfn.v];
	uint8_t kind = __atomic_load_n(&f->kind, __ATOMIC_ACQUIRE);

	if ((kind != FRAME_GUEST && kind != FRAME_SHARED) ||
	    !__atomic_load_n(&f->refs, __ATOMIC_ACQUIRE))
		__atomic_add_fetch(&faults, 1, __ATOMIC_SEQ_CST);
}

static void run_guest(unsigned int id)
{
	struct cpu *c = &cpu[id];
	const struct domain *d = vcpu[id].domain;

	__atomic_store_n(&kicked[id], false, __ATOMIC_SEQ_CST);
	(void)__atomic_exchange_n(&c->in_guest, true, __ATOMIC_SEQ_CST);
	if (tlb_epoch != __atomic_load_n(&d->p2m.tlb_epoch, __ATOMIC_SEQ_CST))
		memset(tlb, 0, sizeof(tlb));
	tlb_epoch = __atomic_load_n(&d->p2m.tlb_epoch, __ATOMIC_SEQ_CST);
	epoch_leave();
	for (unsigned int i = 0; i < LOOKS && !READ_ONCE(kicked[id]); i++) {
		unsigned int slot = roll(TLB);

		if (!tlb[slot].used || roll(4) == 0)
			tlb_fill(d, slot);
		if (tlb[slot].used)
			use(slot);
	}
	epoch_enter();
	WRITE_ONCE(c->exits, c->exits + 1);
	__atomic_store_n(&c->in_guest, false, __ATOMIC_SEQ_CST);
}

/* ---- the calls ---- */

static uint64_t any_gfn(void)
{
	return roll(2) ? roll(RAM) : WINDOW + roll(RAM);
}

static void memory_call(unsigned int cmd, void *arg)
{
	struct hypercall_args args = { { cmd, (uintptr_t)arg } };

	while (op_dispatch(&memory_ops, &args) == -ERESTART_CALL)
		;
}

static void reservation(unsigned int cmd, bool big)
{
	xen_pfn_t list[4];
	struct xen_memory_reservation r = { .nr_extents = 1 + roll(4), .domid = DOMID_SELF };

	for (unsigned int i = 0; i < 4; i++)
		list[i] = roll(RAM);
	if (big) {
		r.extent_order = 2;
		r.nr_extents = 1;
		list[0] &= ~3UL;
	}
	r.extent_start.p = list;
	memory_call(cmd, &r);
}

static void add_page(void)
{
	struct xen_add_to_physmap x = { .domid = DOMID_SELF, .space = roll(3), .gpfn = any_gfn() };

	x.idx = x.space == XENMAPSPACE_gmfn	     ? any_gfn()
		: x.space == XENMAPSPACE_grant_table ? 1 + roll(2)
						     : 0;
	memory_call(XENMEM_add_to_physmap, &x);
}

static void add_foreign(void)
{
	xen_ulong_t idx = any_gfn();
	xen_pfn_t gfn = WINDOW + roll(RAM);
	int error;
	struct xen_add_to_physmap_batch x = { .domid = DOMID_SELF,
					      .space = XENMAPSPACE_gmfn_foreign,
					      .size = 1,
					      .u.foreign_domid = (domid_t)roll(DOMAINS) };

	x.idxs.p = &idx;
	x.gpfns.p = &gfn;
	x.errs.p = &error;
	memory_call(XENMEM_add_to_physmap_batch, &x);
}

static void remove_page(void)
{
	struct xen_remove_from_physmap x = { .domid = DOMID_SELF, .gpfn = any_gfn() };

	memory_call(XENMEM_remove_from_physmap, &x);
}

static void offer(struct domain *d)
{
	struct grant_entry_v1 *e = grant_shared(d->grant, roll(GRANTS));

	WRITE_ONCE(e->frame, roll(RAM));
	WRITE_ONCE(e->domid, (domid_t)roll(DOMAINS));
	__atomic_store_n(&e->flags, roll(4) ? GTF_permit_access : 0, __ATOMIC_RELEASE);
}

static void grant_op(unsigned int cmd, void *op)
{
	struct hypercall_args args = { { cmd, (uintptr_t)op, 1 } };

	grant_table_op(&args);
}

static void map(void)
{
	struct gnttab_map_grant_ref op = { .host_addr = any_gfn() << PAGE_SHIFT,
					   .flags = GNTMAP_host_map |
						    (roll(2) ? GNTMAP_readonly : 0),
					   .ref = roll(GRANTS),
					   .dom = (domid_t)roll(DOMAINS) };

	grant_op(GNTTABOP_map_grant_ref, &op);
}

static void unmap(void)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = any_gfn() << PAGE_SHIFT,
					     .handle = roll(8) };

	for (unsigned int i = 0; i < RAM; i++) {
		op.host_addr = (roll(2) ? i : WINDOW + i) << PAGE_SHIFT;
		grant_op(GNTTABOP_unmap_grant_ref, &op);
	}
}

static void copy(void)
{
	struct gnttab_copy op = { .source = { .u.ref = roll(GRANTS),
					      .domid = (domid_t)roll(DOMAINS) },
				  .dest = { .u.gmfn = roll(RAM), .domid = DOMID_SELF },
				  .len = 256,
				  .flags = GNTCOPY_source_gref };

	grant_op(GNTTABOP_copy, &op);
}

static void act(struct domain *d)
{
	switch (roll(13)) {
	case 0:
	case 1:
		reservation(XENMEM_populate_physmap, roll(4) == 0);
		break;
	case 2:
		reservation(XENMEM_decrease_reservation, roll(4) == 0);
		break;
	case 3:
		add_page();
		break;
	case 4:
		add_foreign();
		break;
	case 5:
		remove_page();
		break;
	case 6:
	case 7:
		offer(d);
		break;
	case 8:
	case 9:
		map();
		break;
	case 10:
		unmap();
		break;
	case 11:
		/* Once: what nobody can give back must not be all that there is. */
		if (!READ_ONCE(d->unmapped))
			reservation(XENMEM_increase_reservation, false);
		break;
	default:
		copy();
	}
}

static void *cpu_main(void *data)
{
	unsigned int id = (unsigned int)(uintptr_t)data;

	this_thread = &cpu[id];
	seed = 0x9e3779b97f4a7c15UL * (id + 1);
	epoch_enter();
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		act(vcpu[id].domain);
		epoch_run();
		frames_reap(32);
		run_guest(id);
	}
	epoch_leave();
	return NULL;
}

/* ---- beginning and end ---- */

static void build(struct domain *d, uint16_t id)
{
	d->id = id;
	d->refs = 1;
	d->state = DOMAIN_ALIVE;
	d->max_pages = LIMIT;
	d->shared_gfn = GFN_INVALID;
	spin_init(&d->lock, LOCK_DOMAIN);
	assert_int_equal(p2m_init(&d->p2m, d), 0);
	assert_int_equal(grant_init(d, 3, 2), 0);
	p2m_set_limit(&d->p2m, LIMIT);
	d->shared = shared_page_alloc(d);
	for (uint64_t i = 0; i < RAM; i++) {
		mfn_t mfn;

		assert_int_equal(frame_alloc_guest(d, 0, &mfn), 0);
		assert_int_equal(p2m_map(&d->p2m, (gfn_t) { i }, mfn, 0, P2M_RAM), 0);
	}
}

static void die(struct domain *d)
{
	d->state = DOMAIN_DYING;
	while (!grant_destroy(d, 3) || !p2m_teardown(&d->p2m, 100) || !frames_free_unmapped(d, 100))
		;
}

static void nothing_is_used_or_lost(void **state)
{
	pthread_t thread[CPUS];
	uint64_t free;

	(void)state;
	this_thread = &cpu[0];
	for (unsigned int i = 0; i < CPUS; i++) {
		cpus[i] = &cpu[i];
		cpu[i].id = i;
		cpu[i].epoch = ~0UL;
		cpu[i].current = &vcpu[i];
		vcpu[i].domain = &domain[i % DOMAINS];
	}
	frames_boot(table, FRAMES);
	frames_boot_add((mfn_t) { 1 }, (mfn_t) { FRAMES });
	free = frame_counts.free;
	build(&domain[0], 0);
	build(&domain[1], 1);
	for (unsigned int i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, cpu_main, (void *)(uintptr_t)i),
				 0);
	for (unsigned int i = 0; i < CPUS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(faults, 0);
	die(&domain[0]);
	die(&domain[1]);
	for (unsigned int i = 0; i < DOMAINS; i++) {
		assert_int_equal(domain[i].tot_pages, 0);
		assert_int_equal(domain[i].label.foreign_frames, 0);
		assert_int_equal(domain[i].refs, 1);
		grant_free(&domain[i]);
		shared_page_free(domain[i].shared);
	}
	while (epoch_run() || frames_reap(1000))
		;
	assert_int_equal(heap_used(), 0);
	/* The heap keeps some empty pages of its size classes. */
	assert_true(frame_counts.free + 16 >= free);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_used_or_lost) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
