/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/8 (event channels, 2-level ABI): ports, bindings, delivery, and Xen 4.17's errors. */
#include <pthread.h>
#include <string.h>
#include "support/fake.h"
#include "event/evtchn.h"
#include "event/table.h"

static struct fake_domain *a, *b; /* domids 0 and 1 */

static int setup(void **state)
{
	(void)state;
	fake_reset();
	a = fake_domain_add(0, 2, 64);
	b = fake_domain_add(1, 2, 64);
	assert_int_equal(evtchn_init(&a->d, 0), 0);
	assert_int_equal(evtchn_init(&b->d, 1023), 0);
	fake_current(a, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	a->d.state = b->d.state = DOMAIN_DYING;
	while (!evtchn_destroy(&a->d, 7))
		;
	while (!evtchn_destroy(&b->d, 7))
		;
	fake_epoch_run();
	evtchn_free(&a->d);
	evtchn_free(&b->d);
	assert_int_equal(fake_heap_blocks, 0);
	assert_int_equal(fake_windows_open, 0);
	return 0;
}

/* Runs @cmd with @arg as the current domain's argument, which is copied back. */
static long op(unsigned int cmd, void *arg, size_t size)
{
	struct fake_domain *f = fake_of(current_domain());
	long rc;

	memcpy(fake_mem(f, FAKE_ARG_GPA), arg, size);
	rc = evtchn_op(cmd, (gva_t) { FAKE_ARG_GPA });
	memcpy(arg, fake_mem(f, FAKE_ARG_GPA), size);
	return rc;
}
#define OP(cmd, arg) op(EVTCHNOP_##cmd, &(arg), sizeof(arg))

static long unbound(domid_t dom, domid_t remote)
{
	struct evtchn_alloc_unbound u = { .dom = dom, .remote_dom = remote };
	long rc = OP(alloc_unbound, u);

	return rc ? rc : (long)u.port;
}

static long bind(domid_t remote, port_t port)
{
	struct evtchn_bind_interdomain i = { .remote_dom = remote, .remote_port = port };
	long rc = OP(bind_interdomain, i);

	return rc ? rc : (long)i.local_port;
}

static long virq(uint32_t n, uint32_t vcpu)
{
	struct evtchn_bind_virq v = { .virq = n, .vcpu = vcpu };
	long rc = OP(bind_virq, v);

	return rc ? rc : (long)v.port;
}

static long ipi(uint32_t vcpu)
{
	struct evtchn_bind_ipi i = { .vcpu = vcpu };
	long rc = OP(bind_ipi, i);

	return rc ? rc : (long)i.port;
}

static long port_op(unsigned int cmd, port_t port)
{
	return op(cmd, &port, sizeof(port));
}

static struct evtchn_status status(domid_t dom, port_t port)
{
	struct evtchn_status s = { .dom = dom, .port = port };

	assert_int_equal(OP(status, s), 0);
	return s;
}

static bool pending(const struct fake_domain *f, port_t port)
{
	return f->d.shared->evtchn_pending[port / 64] >> (port % 64) & 1;
}

static void mask(struct fake_domain *f, port_t port)
{
	f->d.shared->evtchn_mask[port / 64] |= 1UL << (port % 64);
}

/* Ports of @a and @b bound to each other. */
static void connect(port_t *pa, port_t *pb)
{
	fake_current(b, 0);
	*pb = (port_t)unbound(DOMID_SELF, 0);
	fake_current(a, 0);
	*pa = (port_t)bind(1, *pb);
	assert_true(*pa > 0 && *pb > 0);
}

static void quiet(struct fake_domain *f)
{
	memset(f->d.shared, 0, sizeof(*f->d.shared));
	memset(f->info, 0, sizeof(f->info));
	memset(f->notified, 0, sizeof(f->notified));
}

static void test_alloc_lowest(void **state)
{
	(void)state;
	assert_int_equal(unbound(DOMID_SELF, 1), 1);
	assert_int_equal(unbound(DOMID_SELF, DOMID_SELF), 2);
	assert_int_equal(unbound(0, 1), 3);
	assert_int_equal(port_op(EVTCHNOP_close, 2), 0);
	assert_int_equal(unbound(DOMID_SELF, 1), 2);
	assert_int_equal(evtchn_in_use(&a->d), 3);
	assert_int_equal(unbound(1, 0), 1); /* in the other domain: policy said yes */
	assert_int_equal(evtchn_in_use(&b->d), 1);
}

static void test_alloc_errors(void **state)
{
	(void)state;
	assert_int_equal(unbound(77, 1), -ESRCH);
	assert_int_equal(unbound(DOMID_SELF, 77), -EPERM);
	fake_xsm_deny_evtchn = true;
	assert_int_equal(unbound(DOMID_SELF, 1), -EPERM);
	fake_xsm_deny_evtchn = false;
	a->d.state = DOMAIN_DYING;
	assert_int_equal(unbound(DOMID_SELF, 1), -EINVAL);
	assert_int_equal(evtchn_in_use(&a->d), 0);
	assert_int_equal(evtchn_op(EVTCHNOP_alloc_unbound, (gva_t) { 0x900000 }), -EFAULT);
	assert_int_equal(evtchn_op(EVTCHNOP_bind_pirq, (gva_t) { FAKE_ARG_GPA }), -EINVAL);
	assert_int_equal(evtchn_op(14, (gva_t) { FAKE_ARG_GPA }), -ENOSYS);
	assert_int_equal(evtchn_op(~0U, (gva_t) { FAKE_ARG_GPA }), -ENOSYS);
}

/* An argument that can be read but not written: the port exists, the call says -EFAULT. */
static void test_argument_read_only(void **state)
{
	(void)state;
	memset(fake_mem(a, FAKE_ARG_GPA), 0, 64);
	a->map[1].type = P2M_RAM_RO;
	assert_int_equal(evtchn_op(EVTCHNOP_alloc_unbound, (gva_t) { FAKE_ARG_GPA }), -EFAULT);
	assert_int_equal(evtchn_in_use(&a->d), 1);
	a->map[1].type = P2M_RAM;
}

/* REQ core: per-domain limits. Domain 1 may have ports up to 1023; port 0 is reserved. */
static void test_limit(void **state)
{
	(void)state;
	fake_current(b, 0);
	for (int i = 1; i <= 1023; i++)
		assert_int_equal(unbound(DOMID_SELF, 0), i);
	assert_int_equal(unbound(DOMID_SELF, 0), -ENOSPC);
	assert_int_equal(ipi(0), -ENOSPC);
	assert_int_equal(virq(VIRQ_TIMER, 0), -ENOSPC);
	assert_int_equal(port_op(EVTCHNOP_close, 500), 0);
	assert_int_equal(ipi(0), 500);
}

/* The ABI's own limit of 4096, and a bucket that can't be had. */
static void test_limit_two_level(void **state)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };

	(void)state;
	fake_alloc_budget = 0;
	for (int i = 1; i < 64; i++)
		assert_int_equal(ipi(0), i);
	assert_int_equal(ipi(0), -ENOMEM);
	fake_alloc_budget = -1;
	for (int i = 64; i < 4096; i++)
		assert_int_equal(ipi(1), i);
	assert_int_equal(ipi(0), -ENOSPC);
	assert_int_equal(OP(reset, r), 0);
	assert_int_equal(evtchn_in_use(&a->d), 0);
}

