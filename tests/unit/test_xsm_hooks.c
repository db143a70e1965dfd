/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The questions that the core asks of policy, the hypercall, and what is logged. REQ flask/2, 5,
 * 6: each permission decides what it names. Arguments: the shipped policy.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xen_abi.h"
#include "host.h"
#include "x86/cpu.h"
#include "xsm/state.h"

#define LABEL(type) "system_u:system_r:" type

static uint8_t policy_data[POLICY_SIZE_MAX];
static size_t policy_len;
static struct xsm_label dom0, guest, other, stub, driver, sealed;
static struct xsm_label *labels[] = { &dom0, &guest, &other, &stub, &driver, &sealed, NULL };

static uint32_t sid(const char *text)
{
	uint32_t s = 0;

	assert_int_equal(sid_of_text(text, &s), 0);
	return s;
}

static void make(struct xsm_label *l, uint16_t domid, const char *label)
{
	assert_int_equal(xsm_domain_create(&dom0, domid, false, label ? sid(label) : 0, l), 0);
}

/* A fresh core: mode and policy as at boot. */
static int start(const char *option, bool with_policy)
{
	host_labels = labels;
	if (!this_cpu()->avc)
		assert_int_equal(xsm_cpu_init(), 0);
	return xsm_boot(with_policy ? policy_data : NULL, policy_len, option);
}

static void start_guests(void)
{
	assert_int_equal(start("enforcing", true), 0);
	assert_int_equal(xsm_domain_create(NULL, 0, true, 0, &dom0), 0);
	make(&guest, 1, LABEL("hvm_guest_t"));
	make(&other, 2, LABEL("hvm_guest_t"));
	make(&stub, 3, LABEL("stubdom_t"));
	make(&driver, 4, LABEL("netdom_t"));
	make(&sealed, 5, LABEL("sealed_t_building"));
}

static void built_in_rules_hold_without_policy(void **state)
{
	uint32_t c, b;

	(void)state;
	assert_int_equal(start("late", true), 0);
	assert_int_equal(xsm_domain_create(NULL, 0, true, 0, &dom0), 0);
	make(&guest, 1, NULL);
	make(&other, 2, NULL);
	make(&stub, 3, NULL);
	assert_int_equal(xsm_set_target(&guest, &stub, &guest), -EPERM);
	assert_int_equal(xsm_set_target(&dom0, &stub, &guest), 0);
	for (c = 1; c <= XSM_CLASSES; c++)
		for (b = 0; b < xsm_classes[c].perms; b++) {
			enum xsm_perm perm = (enum xsm_perm)(c << 5 | b);
			unsigned int rule = xsm_classes[c].rule[b];
			bool any = rule == XSM_RULE_ANY;
			bool self = any || rule == XSM_RULE_TARGET || rule == XSM_RULE_SELF;
			bool dm = any || rule == XSM_RULE_TARGET || rule == XSM_RULE_DM;
			bool priv = dm || rule == XSM_RULE_PRIV;

			assert_int_equal(xsm_domain(&guest, &other, perm), any ? 0 : -EPERM);
			assert_int_equal(xsm_domain(&guest, &guest, perm), self ? 0 : -EPERM);
			assert_int_equal(xsm_domain(&stub, &guest, perm), dm ? 0 : -EPERM);
			assert_int_equal(xsm_domain(&stub, &other, perm), any ? 0 : -EPERM);
			assert_int_equal(xsm_domain(&dom0, &guest, perm), priv ? 0 : -EPERM);
			assert_int_equal(xsm_xen(&guest, perm), any ? 0 : -EPERM);
		}
	/* A new domain with the number of an old target is not the target. */
	make(&guest, 1, NULL);
	assert_int_equal(xsm_domain(&stub, &guest, XSM_HVM__DM), -EPERM);
}

