/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event-channel ports: which are in use, what they are bound to, and the hypercall. Delivery is in
 * send.c. The order of checks and the errors are Xen 4.17's. For locking see table.h.
 */
#include "event/table.h"
#include "hypercall/hypercall.h"
#include "mm/heap.h"

/* Makes the next bucket of @d. The table is locked. */
static int bucket_add(struct domain *d)
{
	struct evtchn_table *t = d->evtchn;
	struct evtchn *chn = xzalloc_array(struct evtchn, PORTS_PER_BUCKET);

	if (!chn)
		return -ENOMEM;
	for (unsigned int i = 0; i < PORTS_PER_BUCKET; i++) {
		chn[i].domain = d;
		chn[i].port = t->valid + i;
		spin_init(&chn[i].lock, LOCK_EVTCHN);
	}
	t->bucket[t->valid / PORTS_PER_BUCKET] = chn;
	__atomic_store_n(&t->valid, t->valid + PORTS_PER_BUCKET, __ATOMIC_RELEASE);
	return 0;
}

/* Takes the lowest free port. The table is locked. */
static int port_take(struct domain *d, struct evtchn **out)
{
	struct evtchn_table *t = d->evtchn;
	uint32_t limit =
		t->fifo ? t->max_ports : min(t->max_ports, (uint32_t)EVTCHN_2L_NR_CHANNELS);

	if (domain_is_dying(d))
		return -EINVAL;
	for (unsigned int b = 0; b * PORTS_PER_BUCKET < limit; b++) {
		unsigned long free;
		unsigned int bit;

		if (b * PORTS_PER_BUCKET >= t->valid && bucket_add(d))
			return -ENOMEM;
		free = ~t->used[b];
		if (free && t->fifo)
			free &= ~fifo_busy(t->fifo, b);
		if (!free)
			continue;
		bit = (unsigned int)__builtin_ctzl(free);
		if (b * PORTS_PER_BUCKET + bit >= limit)
			break;
		t->used[b] |= 1UL << bit;
		t->in_use++;
		*out = &t->bucket[b][bit];
		return 0;
	}
	return -ENOSPC;
}

int evtchn_port_bind(struct domain *d, uint64_t binding, uint32_t sid, uint32_t vcpu, port_t *out)
{
	struct evtchn *chn;
	int rc = port_take(d, &chn);

	if (rc)
		return rc;
	spin_lock_nested(&chn->lock);
	chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	chn->saved = 0;
	chn->vcpu = (uint8_t)vcpu;
	WRITE_ONCE(chn->sid, sid);
	__atomic_store_n(&chn->binding, binding, __ATOMIC_RELEASE);
	spin_unlock(&chn->lock);
	*out = chn->port;
	return 0;
}

/*
 * The two ends of a channel are not locked together. An end that says no more that it is bound to
 * @chn is free, or has been unbound from its own side.
 */
static void unbind_peer(const struct evtchn *chn, struct evtchn *peer)
{
	spin_lock_nested(&peer->lock);
	if (peer->binding == evtchn_bind_to(chn))
		WRITE_ONCE(peer->binding, (uint64_t)chn->domain->id << 16 | EVTCHNSTAT_unbound);
	spin_unlock(&peer->lock);
}

int evtchn_close(struct evtchn *chn)
{
	struct domain *d = chn->domain;
	struct evtchn_table *t = d->evtchn;
	unsigned int b = chn->port / PORTS_PER_BUCKET;
	uint64_t binding;

	/* Locked until the peer has been unbound: the port can't be taken again before. */
	spin_lock(&t->lock);
	if (evtchn_state(READ_ONCE(chn->binding)) == EVTCHNSTAT_closed) {
		spin_unlock(&t->lock);
		return -EINVAL;
	}
	spin_lock_nested(&chn->lock);
	binding = chn->binding;
	if (t->fifo)
		fifo_clear_pending(t->fifo, chn->port);
	else
		two_level_clear_pending(d, chn->port);
	chn->saved = 0;
	chn->vcpu = 0;
	WRITE_ONCE(chn->binding, EVTCHNSTAT_closed);
	WRITE_ONCE(chn->sid, 0);
	spin_unlock(&chn->lock);
	if (evtchn_state(binding) == EVTCHNSTAT_virq)
		WRITE_ONCE(d->vcpu[binding >> 32]->virq_port[(binding >> 16) & 0xffff], 0);
	if (evtchn_state(binding) == EVTCHNSTAT_interdomain)
		unbind_peer(chn, evtchn_peer_of(binding));
	t->used[b] &= ~(1UL << (chn->port % PORTS_PER_BUCKET));
	t->in_use--;
	spin_unlock(&t->lock);
	return 0;
}

