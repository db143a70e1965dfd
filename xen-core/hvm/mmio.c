/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses that nested paging refused. Behind such an address there is
 *  - the register page of the local APIC, in xAPIC mode;
 *  - memory that is read-only to the guest: a write is dropped, but to a page that another domain
 *    granted read-only it is a general-protection fault, as on Xen;
 *  - nothing: reads give all ones, writes are dropped, and a rate-limited line says so. So does a
 *    PC, and guests probe for devices that way.
 * An instruction that is none of those in decode.h ends the guest, which hvm_mmio() asks for.
 *
 * Everything is done for the current vCPU; its registers are its own. No locks.
 */
#include "domain/domain.h"
#include "hvm/decode.h"
#include "hvm/emulate.h"
#include "hvm/hvm.h"
#include "hvm/vlapic.h"
#include "lib/printk.h"
#include "mm/guest.h"
#include "x86/bits.h"

/* Debug output of guests, where Xen has it for them too. */
#define DEBUG_PORT   0xe9
#define PIT_COUNTER2 0x42

/* The default operand size, in the attributes of CS in the VMCB's packed form. */
#define ATTR_DEFAULT (1u << 10)

/* One access that is being emulated. */
struct access {
	struct vcpu *v;
	struct guest_regs *regs;
	struct insn insn;
	gpa_t gpa;	 /* what nested paging refused */
	uint64_t linear; /* of the memory operand */
	enum decode_mode mode;
};

/* Fetches up to 15 bytes at rip. Returns how many there are: the page behind may not be mapped. */
static size_t fetch(struct vcpu *v, uint8_t *bytes, enum decode_mode *mode)
{
	uint64_t rip = vm_ops->regs(v)->rip;
	struct guest_control control;
	struct guest_segment cs;
	size_t first;

	vm_ops->get_control(v, &control);
	vm_ops->get_segment(v, SEG_CS, &cs);
	*mode = control.long_mode ? DECODE_64 : cs.attr & ATTR_DEFAULT ? DECODE_32 : DECODE_16;
	if (*mode != DECODE_64)
		rip = (uint32_t)(rip + cs.base);
	first = min((size_t)INSN_MAX_LENGTH, (size_t)(PAGE_SIZE - (rip & ~PAGE_MASK)));
	if (guest_read(bytes, (gva_t) { rip }, first))
		return 0;
	if (first < INSN_MAX_LENGTH &&
	    guest_read(bytes + first, (gva_t) { rip + first }, INSN_MAX_LENGTH - first))
		return first;
	return INSN_MAX_LENGTH;
}

unsigned int hvm_insn_length(struct vcpu *v, enum insn_plain what)
{
	uint8_t bytes[INSN_MAX_LENGTH];
	enum decode_mode mode;
	size_t n = fetch(v, bytes, &mode);
	int length = decode_length(bytes, n, mode, what);

	return length < 0 ? 0 : length;
}

static uint64_t linear_address(const struct access *a, unsigned int segment, uint64_t offset)
{
	struct guest_segment s;

	if (a->mode == DECODE_64 && segment != SEG_FS && segment != SEG_GS)
		return offset;
	vm_ops->get_segment(a->v, segment, &s);
	offset += s.base;
	return a->mode == DECODE_64 ? offset : (uint32_t)offset;
}

/*
 * What is behind a guest-physical address that nested paging refused.
 */

/* Registers are 4 bytes wide, 16 apart; smaller and unaligned reads take a part of one. */
static uint64_t apic_read(struct vcpu *v, uint32_t offset, unsigned int size)
{
	uint32_t value, shift = offset % 4;

	vlapic_mmio_read(v, offset & ~3u, &value);
	if (shift + size > 4 && size <= 4)
		return ~0UL;
	return (uint64_t)value >> (8 * shift);
}

static void apic_write(struct vcpu *v, uint32_t offset, unsigned int size, uint64_t value)
{
	if (size >= 4 && offset % 16 == 0)
		vlapic_mmio_write(v, offset, value);
}

static bool is_apic(struct vcpu *v, gpa_t gpa)
{
	return (gpa.v & PAGE_MASK) == vlapic_base(v);
}

