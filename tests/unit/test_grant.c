/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/8, core/5 (grants): map, unmap, copy and the table operations, with the status codes of
 * Xen 4.17, dying domains, and granters and mappers that don't keep to the rules.
 */
#include <pthread.h>
#include <string.h>
#include "support/fake.h"
#include "grant/grant.h"
#include "grant/table.h"
#include "hypercall/hypercall.h"
#include "hvm/hvm.h"
#include "mm/frame.h"

#define PAGES	40
#define GRANTED 20	   /* the gfn that the granter grants */
#define WINDOW	100	   /* where the mapper maps: empty gfns */
#define NO_PAGE 0x900000UL /* no memory there */
#define REF	9

static struct fake_domain *g, *m; /* granter, domid 1; mapper, domid 2 */

static int setup(void **state)
{
	(void)state;
	fake_reset();
	g = fake_domain_add(1, 1, PAGES);
	m = fake_domain_add(2, 2, PAGES);
	assert_int_equal(grant_init(&g->d, 4, 2), 0);
	assert_int_equal(grant_init(&m->d, (uint32_t)-1, (uint32_t)-1), 0);
	fake_current(m, 0);
	return 0;
}

/* Everything ends as it began: references, flags, heap. */
static int teardown(void **state)
{
	(void)state;
	m->d.state = g->d.state = DOMAIN_DYING;
	while (!grant_destroy(&m->d, 3))
		;
	while (!grant_destroy(&g->d, 3))
		;
	for (unsigned int i = PAGES; i < FAKE_GFNS; i++) {
		p2m_unmap(&m->d.p2m, (gfn_t) { i }, 0);
		p2m_unmap(&g->d.p2m, (gfn_t) { i }, 0);
	}
	for (unsigned int i = 0; i < PAGES; i++) {
		if (g->map[i].type != P2M_NONE)
			assert_int_equal(fake_frame_refs(g->map[i].mfn), 1);
		if (m->map[i].type != P2M_NONE)
			assert_int_equal(fake_frame_refs(m->map[i].mfn), 1);
	}
	assert_int_equal(g->d.refs, 1);
	assert_int_equal(m->d.refs, 1);
	grant_free(&g->d);
	grant_free(&m->d);
	grant_free(&m->d);
	assert_int_equal(fake_heap_blocks, 0);
	assert_int_equal(fake_windows_open, 0);
	return 0;
}

static struct grant_entry_v1 *entry(struct fake_domain *f, grant_ref_t ref)
{
	return grant_shared(f->d.grant, ref);
}

static void grant(grant_ref_t ref, domid_t to, uint32_t gfn, uint16_t flags)
{
	*entry(g, ref) = (struct grant_entry_v1) { flags, to, gfn };
}

static mfn_t granted(void)
{
	return g->map[GRANTED].mfn;
}

/* The hypercall; *@done: how many operations were finished. The upper halves of numbers do not count. */
static long grant_op(unsigned int cmd, gva_t arg, unsigned int count, unsigned int *done)
{
	const uint64_t high = 0xabcd00000000UL;
	struct hypercall_args args = { { high | cmd, arg.v, high | count } };
	long rc = grant_table_op(&args);

	*done = count - (unsigned int)args.a[2];
	return rc;
}

/* Runs @count operations that lie at the argument's address. */
static long run(unsigned int cmd, void *ops, size_t size, unsigned int count)
{
	struct fake_domain *f = fake_of(current_domain());
	unsigned int done;
	long rc;

	memcpy(fake_mem(f, FAKE_ARG_GPA), ops, size * count);
	rc = grant_op(cmd, (gva_t) { FAKE_ARG_GPA }, count, &done);
	memcpy(ops, fake_mem(f, FAKE_ARG_GPA), size * count);
	return rc;
}

/* The single operations take a count of 1 only. */
static long run_count(unsigned int cmd, unsigned int count)
{
	unsigned int done;

	return grant_op(cmd, (gva_t) { FAKE_ARG_GPA }, count, &done);
}

static int16_t map_full(struct gnttab_map_grant_ref *op)
{
	op->status = 99;
	assert_int_equal(run(GNTTABOP_map_grant_ref, op, sizeof(*op), 1), 0);
	return op->status;
}

static int16_t map(grant_ref_t ref, uint64_t gfn, uint32_t flags, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = gfn << PAGE_SHIFT, .flags = flags, .ref = ref, .dom = 1
	};
	int16_t status = map_full(&op);

	*handle = op.handle;
	return status;
}

static int16_t unmap(grant_handle_t handle, uint64_t gfn)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = gfn << PAGE_SHIFT, .handle = handle };

	op.status = 99;
	assert_int_equal(run(GNTTABOP_unmap_grant_ref, &op, sizeof(op), 1), 0);
	return op.status;
}

#define RW GNTMAP_host_map
#define RO (GNTMAP_host_map | GNTMAP_readonly)

