/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's address space: see paging.h for its layout. */
#include "x86/paging.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/core_pages.h"
#include "mm/frame.h"
#include "x86/regs.h"

#define ENTRIES	       512
#define SLOT_CORE      256
#define MAX_CORE_SLOTS 128 /* 64 TiB */
#define PTE_DATA       (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)

/* The image's sections, from the linker script. */
extern char core_image_start[], core_text_end[], core_rodata_end[], core_image_end[];

static uint64_t shared_l4[ENTRIES] __attribute__((aligned(4096)));
static struct cpu cpu_records[MAX_CPUS];
struct cpu *cpus[MAX_CPUS];
uint64_t core_tlb_generation;

static unsigned int pt_index(uint64_t va, unsigned int level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

/* Boot: the level-1 entry for @va below @l4, making tables as needed. */
static uint64_t *boot_walk(uint64_t *l4, uint64_t va, maddr_t (*alloc)(void))
{
	uint64_t *table = l4;

	for (unsigned int level = 4; level > 1; level--) {
		uint64_t *e = &table[pt_index(va, level)];

		if (!(*e & PTE_P))
			*e = alloc().v | PTE_P | PTE_W | PTE_A;
		table = boot_ptr((maddr_t) { *e & PTE_ADDR });
	}
	return &table[pt_index(va, 1)];
}

static void boot_map_image(maddr_t (*alloc)(void))
{
	for (char *va = core_image_start; va < core_image_end; va += PAGE_SIZE) {
		uint64_t rights = PTE_W | PTE_D | PTE_NX;

		if (va < core_text_end)
			rights = 0;
		else if (va < core_rodata_end)
			rights = PTE_NX;
		*boot_walk(shared_l4, (uint64_t)va, alloc) =
			((uint64_t)va - IMAGE_VIRT) | PTE_P | PTE_A | rights;
	}
}

/* Records of 256 frames fit a page; where there is no memory, all share one page of zeros. */
static void boot_map_frame_table(maddr_t (*alloc)(void), uint64_t max_mfn,
				 bool (*has_memory)(mfn_t start, uint64_t n))
{
	const uint64_t per_page = PAGE_SIZE / sizeof(struct frame);
	maddr_t zeros = alloc();

	for (uint64_t mfn = 0; mfn < max_mfn; mfn += per_page) {
		uint64_t va = FRAME_TABLE_VA + mfn * sizeof(struct frame);
		bool backed = has_memory((mfn_t) { mfn }, per_page);

		*boot_walk(shared_l4, va, alloc) =
			(backed ? alloc().v | PTE_W | PTE_D : zeros.v) | PTE_P | PTE_A | PTE_NX;
	}
}

/* A CPU's top-level table and private region. */
static void boot_map_cpu(struct cpu *cpu, maddr_t (*alloc)(void))
{
	maddr_t root = alloc(), record = alloc();
	uint64_t *l4 = boot_ptr(root), *l1;

	memcpy(l4, shared_l4, PAGE_SIZE);
	l1 = boot_walk(l4, PERCPU_VA, alloc);
	l1[PCPU_RECORD] = record.v | PTE_DATA;
	l1[PCPU_TABLE] = (uint64_t)l1 | PTE_DATA;
	for (unsigned int i = 0; i < PCPU_STACK_PAGES; i++)
		l1[PCPU_STACK + i] = alloc().v | PTE_DATA;
	l1[PCPU_IST] = alloc().v | PTE_DATA;
	*(struct cpu **)boot_ptr(record) = cpu;
	cpu->root = root;
}

void paging_boot(maddr_t (*alloc)(void), uint64_t max_mfn,
		 bool (*has_memory)(mfn_t start, uint64_t n), unsigned int nr_cpus)
{
	uint64_t slots = DIV_ROUND_UP(max_mfn, 1UL << 27);

	boot_map_image(alloc);
	boot_map_frame_table(alloc, max_mfn, has_memory);
	for (uint64_t i = 0; i < min(slots, (uint64_t)MAX_CORE_SLOTS); i++)
		shared_l4[SLOT_CORE + i] = alloc().v | PTE_P | PTE_W | PTE_A;
	/* One level-2 and one level-1 table of registers: 2 MiB are plenty. */
	boot_walk(shared_l4, MMIO_VA, alloc);
	for (unsigned int i = 0; i < nr_cpus; i++) {
		cpus[i] = &cpu_records[i];
		cpus[i]->id = i;
		boot_map_cpu(cpus[i], alloc);
	}
}

void paging_switch(void (*next)(void))
{
	asm volatile("mov %0, %%cr3\n\t"
		     "mov %1, %%rsp\n\t"
		     "xor %%ebp, %%ebp\n\t"
		     "call *%2\n\t"
		     "ud2"
		     :
		     : "r"(cpus[0]->root.v), "r"(PCPU_STACK_TOP), "r"(next)
		     : "memory");
	__builtin_unreachable();
}

/* The frame of the level-1 table that maps @va, made where it is missing; MFN_INVALID: no memory. */
static mfn_t core_table(uint64_t va)
{
	mfn_t table = maddr_to_mfn((maddr_t) { shared_l4[pt_index(va, 4)] & PTE_ADDR });

	for (unsigned int level = 3; level > 1 && !mfn_eq(table, MFN_INVALID); level--) {
		uint64_t *t = window_open(table), *e = &t[pt_index(va, level)];

		table = *e & PTE_P ? maddr_to_mfn((maddr_t) { *e & PTE_ADDR })
				   : frame_alloc_core(0);
		if (!(*e & PTE_P) && !mfn_eq(table, MFN_INVALID))
			*e = mfn_to_maddr(table).v | PTE_P | PTE_W | PTE_A;
		window_close(t);
	}
	return table;
}

/* Sets the level-1 entry for @va. */
static int core_set(uint64_t va, uint64_t pte)
{
	mfn_t table = core_table(va);
	uint64_t *t;

	if (mfn_eq(table, MFN_INVALID))
		return -ENOMEM;
	t = window_open(table);
	t[pt_index(va, 1)] = pte;
	window_close(t);
	return 0;
}

int core_map(mfn_t mfn)
{
	maddr_t at = mfn_to_maddr(mfn);

	return core_set(CORE_BASE + at.v, at.v | PTE_DATA);
}

void core_unmap(mfn_t mfn)
{
	uint64_t va = CORE_BASE + mfn_to_maddr(mfn).v;

	core_set(va, 0);
	invlpg((void *)va);
	__atomic_add_fetch(&core_tlb_generation, 1, __ATOMIC_SEQ_CST);
}

void *mmio_map(maddr_t addr, size_t size)
{
	static uint64_t next = MMIO_VA;
	uint64_t start = addr.v & PAGE_MASK, end = ROUND_UP(addr.v + size, PAGE_SIZE), va = next;

	if (next + (end - start) > MMIO_VA + (1UL << 21))
		return NULL;
	for (; start < end; start += PAGE_SIZE, next += PAGE_SIZE)
		core_set(next, start | PTE_DATA | PTE_PCD | PTE_PWT);
	return (void *)(va + (addr.v & ~PAGE_MASK));
}

void *window_open(mfn_t mfn)
{
	unsigned int slot = this_cpu()->window_depth++;
	uint64_t *l1 = pcpu_va(PCPU_TABLE);

	BUG_ON(slot >= PCPU_NR_WINDOWS);
	l1[PCPU_WINDOWS + slot] = mfn_to_maddr(mfn).v | PTE_DATA;
	return pcpu_va(PCPU_WINDOWS + slot);
}

void window_close(void *va)
{
	unsigned int slot = --this_cpu()->window_depth;
	uint64_t *l1 = pcpu_va(PCPU_TABLE);

	BUG_ON(((uint64_t)va & PAGE_MASK) != (uint64_t)pcpu_va(PCPU_WINDOWS + slot));
	l1[PCPU_WINDOWS + slot] = 0;
	invlpg(va);
}
