/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction decoder (AMD APM vol. 3, ch. 1 and appendix A). No state, no locks. */
#include "hvm/decode.h"
#include "hvm/hvm.h"

#define NO_SEGMENT 0xff

/* The bytes of one instruction and what its prefixes said. */
struct reader {
	const uint8_t *bytes;
	size_t n, at;
	bool bad; /* ran past the end: everything read since is 0 */
	uint8_t mode;
	uint8_t rex;
	bool repeat;
	uint8_t segment; /* SEG_…, or NO_SEGMENT */
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

/* x86 numbers segments as SEG_… does: in bits 4:3 of the first four prefixes, then in bits 2:0. */
static bool segment_prefix(struct reader *r, uint8_t byte)
{
	if ((byte & 0xe7) == 0x26) /* es, cs, ss, ds */
		r->segment = byte >> 3 & 3;
	else if ((byte & 0xfe) == 0x64) /* fs, gs */
		r->segment = byte & 7;
	else
		return false;
	return true;
}

/*
 * Takes all prefixes and returns the first byte of the opcode. LOCK changes nothing: where it may not
 * be the CPU has not come so far.
 */
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
		else if (byte != 0xf0 && !segment_prefix(r, byte))
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

/* The register operand, by ModRM's reg field. */
static void set_register(const struct reader *r, struct insn *i, uint8_t reg)
{
	i->high_byte = i->reg_size == 1 && !r->rex && reg >= 4;
	i->reg = i->high_byte ? reg - 4 : reg;
}

static void immediate(struct reader *r, struct insn *i, unsigned int size)
{
	i->has_imm = true;
	i->imm = next_signed(r, min(size, 4u));
}

/*
 * Opcodes.
 */

enum form {
	MEMORY_REG,    /* memory and register */
	MEMORY_IMM,    /* memory and an immediate, */
	MEMORY_IMM8,   /* or one of a byte */
	MEMORY_EXTEND, /* memory of @bytes, to a register */
	ABSOLUTE,      /* al/ax/eax/rax and an absolute address */
	STRING,
};

#define BY_OPCODE 0xfe /* bits 5:3 of the opcode */
#define BY_GROUP  0xfd /* ModRM's reg field, which must be 0 for other operations with immediates */

/* The lowest bit of the opcode says whether operands are bytes. */
static const struct opcode {
	bool escaped; /* after 0x0f */
	uint8_t mask, value;
	uint8_t form, op; /* enum insn_op, or as above */
	bool to_reg;
	uint8_t bytes;
} opcodes[] = {
	{ false, 0xc6, 0x00, MEMORY_REG, BY_OPCODE, false, 0 }, /* add … cmp */
	{ false, 0xc6, 0x02, MEMORY_REG, BY_OPCODE, true, 0 },
	{ false, 0xff, 0x63, MEMORY_EXTEND, OP_MOVSX, true, 4 }, /* movsxd */
	{ false, 0xfe, 0x80, MEMORY_IMM, BY_GROUP, false, 0 },
	{ false, 0xff, 0x83, MEMORY_IMM8, BY_GROUP, false, 0 },
	{ false, 0xfe, 0x84, MEMORY_REG, OP_TEST, false, 0 },
	{ false, 0xfe, 0x86, MEMORY_REG, OP_XCHG, false, 0 },
	{ false, 0xfe, 0x88, MEMORY_REG, OP_MOV, false, 0 },
	{ false, 0xfe, 0x8a, MEMORY_REG, OP_MOV, true, 0 },
	{ false, 0xfe, 0xa0, ABSOLUTE, OP_MOV, true, 0 },
	{ false, 0xfe, 0xa2, ABSOLUTE, OP_MOV, false, 0 },
	{ false, 0xfe, 0xa4, STRING, OP_MOVS, false, 0 },
	{ false, 0xfe, 0xaa, STRING, OP_STOS, false, 0 },
	{ false, 0xfe, 0xac, STRING, OP_LODS, true, 0 },
	{ false, 0xfe, 0xc6, MEMORY_IMM, OP_MOV, false, 0 },
	{ false, 0xfe, 0xf6, MEMORY_IMM, OP_TEST, false, 0 },
	{ true, 0xff, 0xb6, MEMORY_EXTEND, OP_MOVZX, true, 1 },
	{ true, 0xff, 0xb7, MEMORY_EXTEND, OP_MOVZX, true, 2 },
	{ true, 0xff, 0xbe, MEMORY_EXTEND, OP_MOVSX, true, 1 },
	{ true, 0xff, 0xbf, MEMORY_EXTEND, OP_MOVSX, true, 2 },
};

/* Takes the opcode. NULL: none of those known. */
static const struct opcode *find(struct reader *r, uint8_t *opcode)
{
	bool escaped;

	*opcode = prefixes(r);
	escaped = *opcode == 0x0f;
	if (escaped)
		*opcode = next(r);
	for (const struct opcode *o = opcodes; o < opcodes + ARRAY_SIZE(opcodes); o++)
		if (o->escaped == escaped && (*opcode & o->mask) == o->value)
			return o;
	return NULL;
}

static int operands(struct reader *r, const struct opcode *o, uint8_t opcode, struct insn *i)
{
	bool imm = o->form == MEMORY_IMM || o->form == MEMORY_IMM8;
	int reg;

	i->op = o->op == BY_OPCODE ? opcode >> 3 : o->op;
	i->to_reg = o->to_reg;
	i->size = i->reg_size = opcode & 1 ? r->operand_size : 1;
	switch (o->form) {
	case ABSOLUTE:
		i->reg = 0;
		i->disp = next_signed(r, r->address_size);
		return 0;
	case STRING:
		i->rep = r->repeat;
		i->reg = i->op == OP_MOVS ? INSN_NO_REG : 0;
		return 0;
	case MEMORY_EXTEND:
		if (!o->escaped && r->mode != DECODE_64) /* arpl */
			return -EINVAL;
		i->reg_size = r->operand_size;
		i->size = min(o->bytes, r->operand_size);
		break;
	}
	reg = memory_operand(r, i);
	if (reg < 0)
		return reg;
	if (o->op == BY_GROUP)
		i->op = reg & 7;
	else if (imm && (reg & 7))
		return -EINVAL;
	if (imm)
		immediate(r, i, o->form == MEMORY_IMM8 ? 1 : i->size);
	else
		set_register(r, i, reg);
	return 0;
}

int decode_memory(const uint8_t *bytes, size_t n, enum decode_mode mode, struct insn *out)
{
	struct reader r = { .bytes = bytes, .n = n, .mode = mode, .segment = NO_SEGMENT };
	const struct opcode *o;
	uint8_t opcode;

	o = find(&r, &opcode);
	*out = (struct insn) {
		.reg = INSN_NO_REG,
		.base = INSN_NO_REG,
		.index = INSN_NO_REG,
		.segment = SEG_DS,
		.address_size = r.address_size,
	};
	if (!o || operands(&r, o, opcode, out) || r.bad)
		return -EINVAL;
	if (r.segment != NO_SEGMENT)
		out->segment = r.segment;
	out->length = r.at;
	return 0;
}

int decode_length(const uint8_t *bytes, size_t n, enum decode_mode mode, enum insn_plain what)
{
	struct reader r = { .bytes = bytes, .n = n, .mode = mode };
	uint32_t opcode = prefixes(&r);

	for (uint32_t rest = what >> 8; rest; rest >>= 8)
		opcode = opcode << 8 | next(&r);
	return opcode == what && !r.bad ? (int)r.at : -EINVAL;
}
