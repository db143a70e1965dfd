/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * breakout DOMID...: in a guest, as root, tries every operation of xsm-policy/access_vectors on the
 * host and on each domain DOMID. Says `WENT operation domain` for each that goes through, and at the
 * end how many it tried. Which of them may is for the test to judge.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/arch-x86/xen-mca.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/pmu.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/version.h>
#include <xen/xsm/flask_op.h>

/* As <xen/sys/privcmd.h> has it. */
struct hypercall {
	uint64_t op, arg[5];
};
#define PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct hypercall))

struct entry {
	const char *tclass, *perm, *name;
	long (*act)(const struct entry *e);
	unsigned int nr;
};

static int privcmd;
static domid_t target;
static uint8_t *arg; /* a page that stays in memory, and one more for what it points to */

static long hypercall(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct hypercall call = { op, { a, b, c, d, 0 } };
	int r = ioctl(privcmd, PRIVCMD_HYPERCALL, &call);

	return r < 0 ? -errno : r;
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
	return hypercall(__HYPERVISOR_domctl, put(op, sizeof(*op)), 0, 0, 0);
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

	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (e->nr == XEN_SYSCTL_getdomaininfolist) {
		op.u.getdomaininfolist.first_domain = target;
		op.u.getdomaininfolist.max_domains = 1;
		set_xen_guest_handle_raw(op.u.getdomaininfolist.buffer, (void *)(arg + 4096));
	}
	return hypercall(__HYPERVISOR_sysctl, put(&op, sizeof(op)), 0, 0, 0);
}

static long do_platform(const struct entry *e)
{
	struct xen_platform_op op = { .cmd = e->nr };

	op.interface_version = XENPF_INTERFACE_VERSION;
	return hypercall(__HYPERVISOR_platform_op, put(&op, sizeof(op)), 0, 0, 0);
}

static long do_version(const struct entry *e)
{
	return hypercall(__HYPERVISOR_xen_version, e->nr, put("", 1), 0, 0);
}

static long do_pmu(const struct entry *e)
{
	return hypercall(__HYPERVISOR_xenpmu_op, e->nr, put("", 1), 0, 0);
}

static long do_console(const struct entry *e)
{
	return hypercall(__HYPERVISOR_console_io, e->nr, 1, put("\n", 1), 0);
}

static long do_physdev(const struct entry *e)
{
	return hypercall(__HYPERVISOR_physdev_op, e->nr, put("", 1), 0, 0);
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
	return hypercall(__HYPERVISOR_memory_op, e->nr, at, 0, 0);
}

static long do_hvm(const struct entry *e)
{
	struct xen_hvm_param p = { .domid = target, .index = 1 /* the store's page */ };

	if (e->nr == HVMOP_flush_tlbs)
		return -ENOSYS; /* is about the caller alone */
	return hypercall(__HYPERVISOR_hvm_op, e->nr, put(&p, sizeof(p)), 0, 0);
}

static long do_sched(const struct entry *e)
{
	struct sched_remote_shutdown op = { .domain_id = target, .reason = SHUTDOWN_crash };

	return hypercall(__HYPERVISOR_sched_op, e->nr, put(&op, sizeof(op)), 0, 0);
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
		return hypercall(__HYPERVISOR_event_channel_op, e->nr, put(&alloc, sizeof(alloc)),
				 0, 0);
	if (e->nr == EVTCHNOP_reset)
		return hypercall(__HYPERVISOR_event_channel_op, e->nr, put(&reset, sizeof(reset)),
				 0, 0);
	for (port = 1; port < 64 && r; port++) {
		bind.remote_port = status.port = port;
		if (e->nr == EVTCHNOP_bind_interdomain)
			r = hypercall(__HYPERVISOR_event_channel_op, e->nr,
				      put(&bind, sizeof(bind)), 0, 0);
		else if (e->nr == EVTCHNOP_status)
			r = hypercall(__HYPERVISOR_event_channel_op, e->nr,
				      put(&status, sizeof(status)), 0, 0);
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
				r = hypercall(__HYPERVISOR_grant_table_op, e->nr,
					      put(&copy, sizeof(copy)), 1, 0);
			else
				r = hypercall(__HYPERVISOR_grant_table_op, e->nr,
					      put(&map, sizeof(map)), 1, 0);
			if (!r &&
			    (e->nr == GNTTABOP_copy
				     ? ((struct gnttab_copy *)arg)->status
				     : ((struct gnttab_map_grant_ref *)arg)->status) == GNTST_okay)
				return 0;
		}
		return -EPERM;
	case GNTTABOP_query_size:
		r = hypercall(__HYPERVISOR_grant_table_op, e->nr, put(&query, sizeof(query)), 1, 0);
		return r ? r : ((struct gnttab_query_size *)arg)->status;
	case GNTTABOP_setup_table:
		r = hypercall(__HYPERVISOR_grant_table_op, e->nr, put(&setup, sizeof(setup)), 1, 0);
		return r ? r : ((struct gnttab_setup_table *)arg)->status;
	case GNTTABOP_get_version:
		return hypercall(__HYPERVISOR_grant_table_op, e->nr, put(&version, sizeof(version)),
				 1, 0);
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
	return hypercall(__HYPERVISOR_xsm_op, put(&op, sizeof(op)), 0, 0, 0);
}

static long do_hypercall(const struct entry *e)
{
	return hypercall(e->nr, e->nr == __HYPERVISOR_dm_op ? target : 0, 0, 0, 0);
}

static const struct entry entries[] = {
#include "policy_matrix.h"
};

int main(int argc, char **argv)
{
	unsigned int tried = 0;
	size_t i;
	int a;

	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	arg = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (privcmd < 0 || arg == MAP_FAILED || mlock(arg, 8192)) {
		perror("breakout");
		return 1;
	}
	memset(arg, 0, 8192);
	for (a = 1; a < argc; a++) {
		target = (domid_t)atoi(argv[a]);
		for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
			long r = entries[i].act(&entries[i]);

			tried++;
			if (r >= 0)
				printf("WENT %s %s:%s domain %u\n", entries[i].name,
				       entries[i].tclass, entries[i].perm, target);
		}
	}
	printf("breakout: tried %u\n", tried);
	fflush(stdout);
	for (;;)
		pause();
}
