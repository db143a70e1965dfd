/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: a skew heap for each CPU, driven by the local APIC's one-shot timer. The links are in
 * the timers themselves, so that setting one can't fail.
 */
#pragma once

#include "types.h"

/* All but @fn and @data change under the lock of the heap of CPU @cpu. */
struct timer {
	uint64_t expires; /* system time in ns */
	void (*fn)(void *data);
	void *data;
	unsigned int cpu;	    /* whose heap */
	bool running;		    /* @fn runs now on @cpu */
	struct timer *left, *right; /* both expire no earlier */
	struct timer **link;	    /* what points to this one; NULL: not armed */
};

/* @fn runs from the main loop of the CPU that the timer is armed on, with no locks held. */
void timer_init(struct timer *t, void (*fn)(void *data), void *data);

/*
 * Arms (or re-arms) @t on CPU @cpu for @expires (system time, ns; in the past: as soon as possible).
 * While @fn runs, it is armed on the CPU that runs it, so that @fn never runs twice at a time.
 */
void timer_set(struct timer *t, unsigned int cpu, uint64_t expires);

/* Disarms. When it returns false, @fn may be running on another CPU now. */
bool timer_stop(struct timer *t);

/* As timer_stop, and waits for a running @fn; never from @fn itself, nor with a lock that it takes. */
void timer_kill(struct timer *t);

bool timer_armed(const struct timer *t);

/* Boot, and main loop: runs what is due on this CPU, then programs the hardware. */
void timers_cpu_init(unsigned int cpu);
void timers_run(void);
/* Programs this CPU's hardware timer for the first entry (before entering a guest or idling). */
void timers_program(void);
