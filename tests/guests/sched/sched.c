/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/scheduling: shares stay within 5 % of the weights over 10 s, a cap holds, who wakes up
 * runs within 1 ms on an idle machine. REQ core/guests-see: the PV clock is monotonic across vCPUs
 * and right within 1 ms in a minute; the deterministic clock's TSC, a tick for each nanosecond of
 * virtual time, is the truth.
 *
 * CPUS: 4
 * QEMU: -icount shift=3,sleep=off
 */
#include "guest.h"

#include "domain.h"

#define MS	   1000000UL
#define SECOND	   (1000 * MS)
#define CPU_2	   0x4
#define CPU_1	   0x2
#define BOTH	   (CPU_1 | CPU_2)
#define WAKE_UPS   20
#define CLOCK_LOOP 20000

/* GOT is within PERCENT of WANT. */
static void check_share(const char *name, uint64_t got, uint64_t want, unsigned int percent)
{
	uint64_t off = got > want ? got - want : want - got;

	check_report(name, off * 100 <= want * percent, "ran %lu us, not %lu", got / 1000,
		     want / 1000);
}

/* Three weights on one CPU; then a cap, alone, for the emulator runs one CPU after another. */
static void check_weights(void)
{
	static const uint16_t weight[] = { 256, 512, 128 };
	static const char *const name[] = { "share-256", "share-512", "share-128" };
	domid_t domid[4];
	uint64_t ran[4];

	for (unsigned int i = 0; i < 3; i++) {
		domid[i] = spinner_create(1, CPU_1);
		CHECK_EQ("weight", spinner_weigh(domid[i], weight[i], 0), 0);
	}
	domid[3] = spinner_create(1, CPU_2);
	CHECK_EQ("cap", spinner_weigh(domid[3], 0, 30), 0);
	spinners_run(domid, 3, 10 * SECOND, ran);
	for (unsigned int i = 0; i < 3; i++)
		check_share(name[i], ran[i], 10 * SECOND * weight[i] / (256 + 512 + 128), 5);
	spinners_run(&domid[3], 1, 10 * SECOND, ran);
	check_share("share-capped", ran[0], 3 * SECOND, 5);
}

/* Two vCPUs each on two CPUs: no CPU may idle, and the weights hold over both. */
static void check_balance(void)
{
	domid_t domid[] = { spinner_create(2, BOTH), spinner_create(2, BOTH) };
	uint64_t ran[2];

	CHECK_EQ("weight", spinner_weigh(domid[1], 512, 0), 0);
	spinners_run(domid, 2, 10 * SECOND, ran);
	check_share("share-two-cpus-256", ran[0], 20 * SECOND / 3, 5);
	check_share("share-two-cpus-512", ran[1], 40 * SECOND / 3, 5);
}

static volatile unsigned int came;
static volatile uint64_t came_at;

static void note(unsigned int port, void *data)
{
	came_at = system_time();
	came = 1;
}

static void halt(void *data)
{
	for (;;)
		irq_wait();
}

/* From a timer's time, and from an event's sending, to the handler in a vCPU that was halted. */
static void check_wake_up(void)
{
	int timer = event_bind_virq(VIRQ_TIMER, 0), ipi = event_bind_ipi(1);
	uint64_t by_timer = 0, by_event = 0;

	event_set_handler(timer, note, NULL);
	event_set_handler(ipi, note, NULL);
	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	CHECK_EQ("start", cpu_start(1, halt, NULL), 0);
	for (unsigned int i = 0; i < WAKE_UPS; i++) {
		struct vcpu_set_singleshot_timer set = { 0 };
		uint64_t sent;

		/* Odd times, so that they meet no tick. */
		set.timeout_abs_ns = system_time() + 7 * MS + i * 12345;
		came = 0;
		vcpu_op(VCPUOP_set_singleshot_timer, 0, &set);
		while (!came)
			irq_wait();
		if (came_at - set.timeout_abs_ns > by_timer)
			by_timer = came_at - set.timeout_abs_ns;

		wait_until(system_time() + 3 * MS + i * 12345);
		came = 0;
		sent = system_time();
		event_send(ipi);
		while (!came)
			relax();
		if (came_at - sent > by_event)
			by_event = came_at - sent;
	}
	event_close(timer);
	check_report("wake-by-timer", by_timer < MS, "takes %lu ns", by_timer);
	check_report("wake-by-event", by_event < MS, "takes %lu ns", by_event);
}

static volatile unsigned int clock_lock, clock_steps, clock_done;
static volatile uint64_t clock_last;

/* On each vCPU: the clock as it is now is not behind what any other has seen. */
static void compare_clocks(void *data)
{
	while (clock_done < CLOCK_LOOP) {
		uint64_t now;

		while (__atomic_exchange_n(&clock_lock, 1, __ATOMIC_ACQUIRE))
			relax();
		now = system_time();
		clock_steps += now < clock_last;
		clock_last = now;
		clock_done++;
		__atomic_store_n(&clock_lock, 0, __ATOMIC_RELEASE);
		/* The others' turn comes with the hypercall, when vCPUs share a CPU or a thread. */
		sched_op(SCHEDOP_yield, NULL);
	}
}

static void check_clock(void)
{
	uint64_t time = system_time(), tsc = rdtsc(), passed, off;

	wait_until(time + 60 * SECOND);
	passed = system_time() - time;
	tsc = rdtsc() - tsc;
	off = passed > tsc ? passed - tsc : tsc - passed;
	check_report("clock-minute", passed >= 60 * SECOND && off * 60 * SECOND / passed < MS,
		     "%lu ns off after %lu ns", off, passed);
	for (unsigned int cpu = 2; cpu < 4; cpu++)
		CHECK_EQ("start", cpu_start(cpu, compare_clocks, NULL), 0);
	compare_clocks(NULL);
	check_report("clock-monotonic", !clock_steps, "%u steps back", clock_steps);
}

void guest_main(void)
{
	events_init();
	check_wake_up();
	check_clock();
	check_weights();
	check_balance();
}
