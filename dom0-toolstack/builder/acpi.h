/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables of a PVH guest: RSDP, XSDT, FADT (hardware-reduced: no fixed hardware at all), MADT
 * (processors), and a DSDT with nothing in it. ACPI specification 6.2 § 5.2.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ACPI_RSDP_SIZE 36u

struct acpi_processors {
	uint32_t count;	 /* vCPUs, at most 4096 */
	uint32_t online; /* the first so many are enabled at boot */
};

/*
 * Writes the tables as they are to lie at `addr` (16-byte aligned); the RSDP comes first. Returns
 * their size in bytes, or -ENOSPC when `room` is too small.
 */
int acpi_build(const struct acpi_processors *processors, uint64_t addr, uint8_t *out, size_t room);

/*
 * The APIC id of a vCPU: every second one, so that no guest sees hyperthreads. As Xen assigns them.
 */
static inline uint32_t acpi_apic_id(uint32_t vcpu)
{
	return vcpu * 2;
}