static void test_map_unmap(void **state)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = WINDOW << PAGE_SHIFT, .flags = RW, .ref = REF, .dom = 1
	};

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map_full(&op), GNTST_okay);
	assert_int_equal(fake_xsm_calls, 2); /* read and write */
	assert_int_equal(op.dev_bus_addr, 0);
	assert_int_equal(m->map[WINDOW].type, P2M_GRANT_RW);
	assert_int_equal(m->map[WINDOW].mfn.v, granted().v);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(g->d.refs, 2);
	*(uint32_t *)fake_mem(m, WINDOW << PAGE_SHIFT) = 0x1234;
	assert_int_equal(*(uint32_t *)fake_mem(g, GRANTED << PAGE_SHIFT), 0x1234);
	grant_dump();
	assert_int_equal(unmap(op.handle, WINDOW), GNTST_okay);
	assert_int_equal(fake_xsm_last, XSM_GRANT__UNMAP);
	assert_int_equal(m->map[WINDOW].type, P2M_NONE);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access);
	assert_int_equal(g->d.refs, 1);
	assert_int_equal(fake_frame_refs(granted()), 1);
	assert_int_equal(unmap(op.handle, WINDOW), GNTST_bad_handle);
}

static void test_map_read_only(void **state)
{
	grant_handle_t h;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access | GTF_readonly);
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_general_error);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access | GTF_readonly);
	assert_int_equal(map(REF, WINDOW, RO, &h), GNTST_okay);
	assert_int_equal(m->map[WINDOW].type, P2M_GRANT_RO);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access | GTF_readonly | GTF_reading);
	/* Mapped for reading does not open it for writing. */
	assert_int_equal(map(REF, WINDOW + 1, RW, &h), GNTST_general_error);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access | GTF_readonly | GTF_reading);
	assert_int_equal(unmap(0, WINDOW), GNTST_okay);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access | GTF_readonly);
}

/* Several mappings of a grant: each flag stays until its last user goes. */
static void test_map_many(void **state)
{
	grant_handle_t ro, ro2, rw;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RO, &ro), GNTST_okay);
	assert_int_equal(map(REF, WINDOW + 1, RW, &rw), GNTST_okay);
	assert_int_equal(map(REF, WINDOW + 2, RO, &ro2), GNTST_okay);
	assert_int_equal(fake_frame_refs(granted()), 5); /* RAM, the grant in use, three mappings */
	assert_int_equal(unmap(rw, WINDOW + 1), GNTST_okay);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access | GTF_reading);
	assert_int_equal(unmap(ro, WINDOW), GNTST_okay);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access | GTF_reading);
	assert_int_equal(unmap(ro2, WINDOW + 2), GNTST_okay);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access);
}

static void test_map_errors(void **state)
{
	struct gnttab_map_grant_ref op = { .host_addr = WINDOW << PAGE_SHIFT,
					   .ref = REF,
					   .dom = 1 };
	uint64_t busy = WINDOW + 5;
	grant_handle_t h;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map_full(&op), GNTST_bad_gntref); /* no flags */
	op.flags = GNTMAP_device_map;
	assert_int_equal(map_full(&op), GNTST_general_error);
	op.flags = RW | GNTMAP_contains_pte;
	assert_int_equal(map_full(&op), GNTST_general_error);
	op.flags = RW | GNTMAP_application_map;
	assert_int_equal(map_full(&op), GNTST_general_error);
	op.flags = RW | 1U << 20;
	assert_int_equal(map_full(&op), GNTST_general_error);
	op.flags = RW | MAPTRACK_BUSY;
	assert_int_equal(map_full(&op), GNTST_general_error);
	op.flags = RW;
	op.dom = 77;
	assert_int_equal(map_full(&op), GNTST_bad_domain);
	op.dom = DOMID_SELF; /* only by number, as in Xen */
	assert_int_equal(map_full(&op), GNTST_bad_domain);
	op.dom = 1;
	op.ref = GRANTS_PER_FRAME; /* the table has one frame yet */
	assert_int_equal(map_full(&op), GNTST_bad_gntref);
	op.ref = ~0U;
	assert_int_equal(map_full(&op), GNTST_bad_gntref);
	op.ref = REF;
	fake_xsm_deny = XSM_GRANT__MAP_WRITE;
	assert_int_equal(map_full(&op), GNTST_permission_denied);
	op.flags = RO;
	assert_int_equal(map_full(&op), GNTST_okay);
	assert_int_equal(unmap(op.handle, WINDOW), GNTST_okay);
	fake_xsm_deny = XSM_GRANT__MAP_READ;
	assert_int_equal(map_full(&op), GNTST_permission_denied);
	fake_xsm_deny = 0;
	op.host_addr = NO_PAGE; /* beyond what the fake p2m holds */
	assert_int_equal(map_full(&op), GNTST_general_error);
	op.host_addr = WINDOW << PAGE_SHIFT;
	fake_p2m_error = -ENOMEM;
	assert_int_equal(map_full(&op), GNTST_general_error);
	fake_p2m_error = 0;
	g->d.refs = 0; /* being freed */
	assert_int_equal(map_full(&op), GNTST_bad_domain);
	g->d.refs = 1;
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access);
	/* Own memory there is given up; another mapping is not. */
	assert_int_equal(map(REF, busy, RW, &h), GNTST_okay);
	assert_int_equal(map(REF, busy, RW, &h), GNTST_general_error);
	m->map[busy].type = P2M_FOREIGN;
	assert_int_equal(map(REF, busy, RW, &h), GNTST_general_error);
	m->map[busy].type = P2M_GRANT_RW;
	assert_int_equal(map(REF, PAGES - 1, RW, &h), GNTST_okay);
	assert_int_equal(unmap(h, PAGES - 1), GNTST_okay);
}

