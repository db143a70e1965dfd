/* SPDX-License-Identifier: BSD-2-Clause */
/* Delivery of events: from a port, from a VIRQ, and to vCPUs that poll. See table.h for locking. */
#include "event/table.h"
#include "hvm/hvm.h"

/* Wakes the vCPUs of @d that poll @port, or several ports, or (@all) any. True: others poll. */
static bool wake_those(struct domain *d, port_t port, bool all)
{
	bool others = false;
	struct vcpu *v;
	unsigned int i;

	for_each_vcpu (d, v, i) {
		uint32_t waits_for;

		if (!test_bit(PAUSE_POLL, &v->pause_flags))
			continue;
		waits_for = READ_ONCE(v->poll_port);
		if (all || waits_for == 0 || waits_for == port)
			vcpu_unblock(v);
		else
			others = true;
	}
	return others;
}

/*
 * The flag stays as long as someone polls, or an event for that one would not be seen to be one. Who
 * has begun to since the first look wrote the flag before or after us, which we can't tell: it has
 * another look itself. Who begins later writes it again (evtchn_poll).
 */
static void wake_pollers(struct domain *d, port_t port)
{
	if (wake_those(d, port, false))
		return;
	(void)__atomic_exchange_n(&d->evtchn->polled, false, __ATOMIC_SEQ_CST);
	wake_those(d, port, true);
}

void evtchn_raise(struct evtchn *chn)
{
	struct domain *d = chn->domain;
	struct evtchn_table *t = d->evtchn;
	struct evtchn_fifo *f = READ_ONCE(t->fifo);
	port_t port = chn->port;
	struct vcpu *notify;
	bool newly = false;

	notify = f ? fifo_set_pending(f, chn, &newly) : two_level_set_pending(chn, &newly);
	spin_unlock(&chn->lock);
	if (notify)
		hvm_event_pending(notify);
	if (newly && unlikely(READ_ONCE(t->polled)))
		wake_pollers(d, port);
}

void evtchn_deliver(struct evtchn *chn, uint64_t expect)
{
	spin_lock_nested(&chn->lock);
	if (likely(chn->binding == expect))
		evtchn_raise(chn);
	else
		spin_unlock(&chn->lock);
}

int evtchn_send(struct evtchn *chn)
{
	uint64_t binding = __atomic_load_n(&chn->binding, __ATOMIC_ACQUIRE);
	int rc;

	switch (evtchn_state(binding)) {
	case EVTCHNSTAT_interdomain:
		rc = xsm_evtchn_send(&chn->domain->label, READ_ONCE(chn->sid));
		if (unlikely(rc))
			return rc;
		evtchn_deliver(evtchn_peer_of(binding), evtchn_bind_to(chn));
		return 0;
	case EVTCHNSTAT_ipi:
		evtchn_deliver(chn, binding);
		return 0;
	case EVTCHNSTAT_unbound: /* nobody there yet: the event is lost, as the ABI says */
		return 0;
	default:
		return -EINVAL;
	}
}

int evtchn_unmask(struct evtchn *chn)
{
	struct evtchn_fifo *f;
	struct vcpu *notify;

	spin_lock_nested(&chn->lock);
	f = READ_ONCE(chn->domain->evtchn->fifo);
	notify = f ? fifo_unmask(f, chn) : two_level_unmask(chn);
	spin_unlock(&chn->lock);
	if (notify)
		hvm_event_pending(notify);
	return 0;
}

bool evtchn_upcall_pending(const struct vcpu *v)
{
	struct vcpu_info *info = vcpu_info_open(v);
	bool pending = READ_ONCE(info->evtchn_upcall_pending);

	vcpu_info_close(v, info);
	return pending;
}

int evtchn_poll(struct domain *d, const port_t *ports, unsigned int nr)
{
	const struct evtchn_fifo *f;

	/* A full barrier: the caller has said that it waits, then looks; senders do the reverse. */
	(void)__atomic_exchange_n(&d->evtchn->polled, true, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < nr; i++) {
		if (!evtchn_lookup(d->evtchn, ports[i]))
			return -EINVAL;
		f = READ_ONCE(d->evtchn->fifo);
		if (f ? fifo_pending(f, ports[i]) : two_level_pending(d, ports[i]))
			return 1;
	}
	return 0;
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
	struct vcpu_info *info = vcpu_info_open(v);
	unsigned long all = ~0UL;

	/* All words are selected: a spurious look costs the guest little, a lost event much. */
	__atomic_store_n(&info->evtchn_pending_sel, all, __ATOMIC_SEQ_CST);
	__atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	vcpu_info_close(v, info);
	hvm_event_pending(v);
}