/* The questions that are not one permission of one class. */
static void built_in_rules_for_channels_and_hardware(void **state)
{
	uint32_t s = 99;

	(void)state;
	assert_int_equal(start("late", true), 0);
	assert_int_equal(xsm_domain_create(NULL, 0, true, 0, &dom0), 0);
	make(&guest, 1, NULL);
	make(&other, 2, NULL);
	make(&stub, 3, NULL);
	assert_int_equal(xsm_set_target(&dom0, &stub, &guest), 0);
	assert_true(xsm_may_see(&dom0, &guest));
	assert_false(xsm_may_see(&guest, &other));
	/* A port of one's own or of one's target; Dom0 may make any. */
	assert_int_equal(xsm_evtchn_unbound(&guest, &guest, &other, &s), 0);
	assert_int_equal(s, XSM_SID_UNLABELED);
	assert_int_equal(xsm_evtchn_unbound(&stub, &guest, &stub, &s), 0);
	assert_int_equal(xsm_evtchn_unbound(&dom0, &guest, &dom0, &s), 0);
	assert_int_equal(xsm_evtchn_unbound(&guest, &other, &guest, &s), -EPERM);
	assert_int_equal(xsm_evtchn_interdomain(&guest, &other, s, &s), 0);
	assert_int_equal(xsm_evtchn_send(&guest, s), 0);
	assert_int_equal(xsm_evtchn_status(&guest, &guest, s), 0);
	assert_int_equal(xsm_evtchn_status(&stub, &guest, s), 0);
	assert_int_equal(xsm_evtchn_status(&guest, &other, s), -EPERM);
	/* Dom0 gives hardware, to a domain; who has a device may use all of it. */
	assert_int_equal(xsm_resource(&dom0, &guest, XSM_IRQ, 5, 5, XSM_RESOURCE__ADD_IRQ), 0);
	assert_int_equal(xsm_resource(&guest, &guest, XSM_IRQ, 5, 5, XSM_RESOURCE__ADD_IRQ),
			 -EPERM);
	assert_int_equal(xsm_resource(&dom0, NULL, XSM_IRQ, 5, 5, XSM_RESOURCE__REMOVE_IRQ),
			 -EPERM);
	assert_int_equal(xsm_resource(&dom0, &guest, XSM_IRQ, 6, 5, XSM_RESOURCE__ADD_IRQ),
			 -EINVAL);
	assert_int_equal(xsm_pci_config(&guest, 0x18, 0x10, 0x13, true), 0);
}

static void boot_options_are_obeyed(void **state)
{
	uint8_t bad[64] = { 0x8c, 0xff, 0x7c, 0xf9, 8,	 0,   0,   0,
			    'X',  'e',	'n',  'F',  'l', 'a', 's', 'k' };

	(void)state;
	host_log_clear();
	assert_int_not_equal(start(NULL, false), 0);
	assert_non_null(strstr(host_log(), "there is no policy among the boot modules"));
	assert_non_null(strstr(host_log(), "enforcing without a policy"));
	assert_int_not_equal(start("enforcing", false), 0);
	assert_int_not_equal(start("enforcng", true), 0);
	assert_int_not_equal(xsm_boot(bad, sizeof(bad), "enforcing"), 0);
	assert_null(xsm_state());
	assert_int_equal(xsm_boot(bad, sizeof(bad), "permissive"), 0);
	assert_int_equal(start("permissive", false), 0);
	assert_false(xsm_enforcing);
	assert_int_equal(start("late", true), 0);
	assert_null(xsm_state());
	assert_int_equal(start("disabled", true), 0);
	assert_true(xsm_disabled);
	assert_null(xsm_state());
	xsm_disabled = false;
	assert_int_equal(start(NULL, true), 0);
	assert_true(xsm_enforcing);
	assert_non_null(xsm_state());
}

