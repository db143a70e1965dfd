/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/8 (event channels, FIFO ABI): control blocks, the event array, linking and priorities,
 * the change from 2-level, and guests that write nonsense into what they share with the core.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include "support/fake.h"
#include "event/evtchn.h"
#include "event/table.h"

#define ARRAY_GFN   10 /* event array pages begin here */
#define CONTROL_GFN 2
#define PENDING	    (1U << EVTCHN_FIFO_PENDING)
#define MASKED	    (1U << EVTCHN_FIFO_MASKED)
#define LINKED	    (1U << EVTCHN_FIFO_LINKED)
#define BUSY	    (1U << EVTCHN_FIFO_BUSY)
#define LINK	    ((uint32_t)EVTCHN_FIFO_LINK_MASK)

static struct fake_domain *a;

static long op(unsigned int cmd, void *arg, size_t size)
{
	long rc;

	memcpy(fake_mem(a, FAKE_ARG_GPA), arg, size);
	rc = evtchn_op(cmd, (gva_t) { FAKE_ARG_GPA });
	memcpy(arg, fake_mem(a, FAKE_ARG_GPA), size);
	return rc;
}
#define OP(cmd, arg) op(EVTCHNOP_##cmd, &(arg), sizeof(arg))

static long init_control(uint64_t gfn, uint32_t offset, uint32_t vcpu)
{
	struct evtchn_init_control c = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
	long rc = OP(init_control, c);

	if (!rc)
		assert_int_equal(c.link_bits, 17);
	return rc;
}

static long expand(uint64_t gfn)
{
	struct evtchn_expand_array e = { .array_gfn = gfn };

	return OP(expand_array, e);
}

static port_t ipi(uint32_t vcpu)
{
	struct evtchn_bind_ipi i = { .vcpu = vcpu };

	assert_int_equal(OP(bind_ipi, i), 0);
	return i.port;
}

static long port_op(unsigned int cmd, port_t port)
{
	return op(cmd, &port, sizeof(port));
}

static long priority(port_t port, uint32_t prio)
{
	struct evtchn_set_priority p = { .port = port, .priority = prio };

	return OP(set_priority, p);
}

static uint32_t *word(port_t port)
{
	return (uint32_t *)fake_mem(a, ((ARRAY_GFN + port / 1024UL) << PAGE_SHIFT)) + port % 1024;
}

static struct evtchn_fifo_control_block *control(unsigned int vcpu)
{
	return fake_mem(a, (CONTROL_GFN + vcpu) << PAGE_SHIFT);
}

/* Takes the first event of a queue as a guest does; 0 when there is none. */
static port_t consume(unsigned int vcpu, unsigned int prio, port_t *head)
{
	port_t port = *head ? *head : control(vcpu)->head[prio];
	uint32_t w;

	if (!port)
		return 0;
	w = *word(port);
	*word(port) = w & ~(LINKED | LINK);
	*head = w & LINK;
	if (!*head) {
		control(vcpu)->ready &= ~(1U << prio);
		control(vcpu)->head[prio] = 0;
	}
	assert_true(w & LINKED);
	*word(port) &= ~PENDING;
	return port;
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	a = fake_domain_add(0, 2, 300);
	assert_int_equal(evtchn_init(&a->d, 0), 0);
	fake_current(a, 0);
	return 0;
}

static int setup_fifo(void **state)
{
	setup(state);
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), 0);
	assert_int_equal(init_control(CONTROL_GFN + 1, 0, 1), 0);
	assert_int_equal(expand(ARRAY_GFN), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_window_hook = NULL;
	a->d.state = DOMAIN_DYING;
	while (!evtchn_destroy(&a->d, 1000))
		;
	fake_epoch_run();
	evtchn_free(&a->d);
	assert_int_equal(fake_heap_blocks, 0);
	assert_int_equal(fake_windows_open, 0);
	for (unsigned int i = 0; i < 300; i++)
		assert_int_equal(fake_frame_refs(a->map[i].mfn), 1);
	return 0;
}

