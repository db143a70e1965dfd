/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/8 (APIC emulation): the local APIC in both modes, its timer, IPIs and start-up. */
#include <string.h>
#include "support/fake_hvm.h"
#include "lib/bitops.h"

#define V(n)	   (&fake_vcpus[n])

/* Register offsets and bits, written out from the manual. */
#define ID	   0x20
#define VERSION	   0x30
#define TPR	   0x80
#define PPR	   0xa0
#define EOI	   0xb0
#define LDR	   0xd0
#define DFR	   0xe0
#define SVR	   0xf0
#define ISR	   0x100
#define TMR	   0x180
#define IRR	   0x200
#define ESR	   0x280
#define ICR	   0x300
#define ICR2	   0x310
#define LVTT	   0x320
#define LVTTHMR	   0x330
#define LVTPC	   0x340
#define LVT0	   0x350
#define LVT1	   0x360
#define LVTERR	   0x370
#define TMICT	   0x380
#define TMCCT	   0x390
#define TDCR	   0x3e0
#define SELF_IPI   0x3f0
#define MASKED	   0x10000u
#define PERIODIC   0x20000u
#define DEADLINE   0x40000u

#define X2(offset) (0x800u + (offset) / 16)

static uint32_t rd(unsigned int v, uint32_t offset)
{
	uint32_t value = 0xdeadbeef;

	assert_true(vlapic_mmio_read(V(v), offset, &value));
	return value;
}

static void wr(unsigned int v, uint32_t offset, uint32_t value)
{
	assert_true(vlapic_mmio_write(V(v), offset, value));
}

static void enable(unsigned int v)
{
	wr(v, SVR, 0x1ff);
}

static bool set_base(struct vcpu *v, uint64_t value)
{
	return vlapic_wrmsr(v, 0x1b, value);
}

static uint64_t get_base(struct vcpu *v)
{
	uint64_t value = 0;

	assert_true(vlapic_rdmsr(v, 0x1b, &value));
	return value;
}

static void x2apic(unsigned int v)
{
	assert_true(set_base(V(v), get_base(V(v)) | APIC_BASE_X2APIC));
}

static void enable_x2(unsigned int v)
{
	x2apic(v);
	assert_true(vlapic_wrmsr(V(v), X2(SVR), 0x1ff));
}

/* Takes the pending interrupt as the entry path does. */
static int take(unsigned int v)
{
	int vector = vlapic_pending(V(v));

	if (vector >= 0)
		vlapic_ack(V(v), (uint8_t)vector);
	return vector;
}

static void reset_state(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
		assert_int_equal(rd(i, ID), i * 2 << 24);
		assert_int_equal(rd(i, VERSION), 0x50014);
		assert_int_equal(rd(i, SVR), 0xff);
		assert_int_equal(rd(i, DFR), ~0u);
		for (uint32_t lvt = LVTT; lvt <= LVTERR; lvt += 16)
			assert_int_equal(rd(i, lvt), MASKED);
		assert_int_equal(get_base(V(i)), 0xfee00000 | 1 << 11 | (i == 0 ? 1 << 8 : 0));
		assert_int_equal(vlapic_base(V(i)), 0xfee00000);
		assert_int_equal(vlapic_id(V(i)), 2 * i);
	}
}

static void delivery_by_priority(void **state)
{
	(void)state;
	vlapic_set_irq(V(0), 0x41);
	assert_int_equal(vlapic_pending(V(0)), -1); /* disabled by software: not accepted */
	enable(0);
	assert_int_equal(vlapic_pending(V(0)), -1);
	vlapic_set_irq(V(0), 0x41);
	wr(0, SVR, 0xff); /* one that was accepted waits, for as long as it is disabled */
	assert_int_equal(vlapic_pending(V(0)), -1);
	enable(0);
	vlapic_set_irq(V(0), 0x31);
	vlapic_set_irq(V(0), 0xf0);
	assert_int_equal(rd(0, IRR + 0x20), 1u << 1);
	assert_int_equal(rd(0, IRR + 0x10), 1u << 17);
	assert_int_equal(rd(0, IRR + 0x70), 1u << 16);
	assert_int_equal(take(0), 0xf0);
	assert_int_equal(rd(0, ISR + 0x70), 1u << 16);
	assert_int_equal(rd(0, IRR + 0x70), 0);
	assert_int_equal(rd(0, PPR), 0xf0);
	assert_int_equal(take(0), -1);
	wr(0, EOI, 0);
	assert_int_equal(rd(0, PPR), 0);
	assert_int_equal(take(0), 0x41);
	vlapic_set_irq(V(0), 0x4f);
	assert_int_equal(take(0), -1); /* the same class waits */
	vlapic_set_irq(V(0), 0x50);
	assert_int_equal(take(0), 0x50);
	wr(0, EOI, 0);
	assert_int_equal(rd(0, ISR + 0x20), 1u << 1);
	wr(0, EOI, 0);
	assert_int_equal(take(0), 0x4f);
	wr(0, EOI, 0);
	assert_int_equal(take(0), 0x31);
	wr(0, EOI, 0);
	wr(0, EOI, 0); /* one too many does nothing */
	assert_int_equal(take(0), -1);
}