static void test_init_no_memory(void **state)
{
	struct fake_domain *c = fake_domain_add(5, 1, 1);
	int blocks = fake_heap_blocks;

	(void)state;
	for (int budget = 0; budget < 4; budget++) {
		fake_alloc_budget = budget;
		assert_int_equal(evtchn_init(&c->d, 100), -ENOMEM);
		assert_null(c->d.evtchn);
		assert_int_equal(fake_heap_blocks, blocks);
	}
	fake_alloc_budget = -1;
	evtchn_free(&c->d);
	fake_domain_hide(c);
}

static void test_interdomain(void **state)
{
	struct evtchn_status s;
	port_t pa, pb;

	(void)state;
	connect(&pa, &pb);
	assert_true(pending(a, pa)); /* the binder gets an event, for what it may have missed */
	assert_int_equal(a->notified[0], 1);
	s = status(DOMID_SELF, pa);
	assert_int_equal(s.status, EVTCHNSTAT_interdomain);
	assert_int_equal(s.u.interdomain.dom, 1);
	assert_int_equal(s.u.interdomain.port, pb);
	s = status(1, pb);
	assert_int_equal(s.status, EVTCHNSTAT_interdomain);
	assert_int_equal(s.u.interdomain.dom, 0);

	assert_int_equal(bind(1, pb), -EINVAL); /* taken */
	assert_int_equal(port_op(EVTCHNOP_send, pa), 0);
	assert_true(pending(b, pb));
	assert_int_equal(b->notified[0], 1);
	assert_int_equal(b->info[0].evtchn_upcall_pending, 1);
	assert_int_equal(b->info[0].evtchn_pending_sel, 1UL << (pb / 64));
	assert_int_equal(port_op(EVTCHNOP_send, pa), 0); /* already pending: nobody is told again */
	assert_int_equal(b->notified[0], 1);
}

