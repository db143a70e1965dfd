/* SPDX-License-Identifier: BSD-2-Clause */
/* Output of the test kernels: console_io where it is allowed, else the debug port 0xe9. */
#include <stdarg.h>

#include "guest.h"

#define DEBUG_PORT 0xe9
#define LINE_MAX   400

struct line {
	char text[LINE_MAX];
	unsigned int length;
};

static unsigned int print_lock;
static bool no_console;

static void put(struct line *line, char c)
{
	if (line->length < LINE_MAX)
		line->text[line->length++] = c;
}

static void put_number(struct line *line, uint64_t value, unsigned int base)
{
	char digits[24];
	unsigned int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count)
		put(line, digits[--count]);
}

static void put_signed(struct line *line, int64_t value)
{
	if (value < 0)
		put(line, '-');
	put_number(line, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

static void put_string(struct line *line, const char *text)
{
	while (*text)
		put(line, *text++);
}

static void format_line(struct line *line, const char *format, va_list args)
{
	for (; *format; format++) {
		bool wide = false;

		if (*format != '%') {
			put(line, *format);
			continue;
		}
		for (format++; *format == 'l'; format++)
			wide = true;
		switch (*format) {
		case 'd':
			put_signed(line, wide ? va_arg(args, long) : va_arg(args, int));
			break;
		case 'u':
		case 'x':
			put_number(line,
				   wide ? va_arg(args, unsigned long) : va_arg(args, unsigned int),
				   *format == 'x' ? 16 : 10);
			break;
		case 'p':
			put_number(line, va_arg(args, unsigned long), 16);
			break;
		case 's':
			put_string(line, va_arg(args, const char *));
			break;
		case 'c':
			put(line, (char)va_arg(args, int));
			break;
		default:
			put(line, *format);
		}
	}
}

static void write_line(struct line *line)
{
	while (__atomic_exchange_n(&print_lock, 1, __ATOMIC_ACQUIRE))
		relax();
	if (!no_console && HYPERCALL3(console_io, CONSOLEIO_write, line->length, line->text) < 0)
		no_console = true;
	if (no_console) {
		for (unsigned int i = 0; i < line->length; i++)
			__asm__ volatile("outb %0, %1"
					 :
					 : "a"(line->text[i]), "Nd"((uint16_t)DEBUG_PORT));
	}
	__atomic_store_n(&print_lock, 0, __ATOMIC_RELEASE);
}

void print(const char *format, ...)
{
	struct line line = { .length = 0 };
	va_list args;

	va_start(args, format);
	format_line(&line, format, args);
	va_end(args);
	write_line(&line);
}

void check_report(const char *name, bool good, const char *format, ...)
{
	struct line line = { .length = 0 };
	va_list args;

	put_string(&line, good ? "PASS " : "FAIL ");
	put_string(&line, name);
	if (!good) {
		put_string(&line, ": ");
		va_start(args, format);
		format_line(&line, format, args);
		va_end(args);
	}
	put(&line, '\n');
	write_line(&line);
}
