/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/6, core/7: what a guest has of a PC: CPUID, MSRs, the local APIC in both modes with its
 * timer, a CPU started by INIT and start-up IPI, addresses where nothing is, and hvm_op.
 */
#include "guest.h"

#define EPERM	      1
#define ESRCH	      3
#define EFAULT	      14
#define EINVAL	      22
#define ENOENT	      2

#define GP	      13

#define APIC	      0xfee00000UL
#define APIC_BASE_MSR 0x1b
#define ID	      0x20
#define VERSION	      0x30
#define TPR	      0x80
#define EOI	      0xb0
#define SVR	      0xf0
#define IRR	      0x200
#define ICR	      0x300
#define ICR2	      0x310
#define LVTT	      0x320
#define LVT0	      0x350
#define TMICT	      0x380
#define TMCCT	      0x390
#define TDCR	      0x3e0
#define X2(offset)    (0x800 + (offset) / 16)

#define IPI_VECTOR    0xa0
#define TIMER_VECTOR  0xb0
#define UPCALL_VECTOR 0x60

static volatile unsigned int ipis, timers;
static bool x2apic;

static uint32_t apic_read(unsigned int offset)
{
	uint64_t value;

	if (!x2apic)
		return *(volatile uint32_t *)(APIC + offset);
	probe_rdmsr(X2(offset), &value);
	return (uint32_t)value;
}

static void apic_write(unsigned int offset, uint32_t value)
{
	if (x2apic)
		probe_wrmsr(X2(offset), value);
	else
		*(volatile uint32_t *)(APIC + offset) = value;
}

static void ipi(struct trap_frame *frame)
{
	(void)frame;
	ipis++;
	apic_write(EOI, 0);
}

static void timer(struct trap_frame *frame)
{
	(void)frame;
	timers++;
	apic_write(EOI, 0);
}

static void check_cpuid(void)
{
	uint32_t r[4];

	cpuid(xen_cpuid_base, 0, r);
	CHECK("xen-signature", r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e);
	CHECK("xen-leaves", r[0] >= xen_cpuid_base + 4);
	cpuid(xen_cpuid_base + 1, 0, r);
	CHECK_EQ("xen-version", r[0], 4 << 16 | 17);
	cpuid(xen_cpuid_base + 2, 0, r);
	CHECK_EQ("hypercall-pages", r[0], 1);
	cpuid(xen_cpuid_base + 4, 0, r);
	CHECK("vcpu-id", (r[0] & 8) && r[1] == 0);
	CHECK("domid", (r[0] & 16) && r[2] == own_domid());
	CHECK("upcall-vector-offered", r[0] & 64);
	cpuid(1, 0, r);
	CHECK_EQ("apic-id", r[1] >> 24, 0);
	CHECK("hypervisor-bit", r[2] >> 31);
	CHECK("x2apic-offered", r[2] >> 21 & 1);
	CHECK("no-monitor-no-vmx", !(r[2] & (1 << 3 | 1 << 5)));
	CHECK("apic-bit", r[3] >> 9 & 1);
	cpuid(0x80000001, 0, r);
	CHECK("no-svm", !(r[2] & 4));
	cpuid(0x80000007, 0, r);
	CHECK("no-power-management", !(r[3] & ~(1u << 8)));
	cpuid(0x8000000a, 0, r);
	CHECK("svm-leaf-empty", !(r[0] | r[1] | r[2] | r[3]));
}

static void check_msrs(void)
{
	static const uint32_t none[] = { 0x12345, 0xc0000200, 0x40000100, 0x480 };
	uint64_t value;

	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK_EQ("rdmsr-none", probe_rdmsr(none[i], &value), GP);
		CHECK_EQ("wrmsr-none", probe_wrmsr(none[i], 0), GP);
	}
	CHECK_EQ("mtrrcap", probe_rdmsr(0xfe, &value), NO_EXCEPTION);
	CHECK_EQ("mtrrcap-ranges", value & 0xff, 8);
	CHECK_EQ("mtrrcap-write", probe_wrmsr(0xfe, value), GP);
	CHECK_EQ("mtrr-bad-type", probe_wrmsr(0x2ff, 2), GP);
	CHECK_EQ("mtrr-write", probe_wrmsr(0x200, 0xe0000000), NO_EXCEPTION);
	CHECK_EQ("mtrr-read", probe_rdmsr(0x200, &value), NO_EXCEPTION);
	CHECK_EQ("mtrr-value", value, 0xe0000000);
	CHECK_EQ("efer-reserved", probe_wrmsr(0xc0000080, 1UL << 40), GP);
	CHECK_EQ("apic-base", probe_rdmsr(APIC_BASE_MSR, &value), NO_EXCEPTION);
	CHECK_EQ("apic-base-value", value, APIC | 0x900);
	CHECK_EQ("apic-base-x2apic-alone", probe_wrmsr(APIC_BASE_MSR, APIC | 0x500), GP);
	CHECK_EQ("x2apic-msr-in-xapic-mode", probe_rdmsr(X2(ID), &value), GP);
}