static void test_interdomain_errors(void **state)
{
	long p;

	(void)state;
	fake_current(b, 0);
	p = unbound(DOMID_SELF, 1); /* for b itself, not for a */
	fake_current(a, 0);
	assert_int_equal(bind(1, (port_t)p), -EINVAL);
	assert_int_equal(bind(1, 0), -EINVAL);
	assert_int_equal(bind(1, 63), -EINVAL);
	assert_int_equal(bind(1, 100000), -EINVAL);
	assert_int_equal(bind(1, ~0U), -EINVAL);
	assert_int_equal(bind(77, 1), -ESRCH);
	assert_int_equal(port_op(EVTCHNOP_send, 0), -EINVAL);
	assert_int_equal(port_op(EVTCHNOP_send, 5), -EINVAL);
	assert_int_equal(port_op(EVTCHNOP_send, 64), -EINVAL);
	assert_int_equal(port_op(EVTCHNOP_send, ~0U), -EINVAL);
	assert_int_equal(port_op(EVTCHNOP_close, 0), -EINVAL);
	assert_int_equal(port_op(EVTCHNOP_close, 5), -EINVAL);
	assert_int_equal(port_op(EVTCHNOP_close, ~0U), -EINVAL);
	assert_int_equal(port_op(EVTCHNOP_unmask, ~0U), -EINVAL);
	fake_current(b, 0);
	p = unbound(DOMID_SELF, 0);
	fake_current(a, 0);
	fake_xsm_deny_evtchn = true;
	assert_int_equal(bind(1, (port_t)p), -EPERM);
	fake_xsm_deny_evtchn = false;
	assert_int_equal(evtchn_in_use(&a->d), 0);
	assert_int_equal(status(1, (port_t)p).status, EVTCHNSTAT_unbound);
	a->d.state = DOMAIN_DYING;
	assert_int_equal(bind(1, (port_t)p), -EINVAL);
}

static void test_loopback(void **state)
{
	long p = unbound(DOMID_SELF, DOMID_SELF), q = bind(DOMID_SELF, (port_t)p);

	(void)state;
	assert_true(q > 0 && q != p);
	quiet(a);
	assert_int_equal(port_op(EVTCHNOP_send, (port_t)q), 0);
	assert_true(pending(a, (port_t)p) && !pending(a, (port_t)q));
	assert_int_equal(port_op(EVTCHNOP_close, (port_t)p), 0);
	assert_int_equal(status(DOMID_SELF, (port_t)q).status, EVTCHNSTAT_unbound);
}

static void test_send_policy_and_unbound(void **state)
{
	port_t pa, pb;

	(void)state;
	connect(&pa, &pb);
	fake_xsm_deny_evtchn = true;
	assert_int_equal(port_op(EVTCHNOP_send, pa), -EPERM);
	fake_xsm_deny_evtchn = false;
	assert_false(pending(b, pb));
	/* The other end closes: this one is unbound for it, and events are lost silently. */
	fake_current(b, 0);
	assert_int_equal(port_op(EVTCHNOP_close, pb), 0);
	assert_false(pending(b, pb));
	fake_current(a, 0);
	assert_int_equal(status(DOMID_SELF, pa).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(DOMID_SELF, pa).u.unbound.dom, 1);
	assert_int_equal(port_op(EVTCHNOP_send, pa), 0);
	assert_false(pending(b, pb));
	/* ... and can be bound anew. */
	fake_current(b, 0);
	assert_int_equal(bind(0, pa), pb);
}

