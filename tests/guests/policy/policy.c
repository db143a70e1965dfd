/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ flask/2: every pair of operation and permission of xsm-policy/access_vectors. Under a policy
 * with a boolean for each permission (xsm-policy/test/matrix_policy.py): without that one
 * permission the operation is refused and the core's message names it; with it, it goes through to
 * its own checks. Needs a partner: that policy, as a second module.
 */
#include "guest.h"

#include <xen/arch-x86/xen-mca.h>
#include <xen/domctl.h>
#include <xen/hvm/dm_op.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/pmu.h>
#include <xen/sysctl.h>
#include <xen/xsm/flask_op.h>

#include "../../../xen-core/include/bulkhead_abi.h"

#define EPERM	   1
#define EINVAL	   22
#define ENOSYS	   38
#define EOPNOTSUPP 95

struct entry {
	const char *tclass, *perm, *name;
	long (*act)(const struct entry *e);
	unsigned int nr;
};

static domid_t target, second, spare;
static evtchn_port_t loop[2]; /* an interdomain channel of this domain with itself */
static uint8_t buffer[PAGE_SIZE] PAGE_ALIGNED;
static grant_entry_v1_t table[PAGE_SIZE / sizeof(grant_entry_v1_t)] PAGE_ALIGNED;
static uint8_t granted_page[PAGE_SIZE] PAGE_ALIGNED, window[PAGE_SIZE] PAGE_ALIGNED;

#define DOMU_SID 12 /* initial SIDs, access_vectors */
#define DM_SID	 13
#define DOM0_SID 3

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static unsigned int length(const char *s)
{
	unsigned int n = 0;

	while (s[n])
		n++;
	return n;
}

static bool starts(const char *s, const char *with)
{
	while (*with)
		if (*s++ != *with++)
			return false;
	return true;
}

static void clear(void *p, unsigned long n)
{
	uint8_t *b = p;

	while (n--)
		*b++ = 0;
}

/* ---- one function for each family of operations ---- */

static long domctl(struct xen_domctl *op)
{
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return HYPERCALL1(domctl, op);
}

static long create(domid_t *domid)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain };
	long r;

	op.u.createdomain.ssidref = DOMU_SID;
	op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = -1;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 4;
	op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
	op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
	r = domctl(&op);
	*domid = op.domain;
	return r;
}

static long do_domctl(const struct entry *e)
{
	struct xen_domctl op = { .cmd = e->nr, .domain = target };
	bool add = !starts(e->perm, "remove");
	domid_t made;
	long r;

	switch (e->nr) {
	case XEN_DOMCTL_createdomain:
		r = create(&made);
		if (r)
			return r;
		op.cmd = XEN_DOMCTL_destroydomain;
		op.domain = made;
		break;
	case XEN_DOMCTL_destroydomain:
		op.domain = spare;
		break;
	case XEN_DOMCTL_set_target:
		op.u.set_target.target = second;
		break;
	case XEN_DOMCTL_scheduler_op:
		op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
		op.u.scheduler_op.cmd = starts(e->perm, "get") ? XEN_DOMCTL_SCHEDOP_getinfo
							       : XEN_DOMCTL_SCHEDOP_putinfo;
		break;
	case XEN_DOMCTL_irq_permission:
		op.u.irq_permission.pirq = 5;
		op.u.irq_permission.allow_access = add;
		break;
	case XEN_DOMCTL_ioport_permission:
		op.u.ioport_permission.first_port = 0x2f8;
		op.u.ioport_permission.nr_ports = 8;
		op.u.ioport_permission.allow_access = add;
		break;
	case XEN_DOMCTL_iomem_permission:
		op.u.iomem_permission.first_mfn = 0xfebf0;
		op.u.iomem_permission.nr_mfns = 1;
		op.u.iomem_permission.allow_access = add;
		break;
	}
	do {
		r = domctl(&op);
	} while (r == -85 || r == -512);
	return r;
}

static long do_shadow(const struct entry *e)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = target };

	op.u.shadow_op.op = e->nr;
	return domctl(&op);
}

static long sysctl(struct xen_sysctl *op)
{
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return HYPERCALL1(sysctl, op);
}

