/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every operation that controls domains or the host, from a guest that has no right to any: on Dom0, on its
 * neighbours, on itself and on domains that are none, with arguments of zeros, of ones and of addresses.
 */
#include "attack.h"

#include <xen/domctl.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>
#include <xen/xsm/flask_op.h>

#define FILLS	   3
#define MANY	   110 /* more than any of them has operations */
#define NO_DOMAINS 0   /* for operations that name none */

static union {
	struct xen_domctl domctl;
	struct xen_sysctl sysctl;
	struct xen_platform_op platform;
	struct xen_flask_op flask;
	struct xen_hvm_param hvm;
	uint16_t domid;
	uint64_t words[PAGE_SIZE / 8];
} arg PAGE_ALIGNED;

static void fill(unsigned int how)
{
	static const uint64_t with[FILLS] = { 0, ~0UL, (uintptr_t)&arg };

	for (unsigned int i = 0; i < ARRAY_SIZE(arg.words); i++)
		arg.words[i] = with[how];
}

static long try_domctl(unsigned int cmd, domid_t domid)
{
	arg.domctl.cmd = cmd;
	arg.domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	arg.domctl.domain = domid;
	return HYPERCALL1(domctl, &arg);
}

static long try_sysctl(unsigned int cmd, domid_t domid)
{
	long rc;

	arg.sysctl.cmd = cmd;
	arg.sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	rc = HYPERCALL1(sysctl, &arg);
	/* It may leave out what its caller may not see: then nothing is left. */
	if (!rc && cmd == XEN_SYSCTL_getdomaininfolist &&
	    !arg.sysctl.u.getdomaininfolist.num_domains)
		return -1;
	return rc;
}

static long try_platform(unsigned int cmd, domid_t domid)
{
	arg.platform.cmd = cmd;
	arg.platform.interface_version = XENPF_INTERFACE_VERSION;
	return HYPERCALL1(platform_op, &arg);
}

static long try_flask(unsigned int cmd, domid_t domid)
{
	arg.flask.cmd = cmd;
	arg.flask.interface_version = XEN_FLASK_INTERFACE_VERSION;
	if (cmd == FLASK_RELABEL_DOMAIN)
		arg.flask.u.relabel.domid = domid;
	/* Whether a policy is in force and how its cache does, everybody may know. */
	if (cmd == FLASK_GETENFORCE || cmd == FLASK_POLICYVERS || cmd == FLASK_GETBOOL ||
	    cmd == FLASK_MLS || cmd == FLASK_AVC_HASHSTATS || cmd == FLASK_AVC_CACHESTATS)
		return -1;
	return HYPERCALL1(xsm_op, &arg);
}

static long try_hvm(unsigned int cmd, domid_t domid)
{
	/* About the caller alone: they name no domain. */
	if (cmd == HVMOP_set_evtchn_upcall_vector || cmd == HVMOP_get_time ||
	    cmd == HVMOP_flush_tlbs || cmd == HVMOP_guest_request_vm_event)
		return -1;
	arg.hvm.domid = domid;
	if (cmd == HVMOP_altp2m) { /* version, command, domain */
		arg.words[0] = 1 | 1UL << 32;
		arg.words[1] = domid;
	}
	return HYPERCALL2(hvm_op, cmd, &arg);
}

static long try_dm(unsigned int cmd, domid_t domid)
{
	static struct {
		uint64_t pointer, size;
	} buffer;

	arg.words[0] = cmd;
	buffer.pointer = (uintptr_t)&arg;
	buffer.size = 64;
	return hypercall(__HYPERVISOR_dm_op, domid, 1, (uintptr_t)&buffer, 0, 0);
}

/* Those that name a domain; all begin with it, but for the ones below. */
static long try_memory(unsigned int cmd, domid_t domid)
{
	struct xen_memory_reservation *r = (void *)&arg;
	struct xen_add_to_physmap_batch *batch = (void *)&arg;

	switch (cmd) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
	case XENMEM_claim_pages:
		memset(&arg, 0, sizeof(arg));
		r->domid = domid;
		r->nr_extents = cmd == XENMEM_claim_pages ? 100 : 1;
		if (cmd != XENMEM_claim_pages)
			set_xen_guest_handle(r->extent_start, (xen_pfn_t *)&arg.words[64]);
		/* The count of extents that were done, or an error: none may be. */
		return HYPERCALL2(memory_op, cmd, &arg) ?: -1;
	case XENMEM_exchange:
	case XENMEM_maximum_ram_page:
	case XENMEM_memory_map:
	case XENMEM_machphys_mapping:
	case XENMEM_machphys_mfn_list:
	case XENMEM_machphys_compat_mfn_list:
	case XENMEM_machine_memory_map:
	case XENMEM_get_sharing_freed_pages:
	case XENMEM_get_sharing_shared_pages:
		return -1; /* name none */
	case XENMEM_add_to_physmap_batch:
		memset(&arg, 0, sizeof(arg));
		batch->domid = DOMID_SELF;
		batch->space = XENMAPSPACE_gmfn_foreign;
		batch->u.foreign_domid = domid;
		batch->size = 1;
		set_xen_guest_handle(batch->idxs, (xen_ulong_t *)&arg.words[64]);
		set_xen_guest_handle(batch->gpfns, (xen_pfn_t *)&arg.words[64]);
		set_xen_guest_handle(batch->errs, (int *)&arg.words[65]);
		if (HYPERCALL2(memory_op, cmd, &arg) < 0)
			return -1;
		return *(int *)&arg.words[65];
	default:
		arg.domid = domid;
		return HYPERCALL2(memory_op, cmd, &arg);
	}
}

