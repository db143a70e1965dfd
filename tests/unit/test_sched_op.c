/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall sched_op and HLT on a simulated machine. Requirements: REQ core/scheduling (idle in
 * HLT), REQ core/event channels (polling), REQ core/7 (bad arguments harm no one).
 */
#include <string.h>
#include "support/sim_machine.h"
#include "event/evtchn.h"
#include "lib/cmdline.h"

#define EFLAGS_IF (1UL << 9)

static struct sim_domain *d;
static struct sim_vcpu *self;

/* One CPU, one domain of two vCPUs of which the first runs. */
static int setup(void **state)
{
	(void)state;
	options.sched_gran = 1;
	sim_reset(1, 1);
	d = sim_domain_add(2, 256);
	set_bit(PAUSE_DOWN, &d->vcpu[1].v.pause_flags);
	vcpu_sleep(&d->vcpu[1].v);
	sim_settle();
	self = &d->vcpu[0];
	sim_regs.rflags = EFLAGS_IF;
	assert_ptr_equal(current_vcpu(), &self->v);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_end();
	return 0;
}

static long op(unsigned int cmd, const void *arg)
{
	return sched_op(cmd, sim_gva(arg));
}

static bool runs(void)
{
	sim_settle();
	return vcpu_is_running(&self->v);
}

static void test_block(void **state)
{
	(void)state;
	assert_int_equal(op(SCHEDOP_block, NULL), 0);
	assert_false(runs());
	assert_int_equal(self->v.runstate.state, RUNSTATE_blocked);
	vcpu_unblock(&self->v);
	assert_true(runs());
	/* An event waits already: goes on. */
	self->pending = true;
	assert_int_equal(op(SCHEDOP_block, NULL), 0);
	assert_true(runs());
	assert_int_equal(self->v.pause_flags, 0);
}

static void event_arrives(void)
{
	vcpu_unblock(&self->v);
}

/* The event comes after the flag is set, before the look. */
static void test_block_race(void **state)
{
	(void)state;
	sim_race = event_arrives;
	assert_int_equal(op(SCHEDOP_block, NULL), 0);
	assert_true(runs());
}

static void test_hlt(void **state)
{
	(void)state;
	vcpu_hlt(&self->v);
	assert_false(runs());
	assert_int_equal(self->v.runstate.state, RUNSTATE_blocked);
	vcpu_unblock(&self->v);
	assert_true(runs());
	self->pending = true;
	vcpu_hlt(&self->v);
	assert_true(runs());
}

/* With interrupts off nothing can wake it: down for good; the last one ends the domain. */
static void test_hlt_interrupts_off(void **state)
{
	(void)state;
	clear_bit(PAUSE_DOWN, &d->vcpu[1].v.pause_flags);
	sim_regs.rflags = 0;
	self->pending = true;
	vcpu_hlt(&self->v);
	assert_false(runs());
	assert_true(test_bit(PAUSE_DOWN, &self->v.pause_flags));
	assert_int_equal(d->shutdowns, 0);
	set_bit(PAUSE_DOWN, &d->vcpu[1].v.pause_flags);
	clear_bit(PAUSE_DOWN, &self->v.pause_flags);
	vcpu_wake(&self->v);
	assert_true(runs());
	vcpu_hlt(&self->v);
	assert_int_equal(d->shutdowns, 1);
	assert_int_equal(d->shutdown_reason, SHUTDOWN_poweroff);
}

static long poll(port_t *ports, unsigned int nr, uint64_t timeout)
{
	struct sched_poll p = { .nr_ports = nr, .timeout = timeout };

	p.ports.p = ports;
	return op(SCHEDOP_poll, &p);
}

static void test_poll(void **state)
{
	port_t ports[129] = { 3, 5 };

	(void)state;
	sim_ports_open[3] = sim_ports_open[5] = true;
	/* Bad arguments: nothing is left set. */
	assert_int_equal(op(SCHEDOP_poll, NULL), -EFAULT);
	assert_int_equal(poll(NULL, 1, 0), -EFAULT);
	assert_int_equal(poll(ports, 129, 0), -EINVAL);
	assert_int_equal(poll(ports, ~0U, 0), -EINVAL);
	ports[1] = 6;
	assert_int_equal(poll(ports, 2, 0), -EINVAL);
	assert_int_equal(self->v.pause_flags, 0);
	assert_true(runs());
	/* One port: whoever makes it pending looks for it. */
	assert_int_equal(poll(ports, 1, 0), 0);
	assert_int_equal(self->v.poll_port, 3);
	assert_true(test_bit(PAUSE_POLL, &self->v.pause_flags));
	assert_false(runs());
	assert_false(timer_armed(&self->v.poll));
	vcpu_unblock(&self->v);
	assert_true(runs());
	/* Several. */
	ports[1] = 5;
	assert_int_equal(poll(ports, 2, 0), 0);
	assert_int_equal(self->v.poll_port, 0);
	assert_false(runs());
	vcpu_unblock(&self->v);
	assert_true(runs());
	/* Pending already, and an event of another port. */
	sim_ports_pending[5] = true;
	assert_int_equal(poll(ports, 2, 0), 0);
	assert_true(runs());
	sim_ports_pending[5] = false;
	self->pending = true;
	assert_int_equal(poll(ports, 2, 0), 0);
	assert_true(runs());
	self->pending = false;
	/* No port at all: a sleep. */
	assert_int_equal(poll(NULL, 0, 0), 0);
	assert_false(runs());
	vcpu_unblock(&self->v);
}