static void test_init_control_errors(void **state)
{
	(void)state;
	assert_int_equal(init_control(CONTROL_GFN, 0, 2), -ENOENT);
	assert_int_equal(init_control(CONTROL_GFN, 4096 - sizeof(*control(0)) + 8, 0), -EINVAL);
	assert_int_equal(init_control(CONTROL_GFN, 4, 0), -EINVAL);
	assert_int_equal(init_control(CONTROL_GFN, ~0U, 0), -EINVAL);
	assert_int_equal(init_control(900, 0, 0), -EINVAL);
	assert_int_equal(init_control(1UL << 52 | CONTROL_GFN, 0, 0), -EINVAL);
	assert_int_equal(init_control(~0UL, 0, 0), -EINVAL);
	a->map[CONTROL_GFN].type = P2M_GRANT_RW;
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), -EINVAL);
	a->map[CONTROL_GFN].type = P2M_RAM;
	/* Still the 2-level ABI after each failure. */
	assert_int_equal(expand(ARRAY_GFN), -EOPNOTSUPP);
	assert_int_equal(priority(1, 3), -ENOSYS);
	fake_epoch_run();
	assert_int_equal(init_control(CONTROL_GFN, 4096 - sizeof(*control(0)), 0), 0);
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), -EINVAL); /* once only */
	assert_int_equal(init_control(CONTROL_GFN, 0, 1), 0);
}

static void test_no_memory(void **state)
{
	(void)state;
	a->d.max_vcpus = 3;
	fake_alloc_budget = 0;
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), -ENOMEM);
	assert_int_equal(fake_epoch_run(), 0);
	fake_alloc_budget = -1;
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), 0);
	/* From here nothing more is needed, not even for a vCPU made after the switch. */
	fake_alloc_budget = 0;
	assert_int_equal(init_control(CONTROL_GFN + 2, 0, 2), -ENOENT);
	a->vcpu_table[2] = &a->vcpus[2];
	a->vcpus[2] = (struct vcpu) { .domain = &a->d, .id = 2, .info_va = &a->info[2] };
	assert_int_equal(init_control(CONTROL_GFN + 2, 0, 2), 0);
	fake_alloc_budget = -1;
}

static void test_expand(void **state)
{
	(void)state;
	assert_int_equal(expand(900), -EINVAL);
	assert_int_equal(expand(~0UL), -EINVAL);
	assert_int_equal(expand(1UL << 52), -EINVAL);
	for (unsigned int i = 1; i < 128; i++)
		assert_int_equal(expand(ARRAY_GFN + i), 0);
	assert_int_equal(expand(ARRAY_GFN + 128), -ENOSPC);
	/* Now every port of the ABI can be had. */
	for (unsigned int i = 1; i < 5000; i++)
		assert_int_equal(ipi(0), i);
	assert_int_equal(port_op(EVTCHNOP_send, 4999), 0);
	assert_int_equal(control(0)->head[7], 4999);
}

/* A domain that may have few ports can't pin many pages. */
static void test_expand_limited(void **state)
{
	struct fake_domain *zero = a;

	(void)state;
	a = fake_domain_add(1, 1, 300);
	assert_int_equal(evtchn_init(&a->d, 1023), 0);
	fake_current(a, 0);
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), 0);
	assert_int_equal(expand(ARRAY_GFN), 0);
	assert_int_equal(expand(ARRAY_GFN + 1), -ENOSPC);
	a->d.state = DOMAIN_DYING;
	while (!evtchn_destroy(&a->d, 1000))
		;
	evtchn_free(&a->d);
	a = zero;
}

