/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall console_io. */
#include "event/evtchn.h"
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "lib/console.h"
#include "mm/guest.h"

#define WRITE_MAX 65536 /* bytes in one call */

static void write_chunk(struct domain *d, const char *chunk, size_t len)
{
	size_t i;

	if (d->privileged) {
		console_write(chunk, len, CONSOLE_SERIAL);
		return;
	}
	for (i = 0; i < len; i++)
		guest_console_putc(d, chunk[i]);
}

/* What is written already is taken off the arguments, so that a long write can stop and go on. */
static long consoleio_write(struct op_call *call)
{
	uint32_t left = (uint32_t)call->args->a[1];
	gva_t from = { call->args->a[2] };
	char chunk[256];
	size_t n;

	if (left > WRITE_MAX)
		return -E2BIG;
	for (; left; left -= (uint32_t)n, from = gva_add(from, n)) {
		if (from.v != call->args->a[2] && hypercall_preempt()) {
			call->args->a[1] = left;
			call->args->a[2] = from.v;
			return -ERESTART_CALL;
		}
		n = min((size_t)left, sizeof(chunk));
		if (guest_read(chunk, from, n))
			return -EFAULT;
		write_chunk(call->caller, chunk, n);
	}
	return 0;
}

static long consoleio_read(struct op_call *call)
{
	size_t done = 0, count = (uint32_t)call->args->a[1], n;
	gva_t to = { call->args->a[2] };
	char chunk[64];

	do {
		n = console_input_read(chunk, min(count - done, sizeof(chunk)));
		if (guest_write(gva_add(to, done), chunk, n))
			return -EFAULT;
		done += n;
	} while (n == sizeof(chunk));
	return (long)done;
}

static const struct op_entry ops[] = {
	OP(CONSOLEIO_write, XSM_XEN__WRITECONSOLE, consoleio_write, 0),
	OP(CONSOLEIO_read, XSM_XEN__READCONSOLE, consoleio_read, 0),
};

const struct op_table console_io_ops = {
	.hypercall = "console_io",
	OP_ENTRIES(ops),
	.nr_bits = 32,
};

void console_input_notify(void)
{
	evtchn_raise_virq_global(VIRQ_CONSOLE);
}