static void task_priority(void **state)
{
	(void)state;
	enable(0);
	vlapic_set_tpr(V(0), 0x45);
	assert_int_equal(rd(0, TPR), 0x45);
	assert_int_equal(rd(0, PPR), 0x45);
	vlapic_set_irq(V(0), 0x4f);
	assert_int_equal(vlapic_pending(V(0)), -1);
	vlapic_set_irq(V(0), 0x50);
	assert_int_equal(take(0), 0x50);
	assert_int_equal(rd(0, PPR), 0x50);
	wr(0, EOI, 0);
	wr(0, TPR, 0x3f);
	assert_int_equal(vlapic_get_tpr(V(0)), 0x3f);
	assert_int_equal(take(0), 0x4f);
}

/* A vector that is posted again before it was taken is one interrupt; sent by another CPU it kicks. */
static void posting(void **state)
{
	(void)state;
	enable(1);
	vlapic_set_irq(V(1), 0x60);
	assert_int_equal(fake_state[1].unblocked, 1);
	assert_int_equal(fake_host.kicks, 0); /* it does not run */
	vlapic_set_irq(V(1), 0x60);
	assert_int_equal(fake_state[1].unblocked, 1);
	assert_int_equal(take(1), 0x60);
	V(1)->running = true;
	V(1)->processor = 1;
	vlapic_set_irq(V(1), 0x60);
	assert_int_equal(fake_host.kicks, 1);
	vlapic_set_irq(V(0), 0x60); /* the current one looks by itself */
	assert_int_equal(fake_host.kicks, 1);
	V(1)->running = false;
	/* An acknowledge of what is not pending sets nothing. */
	vlapic_ack(V(2), 0x70);
	assert_int_equal(rd(2, ISR + 0x30), 0);
}

static void software_disable(void **state)
{
	(void)state;
	enable(0);
	wr(0, LVTT, 0x55);
	wr(0, LVT0, 0x700);
	vlapic_set_irq(V(0), 0x55);
	wr(0, SVR, 0xff);
	assert_int_equal(vlapic_pending(V(0)), -1);
	assert_int_equal(rd(0, LVTT), MASKED | 0x55);
	assert_int_equal(rd(0, LVT0), MASKED | 0x700);
	wr(0, LVT0, 0x700);
	wr(0, LVTT, 0x55);
	assert_int_equal(rd(0, LVT0), MASKED | 0x700); /* stays masked */
	assert_int_equal(rd(0, LVTT), MASKED | 0x55);
	enable(0);
	assert_int_equal(rd(0, LVT0), MASKED | 0x700);
	assert_int_equal(take(0), 0x55);
}

static void register_masks(void **state)
{
	static const struct {
		uint32_t offset, want;
	} regs[] = {
		{ TPR, 0xff },	      { LDR, 0xff000000 }, { DFR, ~0u },      { LVTTHMR, 0x107ff },
		{ LVTPC, 0x107ff },   { LVT0, 0x1a7ff },   { LVT1, 0x1a7ff }, { LVTERR, 0x100ff },
		{ ICR2, 0xff000000 }, { TDCR, 0xb },
	};

	(void)state;
	enable(0);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		wr(0, regs[i].offset, ~0u);
		assert_int_equal(rd(0, regs[i].offset), regs[i].want);
	}
	wr(0, DFR, 0);
	assert_int_equal(rd(0, DFR), 0x0fffffff);
	wr(0, SVR, ~0u);
	assert_int_equal(rd(0, SVR), 0x3ff);
	wr(0, TPR, 0);
	wr(0, LVTT, ~0u); /* no TSC deadline on this host: bit 18 stays clear */
	assert_int_equal(rd(0, LVTT), 0x300ff);
}

