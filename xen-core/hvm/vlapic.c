/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual local APIC: registers, modes and priorities. Timer and IPIs are in files of their
 * own.
 *
 * The interrupt path takes no lock: senders set a bit of IRR atomically and make the vCPU look
 * (hvm_vcpu_notice). See struct vlapic for who may change what. Nothing in the guest's platform
 * is level triggered, so an EOI informs nobody.
 */
#include "hvm/hvm_vcpu.h"
#include "hvm/cpuid.h"
#include "lib/bitops.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#define APIC_VERSION	 0x00050014u /* integrated, six LVT entries */
#define X2APIC_MSR_FIRST 0x800u

/* What can be written to each LVT entry. */
static const uint32_t lvt_writable[6] = { 0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff };
/* Read-only bits that a write of an LVT entry may hold: delivery status, remote IRR. */
#define LVT_READ_ONLY(entry) ((entry) == LVT_LINT0 || (entry) == LVT_LINT1 ? 0x5000u : 0x1000u)

int vlapic_init(struct vcpu *v)
{
	struct hvm_vcpu *h = xzalloc(sizeof(*h));

	if (!h)
		return -ENOMEM;
	v->vlapic = &h->lapic;
	spin_init(&h->lapic.timer_lock, LOCK_VCPU);
	vlapic_timer_init(v);
	vlapic_ipi_init(v);
	h->lapic.base = APIC_DEFAULT_BASE | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0);
	hvm_mtrr_reset(&h->mtrr);
	vlapic_reset(v);
	return 0;
}

void vlapic_free(struct vcpu *v)
{
	struct hvm_vcpu *h;

	if (!v->vlapic)
		return;
	h = hvm_vcpu(v);
	timer_kill(&h->lapic.timer);
	timer_kill(&h->lapic.startup_timer);
	v->vlapic = NULL;
	xfree(h);
}

uint32_t vlapic_id(const struct vcpu *v)
{
	return VLAPIC_ID(v->id);
}

/* Logical id in x2APIC mode: cluster and bit within, both from the id. */
static uint32_t x2apic_ldr(const struct vcpu *v)
{
	return vlapic_id(v) >> 4 << 16 | 1u << (vlapic_id(v) & 0xf);
}

void vlapic_reset(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;

	vlapic_timer_stop(v);
	for (unsigned int i = 0; i < VLAPIC_WORDS; i++) {
		WRITE_ONCE(l->irr[i], 0);
		l->isr[i] = 0;
	}
	l->tpr = l->esr = l->esr_pending = l->icr_low = l->icr_high = 0;
	l->initial_count = l->divide = 0;
	l->tsc_deadline = 0;
	l->ldr = vlapic_x2apic(l) ? x2apic_ldr(v) : 0;
	l->dfr = ~0u;
	l->svr = 0xff;
	for (unsigned int i = 0; i < ARRAY_SIZE(l->lvt); i++)
		l->lvt[i] = APIC_LVT_MASKED;
	__atomic_store_n(&l->nmi, 0, __ATOMIC_SEQ_CST);
}

/*
 * Priorities.
 */

static int highest(const unsigned long *map)
{
	for (int i = VLAPIC_WORDS - 1; i >= 0; i--) {
		unsigned long w = READ_ONCE(map[i]);

		if (w)
			return i * BITS_PER_LONG + 63 - __builtin_clzl(w);
	}
	return -1;
}

static uint32_t ppr(const struct vlapic *l)
{
	int isr = highest(l->isr);
	uint32_t servicing = isr < 0 ? 0 : isr & 0xf0;

	return (l->tpr & 0xf0) >= servicing ? l->tpr : servicing;
}

int vlapic_pending(struct vcpu *v)
{
	const struct vlapic *l = v->vlapic;
	int vector = highest(l->irr);

	if (vector < 0 || !vlapic_hw_enabled(l) || !(l->svr & APIC_SVR_ENABLE))
		return -1;
	return (vector & 0xf0) > (int)(ppr(l) & 0xf0) ? vector : -1;
}

void vlapic_ack(struct vcpu *v, uint8_t vector)
{
	struct vlapic *l = v->vlapic;

	if (test_and_clear_bit(vector, l->irr))
		l->isr[vector / BITS_PER_LONG] |= 1UL << (vector % BITS_PER_LONG);
}

void vlapic_unack(struct vcpu *v, uint8_t vector)
{
	v->vlapic->isr[vector / BITS_PER_LONG] &= ~(1UL << (vector % BITS_PER_LONG));
	set_bit(vector, v->vlapic->irr);
}

static void eoi(struct vlapic *l)
{
	int vector = highest(l->isr);

	if (vector >= 0)
		l->isr[vector / BITS_PER_LONG] &= ~(1UL << (vector % BITS_PER_LONG));
}

void vlapic_set_irq(struct vcpu *v, uint8_t vector)
{
	struct vlapic *l = v->vlapic;

	if (unlikely(vector < 16)) {
		__atomic_fetch_or(&l->esr_pending, APIC_ESR_RECEIVE_ILLEGAL, __ATOMIC_SEQ_CST);
		return;
	}
	if (!test_and_set_bit(vector, l->irr))
		hvm_vcpu_notice(v);
}

