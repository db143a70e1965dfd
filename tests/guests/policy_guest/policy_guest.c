/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ flask/1: everything that the policy's macro declare_domain gives a domain over itself goes
 * through, whatever the domain's label. Writes to the debug port, as it may not write to the
 * console. Needs a partner: it is a guest, started with each label by tests/system/policy-labels.sh.
 */
#include "guest.h"

static uint8_t page[PAGE_SIZE] PAGE_ALIGNED, moved[PAGE_SIZE] PAGE_ALIGNED;
static unsigned int failed;

static void say(const char *text)
{
	for (; *text; text++)
		__asm__ volatile("outb %0, $0xe9" : : "a"(*text));
}

static void good(const char *what, bool ok)
{
	if (ok)
		return;
	say("policy_guest: refused: ");
	say(what);
	say("\n");
	failed++;
}

/* Not the text, number or nothing that stands for "denied". */
static void versions(void)
{
	static char text[1024];

	good("extraversion",
	     HYPERCALL2(xen_version, XENVER_extraversion, text) == 0 && *text != '<');
	good("compile_info",
	     HYPERCALL2(xen_version, XENVER_compile_info, text) == 0 && *text != '<');
	good("capabilities",
	     HYPERCALL2(xen_version, XENVER_capabilities, text) == 0 && *text != '<');
	good("changeset", HYPERCALL2(xen_version, XENVER_changeset, text) == 0 && *text != '<');
	good("pagesize", HYPERCALL2(xen_version, XENVER_pagesize, NULL) == PAGE_SIZE);
	good("guest_handle", HYPERCALL2(xen_version, XENVER_guest_handle, text) == 0);
}

static void memory(void)
{
	xen_pfn_t gfn = (uintptr_t)page / PAGE_SIZE;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	domid_t self = DOMID_SELF;

	set_xen_guest_handle(r.extent_start, &gfn);
	good("decrease_reservation", memory_op(XENMEM_decrease_reservation, &r) == 1);
	good("populate_physmap", memory_op(XENMEM_populate_physmap, &r) == 1);
	good("maximum_reservation", memory_op(XENMEM_maximum_reservation, &self) > 0);
	map_xen_page(XENMAPSPACE_grant_table, 0, moved);
}

static void grants(void)
{
	struct gnttab_query_size query = { .dom = DOMID_SELF };
	struct gnttab_setup_table setup = { .dom = DOMID_SELF };

	good("query_size", grant_op(GNTTABOP_query_size, &query, 1) == 0 && query.status == 0);
	good("setup_table", grant_op(GNTTABOP_setup_table, &setup, 1) == 0 &&
				    setup.status != GNTST_permission_denied);
}

static void hvm(void)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ };

	good("get_param", HYPERCALL2(hvm_op, HVMOP_get_param, &p) == 0);
	good("set_param", HYPERCALL2(hvm_op, HVMOP_set_param, &p) == 0);
	good("flush_tlbs", HYPERCALL2(hvm_op, HVMOP_flush_tlbs, NULL) == 0);
}

/* A port for Dom0, as a frontend makes it; and the store's, which has a peer. */
static void events(void)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = HVM_PARAM_STORE_EVTCHN };
	struct evtchn_status status = { .dom = DOMID_SELF };
	struct evtchn_reset reset = { .dom = DOMID_SELF };

	good("store-port", HYPERCALL2(hvm_op, HVMOP_get_param, &p) == 0 && p.value);
	status.port = (evtchn_port_t)p.value;
	good("status",
	     evtchn_op(EVTCHNOP_status, &status) == 0 && status.status == EVTCHNSTAT_interdomain);
	good("send", event_send(status.port) == 0);
	good("alloc_unbound", event_alloc_unbound(DOMID_SELF, 0) > 0);
	good("reset", evtchn_op(EVTCHNOP_reset, &reset) == 0);
}

void guest_main(void)
{
	versions();
	memory();
	grants();
	hvm();
	events();
	say(failed ? "policy_guest: FAIL\n" : "policy_guest: fine\n");
}
