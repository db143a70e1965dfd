/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual local APIC, xAPIC and x2APIC modes (Intel SDM vol. 3 ch. 11, AMD APM vol. 2 ch. 16). */
#pragma once

#include "xen_abi.h"
#include "types.h"

#define APIC_DEFAULT_BASE 0xfee00000UL

/* Bits of MSR 0x1b. */
#define APIC_BASE_BSP	  (1UL << 8)
#define APIC_BASE_X2APIC  (1UL << 10)
#define APIC_BASE_ENABLE  (1UL << 11)

int vlapic_init(struct vcpu *v);
/* The vCPU runs no more. */
void vlapic_free(struct vcpu *v);
/* The state after INIT; the id and the mode of the BSP flag stay. */
void vlapic_reset(struct vcpu *v);

/*
 * Register access by offset (xAPIC MMIO, 4 bytes) or by MSR: 0x800 + offset / 16, and
 * APIC_BASE. false → #GP / ignored.
 */
bool vlapic_mmio_read(struct vcpu *v, uint32_t offset, uint32_t *value);
bool vlapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t value);
bool vlapic_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value);
bool vlapic_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);

/* @v begins to run on this CPU: its timer goes on, here. */
void vlapic_timer_resume(struct vcpu *v);

/* @v has left this CPU: a start-up IPI may wait for that. */
void vlapic_left_cpu(struct vcpu *v);

/* Posts an edge interrupt @vector and unblocks the vCPU. From any CPU. */
void vlapic_set_irq(struct vcpu *v, uint8_t vector);

/* Highest vector that can be delivered at the current priority, or -1; and its acknowledge (IRR → ISR). */
int vlapic_pending(struct vcpu *v);
void vlapic_ack(struct vcpu *v, uint8_t vector);
/* Undoes vlapic_ack() (ISR → IRR). */
void vlapic_unack(struct vcpu *v, uint8_t vector);

/*
 * Was an NMI sent to @v? The entry path, when the guest can take one, calls vlapic_ack_nmi() and
 * injects it (event type NMI, vector 2).
 */
bool vlapic_nmi_pending(const struct vcpu *v);
void vlapic_ack_nmi(struct vcpu *v);
/* Posts one; from any CPU. */
void vlapic_set_nmi(struct vcpu *v);

/*
 * Provided by the hardware part (x86/svm/): @v is down and not running. Puts it into the state
 * after INIT and start-up IPI: real mode, CS = @vector << 8, rip 0, all else as after reset, TSC
 * as the domain's other vCPUs'. Nothing else of it changes; the caller does the rest (vlapic_ipi.c).
 */
void vcpu_start_sipi(struct vcpu *v, uint8_t vector);

/* Guest-physical base of the register page, or ~0 when not in xAPIC mode. */
uint64_t vlapic_base(const struct vcpu *v);
/* A vCPU's APIC id; the same in both modes, and in MADT and CPUID. */
uint32_t vlapic_id(const struct vcpu *v);

uint8_t vlapic_get_tpr(const struct vcpu *v);
void vlapic_set_tpr(struct vcpu *v, uint8_t tpr);
