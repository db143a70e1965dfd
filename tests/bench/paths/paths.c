/* SPDX-License-Identifier: BSD-2-Clause */
/* How many instructions the short paths of the core take: exits, hypercalls, events, timers. */
#include "guest.h"

#define WARM_UP	     100
#define ROUNDS	     1000
#define TIMER_ROUNDS 50
#define MILLISECOND  1000000UL

static volatile unsigned int received;
static volatile unsigned int second_ready;
static volatile uint64_t tick_at;
static unsigned int to_second, to_first;

static void report(const char *name, uint64_t ticks, unsigned int rounds)
{
	print("BENCH %s %lu\n", name, (unsigned long)(ticks / rounds));
}

static void bench_hypercall(void)
{
	uint64_t start = 0;

	for (unsigned int i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP)
			start = rdtsc();
		HYPERCALL2(xen_version, XENVER_version, 0);
	}
	report("null-hypercall", rdtsc() - start, ROUNDS);
}

static void bench_cpuid(void)
{
	uint64_t start = 0;
	uint32_t regs[4];

	for (unsigned int i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP)
			start = rdtsc();
		cpuid(1, 0, regs);
	}
	report("cpuid-exit", rdtsc() - start, ROUNDS);
}

static void on_answer(unsigned int port, void *data)
{
	(void)port;
	(void)data;
	received++;
}

static void on_call(unsigned int port, void *data)
{
	(void)port;
	(void)data;
	event_send(to_first);
}

static void second(void *data)
{
	(void)data;
	second_ready = 1;
	for (;;)
		irq_wait();
}

/* One event to this very vCPU and its handler. */
static void bench_self(void)
{
	int port = event_bind_ipi(0);
	uint64_t start = 0;

	event_set_handler(port, on_answer, NULL);
	for (unsigned int i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP)
			start = rdtsc();
		received = 0;
		event_send(port);
		wait_flag(&received, 10);
	}
	report("event-to-self", rdtsc() - start, ROUNDS);
	event_close(port);
}

/* There and back between two vCPUs that halt while they wait. */
static void bench_round_trip(void)
{
	uint64_t start = 0;

	to_second = (unsigned int)event_bind_ipi(1);
	to_first = (unsigned int)event_bind_ipi(0);
	event_set_handler(to_second, on_call, NULL);
	event_set_handler(to_first, on_answer, NULL);
	cpu_start(1, second, NULL);
	while (!second_ready)
		relax();
	for (unsigned int i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP)
			start = rdtsc();
		received = 0;
		event_send(to_second);
		wait_flag(&received, 10);
	}
	report("event-round-trip-vcpus", rdtsc() - start, ROUNDS);
}

static void on_tick(unsigned int port, void *data)
{
	(void)port;
	(void)data;
	tick_at = system_time();
	received = 1;
}

/* From a timer's due time to its handler, the vCPU halted. */
static void bench_timer(void)
{
	struct vcpu_set_singleshot_timer timer = { .flags = 0 };
	int port = event_bind_virq(VIRQ_TIMER, 0);
	uint64_t late = 0;

	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	event_set_handler(port, on_tick, NULL);
	for (unsigned int i = 0; i < TIMER_ROUNDS; i++) {
		received = 0;
		timer.timeout_abs_ns = system_time() + MILLISECOND;
		vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
		wait_flag(&received, 10);
		late += tick_at - timer.timeout_abs_ns;
	}
	report("timer-latency", late, TIMER_ROUNDS);
}

void guest_main(void)
{
	/* Dom0's TSC is the machine's. */
	report("boot", rdtsc(), 1);
	events_init();
	bench_hypercall();
	bench_cpuid();
	bench_self();
	bench_timer();
	bench_round_trip();
}
