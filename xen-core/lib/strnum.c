/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/strnum.h"
#include "lib/string.h"

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

int parse_size(const char *s, const char **end, uint64_t unit, uint64_t *bytes)
{
	static const char suffixes[] = "bkmgt";
	const char *suffix, *after;
	uint64_t n;
	int rc = parse_u64(s, &after, &n);

	if (rc)
		return rc;
	suffix = *after ? strchr(suffixes, *after | 0x20) : NULL;
	if (suffix) {
		unit = 1UL << (10 * (suffix - suffixes));
		after++;
	}
	if (__builtin_mul_overflow(n, unit, &n))
		return -ERANGE;
	*end = after;
	*bytes = n;
	return 0;
}
