/* SPDX-License-Identifier: BSD-2-Clause */
/* See smp.h. Start-up by INIT-SIPI-SIPI (Intel MP specification § B.4, AMD APM vol. 2 § 16.5). */
#include "x86/smp.h"
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "lib/bitops.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/loop.h"
#include "x86/paging.h"
#include "x86/regs.h"
#include "x86/time.h"
#include "x86/trap.h"
#include "xsm/xsm.h"

#define CPUID_TOPOEXT (1U << 22) /* 0x80000001, ECX */

static unsigned int nr_cpus = 1;

extern const char trampoline_start[], trampoline_end[];
extern uint64_t start_cr3, start_rsp; /* head.S */
extern void (*start_entry)(void);
static maddr_t trampoline_page;

void arch_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	cpuid(leaf, subleaf, out);
}

unsigned int cpus_online(void)
{
	return __atomic_load_n(&nr_cpus, __ATOMIC_ACQUIRE);
}

void cpu_kick(struct cpu *cpu, enum cpu_work work)
{
	set_bit(work, &cpu->pending);
	if (cpu != this_cpu())
		apic_icr(cpu->apic_id, APIC_ICR_ASSERT | APIC_DM_FIXED | VECTOR_KICK);
}

void smp_place_trampoline(maddr_t page)
{
	memcpy(boot_ptr(page), trampoline_start, (size_t)(trampoline_end - trampoline_start));
	trampoline_page = page;
}

/* How the APIC id is made up: leaf 0xb, or AMD's leaves where that is empty (before Zen 2). */
static void read_topology(struct cpu *cpu)
{
	uint32_t r[4], thread_bits = 0, core_bits = 0, others;

	cpuid(0, 0, r);
	if (r[0] >= 0xb) {
		cpuid(0xb, 0, r);
		thread_bits = r[0] & 31;
		cpuid(0xb, 1, r);
		core_bits = r[0] & 31;
	}
	if (!core_bits) {
		cpuid(0x80000008, 0, r);
		core_bits = r[2] >> 12 & 15;
		cpuid(0x80000001, 0, r);
		if (r[2] & CPUID_TOPOEXT) {
			cpuid(0x8000001e, 0, r);
			others = r[1] >> 8 & 0xff;
			thread_bits = others ? 32 - (uint32_t)__builtin_clz(others) : 0;
		}
	}
	core_bits = max(core_bits, thread_bits);
	cpu->thread = cpu->apic_id & ((1U << thread_bits) - 1);
	cpu->core = (cpu->apic_id & ((1U << core_bits) - 1)) >> thread_bits;
	cpu->socket = cpu->apic_id >> core_bits;
}

static void set_control_registers(void)
{
	uint32_t r[4] = { 0 };
	uint64_t cr4 = read_cr4();

	cpuid(0, 0, r);
	if (r[0] >= 7) {
		cpuid(7, 0, r);
		if ((r[1] & 1U << 7) && options.smep)
			cr4 |= CR4_SMEP;
		if ((r[1] & 1U << 20) && options.smap)
			cr4 |= CR4_SMAP;
	}
	cpuid(1, 0, r);
	if (r[2] & 1U << 26)
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
}

void cpu_init(void)
{
	struct cpu *cpu = this_cpu();

	set_control_registers();
	cpu->apic_id = apic_id();
	read_topology(cpu);
	timers_cpu_init(cpu->id);
	if (xsm_cpu_init())
		panic("no memory for CPU %u's policy cache", cpu->id);
	vm_ops->cpu_enable();
	sched_cpu_init(cpu);
}

static void ap_start(void)
{
	traps_cpu_init();
	apic_cpu_init();
	time_cpu_init();
	cpu_init();
	__atomic_add_fetch(&nr_cpus, 1, __ATOMIC_RELEASE);
	main_loop();
}

