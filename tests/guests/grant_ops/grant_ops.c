/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/6: the operations on grant tables other than mapping: growth, versions, swapping,
 * batches, copies at every edge, and arguments that are no memory.
 */
#include "guest.h"

#define ESRCH	  3
#define EFAULT	  14
#define EINVAL	  22
#define ENOSYS	  38
#define REF	  20
#define PER_FRAME (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define NO_GFN	  0x3ffffffffUL

static grant_entry_v1_t table[2 * PER_FRAME] PAGE_ALIGNED;
static uint8_t page_a[PAGE_SIZE] PAGE_ALIGNED, page_b[PAGE_SIZE] PAGE_ALIGNED;
static domid_t self;

static void grant(unsigned int ref, domid_t domid, const void *page, uint16_t flags)
{
	table[ref].domid = domid;
	table[ref].frame = (uint32_t)((uintptr_t)page / PAGE_SIZE);
	barrier();
	WRITE_ONCE(table[ref].flags, flags);
}

static void check_table(void)
{
	struct gnttab_query_size size = { .dom = DOMID_SELF };
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 2 };
	static xen_pfn_t list[2];

	CHECK_EQ("second-frame", map_xen_page(XENMAPSPACE_grant_table, 1, &table[PER_FRAME]), 0);
	CHECK_EQ("query", grant_op(GNTTABOP_query_size, &size, 1), 0);
	CHECK("query-two", size.status == GNTST_okay && size.nr_frames >= 2);
	set_xen_guest_handle(setup.frame_list, list);
	CHECK_EQ("setup", grant_op(GNTTABOP_setup_table, &setup, 1), 0);
	CHECK_EQ("setup-status", setup.status, GNTST_okay);
	CHECK("setup-list", list[0] == (uintptr_t)&table[0] / PAGE_SIZE &&
				    list[1] == (uintptr_t)&table[PER_FRAME] / PAGE_SIZE);
	setup.nr_frames = size.max_nr_frames + 1;
	CHECK_EQ("setup-too-many", grant_op(GNTTABOP_setup_table, &setup, 1), 0);
	CHECK_EQ("setup-too-many-status", setup.status, GNTST_general_error);
	setup.dom = 12345;
	CHECK_EQ("setup-no-domain", grant_op(GNTTABOP_setup_table, &setup, 1), 0);
	CHECK_EQ("setup-no-domain-status", setup.status, GNTST_bad_domain);
	CHECK_EQ("setup-two", grant_op(GNTTABOP_setup_table, &setup, 2), -EINVAL);
	CHECK_EQ("query-none", grant_op(GNTTABOP_query_size, &size, 0), -EINVAL);
	CHECK_EQ("status-frames", grant_op(GNTTABOP_get_status_frames, &size, 1), -ENOSYS);
}

static void check_version(void)
{
	struct gnttab_set_version set = { .version = 1 };
	struct gnttab_get_version get = { .dom = 12345 };

	CHECK_EQ("set-1", grant_op(GNTTABOP_set_version, &set, 1), 0);
	CHECK_EQ("is-1", set.version, 1);
	set.version = 3;
	CHECK_EQ("set-3", grant_op(GNTTABOP_set_version, &set, 1), -EINVAL);
	CHECK_EQ("still-1", set.version, 1);
	CHECK_EQ("get-no-domain", grant_op(GNTTABOP_get_version, &get, 1), -ESRCH);
}