/* What @chn is bound to and whom it notifies. */
static void describe(const struct evtchn *chn, struct evtchn_status *out)
{
	uint64_t binding = READ_ONCE(chn->binding);
	uint32_t state = evtchn_state(binding);

	out->status = state;
	out->vcpu = chn->vcpu;
	if (state == EVTCHNSTAT_interdomain) {
		out->u.interdomain.dom = evtchn_peer_of(binding)->domain->id;
		out->u.interdomain.port = evtchn_peer_of(binding)->port;
	} else if (state == EVTCHNSTAT_unbound) {
		out->u.unbound.dom = (domid_t)(binding >> 16);
	} else if (state == EVTCHNSTAT_virq) {
		out->u.virq = (binding >> 16) & 0xffff;
	}
}

static int op_status(struct domain *cur, void *arg)
{
	struct evtchn_status *op = arg;
	struct domain *d = domain_lookup_self(op->dom);
	struct evtchn *chn;
	int rc;

	if (!d)
		return -ESRCH;
	chn = evtchn_lookup(d->evtchn, op->port);
	if (!chn)
		return -EINVAL;
	spin_lock_nested(&chn->lock);
	rc = xsm_evtchn_status(&cur->label, &d->label, chn->sid);
	if (!rc)
		describe(chn, op);
	spin_unlock(&chn->lock);
	return rc;
}

static int op_bind_vcpu(struct domain *d, void *arg)
{
	const struct evtchn_bind_vcpu *op = arg;
	struct evtchn *chn;
	uint64_t binding;
	int rc = -EINVAL;

	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	chn = evtchn_lookup(d->evtchn, op->port);
	if (!chn)
		return -EINVAL;
	spin_lock_nested(&chn->lock);
	binding = chn->binding;
	if (evtchn_state(binding) == EVTCHNSTAT_unbound ||
	    evtchn_state(binding) == EVTCHNSTAT_interdomain ||
	    (evtchn_state(binding) == EVTCHNSTAT_virq &&
	     virq_is_global((binding >> 16) & 0xffff))) {
		chn->vcpu = (uint8_t)op->vcpu;
		rc = 0;
	}
	spin_unlock(&chn->lock);
	return rc;
}

