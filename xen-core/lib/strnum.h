/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers in text. */
#pragma once

#include "types.h"

/*
 * Reads an unsigned number (decimal, 0x hexadecimal, 0 octal) from the start of @s; *@end is the
 * first byte after it. -EINVAL: no digit; -ERANGE: does not fit. The outputs change on success only.
 */
int parse_u64(const char *s, const char **end, uint64_t *value);

/*
 * As parse_u64, with a suffix B, K, M, G or T (either case); a number without one counts in units
 * of @unit bytes.
 */
int parse_size(const char *s, const char **end, uint64_t unit, uint64_t *bytes);
