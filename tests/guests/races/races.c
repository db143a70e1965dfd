/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/7: all vCPUs do rightful things to the same few pages, grants, ports and areas, at random and at once:
 * what one maps another moves, gives back, grants, revokes, copies to, registers or closes. Nothing may be
 * lost: afterwards all is undone, and the domain and the core have the memory that they had. The last
 * vCPU is stopped and started again at any moment.
 *
 * CPUS: 3
 */
#include "guest.h"

#include <xen/sysctl.h>

#define MSR_APIC_BASE 0x1b
#define X2APIC_ICR    0x830
#define ICR_INIT      0x4500

#define POOL	      12
#define GRANTS	      8
#define FIRST_REF     8
#define HANDLES	      16
#define PORTS	      16
#define CREW	      3 /* without the one that is stopped */
#define STEPS	      250
#define ROUNDS	      1
/* The core keeps so many single pages for itself, and some room in its heap's classes. */
#define KEPT	      120
#define UNMAP_LOOK    64 /* handles that are tried at the end */
#define PATIENCE      5000000000UL

static uint8_t pool[POOL][PAGE_SIZE] PAGE_ALIGNED;
static uint8_t out[CREW + 1][PAGE_SIZE] PAGE_ALIGNED;
static grant_entry_v1_t grants[PAGE_SIZE / sizeof(grant_entry_v1_t)] PAGE_ALIGNED;
static volatile struct {
	grant_handle_t handle;
	uint64_t at;
} handles[HANDLES];
static volatile unsigned int ports[PORTS];
static unsigned int crew;
static volatile unsigned int round_number, done[CREW];
static unsigned int victim; /* the vCPU that is stopped and started, 0: none */
static uint64_t state[CREW + 1];

static unsigned int roll(unsigned int sides)
{
	uint64_t *s = &state[this_cpu()];

	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return (unsigned int)((*s >> 24) % sides);
}

static uint8_t *any_page(void)
{
	return pool[roll(POOL)];
}

static uint64_t frame_of(const void *page)
{
	return (uintptr_t)page / PAGE_SIZE;
}

/* ---- memory ---- */

static long reservation(unsigned int op, const void *page)
{
	xen_pfn_t frame = frame_of(page);
	struct xen_memory_reservation arg = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(arg.extent_start, &frame);
	return memory_op(op, &arg);
}

static void do_release(void)
{
	reservation(XENMEM_decrease_reservation, any_page());
}

static void do_populate(void)
{
	reservation(XENMEM_populate_physmap, any_page());
}

static void do_move(void)
{
	map_xen_page(XENMAPSPACE_gmfn, frame_of(any_page()), any_page());
}

static void do_shared_info(void)
{
	map_xen_page(XENMAPSPACE_shared_info, 0, any_page());
}

static void do_grant_frame(void)
{
	map_xen_page(XENMAPSPACE_grant_table, 1 + roll(3), any_page());
}

static long remove_page(const void *page)
{
	struct xen_remove_from_physmap arg = { .domid = DOMID_SELF, .gpfn = frame_of(page) };

	return memory_op(XENMEM_remove_from_physmap, &arg);
}

static void do_remove(void)
{
	remove_page(any_page());
}

static void do_touch(void)
{
	uint32_t value;

	probe_read(any_page(), &value);
	probe_write(any_page() + 8 * roll(500), value);
}

/* Results that are written to a page, or to two of them. */
static void do_results(void)
{
	uint8_t *at = any_page() + (roll(2) ? PAGE_SIZE - 16 : 64);
	struct gnttab_query_size size = { .dom = DOMID_SELF };

	HYPERCALL2(xen_version, XENVER_capabilities, at);
	grant_op(GNTTABOP_query_size, &size, 1);
	vcpu_op(VCPUOP_get_runstate_info, roll(crew), at);
}

static void do_hypercall_page(void)
{
	probe_wrmsr(xen_hypercall_msr, (uintptr_t)any_page());
}

/* ---- grants ---- */

