/* SPDX-License-Identifier: BSD-2-Clause */
/* What decoded instructions do: registers and flags. Pure functions. */
#pragma once

#include "hvm/decode.h"
#include "hvm/hvm.h"

#define FLAG_CF (1UL << 0)
#define FLAG_PF (1UL << 2)
#define FLAG_AF (1UL << 4)
#define FLAG_ZF (1UL << 6)
#define FLAG_SF (1UL << 7)
#define FLAG_DF (1UL << 10)
#define FLAG_OF (1UL << 11)

/* Register @reg (0 … 15) of @regs. */
static inline uint64_t *emulate_reg(struct guest_regs *regs, unsigned int reg)
{
	return &regs->rax + reg;
}

/* The register operand of @i, @i->reg_size bytes; a 4-byte write clears the upper half. */
uint64_t emulate_get_reg(struct guest_regs *regs, const struct insn *i);
void emulate_set_reg(struct guest_regs *regs, const struct insn *i, uint64_t value);

/*
 * @dst = @op(@dst, @src) in @size bytes for operations that are not on strings, with the arithmetic
 * flags of *@flags. Returns the result: for OP_CMP and OP_TEST @dst, for OP_MOVSX all 64 bits.
 */
uint64_t emulate_alu(enum insn_op op, uint64_t dst, uint64_t src, unsigned int size,
		     uint64_t *flags);

/* Offset of the memory operand within its segment. */
uint64_t emulate_offset(struct guest_regs *regs, const struct insn *i);
