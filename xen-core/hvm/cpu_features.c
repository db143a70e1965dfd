/* SPDX-License-Identifier: BSD-2-Clause */
/* Which leaves a CPUID policy has, which of their registers hold features, and what guests may see. */
#include "hvm/cpu_features.h"

/* clang-format off */
#define ALL(rule) { rule, rule, rule, rule }
/* clang-format on */

const struct cpuid_run cpuid_runs[] = {
	/* The limits of leaves are checked when the tools set them. */
	{ 0x0, 1, false, { RULE_FREE, RULE_MAX, RULE_MAX, RULE_MAX } },
	{ 0x1, 1, false, { RULE_FREE, RULE_FREE, RULE_AND, RULE_AND } },
	{ 0x2, 1, false, ALL(RULE_FREE) },
	{ 0x3, 1, false, ALL(RULE_ZERO) },
	{ 0x4, 6, true, ALL(RULE_FREE) },
	{ 0x5, 2, false, ALL(RULE_ZERO) },
	{ 0x7, 3, true, ALL(RULE_AND) },
	{ 0x8, 3, false, ALL(RULE_ZERO) },
	{ 0xb, 2, true, ALL(RULE_ZERO) },
	{ 0xc, 1, false, ALL(RULE_ZERO) },
	{ 0xd, XSTATE_SUBLEAVES, true, { RULE_AND, RULE_MAX, RULE_MAX, RULE_MAX } },
	{ HV_FIRST, 1, false, { RULE_FREE, RULE_ZERO, RULE_ZERO, RULE_ZERO } },
	{ HV2_FIRST, 1, false, ALL(RULE_ZERO) },
	{ EXT_FIRST, 1, false, { RULE_FREE, RULE_MAX, RULE_MAX, RULE_MAX } },
	{ EXT_FIRST + 1, 1, false, { RULE_FREE, RULE_ZERO, RULE_AND, RULE_AND } },
	{ EXT_FIRST + 2, 5, false, ALL(RULE_FREE) },
	{ EXT_FIRST + 7, 1, false, { RULE_ZERO, RULE_ZERO, RULE_ZERO, RULE_AND } },
	{ EXT_FIRST + 8, 1, false, { RULE_FREE, RULE_AND, RULE_FREE, RULE_ZERO } },
	{ EXT_FIRST + 9, 0x10, false, ALL(RULE_ZERO) },
	{ EXT_FIRST + 0x19, 2, false, ALL(RULE_FREE) },
	{ EXT_FIRST + 0x1b, 6, false, ALL(RULE_ZERO) },
	{ EXT_FIRST + 0x21, 1, false, { RULE_AND, RULE_ZERO, RULE_AND, RULE_ZERO } },
};
const unsigned int cpuid_nr_runs = ARRAY_SIZE(cpuid_runs);

/*
 * The allow-list of CPU features, one word for each register that holds features. A feature is
 * here when a guest may use it without the core's help, or when the core emulates it. Left out
 * for reasons of their own: MONITOR (idling is the core's), VMX/SVM (no nesting), TSC_ADJUST and
 * XSAVES (state that is not switched), DBEXT (its MSRs), PKU (its state), the speculation
 * controls (their MSRs are not a guest's), TSC_DEADLINE (the local APIC's timer has two modes), MPX
 * and TSX (withdrawn by their makers), performance and topology leaves.
 */
#define F(name) (1u << (XEN_X86_FEATURE_##name % 32))

const struct feature_word feature_words[CPU_FEATURE_WORDS] = {
	[0] = { 0x1, 0, 3,
		F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) | F(CX8) |
			F(APIC) | F(SEP) | F(MTRR) | F(PGE) | F(MCA) | F(CMOV) | F(PAT) | F(PSE36) |
			F(CLFLUSH) | F(MMX) | F(FXSR) | F(SSE) | F(SSE2) | F(SS) | F(HTT),
		F(HTT) },
	[1] = { 0x1, 0, 2,
		F(SSE3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) | F(SSE4_1) |
			F(SSE4_2) | F(X2APIC) | F(MOVBE) | F(POPCNT) | F(AESNI) | F(XSAVE) |
			F(AVX) | F(F16C) | F(RDRAND) | F(HYPERVISOR),
		0 },
	[2] = { 0x80000001, 0, 3,
		F(SYSCALL) | F(NX) | F(MMXEXT) | F(PAGE1GB) | F(RDTSCP) | F(LM) | F(3DNOWEXT) |
			F(3DNOW),
		0 },
	[3] = { 0x80000001, 0, 2,
		F(LAHF_LM) | F(CMP_LEGACY) | F(CR8_LEGACY) | F(ABM) | F(SSE4A) | F(MISALIGNSSE) |
			F(3DNOWPREFETCH) | F(XOP) | F(FMA4) | F(TBM),
		F(CMP_LEGACY) },
	[4] = { 0xd, 1, 0, F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1), 0 },
	[5] = { 0x7, 0, 1,
		F(FSGSBASE) | F(BMI1) | F(AVX2) | F(FDP_EXCP_ONLY) | F(SMEP) | F(BMI2) | F(ERMS) |
			F(INVPCID) | F(NO_FPU_SEL) | F(AVX512F) | F(AVX512DQ) | F(RDSEED) | F(ADX) |
			F(SMAP) | F(AVX512_IFMA) | F(CLFLUSHOPT) | F(CLWB) | F(AVX512PF) |
			F(AVX512ER) | F(AVX512CD) | F(SHA) | F(AVX512BW) | F(AVX512VL),
		0 },
	[6] = { 0x7, 0, 2,
		F(PREFETCHWT1) | F(AVX512_VBMI) | F(UMIP) | F(AVX512_VBMI2) | F(GFNI) | F(VAES) |
			F(VPCLMULQDQ) | F(AVX512_VNNI) | F(AVX512_BITALG) | F(AVX512_VPOPCNTDQ) |
			F(RDPID) | F(CLDEMOTE),
		0 },
	[7] = { 0x80000007, 0, 3, F(ITSC), F(ITSC) },
	[8] = { 0x80000008, 0, 1,
		F(CLZERO) | F(RSTR_FP_ERR_PTRS) | F(NO_LMSL) | F(SSB_NO) | F(BTC_NO), 0 },
	[9] = { 0x7, 0, 3,
		F(AVX512_4VNNIW) | F(AVX512_4FMAPS) | F(FSRM) | F(AVX512_VP2INTERSECT) |
			F(MD_CLEAR) | F(SERIALIZE),
		F(AVX512_VP2INTERSECT) },
	[10] = { 0x7, 1, 0, F(AVX_VNNI) | F(AVX512_BF16) | F(FZRM) | F(FSRS) | F(FSRCS), 0 },
	[11] = { 0x80000021, 0, 0,
		 F(LFENCE_DISPATCH) | F(VERW_CLEAR) | F(NSCB) | F(SRSO_NO) | F(SRSO_US_NO), 0 },
	[12] = { 0x7, 1, 1, 0, 0 },
	[13] = { 0x7, 2, 3, F(MCDT_NO), 0 },
	[14] = { 0x7, 1, 2, 0, 0 },
	[15] = { 0x7, 1, 3, 0, 0 },
	/* ARCH_CAPABILITIES, an MSR that guests don't get: a register that is zero in every policy. */
	[16] = { HV2_FIRST, 0, 0, 0, 0 },
	[17] = { HV2_FIRST, 0, 0, 0, 0 },
	[18] = { 0x80000021, 0, 2, F(TSA_SQ_NO) | F(TSA_L1_NO), 0 },
};