/* Entries that grant nothing, or something else, or to another. */
static void test_map_bad_entries(void **state)
{
	static const uint16_t flags[] = { GTF_invalid, GTF_accept_transfer, GTF_transitive,
					  GTF_permit_access | GTF_sub_page };
	grant_handle_t h;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		grant(REF, 2, GRANTED, flags[i]);
		assert_int_equal(map(REF, WINDOW, RO, &h), GNTST_general_error);
		assert_int_equal(entry(g, REF)->flags, flags[i]);
	}
	grant(REF, 3, GRANTED, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RO, &h), GNTST_general_error);
	grant(REF, 2, 999, GTF_permit_access); /* no memory there */
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_bad_page);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access);
	grant(REF, 2, ~0U, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_bad_page);
	/* What the granter has mapped itself of others is not its to grant. */
	grant(REF, 2, GRANTED, GTF_permit_access);
	g->map[GRANTED].type = P2M_GRANT_RW;
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_bad_page);
	g->map[GRANTED].type = P2M_FOREIGN;
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_bad_page);
	g->map[GRANTED].type = P2M_RAM;
}

/* A grant in use keeps its frame and grantee, whatever the granter writes into the entry. */
static void test_entry_changes_while_mapped(void **state)
{
	struct fake_domain *third = fake_domain_add(3, 1, PAGES);
	grant_handle_t h, h2;

	(void)state;
	assert_int_equal(grant_init(&third->d, 1, 1), 0);
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RO, &h), GNTST_okay);
	*entry(g, REF) = (struct grant_entry_v1) { GTF_permit_access, 3, GRANTED + 1 };
	fake_current(third, 0);
	assert_int_equal(map(REF, WINDOW, RO, &h2), GNTST_general_error);
	fake_current(m, 0);
	assert_int_equal(map(REF, WINDOW + 1, RO, &h2), GNTST_okay);
	assert_int_equal(m->map[WINDOW + 1].mfn.v, granted().v);
	assert_int_equal(unmap(h, WINDOW), GNTST_okay);
	assert_int_equal(unmap(h2, WINDOW + 1), GNTST_okay);
	fake_current(third, 0);
	assert_int_equal(map(REF, WINDOW, RO, &h2), GNTST_okay);
	assert_int_equal(third->map[WINDOW].mfn.v, g->map[GRANTED + 1].mfn.v);
	assert_int_equal(unmap(h2, WINDOW), GNTST_okay);
	grant_free(&third->d);
	fake_current(m, 0);
}

/* REQ core/5: the granter gives its page up, and dies; the mapping stays memory of that page. */
static void test_granter_gives_up_page(void **state)
{
	mfn_t mfn = granted();
	grant_handle_t h;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_okay);
	p2m_unmap(&g->d.p2m, (gfn_t) { GRANTED }, 0);
	assert_int_equal(fake_frame_refs(mfn), 2);
	/* The mapper's own map entry goes by other means: the frame is held all the same. */
	p2m_unmap(&m->d.p2m, (gfn_t) { WINDOW }, 0);
	assert_int_equal(fake_frame_refs(mfn), 1);
	assert_int_equal(unmap(h, WINDOW), GNTST_general_error);
	assert_int_equal(fake_frame_refs(mfn), 1);
	m->d.state = DOMAIN_DYING;
	assert_true(grant_destroy(&m->d, 10));
	assert_int_equal(fake_frame_refs(mfn), 0);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access);
}

static void test_granter_dies(void **state)
{
	grant_handle_t h, h2;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_okay);
	g->d.state = DOMAIN_DYING;
	grant(REF + 1, 2, GRANTED + 1, GTF_permit_access);
	assert_int_equal(map(REF + 1, WINDOW + 1, RW, &h2), GNTST_bad_page);
	assert_true(grant_destroy(&g->d, 10));
	fake_domain_hide(g);
	assert_int_equal(map(REF + 1, WINDOW + 1, RW, &h2), GNTST_bad_domain);
	domain_put(&g->d);
	assert_false(g->freed); /* the mapping holds its record */
	assert_int_equal(*(uint8_t *)fake_mem(m, WINDOW << PAGE_SHIFT), 0);
	assert_int_equal(unmap(h, WINDOW), GNTST_okay);
	assert_true(g->freed);
	g->d.refs = 1;
}

static void test_mapper_dies(void **state)
{
	grant_handle_t h;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		grant(REF + i, 2, GRANTED + i % 3, GTF_permit_access);
		assert_int_equal(map(REF + i, WINDOW + i, i & 1 ? RO : RW, &h), GNTST_okay);
	}
	assert_int_equal(unmap(4, WINDOW + 4), GNTST_okay);
	m->d.state = DOMAIN_DYING;
	assert_false(grant_destroy(&m->d, 0));
	assert_false(grant_destroy(&m->d, 4));
	assert_int_equal(g->d.refs, 6);
	assert_true(grant_destroy(&m->d, 5));
	assert_int_equal(g->d.refs, 1);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(entry(g, REF + i)->flags, GTF_permit_access);
}

