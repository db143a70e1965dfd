/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VIRQs: who is told of what. Per-vCPU ones belong to each vCPU; global ones go to the domain that
 * was made their handler (XEN_DOMCTL_set_virq_handler), else to Dom0. A VIRQ that is on its way to the
 * former handler is harmless there.
 */
#include "event/table.h"

static domid_t virq_handler[NR_VIRQS];

/* Per xen/xen.h's list: V. and G.; the architecture's and the unused ones count as global. */
bool virq_is_global(uint32_t virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

static struct domain *handler_of(uint32_t virq)
{
	return domain_lookup(READ_ONCE(virq_handler[virq]));
}

int bind_virq(struct domain *d, void *arg)
{
	struct evtchn_bind_virq *op = arg;
	struct vcpu *v;
	int rc = -EEXIST;

	if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu != 0))
		return -EINVAL;
	v = domain_vcpu(d, op->vcpu);
	if (!v)
		return -ENOENT;
	if (virq_is_global(op->virq) && op->virq != VIRQ_ARGO && handler_of(op->virq) != d)
		return -EBUSY;
	spin_lock(&d->evtchn->lock);
	if (!v->virq_port[op->virq])
		rc = evtchn_port_bind(d, virq_binding(v, op->virq), 0, op->vcpu, &op->port);
	if (!rc)
		__atomic_store_n(&v->virq_port[op->virq], op->port, __ATOMIC_RELEASE);
	spin_unlock(&d->evtchn->lock);
	return rc;
}

int evtchn_set_virq_handler(struct domain *d, uint32_t virq)
{
	if (virq >= NR_VIRQS || !virq_is_global(virq) || virq == VIRQ_ARGO || domain_is_dying(d))
		return -EINVAL;
	(void)__atomic_exchange_n(&virq_handler[virq], d->id, __ATOMIC_SEQ_CST);
	/* It may have begun to die since; its destruction may have cleared its handlers already. */
	if (domain_is_dying(d)) {
		virq_handlers_clear(d);
		return -EINVAL;
	}
	return 0;
}

void virq_handlers_clear(struct domain *d)
{
	for (unsigned int i = 0; i < NR_VIRQS; i++) {
		domid_t expect = d->id;

		(void)__atomic_compare_exchange_n(&virq_handler[i], &expect, 0, false,
						  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
}

void evtchn_raise_virq_vcpu(struct vcpu *v, unsigned int virq)
{
	port_t port = READ_ONCE(v->virq_port[virq]);
	struct evtchn *chn = port ? evtchn_lookup(v->domain->evtchn, port) : NULL;

	if (chn)
		evtchn_deliver(chn, virq_binding(v, virq));
}

void evtchn_raise_virq_global(unsigned int virq)
{
	const struct domain *d = handler_of(virq);
	/* Global ones are kept with vCPU 0, whichever vCPU is told. */
	struct vcpu *v = d ? domain_vcpu(d, 0) : NULL;

	if (v)
		evtchn_raise_virq_vcpu(v, virq);
}
