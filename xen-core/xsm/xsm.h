/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one way to ask whether something is allowed. Every operation of the core calls one of these
 * functions after it has decoded its arguments and before it acts; a result other than 0 goes to
 * the caller unchanged. Permissions and the operations that need them: xsm-policy/access_vectors.
 *
 * Until a policy is loaded the built-in rules of that file decide; afterwards the policy alone.
 * No function here takes a lock when the answer is in the CPU's cache, and none calls back into
 * the core's other units but for xsm_port_label(). A new label takes memory, in a denial's message
 * too: they may be called with any lock held that ranks above LOCK_HEAP.
 */
#pragma once

#include "types.h"
#include "xsm_av.h"

/*
 * The label of a domain, embedded in struct domain (d->label). Filled by xsm_domain_create() and
 * changed only by this unit (relabel, set_target); no one else writes it, but for the count. Readers
 * need no lock.
 */
struct xsm_label {
	uint32_t sid;	 /* as subject, and as object for others than itself and its device model */
	uint16_t domid;	 /* for messages and the built-in rules */
	bool priv;	 /* Dom0, for the built-in rules */
	uint64_t serial; /* tells this domain from an earlier one with the same domid */
	uint64_t target; /* serial of the domain that this one is device model of; 0: none */
	/*
	 * Frames of the domain that others have mapped without grants (the builder's mappings); atomic.
	 * It can't be relabelled by another one while there are any, or its builder would keep the view
	 * of a guest that it has just sealed.
	 */
	uint32_t foreign_frames;
};

/*
 * "May @subj do what @perm names to @obj?" The ordinary case: a hypercall of @subj that acts on
 * @obj, which may be @subj itself. For classes domain, domain2, hvm, mmu, shadow, event (reset
 * only), grant, argo. A grant that is mapped writably is two checks, map_read and map_write.
 * For memory of DOMID_IO and DOMID_XEN, @obj is &xsm_label_io or &xsm_label_xen.
 * 0, or -EPERM.
 */
int xsm_domain(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_perm perm);

extern const struct xsm_label xsm_label_io, xsm_label_xen;

/*
 * "May @subj do what @perm names to the host?" For classes xen, xen2, version, security, and for
 * XSM_MMU__MEMORYMAP of the machine (XENMEM_machine_memory_map), resource use, plug, unplug and
 * setup that name no single device (CPUs, memory, the ECAM area). 0, or -EPERM.
 */
int xsm_xen(const struct xsm_label *subj, enum xsm_perm perm);

enum xsm_resource {
	XSM_IRQ,    /* @first: a GSI; for an MSI use XSM_PCI with add_irq/remove_irq */
	XSM_IOPORT, /* @first … @last: ports */
	XSM_IOMEM,  /* @first … @last: machine frames */
	XSM_PCI,    /* @first: segment << 16 | bus << 8 | devfn */
};

/*
 * "May @subj do @perm with this part of the hardware?" The whole range is checked, both ends
 * included. What @perm is decides what is asked:
 *   add_irq, add_ioport, add_iomem, add_device, hvm bind_irq
 *       @obj (never NULL) gets it: add on @obj, @perm on the resource by @subj, and use_iommu on
 *       the resource by @obj;
 *   remove_…: @obj (never NULL) loses it: remove on @obj, and @perm on the resource by @subj;
 *   stat_device, plug, unplug, setup: @perm on the resource by @subj (@obj is NULL).
 * 0, -EPERM, or -EINVAL for a range whose end is before its start.
 */
int xsm_resource(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_resource kind,
		 uint64_t first, uint64_t last, enum xsm_perm perm);

/*
 * @subj accesses configuration space of a PCI device that it has been given, registers
 * @first … @last: setup on the device for writes to BARs (0x10 … 0x27), else use_iommu.
 */
int xsm_pci_config(const struct xsm_label *subj, uint32_t sbdf, uint16_t first, uint16_t last,
		   bool write);

/*
 * Event channels. A channel has a SID of its own: keep it beside the port's state as uint32_t,
 * 0 for ports that are not unbound or interdomain, set to 0 when the port is closed.
 *
 * EVTCHNOP_alloc_unbound by @subj: a port of @owner that @remote may bind to.
 * On 0, *@sid is what the port's SID must become.
 */
int xsm_evtchn_unbound(const struct xsm_label *subj, const struct xsm_label *owner,
		       const struct xsm_label *remote, uint32_t *sid);
/*
 * EVTCHNOP_bind_interdomain by @local to an unbound port of @remote whose SID is @remote_sid.
 * On 0, *@sid is the SID of @local's new port; that of the remote port stays.
 */
int xsm_evtchn_interdomain(const struct xsm_label *local, const struct xsm_label *remote,
			   uint32_t remote_sid, uint32_t *sid);
/* EVTCHNOP_send on an interdomain port of @subj with @sid. (IPI and VIRQ ports: no check.) */
int xsm_evtchn_send(const struct xsm_label *subj, uint32_t sid);
/* EVTCHNOP_status by @subj of a port of @owner with @sid (0 is good). */
int xsm_evtchn_status(const struct xsm_label *subj, const struct xsm_label *owner, uint32_t sid);

/*
 * XEN_DOMCTL_createdomain: may @subj make a domain labelled @ssidref? On 0, fills @label wholly.
 * @subj NULL: the core makes Dom0 itself, which gets the SID dom0. @ssidref 0 means domU.
 * -EPERM, or -EINVAL for a SID that does not exist.
 */
int xsm_domain_create(const struct xsm_label *subj, uint16_t domid, bool priv, uint32_t ssidref,
		      struct xsm_label *label);

/* XEN_DOMCTL_set_target: makes @dm the device model of @target. On 0, @dm is changed. */
int xsm_set_target(const struct xsm_label *subj, struct xsm_label *dm,
		   const struct xsm_label *target);

/* Whether @subj may see @obj at all, without a message when not (getdomaininfolist skips it). */
bool xsm_may_see(const struct xsm_label *subj, const struct xsm_label *obj);

/*
 * The one thing that xsm asks the rest of the core for, implemented beside the list of domains: the
 * label of the domain @domid (DOMID_SELF is resolved by the caller), or NULL. Good until this CPU
 * returns to a guest.
 */
struct xsm_label *xsm_port_label(uint16_t domid);

/* __HYPERVISOR_xsm_op with its argument, a struct xen_flask_op in the current guest's memory. */
long xsm_flask_op(const struct xsm_label *subj, gva_t op);

/*
 * Boot: before any domain is made, on the boot CPU. @policy NULL: no policy module was found.
 * @flask_option: the value of flask= on the command line, NULL when absent (enforcing).
 * 0, or -errno after a message that says what is wrong: the core must not go on then.
 */
int xsm_boot(const void *policy, size_t len, const char *flask_option);

/* Each CPU's own cache: called on that CPU before it may run a guest. 0, or -ENOMEM. */
int xsm_cpu_init(void);
