/* SPDX-License-Identifier: BSD-2-Clause */
/* How many instructions memory operations and grant copies take. */
#include "guest.h"

#define MIB	    (1UL << 20)
#define REGION	    (32 * MIB)
#define REGION_SIZE (64 * MIB)
#define BATCH	    512
#define ROUNDS	    500
#define REF	    8

static xen_pfn_t frames[BATCH];
static grant_entry_v1_t table[PAGE_SIZE / sizeof(grant_entry_v1_t)] PAGE_ALIGNED;
static uint8_t source[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t target[PAGE_SIZE] PAGE_ALIGNED;

/* Does OP on all of the region, in extents of ORDER; the ticks it took. */
static uint64_t on_region(unsigned int op, unsigned int order)
{
	unsigned long extents = REGION_SIZE / PAGE_SIZE >> order;
	uint64_t start = rdtsc();

	for (unsigned long done = 0; done < extents;) {
		unsigned long count = extents - done < BATCH ? extents - done : BATCH;
		struct xen_memory_reservation arg = {
			.nr_extents = count,
			.extent_order = order,
			.domid = DOMID_SELF,
		};

		for (unsigned long i = 0; i < count; i++)
			frames[i] = REGION / PAGE_SIZE + ((done + i) << order);
		set_xen_guest_handle(arg.extent_start, frames);
		if (memory_op(op, &arg) != (long)count) {
			print("FAIL region: operation %u order %u\n", op, order);
			break;
		}
		done += count;
	}
	return rdtsc() - start;
}

static void bench_region(void)
{
	uint64_t ticks;

	on_region(XENMEM_decrease_reservation, 0);
	ticks = on_region(XENMEM_populate_physmap, 9);
	print("BENCH populate-64-mib-2m %lu\n", (unsigned long)ticks);
	ticks = on_region(XENMEM_decrease_reservation, 0);
	print("BENCH release-64-mib-4k %lu\n", (unsigned long)ticks);
	ticks = on_region(XENMEM_populate_physmap, 0);
	print("BENCH populate-64-mib-4k %lu\n", (unsigned long)ticks);
}

static void grant_source(void)
{
	map_xen_page(XENMAPSPACE_grant_table, 0, table);
	table[REF].domid = own_domid();
	table[REF].frame = (uint32_t)((uintptr_t)source / PAGE_SIZE);
	barrier();
	table[REF].flags = GTF_permit_access;
}

static void bench_copy(void)
{
	struct gnttab_copy op = {
		.source = { .u.ref = REF, .domid = DOMID_SELF },
		.dest = { .u.gmfn = (uintptr_t)target / PAGE_SIZE, .domid = DOMID_SELF },
		.len = PAGE_SIZE,
		.flags = GNTCOPY_source_gref,
	};
	uint64_t start;

	grant_op(GNTTABOP_copy, &op, 1);
	start = rdtsc();
	for (unsigned int i = 0; i < ROUNDS; i++)
		grant_op(GNTTABOP_copy, &op, 1);
	print("BENCH grant-copy-4k %lu\n", (unsigned long)((rdtsc() - start) / ROUNDS));
	if (op.status != GNTST_okay)
		print("FAIL copy: status %d\n", op.status);
}

void guest_main(void)
{
	grant_source();
	bench_copy();
	bench_region();
}
