/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall's every operation: what it takes, what it gives back, what it refuses; policies with
 * other permissions than the core's; messages. REQ flask/core, flask/tools. Arguments: the shipped
 * policy, that of xsm-policy/test/server.conf, and this with another list of permissions, saying to
 * deny, allow and reject what it lacks.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xen_abi.h"
#include "bulkhead_abi.h"
#include "host.h"
#include "x86/cpu.h"
#include "xsm/state.h"

enum {
	SHIPPED,
	SERVER,
	ODD_DENY,
	ODD_ALLOW,
	ODD_REJECT,
	FILES
};

static struct {
	uint8_t data[POLICY_SIZE_MAX];
	size_t len;
} file[FILES];

#define TENANT "system_u:system_r:tenant_a_t"

static struct xsm_label dom0, guest;
static struct xsm_label *labels[] = { &dom0, &guest, NULL };

static long call(struct xen_flask_op *op)
{
	op->interface_version = XEN_FLASK_INTERFACE_VERSION;
	return xsm_flask_op(&dom0, (gva_t) { (uintptr_t)op });
}

static long load(unsigned int which)
{
	struct xen_flask_op op = { .cmd = FLASK_LOAD };

	op.u.load.size = (uint32_t)file[which].len;
	set_xen_guest_handle(op.u.load.buffer, (char *)file[which].data);
	return call(&op);
}

static uint32_t sid(const char *text)
{
	uint32_t s = 0;

	assert_int_equal(sid_of_text(text, &s), 0);
	return s;
}

static void start(void)
{
	host_labels = labels;
	assert_int_equal(xsm_boot(file[SHIPPED].data, file[SHIPPED].len, NULL), 0);
	assert_int_equal(xsm_domain_create(NULL, 0, true, 0, &dom0), 0);
	assert_int_equal(xsm_domain_create(&dom0, 1, false, 0, &guest), 0);
	host_time += 60 * 1000000000ULL;
	host_log_clear();
}

/* First, as there is no way back from a policy. */
static void without_policy_little_is_there(void **state)
{
	struct xen_flask_op op = { .cmd = FLASK_GETBOOL };
	char text[64] = "unlabeled";

	(void)state;
	host_labels = labels;
	assert_int_equal(xsm_cpu_init(), 0);
	assert_int_equal(xsm_boot(NULL, 0, "late"), 0);
	assert_int_equal(xsm_domain_create(NULL, 0, true, 0, &dom0), 0);
	assert_int_equal(xsm_domain_create(&dom0, 1, false, 0, &guest), 0);
	assert_int_equal(xsm_domain_create(&dom0, 2, false, 14, &guest), -EINVAL);
	assert_int_equal(xsm_domain_create(&guest, 2, false, 0, &dom0), -EPERM);
	assert_int_equal(call(&op), -ENOENT);
	op.cmd = FLASK_SETBOOL;
	assert_int_equal(call(&op), -ENOENT);
	op.cmd = FLASK_COMMITBOOLS;
	assert_int_equal(call(&op), -ENOENT);
	op.cmd = FLASK_MLS; /* no program asks for it */
	assert_int_equal(call(&op), -ENOSYS);
	op = (struct xen_flask_op) { .cmd = BULKHEAD_FLASK_LABELS };
	assert_int_equal(call(&op), -ENOENT);
	op = (struct xen_flask_op) { .cmd = FLASK_CREATE };
	op.u.transition.ssid = op.u.transition.tsid = op.u.transition.tclass = 1;
	assert_int_equal(call(&op), -EINVAL);
	op = (struct xen_flask_op) { .cmd = FLASK_ADD_OCONTEXT };
	op.u.ocontext.ocon = OCON_PIRQ;
	op.u.ocontext.sid = XSM_SID_IRQ;
	assert_int_equal(call(&op), -EINVAL);
	op = (struct xen_flask_op) { .cmd = FLASK_RELABEL_DOMAIN };
	op.u.relabel.sid = XSM_SID_DOMU;
	assert_int_equal(call(&op), -EINVAL);
	/* Everything is allowed to Dom0, and labels are the names of the initial SIDs. */
	op = (struct xen_flask_op) { .cmd = FLASK_ACCESS };
	op.u.access.ssid = op.u.access.tsid = op.u.access.tclass = 1;
	assert_int_equal(call(&op), 0);
	assert_int_equal(op.u.access.allowed, ~0U);
	op = (struct xen_flask_op) { .cmd = FLASK_CONTEXT_TO_SID };
	op.u.sid_context.size = (uint32_t)strlen(text);
	set_xen_guest_handle(op.u.sid_context.context, text);
	assert_int_equal(call(&op), 0);
	assert_int_equal(op.u.sid_context.sid, XSM_SID_UNLABELED);
	text[0] = 'x';
	assert_int_equal(call(&op), -EINVAL);
	assert_string_equal(sid_text(99), "unlabeled");
	assert_true(xsm_may_see(&dom0, &guest));
	assert_false(xsm_may_see(&guest, &dom0));
	/* Devices are for who has been given them; a range must go forwards. */
	assert_int_equal(xsm_pci_config(&guest, 1, 0x10, 0x10, true), 0);
	assert_int_equal(xsm_resource(&dom0, &guest, XSM_IRQ, 1, 1, XSM_RESOURCE__ADD_IRQ), 0);
	assert_int_equal(xsm_resource(&guest, &guest, XSM_IRQ, 1, 1, XSM_RESOURCE__ADD_IRQ),
			 -EPERM);
	assert_int_equal(xsm_evtchn_status(&guest, &guest, 0), 0);
	assert_int_equal(xsm_evtchn_status(&guest, &dom0, 0), -EPERM);
	assert_int_equal(xsm_evtchn_send(&guest, XSM_SID_UNLABELED), 0);
}

