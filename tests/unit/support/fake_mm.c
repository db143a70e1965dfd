/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for mm/: see fake.h. */
#include <stdlib.h>
#include <string.h>
#include "fake.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define MFN_BASE 0x100UL

static uint8_t memory[FAKE_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static uint32_t refs[FAKE_FRAMES];
static uint16_t owner[FAKE_FRAMES];
static unsigned int next_frame;
static void *windows[16];

int fake_heap_blocks;
int fake_windows_open;
int fake_alloc_budget = -1;
int fake_p2m_error;
void (*fake_window_hook)(void *page);

void fake_mm_reset(void)
{
	memset(memory, 0, (size_t)next_frame * PAGE_SIZE);
	memset(refs, 0, sizeof(refs));
	next_frame = 0;
	fake_windows_open = 0;
	fake_alloc_budget = -1;
	fake_p2m_error = 0;
	fake_window_hook = NULL;
}

static unsigned int frame_index(mfn_t mfn)
{
	assert_true(mfn.v >= MFN_BASE && mfn.v - MFN_BASE < next_frame);
	return (unsigned int)(mfn.v - MFN_BASE);
}

mfn_t fake_frame_alloc(uint16_t domid)
{
	assert_true(next_frame < FAKE_FRAMES);
	refs[next_frame] = 1;
	owner[next_frame] = domid;
	return (mfn_t) { MFN_BASE + next_frame++ };
}

uint32_t fake_frame_refs(mfn_t mfn)
{
	return refs[frame_index(mfn)];
}

unsigned int fake_frames_in_use(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < next_frame; i++)
		n += refs[i] != 0;
	return n;
}

uint8_t *fake_frame(mfn_t mfn)
{
	return memory[frame_index(mfn)];
}

void *fake_mem(struct fake_domain *f, uint64_t gpa)
{
	const struct fake_entry *e = &f->map[gpa >> PAGE_SHIFT];

	assert_true(gpa >> PAGE_SHIFT < FAKE_GFNS && e->type != P2M_NONE);
	return fake_frame(e->mfn) + (gpa & ~PAGE_MASK);
}

/* ---- frames ---- */

bool frame_ref(mfn_t mfn, const struct domain *d)
{
	unsigned int i = frame_index(mfn);

	if (!refs[i] || owner[i] != d->id)
		return false;
	__atomic_fetch_add(&refs[i], 1, __ATOMIC_RELAXED);
	return true;
}

void frame_unref(mfn_t mfn)
{
	unsigned int i = frame_index(mfn);

	assert_true(refs[i] > 0);
	if (__atomic_sub_fetch(&refs[i], 1, __ATOMIC_RELAXED) == 0)
		memset(memory[i], 0xdd, PAGE_SIZE); /* whoever still uses it shall see */
}

void *shared_page_alloc(struct domain *d)
{
	if (fake_alloc_budget >= 0 && fake_alloc_budget-- == 0) {
		fake_alloc_budget = 0;
		return NULL;
	}
	return fake_frame(fake_frame_alloc(d->id));
}

void shared_page_free(void *va)
{
	frame_unref(core_va_to_mfn(va));
}

mfn_t core_va_to_mfn(const void *va)
{
	return (mfn_t) { MFN_BASE + ((const uint8_t *)va - memory[0]) / PAGE_SIZE };
}

/* ---- heap ---- */

void *xzalloc(size_t size)
{
	if (fake_alloc_budget >= 0 && fake_alloc_budget-- == 0) {
		fake_alloc_budget = 0;
		return NULL;
	}
	__atomic_fetch_add(&fake_heap_blocks, 1, __ATOMIC_RELAXED);
	return calloc(1, size);
}

void xfree(void *p)
{
	if (p)
		__atomic_fetch_sub(&fake_heap_blocks, 1, __ATOMIC_RELAXED);
	free(p);
}

/* ---- windows ---- */

void *window_open(mfn_t mfn)
{
	void *page = fake_frame(mfn);

	assert_true(refs[frame_index(mfn)] > 0);
	assert_true(fake_windows_open < 16);
	windows[fake_windows_open++] = page;
	if (fake_window_hook)
		fake_window_hook(page);
	return page;
}