/* It leaves out what its caller may not see. */
static long list_domains(void)
{
	static struct xen_domctl_getdomaininfo info;
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist };
	long r;

	op.u.getdomaininfolist.first_domain = target;
	op.u.getdomaininfolist.max_domains = 1;
	set_xen_guest_handle(op.u.getdomaininfolist.buffer, &info);
	r = sysctl(&op);
	return r ? r : op.u.getdomaininfolist.num_domains ? 0 : -EPERM;
}

static long do_sysctl(const struct entry *e)
{
	struct xen_sysctl op = { .cmd = e->nr };

	switch (e->nr) {
	case XEN_SYSCTL_getdomaininfolist:
		return list_domains();
	case XEN_SYSCTL_readconsole:
		op.u.readconsole.clear = same(e->perm, "clearconsole");
		op.u.readconsole.incremental = 1;
		op.u.readconsole.index = ~0U;
		set_xen_guest_handle(op.u.readconsole.buffer, (char *)buffer);
		break;
	case XEN_SYSCTL_scheduler_op:
		op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
		op.u.scheduler_op.cmd = starts(e->perm, "get") ? XEN_SYSCTL_SCHEDOP_getinfo
							       : XEN_SYSCTL_SCHEDOP_putinfo;
		break;
	case XEN_SYSCTL_cpupool_op:
		op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
		break;
	}
	return sysctl(&op);
}

static long do_platform(const struct entry *e)
{
	struct xen_platform_op op = { .cmd = e->nr };

	op.interface_version = XENPF_INTERFACE_VERSION;
	if (e->nr == XENPF_enter_acpi_sleep)
		op.u.enter_acpi_sleep.sleep_state = 99; /* the machine is needed for more */
	return HYPERCALL1(platform_op, &op);
}

static long do_version(const struct entry *e)
{
	long r;

	clear(buffer, 64);
	r = HYPERCALL2(xen_version, e->nr, buffer);
	return r > 0 ? 0 : r;
}

static long do_pmu(const struct entry *e)
{
	struct xen_pmu_params p = { .vcpu = 0 };

	return hypercall(__HYPERVISOR_xenpmu_op, e->nr, (unsigned long)&p, 0, 0, 0);
}

static long do_console(const struct entry *e)
{
	return HYPERCALL3(console_io, e->nr, 0, buffer);
}

static long do_physdev(const struct entry *e)
{
	clear(buffer, 64);
	return HYPERCALL2(physdev_op, e->nr, buffer);
}

static long add_to_physmap_batch(bool foreign)
{
	xen_ulong_t index = 0;
	xen_pfn_t gpfn = (uintptr_t)window / PAGE_SIZE;
	int error = 0;
	struct xen_add_to_physmap_batch op = { .domid = foreign ? DOMID_SELF : target, .size = 1 };

	op.space = foreign ? XENMAPSPACE_gmfn_foreign : XENMAPSPACE_shared_info;
	op.u.foreign_domid = foreign ? target : 0;
	set_xen_guest_handle(op.idxs, &index);
	set_xen_guest_handle(op.gpfns, &gpfn);
	set_xen_guest_handle(op.errs, &error);
	return memory_op(XENMEM_add_to_physmap_batch, &op);
}

static long do_memory(const struct entry *e)
{
	union {
		struct xen_memory_reservation reservation;
		struct xen_add_to_physmap physmap;
		struct xen_remove_from_physmap remove;
		struct xen_foreign_memory_map map;
		struct xen_pod_target pod;
		struct xen_mem_acquire_resource resource;
		struct xen_vnuma_topology_info vnuma;
		domid_t domid;
		uint8_t room[256];
	} op;

	clear(&op, sizeof(op));
	switch (e->nr) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
	case XENMEM_claim_pages:
		op.reservation.domid = target;
		break;
	case XENMEM_add_to_physmap:
		op.physmap.domid = target;
		op.physmap.space = XENMAPSPACE_shared_info;
		op.physmap.gpfn = 0x1000;
		break;
	case XENMEM_add_to_physmap_batch:
		return add_to_physmap_batch(starts(e->perm, "map_"));
	case XENMEM_remove_from_physmap:
		op.remove.domid = target;
		op.remove.gpfn = 0x2000;
		break;
	case XENMEM_set_memory_map:
		op.map.domid = target;
		op.map.map.nr_entries = 1;
		set_xen_guest_handle(op.map.map.buffer, buffer);
		break;
	case XENMEM_acquire_resource:
		op.resource.domid = target;
		op.resource.type = XENMEM_resource_grant_table;
		break;
	default: /* all others start with the domain */
		op.domid = target;
	}
	return memory_op(e->nr, &op);
}

