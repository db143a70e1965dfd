/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core ("an access outside the guest's map is handled or kills that guest, with a log line"),
 * REQ core/7: emulated accesses to the local APIC, to read-only memory and to nothing.
 */
#include <string.h>
#include "support/fake_hvm.h"
#include "hvm/decode.h"
#include "hvm/emulate.h"

#define V(n)	(&fake_vcpus[n])
#define REGS	(&fake_state[0].regs)
#define CODE	0x1000UL
#define RAM	0x3000UL
#define NOTHING (FAKE_PAGES * PAGE_SIZE + 0x10000)
#define APIC	0xfee00000UL

/* Puts @code at rip and lets nested paging refuse its access to @gpa. */
static bool run_code(const char *code, size_t n, uint64_t gpa, bool write)
{
	memcpy(fake_memory + CODE, code, n);
	REGS->rip = CODE;
	return hvm_mmio(V(0), (gpa_t) { gpa }, write);
}
/* One that works and is complete. */
#define run(code, gpa, write)                                              \
	do {                                                               \
		assert_true(run_code(code, sizeof(code) - 1, gpa, write)); \
		assert_int_equal(REGS->rip, CODE + sizeof(code) - 1);      \
	} while (0)

/*
 * REQ DESIGN 6 (no long stretches): a repeated string instruction does one element of @step bytes in
 * each exit, and is complete when none is left.
 */
static void repeat(const char *code, uint64_t gpa, bool write, int step)
{
	uint64_t left = REGS->rcx;

	memcpy(fake_memory + CODE, code, strlen(code));
	REGS->rip = CODE;
	do {
		assert_int_equal(REGS->rip, CODE);
		assert_true(hvm_mmio(V(0), (gpa_t) { gpa }, write));
		gpa += step;
		left -= left > 0;
		assert_int_equal(REGS->rcx, left);
	} while (left);
	assert_int_equal(REGS->rip, CODE + strlen(code));
}

static void apic_access(void **state)
{
	(void)state;
	REGS->rdi = APIC + 0xf0;
	REGS->rax = 0x1ff;
	run("\x89\x07", APIC + 0xf0, true); /* mov %eax,(%rdi) */
	REGS->rax = ~0UL;
	run("\x8b\x07", APIC + 0xf0, false);
	assert_int_equal(REGS->rax, 0x1ff);
	vlapic_set_irq(V(0), 0x80);
	vlapic_ack(V(0), 0x80);
	run("\xc7\x04\x25\xb0\x00\xe0\xfe\x00\x00\x00\x00", APIC + 0xb0, true); /* EOI */
	run("\x48\x8b\x07", APIC + 0x140, false);
	assert_int_equal(REGS->rax, 0);
	/* Parts of a register can be read; only whole ones are written. */
	run("\x0f\xb6\x47\x01", APIC + 0xf1, false); /* movzbl 1(%rdi),%eax */
	assert_int_equal(REGS->rax, 1);
	run("\x66\x8b\x07", APIC + 0xf2, false);
	assert_int_equal(REGS->rax, 0);
	run("\x8b\x07", APIC + 0xf2, false); /* across a register's end */
	assert_int_equal(REGS->rax, 0xffffffff);
	run("\xc6\x07\x05", APIC + 0x80, true);
	assert_int_equal(vlapic_get_tpr(V(0)), 0);
	run("\xc7\x07\x05\x00\x00\x00", APIC + 0x84, true);
	assert_int_equal(vlapic_get_tpr(V(0)), 0);
	run("\xc7\x07\x05\x00\x00\x00", APIC + 0x80, true);
	assert_int_equal(vlapic_get_tpr(V(0)), 5);
	run("\x83\x0f\x20", APIC + 0x80, true); /* orl $0x20,(%rdi) */
	assert_int_equal(vlapic_get_tpr(V(0)), 0x25);
	REGS->rax = 0x30;
	run("\x87\x07", APIC + 0x80, true); /* xchg */
	assert_int_equal(REGS->rax, 0x25);
	assert_int_equal(vlapic_get_tpr(V(0)), 0x30);
	run("\x85\x07", APIC + 0x80, false); /* test */
	assert_false(REGS->rflags & FLAG_ZF);
	assert_int_equal(vlapic_get_tpr(V(0)), 0x30);
	REGS->rax = 0x30;
	run("\x3b\x07", APIC + 0x80, false); /* cmp (%rdi),%eax */
	assert_true(REGS->rflags & FLAG_ZF);
	assert_int_equal(REGS->rax, 0x30);
	assert_int_equal(fake_host.messages, 0);
	/* In x2APIC mode nothing is there. */
	assert_true(hvm_wrmsr(V(0), 0x1b, APIC | 0xd00));
	run("\x8b\x07", APIC + 0x80, false);
	assert_int_equal(REGS->rax, 0xffffffff);
	assert_int_equal(fake_host.messages, 1);
}

