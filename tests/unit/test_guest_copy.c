/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies to and from guests (REQ core/memory), and that none goes on when another domain's memory,
 * mapped by grant or as foreign, has been taken back (REQ core/5: a grant revoked).
 */
#include "support/mm_arena.h"

#include <string.h>

#include "hvm/hvm.h"
#include "mm/frame.h"

/* The unit's lookups, so that something can happen right after one. */
static struct p2m_entry seen_lookup(const struct p2m *p2m, gfn_t gfn);
#define p2m_lookup seen_lookup
#include "../../xen-core/mm/guest.c"
#undef p2m_lookup

#define OWN  1UL
#define LENT 2UL

static struct domain *const d1 = &arena_domain[0], *const d2 = &arena_domain[1];
static struct vcpu vcpu;
static void (*after_lookup)(void);
static unsigned int lookups_marked, lookups;
static mfn_t lent;

static struct p2m_entry seen_lookup(const struct p2m *p2m, gfn_t gfn)
{
	struct p2m_entry e = p2m_lookup(p2m, gfn);
	void (*hook)(void) = after_lookup;

	lookups++;
	lookups_marked += this_cpu()->copying == d1;
	after_lookup = NULL;
	if (hook)
		hook();
	return e;
}

static void get_control(struct vcpu *v, struct guest_control *out)
{
	*out = (struct guest_control) { 0 }; /* no paging */
}

static const struct vm_ops ops = { .get_control = get_control };
const struct vm_ops *vm_ops = &ops;

/* What the window's user does while it is open: the copy says whose map it uses. */
static struct domain *copying_in_window;

static void in_window(void)
{
	copying_in_window = this_cpu()->copying;
}

static void lend(enum p2m_type type)
{
	if (type == P2M_FOREIGN) {
		d2->label.foreign_frames++;
		domain_get(d2);
	}
	assert_true(frame_ref(lent, d2));
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { LENT }, lent, 0, type), 0);
}

static void take_back(void)
{
	enum p2m_type type = p2m_lookup(&d1->p2m, (gfn_t) { LENT }).type;

	assert_int_equal(p2m_take(&d1->p2m, (gfn_t) { LENT }, lent, type), 0);
	frame_unref(lent);
	if (type == P2M_FOREIGN) {
		d2->label.foreign_frames--;
		domain_put(d2);
	}
}

static int setup(void **state)
{
	mfn_t mfn;

	arena_reset();
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(p2m_init(&arena_domain[i].p2m, &arena_domain[i]), 0);
		p2m_set_limit(&arena_domain[i].p2m, ARENA_FRAMES);
	}
	assert_int_equal(frame_alloc_guest(d1, 0, &mfn), 0);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { OWN }, mfn, 0, P2M_RAM), 0);
	assert_int_equal(frame_alloc_guest(d2, 0, &lent), 0);
	vcpu.domain = d1;
	host_this_cpu->current = &vcpu;
	host_this_cpu->exits++;
	host_this_cpu->copying = NULL;
	arena_in_window = in_window;
	after_lookup = NULL;
	lookups = lookups_marked = 0;
	return 0;
}

static gpa_t at(uint64_t gfn, uint64_t offset)
{
	return (gpa_t) { gfn * PAGE_SIZE + offset };
}

static gva_t va(uint64_t gfn, uint64_t offset)
{
	return (gva_t) { gfn * PAGE_SIZE + offset };
}

/* Its own memory: by virtual and physical address, in any piece, and not beyond it. */
static void own_memory(void **state)
{
	char text[] = "from one place to another", back[sizeof(text)];

	assert_int_equal(guest_phys_write(d1, at(OWN, 4000), text, sizeof(text)), 0);
	assert_int_equal(guest_read(back, va(OWN, 4000), sizeof(back)), 0);
	assert_string_equal(back, text);
	assert_int_equal(lookups, 2);
	assert_int_equal(lookups_marked, 0);
	assert_null(copying_in_window);
	assert_int_equal(guest_write(va(OWN, 0), text, sizeof(text)),
			 0); /* may be written: again */
	assert_int_equal(guest_write(va(OWN, 9), text, sizeof(text)), 0);
	assert_int_equal(lookups, 3);
	assert_int_equal(guest_phys_read(d1, back, at(OWN, 9), sizeof(back)), 0);
	assert_string_equal(back, text);
	/* Into the next page, where nothing is; a prefix may be written. */
	assert_int_equal(guest_write(va(OWN, 4090), text, sizeof(text)), -EFAULT);
	assert_int_equal(guest_phys_write(d1, at(OWN, 4090), text, sizeof(text)), -EFAULT);
	assert_int_equal(guest_read(back, (gva_t) { 1UL << 32 }, 1), -EFAULT);
	assert_int_equal(arena_windows, 0);
	/* Over the border of two pages. */
	lend(P2M_GRANT_RW);
	assert_int_equal(guest_write(va(OWN, 4090), text, sizeof(text)), 0);
	assert_memory_equal(arena_frame(lent), text + 6, sizeof(text) - 6);
	take_back();
}

