/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall hvm_op. Each sub-operation has a function: copy in, check, ask the policy, act.
 */
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "mm/guest.h"
#include "x86/time.h"
#include "x86/loop.h"

/* The domain that an operation is about, if the policy lets the caller do it. */
static int target(domid_t domid, enum xsm_perm perm, struct domain **d)
{
	*d = domain_lookup_self(domid);
	return *d ? xsm_domain(&current_domain()->label, &(*d)->label, perm) : -ESRCH;
}

static long op_param(unsigned int cmd, gva_t arg)
{
	struct xen_hvm_param p;
	struct domain *d;
	long rc;

	if (guest_read(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.index >= HVM_NR_PARAMS)
		return -EINVAL;
	rc = target(p.domid, cmd == HVMOP_set_param ? XSM_HVM__SETPARAM : XSM_HVM__GETPARAM, &d);
	/* The tools say "off" for every guest: that asks for nothing. */
	if (!rc && cmd == HVMOP_set_param && p.index == HVM_PARAM_ALTP2M && p.value)
		rc = xsm_domain(&current_domain()->label, &d->label, XSM_HVM__ALTP2MHVM);
	if (rc)
		return rc;
	if (cmd == HVMOP_set_param)
		return hvm_param_set(d, p.index, p.value);
	rc = hvm_param_get(d, p.index, &p.value);
	if (!rc && guest_write(arg, &p, sizeof(p)))
		rc = -EFAULT;
	return rc;
}

/* About the caller itself; no permission in Xen's policy either. */
static long op_upcall_vector(gva_t arg)
{
	struct xen_hvm_evtchn_upcall_vector op;
	struct vcpu *v;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.vector < 16)
		return -EINVAL;
	v = domain_vcpu(current_domain(), op.vcpu);
	if (!v)
		return -ENOENT;
	WRITE_ONCE(v->upcall_vector, op.vector);
	/* As Xen: one upcall at once, for what may have been pending before. */
	hvm_event_pending(v);
	return 0;
}

static uint16_t mem_type(enum p2m_type type)
{
	switch (type) {
	case P2M_NONE:
	case P2M_MMIO_DIRECT:
		return HVMMEM_mmio_dm;
	case P2M_RAM_RO:
	case P2M_GRANT_RO:
		return HVMMEM_ram_ro;
	default:
		return HVMMEM_ram_rw;
	}
}

static long op_mem_type(gva_t arg)
{
	struct xen_hvm_get_mem_type op;
	struct domain *d;
	int rc;

	if (guest_read(&op, arg, sizeof(op)))
		return -EFAULT;
	rc = target(op.domid, XSM_HVM__HVMCTL, &d);
	if (rc)
		return rc;
	op.mem_type = mem_type(p2m_lookup(&d->p2m, (gfn_t) { op.pfn }).type);
	return guest_write(arg, &op, sizeof(op)) ? -EFAULT : 0;
}

static long op_get_time(gva_t arg)
{
	struct xen_hvm_get_time op = { .now = system_time() };

	return guest_write(arg, &op, sizeof(op)) ? -EFAULT : 0;
}

/* When it returns no vCPU of the caller uses a translation of before. */
static long op_flush_tlbs(gva_t arg)
{
	struct domain *d = current_domain();
	int rc = arg.v ? -EINVAL : xsm_domain(&d->label, &d->label, XSM_HVM__HVMCTL);

	if (!rc)
		guest_tlb_flush(d);
	return rc;
}

long hvm_op(unsigned int cmd, gva_t arg)
{
	switch (cmd) {
	case HVMOP_set_param:
	case HVMOP_get_param:
		return op_param(cmd, arg);
	case HVMOP_set_evtchn_upcall_vector:
		return op_upcall_vector(arg);
	case HVMOP_get_mem_type:
		return op_mem_type(arg);
	case HVMOP_get_time:
		return op_get_time(arg);
	case HVMOP_flush_tlbs:
		return op_flush_tlbs(arg);
	case HVMOP_pagetable_dying:
		return -EINVAL; /* as on Xen without shadow paging: Linux asks once, and no more */
	case HVMOP_altp2m:
		return -EOPNOTSUPP; /* as on Xen where the CPU has no such thing */
	default:
		return -ENOSYS;
	}
}
