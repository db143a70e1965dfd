/* SPDX-License-Identifier: BSD-2-Clause */
/* Bringing up the other CPUs, and stopping the machine. */
#pragma once

#include "types.h"

/* Boot, before the identity map goes: puts the start-up code below 1 MiB, at page @page. */
void smp_place_trampoline(maddr_t page);

/* How many CPUs ACPI lists, as far as the options want them; all that start are online after smp_boot(). */
unsigned int smp_cpus_wanted(void);

/* Starts the other CPUs, one after another. */
void smp_boot(void);

/* What each CPU with its local APIC on does for itself, before it enters the main loop. */
void cpu_init(void);

/* Power off or reboot the host: other CPUs stop first. */
void machine_power_off(void) __attribute__((noreturn));
void machine_reboot(void) __attribute__((noreturn));

/* Panic: stops the others, then reboots or waits for ever (noreboot). */
void machine_stop_for_panic(void) __attribute__((noreturn));
/* A CPU that has got an NMI: another one stops it, or the machine is broken, and it panics. */
void machine_nmi(void) __attribute__((noreturn));
