/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall sysctl: the host as a whole. */
#include "hypercall/control.h"
#include "hvm/cpuid.h"
#include "lib/bitops.h"
#include "lib/console.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/guest.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define DEBUG_KEYS_MAX	    16
#define NODE_DISTANCE_LOCAL 10

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
	info->total_pages = frame_counts.total;
	info->free_pages = frame_counts.free;
	info->scrub_pages = frame_counts.limbo;
	info->outstanding_pages = frame_counts.claimed;
	info->max_mfn = frame_counts.max_mfn;
	for (unsigned int i = 0; i < ARRAY_SIZE(info->hw_cap); i++)
		info->hw_cap[i] =
			cpu_policy_feature_word(cpu_policy_system(XEN_SYSCTL_cpu_policy_host), i);
	return 0;
}

static long sysctl_sched_id(struct op_call *call)
{
	call->u.sysctl.u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
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
		domain_get_info(d, &info);
		if (guest_write_elem(list->buffer, n, &info))
			return -EFAULT;
		n++;
	}
	list->num_domains = n;
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

static long sysctl_cputopoinfo(struct op_call *call)
{
	struct xen_sysctl_cputopoinfo *ti = &call->u.sysctl.u.cputopoinfo;
	uint32_t i, n = ti->cputopo.p ? min(ti->num_cpus, (uint32_t)cpus_online()) : 0;
	long rc = ti->cputopo.p && ti->num_cpus < cpus_online() ? -ENOBUFS : 0;

	for (i = 0; i < n; i++) {
		struct xen_sysctl_cputopo topo = { cpus[i]->core, cpus[i]->socket, 0 };

		if (guest_write_elem(ti->cputopo, i, &topo))
			return -EFAULT;
	}
	ti->num_cpus = cpus_online();
	return rc;
}

static long sysctl_numainfo(struct op_call *call)
{
	struct xen_sysctl_numainfo *ni = &call->u.sysctl.u.numainfo;
	bool wanted = ni->meminfo.p || ni->distance.p;
	long rc = wanted && !ni->num_nodes ? -ENOBUFS : 0;

	if (wanted && !rc) {
		struct xen_sysctl_meminfo mem = { frame_counts.total << PAGE_SHIFT,
						  frame_counts.free << PAGE_SHIFT };
		uint32_t distance = NODE_DISTANCE_LOCAL;

		if (ni->meminfo.p && guest_write_elem(ni->meminfo, 0, &mem))
			return -EFAULT;
		if (ni->distance.p && guest_write_elem(ni->distance, 0, &distance))
			return -EFAULT;
	}
	ni->num_nodes = 1;
	return rc;
}

/* All CPUs and domains are in pool 0. */
static long sysctl_cpupool_op(struct op_call *call)
{
	struct xen_sysctl_cpupool_op *op = &call->u.sysctl.u.cpupool_op;
	struct cpumask cpus = { { 0 } };
	struct domain *d;

	switch (op->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		/* The first pool at or after the one asked for. */
		if (op->cpupool_id != 0 && op->cpupool_id != XEN_SYSCTL_CPUPOOL_PAR_ANY)
			return -ENOENT;
		op->cpupool_id = 0;
		op->sched_id = XEN_SCHEDULER_CREDIT2;
		op->n_dom = 0;
		for_each_domain (d)
			op->n_dom++;
		for (unsigned int i = 0; i < cpus_online(); i++)
			set_bit(i, cpus.bits);
		return bitmap_to_guest(&op->cpumap, cpus.bits, cpus_online());
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return bitmap_to_guest(&op->cpumap, cpus.bits, cpus_online());
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
		if (op->cpupool_id)
			return -ENOENT;
		return op->domid < DOMID_FIRST_RESERVED && domain_lookup((uint16_t)op->domid)
			       ? 0
			       : -ESRCH;
	default:
		return -EOPNOTSUPP;
	}
}

