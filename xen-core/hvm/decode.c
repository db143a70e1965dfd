/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction decoder (AMD APM vol. 3, ch. 1 and appendix A). No state, no locks. */
#include "hvm/decode.h"
#include "hvm/hvm.h"
#include "lib/errno.h"
#include "lib/string.h"

/* The bytes of one instruction and what its prefixes said. */
struct reader {
	const uint8_t *bytes;
	size_t n, at;
	bool bad; /* ran past the end: everything read since is 0 */
	uint8_t mode;
	uint8_t rex;
	bool repeat, lock, segment_override;
	uint8_t segment;
	uint8_t operand_size, address_size;
};

static uint8_t next(struct reader *r)
{
	if (r->at >= r->n || r->at >= INSN_MAX_LENGTH) {
		r->bad = true;
		return 0;
	}
	return r->bytes[r->at++];
}

/* A little-endian number of @size bytes, sign-extended. */
static int64_t next_signed(struct reader *r, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)next(r) << (8 * i);
	return size == 8 ? (int64_t)value : (int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size);
}

static bool segment_prefix(struct reader *r, uint8_t byte)
{
	static const struct {
		uint8_t byte, segment;
	} prefixes[] = { { 0x26, SEG_ES }, { 0x2e, SEG_CS }, { 0x36, SEG_SS },
			 { 0x3e, SEG_DS }, { 0x64, SEG_FS }, { 0x65, SEG_GS } };

	for (unsigned int i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (prefixes[i].byte == byte) {
			r->segment = prefixes[i].segment;
			r->segment_override = true;
			return true;
		}
	}
	return false;
}

/* Takes all prefixes and returns the first byte of the opcode. */
static uint8_t prefixes(struct reader *r)
{
	bool size66 = false, size67 = false;
	uint8_t byte;

	for (;;) {
		byte = next(r);
		if (r->bad)
			return 0;
		if (r->mode == DECODE_64 && byte >= 0x40 && byte <= 0x4f) {
			r->rex = byte; /* counts only when it is the last */
			continue;
		}
		if (byte == 0x66)
			size66 = true;
		else if (byte == 0x67)
			size67 = true;
		else if (byte == 0xf2 || byte == 0xf3)
			r->repeat = true;
		else if (byte == 0xf0)
			r->lock = true;
		else if (!segment_prefix(r, byte))
			break;
		r->rex = 0;
	}
	if (r->mode == DECODE_64) {
		r->operand_size = r->rex & 8 ? 8 : size66 ? 2 : 4;
		r->address_size = size67 ? 4 : 8;
	} else {
		r->operand_size = (r->mode == DECODE_32) != size66 ? 4 : 2;
		r->address_size = (r->mode == DECODE_32) != size67 ? 4 : 2;
	}
	return byte;
}

static void reader_init(struct reader *r, const uint8_t *bytes, size_t n, enum decode_mode mode)
{
	memset(r, 0, sizeof(*r));
	r->bytes = bytes;
	r->n = n;
	r->mode = mode;
	r->segment = SEG_DS;
}

/*
 * Memory operands.
 */

/* ModRM of 16-bit addressing. */
static void memory_16(struct reader *r, uint8_t modrm, struct insn *i)
{
	enum {
		BX = 3,
		BP = 5,
		SI = 6,
		DI = 7
	};
	static const uint8_t regs[8][2] = { { BX, SI },		 { BX, DI },
					    { BP, SI },		 { BP, DI },
					    { SI, INSN_NO_REG }, { DI, INSN_NO_REG },
					    { BP, INSN_NO_REG }, { BX, INSN_NO_REG } };
	uint8_t mod = modrm >> 6, rm = modrm & 7;

	if (mod == 0 && rm == 6) {
		i->disp = next_signed(r, 2);
		return;
	}
	i->base = regs[rm][0];
	i->index = regs[rm][1];
	if (mod)
		i->disp = next_signed(r, mod);
	if (i->base == BP)
		i->segment = SEG_SS;
}

static void memory_sib(struct reader *r, uint8_t mod, struct insn *i)
{
	uint8_t sib = next(r);

	i->scale = sib >> 6;
	i->index = (sib >> 3 & 7) | (r->rex & 2) << 2;
	if (i->index == 4)
		i->index = INSN_NO_REG;
	if ((sib & 7) == 5 && mod == 0)
		i->disp = next_signed(r, 4);
	else
		i->base = (sib & 7) | (r->rex & 1) << 3;
}

