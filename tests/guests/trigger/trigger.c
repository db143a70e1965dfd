/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/control: sendtrigger and set_virq_handler, as `xl trigger` and a store in a domain of its
 * own use them. A guest without a handler for its NMI dies of it, which raises VIRQ_DOM_EXC. The
 * shipped policy gives VIRQs of the host to the store's label alone, so it is off here.
 *
 * CPUS: 2
 * CMDLINE: flask=disabled
 */
#include "guest.h"

#include "domain.h"

#define EINVAL 22
#define ENOSYS 38
#define ESRCH  3
#define MS     1000000UL
#define CPU_1  0x2

static int port;

/* Did VIRQ_DOM_EXC come since the last look, or does it within a second? */
static bool told(unsigned int ms)
{
	for (unsigned int i = 0; i <= ms; i++) {
		if (event_pending(port)) {
			event_clear(port);
			return true;
		}
		wait_until(system_time() + MS);
	}
	return false;
}

static bool is_shut_down(domid_t domid)
{
	for (unsigned int i = 0; i < 1000; i++) {
		struct xen_domctl op = { 0 };

		if (!domctl(XEN_DOMCTL_getdomaininfo, domid, &op) && op.domain == domid &&
		    (op.u.getdomaininfo.flags & XEN_DOMINF_shutdown))
			return true;
		wait_until(system_time() + MS);
	}
	return false;
}

static long trigger(domid_t domid, uint32_t what, uint32_t vcpu)
{
	struct xen_domctl op = { .u.sendtrigger = { .trigger = what, .vcpu = vcpu } };

	return domctl(XEN_DOMCTL_sendtrigger, domid, &op);
}

static long set_handler(domid_t domid, uint32_t virq)
{
	struct xen_domctl op = { .u.set_virq_handler.virq = virq };

	return domctl(XEN_DOMCTL_set_virq_handler, domid, &op);
}

static void check_errors(domid_t domid)
{
	CHECK_EQ("trigger-no-domain", trigger(999, XEN_DOMCTL_SENDTRIGGER_NMI, 0), -ESRCH);
	CHECK_EQ("trigger-no-vcpu", trigger(domid, XEN_DOMCTL_SENDTRIGGER_NMI, 1), -ESRCH);
	CHECK_EQ("trigger-init", trigger(domid, XEN_DOMCTL_SENDTRIGGER_INIT, 0), -ENOSYS);
	CHECK_EQ("trigger-unknown", trigger(domid, 99, 0), -ENOSYS);
	CHECK_EQ("handler-no-domain", set_handler(999, VIRQ_DOM_EXC), -ESRCH);
	CHECK_EQ("handler-no-virq", set_handler(domid, 99), -EINVAL);
	CHECK_EQ("handler-per-vcpu", set_handler(domid, VIRQ_TIMER), -EINVAL);
}

/* Runs a new domain into an NMI; its number, or 0 when it has not died. */
static domid_t kill_by_nmi(void)
{
	domid_t domid = spinner_create(1, CPU_1);

	domctl(XEN_DOMCTL_unpausedomain, domid, NULL);
	wait_until(system_time() + 5 * MS);
	if (trigger(domid, XEN_DOMCTL_SENDTRIGGER_NMI, 0) || !is_shut_down(domid))
		return 0;
	return domid;
}

static void destroy(domid_t domid)
{
	domctl(XEN_DOMCTL_destroydomain, domid, NULL);
}

void guest_main(void)
{
	domid_t handler, dead;

	events_init();
	port = event_bind_virq(VIRQ_DOM_EXC, 0);
	CHECK("bind", port > 0);
	handler = spinner_create(1, CPU_1);
	check_errors(handler);

	dead = kill_by_nmi();
	CHECK("nmi-kills", dead);
	CHECK("dom0-is-told", told(1000));
	destroy(dead);
	CHECK("dom0-is-told-of-the-end", told(1000));

	CHECK_EQ("handler", set_handler(handler, VIRQ_DOM_EXC), 0);
	CHECK_EQ("handler-again", set_handler(handler, VIRQ_DOM_EXC), 0);
	dead = kill_by_nmi();
	CHECK("nmi-kills-again", dead);
	CHECK("dom0-is-not-told", !told(20));
	destroy(dead);
	CHECK("nor-of-the-end", !told(20));
	/* With the handler's end it is Dom0's again. */
	destroy(handler);
	CHECK("dom0-is-told-of-the-handler", told(1000));
	dead = kill_by_nmi();
	CHECK("dom0-is-told-again", told(1000));
	destroy(dead);
}