static long sysctl_scheduler_op(struct op_call *call)
{
	struct xen_sysctl_scheduler_op *op = &call->u.sysctl.u.scheduler_op;
	bool get = op->cmd == XEN_SYSCTL_SCHEDOP_getinfo;
	long rc =
		xsm_xen(&call->caller->label, get ? XSM_XEN__GETSCHEDULER : XSM_XEN__SETSCHEDULER);

	if (rc)
		return rc;
	if (op->cpupool_id)
		return -ESRCH;
	if (op->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	return sched_sysctl_scheduler_op(op);
}

static long sysctl_get_cpu_featureset(struct op_call *call)
{
	static const uint8_t policies[] = {
		[XEN_SYSCTL_cpu_featureset_raw] = XEN_SYSCTL_cpu_policy_raw,
		[XEN_SYSCTL_cpu_featureset_host] = XEN_SYSCTL_cpu_policy_host,
		[XEN_SYSCTL_cpu_featureset_pv] = XEN_SYSCTL_cpu_policy_pv_default,
		[XEN_SYSCTL_cpu_featureset_hvm] = XEN_SYSCTL_cpu_policy_hvm_default,
		[XEN_SYSCTL_cpu_featureset_pv_max] = XEN_SYSCTL_cpu_policy_pv_max,
		[XEN_SYSCTL_cpu_featureset_hvm_max] = XEN_SYSCTL_cpu_policy_hvm_max,
	};
	struct xen_sysctl_cpu_featureset *fs = &call->u.sysctl.u.cpu_featureset;
	uint32_t words[CPU_FEATURE_WORDS], n = CPU_FEATURE_WORDS;
	const struct cpu_policy *policy;

	if (fs->index >= ARRAY_SIZE(policies))
		return -EINVAL;
	policy = cpu_policy_system(policies[fs->index]);
	if (!policy)
		return -EOPNOTSUPP;
	for (unsigned int i = 0; i < CPU_FEATURE_WORDS; i++)
		words[i] = cpu_policy_feature_word(policy, i);
	if (fs->features.p)
		n = min(n, fs->nr_features);
	if (fs->features.p && guest_write(handle_gva(fs->features), words, n * sizeof(*words)))
		return -EFAULT;
	fs->nr_features = n;
	return n < CPU_FEATURE_WORDS ? -ENOBUFS : 0;
}

static long sysctl_get_cpu_policy(struct op_call *call)
{
	struct xen_sysctl_cpu_policy *op = &call->u.sysctl.u.cpu_policy;
	const struct cpu_policy *policy;

	if (op->_rsvd || op->index > XEN_SYSCTL_cpu_policy_hvm_default)
		return -EINVAL;
	policy = cpu_policy_system(op->index);
	if (!policy)
		return -EOPNOTSUPP;
	return policy_to_guest(policy, handle_gva(op->leaves), &op->nr_leaves, &op->nr_msrs);
}

static const struct op_entry ops[] = {
	OP(XEN_SYSCTL_readconsole, XSM_XEN__READCONSOLE, sysctl_readconsole, OP_OUT),
	OP(XEN_SYSCTL_physinfo, XSM_XEN__PHYSINFO, sysctl_physinfo, OP_OUT),
	OP(XEN_SYSCTL_sched_id, XSM_XEN__GETSCHEDULER, sysctl_sched_id, OP_OUT),
	OP(XEN_SYSCTL_getdomaininfolist, OP_HOOK_IN_ACT, sysctl_getdomaininfolist, OP_OUT),
	OP(XEN_SYSCTL_debug_keys, XSM_XEN__DEBUG, sysctl_debug_keys, 0),
	OP(XEN_SYSCTL_cputopoinfo, XSM_XEN__PHYSINFO, sysctl_cputopoinfo, OP_OUT),
	OP(XEN_SYSCTL_numainfo, XSM_XEN__PHYSINFO, sysctl_numainfo, OP_OUT),
	OP(XEN_SYSCTL_cpupool_op, XSM_XEN__CPUPOOL_OP, sysctl_cpupool_op, OP_OUT),
	OP(XEN_SYSCTL_scheduler_op, OP_HOOK_IN_ACT, sysctl_scheduler_op, OP_OUT),
	OP(XEN_SYSCTL_get_cpu_featureset, XSM_XEN2__GET_CPU_FEATURESET, sysctl_get_cpu_featureset,
	   OP_OUT),
	OP(XEN_SYSCTL_get_cpu_policy, XSM_XEN__PHYSINFO, sysctl_get_cpu_policy, OP_OUT),
};

const struct op_table sysctl_ops = {
	.hypercall = "sysctl",
	OP_ENTRIES(ops),
	.size = sizeof(struct xen_sysctl),
	.version = XEN_SYSCTL_INTERFACE_VERSION,
};
