/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual local APIC: registers, modes and priorities. Timer and IPIs are in files of their
 * own.
 *
 * The interrupt path takes no lock: senders set a bit of IRR atomically and make the vCPU look
 * (hvm_vcpu_notice). See struct hvm_vcpu for who may change what. Nothing in the guest's platform
 * is level triggered, so an EOI informs nobody.
 */
#include "event/evtchn.h"
#include "hvm/hvm.h"
#include "hvm/hvm_vcpu.h"
#include "hvm/cpuid.h"
#include "lib/bitops.h"
#include "lib/string.h"
#include "mm/heap.h"

#define APIC_VERSION	 0x00050014u /* integrated, six LVT entries */
#define MSR_APIC_BASE	 0x1bu
#define X2APIC_MSR_FIRST 0x800u

enum {
	READ_MMIO = 1,
	READ_MSR = 2,
	WRITE_MMIO = 4,
	WRITE_MSR = 8,
	READ = READ_MMIO | READ_MSR,
	WRITE = WRITE_MMIO | WRITE_MSR,
};

/* What is not here does not exist. */
static const struct apic_register {
	uint8_t access;
	uint32_t
		writable; /* bits that hold what is written; others are dropped, or fault as an MSR */
	uint32_t read_only; /* status bits that a write as an MSR may hold */
} registers[VLAPIC_REGS] = {
	[REG_ID] = { READ },
	[REG_VERSION] = { READ },
	[REG_TPR] = { READ | WRITE, 0xff },
	[REG_PPR] = { READ },
	[REG_EOI] = { WRITE },
	[REG_LDR] = { READ | WRITE_MMIO, 0xff000000 },
	[REG_DFR] = { READ_MMIO | WRITE_MMIO, 0xf0000000 },
	[REG_SVR] = { READ | WRITE, 0x3ff },
	[REG_ISR... REG_ISR + 7] = { READ },
	[REG_TMR... REG_TMR + 7] = { READ },
	[REG_IRR... REG_IRR + 7] = { READ },
	[REG_ESR] = { READ | WRITE },
	[REG_ICR] = { READ | WRITE, 0x000ccfff },
	[REG_ICR2] = { READ_MMIO | WRITE_MMIO, 0xff000000 },
	[REG_LVT_TIMER] = { READ | WRITE, 0x300ff, 0x1000 },
	[REG_LVT_THERMAL] = { READ | WRITE, 0x107ff, 0x1000 },
	[REG_LVT_PERF] = { READ | WRITE, 0x107ff, 0x1000 },
	[REG_LVT_LINT0] = { READ | WRITE, 0x1a7ff, 0x5000 },
	[REG_LVT_LINT1] = { READ | WRITE, 0x1a7ff, 0x5000 },
	[REG_LVT_ERROR] = { READ | WRITE, 0x100ff, 0x1000 },
	[REG_TMICT] = { READ | WRITE, 0xffffffff },
	[REG_TMCCT] = { READ },
	[REG_TDCR] = { READ | WRITE, 0xb },
	[REG_SELF_IPI] = { WRITE_MSR, 0xff },
};

int vlapic_init(struct vcpu *v)
{
	struct hvm_vcpu *h = xzalloc(sizeof(*h));

	if (!h)
		return -ENOMEM;
	v->hvm = h;
	spin_init(&h->timer_lock, LOCK_VCPU);
	vlapic_timer_init(v);
	h->base = APIC_DEFAULT_BASE | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0);
	hvm_mtrr_reset(&h->mtrr);
	vlapic_reset(v);
	return 0;
}

void vlapic_free(struct vcpu *v)
{
	if (!v->hvm)
		return;
	timer_kill(&v->hvm->timer);
	xfree(v->hvm);
	v->hvm = NULL;
}

uint32_t vlapic_id(const struct vcpu *v)
{
	return v->id * 2;
}

/* Of its mode. In x2APIC mode the logical id is made of the other: cluster, bit within. */
static void set_ids(struct vcpu *v)
{
	uint32_t *reg = v->hvm->reg, id = vlapic_id(v);
	bool x2apic = vlapic_x2apic(v->hvm);

	reg[REG_ID] = x2apic ? id : id << 24;
	reg[REG_LDR] = x2apic ? id >> 4 << 16 | 1u << (id & 0xf) : 0;
}