/* Offsets that are no register, or not on a register's boundary: an error, and nothing else. */
static void illegal_registers(void **state)
{
	static const uint32_t bad[] = { 0,     0x10,  0x40,  0x90,  0xc0, 0x290, 0x2f0, 0x3a0,
					0x3d0, 0x3f0, 0x400, 0xff0, 0x24, 0x81,	 0x84,	0x1004 };
	uint32_t value;

	(void)state;
	enable(0);
	wr(0, LVTERR, 0xfe);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		value = 1;
		assert_false(vlapic_mmio_read(V(0), bad[i], &value));
		assert_int_equal(value, 0);
		assert_false(vlapic_mmio_write(V(0), bad[i], ~0u));
	}
	assert_false(vlapic_mmio_write(V(0), ID, 0));
	assert_false(vlapic_mmio_write(V(0), VERSION, 0));
	assert_false(vlapic_mmio_write(V(0), PPR, 0));
	assert_false(vlapic_mmio_write(V(0), ISR, ~0u));
	assert_false(vlapic_mmio_write(V(0), IRR + 0x70, ~0u));
	assert_false(vlapic_mmio_write(V(0), TMCCT, 5));
	assert_false(vlapic_mmio_read(V(0), EOI, &value));
	assert_int_equal(rd(0, ESR), 0); /* latched by a write */
	wr(0, ESR, 0);
	assert_int_equal(rd(0, ESR), 0x80);
	assert_int_equal(take(0), 0xfe);
	wr(0, ESR, 0);
	assert_int_equal(rd(0, ESR), 0);
	assert_int_equal(rd(0, ID), 0);
}

static void base_transitions(void **state)
{
	const uint64_t off = 0xfee00100, xapic = 0xfee00900, x2 = 0xfee00d00;

	(void)state;
	assert_false(set_base(V(0), 0xfee00500)); /* x2APIC without enable */
	assert_false(set_base(V(0), 0xfed00900)); /* another address */
	assert_false(set_base(V(0), xapic | 1));
	assert_false(set_base(V(0), xapic | 1UL << 52));
	assert_true(set_base(V(0), xapic));
	enable(0);
	assert_true(set_base(V(0), x2));
	assert_int_equal(vlapic_base(V(0)), ~0UL);
	assert_false(set_base(V(0), xapic)); /* not straight back */
	assert_int_equal(get_base(V(0)), x2);
	vlapic_set_irq(V(0), 0x66);
	assert_int_equal(vlapic_pending(V(0)), 0x66); /* x2APIC mode keeps the state */
	assert_true(set_base(V(0), off));
	assert_int_equal(vlapic_base(V(0)), ~0UL);
	assert_int_equal(vlapic_pending(V(0)), -1);
	assert_false(set_base(V(0), x2)); /* not from off */
	assert_true(set_base(V(0), xapic));
	assert_int_equal(rd(0, SVR), 0xff); /* as after reset */
	/* Not offered to this guest. */
	((xen_cpuid_leaf_t *)cpu_policy_find(fake_domain.cpu_policy, 1, XEN_CPUID_NO_SUBLEAF))->c &=
		~(1u << 21);
	assert_false(set_base(V(0), x2));
}

static void x2apic_registers(void **state)
{
	uint64_t value;

	(void)state;
	assert_false(vlapic_rdmsr(V(1), X2(ID), &value)); /* xAPIC mode: no MSRs */
	assert_false(vlapic_wrmsr(V(1), X2(EOI), 0));
	x2apic(1);
	assert_true(vlapic_rdmsr(V(1), X2(ID), &value));
	assert_int_equal(value, 2);
	assert_true(vlapic_rdmsr(V(1), X2(LDR), &value));
	assert_int_equal(value, 1u << 2);
	assert_true(vlapic_wrmsr(V(1), X2(SVR), 0x1ff));
	assert_true(vlapic_wrmsr(V(1), X2(TPR), 0x20));
	assert_true(vlapic_rdmsr(V(1), X2(TPR), &value));
	assert_int_equal(value, 0x20);
	vlapic_set_irq(V(1), 0x90);
	assert_int_equal(take(1), 0x90);
	assert_true(vlapic_rdmsr(V(1), X2(ISR + 0x40), &value));
	assert_int_equal(value, 1u << 16);
	assert_true(vlapic_wrmsr(V(1), X2(EOI), 0));
	assert_true(vlapic_rdmsr(V(1), X2(ISR + 0x40), &value));
	assert_int_equal(value, 0);
	assert_true(set_base(V(1), 0xfee00000));
	assert_false(vlapic_rdmsr(V(1), X2(ID), &value));
	assert_false(vlapic_wrmsr(V(1), X2(TPR), 0));
}

