/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing to a guest that is being built: by grant copies and through the window, with the same
 * result; and the grant table is clean afterwards. REQ toolstack/builder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/guest_memory.h"

#include <xen/memory.h>

#define PAGE	    4096ull
#define GUEST_PAGES 2048ull
#define GUEST_SIZE  (GUEST_PAGES * PAGE)
#define DOMID	    7

/* The guest, and what of the interfaces works. */
static struct {
	uint8_t *memory;
	grant_entry_v1_t table[PAGE / sizeof(grant_entry_v1_t)];
	bool no_table, no_device;
	unsigned int refuse_from; /* the copy that is refused and all after it; 0: none */
	unsigned int copies, maps, mapped;
} guest;

struct xenforeignmemory_handle {
	int unused;
};

static struct xenforeignmemory_handle foreign;

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return &foreign;
}

int xenforeignmemory_close(xenforeignmemory_handle *h)
{
	return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t dom, int prot, size_t pages,
			   const xen_pfn_t *gfns, int *err)
{
	assert_int_equal(dom, DOMID);
	assert_true(pages && gfns[0] + pages <= GUEST_PAGES);
	guest.maps++;
	guest.mapped++;
	/* A run in order: guest memory itself; only the samples of is_zero are not. */
	for (size_t i = 1; i < pages; i++) {
		if (gfns[i] == gfns[0] + i)
			continue;
		uint8_t *copy = malloc(pages * PAGE);

		for (size_t j = 0; j < pages; j++)
			memcpy(copy + j * PAGE, guest.memory + gfns[j] * PAGE, PAGE);
		return copy;
	}
	return guest.memory + gfns[0] * PAGE;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *addr, size_t pages)
{
	guest.mapped--;
	if ((uint8_t *)addr < guest.memory || (uint8_t *)addr >= guest.memory + GUEST_SIZE)
		free(addr);
	return 0;
}

xenforeignmemory_resource_handle *
xenforeignmemory_map_resource(xenforeignmemory_handle *h, domid_t domid, unsigned int type,
			      unsigned int id, unsigned long frame, unsigned long n, void **addr,
			      int prot, int flags)
{
	assert_int_equal(domid, DOMID);
	assert_int_equal(type, XENMEM_resource_grant_table);
	if (guest.no_table)
		return NULL;
	*addr = guest.table;
	return (xenforeignmemory_resource_handle *)guest.table;
}

int xenforeignmemory_unmap_resource(xenforeignmemory_handle *h,
				    xenforeignmemory_resource_handle *resource)
{
	return 0;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return guest.no_device ? NULL : (xengnttab_handle *)&guest;
}

int xengnttab_close(xengnttab_handle *h)
{
	return 0;
}

/* As the hypervisor does: looks the reference up, checks it, copies. */
int xengnttab_grant_copy(xengnttab_handle *h, uint32_t count, xengnttab_grant_copy_segment_t *segs)
{
	guest.copies++;
	for (uint32_t i = 0; i < count; i++) {
		const grant_entry_v1_t *e = &guest.table[segs[i].dest.foreign.ref];

		assert_int_equal(segs[i].flags, GNTCOPY_dest_gref);
		assert_int_equal(segs[i].dest.foreign.domid, DOMID);
		assert_true(segs[i].dest.foreign.ref >= GNTTAB_NR_RESERVED_ENTRIES);
		assert_true(segs[i].dest.foreign.offset + segs[i].len <= PAGE);
		assert_int_equal(e->flags, GTF_permit_access);
		assert_true(e->frame < GUEST_PAGES);
		segs[i].status = GNTST_okay;
		if (guest.refuse_from && guest.copies >= guest.refuse_from && i == count / 2) {
			segs[i].status = GNTST_permission_denied;
			continue;
		}
		memcpy(guest.memory + e->frame * PAGE + segs[i].dest.foreign.offset,
		       segs[i].source.virt, segs[i].len);
	}
	return 0;
}

static int setup(void **state)
{
	memset(&guest, 0, sizeof(guest));
	guest.memory = malloc(GUEST_SIZE);
	memset(guest.memory, 0xee, GUEST_SIZE);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(guest.mapped, 0);
	for (size_t i = GNTTAB_NR_RESERVED_ENTRIES; i < PAGE / sizeof(grant_entry_v1_t); i++)
		assert_int_equal(guest.table[i].flags, 0);
	free(guest.memory);
	return 0;
}

