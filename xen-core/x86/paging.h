/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core's own address space. Top-level slots:
 *
 *	256 …	CORE_BASE: a core frame at its machine address, mapped only while it is the core's
 *	496	FRAME_TABLE_VA: records of all frames (mm/frame.c)
 *	497	MMIO_VA: registers of the APICs, HPET, IOMMU
 *	510	private to each CPU: its record's pointer, windows, stacks
 *	511	the core's image
 *
 * All but slot 510 are the same tables on each CPU.
 */
#pragma once

#include "types.h"
#include "x86/bits.h"
#include "x86/cpu.h"

#define CORE_BASE	 0xffff800000000000UL
#define FRAME_TABLE_VA	 0xfffff80000000000UL
#define MMIO_VA		 0xfffff88000000000UL
#define IMAGE_VIRT	 0xffffffff80000000UL

/* Layout of a CPU's private region, in pages. Pages between are never mapped: guards. */
#define PCPU_RECORD	 0 /* pointer to struct cpu */
#define PCPU_TABLE	 1 /* the level-1 table of this very region */
#define PCPU_WINDOWS	 16
#define PCPU_NR_WINDOWS	 16
#define PCPU_STACK	 64
#define PCPU_STACK_PAGES 4
#define PCPU_IST	 80 /* one page of stack for NMI, #DF and #MC */
#define pcpu_va(page)	 ((void *)(PERCPU_VA + (uint64_t)(page)*PAGE_SIZE))
#define PCPU_STACK_TOP	 (PERCPU_VA + (PCPU_STACK + PCPU_STACK_PAGES) * PAGE_SIZE)
#define PCPU_IST_TOP	 (PERCPU_VA + (PCPU_IST + 1) * PAGE_SIZE)

/* Boot: while the identity map of the first 4 GiB is there. */
static inline void *boot_ptr(maddr_t addr)
{
	return (void *)addr.v;
}

/*
 * Builds the shared tables, and those of @nr_cpus CPUs with their records, from frames that @alloc
 * hands out one by one (zeroed, below 4 GiB), for machine frames below @max_mfn. @has_memory tells
 * where the frame table needs backing.
 */
void paging_boot(maddr_t (*alloc)(void), uint64_t max_mfn,
		 bool (*has_memory)(mfn_t start, uint64_t n), unsigned int nr_cpus);

/* Leaves the boot tables for the boot CPU's own, on its own stack, and calls @next. */
void paging_switch(void (*next)(void)) __attribute__((noreturn));

/* Maps and unmaps a core frame at core_va(). -ENOMEM. Under LOCK_HEAP. */
int core_map(mfn_t mfn);
void core_unmap(mfn_t mfn);

/* Maps device registers, uncached, for good. NULL when there is no room. */
void *mmio_map(maddr_t addr, size_t size);

/* Raised by core_unmap; a CPU that sees a change flushes its TLB (x86/epoch.c). */
extern uint64_t core_tlb_generation;