static void memory_of_the_caller_is_checked(void **state)
{
	struct xen_flask_op op = { .cmd = FLASK_LOAD };

	(void)state;
	start();
	op.u.load.size = 100;
	assert_int_equal(call(&op), -EFAULT);
	op.u.load.size = 0;
	assert_int_equal(call(&op), -EINVAL);
	op.u.load.size = POLICY_SIZE_MAX + 1;
	assert_int_equal(call(&op), -EINVAL);
	assert_non_null(strstr(host_log(), "at most 2 MiB"));
	host_fail_after = 1;
	op.u.load.size = 100;
	assert_int_equal(call(&op), -ENOMEM);
	op = (struct xen_flask_op) { .cmd = FLASK_CONTEXT_TO_SID };
	op.u.sid_context.size = 5;
	assert_int_equal(call(&op), -ENOMEM);
	host_fail_after = 0;
	assert_int_equal(call(&op), -EFAULT);
	op.u.sid_context.size = 0;
	assert_int_equal(call(&op), -EINVAL);
	op = (struct xen_flask_op) { .cmd = FLASK_GETENFORCE, .interface_version = 77 };
	assert_int_equal(xsm_flask_op(&dom0, (gva_t) { (uintptr_t)&op }), -ENOSYS);
	xsm_disabled = true;
	assert_int_equal(call(&op), -ENOSYS);
	xsm_disabled = false;
	assert_int_equal(call(&op), 1);
	op.cmd = FLASK_POLICYVERS;
	assert_int_equal(call(&op), 30);
}