static void test_mask_unmask(void **state)
{
	port_t pa, pb;

	(void)state;
	connect(&pa, &pb);
	mask(b, pb);
	assert_int_equal(port_op(EVTCHNOP_send, pa), 0);
	assert_true(pending(b, pb));
	assert_int_equal(b->notified[0], 0);
	fake_current(b, 0);
	assert_int_equal(port_op(EVTCHNOP_unmask, pb), 0);
	assert_int_equal(b->notified[0], 1);
	assert_int_equal(port_op(EVTCHNOP_unmask, pb), 0); /* not masked any more */
	assert_int_equal(b->notified[0], 1);
	quiet(b);
	mask(b, pb);
	assert_int_equal(port_op(EVTCHNOP_unmask, pb), 0); /* nothing pending */
	assert_int_equal(b->notified[0], 0);
	/* A word that is selected already: its vCPU knows. */
	mask(b, pb);
	b->info[0].evtchn_pending_sel = ~0UL;
	fake_current(a, 0);
	port_op(EVTCHNOP_send, pa);
	fake_current(b, 0);
	port_op(EVTCHNOP_unmask, pb);
	assert_int_equal(b->notified[0], 0);
}

/* Ports that the FIFO ABI left behind are beyond this one's bitmaps. */
static void test_beyond_two_level(void **state)
{
	struct evtchn far = { .domain = &a->d, .port = EVTCHN_2L_NR_CHANNELS };

	(void)state;
	assert_null(two_level_unmask(&far));
	assert_false(two_level_pending(&a->d, far.port));
	two_level_clear_pending(&a->d, far.port);
}

static void test_ipi(void **state)
{
	long p = ipi(1);
	struct evtchn_status s = status(DOMID_SELF, (port_t)p);

	(void)state;
	assert_int_equal(s.status, EVTCHNSTAT_ipi);
	assert_int_equal(s.vcpu, 1);
	assert_int_equal(port_op(EVTCHNOP_send, (port_t)p), 0);
	assert_int_equal(a->notified[1], 1);
	assert_int_equal(a->notified[0], 0);
	assert_int_equal(ipi(2), -ENOENT);
	assert_int_equal(ipi(~0U), -ENOENT);
}

static void test_virq(void **state)
{
	long p = virq(VIRQ_TIMER, 1), g;
	struct evtchn_status s = status(DOMID_SELF, (port_t)p);

	(void)state;
	assert_int_equal(s.status, EVTCHNSTAT_virq);
	assert_int_equal(s.u.virq, VIRQ_TIMER);
	assert_int_equal(s.vcpu, 1);
	assert_int_equal(virq(VIRQ_TIMER, 1), -EEXIST);
	assert_int_equal(virq(VIRQ_TIMER, 2), -ENOENT);
	assert_int_equal(virq(NR_VIRQS, 0), -EINVAL);
	assert_int_equal(virq(~0U, 0), -EINVAL);
	assert_int_equal(virq(VIRQ_DOM_EXC, 1), -EINVAL);
	assert_int_equal(port_op(EVTCHNOP_send, (port_t)p), -EINVAL);
	evtchn_raise_virq_vcpu(&a->vcpus[1], VIRQ_TIMER);
	assert_true(pending(a, (port_t)p));
	assert_int_equal(a->notified[1], 1);
	evtchn_raise_virq_vcpu(&a->vcpus[0], VIRQ_TIMER); /* not bound: nothing */
	assert_int_equal(a->notified[0], 0);

	g = virq(VIRQ_DOM_EXC, 0);
	assert_true(g > 0);
	evtchn_raise_virq_global(VIRQ_DOM_EXC);
	assert_true(pending(a, (port_t)g));
	assert_int_equal(port_op(EVTCHNOP_close, (port_t)g), 0);
	assert_int_equal(a->vcpus[0].virq_port[VIRQ_DOM_EXC], 0);
	evtchn_raise_virq_global(VIRQ_DOM_EXC);
	assert_false(pending(a, (port_t)g));
	assert_true(virq(VIRQ_DOM_EXC, 0) > 0);
}

