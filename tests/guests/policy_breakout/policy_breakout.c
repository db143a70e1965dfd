/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ flask/6: a domain that has been taken over tries every operation of xsm-policy/access_vectors on
 * the host, on Dom0 and on another guest (target=DOMID on its command line); only what its label is
 * granted may go through. Writes to the debug port, as it may not write to the console.
 * Needs a partner: it is a guest beside another one (tests/system/breakout.sh).
 */
#include "guest.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/arch-x86/xen-mca.h>
#include <xen/domctl.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/pmu.h>
#include <xen/sysctl.h>
#include <xen/xsm/flask_op.h>

#include "../../../xen-core/include/bulkhead_abi.h"

#define EPERM  1
#define ENOSYS 38

struct entry {
	const char *tclass, *perm, *name;
	long (*act)(const struct entry *e);
	unsigned int nr;
};

static domid_t target;
static uint8_t arg[2 * PAGE_SIZE] PAGE_ALIGNED; /* a page, and one for what it points to */

static void say(const char *text)
{
	for (; *text; text++)
		__asm__ volatile("outb %0, $0xe9" : : "a"(*text));
}

static long call(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return hypercall((unsigned int)op, a, b, c, d, 0);
}

/* The argument @op, moved to where it stays. */
static uint64_t put(const void *op, size_t size)
{
	memset(arg, 0, 4096);
	memcpy(arg, op, size);
	return (uintptr_t)arg;
}

static long domctl(struct xen_domctl *op)
{
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = target;
	return call(__HYPERVISOR_domctl, put(op, sizeof(*op)), 0, 0, 0);
}

static long do_domctl(const struct entry *e)
{
	struct xen_domctl op = { .cmd = e->nr };

	if (e->nr == XEN_DOMCTL_createdomain) {
		op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
		op.u.createdomain.max_vcpus = 1;
		op.u.createdomain.max_evtchn_port = -1;
		op.u.createdomain.max_grant_frames = 4;
		op.u.createdomain.max_maptrack_frames = 4;
		op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
		op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
	}
	return domctl(&op);
}

static long do_shadow(const struct entry *e)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op };

	op.u.shadow_op.op = e->nr;
	return domctl(&op);
}

static long do_sysctl(const struct entry *e)
{
	struct xen_sysctl op = { .cmd = e->nr };
	long r;

	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (e->nr == XEN_SYSCTL_getdomaininfolist) {
		op.u.getdomaininfolist.first_domain = target;
		op.u.getdomaininfolist.max_domains = 1;
		set_xen_guest_handle_raw(op.u.getdomaininfolist.buffer, (void *)(arg + 4096));
	}
	r = call(__HYPERVISOR_sysctl, put(&op, sizeof(op)), 0, 0, 0);
	/* It leaves out what its caller may not see. */
	if (!r && e->nr == XEN_SYSCTL_getdomaininfolist &&
	    !((struct xen_sysctl *)arg)->u.getdomaininfolist.num_domains)
		return -EPERM;
	return r;
}

static long do_platform(const struct entry *e)
{
	struct xen_platform_op op = { .cmd = e->nr };

	op.interface_version = XENPF_INTERFACE_VERSION;
	return call(__HYPERVISOR_platform_op, put(&op, sizeof(op)), 0, 0, 0);
}

static long do_version(const struct entry *e)
{
	return call(__HYPERVISOR_xen_version, e->nr, put("", 1), 0, 0);
}

static long do_pmu(const struct entry *e)
{
	return call(__HYPERVISOR_xenpmu_op, e->nr, put("", 1), 0, 0);
}

static long do_console(const struct entry *e)
{
	return call(__HYPERVISOR_console_io, e->nr, 1, put("\n", 1), 0);
}

static long do_physdev(const struct entry *e)
{
	return call(__HYPERVISOR_physdev_op, e->nr, put("", 1), 0, 0);
}