static void do_grant_entry(void)
{
	grant_entry_v1_t *entry = &grants[FIRST_REF + roll(GRANTS)];

	WRITE_ONCE(entry->frame, (uint32_t)frame_of(any_page()));
	WRITE_ONCE(entry->domid, own_domid());
	WRITE_ONCE(entry->flags,
		   roll(4) ? GTF_permit_access : GTF_permit_access | GTF_readonly | roll(4) << 3);
}

static void do_map(void)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = (uintptr_t)any_page(),
		.flags = GNTMAP_host_map | (roll(3) ? 0 : GNTMAP_readonly),
		.ref = FIRST_REF + roll(GRANTS),
		.dom = own_domid(),
	};
	unsigned int slot = roll(HANDLES);

	grant_op(GNTTABOP_map_grant_ref, &op, 1);
	if (op.status == GNTST_okay) {
		handles[slot].handle = op.handle;
		handles[slot].at = op.host_addr;
	}
}

static int16_t unmap(grant_handle_t handle, uint64_t at)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = at, .handle = handle };

	grant_op(GNTTABOP_unmap_grant_ref, &op, 1);
	return op.status;
}

static void do_unmap(void)
{
	unsigned int slot = roll(HANDLES);

	unmap(handles[slot].handle, handles[slot].at);
}

static void do_copy(void)
{
	struct gnttab_copy op = {
		.source = { .u.ref = FIRST_REF + roll(GRANTS), .domid = own_domid() },
		.dest = { .u.gmfn = frame_of(any_page()), .domid = DOMID_SELF },
		.len = PAGE_SIZE,
		.flags = GNTCOPY_source_gref,
	};

	if (roll(2)) {
		op.dest.u.ref = FIRST_REF + roll(GRANTS);
		op.dest.domid = own_domid();
		op.flags |= GNTCOPY_dest_gref;
	}
	grant_op(GNTTABOP_copy, &op, 1);
}

static void do_swap(void)
{
	struct gnttab_swap_grant_ref op = { .ref_a = FIRST_REF + roll(GRANTS),
					    .ref_b = FIRST_REF + roll(GRANTS) };

	grant_op(GNTTABOP_swap_grant_ref, &op, 1);
}

/* ---- events ---- */

static unsigned int any_port(void)
{
	return ports[roll(PORTS)];
}

static void keep_port(int port)
{
	if (port > 0)
		ports[roll(PORTS)] = (unsigned int)port;
}

static void do_bind(void)
{
	switch (roll(4)) {
	case 0:
		keep_port(event_bind_ipi(roll(crew)));
		break;
	case 1:
		keep_port(event_bind_virq(roll(2) ? VIRQ_TIMER : VIRQ_DEBUG, roll(crew)));
		break;
	case 2:
		keep_port(event_alloc_unbound(DOMID_SELF, DOMID_SELF));
		break;
	default:
		keep_port(event_bind_interdomain(DOMID_SELF, any_port()));
	}
}

static void do_close(void)
{
	struct evtchn_close arg = { .port = any_port() };

	evtchn_op(EVTCHNOP_close, &arg);
}

static void do_send(void)
{
	for (unsigned int i = 0; i < 4; i++)
		event_send(any_port());
}

static void do_port(void)
{
	struct evtchn_status status = { .dom = DOMID_SELF, .port = any_port() };
	struct evtchn_bind_vcpu bind = { .port = any_port(), .vcpu = roll(crew) };
	struct evtchn_set_priority priority = { .port = any_port(), .priority = roll(16) };

	event_unmask(any_port());
	evtchn_op(EVTCHNOP_status, &status);
	evtchn_op(EVTCHNOP_bind_vcpu, &bind);
	evtchn_op(EVTCHNOP_set_priority, &priority);
}

static void do_fifo(void)
{
	struct evtchn_init_control init = { .control_gfn = frame_of(any_page()),
					    .offset = 8 * roll(16),
					    .vcpu = roll(crew) };
	struct evtchn_expand_array array = { .array_gfn = frame_of(any_page()) };

	evtchn_op(EVTCHNOP_init_control, &init);
	evtchn_op(EVTCHNOP_expand_array, &array);
}

