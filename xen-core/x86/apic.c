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

static uint32_t ioapic_read(volatile uint32_t *regs, uint32_t reg)
{
	regs[0] = reg;
	return regs[4];
}

static void ioapic_write(volatile uint32_t *regs, uint32_t reg, uint32_t value)
{
	regs[0] = reg;
	regs[4] = value;
}

bool ioapic_boot(unsigned int irq, uint8_t vector)
{
	struct acpi_override isa = acpi_isa_irq(&acpi_info, (uint8_t)irq);
	uint32_t entry = vector;
	bool found = false;

	/* The 8259s, whose output is LINT0, which is masked. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	if ((isa.flags & 3) == 3)
		entry |= 1U << 13; /* active low */
	if ((isa.flags >> 2 & 3) == 3)
		entry |= 1U << 15; /* level */
	for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++) {
		uint32_t pin = isa.gsi - acpi_info.ioapic[i].gsi_base, pins;
		volatile uint32_t *regs = mmio_map((maddr_t) { acpi_info.ioapic[i].addr }, 0x20);

		if (!regs)
			continue;
		pins = (ioapic_read(regs, 1) >> 16 & 0xff) + 1;
		for (uint32_t n = 0; n < pins; n++)
			ioapic_write(regs, 0x10 + 2 * n, APIC_LVT_MASKED);
		if (pin >= pins)
			continue;
		ioapic_write(regs, 0x10 + 2 * pin + 1, apic_id() << 24);
		ioapic_write(regs, 0x10 + 2 * pin, entry);
		found = true;
	}
	return found;
}