static void nothing_there(void **state)
{
	(void)state;
	REGS->rdi = NOTHING;
	REGS->rax = 0x1234567812345678;
	run("\x8a\x07", NOTHING, false);
	assert_int_equal(REGS->rax, 0x12345678123456ff);
	run("\x66\x8b\x07", NOTHING, false);
	assert_int_equal(REGS->rax, 0x123456781234ffff);
	run("\x8b\x07", NOTHING, false);
	assert_int_equal(REGS->rax, 0xffffffff);
	run("\x0f\xb7\x07", NOTHING, false);
	assert_int_equal(REGS->rax, 0xffff);
	run("\x48\x0f\xbe\x07", NOTHING, false);
	assert_int_equal(REGS->rax, ~0UL);
	run("\x48\x8b\x07", NOTHING, false);
	assert_int_equal(REGS->rax, ~0UL);
	REGS->rax = 0;
	run("\x48\x03\x07", NOTHING, false); /* add (%rdi),%rax */
	assert_int_equal(REGS->rax, ~0UL);
	run("\x48\x89\x07", NOTHING, true);
	run("\xf0\x83\x27\x00", NOTHING, true); /* lock andl */
	run("\x48\xa1\x00\x00\x02\x00\x00\x00\x00\x00", 0x20000, false);
	assert_true(fake_host.messages >= 10);
	/* The end of the address space. */
	REGS->rdi = ~0UL;
	run("\x48\x8b\x07", ~0UL, false);
	run("\x48\x89\x07", ~0UL, true);
}

static void read_only_memory(void **state)
{
	(void)state;
	fake_type[RAM >> PAGE_SHIFT] = P2M_RAM_RO;
	memcpy(fake_memory + RAM, "\x10\x32\x54\x76", 4);
	REGS->rdi = RAM;
	REGS->rax = 5;
	run("\x89\x07", RAM, true);
	assert_memory_equal(fake_memory + RAM, "\x10\x32\x54\x76", 4);
	assert_int_equal(fake_host.messages, 0); /* dropped without a word */
	run("\x87\x07", RAM, true);		 /* xchg reads what is there */
	assert_int_equal(REGS->rax, 0x76543210);
	run("\x83\x2f\x10", RAM, true); /* subl */
	assert_false(REGS->rflags & FLAG_ZF);
	assert_memory_equal(fake_memory + RAM, "\x10\x32\x54\x76", 4);
}

/* REQ core/5: a grant mapped read-only and written to is the writer's fault. */
static void read_only_grant(void **state)
{
	(void)state;
	fake_type[RAM >> PAGE_SHIFT] = P2M_GRANT_RO;
	REGS->rdi = RAM;
	assert_true(run_code("\x89\x07", 2, RAM, true));
	assert_int_equal(fake_state[0].exception, 13);
	assert_int_equal(REGS->rip, CODE); /* at the instruction */
	assert_int_equal(fake_host.messages, 1);
}

/* An unaligned access that ends in a hole: the part in memory is memory. */
static void across_the_end_of_memory(void **state)
{
	const uint64_t end = FAKE_PAGES * PAGE_SIZE;

	(void)state;
	memcpy(fake_memory + end - 4, "\x01\x02\x03\x04", 4);
	REGS->rdi = end - 3;
	run("\x48\x8b\x07", end, false);
	assert_int_equal(REGS->rax, 0xffffffffff040302);
	REGS->rax = 0x8877665544332211;
	run("\x48\x89\x07", end, true);
	assert_memory_equal(fake_memory + end - 4, "\x01\x11\x22\x33", 4);
	/* And when the first part is not there either, it is refused. */
	REGS->rdi = NOTHING + 0xffd;
	assert_false(run_code("\x48\x8b\x07", 3, NOTHING + 0x1000, false));
	assert_false(run_code("\x48\x89\x07", 3, NOTHING + 0x1000, true));
}

