/* SPDX-License-Identifier: BSD-2-Clause */
/* Save records of the local APIC: LAPIC and LAPIC_REGS. The vCPU is paused. */
#include "hvm/hvm_vcpu.h"
#include "lib/errno.h"
#include "lib/string.h"

static uint32_t record_get(const struct hvm_hw_lapic_regs *regs, uint32_t offset)
{
	uint32_t value;

	memcpy(&value, regs->data + offset, sizeof(value));
	return value;
}

bool vlapic_save_mode(struct vcpu *v, void *buf)
{
	const struct vlapic *l = v->vlapic;
	struct hvm_hw_lapic *hw = buf;

	memset(hw, 0, sizeof(*hw));
	hw->apic_base_msr = l->base;
	hw->disabled = (l->svr & APIC_SVR_ENABLE ? 0 : 1) | (vlapic_hw_enabled(l) ? 0 : 2);
	hw->timer_divisor = 1u << ((((l->divide & 3) | (l->divide & 8) >> 1) + 1) & 7);
	hw->tdt_msr = l->tsc_deadline;
	return true;
}

int vlapic_check_mode(struct vcpu *v, const void *buf)
{
	const struct hvm_hw_lapic *hw = buf;

	return vlapic_base_valid(v, APIC_DEFAULT_BASE | APIC_BASE_ENABLE, hw->apic_base_msr)
		       ? 0
		       : -EINVAL;
}

int vlapic_load_mode(struct vcpu *v, const void *buf)
{
	const struct hvm_hw_lapic *hw = buf;

	v->vlapic->base = (hw->apic_base_msr & ~APIC_BASE_BSP) | (v->id == 0 ? APIC_BASE_BSP : 0);
	v->vlapic->tsc_deadline = hw->tdt_msr; /* armed when the timer's mode is known */
	return 0;
}

bool vlapic_save_regs(struct vcpu *v, void *buf)
{
	struct hvm_hw_lapic_regs *regs = buf;

	memset(regs, 0, sizeof(*regs));
	for (uint32_t offset = 0; offset < sizeof(regs->data); offset += 16) {
		uint32_t value;

		if (vlapic_reg_read(v, offset, &value))
			memcpy(regs->data + offset, &value, sizeof(value));
	}
	return true;
}

int vlapic_check_regs(struct vcpu *v, const void *buf)
{
	const struct hvm_hw_lapic_regs *regs = buf;

	for (unsigned int i = 0; i < ARRAY_SIZE(vlapic_lvt_writable); i++)
		if (record_get(regs, REG_LVT + i * 16) &
		    ~(vlapic_lvt_writable[i] | LVT_READ_ONLY(i)))
			return -EINVAL;
	/* Vectors below 16 can't be pending or in service. */
	return (record_get(regs, REG_IRR) | record_get(regs, REG_ISR)) & 0xffff ? -EINVAL : 0;
}

static void load_bitmap(unsigned long *map, const struct hvm_hw_lapic_regs *regs, uint32_t offset)
{
	for (unsigned int i = 0; i < VLAPIC_WORDS; i++)
		map[i] = record_get(regs, offset + i * 32) |
			 (uint64_t)record_get(regs, offset + i * 32 + 16) << 32;
}

int vlapic_load_regs(struct vcpu *v, const void *buf)
{
	const struct hvm_hw_lapic_regs *regs = buf;
	struct vlapic *l = v->vlapic;
	uint64_t deadline = l->tsc_deadline;

	l->tpr = record_get(regs, REG_TPR) & 0xff;
	l->ldr = vlapic_x2apic(l) ? vlapic_x2apic_ldr(v) : record_get(regs, REG_LDR) & 0xff000000;
	l->dfr = record_get(regs, REG_DFR) | 0x0fffffff;
	l->svr = record_get(regs, REG_SVR) & SVR_WRITABLE;
	l->esr = record_get(regs, REG_ESR);
	l->icr_low = record_get(regs, REG_ICR) & ICR_WRITABLE;
	l->icr_high = record_get(regs, REG_ICR2);
	load_bitmap(l->irr, regs, REG_IRR);
	load_bitmap(l->isr, regs, REG_ISR);
	load_bitmap(l->tmr, regs, REG_TMR);
	for (unsigned int i = 0; i < ARRAY_SIZE(l->lvt); i++)
		vlapic_lvt_write(v, i, record_get(regs, REG_LVT + i * 16));
	vlapic_timer_set_divide(v, record_get(regs, REG_TDCR) & TDCR_WRITABLE);
	vlapic_timer_set_count(v, record_get(regs, REG_TMICT));
	vlapic_set_tsc_deadline(v, deadline);
	return 0;
}