void vlapic_error(struct vcpu *v, uint32_t bit)
{
	struct vlapic *l = v->vlapic;
	uint32_t lvt = l->lvt[LVT_ERROR];

	__atomic_fetch_or(&l->esr_pending, bit, __ATOMIC_SEQ_CST);
	if (!(lvt & APIC_LVT_MASKED) && (lvt & 0xff) >= 16)
		vlapic_set_irq(v, lvt & 0xff);
}

bool vlapic_nmi_pending(const struct vcpu *v)
{
	return READ_ONCE(v->vlapic->nmi);
}

void vlapic_ack_nmi(struct vcpu *v)
{
	__atomic_store_n(&v->vlapic->nmi, 0, __ATOMIC_SEQ_CST);
}

void vlapic_set_nmi(struct vcpu *v)
{
	__atomic_store_n(&v->vlapic->nmi, 1, __ATOMIC_SEQ_CST);
	hvm_vcpu_notice(v);
}

uint8_t vlapic_get_tpr(const struct vcpu *v)
{
	return v->vlapic->tpr;
}

void vlapic_set_tpr(struct vcpu *v, uint8_t tpr)
{
	v->vlapic->tpr = tpr;
}

/*
 * Registers, common to both modes.
 */

static uint32_t bitmap_word(const unsigned long *map, uint32_t index)
{
	return READ_ONCE(map[index / 2]) >> (index % 2 * 32);
}

/* false: not a readable register. */
static bool reg_read(struct vcpu *v, uint32_t offset, uint32_t *value)
{
	struct vlapic *l = v->vlapic;

	switch (offset) {
	case REG_ID:
		*value = vlapic_x2apic(l) ? vlapic_id(v) : vlapic_id(v) << 24;
		return true;
	case REG_VERSION:
		*value = APIC_VERSION;
		return true;
	case REG_TPR:
		*value = l->tpr;
		return true;
	case REG_PPR:
		*value = ppr(l);
		return true;
	case REG_LDR:
		*value = l->ldr;
		return true;
	case REG_DFR:
		*value = l->dfr;
		return true;
	case REG_SVR:
		*value = l->svr;
		return true;
	case REG_ISR ... REG_ISR + 0x70:
		*value = bitmap_word(l->isr, (offset - REG_ISR) / 16);
		return true;
	case REG_TMR ... REG_TMR + 0x70:
		*value = 0; /* nothing is level triggered */
		return true;
	case REG_IRR ... REG_IRR + 0x70:
		*value = bitmap_word(l->irr, (offset - REG_IRR) / 16);
		return true;
	case REG_ESR:
		*value = l->esr;
		return true;
	case REG_ICR:
		*value = l->icr_low;
		return true;
	case REG_ICR2:
		*value = l->icr_high;
		return true;
	case REG_LVT ... REG_LVT + 0x50:
		*value = l->lvt[(offset - REG_LVT) / 16];
		return true;
	case REG_TMICT:
		*value = l->initial_count;
		return true;
	case REG_TMCCT:
		*value = vlapic_timer_count(v);
		return true;
	case REG_TDCR:
		*value = l->divide;
		return true;
	default:
		return false;
	}
}

static void svr_write(struct vcpu *v, uint32_t value)
{
	struct vlapic *l = v->vlapic;

	l->svr = value & SVR_WRITABLE;
	if (l->svr & APIC_SVR_ENABLE)
		return;
	/* Disabled by software: all entries are masked, and stay so (lvt_write). */
	for (unsigned int i = LVT_THERMAL; i < ARRAY_SIZE(l->lvt); i++)
		l->lvt[i] |= APIC_LVT_MASKED;
	vlapic_timer_set_lvt(v, l->lvt[LVT_TIMER] | APIC_LVT_MASKED);
}

static void lvt_write(struct vcpu *v, unsigned int entry, uint32_t value)
{
	struct vlapic *l = v->vlapic;

	value &= lvt_writable[entry];
	if (!(l->svr & APIC_SVR_ENABLE))
		value |= APIC_LVT_MASKED;
	if (entry == LVT_TIMER)
		vlapic_timer_set_lvt(v, value);
	else
		l->lvt[entry] = value;
}

/* false: not a writable register. Reserved bits are dropped here; x2APIC checks them before. */
static bool reg_write(struct vcpu *v, uint32_t offset, uint32_t value)
{
	struct vlapic *l = v->vlapic;

	switch (offset) {
	case REG_TPR:
		l->tpr = value & 0xff;
		return true;
	case REG_EOI:
		eoi(l);
		return true;
	case REG_LDR:
		l->ldr = value & 0xff000000;
		return true;
	case REG_DFR:
		l->dfr = value | 0x0fffffff;
		return true;
	case REG_SVR:
		svr_write(v, value);
		return true;
	case REG_ESR: /* a write makes the errors since the last one readable */
		l->esr = __atomic_exchange_n(&l->esr_pending, 0, __ATOMIC_SEQ_CST);
		return true;
	case REG_ICR:
		l->icr_low = value & ICR_WRITABLE;
		vlapic_send_ipi(v, l->icr_low, vlapic_x2apic(l) ? l->icr_high : l->icr_high >> 24);
		return true;
	case REG_ICR2:
		l->icr_high = value & 0xff000000;
		return true;
	case REG_LVT ... REG_LVT + 0x50:
		lvt_write(v, (offset - REG_LVT) / 16, value);
		return true;
	case REG_TMICT:
		vlapic_timer_set_count(v, value);
		return true;
	case REG_TDCR:
		vlapic_timer_set_divide(v, value & TDCR_WRITABLE);
		return true;
	default:
		return false;
	}
}

