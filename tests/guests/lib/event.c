/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels of the test kernels: the 2-level ABI, delivered by the callback vector. */
#include "guest.h"

#define PORTS	  4096
#define WORD_BITS 64

static struct {
	event_handler_t function;
	void *data;
} handlers[PORTS];

static void deliver(unsigned int port)
{
	event_clear(port);
	if (handlers[port].function)
		handlers[port].function(port, handlers[port].data);
}

/* The callback's handler: takes all that is pending, unmasked and bound to this vCPU. */
static void upcall(struct trap_frame *frame)
{
	vcpu_info_t *info = &shared_info.vcpu_info[this_cpu()];
	uint64_t words;

	(void)frame;
	__atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	while (words) {
		unsigned int word = (unsigned int)__builtin_ctzl(words);
		uint64_t ports = READ_ONCE(shared_info.evtchn_pending[word]) &
				 ~READ_ONCE(shared_info.evtchn_mask[word]);

		words &= words - 1;
		for (; ports; ports &= ports - 1)
			deliver(word * WORD_BITS + (unsigned int)__builtin_ctzl(ports));
	}
}

void events_init(void)
{
	struct xen_hvm_param param = {
		.domid = DOMID_SELF,
		.index = HVM_PARAM_CALLBACK_IRQ,
		.value = ((uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56) | EVENT_VECTOR,
	};

	vector_set_handler(EVENT_VECTOR, upcall);
	if (map_xen_page(XENMAPSPACE_shared_info, 0, &shared_info) != 0)
		print("FAIL events: no shared info page\n");
	memset(shared_info.evtchn_mask, 0xff, sizeof(shared_info.evtchn_mask));
	if (HYPERCALL2(hvm_op, HVMOP_set_param, &param) != 0)
		print("FAIL events: no callback vector\n");
}

void event_set_handler(unsigned int port, event_handler_t handler, void *data)
{
	handlers[port].data = data;
	handlers[port].function = handler;
	event_unmask(port);
}

void event_mask(unsigned int port)
{
	__atomic_or_fetch(&shared_info.evtchn_mask[port / WORD_BITS], 1UL << port % WORD_BITS,
			  __ATOMIC_SEQ_CST);
}

void event_unmask(unsigned int port)
{
	struct evtchn_unmask arg = { .port = port };

	evtchn_op(EVTCHNOP_unmask, &arg);
}

bool event_pending(unsigned int port)
{
	return READ_ONCE(shared_info.evtchn_pending[port / WORD_BITS]) >> port % WORD_BITS & 1;
}

void event_clear(unsigned int port)
{
	__atomic_and_fetch(&shared_info.evtchn_pending[port / WORD_BITS],
			   ~(1UL << port % WORD_BITS), __ATOMIC_SEQ_CST);
}

int event_alloc_unbound(domid_t dom, domid_t remote)
{
	struct evtchn_alloc_unbound arg = { .dom = dom, .remote_dom = remote };
	long error = evtchn_op(EVTCHNOP_alloc_unbound, &arg);

	return error ? (int)error : (int)arg.port;
}

int event_bind_interdomain(domid_t remote, unsigned int port)
{
	struct evtchn_bind_interdomain arg = { .remote_dom = remote, .remote_port = port };
	long error = evtchn_op(EVTCHNOP_bind_interdomain, &arg);

	return error ? (int)error : (int)arg.local_port;
}

int event_bind_virq(unsigned int virq, unsigned int vcpu)
{
	struct evtchn_bind_virq arg = { .virq = virq, .vcpu = vcpu };
	long error = evtchn_op(EVTCHNOP_bind_virq, &arg);

	return error ? (int)error : (int)arg.port;
}

int event_bind_ipi(unsigned int vcpu)
{
	struct evtchn_bind_ipi arg = { .vcpu = vcpu };
	long error = evtchn_op(EVTCHNOP_bind_ipi, &arg);

	return error ? (int)error : (int)arg.port;
}

long event_send(unsigned int port)
{
	struct evtchn_send arg = { .port = port };

	return evtchn_op(EVTCHNOP_send, &arg);
}

long event_close(unsigned int port)
{
	struct evtchn_close arg = { .port = port };

	handlers[port].function = NULL;
	return evtchn_op(EVTCHNOP_close, &arg);
}

bool wait_flag(volatile unsigned int *flag, unsigned int limit)
{
	while (!*flag && limit--)
		irq_wait();
	return *flag != 0;
}
