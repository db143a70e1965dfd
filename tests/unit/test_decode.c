/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/8 (instruction-length decoder): operands and lengths in 16-, 32- and 64-bit code. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hvm/decode.h"
#include "hvm/emulate.h"

#define NR INSN_NO_REG

static size_t hex(const char *text, uint8_t *bytes)
{
	size_t n = 0;
	unsigned int value;
	int used;

	while (sscanf(text, "%x%n", &value, &used) == 1) {
		bytes[n++] = (uint8_t)value;
		text += used;
	}
	return n;
}

/* clang-format off */
/* "mov %eax,(%rdi)" and so on; lengths and operands as an assembler gives them. */
static const struct {
	enum decode_mode mode;
	const char *bytes;
	struct insn want;
} good[] = {
	/* mov */
	{ 8, "89 07", { .length = 2, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0, .base =
	  7, .index = NR } },
	{ 8, "48 89 07", { .length = 3, .op = OP_MOV, .size = 8, .reg_size = 8, .reg = 0, .base
	  = 7, .index = NR } },
	{ 8, "66 89 07", { .length = 3, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0, .base
	  = 7, .index = NR } },
	{ 8, "66 48 89 07", { .length = 4, .op = OP_MOV, .size = 8, .reg_size = 8, .reg = 0,
	  .base = 7, .index = NR } },
	{ 8, "48 66 89 07", { .length = 4, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0,
	  .base = 7, .index = NR } },
	{ 8, "88 27", { .length = 2, .op = OP_MOV, .size = 1, .reg_size = 1, .reg = 0,
	  .high_byte = true, .base = 7, .index = NR } },
	{ 8, "40 88 27", { .length = 3, .op = OP_MOV, .size = 1, .reg_size = 1, .reg = 4, .base
	  = 7, .index = NR } },
	{ 8, "44 8a 3f", { .length = 3, .op = OP_MOV, .size = 1, .reg_size = 1, .reg = 15,
	  .to_reg = true, .base = 7, .index = NR } },
	{ 8, "8b 87 20 03 00 00", { .length = 6, .op = OP_MOV, .size = 4, .reg_size = 4, .reg =
	  0, .to_reg = true, .base = 7, .index = NR, .disp = 0x320 } },
	{ 8, "8b 47 f0", { .length = 3, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 7, .index = NR, .disp = -16 } },
	{ 8, "45 8b 3c 24", { .length = 4, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 15,
	  .to_reg = true, .base = 12, .index = NR } },
	{ 8, "4f 8b 3c ac", { .length = 4, .op = OP_MOV, .size = 8, .reg_size = 8, .reg = 15,
	  .to_reg = true, .base = 12, .index = 13, .scale = 2 } },
	{ 8, "8b 04 25 b0 00 e0 fe", { .length = 7, .op = OP_MOV, .size = 4, .reg_size = 4, .reg
	  = 0, .to_reg = true, .base = NR, .index = NR, .disp = (int32_t)0xfee000b0 } },
	{ 8, "8b 04 ed 04 00 00 00", { .length = 7, .op = OP_MOV, .size = 4, .reg_size = 4, .reg
	  = 0, .to_reg = true, .base = NR, .index = 5, .scale = 3, .disp = 4 } },
	{ 8, "8b 05 fa ff ff ff", { .length = 6, .op = OP_MOV, .size = 4, .reg_size = 4, .reg =
	  0, .to_reg = true, .base = NR, .index = NR, .disp = -6, .rip_relative = true } },
	{ 8, "8b 45 08", { .length = 3, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 5, .index = NR, .disp = 8, .segment = SEG_SS } },
	{ 8, "41 8b 45 08", { .length = 4, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 13, .index = NR, .disp = 8 } },
	{ 8, "8b 04 24", { .length = 3, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 4, .index = NR, .segment = SEG_SS } },
	{ 8, "65 8b 00", { .length = 3, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 0, .index = NR, .segment = SEG_GS } },
	{ 8, "67 8b 00", { .length = 3, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 0, .index = NR, .address_size = 4 } },
	{ 8, "c7 07 78 56 34 92", { .length = 6, .op = OP_MOV, .size = 4, .reg_size = 4, .reg =
	  NR, .base = 7, .index = NR, .has_imm = true, .imm = (int32_t)0x92345678 } },
	{ 8, "48 c7 07 ff ff ff ff", { .length = 7, .op = OP_MOV, .size = 8, .reg_size = 8, .reg
	  = NR, .base = 7, .index = NR, .has_imm = true, .imm = -1 } },
	{ 8, "66 c7 07 34 12", { .length = 5, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = NR,
	  .base = 7, .index = NR, .has_imm = true, .imm = 0x1234 } },
	{ 8, "c6 07 80", { .length = 3, .op = OP_MOV, .size = 1, .reg_size = 1, .reg = NR, .base
	  = 7, .index = NR, .has_imm = true, .imm = -128 } },
	{ 8, "a1 20 00 e0 fe 00 00 00 00", { .length = 9, .op = OP_MOV, .size = 4, .reg_size =
	  4, .reg = 0, .to_reg = true, .base = NR, .index = NR, .disp = 0xfee00020 } },
	{ 8, "67 a2 20 00 e0 fe", { .length = 6, .op = OP_MOV, .size = 1, .reg_size = 1, .reg =
	  0, .base = NR, .index = NR, .disp = (int32_t)0xfee00020, .address_size = 4 } },
	{ 4, "a3 20 00 e0 fe", { .length = 5, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .base = NR, .index = NR, .disp = (int32_t)0xfee00020 } },
	{ 2, "a0 34 12", { .length = 3, .op = OP_MOV, .size = 1, .reg_size = 1, .reg = 0,
	  .to_reg = true, .base = NR, .index = NR, .disp = 0x1234 } },
	/* movzx, movsx, movsxd */
	{ 8, "0f b6 07", { .length = 3, .op = OP_MOVZX, .size = 1, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 7, .index = NR } },
	{ 8, "0f b7 37", { .length = 3, .op = OP_MOVZX, .size = 2, .reg_size = 4, .reg = 6,
	  .to_reg = true, .base = 7, .index = NR } },
	{ 8, "48 0f be 07", { .length = 4, .op = OP_MOVSX, .size = 1, .reg_size = 8, .reg = 0,
	  .to_reg = true, .base = 7, .index = NR } },
	{ 8, "66 0f bf 07", { .length = 4, .op = OP_MOVSX, .size = 2, .reg_size = 2, .reg = 0,
	  .to_reg = true, .base = 7, .index = NR } },
	{ 8, "48 63 07", { .length = 3, .op = OP_MOVSX, .size = 4, .reg_size = 8, .reg = 0,
	  .to_reg = true, .base = 7, .index = NR } },
	/* arithmetic */
	{ 8, "01 07", { .length = 2, .op = OP_ADD, .size = 4, .reg_size = 4, .reg = 0, .base =
	  7, .index = NR } },
	{ 8, "0b 07", { .length = 2, .op = OP_OR, .size = 4, .reg_size = 4, .reg = 0, .to_reg =
	  true, .base = 7, .index = NR } },
	{ 8, "10 07", { .length = 2, .op = OP_ADC, .size = 1, .reg_size = 1, .reg = 0, .base =
	  7, .index = NR } },
	{ 8, "f0 21 07", { .length = 3, .op = OP_AND, .size = 4, .reg_size = 4, .reg = 0, .base
	  = 7, .index = NR } },
	{ 8, "3b 07", { .length = 2, .op = OP_CMP, .size = 4, .reg_size = 4, .reg = 0, .to_reg =
	  true, .base = 7, .index = NR } },
	{ 8, "83 0f 01", { .length = 3, .op = OP_OR, .size = 4, .reg_size = 4, .reg = NR, .base
	  = 7, .index = NR, .has_imm = true, .imm = 1 } },
	{ 8, "48 83 27 fe", { .length = 4, .op = OP_AND, .size = 8, .reg_size = 8, .reg = NR,
	  .base = 7, .index = NR, .has_imm = true, .imm = -2 } },
	{ 8, "81 37 00 00 00 80", { .length = 6, .op = OP_XOR, .size = 4, .reg_size = 4, .reg =
	  NR, .base = 7, .index = NR, .has_imm = true, .imm = (int32_t)0x80000000 } },
	{ 8, "80 7f 01 05", { .length = 4, .op = OP_CMP, .size = 1, .reg_size = 1, .reg = NR,
	  .base = 7, .index = NR, .disp = 1, .has_imm = true, .imm = 5 } },
	{ 8, "85 07", { .length = 2, .op = OP_TEST, .size = 4, .reg_size = 4, .reg = 0, .base =
	  7, .index = NR } },
	{ 8, "f7 07 00 10 00 00", { .length = 6, .op = OP_TEST, .size = 4, .reg_size = 4, .reg =
	  NR, .base = 7, .index = NR, .has_imm = true, .imm = 0x1000 } },
	{ 8, "87 07", { .length = 2, .op = OP_XCHG, .size = 4, .reg_size = 4, .reg = 0, .base =
	  7, .index = NR } },
	{ 8, "f0 86 07", { .length = 3, .op = OP_XCHG, .size = 1, .reg_size = 1, .reg = 0, .base
	  = 7, .index = NR } },
	/* strings */
	{ 8, "f3 a4", { .length = 2, .op = OP_MOVS, .size = 1, .reg_size = 1, .reg = NR, .base =
	  NR, .index = NR, .rep = true } },
	{ 8, "f3 48 a5", { .length = 3, .op = OP_MOVS, .size = 8, .reg_size = 8, .reg = NR,
	  .base = NR, .index = NR, .rep = true } },
	{ 8, "64 a5", { .length = 2, .op = OP_MOVS, .size = 4, .reg_size = 4, .reg = NR, .base =
	  NR, .index = NR, .segment = SEG_FS } },
	{ 8, "ab", { .length = 1, .op = OP_STOS, .size = 4, .reg_size = 4, .reg = 0, .base = NR,
	  .index = NR } },
	{ 4, "f2 66 ab", { .length = 3, .op = OP_STOS, .size = 2, .reg_size = 2, .reg = 0, .base
	  = NR, .index = NR, .rep = true } },
	{ 8, "ac", { .length = 1, .op = OP_LODS, .size = 1, .reg_size = 1, .reg = 0, .to_reg =
	  true, .base = NR, .index = NR } },
	/* 32- and 16-bit code */
	{ 4, "8b 05 b0 00 e0 fe", { .length = 6, .op = OP_MOV, .size = 4, .reg_size = 4, .reg =
	  0, .to_reg = true, .base = NR, .index = NR, .disp = (int32_t)0xfee000b0 } },
	{ 4, "66 8b 07", { .length = 3, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0,
	  .to_reg = true, .base = 7, .index = NR } },
	{ 4, "67 8b 47 10", { .length = 4, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 3, .index = NR, .disp = 16, .address_size = 2 } },
	{ 2, "8b 07", { .length = 2, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0, .to_reg =
	  true, .base = 3, .index = NR } },
	{ 2, "66 8b 00", { .length = 3, .op = OP_MOV, .size = 4, .reg_size = 4, .reg = 0,
	  .to_reg = true, .base = 3, .index = 6 } },
	{ 2, "8b 02", { .length = 2, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0, .to_reg =
	  true, .base = 5, .index = 6, .segment = SEG_SS } },
	{ 2, "3e 8b 02", { .length = 3, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0,
	  .to_reg = true, .base = 5, .index = 6, .segment = SEG_DS } },
	{ 2, "8b 06 34 92", { .length = 4, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0,
	  .to_reg = true, .base = NR, .index = NR, .disp = (int16_t)0x9234 } },
	{ 2, "8b 46 fe", { .length = 3, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0,
	  .to_reg = true, .base = 5, .index = NR, .disp = -2, .segment = SEG_SS } },
	{ 2, "8b 84 00 80", { .length = 4, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = 0,
	  .to_reg = true, .base = 6, .index = NR, .disp = (int16_t)0x8000 } },
	{ 2, "67 66 8b 04 bd 00 00 00 10", { .length = 9, .op = OP_MOV, .size = 4, .reg_size =
	  4, .reg = 0, .to_reg = true, .base = NR, .index = 7, .scale = 2, .disp = 0x10000000,
	  .address_size = 4 } },
	{ 2, "c7 07 34 12", { .length = 4, .op = OP_MOV, .size = 2, .reg_size = 2, .reg = NR,
	  .base = 3, .index = NR, .has_imm = true, .imm = 0x1234 } },
};
/* clang-format on */

