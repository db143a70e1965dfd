/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/7, core/6: a hostile kernel with all its vCPUs. It reaches outside its memory, for every
 * MSR and port, for instructions that are not its own, changes what the core is reading, and calls
 * at random. The core must survive and go on serving; each result must be a refusal or harmless.
 *
 * MAY BE DENIED: dom0_t *:* *
 */
#include "attack.h"

#define NMI_VECTOR    2
#define EFAULT	      14
#define STORM_SENDS   5000
#define RACE_ROUNDS   2000
#define GRANT_REF     9
#define FIRST_HOLE    0xd0000000UL
#define LAST_HOLE     0xe0000000UL
#define HOLE_STEP     (8UL << 20)
#define WINDOW	      0x600000000000UL /* two pages with tables of their own */
#define PTE_P_RW      3UL
#define DOMCTL_CREATE 1

extern uint64_t boot_pml4[512];

static uint8_t page_a[2][PAGE_SIZE] PAGE_ALIGNED;
static uint8_t page_b[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t victim[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t info_page[PAGE_SIZE] PAGE_ALIGNED;
static uint8_t area_page[PAGE_SIZE] PAGE_ALIGNED;
static grant_entry_v1_t grants[PAGE_SIZE / sizeof(grant_entry_v1_t)] PAGE_ALIGNED;
static uint64_t pdpt[512] PAGE_ALIGNED, pd[512] PAGE_ALIGNED, pt[512] PAGE_ALIGNED;

bool is_our_core(void)
{
	char text[XEN_EXTRAVERSION_LEN] = { 0 };

	HYPERCALL2(xen_version, XENVER_extraversion, text);
	return strstr(text, "bulkhead") != NULL;
}

bool is_guest(void)
{
	return own_domid() != 0;
}

/* ---- memory outside ---- */

static void attack_memory(void)
{
	bool all = true;
	uint32_t value;

	for (uint64_t at = FIRST_HOLE; at < LAST_HOLE; at += HOLE_STEP) {
		all = all && probe_write((void *)at, 0x12345678) == NO_EXCEPTION;
		all = all && probe_read((void *)at, &value) == NO_EXCEPTION && value == ~0U;
	}
	CHECK("hole-is-empty", all);
}

/* ---- MSRs and ports ---- */

/* Writing these works as it should, and would change how this kernel runs. */
static bool msr_spared(uint32_t msr)
{
	return msr == 0x10 || msr == 0x1b || msr == 0x6e0 || (msr >= 0x800 && msr < 0x900) ||
	       msr == 0xc0000080;
}

static bool msr_answer(int exception)
{
	return exception == NO_EXCEPTION || exception == 13;
}

static bool attack_msr(uint32_t msr, bool ours)
{
	uint64_t value = 0;
	int got = probe_rdmsr(msr, &value);
	bool good = msr_answer(got);

	/* Writing VIRT_SPEC_CTRL is a BUG() in Xen 4.17 on the emulator's CPU. */
	if (msr_spared(msr) || (!ours && msr == 0xc001011f))
		return good;
	good = good && msr_answer(probe_wrmsr(msr, ~0UL));
	good = good && msr_answer(probe_wrmsr(msr, 0x8000000000000001UL));
	return good && msr_answer(probe_wrmsr(msr, got == NO_EXCEPTION ? value : 0));
}

static void attack_msrs(void)
{
	static const uint32_t starts[] = { 0,	       0xc0000000, 0xc0010000,
					   0x40000100, 0x80000000, 0xffffe000 };
	bool all = true, ours = is_our_core();

	for (unsigned int i = 0; i < ARRAY_SIZE(starts); i++)
		for (uint32_t msr = 0; msr < 0x2000; msr++)
			all = attack_msr(starts[i] + msr, ours) && all;
	CHECK("msrs-refused-or-harmless", all);
}

/* Xen's Dom0 owns the ports: there they are only read. */
static void attack_ports(void)
{
	bool all = true, ours = is_our_core(), write = ours || own_domid() != 0;
	uint8_t value;

	for (unsigned int port = 0; port < 0x10000; port++) {
		all = probe_in((uint16_t)port, &value) == NO_EXCEPTION && all;
		if (ours) /* the PIT's counter 2 reads as zero (docs/abi.md) */
			all = value == (port == 0x42 ? 0 : 0xff) && all;
		if (write)
			all = probe_out((uint16_t)port, 0xff) == NO_EXCEPTION && all;
	}
	CHECK("ports-harmless", all);
}

/* ---- instructions ---- */

#define TRY(text, ...)                                                                          \
	({                                                                                      \
		long result_;                                                                   \
		__asm__ volatile("1: " text "\n\tmov $-1, %%rax\n"                              \
				 "2:\n.pushsection .fixups, \"a\"\n.quad 1b, 2b\n.popsection\n" \
				 : "=a"(result_)                                                \
				 : "a"(0L)__VA_OPT__(, ) __VA_ARGS__                            \
				 : "memory");                                                   \
		(int)result_;                                                                   \
	})

static void attack_instructions(void)
{
	/* The emulator takes any control register: wrong values are not tried. */
	CHECK("vmrun", TRY("vmrun") != NO_EXCEPTION);
	CHECK("vmload", TRY("vmload") != NO_EXCEPTION);
	CHECK("vmsave", TRY("vmsave") != NO_EXCEPTION);
	CHECK("stgi", TRY("stgi") != NO_EXCEPTION);
	CHECK("clgi", TRY("clgi") != NO_EXCEPTION);
	CHECK("skinit", TRY("skinit") != NO_EXCEPTION);
	CHECK("invlpga", TRY("invlpga %%rax, %%ecx", "c"(1)) != NO_EXCEPTION);
	CHECK("monitor", TRY("monitor", "c"(0), "d"(0)) != NO_EXCEPTION);
	CHECK("mwait", TRY("mwait", "c"(0)) != NO_EXCEPTION);
	CHECK("rdpmc", TRY("rdpmc", "c"(0), "d"(0)) != NO_EXCEPTION);
	CHECK("xsetbv-off", TRY("xsetbv", "c"(0), "d"(0)) != NO_EXCEPTION);
	CHECK_EQ("wbinvd", TRY("wbinvd"), NO_EXCEPTION);
}

static void attack_debug_registers(void)
{
	uint64_t got = 0;

	__asm__ volatile("mov %0, %%dr0; mov %0, %%dr3" : : "r"(0x1234567812345678UL));
	__asm__ volatile("mov %%dr3, %0" : "=r"(got));
	CHECK("dr-own", got == 0x1234567812345678UL);
	__asm__ volatile("mov %0, %%dr7; mov %1, %%dr0; mov %1, %%dr3" : : "r"(0x400UL), "r"(0UL));
}

/* ---- hypercalls with bad arguments ---- */

static void attack_domctl(void)
{
	static const domid_t domids[] = { 12345, 0x7fe0 };
	static struct {
		uint32_t cmd, version;
		domid_t domain;
		uint16_t pad[3];
		uint64_t rest[32];
	} op;
	bool refused = true;

	for (unsigned int i = 0; i < ARRAY_SIZE(domids); i++) {
		for (uint32_t cmd = 0; cmd < 100; cmd++) {
			memset(&op, 0xff, sizeof(op));
			op.cmd = cmd;
			op.version = 0x15;
			op.domain = domids[i];
			if (cmd != DOMCTL_CREATE)
				refused = HYPERCALL1(domctl, &op) < 0 && refused;
		}
	}
	CHECK("domctl-no-domain", refused);
}

static long reservation(unsigned int op, xen_pfn_t *frames, unsigned long count)
{
	struct xen_memory_reservation arg = { .nr_extents = count, .domid = DOMID_SELF };

	set_xen_guest_handle(arg.extent_start, frames);
	return memory_op(op, &arg);
}

static void attack_counts(void)
{
	static struct gnttab_unmap_grant_ref unmaps[4];
	static struct sched_poll poll;

	CHECK_EQ("count-extents", reservation(XENMEM_populate_physmap, (void *)BAD_ADDRESS, ~0UL),
		 0);
	CHECK_EQ("count-grants", grant_op(GNTTABOP_map_grant_ref, (void *)BAD_ADDRESS, 0x7fffffff),
		 -EFAULT);
	CHECK("count-grants-negative", grant_op(GNTTABOP_unmap_grant_ref, unmaps, ~0U) < 0);
	CHECK_EQ("count-multicall", HYPERCALL2(multicall, BAD_ADDRESS, 0x7fffffff), -EFAULT);
	poll.nr_ports = ~0U;
	CHECK("count-poll", sched_op(SCHEDOP_poll, &poll) < 0);
	CHECK("count-console", HYPERCALL3(console_io, 1, 0x7fffffff, BAD_ADDRESS) <= 0);
	CHECK_EQ("wrap", HYPERCALL2(xen_version, XENVER_capabilities, ~0UL - 16), -EFAULT);
	CHECK_EQ("not-canonical", HYPERCALL2(xen_version, XENVER_capabilities, 0x7ffffffffff8UL),
		 -EFAULT);
	CHECK_EQ("hole", HYPERCALL2(xen_version, XENVER_capabilities, FIRST_HOLE), -EFAULT);
}

/* ---- page tables that change under the core ---- */

static void window_build(void)
{
	boot_pml4[WINDOW >> 39 & 511] = (uintptr_t)pdpt | PTE_P_RW;
	pdpt[0] = (uintptr_t)pd | PTE_P_RW;
	pd[0] = (uintptr_t)pt | PTE_P_RW;
	pt[0] = (uintptr_t)page_a[0] | PTE_P_RW;
	pt[1] = 0;
}

static void flip_tables(void)
{
	static const uint64_t bad[] = { 0, 1UL << 51 | PTE_P_RW, FIRST_HOLE | PTE_P_RW,
					~0UL & ~(1UL << 7), 0xfffffffff000UL | PTE_P_RW };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		WRITE_ONCE(pt[1], (uintptr_t)page_a[1] | PTE_P_RW);
		WRITE_ONCE(pt[1], bad[i]);
		WRITE_ONCE(pd[0], bad[i]);
		WRITE_ONCE(pd[0], (uintptr_t)pdpt | PTE_P_RW);
		WRITE_ONCE(pd[0], (uintptr_t)pt | PTE_P_RW);
	}
}

static void attack_tables(void)
{
	bool all = true;

	window_build();
	CHECK_EQ("tables-crossing-end",
		 HYPERCALL2(xen_version, XENVER_capabilities, WINDOW + PAGE_SIZE - 8), -EFAULT);
	crew_begin(flip_tables);
	for (unsigned int i = 0; i < RACE_ROUNDS; i++) {
		long rc = HYPERCALL2(xen_version, XENVER_capabilities, WINDOW + PAGE_SIZE - 8);

		all = all && (rc == 0 || rc == -EFAULT);
		rc = grant_op(GNTTABOP_query_size, (void *)(WINDOW + PAGE_SIZE - 8), 1);
		all = all && (rc == 0 || rc == -EFAULT);
	}
	crew_stop();
	CHECK("tables-changing", all);
	pt[1] = (uintptr_t)page_a[1] | PTE_P_RW;
	pd[0] = (uintptr_t)pt | PTE_P_RW;
	CHECK_EQ("tables-good-again",
		 HYPERCALL2(xen_version, XENVER_capabilities, WINDOW + PAGE_SIZE - 8), 0);
	boot_pml4[WINDOW >> 39 & 511] = 0;
}

/* ---- memory that goes while the core uses it ---- */

static long give_back(void *page)
{
	static xen_pfn_t frame;

	frame = (uintptr_t)page / PAGE_SIZE;
	return reservation(XENMEM_populate_physmap, &frame, 1);
}

static void attack_reservation(void)
{
	struct xen_memory_reservation *arg = (void *)victim;
	xen_pfn_t *list = (void *)victim;
	static xen_pfn_t frames[2];

	frames[0] = (uintptr_t)victim / PAGE_SIZE;
	*arg = (struct xen_memory_reservation) { .nr_extents = 1, .domid = DOMID_SELF };
	set_xen_guest_handle(arg->extent_start, frames);
	CHECK_EQ("decrease-argument", memory_op(XENMEM_decrease_reservation, arg), 1);
	CHECK_EQ("decrease-argument-back", give_back(victim), 1);
	/* Xen does not scrub what its Dom0 gets. */
	CHECK("decrease-argument-scrubbed", victim[0] == 0 || !is_our_core());
	list[0] = (uintptr_t)victim / PAGE_SIZE;
	list[1] = (uintptr_t)page_b / PAGE_SIZE;
	CHECK("decrease-list", reservation(XENMEM_decrease_reservation, list, 2) >= 1);
	give_back(victim);
	give_back(page_b);
	victim[5] = page_b[5] = 5;
	CHECK("decrease-list-back", victim[5] == 5 && page_b[5] == 5);
}

static void attack_areas(void)
{
	struct vcpu_register_runstate_memory_area area = { .addr.p = (uintptr_t)area_page };
	struct vcpu_register_vcpu_info info = { .mfn = (uintptr_t)info_page / PAGE_SIZE };
	static xen_pfn_t frames[2];
	int port = event_bind_ipi(0);

	CHECK_EQ("area-runstate", vcpu_op(VCPUOP_register_runstate_memory_area, 0, (void *)&area),
		 0);
	CHECK_EQ("area-info", vcpu_op(VCPUOP_register_vcpu_info, 0, &info), 0);
	frames[0] = (uintptr_t)area_page / PAGE_SIZE;
	frames[1] = (uintptr_t)info_page / PAGE_SIZE;
	CHECK_EQ("area-taken-away", reservation(XENMEM_decrease_reservation, frames, 2), 2);
	for (unsigned int i = 0; i < 50; i++) {
		event_send((unsigned int)port);
		sched_op(SCHEDOP_yield, NULL);
	}
	CHECK_EQ("area-back", give_back(area_page) + give_back(info_page), 2);
	area.addr.p = 0;
	vcpu_op(VCPUOP_register_runstate_memory_area, 0, (void *)&area);
	CHECK_EQ("area-port-close", event_close((unsigned int)port), 0);
}

/* ---- events ---- */

static volatile int storm_port, race_port;

static void storm(void)
{
	for (unsigned int i = 0; i < 100; i++) {
		event_send((unsigned int)storm_port);
		event_send((unsigned int)race_port);
	}
}

static void attack_events(void)
{
	int to_helper = event_bind_ipi(1);
	bool all = true;

	storm_port = race_port = event_bind_ipi(0);
	crew_begin(storm);
	for (unsigned int i = 0; i < STORM_SENDS; i++)
		all = event_send((unsigned int)to_helper) == 0 && all;
	CHECK("storm-sends", all);
	for (unsigned int i = 0; i < RACE_ROUNDS; i++) {
		int port = event_bind_ipi(i & 1);

		all = all && port > 0;
		race_port = port;
		all = all && event_close((unsigned int)port) == 0;
	}
	crew_stop();
	CHECK("storm-close-while-sending", all);
	CHECK("storm-arrived", event_pending((unsigned int)storm_port));
	event_clear((unsigned int)storm_port);
	CHECK_EQ("storm-close", event_close((unsigned int)storm_port), 0);
	event_close((unsigned int)to_helper);
}

/* ---- grants that change while they are mapped ---- */

static void flip_grant(void)
{
	static unsigned int i;

	grants[GRANT_REF].frame = (uint32_t)((uintptr_t)victim / PAGE_SIZE);
	grants[GRANT_REF].domid = own_domid();
	WRITE_ONCE(grants[GRANT_REF].flags, GTF_permit_access);
	WRITE_ONCE(grants[GRANT_REF].flags, GTF_permit_access | GTF_readonly);
	WRITE_ONCE(grants[GRANT_REF].frame, i++ & 1 ? ~0U : FIRST_HOLE / PAGE_SIZE);
	WRITE_ONCE(grants[GRANT_REF].domid, 12345);
	WRITE_ONCE(grants[GRANT_REF].flags, (uint16_t)i);
}

static int copy_once(void)
{
	struct gnttab_copy op = {
		.source = { .u.ref = GRANT_REF, .domid = DOMID_SELF },
		.dest = { .u.gmfn = (uintptr_t)page_b / PAGE_SIZE, .domid = DOMID_SELF },
		.len = 64,
		.flags = GNTCOPY_source_gref,
	};
	long error = grant_op(GNTTABOP_copy, &op, 1);

	return error ? (int)error : op.status;
}

/* Our policy does not let guests use grants of their own. */
static bool own_grants(void)
{
	return !is_guest() || !is_our_core();
}

static void attack_grants(void)
{
	bool answered = true;

	CHECK_EQ("grant-table", map_xen_page(XENMAPSPACE_grant_table, 0, grants), 0);
	crew_begin(flip_grant);
	for (unsigned int i = 0; i < RACE_ROUNDS; i++)
		answered = copy_once() <= 0 && answered;
	crew_stop();
	CHECK("grant-changing", answered);
	/* No use of it has been left behind: the flags go back to what they were. */
	grants[GRANT_REF].domid = own_domid();
	grants[GRANT_REF].frame = (uint32_t)((uintptr_t)victim / PAGE_SIZE);
	grants[GRANT_REF].flags = GTF_permit_access;
	victim[0] = 0x5c;
	page_b[0] = 0;
	CHECK_EQ("grant-copy-after", copy_once(),
		 own_grants() ? GNTST_okay : GNTST_permission_denied);
	CHECK_EQ("grant-copy-data", page_b[0], own_grants() ? 0x5c : 0);
	CHECK_EQ("grant-flags-after", grants[GRANT_REF].flags, GTF_permit_access);
	grants[GRANT_REF].flags = 0;
}

/* ---- the core still serves ---- */

static void check_alive(void)
{
	struct gnttab_query_size size = { .dom = DOMID_SELF };
	domid_t self = DOMID_SELF;
	uint64_t before = system_time();

	CHECK("alive-version", HYPERCALL2(xen_version, XENVER_version, 0) == 0x40011);
	CHECK("alive-memory", memory_op(XENMEM_current_reservation, &self) > 0);
	CHECK_EQ("alive-grant", grant_op(GNTTABOP_query_size, &size, 1), 0);
	CHECK("alive-clock", system_time() >= before);
	CHECK_EQ("alive-vcpu", vcpu_op(VCPUOP_is_up, 1, NULL), 1);
}

/* The random calls send some. */
static void ignore(struct trap_frame *frame)
{
	(void)frame;
}

void guest_main(void)
{
	events_init();
	vector_set_handler(NMI_VECTOR, ignore);
	attack_memory();
	attack_instructions();
	attack_debug_registers();
	attack_ports();
	attack_msrs();
	attack_domctl();
	attack_counts();
	attack_reservation();
	crew_start();
	CHECK("crew", crew_size() > 1);
	attack_tables();
	attack_events();
	attack_grants();
	attack_areas();
	if (is_guest()) {
		attack_control();
		attack_rings();
	}
	attack_random();
	if (is_guest())
		attack_limits();
	check_alive();
}
