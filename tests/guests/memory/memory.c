/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/6: memory operations of a domain on itself, and what each refuses. */
#include "guest.h"

#define EINVAL 22
#define ENOENT 2
#define ENOSYS 38
#define ESRCH  3
#define PAGES  16

static uint8_t pages[PAGES][PAGE_SIZE] PAGE_ALIGNED;
static xen_pfn_t frames[PAGES]; /* theirs; check_reservation() fills it */

static long reservation(unsigned int op, xen_pfn_t *list, unsigned long count, unsigned int order)
{
	struct xen_memory_reservation arg = {
		.nr_extents = count,
		.extent_order = order,
		.domid = DOMID_SELF,
	};

	set_xen_guest_handle(arg.extent_start, list);
	return memory_op(op, &arg);
}

static void check_reservation(void)
{
	domid_t self = DOMID_SELF;
	long before = memory_op(XENMEM_current_reservation, &self);

	for (unsigned int i = 0; i < PAGES; i++)
		frames[i] = (uintptr_t)pages[i] / PAGE_SIZE;
	memset(pages, 0x77, sizeof(pages));
	CHECK("current", before > 0);
	CHECK("maximum", memory_op(XENMEM_maximum_reservation, &self) >= before);
	CHECK("maximum-gpfn", memory_op(XENMEM_maximum_gpfn, &self) > 0);
	CHECK_EQ("decrease", reservation(XENMEM_decrease_reservation, frames, PAGES, 0), PAGES);
	CHECK_EQ("decreased", memory_op(XENMEM_current_reservation, &self), before - PAGES);
	CHECK_EQ("decrease-again", reservation(XENMEM_decrease_reservation, frames, PAGES, 0), 0);
	CHECK_EQ("populate", reservation(XENMEM_populate_physmap, frames, PAGES, 0), PAGES);
	CHECK_EQ("populated", memory_op(XENMEM_current_reservation, &self), before);
	CHECK("scrubbed", pages[0][0] == 0 && pages[PAGES - 1][4095] == 0);
	memset(pages, 0x11, sizeof(pages));
	CHECK("usable", pages[3][77] == 0x11);
}

/* Memory that is nowhere in the guest's map, in place of some that was: there is no more for it. */
static void check_increase(void)
{
	domid_t self = DOMID_SELF;
	long before = memory_op(XENMEM_current_reservation, &self);

	CHECK_EQ("increase-order", reservation(XENMEM_increase_reservation, NULL, 1, 60), 0);
	reservation(XENMEM_decrease_reservation, frames, PAGES, 0);
	CHECK_EQ("increase", reservation(XENMEM_increase_reservation, NULL, PAGES / 2, 1),
		 PAGES / 2);
	CHECK_EQ("increased", memory_op(XENMEM_current_reservation, &self), before);
}

static void check_reservation_errors(void)
{
	static xen_pfn_t frame = 0x12345678;

	CHECK_EQ("none", reservation(XENMEM_populate_physmap, &frame, 0, 0), 0);
	CHECK_EQ("order", reservation(XENMEM_populate_physmap, &frame, 1, 60), 0);
	CHECK_EQ("handle", reservation(XENMEM_decrease_reservation, (xen_pfn_t *)BAD_ADDRESS, 1, 0),
		 0);
	CHECK_EQ("no-frame", reservation(XENMEM_decrease_reservation, &frame, 1, 0), 0);
	/* The number of extents done so far, not an error: none. */
	CHECK_EQ("pointer", memory_op(XENMEM_populate_physmap, (void *)BAD_ADDRESS), 0);
	CHECK_EQ("unknown", memory_op(60, &frame), -ENOSYS);
}

static void check_maps(void)
{
	static struct e820 {
		uint64_t address, size;
		uint32_t type;
	} __attribute__((packed)) entries[128];
	struct xen_memory_map map = { .nr_entries = ARRAY_SIZE(entries) };
	struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = 99, .gpfn = 0x1000 };
	struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = 0x7ffffff };

	set_xen_guest_handle(map.buffer, entries);
	CHECK_EQ("map", memory_op(XENMEM_memory_map, &map), 0);
	CHECK("map-entries", map.nr_entries > 0 && map.nr_entries < ARRAY_SIZE(entries));
	map.nr_entries = 1;
	CHECK("map-short", memory_op(XENMEM_memory_map, &map) <= 0);
	CHECK_EQ("add-space", memory_op(XENMEM_add_to_physmap, &add), -EINVAL);
	add.space = XENMAPSPACE_shared_info;
	add.domid = 12345;
	CHECK_EQ("add-domain", memory_op(XENMEM_add_to_physmap, &add), -ESRCH);
	CHECK_EQ("remove-no-frame", memory_op(XENMEM_remove_from_physmap, &remove), -ENOENT);
	remove.domid = 12345;
	CHECK_EQ("remove-domain", memory_op(XENMEM_remove_from_physmap, &remove), -ESRCH);
}

/* The shared page appears where it is asked for, and is gone when it is removed. */
static void check_shared_info(void)
{
	struct xen_remove_from_physmap remove = {
		.domid = DOMID_SELF,
		.gpfn = (uintptr_t)shared_info_page / PAGE_SIZE,
	};
	static xen_pfn_t frame;

	CHECK_EQ("shared-info", map_xen_page(XENMAPSPACE_shared_info, 0, shared_info_page), 0);
	CHECK("shared-info-clock", shared_info.vcpu_info[0].time.tsc_to_system_mul != 0);
	CHECK_EQ("shared-info-remove", memory_op(XENMEM_remove_from_physmap, &remove), 0);
	frame = (uintptr_t)shared_info_page / PAGE_SIZE;
	CHECK_EQ("shared-info-repopulate", reservation(XENMEM_populate_physmap, &frame, 1, 0), 1);
	CHECK_EQ("shared-info-gone", shared_info.vcpu_info[0].time.tsc_to_system_mul, 0);
}

void guest_main(void)
{
	check_reservation();
	check_reservation_errors();
	check_maps();
	check_shared_info();
	check_increase();
}
