/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few functions of the C library that the image readers and decompressors call. Nothing is freed: one kernel
 * is loaded, and then the memory is the kernel's.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "loader.h"

struct room room;

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void free(void *p);

void *malloc(size_t size)
{
	return room_alloc(&room, size);
}

void *calloc(size_t count, size_t size)
{
	void *p = size && count > SIZE_MAX / size ? NULL : malloc(count * size);

	return p ? memset(p, 0, count * size) : NULL;
}

void free(void *p)
{
	(void)p;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	void *at = to;
	size_t words = length / 8;

	length %= 8;
	__asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(length) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t length)
{
	uint8_t *high = (uint8_t *)to + length - 1;
	const uint8_t *end = (const uint8_t *)from + length - 1;

	if ((uintptr_t)to - (uintptr_t)from >= length)
		return memcpy(to, from, length);
	__asm__ volatile("std; rep movsb; cld" : "+D"(high), "+S"(end), "+c"(length) : : "memory");
	return to;
}

void *memset(void *to, int value, size_t length)
{
	uint64_t pattern = (uint8_t)value * 0x0101010101010101u;
	size_t words = length / 8;
	void *at = to;

	length %= 8;
	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(length) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *left, const void *right, size_t length)
{
	const uint8_t *l = left, *r = right;

	for (size_t i = 0; i < length; i++)
		if (l[i] != r[i])
			return l[i] - r[i];
	return 0;
}

size_t strlen(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
	loader_die("the loader's stack was overwritten");
}

/*
 * bzip2's functions for files are in one object with its decoder. Nobody calls them, so nobody calls what they
 * call; the decoder calls exit() and fprintf() when it finds a fault of its own.
 */
_Noreturn static void not_there(void)
{
	loader_die("a decompressor is at fault");
}

#define NOT_THERE(name) void name(void) __attribute__((alias("not_there")))
NOT_THERE(exit);
NOT_THERE(__ctype_b_loc);
NOT_THERE(__fprintf_chk);
NOT_THERE(fclose);
NOT_THERE(fdopen);
NOT_THERE(ferror);
NOT_THERE(fflush);
NOT_THERE(fgetc);
NOT_THERE(fopen64);
NOT_THERE(fputc);
NOT_THERE(fread);
NOT_THERE(fwrite);
NOT_THERE(ungetc);
void *stdin, *stdout, *stderr;