static void decoded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint8_t bytes[INSN_MAX_LENGTH] = { 0 };
		struct insn got, want = good[i].want;
		size_t n = hex(good[i].bytes, bytes);

		if (!want.segment)
			want.segment = SEG_DS;
		if (!strncmp(good[i].bytes, "26", 2))
			want.segment = SEG_ES;
		if (!want.address_size)
			want.address_size = good[i].mode;
		assert_int_equal(decode_memory(bytes, sizeof(bytes), good[i].mode, &got), 0);
#define SAME(field)                  \
	if (got.field != want.field) \
	fail_msg("%s: " #field " is %ld, not %ld", good[i].bytes, (long)got.field, (long)want.field)
		SAME(length);
		SAME(op);
		SAME(size);
		SAME(reg_size);
		SAME(reg);
		SAME(high_byte);
		SAME(to_reg);
		SAME(has_imm);
		SAME(rep);
		SAME(imm);
		SAME(segment);
		SAME(address_size);
		SAME(base);
		SAME(index);
		SAME(scale);
		SAME(rip_relative);
		SAME(disp);
		/* Cut off anywhere, it is no instruction. */
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(decode_memory(bytes, cut, good[i].mode, &got), -EINVAL);
		assert_int_equal(decode_memory(bytes, n, good[i].mode, &got), 0);
	}
}