static void test_link_and_consume(void **state)
{
	port_t p[3], head = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		p[i] = ipi(0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(port_op(EVTCHNOP_send, p[i]), 0);
	assert_int_equal(control(0)->ready, 1U << 7);
	assert_int_equal(control(0)->head[7], p[0]);
	assert_int_equal(*word(p[0]), PENDING | LINKED | p[1]);
	assert_int_equal(*word(p[1]), PENDING | LINKED | p[2]);
	assert_int_equal(*word(p[2]), PENDING | LINKED);
	assert_int_equal(a->notified[0], 1);
	assert_int_equal(port_op(EVTCHNOP_send, p[1]), 0); /* linked already: nothing changes */
	assert_int_equal(a->notified[0], 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(consume(0, 7, &head), p[i]);
	assert_int_equal(consume(0, 7, &head), 0);
	/* The queue is empty although its tail is known: the next event is a new head. */
	a->info[0].evtchn_upcall_pending = 0;
	assert_int_equal(port_op(EVTCHNOP_send, p[0]), 0);
	assert_int_equal(control(0)->head[7], p[0]);
	assert_int_equal(a->notified[0], 2);
	/* Its own port is the tail: cleared and sent again. */
	assert_int_equal(consume(0, 7, &head), p[0]);
	a->info[0].evtchn_upcall_pending = 0;
	assert_int_equal(port_op(EVTCHNOP_send, p[0]), 0);
	assert_int_equal(*word(p[0]), PENDING | LINKED);
	assert_int_equal(a->notified[0], 3);
}

static void test_priorities(void **state)
{
	port_t low = ipi(0), high = ipi(0), head = 0;

	(void)state;
	assert_int_equal(priority(low, EVTCHN_FIFO_PRIORITY_MIN), 0);
	assert_int_equal(priority(high, EVTCHN_FIFO_PRIORITY_MAX), 0);
	assert_int_equal(priority(high, 16), -EINVAL);
	assert_int_equal(priority(~0U, 1), -EINVAL);
	port_op(EVTCHNOP_send, low);
	port_op(EVTCHNOP_send, high);
	assert_int_equal(control(0)->ready, 1U << 15 | 1U << 0);
	assert_int_equal(control(0)->head[15], low);
	assert_int_equal(control(0)->head[0], high);
	/* A change of priority while linked takes effect at the next event. */
	assert_int_equal(priority(low, 3), 0);
	assert_int_equal(consume(0, 15, &head), low);
	port_op(EVTCHNOP_send, low);
	assert_int_equal(control(0)->head[3], low);
	/* The old queue has forgotten its tail: what comes there does not link into the new one. */
	assert_int_equal(priority(high, 15), 0);
	head = 0;
	assert_int_equal(consume(0, 0, &head), high);
	port_op(EVTCHNOP_send, high);
	assert_int_equal(control(0)->head[15], high);
	assert_int_equal(*word(low), PENDING | LINKED);
}

static void test_move_between_vcpus(void **state)
{
	struct evtchn_alloc_unbound u = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain i = { .remote_dom = DOMID_SELF };
	struct evtchn_bind_vcpu v = { .vcpu = 1 };
	port_t head = 0;

	(void)state;
	assert_int_equal(OP(alloc_unbound, u), 0);
	i.remote_port = u.port;
	assert_int_equal(OP(bind_interdomain, i), 0);
	assert_int_equal(consume(0, 7, &head), i.local_port); /* the event that binding makes up */
	port_op(EVTCHNOP_send, i.local_port);
	assert_int_equal(consume(0, 7, &head), u.port);
	v.port = u.port;
	assert_int_equal(OP(bind_vcpu, v), 0);
	port_op(EVTCHNOP_send, i.local_port);
	assert_int_equal(control(1)->head[7], u.port);
	assert_int_equal(a->notified[1], 1);
	/* Still linked there while it is moved back: the event stays where it is. */
	v.vcpu = 0;
	assert_int_equal(OP(bind_vcpu, v), 0);
	*word(u.port) &= ~PENDING;
	port_op(EVTCHNOP_send, i.local_port);
	assert_int_equal(control(1)->head[7], u.port);
	head = 0;
	assert_int_equal(consume(1, 7, &head), u.port);
	port_op(EVTCHNOP_send, i.local_port);
	assert_int_equal(control(0)->head[7], u.port);
}

static void test_mask_unmask(void **state)
{
	port_t p = ipi(0);

	(void)state;
	*word(p) = MASKED;
	assert_int_equal(port_op(EVTCHNOP_send, p), 0);
	assert_int_equal(*word(p), MASKED | PENDING);
	assert_int_equal(a->notified[0], 0);
	assert_int_equal(port_op(EVTCHNOP_unmask, p), 0);
	assert_int_equal(*word(p), PENDING | LINKED);
	assert_int_equal(a->notified[0], 1);
	assert_int_equal(port_op(EVTCHNOP_unmask, p), 0);
	assert_int_equal(a->notified[0], 1);
	assert_int_equal(port_op(EVTCHNOP_unmask, 5000), -EINVAL);
}

/* REQ core: pending 2-level events survive the change of the ABI; so do early FIFO ones. */
static void test_migration(void **state)
{
	port_t p = ipi(0), q = ipi(1), none;

	(void)state;
	assert_int_equal(port_op(EVTCHNOP_send, p), 0);
	none = q + 1;
	a->d.shared->evtchn_pending[0] |= 1UL << none; /* of a port that does not exist */
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), 0);
	assert_int_equal(init_control(CONTROL_GFN + 1, 0, 1), 0);
	assert_int_equal(port_op(EVTCHNOP_send, q), 0); /* no array page yet */
	assert_int_equal(port_op(EVTCHNOP_unmask, q), 0);
	assert_int_equal(evtchn_poll(&a->d, &q, 1), 0);
	a->info[0].evtchn_upcall_pending = a->info[1].evtchn_upcall_pending = 0;
	memset(a->notified, 0, sizeof(a->notified));
	assert_int_equal(expand(ARRAY_GFN), 0);
	assert_int_equal(control(0)->head[7], p);
	assert_int_equal(control(1)->head[7], q);
	assert_int_equal(a->notified[0], 1);
	assert_int_equal(a->notified[1], 1);
	assert_int_equal(*word(none), 0);
	assert_int_equal(evtchn_poll(&a->d, &p, 1), 1);
}

