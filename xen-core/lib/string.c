/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and string functions of the freestanding core; on the host only what the C library lacks. */
#include "types.h"
#include "lib/string.h"
#include "x86/io.h"

#if !__STDC_HOSTED__
void *memcpy(void *dst, const void *src, size_t n)
{
	rep_movs(dst, src, n / 8, n % 8);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if ((uintptr_t)dst - (uintptr_t)src >= n)
		return memcpy(dst, src, n);
	while (n--) {
		/* Volatile: or else the compiler makes a call to memmove of this loop. */
		*(volatile char *)&d[n] = s[n];
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	rep_stos(dst, 0x0101010101010101UL * (uint8_t)c, n / 8, n % 8);
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strlen(const char *s)
{
	const char *p = s;

	/* Volatile: or else the compiler makes a call to strlen of this loop. */
	while (*(const volatile char *)p)
		p++;
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, ~(size_t)0);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (uint8_t)*a - (uint8_t)*b;
		if (!*a)
			break;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)(uintptr_t)s;
}
#endif

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src), n = len < size ? len : size - 1;

	if (size) {
		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 0x20;
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a' + 10);
	return 16;
}

int parse_u64(const char *s, const char **end, uint64_t *value)
{
	unsigned int base = 10, digit;
	uint64_t n = 0;
	bool any = false;

	if (s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16) {
		base = 16;
		s += 2;
	} else if (s[0] == '0' && digit_value(s[1]) < 8) {
		base = 8;
	}
	for (; (digit = digit_value(*s)) < base; s++) {
		if (__builtin_mul_overflow(n, (uint64_t)base, &n) ||
		    __builtin_add_overflow(n, (uint64_t)digit, &n))
			return -ERANGE;
		any = true;
	}
	if (!any)
		return -EINVAL;
	*end = s;
	*value = n;
	return 0;
}
