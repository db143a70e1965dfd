/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/6: grants of a domain to itself: copy, revoke, and what is refused. */
#include "guest.h"

#define ENOSYS	  38
#define FIRST_REF 8

static grant_entry_v1_t table[PAGE_SIZE / sizeof(grant_entry_v1_t)] PAGE_ALIGNED;
static uint8_t shared_page[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t other_page[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t window[PAGE_SIZE] PAGE_ALIGNED;
static domid_t self;

static void grant(unsigned int ref, domid_t domid, void *page, uint16_t flags)
{
	table[ref].domid = domid;
	table[ref].frame = (uint32_t)((uintptr_t)page / PAGE_SIZE);
	barrier();
	table[ref].flags = flags;
}

static int map(unsigned int ref, domid_t domid, uint32_t flags, uint32_t *handle)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = (uintptr_t)window,
		.flags = GNTMAP_host_map | flags,
		.ref = ref,
		.dom = domid,
	};
	long error = grant_op(GNTTABOP_map_grant_ref, &op, 1);

	*handle = op.handle;
	return error ? (int)error : op.status;
}

static int unmap(uint32_t handle)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = (uintptr_t)window,
		.handle = handle,
	};
	long error = grant_op(GNTTABOP_unmap_grant_ref, &op, 1);

	return error ? (int)error : op.status;
}

static void check_query(void)
{
	struct gnttab_query_size size = { .dom = DOMID_SELF };
	struct gnttab_get_version version = { .dom = DOMID_SELF };

	CHECK_EQ("query", grant_op(GNTTABOP_query_size, &size, 1), 0);
	CHECK_EQ("query-status", size.status, GNTST_okay);
	CHECK("query-frames", size.nr_frames >= 1 && size.max_nr_frames >= size.nr_frames);
	CHECK_EQ("get-version", grant_op(GNTTABOP_get_version, &version, 1), 0);
	CHECK_EQ("version-is-1", version.version, 1);
	size.dom = 12345;
	CHECK_EQ("query-no-domain", grant_op(GNTTABOP_query_size, &size, 1), 0);
	CHECK_EQ("query-no-domain-status", size.status, GNTST_bad_domain);
}

/* Only refusals: Xen takes a page from its place when its owner maps a grant of it itself. */
static void check_map(void)
{
	uint32_t handle;

	CHECK_EQ("map-revoked", map(FIRST_REF, self, 0, &handle), GNTST_general_error);
	grant(FIRST_REF, 12345, shared_page, GTF_permit_access);
	CHECK_EQ("map-not-for-us", map(FIRST_REF, self, 0, &handle), GNTST_general_error);
	grant(FIRST_REF, self, shared_page, GTF_permit_access | GTF_readonly);
	CHECK_EQ("map-readonly-writable", map(FIRST_REF, self, 0, &handle), GNTST_general_error);
	CHECK_EQ("map-no-ref", map(0x7fffffff, self, 0, &handle), GNTST_bad_gntref);
	CHECK_EQ("map-self", map(FIRST_REF, DOMID_SELF, 0, &handle), GNTST_bad_domain);
	CHECK_EQ("map-no-domain", map(FIRST_REF, 12345, 0, &handle), GNTST_bad_domain);
	CHECK_EQ("map-flags-kept", table[FIRST_REF].flags, GTF_permit_access | GTF_readonly);
	CHECK_EQ("unmap-wild", unmap(0x12345678), GNTST_bad_handle);
	CHECK_EQ("unmap-zero", unmap(0), GNTST_bad_handle);
	table[FIRST_REF].flags = 0;
}

static int copy(unsigned int ref, unsigned int source_offset, void *target, unsigned int length)
{
	struct gnttab_copy op = {
		.source = { .u.ref = ref, .domid = DOMID_SELF, .offset = (uint16_t)source_offset },
		.dest = { .u.gmfn = (uintptr_t)target / PAGE_SIZE, .domid = DOMID_SELF },
		.len = (uint16_t)length,
		.flags = GNTCOPY_source_gref,
	};
	long error = grant_op(GNTTABOP_copy, &op, 1);

	return error ? (int)error : op.status;
}

static void check_copy(void)
{
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		shared_page[i] = (uint8_t)(i * 7);
	grant(FIRST_REF + 2, self, shared_page, GTF_permit_access | GTF_readonly);
	CHECK_EQ("copy", copy(FIRST_REF + 2, 0, other_page, PAGE_SIZE), GNTST_okay);
	CHECK("copy-content", memcmp(shared_page, other_page, PAGE_SIZE) == 0);
	CHECK_EQ("copy-beyond", copy(FIRST_REF + 2, 1, other_page, PAGE_SIZE), GNTST_bad_copy_arg);
	CHECK_EQ("copy-no-ref", copy(0x7fffffff, 0, other_page, 16), GNTST_bad_gntref);
	table[FIRST_REF + 2].flags = 0;
	CHECK_EQ("copy-revoked", copy(FIRST_REF + 2, 0, other_page, 16), GNTST_general_error);
}

static void check_errors(void)
{
	struct gnttab_cache_flush flush = { .length = 16, .op = GNTTAB_CACHE_CLEAN };

	CHECK_EQ("none", grant_op(GNTTABOP_map_grant_ref, NULL, 0), 0);
	CHECK_EQ("unknown", grant_op(99, &flush, 1), -ENOSYS);
}

void guest_main(void)
{
	self = own_domid();
	CHECK_EQ("table", map_xen_page(XENMAPSPACE_grant_table, 0, table), 0);
	check_query();
	check_map();
	check_copy();
	check_errors();
}