static void check_swap(void)
{
	struct gnttab_swap_grant_ref op[2] = { { .ref_a = REF, .ref_b = PER_FRAME + 5 },
					       { .ref_a = REF, .ref_b = 0x7fffffff } };

	grant(REF, self, page_a, GTF_permit_access);
	grant(PER_FRAME + 5, 7, page_b, GTF_permit_access | GTF_readonly);
	CHECK_EQ("swap", grant_op(GNTTABOP_swap_grant_ref, op, 2), 0);
	CHECK_EQ("swap-status", op[0].status, GNTST_okay);
	CHECK_EQ("swap-bad-status", op[1].status, GNTST_bad_gntref);
	CHECK("swap-first", table[REF].domid == 7 &&
				    table[REF].flags == (GTF_permit_access | GTF_readonly) &&
				    table[REF].frame == (uintptr_t)page_b / PAGE_SIZE);
	CHECK("swap-second", table[PER_FRAME + 5].domid == self &&
				     table[PER_FRAME + 5].frame == (uintptr_t)page_a / PAGE_SIZE);
	table[REF].flags = table[PER_FRAME + 5].flags = 0;
}

static struct gnttab_copy copy_op(uint64_t from, bool from_ref, uint64_t to, bool to_ref)
{
	struct gnttab_copy op = {
		.source = { .domid = DOMID_SELF },
		.dest = { .domid = DOMID_SELF },
		.len = 16,
		.flags = (uint16_t)((from_ref ? GNTCOPY_source_gref : 0) |
				    (to_ref ? GNTCOPY_dest_gref : 0)),
		.status = 99,
	};

	if (from_ref)
		op.source.u.ref = (grant_ref_t)from;
	else
		op.source.u.gmfn = from;
	if (to_ref)
		op.dest.u.ref = (grant_ref_t)to;
	else
		op.dest.u.gmfn = to;
	return op;
}

static int copy(struct gnttab_copy op)
{
	long error = grant_op(GNTTABOP_copy, &op, 1);

	return error ? (int)error : op.status;
}

#define GFN(page) ((uintptr_t)(page) / PAGE_SIZE)

static void check_copy(void)
{
	struct gnttab_copy op;

	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		page_a[i] = (uint8_t)(i * 13 + (i >> 8));
	memset(page_b, 0, PAGE_SIZE);
	grant(REF, self, page_b, GTF_permit_access);
	op = copy_op(GFN(page_a), false, REF, true);
	op.len = PAGE_SIZE;
	CHECK_EQ("to-grant", copy(op), GNTST_okay);
	CHECK("to-grant-bytes", memcmp(page_a, page_b, PAGE_SIZE) == 0);
	CHECK_EQ("flags-gone", table[REF].flags, GTF_permit_access);
	op.source.offset = 1;
	op.dest.offset = PAGE_SIZE - 1;
	op.len = 1;
	CHECK_EQ("last-byte", copy(op), GNTST_okay);
	CHECK_EQ("last-byte-is", page_b[PAGE_SIZE - 1], page_a[1]);
	op.len = 2;
	CHECK_EQ("beyond-target", copy(op), GNTST_bad_copy_arg);
	op.source.offset = 0xffff;
	op.dest.offset = 0;
	op.len = 0xffff;
	CHECK_EQ("beyond-source", copy(op), GNTST_bad_copy_arg);
	op.source.offset = PAGE_SIZE;
	op.len = 0;
	CHECK_EQ("nothing-at-end", copy(op), GNTST_okay);
	CHECK_EQ("frame-to-frame", copy(copy_op(GFN(page_a), false, GFN(page_b), false)),
		 GNTST_okay);
	grant(REF, self, page_b, GTF_permit_access | GTF_readonly);
	CHECK_EQ("to-readonly", copy(copy_op(GFN(page_a), false, REF, true)), GNTST_general_error);
	CHECK_EQ("from-readonly", copy(copy_op(REF, true, GFN(page_a), false)), GNTST_okay);
	CHECK_EQ("flags-kept", table[REF].flags, GTF_permit_access | GTF_readonly);
	grant(REF, 12345, page_b, GTF_permit_access);
	CHECK_EQ("not-for-us", copy(copy_op(REF, true, GFN(page_a), false)), GNTST_general_error);
	grant(REF, self, page_b, GTF_accept_transfer);
	CHECK_EQ("wrong-type", copy(copy_op(REF, true, GFN(page_a), false)), GNTST_general_error);
	table[REF].flags = 0;
	table[REF].frame = 0xffffffff;
	grant(REF, self, (void *)0xffffffff000UL, GTF_permit_access);
	CHECK_EQ("grant-no-page", copy(copy_op(REF, true, GFN(page_a), false)), GNTST_bad_page);
	CHECK_EQ("flags-gone-again", table[REF].flags, GTF_permit_access);
	CHECK_EQ("from-no-frame", copy(copy_op(NO_GFN, false, GFN(page_a), false)), GNTST_bad_page);
	CHECK_EQ("to-no-frame", copy(copy_op(GFN(page_a), false, NO_GFN, false)), GNTST_bad_page);
	op = copy_op(GFN(page_a), false, GFN(page_b), false);
	op.dest.domid = self;
	CHECK_EQ("frame-by-number", copy(op), GNTST_permission_denied);
	op.dest.domid = 12345;
	op.flags = GNTCOPY_dest_gref;
	CHECK_EQ("no-domain", copy(op), GNTST_bad_domain);
	table[REF].flags = 0;
}