/* Reserved bits, and registers that can't be read or written, fault (Intel SDM vol. 3, table 11-6). */
static void x2apic_faults(void **state)
{
	static const uint32_t unreadable[] = { EOI,  DFR,   ICR2,  SELF_IPI, 0,	    0x10, 0x90,
					       0xc0, 0x290, 0x2f0, 0x3a0,    0x3d0, 0xff0 };
	static const uint32_t unwritable[] = { ID,  VERSION, PPR,   LDR,   DFR, ISR,  TMR,
					       IRR, ICR2,    TMCCT, 0x2f0, 0,	0xff0 };
	static const struct {
		uint32_t offset;
		uint64_t bad;
	} reserved[] = {
		{ EOI, 1 },	    { ESR, 1 },		 { TPR, 0x100 },     { SVR, 0x400 },
		{ SVR, 1UL << 32 }, { ICR, 1 << 13 },	 { ICR, 1 << 12 },   { ICR, 1 << 16 },
		{ ICR, 1 << 20 },   { LVTT, 1 << 19 },	 { LVTT, 1 << 8 },   { LVTTHMR, 1 << 11 },
		{ LVTPC, 1 << 17 }, { LVT0, 1 << 17 },	 { LVTERR, 1 << 8 }, { TMICT, 1UL << 32 },
		{ TDCR, 4 },	    { SELF_IPI, 0x100 },
	};
	uint64_t value;

	(void)state;
	enable_x2(0);
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++)
		assert_false(vlapic_rdmsr(V(0), X2(unreadable[i]), &value));
	for (size_t i = 0; i < ARRAY_SIZE(unwritable); i++)
		assert_false(vlapic_wrmsr(V(0), X2(unwritable[i]), 0));
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		assert_false(vlapic_wrmsr(V(0), X2(reserved[i].offset), reserved[i].bad));
	/* Read-only status bits may be written back. */
	assert_true(vlapic_wrmsr(V(0), X2(LVT0), 0x15700));
	assert_true(vlapic_rdmsr(V(0), X2(LVT0), &value));
	assert_int_equal(value, 0x10700);
	for (uint32_t msr = 0x800; msr < 0x900; msr++) { /* none of them does harm */
		vlapic_rdmsr(V(0), msr, &value);
		if (msr != X2(ICR))
			vlapic_wrmsr(V(0), msr, ~0UL);
	}
}

/* ---- IPIs ---- */

static unsigned int targets(uint8_t vector)
{
	unsigned int set = 0;

	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		if (vlapic_pending(V(i)) == vector) {
			vlapic_ack(V(i), vector);
			wr(i, EOI, 0);
			set |= 1u << i;
		}
	return set;
}

static void ipi(unsigned int from, uint32_t dest, uint32_t icr)
{
	wr(from, ICR2, dest << 24);
	wr(from, ICR, icr);
}

static void ipi_physical(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		enable(i);
	ipi(0, 4, 0x50);
	assert_int_equal(targets(0x50), 1 << 2);
	assert_int_equal(rd(0, ICR), 0x50);
	assert_int_equal(rd(0, ICR2), 4 << 24);
	ipi(0, 0, 0x51); /* itself */
	assert_int_equal(targets(0x51), 1 << 0);
	ipi(0, 3, 0x52); /* no such id */
	ipi(0, 8, 0x52);
	ipi(0, 0xfe, 0x52);
	assert_int_equal(targets(0x52), 0);
	ipi(2, 0xff, 0x53);
	assert_int_equal(targets(0x53), 0xf);
	ipi(1, 0, 1 << 18 | 0x54);
	assert_int_equal(targets(0x54), 1 << 1);
	ipi(1, 0, 2 << 18 | 0x55);
	assert_int_equal(targets(0x55), 0xf);
	ipi(1, 0, 3 << 18 | 0x56);
	assert_int_equal(targets(0x56), 0xd);
	/* A local APIC that is off hears nothing. */
	assert_true(set_base(V(3), 0xfee00000));
	ipi(0, 6, 0x57);
	ipi(0, 0xff, 0x57);
	assert_true(set_base(V(3), 0xfee00800));
	enable(3);
	assert_int_equal(targets(0x57), 0x7);
}

static void ipi_logical(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
		enable(i);
		wr(i, LDR, 1u << (24 + i));
	}
	ipi(0, 0x5, 1 << 11 | 0x60);
	assert_int_equal(targets(0x60), 0x5);
	ipi(0, 0xff, 1 << 11 | 0x61);
	assert_int_equal(targets(0x61), 0xf);
	ipi(0, 0x10, 1 << 11 | 0x62);
	assert_int_equal(targets(0x62), 0);
	for (unsigned int i = 0; i < FAKE_VCPUS; i++) { /* two clusters of two */
		wr(i, DFR, 0x0fffffff);
		wr(i, LDR, (i / 2) << 28 | 1u << (24 + i % 2));
	}
	ipi(0, 0x13, 1 << 11 | 0x63);
	assert_int_equal(targets(0x63), 0xc);
	ipi(0, 0x02, 1 << 11 | 0x64);
	assert_int_equal(targets(0x64), 0x2);
	ipi(0, 0x2f, 1 << 11 | 0x65);
	assert_int_equal(targets(0x65), 0);
}

