/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's messages: to the console ring (xl dmesg) and to the serial port. */
#pragma once

#include <stdarg.h>
#include "types.h"

/*
 * printf-like: %d %u %x %c %s %%, with the flag 0, width, the lengths l, ll and z, and a
 * precision for %s. Returns the length that the whole output has (as vsnprintf of C11).
 */
int vsnprintk(char *buf, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
int snprintk(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Levels: the message starts with one of these (none: KERN_INFO). What is at or above the
 * threshold of `loglvl=` goes to the serial port; everything goes to the ring.
 */
#define KERN_ERR     "\x01"
#define KERN_WARNING "\x02"
#define KERN_INFO    "\x03"
#define KERN_DEBUG   "\x04"

/* One line, with its newline. */
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* As printk, at most about ten lines a second from all callers together; says how many were lost. */
void printk_ratelimited(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One source of repeated messages: so many in a second, and how many were dropped. */
struct ratelimit {
	uint64_t since;
	uint32_t count, lost;
};

/*
 * May one more message of @r be printed at time @now (ns)? *@lost: how many were dropped in the
 * second before, when a new one begins. No locks needed.
 */
bool ratelimit(struct ratelimit *r, unsigned int burst, uint64_t now, unsigned int *lost);

/* Start-up sets this once this_cpu() and system_time() work; until then neither is used here. */
extern bool percpu_ready;

/* x86: prints registers and the stack trace, stops the other CPUs, reboots or waits (noreboot). */
void arch_panic_stop(void) __attribute__((noreturn));

/* Prints the message, registers, a stack trace with symbols; stops all CPUs; reboots or waits. */
void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (unlikely(cond))                                           \
			panic("BUG at %s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)
