/* SPDX-License-Identifier: BSD-2-Clause */
/* Port I/O and string instructions. Unit tests supply the port functions themselves. */
#pragma once

#include "types.h"

#if __STDC_HOSTED__
uint8_t inb(uint16_t port);
uint32_t inl(uint16_t port);
void outb(uint16_t port, uint8_t value);
void outw(uint16_t port, uint16_t value);
#else
static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %w1, %b0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	asm volatile("inl %w1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline void outb(uint16_t port, uint8_t value)
{
	asm volatile("outb %b0, %w1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t value)
{
	asm volatile("outw %w0, %w1" : : "a"(value), "Nd"(port) : "memory");
}
#endif

/* Copies @words 8-byte words, then @bytes bytes; ascending. */
static inline void rep_movs(void *dst, const void *src, size_t words, size_t bytes)
{
	asm volatile("rep movsq\n\t"
		     "movq %3, %2\n\t"
		     "rep movsb"
		     : "+D"(dst), "+S"(src), "+c"(words)
		     : "r"(bytes)
		     : "memory");
}

/* Stores @words copies of @value, then @bytes of its low byte. */
static inline void rep_stos(void *dst, uint64_t value, size_t words, size_t bytes)
{
	asm volatile("rep stosq\n\t"
		     "movq %3, %1\n\t"
		     "rep stosb"
		     : "+D"(dst), "+c"(words)
		     : "a"(value), "r"(bytes)
		     : "memory");
}
