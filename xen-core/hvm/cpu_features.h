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

#define EXT_FIRST	   0x80000000u
#define HV_FIRST	   0x40000000u
#define HV2_FIRST	   0x40000100u
#define VENDOR_AMD_EBX	   0x68747541u

xen_cpuid_leaf_t *cpu_policy_find_mutable(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf);
/* The register that holds feature word @word, or NULL when the policy has not got the leaf. */
uint32_t *cpu_policy_feature_reg(struct cpu_policy *p, unsigned int word);
void cpu_policy_feature_assign(struct cpu_policy *p, unsigned int feature, bool on);

/* Brings @p within @limit; see rules[] in cpuid_normalise.c. */
void cpu_policy_normalise(struct cpu_policy *p, const struct cpu_policy *limit);

#endif
