/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages. Takes no lock itself; the console's (innermost) guards output of one piece. Lines of
 * several CPUs do not mix as long as a message is one call with its newline.
 */
#include "lib/printk.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/string.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define LINE_MAX	 512
#define LEVEL_DEFAULT	 3
#define RATE_BURST	 10
#define RATE_INTERVAL_NS 1000000000UL

static const char prefix[] = "(core) ";

bool percpu_ready;
static uint32_t panic_once; /* the first panic prints, others wait */

int snprintk(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintk(buf, size, fmt, ap);
	va_end(ap);
	return len;
}

/* Takes the level mark off the front of @fmt. */
static unsigned int take_level(const char **fmt)
{
	unsigned int level = (unsigned char)**fmt;

	if (level < 1 || level > 4)
		return LEVEL_DEFAULT;
	++*fmt;
	return level;
}

static void vprintk(const char *fmt, va_list ap)
{
	unsigned int level = take_level(&fmt);
	char line[LINE_MAX];
	size_t start = sizeof(prefix) - 1, len;

	memcpy(line, prefix, start);
	len = (size_t)vsnprintk(line + start, sizeof(line) - start, fmt, ap) + start;
	if (len >= sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	console_write(line, len, CONSOLE_RING | (level <= options.loglvl ? CONSOLE_SERIAL : 0));
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

bool ratelimit(struct ratelimit *r, unsigned int burst, uint64_t now, unsigned int *lost)
{
	uint64_t since = __atomic_load_n(&r->since, __ATOMIC_RELAXED);

	*lost = 0;
	if (now - since >= RATE_INTERVAL_NS &&
	    __atomic_compare_exchange_n(&r->since, &since, now, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED)) {
		__atomic_store_n(&r->count, 0, __ATOMIC_RELAXED);
		*lost = __atomic_exchange_n(&r->lost, 0, __ATOMIC_RELAXED);
	}
	if (__atomic_add_fetch(&r->count, 1, __ATOMIC_RELAXED) <= burst)
		return true;
	__atomic_add_fetch(&r->lost, 1, __ATOMIC_RELAXED);
	return false;
}

void printk_ratelimited(const char *fmt, ...)
{
	static struct ratelimit limit;
	unsigned int lost;
	va_list ap;

	if (!ratelimit(&limit, RATE_BURST, percpu_ready ? system_time() : 0, &lost))
		return;
	if (lost)
		printk(KERN_WARNING "%u messages suppressed\n", lost);
	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	char msg[LINE_MAX / 2];
	va_list ap;

	/* A second panic (of another CPU, or inside the first one) must not hide the first. */
	if (!__atomic_exchange_n(&panic_once, 1, __ATOMIC_SEQ_CST)) {
		console_panic_mode();
		va_start(ap, fmt);
		vsnprintk(msg, sizeof(msg), fmt, ap);
		va_end(ap);
		printk(KERN_ERR "****************************************\n");
		printk(KERN_ERR "Panic on CPU %u:\n", percpu_ready ? smp_id() : 0);
		printk(KERN_ERR "%s\n", msg);
		printk(KERN_ERR "****************************************\n");
	}
	arch_panic_stop();
}
