/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/6: the FIFO ABI of event channels: errors of its operations, the change from 2-level
 * with an event pending, order within a queue, priorities, masking, several vCPUs, and the way
 * back by a reset.
 */
#include "guest.h"

#define ENOENT	   2
#define EINVAL	   22
#define ENOSYS	   38
#define EOPNOTSUPP 95

#define PENDING	   (1U << EVTCHN_FIFO_PENDING)
#define MASKED	   (1U << EVTCHN_FIFO_MASKED)
#define LINKED	   (1U << EVTCHN_FIFO_LINKED)
#define LINK	   ((uint32_t)EVTCHN_FIFO_LINK_MASK)

static uint8_t control_page[PAGE_SIZE] PAGE_ALIGNED;
static event_word_t words[PAGE_SIZE / sizeof(event_word_t)] PAGE_ALIGNED;
#define control ((struct evtchn_fifo_control_block *)control_page)

static unsigned int order[64], taken; /* ports in the order in which they came */
static volatile unsigned int arrived;

/* Takes the events of one queue off, as the ABI says. */
static void take_queue(unsigned int priority)
{
	uint32_t port = control->head[priority], w;

	while (port) {
		w = READ_ONCE(words[port]);
		while (!__atomic_compare_exchange_n(&words[port], &w, w & ~(LINKED | LINK), false,
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		if ((w & (PENDING | MASKED)) == PENDING) {
			__atomic_and_fetch(&words[port], ~PENDING, __ATOMIC_SEQ_CST);
			if (taken < ARRAY_SIZE(order))
				order[taken++] = port;
		}
		port = w & LINK;
	}
}

static void upcall(struct trap_frame *frame)
{
	uint32_t ready;

	(void)frame;
	__atomic_store_n(&shared_info.vcpu_info[0].evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	while ((ready = __atomic_exchange_n(&control->ready, 0, __ATOMIC_SEQ_CST)) != 0)
		for (unsigned int priority = 0; priority < EVTCHN_FIFO_MAX_QUEUES; priority++)
			if (ready & 1U << priority)
				take_queue(priority);
	arrived = 1;
}

static long init_control(uint64_t gfn, uint32_t offset, uint32_t vcpu)
{
	struct evtchn_init_control op = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
	long error = evtchn_op(EVTCHNOP_init_control, &op);

	return error ? error : op.link_bits;
}

static long expand(uint64_t gfn)
{
	struct evtchn_expand_array op = { .array_gfn = gfn };

	return evtchn_op(EVTCHNOP_expand_array, &op);
}

static long priority(unsigned int port, unsigned int value)
{
	struct evtchn_set_priority op = { .port = port, .priority = value };

	return evtchn_op(EVTCHNOP_set_priority, &op);
}

static uint64_t gfn_of(const void *page)
{
	return (uintptr_t)page / PAGE_SIZE;
}

/* Lets what is pending come in; true when an upcall came. */
static bool let_in(void)
{
	arrived = 0;
	for (unsigned int i = 0; i < 1000 && !arrived; i++)
		__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	return arrived;
}

static void check_errors(void)
{
	CHECK_EQ("expand-first", expand(gfn_of(words)), -EOPNOTSUPP);
	CHECK_EQ("priority-first", priority(1, 1), -ENOSYS);
	CHECK_EQ("control-no-vcpu", init_control(gfn_of(control_page), 0, 1000), -ENOENT);
	CHECK_EQ("control-crosses", init_control(gfn_of(control_page), PAGE_SIZE - 8, 0), -EINVAL);
	CHECK_EQ("control-unaligned", init_control(gfn_of(control_page), 4, 0), -EINVAL);
	CHECK_EQ("control-no-page", init_control(0x3ffffffffUL, 0, 0), -EINVAL);
	CHECK_EQ("still-2level", expand(gfn_of(words)), -EOPNOTSUPP);
}

/* An event that is pending when the ABI changes arrives by the new one. */
static void check_switch(int port)
{
	CHECK_EQ("send-2level", event_send(port), 0);
	CHECK("pending-2level", event_pending(port));
	CHECK_EQ("init-control", init_control(gfn_of(control_page), 0, 0), EVTCHN_FIFO_LINK_BITS);
	CHECK_EQ("init-control-twice", init_control(gfn_of(control_page), 0, 0), -EINVAL);
	CHECK_EQ("expand-no-page", expand(0x3ffffffffUL), -EINVAL);
	taken = 0;
	shared_info.vcpu_info[0].evtchn_upcall_pending = 0;
	CHECK_EQ("expand", expand(gfn_of(words)), 0);
	CHECK("word-pending", words[port] & PENDING);
	CHECK("word-linked", words[port] & LINKED);
	CHECK_EQ("head", control->head[EVTCHN_FIFO_PRIORITY_DEFAULT], port);
	CHECK("upcall", let_in());
	CHECK("came", taken == 1 && order[0] == (unsigned int)port);
}

static void check_order(void)
{
	int port[6];

	for (unsigned int i = 0; i < 6; i++)
		port[i] = event_bind_ipi(0);
	taken = 0;
	for (unsigned int i = 0; i < 6; i++)
		event_send(port[i]);
	event_send(port[2]); /* again: it is there once */
	CHECK_EQ("first-links-second", words[port[0]] & LINK, port[1]);
	CHECK_EQ("last-links-none", words[port[5]] & LINK, 0);
	CHECK("order-upcall", let_in());
	CHECK_EQ("order-count", taken, 6);
	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ("order", order[i], port[i]);

	CHECK_EQ("priority-low", priority(port[0], EVTCHN_FIFO_PRIORITY_MIN), 0);
	CHECK_EQ("priority-high", priority(port[1], EVTCHN_FIFO_PRIORITY_MAX), 0);
	CHECK_EQ("priority-range", priority(port[1], EVTCHN_FIFO_PRIORITY_MIN + 1), -EINVAL);
	CHECK_EQ("priority-no-port", priority(1000, 1), -EINVAL);
	taken = 0;
	event_send(port[0]);
	event_send(port[2]);
	event_send(port[1]);
	CHECK("priority-upcall", let_in());
	CHECK("priority-order", taken == 3 && order[0] == (unsigned int)port[1] &&
					order[1] == (unsigned int)port[2] &&
					order[2] == (unsigned int)port[0]);
	for (unsigned int i = 0; i < 6; i++)
		event_close(port[i]);
}

static void check_mask(void)
{
	struct evtchn_unmask unmask;
	int port = event_bind_ipi(0);

	words[port] = MASKED;
	taken = 0;
	CHECK_EQ("send-masked", event_send(port), 0);
	CHECK_EQ("masked-not-linked", words[port], PENDING | MASKED);
	unmask.port = port;
	CHECK_EQ("unmask", evtchn_op(EVTCHNOP_unmask, &unmask), 0);
	CHECK("unmask-linked", words[port] & LINKED);
	CHECK("unmask-upcall", let_in());
	CHECK("unmask-came", taken == 1 && order[0] == (unsigned int)port);
	event_close(port);
}

/* A port that is closed while it is linked is not given out again before it is taken off. */
static void check_close_linked(void)
{
	int port = event_bind_ipi(0), other;

	event_send(port);
	CHECK_EQ("close-linked", event_close(port), 0);
	CHECK_EQ("closed-not-pending", words[port] & PENDING, 0);
	other = event_bind_ipi(0);
	CHECK("other-port", other > 0 && other != port);
	taken = 0;
	let_in();
	CHECK_EQ("closed-not-delivered", taken, 0);
	event_close(other);
	other = event_bind_ipi(0);
	CHECK_EQ("port-free-again", other, port);
	event_close(other);
}

/* What a hostile guest may write; the core must only not fall over. */
static void check_nonsense(void)
{
	int port = event_bind_ipi(0), other = event_bind_ipi(0);

	memset(words, 0xff, sizeof(words));
	memset(control_page, 0xff, sizeof(*control));
	CHECK_EQ("nonsense-send", event_send(port), 0);
	memset(words, 0, sizeof(words));
	words[other] = LINKED | other;
	CHECK_EQ("nonsense-circle", event_send(other), 0);
	CHECK_EQ("nonsense-send-2", event_send(port), 0);
	memset(words, 0, sizeof(words));
	memset(control_page, 0, sizeof(*control));
	shared_info.vcpu_info[0].evtchn_upcall_pending = 0;
	taken = 0;
	CHECK_EQ("sense-send", event_send(port), 0);
	CHECK("sense-upcall", let_in());
	CHECK("sense-came", taken == 1 && order[0] == (unsigned int)port);
	event_close(port);
	event_close(other);
}

static void check_reset(void)
{
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	int port;

	CHECK_EQ("reset", evtchn_op(EVTCHNOP_reset, &reset), 0);
	CHECK_EQ("reset-2level", expand(gfn_of(words)), -EOPNOTSUPP);
	port = event_bind_ipi(0);
	event_clear(port);
	CHECK_EQ("reset-send", event_send(port), 0);
	CHECK("reset-pending", event_pending(port));
	event_close(port);
}

void guest_main(void)
{
	int port;

	events_init();
	vector_set_handler(EVENT_VECTOR, upcall);
	port = event_bind_ipi(0);
	check_errors();
	check_switch(port);
	check_order();
	check_mask();
	check_close_linked();
	check_nonsense();
	event_close(port);
	check_reset();
}