/* ModRM of 32- and 64-bit addressing. */
static void memory_32(struct reader *r, uint8_t modrm, struct insn *i)
{
	uint8_t mod = modrm >> 6, rm = modrm & 7;

	if (rm == 4) {
		memory_sib(r, mod, i);
	} else if (rm == 5 && mod == 0) {
		i->rip_relative = r->mode == DECODE_64;
		i->disp = next_signed(r, 4);
	} else {
		i->base = rm | (r->rex & 1) << 3;
	}
	if (mod)
		i->disp = next_signed(r, mod == 1 ? 1 : 4);
	if (i->base == 4 || i->base == 5) /* rsp, rbp */
		i->segment = SEG_SS;
}

/* Takes a ModRM byte with what follows it. Returns its reg field, or -EINVAL for a register operand. */
static int memory_operand(struct reader *r, struct insn *i)
{
	uint8_t modrm = next(r), reg = (modrm >> 3 & 7) | (r->rex & 4) << 1;

	if (modrm >> 6 == 3)
		return -EINVAL;
	if (r->address_size == 2)
		memory_16(r, modrm, i);
	else
		memory_32(r, modrm, i);
	return reg;
}

/* As memory_operand, with the reg field as the register operand. */
static int memory_and_register(struct reader *r, struct insn *i)
{
	int reg = memory_operand(r, i);

	if (reg < 0)
		return reg;
	i->reg = reg;
	if (i->reg_size == 1 && !r->rex && reg >= 4) {
		i->reg = reg - 4;
		i->high_byte = true;
	}
	return 0;
}

static void immediate(struct reader *r, struct insn *i, unsigned int size)
{
	i->has_imm = true;
	i->imm = next_signed(r, min(size, 4u));
}

/* Operand size by the opcode's lowest bit. */
static void set_size(const struct reader *r, uint8_t opcode, struct insn *i)
{
	i->size = i->reg_size = opcode & 1 ? r->operand_size : 1;
}

/* 0x80 … 0x83, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff: the reg field is part of the opcode. */
static int group(struct reader *r, uint8_t opcode, struct insn *i)
{
	static const uint8_t unary[8] = { OP_TEST, 0xff, OP_NOT, OP_NEG, 0xff, 0xff, 0xff, 0xff };
	int sub = memory_operand(r, i);

	if (sub < 0)
		return sub;
	sub &= 7;
	switch (opcode) {
	case 0x80:
	case 0x81:
	case 0x83:
		i->op = sub;
		immediate(r, i, opcode == 0x83 ? 1 : i->size);
		return 0;
	case 0xc6:
	case 0xc7:
		i->op = OP_MOV;
		immediate(r, i, i->size);
		return sub == 0 ? 0 : -EINVAL;
	case 0xf6:
	case 0xf7:
		i->op = unary[sub];
		if (i->op == OP_TEST)
			immediate(r, i, i->size);
		return i->op == 0xff ? -EINVAL : 0;
	default: /* 0xfe, 0xff */
		i->op = sub == 0 ? OP_INC : OP_DEC;
		return sub <= 1 ? 0 : -EINVAL;
	}
}

static int string(const struct reader *r, uint8_t opcode, struct insn *i)
{
	i->op = opcode < 0xa6 ? OP_MOVS : opcode < 0xac ? OP_STOS : OP_LODS;
	i->rep = r->repeat;
	i->reg = i->op == OP_MOVS ? INSN_NO_REG : 0;
	i->to_reg = i->op == OP_LODS;
	return 0;
}

/* 0xa0 … 0xa3: al/ax/eax/rax and an absolute address. */
static int absolute(struct reader *r, uint8_t opcode, struct insn *i)
{
	i->op = OP_MOV;
	i->reg = 0;
	i->to_reg = opcode < 0xa2;
	i->disp = next_signed(r, r->address_size);
	return 0;
}

static int extend(struct reader *r, uint8_t size, bool sign, struct insn *i)
{
	i->op = OP_EXTEND;
	i->size = size;
	i->reg_size = r->operand_size;
	i->sign = sign;
	i->to_reg = true;
	return memory_and_register(r, i);
}

