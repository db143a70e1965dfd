/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and interrupts of the core itself; panic. */
#pragma once

#include "types.h"

/* Vectors that the core uses; all others are reported as spurious. */
#define VECTOR_TIMER	0xe0
#define VECTOR_KICK	0xe1
#define VECTOR_SERIAL	0xe2
#define VECTOR_SPURIOUS 0xff

/* As the entry code leaves it on the stack. */
struct trap_frame {
	uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Fills the interrupt table; then each CPU loads it, with its own GDT and TSS. */
void traps_boot(void);
void traps_cpu_init(void);

/* The TSS selector of every CPU's own GDT. */
#define SELECTOR_CODE 0x08
#define SELECTOR_TSS  0x18
