/* SPDX-License-Identifier: BSD-2-Clause */
/* System time from the TSC, calibrated against HPET, ACPI PM timer or PIT; wall clock from the RTC. */
#ifndef CORE_TIME_H
#define CORE_TIME_H

#include "types.h"

/* Nanoseconds since boot; the same on all CPUs, monotonic. */
uint64_t system_time(void);

uint64_t tsc_khz(void);
/* System time of a TSC value, and back. */
uint64_t tsc_to_ns(uint64_t tsc);
uint64_t ns_to_tsc(uint64_t ns);
/* As pvclock wants it: ns = ((tsc_delta << shift) * mul) >> 32. */
void tsc_scale(uint32_t *mul, int8_t *shift);

/* Wall clock (s, ns since 1970, UTC) at system time 0; settable by XENPF_settime. */
void wallclock_get(uint64_t *sec, uint32_t *nsec);
void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t at_system_time);

/* Boot CPU, with ACPI tables parsed; then each CPU: local APIC timer. */
void time_boot(void);
void time_cpu_init(void);

/* Programs this CPU's local APIC timer to fire at @ns (0: stop). Used by sched/timer.c alone. */
void apic_timer_set(uint64_t ns);

/* Busy-waits, for boot (IPIs). */
void udelay(unsigned int us);

#endif
