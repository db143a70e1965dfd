/* SPDX-License-Identifier: BSD-2-Clause */
/* The line buffer of a guest's debug output is guarded by its domain's lock. */
#include "domain/guest_console.h"
#include "domain/domain.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "mm/heap.h"
#include "x86/time.h"

#define GUEST_LINE	   128
#define LINES_PER_SECOND   60
#define GUEST_OUTPUT_LEVEL 3 /* of guest_loglvl= */

struct guest_console {
	struct ratelimit limit;
	unsigned int len;
	char line[GUEST_LINE];
};

/* The line is full or ended: prints it. The domain's lock is held; the console's ranks inside. */
static void flush_line(const struct domain *d, struct guest_console *c)
{
	char text[GUEST_LINE + 48];
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
	struct guest_console *c;

	spin_lock(&d->lock);
	if (!d->console)
		d->console = xzalloc(sizeof(struct guest_console));
	c = d->console;
	if (c) {
		if (ch == '\n')
			flush_line(d, c);
		else if (ch == '\t' || (ch >= ' ' && ch <= '~'))
			c->line[c->len++] = ch;
		if (c->len == GUEST_LINE)
			flush_line(d, c);
	}
	spin_unlock(&d->lock);
}

void guest_console_free(struct domain *d)
{
	xfree(d->console);
	d->console = NULL;
}
