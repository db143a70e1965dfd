/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many instructions a guest's making takes, from the first call to its first instruction, its
 * end, a round trip of events between two domains, and mapping and unmapping what another grants. In Dom0's place: the guest is a copy of this
 * very kernel, that starts in child_main().
 */
#include "guest.h"

#include <xen/domctl.h>
#include <xen/hvm/save.h>

#define ESRCH	   3
#define ERESTART   85
#define DOMU_SID   12 /* initial SIDs of XSM */
#define MIB	   (1UL << 20)
#define KERNEL	   (2 * MIB) /* where the copy goes, as this kernel itself */
#define CHILD_SIZE (64 * MIB)
#define POOL_SIZE  (4 * MIB)   /* for its nested page tables */
#define WINDOW	   (128 * MIB) /* where its memory is mapped meanwhile */
#define BATCH	   64
#define GRANT_REF  8 /* the first that is free on Xen */
#define DOMAINS	   4
#define WARM_UP	   100
#define ROUNDS	   1000

extern uint8_t boot_pml4[];
extern uint8_t stacks[MAX_CPUS][STACK_SIZE];

/* The port on which the child answers, as it sees it: in its copy. */
static volatile unsigned int child_port;

/* What the child grants to Dom0; and where Dom0 maps it. */
static grant_entry_v1_t table[PAGE_SIZE / sizeof(grant_entry_v1_t)] PAGE_ALIGNED;
static uint8_t granted[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t window[PAGE_SIZE] PAGE_ALIGNED;

static volatile unsigned int received;
static domid_t child;
static int port;

/* ---- the child ---- */

static void on_call(unsigned int called, void *data)
{
	event_send(called);
}

static void grant_page(void)
{
	map_xen_page(XENMAPSPACE_grant_table, 0, table);
	table[GRANT_REF].domid = 0;
	table[GRANT_REF].frame = (uint32_t)((uintptr_t)granted / PAGE_SIZE);
	barrier();
	table[GRANT_REF].flags = GTF_permit_access;
}

/* Says that it runs; grants a page; then answers each event, also one that came meanwhile. */
static void child_main(void)
{
	event_send(child_port);
	events_init();
	grant_page();
	event_set_handler(child_port, on_call, NULL);
	for (;;)
		irq_wait();
}

/* ---- Dom0 ---- */

static void on_answer(unsigned int answered, void *data)
{
	received++;
}

static void await_answer(void)
{
	while (!received)
		irq_wait();
	received = 0;
}

static long domctl(unsigned int cmd, struct xen_domctl *op)
{
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = child;
	return HYPERCALL1(domctl, op);
}

/* One step of the making: says so when it fails. */
static bool did(const char *what, long result)
{
	if (result < 0)
		print("FAIL %s: %ld\n", what, result);
	return result >= 0;
}

static long create(void)
{
	struct xen_domctl op = { .u.createdomain = {
					 .ssidref = DOMU_SID,
					 .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap |
						  XEN_DOMCTL_CDF_oos_off,
					 .max_vcpus = 1,
					 .max_evtchn_port = 1023,
					 .max_grant_frames = 4,
					 .max_maptrack_frames = 4,
					 .grant_opts = XEN_DOMCTL_GRANT_version(1),
					 .arch.emulation_flags = XEN_X86_EMU_LAPIC,
				 } };
	long error;

	child = 0; /* any number that is free */
	error = domctl(XEN_DOMCTL_createdomain, &op);
	child = op.domain;
	return error;
}

static long set_limits(void)
{
	struct xen_domctl op = { .u.max_vcpus.max = 1 };
	long error = domctl(XEN_DOMCTL_max_vcpus, &op);

	op.u.max_mem.max_memkb = (CHILD_SIZE + MIB) / 1024;
	if (!error)
		error = domctl(XEN_DOMCTL_max_mem, &op);
	memset(&op, 0, sizeof(op));
	op.u.paging_mempool.size = POOL_SIZE;
	if (!error)
		error = domctl(XEN_DOMCTL_set_paging_mempool_size, &op);
	return error;
}

static long populate(void)
{
	static xen_pfn_t list[CHILD_SIZE / (2 * MIB)];
	struct xen_memory_reservation op = {
		.nr_extents = ARRAY_SIZE(list),
		.extent_order = 9,
		.domid = child,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = i * (2 * MIB / PAGE_SIZE);
	set_xen_guest_handle(op.extent_start, list);
	return memory_op(XENMEM_populate_physmap, &op) == ARRAY_SIZE(list) ? 0 : -1;
}

/* Maps COUNT pages of the child, from GFN on, at WINDOW; or takes them away. */
static long map(unsigned long gfn, unsigned int count)
{
	static xen_ulong_t from[BATCH];
	static xen_pfn_t to[BATCH];
	static int errors[BATCH];
	struct xen_add_to_physmap_batch op = {
		.domid = DOMID_SELF,
		.space = XENMAPSPACE_gmfn_foreign,
		.size = (uint16_t)count,
		.u.foreign_domid = child,
	};
	long error;

	for (unsigned int i = 0; i < count; i++) {
		from[i] = gfn + i;
		to[i] = WINDOW / PAGE_SIZE + i;
		errors[i] = 0;
	}
	set_xen_guest_handle(op.idxs, from);
	set_xen_guest_handle(op.gpfns, to);
	set_xen_guest_handle(op.errs, errors);
	error = memory_op(XENMEM_add_to_physmap_batch, &op);
	for (unsigned int i = 0; i < count && !error; i++)
		error = errors[i];
	return error;
}

static long unmap(unsigned int count)
{
	struct xen_remove_from_physmap op = { .domid = DOMID_SELF };
	long error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		op.gpfn = WINDOW / PAGE_SIZE + i;
		error = memory_op(XENMEM_remove_from_physmap, &op);
	}
	return error;
}

/* This kernel, as it is now. */
static long load(void)
{
	unsigned long end = (uintptr_t)image_end;
	long error = 0;

	for (unsigned long at = KERNEL; at < end && !error; at += BATCH * PAGE_SIZE) {
		unsigned long size = end - at;

		if (size > BATCH * PAGE_SIZE)
			size = BATCH * PAGE_SIZE;
		error = map(at / PAGE_SIZE, (unsigned int)(size / PAGE_SIZE));
		if (error)
			break;
		/* Its own page stands behind this address, not the shared one. */
		memcpy((void *)WINDOW, (void *)at, size);
		error = unmap((unsigned int)(size / PAGE_SIZE));
	}
	return error;
}

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

/* 64-bit code in child_main(), with this kernel's tables. */
static void start_state(struct hvm_hw_cpu *cpu)
{
	struct table_pointer gdt, idt;

	__asm__ volatile("sgdt %0; sidt %1" : "=m"(gdt), "=m"(idt));
	memset(cpu, 0, sizeof(*cpu));
	cpu->cr0 = BOOT_CR0;
	cpu->cr3 = (uintptr_t)boot_pml4;
	cpu->cr4 = BOOT_CR4;
	cpu->msr_efer = 0xd00;
	cpu->rip = (uintptr_t)child_main;
	cpu->rsp = (uintptr_t)&stacks[0][STACK_SIZE] - 8;
	cpu->rflags = 2;
	cpu->dr6 = 0xffff0ff0;
	cpu->dr7 = 0x400;
	cpu->gdtr_base = gdt.base;
	cpu->gdtr_limit = gdt.limit;
	cpu->idtr_base = idt.base;
	cpu->idtr_limit = idt.limit;
	cpu->cs_sel = SEL_CODE;
	cpu->ds_sel = cpu->es_sel = cpu->ss_sel = SEL_DATA;
	cpu->cs_limit = cpu->ds_limit = cpu->es_limit = cpu->ss_limit = ~0U;
	cpu->cs_arbytes = 0xa9b;
	cpu->ds_arbytes = cpu->es_arbytes = cpu->ss_arbytes = 0xc93;
	cpu->tr_limit = 0x67;
	cpu->tr_arbytes = 0x8b;
}

static long set_state(void)
{
	static struct __attribute__((packed)) {
		struct hvm_save_descriptor header_is;
		struct hvm_save_header header;
		struct hvm_save_descriptor cpu_is;
		struct hvm_hw_cpu cpu;
		struct hvm_save_descriptor end_is;
	} state;
	struct xen_domctl op = { .u.hvmcontext.size = sizeof(state) };
	struct hvm_hw_cpu cpu;
	uint32_t regs[4];

	cpuid(1, 0, regs);
	state.header_is =
		(struct hvm_save_descriptor) { HVM_SAVE_CODE(HEADER), 0, sizeof(state.header) };
	state.header = (struct hvm_save_header) { .magic = HVM_FILE_MAGIC,
						  .version = HVM_FILE_VERSION,
						  .cpuid = regs[0] };
	state.cpu_is = (struct hvm_save_descriptor) { HVM_SAVE_CODE(CPU), 0, sizeof(cpu) };
	start_state(&cpu);
	state.cpu = cpu;
	state.end_is = (struct hvm_save_descriptor) { HVM_SAVE_CODE(END), 0, 0 };
	set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&state);
	return domctl(XEN_DOMCTL_sethvmcontext, &op);
}