bool vlapic_mmio_read(struct vcpu *v, uint32_t offset, uint32_t *value)
{
	if ((offset & 0xf) || !reg_read(v, offset, value)) {
		*value = 0;
		vlapic_error(v, APIC_ESR_ILLEGAL_REG);
		return false;
	}
	return true;
}

bool vlapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t value)
{
	if ((offset & 0xf) || !reg_write(v, offset, value)) {
		vlapic_error(v, APIC_ESR_ILLEGAL_REG);
		return false;
	}
	return true;
}

/*
 * x2APIC: the same registers as MSRs, with reserved bits and registers that fault.
 */

bool vlapic_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	struct vlapic *l = v->vlapic;
	uint32_t offset = (msr - X2APIC_MSR_FIRST) * 16, low;

	if (!vlapic_hw_enabled(l) || !vlapic_x2apic(l) || offset == REG_DFR || offset == REG_ICR2)
		return false;
	if (!reg_read(v, offset, &low))
		return false;
	*value = low;
	if (offset == REG_ICR)
		*value |= (uint64_t)l->icr_high << 32;
	return true;
}

/* Bits that may be set in a write of @offset; false: not writable. */
static bool x2apic_writable(uint32_t offset, uint64_t *bits)
{
	switch (offset) {
	case REG_EOI:
	case REG_ESR:
		*bits = 0;
		return true;
	case REG_TPR:
	case REG_SELF_IPI:
		*bits = 0xff;
		return true;
	case REG_SVR:
		*bits = SVR_WRITABLE;
		return true;
	case REG_ICR:
		*bits = 0xffffffff00000000UL | ICR_WRITABLE;
		return true;
	case REG_LVT ... REG_LVT + 0x50:
		*bits = lvt_writable[(offset - REG_LVT) / 16] |
			LVT_READ_ONLY((offset - REG_LVT) / 16);
		return true;
	case REG_TMICT:
		*bits = 0xffffffff;
		return true;
	case REG_TDCR:
		*bits = TDCR_WRITABLE;
		return true;
	default:
		return false;
	}
}

bool vlapic_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	struct vlapic *l = v->vlapic;
	uint32_t offset = (msr - X2APIC_MSR_FIRST) * 16;
	uint64_t bits;

	if (!vlapic_hw_enabled(l) || !vlapic_x2apic(l))
		return false;
	if (!x2apic_writable(offset, &bits) || (value & ~bits))
		return false;
	if (offset == REG_SELF_IPI) {
		l->icr_low = 1u << 18 | value;
		vlapic_send_ipi(v, l->icr_low, 0);
		return true;
	}
	if (offset == REG_ICR)
		l->icr_high = value >> 32;
	return reg_write(v, offset, value);
}

/*
 * Mode.
 */

uint64_t vlapic_base(const struct vcpu *v)
{
	const struct vlapic *l = v->vlapic;

	return vlapic_hw_enabled(l) && !vlapic_x2apic(l) ? APIC_DEFAULT_BASE : ~0UL;
}

uint64_t vlapic_get_apic_base(const struct vcpu *v)
{
	return v->vlapic->base;
}

/* Modes are off, xAPIC, x2APIC; only one step up, or to off (SDM vol. 3, "x2APIC state transitions"). */
static bool base_valid(const struct vcpu *v, uint64_t old, uint64_t value)
{
	const uint64_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;

	if ((value & ~(mode | APIC_BASE_BSP)) != APIC_DEFAULT_BASE)
		return false; /* reserved bits; and the page does not move */
	if ((value & mode) == APIC_BASE_X2APIC)
		return false;
	if ((value & APIC_BASE_X2APIC) &&
	    (!(old & APIC_BASE_ENABLE) ||
	     !cpu_policy_has(v->domain->cpu_policy, XEN_X86_FEATURE_X2APIC)))
		return false;
	return !((old & APIC_BASE_X2APIC) && (value & mode) == APIC_BASE_ENABLE);
}

bool vlapic_set_apic_base(struct vcpu *v, uint64_t value)
{
	struct vlapic *l = v->vlapic;
	uint64_t old = l->base;

	if (!base_valid(v, old, value))
		return false;
	l->base = value;
	if ((old ^ value) & APIC_BASE_ENABLE)
		vlapic_reset(v);
	else if ((old ^ value) & APIC_BASE_X2APIC)
		l->ldr = x2apic_ldr(v);
	return true;
}