static long do_memory(const struct entry *e)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = target };
	struct xen_add_to_physmap add = { .domid = target, .gpfn = 0x1000 };
	struct xen_foreign_memory_map map = { .domid = target };
	struct xen_mem_acquire_resource res = { .domid = target, .nr_frames = 1 };
	struct xen_add_to_physmap_batch batch = { .domid = DOMID_SELF, .size = 1 };
	uint64_t at;

	switch (e->nr) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		set_xen_guest_handle_raw(r.extent_start, (xen_pfn_t *)(arg + 4096));
		/* fall through */
	case XENMEM_claim_pages:
		at = put(&r, sizeof(r));
		break;
	case XENMEM_add_to_physmap_batch:
		batch.space = XENMAPSPACE_gmfn_foreign;
		batch.u.foreign_domid = target;
		set_xen_guest_handle_raw(batch.idxs, (xen_ulong_t *)(arg + 4096));
		set_xen_guest_handle_raw(batch.gpfns, (xen_pfn_t *)(arg + 4096));
		set_xen_guest_handle_raw(batch.errs, (int *)(arg + 5000));
		at = put(&batch, sizeof(batch));
		break;
	case XENMEM_set_memory_map:
		map.map.nr_entries = 1;
		set_xen_guest_handle_raw(map.map.buffer, (void *)(arg + 4096));
		at = put(&map, sizeof(map));
		break;
	case XENMEM_acquire_resource:
		res.type = XENMEM_resource_grant_table;
		set_xen_guest_handle_raw(res.frame_list, (xen_pfn_t *)(arg + 4096));
		at = put(&res, sizeof(res));
		break;
	default: /* the others start with the domain, as this one does */
		at = put(&add, sizeof(add));
	}
	return call(__HYPERVISOR_memory_op, e->nr, at, 0, 0);
}

static long do_hvm(const struct entry *e)
{
	struct xen_hvm_param p = { .domid = target, .index = 1 /* the store's page */ };

	if (e->nr == HVMOP_flush_tlbs)
		return -ENOSYS; /* is about the caller alone */
	return call(__HYPERVISOR_hvm_op, e->nr, put(&p, sizeof(p)), 0, 0);
}

static long do_sched(const struct entry *e)
{
	struct sched_remote_shutdown op = { .domain_id = target, .reason = SHUTDOWN_crash };

	return call(__HYPERVISOR_sched_op, e->nr, put(&op, sizeof(op)), 0, 0);
}

static long do_evtchn(const struct entry *e)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = target };
	struct evtchn_bind_interdomain bind = { .remote_dom = target };
	struct evtchn_status status = { .dom = target };
	struct evtchn_reset reset = { .dom = target };
	evtchn_port_t port;
	long r = -ENOSYS;

	if (e->nr == EVTCHNOP_alloc_unbound)
		return call(__HYPERVISOR_event_channel_op, e->nr, put(&alloc, sizeof(alloc)), 0, 0);
	if (e->nr == EVTCHNOP_reset)
		return call(__HYPERVISOR_event_channel_op, e->nr, put(&reset, sizeof(reset)), 0, 0);
	for (port = 1; port < 64 && r; port++) {
		bind.remote_port = status.port = port;
		if (e->nr == EVTCHNOP_bind_interdomain)
			r = call(__HYPERVISOR_event_channel_op, e->nr, put(&bind, sizeof(bind)), 0,
				 0);
		else if (e->nr == EVTCHNOP_status)
			r = call(__HYPERVISOR_event_channel_op, e->nr, put(&status, sizeof(status)),
				 0, 0);
	}
	return r;
}

