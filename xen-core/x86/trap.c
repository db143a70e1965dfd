/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core runs with interrupts off; they arrive in irq_window() and while idle, and only leave a
 * note in cpu->pending. An exception in the core is a bug, but for the few instructions that have
 * an entry in the table of those that may fault.
 */
#include "x86/trap.h"
#include "lib/printk.h"
#include "lib/symbols.h"
#include "mm/heap.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/regs.h"
#include "x86/smp.h"
#include "lib/bitops.h"

struct idt_gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, zero;
};

struct tss {
	uint32_t zero;
	uint64_t rsp[3];
	uint64_t zero2, ist[7], zero3;
	uint16_t zero4, iomap;
} __attribute__((packed));

struct cpu_tables {
	uint64_t gdt[5];
	struct tss tss;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct extable_entry {
	uint64_t fault, fixup;
};

extern const char trap_stubs[];
extern const struct extable_entry core_extable_start[], core_extable_end[];

static struct idt_gate idt[256] __attribute__((aligned(16)));
static struct cpu_tables boot_tables;

#define STUB_SIZE 16

void traps_boot(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		uint64_t at = (uint64_t)trap_stubs + i * STUB_SIZE;

		idt[i] = (struct idt_gate) { .offset_low = (uint16_t)at,
					     .selector = SELECTOR_CODE,
					     .type = 0x8e,
					     .offset_mid = (uint16_t)(at >> 16),
					     .offset_high = (uint32_t)(at >> 32) };
	}
	idt[2].ist = IST_NMI;
	idt[8].ist = IST_DOUBLE;
	idt[18].ist = IST_MCHECK;
}

void traps_cpu_init(void)
{
	struct cpu_tables *t = smp_id() ? xzalloc(sizeof(*t)) : &boot_tables;
	struct table_pointer gdtr, idtr = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t base;

	BUG_ON(!t);
	base = (uint64_t)&t->tss;
	for (unsigned int i = 0; i < PCPU_NR_IST; i++)
		t->tss.ist[i] = pcpu_ist_top(i);
	t->tss.iomap = sizeof(t->tss);
	t->gdt[1] = 0x00af9b000000ffff;
	t->gdt[2] = 0x00cf93000000ffff;
	t->gdt[3] = (sizeof(t->tss) - 1) | (base & 0xffffff) << 16 | 0x89UL << 40 |
		    (base >> 24 & 0xff) << 56;
	t->gdt[4] = base >> 32;
	gdtr = (struct table_pointer) { sizeof(t->gdt) - 1, (uint64_t)t->gdt };
	asm volatile("lgdt %0\n\t"
		     "lidt %1\n\t"
		     "ltr %w2"
		     :
		     : "m"(gdtr), "m"(idtr), "r"(SELECTOR_TSS)
		     : "memory");
}

static bool fixup(struct trap_frame *f)
{
	for (const struct extable_entry *e = core_extable_start; e < core_extable_end; e++) {
		if (e->fault == f->rip) {
			f->rip = e->fixup;
			return true;
		}
	}
	return false;
}

static const struct trap_frame *panic_frame;

static void print_registers(const struct trap_frame *f)
{
	printk(KERN_ERR "rip %016lx rflags %08lx error %lx\n", f->rip, f->rflags, f->error);
	printk(KERN_ERR "rax %016lx rcx %016lx rdx %016lx rbx %016lx\n", f->rax, f->rcx, f->rdx,
	       f->rbx);
	printk(KERN_ERR "rsp %016lx rbp %016lx rsi %016lx rdi %016lx\n", f->rsp, f->rbp, f->rsi,
	       f->rdi);
	printk(KERN_ERR "r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10,
	       f->r11);
	printk(KERN_ERR "r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", f->r12, f->r13, f->r14,
	       f->r15);
	printk(KERN_ERR "cr2 %016lx cr3 %016lx\n", read_cr2(), read_cr3());
}

void arch_panic_stop(void)
{
	uint64_t rbp = (uint64_t)__builtin_frame_address(0);

	if (panic_frame) {
		uint64_t offset;
		const char *name = symbol_lookup(panic_frame->rip, &offset);

		print_registers(panic_frame);
		printk(KERN_ERR "at %s+0x%lx\n", name ? name : "?", name ? offset : 0);
		rbp = panic_frame->rbp;
	}
	backtrace_print(rbp, PERCPU_VA, PERCPU_VA + (1UL << 21));
	machine_stop_for_panic();
}

void trap_handler(struct trap_frame *f);
void trap_handler(struct trap_frame *f)
{
	switch (f->vector) {
	case VECTOR_TIMER:
		set_bit(WORK_TIMER, &this_cpu()->pending);
		apic_eoi();
		return;
	case VECTOR_KICK:
		apic_eoi();
		return;
	case VECTOR_SERIAL:
		set_bit(WORK_SERIAL, &this_cpu()->pending);
		apic_eoi();
		return;
	case VECTOR_SPURIOUS:
		return;
	case 2:
		if (machine_stopping())
			machine_halt_cpu();
		panic("NMI");
	default:
		break;
	}
	if (f->vector >= 32) {
		apic_eoi();
		printk_ratelimited(KERN_WARNING "spurious interrupt vector %lu\n", f->vector);
		return;
	}
	if (f->vector == 13 && fixup(f))
		return;
	panic_frame = f;
	panic("exception %lu", f->vector);
}

bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t lo = 0, hi = 0;
	uint8_t ok = 0;

	asm volatile("1: rdmsr\n\t"
		     "movb $1, %2\n\t"
		     "2:\n\t"
		     ".pushsection .extable, \"a\"\n\t"
		     ".quad 1b, 2b\n\t"
		     ".popsection"
		     : "+a"(lo), "+d"(hi), "+r"(ok)
		     : "c"(msr));
	*value = (uint64_t)hi << 32 | lo;
	return ok;
}

bool wrmsr_safe(uint32_t msr, uint64_t value)
{
	uint8_t ok = 0;

	asm volatile("1: wrmsr\n\t"
		     "movb $1, %0\n\t"
		     "2:\n\t"
		     ".pushsection .extable, \"a\"\n\t"
		     ".quad 1b, 2b\n\t"
		     ".popsection"
		     : "+r"(ok)
		     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
	return ok;
}