static void domains_see_themselves_and_their_target(void **state)
{
	(void)state;
	start_guests();
	assert_string_equal(sid_text(sid_seen(guest.sid, guest.sid | SID_OWN)),
			    LABEL("hvm_guest_t_self"));
	assert_int_equal(sid_seen(dom0.sid, dom0.sid | SID_OWN), dom0.sid);
	assert_int_equal(xsm_domain(&guest, &guest, XSM_MMU__PHYSMAP), 0);
	assert_int_equal(xsm_domain(&guest, &other, XSM_MMU__PHYSMAP), -EPERM);
	assert_int_equal(xsm_domain(&stub, &guest, XSM_HVM__DM), -EPERM);
	assert_int_equal(xsm_set_target(&driver, &stub, &guest), -EPERM);
	assert_int_equal(xsm_set_target(&dom0, &driver, &guest), -EPERM);
	assert_int_equal(xsm_set_target(&dom0, &stub, &guest), 0);
	assert_string_equal(sid_text(sid_seen(stub.sid, guest.sid | SID_OWN)),
			    LABEL("hvm_guest_t_target"));
	assert_int_equal(xsm_domain(&stub, &guest, XSM_HVM__DM), 0);
	assert_int_equal(xsm_domain(&stub, &guest, XSM_MMU__MAP_WRITE), 0);
	/* Pairwise: the other guest has the same label, and is out of reach. */
	assert_int_equal(xsm_domain(&stub, &other, XSM_HVM__DM), -EPERM);
	assert_int_equal(xsm_domain(&stub, &other, XSM_MMU__MAP_READ), -EPERM);
}

static void creation_is_checked(void **state)
{
	struct xsm_label l = { 0 };

	(void)state;
	start_guests();
	assert_int_equal(xsm_domain_create(&guest, 9, false, sid(LABEL("domU_t")), &l), -EPERM);
	assert_int_equal(xsm_domain_create(&dom0, 9, false, sid(LABEL("sealed_t")), &l), -EPERM);
	assert_int_equal(xsm_domain_create(&dom0, 9, false, 999999, &l), -EINVAL);
	assert_int_equal(xsm_domain_create(&dom0, 9, false, XSM_SID_XEN, &l), -EPERM);
	assert_int_equal(l.sid, 0);
	assert_int_equal(xsm_domain_create(&dom0, 9, false, 0, &l), 0);
	assert_string_equal(sid_text(l.sid), LABEL("domU_t"));
}

static void event_channels_have_labels(void **state)
{
	struct xsm_label a, b, tenant;
	uint32_t s = 0, t = 0;

	(void)state;
	start_guests();
	make(&a, 10, LABEL("domU_t"));
	make(&b, 11, LABEL("domU_t"));
	make(&tenant, 12, LABEL("tenant_a_t"));
	assert_int_equal(xsm_evtchn_unbound(&a, &a, &driver, &s), 0);
	assert_string_equal(sid_text(s), "system_u:object_r:domU_t_channel");
	assert_int_equal(xsm_evtchn_interdomain(&driver, &a, s, &t), 0);
	assert_string_equal(sid_text(t), "system_u:object_r:netdom_t_channel");
	assert_int_equal(xsm_evtchn_send(&a, s), 0);
	assert_int_equal(xsm_evtchn_send(&driver, t), 0);
	assert_int_equal(xsm_evtchn_send(&a, t), -EPERM);
	assert_int_equal(xsm_evtchn_status(&a, &a, s), 0);
	assert_int_equal(xsm_evtchn_status(&a, &a, 0), 0);
	assert_int_equal(xsm_evtchn_status(&a, &driver, t), -EPERM);
	/* Guests to guests: only when the boolean says so, and never between tenants. */
	assert_int_equal(xsm_evtchn_unbound(&a, &a, &b, &s), -EPERM);
	assert_int_equal(xsm_evtchn_unbound(&a, &a, &tenant, &s), -EPERM);
	/* For another domain: by Dom0, not by a guest. */
	assert_int_equal(xsm_evtchn_unbound(&dom0, &a, &dom0, &s), 0);
	assert_int_equal(xsm_evtchn_unbound(&b, &tenant, &driver, &s), -EPERM);
	/* The far end's label is what counts when the channel is bound. */
	assert_int_equal(xsm_evtchn_unbound(&a, &a, &driver, &s), 0);
	assert_int_equal(xsm_evtchn_interdomain(&b, &a, s, &t), -EPERM);
}

static long flask_op(const struct xsm_label *l, struct xen_flask_op *op)
{
	op->interface_version = XEN_FLASK_INTERFACE_VERSION;
	return xsm_flask_op(l, (gva_t) { (uintptr_t)op });
}