void vlapic_reset(struct vcpu *v)
{
	struct hvm_vcpu *l = v->hvm;

	vlapic_timer_stop(v);
	memset(l->reg, 0, sizeof(l->reg));
	set_ids(v);
	l->reg[REG_VERSION] = APIC_VERSION;
	l->reg[REG_DFR] = ~0u;
	l->reg[REG_SVR] = 0xff;
	for (unsigned int i = REG_LVT_TIMER; i <= REG_LVT_ERROR; i++)
		l->reg[i] = APIC_LVT_MASKED;
	l->esr_pending = 0;
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

static uint32_t ppr(const struct hvm_vcpu *l)
{
	int isr = highest(l->isr);
	uint32_t servicing = isr < 0 ? 0 : isr & 0xf0;

	return (l->reg[REG_TPR] & 0xf0) >= servicing ? l->reg[REG_TPR] : servicing;
}

int vlapic_pending(struct vcpu *v)
{
	const struct hvm_vcpu *l = v->hvm;
	int vector = highest(l->irr);

	if (vector < 0 || !vlapic_hw_enabled(l) || !(l->reg[REG_SVR] & APIC_SVR_ENABLE))
		return -1;
	return (vector & 0xf0) > (int)(ppr(l) & 0xf0) ? vector : -1;
}

void vlapic_ack(struct vcpu *v, uint8_t vector)
{
	struct hvm_vcpu *l = v->hvm;

	if (test_and_clear_bit(vector, l->irr))
		l->isr[vector / BITS_PER_LONG] |= 1UL << (vector % BITS_PER_LONG);
}

void vlapic_unack(struct vcpu *v, uint8_t vector)
{
	v->hvm->isr[vector / BITS_PER_LONG] &= ~(1UL << (vector % BITS_PER_LONG));
	set_bit(vector, v->hvm->irr);
}

static void eoi(struct hvm_vcpu *l)
{
	int vector = highest(l->isr);

	if (vector >= 0)
		l->isr[vector / BITS_PER_LONG] &= ~(1UL << (vector % BITS_PER_LONG));
}

void vlapic_set_irq(struct vcpu *v, uint8_t vector)
{
	struct hvm_vcpu *l = v->hvm;

	if (unlikely(vector < 16)) {
		__atomic_fetch_or(&l->esr_pending, APIC_ESR_RECEIVE_ILLEGAL, __ATOMIC_SEQ_CST);
		return;
	}
	/* One that is off accepts none; svr_write() makes up for upcalls. */
	if (!(__atomic_load_n(&l->reg[REG_SVR], __ATOMIC_SEQ_CST) & APIC_SVR_ENABLE))
		return;
	if (!test_and_set_bit(vector, l->irr))
		hvm_vcpu_notice(v);
}

void vlapic_error(struct vcpu *v, uint32_t bit)
{
	struct hvm_vcpu *l = v->hvm;
	uint32_t lvt = l->reg[REG_LVT_ERROR];

	__atomic_fetch_or(&l->esr_pending, bit, __ATOMIC_SEQ_CST);
	if (!(lvt & APIC_LVT_MASKED) && (lvt & 0xff) >= 16)
		vlapic_set_irq(v, lvt & 0xff);
}

bool vlapic_nmi_pending(const struct vcpu *v)
{
	return READ_ONCE(v->hvm->nmi);
}

void vlapic_ack_nmi(struct vcpu *v)
{
	__atomic_store_n(&v->hvm->nmi, 0, __ATOMIC_SEQ_CST);
}

void vlapic_set_nmi(struct vcpu *v)
{
	__atomic_store_n(&v->hvm->nmi, 1, __ATOMIC_SEQ_CST);
	hvm_vcpu_notice(v);
}

uint8_t vlapic_get_tpr(const struct vcpu *v)
{
	return v->hvm->reg[REG_TPR];
}

void vlapic_set_tpr(struct vcpu *v, uint8_t tpr)
{
	v->hvm->reg[REG_TPR] = tpr;
}

/*
 * Registers, common to both modes.
 */

/* The description of register @reg, if it is one and @access is possible. */
static const struct apic_register *find(uint32_t reg, uint8_t access)
{
	return reg < VLAPIC_REGS && (registers[reg].access & access) ? &registers[reg] : NULL;
}

static uint32_t reg_read(struct vcpu *v, uint32_t reg)
{
	struct hvm_vcpu *l = v->hvm;

	switch (reg) {
	case REG_PPR:
		return ppr(l);
	case REG_TMCCT:
		return vlapic_timer_count(v);
	default: /* TMR is zero: nothing is level triggered */
		return READ_ONCE(l->reg[reg]);
	}
}

/* Disabled by software all entries are masked, and stay so. */
static void lvt_write(struct vcpu *v, uint32_t reg, uint32_t value)
{
	struct hvm_vcpu *l = v->hvm;

	if (!(l->reg[REG_SVR] & APIC_SVR_ENABLE))
		value |= APIC_LVT_MASKED;
	WRITE_ONCE(l->reg[reg], value); /* the timer may look, on another CPU */
}

static void svr_write(struct vcpu *v, uint32_t value)
{
	/* The APIC first, then the look at the flag: who sets that does it the other way round. */
	__atomic_store_n(&v->hvm->reg[REG_SVR], value, __ATOMIC_SEQ_CST);
	if (value & APIC_SVR_ENABLE) {
		/* The vector of an upcall that is due was not accepted, or a reset has lost it. */
		if (evtchn_upcall_pending(v))
			hvm_event_pending(v);
		return;
	}
	for (uint32_t reg = REG_LVT_TIMER; reg <= REG_LVT_ERROR; reg++)
		lvt_write(v, reg, v->hvm->reg[reg]);
}

/* @value has no bits but the writable ones. */
static void reg_write(struct vcpu *v, uint32_t reg, uint32_t value)
{
	struct hvm_vcpu *l = v->hvm;

	switch (reg) {
	case REG_EOI:
		eoi(l);
		break;
	case REG_DFR:
		l->reg[REG_DFR] = value | 0x0fffffff;
		break;
	case REG_SVR:
		svr_write(v, value);
		break;
	case REG_ESR: /* a write makes the errors since the last one readable */
		l->reg[REG_ESR] = __atomic_exchange_n(&l->esr_pending, 0, __ATOMIC_SEQ_CST);
		break;
	case REG_ICR:
		l->reg[REG_ICR] = value;
		vlapic_send_ipi(v, value, l->reg[REG_ICR2] >> (vlapic_x2apic(l) ? 0 : 24));
		break;
	case REG_LVT_TIMER ... REG_LVT_ERROR:
		lvt_write(v, reg, value);
		break;
	case REG_TMICT:
		vlapic_timer_set_count(v, value);
		break;
	case REG_TDCR:
		vlapic_timer_set_divide(v, value);
		break;
	case REG_SELF_IPI:
		l->reg[REG_ICR] = 1u << 18 | value;
		vlapic_send_ipi(v, l->reg[REG_ICR], 0);
		break;
	default: /* TPR, LDR, ICR2 */
		l->reg[reg] = value;
	}
}

bool vlapic_mmio_read(struct vcpu *v, uint32_t offset, uint32_t *value)
{
	if (offset % 16 || !find(offset / 16, READ_MMIO)) {
		*value = 0;
		vlapic_error(v, APIC_ESR_ILLEGAL_REG);
		return false;
	}
	*value = reg_read(v, offset / 16);
	return true;
}

bool vlapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t value)
{
	const struct apic_register *r = find(offset / 16, WRITE_MMIO);

	if (offset % 16 || !r) {
		vlapic_error(v, APIC_ESR_ILLEGAL_REG);
		return false;
	}
	reg_write(v, offset / 16, value & r->writable);
	return true;
}