static void strings(void **state)
{
	(void)state;
	/* rep movsl from nothing to memory, 16 elements */
	REGS->rsi = NOTHING;
	REGS->rdi = RAM;
	REGS->rcx = 16;
	repeat("\xf3\xa5", NOTHING, false, 4);
	assert_int_equal(REGS->rcx, 0);
	assert_int_equal(REGS->rsi, NOTHING + 64);
	assert_int_equal(REGS->rdi, RAM + 64);
	assert_int_equal(fake_memory[RAM + 63], 0xff);
	assert_int_equal(fake_memory[RAM + 64], 0);
	/* from memory to the local APIC */
	memcpy(fake_memory + RAM, "\x40\x00\x00\x00", 4);
	REGS->rsi = RAM;
	REGS->rdi = APIC + 0x80;
	run("\xa5", APIC + 0x80, true);
	assert_int_equal(vlapic_get_tpr(V(0)), 0x40);
	assert_int_equal(REGS->rdi, APIC + 0x84);
	/* backwards */
	REGS->rsi = NOTHING + 8;
	REGS->rdi = RAM + 8;
	REGS->rcx = 3;
	REGS->rflags = FLAG_DF;
	memset(fake_memory + RAM, 0, 64);
	repeat("\xf3\xa4", NOTHING + 8, false, -1);
	assert_memory_equal(fake_memory + RAM, "\0\0\0\0\0\0\xff\xff\xff\0", 10);
	assert_int_equal(REGS->rdi, RAM + 5);
	REGS->rflags = 0;
	/* stos and lods */
	REGS->rdi = NOTHING;
	REGS->rcx = 0x100;
	repeat("\xf3\x48\xab", NOTHING, true, 8);
	assert_int_equal(REGS->rdi, NOTHING + 0x800);
	REGS->rsi = NOTHING;
	REGS->rax = 0;
	run("\xad", NOTHING, false);
	assert_int_equal(REGS->rax, 0xffffffff);
	assert_int_equal(REGS->rsi, NOTHING + 4);
	/* a count of 0 does nothing */
	REGS->rcx = 0;
	REGS->rdi = NOTHING;
	repeat("\xf3\xaa", NOTHING, true, 1);
	assert_int_equal(REGS->rdi, NOTHING);
	/* not the side that was refused: somebody has changed the instruction */
	assert_false(run_code("\xaa", 1, NOTHING, false));
	assert_false(run_code("\xac", 1, NOTHING, true));
	/* the other side is no memory */
	REGS->rsi = NOTHING;
	REGS->rdi = NOTHING + 0x4000;
	assert_false(run_code("\xa4", 1, NOTHING, false));
	assert_false(run_code("\xa4", 1, NOTHING + 0x4000, true));
	REGS->rcx = 5;
	assert_false(run_code("\xf3\xa4", 2, NOTHING, false));
}

/*
 * REQ core/7: user land of a guest can't make the core read or write its kernel's memory for it, by an
 * instruction that another vCPU puts in the place of the one that was refused.
 */
static void user_land(void **state)
{
	(void)state;
	fake_state[0].cpl = 3;
	REGS->rsi = NOTHING;
	REGS->rdi = RAM;
	fake_memory[RAM] = 0x55;
	assert_true(run_code("\xa4", 1, NOTHING, false)); /* movsb */
	assert_int_equal(fake_state[0].exception, 13);
	assert_int_equal(fake_memory[RAM], 0x55);
	fake_state[0].exception = -1;
	REGS->rdi = RAM + 0xffe;
	REGS->rax = 0x11223344;
	assert_true(run_code("\x89\x07", 2, NOTHING, true)); /* mov %eax,(%rdi), across a page */
	assert_int_equal(fake_state[0].exception, 13);
	assert_int_equal(fake_memory[RAM + 0xffe], 0);
	fake_state[0].exception = -1;
	/* What reaches no memory but the refused place is done. */
	REGS->rdi = NOTHING;
	run("\x89\x07", NOTHING, true);
	run("\xaa", NOTHING, true);
	assert_int_equal(fake_state[0].exception, -1);
}