static long do_hvm(const struct entry *e)
{
	struct xen_hvm_param p = { .domid = target, .index = HVM_PARAM_STORE_PFN };

	if (e->nr == HVMOP_flush_tlbs)
		return HYPERCALL2(hvm_op, e->nr, NULL);
	if (same(e->perm, "altp2mhvm")) {
		p.index = HVM_PARAM_ALTP2M;
		p.value = 1; /* switching it off asks for nothing */
	}
	return HYPERCALL2(hvm_op, e->nr, &p); /* the others start with the domain as well */
}

static long do_sched(const struct entry *e)
{
	struct sched_remote_shutdown op = { .domain_id = second };

	return sched_op(e->nr, &op);
}

/* A channel with itself; unless something is forbidden. */
static long make_loop(evtchn_port_t ports[2])
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF };
	long r = evtchn_op(EVTCHNOP_alloc_unbound, &alloc);

	if (r)
		return r;
	bind.remote_port = alloc.port;
	r = evtchn_op(EVTCHNOP_bind_interdomain, &bind);
	ports[0] = alloc.port;
	ports[1] = bind.local_port;
	return r;
}

static long do_evtchn(const struct entry *e)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = target };
	struct evtchn_send send = { .port = loop[0] };
	struct evtchn_status status = { .dom = DOMID_SELF, .port = loop[0] };
	struct evtchn_reset reset = { .dom = target };
	struct evtchn_close close;
	evtchn_port_t ports[2];
	long r;

	switch (e->nr) {
	case EVTCHNOP_alloc_unbound:
		r = evtchn_op(EVTCHNOP_alloc_unbound, &alloc);
		close.port = alloc.port;
		return r ? r : evtchn_op(EVTCHNOP_close, &close);
	case EVTCHNOP_bind_interdomain:
		return make_loop(ports);
	case EVTCHNOP_send:
		return evtchn_op(EVTCHNOP_send, &send);
	case EVTCHNOP_status:
		return evtchn_op(EVTCHNOP_status, &status);
	default:
		return evtchn_op(e->nr, &reset);
	}
}

static long grant_result(long r, int16_t status)
{
	return r ? r : status == GNTST_permission_denied ? -EPERM : 0;
}

static long map_own(uint32_t flags, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref op = { .host_addr = (uintptr_t)window,
					   .flags = GNTMAP_host_map | flags,
					   .ref = 8,
					   .dom = own_domid() };
	long r = grant_op(GNTTABOP_map_grant_ref, &op, 1);

	*handle = op.handle;
	return r ? r : op.status;
}

static long unmap_own(grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = (uintptr_t)window, .handle = handle };
	long r = grant_op(GNTTABOP_unmap_grant_ref, &op, 1);

	return grant_result(r, op.status);
}

static long map_and_unmap(const struct entry *e)
{
	grant_handle_t handle;
	long r = map_own(same(e->perm, "map_read") ? GNTMAP_readonly : 0, &handle);

	if (r == GNTST_permission_denied)
		return -EPERM;
	if (r)
		return r;
	return unmap_own(handle);
}

static long replace_own(grant_handle_t handle)
{
	struct gnttab_unmap_and_replace op = { .host_addr = (uintptr_t)window,
					       .new_addr = (uintptr_t)buffer,
					       .handle = handle };
	long r = grant_op(GNTTABOP_unmap_and_replace, &op, 1);

	return grant_result(r, op.status);
}

/* A mapping that can't be undone now is undone when the permission is back. */
static long unmap_only(bool replace)
{
	static grant_handle_t handle;
	static bool mapped;
	long r = mapped ? 0 : map_own(0, &handle);

	if (r)
		return r;
	r = replace ? replace_own(handle) : unmap_own(handle);
	mapped = r == -EPERM;
	if (replace && !r)
		unmap_own(handle); /* in case it was not replaced for another reason */
	return r;
}