static void log_nothing(struct vcpu *v, gpa_t gpa, bool write)
{
	printk_ratelimited(KERN_DEBUG "d%uv%u: %s at %lx, where nothing is, rip %lx\n",
			   v->domain->id, v->id, write ? "write" : "read", gpa.v,
			   vm_ops->regs(v)->rip);
}

static uint64_t read_at(struct vcpu *v, gpa_t gpa, unsigned int size)
{
	uint64_t value = 0;

	if (is_apic(v, gpa))
		return apic_read(v, gpa.v & ~PAGE_MASK, size);
	/* A read-only page that is read to be changed. */
	if (!guest_phys_read(v->domain, &value, gpa, size))
		return value;
	log_nothing(v, gpa, false);
	return ~0UL;
}

static void write_at(struct vcpu *v, gpa_t gpa, unsigned int size, uint64_t value)
{
	if (is_apic(v, gpa))
		apic_write(v, gpa.v & ~PAGE_MASK, size, value);
	else if (p2m_lookup(&v->domain->p2m, gpa_to_gfn(gpa)).type != P2M_RAM_RO)
		log_nothing(v, gpa, true);
}

/*
 * An operand that begins in memory and ends in a page behind which nothing is: so many of its
 * bytes are memory. Nested paging named the second page.
 */
static unsigned int bytes_in_memory(const struct access *a)
{
	unsigned int left = PAGE_SIZE - (a->linear & ~PAGE_MASK);

	return left < a->insn.size && (a->gpa.v & ~PAGE_MASK) != (a->linear & ~PAGE_MASK) ? left
											  : 0;
}

static bool operand_read(const struct access *a, uint64_t *value)
{
	unsigned int first = bytes_in_memory(a), size = a->insn.size;
	uint64_t low = 0;

	if (!first) {
		*value = read_at(a->v, a->gpa, size);
		return true;
	}
	if (guest_read(&low, (gva_t) { a->linear }, first))
		return false;
	*value = low | read_at(a->v, a->gpa, size - first) << (8 * first);
	return true;
}

static bool operand_write(const struct access *a, uint64_t value)
{
	unsigned int first = bytes_in_memory(a), size = a->insn.size;

	if (first && guest_write((gva_t) { a->linear }, &value, first))
		return false;
	if (first)
		value >>= 8 * first;
	write_at(a->v, a->gpa, size - first, value);
	return true;
}

/*
 * Instructions.
 */

static bool operation(struct access *a)
{
	const struct insn *i = &a->insn;
	uint64_t memory = 0, other, result;

	if (insn_reads_memory(i) && !operand_read(a, &memory))
		return false;
	other = i->has_imm ? (uint64_t)i->imm : emulate_get_reg(a->regs, i);
	result = emulate_alu(i->op, i->to_reg ? other : memory, i->to_reg ? memory : other, i->size,
			     &a->regs->rflags);
	if (insn_writes_memory(i) && !operand_write(a, result))
		return false;
	if (i->op == OP_XCHG)
		emulate_set_reg(a->regs, i, memory);
	else if (i->to_reg && i->op != OP_CMP)
		emulate_set_reg(a->regs, i, result);
	return true;
}

static void advance(struct access *a, unsigned int reg, int64_t by)
{
	struct insn pointer = { .reg = reg, .reg_size = a->insn.address_size };

	emulate_set_reg(a->regs, &pointer, *emulate_reg(a->regs, reg) + by);
}

enum {
	RCX = 1,
	RSI = 6,
	RDI = 7
};

/*
 * One element. @write says on which side nested paging refused; the other side is memory. false:
 * it is not.
 */