static long ocontext(const struct xsm_label *l, bool add, uint32_t kind, uint64_t low,
		     uint64_t high, const char *label)
{
	struct xen_flask_op op = { .cmd = add ? FLASK_ADD_OCONTEXT : FLASK_DEL_OCONTEXT };

	op.u.ocontext.ocon = kind;
	op.u.ocontext.low = low;
	op.u.ocontext.high = high;
	op.u.ocontext.sid = label ? sid(label) : 0;
	return flask_op(l, &op);
}

static void hardware_has_labels(void **state)
{
	const char *nic = "system_u:object_r:nic_t", *disk = "system_u:object_r:disk_t";

	(void)state;
	start_guests();
	/* Without a label of its own nobody can have it. */
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_PCI, 0x18, 0x18, XSM_RESOURCE__ADD_DEVICE),
		-EPERM);
	assert_int_equal(ocontext(&driver, true, OCON_PCI, 0x18, 0x18, nic), -EPERM);
	assert_int_equal(ocontext(&dom0, true, OCON_PCI, 0x18, 0x18, nic), 0);
	assert_int_equal(ocontext(&dom0, true, OCON_PCI, 0x18, 0x18, disk), -EEXIST);
	assert_int_equal(ocontext(&dom0, true, OCON_PCI, 0x19, 0x20, disk), -EINVAL);
	assert_int_equal(ocontext(&dom0, true, OCON_ISID, 1, 1, disk), -EINVAL);
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_PCI, 0x18, 0x18, XSM_RESOURCE__ADD_DEVICE), 0);
	assert_int_equal(
		xsm_resource(&driver, &driver, XSM_PCI, 0x18, 0x18, XSM_RESOURCE__ADD_DEVICE),
		-EPERM);
	assert_int_equal(xsm_resource(&dom0, &guest, XSM_PCI, 0x18, 0x18, XSM_RESOURCE__ADD_DEVICE),
			 -EPERM);
	assert_int_equal(xsm_resource(&dom0, NULL, XSM_PCI, 0x18, 0x18, XSM_RESOURCE__ADD_DEVICE),
			 -EPERM);
	assert_int_equal(xsm_resource(&dom0, NULL, XSM_PCI, 0x18, 0x18, XSM_RESOURCE__STAT_DEVICE),
			 0);
	assert_int_equal(xsm_pci_config(&driver, 0x18, 0x10, 0x13, true), 0);
	assert_int_equal(xsm_pci_config(&stub, 0x18, 0x10, 0x13, true), -EPERM);
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_PCI, 0x18, 0x18, XSM_RESOURCE__REMOVE_DEVICE), 0);
	assert_int_equal(ocontext(&dom0, false, OCON_PCI, 0x18, 0x18, NULL), 0);
	assert_int_equal(ocontext(&dom0, false, OCON_PCI, 0x18, 0x18, NULL), -ENOENT);
}

/* What a user of hardware needs: the IOMMU keeps it to its own; base addresses are "setup". */
static void hardware_is_used_through_an_iommu(void **state)
{
	(void)state;
	start_guests();
	assert_int_equal(ocontext(&dom0, true, OCON_PCI, 0x18, 0x18, "system_u:object_r:nic_t"), 0);
	host_log_clear();
	/* Its label is another domain's kind of device. */
	assert_int_equal(xsm_pci_config(&guest, 0x18, 0, 3, false), -EPERM);
	assert_non_null(strstr(host_log(), "{ use_iommu }"));
	assert_non_null(strstr(host_log(), "device=0000:00:03.0"));
	assert_int_equal(xsm_pci_config(&driver, 0x18, 0, 3, false), 0);
	assert_int_equal(xsm_pci_config(&driver, 0x18, 0, 0xf, true), 0);
	assert_int_equal(xsm_pci_config(&driver, 0x18, 0x28, 0x2b, true), 0);
	/* Of another label: neither reading nor moving it. */
	host_log_clear();
	assert_int_equal(xsm_pci_config(&guest, 0x18, 0, 0x10, true), -EPERM);
	assert_non_null(strstr(host_log(), "setup"));
	assert_int_equal(ocontext(&dom0, false, OCON_PCI, 0x18, 0x18, NULL), 0);
	/* What is denied is named: an interrupt, ports, frames. */
	host_log_clear();
	assert_int_equal(xsm_resource(&dom0, &driver, XSM_IRQ, 5, 5, XSM_RESOURCE__ADD_IRQ),
			 -EPERM);
	assert_non_null(strstr(host_log(), "irq=0x5-0x5"));
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_IOPORT, 0x60, 0x64, XSM_RESOURCE__ADD_IOPORT),
		-EPERM);
	assert_non_null(strstr(host_log(), "ioport=0x60-0x64"));
}

