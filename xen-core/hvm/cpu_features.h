/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of CPUID policies: their leaves, the feature words, and what guests may be given. */
#pragma once

#include "hvm/cpuid.h"

/* What a guest may see of a register, given the maximum policy's. */
enum cpuid_rule {
	RULE_ZERO, /* not described to guests, or made when the guest asks */
	RULE_MAX,  /* as in the maximum policy */
	RULE_AND,  /* features: not more than the maximum's */
	RULE_FREE, /* description only: the tools may say what they like */
};

/* Leaves that follow each other in a policy, or the sub-leaves of one leaf. */
struct cpuid_run {
	uint32_t leaf; /* the first */
	uint8_t count;
	bool subleaves;
	uint8_t rule[4]; /* enum cpuid_rule, of eax, ebx, ecx, edx */
};

/* In the order in which a policy has them; CPU_POLICY_LEAVES in all. */
extern const struct cpuid_run cpuid_runs[];
extern const unsigned int cpuid_nr_runs;

struct feature_word {
	uint32_t leaf, subleaf;
	uint8_t reg;	  /* 0 … 3: eax, ebx, ecx, edx */
	uint32_t allowed; /* may be offered, where the host has it */
	uint32_t opt_in;  /* of these: only when the tools ask for it */
};

extern const struct feature_word feature_words[CPU_FEATURE_WORDS];

/* Bits of 0x80000001.edx that repeat those of 1.edx on AMD's CPUs. */
#define FEATURES_COMMON_1D 0x0183f3ffu

/* XSAVE components that policies describe: the first eight. */
#define XSTATE_SUBLEAVES   8

#define EXT_FIRST	   0x80000000u
#define HV_FIRST	   0x40000000u
#define HV2_FIRST	   0x40000100u
/* Leaf 0, ebx. */
#define VENDOR_INTEL_EBX   0x756e6547u
