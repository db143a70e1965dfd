/* SPDX-License-Identifier: BSD-2-Clause */
/* The acts of domctl that are about a guest's saved state, CPU policy, memory and resources. */
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "mm/frame.h"
#include "mm/guest.h"
#include "x86/time.h"

#define CONTEXT_MAX	 (176U << 10) /* registers and memory types of 128 vCPUs are less */
#define TSC_MODE_DEFAULT 0
#define TSC_MODE_NEVER	 2

long domctl_gethvmcontext(struct op_call *call)
{
	struct xen_domctl_hvmcontext *op = &call->u.domctl.u.hvmcontext;
	gva_t to = handle_gva(op->buffer);
	size_t size = hvm_context_size(call->d);

	if (to.v && op->size < size)
		return -ENOSPC;
	op->size = (uint32_t)size;
	/* Without a buffer it is just the question how much there is. */
	return to.v ? hvm_context_save(call->d, to) : 0;
}

long domctl_sethvmcontext(struct op_call *call)
{
	const struct xen_domctl_hvmcontext *op = &call->u.domctl.u.hvmcontext;
	int rc;

	if (op->size > CONTEXT_MAX)
		return -EINVAL;
	domain_pause_sync(call->d);
	rc = hvm_context_load(call->d, handle_gva(op->buffer), op->size);
	domain_unpause(call->d);
	return rc;
}

long policy_to_guest(const struct cpu_policy *policy, gva_t leaves, uint32_t *nr_leaves,
		     uint32_t *nr_msrs)
{
	*nr_msrs = 0;
	if (leaves.v && *nr_leaves < CPU_POLICY_LEAVES)
		return -ENOBUFS;
	*nr_leaves = CPU_POLICY_LEAVES;
	return leaves.v ? guest_write(leaves, policy->leaf, sizeof(policy->leaf)) : 0;
}

long domctl_get_cpu_policy(struct op_call *call)
{
	struct xen_domctl_cpu_policy *op = &call->u.domctl.u.cpu_policy;

	return policy_to_guest(call->d->cpu_policy, handle_gva(op->leaves), &op->nr_leaves,
			       &op->nr_msrs);
}

long domctl_set_cpu_policy(struct op_call *call)
{
	return cpu_policy_set(call->d, &call->u.domctl.u.cpu_policy);
}

long domctl_settscinfo(struct op_call *call)
{
	const struct xen_domctl_tsc_info *op = &call->u.domctl.u.tsc_info;

	if (op->tsc_mode != TSC_MODE_DEFAULT && op->tsc_mode != TSC_MODE_NEVER)
		return -EOPNOTSUPP;
	return op->gtsc_khz && op->gtsc_khz != tsc_khz() ? -EOPNOTSUPP : 0;
}

long domctl_hypercall_init(struct op_call *call)
{
	gfn_t gfn = { call->u.domctl.u.hypercall_init.gmfn };

	return hypercall_page_write(call->d, gfn_to_gpa(gfn)) ? -EACCES : 0;
}

/* Page-table memory: told, or raised when it is less. More than all memory is no use. */
long domctl_paging_mempool_size(struct op_call *call)
{
	uint64_t *size = &call->u.domctl.u.paging_mempool.size;
	uint64_t pages = *size >> PAGE_SHIFT, now = READ_ONCE(call->d->p2m.table_limit);

	if (call->op->nr == XEN_DOMCTL_get_paging_mempool_size) {
		*size = now << PAGE_SHIFT;
		return 0;
	}
	if (*size & ~PAGE_MASK)
		return -EINVAL;
	if (pages > frame_counts.total)
		return -ENOMEM;
	WRITE_ONCE(call->d->p2m.table_limit, max(pages, now));
	return 0;
}

/*
 * Permissions on hardware. A domain can only give what it has, and none has any: so after the
 * policy's answer, giving is refused, and taking away has nothing to do.
 */
static long resource_permission(struct op_call *call, enum xsm_resource kind, uint64_t first,
				uint64_t count, uint64_t limit, bool allow, enum xsm_perm add,
				enum xsm_perm remove)
{
	int rc;

	if (!count || first >= limit || count > limit - first)
		return -EINVAL;
	rc = xsm_resource(&call->caller->label, &call->d->label, kind, first, first + count - 1,
			  allow ? add : remove);
	if (rc)
		return rc;
	return allow ? -EPERM : 0;
}

long domctl_permission(struct op_call *call)
{
	const struct xen_domctl_irq_permission *irq = &call->u.domctl.u.irq_permission;
	const struct xen_domctl_iomem_permission *mem = &call->u.domctl.u.iomem_permission;
	const struct xen_domctl_ioport_permission *port = &call->u.domctl.u.ioport_permission;

	switch (call->op->nr) {
	case XEN_DOMCTL_irq_permission:
		return resource_permission(call, XSM_IRQ, irq->pirq, 1, 1024, irq->allow_access,
					   XSM_RESOURCE__ADD_IRQ, XSM_RESOURCE__REMOVE_IRQ);
	case XEN_DOMCTL_iomem_permission:
		return resource_permission(call, XSM_IOMEM, mem->first_mfn, mem->nr_mfns, 1UL << 40,
					   mem->allow_access, XSM_RESOURCE__ADD_IOMEM,
					   XSM_RESOURCE__REMOVE_IOMEM);
	default:
		return resource_permission(call, XSM_IOPORT, port->first_port, port->nr_ports,
					   65536, port->allow_access, XSM_RESOURCE__ADD_IOPORT,
					   XSM_RESOURCE__REMOVE_IOPORT);
	}
}