/* A VIRQ that was on its way while its port got another use must not reach that use. */
static void test_virq_stale_port(void **state)
{
	long p = virq(VIRQ_TIMER, 0), q;

	(void)state;
	assert_int_equal(port_op(EVTCHNOP_close, (port_t)p), 0);
	q = ipi(0);
	assert_int_equal(q, p);
	a->vcpus[0].virq_port[VIRQ_TIMER] = (uint32_t)q; /* as read before the close */
	evtchn_raise_virq_vcpu(&a->vcpus[0], VIRQ_TIMER);
	assert_false(pending(a, (port_t)q));
	a->vcpus[0].virq_port[VIRQ_TIMER] = ~0U;
	evtchn_raise_virq_vcpu(&a->vcpus[0], VIRQ_TIMER);
	a->vcpus[0].virq_port[VIRQ_TIMER] = 0;
}

/* Global VIRQs are the control domain's, or their handler's. */
static void test_virq_owner(void **state)
{
	long p;

	(void)state;
	fake_current(b, 0);
	assert_int_equal(virq(VIRQ_DOM_EXC, 0), -EBUSY);
	assert_int_equal(virq(VIRQ_CONSOLE, 0), -EBUSY);
	assert_int_equal(virq(VIRQ_CON_RING, 0), -EBUSY);
	assert_true(virq(VIRQ_DEBUG, 0) > 0);
	assert_true(virq(VIRQ_XENPMU, 0) > 0);
	assert_true(virq(VIRQ_ARGO, 0) > 0);
	assert_int_equal(evtchn_set_virq_handler(&b->d, NR_VIRQS), -EINVAL);
	assert_int_equal(evtchn_set_virq_handler(&b->d, VIRQ_TIMER), -EINVAL);
	assert_int_equal(evtchn_set_virq_handler(&b->d, VIRQ_ARGO), -EINVAL);
	assert_int_equal(evtchn_set_virq_handler(&b->d, VIRQ_DOM_EXC), 0);
	assert_int_equal(evtchn_set_virq_handler(&b->d, VIRQ_DOM_EXC), 0);
	p = virq(VIRQ_DOM_EXC, 0);
	assert_true(p > 0);
	evtchn_raise_virq_global(VIRQ_DOM_EXC);
	assert_true(pending(b, (port_t)p));
	fake_current(a, 0);
	assert_int_equal(virq(VIRQ_DOM_EXC, 0), -EBUSY);
	assert_int_equal(evtchn_set_virq_handler(&a->d, VIRQ_DOM_EXC), 0);
	assert_int_equal(evtchn_set_virq_handler(&b->d, VIRQ_DOM_EXC), 0);
	/* With its handler's death it goes back to Dom0. */
	b->d.state = DOMAIN_DYING;
	assert_int_equal(evtchn_set_virq_handler(&b->d, VIRQ_CONSOLE), -EINVAL);
	assert_true(evtchn_destroy(&b->d, 1000));
	assert_int_equal(b->d.refs, 1);
	p = virq(VIRQ_DOM_EXC, 0);
	evtchn_raise_virq_global(VIRQ_DOM_EXC);
	assert_true(pending(a, (port_t)p));
}

