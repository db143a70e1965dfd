/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall sysctl: the host as a whole. The acts about CPUs are in sysctl_cpu.c. */
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "hvm/cpuid.h"
#include "lib/console.h"
#include "lib/errno.h"
#include "lib/keyhandler.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/guest.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define DEBUG_KEYS_MAX 16

/* The ring, from its oldest byte or from @index on. The console's lock is held for a chunk only. */
static long sysctl_readconsole(struct op_call *call)
{
	struct xen_sysctl_readconsole *r = &call->u.sysctl.u.readconsole;
	uint32_t index = r->incremental ? r->index : console_ring_start();
	char chunk[256];
	size_t done = 0, n;
	int rc;

	rc = r->clear ? xsm_xen(&call->caller->label, XSM_XEN__CLEARCONSOLE) : 0;
	if (rc)
		return rc;
	do {
		n = console_ring_read(&index, chunk, min(r->count - done, sizeof(chunk)));
		if (guest_write(gva_add(handle_gva(r->buffer), done), chunk, n))
			return -EFAULT;
		done += n;
	} while (n == sizeof(chunk) && done < CONSOLE_RING_SIZE);
	if (r->clear)
		console_ring_clear(index);
	r->count = (uint32_t)done;
	r->index = index;
	call->copy_back = true;
	return 0;
}

/* Highest socket, core and thread numbers tell how the CPUs are grouped. */
static void count_topology(struct xen_sysctl_physinfo *info)
{
	uint32_t threads = 0, cores = 0;
	unsigned int i;

	for (i = 0; i < cpus_online(); i++) {
		threads = max(threads, cpus[i]->thread);
		cores = max(cores, cpus[i]->core);
	}
	info->threads_per_core = threads + 1;
	info->cores_per_socket = cores + 1;
}

static long sysctl_physinfo(struct op_call *call)
{
	struct xen_sysctl_physinfo *info = &call->u.sysctl.u.physinfo;

	memset(info, 0, sizeof(*info));
	count_topology(info);
	info->nr_cpus = cpus_online();
	info->max_cpu_id = cpus_online() - 1;
	info->nr_nodes = 1;
	info->cpu_khz = (uint32_t)tsc_khz();
	info->capabilities =
		XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap | XEN_SYSCTL_PHYSCAP_gnttab_v1;
	info->total_pages = frames_total();
	info->free_pages = frames_free();
	info->scrub_pages = frames_limbo();
	info->outstanding_pages = frames_claimed();
	info->max_mfn = frames_max().v;
	for (unsigned int i = 0; i < ARRAY_SIZE(info->hw_cap); i++)
		info->hw_cap[i] =
			cpu_policy_feature_word(cpu_policy_system(XEN_SYSCTL_cpu_policy_host), i);
	call->copy_back = true;
	return 0;
}

static long sysctl_sched_id(struct op_call *call)
{
	call->u.sysctl.u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
	call->copy_back = true;
	return 0;
}

/* Domains that the caller may not see are left out. */
static long sysctl_getdomaininfolist(struct op_call *call)
{
	struct xen_sysctl_getdomaininfolist *list = &call->u.sysctl.u.getdomaininfolist;
	struct xen_domctl_getdomaininfo info;
	struct domain *d;
	uint32_t n = 0;

	for_each_domain (d) {
		if (d->id < list->first_domain || !xsm_may_see(&call->caller->label, &d->label))
			continue;
		if (n == list->max_domains)
			break;
		memset(&info, 0, sizeof(info));
		domain_get_info(d, &info);
		if (guest_write_elem(list->buffer, n, &info))
			return -EFAULT;
		n++;
	}
	list->num_domains = n;
	call->copy_back = true;
	return 0;
}

static long sysctl_debug_keys(struct op_call *call)
{
	const struct xen_sysctl_debug_keys *k = &call->u.sysctl.u.debug_keys;
	char keys[DEBUG_KEYS_MAX];
	uint32_t i;

	if (k->nr_keys > sizeof(keys))
		return -E2BIG;
	if (guest_read(keys, handle_gva(k->keys), k->nr_keys))
		return -EFAULT;
	for (i = 0; i < k->nr_keys; i++)
		keyhandler_run(keys[i]);
	return 0;
}

static long sysctl_availheap(struct op_call *call)
{
	struct xen_sysctl_availheap *a = &call->u.sysctl.u.availheap;

	if (a->node < -1)
		return -EINVAL;
	a->avail_bytes = a->node > 0 ? 0 : frames_free() << PAGE_SHIFT;
	call->copy_back = true;
	return 0;
}

static const struct op_entry ops[] = {
	OP(XEN_SYSCTL_readconsole, XSM_XEN__READCONSOLE, sysctl_readconsole),
	OP(XEN_SYSCTL_physinfo, XSM_XEN__PHYSINFO, sysctl_physinfo),
	OP(XEN_SYSCTL_sched_id, XSM_XEN__GETSCHEDULER, sysctl_sched_id),
	OP(XEN_SYSCTL_getdomaininfolist, OP_HOOK_IN_ACT, sysctl_getdomaininfolist),
	OP(XEN_SYSCTL_debug_keys, XSM_XEN__DEBUG, sysctl_debug_keys),
	OP(XEN_SYSCTL_getcpuinfo, XSM_XEN__GETCPUINFO, sysctl_getcpuinfo),
	OP(XEN_SYSCTL_availheap, XSM_XEN__HEAP, sysctl_availheap),
	OP(XEN_SYSCTL_cputopoinfo, XSM_XEN__PHYSINFO, sysctl_cputopoinfo),
	OP(XEN_SYSCTL_numainfo, XSM_XEN__PHYSINFO, sysctl_numainfo),
	OP(XEN_SYSCTL_cpupool_op, XSM_XEN__CPUPOOL_OP, sysctl_cpupool_op),
	OP(XEN_SYSCTL_scheduler_op, OP_HOOK_IN_ACT, sysctl_scheduler_op),
	OP(XEN_SYSCTL_get_cpu_levelling_caps, XSM_XEN2__GET_CPU_LEVELLING_CAPS,
	   sysctl_get_cpu_levelling_caps),
	OP(XEN_SYSCTL_get_cpu_featureset, XSM_XEN2__GET_CPU_FEATURESET, sysctl_get_cpu_featureset),
	OP(XEN_SYSCTL_get_cpu_policy, XSM_XEN__PHYSINFO, sysctl_get_cpu_policy),
};

const struct op_table sysctl_ops = {
	.hypercall = "sysctl",
	OP_ENTRIES(ops),
	OP_REFUSED(XEN_SYSCTL_cpu_hotplug, XEN_SYSCTL_page_offline_op, XEN_SYSCTL_coverage_op,
		   XEN_SYSCTL_psr_cmt_op, XEN_SYSCTL_pcitopoinfo, XEN_SYSCTL_psr_alloc),
};

long do_sysctl(gva_t arg)
{
	return op_run_versioned(&sysctl_ops, arg, sizeof(struct xen_sysctl),
				XEN_SYSCTL_INTERFACE_VERSION);
}