static void test_self_grant(void **state)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = WINDOW << PAGE_SHIFT, .flags = RW, .ref = REF, .dom = 1
	};

	(void)state;
	fake_current(g, 0);
	grant(REF, 1, GRANTED, GTF_permit_access);
	assert_int_equal(map_full(&op), GNTST_okay);
	assert_int_equal(g->d.refs, 2);
	assert_int_equal(g->map[WINDOW].mfn.v, granted().v);
	assert_int_equal(unmap(op.handle, WINDOW), GNTST_okay);
	op.host_addr = (WINDOW + 1) << PAGE_SHIFT; /* left for the destruction */
	assert_int_equal(map_full(&op), GNTST_okay);
}

static void test_unmap_errors(void **state)
{
	struct gnttab_unmap_and_replace r = { .host_addr = WINDOW << PAGE_SHIFT, .new_addr = 4096 };
	grant_handle_t h, h2;

	(void)state;
	assert_int_equal(unmap(0, WINDOW), GNTST_bad_handle); /* nothing mapped ever */
	grant(REF, 2, GRANTED, GTF_permit_access);
	grant(REF + 1, 2, GRANTED + 1, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_okay);
	assert_int_equal(map(REF + 1, WINDOW + 1, RW, &h2), GNTST_okay);
	assert_int_equal(unmap(~0U, WINDOW), GNTST_bad_handle);
	assert_int_equal(unmap(h2 + 1, WINDOW), GNTST_bad_handle);
	assert_int_equal(unmap(h, WINDOW + 1), GNTST_general_error); /* another's mapping */
	assert_int_equal(unmap(h, WINDOW + 2), GNTST_general_error); /* none */
	assert_int_equal(unmap(h, 1), GNTST_general_error);	     /* own memory */
	assert_int_equal(unmap(h, 0), GNTST_okay);		     /* no address: nothing to do */
	assert_int_equal(m->map[WINDOW].type, P2M_GRANT_RW);
	fake_xsm_deny = XSM_GRANT__UNMAP;
	assert_int_equal(unmap(h, WINDOW), GNTST_permission_denied);
	fake_xsm_deny = 0;
	r.handle = h;
	assert_int_equal(run(GNTTABOP_unmap_and_replace, &r, sizeof(r), 1), 0);
	assert_int_equal(r.status, GNTST_general_error);
	r.new_addr = 0;
	assert_int_equal(run(GNTTABOP_unmap_and_replace, &r, sizeof(r), 1), 0);
	assert_int_equal(r.status, GNTST_okay);
	assert_int_equal(unmap(h2, WINDOW + 1), GNTST_okay);
}

/* REQ core: max_maptrack_frames. The mapper here is the granter, with two frames of 256. */
static void test_maptrack_limit(void **state)
{
	struct gnttab_map_grant_ref op = { .flags = RO, .ref = REF, .dom = 1 };
	unsigned int limit = 2 * MAPTRACK_PER_FRAME;

	(void)state;
	fake_current(g, 0);
	grant(REF, 1, GRANTED, GTF_permit_access);
	fake_alloc_budget = 0;
	op.host_addr = WINDOW << PAGE_SHIFT;
	assert_int_equal(map_full(&op), GNTST_no_space);
	fake_alloc_budget = -1;
	for (unsigned int i = 0; i < limit; i++) {
		op.host_addr = (WINDOW + i) << PAGE_SHIFT;
		assert_int_equal(map_full(&op), GNTST_okay);
		assert_int_equal(op.handle, i);
	}
	op.host_addr = (WINDOW + limit) << PAGE_SHIFT;
	assert_int_equal(map_full(&op), GNTST_no_space);
	assert_int_equal(unmap(100, WINDOW + 100), GNTST_okay);
	assert_int_equal(map_full(&op), GNTST_okay);
	assert_int_equal(op.handle, 100);
}

static void test_user_count_limit(void **state)
{
	grant_handle_t h;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RO, &h), GNTST_okay);
	grant_active(g->d.grant, REF)->readers = GRANT_USERS_MAX;
	assert_int_equal(map(REF, WINDOW + 1, RO, &h), GNTST_general_error);
	assert_int_equal(map(REF, WINDOW + 1, RW, &h), GNTST_okay);
	grant_active(g->d.grant, REF)->readers = 1;
}

/* ---- batches ---- */

static void test_batch(void **state)
{
	struct hypercall_args args = { { GNTTABOP_map_grant_ref, FAKE_ARG_GPA, 50 } };
	struct gnttab_map_grant_ref ops[50];

	(void)state;
	for (unsigned int i = 0; i < 50; i++) {
		grant(REF + i, 2, i % PAGES, GTF_permit_access);
		ops[i] = (struct gnttab_map_grant_ref) {
			.host_addr = (WINDOW + i) << PAGE_SHIFT,
			.flags = RW,
			.ref = i == 30 ? ~0U : REF + i,
			.dom = 1,
		};
	}
	memcpy(fake_mem(m, FAKE_ARG_GPA), ops, sizeof(ops));
	fake_preempt_after = 1;
	assert_int_equal(grant_table_op(&args), -ERESTART_CALL);
	assert_int_equal(args.a[0], GNTTABOP_map_grant_ref);
	assert_int_equal(args.a[1], FAKE_ARG_GPA + 32 * sizeof(ops[0]));
	assert_int_equal(args.a[2], 18);
	fake_preempt_after = -1;
	assert_int_equal(grant_table_op(&args), 0);
	assert_int_equal(args.a[2], 0);
	memcpy(ops, fake_mem(m, FAKE_ARG_GPA), sizeof(ops));
	for (unsigned int i = 0; i < 50; i++)
		assert_int_equal(ops[i].status, i == 30 ? GNTST_bad_gntref : GNTST_okay);
}

