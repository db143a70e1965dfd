/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder: pure functions from bytes to a description. It knows the instructions
 * that guests use on memory-mapped registers, and those without operands that the core intercepts.
 * Everything else is refused.
 */
#pragma once

#include "types.h"

#define INSN_MAX_LENGTH 15

enum decode_mode {
	DECODE_16 = 2, /* default address size in bytes */
	DECODE_32 = 4,
	DECODE_64 = 8,
};

enum insn_op {
	/* As x86 numbers them. */
	OP_ADD,
	OP_OR,
	OP_ADC,
	OP_SBB,
	OP_AND,
	OP_SUB,
	OP_XOR,
	OP_CMP,
	OP_TEST,
	OP_MOV,
	OP_XCHG,
	OP_MOVZX,
	OP_MOVSX, /* and movsxd */
	OP_MOVS,
	OP_STOS,
	OP_LODS,
};

/* What the core intercepts, without operands: the opcodes, first byte first. */
enum insn_plain {
	INSN_HLT = 0xf4,
	INSN_INVD = 0x0f08,
	INSN_WBINVD = 0x0f09,
	INSN_WRMSR = 0x0f30,
	INSN_RDMSR = 0x0f32,
	INSN_CPUID = 0x0fa2,
	INSN_XSETBV = 0x0f01d1,
	INSN_VMMCALL = 0x0f01d9,
};

#define INSN_NO_REG 0xff

struct insn {
	uint8_t length;
	uint8_t op;	  /* enum insn_op */
	uint8_t size;	  /* of the memory operand: 1, 2, 4, 8 */
	uint8_t reg_size; /* of the register operand */
	uint8_t reg;	  /* 0 … 15 as in struct guest_regs; INSN_NO_REG with has_imm or none */
	bool high_byte;	  /* bits 15:8 of registers 0 … 3 */
	bool to_reg;	  /* the result goes to the register */
	bool has_imm;
	bool rep;
	int64_t imm;
	/* The memory operand; strings use rsi and rdi. */
	uint8_t segment;      /* SEG_… of hvm.h */
	uint8_t address_size; /* 2, 4, 8 */
	uint8_t base, index;  /* register or INSN_NO_REG */
	uint8_t scale;	      /* index << scale */
	bool rip_relative;    /* to the next instruction */
	int64_t disp;
};

/* Does the operation need the memory operand's value, and does it write one? */
static inline bool insn_reads_memory(const struct insn *i)
{
	return i->op != OP_MOV || i->to_reg;
}

static inline bool insn_writes_memory(const struct insn *i)
{
	return !i->to_reg && i->op != OP_CMP && i->op != OP_TEST;
}

/* Decodes an instruction with a memory operand. 0, or -EINVAL when it is none of those known. */
int decode_memory(const uint8_t *bytes, size_t n, enum decode_mode mode, struct insn *out);

/* Length of @bytes if they are the instruction @what, prefixes included; else -EINVAL. */
int decode_length(const uint8_t *bytes, size_t n, enum decode_mode mode, enum insn_plain what);