/* Who takes a mapping away waits for copies that say so; they say so before their lookup counts. */
static void others_memory_is_marked(void **state)
{
	static const struct {
		enum p2m_type type;
		int write;
	} cases[] = { { P2M_GRANT_RW, 0 }, { P2M_GRANT_RO, -EFAULT }, { P2M_FOREIGN, 0 } };
	uint32_t word = 5;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		lend(cases[i].type);
		host_this_cpu->exits++;
		lookups_marked = 0;
		copying_in_window = NULL;
		assert_int_equal(guest_phys_read(d1, &word, at(LENT, 0), 4), 0);
		assert_int_equal(lookups_marked, 1);
		assert_ptr_equal(copying_in_window, d1);
		assert_null(host_this_cpu->copying);
		copying_in_window = NULL;
		assert_int_equal(guest_read(&word, va(LENT, 0), 4), 0);
		assert_ptr_equal(copying_in_window, d1);
		assert_int_equal(guest_write(va(LENT, 0), &word, 4), cases[i].write);
		assert_int_equal(guest_phys_write(d1, at(LENT, 0), &word, 4), cases[i].write);
		assert_null(host_this_cpu->copying);
		take_back();
	}
}

/* The unmapping comes between the lookup and the mark: it does not wait, and nothing is copied. */
static void taken_back_first(void **state)
{
	uint32_t word = 7;

	lend(P2M_GRANT_RW);
	after_lookup = take_back;
	assert_int_equal(guest_phys_write(d1, at(LENT, 0), &word, 4), -EFAULT);
	assert_int_equal(*(uint32_t *)arena_frame(lent), 0);
	lend(P2M_GRANT_RW);
	after_lookup = take_back;
	assert_int_equal(guest_write(va(LENT, 0), &word, 4), -EFAULT);
	assert_int_equal(*(uint32_t *)arena_frame(lent), 0);
	assert_null(host_this_cpu->copying);
	assert_int_equal(arena_windows, 0);
	/* A translation that was found before is void as well. */
	lend(P2M_FOREIGN);
	assert_int_equal(guest_write(va(LENT, 0), &word, 4), 0);
	take_back();
	assert_int_equal(guest_write(va(LENT, 0), &word, 4), -EFAULT);
	/* A list and its argument are looked up once each, however often they take turns. */
	lend(P2M_GRANT_RW);
	lookups = 0;
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(guest_read(&word, va(OWN, 4 * i), 4), 0);
		assert_int_equal(guest_read(&word, va(LENT, 4 * i), 4), 0);
	}
	assert_int_equal(lookups, 2);
	/* One for reading is not good for writing, and is replaced by the one that is. */
	assert_int_equal(guest_write(va(OWN, 0), &word, 4), 0);
	assert_int_equal(guest_read(&word, va(OWN, 0), 4), 0);
	assert_int_equal(lookups, 3);
	take_back();
	/* Void at the next exit in any case. */
	assert_int_equal(guest_write(va(OWN, 0), &word, 4), 0);
	lookups = 0;
	host_this_cpu->exits++;
	assert_int_equal(guest_write(va(OWN, 0), &word, 4), 0);
	assert_int_equal(lookups, 1);
}

/* Areas: the domain's own memory alone; pinned until they are let go. */
static void areas(void **state)
{
	struct guest_area area = { .size = 0 };
	mfn_t own = p2m_ram(&d1->p2m, (gfn_t) { OWN }), next;
	uint64_t value = 0x1122334455667788, back = 0;

	assert_int_equal(guest_area_pin(d1, &area, at(OWN, 4090), 8), -EINVAL);
	assert_int_equal(guest_area_pin(d1, &area, at(LENT, 0), 8), -EFAULT);
	lend(P2M_GRANT_RW);
	assert_int_equal(guest_area_pin(d1, &area, at(LENT, 0), 8), -EFAULT);
	assert_int_equal(guest_area_pin_va(&area, va(LENT, 0), 8), -EFAULT);
	assert_int_equal(guest_area_pin_va(&area, va(OWN, 4092), 8), -EFAULT); /* half of it */
	assert_int_equal(frame_get_record(own)->refs, 1);
	take_back();
	assert_int_equal(guest_area_pin_va(&area, va(OWN, 4092), 8), -EFAULT);
	assert_int_equal(guest_area_pin_va(&area, va(LENT, 0), 8), -EFAULT);
	assert_int_equal(guest_area_pin_va(&area, va(OWN, 0), PAGE_SIZE + 1), -EINVAL);
	assert_int_equal(frame_alloc_guest(d1, 0, &next), 0);
	assert_int_equal(p2m_map(&d1->p2m, (gfn_t) { LENT }, next, 0, P2M_RAM), 0);
	assert_int_equal(guest_area_pin_va(&area, va(OWN, 4092), 8), 0);
	assert_int_equal(frame_get_record(own)->refs, 2);
	assert_int_equal(frame_get_record(next)->refs, 2);
	guest_area_write(&area, 0, &value, 8);
	assert_int_equal(guest_read(&back, va(OWN, 4092), 8), 0);
	assert_int_equal(back, value);
	assert_int_equal(*(uint32_t *)arena_frame(next), value >> 32);
	guest_area_unpin(&area);
	guest_area_unpin(&area); /* nothing left */
	assert_int_equal(frame_get_record(own)->refs, 1);
	assert_int_equal(frame_get_record(next)->refs, 1);
	assert_int_equal(guest_area_pin(d1, &area, at(OWN, 8), 8), 0);
	guest_area_unpin(&area);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(own_memory),
		T(others_memory_is_marked),
		T(taken_back_first),
		T(areas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
