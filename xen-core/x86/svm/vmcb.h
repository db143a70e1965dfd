/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual machine control block: AMD APM vol. 2, appendix B and § 15.5. */
#pragma once

#include "hvm/hvm.h"
#include "types.h"

/* Exit codes. Those below 0xa0 are also the numbers of the bits that ask for them (svm_intercept). */
#define VMEXIT_DR_READ	 0x020
#define VMEXIT_EXCEPTION 0x040
#define VMEXIT_INTR	 0x060
#define VMEXIT_NMI	 0x061
#define VMEXIT_SMI	 0x062
#define VMEXIT_INIT	 0x063
#define VMEXIT_VINTR	 0x064
#define VMEXIT_RDPMC	 0x06f
#define VMEXIT_CPUID	 0x072
#define VMEXIT_IRET	 0x074
#define VMEXIT_INVD	 0x076
#define VMEXIT_HLT	 0x078
#define VMEXIT_INVLPGA	 0x07a
#define VMEXIT_IOIO	 0x07b
#define VMEXIT_MSR	 0x07c
#define VMEXIT_TASK	 0x07d
#define VMEXIT_FERR	 0x07e
#define VMEXIT_SHUTDOWN	 0x07f
#define VMEXIT_VMRUN	 0x080
#define VMEXIT_VMMCALL	 0x081
#define VMEXIT_VMLOAD	 0x082
#define VMEXIT_VMSAVE	 0x083
#define VMEXIT_STGI	 0x084
#define VMEXIT_CLGI	 0x085
#define VMEXIT_SKINIT	 0x086
#define VMEXIT_WBINVD	 0x089
#define VMEXIT_MONITOR	 0x08a
#define VMEXIT_MWAIT	 0x08b
#define VMEXIT_MWAIT_C	 0x08c
#define VMEXIT_XSETBV	 0x08d
#define VMEXIT_RDPRU	 0x08e
#define VMEXIT_NPF	 0x400

/* Event injection and EXITINTINFO. */
#define EVENT_VALID	 (1UL << 31)
#define EVENT_ERROR	 (1UL << 11)
#define EVENT_TYPE(e)	 ((e) >> 8 & 7)
#define EVENT_INTR	 0
#define EVENT_NMI	 2
#define EVENT_EXCEPTION	 3
#define EVENT_SOFT	 4

#define VINTR_TPR_MASK	 0xfUL
#define VINTR_IRQ	 (1UL << 8)
#define VINTR_PRIO_MAX	 (0xfUL << 16)
#define VINTR_IGN_TPR	 (1UL << 20)
#define VINTR_MASKING	 (1UL << 24)
#define VINTR_VECTOR(v)	 ((uint64_t)(v) << 32)

#define TLB_FLUSH_ALL	 1

struct vmcb {
	uint32_t intercepts[5];
	uint8_t reserved1[0x3c - 0x14];
	uint16_t pause_threshold, pause_count;
	uint64_t iopm, msrpm, tsc_offset;
	uint32_t asid;
	uint8_t tlb_control, reserved2[3];
	uint64_t vintr, int_shadow;
	uint64_t exitcode, exitinfo1, exitinfo2, exitintinfo;
	uint64_t np_enable, avic_bar, ghcb, eventinj, n_cr3, lbr;
	uint32_t clean, reserved3;
	uint64_t nrip;
	uint8_t fetched, bytes[15];
	uint8_t reserved4[0x400 - 0xe0];
	struct guest_segment seg[SEG_COUNT];
	uint8_t reserved5[0x4cb - 0x4a0];
	uint8_t cpl;
	uint8_t reserved6[4];
	uint64_t efer;
	uint8_t reserved7[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved8[0x5d8 - 0x580];
	uint64_t rsp, s_cet, ssp, isst, rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved9[0x668 - 0x648];
	uint64_t g_pat, debugctl, br_from, br_to, exception_from, exception_to;
	uint8_t reserved10[0x1000 - 0x698];
};

_Static_assert(offsetof(struct vmcb, iopm) == 0x40, "VMCB layout");
_Static_assert(offsetof(struct vmcb, vintr) == 0x60, "VMCB layout");
_Static_assert(offsetof(struct vmcb, np_enable) == 0x90, "VMCB layout");
_Static_assert(offsetof(struct vmcb, nrip) == 0xc8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "VMCB layout");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB layout");

/* Asks the CPU to leave the guest for the exit code @exit, or not to. */
static inline void svm_intercept(struct vmcb *c, unsigned int exit, bool on)
{
	uint32_t bit = 1U << exit % 32;

	c->intercepts[exit / 32] = (c->intercepts[exit / 32] & ~bit) | (on ? bit : 0);
}

static inline bool svm_intercepts(const struct vmcb *c, unsigned int exit)
{
	return c->intercepts[exit / 32] & 1U << exit % 32;
}