static void wait_for(volatile unsigned int *what)
{
	uint64_t end = system_time() + 2000000000UL;

	irq_enable();
	while (!*what && system_time() < end)
		relax();
	irq_disable();
}

/* The same in both modes. */
static void check_apic(const char *mode)
{
	uint64_t start, elapsed;

	print("OUT apic-mode: %s\n", mode);
	CHECK_EQ("apic-version", apic_read(VERSION) & 0xff, 0x14);
	apic_write(SVR, 0x1ff);
	CHECK_EQ("apic-svr", apic_read(SVR), 0x1ff);
	ipis = 0;
	apic_write(TPR, 0);
	apic_write(ICR, 1 << 18 | IPI_VECTOR);
	CHECK_EQ("apic-irr", apic_read(IRR + 0x50), 1);
	wait_for(&ipis);
	CHECK_EQ("apic-self-ipi", ipis, 1);
	CHECK_EQ("apic-irr-clear", apic_read(IRR + 0x50), 0);

	ipis = 0;
	apic_write(TPR, 0xb0); /* above the vector's class: it waits */
	apic_write(ICR, 1 << 18 | IPI_VECTOR);
	irq_enable();
	for (unsigned int i = 0; i < 1000; i++)
		relax();
	irq_disable();
	CHECK_EQ("apic-tpr-holds", ipis, 0);
	apic_write(TPR, 0x90);
	wait_for(&ipis);
	CHECK_EQ("apic-tpr-releases", ipis, 1);
	apic_write(TPR, 0);

	timers = 0;
	apic_write(TDCR, 0xb);
	apic_write(LVTT, TIMER_VECTOR);
	start = system_time();
	apic_write(TMICT, 1000000); /* 10 ms */
	CHECK("apic-timer-counts", apic_read(TMCCT) <= 1000000);
	wait_for(&timers);
	elapsed = system_time() - start;
	CHECK_EQ("apic-timer-fires", timers, 1);
	CHECK("apic-timer-not-early", elapsed >= 9900000);
	CHECK_EQ("apic-timer-stopped", apic_read(TMCCT), 0);

	timers = 0;
	apic_write(LVTT, 1 << 17 | TIMER_VECTOR);
	apic_write(TMICT, 200000); /* 2 ms */
	for (unsigned int i = 0; i < 5; i++) {
		unsigned int before = timers;
		uint64_t end = system_time() + 2000000000UL;

		irq_enable();
		while (timers == before && system_time() < end)
			relax();
		irq_disable();
	}
	CHECK("apic-timer-periodic", timers >= 5);
	apic_write(LVTT, 1 << 16 | TIMER_VECTOR);
	apic_write(TMICT, 0);

	apic_write(LVT0, 0x700);
	CHECK_EQ("apic-lvt", apic_read(LVT0), 0x700);
	apic_write(SVR, 0xff);
	CHECK_EQ("apic-lvt-masked", apic_read(LVT0), 0x10700);
	apic_write(SVR, 0x1ff);
}

static void check_x2apic_faults(void)
{
	uint64_t value;

	CHECK_EQ("x2apic-tpr-reserved", probe_wrmsr(X2(TPR), 0x100), GP);
	CHECK_EQ("x2apic-eoi-nonzero", probe_wrmsr(X2(EOI), 1), GP);
	CHECK_EQ("x2apic-icr-reserved", probe_wrmsr(X2(ICR), 1 << 13), GP);
	CHECK_EQ("x2apic-id-write", probe_wrmsr(X2(ID), 0), GP);
	CHECK_EQ("x2apic-eoi-read", probe_rdmsr(X2(EOI), &value), GP);
	CHECK_EQ("x2apic-icr2", probe_rdmsr(X2(ICR2), &value), GP);
	CHECK_EQ("x2apic-dfr", probe_rdmsr(0x80e, &value), GP);
	CHECK_EQ("x2apic-back-to-xapic", probe_wrmsr(APIC_BASE_MSR, APIC | 0x900), GP);
}

/*
 * Real-mode code: turns the x2APIC on, which INIT has left off, copies IRR's bits 0x60 to 0x67 to
 * 0x81, and says at 0x80 that it ran.
 */