static void refused(void **state)
{
	static const struct {
		enum decode_mode mode;
		const char *bytes;
	} bad[] = {
		{ 8, "89 c0" }, /* register operand */
		{ 8, "0f b6 c0" },
		{ 8, "83 c0 01" },
		{ 8, "90" },
		{ 8, "c7 0f 00 00 00 00" }, /* reg field not 0 */
		{ 8, "c6 f8 00" },
		{ 8, "f7 27" }, /* mul */
		{ 8, "f6 0f 00" },
		{ 8, "ff 17" }, /* call */
		{ 8, "ff 37" }, /* push */
		{ 8, "fe 17" },
		{ 8, "82 07 01" },
		{ 8, "04 01" },	   /* no memory operand */
		{ 8, "a6" },	   /* cmps */
		{ 8, "ae" },	   /* scas */
		{ 8, "0f 10 07" }, /* movups */
		{ 8, "0f ae 07" }, /* fxsave */
		{ 8, "c5 f8 10 07" },
		{ 4, "63 07" },	   /* arpl */
		{ 4, "40 89 07" }, /* inc %eax: no REX in 32-bit code */
		{ 8, "f6 17" },	   /* not */
		{ 8, "f7 1f" },	   /* neg */
		{ 8, "ff 07" },	   /* inc */
		{ 8, "f0 fe 0f" }, /* lock dec */
		{ 8, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66" },
		{ 8, "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 8b 04 25 00 00" }, /* 17 bytes in all */
	};
	struct insn got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t bytes[32] = { 0 };

		hex(bad[i].bytes, bytes);
		if (decode_memory(bytes, sizeof(bytes), bad[i].mode, &got) != -EINVAL)
			fail_msg("%s was decoded", bad[i].bytes);
	}
	assert_int_equal(decode_memory((const uint8_t *)"", 0, DECODE_64, &got), -EINVAL);
}

