/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's local APICs (xAPIC by its page, x2APIC by MSRs) and I/O APICs. */
#pragma once

#include "types.h"

#define APIC_ID		  0x020
#define APIC_VERSION	  0x030
#define APIC_TPR	  0x080
#define APIC_EOI	  0x0b0
#define APIC_SVR	  0x0f0
#define APIC_ICR	  0x300
#define APIC_ICR_HIGH	  0x310
#define APIC_LVT_TIMER	  0x320
#define APIC_LVT_LINT0	  0x350
#define APIC_LVT_LINT1	  0x360
#define APIC_LVT_ERROR	  0x370
#define APIC_TIMER_INIT	  0x380
#define APIC_TIMER_COUNT  0x390
#define APIC_TIMER_DIVIDE 0x3e0

#define APIC_LVT_MASKED	  (1U << 16)

#define APIC_DM_FIXED	  0x000
#define APIC_DM_NMI	  0x400
#define APIC_DM_INIT	  0x500
#define APIC_DM_STARTUP	  0x600
#define APIC_ICR_ASSERT	  0x4000
#define APIC_ICR_BUSY	  0x1000

/* Registers by their xAPIC offset, in either mode (not ICR: use apic_icr). */
uint32_t apic_read(unsigned int reg);
void apic_write(unsigned int reg, uint32_t value);
void apic_eoi(void);
uint32_t apic_id(void);

/* Sends an interprocessor interrupt; waits until it has been accepted. */
void apic_icr(uint32_t dest_apic_id, uint32_t command);

/* Boot: finds the mode (x2APIC when the CPU has it, unless @x2apic_allowed is false), maps the page. */
void apic_boot(uint64_t page_address, bool x2apic_allowed);
void apic_cpu_init(void);

/*
 * Masks what comes by 8259s and I/O APICs, but routes ISA interrupt @irq to @vector of this CPU. False: it
 * has no pin.
 */
bool ioapic_boot(unsigned int irq, uint8_t vector);