void window_close(void *va)
{
	assert_true(fake_windows_open > 0);
	assert_ptr_equal(windows[--fake_windows_open], va);
}

/* ---- p2m ---- */

static struct fake_entry *entry_of(const struct p2m *p2m, gfn_t gfn)
{
	struct domain *d = container_of(p2m, struct domain, p2m);

	return gfn.v < FAKE_GFNS ? &fake_of(d)->map[gfn.v] : NULL;
}

struct p2m_entry p2m_lookup(const struct p2m *p2m, gfn_t gfn)
{
	const struct fake_entry *e = entry_of(p2m, gfn);
	struct p2m_entry out = { MFN_INVALID, P2M_NONE, 0 };

	if (e && e->type != P2M_NONE)
		out = (struct p2m_entry) { e->mfn, e->type, 0 };
	return out;
}

mfn_t p2m_ram(const struct p2m *p2m, gfn_t gfn)
{
	struct p2m_entry e = p2m_lookup(p2m, gfn);

	return e.type == P2M_RAM ? e.mfn : MFN_INVALID;
}

static bool is_grant(enum p2m_type type)
{
	return type == P2M_GRANT_RW || type == P2M_GRANT_RO;
}

int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
	struct fake_entry *e = entry_of(p2m, gfn);

	assert_int_equal(order, 0);
	if (fake_p2m_error || !e)
		return fake_p2m_error ? fake_p2m_error : -EINVAL;
	if (is_grant(e->type) || (is_grant(type) && e->type != P2M_NONE && e->type != P2M_RAM))
		return -EBUSY;
	if (e->type != P2M_NONE)
		frame_unref(e->mfn);
	*e = (struct fake_entry) { mfn, type };
	return 0;
}

int p2m_unmap(struct p2m *p2m, gfn_t gfn, unsigned int order)
{
	struct fake_entry *e = entry_of(p2m, gfn);

	assert_int_equal(order, 0);
	if (e && e->type != P2M_NONE)
		frame_unref(e->mfn);
	if (e)
		e->type = P2M_NONE;
	return 0;
}

int p2m_take(struct p2m *p2m, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
	struct fake_entry *e = entry_of(p2m, gfn);

	if (!e || e->type != type || !mfn_eq(e->mfn, mfn))
		return -ENOENT;
	e->type = P2M_NONE;
	return 0;
}

/* ---- guest copies ---- */

static int copy_guest(struct domain *d, uint64_t gpa, void *buf, size_t len, bool write)
{
	while (len) {
		size_t n = min(len, PAGE_SIZE - (gpa & ~PAGE_MASK));
		struct p2m_entry e = p2m_lookup(&d->p2m, (gfn_t) { gpa >> PAGE_SHIFT });
		uint8_t *at;

		if (e.type == P2M_NONE ||
		    (write && (e.type == P2M_RAM_RO || e.type == P2M_GRANT_RO)))
			return -EFAULT;
		at = fake_frame(e.mfn) + (gpa & ~PAGE_MASK);
		memcpy(write ? at : buf, write ? buf : at, n);
		buf = (uint8_t *)buf + n;
		gpa += n;
		len -= n;
	}
	return 0;
}

int guest_read(void *dst, gva_t src, size_t len)
{
	return copy_guest(current_domain(), src.v, dst, len, false);
}

int guest_write(gva_t dst, const void *src, size_t len)
{
	return copy_guest(current_domain(), dst.v, (void *)(uintptr_t)src, len, true);
}

int guest_area_pin(struct domain *d, struct guest_area *area, gpa_t gpa, size_t size)
{
	mfn_t mfn = p2m_ram(&d->p2m, gpa_to_gfn(gpa));

	assert_int_equal(area->size, 0);
	if ((gpa.v & ~PAGE_MASK) + size > PAGE_SIZE || mfn_eq(mfn, MFN_INVALID) ||
	    !frame_ref(mfn, d))
		return -EFAULT;
	*area = (struct guest_area) { { mfn, MFN_INVALID },
				      (uint16_t)(gpa.v & ~PAGE_MASK),
				      (uint16_t)size };
	return 0;
}

void guest_area_unpin(struct guest_area *area)
{
	if (!area->size)
		return;
	frame_unref(area->mfn[0]);
	area->size = 0;
}