/* REQ flask/core: the second of two changes does not make its CPU spin. */
static void a_second_change_starts_again(void **state)
{
	static const uint32_t changes[] = { FLASK_LOAD, FLASK_SETBOOL, FLASK_COMMITBOOLS,
					    FLASK_RELABEL_DOMAIN };
	struct xen_flask_op op;
	uint32_t seq, i;

	(void)state;
	start();
	seq = xsm_seq;
	xsm_changing = true; /* on another CPU */
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		op = (struct xen_flask_op) { .cmd = changes[i] };
		assert_int_equal(call(&op), -ERESTART_CALL);
	}
	/* Who may not change anything is told so at once, and what changes nothing goes on. */
	op = (struct xen_flask_op) { .cmd = FLASK_LOAD,
				     .interface_version = XEN_FLASK_INTERFACE_VERSION };
	assert_int_equal(xsm_flask_op(&guest, (gva_t) { (uintptr_t)&op }), -EPERM);
	op.cmd = FLASK_GETENFORCE;
	assert_int_equal(call(&op), 1);
	op.cmd = FLASK_ADD_OCONTEXT;
	assert_int_equal(call(&op), -EINVAL);
	op.cmd = FLASK_DEL_OCONTEXT;
	assert_int_equal(call(&op), -EINVAL);
	assert_int_equal(xsm_seq, seq);
	xsm_changing = false;
	assert_int_equal(load(SHIPPED), 0);
	assert_int_equal(xsm_seq, seq + 1);
}

static void booleans_by_name_and_number(void **state)
{
	char name[64] = "";
	struct xen_flask_op op = { .cmd = FLASK_GETBOOL };
	uint32_t id;

	(void)state;
	start();
	set_xen_guest_handle(op.u.boolean.name, name);
	op.u.boolean.size = sizeof(name);
	assert_int_equal(call(&op), 0);
	assert_int_equal(op.u.boolean.size, strlen(name) + 1);
	assert_string_equal(name, "guests_talk");
	op.u.boolean.size = 3;
	assert_int_equal(call(&op), -ERANGE);
	op.u.boolean.bool_id = 1;
	assert_int_equal(call(&op), -ENOENT);
	op.u.boolean.bool_id = ~0U;
	op.u.boolean.size = 0;
	assert_int_equal(call(&op), -EINVAL);
	strcpy(name, "nosuch");
	op.u.boolean.size = 6;
	assert_int_equal(call(&op), -ENOENT);
	strcpy(name, "guests_talk");
	op.u.boolean.size = 11;
	assert_int_equal(call(&op), 0);
	id = op.u.boolean.bool_id;
	/* Set, but not committed: pending. Committed with all others. */
	op = (struct xen_flask_op) { .cmd = FLASK_SETBOOL };
	op.u.boolean.bool_id = id;
	op.u.boolean.new_value = 1;
	assert_int_equal(call(&op), 0);
	assert_int_equal(op.u.boolean.enforcing, 0);
	assert_int_equal(op.u.boolean.pending, 1);
	/* A label of hardware that is given meanwhile leaves it pending. */
	op = (struct xen_flask_op) { .cmd = FLASK_ADD_OCONTEXT };
	op.u.ocontext.ocon = OCON_PIRQ;
	op.u.ocontext.low = op.u.ocontext.high = 7;
	op.u.ocontext.sid = sid("system_u:object_r:nic_t");
	assert_int_equal(call(&op), 0);
	op.cmd = FLASK_DEL_OCONTEXT;
	assert_int_equal(call(&op), 0);
	op = (struct xen_flask_op) { .cmd = FLASK_GETBOOL };
	op.u.boolean.bool_id = id;
	assert_int_equal(call(&op), 0);
	assert_int_equal(op.u.boolean.enforcing, 0);
	assert_int_equal(op.u.boolean.pending, 1);
	op.cmd = FLASK_COMMITBOOLS;
	host_fail_after = 1;
	assert_int_equal(call(&op), -ENOMEM);
	host_fail_after = 0;
	assert_int_equal(call(&op), 0);
	op.cmd = FLASK_GETBOOL;
	assert_int_equal(call(&op), 0);
	assert_int_equal(op.u.boolean.enforcing, 1);
	op.cmd = FLASK_SETBOOL;
	op.u.boolean.new_value = 0;
	op.u.boolean.commit = 1;
	host_fail_after = 1;
	assert_int_equal(call(&op), -ENOMEM);
	host_fail_after = 0;
	assert_int_equal(call(&op), 0);
}