static void test_bind_vcpu(void **state)
{
	struct evtchn_bind_vcpu v = { .vcpu = 1 };
	port_t pa, pb;

	(void)state;
	connect(&pa, &pb);
	fake_current(b, 0);
	v.port = pb;
	assert_int_equal(OP(bind_vcpu, v), 0);
	fake_current(a, 0);
	port_op(EVTCHNOP_send, pa);
	assert_int_equal(b->notified[1], 1);
	v.port = (port_t)unbound(DOMID_SELF, 1);
	assert_int_equal(OP(bind_vcpu, v), 0);
	v.port = (port_t)virq(VIRQ_CONSOLE, 0);
	assert_int_equal(OP(bind_vcpu, v), 0);
	evtchn_raise_virq_global(VIRQ_CONSOLE);
	assert_int_equal(a->notified[1], 1);
	v.port = (port_t)virq(VIRQ_TIMER, 0);
	assert_int_equal(OP(bind_vcpu, v), -EINVAL);
	v.port = (port_t)ipi(0);
	assert_int_equal(OP(bind_vcpu, v), -EINVAL);
	v.port = 60;
	assert_int_equal(OP(bind_vcpu, v), -EINVAL);
	v.port = ~0U;
	assert_int_equal(OP(bind_vcpu, v), -EINVAL);
	v.vcpu = 2;
	assert_int_equal(OP(bind_vcpu, v), -ENOENT);
	/* A closed port forgets its vCPU. */
	fake_current(b, 0);
	port_op(EVTCHNOP_close, pb);
	assert_int_equal(status(DOMID_SELF, pb).vcpu, 0);
}

