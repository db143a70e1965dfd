/* SPDX-License-Identifier: BSD-2-Clause */
/* MSRs and instructions that C has no words for. Core builds only. */
#pragma once

#include "types.h"
#include "x86/bits.h"

#define MSR_TSC		   0x10
#define MSR_APIC_BASE	   0x1b
#define MSR_SYSENTER_CS	   0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176
#define MSR_PAT		   0x277
#define MSR_X2APIC	   0x800
#define MSR_EFER	   0xc0000080
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_CSTAR	   0xc0000083
#define MSR_SFMASK	   0xc0000084
#define MSR_FS_BASE	   0xc0000100
#define MSR_GS_BASE	   0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX	   0xc0000103
#define MSR_VM_CR	   0xc0010114
#define MSR_VM_HSAVE_PA	   0xc0010117

#define VM_CR_SVMDIS	   (1UL << 4)

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr"
		     :
		     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
}

#define DEFINE_CR(nr)                                                   \
	static inline uint64_t read_cr##nr(void)                        \
	{                                                               \
		uint64_t v;                                             \
		asm volatile("mov %%cr" #nr ", %0" : "=r"(v));          \
		return v;                                               \
	}                                                               \
	static inline void write_cr##nr(uint64_t v)                     \
	{                                                               \
		asm volatile("mov %0, %%cr" #nr : : "r"(v) : "memory"); \
	}
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	asm volatile("cpuid"
		     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
		     : "a"(leaf), "c"(subleaf));
}

static inline void invlpg(const void *va)
{
	asm volatile("invlpg %0" : : "m"(*(const char *)va) : "memory");
}

static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

/*
 * Lets pending physical interrupts in, for one instruction. The PAUSE is for an emulator that runs
 * all CPUs on one thread: there it gives the others their turn.
 */
static inline void irq_window(void)
{
	asm volatile("pause; sti; nop; cli" : : : "memory");
}
