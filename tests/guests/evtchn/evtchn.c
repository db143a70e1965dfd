/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/6: event channels within one domain, and the errors of every operation. */
#include "guest.h"

#define EPERM  1
#define ESRCH  3
#define ENOENT 2
#define EINVAL 22
#define EEXIST 17
#define ENOSYS 38
#define EBUSY  16

static volatile unsigned int received;

static void count(unsigned int port, void *data)
{
	(void)port;
	(void)data;
	received++;
}

static int status_of(unsigned int port)
{
	struct evtchn_status status = { .dom = DOMID_SELF, .port = port };
	long error = evtchn_op(EVTCHNOP_status, &status);

	return error ? (int)error : (int)status.status;
}

/* Two ports of this domain bound to each other. */
static void check_loopback(void)
{
	int unbound = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	int bound;

	CHECK("alloc-unbound", unbound > 0);
	CHECK_EQ("status-unbound", status_of(unbound), EVTCHNSTAT_unbound);
	bound = event_bind_interdomain(DOMID_SELF, unbound);
	CHECK("bind-interdomain", bound > 0 && bound != unbound);
	CHECK_EQ("status-interdomain", status_of(bound), EVTCHNSTAT_interdomain);
	CHECK("bind-twice", event_bind_interdomain(DOMID_SELF, unbound) < 0);

	event_clear(unbound);
	event_clear(bound);
	received = 0;
	event_set_handler(unbound, count, NULL);
	CHECK_EQ("send", event_send(bound), 0);
	CHECK("delivered", wait_flag(&received, 10));
	CHECK_EQ("delivered-once", received, 1);

	event_mask(unbound);
	received = 0;
	CHECK_EQ("send-masked", event_send(bound), 0);
	CHECK("pending-masked", event_pending(unbound) && received == 0);
	event_unmask(unbound);
	CHECK("delivered-on-unmask", wait_flag(&received, 10));

	CHECK_EQ("close", event_close(unbound), 0);
	CHECK_EQ("status-closed", status_of(unbound), EVTCHNSTAT_closed);
	CHECK_EQ("status-other-end", status_of(bound), EVTCHNSTAT_unbound);
	CHECK_EQ("send-unbound", event_send(bound), 0);
	CHECK_EQ("close-other", event_close(bound), 0);
}

static void check_ipi(void)
{
	int port = event_bind_ipi(0);

	CHECK("bind-ipi", port > 0);
	CHECK_EQ("status-ipi", status_of(port), EVTCHNSTAT_ipi);
	received = 0;
	event_set_handler(port, count, NULL);
	CHECK_EQ("send-ipi", event_send(port), 0);
	CHECK("ipi-delivered", wait_flag(&received, 10));
	CHECK_EQ("close-ipi", event_close(port), 0);
	CHECK("bind-ipi-vcpu", event_bind_ipi(1000) < 0);
}

static void check_virq(void)
{
	int port = event_bind_virq(VIRQ_DEBUG, 0);

	CHECK("bind-virq", port > 0);
	CHECK_EQ("status-virq", status_of(port), EVTCHNSTAT_virq);
	CHECK_EQ("bind-virq-twice", event_bind_virq(VIRQ_DEBUG, 0), -EEXIST);
	CHECK_EQ("bind-virq-unknown", event_bind_virq(1000, 0), -EINVAL);
	CHECK_EQ("send-virq", event_send(port), -EINVAL);
	CHECK_EQ("close-virq", event_close(port), 0);
	port = event_bind_virq(VIRQ_DEBUG, 0);
	CHECK("bind-virq-again", port > 0);
	event_close(port);
}

static void check_errors(void)
{
	struct evtchn_bind_vcpu vcpu = { .port = 1, .vcpu = 1000 };
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	struct evtchn_unmask unmask = { .port = 100000 };
	struct evtchn_set_priority priority = { .port = 1, .priority = 3 };

	CHECK_EQ("send-zero", event_send(0), -EINVAL);
	CHECK_EQ("send-high", event_send(100000), -EINVAL);
	CHECK_EQ("close-zero", event_close(0), -EINVAL);
	CHECK_EQ("close-closed", event_close(1000), -EINVAL);
	CHECK_EQ("unmask-high", evtchn_op(EVTCHNOP_unmask, &unmask), -EINVAL);
	CHECK_EQ("bind-vcpu-range", evtchn_op(EVTCHNOP_bind_vcpu, &vcpu), -ENOENT);
	CHECK_EQ("unbound-no-domain", event_alloc_unbound(12345, DOMID_SELF), -ESRCH);
	CHECK_EQ("bind-no-domain", event_bind_interdomain(12345, 1), -ESRCH);
	CHECK_EQ("bind-closed", event_bind_interdomain(DOMID_SELF, 1000), -EINVAL);
	CHECK_EQ("priority-2level", evtchn_op(EVTCHNOP_set_priority, &priority), -ENOSYS);
	CHECK_EQ("unknown", evtchn_op(99, &vcpu), -ENOSYS);
	CHECK_EQ("reset", evtchn_op(EVTCHNOP_reset, &reset), 0);
}

void guest_main(void)
{
	events_init();
	check_loopback();
	check_ipi();
	check_virq();
	check_errors();
}