static void nobody_is_hidden_in_permissive_mode(void **state)
{
	(void)state;
	start_guests();
	xsm_enforcing = false;
	assert_true(xsm_may_see(&guest, &other));
	xsm_enforcing = true;
	assert_false(xsm_may_see(&guest, &other));
	assert_int_equal(xsm_domain_create(&dom0, 9, false, 4711, &other), -EINVAL);
	make(&other, 2, LABEL("hvm_guest_t"));
}

static void every_part_of_a_range_is_checked(void **state)
{
	const char *nic = "system_u:object_r:nic_t", *disk = "system_u:object_r:disk_t";

	(void)state;
	start_guests();
	assert_int_equal(ocontext(&dom0, true, OCON_IOMEM, 0x100, 0x1ff, nic), 0);
	assert_int_equal(ocontext(&dom0, true, OCON_IOMEM, 0x200, 0x2ff, nic), 0);
	assert_int_equal(ocontext(&dom0, true, OCON_IOMEM, 0x300, 0x300, disk), 0);
	assert_int_equal(ocontext(&dom0, true, OCON_IOMEM, 0x1f0, 0x210, nic), -EEXIST);
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_IOMEM, 0x100, 0x2ff, XSM_RESOURCE__ADD_IOMEM), 0);
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_IOMEM, 0x1ff, 0x200, XSM_RESOURCE__ADD_IOMEM), 0);
	/* One frame too many at either end, or a disk's, or backwards. */
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_IOMEM, 0xff, 0x2ff, XSM_RESOURCE__ADD_IOMEM),
		-EPERM);
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_IOMEM, 0x100, 0x300, XSM_RESOURCE__ADD_IOMEM),
		-EPERM);
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_IOMEM, 0x101, 0x100, XSM_RESOURCE__ADD_IOMEM),
		-EINVAL);
	assert_int_equal(
		xsm_resource(&dom0, &driver, XSM_IOMEM, 0, ~0UL, XSM_RESOURCE__REMOVE_IOMEM),
		-EPERM);
	assert_int_equal(ocontext(&dom0, false, OCON_IOMEM, 0x100, 0x1ff, NULL), 0);
	assert_int_equal(ocontext(&dom0, false, OCON_IOMEM, 0x200, 0x2ff, NULL), 0);
	assert_int_equal(ocontext(&dom0, false, OCON_IOMEM, 0x300, 0x300, NULL), 0);
}