static void ipi_lowest_priority(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		enable(i);
	vlapic_set_tpr(V(0), 0x40);
	vlapic_set_tpr(V(1), 0x20);
	vlapic_set_tpr(V(2), 0x10);
	wr(3, SVR, 0xff); /* disabled: not a candidate */
	ipi(0, 0xff, 1 << 8 | 0x70);
	assert_int_equal(targets(0x70), 1 << 2);
	vlapic_set_tpr(V(2), 0x30);
	ipi(0, 0xff, 1 << 8 | 0x71);
	assert_int_equal(targets(0x71), 1 << 1);
	ipi(0, 0x33, 1 << 8 | 0x72); /* nobody */
	assert_int_equal(targets(0x72), 0);
}

static void ipi_errors(void **state)
{
	(void)state;
	enable(0);
	enable(1);
	wr(0, LVTERR, 0x4e);
	ipi(0, 2, 0x0f);
	assert_int_equal(take(0), 0x4e);
	wr(0, EOI, 0);
	wr(0, ESR, 0);
	assert_int_equal(rd(0, ESR), 0x20);
	wr(0, LVTERR, MASKED);
	ipi(0, 2, 0x05);
	assert_int_equal(take(0), -1);
	wr(0, LVTERR, 0x05); /* an error vector that is illegal itself */
	ipi(0, 2, 0x05);
	assert_int_equal(take(0), -1);
	vlapic_set_irq(V(1), 15);
	assert_int_equal(take(1), -1);
	wr(1, ESR, 0);
	assert_int_equal(rd(1, ESR), 0x40);
	/* SMI, reserved modes: nobody is there to take them. */
	ipi(0, 2, 2 << 8);
	ipi(0, 2, 3 << 8 | 0x80);
	ipi(0, 2, 7 << 8 | 0x80);
	assert_int_equal(targets(0x80), 0);
}

static void nmi(void **state)
{
	(void)state;
	ipi(0, 2, 4 << 8);
	assert_true(vlapic_nmi_pending(V(1)));
	assert_false(vlapic_nmi_pending(V(0)));
	assert_int_equal(fake_state[1].unblocked, 1);
	vlapic_ack_nmi(V(1));
	assert_false(vlapic_nmi_pending(V(1)));
	ipi(0, 0, 3 << 18 | 4 << 8);
	assert_true(vlapic_nmi_pending(V(2)));
	vlapic_reset(V(2));
	assert_false(vlapic_nmi_pending(V(2)));
}

static void x2apic_ipis(void **state)
{
	uint64_t value;

	(void)state;
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		enable_x2(i);
	assert_true(vlapic_wrmsr(V(0), X2(ICR), 6UL << 32 | 0x91));
	assert_int_equal(vlapic_pending(V(3)), 0x91);
	assert_true(vlapic_rdmsr(V(0), X2(ICR), &value));
	assert_int_equal(value, 6UL << 32 | 0x91);
	/* Cluster 0, bits 0 and 4: vCPUs 0 and 2. */
	assert_true(vlapic_wrmsr(V(1), X2(ICR), 0x11UL << 32 | 1 << 11 | 0xa2));
	assert_int_equal(vlapic_pending(V(0)), 0xa2);
	assert_int_equal(vlapic_pending(V(2)), 0xa2);
	assert_int_equal(vlapic_pending(V(1)), -1);
	/* Another cluster, and a physical id beyond 8 bits whose low byte exists. */
	assert_true(vlapic_wrmsr(V(1), X2(ICR), 0x10001UL << 32 | 1 << 11 | 0xb2));
	assert_true(vlapic_wrmsr(V(1), X2(ICR), 0x102UL << 32 | 0xb2));
	assert_true(vlapic_wrmsr(V(1), X2(ICR), 0xffUL << 32 | 0xb2));
	assert_int_equal(vlapic_pending(V(0)), 0xa2);
	assert_int_equal(vlapic_pending(V(1)), -1);
	assert_true(vlapic_wrmsr(V(1), X2(ICR), 0xffffffffUL << 32 | 0xc2));
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		assert_int_equal(vlapic_pending(V(i)), 0xc2);
	assert_true(vlapic_wrmsr(V(2), X2(SELF_IPI), 0xd3));
	assert_int_equal(vlapic_pending(V(2)), 0xd3);
	assert_int_equal(vlapic_pending(V(1)), 0xc2);
	assert_true(vlapic_wrmsr(V(2), X2(SELF_IPI), 0x03));
	assert_true(vlapic_wrmsr(V(2), X2(ESR), 0));
	assert_true(vlapic_rdmsr(V(2), X2(ESR), &value));
	assert_int_equal(value, 0x20);
}