static void known_lengths(void **state)
{
	static const struct {
		enum insn_plain what;
		const char *bytes;
		int want;
	} cases[] = {
		{ INSN_CPUID, "0f a2", 2 },
		{ INSN_CPUID, "66 0f a2", 3 },
		{ INSN_CPUID, "48 0f a2", 3 },
		{ INSN_CPUID, "2e 66 67 f2 0f a2", 6 },
		{ INSN_CPUID, "00 0f a2", -EINVAL },
		{ INSN_CPUID, "0f a3", -EINVAL },
		{ INSN_CPUID, "a2", -EINVAL },
		{ INSN_RDMSR, "0f 32", 2 },
		{ INSN_RDMSR, "0f 30", -EINVAL },
		{ INSN_WRMSR, "0f 30", 2 },
		{ INSN_HLT, "f4", 1 },
		{ INSN_HLT, "40 f4", 2 },
		{ INSN_HLT, "0f f4", -EINVAL },
		{ INSN_INVD, "0f 08", 2 },
		{ INSN_WBINVD, "0f 09", 2 },
		{ INSN_WBINVD, "f3 0f 09", 3 },
		{ INSN_XSETBV, "0f 01 d1", 3 },
		{ INSN_VMMCALL, "0f 01 d9", 3 },
		{ INSN_VMMCALL, "0f 01 c1", -EINVAL },
		{ INSN_XSETBV, "0f 01", -EINVAL },
		{ INSN_HLT, "00 f4", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t bytes[INSN_MAX_LENGTH] = { 0 };
		size_t n = hex(cases[i].bytes, bytes);
		int got = decode_length(bytes, sizeof(bytes), DECODE_64, cases[i].what);

		if (got != cases[i].want)
			fail_msg("%s: %d, not %d", cases[i].bytes, got, cases[i].want);
		if (got > 0) {
			assert_int_equal(got, n);
			assert_int_equal(decode_length(bytes, n - 1, DECODE_64, cases[i].what),
					 -EINVAL);
		}
	}
	assert_int_equal(decode_length((const uint8_t *)"\x40\x0f\xa2", 3, DECODE_32, INSN_CPUID),
			 -EINVAL);
	assert_int_equal(decode_length((const uint8_t *)"\x0f", 1, DECODE_16, INSN_CPUID), -EINVAL);
}

/* Flags and results against the CPU that the tests run on. */
#define HOST_OP(name, suffix, type)                                                         \
	static uint64_t host_##name##_##suffix(uint64_t dst, uint64_t src, uint64_t *flags) \
	{                                                                                   \
		type d = (type)dst, s = (type)src;                                          \
		uint64_t f = *flags;                                                        \
                                                                                            \
		asm volatile("push %2\n\tpopf\n\t" #name " %3, %0\n\tpushf\n\tpop %1"       \
			     : "+q"(d), "=r"(f)                                             \
			     : "r"(f), "q"(s)                                               \
			     : "cc", "memory");                                             \
		*flags = f;                                                                 \
		return d;                                                                   \
	}
#define HOST_SIZES(kind, name)                                                 \
	kind(name, 1, uint8_t) kind(name, 2, uint16_t) kind(name, 4, uint32_t) \
		kind(name, 8, uint64_t)
/* clang-format off */
HOST_SIZES(HOST_OP, add) HOST_SIZES(HOST_OP, or) HOST_SIZES(HOST_OP, adc) HOST_SIZES(HOST_OP, sbb)
HOST_SIZES(HOST_OP, and) HOST_SIZES(HOST_OP, sub) HOST_SIZES(HOST_OP, xor) HOST_SIZES(HOST_OP, cmp)
HOST_SIZES(HOST_OP, test)

#define ALL_SIZES(op, name) { op, { host_##name##_1, host_##name##_2, host_##name##_4, host_##name##_8 } }
static const struct {
	enum insn_op op;
	uint64_t (*host[4])(uint64_t dst, uint64_t src, uint64_t *flags);
} operations[] = {
	ALL_SIZES(OP_ADD, add), ALL_SIZES(OP_OR, or), ALL_SIZES(OP_ADC, adc), ALL_SIZES(OP_SBB, sbb),
	ALL_SIZES(OP_AND, and), ALL_SIZES(OP_SUB, sub), ALL_SIZES(OP_XOR, xor), ALL_SIZES(OP_CMP, cmp),
	ALL_SIZES(OP_TEST, test),
};
/* clang-format on */

static void arithmetic(void **state)
{
	static const uint64_t values[] = { 0,
					   1,
					   2,
					   7,
					   8,
					   0xf,
					   0x10,
					   0x7f,
					   0x80,
					   0xff,
					   0x7fff,
					   0x8000,
					   0xffff,
					   0x7fffffff,
					   0x80000000,
					   0xffffffff,
					   0x7fffffffffffffff,
					   0x8000000000000000,
					   ~0UL,
					   0x123456789abcdef0 };
	const uint64_t arithmetic_flags = FLAG_CF | FLAG_PF | FLAG_ZF | FLAG_SF | FLAG_OF;

	(void)state;
	for (size_t o = 0; o < ARRAY_SIZE(operations); o++) {
		enum insn_op op = operations[o].op;
		bool logic = op == OP_OR || op == OP_AND || op == OP_XOR || op == OP_TEST;

		for (size_t n = 0; n < 4 * 20 * 20 * 2; n++) {
			unsigned int log = n % 4, size = 1u << log, carry = n / 4 % 2;
			uint64_t m = size == 8 ? ~0UL : (1UL << 8 * size) - 1;
			uint64_t dst = values[n / 8 % 20] & m, src = values[n / 160 % 20] & m;
			uint64_t ours = carry | 2, host = carry | 2, r1, r2;

			r1 = emulate_alu(op, dst, src, size, &ours);
			r2 = operations[o].host[log](dst, src, &host);
			assert_int_equal(r1, r2 & m);
			if ((ours ^ host) & (arithmetic_flags | (logic ? 0 : FLAG_AF)))
				fail_msg("op %d size %u %lx %lx carry %u: flags %lx, not %lx", op,
					 size, dst, src, carry, ours, host);
		}
	}
}

static void registers(void **state)
{
	struct guest_regs r = { .rax = 0x1122334455667788, .rbx = 0x8877665544332211, .r15 = 0xf };
	struct insn i = { .reg = 0, .reg_size = 1, .base = INSN_NO_REG, .index = INSN_NO_REG };

	(void)state;
	assert_int_equal(emulate_get_reg(&r, &i), 0x88);
	i.high_byte = true;
	assert_int_equal(emulate_get_reg(&r, &i), 0x77);
	emulate_set_reg(&r, &i, 0xabcd);
	assert_int_equal(r.rax, 0x112233445566cd88);
	i.high_byte = false;
	emulate_set_reg(&r, &i, 0x1ee);
	assert_int_equal(r.rax, 0x112233445566cdee);
	i.reg_size = 2;
	emulate_set_reg(&r, &i, 0x12345);
	assert_int_equal(r.rax, 0x1122334455662345);
	i.reg_size = 4;
	emulate_set_reg(&r, &i, 0xffffffff12345678);
	assert_int_equal(r.rax, 0x12345678);
	i.reg_size = 8;
	emulate_set_reg(&r, &i, ~0UL);
	assert_int_equal(r.rax, ~0UL);
	i.reg = INSN_NO_REG;
	emulate_set_reg(&r, &i, 0);
	assert_int_equal(r.rax, ~0UL);
	assert_int_equal(emulate_get_reg(&r, &i), 0);
	i.reg = 15;
	assert_int_equal(emulate_get_reg(&r, &i), 0xf);
	/* Offsets wrap at the address size. */
	i = (struct insn) { .base = 3, .index = 15, .scale = 2, .disp = 0x10, .address_size = 8 };
	assert_int_equal(emulate_offset(&r, &i), 0x8877665544332211 + 0x3c + 0x10);
	i.address_size = 4;
	assert_int_equal(emulate_offset(&r, &i), 0x44332211 + 0x3c + 0x10);
	i.address_size = 2;
	assert_int_equal(emulate_offset(&r, &i), 0x2211 + 0x3c + 0x10);
	i = (struct insn) { .base = NR,
			    .index = NR,
			    .disp = -2,
			    .address_size = 8,
			    .rip_relative = true,
			    .length = 7 };
	r.rip = 0x1000;
	assert_int_equal(emulate_offset(&r, &i), 0x1005);
	assert_true(insn_reads_memory(&(struct insn) { .op = OP_MOV, .to_reg = true }));
	assert_false(insn_reads_memory(&(struct insn) { .op = OP_MOV }));
	assert_true(insn_reads_memory(&(struct insn) { .op = OP_AND }));
	assert_true(insn_writes_memory(&(struct insn) { .op = OP_AND }));
	assert_false(insn_writes_memory(&(struct insn) { .op = OP_AND, .to_reg = true }));
	assert_false(insn_writes_memory(&(struct insn) { .op = OP_TEST }));
	assert_false(insn_writes_memory(&(struct insn) { .op = OP_CMP }));
}

/* All two- and three-byte openings in every mode: what is decoded has a sane length. */
static void exhaustive(void **state)
{
	static const enum decode_mode modes[] = { DECODE_16, DECODE_32, DECODE_64 };
	unsigned int known = 0;

	(void)state;
	for (uint32_t op = 0; op < 1u << 24; op += op < 0x10000 ? 1 : 7) {
		uint8_t bytes[INSN_MAX_LENGTH] = { (uint8_t)op, (uint8_t)(op >> 8),
						   (uint8_t)(op >> 16) };

		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			struct insn i;

			if (decode_memory(bytes, sizeof(bytes), modes[m], &i))
				continue;
			known++;
			assert_in_range(i.length, 1, INSN_MAX_LENGTH);
			assert_true(i.size == 1 || i.size == 2 || i.size == 4 || i.size == 8);
			assert_true(i.reg == NR || i.reg < 16);
			assert_true(i.base == NR || i.base < 16);
			assert_true(i.index == NR || i.index < 16);
			assert_true(i.segment <= SEG_GS);
			if (modes[m] != DECODE_64)
				assert_true((i.reg == NR || i.reg < 8) && i.size < 8 &&
					    !i.rip_relative);
		}
	}
	assert_true(known > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoded),	 cmocka_unit_test(refused),
		cmocka_unit_test(known_lengths), cmocka_unit_test(arithmetic),
		cmocka_unit_test(registers),	 cmocka_unit_test(exhaustive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
