/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core runs with interrupts off; they arrive in irq_window() and while idle, and only leave a
 * note in cpu->pending. An exception in the core is a bug.
 */
#include "x86/trap.h"
#include "lib/printk.h"
#include "lib/symbols.h"
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

extern const char trap_stubs[];

static struct idt_gate idt[256] __attribute__((aligned(16)));
static struct cpu_tables tables[MAX_CPUS];

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
	/* These come at any time, on any stack. None of them returns, so they can share one. */
	idt[TRAP_NMI].ist = idt[TRAP_DF].ist = idt[TRAP_MC].ist = 1;
}

void traps_cpu_init(void)
{
	struct cpu_tables *t = &tables[smp_id()];
	struct table_pointer gdtr, idtr = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t base = (uint64_t)&t->tss;

	t->tss.ist[0] = PCPU_IST_TOP;
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
		break;
	case VECTOR_SERIAL:
		set_bit(WORK_SERIAL, &this_cpu()->pending);
		break;
	case VECTOR_KICK:
		break;
	case VECTOR_SPURIOUS:
		return;
	case TRAP_NMI:
		machine_nmi();
	default:
		if (f->vector < 32) {
			panic_frame = f;
			panic("exception %lu", f->vector);
		}
		printk_ratelimited(KERN_WARNING "spurious interrupt vector %lu\n", f->vector);
	}
	apic_eoi();
}