static void *switch_over(void *result)
{
	*(long *)result = init_control(CONTROL_GFN, 0, 0);
	return NULL;
}

/* An event that comes while the change is going on, with no array page yet, is kept as well. */
static void test_switch_race(void **state)
{
	struct evtchn_table *t = a->d.evtchn;
	port_t p = ipi(0);
	struct evtchn *chn = evtchn_lookup(t, p);
	pthread_t thread;
	long result = -1;

	(void)state;
	spin_lock_nested(&chn->lock);
	assert_int_equal(pthread_create(&thread, NULL, switch_over, &result), 0);
	while (!__atomic_load_n(&t->fifo, __ATOMIC_ACQUIRE))
		sched_yield();
	evtchn_raise(chn);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(result, 0);
	assert_int_equal(expand(ARRAY_GFN), 0);
	assert_int_equal(control(0)->head[7], p);
}

static void test_no_control_block(void **state)
{
	port_t p;

	(void)state;
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), 0);
	assert_int_equal(expand(ARRAY_GFN), 0);
	p = ipi(1);
	assert_int_equal(port_op(EVTCHNOP_send, p), 0);
	assert_int_equal(*word(p), PENDING);
	assert_int_equal(a->notified[1], 0);
	assert_int_equal(init_control(CONTROL_GFN + 1, 0, 1), 0);
	assert_int_equal(port_op(EVTCHNOP_unmask, p), 0);
	assert_int_equal(control(1)->head[7], p);
}

static void test_close_while_linked(void **state)
{
	port_t p = ipi(0), q, head = 0;

	(void)state;
	assert_int_equal(port_op(EVTCHNOP_send, p), 0);
	assert_int_equal(port_op(EVTCHNOP_close, p), 0);
	assert_int_equal(*word(p), LINKED);
	q = ipi(0);
	assert_int_not_equal(q, p); /* not while it is on a queue */
	assert_int_equal(consume(0, 7, &head), p);
	assert_int_equal(ipi(0), p);
	/* All ports of the first bucket linked: the search goes on behind it. */
	for (port_t i = 0; i < 64; i++)
		*word(i) = LINKED;
	port_op(EVTCHNOP_close, p);
	assert_int_equal(ipi(0), 64);
}

static void test_reset_returns_to_two_level(void **state)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };
	port_t p;

	(void)state;
	ipi(0);
	assert_int_equal(OP(reset, r), 0);
	assert_int_equal(fake_epoch_run(), 1);
	assert_int_equal(expand(ARRAY_GFN), -EOPNOTSUPP);
	p = ipi(0);
	assert_int_equal(port_op(EVTCHNOP_send, p), 0);
	assert_true(a->d.shared->evtchn_pending[0] & (1UL << p));
	assert_int_equal(init_control(CONTROL_GFN, 0, 0), 0);
}

/* ---- a hostile guest ---- */

