/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall domctl: one domain controls another. Here are the table and the life cycle; vCPUs
 * and affinity are in domctl_vcpu.c, memory, state and policy in domctl_hvm.c.
 *
 * Locks: domctl_lock (LOCK_DOMCTL, outermost) is held around every operation, so that two never
 * run at a time: they may wait for each other's domains to stop. Who finds it taken tries again
 * from the guest, where it can be paused meanwhile.
 */
#include "event/evtchn.h"
#include "hvm/vlapic.h"
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "xsm/xsm.h"

#define GRANT_VERSION 1

struct spinlock domctl_lock = SPINLOCK_INIT(LOCK_DOMCTL);

static long domctl_createdomain(struct op_call *call)
{
	struct xen_domctl *op = &call->u.domctl;
	struct domain *d;
	int rc;

	if (XEN_DOMCTL_GRANT_version(op->u.createdomain.grant_opts) != GRANT_VERSION ||
	    op->u.createdomain.vmtrace_size)
		return -EINVAL;
	/* It asks the policy, and judges the rest of the configuration. */
	rc = domain_create(op->domain, &op->u.createdomain, &call->caller->label, &d);
	if (rc)
		return rc;
	d->controller_pauses = 1;
	op->domain = d->id;
	return 0;
}

static long domctl_destroydomain(struct op_call *call)
{
	return domain_destroy(call->d);
}

static long domctl_pausedomain(struct op_call *call)
{
	if (call->d->controller_pauses == INT32_MAX / 2)
		return -EOVERFLOW;
	call->d->controller_pauses++;
	domain_pause_sync(call->d);
	return 0;
}

static long domctl_unpausedomain(struct op_call *call)
{
	struct domain *d = call->d;

	/* Only what a controller has paused: never below the core's own counts. */
	if (d->controller_pauses == 0)
		return -EINVAL;
	d->controller_pauses--;
	spin_lock(&d->lock);
	if (d->state == DOMAIN_BUILDING)
		WRITE_ONCE(d->state, DOMAIN_ALIVE);
	spin_unlock(&d->lock);
	domain_unpause(d);
	return 0;
}

static long domctl_resumedomain(struct op_call *call)
{
	return domain_resume(call->d);
}

static long domctl_getdomaininfo(struct op_call *call)
{
	struct xen_domctl *op = &call->u.domctl;

	domain_get_info(call->d, &op->u.getdomaininfo);
	op->domain = call->d->id;
	return 0;
}

static long domctl_max_mem(struct op_call *call)
{
	uint64_t pages = call->u.domctl.u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

	pages = min(pages, (uint64_t)UINT32_MAX);
	WRITE_ONCE(call->d->max_pages, pages);
	p2m_set_limit(&call->d->p2m, min(pages, frame_counts.total));
	return 0;
}

static long domctl_max_vcpus(struct op_call *call)
{
	struct domain *d = call->d;
	unsigned int i;

	if (call->u.domctl.u.max_vcpus.max != d->max_vcpus)
		return -EINVAL;
	for (i = 0; i < d->max_vcpus; i++) {
		int rc;

		if (d->vcpu[i])
			continue;
		rc = vcpu_create(d, i);
		if (rc)
			return rc;
		if (i + 1 < d->max_vcpus && hypercall_preempt())
			return -ERESTART_CALL; /* what is there already is skipped */
	}
	return 0;
}

static long domctl_setdomainhandle(struct op_call *call)
{
	memcpy(call->d->handle, call->u.domctl.u.setdomainhandle.handle, sizeof(call->d->handle));
	return 0;
}

static long domctl_settimeoffset(struct op_call *call)
{
	WRITE_ONCE(call->d->wallclock_offset, call->u.domctl.u.settimeoffset.time_offset_seconds);
	domain_update_wallclock(call->d);
	return 0;
}

static long domctl_set_target(struct op_call *call)
{
	struct domain *target = domain_lookup(call->u.domctl.u.set_target.target);

	if (!target)
		return -ESRCH;
	if (target == call->d)
		return -EINVAL;
	return xsm_set_target(&call->caller->label, &call->d->label, &target->label);
}

static long domctl_set_virq_handler(struct op_call *call)
{
	return evtchn_set_virq_handler(call->d, call->u.domctl.u.set_virq_handler.virq);
}

static long domctl_sendtrigger(struct op_call *call)
{
	struct vcpu *v = domain_vcpu(call->d, call->u.domctl.u.sendtrigger.vcpu);

	switch (call->u.domctl.u.sendtrigger.trigger) {
	case XEN_DOMCTL_SENDTRIGGER_NMI:
		if (!v)
			return -ESRCH;
		vlapic_set_nmi(v);
		return 0;
	case XEN_DOMCTL_SENDTRIGGER_POWER:
	case XEN_DOMCTL_SENDTRIGGER_SLEEP:
		return -EOPNOTSUPP;
	default:
		return -ENOSYS;
	}
}