static void test_status_errors(void **state)
{
	struct evtchn_status s = { .dom = 77, .port = 1 };

	(void)state;
	assert_int_equal(OP(status, s), -ESRCH);
	s.dom = DOMID_SELF;
	s.port = 64;
	assert_int_equal(OP(status, s), -EINVAL);
	s.port = 0;
	assert_int_equal(OP(status, s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_closed);
	fake_xsm_deny_evtchn = true;
	assert_int_equal(OP(status, s), -EPERM);
}

static void test_priority_is_fifo_only(void **state)
{
	struct evtchn_set_priority p = { .port = 1, .priority = 1 };
	struct evtchn_expand_array e = { .array_gfn = 5 };

	(void)state;
	assert_int_equal(OP(set_priority, p), -ENOSYS);
	p.port = 64;
	assert_int_equal(OP(set_priority, p), -EINVAL);
	assert_int_equal(OP(expand_array, e), -EOPNOTSUPP);
}

static void test_reset(void **state)
{
	struct evtchn_reset r = { .dom = 1 };
	port_t pa, pb;

	(void)state;
	connect(&pa, &pb);
	assert_int_equal(OP(reset, r), -EINVAL); /* the other domain runs */
	b->d.controller_pauses = 1;
	fake_xsm_deny = XSM_EVENT__RESET;
	assert_int_equal(OP(reset, r), -EPERM);
	fake_xsm_deny = 0;
	assert_int_equal(OP(reset, r), 0);
	assert_int_equal(fake_xsm_last, XSM_EVENT__RESET);
	assert_int_equal(evtchn_in_use(&b->d), 0);
	assert_int_equal(status(DOMID_SELF, pa).status, EVTCHNSTAT_unbound);
	r.dom = 77;
	assert_int_equal(OP(reset, r), -ESRCH);
	/* Long ones stop and go on. */
	for (int i = 0; i < 300; i++)
		ipi(0);
	r.dom = DOMID_SELF;
	fake_preempt_after = 1;
	assert_int_equal(OP(reset, r), -ERESTART_CALL);
	assert_in_range(evtchn_in_use(&a->d), 100, 250);
	fake_preempt_after = -1;
	assert_int_equal(OP(reset, r), 0);
	assert_int_equal(evtchn_in_use(&a->d), 0);
}

static void test_destroy_in_steps(void **state)
{
	port_t pa, pb;
	int steps = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		connect(&pa, &pb);
	fake_current(b, 0);
	virq(VIRQ_TIMER, 1);
	ipi(1);
	b->d.state = DOMAIN_DYING;
	assert_false(evtchn_destroy(&b->d, 0));
	while (!evtchn_destroy(&b->d, 5))
		steps++;
	assert_int_equal(steps, 2);
	assert_int_equal(evtchn_in_use(&b->d), 0);
	assert_int_equal(b->vcpus[1].virq_port[VIRQ_TIMER], 0);
	fake_current(a, 0);
	for (port_t p = 1; p <= 10; p++) {
		assert_int_equal(status(DOMID_SELF, p).status, EVTCHNSTAT_unbound);
		assert_int_equal(port_op(EVTCHNOP_send, p), 0);
	}
}

static void test_poll(void **state)
{
	port_t pa, pb;

	(void)state;
	connect(&pa, &pb);
	b->vcpus[0].poll_port = pb;
	b->vcpus[0].pause_flags = 1UL << PAUSE_POLL;
	b->vcpus[1].poll_port = pb + 1;
	b->vcpus[1].pause_flags = 1UL << PAUSE_POLL;
	assert_int_equal(evtchn_poll(&b->d, &pb, 1), 0);
	assert_int_equal(evtchn_poll(&b->d, (port_t[]) { pb, 64 }, 2), -EINVAL);
	port_op(EVTCHNOP_send, pa);
	assert_int_equal(b->unblocked[0], 1);
	assert_int_equal(b->unblocked[1], 0);
	assert_int_equal(evtchn_poll(&b->d, (port_t[]) { pb + 1, pb, 64 }, 3), 1);
	/* The one that waits for another port is still found by a later event of any kind. */
	b->vcpus[1].poll_port = 0;
	quiet(b);
	port_op(EVTCHNOP_send, pa);
	assert_int_equal(b->unblocked[1], 1);
	/* Nobody waits now: the next event does not look. */
	quiet(b);
	port_op(EVTCHNOP_send, pa);
	assert_false(b->d.evtchn->polled);
}

static port_t poll_other;

static void send_to_other(struct vcpu *v)
{
	(void)v;
	fake_unblock_hook = NULL;
	assert_int_equal(evtchn_send(evtchn_lookup(a->d.evtchn, poll_other)), 0);
}

/* Events for two that wait, each for its own port: while one of them is being woken the other's comes. */
static void test_poll_race(void **state)
{
	port_t pa, pb[2];

	(void)state;
	connect(&pa, &pb[0]);
	connect(&poll_other, &pb[1]);
	quiet(b);
	for (unsigned int i = 0; i < 2; i++) {
		b->vcpus[i].poll_port = pb[i];
		b->vcpus[i].pause_flags = 1UL << PAUSE_POLL;
		assert_int_equal(evtchn_poll(&b->d, &pb[i], 1), 0);
	}
	fake_unblock_hook = send_to_other;
	port_op(EVTCHNOP_send, pa);
	assert_null(fake_unblock_hook);
	assert_int_equal(b->unblocked[0], 1);
	assert_int_equal(b->unblocked[1], 1);
	assert_false(b->d.evtchn->polled);
}

static void test_vcpu_info(void **state)
{
	(void)state;
	assert_false(evtchn_upcall_pending(&a->vcpus[1]));
	evtchn_vcpu_info_moved(&a->vcpus[1]);
	assert_true(evtchn_upcall_pending(&a->vcpus[1]));
	assert_int_equal(a->info[1].evtchn_pending_sel, ~0UL);
	assert_int_equal(a->notified[1], 1);
}

/* A domain without vCPUs yet (being built) can be sent to. */
static void test_no_vcpu(void **state)
{
	port_t pa, pb;

	(void)state;
	connect(&pa, &pb);
	b->vcpu_table[0] = NULL;
	assert_int_equal(port_op(EVTCHNOP_send, pa), 0);
	assert_true(pending(b, pb));
	evtchn_raise_virq_global(VIRQ_DOM_EXC);
	/* Nor does a VIRQ find a vCPU in Dom0 while that is being built, or a Dom0. */
	a->vcpu_table[0] = NULL;
	evtchn_raise_virq_global(VIRQ_DOM_EXC);
	a->vcpu_table[0] = &a->vcpus[0];
	fake_domain_hide(a);
	evtchn_raise_virq_global(VIRQ_DOM_EXC);
	b->vcpu_table[0] = &b->vcpus[0];
}

/* A sender that has read its own end delivers only while the other end is still bound to it. */
static void test_deliver_to_rebound(void **state)
{
	port_t pa, pb;
	struct evtchn *chn;
	uint64_t expect;

	(void)state;
	connect(&pa, &pb);
	chn = evtchn_lookup(b->d.evtchn, pb);
	expect = evtchn_bind_to(evtchn_lookup(a->d.evtchn, pa));
	fake_current(b, 0);
	port_op(EVTCHNOP_close, pb);
	evtchn_deliver(chn, expect);
	assert_false(pending(b, pb));
	assert_int_equal(ipi(0), pb);
	evtchn_deliver(chn, expect);
	assert_false(pending(b, pb));
	port_op(EVTCHNOP_close, pb);
	assert_int_equal(bind(0, pa), pb);
	quiet(b);
	evtchn_deliver(chn, expect);
	assert_true(pending(b, pb));
}

static port_t race_port;
static unsigned int race_stop;

static void *race_sender(void *data)
{
	while (!__atomic_load_n(&race_stop, __ATOMIC_RELAXED))
		evtchn_send(evtchn_lookup(a->d.evtchn, race_port));
	return data;
}

/*
 * Sending takes no lock of the table, yet once a port is closed no event arrives on it: not even
 * from a sender that had looked at its own end before.
 */
static void test_send_against_close(void **state)
{
	pthread_t thread[2];
	port_t pb;

	(void)state;
	connect(&race_port, &pb);
	__atomic_store_n(&race_stop, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, race_sender, NULL), 0);
	fake_current(b, 0);
	for (int i = 0; i < 20000; i++) {
		if (i)
			assert_true(pending(b, pb)); /* binding makes one up */
		assert_int_equal(port_op(EVTCHNOP_close, pb), 0);
		for (int look = 0; look < 20; look++)
			assert_false(__atomic_load_n(&b->d.shared->evtchn_pending[pb / 64],
						     __ATOMIC_SEQ_CST) >>
					     (pb % 64) &
				     1);
		b->info[0].evtchn_pending_sel = 0;
		assert_int_equal(bind(0, race_port), pb);
	}
	__atomic_store_n(&race_stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(status(0, race_port).status, EVTCHNSTAT_interdomain);
}

static struct {
	struct domain *d;
	port_t port;
	pthread_barrier_t *begin, *end;
} closer[2];

static void *close_often(void *data)
{
	for (int i = 0; i < 3000; i++) {
		int n = data == &closer[1];

		pthread_barrier_wait(closer[n].begin);
		evtchn_close(evtchn_lookup(closer[n].d->evtchn, closer[n].port));
		pthread_barrier_wait(closer[n].end);
	}
	return data;
}

/* Both ends are closed at once, by two CPUs that never lock both tables: both are free afterwards. */
static void test_close_against_close(void **state)
{
	pthread_barrier_t begin, end;
	pthread_t thread[2];

	(void)state;
	pthread_barrier_init(&begin, NULL, 3);
	pthread_barrier_init(&end, NULL, 3);
	for (int i = 0; i < 2; i++) {
		closer[i].d = i ? &b->d : &a->d;
		closer[i].begin = &begin;
		closer[i].end = &end;
		assert_int_equal(pthread_create(&thread[i], NULL, close_often, &closer[i]), 0);
	}
	for (int i = 0; i < 3000; i++) {
		connect(&closer[0].port, &closer[1].port);
		pthread_barrier_wait(&begin);
		pthread_barrier_wait(&end);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(evtchn_in_use(closer[k].d), 0);
			assert_int_equal(
				evtchn_lookup(closer[k].d->evtchn, closer[k].port)->binding,
				EVTCHNSTAT_closed);
		}
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	pthread_barrier_destroy(&begin);
	pthread_barrier_destroy(&end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_alloc_lowest),
		T(test_alloc_errors),
		T(test_argument_read_only),
		T(test_limit),
		T(test_limit_two_level),
		T(test_init_no_memory),
		T(test_interdomain),
		T(test_interdomain_errors),
		T(test_loopback),
		T(test_send_policy_and_unbound),
		T(test_mask_unmask),
		T(test_beyond_two_level),
		T(test_ipi),
		T(test_virq),
		T(test_virq_stale_port),
		T(test_virq_owner),
		T(test_bind_vcpu),
		T(test_status_errors),
		T(test_priority_is_fifo_only),
		T(test_reset),
		T(test_destroy_in_steps),
		T(test_poll),
		T(test_poll_race),
		T(test_vcpu_info),
		T(test_no_vcpu),
		T(test_deliver_to_rebound),
		T(test_send_against_close),
		T(test_close_against_close),
	};

	return cmocka_run_group_tests_name("evtchn", tests, NULL, NULL);
}
