/* SPDX-License-Identifier: BSD-2-Clause */
/* Which registers hold the feature words, and which features guests may be given. */
#ifndef CORE_CPU_FEATURES_H
#define CORE_CPU_FEATURES_H

#include "hvm/cpuid.h"

struct feature_word {
	uint32_t leaf, subleaf;
	uint8_t reg;	  /* 0 … 3: eax, ebx, ecx, edx */
	uint32_t allowed; /* may be offered, where the host has it */
	uint32_t opt_in;  /* of these: only when the tools ask for it */
};

/* Leaf ~0: the word comes from an MSR that guests don't get (ARCH_CAPABILITIES), always zero. */
extern const struct feature_word feature_words[CPU_FEATURE_WORDS];

/* Bits of 0x80000001.edx that repeat those of 1.edx on AMD's CPUs. */
#define FEATURES_COMMON_1D 0x0183f3ffu

/* XSAVE components that guests may use: x87, SSE, AVX and the three of AVX-512. */
#define XSTATE_ALLOWED	   0xe7u
#define XSTATE_AVX	   0x4u
#define XSTATE_AVX512	   0xe0u

#endif
