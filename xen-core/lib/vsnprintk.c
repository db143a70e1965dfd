/* SPDX-License-Identifier: BSD-2-Clause */
/* The formatter behind all messages. */
#include "lib/printk.h"
#include "lib/string.h"

struct out {
	char *buf;
	size_t size; /* 0: nothing is stored */
	size_t len;  /* of the whole output, stored or not */
};

/* What stands between the per cent sign and the conversion. */
struct spec {
	bool zero;	      /* padded with zeros */
	bool wide;	      /* the argument has 64 bits */
	int width, precision; /* precision -1: none */
};

static void emit(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void emit_n(struct out *o, char c, int n)
{
	while (n-- > 0)
		emit(o, c);
}

static void emit_string(struct out *o, const struct spec *s, const char *str)
{
	size_t len;

	if (!str)
		str = "(null)";
	len = strnlen(str, s->precision < 0 ? ~(size_t)0 >> 1 : (size_t)s->precision);
	emit_n(o, ' ', s->width - (int)len);
	while (len--)
		emit(o, *str++);
}

/* @value's digits in @base, after a minus for a negative one, as wide as @s says. */
static void emit_number(struct out *o, const struct spec *s, uint64_t value, unsigned int base,
			bool negative)
{
	char tmp[24];
	int n = 0, pad;

	do
		tmp[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	pad = s->width - n - negative;
	emit_n(o, ' ', s->zero ? 0 : pad);
	emit_n(o, '-', negative);
	emit_n(o, '0', s->zero ? pad : 0);
	while (n)
		emit(o, tmp[--n]);
}

static int parse_int(const char **fmt)
{
	int n = 0;

	while (**fmt >= '0' && **fmt <= '9' && n < 100000)
		n = n * 10 + *(*fmt)++ - '0';
	return n;
}

static struct spec parse_spec(const char **fmt, va_list *ap)
{
	struct spec s = { .precision = -1 };

	s.zero = **fmt == '0';
	s.width = parse_int(fmt);
	if (**fmt == '.') {
		++*fmt;
		if (**fmt == '*') {
			++*fmt;
			s.precision = va_arg(*ap, int);
		} else {
			s.precision = parse_int(fmt);
		}
	}
	for (; **fmt == 'l' || **fmt == 'z'; ++*fmt)
		s.wide = true;
	return s;
}

int vsnprintk(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = { buf, size, 0 };
	va_list ap;

	va_copy(ap, args);
	for (; *fmt; fmt++) {
		struct spec s;
		uint64_t value;
		bool negative;

		if (*fmt != '%') {
			emit(&o, *fmt);
			continue;
		}
		fmt++;
		s = parse_spec(&fmt, &ap);
		switch (*fmt) {
		case 'd':
			value = (uint64_t)(s.wide ? va_arg(ap, long) : va_arg(ap, int));
			negative = (int64_t)value < 0;
			emit_number(&o, &s, negative ? -value : value, 10, negative);
			break;
		case 'u':
		case 'x':
			value = s.wide ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int);
			emit_number(&o, &s, value, *fmt == 'u' ? 10 : 16, false);
			break;
		case 'c':
			emit(&o, (char)va_arg(ap, int));
			break;
		case 's':
			emit_string(&o, &s, va_arg(ap, const char *));
			break;
		case '%':
			emit(&o, '%');
			break;
		default: /* unknown: show it, and do not read past the end */
			emit(&o, '%');
			fmt--;
			break;
		}
	}
	va_end(ap);
	if (size)
		buf[min(o.len, size - 1)] = '\0';
	return (int)o.len;
}