/* Links that lead nowhere, or in a circle, are never followed. */
static void test_hostile_links(void **state)
{
	port_t p = ipi(0), q = ipi(0);

	(void)state;
	port_op(EVTCHNOP_send, p);
	*word(p) |= LINK; /* the last port there is */
	control(0)->head[7] = LINK;
	port_op(EVTCHNOP_send, q);
	assert_int_equal(*word(p) & LINK, q);
	*word(q) = PENDING | LINKED | q; /* a circle */
	port_op(EVTCHNOP_send, p);
	for (int i = 0; i < 1024; i++)
		word(0)[i] = 0xffffffff;
	port_op(EVTCHNOP_send, p);
	port_op(EVTCHNOP_send, q);
	port_op(EVTCHNOP_unmask, p);
	port_op(EVTCHNOP_close, p);
	memset(control(0), 0xff, sizeof(*control(0)));
	for (int i = 0; i < 1024; i++)
		word(0)[i] = 0;
	port_op(EVTCHNOP_send, q);
	assert_int_equal(control(0)->head[7], q);
	assert_int_equal(a->notified[0], 1); /* it said itself that the queue is ready */
}

/* The tail is marked BUSY when its word changes, and the mark goes again. */
static void test_tail_changes(void **state)
{
	port_t p = ipi(0), q = ipi(0);

	(void)state;
	port_op(EVTCHNOP_send, p);
	*word(p) |= BUSY; /* the guest's own nonsense */
	port_op(EVTCHNOP_send, q);
	assert_int_equal(*word(p), PENDING | LINKED | q);
	assert_int_equal(*word(q), PENDING | LINKED);
	/* A guest that has unlinked the tail: a new head. */
	*word(p) = *word(q) = 0;
	control(0)->head[7] = 0;
	port_op(EVTCHNOP_send, p);
	assert_int_equal(control(0)->head[7], p);
	assert_int_equal(*word(q), 0);
}

static unsigned int storm_stop;

/* Another vCPU of the guest, which changes words and control block as fast as it can. */
static void *storm(void *data)
{
	uint32_t n = 1;

	while (!__atomic_load_n(&storm_stop, __ATOMIC_RELAXED)) {
		n = n * 1664525 + 1013904223;
		__atomic_fetch_xor(word(n >> 8 & 3), n & (LINKED | BUSY | 1U), __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&control(0)->ready, ~(1U << 7), __ATOMIC_SEQ_CST);
		__atomic_fetch_and(word(n >> 10 & 3), ~PENDING, __ATOMIC_SEQ_CST);
		__atomic_store_n(&a->info[0].evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	}
	return data;
}

/* REQ core/7: event storms. Every send ends, and the core's own records stay whole. */
static void test_hostile_storm(void **state)
{
	pthread_t thread;
	port_t port[3], head = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		port[i] = ipi(0);
	__atomic_store_n(&storm_stop, 0, __ATOMIC_RELAXED);
	assert_int_equal(pthread_create(&thread, NULL, storm, NULL), 0);
	for (unsigned int i = 0; i < 300000; i++)
		assert_int_equal(evtchn_send(evtchn_lookup(a->d.evtchn, port[i % 3])), 0);
	__atomic_store_n(&storm_stop, 1, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* Once the guest behaves again, events arrive again. */
	for (int i = 0; i < 4; i++)
		*word(i) = 0;
	memset(control(0), 0, sizeof(*control(0)));
	assert_int_equal(evtchn_send(evtchn_lookup(a->d.evtchn, port[1])), 0);
	assert_int_equal(consume(0, 7, &head), port[1]);
}

static void test_poll(void **state)
{
	port_t p = ipi(0);

	(void)state;
	a->vcpus[0].pause_flags = 1UL << PAUSE_POLL;
	assert_int_equal(evtchn_poll(&a->d, &p, 1), 0);
	assert_false(fifo_pending(a->d.evtchn->fifo, 100000));
	port_op(EVTCHNOP_send, p);
	assert_int_equal(a->unblocked[0], 1);
	assert_int_equal(evtchn_poll(&a->d, &p, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T2(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TF(name) cmocka_unit_test_setup_teardown(name, setup_fifo, teardown)
		T2(test_init_control_errors),
		T2(test_no_memory),
		TF(test_expand),
		T2(test_expand_limited),
		TF(test_link_and_consume),
		TF(test_priorities),
		TF(test_move_between_vcpus),
		TF(test_mask_unmask),
		T2(test_migration),
		T2(test_switch_race),
		T2(test_no_control_block),
		TF(test_close_while_linked),
		TF(test_reset_returns_to_two_level),
		TF(test_hostile_links),
		TF(test_tail_changes),
		TF(test_hostile_storm),
		TF(test_poll),
	};

	return cmocka_run_group_tests_name("evtchn_fifo", tests, NULL, NULL);
}
