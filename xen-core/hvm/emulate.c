/* SPDX-License-Identifier: BSD-2-Clause */
/* What decoded instructions do: registers and flags (AMD APM vol. 3). No state, no locks. */
#include "hvm/emulate.h"

static uint64_t mask(unsigned int size)
{
	return size >= 8 ? ~0UL : (1UL << 8 * size) - 1;
}

static uint64_t sign_bit(unsigned int size)
{
	return 1UL << (8 * size - 1);
}

uint64_t emulate_get_reg(struct guest_regs *regs, const struct insn *i)
{
	uint64_t value;

	if (i->reg == INSN_NO_REG)
		return 0;
	value = *emulate_reg(regs, i->reg) >> (i->high_byte ? 8 : 0);
	return value & mask(i->reg_size);
}

void emulate_set_reg(struct guest_regs *regs, const struct insn *i, uint64_t value)
{
	uint64_t *reg, m = mask(i->reg_size);
	unsigned int shift = i->high_byte ? 8 : 0;

	if (i->reg == INSN_NO_REG)
		return;
	reg = emulate_reg(regs, i->reg);
	if (i->reg_size == 4)
		*reg = value & m;
	else
		*reg = (*reg & ~(m << shift)) | (value & m) << shift;
}

/* Zero, sign and parity of @result. */
static uint64_t result_flags(uint64_t result, unsigned int size)
{
	uint64_t flags = 0;

	if (!(result & mask(size)))
		flags |= FLAG_ZF;
	if (result & sign_bit(size))
		flags |= FLAG_SF;
	if (!__builtin_parity(result & 0xff))
		flags |= FLAG_PF;
	return flags;
}

/*
 * Carry, overflow and adjust flags of @a + @b = @sum, with or without a carry in. What is
 * subtracted has the flags of the sum that undoes it: result + src = dst.
 */
static uint64_t carry_flags(uint64_t a, uint64_t b, uint64_t sum, unsigned int size)
{
	/* The carries out of each bit, from the operands and the result. */
	uint64_t carries = (a & b) | ((a | b) & ~sum), flags = 0;

	if (carries & sign_bit(size))
		flags |= FLAG_CF;
	if (carries & 8)
		flags |= FLAG_AF;
	if ((a ^ sum) & (b ^ sum) & sign_bit(size))
		flags |= FLAG_OF;
	return flags;
}

uint64_t emulate_alu(enum insn_op op, uint64_t dst, uint64_t src, unsigned int size,
		     uint64_t *flags)
{
	const uint64_t arithmetic = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF;
	uint64_t carry = *flags & FLAG_CF, result, set = 0;

	switch (op) {
	case OP_ADC:
	case OP_ADD:
		result = dst + src + (op == OP_ADC ? carry : 0);
		set = carry_flags(dst, src, result, size);
		break;
	case OP_SBB:
	case OP_SUB:
	case OP_CMP:
		result = dst - src - (op == OP_SBB ? carry : 0);
		set = carry_flags(result, src, dst, size);
		break;
	case OP_OR:
		result = dst | src;
		break;
	case OP_AND:
	case OP_TEST:
		result = dst & src;
		break;
	case OP_XOR:
		result = dst ^ src;
		break;
	case OP_MOVSX:
		return ((src & mask(size)) ^ sign_bit(size)) - sign_bit(size);
	default: /* moves */
		return src & mask(size);
	}
	*flags = (*flags & ~arithmetic) | set | result_flags(result, size);
	return (op == OP_CMP || op == OP_TEST ? dst : result) & mask(size);
}

uint64_t emulate_offset(struct guest_regs *regs, const struct insn *i)
{
	uint64_t offset = i->disp;

	if (i->base != INSN_NO_REG)
		offset += *emulate_reg(regs, i->base);
	if (i->index != INSN_NO_REG)
		offset += *emulate_reg(regs, i->index) << i->scale;
	if (i->rip_relative)
		offset += regs->rip + i->length;
	return offset & mask(i->address_size);
}