/* An array that runs off the memory: what lies before is done, then -EFAULT. */
static void test_batch_fault(void **state)
{
	struct gnttab_unmap_grant_ref unmaps[3] = { 0 };
	uint64_t gpa = (PAGES << PAGE_SHIFT) - sizeof(unmaps);
	grant_handle_t h[3];
	unsigned int done;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		grant(REF + i, 2, GRANTED, GTF_permit_access);
		assert_int_equal(map(REF + i, WINDOW + i, RW, &h[i]), GNTST_okay);
		unmaps[i].handle = h[i];
		unmaps[i].host_addr = (WINDOW + i) << PAGE_SHIFT;
	}
	memcpy(fake_mem(m, gpa), unmaps, sizeof(unmaps));
	assert_int_equal(grant_op(GNTTABOP_unmap_grant_ref, (gva_t) { gpa }, 5, &done), -EFAULT);
	assert_int_equal(done, 3);
	assert_int_equal(g->d.refs, 1);
	assert_int_equal(grant_op(GNTTABOP_map_grant_ref, (gva_t) { NO_PAGE }, 1, &done), -EFAULT);
	assert_int_equal(grant_op(GNTTABOP_map_grant_ref, (gva_t) { NO_PAGE }, 0, &done), 0);
	assert_int_equal(grant_op(GNTTABOP_map_grant_ref, (gva_t) { ~0UL - 3 }, 1, &done), -EFAULT);
	assert_int_equal(grant_op(GNTTABOP_map_grant_ref, (gva_t) { 0 }, ~0U, &done), -EINVAL);
	/* Read-only arguments. */
	m->map[1].type = P2M_RAM_RO;
	assert_int_equal(grant_op(GNTTABOP_map_grant_ref, (gva_t) { FAKE_ARG_GPA }, 1, &done),
			 -EFAULT);
	m->map[1].type = P2M_RAM;
}

/* ---- copies ---- */

static int16_t copy_flags(domid_t sdom, uint64_t s, uint16_t soff, domid_t ddom, uint64_t d,
			  uint16_t doff, uint16_t len, uint16_t flags)
{
	struct gnttab_copy op = {
		.source = { .u.gmfn = s, .domid = sdom, .offset = soff },
		.dest = { .u.gmfn = d, .domid = ddom, .offset = doff },
		.len = len,
		.flags = flags,
		.status = 99,
	};

	assert_int_equal(run(GNTTABOP_copy, &op, sizeof(op), 1), 0);
	return op.status;
}

#define FROM_GRANT GNTCOPY_source_gref
#define TO_GRANT   GNTCOPY_dest_gref

static void test_copy(void **state)
{
	uint8_t *theirs = fake_mem(g, GRANTED << PAGE_SHIFT);
	uint8_t *mine = fake_mem(m, 10UL << PAGE_SHIFT);

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	for (int i = 0; i < 4096; i++)
		theirs[i] = (uint8_t)(i * 7);
	assert_int_equal(copy_flags(1, REF, 0, DOMID_SELF, 10, 0, 4096, FROM_GRANT), GNTST_okay);
	assert_int_equal(fake_xsm_last, XSM_GRANT__COPY);
	assert_memory_equal(mine, theirs, 4096);
	memset(mine, 0x5a, 4096);
	assert_int_equal(copy_flags(DOMID_SELF, 10, 100, 1, REF, 4000, 96, TO_GRANT), GNTST_okay);
	assert_int_equal(theirs[3999], (uint8_t)(3999 * 7));
	assert_int_equal(theirs[4000], 0x5a);
	assert_int_equal(copy_flags(DOMID_SELF, 10, 0, DOMID_SELF, 10, 1, 4095, 0), GNTST_okay);
	assert_int_equal(copy_flags(DOMID_SELF, 10, 4096, DOMID_SELF, 11, 4096, 0, 0), GNTST_okay);
	/* From grant to grant, here the very same one. */
	assert_int_equal(copy_flags(1, REF, 0, 1, REF, 2048, 2048, FROM_GRANT | TO_GRANT),
			 GNTST_okay);
	assert_int_equal(theirs[2048], theirs[0]);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access);
	assert_int_equal(fake_frame_refs(granted()), 1);
}

