/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual local APIC, xAPIC and x2APIC modes. */
#ifndef CORE_VLAPIC_H
#define CORE_VLAPIC_H

#include "xen_abi.h"
#include "types.h"

int vlapic_init(struct vcpu *v);
void vlapic_free(struct vcpu *v);
void vlapic_reset(struct vcpu *v);

/* Register access by offset (xAPIC MMIO, 4 bytes) or by MSR (0x800 + offset / 16). false → #GP / ignored. */
bool vlapic_mmio_read(struct vcpu *v, uint32_t offset, uint32_t *value);
bool vlapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t value);
bool vlapic_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value);
bool vlapic_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);

/* Posts an edge interrupt @vector and unblocks the vCPU. From any CPU. */
void vlapic_set_irq(struct vcpu *v, uint8_t vector);

/* Highest vector that can be delivered at the current priority, or -1; and its acknowledge (IRR → ISR). */
int vlapic_pending(struct vcpu *v);
void vlapic_ack(struct vcpu *v, uint8_t vector);

/* Guest-physical base of the register page, or ~0 when not in xAPIC mode. */
uint64_t vlapic_base(const struct vcpu *v);
uint32_t vlapic_id(const struct vcpu *v);

uint8_t vlapic_get_tpr(const struct vcpu *v);
void vlapic_set_tpr(struct vcpu *v, uint8_t tpr);

/* HVM save records LAPIC and LAPIC_REGS. */
void vlapic_save(const struct vcpu *v, struct hvm_hw_lapic *hw, struct hvm_hw_lapic_regs *regs);
int vlapic_load(struct vcpu *v, const struct hvm_hw_lapic *hw,
		const struct hvm_hw_lapic_regs *regs);

#endif