static void transitions_are_told(void **state)
{
	struct xen_flask_op op = { .cmd = FLASK_RELABEL };
	struct xen_flask_transition *t = &op.u.transition;

	(void)state;
	start();
	t->ssid = t->tsid = sid("system_u:system_r:domU_t");
	t->tclass = XSM_CLASS_DOMAIN;
	assert_int_equal(call(&op), 0);
	assert_string_equal(sid_text(t->newsid), "system_u:system_r:domU_t");
	op.cmd = FLASK_MEMBER;
	assert_int_equal(call(&op), 0);
	op.cmd = FLASK_CREATE;
	t->tclass = 0;
	assert_int_equal(call(&op), -EINVAL);
	t->tclass = XSM_CLASSES + 1;
	assert_int_equal(call(&op), -EINVAL);
	t->tclass = 1;
	t->ssid = 4000;
	assert_int_equal(call(&op), -EINVAL);
	t->ssid = 1;
	t->tsid = 0;
	assert_int_equal(call(&op), -EINVAL);
	/* system_r goes with no security_t. */
	host_log_clear();
	t->ssid = XSM_SID_SECURITY;
	t->tsid = XSM_SID_DOM0;
	t->tclass = XSM_CLASS_DOMAIN;
	assert_int_equal(call(&op), 0);
	op = (struct xen_flask_op) { .cmd = FLASK_ACCESS };
	op.u.access.ssid = 4000;
	op.u.access.tsid = op.u.access.tclass = 1;
	assert_int_equal(call(&op), -EINVAL);
	op.u.access.ssid = 1;
	op.u.access.tsid = 4000;
	assert_int_equal(call(&op), -EINVAL);
}

static void statistics_are_told(void **state)
{
	struct xen_flask_op op = { .cmd = FLASK_AVC_CACHESTATS };

	(void)state;
	start();
	assert_int_equal(xsm_domain(&dom0, &guest, XSM_DOMAIN__PAUSE), 0);
	assert_int_equal(xsm_domain(&dom0, &guest, XSM_DOMAIN__PAUSE), 0);
	assert_int_equal(call(&op), 0);
	assert_true(op.u.cache_stats.hits >= 1 && op.u.cache_stats.misses >= 1);
	assert_int_equal(op.u.cache_stats.hits + op.u.cache_stats.misses, op.u.cache_stats.lookups);
	op.u.cache_stats.cpu = 1;
	assert_int_equal(call(&op), -ENOENT);
	/* The cache's size is fixed. */
	op.cmd = FLASK_AVC_HASHSTATS;
	assert_int_equal(call(&op), -ENOSYS);
	op.cmd = FLASK_SETAVC_THRESHOLD;
	assert_int_equal(call(&op), -ENOSYS);
	op.cmd = FLASK_GETAVC_THRESHOLD;
	assert_int_equal(call(&op), -ENOSYS);
	/* Whom it talks to, a domain is not told. */
	op.cmd = FLASK_GET_PEER_SID;
	assert_int_equal(call(&op), -ENOSYS);
}

static const char *label_at(uint32_t kind, uint64_t number, uint64_t *last)
{
	struct xen_flask_op op = { .cmd = BULKHEAD_FLASK_GET_OCONTEXT };

	op.u.ocontext.ocon = kind;
	op.u.ocontext.low = number;
	assert_int_equal(call(&op), 0);
	*last = op.u.ocontext.high;
	return sid_text(op.u.ocontext.sid);
}

