/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/6: the paravirtual clock and the timers of a vCPU. REQ core/7: vCPUs that are halted while
 * their local APICs tick as fast as they can, masked or below the task priority, take no time.
 *
 * CPUS: 1
 * CMDLINE: dom0_max_vcpus=32
 */
#include "guest.h"

#define ETIME	      62
#define EINVAL	      22
#define MILLISECOND   1000000UL

#define MSR_APIC_BASE 0x1b
#define X2APIC_BASE   0xfee00c00UL
#define X2APIC_TPR    0x808
#define X2APIC_SVR    0x80f
#define X2APIC_TIMER  0x832
#define X2APIC_COUNT  0x838
#define X2APIC_DIVIDE 0x83e
#define MASKED	      (1UL << 16)
#define PERIODIC      (1UL << 17)
#define DIVIDE_BY_1   0xb
#define TICKERS	      31
#define LOOPS	      (20 * 1000 * 1000U)

static volatile unsigned int ticks;
static volatile uint64_t last_tick;

static void tick(unsigned int port, void *data)
{
	(void)port;
	(void)data;
	last_tick = system_time();
	ticks++;
}

static void check_clock(void)
{
	uint64_t before = system_time();
	bool backwards = false;

	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t now = system_time();

		backwards |= now < before;
		before = now;
	}
	CHECK("clock-monotonic", !backwards);
	CHECK("clock-moves", before > 0);
	CHECK("wall-clock", shared_info.wc_sec > 1500000000);
}

static void check_singleshot(void)
{
	struct vcpu_set_singleshot_timer arg = { .flags = 0 };
	uint64_t due;

	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	ticks = 0;
	due = system_time() + 5 * MILLISECOND;
	arg.timeout_abs_ns = due;
	CHECK_EQ("singleshot", vcpu_op(VCPUOP_set_singleshot_timer, 0, &arg), 0);
	CHECK("singleshot-fires", wait_flag(&ticks, 100));
	CHECK("singleshot-not-early", last_tick >= due);
	CHECK("singleshot-on-time", last_tick < due + 1000 * MILLISECOND);

	arg.timeout_abs_ns = system_time() - MILLISECOND;
	ticks = 0;
	CHECK_EQ("singleshot-past-fires", vcpu_op(VCPUOP_set_singleshot_timer, 0, &arg), 0);
	CHECK("singleshot-past-fired", wait_flag(&ticks, 100));

	arg.timeout_abs_ns = system_time() + 1000 * MILLISECOND;
	ticks = 0;
	vcpu_op(VCPUOP_set_singleshot_timer, 0, &arg);
	CHECK_EQ("singleshot-stop", vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
}

static void check_periodic(void)
{
	struct vcpu_set_periodic_timer arg = { .period_ns = 10 * MILLISECOND };
	uint64_t start = system_time();

	ticks = 0;
	CHECK_EQ("periodic", vcpu_op(VCPUOP_set_periodic_timer, 0, &arg), 0);
	/* Not halted: Xen stops the periodic timer of a vCPU that blocks. */
	irq_enable();
	while (ticks < 5)
		relax();
	irq_disable();
	CHECK("periodic-not-early", system_time() - start >= 40 * MILLISECOND);
	CHECK_EQ("periodic-stop", vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	arg.period_ns = 1000;
	CHECK_EQ("periodic-too-short", vcpu_op(VCPUOP_set_periodic_timer, 0, &arg), -EINVAL);
}

static void check_poll(void)
{
	struct sched_poll poll = { .nr_ports = 1 };
	evtchn_port_t port = (evtchn_port_t)event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	uint64_t due = system_time() + 5 * MILLISECOND;

	set_xen_guest_handle(poll.ports, &port);
	poll.timeout = due;
	CHECK_EQ("poll", sched_op(SCHEDOP_poll, &poll), 0);
	CHECK("poll-waited", system_time() >= due);
	event_close(port);
}

static volatile unsigned int halting;

/* Ticks every 10 ns, or as often as the core lets it; half of them to no effect, half masked. */
static void ticker(void *data)
{
	bool masked = this_cpu() % 2;

	probe_wrmsr(MSR_APIC_BASE, X2APIC_BASE);
	probe_wrmsr(X2APIC_SVR, 0x1ff);
	probe_wrmsr(X2APIC_TPR, 0xff);
	probe_wrmsr(X2APIC_DIVIDE, DIVIDE_BY_1);
	probe_wrmsr(X2APIC_TIMER, PERIODIC | (masked ? MASKED : 0) | 0x90);
	probe_wrmsr(X2APIC_COUNT, 1);
	__atomic_fetch_add(&halting, 1, __ATOMIC_SEQ_CST);
	for (;;)
		irq_wait();
}

static uint64_t time_of_work(void)
{
	uint64_t start = system_time();

	for (volatile unsigned int i = 0; i < LOOPS; i++)
		;
	return system_time() - start;
}

static void check_ticks_of_others(void)
{
	uint64_t alone, beside;

	alone = time_of_work();
	for (unsigned int i = 1; i <= TICKERS; i++)
		CHECK_EQ("ticker", cpu_start(i, ticker, NULL), 0);
	while (halting < TICKERS)
		sched_op(SCHEDOP_yield, NULL);
	for (unsigned int i = 0; i < TICKERS; i++)
		sched_op(SCHEDOP_yield, NULL);
	beside = time_of_work();
	check_report("ticks-take-no-time", beside < alone + alone / 20,
		     "%lu us alone, %lu us beside them", alone / 1000, beside / 1000);
}

void guest_main(void)
{
	int port;

	events_init();
	port = event_bind_virq(VIRQ_TIMER, 0);
	CHECK("bind-virq-timer", port > 0);
	event_set_handler(port, tick, NULL);
	check_clock();
	check_singleshot();
	check_periodic();
	check_poll();
	check_ticks_of_others();
}
