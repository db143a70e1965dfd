/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inter-processor interrupts: destinations of the ICR, and INIT and start-up IPIs.
 *
 * INIT stops the target as VCPUOP_down does; its state is reset when the start-up IPI comes.
 * That must wait until the target has left its CPU, which starts it then: the sender says that it
 * wants it (l->startup) before it looks whether the target runs, and the CPU looks for that after
 * it has left. LOCK_DOMAIN serialises start-ups with VCPUOP_initialise.
 */
#include "hvm/hvm_vcpu.h"
#include "lib/bitops.h"

#define ICR_VECTOR(icr)	   ((icr)&0xff)
#define ICR_DELIVERY(icr)  (((icr) >> 8) & 7)
#define ICR_LOGICAL	   (1u << 11)
#define ICR_ASSERT	   (1u << 14)
#define ICR_LEVEL	   (1u << 15)
#define ICR_SHORTHAND(icr) (((icr) >> 18) & 3)

enum {
	DELIVER_FIXED,
	DELIVER_LOWEST,
	DELIVER_SMI,
	DELIVER_NMI = 4,
	DELIVER_INIT,
	DELIVER_STARTUP
};

enum {
	TO_DESTINATION,
	TO_SELF,
	TO_ALL,
	TO_OTHERS
};

static bool match_logical(const struct hvm_vcpu *l, uint32_t dest)
{
	uint32_t ldr = l->reg[REG_LDR];

	if (vlapic_x2apic(l))
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
	ldr >>= 24;
	dest &= 0xff;
	if (l->reg[REG_DFR] >> 28 == 0xf) /* flat */
		return ldr & dest;
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf); /* cluster */
}

/* Does the ICR value @icr with @dest, written by @from, mean @v? */
static bool match(const struct vcpu *from, const struct vcpu *v, uint32_t icr, uint32_t dest)
{
	uint32_t all = vlapic_x2apic(from->hvm) ? ~0u : 0xff;

	switch (ICR_SHORTHAND(icr)) {
	case TO_SELF:
		return v == from;
	case TO_ALL:
		return true;
	case TO_OTHERS:
		return v != from;
	}
	if (!vlapic_hw_enabled(v->hvm))
		return false;
	if (dest == all)
		return true;
	return icr & ICR_LOGICAL ? match_logical(v->hvm, dest) : vlapic_id(v) == dest;
}

/*
 * Start-up.
 */

static void try_start(struct vcpu *v)
{
	struct hvm_vcpu *l = v->hvm;
	uint32_t startup = 0;

	spin_lock(&v->domain->lock);
	if (!vcpu_is_running(v))
		startup = __atomic_exchange_n(&l->startup, 0, __ATOMIC_SEQ_CST);
	if (v->initialised || domain_is_dying(v->domain))
		startup = 0;
	if (startup) {
		vlapic_reset(v);
		vcpu_start_sipi(v, startup & 0xff);
		v->initialised = true;
		clear_bit(PAUSE_DOWN, &v->pause_flags);
		vcpu_unblock(v); /* from what it waited for in its life before */
	}
	spin_unlock(&v->domain->lock);
	if (startup)
		vcpu_wake(v);
}

void vlapic_left_cpu(struct vcpu *v)
{
	if (unlikely(__atomic_load_n(&v->hvm->startup, __ATOMIC_SEQ_CST)))
		try_start(v);
}

/* Stops @v until a start-up IPI. */
static void init_ipi(struct vcpu *v)
{
	bool stop;

	spin_lock(&v->domain->lock);
	v->hvm->startup = 0;
	stop = v->initialised;
	if (stop) {
		v->initialised = false;
		set_bit(PAUSE_DOWN, &v->pause_flags);
	}
	spin_unlock(&v->domain->lock);
	if (stop)
		vcpu_sleep(v);
}

static void startup_ipi(struct vcpu *v, uint8_t vector)
{
	/* One that runs, or was brought up otherwise, ignores it; so does one with a start-up under way. */
	if (READ_ONCE(v->initialised))
		return;
	__atomic_store_n(&v->hvm->startup, SIPI_PENDING | vector, __ATOMIC_SEQ_CST);
	try_start(v);
}

static void deliver(struct vcpu *from, struct vcpu *v, uint32_t icr)
{
	switch (ICR_DELIVERY(icr)) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		vlapic_set_irq(v, ICR_VECTOR(icr));
		break;
	case DELIVER_NMI:
		vlapic_set_nmi(v);
		break;
	case DELIVER_INIT:
		/* De-assertion is for CPUs of the last century; a vCPU does not stop itself this way. */
		if (v != from && (icr & (ICR_ASSERT | ICR_LEVEL)) != ICR_LEVEL)
			init_ipi(v);
		break;
	case DELIVER_STARTUP:
		if (v != from)
			startup_ipi(v, ICR_VECTOR(icr));
		break;
	default: /* SMI, remote read: there is nobody to take them */
		break;
	}
}

static unsigned int priority(const struct vcpu *v)
{
	return READ_ONCE(v->hvm->reg[REG_TPR]) >> 4;
}

/* The usual case without a look at every vCPU: one destination by physical id. */
static bool send_physical(struct vcpu *from, uint32_t icr, uint32_t dest)
{
	struct vcpu *v;

	if (ICR_SHORTHAND(icr) != TO_DESTINATION || (icr & ICR_LOGICAL) || dest % 2)
		return false;
	v = domain_vcpu(from->domain, dest / 2);
	if (v && vlapic_hw_enabled(v->hvm))
		deliver(from, v, icr);
	return true;
}

void vlapic_send_ipi(struct vcpu *v, uint32_t icr, uint32_t dest)
{
	unsigned int delivery = ICR_DELIVERY(icr), i;
	struct vcpu *to, *least = NULL;

	if (delivery <= DELIVER_LOWEST && ICR_VECTOR(icr) < 16) {
		vlapic_error(v, APIC_ESR_SEND_ILLEGAL);
		return;
	}
	if (delivery != DELIVER_LOWEST && send_physical(v, icr, dest))
		return;
	for_each_vcpu (v->domain, to, i) {
		if (!match(v, to, icr, dest))
			continue;
		if (delivery != DELIVER_LOWEST)
			deliver(v, to, icr);
		else if ((to->hvm->reg[REG_SVR] & APIC_SVR_ENABLE) &&
			 (!least || priority(to) < priority(least)))
			least = to;
	}
	/* A lowest-priority interrupt: of those matching and enabled, the one least busy gets it. */
	if (least)
		deliver(v, least, icr);
}