/* One CPU: INIT, then two start-up interrupts; waits up to a second for it to report. */
static bool start_one(uint32_t id, uint32_t acpi_id)
{
	unsigned int n = cpus_online();

	cpus[n]->apic_id = id;
	cpus[n]->acpi_id = acpi_id;
	cpus[n]->epoch = ~0UL;
	start_cr3 = cpus[n]->root.v;
	start_rsp = PCPU_STACK_TOP;
	start_entry = ap_start;
	apic_icr(id, APIC_ICR_ASSERT | APIC_DM_INIT);
	/* CPUs with SVM need none of the 10 ms that the MultiProcessor Specification asks for. */
	udelay(10);
	for (unsigned int i = 0; i < 2 && cpus_online() == n; i++) {
		apic_icr(id,
			 APIC_ICR_ASSERT | APIC_DM_STARTUP | (uint32_t)(trampoline_page.v >> 12));
		udelay(200);
	}
	for (unsigned int i = 0; i < 10000 && cpus_online() == n; i++)
		udelay(100);
	if (cpus_online() != n)
		return true;
	printk(KERN_ERR "CPU with APIC id %u does not start\n", id);
	return false;
}

unsigned int smp_cpus_wanted(void)
{
	unsigned int n = min(acpi_info.nr_cpus, (unsigned int)MAX_CPUS);

	if (!options.smp)
		return 1;
	return options.maxcpus ? min(n, options.maxcpus) : n;
}

void smp_boot(void)
{
	for (unsigned int i = 0; i < acpi_info.nr_cpus && cpus_online() < smp_cpus_wanted(); i++) {
		if (acpi_info.cpu[i].apic_id == this_cpu()->apic_id)
			this_cpu()->acpi_id = acpi_info.cpu[i].acpi_id;
		else if (!start_one(acpi_info.cpu[i].apic_id, acpi_info.cpu[i].acpi_id))
			break; /* it may still wake up, and use its record and the start-up code */
	}
	printk("%u CPUs up\n", cpus_online());
}

static bool stopping;

static void __attribute__((noreturn)) halt_cpu(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

void machine_nmi(void)
{
	if (READ_ONCE(stopping))
		halt_cpu();
	panic("NMI");
}

/* Stops the other CPUs wherever they are. */
static void stop_others(void)
{
	WRITE_ONCE(stopping, true);
	for (unsigned int i = 0; i < cpus_online(); i++)
		if (cpus[i] != this_cpu())
			apic_icr(cpus[i]->apic_id, APIC_ICR_ASSERT | APIC_DM_NMI);
	udelay(1000);
}

static void __attribute__((noreturn)) reset(void)
{
	if (acpi_info.reset_port)
		outb(acpi_info.reset_port, acpi_info.reset_value);
	udelay(10000);
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	udelay(10000);
	outb(0x64, 0xfe);
	udelay(10000);
	halt_cpu();
}

void machine_reboot(void)
{
	stop_others();
	console_panic_mode(); /* first: a CPU that was stopped may hold the console's lock */
	printk("Rebooting the host.\n");
	reset();
}

void machine_power_off(void)
{
	stop_others();
	console_panic_mode(); /* first: a CPU that was stopped may hold the console's lock */
	printk("Powering the host off.\n");
	if (acpi_info.smi_cmd && acpi_info.acpi_enable) {
		outb((uint16_t)acpi_info.smi_cmd, acpi_info.acpi_enable);
		udelay(10000);
	}
	if (acpi_info.s5_a && acpi_info.pm1a_cnt)
		outw((uint16_t)acpi_info.pm1a_cnt, acpi_info.s5_a);
	if (acpi_info.s5_b && acpi_info.pm1b_cnt)
		outw((uint16_t)acpi_info.pm1b_cnt, acpi_info.s5_b);
	udelay(100000);
	printk(KERN_ERR "The host does not power off: switch it off.\n");
	halt_cpu();
}

void machine_stop_for_panic(void)
{
	if (cpus_online() > 1)
		stop_others();
	if (options.noreboot)
		halt_cpu();
	printk(KERN_ERR "Rebooting in 5 seconds.\n");
	udelay(5000000);
	reset();
}