/* ---- start-up: REQ core (guests not using VCPUOP_initialise start their CPUs by INIT and SIPI) ---- */

static void startup(void **state)
{
	(void)state;
	enable(0);
	vlapic_set_irq(V(1), 0x44); /* posted before its start: forgotten */
	ipi(0, 2, 6 << 8 | 0x9a);
	assert_int_equal(fake_state[1].sipi, 0x9a);
	enable(1);
	assert_int_equal(take(1), -1);
	assert_true(V(1)->initialised);
	assert_int_equal(V(1)->pause_flags, 0);
	assert_int_equal(fake_state[1].woken, 1);
	ipi(0, 2, 6 << 8 | 0x9b); /* the second one of the pair is ignored */
	assert_int_equal(fake_state[1].sipi, 0x9a);
	/* To all others: those that are down start. */
	ipi(0, 0, 3 << 18 | 6 << 8 | 0x10);
	assert_int_equal(fake_state[1].sipi, 0x9a);
	assert_int_equal(fake_state[2].sipi, 0x10);
	assert_int_equal(fake_state[3].sipi, 0x10);
	ipi(0, 0, 1 << 18 | 6 << 8 | 0x10); /* to itself: nothing */
	assert_int_equal(fake_state[0].sipi, -1);
}

static void init_and_startup_of_a_running_vcpu(void **state)
{
	(void)state;
	enable(0);
	ipi(0, 2, 6 << 8 | 0x11);
	enable(1);
	vlapic_set_irq(V(1), 0x44);
	V(1)->running = true;
	V(1)->processor = 1;
	ipi(0, 2, 5 << 8 | 1 << 15); /* de-assertion: nothing */
	assert_true(V(1)->initialised);
	ipi(0, 2, 5 << 8 | 1 << 15 | 1 << 14);
	assert_false(V(1)->initialised);
	assert_true(test_bit(PAUSE_DOWN, &V(1)->pause_flags));
	assert_int_equal(fake_state[1].slept, 1);
	set_bit(PAUSE_POLL, &V(1)->pause_flags); /* on its way out */
	ipi(0, 2, 5 << 8 | 1 << 14);		 /* again: it is down already */
	assert_int_equal(fake_state[1].slept, 1);
	/* It has not left its CPU yet: the start waits for that, the sender does not. */
	ipi(0, 2, 6 << 8 | 0x12);
	assert_int_equal(fake_state[1].sipi, 0x11);
	vlapic_left_cpu(V(0)); /* another one has */
	assert_int_equal(fake_state[1].sipi, 0x11);
	V(1)->running = false;
	vlapic_left_cpu(V(1));
	assert_int_equal(fake_state[1].sipi, 0x12);
	assert_true(V(1)->initialised);
	assert_int_equal(V(1)->pause_flags, 0);
	assert_int_equal(fake_timers_armed(), 0);
	assert_int_equal(rd(1, SVR), 0xff); /* reset by INIT */
	assert_int_equal(rd(1, IRR + 0x20), 0);
	/* The vector of an upcall that is due comes back with the APIC. */
	V(1)->upcall_vector = 0x44;
	wr(1, SVR, 0x1ff);
	assert_int_equal(rd(1, IRR + 0x20), 0);
	fake_state[1].upcall_pending = true;
	wr(1, SVR, 0xff);
	assert_int_equal(rd(1, IRR + 0x20), 0);
	wr(1, SVR, 0x1ff);
	assert_int_equal(rd(1, IRR + 0x20), 1 << 4);
	ipi(1, 2, 5 << 8 | 1 << 14); /* INIT to itself: nothing */
	assert_true(V(1)->initialised);
}

static void startup_that_is_overtaken(void **state)
{
	(void)state;
	enable(0);
	V(1)->running = true; /* going down */
	ipi(0, 2, 6 << 8 | 0x12);
	V(1)->initialised = true; /* VCPUOP_initialise came first */
	V(1)->running = false;
	vlapic_left_cpu(V(1));
	assert_int_equal(fake_state[1].sipi, -1);
	V(1)->running = true;
	V(1)->initialised = false;
	ipi(0, 2, 6 << 8 | 0x13);
	fake_domain.state = DOMAIN_DYING;
	V(1)->running = false;
	vlapic_left_cpu(V(1));
	assert_int_equal(fake_state[1].sipi, -1);
	/* INIT withdraws a start-up that waits. */
	fake_domain.state = DOMAIN_ALIVE;
	V(1)->running = true;
	ipi(0, 2, 6 << 8 | 0x14);
	ipi(0, 2, 5 << 8 | 1 << 14);
	V(1)->running = false;
	vlapic_left_cpu(V(1));
	assert_int_equal(fake_state[1].sipi, -1);
}