static void test_copy_errors(void **state)
{
	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access | GTF_readonly);
	assert_int_equal(copy_flags(DOMID_SELF, 10, 0, 1, REF, 0, 8, TO_GRANT),
			 GNTST_general_error);
	assert_int_equal(copy_flags(1, REF, 4090, DOMID_SELF, 10, 0, 8, FROM_GRANT),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy_flags(1, REF, 0, DOMID_SELF, 10, 4090, 8, FROM_GRANT),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy_flags(1, REF, 0xffff, DOMID_SELF, 10, 0xffff, 0xffff, FROM_GRANT),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy_flags(1, REF + 1, 0, DOMID_SELF, 10, 0, 8, FROM_GRANT),
			 GNTST_general_error);
	assert_int_equal(copy_flags(1, 100000, 0, DOMID_SELF, 10, 0, 8, FROM_GRANT),
			 GNTST_bad_gntref);
	assert_int_equal(copy_flags(77, REF, 0, DOMID_SELF, 10, 0, 8, FROM_GRANT),
			 GNTST_bad_domain);
	assert_int_equal(copy_flags(DOMID_SELF, 10, 0, 77, REF, 0, 8, TO_GRANT), GNTST_bad_domain);
	/* Another's memory by frame number, or one's own by one's own number. */
	assert_int_equal(copy_flags(1, GRANTED, 0, DOMID_SELF, 10, 0, 8, 0),
			 GNTST_permission_denied);
	assert_int_equal(copy_flags(DOMID_SELF, 10, 0, 2, 10, 0, 8, 0), GNTST_permission_denied);
	assert_int_equal(copy_flags(DOMID_SELF, 500, 0, DOMID_SELF, 10, 0, 8, 0), GNTST_bad_page);
	assert_int_equal(copy_flags(DOMID_SELF, 10, 0, DOMID_SELF, ~0UL, 0, 8, 0), GNTST_bad_page);
	fake_xsm_deny = XSM_GRANT__COPY;
	assert_int_equal(copy_flags(1, REF, 0, DOMID_SELF, 10, 0, 8, FROM_GRANT),
			 GNTST_permission_denied);
	fake_xsm_deny = 0;
	grant(REF, 2, 999, GTF_permit_access);
	assert_int_equal(copy_flags(1, REF, 0, DOMID_SELF, 10, 0, 8, FROM_GRANT), GNTST_bad_page);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access);
	/* A part of a page can't be mapped, but copied from. */
	grant(REF, 2, GRANTED, GTF_permit_access | GTF_sub_page);
	assert_int_equal(copy_flags(1, REF, 0, DOMID_SELF, 10, 0, 8, FROM_GRANT), GNTST_okay);
}

/*
 * Each element of a batch is checked by itself. Above all, one that names another's memory by frame is
 * refused also behind one that named that domain well.
 */
static void test_copy_batch(void **state)
{
	struct gnttab_copy ops[6] = { 0 };

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	grant(REF + 1, 2, GRANTED + 1, GTF_permit_access);
	*(uint8_t *)fake_mem(g, GRANTED << PAGE_SHIFT) = 0x11;
	*(uint8_t *)fake_mem(g, (GRANTED + 1) << PAGE_SHIFT) = 0x22;
	for (int i = 0; i < 6; i++) {
		ops[i].source.domid = 1;
		ops[i].source.u.ref = REF;
		ops[i].flags = FROM_GRANT;
		ops[i].dest.domid = DOMID_SELF;
		ops[i].dest.u.gmfn = 10;
		ops[i].dest.offset = (uint16_t)i;
		ops[i].len = 1;
	}
	ops[2].source.u.ref = REF + 1;
	ops[3].flags = 0;
	ops[3].source.u.gmfn = GRANTED;
	ops[5].source.domid = DOMID_SELF;
	ops[5].source.u.gmfn = 11;
	ops[5].flags = 0;
	fake_xsm_calls = 0;
	assert_int_equal(run(GNTTABOP_copy, ops, sizeof(ops[0]), 6), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(ops[i].status, i == 3 ? GNTST_permission_denied : GNTST_okay);
	assert_memory_equal(fake_mem(m, 10UL << PAGE_SHIFT), "\x11\x11\x22\x00\x11\x00", 6);
	assert_int_equal(fake_xsm_calls, 5); /* for all but the refused one */
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access);
	assert_int_equal(entry(g, REF + 1)->flags, GTF_permit_access);
}

static void test_copy_while_mapped(void **state)
{
	grant_handle_t h;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RO, &h), GNTST_okay);
	assert_int_equal(copy_flags(DOMID_SELF, 10, 0, 1, REF, 0, 8, TO_GRANT), GNTST_okay);
	assert_int_equal(entry(g, REF)->flags, GTF_permit_access | GTF_reading);
	/* A mapped grant is not the mapper's own memory. */
	assert_int_equal(copy_flags(DOMID_SELF, WINDOW, 0, DOMID_SELF, 10, 0, 8, 0),
			 GNTST_bad_page);
	assert_int_equal(unmap(h, WINDOW), GNTST_okay);
}

/* ---- tables ---- */

