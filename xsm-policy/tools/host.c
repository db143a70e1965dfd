/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's services on the host (host.h). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "mm/guest.h"
#include "mm/heap.h"
#include "x86/cpu.h"
#include "x86/epoch.h"
#include "x86/time.h"

#define LOG_SIZE (64 << 10)

bool host_log_stderr;
uint64_t host_time;
long host_fail_after, host_allocations;
struct xsm_label **host_labels;

/* Locks as in the core, so that their order is seen to be kept. */
static struct spinlock heap_lock = SPINLOCK_INIT(LOCK_HEAP);
static struct spinlock epoch_lock = SPINLOCK_INIT(LOCK_FRAMES);
static struct spinlock console_lock = SPINLOCK_INIT(LOCK_CONSOLE);
static const struct spinlock *held[8];
static unsigned int n_held;

static char log_text[2 * LOG_SIZE];
static size_t log_len;
static struct cpu cpu0;
struct cpu *host_this_cpu = &cpu0;
struct cpu *cpus[MAX_CPUS] = { &cpu0 };

void spin_debug_acquire(struct spinlock *l, bool same_rank)
{
	uint8_t last = n_held ? held[n_held - 1]->rank : 0;

	if (n_held == 8 || (n_held && (same_rank ? last > l->rank : last >= l->rank))) {
		fprintf(stderr, "lock of rank %u taken while one of rank %u is held\n", l->rank,
			last);
		abort();
	}
	held[n_held++] = l;
}

void spin_debug_release(struct spinlock *l)
{
	if (!n_held || held[n_held - 1] != l)
		abort();
	n_held--;
}

/* What takes a lock for a moment in the core. */
static void pass(struct spinlock *l)
{
	spin_lock(l);
	spin_unlock(l);
}

unsigned int cpus_online(void)
{
	return 1;
}

const char *host_log(void)
{
	return log_text;
}

void host_log_clear(void)
{
	log_len = 0;
	log_text[0] = 0;
}

int snprintk(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static void log_line(const char *fmt, va_list ap)
{
	int n;

	pass(&console_lock);
	if (log_len > LOG_SIZE) {
		memmove(log_text, log_text + log_len - LOG_SIZE / 2, LOG_SIZE / 2 + 1);
		log_len = LOG_SIZE / 2;
	}
	if (*fmt >= 1 && *fmt <= 4)
		fmt++;
	n = vsnprintf(log_text + log_len, LOG_SIZE, fmt, ap);
	if (host_log_stderr)
		fputs(log_text + log_len, stderr);
	log_len += n < LOG_SIZE ? (size_t)n : LOG_SIZE - 1;
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(fmt, ap);
	va_end(ap);
}

void printk_ratelimited(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(fmt, ap);
	va_end(ap);
}

void *xmalloc(size_t size)
{
	pass(&heap_lock);
	if (host_fail_after && !--host_fail_after) {
		host_fail_after = 1;
		return NULL;
	}
	host_allocations++;
	return malloc(size);
}

void *xzalloc(size_t size)
{
	void *p = xmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void xfree(void *p)
{
	pass(&heap_lock);
	host_allocations -= !!p;
	free(p);
}

/* At once: whoever still used it would be caught by the sanitizer. */
void epoch_defer(struct epoch_node *node, void (*done)(struct epoch_node *node))
{
	pass(&epoch_lock);
	done(node);
}

uint64_t system_time(void)
{
	return host_time;
}

int guest_read(void *dst, gva_t src, size_t len)
{
	if (!src.v)
		return -14;
	memcpy(dst, (const void *)(uintptr_t)src.v, len);
	return 0;
}

int guest_write(gva_t dst, const void *src, size_t len)
{
	if (!dst.v)
		return -14;
	memcpy((void *)(uintptr_t)dst.v, src, len);
	return 0;
}

struct xsm_label *xsm_port_label(uint16_t domid)
{
	struct xsm_label **l;

	for (l = host_labels; l && *l; l++)
		if ((*l)->domid == domid)
			return *l;
	return NULL;
}