static long try_remote_shutdown(unsigned int cmd, domid_t domid)
{
	struct sched_remote_shutdown op = { .domain_id = domid, .reason = cmd };

	return sched_op(SCHEDOP_remote_shutdown, &op);
}

/* Ports of others: to ask about them, to take them, to close them all. */
static long try_event(unsigned int cmd, domid_t domid)
{
	struct evtchn_status status = { .dom = domid, .port = cmd };
	struct evtchn_bind_interdomain bind = { .remote_dom = domid, .remote_port = cmd };
	struct evtchn_reset reset = { .dom = domid };
	long rc = evtchn_op(EVTCHNOP_status, &status);

	if (rc < 0)
		rc = evtchn_op(EVTCHNOP_bind_interdomain, &bind);
	if (rc < 0)
		rc = evtchn_op(EVTCHNOP_reset, &reset);
	return rc;
}

/* Grants of others that are not for this domain, and their tables. CMD is the reference. */
static long try_grant(unsigned int cmd, domid_t domid)
{
	struct gnttab_map_grant_ref map = { .host_addr = 0x7ff00000,
					    .flags = GNTMAP_host_map |
						     (cmd & 1 ? GNTMAP_readonly : 0),
					    .ref = cmd,
					    .dom = domid };
	struct gnttab_copy copy = { .source = { .u.ref = cmd, .domid = domid },
				    .dest = { .u.gmfn = (uintptr_t)&arg / PAGE_SIZE,
					      .domid = DOMID_SELF },
				    .len = 16,
				    .flags = GNTCOPY_source_gref };
	struct gnttab_setup_table setup = { .dom = domid };

	if (grant_op(GNTTABOP_map_grant_ref, &map, 1) == 0 && map.status == GNTST_okay)
		return 0;
	if (grant_op(GNTTABOP_copy, &copy, 1) == 0 && copy.status == GNTST_okay)
		return 0;
	if (grant_op(GNTTABOP_setup_table, &setup, 1) == 0 && setup.status == GNTST_okay)
		return 0;
	return -1;
}

static long try_physdev(unsigned int cmd, domid_t domid)
{
	if (cmd == PHYSDEVOP_eoi || cmd == PHYSDEVOP_irq_status_query)
		return -1; /* about the caller's own interrupts, of which there are none */
	return HYPERCALL2(physdev_op, cmd, &arg);
}

/* Hypercalls that have nothing for guests. CMD is the number. */
static long try_other(unsigned int cmd, domid_t domid)
{
	static const unsigned int numbers[] = { __HYPERVISOR_kexec_op,	  __HYPERVISOR_xenpmu_op,
						__HYPERVISOR_xenoprof_op, __HYPERVISOR_tmem_op,
						__HYPERVISOR_hypfs_op,	  __HYPERVISOR_argo_op };

	if (cmd >= ARRAY_SIZE(numbers))
		return -1;
	return hypercall(numbers[cmd], 0, (uintptr_t)&arg, (uintptr_t)&arg, 0, 0);
}

struct sweep {
	const char *name;
	long (*attempt)(unsigned int cmd, domid_t domid);
	unsigned int commands;
	bool domains, self; /* it names one; also this one is refused */
};

/* What is behind it may be anything but a success. */
static unsigned int sweep_domain(const struct sweep *s, domid_t domid)
{
	unsigned int through = 0;

	for (unsigned int how = 0; how < FILLS; how++) {
		for (unsigned int cmd = 0; cmd < s->commands; cmd++) {
			fill(how);
			if (s->attempt(cmd, domid) < 0)
				continue;
			if (through++ < 3)
				print("OUT %s went through: %u on %u, arguments %u\n", s->name, cmd,
				      domid, how);
		}
	}
	return through;
}

void attack_control(void)
{
	static const struct sweep sweeps[] = {
		{ "domctl", try_domctl, MANY, true, true },
		{ "sysctl", try_sysctl, MANY, false, true },
		{ "platform", try_platform, MANY, false, true },
		{ "flask", try_flask, 48, true, true },
		{ "hvm", try_hvm, 32, true, false },
		{ "dm", try_dm, 32, true, true },
		{ "memory", try_memory, 32, true, false },
		{ "shutdown", try_remote_shutdown, 6, true, true },
		{ "event", try_event, 64, true, false },
		{ "grant", try_grant, 1024, true, false },
		{ "physdev", try_physdev, 40, false, true },
		{ "other", try_other, 8, false, true },
	};
	domid_t self = own_domid();
	/* The neighbours come just before and after it; the rest are none. */
	const domid_t domids[] = {
		self,  DOMID_SELF, 0,	      (domid_t)(self - 1), (domid_t)(self + 1),
		12345, DOMID_IO,   DOMID_XEN, DOMID_COW,	   DOMID_INVALID
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(sweeps); i++) {
		const struct sweep *s = &sweeps[i];
		unsigned int through = 0;

		for (unsigned int d = s->self ? 0 : 2; d < ARRAY_SIZE(domids); d++) {
			through += sweep_domain(s, domids[d]);
			if (!s->domains)
				break;
		}
		check_report(s->name, through == 0, "%u went through", through);
	}
}