static const uint8_t startup_code[] = {
	0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00, /* mov ecx, APIC_BASE_MSR */
	0x0f, 0x32,			    /* rdmsr */
	0x80, 0xcc, 0x0c,		    /* or ah, 0x0c */
	0x0f, 0x30,			    /* wrmsr */
	0x66, 0xb9, 0x0f, 0x08, 0x00, 0x00, /* mov ecx, X2(SVR) */
	0x66, 0xb8, 0xff, 0x01, 0x00, 0x00, /* mov eax, 0x1ff */
	0x66, 0x31, 0xd2,		    /* xor edx, edx */
	0x0f, 0x30,			    /* wrmsr */
	0x66, 0xb9, 0x23, 0x08, 0x00, 0x00, /* mov ecx, X2(IRR + 0x30) */
	0x0f, 0x32,			    /* rdmsr */
	0x2e, 0xa2, 0x81, 0x00,		    /* mov cs:[0x81], al */
	0x2e, 0xc6, 0x06, 0x80, 0x00, 0x5a, /* mov byte cs:[0x80], 0x5a */
	0xfa, 0xf4			    /* cli; hlt */
};

/* INIT and start-up IPI; whether the code above ran, and what it saw of UPCALL_VECTOR's bit. */
static int start_second(void)
{
	volatile uint8_t *page = (volatile uint8_t *)0x8000;
	uint64_t end = system_time() + 5000000000UL;

	page[0x80] = 0;
	probe_wrmsr(X2(ICR), 2UL << 32 | 0xc500); /* INIT */
	probe_wrmsr(X2(ICR), 2UL << 32 | 0x0608); /* start at 0x8000 */
	probe_wrmsr(X2(ICR), 2UL << 32 | 0x0608);
	while (page[0x80] != 0x5a && system_time() < end)
		relax();
	return page[0x80] == 0x5a ? page[0x81] & 1 : -1;
}

/* Polls no port, and so waits for ever. */
static void poll_main(void *data)
{
	struct sched_poll poll = { .nr_ports = 0 };

	sched_op(SCHEDOP_poll, &poll);
	*(volatile bool *)data = true;
}

static void set_main(void *data)
{
	*(volatile bool *)data = true;
}

/* The second vCPU waits, and INIT comes. */
static void stop_waiting_second(void)
{
	static bool polled;
	struct vcpu_runstate_info state = { 0 };
	uint64_t end = system_time() + 5000000000UL;

	probe_wrmsr(X2(ICR), 2UL << 32 | 0xc500);
	CHECK_EQ("startup-poll", cpu_start(1, poll_main, &polled), 0);
	while (state.state != RUNSTATE_blocked && system_time() < end)
		vcpu_op(VCPUOP_get_runstate_info, 1, &state);
	CHECK_EQ("startup-waits", state.state, RUNSTATE_blocked);
	probe_wrmsr(X2(ICR), 2UL << 32 | 0xc500);
	CHECK("startup-polls-on", !polled);
}

/* A vCPU that waited when INIT came does not wait when it is started, in either way. */
static void check_startup_of_waiting(void)
{
	static volatile bool ran;
	uint64_t end;

	stop_waiting_second();
	CHECK_EQ("startup-initialise", cpu_start(1, set_main, (void *)&ran), 0);
	end = system_time() + 5000000000UL;
	while (!ran && system_time() < end)
		relax();
	CHECK("startup-runs", ran);
	stop_waiting_second();
	CHECK("startup-ipi-runs", start_second() >= 0);
}

static void check_startup(void)
{
	struct xen_hvm_evtchn_upcall_vector upcall = { .vcpu = 1, .vector = UPCALL_VECTOR };
	struct vcpu_runstate_info state;
	int port;

	if (vcpu_op(VCPUOP_get_runstate_info, 1, &state) == -ENOENT) {
		print("OUT startup: one vCPU alone\n");
		return;
	}
	memcpy((void *)0x8000, startup_code, sizeof(startup_code));
	CHECK_EQ("startup-ipi", start_second(), 0);
	/* Once more, of one that has run. */
	CHECK_EQ("startup-ipi-again", start_second(), 0);
	check_startup_of_waiting();
	/* INIT forgets what the local APIC holds, but not that an upcall is due. */
	CHECK_EQ("startup-vector", HYPERCALL2(hvm_op, HVMOP_set_evtchn_upcall_vector, &upcall), 0);
	port = event_bind_ipi(1);
	CHECK("startup-port", port > 0);
	event_unmask(port);
	CHECK_EQ("startup-event", event_send(port), 0);
	CHECK_EQ("startup-upcall-due", start_second(), 1);
	CHECK_EQ("startup-upcall-still-due", start_second(), 1);
}