static void poll_timeout(void *data)
{
	vcpu_unblock(data);
}

static void test_poll_timeout(void **state)
{
	port_t port = 3;

	(void)state;
	sim_ports_open[3] = true;
	timer_init(&self->v.poll, poll_timeout, &self->v);
	assert_int_equal(poll(&port, 1, sim_now + 5 * MS), 0);
	sim_run(5 * MS - 1);
	assert_false(runs());
	sim_run(2);
	assert_true(runs());
	/* An event first: the timer goes. */
	assert_int_equal(poll(&port, 1, sim_now + 5 * MS), 0);
	assert_false(runs());
	vcpu_unblock(&self->v);
	assert_false(timer_armed(&self->v.poll));
	assert_true(runs());
	/* Event and timeout race: woken before the timer is armed. */
	sim_race = event_arrives;
	assert_int_equal(poll(&port, 1, sim_now + 5 * MS), 0);
	assert_false(timer_armed(&self->v.poll));
	assert_true(runs());
	/* In the past: over at once. */
	assert_int_equal(poll(&port, 1, 1), 0);
	sim_run(1);
	assert_true(runs());
	timer_kill(&self->v.poll);
}

static void test_shutdown(void **state)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_suspend };

	(void)state;
	assert_int_equal(op(SCHEDOP_shutdown, NULL), -EFAULT);
	assert_int_equal(op(SCHEDOP_shutdown_code, NULL), -EFAULT);
	assert_int_equal(op(SCHEDOP_shutdown_code, &s), 0);
	assert_int_equal(d->d.shutdown_code, SHUTDOWN_suspend);
	assert_int_equal(d->shutdowns, 0);
	s.reason = SHUTDOWN_reboot;
	assert_int_equal(op(SCHEDOP_shutdown, &s), 0);
	assert_int_equal(d->shutdowns, 1);
	assert_int_equal(d->shutdown_reason, SHUTDOWN_reboot);
	d->d.is_shutting_down = true;
	assert_int_equal(op(SCHEDOP_shutdown_code, &s), 0);
	assert_int_equal(d->d.shutdown_code, SHUTDOWN_suspend);
}

static void test_remote_shutdown(void **state)
{
	struct sim_domain *other = sim_domain_add(1, 256);
	struct sched_remote_shutdown s = { .domain_id = 1, .reason = SHUTDOWN_crash };

	(void)state;
	assert_int_equal(op(SCHEDOP_remote_shutdown, NULL), -EFAULT);
	sim_policy = -EPERM;
	assert_int_equal(op(SCHEDOP_remote_shutdown, &s), -EPERM);
	assert_int_equal(other->shutdowns, 0);
	sim_policy = 0;
	s.domain_id = 77;
	assert_int_equal(op(SCHEDOP_remote_shutdown, &s), -ESRCH);
	s.domain_id = 1;
	assert_int_equal(op(SCHEDOP_remote_shutdown, &s), 0);
	assert_int_equal(other->shutdowns, 1);
	assert_int_equal(other->shutdown_reason, SHUTDOWN_crash);
}

static void test_watchdog(void **state)
{
	struct sched_watchdog w = { 0, 0 };

	(void)state;
	assert_int_equal(op(SCHEDOP_watchdog, NULL), -EFAULT);
	assert_int_equal(op(SCHEDOP_watchdog, &w), -EINVAL);
	w.id = 1;
	assert_int_equal(op(SCHEDOP_watchdog, &w), -EINVAL);
	w.id = 3;
	assert_int_equal(op(SCHEDOP_watchdog, &w), -EINVAL);
	w = (struct sched_watchdog) { 0, 10 };
	assert_int_equal(op(SCHEDOP_watchdog, &w), 1);
	assert_int_equal(op(SCHEDOP_watchdog, &w), 2);
	assert_int_equal(op(SCHEDOP_watchdog, &w), -ENOSPC);
	/* One is given back, the other fed. */
	w = (struct sched_watchdog) { 2, 0 };
	assert_int_equal(op(SCHEDOP_watchdog, &w), 0);
	assert_int_equal(op(SCHEDOP_watchdog, &w), -EINVAL);
	sim_run(9000 * MS);
	w = (struct sched_watchdog) { 1, 10 };
	assert_int_equal(op(SCHEDOP_watchdog, &w), 0);
	sim_run(9000 * MS);
	assert_int_equal(d->shutdowns, 0);
	sim_run(1001 * MS);
	assert_int_equal(d->shutdowns, 1);
	assert_int_equal(d->shutdown_reason, SHUTDOWN_watchdog);
	/* Fires no more once the domain goes down anyway. */
	d->d.is_shutting_down = true;
	assert_int_equal(op(SCHEDOP_watchdog, &w), 0);
	sim_run(11000 * MS);
	assert_int_equal(d->shutdowns, 1);
}

static void test_unknown(void **state)
{
	(void)state;
	for (unsigned int cmd = SCHEDOP_pin_override; cmd < 40; cmd++)
		assert_int_equal(op(cmd, NULL), -ENOSYS);
	assert_int_equal(op(~0U, NULL), -ENOSYS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_block),	  T(test_block_race),
		T(test_hlt),	  T(test_hlt_interrupts_off),
		T(test_poll),	  T(test_poll_timeout),
		T(test_shutdown), T(test_remote_shutdown),
		T(test_watchdog), T(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
