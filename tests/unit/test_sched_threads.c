/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler under real concurrency: each thread is a CPU with its main loop. vCPUs play ping-pong
 * by blocking and waking, so that a lost wake-up ends in a hang; beside them others spin, are paused
 * and waited for, and move. No time decides: the test ends when enough rounds are played.
 * Compiled with host_this_cpu being each thread's own.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "domain/domain.h"
#include "event/evtchn.h"
#include "hvm/hvm.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "mm/heap.h"
#include "sched/runqueue.h"
#include "x86/time.h"

#define CPUS   3
#define PAIRS  2
#define ROUNDS 1000

static _Thread_local struct cpu *this_thread;
struct cpu **host_cpu_slot(void)
{
	return &this_thread;
}

struct cpu *cpus[MAX_CPUS];
struct core_options options;
const struct vm_ops *vm_ops;
static struct cpu cpu[CPUS];
static uint64_t deadline[CPUS];
static bool stop;
static bool in_control; /* waits for others, perhaps: they have to go on */

enum role {
	ROLE_PING,
	ROLE_PONG,
	ROLE_SPIN,
	ROLE_CONTROL,
};

static struct player {
	struct vcpu v;
	enum role role;
	struct player *peer;
	int on; /* CPU that runs it, -1: none */
	bool pending;
	unsigned int rounds;
	uint64_t spins;
} player[2 * PAIRS + 3];

static struct domain dom[2];
static struct vcpu *vcpus[2][ARRAY_SIZE(player)];
static int users[CPUS][2]; /* of each core, by domain */

unsigned int cpus_online(void)
{
	return CPUS;
}

void cpu_kick(struct cpu *c, enum cpu_work work)
{
	set_bit(work, &c->pending);
}

uint64_t system_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000UL + (uint64_t)t.tv_nsec;
}

void apic_timer_set(uint64_t ns)
{
	deadline[smp_id()] = ns;
}

void *xzalloc(size_t size)
{
	return calloc(1, size);
}

void xfree(void *p)
{
	free(p);
}

void printk(const char *fmt, ...)
{
}

void panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
}

/* Not called here. */
struct domain *domain_next(const struct domain *d)
{
	abort();
}
struct domain *domain_lookup(uint16_t domid)
{
	abort();
}
void domain_shutdown(struct domain *d, uint8_t reason)
{
	abort();
}
bool evtchn_upcall_pending(const struct vcpu *v)
{
	return __atomic_load_n(
		&container_of((struct vcpu *)(uintptr_t)v, struct player, v)->pending,
		__ATOMIC_SEQ_CST);
}
int evtchn_poll(struct domain *d, const port_t *ports, unsigned int nr)
{
	abort();
}
bool hvm_interrupt_waits(struct vcpu *v)
{
	return evtchn_upcall_pending(v);
}
int guest_read(void *dst, gva_t src, size_t len)
{
	abort();
}
int xsm_domain(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_perm perm)
{
	abort();
}

static void send(struct player *to)
{
	__atomic_store_n(&to->pending, true, __ATOMIC_SEQ_CST);
	vcpu_unblock(&to->v);
}

static void control(struct player *me)
{
	struct player *p = &player[rand() % (2 * PAIRS + 2)];
	struct cpumask one = { { 1UL << rand() % CPUS } }, all = { { ~0UL } };

	switch (rand() % 4) {
	case 0:
		vcpu_pause_sync(&p->v);
		if (__atomic_load_n(&p->on, __ATOMIC_SEQ_CST) != -1)
			panic("runs although paused");
		vcpu_unpause(&p->v);
		break;
	case 1:
		sched_set_affinity(&p->v, &one, NULL);
		break;
	case 2:
		sched_set_affinity(&p->v, &all, NULL);
		break;
	default:
		vcpu_wake(&p->v);
	}
	me->rounds++;
}

