/* SPDX-License-Identifier: BSD-2-Clause */
/* What the core takes from ACPI tables (ACPI Specification 6.5; static tables only, no AML interpreter). */
#pragma once

#include "types.h"

#define ACPI_CPUS_MAX	   256
#define ACPI_IOAPICS_MAX   16
#define ACPI_OVERRIDES_MAX 24
#define ACPI_MCFG_MAX	   8

struct acpi_cpu {
	uint32_t apic_id, acpi_id;
};

struct acpi_ioapic {
	uint8_t id;
	uint32_t addr, gsi_base;
};

/* ISA interrupt @source is @gsi; flags as in MPS: bits 1:0 polarity, 3:2 trigger mode. */
struct acpi_override {
	uint8_t source;
	uint32_t gsi;
	uint16_t flags;
};

struct acpi_mcfg {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
};

struct acpi_table {
	uint64_t addr; /* 0: none */
	uint32_t len;
};

struct acpi_info {
	uint64_t lapic_addr;
	struct acpi_cpu cpu[ACPI_CPUS_MAX]; /* those that can be started */
	struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
	struct acpi_override override[ACPI_OVERRIDES_MAX];
	struct acpi_mcfg mcfg[ACPI_MCFG_MAX];
	unsigned int nr_cpus, nr_ioapics, nr_overrides, nr_mcfg;
	uint64_t nodes; /* a bit for each proximity domain below 64 that has memory */

	/* FADT */
	uint32_t smi_cmd, pm1a_cnt, pm1b_cnt, pm_timer; /* ports; 0: none */
	uint8_t acpi_enable;
	uint16_t reset_port; /* 0: reset is not supported this way */
	uint8_t reset_value;
	uint16_t s5_a, s5_b; /* what switches off, written to pm1a_cnt and pm1b_cnt; 0: not known */

	uint64_t hpet_addr;	      /* 0: none */
	struct acpi_table dmar, ivrs; /* kept for the IOMMU drivers */
};

/*
 * Reads all tables, from the RSDP at @rsdp on (0: the boot loader has found none). A table with a bad
 * length or checksum counts as absent, with a message. -ENOENT: no ACPI; -EINVAL: no usable MADT with
 * a local APIC in it.
 */
int acpi_parse(uint64_t rsdp, struct acpi_info *out);

/* What the boot CPU found (boot/start.c). */
extern struct acpi_info acpi_info;

/* What ISA interrupt @irq is: itself, where nothing else is said. */
struct acpi_override acpi_isa_irq(const struct acpi_info *info, uint8_t irq);
