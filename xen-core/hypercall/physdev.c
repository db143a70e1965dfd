/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall physdev_op. No domain owns physical interrupts or hardware: driver domains get
 * their devices on a virtual bus, with interrupts that the core delivers itself. So nothing is
 * offered, and the errors are those of Xen for a guest without pirqs.
 */
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "lib/errno.h"

static const char no_pirqs[] = "No domain has physical interrupts.";
static const char no_pci[] = "The core finds PCI devices by itself.";
static const char pv_only[] = "PV guests only.";

static const struct op_entry ops[] = {
	OP_REFUSED(PHYSDEVOP_irq_status_query, ENOSYS, no_pirqs),
	OP_REFUSED(PHYSDEVOP_set_iopl, ENOSYS, pv_only),
	OP_REFUSED(PHYSDEVOP_set_iobitmap, ENOSYS, pv_only),
	OP_REFUSED(PHYSDEVOP_apic_read, ENOSYS, pv_only),
	OP_REFUSED(PHYSDEVOP_apic_write, ENOSYS, pv_only),
	OP_REFUSED(PHYSDEVOP_alloc_irq_vector, ENOSYS, pv_only),
	OP_REFUSED(PHYSDEVOP_free_irq_vector, ENOSYS, pv_only),
	OP_REFUSED(PHYSDEVOP_eoi, ENOSYS, no_pirqs),
	OP_REFUSED(PHYSDEVOP_map_pirq, ENOSYS, no_pirqs),
	OP_REFUSED(PHYSDEVOP_unmap_pirq, ENOSYS, no_pirqs),
	OP_REFUSED(PHYSDEVOP_manage_pci_add, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_manage_pci_remove, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_pirq_eoi_gmfn_v1, ENOSYS, no_pirqs),
	OP_REFUSED(PHYSDEVOP_restore_msi, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_manage_pci_add_ext, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_setup_gsi, ENOSYS, no_pirqs),
	OP_REFUSED(PHYSDEVOP_get_free_pirq, ENOSYS, no_pirqs),
	OP_REFUSED(PHYSDEVOP_pci_mmcfg_reserved, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_pci_device_add, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_pci_device_remove, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_restore_msi_ext, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_pirq_eoi_gmfn_v2, ENOSYS, no_pirqs),
	OP_REFUSED(PHYSDEVOP_dbgp_op, ENOSYS, "No debug port is driven."),
	OP_REFUSED(PHYSDEVOP_prepare_msix, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_release_msix, ENOSYS, no_pci),
	OP_REFUSED(PHYSDEVOP_IRQ_UNMASK_NOTIFY, ENOSYS, "Obsolete."),
};

const struct op_table physdev_ops = OP_TABLE("physdev_op", ops);

long do_physdev_op(unsigned int cmd, gva_t arg)
{
	struct op_call call;

	op_begin(&call, arg);
	return op_run(&physdev_ops, cmd, &call);
}