/* ---- timer ---- */

static void timer_one_shot(void **state)
{
	(void)state;
	enable(0);
	wr(0, LVTT, 0x40);
	wr(0, TDCR, 0xb); /* by 1: 10 ns a count */
	wr(0, TMICT, 1000);
	assert_int_equal(rd(0, TMCCT), 1000);
	fake_advance(4000);
	assert_int_equal(rd(0, TMCCT), 600);
	assert_int_equal(take(0), -1);
	fake_advance(5999);
	assert_int_equal(take(0), -1);
	fake_advance(1);
	assert_int_equal(take(0), 0x40);
	assert_int_equal(rd(0, TMCCT), 0);
	assert_int_equal(rd(0, TMICT), 1000);
	wr(0, EOI, 0);
	fake_advance(1000000);
	assert_int_equal(take(0), -1);
	wr(0, TMICT, 1000);
	wr(0, TMICT, 0);
	fake_advance(1000000);
	assert_int_equal(take(0), -1);
	assert_int_equal(rd(0, TMCCT), 0);
}

static void timer_divider(void **state)
{
	static const struct {
		uint32_t code, by;
	} dividers[] = { { 0, 2 },  { 1, 4 },  { 2, 8 },     { 3, 16 },
			 { 8, 32 }, { 9, 64 }, { 0xa, 128 }, { 0xb, 1 } };

	(void)state;
	enable(0);
	wr(0, LVTT, 0x40);
	for (size_t i = 0; i < ARRAY_SIZE(dividers); i++) {
		wr(0, TDCR, dividers[i].code);
		wr(0, TMICT, 100);
		fake_advance(dividers[i].by * 1000 - 1);
		assert_int_equal(take(0), -1);
		fake_advance(1);
		assert_int_equal(take(0), 0x40);
		wr(0, EOI, 0);
	}
	/* A change under way keeps the count. */
	wr(0, TMICT, 1000);
	fake_advance(5000);
	assert_int_equal(rd(0, TMCCT), 500);
	wr(0, TDCR, 0);
	assert_int_equal(rd(0, TMCCT), 500);
	fake_advance(9999);
	assert_int_equal(take(0), -1);
	fake_advance(1);
	assert_int_equal(take(0), 0x40);
	wr(0, TDCR, 3); /* with no count under way nothing starts */
	assert_int_equal(fake_timers_armed(), 0);
}

static void timer_periodic(void **state)
{
	(void)state;
	enable(0);
	wr(0, TDCR, 0xb);
	wr(0, LVTT, PERIODIC | 0x41);
	wr(0, TMICT, 100000); /* 1 ms */
	for (int i = 0; i < 5; i++) {
		fake_advance(999999);
		assert_int_equal(take(0), -1);
		fake_advance(1);
		assert_int_equal(take(0), 0x41);
		wr(0, EOI, 0);
	}
	wr(0, LVTT, MASKED | PERIODIC | 0x41);
	fake_advance(1000000);
	assert_int_equal(take(0), -1);
	assert_int_equal(rd(0, TMCCT), 100000); /* it goes on while masked */
	wr(0, LVTT, PERIODIC | 0x42);
	fake_advance(1000000);
	assert_int_equal(take(0), 0x42);
	wr(0, EOI, 0);
	wr(0, LVTT, 0x42); /* to one-shot: one more */
	fake_advance(10000000);
	assert_int_equal(take(0), 0x42);
	assert_int_equal(fake_timers_armed(), 0);
}

/* REQ core/7: a guest can't make the core take interrupts without bound. */
static void timer_shortest_period(void **state)
{
	unsigned int n = 0;

	(void)state;
	enable(0);
	wr(0, TDCR, 0xb);
	wr(0, LVTT, PERIODIC | 0x41);
	wr(0, TMICT, 1);
	for (int i = 0; i < 10000; i++) {
		fake_advance(100);
		if (take(0) >= 0)
			n++;
		wr(0, EOI, 0);
		assert_true(rd(0, TMCCT) <= 1);
	}
	assert_in_range(n, 9, 11);
}

/*
 * REQ core/7: of a vCPU that does not run, one tick comes (it may wake it), whatever the guest has
 * masked or left pending. When it runs again the timer goes on, in phase.
 */