/* Pieces of many shapes: within a page, over edges, longer than a table's worth. */
static void write_pieces(void)
{
	static const struct {
		uint64_t addr, length;
		bool zero;
	} pieces[] = {
		{ 0, 1, false },
		{ PAGE - 1, 2, false },
		{ 100, 50, true },
		{ 16 * PAGE, 3 * PAGE, false },
		{ 17 * PAGE + 5, PAGE, true },
		{ 100 * PAGE + 7, 1200 * PAGE + 11, false },
		{ 300 * PAGE, 900 * PAGE, true },
		{ GUEST_SIZE - 1, 1, false },
	};
	uint8_t *expected = malloc(GUEST_SIZE), *bytes = malloc(GUEST_SIZE);
	struct guest_memory memory;
	struct error err = { 0 };

	memset(expected, 0xee, GUEST_SIZE);
	for (size_t i = 0; i < GUEST_SIZE; i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 12));
	assert_int_equal(guest_memory_open(&memory, DOMID, &err), 0);
	guest_memory_range(&memory, 0, GUEST_SIZE);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		uint64_t addr = pieces[i].addr, length = pieces[i].length;

		if (pieces[i].zero) {
			memset(expected + addr, 0, length);
			assert_int_equal(guest_memory_zero(&memory, addr, length, &err), 0);
		} else {
			memcpy(expected + addr, bytes + i, length);
			assert_int_equal(guest_memory_write(&memory, addr, bytes + i, length, &err),
					 0);
		}
	}
	assert_memory_equal(guest.memory, expected, GUEST_SIZE);
	guest_memory_close(&memory);
	guest_memory_close(&memory);
	free(expected);
	free(bytes);
}

static void grants_copy_everything(void **state)
{
	write_pieces();
	assert_true(guest.copies > 5);
	assert_int_equal(guest.maps, 0);
}

static void the_window_does_as_well(void **state)
{
	guest.no_device = true;
	write_pieces();
	guest.no_device = false;
	guest.no_table = true;
	memset(guest.memory, 0xee, GUEST_SIZE);
	write_pieces();
	assert_int_equal(guest.copies, 0);
	assert_true(guest.maps > 5);
}

static void a_refusal_on_the_way_changes_over(void **state)
{
	for (unsigned int from = 1; from < 12; from++) {
		memset(guest.memory, 0xee, GUEST_SIZE);
		guest.refuse_from = from;
		guest.copies = 0;
		write_pieces();
		assert_true(guest.copies <= from); /* refused once, not asked again */
	}
}

static void outside_of_the_range_is_refused(void **state)
{
	struct guest_memory memory;
	struct error err = { 0 };
	uint8_t bytes[64] = { 0 };

	assert_int_equal(guest_memory_open(&memory, DOMID, &err), 0);
	guest_memory_range(&memory, 4 * PAGE, 8 * PAGE);
	assert_int_equal(guest_memory_write(&memory, 4 * PAGE, bytes, 64, &err), 0);
	assert_int_equal(guest_memory_write(&memory, 4 * PAGE - 1, bytes, 64, &err), -EFAULT);
	assert_int_equal(guest_memory_write(&memory, 8 * PAGE - 63, bytes, 64, &err), -EFAULT);
	assert_int_equal(guest_memory_write(&memory, UINT64_MAX - 10, bytes, 64, &err), -EFAULT);
	assert_int_equal(guest_memory_zero(&memory, 8 * PAGE, 1, &err), -EFAULT);
	assert_int_equal(guest_memory_zero(&memory, 4 * PAGE, UINT64_MAX, &err), -EFAULT);
	assert_int_equal(guest_memory_write(&memory, 8 * PAGE, bytes, 0, &err), 0);
	guest_memory_close(&memory);
}

static void reserved_grants_stay(void **state)
{
	struct guest_memory memory;
	struct error err = { 0 };

	assert_int_equal(guest_memory_open(&memory, DOMID, &err), 0);
	guest_memory_range(&memory, 0, GUEST_SIZE);
	assert_int_equal(guest_memory_grant(&memory, GNTTAB_RESERVED_XENSTORE, 0, 0x123, &err), 0);
	assert_int_equal(guest_memory_grant(&memory, GNTTAB_NR_RESERVED_ENTRIES, 0, 1, &err), -EIO);
	assert_int_equal(guest_memory_zero(&memory, 0, GUEST_SIZE, &err), 0);
	guest_memory_close(&memory);
	assert_int_equal(guest.table[GNTTAB_RESERVED_XENSTORE].frame, 0x123);
	assert_int_equal(guest.table[GNTTAB_RESERVED_XENSTORE].flags, GTF_permit_access);
	guest.no_table = true;
	assert_int_equal(guest_memory_open(&memory, DOMID, &err), 0);
	assert_int_equal(guest_memory_grant(&memory, GNTTAB_RESERVED_XENSTORE, 0, 1, &err), -EIO);
	guest_memory_close(&memory);
}

static void zero_pages_are_told_apart(void **state)
{
	uint64_t gfns[] = { 3, 700, 2047 };
	struct guest_memory memory;
	struct error err = { 0 };

	assert_int_equal(guest_memory_open(&memory, DOMID, &err), 0);
	assert_false(guest_memory_is_zero(&memory, gfns, 3));
	memset(guest.memory, 0, GUEST_SIZE);
	assert_true(guest_memory_is_zero(&memory, gfns, 3));
	guest.memory[700 * PAGE + 4095] = 1;
	assert_false(guest_memory_is_zero(&memory, gfns, 3));
	assert_false(guest_memory_is_zero(&memory, gfns, 0));
	guest_memory_close(&memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(grants_copy_everything),
		TEST(the_window_does_as_well),
		TEST(a_refusal_on_the_way_changes_over),
		TEST(outside_of_the_range_is_refused),
		TEST(reserved_grants_stay),
		TEST(zero_pages_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