static void reset(void)
{
	struct evtchn_reset arg = { .dom = DOMID_SELF };

	evtchn_op(EVTCHNOP_reset, &arg);
}

static void do_reset(void)
{
	if (roll(8) == 0)
		reset();
}

static void do_poll(void)
{
	evtchn_port_t port = any_port();
	struct sched_poll poll = { .nr_ports = 1, .timeout = 1 };

	set_xen_guest_handle(poll.ports, &port);
	sched_op(SCHEDOP_poll, &poll);
}

/* ---- vCPUs ---- */

static long register_area(unsigned int cmd, unsigned int vcpu, void *at)
{
	struct vcpu_register_runstate_memory_area area = { .addr.p = (uintptr_t)at };

	return vcpu_op((int)cmd, vcpu, &area);
}

static void do_area(void)
{
	register_area(roll(2) ? VCPUOP_register_runstate_memory_area
			      : VCPUOP_register_vcpu_time_memory_area,
		      roll(crew), any_page() + (roll(2) ? PAGE_SIZE - 24 : 128));
}

static void do_timer(void)
{
	struct vcpu_set_periodic_timer periodic = { .period_ns = 1000000 };
	unsigned int vcpu = roll(crew);

	if (roll(2))
		vcpu_op(VCPUOP_set_periodic_timer, vcpu, &periodic);
	else
		vcpu_op(VCPUOP_stop_periodic_timer, vcpu, NULL);
	HYPERCALL1(set_timer_op, 1 + roll(2));
}

static void do_assist(void)
{
	HYPERCALL2(vm_assist, roll(2) ? VMASST_CMD_enable : VMASST_CMD_disable,
		   VMASST_TYPE_runstate_update_flag);
}

static void do_vector(void)
{
	xen_hvm_evtchn_upcall_vector_t arg = { .vcpu = roll(crew), .vector = 0x81 };

	HYPERCALL2(hvm_op, HVMOP_set_evtchn_upcall_vector, &arg);
	HYPERCALL2(hvm_op, HVMOP_flush_tlbs, NULL);
}

static void do_yield(void)
{
	sched_op(SCHEDOP_yield, NULL);
}

/* INIT, then a new start; only from the first vCPU, so that nobody waits for a vCPU that is gone. */
static void do_restart(void);

/* ---- rounds ---- */

static void steps(void)
{
	static void (*const acts[])(void) = {
		do_release,	do_populate,	do_populate, do_move,	 do_shared_info,
		do_remove,	do_grant_frame, do_touch,    do_results, do_hypercall_page,
		do_grant_entry, do_map,		do_map,	     do_unmap,	 do_unmap,
		do_copy,	do_copy,	do_swap,     do_bind,	 do_bind,
		do_close,	do_send,	do_send,     do_port,	 do_fifo,
		do_reset,	do_poll,	do_area,     do_timer,	 do_assist,
		do_vector,	do_restart,	do_yield
	};

	for (unsigned int i = 0; i < STEPS; i++)
		acts[roll(ARRAY_SIZE(acts))]();
}

/* Runs on the victim for as long as it is let. */
static void victim_main(void *data)
{
	(void)data;
	for (;;)
		steps();
}

static void do_restart(void)
{
	if (this_cpu() || !victim)
		return;
	probe_wrmsr(X2APIC_ICR, (uint64_t)(victim * 2) << 32 | ICR_INIT);
	cpu_start(victim, victim_main, NULL);
}

static void crew_main(void *data)
{
	unsigned int last = 0;

	(void)data;
	for (;;) {
		while (round_number == last)
			sched_op(SCHEDOP_yield, NULL);
		last = round_number;
		steps();
		done[this_cpu()] = last;
	}
}

/*
 * What was freed goes after a grace period: other CPUs' exits, which a while of yielding brings; but the
 * emulator may let another CPU stand in the core for as long as thousands of yields take.
 */
static void wait_grace(void)
{
	for (unsigned int i = 0; i < 300; i++)
		sched_op(SCHEDOP_yield, NULL);
}

