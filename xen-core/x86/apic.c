/* SPDX-License-Identifier: BSD-2-Clause */
/* See apic.h. AMD APM vol. 2 chapter 16. */
#include "x86/apic.h"
#include "lib/printk.h"
#include "x86/acpi.h"
#include "x86/io.h"
#include "x86/paging.h"
#include "x86/regs.h"
#include "x86/trap.h"

#define APIC_BASE_ENABLE (1UL << 11)
#define APIC_BASE_X2	 (1UL << 10)

static volatile uint32_t *apic_page; /* NULL in x2APIC mode */

uint32_t apic_read(unsigned int reg)
{
	if (apic_page)
		return apic_page[reg / 4];
	return (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
}

void apic_write(unsigned int reg, uint32_t value)
{
	if (apic_page)
		apic_page[reg / 4] = value;
	else
		wrmsr(MSR_X2APIC + reg / 16, value);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return apic_page ? id >> 24 : id;
}

void apic_icr(uint32_t dest, uint32_t command)
{
	if (!apic_page) {
		/* Writes before this one must be seen by the CPU that gets the interrupt. */
		asm volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)dest << 32 | command);
		return;
	}
	apic_page[APIC_ICR_HIGH / 4] = dest << 24;
	apic_page[APIC_ICR / 4] = command;
	while (apic_page[APIC_ICR / 4] & APIC_ICR_BUSY)
		cpu_relax();
}

void apic_boot(uint64_t page_address, bool x2apic_allowed)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	if (x2apic_allowed && (r[2] & 1U << 21))
		return;
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2)
		return; /* the firmware has switched it on already: no way back */
	apic_page = mmio_map((maddr_t) { page_address }, PAGE_SIZE);
	BUG_ON(!apic_page);
}

void apic_cpu_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | (apic_page ? 0 : APIC_BASE_X2));
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
	apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	apic_write(APIC_LVT_LINT1, APIC_DM_NMI);
	apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
	apic_write(APIC_SVR, 0x100 | VECTOR_SPURIOUS);
}

void legacy_pic_disable(void)
{
	/* ICW1 to ICW4 of both: out of the way of the exceptions first, in case one is pending. */
	static const uint8_t steps[][2] = {
		{ 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x21, 0x20 }, { 0xa1, 0x28 }, { 0x21, 4 },
		{ 0xa1, 2 },	{ 0x21, 1 },	{ 0xa1, 1 },	{ 0x21, 0xff }, { 0xa1, 0xff },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++)
		outb(steps[i][0], steps[i][1]);
}

static struct {
	volatile uint32_t *regs;
	uint32_t gsi_base, pins;
} ioapics[ACPI_IOAPICS_MAX];
static unsigned int nr_ioapics;

static uint32_t ioapic_read(unsigned int i, uint32_t reg)
{
	ioapics[i].regs[0] = reg;
	return ioapics[i].regs[4];
}

static void ioapic_write(unsigned int i, uint32_t reg, uint32_t value)
{
	ioapics[i].regs[0] = reg;
	ioapics[i].regs[4] = value;
}

void ioapic_boot(void)
{
	for (unsigned int n = 0; n < acpi_info.nr_ioapics; n++) {
		unsigned int i = nr_ioapics;

		ioapics[i].regs = mmio_map((maddr_t) { acpi_info.ioapic[n].addr }, 0x20);
		if (!ioapics[i].regs)
			continue;
		ioapics[i].gsi_base = acpi_info.ioapic[n].gsi_base;
		ioapics[i].pins = (ioapic_read(i, 1) >> 16 & 0xff) + 1;
		for (uint32_t pin = 0; pin < ioapics[i].pins; pin++)
			ioapic_write(i, 0x10 + 2 * pin, APIC_LVT_MASKED);
		nr_ioapics++;
	}
}

int ioapic_route_isa(unsigned int irq, uint8_t vector, uint32_t dest)
{
	uint16_t flags;
	uint32_t gsi = acpi_isa_gsi(&acpi_info, (uint8_t)irq, &flags);

	for (unsigned int i = 0; i < nr_ioapics; i++) {
		uint32_t pin = gsi - ioapics[i].gsi_base, low = vector;

		if (gsi < ioapics[i].gsi_base || pin >= ioapics[i].pins)
			continue;
		if ((flags & 3) == 3)
			low |= 1U << 13; /* active low */
		if ((flags >> 2 & 3) == 3)
			low |= 1U << 15; /* level */
		ioapic_write(i, 0x10 + 2 * pin + 1, dest << 24);
		ioapic_write(i, 0x10 + 2 * pin, low);
		return 0;
	}
	return -ENODEV;
}
