/* SPDX-License-Identifier: BSD-2-Clause */
/* What this folder keeps of a vCPU. Private to hvm/. */
#pragma once

#include "domain/domain.h"
#include "hvm/vlapic.h"
#include "sched/timer.h"

/* Registers: a page has one every 16 bytes, x2APIC one MSR each, from 0x800. */
enum {
	REG_ID = 0x2,
	REG_VERSION = 0x3,
	REG_TPR = 0x8,
	REG_PPR = 0xa,
	REG_EOI = 0xb,
	REG_LDR = 0xd,
	REG_DFR = 0xe,
	REG_SVR = 0xf,
	REG_ISR = 0x10, /* eight */
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_ICR = 0x30,
	REG_ICR2 = 0x31,
	REG_LVT_TIMER = 0x32,
	REG_LVT_THERMAL = 0x33,
	REG_LVT_PERF = 0x34,
	REG_LVT_LINT0 = 0x35,
	REG_LVT_LINT1 = 0x36,
	REG_LVT_ERROR = 0x37,
	REG_TMICT = 0x38,
	REG_TMCCT = 0x39,
	REG_TDCR = 0x3e,
	REG_SELF_IPI = 0x3f,
	VLAPIC_REGS = 0x40,
};

#define VLAPIC_VECTORS 256
#define VLAPIC_WORDS   (VLAPIC_VECTORS / BITS_PER_LONG)

/*
 * Only the vCPU itself changes its registers, with these exceptions: @irr, @esr_pending, @nmi and
 * @startup are atomic and written from any CPU; the timer's fields and registers are guarded by
 * @timer_lock (but for its LVT entry, which is read once), because the timer may fire on another CPU
 * than the vCPU's.
 */
struct hvm_vcpu {
	uint64_t base; /* MSR 0x1b */
	union {
		uint32_t reg[VLAPIC_REGS]; /* those that hold what they read as */
		struct {
			uint32_t before_isr[REG_ISR];
			unsigned long isr[VLAPIC_WORDS], tmr[VLAPIC_WORDS], irr[VLAPIC_WORDS];
		};
	};
	uint32_t esr_pending;

	struct spinlock timer_lock; /* LOCK_VCPU */
	struct timer timer;
	uint64_t deadline; /* system time at which the count reaches 0; 0: stopped */
	bool suspended;	   /* periodic, has fired while the vCPU did not run: not armed */

	uint8_t nmi;
	uint32_t startup; /* SIPI_PENDING | vector; atomic */

	struct hvm_hw_mtrr mtrr;
	bool event_check;	 /* the upcall flag in the guest's memory may be set; atomic */
	bool vector_is_callback; /* what hvm_pending_vector() returned last; the vCPU's own */
};

#define SIPI_PENDING 0x100u

/* Makes @v look at its interrupts: wakes it, or kicks the CPU that it runs on. */
void hvm_vcpu_notice(struct vcpu *v);

/* Resets MTRRs to what firmware would have left: everything write-back. */
void hvm_mtrr_reset(struct hvm_hw_mtrr *mtrr);
/* Is @m a state that the MTRRs' MSRs could be brought to? (mtrr_cap and PAT are not looked at) */
bool hvm_mtrr_valid(const struct hvm_hw_mtrr *m);

/* vlapic_timer.c: the LVT timer. */
void vlapic_timer_init(struct vcpu *v);
void vlapic_timer_set_count(struct vcpu *v, uint32_t count);
void vlapic_timer_set_divide(struct vcpu *v, uint32_t divide);
uint32_t vlapic_timer_count(struct vcpu *v);
void vlapic_timer_stop(struct vcpu *v);

/* vlapic_ipi.c: acts on what was written to the ICR. */
void vlapic_send_ipi(struct vcpu *v, uint32_t icr_low, uint32_t dest);

/* Records an error (bit of ESR) and raises the LVT error interrupt. */
void vlapic_error(struct vcpu *v, uint32_t bit);

#define APIC_ESR_SEND_ILLEGAL	 (1u << 5)
#define APIC_ESR_RECEIVE_ILLEGAL (1u << 6)
#define APIC_ESR_ILLEGAL_REG	 (1u << 7)

#define APIC_LVT_MASKED		 (1u << 16)
#define APIC_LVT_PERIODIC	 (1u << 17) /* of the timer */
#define APIC_SVR_ENABLE		 (1u << 8)

static inline bool vlapic_x2apic(const struct hvm_vcpu *l)
{
	return l->base & APIC_BASE_X2APIC;
}

static inline bool vlapic_hw_enabled(const struct hvm_vcpu *l)
{
	return l->base & APIC_BASE_ENABLE;
}
