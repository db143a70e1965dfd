/* SPDX-License-Identifier: BSD-2-Clause */
/* Any command line: parsed, reported, never out of bounds. */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/serial.h"
#include "x86/io.h"

void printk(const char *fmt, ...)
{
	(void)fmt;
}

uint8_t inb(uint16_t port)
{
	(void)port;
	return 0x60;
}

void outb(uint16_t port, uint8_t value)
{
	(void)port;
	(void)value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct core_options o = options;

	memcpy(line, data, size);
	line[size] = '\0';
	cmdline_parse(line, &o);
	if (o.com1[0])
		serial_configure(o.com1);
	free(line);
	return 0;
}
