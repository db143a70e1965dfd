/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers: a heap for each CPU, driven by the local APIC's one-shot timer. */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "types.h"

struct timer {
	uint64_t expires; /* system time in ns */
	void (*fn)(void *data);
	void *data;
	unsigned int cpu; /* whose heap */
	int heap_index;	  /* -1: not armed */
};

/* @fn runs from the main loop of the CPU that the timer is armed on, with no locks held. */
void timer_init(struct timer *t, void (*fn)(void *data), void *data);

/* Arms (or re-arms) @t on CPU @cpu for @expires (system time, ns; in the past: as soon as possible). */
void timer_set(struct timer *t, unsigned int cpu, uint64_t expires);

/* Disarms. When it returns false, @fn may be running on another CPU now. */
bool timer_stop(struct timer *t);

/* As timer_stop, and waits for a running @fn; never from @fn itself. */
void timer_kill(struct timer *t);

bool timer_armed(const struct timer *t);

/* Boot, and main loop: runs what is due on this CPU, then programs the hardware. */
void timers_cpu_init(unsigned int cpu);
void timers_run(void);
/* Programs this CPU's hardware timer for the first entry (before entering a guest or idling). */
void timers_program(void);

#endif
