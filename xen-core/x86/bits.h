/* SPDX-License-Identifier: BSD-2-Clause */
/* What the architecture calls its bits, in the core's own registers and tables and in guests'. */
#pragma once

#define CR0_PE	    (1UL << 0)
#define CR0_ET	    (1UL << 4)
#define CR0_WP	    (1UL << 16)
#define CR0_NW	    (1UL << 29)
#define CR0_CD	    (1UL << 30)
#define CR0_PG	    (1UL << 31)

#define CR4_PSE	    (1UL << 4)
#define CR4_PAE	    (1UL << 5)
#define CR4_LA57    (1UL << 12)
#define CR4_OSXSAVE (1UL << 18)
#define CR4_SMEP    (1UL << 20)
#define CR4_SMAP    (1UL << 21)

#define EFER_SCE    (1UL << 0)
#define EFER_LME    (1UL << 8)
#define EFER_LMA    (1UL << 10)
#define EFER_NXE    (1UL << 11)
#define EFER_SVME   (1UL << 12)

#define RFLAGS_IF   (1UL << 9)

/* Page-table entries, nested ones too. */
#define PTE_P	    (1UL << 0)
#define PTE_W	    (1UL << 1)
#define PTE_U	    (1UL << 2)
#define PTE_PWT	    (1UL << 3)
#define PTE_PCD	    (1UL << 4)
#define PTE_A	    (1UL << 5)
#define PTE_D	    (1UL << 6)
#define PTE_PS	    (1UL << 7)
#define PTE_NX	    (1UL << 63)
#define PTE_ADDR    0x000ffffffffff000UL

/* Exceptions. */
enum {
	TRAP_DE = 0,
	TRAP_DB = 1,
	TRAP_NMI = 2,
	TRAP_BP = 3,
	TRAP_OF = 4,
	TRAP_UD = 6,
	TRAP_DF = 8,
	TRAP_TS = 10,
	TRAP_GP = 13,
	TRAP_PF = 14,
	TRAP_AC = 17,
	TRAP_MC = 18,
};
