/* SPDX-License-Identifier: BSD-2-Clause */
/* The acts of domctl that are about vCPUs and where they run. */
#include "hypercall/control.h"
#include "hvm/hvm.h"
#include "lib/bitops.h"
#include "lib/string.h"
#include "mm/guest.h"
#include "mm/heap.h"
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

/* The selector of @seg; its base goes to *@base. */
static uint16_t segment(struct vcpu *v, unsigned int seg, uint64_t *base)
{
	struct guest_segment s;

	vm_ops->get_segment(v, seg, &s);
	*base = s.base;
	return s.sel;
}

/* Of @v, which is paused. */
static void fill_context(struct vcpu *v, struct vcpu_guest_context *c)
{
	const struct guest_regs *regs = vm_ops->regs(v);
	struct guest_control control;
	uint64_t unused;

	vm_ops->get_control(v, &control);
#define COPY(name) c->user_regs.name = regs->name;
	GUEST_REGS(COPY)
#undef COPY
	c->user_regs.cs = segment(v, SEG_CS, &unused);
	c->user_regs.ss = segment(v, SEG_SS, &unused);
	c->user_regs.ds = segment(v, SEG_DS, &unused);
	c->user_regs.es = segment(v, SEG_ES, &unused);
	c->user_regs.fs = segment(v, SEG_FS, &c->fs_base);
	c->user_regs.gs = segment(v, SEG_GS, &c->gs_base_kernel);
	c->ctrlreg[0] = control.cr0;
	c->ctrlreg[2] = control.cr2;
	c->ctrlreg[3] = control.cr3;
	c->ctrlreg[4] = control.cr4;
	if (!test_bit(PAUSE_DOWN, &v->pause_flags))
		c->flags |= VGCF_online;
	if (!control.cpl)
		c->flags |= VGCF_in_kernel;
}

long domctl_getvcpucontext(struct op_call *call)
{
	const struct xen_domctl_vcpucontext *op = &call->u.domctl.u.vcpucontext;
	struct vcpu_guest_context *c;
	struct vcpu *v;
	int rc;

	if (find_vcpu(call, op->vcpu, &v))
		return -EINVAL;
	if (!v->initialised)
		return -ENODATA;
	c = xzalloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	vcpu_pause_sync(v);
	fill_context(v, c);
	vcpu_unpause(v);
	rc = guest_write(handle_gva(op->ctxt), c, sizeof(*c));
	xfree(c);
	return rc;
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