/* What is never done says so in its status. */
static long do_transfer(void)
{
	struct gnttab_transfer op = { .domid = target };
	long r = grant_op(GNTTABOP_transfer, &op, 1);

	return r ? r : op.status != GNTST_okay ? -ENOSYS : 0;
}

static long do_status_frames(void)
{
	struct gnttab_get_status_frames op = { .dom = DOMID_SELF };
	long r = grant_op(GNTTABOP_get_status_frames, &op, 1);

	return r ? r : op.status == GNTST_general_error ? -ENOSYS : grant_result(r, op.status);
}

static long do_grant(const struct entry *e)
{
	struct gnttab_setup_table setup = { .dom = DOMID_SELF };
	struct gnttab_query_size size = { .dom = DOMID_SELF };
	struct gnttab_get_version version = { .dom = DOMID_SELF };
	struct gnttab_set_version set = { .version = 1 };
	struct gnttab_copy copy = { .len = 16, .flags = GNTCOPY_source_gref };
	long r;

	switch (e->nr) {
	case GNTTABOP_map_grant_ref:
		return map_and_unmap(e);
	case GNTTABOP_unmap_grant_ref:
		return unmap_only(false);
	case GNTTABOP_unmap_and_replace:
		return unmap_only(true);
	case GNTTABOP_transfer:
		return do_transfer();
	case GNTTABOP_get_status_frames:
		return do_status_frames();
	case GNTTABOP_setup_table:
		r = grant_op(e->nr, &setup, 1);
		return grant_result(r, setup.status);
	case GNTTABOP_query_size:
		r = grant_op(e->nr, &size, 1);
		return grant_result(r, size.status);
	case GNTTABOP_get_version:
		return grant_op(e->nr, &version, 1);
	case GNTTABOP_set_version:
		return grant_op(e->nr, &set, 1);
	case GNTTABOP_copy:
		copy.source.domid = DOMID_SELF;
		copy.source.u.ref = 8;
		copy.dest.domid = DOMID_SELF;
		copy.dest.u.gmfn = (uintptr_t)buffer / PAGE_SIZE;
		r = grant_op(e->nr, &copy, 1);
		return grant_result(r, copy.status);
	default:
		return -EINVAL;
	}
}

static long flask(struct xen_flask_op *op)
{
	op->interface_version = XEN_FLASK_INTERFACE_VERSION;
	return hypercall(__HYPERVISOR_xsm_op, (unsigned long)op, 0, 0, 0, 0);
}

static long do_flask(const struct entry *e)
{
	struct xen_flask_op op = { .cmd = e->nr };

	switch (e->nr) {
	case FLASK_SETENFORCE:
		op.u.enforce.enforcing = 1;
		break;
	case FLASK_RELABEL_DOMAIN:
		op.u.relabel.domid = same(e->perm, "relabelself") ? DOMID_SELF : second;
		op.u.relabel.sid = same(e->perm, "relabelself") ? DOM0_SID : DM_SID;
		break;
	}
	return flask(&op);
}

static long do_hypercall(const struct entry *e)
{
	return hypercall(e->nr, e->nr == __HYPERVISOR_dm_op ? target : 0, 0, 0, 0, 0);
}

static const struct entry entries[] = {
#include "policy_matrix.h"
};

/* ---- the test ---- */

static void set_enforce(bool enforcing)
{
	struct xen_flask_op op = { .cmd = FLASK_SETENFORCE };

	op.u.enforce.enforcing = enforcing;
	flask(&op);
}

static long set_denied(const struct entry *e, bool denied)
{
	static char name[96];
	struct xen_flask_op op = { .cmd = FLASK_SETBOOL };
	const char *parts[] = { "deny_", e->tclass, "_", e->perm };
	unsigned int i, n = 0;
	long r;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *s = parts[i];

		while (*s)
			name[n++] = *s++;
	}
	op.u.boolean.bool_id = ~0U;
	op.u.boolean.new_value = denied;
	op.u.boolean.commit = 1;
	op.u.boolean.size = n;
	set_xen_guest_handle(op.u.boolean.name, name);
	r = flask(&op);
	if (r == -EPERM && same(e->perm, "setbool")) { /* its own permission is away: another way */
		set_enforce(false);
		r = flask(&op);
		set_enforce(true);
	}
	return r;
}