/*
 * Mode.
 */

uint64_t vlapic_base(const struct vcpu *v)
{
	const struct hvm_vcpu *l = v->hvm;

	return vlapic_hw_enabled(l) && !vlapic_x2apic(l) ? APIC_DEFAULT_BASE : ~0UL;
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

static bool set_apic_base(struct vcpu *v, uint64_t value)
{
	struct hvm_vcpu *l = v->hvm;
	uint64_t old = l->base;

	if (!base_valid(v, old, value))
		return false;
	l->base = value;
	if ((old ^ value) & APIC_BASE_ENABLE)
		vlapic_reset(v);
	else if ((old ^ value) & APIC_BASE_X2APIC)
		set_ids(v);
	return true;
}

/*
 * x2APIC: the same registers as MSRs; reserved bits fault. The ICR is one of 64 bits.
 */

bool vlapic_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	struct hvm_vcpu *l = v->hvm;
	uint32_t reg = msr - X2APIC_MSR_FIRST;

	if (msr == MSR_APIC_BASE) {
		*value = l->base;
		return true;
	}
	if (!vlapic_hw_enabled(l) || !vlapic_x2apic(l) || !find(reg, READ_MSR))
		return false;
	*value = reg_read(v, reg);
	if (reg == REG_ICR)
		*value |= (uint64_t)l->reg[REG_ICR2] << 32;
	return true;
}

bool vlapic_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	struct hvm_vcpu *l = v->hvm;
	uint32_t reg = msr - X2APIC_MSR_FIRST, low = value;
	const struct apic_register *r = find(reg, WRITE_MSR);

	if (msr == MSR_APIC_BASE)
		return set_apic_base(v, value);
	if (!vlapic_hw_enabled(l) || !vlapic_x2apic(l) || !r)
		return false;
	if ((low & ~(r->writable | r->read_only)) || (value >> 32 && reg != REG_ICR))
		return false;
	if (reg == REG_ICR)
		l->reg[REG_ICR2] = value >> 32;
	reg_write(v, reg, low & r->writable);
	return true;
}