static const struct op_entry ops[] = {
	OP(XEN_DOMCTL_createdomain, OP_HOOK_IN_ACT, domctl_createdomain, OP_OUT),
	OP(XEN_DOMCTL_destroydomain, XSM_DOMAIN__DESTROY, domctl_destroydomain, OP_OTHER),
	OP(XEN_DOMCTL_pausedomain, XSM_DOMAIN__PAUSE, domctl_pausedomain, OP_OTHER),
	OP(XEN_DOMCTL_unpausedomain, XSM_DOMAIN__UNPAUSE, domctl_unpausedomain, 0),
	OP(XEN_DOMCTL_getdomaininfo, XSM_DOMAIN__GETDOMAININFO, domctl_getdomaininfo, OP_OUT),
	OP(XEN_DOMCTL_setvcpuaffinity, XSM_DOMAIN__SETAFFINITY, domctl_vcpuaffinity, 0),
	OP(XEN_DOMCTL_max_mem, XSM_DOMAIN__SETDOMAINMAXMEM, domctl_max_mem, 0),
	OP(XEN_DOMCTL_getvcpucontext, XSM_DOMAIN__GETVCPUCONTEXT, domctl_getvcpucontext, OP_OTHER),
	OP(XEN_DOMCTL_getvcpuinfo, XSM_DOMAIN__GETVCPUINFO, domctl_getvcpuinfo, OP_OUT),
	OP(XEN_DOMCTL_max_vcpus, XSM_DOMAIN__MAX_VCPUS, domctl_max_vcpus, OP_OTHER | OP_ALIVE),
	OP(XEN_DOMCTL_scheduler_op, OP_HOOK_IN_ACT, domctl_scheduler_op, OP_OUT),
	OP(XEN_DOMCTL_setdomainhandle, XSM_DOMAIN__SETDOMAINHANDLE, domctl_setdomainhandle, 0),
	OP(XEN_DOMCTL_irq_permission, OP_HOOK_IN_ACT, domctl_permission, 0),
	OP(XEN_DOMCTL_iomem_permission, OP_HOOK_IN_ACT, domctl_permission, 0),
	OP(XEN_DOMCTL_ioport_permission, OP_HOOK_IN_ACT, domctl_permission, 0),
	OP(XEN_DOMCTL_hypercall_init, XSM_DOMAIN__HYPERCALL, domctl_hypercall_init, 0),
	OP(XEN_DOMCTL_settimeoffset, XSM_DOMAIN__SETTIME, domctl_settimeoffset, 0),
	OP(XEN_DOMCTL_getvcpuaffinity, XSM_DOMAIN__GETAFFINITY, domctl_vcpuaffinity, 0),
	OP(XEN_DOMCTL_resumedomain, XSM_DOMAIN__RESUME, domctl_resumedomain, OP_OTHER),
	OP(XEN_DOMCTL_sendtrigger, XSM_DOMAIN__TRIGGER, domctl_sendtrigger, 0),
	OP(XEN_DOMCTL_gethvmcontext, XSM_HVM__GETHVMC, domctl_gethvmcontext, OP_OTHER | OP_OUT),
	OP(XEN_DOMCTL_sethvmcontext, XSM_HVM__SETHVMC, domctl_sethvmcontext, OP_OTHER),
	OP(XEN_DOMCTL_set_target, OP_HOOK_IN_ACT, domctl_set_target, 0),
	OP(XEN_DOMCTL_settscinfo, XSM_DOMAIN2__SETTSC, domctl_settscinfo, OP_OTHER),
	OP(XEN_DOMCTL_set_virq_handler, XSM_DOMAIN__SET_VIRQ_HANDLER, domctl_set_virq_handler, 0),
	OP(XEN_DOMCTL_setnodeaffinity, XSM_DOMAIN__SETAFFINITY, domctl_setnodeaffinity, 0),
	OP(XEN_DOMCTL_getnodeaffinity, XSM_DOMAIN__GETAFFINITY, domctl_getnodeaffinity, 0),
	OP(XEN_DOMCTL_get_cpu_policy, XSM_DOMAIN2__GET_CPU_POLICY, domctl_get_cpu_policy, OP_OUT),
	OP(XEN_DOMCTL_set_cpu_policy, XSM_DOMAIN2__SET_CPU_POLICY, domctl_set_cpu_policy,
	   OP_OTHER | OP_OUT),
	OP(XEN_DOMCTL_get_paging_mempool_size, XSM_DOMAIN__GETPAGINGMEMPOOL,
	   domctl_paging_mempool_size, OP_OUT),
	OP(XEN_DOMCTL_set_paging_mempool_size, XSM_DOMAIN__SETPAGINGMEMPOOL,
	   domctl_paging_mempool_size, 0),
};

/* The domain that an operation is about; createdomain is about none yet. */
static int find_domain(struct op_call *call)
{
	const struct xen_domctl *op = &call->u.domctl;
	struct domain *d = NULL;

	switch (op->cmd) {
	case XEN_DOMCTL_createdomain:
		return 0;
	case XEN_DOMCTL_getdomaininfo:
		if (op->domain >= DOMID_FIRST_RESERVED)
			return -EINVAL;
		for_each_domain (d)
			if (d->id >= op->domain)
				break;
		break;
	default:
		d = domain_lookup(op->domain);
		break;
	}
	call->d = d;
	return d ? 0 : -ESRCH;
}

const struct op_table domctl_ops = {
	.hypercall = "domctl",
	OP_ENTRIES(ops),
	.size = sizeof(struct xen_domctl),
	.version = XEN_DOMCTL_INTERFACE_VERSION,
	.lock = &domctl_lock,
	.find = find_domain,
};
