/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Costs of single operations, from inside a guest: on the deterministic clock the TSC counts
 * instructions, the core's included. Prints `BENCH name count` lines; tests/bench/bench.py runs it
 * on both cores and makes the ratios. Each number is the least of several rounds.
 */
#include "guest.h"

#define ROUNDS	    16
#define GRANT_FRAME 8 /* first grant reference that is free on Xen */
#define MIB	    (1UL << 20)

static uint8_t grant_page[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t map_page[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t source_page[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t target_page[PAGE_SIZE] PAGE_ALIGNED;
static volatile unsigned int came, stop;
static volatile uint64_t came_at;
static int ping, pong;

static void report(const char *name, uint64_t count)
{
	print("BENCH %s %lu\n", name, count);
}

/* The least that @op takes, less what an empty one does. */
static uint64_t least(void (*op)(void))
{
	uint64_t best = ~0UL;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t start = rdtsc(), took;

		op();
		took = rdtsc() - start;
		if (took < best)
			best = took;
	}
	return best;
}

static void op_hypercall(void)
{
	HYPERCALL2(xen_version, XENVER_version, 0);
}

static void op_cpuid(void)
{
	uint32_t regs[4];

	cpuid(1, 0, regs);
}

static void op_send_self(void)
{
	came = 0;
	event_send(ping);
	irq_enable();
	while (!came)
		relax();
	irq_disable();
}

static void note(unsigned int port, void *data)
{
	came_at = rdtsc();
	came = 1;
}

/* Two vCPUs: the other answers each event. */
static void answer(unsigned int port, void *data)
{
	event_send(pong);
}

static void responder(void *data)
{
	while (!stop)
		irq_wait();
}

static void op_round_trip(void)
{
	came = 0;
	event_send(ping);
	irq_enable();
	while (!came)
		relax();
	irq_disable();
}

static void bench_events(void)
{
	ping = event_bind_ipi(0);
	event_set_handler(ping, note, NULL);
	report("event-to-self", least(op_send_self));
	event_close(ping);

	ping = event_bind_ipi(1);
	pong = event_bind_ipi(0);
	event_set_handler(ping, answer, NULL);
	event_set_handler(pong, note, NULL);
	if (cpu_start(1, responder, NULL) == 0) {
		for (unsigned int i = 0; i < 100000; i++)
			relax();
		report("event-round-trip-vcpus", least(op_round_trip));
	}
	stop = 1;
	event_send(ping);
}

static void op_map_unmap(void)
{
	struct gnttab_map_grant_ref map = {
		.host_addr = (uintptr_t)map_page,
		.flags = GNTMAP_host_map,
		.ref = GRANT_FRAME,
		.dom = own_domid(),
	};
	struct gnttab_unmap_grant_ref unmap = { .host_addr = (uintptr_t)map_page };

	grant_op(GNTTABOP_map_grant_ref, &map, 1);
	unmap.handle = map.handle;
	grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
}

static void op_copy(void)
{
	struct gnttab_copy copy = {
		.source = { .u.ref = GRANT_FRAME, .domid = own_domid() },
		.dest = { .u.gmfn = (uintptr_t)target_page / PAGE_SIZE, .domid = DOMID_SELF },
		.len = PAGE_SIZE,
		.flags = GNTCOPY_source_gref,
	};

	grant_op(GNTTABOP_copy, &copy, 1);
}

static void bench_grants(void)
{
	grant_entry_v1_t *entry = (grant_entry_v1_t *)grant_page + GRANT_FRAME;

	map_xen_page(XENMAPSPACE_grant_table, 0, grant_page);
	entry->domid = own_domid();
	entry->frame = (uintptr_t)source_page / PAGE_SIZE;
	barrier();
	entry->flags = GTF_permit_access;
	report("grant-map-unmap", least(op_map_unmap));
	report("grant-copy-4k", least(op_copy));
}

static void bench_timer(void)
{
	int port = event_bind_virq(VIRQ_TIMER, 0);
	uint64_t best = ~0UL;

	event_set_handler(port, note, NULL);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct vcpu_set_singleshot_timer timer = { 0 };
		uint64_t due = rdtsc(), took;

		/* The clock is 1 tick a nanosecond: due in 200 µs. */
		timer.timeout_abs_ns = system_time() + 200000;
		due += 200000;
		came = 0;
		vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
		while (!came)
			irq_wait();
		took = came_at > due ? came_at - due : 0;
		if (took < best)
			best = took;
	}
	report("timer-latency", best);
}

/* 64 MiB away and back, in extents of 4 KiB and of 2 MiB. */
static void bench_populate(unsigned int order, const char *name)
{
	static xen_pfn_t list[512];
	const unsigned long frames = 64 * MIB / PAGE_SIZE, step = 1UL << order;
	const unsigned long first = 60 * MIB / PAGE_SIZE;
	uint64_t start, took = 0;

	for (unsigned int part = 0; part < 2; part++) {
		start = rdtsc();
		for (unsigned long done = 0; done < frames;) {
			struct xen_memory_reservation r = { .domid = DOMID_SELF };
			unsigned int n = 0;

			while (n < ARRAY_SIZE(list) && done < frames) {
				list[n++] = first + done;
				done += step;
			}
			r.nr_extents = n;
			r.extent_order = order;
			set_xen_guest_handle(r.extent_start, list);
			if (memory_op(part ? XENMEM_populate_physmap : XENMEM_decrease_reservation,
				      &r) != n)
				print("FAIL %s: part %u\n", name, part);
		}
		took = rdtsc() - start;
		/* What is freed is scrubbed behind our back: let that end. */
		while (!part && rdtsc() - start < 400000000UL)
			relax();
	}
	report(name, took);
}

void guest_main(void)
{
	events_init();
	report("boot-to-first-instruction", rdtsc());
	report("empty", least(relax));
	report("null-hypercall", least(op_hypercall));
	report("cpuid-exit", least(op_cpuid));
	bench_grants();
	bench_timer();
	bench_populate(0, "populate-64M-4k");
	bench_events();
}