static char console[65536];
static uint32_t console_index;

/* Bytes that the core has logged since the last call. */
static unsigned int read_console(void)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole };

	op.u.readconsole.incremental = 1;
	op.u.readconsole.index = console_index;
	op.u.readconsole.count = sizeof(console) - 1;
	set_xen_guest_handle(op.u.readconsole.buffer, console);
	if (sysctl(&op))
		return 0;
	console_index = op.u.readconsole.index;
	console[op.u.readconsole.count] = 0;
	return op.u.readconsole.count;
}

static bool contains(unsigned int from, unsigned int size, const char *what)
{
	unsigned int n = length(what), i;

	for (i = from; i + n <= size && console[i] != '\n'; i++)
		if (starts(console + i, what))
			return true;
	return false;
}

/* Whether a line of what was just read says that @e's permission was denied. */
static bool logged(const struct entry *e, unsigned int size)
{
	unsigned int i = 0;

	while (i < size) {
		if (contains(i, size, "avc:  denied") && contains(i, size, e->perm) &&
		    contains(i, size, e->tclass))
			return true;
		while (i < size && console[i] != '\n')
			i++;
		i++;
	}
	return false;
}

/* Refuses otherwise than by -EPERM: by another text, by doing none of the extents. */
static bool hides(const struct entry *e)
{
	return same(e->tclass, "version") || same(e->perm, "adjust");
}

/* What nobody has to give is refused with -EPERM after the policy has let it through. */
static bool nothing_to_give(const struct entry *e)
{
	return same(e->tclass, "resource");
}

static bool silent(const struct entry *e)
{
	return same(e->name, "XEN_SYSCTL_getdomaininfolist");
}

/* Whether a pair with the same (class, permission) has been denied, and so logged, already. */
static bool logged_before(const struct entry *e)
{
	const struct entry *o;

	for (o = entries; o < e; o++)
		if (same(o->tclass, e->tclass) && same(o->perm, e->perm))
			return true;
	return false;
}

static unsigned int not_offered;

static void try(const struct entry *e)
{
	char name[128];
	const char *parts[] = { e->tclass, ":", e->perm, "/", e->name };
	unsigned int i, n = 0, size;
	long denied, allowed;
	bool named;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *s = parts[i];

		while (*s && n < sizeof(name) - 1)
			name[n++] = *s++;
	}
	name[n] = 0;
	read_console();
	if (set_denied(e, true)) {
		check_report(name, false, "the boolean can't be set");
		return;
	}
	denied = e->act(e);
	set_denied(e, false);
	size = read_console();
	named = logged(e, size) || silent(e) || logged_before(e);
	allowed = e->act(e);
	if (allowed == -ENOSYS || allowed == -EOPNOTSUPP) {
		not_offered += denied == allowed || denied == -EPERM;
		if (denied != allowed && denied != -EPERM)
			check_report(name, false, "denied: %ld, allowed: %ld", denied, allowed);
		return;
	}
	if (denied != -EPERM && !hides(e))
		check_report(name, false, "refused with %ld, not -EPERM", denied);
	else if (!named)
		check_report(name, false, "no message names the permission");
	else if (allowed == -EPERM && !nothing_to_give(e))
		check_report(name, false, "refused although allowed");
	else
		check_report(name, true, "%s", "");
}

void guest_main(void)
{
	unsigned int i;

	CHECK_EQ("create", create(&target), 0);
	CHECK_EQ("create-second", create(&second), 0);
	CHECK_EQ("create-spare", create(&spare), 0);
	CHECK_EQ("channel", make_loop(loop), 0);
	CHECK_EQ("table", map_xen_page(XENMAPSPACE_grant_table, 0, table), 0);
	table[8].domid = own_domid();
	table[8].frame = (uint32_t)((uintptr_t)granted_page / PAGE_SIZE);
	__asm__ volatile("" ::: "memory");
	table[8].flags = GTF_permit_access;
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		try(&entries[i]);
	print("OUT pairs: %u, not offered: %u\n", (unsigned int)ARRAY_SIZE(entries), not_offered);
}