static void labels_of_hardware_are_told(void **state)
{
	static const uint64_t beyond[] = {
		[OCON_PIRQ] = 1UL << 32, [OCON_IOPORT] = 0x10000, [OCON_PCI] = 1UL << 32
	};
	struct xen_flask_op op = { .cmd = FLASK_ADD_OCONTEXT };
	uint64_t last;
	uint32_t kind;

	(void)state;
	start();
	assert_string_equal(label_at(OCON_IOPORT, 0x2f8, &last), "system_u:object_r:ioport_t");
	assert_int_equal(last, 0xffff);
	op.u.ocontext.ocon = OCON_IOPORT;
	op.u.ocontext.low = 0x2f8;
	op.u.ocontext.high = 0x2ff;
	op.u.ocontext.sid = sid("system_u:object_r:nic_t");
	assert_int_equal(call(&op), 0);
	op.u.ocontext.low = 0x2ff; /* no two labels for one port */
	op.u.ocontext.high = 0x300;
	assert_int_equal(call(&op), -EEXIST);
	op.u.ocontext.low = 0x2f8;
	op.u.ocontext.high = 0x2ff;
	label_at(OCON_IOPORT, 0x2f0, &last);
	assert_int_equal(last, 0x2f7);
	assert_string_equal(label_at(OCON_IOPORT, 0x2f9, &last), "system_u:object_r:nic_t");
	assert_int_equal(last, 0x2ff);
	op.u.ocontext.low = 0x2f9; /* another range than was given */
	op.cmd = FLASK_DEL_OCONTEXT;
	assert_int_equal(call(&op), -ENOENT);
	op.u.ocontext.low = 0x2f8;
	assert_int_equal(call(&op), 0);
	op.cmd = FLASK_ADD_OCONTEXT;
	op.u.ocontext.sid = 4000;
	assert_int_equal(call(&op), -EINVAL);
	for (kind = OCON_PIRQ; kind <= OCON_PCI; kind++) {
		op.u.ocontext.ocon = kind;
		op.u.ocontext.low = op.u.ocontext.high = beyond[kind];
		op.u.ocontext.sid = XSM_SID_IRQ;
		assert_int_equal(call(&op), kind == OCON_IOMEM ? 0 : -EINVAL);
	}
	op.u.ocontext.ocon = OCON_IOMEM;
	op.u.ocontext.low = 2;
	op.u.ocontext.high = 1;
	assert_int_equal(call(&op), -EINVAL);
	op.cmd = BULKHEAD_FLASK_GET_OCONTEXT;
	op.u.ocontext.ocon = OCON_DEVICETREE;
	assert_int_equal(call(&op), -EINVAL);
	op.cmd = FLASK_DEL_OCONTEXT;
	op.u.ocontext.ocon = OCON_IOMEM;
	op.u.ocontext.low = op.u.ocontext.high = 0;
	assert_int_equal(call(&op), 0);
	/* As many as there is room for, and no more. */
	op.cmd = FLASK_ADD_OCONTEXT;
	for (kind = 0; kind < XSM_LOCAL_MAX; kind++) {
		op.u.ocontext.low = op.u.ocontext.high = kind;
		assert_int_equal(call(&op), 0);
	}
	op.u.ocontext.low = op.u.ocontext.high = kind;
	assert_int_equal(call(&op), -ENOSPC);
	op.cmd = FLASK_DEL_OCONTEXT;
	while (kind--) {
		op.u.ocontext.low = op.u.ocontext.high = kind;
		assert_int_equal(call(&op), 0);
	}
	/* Those of a policy, with what is between them. */
	assert_int_equal(load(SERVER), 0);
	assert_string_equal(label_at(OCON_IOMEM, 0xfee00, &last), "first_u:object_r:c_t:s0");
	assert_int_equal(last, 0xfee0f);
	label_at(OCON_IOMEM, 0xfee10, &last);
	assert_int_equal(last, 0xfee1f);
	assert_string_equal(label_at(OCON_PIRQ, 9, &last), "first_u:object_r:a_t:s0");
	assert_string_equal(label_at(OCON_PCI, 0x18, &last), "first_u:object_r:c_t:s0");
	start();
}