static int op_set_priority(struct domain *d, void *arg)
{
	const struct evtchn_set_priority *op = arg;
	struct evtchn *chn = evtchn_lookup(d->evtchn, op->port);

	if (!chn)
		return -EINVAL;
	if (!READ_ONCE(d->evtchn->fifo))
		return -ENOSYS;
	if (op->priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -EINVAL;
	spin_lock_nested(&chn->lock);
	chn->priority = op->priority & 0xf;
	spin_unlock(&chn->lock);
	return 0;
}

/* Closes up to @budget ports in use; true when there are none left. Concurrent calls help each other. */
static bool close_all(const struct evtchn_table *t, unsigned int budget)
{
	port_t port;

	for_each_port (t, port, 1, READ_ONCE(t->valid)) {
		if (!budget--)
			return false;
		evtchn_close(evtchn_lookup(t, port));
	}
	return true;
}

static int op_reset(struct domain *cur, void *arg)
{
	const struct evtchn_reset *op = arg;
	struct domain *d = domain_lookup_self(op->dom);
	int rc;

	if (!d)
		return -ESRCH;
	rc = xsm_domain(&cur->label, &d->label, XSM_EVENT__RESET);
	if (rc)
		return rc;
	if (d != cur && READ_ONCE(d->controller_pauses) == 0)
		return -EINVAL;
	while (!close_all(d->evtchn, PORTS_PER_BUCKET))
		if (hypercall_preempt())
			return -ERESTART_CALL;
	spin_lock(&d->evtchn->lock);
	if (d->evtchn->in_use)
		rc = -EAGAIN;
	else
		fifo_destroy(d);
	spin_unlock(&d->evtchn->lock);
	return rc;
}

union evtchn_arg {
	port_t port;
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_status status;
	struct evtchn_init_control init_control;
	uint64_t words[3];
};

#define OP(name, writes, fn) [EVTCHNOP_##name] = { sizeof(struct evtchn_##name), writes, fn, NULL }
#define PORT_OP(name)	     [EVTCHNOP_##name] = { sizeof(port_t), false, NULL, evtchn_##name }

/* Size of the argument, whether it is written back, and who acts: some take nothing but a port. */
static const struct {
	uint8_t size;
	bool writes;
	int (*fn)(struct domain *cur, void *arg);
	int (*port_fn)(struct evtchn *chn);
} ops[] = {
	OP(alloc_unbound, true, bind_unbound),
	OP(bind_interdomain, true, bind_interdomain),
	OP(bind_virq, true, bind_virq),
	OP(bind_ipi, true, bind_ipi),
	OP(bind_pirq, true, NULL), /* no domain has physical interrupts that it could name */
	PORT_OP(close),
	PORT_OP(send),
	OP(status, true, op_status),
	OP(bind_vcpu, false, op_bind_vcpu),
	PORT_OP(unmask),
	OP(reset, false, op_reset),
	OP(init_control, true, fifo_init_control),
	OP(expand_array, false, fifo_expand_array),
	OP(set_priority, false, op_set_priority),
};

long evtchn_op(unsigned int cmd, gva_t arg)
{
	struct domain *cur = current_domain();
	union evtchn_arg op;
	struct evtchn *chn;
	int rc;

	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].size)
		return -ENOSYS;
	if (guest_read(&op, arg, ops[cmd].size))
		return -EFAULT;
	if (ops[cmd].port_fn) {
		chn = evtchn_lookup(cur->evtchn, op.port);
		return chn ? ops[cmd].port_fn(chn) : -EINVAL;
	}
	rc = ops[cmd].fn ? ops[cmd].fn(cur, &op) : -EINVAL;
	if (rc == 0 && ops[cmd].writes && guest_write(arg, &op, ops[cmd].size))
		rc = -EFAULT;
	return rc;
}

int evtchn_init(struct domain *d, uint32_t max_port)
{
	struct evtchn_table *t = xzalloc(sizeof(*t));
	unsigned int buckets;

	if (!t)
		return -ENOMEM;
	t->max_ports = EVTCHN_FIFO_NR_CHANNELS;
	if (max_port && max_port < t->max_ports)
		t->max_ports = max_port + 1;
	buckets = DIV_ROUND_UP(t->max_ports, PORTS_PER_BUCKET);
	spin_init(&t->lock, LOCK_EVTCHN);
	t->bucket = xzalloc_array(struct evtchn *, buckets);
	t->used = xzalloc_array(unsigned long, buckets);
	d->evtchn = t;
	if (!t->bucket || !t->used || bucket_add(d)) {
		evtchn_free(d);
		return -ENOMEM;
	}
	t->used[0] = 1; /* port 0 is no one's */
	return 0;
}

bool evtchn_destroy(struct domain *d, unsigned int budget)
{
	struct evtchn_table *t = d->evtchn;

	/* Whoever was taking a port when the domain began to die is done after this. */
	spin_lock(&t->lock);
	spin_unlock(&t->lock);
	if (!close_all(t, budget) || READ_ONCE(t->in_use))
		return false;
	spin_lock(&t->lock);
	fifo_destroy(d);
	spin_unlock(&t->lock);
	virq_handlers_clear(d);
	return true;
}

void evtchn_free(struct domain *d)
{
	struct evtchn_table *t = d->evtchn;

	if (!t)
		return;
	for (unsigned int b = 0; b * PORTS_PER_BUCKET < t->valid; b++)
		xfree(t->bucket[b]);
	xfree(t->bucket);
	xfree(t->used);
	xfree(t);
	d->evtchn = NULL;
}

unsigned int evtchn_in_use(const struct domain *d)
{
	return READ_ONCE(d->evtchn->in_use);
}
