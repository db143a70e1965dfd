/* SPDX-License-Identifier: BSD-2-Clause */
/* The C library's memory and string functions that the core uses; on the host, the library's own. */
#pragma once

#include "types.h"

#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
#endif

/* Copies at most @size - 1 bytes and terminates always. Returns strlen(@src). */
size_t str_copy(char *dst, const char *src, size_t size);

/*
 * Reads an unsigned number (decimal, 0x hexadecimal, 0 octal) from the start of @s; *@end is the
 * first byte after it. -EINVAL: no digit; -ERANGE: does not fit. The outputs change on success only.
 */
int parse_u64(const char *s, const char **end, uint64_t *value);