/* A channel between the child's end, whose number goes into the copy, and ours. */
static long connect(void)
{
	int theirs = event_alloc_unbound(child, 0);

	if (theirs < 0)
		return theirs;
	child_port = (unsigned int)theirs;
	port = event_bind_interdomain(child, child_port);
	if (port < 0)
		return port;
	event_clear((unsigned int)port); /* binding raises it */
	event_set_handler((unsigned int)port, on_answer, NULL);
	return 0;
}

static bool make(void)
{
	struct xen_domctl op = { .cmd = 0 };

	return did("create", create()) && did("limits", set_limits()) &&
	       did("populate", populate()) && did("connect", connect()) && did("load", load()) &&
	       did("state", set_state()) && did("unpause", domctl(XEN_DOMCTL_unpausedomain, &op));
}

/* Until nothing of it is left. */
static void destroy(void)
{
	struct xen_domctl op = { .cmd = 0 };
	long error;

	event_close((unsigned int)port);
	do {
		error = domctl(XEN_DOMCTL_destroydomain, &op);
	} while (error == -ERESTART);
	did("destroy", error);
	while (domctl(XEN_DOMCTL_getdomaininfo, &op) != -ESRCH && op.domain == child)
		relax();
}

static void round_trips(void)
{
	uint64_t start = 0;

	for (unsigned int i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP)
			start = rdtsc();
		event_send((unsigned int)port);
		await_answer();
	}
	print("BENCH event-round-trip-domains %lu\n", (rdtsc() - start) / ROUNDS);
}