static void sealing_takes_everything_away(void **state)
{
	struct xen_flask_op op = { .cmd = FLASK_RELABEL_DOMAIN };

	(void)state;
	start_guests();
	assert_int_equal(xsm_domain(&dom0, &sealed, XSM_MMU__MAP_WRITE), 0);
	assert_int_equal(xsm_domain(&driver, &sealed, XSM_MMU__MAP_READ), -EPERM);
	op.u.relabel.domid = 5;
	op.u.relabel.sid = sid(LABEL("sealed_t"));
	assert_int_equal(flask_op(&guest, &op), -EPERM);
	sealed.foreign_frames = 1; /* the builder still has its memory mapped */
	assert_int_equal(flask_op(&dom0, &op), -EBUSY);
	sealed.foreign_frames = 0;
	assert_int_equal(flask_op(&dom0, &op), 0);
	assert_string_equal(sid_text(sealed.sid), LABEL("sealed_t"));
	assert_string_equal(sid_text(sid_seen(sealed.sid, sealed.sid | SID_OWN)),
			    LABEL("sealed_t_self"));
	assert_int_equal(xsm_domain(&dom0, &sealed, XSM_MMU__MAP_READ), -EPERM);
	assert_int_equal(xsm_domain(&dom0, &sealed, XSM_DOMAIN__GETVCPUCONTEXT), -EPERM);
	assert_int_equal(xsm_domain(&dom0, &sealed, XSM_DOMAIN__SETDEBUGGING), -EPERM);
	assert_int_equal(xsm_domain(&dom0, &sealed, XSM_HVM__GETHVMC), -EPERM);
	assert_int_equal(xsm_domain(&dom0, &sealed, XSM_DOMAIN2__RESOURCE_MAP), -EPERM);
	assert_int_equal(xsm_set_target(&dom0, &stub, &sealed), -EPERM);
	assert_int_equal(xsm_domain(&dom0, &sealed, XSM_DOMAIN__UNPAUSE), 0);
	assert_int_equal(xsm_domain(&dom0, &sealed, XSM_DOMAIN__DESTROY), 0);
	assert_int_equal(xsm_domain(&sealed, &sealed, XSM_MMU__PHYSMAP), 0);
	/* For good. */
	op.u.relabel.sid = sid(LABEL("domU_t"));
	assert_int_equal(flask_op(&dom0, &op), -EPERM);
	op.u.relabel.sid = sid(LABEL("sealed_t_building"));
	assert_int_equal(flask_op(&dom0, &op), -EPERM);
}

static void only_dom0_uses_the_hypercall(void **state)
{
	static const uint32_t guarded[] = {
		FLASK_LOAD,    FLASK_SETENFORCE,  FLASK_CONTEXT_TO_SID, FLASK_SID_TO_CONTEXT,
		FLASK_ACCESS,  FLASK_CREATE,	  FLASK_RELABEL,	FLASK_MEMBER,
		FLASK_SETBOOL, FLASK_COMMITBOOLS, FLASK_ADD_OCONTEXT,	FLASK_DEL_OCONTEXT
	};
	size_t i;
	uint32_t cmd;

	(void)state;
	start_guests();
	for (i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++) {
		struct xen_flask_op op = { .cmd = guarded[i] };

		assert_int_equal(flask_op(&driver, &op), -EPERM);
		assert_true(xsm_enforcing);
	}
	for (cmd = FLASK_DEVICETREE_LABEL; cmd < 64; cmd++) {
		struct xen_flask_op op = { .cmd = cmd };

		assert_int_equal(flask_op(&dom0, &op), -ENOSYS);
	}
	assert_int_equal(xsm_flask_op(&dom0, (gva_t) { 0 }), -EFAULT);
}

static void labels_are_translated(void **state)
{
	char text[256] = LABEL("domU_t");
	struct xen_flask_op op = { .cmd = FLASK_CONTEXT_TO_SID };
	uint32_t s;

	(void)state;
	start_guests();
	op.u.sid_context.size = (uint32_t)strlen(text);
	set_xen_guest_handle(op.u.sid_context.context, text);
	assert_int_equal(flask_op(&dom0, &op), 0);
	s = op.u.sid_context.sid;
	op.cmd = FLASK_SID_TO_CONTEXT;
	op.u.sid_context.size = 10;
	assert_int_equal(flask_op(&dom0, &op), -ERANGE);
	assert_int_equal(op.u.sid_context.size, strlen(text) + 1);
	memset(text, 'x', sizeof(text));
	assert_int_equal(flask_op(&dom0, &op), 0);
	assert_string_equal(text, LABEL("domU_t"));
	op.u.sid_context.sid = 0;
	assert_int_equal(flask_op(&dom0, &op), -EINVAL);
	op.u.sid_context.sid = 4000;
	assert_int_equal(flask_op(&dom0, &op), -EINVAL);
	op = (struct xen_flask_op) { .cmd = FLASK_CONTEXT_TO_SID };
	op.u.sid_context.size = 1 << 30;
	set_xen_guest_handle(op.u.sid_context.context, text);
	assert_int_equal(flask_op(&dom0, &op), -EINVAL);
	op = (struct xen_flask_op) { .cmd = FLASK_ACCESS };
	op.u.access.ssid = XSM_SID_DOM0;
	op.u.access.tsid = s;
	op.u.access.tclass = XSM_CLASS_DOMAIN;
	assert_int_equal(flask_op(&dom0, &op), 0);
	assert_true(op.u.access.allowed >> (XSM_DOMAIN__PAUSE & 31) & 1);
	op.u.access.tclass = 0;
	assert_int_equal(flask_op(&dom0, &op), -EINVAL);
	op.u.access.tclass = XSM_CLASSES + 1;
	assert_int_equal(flask_op(&dom0, &op), -EINVAL);
	op = (struct xen_flask_op) { .cmd = FLASK_CREATE };
	op.u.transition.ssid = s;
	op.u.transition.tsid = s;
	op.u.transition.tclass = XSM_CLASS_DOMAIN;
	assert_int_equal(flask_op(&dom0, &op), 0);
	assert_string_equal(sid_text(op.u.transition.newsid), LABEL("domU_t_self"));
}

