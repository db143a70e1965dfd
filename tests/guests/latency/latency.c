/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/7: no operation keeps the CPU. The local APIC's timer ticks every 400 microseconds; what a
 * hypercall or an emulated instruction does between two ticks that come in must stay below three
 * milliseconds, whatever its arguments. On the deterministic clock that is a count of instructions, of
 * all CPUs together (so there is but one), in which clearing a page counts as 512.
 *
 * CPUS: 1
 */
#include "guest.h"

#include <xen/hvm/hvm_op.h>

#define TICK_VECTOR   0x90
#define TICK_NS	      400000UL
#define LIMIT_NS      3000000UL

#define MSR_APIC_BASE 0x1b
#define X2APIC_EOI    0x80b
#define X2APIC_SVR    0x80f
#define X2APIC_TIMER  0x832
#define X2APIC_COUNT  0x838
#define X2APIC_DIVIDE 0x83e
#define PERIODIC      (1UL << 17)
#define DIVIDE_BY_1   0xb
#define COUNT_NS      10

#define HOLE	      0xd0000000UL
#define BIG	      0x140000000UL /* memory of 2 MiB pages, made and given back */
#define SMALL	      0x180000000UL /* the same in small pages */
#define BIG_EXTENTS   8
#define OWN	      (48UL << 20) /* of the domain's own memory, given back for what is made above */
#define LIST	      2048
#define CONSOLE_LEN   65536
#define FIFO_PAGES    16 /* of 1024 ports */
#define FIFO_PORTS    8000
#define GRANT_REF     9
#define EXTENT_2M     9
#define GRANTS	      (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define MAPS	      400
#define WINDOW	      0x1c0000000UL /* where grants are mapped */

static volatile uint64_t last_tick, longest;
static volatile unsigned int ticks;

static xen_pfn_t list[LIST] PAGE_ALIGNED;
static xen_ulong_t list_from[LIST];
static int errors[LIST];
static uint8_t page[2][PAGE_SIZE] PAGE_ALIGNED;
static grant_entry_v1_t grants[GRANTS] PAGE_ALIGNED;
static uint32_t words[FIFO_PAGES][PAGE_SIZE / 4] PAGE_ALIGNED;
static uint8_t control[PAGE_SIZE] PAGE_ALIGNED;
static union {
	struct gnttab_copy copy[LIST];
	struct gnttab_map_grant_ref map[LIST];
	struct gnttab_unmap_grant_ref unmap[LIST];
	multicall_entry_t call[LIST];
} many;
static grant_handle_t handles[MAPS];

static bool is_our_core(void)
{
	char text[XEN_EXTRAVERSION_LEN] = { 0 };

	HYPERCALL2(xen_version, XENVER_extraversion, text);
	return strstr(text, "bulkhead") != NULL;
}

static void tick(struct trap_frame *frame)
{
	uint64_t now = rdtsc();

	(void)frame;
	if (now - last_tick > longest)
		longest = now - last_tick;
	last_tick = now;
	ticks++;
	probe_wrmsr(X2APIC_EOI, 0);
}

static void ticks_start(void)
{
	uint64_t base = 0;

	probe_rdmsr(MSR_APIC_BASE, &base);
	probe_wrmsr(MSR_APIC_BASE, base | 3UL << 10);
	vector_set_handler(TICK_VECTOR, tick);
	probe_wrmsr(X2APIC_SVR, 0x1ff);
	probe_wrmsr(X2APIC_DIVIDE, DIVIDE_BY_1);
	probe_wrmsr(X2APIC_TIMER, PERIODIC | TICK_VECTOR);
	probe_wrmsr(X2APIC_COUNT, TICK_NS / COUNT_NS);
}

static void measure(const char *name, void (*act)(void))
{
	unsigned int from;

	irq_enable();
	from = ticks;
	while (ticks == from)
		relax();
	longest = 0;
	act();
	from = ticks;
	while (ticks == from)
		relax();
	irq_disable();
#ifdef LATENCY_SHOW
	print("OUT %s: %lu\n", name, longest);
#endif
	check_report(name, longest < LIMIT_NS || !is_our_core(), "%lu ns", longest);
}

/* ---- memory ---- */

static long reservation(unsigned int op, uint64_t at, unsigned int extents, unsigned int order)
{
	struct xen_memory_reservation arg = { .nr_extents = extents,
					      .extent_order = order,
					      .domid = DOMID_SELF };

	for (unsigned int i = 0; i < extents; i++)
		list[i] = at / PAGE_SIZE + ((uint64_t)i << order);
	set_xen_guest_handle(arg.extent_start, list);
	return memory_op(op, &arg);
}

