/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that takes all that it can get of what the core keeps for it: each has an end, and is given back. */
#include "attack.h"

#define ENOSPC	     28
#define PORTS_MAX    140000
#define PLACES	     (1UL << 20)    /* 2 MiB apart */
#define FIRST_PLACE  0x4000000000UL /* 256 GiB */
#define APART	     (2UL << 20)
#define GRANT_FRAMES 64

static uint8_t traveller[PAGE_SIZE] PAGE_ALIGNED;
static xen_pfn_t frames[GRANT_FRAMES];

static void fill_ports(void)
{
	struct evtchn_close close;
	int port = 1, last = 0;

	for (unsigned int i = 0; i < PORTS_MAX && port > 0; i++) {
		port = event_bind_ipi(i % 2);
		if (port > 0)
			last = port;
	}
	CHECK_EQ("ports-end", port, -ENOSPC);
	close.port = (evtchn_port_t)last;
	evtchn_op(EVTCHNOP_close, &close);
	CHECK_EQ("ports-again", event_bind_ipi(0), last);
}

/* Each new place of a page wants a page of nested tables. Xen has another limit for all of a guest's tables. */
static void fill_tables(void)
{
	uint64_t from = (uintptr_t)traveller / PAGE_SIZE;
	unsigned long i;

	if (!is_our_core())
		return;
	for (i = 0; i < PLACES; i++) {
		struct xen_add_to_physmap move = { .domid = DOMID_SELF,
						   .space = XENMAPSPACE_gmfn,
						   .idx = from,
						   .gpfn = (FIRST_PLACE + i * APART) / PAGE_SIZE };

		if (memory_op(XENMEM_add_to_physmap, &move))
			break;
		from = move.gpfn;
	}
	CHECK("tables-end", i > 100 && i < PLACES);
}

static void fill_grant_frames(void)
{
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = GRANT_FRAMES };

	set_xen_guest_handle(setup.frame_list, frames);
	CHECK_EQ("grant-frames", grant_op(GNTTABOP_setup_table, &setup, 1), 0);
	setup.nr_frames = 100000;
	grant_op(GNTTABOP_setup_table, &setup, 1);
	CHECK("grant-frames-end", setup.status != GNTST_okay);
}

void attack_limits(void)
{
	fill_grant_frames();
	fill_ports();
	fill_tables();
}