static void test_setup_table(void **state)
{
	struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = 3 };
	uint64_t *list = fake_mem(m, 5UL << PAGE_SHIFT);

	(void)state;
	set_xen_guest_handle(op.frame_list, (xen_pfn_t *)(5UL << PAGE_SHIFT));
	m->d.grant->gfn[0] = (gfn_t) { 123 };
	assert_int_equal(run(GNTTABOP_setup_table, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(list[0], 123);
	assert_int_equal(list[1], ~0UL);
	assert_int_equal(list[2], ~0UL);
	assert_int_equal(list[3], 0);
	op.nr_frames = 65;
	assert_int_equal(run(GNTTABOP_setup_table, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_general_error);
	op.nr_frames = 1;
	op.dom = 77;
	assert_int_equal(run(GNTTABOP_setup_table, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_bad_domain);
	op.dom = 1;
	fake_xsm_deny = XSM_GRANT__SETUP;
	assert_int_equal(run(GNTTABOP_setup_table, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_permission_denied);
	fake_xsm_deny = 0;
	set_xen_guest_handle(op.frame_list, (xen_pfn_t *)NO_PAGE);
	assert_int_equal(run(GNTTABOP_setup_table, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_bad_virt_addr);
	op.dom = DOMID_SELF;
	op.nr_frames = 5;
	fake_alloc_budget = 0;
	assert_int_equal(run(GNTTABOP_setup_table, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_general_error);
	fake_alloc_budget = 1; /* the active entries, but not the shared frame */
	assert_int_equal(run(GNTTABOP_setup_table, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_general_error);
	assert_int_equal(run_count(GNTTABOP_setup_table, 0), -EINVAL);
	assert_int_equal(run_count(GNTTABOP_setup_table, 2), -EINVAL);
}

static void test_query_size(void **state)
{
	struct gnttab_query_size op = { .dom = 1 };

	(void)state;
	assert_int_equal(run(GNTTABOP_query_size, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(op.nr_frames, 1);
	assert_int_equal(op.max_nr_frames, 4);
	op.dom = DOMID_SELF;
	assert_int_equal(run(GNTTABOP_query_size, &op, sizeof(op), 1), 0);
	assert_int_equal(op.max_nr_frames, 64);
	op.dom = 77;
	assert_int_equal(run(GNTTABOP_query_size, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_bad_domain);
	op.dom = 1;
	fake_xsm_deny = XSM_GRANT__QUERY;
	assert_int_equal(run(GNTTABOP_query_size, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_permission_denied);
	assert_int_equal(run_count(GNTTABOP_query_size, 0), -EINVAL);
	assert_int_equal(run_count(GNTTABOP_query_size, 2), -EINVAL);
}

static void test_versions(void **state)
{
	struct gnttab_set_version v = { .version = 1 };
	struct gnttab_get_version w = { .dom = DOMID_SELF };

	(void)state;
	assert_int_equal(run(GNTTABOP_set_version, &v, sizeof(v), 1), 0);
	assert_int_equal(v.version, 1);
	v.version = 2;
	assert_int_equal(run(GNTTABOP_set_version, &v, sizeof(v), 1), -ENOSYS);
	assert_int_equal(v.version, 1);
	v.version = 3;
	assert_int_equal(run(GNTTABOP_set_version, &v, sizeof(v), 1), -EINVAL);
	fake_xsm_deny = XSM_GRANT__SETUP;
	assert_int_equal(run(GNTTABOP_set_version, &v, sizeof(v), 1), -EPERM);
	assert_int_equal(run(GNTTABOP_get_version, &w, sizeof(w), 1), 0);
	assert_int_equal(w.version, 1);
	w.dom = 77;
	assert_int_equal(run(GNTTABOP_get_version, &w, sizeof(w), 1), -ESRCH);
	w.dom = 1;
	fake_xsm_deny = XSM_GRANT__QUERY;
	assert_int_equal(run(GNTTABOP_get_version, &w, sizeof(w), 1), -EPERM);
}

static void test_swap(void **state)
{
	struct gnttab_swap_grant_ref op = { .ref_a = REF, .ref_b = REF + 1 };
	grant_handle_t h;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	fake_current(g, 0);
	assert_int_equal(run(GNTTABOP_swap_grant_ref, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(entry(g, REF)->flags, 0);
	assert_int_equal(entry(g, REF + 1)->frame, GRANTED);
	fake_current(m, 0);
	assert_int_equal(map(REF + 1, WINDOW, RW, &h), GNTST_okay);
	fake_current(g, 0);
	assert_int_equal(run(GNTTABOP_swap_grant_ref, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_eagain);
	op = (struct gnttab_swap_grant_ref) { .ref_a = REF + 1, .ref_b = REF };
	assert_int_equal(run(GNTTABOP_swap_grant_ref, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_eagain);
	op.ref_b = REF + 1; /* with itself */
	assert_int_equal(run(GNTTABOP_swap_grant_ref, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_okay);
	op.ref_b = GRANTS_PER_FRAME;
	assert_int_equal(run(GNTTABOP_swap_grant_ref, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_bad_gntref);
	op.ref_a = ~0U;
	assert_int_equal(run(GNTTABOP_swap_grant_ref, &op, sizeof(op), 1), 0);
	assert_int_equal(op.status, GNTST_bad_gntref);
	fake_current(m, 0);
}

/* What Xen refuses to HVM and PVH guests as well. */
static void test_refused_operations(void **state)
{
	static const unsigned int cmds[] = { GNTTABOP_transfer,
					     GNTTABOP_get_status_frames,
					     GNTTABOP_cache_flush,
					     GNTTABOP_dump_table,
					     13,
					     1U << 12,
					     ~0U };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++)
		assert_int_equal(run_count(cmds[i], 1), -ENOSYS);
}

/* Every argument of the single operations may be bad memory, or read-only. */
static void test_argument_faults(void **state)
{
	static const unsigned int cmds[] = { GNTTABOP_setup_table, GNTTABOP_query_size,
					     GNTTABOP_set_version, GNTTABOP_get_version };
	unsigned int done;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
		assert_int_equal(grant_op(cmds[i], (gva_t) { NO_PAGE }, 1, &done), -EFAULT);
		m->map[1].type = P2M_RAM_RO;
		memset(fake_frame(m->map[1].mfn), 0, 64);
		fake_frame(m->map[1].mfn)[0] = 1; /* domain 1, or version 1 */
		assert_int_equal(grant_op(cmds[i], (gva_t) { FAKE_ARG_GPA }, 1, &done), -EFAULT);
		m->map[1].type = P2M_RAM;
	}
}

static void test_table_frames(void **state)
{
	mfn_t mfn, again;
	gfn_t *at, *first;

	(void)state;
	assert_int_equal(grant_table_frame(&g->d, 2, &mfn, &at), 0);
	assert_int_equal(g->d.grant->nr_frames, 3);
	assert_int_equal(grant_table_frame(&g->d, 2, &again, &at), 0);
	assert_int_equal(mfn.v, again.v);
	assert_int_equal(grant_table_frame(&g->d, 4, &mfn, &at), -EINVAL);
	assert_int_equal(grant_table_frame(&g->d, 1U << 31, &mfn, &at), -EINVAL);
	fake_alloc_budget = 0;
	assert_int_equal(grant_table_frame(&g->d, 3, &mfn, &at), -ENOMEM);
	fake_alloc_budget = -1;
	assert_int_equal(grant_table_frame(&g->d, 0x100000001UL, &mfn, &at), -EINVAL);
	/* Each frame has a place of its own, nowhere at first. */
	assert_int_equal(grant_table_frame(&g->d, 1, &mfn, &first), 0);
	assert_int_equal(first->v, ~0UL);
	*first = (gfn_t) { 7 };
	assert_int_equal(grant_table_frame(&g->d, 2, &mfn, &at), 0);
	assert_int_equal(at->v, ~0UL);
	assert_int_equal(grant_table_frame(&g->d, 1, &mfn, &at), 0);
	assert_int_equal(at->v, 7);
}

static void test_init(void **state)
{
	struct fake_domain *f = fake_domain_add(7, 1, 1);
	int blocks = fake_heap_blocks;

	(void)state;
	assert_int_equal(grant_init(&f->d, 0, 1), -EINVAL);
	assert_int_equal(grant_init(&f->d, 65, 1), -EINVAL);
	assert_int_equal(grant_init(&f->d, 64, 1025), -EINVAL);
	for (int budget = 0; budget < 4; budget++) {
		fake_alloc_budget = budget;
		assert_int_equal(grant_init(&f->d, 64, 1024), -ENOMEM);
		assert_null(f->d.grant);
		assert_int_equal(fake_heap_blocks, blocks);
	}
	fake_alloc_budget = -1;
	fake_domain_hide(f);
}

/* ---- races ---- */

static unsigned int race_stop;

/* A granter that changes its entry as fast as it can. */
static void *race(void *data)
{
	uint32_t n = 1;

	while (!__atomic_load_n(&race_stop, __ATOMIC_RELAXED)) {
		n = n * 1664525 + 1013904223;
		__atomic_store_n(&entry(g, REF)->flags,
				 (uint16_t)(GTF_permit_access | ((n >> 9 & 1) ? GTF_readonly : 0) |
					    (n >> 12 & 0xff) << 8),
				 __ATOMIC_SEQ_CST);
		__atomic_store_n(&entry(g, REF)->frame, GRANTED + (n >> 20 & 1), __ATOMIC_SEQ_CST);
	}
	return data;
}

/* REQ core/7: a hostile granter neither holds the core up nor confuses its counts. */
static void test_hostile_granter(void **state)
{
	unsigned int mapped = 0;
	pthread_t thread;
	grant_handle_t h;

	(void)state;
	grant(REF, 2, GRANTED, GTF_permit_access);
	__atomic_store_n(&race_stop, 0, __ATOMIC_RELAXED);
	assert_int_equal(pthread_create(&thread, NULL, race, NULL), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		int16_t rc = map(REF, WINDOW, RW, &h);

		assert_true(rc == GNTST_okay || rc == GNTST_general_error);
		if (rc == GNTST_okay) {
			mapped++;
			assert_int_equal(unmap(h, WINDOW), GNTST_okay);
		}
	}
	__atomic_store_n(&race_stop, 1, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(grant_active(g->d.grant, REF)->readers, 0);
	assert_int_equal(grant_active(g->d.grant, REF)->writers, 0);
	grant(REF, 2, GRANTED, GTF_permit_access);
	assert_int_equal(map(REF, WINDOW, RW, &h), GNTST_okay);
	(void)mapped;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_map_unmap),
		T(test_map_read_only),
		T(test_map_many),
		T(test_map_errors),
		T(test_map_bad_entries),
		T(test_entry_changes_while_mapped),
		T(test_granter_gives_up_page),
		T(test_granter_dies),
		T(test_mapper_dies),
		T(test_self_grant),
		T(test_unmap_errors),
		T(test_maptrack_limit),
		T(test_user_count_limit),
		T(test_batch),
		T(test_batch_fault),
		T(test_copy),
		T(test_copy_errors),
		T(test_copy_batch),
		T(test_copy_while_mapped),
		T(test_setup_table),
		T(test_query_size),
		T(test_versions),
		T(test_swap),
		T(test_refused_operations),
		T(test_argument_faults),
		T(test_table_frames),
		T(test_init),
		T(test_hostile_granter),
	};

	return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