static int two_byte(struct reader *r, struct insn *i)
{
	uint8_t opcode = next(r);

	switch (opcode) {
	case 0xb6:
	case 0xb7:
	case 0xbe:
	case 0xbf:
		return extend(r, opcode & 1 ? 2 : 1, opcode >= 0xbe, i);
	default:
		return -EINVAL;
	}
}

static int one_byte(struct reader *r, uint8_t opcode, struct insn *i)
{
	set_size(r, opcode, i);
	if (opcode < 0x40 && (opcode & 7) < 4) {
		i->op = opcode >> 3;
		i->to_reg = opcode & 2;
		return memory_and_register(r, i);
	}
	switch (opcode) {
	case 0x0f:
		return two_byte(r, i);
	case 0x63:
		return r->mode == DECODE_64 ? extend(r, min(r->operand_size, (uint8_t)4), true, i)
					    : -EINVAL;
	case 0x80:
	case 0x81:
	case 0x83:
	case 0xc6:
	case 0xc7:
	case 0xf6:
	case 0xf7:
	case 0xfe:
	case 0xff:
		return group(r, opcode, i);
	case 0x84:
	case 0x85:
		i->op = OP_TEST;
		return memory_and_register(r, i);
	case 0x86:
	case 0x87:
		i->op = OP_XCHG;
		return memory_and_register(r, i);
	case 0x88 ... 0x8b:
		i->op = OP_MOV;
		i->to_reg = opcode & 2;
		return memory_and_register(r, i);
	case 0xa0 ... 0xa3:
		return absolute(r, opcode, i);
	case 0xa4:
	case 0xa5:
	case 0xaa ... 0xad:
		return string(r, opcode, i);
	default:
		return -EINVAL;
	}
}

/* LOCK is for instructions that read, change and write memory; with others it is #UD. */
static bool lock_valid(const struct insn *i)
{
	if (i->op == OP_XCHG)
		return true;
	return !i->to_reg && i->op != OP_CMP && i->op != OP_TEST && i->op != OP_MOV &&
	       i->op < OP_EXTEND;
}

int decode_memory(const uint8_t *bytes, size_t n, enum decode_mode mode, struct insn *out)
{
	struct reader r;
	uint8_t opcode;
	int rc;

	reader_init(&r, bytes, n, mode);
	opcode = prefixes(&r);
	memset(out, 0, sizeof(*out));
	out->reg = out->base = out->index = INSN_NO_REG;
	out->segment = SEG_DS;
	out->address_size = r.address_size;
	rc = r.bad ? -EINVAL : one_byte(&r, opcode, out);
	if (rc || r.bad || (r.lock && !lock_valid(out)))
		return -EINVAL;
	if (r.segment_override)
		out->segment = r.segment;
	out->length = r.at;
	return 0;
}

/*
 * Intercepted instructions.
 */

/* After 0x0f, but for HLT; of three bytes those with a @third. */
static const struct known {
	uint8_t what, escaped, opcode, third;
} known[] = {
	{ INSN_CPUID, 1, 0xa2, 0 },	{ INSN_RDMSR, 1, 0x32, 0 },
	{ INSN_WRMSR, 1, 0x30, 0 },	{ INSN_HLT, 0, 0xf4, 0 },
	{ INSN_INVD, 1, 0x08, 0 },	{ INSN_WBINVD, 1, 0x09, 0 },
	{ INSN_XSETBV, 1, 0x01, 0xd1 }, { INSN_VMMCALL, 1, 0x01, 0xd9 },
};

int decode_length(const uint8_t *bytes, size_t n, enum decode_mode mode, enum decode_known what)
{
	struct reader r;
	uint8_t opcode;
	bool escaped;

	reader_init(&r, bytes, n, mode);
	opcode = prefixes(&r);
	escaped = opcode == 0x0f;
	if (escaped)
		opcode = next(&r);
	/* With any of these LOCK is #UD. */
	for (unsigned int i = 0; i < ARRAY_SIZE(known) && !r.lock; i++) {
		const struct known *k = &known[i];

		if (k->what != what || k->escaped != escaped || k->opcode != opcode)
			continue;
		if ((!k->third || next(&r) == k->third) && !r.bad)
			return r.at;
	}
	return -EINVAL;
}