static void booleans_change_decisions(void **state)
{
	char name[64] = "guests_talk";
	struct xen_flask_op op = { .cmd = FLASK_SETBOOL };
	struct xsm_label a, b;

	(void)state;
	start_guests();
	make(&a, 10, LABEL("domU_t"));
	make(&b, 11, LABEL("domU_t"));
	assert_int_equal(xsm_domain(&a, &b, XSM_GRANT__MAP_READ), -EPERM);
	op.u.boolean.bool_id = ~0U;
	op.u.boolean.new_value = 1;
	op.u.boolean.size = (uint32_t)strlen(name);
	set_xen_guest_handle(op.u.boolean.name, name);
	assert_int_equal(flask_op(&dom0, &op), 0);
	assert_int_equal(op.u.boolean.enforcing, 0);
	assert_int_equal(op.u.boolean.pending, 1);
	assert_int_equal(xsm_domain(&a, &b, XSM_GRANT__MAP_READ), -EPERM);
	op.cmd = FLASK_COMMITBOOLS;
	assert_int_equal(flask_op(&dom0, &op), 0);
	assert_int_equal(xsm_domain(&a, &b, XSM_GRANT__MAP_READ), 0);
	op.cmd = FLASK_GETBOOL;
	op.u.boolean.size = 64;
	memset(name, 0, sizeof(name));
	assert_int_equal(flask_op(&dom0, &op), 0);
	assert_string_equal(name, "guests_talk");
	assert_int_equal(op.u.boolean.enforcing, 1);
	/* It stays so when the policy is loaded again. */
	assert_int_equal(start(NULL, true), 0);
	assert_int_equal(xsm_domain(&a, &b, XSM_GRANT__MAP_READ), 0);
	op.cmd = FLASK_SETBOOL;
	op.u.boolean.new_value = 0;
	op.u.boolean.commit = 1;
	assert_int_equal(flask_op(&dom0, &op), 0);
	assert_int_equal(xsm_domain(&a, &b, XSM_GRANT__MAP_READ), -EPERM);
	op.u.boolean.bool_id = 99;
	assert_int_equal(flask_op(&dom0, &op), -ENOENT);
	op.cmd = FLASK_GETBOOL;
	assert_int_equal(flask_op(&dom0, &op), -ENOENT);
}

static unsigned int count(const char *what)
{
	const char *at = host_log();
	unsigned int n = 0;

	while ((at = strstr(at, what))) {
		n++;
		at++;
	}
	return n;
}

