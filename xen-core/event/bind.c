/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations that make ports: unbound, interdomain, for VIRQs and for IPIs. Locks: table.h. */
#include "event/table.h"

/* A remote domain that does not exist is refused as FLASK does: its domid may be another's soon. */
int bind_unbound(void *arg)
{
	struct evtchn_alloc_unbound *op = arg;
	struct domain *d = domain_lookup_self(op->dom), *remote;
	struct evtchn *chn;
	uint32_t sid;
	int rc;

	if (!d)
		return -ESRCH;
	remote = domain_lookup_self(op->remote_dom);
	if (!remote)
		return -EPERM;
	rc = xsm_evtchn_unbound(&current_domain()->label, &d->label, &remote->label, &sid);
	if (rc)
		return rc;
	spin_lock(&d->evtchn->lock);
	rc = evtchn_port_take(d, &chn);
	if (!rc) {
		evtchn_port_init(chn, (uint64_t)remote->id << 16 | EVTCHN_UNBOUND, sid, 0);
		op->port = chn->port;
	}
	spin_unlock(&d->evtchn->lock);
	return rc;
}

/* Both tables are locked. */
static int bind_interdomain_locked(struct domain *d, struct domain *rd, struct evtchn *rchn,
				   struct evtchn **out)
{
	uint64_t expect = (uint64_t)d->id << 16 | EVTCHN_UNBOUND;
	struct evtchn *chn;
	uint32_t sid;
	int rc;

	if (rchn->binding != expect)
		return -EINVAL;
	rc = xsm_evtchn_interdomain(&d->label, &rd->label, rchn->sid, &sid);
	if (rc)
		return rc;
	rc = evtchn_port_take(d, &chn);
	if (rc)
		return rc;
	evtchn_port_init(chn, evtchn_bind_to(rchn), sid, 0);
	evtchn_port_rebind(rchn, evtchn_bind_to(chn));
	*out = chn;
	return 0;
}

int bind_interdomain(void *arg)
{
	struct evtchn_bind_interdomain *op = arg;
	struct domain *d = current_domain(), *rd = domain_lookup_self(op->remote_dom);
	struct evtchn *rchn, *chn = NULL;
	int rc;

	if (!rd)
		return -ESRCH;
	rchn = evtchn_lookup(rd->evtchn, op->remote_port);
	if (!rchn)
		return -EINVAL;
	evtchn_lock_tables(d, rd);
	rc = bind_interdomain_locked(d, rd, rchn, &chn);
	evtchn_unlock_tables(d, rd);
	if (rc)
		return rc;
	/* Events sent before the port was bound are lost: as the ABI says, one is made up for them. */
	evtchn_deliver(chn, evtchn_bind_to(rchn));
	op->local_port = chn->port;
	return 0;
}

int bind_virq(void *arg)
{
	struct evtchn_bind_virq *op = arg;
	struct domain *d = current_domain();
	struct evtchn *chn;
	struct vcpu *v;
	int rc;

	if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu != 0))
		return -EINVAL;
	v = domain_vcpu(d, op->vcpu);
	if (!v)
		return -ENOENT;
	if (!virq_may_bind(d, op->virq))
		return -EBUSY;
	spin_lock(&d->evtchn->lock);
	rc = v->virq_port[op->virq] ? -EEXIST : evtchn_port_take(d, &chn);
	if (!rc) {
		evtchn_port_init(chn,
				 (uint64_t)op->vcpu << 32 | (uint64_t)op->virq << 16 | EVTCHN_VIRQ,
				 0, (uint8_t)op->vcpu);
		op->port = chn->port;
		__atomic_store_n(&v->virq_port[op->virq], op->port, __ATOMIC_RELEASE);
	}
	spin_unlock(&d->evtchn->lock);
	return rc;
}

int bind_ipi(void *arg)
{
	struct evtchn_bind_ipi *op = arg;
	struct domain *d = current_domain();
	struct evtchn *chn;
	int rc;

	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	spin_lock(&d->evtchn->lock);
	rc = evtchn_port_take(d, &chn);
	if (!rc) {
		evtchn_port_init(chn, EVTCHN_IPI, 0, (uint8_t)op->vcpu);
		op->port = chn->port;
	}
	spin_unlock(&d->evtchn->lock);
	return rc;
}
