/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and interrupts of the test kernels, and probes that survive an exception. */
#include "guest.h"

struct idt_entry {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

/* An instruction that may raise an exception, and where to go on then (vector in RAX). */
struct fixup {
	uint64_t at, resume;
};

extern const struct fixup fixups_start[], fixups_end[];
extern uint8_t trap_stubs[], irq_wait_halt[];

static struct idt_entry idt[256];
static vector_handler_t handlers[256];

void trap_init(void);
void trap_load(void);
void trap_dispatch(struct trap_frame *frame);

/* Loads the table on this vCPU. */
void trap_load(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
}

/* The distance of stubs: each starts at a multiple of 16 bytes. */
void trap_init(void)
{
	for (unsigned int vector = 0; vector < 256; vector++) {
		uint64_t stub = (uintptr_t)trap_stubs + vector * 16;

		idt[vector] = (struct idt_entry) {
			.offset_low = (uint16_t)stub,
			.selector = SEL_CODE,
			.type = 0x8e,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
		};
	}
	trap_load();
}

void vector_set_handler(unsigned int vector, vector_handler_t handler)
{
	handlers[vector] = handler;
}

void trap_dispatch(struct trap_frame *frame)
{
	if (frame->rip == (uintptr_t)irq_wait_halt)
		frame->rip++; /* a HLT is one byte */
	if (handlers[frame->vector]) {
		handlers[frame->vector](frame);
		return;
	}
	for (const struct fixup *fixup = fixups_start; fixup < fixups_end; fixup++) {
		if (fixup->at == frame->rip) {
			frame->rip = fixup->resume;
			frame->rax = frame->vector;
			return;
		}
	}
	print("FAIL exception: vector %lu error %lx rip %lx rsp %lx vcpu %u\n", frame->vector,
	      frame->error, frame->rip, frame->rsp, this_cpu());
	shutdown(SHUTDOWN_crash);
}

/* The instruction in TEXT; RAX is -1 behind it, or the vector of the exception that it raised. */
#define PROBE(text)                     \
	"1: " text "\n"                 \
	"mov $-1, %%rax\n"              \
	"2:\n"                          \
	".pushsection .fixups, \"a\"\n" \
	".quad 1b, 2b\n"                \
	".popsection\n"

int probe_read(const void *address, uint32_t *value)
{
	uint32_t got = 0;
	long result;

	__asm__ volatile(PROBE("movl (%[address]), %[got]")
			 : "=&a"(result), [got] "+&r"(got)
			 : [address] "r"(address)
			 : "memory");
	*value = got;
	return (int)result;
}

int probe_write(void *address, uint32_t value)
{
	long result;

	__asm__ volatile(PROBE("movl %[value], (%[address])")
			 : "=&a"(result)
			 : [address] "r"(address), [value] "r"(value)
			 : "memory");
	return (int)result;
}

int probe_rdmsr(uint32_t msr, uint64_t *value)
{
	uint32_t low = 0, high = 0;
	long result;

	__asm__ volatile(PROBE("rdmsr; movl %%eax, %[low]")
			 : "=&a"(result), [low] "+&r"(low), "+&d"(high)
			 : "c"(msr)
			 : "memory");
	*value = ((uint64_t)high << 32) | low;
	return (int)result;
}

int probe_wrmsr(uint32_t msr, uint64_t value)
{
	long result = (uint32_t)value;

	__asm__ volatile(PROBE("wrmsr")
			 : "+a"(result)
			 : "c"(msr), "d"((uint32_t)(value >> 32))
			 : "memory");
	return (int)result;
}

int probe_in(uint16_t port, uint8_t *value)
{
	uint8_t got = 0;
	long result;

	__asm__ volatile(PROBE("inb %%dx, %%al; movb %%al, %[got]")
			 : "=&a"(result), [got] "+&r"(got)
			 : "d"(port)
			 : "memory");
	*value = got;
	return (int)result;
}

int probe_out(uint16_t port, uint8_t value)
{
	long result = value;

	__asm__ volatile(PROBE("outb %%al, %%dx") : "+a"(result) : "d"(port) : "memory");
	return (int)result;
}