static void timer_of_a_vcpu_that_does_not_run(void **state)
{
	static const struct {
		uint32_t lvt, tpr;
		int first;
	} how[] = { { 0x41, 0, 0x41 }, { 0x41, 0xff, -1 }, { MASKED | 0x41, 0, -1 }, { 3, 0, -1 } };

	(void)state;
	enable(0);
	wr(0, TDCR, 0xb);
	for (size_t i = 0; i < ARRAY_SIZE(how); i++) {
		unsigned int fired = fake_host.timers_fired;

		wr(0, TPR, how[i].tpr);
		wr(0, LVTT, PERIODIC | how[i].lvt);
		wr(0, TMICT, 100000); /* 1 ms */
		fake_advance(500000);
		V(0)->running = false;
		fake_advance(100000000);
		assert_int_equal(fake_host.timers_fired, fired + 1);
		assert_int_equal(fake_timers_armed(), 0);
		V(0)->running = true;
		vlapic_timer_resume(V(0));
		assert_int_equal(rd(0, TMCCT), 50000);
		assert_int_equal(take(0), how[i].first);
		if (how[i].first >= 0)
			wr(0, EOI, 0);
		fake_advance(499999);
		assert_int_equal(fake_host.timers_fired,
				 fired + 1); /* what was missed is not made up for */
		fake_advance(1);
		assert_int_equal(fake_host.timers_fired, fired + 2);
		/* Away for less than a period: as if it had run. */
		V(0)->running = false;
		fake_advance(300000);
		V(0)->running = true;
		vlapic_timer_resume(V(0));
		assert_int_equal(rd(0, TMCCT), 70000);
		fake_advance(700000);
		assert_int_equal(fake_host.timers_fired, fired + 3);
		wr(0, TPR, 0);
		while (take(0) >= 0)
			wr(0, EOI, 0);
	}
	wr(0, TMICT, 0);
	vlapic_timer_resume(V(0));
	assert_int_equal(fake_timers_armed(), 0);
	/* A single one comes, whoever runs. */
	wr(0, LVTT, 0x42);
	wr(0, TMICT, 100000);
	V(0)->running = false;
	fake_advance(1000000);
	V(0)->running = true;
	vlapic_timer_resume(V(0));
	assert_int_equal(take(0), 0x42);
	assert_int_equal(fake_timers_armed(), 0);
}

static void timer_late(void **state)
{
	(void)state;
	enable(0);
	wr(0, TDCR, 0xb);
	wr(0, LVTT, PERIODIC | 0x41);
	wr(0, TMICT, 100000);
	/* The core was away for 3.5 periods: one interrupt, and the phase is kept. */
	fake_host.now += 3500000;
	fake_advance(0);
	assert_int_equal(take(0), 0x41);
	wr(0, EOI, 0);
	fake_advance(499999);
	assert_int_equal(take(0), -1);
	fake_advance(1);
	assert_int_equal(take(0), 0x41);
}

/* The third mode of the timer, TSC deadline, is not offered, and its bit and its MSR do not exist. */
static void timer_no_tsc_deadline(void **state)
{
	uint64_t value;

	(void)state;
	enable(0);
	wr(0, LVTT, DEADLINE | 0x43);
	assert_int_equal(rd(0, LVTT), 0x43);
	assert_false(vlapic_rdmsr(V(0), 0x6e0, &value));
	assert_false(vlapic_wrmsr(V(0), 0x6e0, 5));
	x2apic(0);
	assert_false(vlapic_wrmsr(V(0), X2(LVTT), DEADLINE | 0x43));
	assert_true(vlapic_rdmsr(V(0), X2(LVTT), &value));
	assert_int_equal(value, 0x43);
	assert_int_equal(fake_timers_armed(), 0);
}

static void init_out_of_memory(void **state)
{
	struct vcpu v = { .domain = &fake_domain, .id = 1 };

	(void)state;
	fake_host.heap_budget = 0;
	assert_int_equal(vlapic_init(&v), -ENOMEM);
	assert_null(v.hvm);
	vlapic_free(&v);
	fake_host.heap_budget = -1;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fake_hvm_setup, fake_hvm_teardown)
	const struct CMUnitTest tests[] = {
		T(reset_state),
		T(delivery_by_priority),
		T(task_priority),
		T(posting),
		T(software_disable),
		T(register_masks),
		T(illegal_registers),
		T(base_transitions),
		T(x2apic_registers),
		T(x2apic_faults),
		T(ipi_physical),
		T(ipi_logical),
		T(ipi_lowest_priority),
		T(ipi_errors),
		T(nmi),
		T(x2apic_ipis),
		T(startup),
		T(init_and_startup_of_a_running_vcpu),
		T(startup_that_is_overtaken),
		T(timer_one_shot),
		T(timer_divider),
		T(timer_periodic),
		T(timer_shortest_period),
		T(timer_of_a_vcpu_that_does_not_run),
		T(timer_late),
		T(timer_no_tsc_deadline),
		T(init_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