static void other_modes(void **state)
{
	struct fake_vcpu *f = &fake_state[0];

	(void)state;
	f->long_mode = false;
	f->segment[SEG_CS] = (struct guest_segment) { .base = 0, .attr = 1 << 10 };
	f->segment[SEG_ES].base = 0x1000;
	REGS->rax = 0;
	run("\xa1\x00\x00\x02\x00", 0x20000, false); /* 32 bits: mov 0x20000,%eax */
	assert_int_equal(REGS->rax, 0xffffffff);
	REGS->rsi = NOTHING; /* movsb with a segment base on the other side */
	REGS->rdi = RAM;
	run("\xa4", NOTHING, false);
	assert_int_equal(fake_memory[RAM + 0x1000], 0xff);
	/* 16 bits: rip is relative to CS; only cx counts */
	f->segment[SEG_CS] = (struct guest_segment) { .base = CODE, .attr = 0 };
	memcpy(fake_memory + CODE + 0x10, "\xf3\xaa", 2);
	REGS->rip = 0x10;
	REGS->rcx = 0x70002;
	REGS->rdi = 0x5fff0;
	assert_true(hvm_mmio(V(0), (gpa_t) { NOTHING + 0xf00 }, true));
	assert_int_equal(REGS->rcx, 0x70001);
	assert_int_equal(REGS->rip, 0x10);
	assert_true(hvm_mmio(V(0), (gpa_t) { NOTHING + 0xf01 }, true));
	assert_int_equal(REGS->rcx, 0x70000);
	assert_int_equal(REGS->rdi, 0x5fff2);
	assert_int_equal(REGS->rip, 0x12);
	/* rip does not leave 32 bits */
	f->segment[SEG_CS] = (struct guest_segment) { .base = CODE + 2, .attr = 1 << 10 };
	memcpy(fake_memory + CODE, "\x8b\x07", 2);
	REGS->rip = 0xfffffffe;
	assert_true(hvm_mmio(V(0), (gpa_t) { NOTHING }, false));
	assert_int_equal(REGS->rip, 0);
	/* FS has a base in 64-bit code */
	f->long_mode = true;
	f->segment[SEG_FS].base = FAKE_PAGES * PAGE_SIZE - 0x10;
	fake_memory[FAKE_PAGES * PAGE_SIZE - 1] = 0x42;
	REGS->rdi = 0xf;
	run("\x64\x66\x8b\x07", FAKE_PAGES * PAGE_SIZE, false);
	assert_int_equal(REGS->rax & 0xffff, 0xff42);
}

static void not_emulated(void **state)
{
	(void)state;
	REGS->rdi = NOTHING;
	assert_false(run_code("\x0f\x10\x07", 3, NOTHING, false)); /* movups */
	assert_false(run_code("\xff\x37", 2, NOTHING, false));	   /* push */
	assert_false(run_code("\x8b\x07", 2, NOTHING, true)); /* a load, but a write was refused */
	assert_int_equal(REGS->rip, CODE);
	assert_int_equal(fake_host.messages, 2);
	REGS->rip = NOTHING; /* code that can't be read */
	assert_false(hvm_mmio(V(0), (gpa_t) { NOTHING }, false));
	/* The last bytes before code that can't be read. */
	REGS->rip = FAKE_PAGES * PAGE_SIZE - 2;
	memcpy(fake_memory + REGS->rip, "\x8b\x07", 2);
	assert_true(hvm_mmio(V(0), (gpa_t) { NOTHING }, false));
	REGS->rip = FAKE_PAGES * PAGE_SIZE - 1;
	fake_memory[REGS->rip] = 0x8b;
	assert_false(hvm_mmio(V(0), (gpa_t) { NOTHING }, false));
}

static void instruction_lengths(void **state)
{
	(void)state;
	REGS->rip = CODE;
	memcpy(fake_memory + CODE, "\x66\x0f\xa2", 3);
	assert_int_equal(hvm_insn_length(V(0), INSN_CPUID), 3);
	assert_int_equal(hvm_insn_length(V(0), INSN_RDMSR), 0);
	REGS->rip = NOTHING;
	assert_int_equal(hvm_insn_length(V(0), INSN_CPUID), 0);
}

static unsigned int debug_bytes;

void guest_console_putc(struct domain *d, char c)
{
	assert_ptr_equal(d, &fake_domain);
	assert_int_equal(c, 7);
	debug_bytes++;
}

static void ports(void **state)
{
	uint32_t value = 5;

	(void)state;
	hvm_pio(V(0), 0xcfc, 4, false, &value);
	assert_int_equal(value, ~0u);
	hvm_pio(V(0), 0x42, 1, false, &value); /* not what Linux's wait for the PIT begins with */
	assert_int_equal(value, 0);
	value = 7;
	hvm_pio(V(0), 0x80, 1, true, &value);
	hvm_pio(V(0), 0xe9, 2, true, &value);
	assert_int_equal(value, 7);
	assert_int_equal(debug_bytes, 0);
	hvm_pio(V(0), 0xe9, 1, true, &value);
	assert_int_equal(debug_bytes, 1);
	hvm_pio(V(0), 0xe9, 1, false, &value);
	assert_int_equal(value, ~0u);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fake_hvm_setup, fake_hvm_teardown)
	const struct CMUnitTest tests[] = {
		T(apic_access),
		T(nothing_there),
		T(read_only_memory),
		T(read_only_grant),
		T(across_the_end_of_memory),
		T(strings),
		T(user_land),
		T(other_modes),
		T(not_emulated),
		T(instruction_lengths),
		T(ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