/* Every reference, for that domain or from it. */
static long do_grant(const struct entry *e)
{
	struct gnttab_map_grant_ref map = { .host_addr = 0x7ff00000, .dom = target };
	struct gnttab_copy copy = { .len = 16, .flags = GNTCOPY_source_gref };
	struct gnttab_query_size query = { .dom = target };
	struct gnttab_setup_table setup = { .dom = target };
	struct gnttab_get_version version = { .dom = target };
	unsigned int ref;
	long r;

	switch (e->nr) {
	case GNTTABOP_map_grant_ref:
	case GNTTABOP_copy:
		for (ref = 0; ref < 1024; ref++) {
			map.ref = copy.source.u.ref = ref;
			map.flags = GNTMAP_host_map | GNTMAP_readonly;
			copy.source.domid = target;
			copy.dest.domid = DOMID_SELF;
			copy.dest.u.gmfn = 0x1000;
			if (e->nr == GNTTABOP_copy)
				r = call(__HYPERVISOR_grant_table_op, e->nr,
					 put(&copy, sizeof(copy)), 1, 0);
			else
				r = call(__HYPERVISOR_grant_table_op, e->nr, put(&map, sizeof(map)),
					 1, 0);
			if (!r &&
			    (e->nr == GNTTABOP_copy
				     ? ((struct gnttab_copy *)arg)->status
				     : ((struct gnttab_map_grant_ref *)arg)->status) == GNTST_okay)
				return 0;
		}
		return -EPERM;
	case GNTTABOP_query_size:
		r = call(__HYPERVISOR_grant_table_op, e->nr, put(&query, sizeof(query)), 1, 0);
		return r ? r : ((struct gnttab_query_size *)arg)->status;
	case GNTTABOP_setup_table:
		r = call(__HYPERVISOR_grant_table_op, e->nr, put(&setup, sizeof(setup)), 1, 0);
		return r ? r : ((struct gnttab_setup_table *)arg)->status;
	case GNTTABOP_get_version:
		return call(__HYPERVISOR_grant_table_op, e->nr, put(&version, sizeof(version)), 1,
			    0);
	default:
		return -ENOSYS; /* act on the caller's own table */
	}
}

static long do_flask(const struct entry *e)
{
	struct xen_flask_op op = { .cmd = e->nr, .interface_version = XEN_FLASK_INTERFACE_VERSION };

	if (e->nr == FLASK_RELABEL_DOMAIN) {
		op.u.relabel.domid = target;
		op.u.relabel.sid = 12;
	}
	return call(__HYPERVISOR_xsm_op, put(&op, sizeof(op)), 0, 0, 0);
}

static long do_hypercall(const struct entry *e)
{
	return call(e->nr, e->nr == __HYPERVISOR_dm_op ? target : 0, 0, 0, 0);
}

static const struct entry entries[] = {
#include "policy_matrix.h"
};

/* What netdom_t may do to everybody: ask for the version, offer event channels. */
static bool may(const struct entry *e)
{
	static const char *const granted[] = { "XENVER_extraversion",	"XENVER_compile_info",
					       "XENVER_capabilities",	"XENVER_changeset",
					       "XENVER_pagesize",	"XENVER_guest_handle",
					       "EVTCHNOP_alloc_unbound" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(granted); i++)
		if (strlen(granted[i]) == strlen(e->name) &&
		    !memcmp(granted[i], e->name, strlen(e->name)))
			return true;
	/* Denied by another text, not by an error. */
	return e->act == do_version;
}

/* The number behind `target=` on the command line. */
static domid_t wanted_target(void)
{
	const struct hvm_start_info *info =
		(const struct hvm_start_info *)(uintptr_t)start_info_address;
	const char *text = (const char *)(uintptr_t)info->cmdline_paddr;
	domid_t value = 0;

	while (*text && memcmp(text, "target=", 7))
		text++;
	for (text += *text ? 7 : 0; *text >= '0' && *text <= '9'; text++)
		value = (domid_t)(value * 10 + (domid_t)(*text - '0'));
	return value;
}

void guest_main(void)
{
	unsigned int i, round, granted = 0;
	bool good = true;

	for (round = 0; round < 2; round++) {
		target = round ? wanted_target() : 0;
		for (i = 0; i < ARRAY_SIZE(entries); i++) {
			long r = entries[i].act(&entries[i]);

			if (r < 0)
				continue;
			if (may(&entries[i])) {
				granted++;
				continue;
			}
			say("WENT ");
			say(entries[i].name);
			say(round ? " on a guest\n" : " on Dom0\n");
			good = false;
		}
	}
	say(good && granted > 4 ? "breakout: kept in\n" : "breakout: got out\n");
}
