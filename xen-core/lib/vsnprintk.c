/* SPDX-License-Identifier: BSD-2-Clause */
/* The formatter behind all messages. */
#include "lib/printk.h"
#include "lib/string.h"

struct out {
	char *buf;
	size_t size; /* 0: nothing is stored */
	size_t len;  /* of the whole output, stored or not */
};

struct spec {
	bool zero, left, plus, space, alt;
	int width, precision; /* precision -1: none */
	unsigned int length;  /* bytes of the integer argument */
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
	size_t len, i;

	if (!str)
		str = "(null)";
	len = strnlen(str, s->precision < 0 ? ~(size_t)0 >> 1 : (size_t)s->precision);
	if (!s->left)
		emit_n(o, ' ', s->width - (int)len);
	for (i = 0; i < len; i++)
		emit(o, str[i]);
	if (s->left)
		emit_n(o, ' ', s->width - (int)len);
}

/* @value's digits in @base, after @sign ("", "-", "0x"…), with the width and precision of @s. */
static void emit_number(struct out *o, const struct spec *s, uint64_t value, unsigned int base,
			const char *digits, const char *sign)
{
	char tmp[24];
	int n = 0, zeros, pad;

	for (; value || !n; value /= base)
		tmp[n++] = digits[value % base];
	if (s->precision == 0 && n == 1 && tmp[0] == '0')
		n = 0;
	zeros = s->precision > n ? s->precision - n : 0;
	pad = s->width - zeros - n - (int)strlen(sign);
	if (s->zero && !s->left && s->precision < 0 && pad > 0) {
		zeros += pad;
		pad = 0;
	}
	if (!s->left)
		emit_n(o, ' ', pad);
	while (*sign)
		emit(o, *sign++);
	emit_n(o, '0', zeros);
	while (n)
		emit(o, tmp[--n]);
	if (s->left)
		emit_n(o, ' ', pad);
}

static int parse_int(const char **fmt)
{
	int n = 0;

	while (**fmt >= '0' && **fmt <= '9' && n < 100000)
		n = n * 10 + *(*fmt)++ - '0';
	return n;
}

static void parse_flags(const char **fmt, struct spec *s)
{
	for (;; ++*fmt) {
		if (**fmt == '0')
			s->zero = true;
		else if (**fmt == '-')
			s->left = true;
		else if (**fmt == '+')
			s->plus = true;
		else if (**fmt == ' ')
			s->space = true;
		else if (**fmt == '#')
			s->alt = true;
		else
			return;
	}
}

static void parse_length(const char **fmt, struct spec *s)
{
	s->length = sizeof(int);
	for (;; ++*fmt) {
		if (**fmt == 'h')
			s->length /= 2;
		else if (**fmt == 'l' || **fmt == 'z')
			s->length = sizeof(long);
		else
			return;
	}
}

static void emit_signed(struct out *o, const struct spec *s, int64_t value)
{
	const char *sign = s->plus ? "+" : s->space ? " " : "";

	if (s->length == 1)
		value = (int8_t)value;
	else if (s->length == 2)
		value = (int16_t)value;
	emit_number(o, s, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, "0123456789",
		    value < 0 ? "-" : sign);
}

static void emit_unsigned(struct out *o, const struct spec *s, uint64_t value, char conv)
{
	const char *digits = conv == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	const char *sign = "";

	if (s->length < sizeof(value))
		value &= (1UL << (8 * s->length)) - 1;
	if (s->alt && value && (conv == 'x' || conv == 'X'))
		sign = conv == 'x' ? "0x" : "0X";
	else if (s->alt && conv == 'o')
		sign = value ? "0" : "";
	emit_number(o, s, value, conv == 'o' ? 8 : conv == 'u' ? 10 : 16, digits, sign);
}

/* Both are read as 64 bits wide where the argument is: va_arg must name the promoted type. */
#define arg_signed(ap, s) ((s)->length == 8 ? va_arg(ap, long) : va_arg(ap, int))
#define arg_unsigned(ap, s) \
	((s)->length == 8 ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int))

static void parse_width(const char **fmt, struct spec *s, int star)
{
	if (**fmt == '*') {
		++*fmt;
		s->left |= star < 0;
		s->width = star < 0 ? -star : star;
	} else {
		s->width = parse_int(fmt);
	}
}

int vsnprintk(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = { buf, size, 0 };
	va_list ap;

	va_copy(ap, args);
	for (; *fmt; fmt++) {
		struct spec s = { .precision = -1 };

		if (*fmt != '%') {
			emit(&o, *fmt);
			continue;
		}
		fmt++;
		parse_flags(&fmt, &s);
		parse_width(&fmt, &s, *fmt == '*' ? va_arg(ap, int) : 0);
		if (*fmt == '.') {
			struct spec p = { 0 };

			fmt++;
			parse_width(&fmt, &p, *fmt == '*' ? va_arg(ap, int) : 0);
			s.precision = p.left ? -1 : p.width;
		}
		parse_length(&fmt, &s);
		switch (*fmt) {
		case 'd':
		case 'i':
			emit_signed(&o, &s, arg_signed(ap, &s));
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			emit_unsigned(&o, &s, arg_unsigned(ap, &s), *fmt);
			break;
		case 'p':
			s.length = 8;
			s.precision = 16;
			emit_unsigned(&o, &s, (uintptr_t)va_arg(ap, void *), 'x');
			break;
		case 'c':
			emit_n(&o, ' ', s.left ? 0 : s.width - 1);
			emit(&o, (char)va_arg(ap, int));
			emit_n(&o, ' ', s.left ? s.width - 1 : 0);
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
