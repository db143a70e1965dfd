/* SPDX-License-Identifier: BSD-2-Clause */
/* The acts of sysctl that are about CPUs. */
#include "hypercall/control.h"
#include "hvm/cpuid.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/guest.h"
#include "x86/cpu.h"

#define NODE_DISTANCE_LOCAL 10

long sysctl_cputopoinfo(struct op_call *call)
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
	call->copy_back = true;
	return rc;
}

long sysctl_numainfo(struct op_call *call)
{
	struct xen_sysctl_numainfo *ni = &call->u.sysctl.u.numainfo;
	bool wanted = ni->meminfo.p || ni->distance.p;
	long rc = wanted && !ni->num_nodes ? -ENOBUFS : 0;

	if (wanted && !rc) {
		struct xen_sysctl_meminfo mem = { frames_total() << PAGE_SHIFT,
						  frames_free() << PAGE_SHIFT };
		uint32_t distance = NODE_DISTANCE_LOCAL;

		if (ni->meminfo.p && guest_write_elem(ni->meminfo, 0, &mem))
			return -EFAULT;
		if (ni->distance.p && guest_write_elem(ni->distance, 0, &distance))
			return -EFAULT;
	}
	ni->num_nodes = 1;
	call->copy_back = true;
	return rc;
}

long sysctl_getcpuinfo(struct op_call *call)
{
	struct xen_sysctl_getcpuinfo *ci = &call->u.sysctl.u.getcpuinfo;
	uint32_t i, n = min(ci->max_cpus, (uint32_t)cpus_online());

	for (i = 0; i < n; i++) {
		struct xen_sysctl_cpuinfo info = { sched_idle_ns(i) };

		if (guest_write_elem(ci->info, i, &info))
			return -EFAULT;
	}
	ci->nr_cpus = n;
	call->copy_back = true;
	return 0;
}

/* The pool that all CPUs and domains are in. */
static long cpupool_info(struct op_call *call)
{
	struct xen_sysctl_cpupool_op *op = &call->u.sysctl.u.cpupool_op;
	struct cpumask online;
	struct domain *d;

	/* The first pool at or after the one asked for. */
	if (op->cpupool_id != 0 && op->cpupool_id != XEN_SYSCTL_CPUPOOL_PAR_ANY)
		return -ENOENT;
	op->cpupool_id = 0;
	op->sched_id = XEN_SCHEDULER_CREDIT2;
	op->n_dom = 0;
	for_each_domain (d)
		op->n_dom++;
	cpumask_online(&online);
	call->copy_back = true;
	return bitmap_to_guest(&op->cpumap, online.bits, cpus_online());
}

long sysctl_cpupool_op(struct op_call *call)
{
	const struct xen_sysctl_cpupool_op *op = &call->u.sysctl.u.cpupool_op;
	struct cpumask none = { { 0 } };

	switch (op->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		return cpupool_info(call);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return bitmap_to_guest(&op->cpumap, none.bits, cpus_online());
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

long sysctl_scheduler_op(struct op_call *call)
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
	rc = sched_sysctl_scheduler_op(op);
	call->copy_back = !rc;
	return rc;
}

long sysctl_get_cpu_levelling_caps(struct op_call *call)
{
	call->u.sysctl.u.cpu_levelling_caps.caps = 0;
	call->copy_back = true;
	return 0;
}

long sysctl_get_cpu_featureset(struct op_call *call)
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
	call->copy_back = true;
	return n < CPU_FEATURE_WORDS ? -ENOBUFS : 0;
}

long sysctl_get_cpu_policy(struct op_call *call)
{
	struct xen_sysctl_cpu_policy *op = &call->u.sysctl.u.cpu_policy;
	const struct cpu_policy *policy;

	if (op->_rsvd || op->index > XEN_SYSCTL_cpu_policy_hvm_default)
		return -EINVAL;
	policy = cpu_policy_system(op->index);
	if (!policy)
		return -EOPNOTSUPP;
	call->copy_back = true;
	return policy_to_guest(policy, handle_gva(op->leaves), &op->nr_leaves, handle_gva(op->msrs),
			       &op->nr_msrs);
}