static void labels_for_domains_are_listed(void **state)
{
	char text[256], all[4096] = "";
	struct xen_flask_op op = { .cmd = BULKHEAD_FLASK_LABELS };
	long r;

	(void)state;
	start();
	set_xen_guest_handle(op.u.sid_context.context, text);
	op.u.sid_context.size = 3;
	assert_int_equal(call(&op), -ERANGE);
	op.u.sid_context.sid = 0;
	for (;;) {
		op.u.sid_context.size = sizeof(text);
		r = call(&op);
		if (r)
			break;
		strcat(strcat(all, text), "\n");
	}
	assert_int_equal(r, -ENOENT);
	assert_non_null(strstr(all, "system_u:system_r:domU_t\n"));
	assert_non_null(strstr(all, "system_u:system_r:sealed_t_building\n"));
	assert_null(strstr(all, "dom0_t\n"));	/* nobody makes another one */
	assert_null(strstr(all, "sealed_t\n")); /* by way of its building label only */
	assert_null(strstr(all, "_self"));
	op.interface_version = XEN_FLASK_INTERFACE_VERSION;
	assert_int_equal(xsm_flask_op(&guest, (gva_t) { (uintptr_t)&op }), -EPERM);
	op.u.sid_context.sid = ~0U;
	assert_int_equal(call(&op), -ENOENT);
}

static void relabelling_is_checked(void **state)
{
	struct xen_flask_op op = { .cmd = FLASK_RELABEL_DOMAIN };

	(void)state;
	start();
	op.u.relabel.domid = 0x10000;
	op.u.relabel.sid = 1;
	assert_int_equal(call(&op), -ESRCH);
	op.u.relabel.domid = 55;
	assert_int_equal(call(&op), -ESRCH);
	op.u.relabel.domid = 1;
	op.u.relabel.sid = 0;
	assert_int_equal(call(&op), -EINVAL);
	op.u.relabel.domid = DOMID_SELF;
	op.u.relabel.sid = sid("system_u:system_r:domU_t");
	assert_int_equal(call(&op), -EPERM);
	assert_non_null(strstr(host_log(), "denied  { relabelself }"));
	/* A domain that may relabel itself, and what validatetrans says to that. */
	assert_int_equal(load(SERVER), 0);
	dom0.sid = guest.sid = sid("first_u:one_r:b_t:s0");
	op.u.relabel.sid = sid("first_u:one_r:b_t:s1:c1");
	host_log_clear();
	assert_int_equal(call(&op), -EPERM);
	assert_non_null(strstr(host_log(), "validatetrans forbids"));
	xsm_enforcing = false;
	assert_int_equal(call(&op), 0);
	xsm_enforcing = true;
	assert_int_equal(dom0.sid, op.u.relabel.sid);
	start();
}

/*
 * A domain that is being made is in no list yet, and a device model may get another label than it had
 * when it got its target: how they see themselves and each other follows from the policy in force.
 */
static void new_policies_and_labels_reach_every_domain(void **state)
{
	struct xen_flask_op op = { .cmd = FLASK_RELABEL_DOMAIN };
	struct xsm_label made, model;

	(void)state;
	start();
	assert_int_equal(load(SERVER), 0);
	assert_int_equal(xsm_domain_create(&dom0, 2, false, 0, &made), 0);
	assert_int_equal(load(SHIPPED), 0);
	assert_int_equal(xsm_domain(&made, &made, XSM_GRANT__SETUP), 0);
	assert_int_equal(xsm_domain(&made, &guest, XSM_GRANT__SETUP), -EPERM);
	xsm_enforcing = false;
	labels[1] = &model;
	assert_int_equal(xsm_domain_create(&dom0, 3, false, 0, &model), 0);
	assert_int_equal(
		xsm_domain_create(&dom0, 1, false, sid("system_u:system_r:hvm_guest_t"), &guest),
		0);
	assert_int_equal(xsm_set_target(&dom0, &model, &guest), 0);
	op.u.relabel.domid = 3;
	op.u.relabel.sid = sid("system_u:system_r:stubdom_t");
	assert_int_equal(call(&op), 0);
	xsm_enforcing = true;
	labels[1] = &guest;
	assert_int_equal(xsm_domain(&model, &guest, XSM_HVM__DM), 0);
	start();
}

static int count(const char *what)
{
	const char *at = host_log();
	int n = 0;

	while ((at = strstr(at, what))) {
		n++;
		at++;
	}
	return n;
}