/* Addresses and ports where nothing is. */
static void check_holes(void)
{
	uint8_t byte = 0;
	uint32_t value = 0;

	CHECK_EQ("hole-read", probe_read((void *)0xfed80000UL, &value), NO_EXCEPTION);
	CHECK_EQ("hole-ones", value, 0xffffffff);
	CHECK_EQ("hole-write", probe_write((void *)0xfed80000UL, 0), NO_EXCEPTION);
	CHECK_EQ("hole-dropped", probe_read((void *)0xfed80000UL, &value), NO_EXCEPTION);
	CHECK_EQ("hole-still-ones", value, 0xffffffff);
	CHECK_EQ("port-read", probe_in(0x2f8, &byte), NO_EXCEPTION);
	CHECK_EQ("port-ones", byte, 0xff);
	CHECK_EQ("port-write", probe_out(0x2f8, 0), NO_EXCEPTION);
}

static long param(int op, domid_t domid, uint32_t index, uint64_t value)
{
	struct xen_hvm_param p = { .domid = domid, .index = index, .value = value };

	return HYPERCALL2(hvm_op, op, &p);
}

static void check_hvm_op(void)
{
	struct xen_hvm_evtchn_upcall_vector upcall = { .vcpu = 0, .vector = 0x0f };
	struct xen_hvm_pagetable_dying dying = { .domid = DOMID_SELF };

	CHECK_EQ("param-get-callback",
		 param(HVMOP_get_param, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 0), 0);
	CHECK_EQ("param-set-store-port",
		 param(HVMOP_set_param, DOMID_SELF, HVM_PARAM_STORE_EVTCHN, 0), 0);
	CHECK_EQ("param-set-store-pfn", param(HVMOP_set_param, DOMID_SELF, HVM_PARAM_STORE_PFN, 5),
		 -EPERM);
	CHECK_EQ("param-set-timer-mode",
		 param(HVMOP_set_param, DOMID_SELF, HVM_PARAM_TIMER_MODE, 0), -EPERM);
	CHECK_EQ("param-get-timer-mode",
		 param(HVMOP_get_param, DOMID_SELF, HVM_PARAM_TIMER_MODE, 0), -EPERM);
	CHECK_EQ("param-deprecated", param(HVMOP_set_param, DOMID_SELF, HVM_PARAM_PAE_ENABLED, 1),
		 -EINVAL);
	CHECK_EQ("param-out-of-range", param(HVMOP_get_param, DOMID_SELF, HVM_NR_PARAMS, 0),
		 -EINVAL);
	CHECK_EQ("param-far-out-of-range", param(HVMOP_get_param, DOMID_SELF, ~0u, 0), -EINVAL);
	CHECK_EQ("param-no-domain", param(HVMOP_get_param, 0x7000, HVM_PARAM_CALLBACK_IRQ, 0),
		 -ESRCH);
	CHECK_EQ("param-bad-width", param(HVMOP_set_param, DOMID_SELF, HVM_PARAM_X87_FIP_WIDTH, 3),
		 -EINVAL);
	CHECK_EQ("param-bad-pointer", HYPERCALL2(hvm_op, HVMOP_get_param, BAD_ADDRESS), -EFAULT);
	CHECK_EQ("upcall-bad-vector", HYPERCALL2(hvm_op, HVMOP_set_evtchn_upcall_vector, &upcall),
		 -EINVAL);
	upcall.vector = 0x40;
	upcall.vcpu = 4096;
	CHECK_EQ("upcall-bad-vcpu", HYPERCALL2(hvm_op, HVMOP_set_evtchn_upcall_vector, &upcall),
		 -ENOENT);
	CHECK_EQ("upcall-bad-pointer",
		 HYPERCALL2(hvm_op, HVMOP_set_evtchn_upcall_vector, BAD_ADDRESS), -EFAULT);
	CHECK_EQ("pagetable-dying", HYPERCALL2(hvm_op, HVMOP_pagetable_dying, &dying), -EINVAL);
	CHECK_EQ("flush-tlbs-argument", HYPERCALL2(hvm_op, HVMOP_flush_tlbs, 8), -EINVAL);
	CHECK_EQ("flush-tlbs", HYPERCALL2(hvm_op, HVMOP_flush_tlbs, 0), 0);
}

void guest_main(void)
{
	events_init();
	vector_set_handler(IPI_VECTOR, ipi);
	vector_set_handler(TIMER_VECTOR, timer);
	check_cpuid();
	check_msrs();
	CHECK_EQ("apic-id-register", apic_read(ID), 0);
	check_apic("xapic");
	CHECK_EQ("x2apic-on", probe_wrmsr(APIC_BASE_MSR, APIC | 0xd00), NO_EXCEPTION);
	x2apic = true;
	check_apic("x2apic");
	check_x2apic_faults();
	check_startup();
	check_holes();
	check_hvm_op();
}
