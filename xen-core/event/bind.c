/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations that make ports: unbound, interdomain, and for IPIs. For VIRQs: virq.c. Locks: table.h. */
#include "event/table.h"

/* A remote domain that does not exist is refused as FLASK does: its domid may be another's soon. */
int bind_unbound(struct domain *cur, void *arg)
{
	struct evtchn_alloc_unbound *op = arg;
	struct domain *d = domain_lookup_self(op->dom), *remote;
	uint32_t sid;
	int rc;

	if (!d)
		return -ESRCH;
	remote = domain_lookup_self(op->remote_dom);
	if (!remote)
		return -EPERM;
	rc = xsm_evtchn_unbound(&cur->label, &d->label, &remote->label, &sid);
	if (rc)
		return rc;
	spin_lock(&d->evtchn->lock);
	rc = evtchn_port_bind(d, (uint64_t)remote->id << 16 | EVTCHNSTAT_unbound, sid, 0,
			      &op->port);
	spin_unlock(&d->evtchn->lock);
	return rc;
}

int bind_interdomain(struct domain *d, void *arg)
{
	struct evtchn_bind_interdomain *op = arg;
	struct domain *rd = domain_lookup_self(op->remote_dom);
	struct evtchn *rchn, *chn = NULL;
	uint32_t sid;
	int rc;

	if (!rd)
		return -ESRCH;
	rchn = evtchn_lookup(rd->evtchn, op->remote_port);
	if (!rchn)
		return -EINVAL;
	spin_lock(&d->evtchn->lock);
	spin_lock_nested(&rchn->lock);
	rc = rchn->binding == ((uint64_t)d->id << 16 | EVTCHNSTAT_unbound) ? 0 : -EINVAL;
	if (!rc)
		rc = xsm_evtchn_interdomain(&d->label, &rd->label, rchn->sid, &sid);
	if (!rc)
		rc = evtchn_port_bind(d, evtchn_bind_to(rchn), sid, 0, &op->local_port);
	if (!rc) {
		chn = evtchn_lookup(d->evtchn, op->local_port);
		__atomic_store_n(&rchn->binding, evtchn_bind_to(chn), __ATOMIC_RELEASE);
	}
	spin_unlock(&rchn->lock);
	spin_unlock(&d->evtchn->lock);
	/* Events sent before the port was bound are lost: as the ABI says, one is made up for them. */
	if (!rc)
		evtchn_deliver(chn, evtchn_bind_to(rchn));
	return rc;
}

int bind_ipi(struct domain *d, void *arg)
{
	struct evtchn_bind_ipi *op = arg;
	int rc;

	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	spin_lock(&d->evtchn->lock);
	rc = evtchn_port_bind(d, EVTCHNSTAT_ipi, 0, op->vcpu, &op->port);
	spin_unlock(&d->evtchn->lock);
	return rc;
}
