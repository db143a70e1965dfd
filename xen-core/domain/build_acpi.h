/* SPDX-License-Identifier: BSD-2-Clause */
/* The ACPI tables of a domain that the core builds itself (Dom0). */
#ifndef CORE_BUILD_ACPI_H
#define CORE_BUILD_ACPI_H

#include "types.h"

/*
 * Writes RSDP, XSDT, FADT (hardware-reduced), MADT and an empty DSDT for @vcpus vCPUs into @buf
 * (zeroed, @size bytes), as they are to stand at guest-physical @base; the RSDP comes first.
 * Returns the length, or 0 when they do not fit.
 */
size_t build_acpi(uint8_t *buf, size_t size, gpa_t base, unsigned int vcpus);

#endif