/* REQ flask/core: loads with a list, and the handle-unknown rule decides. */
static void policies_may_lack_permissions(void **state)
{
	uint32_t tenant;

	(void)state;
	start();
	host_log_clear();
	/* A label that this policy does not have: as rules see it, and with its text in the message. */
	tenant = sid(TENANT);
	assert_int_equal(load(ODD_DENY), 0);
	(void)avc_check(tenant, tenant, XSM_XEN__HEAP, &(struct xsm_audit) { 0 });
	assert_int_equal(count("scontext=" TENANT " tcontext=" TENANT " "), 1);
	assert_int_equal(count("FLASK: needed: allow x_t x_t:xen heap;"), 1);
	assert_int_equal(count("FLASK: the policy lacks hvm:dm\n"), 1);
	assert_int_equal(count("FLASK: the policy has domain:nonsense, which the core does not\n"),
			 1);
	assert_int_equal(count("the policy lacks"), 1);
	assert_int_equal(
		avc_check(XSM_SID_DOM0, XSM_SID_DOMU, XSM_HVM__DM, &(struct xsm_audit) { 0 }),
		-EPERM);
	assert_int_equal(load(ODD_ALLOW), 0);
	assert_int_equal(
		avc_check(XSM_SID_DOM0, XSM_SID_DOMU, XSM_HVM__DM, &(struct xsm_audit) { 0 }), 0);
	assert_int_equal(
		avc_check(XSM_SID_DOM0, XSM_SID_DOMU, XSM_HVM__GETPARAM, &(struct xsm_audit) { 0 }),
		-EPERM);
	host_log_clear();
	assert_int_equal(load(ODD_REJECT), -EINVAL);
	assert_int_equal(count("FLASK: policy refused: it lacks permissions"), 1);
	assert_int_equal(load(SHIPPED), 0);
}

static void messages_say_what_was_tried(void **state)
{
	uint64_t last;

	(void)state;
	start();
	assert_int_equal(
		xsm_resource(&guest, NULL, XSM_PCI, 0x10018, 0x10018, XSM_RESOURCE__STAT_DEVICE),
		-EPERM);
	assert_non_null(strstr(host_log(), "domid=1 device=0001:00:03.0 scontext="));
	assert_int_equal(
		xsm_resource(&guest, NULL, XSM_IOMEM, 0xfebf0, 0xfebf1, XSM_RESOURCE__SETUP),
		-EPERM);
	assert_non_null(strstr(host_log(), "iomem=0xfebf0-0xfebf1"));
	assert_int_equal(xsm_resource(&guest, NULL, XSM_IOPORT, 0x3f8, 0x3f9, XSM_RESOURCE__SETUP),
			 -EPERM);
	assert_non_null(strstr(host_log(), "ioport=0x3f8-0x3f9"));
	assert_int_equal(xsm_resource(&guest, NULL, XSM_IRQ, 9, 9, XSM_RESOURCE__PLUG), -EPERM);
	assert_non_null(strstr(host_log(), "irq=0x9-0x9"));
	/* Rules that are audited although they allow; what is not audited although denied; what a
	   constraint takes away. */
	assert_int_equal(load(SERVER), 0);
	dom0.sid = sid("first_u:one_r:a_t:s0");
	guest.sid = sid("first_u:one_r:b_t:s0");
	host_log_clear();
	assert_int_equal(xsm_domain(&dom0, &guest, XSM_XEN__DEBUG), 0);
	assert_int_equal(count("avc:  granted  { debug }"), 1);
	assert_int_equal(xsm_domain(&dom0, &guest, XSM_XEN__SETTIME), 0);
	assert_int_equal(xsm_domain(&dom0, &guest, XSM_XEN__KEXEC), -EPERM);
	assert_int_equal(count("avc:"), 1);
	assert_int_equal(xsm_domain(&dom0, &guest, XSM_DOMAIN2__GETTSC), -EPERM);
	assert_int_equal(count("FLASK: a rule allows domain2:gettsc, but a constraint"), 1);
	/* A type that is permissive by itself. */
	dom0.sid = sid("first_u:one_r:loose_t:s0");
	assert_int_equal(xsm_domain(&dom0, &guest, XSM_XEN__HEAP), 0);
	assert_int_equal(count("permissive=1"), 1);
	label_at(OCON_PIRQ, 0, &last);
	assert_false(xsm_may_see(&guest, &dom0) && false);
	start();
}

