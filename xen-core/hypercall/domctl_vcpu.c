/* SPDX-License-Identifier: BSD-2-Clause */
/* The acts of domctl that are about vCPUs and where they run. */
#include "hypercall/control.h"
#include "lib/bitops.h"
#include "lib/string.h"
#include "mm/guest.h"
#include "x86/cpu.h"

/* The vCPU @id of the domain: 0, -EINVAL when there can be none, -ESRCH when there is none yet. */
static int find_vcpu(const struct op_call *call, uint32_t id, struct vcpu **v)
{
	if (id >= call->d->max_vcpus)
		return -EINVAL;
	*v = call->d->vcpu[id];
	return *v ? 0 : -ESRCH;
}

long domctl_getvcpuinfo(struct op_call *call)
{
	struct xen_domctl_getvcpuinfo *info = &call->u.domctl.u.getvcpuinfo;
	struct vcpu_runstate_info runstate;
	struct vcpu *v;
	int rc = find_vcpu(call, info->vcpu, &v);

	if (rc)
		return rc;
	vcpu_runstate_get(v, &runstate);
	info->online = !test_bit(PAUSE_DOWN, &v->pause_flags);
	info->blocked = test_bit(PAUSE_BLOCKED, &v->pause_flags);
	info->running = vcpu_is_running(v);
	info->cpu_time = runstate.time[RUNSTATE_running];
	info->cpu = v->processor;
	return 0;
}

/* Reads a map, as far as there are CPUs. -EFAULT; -EINVAL: unreasonably long. */
static int cpumap_from_guest(struct cpumask *mask, const struct xenctl_bitmap *from)
{
	unsigned int nr = min(cpus_online(), from->nr_bits);

	memset(mask, 0, sizeof(*mask));
	if (from->nr_bits > BITMAP_MAX_BITS)
		return -EINVAL;
	if (guest_read(mask->bits, handle_gva(from->bitmap), (nr + 7) / 8))
		return -EFAULT;
	for (; nr % 8; nr++)
		clear_bit(nr, mask->bits);
	return 0;
}

/* What is in effect goes back; after a change as far as there are CPUs, and soft within hard. */
long domctl_vcpuaffinity(struct op_call *call)
{
	const struct xen_domctl_vcpuaffinity *op = &call->u.domctl.u.vcpuaffinity;
	bool set = call->op->nr == XEN_DOMCTL_setvcpuaffinity;
	bool with_hard = op->flags & XEN_VCPUAFFINITY_HARD;
	bool with_soft = op->flags & XEN_VCPUAFFINITY_SOFT;
	unsigned int nr_cpus = set ? cpus_online() : MAX_CPUS;
	struct cpumask hard, soft;
	struct vcpu *v;
	int rc = with_hard || with_soft ? find_vcpu(call, op->vcpu, &v) : -EINVAL;

	if (!rc && set && with_hard)
		rc = cpumap_from_guest(&hard, &op->cpumap_hard);
	if (!rc && set && with_soft)
		rc = cpumap_from_guest(&soft, &op->cpumap_soft);
	if (!rc && set)
		rc = sched_set_affinity(v, with_hard ? &hard : NULL, with_soft ? &soft : NULL);
	if (rc)
		return rc;
	sched_get_affinity(v, &hard, &soft);
	for (unsigned int i = 0; set && i < ARRAY_SIZE(soft.bits); i++)
		soft.bits[i] &= hard.bits[i];
	if (with_hard)
		rc = bitmap_to_guest(&op->cpumap_hard, hard.bits, nr_cpus);
	if (!rc && with_soft)
		rc = bitmap_to_guest(&op->cpumap_soft, soft.bits, nr_cpus);
	return rc;
}

/* There is one node, which has to be in the map. */
long domctl_setnodeaffinity(struct op_call *call)
{
	const struct xenctl_bitmap *map = &call->u.domctl.u.nodeaffinity.nodemap;
	uint8_t nodes = 0;

	if (map->nr_bits && guest_read(&nodes, handle_gva(map->bitmap), sizeof(nodes)))
		return -EFAULT;
	return nodes & 1 ? 0 : -EINVAL;
}

long domctl_getnodeaffinity(struct op_call *call)
{
	unsigned long nodes = 1;

	return bitmap_to_guest(&call->u.domctl.u.nodeaffinity.nodemap, &nodes, 1);
}

long domctl_scheduler_op(struct op_call *call)
{
	struct xen_domctl_scheduler_op *op = &call->u.domctl.u.scheduler_op;
	bool get =
		op->cmd == XEN_DOMCTL_SCHEDOP_getinfo || op->cmd == XEN_DOMCTL_SCHEDOP_getvcpuinfo;
	long rc = xsm_domain(&call->caller->label, &call->d->label,
			     get ? XSM_DOMAIN__GETSCHEDULER : XSM_DOMAIN2__SETSCHEDULER);

	if (rc)
		return rc;
	return sched_domctl_scheduler_op(call->d, op);
}
