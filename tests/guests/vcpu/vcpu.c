/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/6: vCPUs are started, stopped, registered and asked about; needs two of them. */
#include "guest.h"

#define EEXIST 17
#define EINVAL 22
#define ENOENT 2
#define ENOSYS 38
#define ENXIO  6

static volatile unsigned int second_runs;
static volatile unsigned int second_number;
static volatile unsigned int kicked;
static struct vcpu_runstate_info runstate __attribute__((aligned(64)));
static uint8_t info_page[PAGE_SIZE] PAGE_ALIGNED;

static void kick(unsigned int port, void *data)
{
	(void)port;
	(void)data;
	kicked = 1 + this_cpu();
}

static void second(void *data)
{
	(void)data;
	second_number = this_cpu();
	second_runs = 1;
	for (;;)
		irq_wait();
}

static void check_start(void)
{
	int port;

	CHECK_EQ("up-before", vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	CHECK_EQ("up-uninitialised", vcpu_op(VCPUOP_up, 1, NULL), -EINVAL);
	CHECK_EQ("start", cpu_start(1, second, NULL), 0);
	while (!second_runs)
		relax();
	CHECK_EQ("number", second_number, 1);
	CHECK_EQ("up-after", vcpu_op(VCPUOP_is_up, 1, NULL), 1);

	port = event_bind_ipi(1);
	CHECK("bind-ipi", port > 0);
	event_set_handler(port, kick, NULL);
	CHECK_EQ("send-ipi", event_send(port), 0);
	while (!kicked)
		relax();
	CHECK_EQ("ipi-on-second", kicked, 2);
}

static void check_errors(void)
{
	CHECK_EQ("no-vcpu", vcpu_op(VCPUOP_is_up, 1000, NULL), -ENOENT);
	CHECK_EQ("unknown", vcpu_op(99, 0, NULL), -ENOSYS);
	CHECK_EQ("down-and-up-self", vcpu_op(VCPUOP_up, 0, NULL), 0);
}

static void check_runstate(void)
{
	struct vcpu_register_runstate_memory_area area = { .addr.p = (uintptr_t)&runstate };
	struct vcpu_runstate_info copy;

	CHECK_EQ("runstate-get", vcpu_op(VCPUOP_get_runstate_info, 0, &copy), 0);
	CHECK_EQ("runstate-running", copy.state, RUNSTATE_running);
	CHECK_EQ("runstate-register", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
	sched_op(SCHEDOP_yield, NULL);
	CHECK_EQ("runstate-area", runstate.state, RUNSTATE_running);
	CHECK("runstate-since", runstate.state_entry_time > 0);
}

static void check_info(void)
{
	struct vcpu_register_vcpu_info info = {
		.mfn = (uintptr_t)info_page / PAGE_SIZE,
		.offset = 4090,
	};
	vcpu_info_t *place = (vcpu_info_t *)(info_page + 64);

	CHECK_EQ("info-crossing", vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -ENXIO);
	info.offset = 64;
	CHECK_EQ("info-register", vcpu_op(VCPUOP_register_vcpu_info, 0, &info), 0);
	CHECK("info-clock", place->time.tsc_to_system_mul != 0);
	CHECK_EQ("info-twice", vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -EINVAL);
}

static volatile unsigned int nmis[2], depth, deepest;

/* The first NMI sends another: it must wait for the end of this handler. */
static void on_nmi(struct trap_frame *frame)
{
	(void)frame;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (nmis[this_cpu()]++ == 0)
		vcpu_op(VCPUOP_send_nmi, this_cpu(), NULL);
	depth--;
}

static void await_nmis(unsigned int cpu)
{
	for (unsigned int i = 0; nmis[cpu] < 2 && i < 100000; i++)
		sched_op(SCHEDOP_yield, NULL);
}

static void check_nmi(void)
{
	uint64_t something = 0;

	vector_set_handler(2, on_nmi);
	CHECK_EQ("nmi-argument", vcpu_op(VCPUOP_send_nmi, 0, &something), -EINVAL);
	CHECK_EQ("nmi-self", vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	await_nmis(0);
	CHECK_EQ("nmi-self-came", nmis[0], 2);
	CHECK_EQ("nmi-not-nested", deepest, 1);
	/* The other one is halted, with interrupts on. */
	CHECK_EQ("nmi-other", vcpu_op(VCPUOP_send_nmi, 1, NULL), 0);
	await_nmis(1);
	CHECK("nmi-other-came", nmis[1] >= 1);
	CHECK_EQ("nmi-other-not-nested", deepest, 1);
}

void guest_main(void)
{
	events_init();
	check_start();
	check_errors();
	check_runstate();
	check_info();
	check_nmi();
}