/* flask=uses: each right once, for the list of rules that nothing uses. */
static void uses_are_logged_once(void **state)
{
	int i;

	(void)state;
	start();
	assert_int_equal(xsm_boot(file[SHIPPED].data, file[SHIPPED].len, "enforcing,uses"), 0);
	assert_true(xsm_log_uses && xsm_enforcing);
	assert_int_equal(xsm_domain_create(&dom0, 1, false, 0, &guest), 0);
	host_log_clear();
	for (i = 0; i < 100; i++) {
		assert_int_equal(xsm_domain(&dom0, &guest, XSM_DOMAIN__PAUSE), 0);
		assert_int_equal(xsm_domain(&guest, &guest, XSM_GRANT__SETUP), 0);
		assert_true(xsm_may_see(&dom0, &guest));
		host_time += 1000000000ULL;
	}
	assert_int_equal(count("FLASK: used: allow dom0_t domU_t:domain pause;\n"), 1);
	assert_int_equal(count("FLASK: used: allow domU_t domU_t_self:grant setup;\n"), 1);
	assert_int_equal(count("FLASK: used: allow dom0_t domU_t:domain getdomaininfo;\n"), 1);
	assert_int_equal(count("FLASK: used"), 3);
	assert_int_equal(xsm_domain(&guest, &dom0, XSM_DOMAIN__PAUSE), -EPERM);
	assert_int_equal(count("FLASK: used"), 3);
	assert_int_equal(xsm_boot(NULL, 0, "uses,nonsense"), -EINVAL);
	assert_int_equal(xsm_boot(NULL, 0, "permissiv"), -EINVAL);
	assert_int_equal(xsm_boot(NULL, 0, "uses enforcing"), -EINVAL);
	xsm_log_uses = false;
	start();
}

/* A channel between domains for which the policy has no label. */
static void without_memory_no_channel(void **state)
{
	uint32_t s, t;

	(void)state;
	start();
	host_fail_after = 1;
	assert_int_equal(xsm_evtchn_unbound(&guest, &guest, &dom0, &s), -ENOMEM);
	host_fail_after = 0;
	assert_int_equal(xsm_evtchn_unbound(&guest, &guest, &dom0, &s), 0);
	host_fail_after = 1;
	assert_int_equal(xsm_evtchn_interdomain(&dom0, &guest, s, &t), -ENOMEM);
	host_fail_after = 0;
	/* An offer whose label is that of another kind of channel is not taken. */
	assert_int_equal(xsm_evtchn_interdomain(&dom0, &guest, XSM_SID_UNLABELED, &t), -EPERM);
	assert_int_equal(xsm_evtchn_interdomain(&dom0, &guest, s, &t), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_policy_little_is_there),
		cmocka_unit_test(memory_of_the_caller_is_checked),
		cmocka_unit_test(a_second_change_starts_again),
		cmocka_unit_test(booleans_by_name_and_number),
		cmocka_unit_test(transitions_are_told),
		cmocka_unit_test(statistics_are_told),
		cmocka_unit_test(labels_of_hardware_are_told),
		cmocka_unit_test(labels_for_domains_are_listed),
		cmocka_unit_test(relabelling_is_checked),
		cmocka_unit_test(new_policies_and_labels_reach_every_domain),
		cmocka_unit_test(policies_may_lack_permissions),
		cmocka_unit_test(messages_say_what_was_tried),
		cmocka_unit_test(uses_are_logged_once),
		cmocka_unit_test(without_memory_no_channel),
	};
	int i;

	if (argc != FILES + 1)
		return 2;
	for (i = 0; i < FILES; i++) {
		FILE *f = fopen(argv[i + 1], "rb");

		if (!f)
			return 2;
		file[i].len = fread(file[i].data, 1, sizeof(file[i].data), f);
		fclose(f);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