static void populate_big(void)
{
	reservation(XENMEM_populate_physmap, BIG, BIG_EXTENTS, EXTENT_2M);
}

static void release_big(void)
{
	reservation(XENMEM_decrease_reservation, BIG, BIG_EXTENTS, EXTENT_2M);
}

static void populate_odd(void)
{
	reservation(XENMEM_populate_physmap, SMALL, 2, 8);
}

static void populate_small(void)
{
	reservation(XENMEM_populate_physmap, SMALL, LIST, 0);
}

/* Over small pages: a table with all that it maps goes at once. */
static void populate_over(void)
{
	reservation(XENMEM_populate_physmap, SMALL, 1, EXTENT_2M);
}

static void release_small(void)
{
	reservation(XENMEM_decrease_reservation, SMALL + (2UL << 20), 3, EXTENT_2M);
}

static void release_split(void)
{
	reservation(XENMEM_decrease_reservation, SMALL, 512, 0);
}

static void move_range(void)
{
	struct xen_add_to_physmap add = { .domid = DOMID_SELF,
					  .size = 0xffff,
					  .space = XENMAPSPACE_gmfn_range,
					  .idx = SMALL / PAGE_SIZE,
					  .gpfn = WINDOW / PAGE_SIZE };

	memory_op(XENMEM_add_to_physmap, &add);
	for (unsigned int i = 0; i < 4; i++)
		reservation(XENMEM_decrease_reservation,
			    WINDOW + (uint64_t)i * LIST * PAGE_SIZE / 4, LIST / 4, 0);
}

static void move_batch(void)
{
	struct xen_add_to_physmap_batch batch = { .domid = DOMID_SELF,
						  .size = LIST,
						  .space = XENMAPSPACE_gmfn };

	for (unsigned int i = 0; i < LIST; i++) {
		list_from[i] = SMALL / PAGE_SIZE + i;
		list[i] = WINDOW / PAGE_SIZE + i;
	}
	set_xen_guest_handle(batch.idxs, list_from);
	set_xen_guest_handle(batch.gpfns, list);
	set_xen_guest_handle(batch.errs, errors);
	memory_op(XENMEM_add_to_physmap_batch, &batch);
	reservation(XENMEM_decrease_reservation, WINDOW, LIST, 0);
}

/* ---- grants ---- */

static void copy_many(void)
{
	for (unsigned int i = 0; i < LIST; i++)
		many.copy[i] = (struct gnttab_copy) {
			.source = { .u.ref = GRANT_REF + (i & 1), .domid = own_domid() },
			.dest = { .u.gmfn = (uintptr_t)page[1] / PAGE_SIZE, .domid = DOMID_SELF },
			.len = PAGE_SIZE,
			.flags = GNTCOPY_source_gref,
		};
	grant_op(GNTTABOP_copy, many.copy, LIST);
}

static void map_many(void)
{
	for (unsigned int i = 0; i < MAPS; i++)
		many.map[i] = (struct gnttab_map_grant_ref) {
			.host_addr = WINDOW + ((uint64_t)i << 21),
			.flags = GNTMAP_host_map,
			.ref = GRANT_REF,
			.dom = own_domid(),
		};
	grant_op(GNTTABOP_map_grant_ref, many.map, MAPS);
	for (unsigned int i = 0; i < MAPS; i++)
		handles[i] = many.map[i].handle;
}

static void unmap_many(void)
{
	for (unsigned int i = 0; i < MAPS; i++)
		many.unmap[i] = (struct gnttab_unmap_grant_ref) {
			.host_addr = WINDOW + ((uint64_t)i << 21),
			.handle = handles[i],
		};
	grant_op(GNTTABOP_unmap_grant_ref, many.unmap, MAPS);
}

static void setup_table(void)
{
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 64 };

	set_xen_guest_handle(setup.frame_list, list);
	grant_op(GNTTABOP_setup_table, &setup, 1);
}

/* ---- calls ---- */

static void multicalls(void)
{
	for (unsigned int i = 0; i < LIST; i++)
		many.call[i] = (multicall_entry_t) {
			.op = __HYPERVISOR_xen_version,
			.args = { XENVER_capabilities, (uintptr_t)page[0] },
		};
	HYPERCALL2(multicall, many.call, LIST);
}