static void map_and_unmap(void)
{
	struct gnttab_map_grant_ref in = {
		.host_addr = (uintptr_t)window,
		.flags = GNTMAP_host_map,
		.ref = GRANT_REF,
		.dom = child,
	};
	struct gnttab_unmap_grant_ref out = { .host_addr = (uintptr_t)window };

	did("map", grant_op(GNTTABOP_map_grant_ref, &in, 1));
	did("map's status", in.status);
	out.handle = in.handle;
	did("unmap", grant_op(GNTTABOP_unmap_grant_ref, &out, 1));
	did("unmap's status", out.status);
}

static void grants(void)
{
	uint64_t start = 0;

	for (unsigned int i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP)
			start = rdtsc();
		map_and_unmap();
	}
	print("BENCH grant-map-unmap %lu\n", (rdtsc() - start) / ROUNDS);
}

void guest_main(void)
{
	uint64_t created = 0, destroyed = 0, start;
	bool good = true;

	events_init();
	for (unsigned int i = 0; i < DOMAINS && good; i++) {
		start = rdtsc();
		good = make();
		if (!good)
			break;
		await_answer();
		created += rdtsc() - start;
		if (i == 0)
			round_trips();
		if (i == DOMAINS - 1)
			grants(); /* leaves a hole in this kernel */
		start = rdtsc();
		destroy();
		destroyed += rdtsc() - start;
	}
	print("BENCH guest-create %lu\n", created / DOMAINS);
	print("BENCH guest-destroy %lu\n", destroyed / DOMAINS);
}