static bool string_element(struct access *a, bool write)
{
	const struct insn *i = &a->insn;
	int64_t step = a->regs->rflags & FLAG_DF ? -(int64_t)i->size : i->size;
	struct insn pointer = { .address_size = i->address_size,
				.base = write ? RSI : RDI,
				.index = INSN_NO_REG };
	uint64_t value = 0, other = 0;

	if (i->op == OP_MOVS)
		other = linear_address(a, write ? i->segment : SEG_ES,
				       emulate_offset(a->regs, &pointer));
	if (write) {
		if (i->op == OP_STOS)
			value = emulate_get_reg(a->regs, i);
		else if (guest_read(&value, (gva_t) { other }, i->size))
			return false;
		write_at(a->v, a->gpa, i->size, value);
	} else {
		value = read_at(a->v, a->gpa, i->size);
		if (i->op == OP_LODS)
			emulate_set_reg(a->regs, i, value);
		else if (guest_write((gva_t) { other }, &value, i->size))
			return false;
	}
	if (i->op != OP_STOS)
		advance(a, RSI, step);
	if (i->op != OP_LODS)
		advance(a, RDI, step);
	return true;
}

/*
 * A repeated instruction does one element, and stays where it is when there are more: the guest
 * executes it again, and nested paging names what the next one is about. *@done: it is complete.
 */
static bool string_operation(struct access *a, bool write, bool *done)
{
	struct insn count = { .reg = RCX, .reg_size = a->insn.address_size };

	if (write ? a->insn.op == OP_LODS : a->insn.op == OP_STOS)
		return false;
	if (!a->insn.rep)
		return string_element(a, write);
	if (emulate_get_reg(a->regs, &count)) {
		if (!string_element(a, write))
			return false;
		advance(a, RCX, -1);
	}
	*done = !emulate_get_reg(a->regs, &count);
	return true;
}

static bool emulate(struct access *a, bool write)
{
	bool done = true, ok;

	if (a->insn.op >= OP_MOVS)
		ok = string_operation(a, write, &done);
	else if (write && !insn_writes_memory(&a->insn))
		ok = false; /* not the instruction that was refused: another vCPU has changed it */
	else
		ok = operation(a);
	if (ok && done) {
		a->regs->rip += a->insn.length;
		if (a->mode != DECODE_64)
			a->regs->rip = (uint32_t)a->regs->rip;
	}
	return ok;
}

bool hvm_mmio(struct vcpu *v, gpa_t gpa, bool write)
{
	struct access a = { .v = v, .regs = vm_ops->regs(v), .gpa = gpa };
	struct guest_control control;
	uint8_t bytes[INSN_MAX_LENGTH];
	size_t n;

	if (write && p2m_lookup(&v->domain->p2m, gpa_to_gfn(gpa)).type == P2M_GRANT_RO) {
		printk_ratelimited(KERN_WARNING "d%uv%u: write to a read-only grant at %lx\n",
				   v->domain->id, v->id, gpa.v);
		vm_ops->inject_exception(v, TRAP_GP, 0);
		return true;
	}
	n = fetch(v, bytes, &a.mode);
	if (decode_memory(bytes, n, a.mode, &a.insn)) {
		printk_ratelimited(KERN_WARNING
				   "d%uv%u: instruction %02x %02x %02x %02x at %lx not emulated\n",
				   v->domain->id, v->id, n > 0 ? bytes[0] : 0, n > 1 ? bytes[1] : 0,
				   n > 2 ? bytes[2] : 0, n > 3 ? bytes[3] : 0, a.regs->rip);
		return false;
	}
	a.linear = linear_address(&a, a.insn.segment, emulate_offset(a.regs, &a.insn));
	/*
	 * The core reaches memory with the rights of the guest's kernel. Its user land may name none: the
	 * instruction may be another one by now than the CPU had checked.
	 */
	vm_ops->get_control(v, &control);
	if (control.cpl == 3 && (a.insn.op == OP_MOVS || bytes_in_memory(&a))) {
		vm_ops->inject_exception(v, TRAP_GP, 0);
		return true;
	}
	return emulate(&a, write);
}

/*
 * No port belongs to a guest, but for the debug port. Reads give all ones, writes are dropped; no
 * line for it, since every kernel probes for a PC's devices. The PIT's counter reads as zero: to a
 * Linux that times its CPU by it, ones are one that has just begun, and it reads on 100,000 times.
 */
void hvm_pio(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint32_t *value)
{
	if (!write)
		*value = port == PIT_COUNTER2 ? 0 : ~0u;
	else if (port == DEBUG_PORT && size == 1)
		guest_console_putc(v->domain, (char)*value);
}