/* Each element is one that may take long by itself. */
static void multicalls_long(void)
{
	static struct xen_memory_reservation args[64];

	for (unsigned int i = 0; i < ARRAY_SIZE(args); i++) {
		args[i] = (struct xen_memory_reservation) { .nr_extents = 1,
							    .extent_order = EXTENT_2M,
							    .domid = DOMID_SELF };
		list[0] = BIG / PAGE_SIZE;
		set_xen_guest_handle(args[i].extent_start, list);
		many.call[i] = (multicall_entry_t) {
			.op = __HYPERVISOR_memory_op,
			.args = { i & 1 ? XENMEM_decrease_reservation : XENMEM_populate_physmap,
				  (uintptr_t)&args[i] },
		};
	}
	HYPERCALL2(multicall, many.call, ARRAY_SIZE(args));
}

/* A line of blanks: the log is read by people too. */
static void write_console(void)
{
	static char text[CONSOLE_LEN];

	for (unsigned int i = 0; i < sizeof(text); i++)
		text[i] = i + 1 < sizeof(text) ? ' ' : '\n';
	HYPERCALL3(console_io, CONSOLEIO_write, sizeof(text), text);
}

static void poll_many(void)
{
	static evtchn_port_t ports[128];
	struct sched_poll poll = { .nr_ports = 128, .timeout = 1 };

	for (unsigned int i = 0; i < 128; i++)
		ports[i] = 1;
	set_xen_guest_handle(poll.ports, ports);
	sched_op(SCHEDOP_poll, &poll);
}

/* ---- instructions ---- */

static void string_to_hole(void)
{
	uint64_t at = HOLE, count = 4 * PAGE_SIZE;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(0) : "memory");
}

static void string_from_hole(void)
{
	uint64_t from = HOLE + PAGE_SIZE - 1, to = (uintptr_t)&page[0][PAGE_SIZE - 1];
	uint64_t count = PAGE_SIZE;

	__asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

/* ---- event channels ---- */

static void ports_bind(void)
{
	for (unsigned int i = 0; i < FIFO_PORTS; i++)
		event_bind_ipi(0);
}

static void ports_reset(void)
{
	struct evtchn_reset reset = { .dom = DOMID_SELF };

	evtchn_op(EVTCHNOP_reset, &reset);
}

/* The array says that every port is on a queue still: none can be taken. */
static void ports_busy(void)
{
	memset(words, 0x20, sizeof(words));
	for (uint32_t i = 1; i < FIFO_PORTS; i++)
		evtchn_op(EVTCHNOP_close, &i);
	for (unsigned int i = 0; i < 20; i++)
		event_bind_ipi(0);
}

static bool fifo_start(void)
{
	struct evtchn_init_control init = { .control_gfn = (uintptr_t)control / PAGE_SIZE };
	struct evtchn_expand_array array;

	if (evtchn_op(EVTCHNOP_init_control, &init))
		return false;
	for (unsigned int i = 0; i < FIFO_PAGES; i++) {
		array.array_gfn = (uintptr_t)words[i] / PAGE_SIZE;
		if (evtchn_op(EVTCHNOP_expand_array, &array))
			return false;
	}
	return true;
}

static void release_own(void)
{
	reservation(XENMEM_decrease_reservation, OWN, 24, EXTENT_2M);
}

static void check_memory(void)
{
	measure("release-own", release_own);
	measure("populate-2m", populate_big);
	measure("release-2m", release_big);
	measure("populate-order-8", populate_odd);
	measure("populate-4k", populate_small);
	measure("populate-over", populate_over);
	measure("release-small", release_small);
	measure("release-split", release_split);
	populate_small();
	measure("move-range", move_range);
	populate_small();
	measure("move-batch", move_batch);
}

static void check_grants(void)
{
	map_xen_page(XENMAPSPACE_grant_table, 0, grants);
	for (unsigned int i = 0; i < 2; i++) {
		grants[GRANT_REF + i].domid = own_domid();
		grants[GRANT_REF + i].frame = (uint32_t)((uintptr_t)page[0] / PAGE_SIZE);
		grants[GRANT_REF + i].flags = GTF_permit_access;
	}
	measure("grant-copy", copy_many);
	measure("grant-map", map_many);
	measure("grant-unmap", unmap_many);
	measure("grant-setup", setup_table);
}

void guest_main(void)
{
	events_init();
	ticks_start();
	check_memory();
	check_grants();
	measure("multicall", multicalls);
	measure("multicall-long", multicalls_long);
	measure("console-write", write_console);
	measure("poll", poll_many);
	measure("string-write", string_to_hole);
	measure("string-read", string_from_hole);
	CHECK("fifo", fifo_start());
	measure("ports-bind", ports_bind);
	measure("ports-reset", ports_reset);
	CHECK("fifo-again", fifo_start());
	ports_bind();
	measure("ports-busy", ports_busy);
}
