/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/8: the instruction decoder and what its results lead to. Input: mode, the registers'
 * contents by a seed byte, then the instruction.
 */
#include <stdlib.h>
#include <string.h>
#include "hvm/decode.h"
#include "hvm/emulate.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static void check_memory(const struct insn *i, size_t n, enum decode_mode mode)
{
	CHECK(i->length >= 1 && i->length <= n && i->length <= INSN_MAX_LENGTH);
	CHECK(i->op <= OP_LODS && i->segment <= SEG_GS && i->scale <= 3);
	CHECK(i->size == 1 || i->size == 2 || i->size == 4 || i->size == 8);
	CHECK(i->reg_size == 1 || i->reg_size == 2 || i->reg_size == 4 || i->reg_size == 8);
	CHECK(i->address_size == 2 || i->address_size == 4 || i->address_size == 8);
	CHECK(i->reg < 16 || i->reg == INSN_NO_REG);
	CHECK(i->base < 16 || i->base == INSN_NO_REG);
	CHECK(i->index < 16 || i->index == INSN_NO_REG);
	CHECK(!i->high_byte || (i->reg < 4 && i->reg_size == 1));
	if (mode != DECODE_64)
		CHECK(i->size < 8 && i->address_size < 8 && !i->rip_relative);
}

/* Registers other than the destination stay, and values keep to their size. */
static void run(const struct insn *i, uint8_t seed)
{
	struct guest_regs regs, before;
	uint64_t value, flags;

	memset(&regs, seed, sizeof(regs));
	before = regs;
	value = emulate_offset(&regs, i);
	CHECK(i->address_size == 8 || value >> (8 * i->address_size) == 0);
	value = emulate_get_reg(&regs, i);
	CHECK(i->reg_size == 8 || value >> (8 * i->reg_size) == 0);
	if (i->op < OP_MOVZX) {
		value = emulate_alu(i->op, value, (uint64_t)i->imm, i->size, &regs.rflags);
		CHECK(i->size == 8 || value >> (8 * i->size) == 0);
	}
	flags = regs.rflags;
	emulate_set_reg(&regs, i, value);
	for (unsigned int r = 0; r < 16; r++)
		CHECK(r == i->reg || *emulate_reg(&regs, r) == *emulate_reg(&before, r));
	CHECK(regs.rip == before.rip && regs.rflags == flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum decode_mode modes[] = { DECODE_16, DECODE_32, DECODE_64 };
	static const enum insn_plain plain[] = {
		INSN_HLT,   INSN_INVD,	INSN_WBINVD, INSN_WRMSR,
		INSN_RDMSR, INSN_CPUID, INSN_XSETBV, INSN_VMMCALL
	};
	enum decode_mode mode;
	uint8_t *bytes;
	struct insn i;
	size_t n;

	if (size < 2)
		return 0;
	mode = modes[data[0] % 3];
	n = size - 2;
	bytes = malloc(n ? n : 1); /* exactly as long as the input, so that an overrun is seen */
	memcpy(bytes, data + 2, n);
	if (decode_memory(bytes, n, mode, &i) == 0) {
		struct insn again;

		check_memory(&i, n, mode);
		run(&i, data[1]);
		/* What follows does not matter, and what is cut off does. */
		CHECK(decode_memory(bytes, i.length, mode, &again) == 0);
		CHECK(again.length == i.length && again.op == i.op && again.disp == i.disp);
		CHECK(decode_memory(bytes, i.length - 1u, mode, &again) != 0);
	}
	for (size_t w = 0; w < ARRAY_SIZE(plain); w++) {
		int length = decode_length(bytes, n, mode, plain[w]);

		CHECK(length < 0 ||
		      (length >= 1 && (size_t)length <= n && length <= INSN_MAX_LENGTH));
	}
	free(bytes);
	return 0;
}
