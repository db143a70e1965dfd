/* SPDX-License-Identifier: BSD-2-Clause */
/* System time from the TSC, calibrated against HPET or ACPI PM timer; wall clock from the RTC. */
#pragma once

#include "types.h"

#if __STDC_HOSTED__
uint64_t tsc_read(void);
#else
/* The TSC, not read before what stands before it in the program has been done. */
static inline uint64_t tsc_read(void)
{
	uint32_t lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}
#endif

/* Nanoseconds since boot; the same on all CPUs, monotonic. */
uint64_t system_time(void);

uint64_t tsc_khz(void);
/* System time of a TSC value. */
uint64_t tsc_to_ns(uint64_t tsc);
/* As pvclock wants it: ns = ((tsc_delta << shift) * mul) >> 32. */
void tsc_scale(uint32_t *mul, int8_t *shift);

/*
 * Whether all CPUs' TSCs tell one time. If not, system_time() still never steps back, but a guest
 * must not take one vCPU's TSC for another's.
 */
bool tsc_is_stable(void);
/* A TSC value and its system time, to count from with tsc_scale(). The same for all when stable. */
void tsc_stamp(uint64_t *tsc, uint64_t *ns);

/* Wall clock (s, ns since 1970, UTC) at system time 0; settable by XENPF_settime. */
void wallclock_get(uint64_t *sec, uint32_t *nsec);
void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t at_system_time);

/*
 * Boot CPU, with ACPI tables parsed, mmio_map() usable and its local APIC on: begins to measure the
 * rates of TSC and local APIC timer, and goes on with the boot. Until time_boot() it is system time 0.
 */
void time_boot_begin(void);
/*
 * Waits for what is left of the 50 ms that the measurement needs, and starts the clocks. Panics when
 * the machine has none to calibrate against.
 */
void time_boot(void);
/* Each other CPU, with its local APIC on: its timer. */
void time_cpu_init(void);

/* Programs this CPU's local APIC timer to fire at @ns (0: stop). Used by sched/timer.c alone. */
void apic_timer_set(uint64_t ns);

/* Busy-waits, for boot (IPIs); after time_boot(). */
void udelay(unsigned int us);