/* Undoes what the round has left: handles at any page, areas, ports, what is not RAM in the pool. */
static void tidy(void)
{
	uint64_t end;

	for (unsigned int i = 0; i < GRANTS; i++)
		WRITE_ONCE(grants[FIRST_REF + i].flags, 0);
	for (grant_handle_t handle = 0; handle < UNMAP_LOOK; handle++)
		for (unsigned int i = 0; i < POOL; i++)
			unmap(handle, (uintptr_t)pool[i]);
	reset();
	for (unsigned int cpu = 0; cpu < crew; cpu++) {
		register_area(VCPUOP_register_runstate_memory_area, cpu, out[cpu]);
		register_area(VCPUOP_register_runstate_memory_area, cpu, NULL);
		register_area(VCPUOP_register_vcpu_time_memory_area, cpu, out[cpu]);
		vcpu_op(VCPUOP_stop_periodic_timer, cpu, NULL);
	}
	map_xen_page(XENMAPSPACE_shared_info, 0, &shared_info);
	for (unsigned int i = 0; i < POOL; i++) {
		if (reservation(XENMEM_decrease_reservation, pool[i]) != 1)
			remove_page(pool[i]);
	}
	/* Pages of FIFO arrays count against the domain's limit until their grace period is over. */
	end = system_time() + PATIENCE;
	for (unsigned int i = 0; i < POOL; i++)
		while (reservation(XENMEM_populate_physmap, pool[i]) != 1 && system_time() < end)
			wait_grace();
}

static long own_pages(void)
{
	domid_t self = DOMID_SELF;

	return memory_op(XENMEM_current_reservation, &self);
}

/* In Dom0's place: what the core has left, once what was freed has been scrubbed; else 0. */
static uint64_t core_free(void)
{
	static struct xen_sysctl op;

	wait_grace();
	op.cmd = XEN_SYSCTL_physinfo;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return HYPERCALL1(sysctl, &op) ? 0 : op.u.physinfo.free_pages;
}

static void run_round(void)
{
	round_number++;
	if (victim)
		cpu_start(victim, victim_main, NULL);
	steps();
	if (victim)
		probe_wrmsr(X2APIC_ICR, (uint64_t)(victim * 2) << 32 | ICR_INIT);
	for (unsigned int cpu = 1; cpu < crew; cpu++)
		while (done[cpu] != round_number)
			sched_op(SCHEDOP_yield, NULL);
	tidy();
}

void guest_main(void)
{
	long pages;
	uint64_t left, end, base = 0;

	events_init();
	map_xen_page(XENMAPSPACE_grant_table, 0, grants);
	for (unsigned int i = 0; i <= CREW; i++)
		state[i] = 0x9e3779b97f4a7c17UL * (i + 1);
	crew = 1;
	while (crew < CREW - 1 && cpu_start(crew, crew_main, NULL) == 0)
		crew++;
	CHECK("crew", crew > 1);
	pages = own_pages();
	if (cpu_start(crew, victim_main, NULL) == 0)
		victim = crew;
	CHECK("victim", victim != 0);
	probe_rdmsr(MSR_APIC_BASE, &base);
	probe_wrmsr(MSR_APIC_BASE, base | 3UL << 10);
	/* Once before: tables that only grow are then there. */
	run_round();
	CHECK("first-round", round_number == 1);
	left = core_free();
	for (unsigned int i = 0; i < ROUNDS; i++)
		run_round();
	CHECK("rounds", round_number == ROUNDS + 1);
	/* The core's count, which waits for a grace period, comes first. */
	end = system_time() + PATIENCE;
	while (core_free() + KEPT < left && system_time() < end)
		;
	CHECK("core-memory", core_free() + KEPT >= left);
	CHECK_EQ("own-memory", own_pages(), pages);
	for (unsigned int i = 0; i < POOL; i++)
		pool[i][5] = (uint8_t)i;
	CHECK("pages-distinct", pool[3][5] == 3 && pool[POOL - 1][5] == POOL - 1);
}
