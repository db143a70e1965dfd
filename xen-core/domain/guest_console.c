/* SPDX-License-Identifier: BSD-2-Clause */
/* The line buffer of a guest's debug output is guarded by its domain's lock. */
#include "domain/domain.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "x86/time.h"

#define LINES_PER_SECOND   60
#define GUEST_OUTPUT_LEVEL 3 /* of guest_loglvl= */

/* The line is full or ended: prints it. The domain's lock is held; the console's ranks inside. */
static void flush_line(struct domain *d)
{
	struct guest_console *c = &d->console;
	char text[sizeof(c->line) + 48];
	unsigned int lost;
	int n;

	if (ratelimit(&c->limit, LINES_PER_SECOND, system_time(), &lost)) {
		if (lost)
			printk(KERN_WARNING "d%u: %u lines of output suppressed\n", d->id, lost);
		n = snprintk(text, sizeof(text), "(d%u) %.*s\n", d->id, (int)c->len, c->line);
		console_write(text, (size_t)n,
			      options.guest_loglvl >= GUEST_OUTPUT_LEVEL
				      ? CONSOLE_RING | CONSOLE_SERIAL
				      : CONSOLE_RING);
	}
	c->len = 0;
}

void guest_console_putc(struct domain *d, char ch)
{
	struct guest_console *c = &d->console;

	spin_lock(&d->lock);
	if (ch == '\n')
		flush_line(d);
	else if (ch == '\t' || (ch >= ' ' && ch <= '~'))
		c->line[c->len++] = ch;
	if (c->len == sizeof(c->line))
		flush_line(d);
	spin_unlock(&d->lock);
}