/* Many elements: each has its own status, and good ones come behind bad ones. */
static void check_batch(void)
{
	static struct gnttab_copy ops[100];
	unsigned int good = 0, bad = 0;

	for (unsigned int i = 0; i < 100; i++) {
		grant(REF + i, self, page_a, GTF_permit_access);
		page_a[i] = (uint8_t)(i + 1);
		ops[i] = copy_op(i % 10 == 3 ? 0x7fffffff : REF + i, true, GFN(page_b), false);
		ops[i].source.offset = ops[i].dest.offset = (uint16_t)i;
		ops[i].len = 1;
	}
	memset(page_b, 0, PAGE_SIZE);
	CHECK_EQ("batch", grant_op(GNTTABOP_copy, ops, 100), 0);
	for (unsigned int i = 0; i < 100; i++) {
		if (i % 10 == 3)
			bad += ops[i].status == GNTST_bad_gntref && page_b[i] == 0;
		else
			good += ops[i].status == GNTST_okay && page_b[i] == i + 1;
	}
	CHECK_EQ("batch-good", good, 90);
	CHECK_EQ("batch-bad", bad, 10);
}

static void check_bad_arguments(void)
{
	static const struct {
		const char *name;
		unsigned int cmd;
	} ops[] = {
		{ "fault-map", GNTTABOP_map_grant_ref },
		{ "fault-unmap", GNTTABOP_unmap_grant_ref },
		{ "fault-copy", GNTTABOP_copy },
		{ "fault-setup", GNTTABOP_setup_table },
		{ "fault-query", GNTTABOP_query_size },
		{ "fault-set-version", GNTTABOP_set_version },
		{ "fault-get-version", GNTTABOP_get_version },
		{ "fault-swap", GNTTABOP_swap_grant_ref },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++)
		CHECK_EQ(ops[i].name, grant_op(ops[i].cmd, (void *)BAD_ADDRESS, 1), -EFAULT);
	CHECK_EQ("negative-count", grant_op(GNTTABOP_copy, page_a, 0x80000000), -EINVAL);
	CHECK_EQ("dump-table", grant_op(GNTTABOP_dump_table, page_a, 1), -ENOSYS);
	CHECK_EQ("transfer", grant_op(GNTTABOP_transfer, page_a, 1), -ENOSYS);
	CHECK_EQ("cache-flush", grant_op(GNTTABOP_cache_flush, page_a, 1), -ENOSYS);
	CHECK_EQ("upper-bits", grant_op(GNTTABOP_copy | 1U << 12, page_a, 1), -ENOSYS);
}

void guest_main(void)
{
	self = own_domid();
	CHECK_EQ("table", map_xen_page(XENMAPSPACE_grant_table, 0, table), 0);
	check_table();
	check_version();
	check_swap();
	check_copy();
	check_batch();
	check_bad_arguments();
}