/* REQ flask: logged once per question and interval, with all that an administrator needs. */
static void denials_are_logged(void **state)
{
	int i;

	(void)state;
	host_time += 60 * 1000000000ULL;
	start_guests();
	host_log_clear();
	for (i = 0; i < 1000; i++)
		assert_int_equal(xsm_domain(&driver, &guest, XSM_MMU__MAP_READ), -EPERM);
	assert_int_equal(count("avc:  denied"), 1);
	assert_non_null(strstr(
		host_log(),
		"FLASK: avc:  denied  { map_read } for domid=4 target=1 "
		"scontext=" LABEL(
			"netdom_t") " "
				    "tcontext=" LABEL(
					    "hvm_guest_t") " "
							   "tclass=mmu permissive=0 times=1 "
							   "op=XENMEM_add_to_physmap_batch\n"));
	assert_non_null(
		strstr(host_log(), "FLASK: needed: allow netdom_t hvm_guest_t:mmu map_read;\n"));
	assert_int_equal(xsm_domain(&driver, &guest, XSM_MMU__MAP_WRITE), -EPERM);
	assert_int_equal(count("avc:  denied"), 2);
	host_time += 11 * 1000000000ULL;
	assert_int_equal(xsm_domain(&driver, &guest, XSM_MMU__MAP_READ), -EPERM);
	assert_int_equal(count("avc:  denied"), 3);
	assert_non_null(strstr(host_log(), "times=1000 "));
}

static void a_flood_of_denials_is_bounded(void **state)
{
	const struct xsm_audit nothing = { 0 };
	uint32_t s, t, c, b;

	(void)state;
	host_time += 60 * 1000000000ULL;
	start_guests();
	host_log_clear();
	for (s = 1; s <= XSM_SID_INITIAL; s++)
		for (t = 1; t <= XSM_SID_INITIAL; t++)
			for (c = 1; c <= XSM_CLASSES; c++)
				for (b = 0; b < xsm_classes[c].perms; b++) {
					(void)avc_check(s, t, (enum xsm_perm)(c << 5 | b),
							&nothing);
					if (b % 8 == 7)
						host_log_clear();
				}
	host_log_clear();
	for (b = 0; b < 1000; b++)
		(void)avc_check(XSM_SID_IRQ, 100 + b, XSM_DOMAIN__PAUSE, &nothing);
	assert_true(count("avc:  denied") < 100);
}

static void permissive_allows_and_says_so(void **state)
{
	struct xen_flask_op op = { .cmd = FLASK_SETENFORCE };

	(void)state;
	host_time += 60 * 1000000000ULL;
	start_guests();
	assert_int_equal(flask_op(&dom0, &op), 0);
	host_log_clear();
	assert_int_equal(xsm_domain(&driver, &guest, XSM_MMU__MAP_READ), 0);
	assert_non_null(strstr(host_log(), "permissive=1"));
	op.cmd = FLASK_GETENFORCE;
	assert_int_equal(flask_op(&dom0, &op), 0);
	op.cmd = FLASK_SETENFORCE;
	op.u.enforce.enforcing = 1;
	assert_int_equal(flask_op(&dom0, &op), 0);
	op.cmd = FLASK_GETENFORCE;
	assert_int_equal(flask_op(&dom0, &op), 1);
	assert_int_equal(xsm_domain(&driver, &guest, XSM_MMU__MAP_READ), -EPERM);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		/* First: once there is a policy, there is no way back. */
		cmocka_unit_test(built_in_rules_hold_without_policy),
		cmocka_unit_test(built_in_rules_for_channels_and_hardware),
		cmocka_unit_test(boot_options_are_obeyed),
		cmocka_unit_test(domains_see_themselves_and_their_target),
		cmocka_unit_test(creation_is_checked),
		cmocka_unit_test(event_channels_have_labels),
		cmocka_unit_test(hardware_has_labels),
		cmocka_unit_test(hardware_is_used_through_an_iommu),
		cmocka_unit_test(nobody_is_hidden_in_permissive_mode),
		cmocka_unit_test(every_part_of_a_range_is_checked),
		cmocka_unit_test(sealing_takes_everything_away),
		cmocka_unit_test(only_dom0_uses_the_hypercall),
		cmocka_unit_test(labels_are_translated),
		cmocka_unit_test(booleans_change_decisions),
		cmocka_unit_test(denials_are_logged),
		cmocka_unit_test(a_flood_of_denials_is_bounded),
		cmocka_unit_test(permissive_allows_and_says_so),
	};
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;

	if (!f)
		return 2;
	policy_len = fread(policy_data, 1, sizeof(policy_data), f);
	fclose(f);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