/* What the vCPU does between two exits. */
static void guest(struct player *p)
{
	bool event = __atomic_exchange_n(&p->pending, false, __ATOMIC_SEQ_CST);

	switch (p->role) {
	case ROLE_PING:
	case ROLE_PONG:
		if (event) {
			p->rounds++;
			send(p->peer);
		}
		sched_op(SCHEDOP_block, (gva_t) { 0 });
		break;
	case ROLE_CONTROL:
		__atomic_store_n(&in_control, true, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
			control(p);
		__atomic_store_n(&in_control, false, __ATOMIC_SEQ_CST);
		/* fall through */
	case ROLE_SPIN:
		p->spins++;
		sched_op(SCHEDOP_yield, (gva_t) { 0 });
	}
}

static void switch_to(int id, struct vcpu *prev, struct vcpu *next)
{
	int *use = users[cpu[id].core];

	if (prev) {
		__atomic_store_n(&container_of(prev, struct player, v)->on, -1, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(&use[prev->domain - dom], 1, __ATOMIC_SEQ_CST);
		sched_switched_from(prev);
	}
	if (!next)
		return;
	if (__atomic_exchange_n(&container_of(next, struct player, v)->on, id, __ATOMIC_SEQ_CST) !=
	    -1)
		panic("runs on two CPUs");
	/* Either of two that enter at a time sees the other. */
	__atomic_fetch_add(&use[next->domain - dom], 1, __ATOMIC_SEQ_CST);
	if (options.sched_gran > 1 &&
	    __atomic_load_n(&use[1 - (next->domain - dom)], __ATOMIC_SEQ_CST))
		panic("two domains on one core");
}

static bool enough(void)
{
	for (unsigned int i = 0; i < 2 * PAIRS; i++)
		if (__atomic_load_n(&player[i].rounds, __ATOMIC_RELAXED) < ROUNDS)
			return false;
	return true;
}

static void *main_loop(void *arg)
{
	int id = (int)(intptr_t)arg;
	struct vcpu *prev, *next;

	this_thread = &cpu[id];
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&in_control, __ATOMIC_SEQ_CST)) {
		if (deadline[id] && deadline[id] <= system_time()) {
			deadline[id] = 0;
			set_bit(WORK_TIMER, &cpu[id].pending);
		}
		if (test_and_clear_bit(WORK_TIMER, &cpu[id].pending))
			timers_run();
		prev = next = cpu[id].current;
		if (!prev || test_bit(WORK_SCHED, &cpu[id].pending)) {
			clear_bit(WORK_SCHED, &cpu[id].pending);
			next = sched_next();
			if (next != prev)
				switch_to(id, prev, next);
		}
		timers_program();
		if (next)
			guest(container_of(next, struct player, v));
		else
			sched_yield();
		if (id == 0 && enough())
			__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void play(uint8_t gran)
{
	pthread_t thread[CPUS];

	memset(cpu, 0, sizeof(cpu));
	memset(player, 0, sizeof(player));
	memset(dom, 0, sizeof(dom));
	memset(users, 0, sizeof(users));
	memset(deadline, 0, sizeof(deadline));
	memset(&sched_idle, 0, sizeof(sched_idle));
	nr_runqueues = 0;
	stop = false;
	options.sched_gran = gran;
	this_thread = &cpu[0];
	for (unsigned int i = 0; i < CPUS; i++) {
		cpu[i].id = i;
		cpu[i].core = gran > 1 ? i / 2 : i;
		cpus[i] = &cpu[i];
		timers_cpu_init(i);
		sched_cpu_init(&cpu[i]);
	}
	for (unsigned int i = 0; i < 2; i++) {
		dom[i].max_vcpus = ARRAY_SIZE(player);
		dom[i].vcpu = vcpus[i];
		sched_domain_init(&dom[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(player); i++) {
		struct player *p = &player[i];

		p->v.domain = &dom[i / 2 % 2];
		p->v.id = i;
		p->v.initialised = true;
		p->on = -1;
		p->role = i < 2 * PAIRS	      ? (i % 2 ? ROLE_PONG : ROLE_PING)
			  : i < 2 * PAIRS + 2 ? ROLE_SPIN
					      : ROLE_CONTROL;
		p->peer = &player[i ^ 1];
		sched_vcpu_init(&p->v);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(player); i++)
		vcpu_wake(&player[i].v);
	for (unsigned int i = 0; i < 2 * PAIRS; i += 2)
		player[i].pending = true;
	for (unsigned int i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, main_loop, (void *)(intptr_t)i),
				 0);
	for (unsigned int i = 0; i < CPUS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(player); i++) {
		struct player *p = &player[i];

		/* The two of a pair alternate. */
		if (p->role == ROLE_PING)
			assert_in_range(p->rounds - p->peer->rounds + 1, 0, 2);
		else if (p->role != ROLE_PONG)
			assert_true(p->spins > 0);
	}
}

static void test_cpus(void **state)
{
	play(1);
}

static void test_cores(void **state)
{
	play(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_cores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
