/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall console_io. */
#include "hypercall/console_io.h"
#include "domain/guest_console.h"
#include "event/evtchn.h"
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "lib/console.h"
#include "lib/errno.h"
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

static long consoleio_write(struct op_call *call)
{
	unsigned int done = 0;
	char chunk[256];

	if (call->count > WRITE_MAX)
		return -E2BIG;
	while (done < call->count) {
		size_t n = min((size_t)(call->count - done), sizeof(chunk));

		if (guest_read(chunk, gva_add(call->arg, done), n))
			return -EFAULT;
		write_chunk(call->caller, chunk, n);
		done += (unsigned int)n;
	}
	return 0;
}

static long consoleio_read(struct op_call *call)
{
	unsigned int done = 0;
	char chunk[64];
	size_t n;

	do {
		n = console_input_read(chunk, min((size_t)(call->count - done), sizeof(chunk)));
		if (guest_write(gva_add(call->arg, done), chunk, n))
			return -EFAULT;
		done += (unsigned int)n;
	} while (n == sizeof(chunk));
	return done;
}

static const struct op_entry ops[] = {
	OP(CONSOLEIO_write, XSM_XEN__WRITECONSOLE, consoleio_write),
	OP(CONSOLEIO_read, XSM_XEN__READCONSOLE, consoleio_read),
};

const struct op_table console_io_ops = {
	.hypercall = "console_io",
	OP_ENTRIES(ops),
};

long do_console_io(unsigned int cmd, unsigned int count, gva_t arg)
{
	struct op_call call;

	op_begin(&call, arg);
	call.count = count;
	return op_run(&console_io_ops, cmd, &call);
}

static void raise_virq_console(void)
{
	evtchn_raise_virq_global(VIRQ_CONSOLE);
}

void console_io_init(void)
{
	console_input_notify = raise_virq_console;
}
