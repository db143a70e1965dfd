/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is injected at an entry (REQ core/SVM): nothing that was on its way is lost or nested; and what a
 * vCPU starts with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hvm/vlapic.h"
#include "x86/regs.h"
#include "x86/svm/svm.h"

#define NONE	       0UL
#define INTR(vector)   (EVENT_VALID | (vector))
#define NMI	       (EVENT_VALID | EVENT_NMI << 8 | 2)
#define FAULT(v)       (EVENT_VALID | EVENT_EXCEPTION << 8 | (v))
#define FAULT_ERR(v)   (FAULT(v) | EVENT_ERROR)
#define SOFT(v)	       (EVENT_VALID | EVENT_SOFT << 8 | (v))
#define DOUBLE	       FAULT_ERR(8)
/* An exit as soon as the guest takes interrupts; an interrupt that it takes at once. */
#define VINTR_ASKED(c) (((c)->vintr & VINTR_IRQ) && svm_intercepts(c, VMEXIT_VINTR))
#define VINTR_GIVEN(c) (((c)->vintr & VINTR_IRQ) && !svm_intercepts(c, VMEXIT_VINTR))

static struct domain domain;
static struct vmcb vmcb;
static struct svm_vcpu sv = { .vmcb = &vmcb };
static struct vcpu vcpu = { .domain = &domain, .vm = &sv };

static int vectors[4], acked, requeued, offered; /* vectors: highest last, 0 is no more */
static unsigned int nr_vectors, triple_faults, looks;
static bool nmi;

int hvm_pending_vector(struct vcpu *v)
{
	looks++;
	return nr_vectors ? vectors[nr_vectors - 1] : -1;
}

void hvm_ack_vector(struct vcpu *v, int vector)
{
	assert_true(nr_vectors && vector == vectors[nr_vectors - 1]);
	nr_vectors--;
	acked = vector;
}

void hvm_requeue_vector(struct vcpu *v, int vector)
{
	vectors[nr_vectors++] = vector;
	requeued = vector;
}

bool vlapic_nmi_pending(const struct vcpu *v)
{
	return nmi;
}

void vlapic_ack_nmi(struct vcpu *v)
{
	nmi = false;
}

void vlapic_set_nmi(struct vcpu *v)
{
	nmi = true;
}

void svm_triple_fault(struct vcpu *v)
{
	triple_faults++;
}

void fpu_init_image(struct svm_vcpu *image)
{
	memset(image->fpu, 0, sizeof(image->fpu));
}

static int setup(void **state)
{
	memset(&vmcb, 0, sizeof(vmcb));
	sv.pending_event = 0;
	sv.regs.rflags = 2 | RFLAGS_IF;
	acked = requeued = offered = -1;
	nr_vectors = triple_faults = 0;
	nmi = false;
	return 0;
}

/* An entry: the event to inject; and @offered. */
static uint64_t enter(void)
{
	svm_prepare_event(&vcpu);
	looks = 0;
	offered = svm_offer_interrupt(&vcpu);
	assert_int_equal(looks, 1); /* the guest's memory may be looked at each time */
	assert_int_equal(offered >= 0, VINTR_GIVEN(&vmcb));
	if (offered >= 0) {
		assert_int_equal(vmcb.vintr >> 32 & 0xff, offered);
		assert_int_equal(acked, offered);
	}
	return vmcb.eventinj;
}

/* The exit after it, which may have met the delivery of @interrupted. */
static void leave(bool taken, uint64_t interrupted)
{
	if (taken)
		vmcb.vintr &= ~VINTR_IRQ;
	vmcb.exitintinfo = interrupted;
	svm_take_back_events(&vcpu, offered);
	offered = -1;
}

/* An exit that met the delivery of @interrupted, and the next entry. */
static uint64_t prepare(uint64_t interrupted)
{
	leave(true, interrupted);
	return enter();
}

/* The same when the core has raised an exception meanwhile. */
static uint64_t raised(uint64_t interrupted, unsigned int vector, int64_t error)
{
	leave(true, interrupted);
	svm_inject_exception(&vcpu, vector, error);
	return enter();
}

static void nothing_or_once(void **state)
{
	assert_int_equal(prepare(NONE), NONE);
	assert_int_equal(raised(NONE, 6, -1), FAULT(6));
	assert_int_equal(prepare(NONE), NONE);
	assert_int_equal(raised(NONE, 13, 0x18), FAULT_ERR(13) | 0x18UL << 32);
}

/* An event whose delivery an exit interrupted comes again; what an instruction raised does not. */
static void interrupted(void **state)
{
	assert_int_equal(prepare(INTR(0x31)), NONE); /* taken back instead */
	assert_int_equal(prepare(NMI), NMI);
	assert_int_equal(prepare(FAULT_ERR(14) | 2UL << 32), FAULT_ERR(14) | 2UL << 32);
	assert_int_equal(prepare(FAULT(1)), FAULT(1));
	assert_int_equal(prepare(SOFT(0x80)), NONE);
	assert_int_equal(prepare(FAULT(3)), NONE);
	assert_int_equal(prepare(FAULT(4)), NONE);
	assert_int_equal(prepare(0x31), NONE); /* not valid */
	/* It goes before interrupts that wait; those get a window. */
	vectors[nr_vectors++] = 0x40;
	assert_int_equal(prepare(FAULT(1)), FAULT(1));
	assert_int_equal(acked, -1);
	assert_true(VINTR_ASKED(&vmcb));
}

/* An exception that the core raises while an interrupt or an NMI was on its way: that one follows. */
static void replaced(void **state)
{
	vectors[nr_vectors++] = 0x31;
	assert_int_equal(prepare(NONE), NONE);
	assert_int_equal(offered, 0x31);
	leave(true, INTR(0x31));
	assert_int_equal(requeued, 0x31);
	svm_inject_exception(&vcpu, 13, 0);
	assert_int_equal(enter(), FAULT_ERR(13));
	assert_true(VINTR_ASKED(&vmcb));
	assert_int_equal(prepare(NONE), NONE);
	assert_int_equal(offered, 0x31);
	assert_int_equal(nr_vectors, 0);

	svm_intercept(&vmcb, VMEXIT_IRET, true); /* as when it was injected */
	assert_int_equal(raised(NMI, 17, 0), FAULT_ERR(17));
	assert_true(nmi);
	assert_int_equal(prepare(NONE), NMI);
	assert_true(svm_intercepts(&vmcb, VMEXIT_IRET));
	assert_false(nmi);
}

/* APM vol. 2, table 8-3, in both ways that two exceptions can meet. */
static void combined(void **state)
{
	static const struct {
		unsigned int first, second;
		uint64_t want;
	} cases[] = {
		{ 0, 13, DOUBLE },     { 13, 0, DOUBLE },     { 10, 12, DOUBLE },
		{ 11, 11, DOUBLE },    { 14, 13, DOUBLE },    { 14, 14, DOUBLE },
		{ 13, 14, FAULT(14) }, { 0, 14, FAULT(14) },  { 1, 13, FAULT(13) },
		{ 13, 6, FAULT(6) },   { 14, 6, FAULT(6) },   { 6, 14, FAULT(14) },
		{ 8, 6, FAULT(6) },    { 17, 13, FAULT(13) },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(raised(FAULT(cases[i].first), cases[i].second, -1), cases[i].want);
		leave(true, NONE);
		svm_inject_exception(&vcpu, cases[i].first, -1);
		svm_inject_exception(&vcpu, cases[i].second, -1);
		assert_int_equal(enter(), cases[i].want);
	}
	assert_int_equal(triple_faults, 0);
	for (unsigned int second = 10; second <= 14; second++) {
		assert_int_equal(raised(DOUBLE, second, 0), NONE);
		assert_int_equal(triple_faults, second - 9);
	}
}

static void interrupts(void **state)
{
	vectors[nr_vectors++] = 0x40;
	sv.regs.rflags &= ~RFLAGS_IF;
	assert_int_equal(prepare(NONE), NONE);
	assert_true(VINTR_ASKED(&vmcb));
	sv.regs.rflags |= RFLAGS_IF;
	vmcb.int_shadow = 1;
	assert_int_equal(prepare(NONE), NONE);
	assert_true(VINTR_ASKED(&vmcb));
	vmcb.int_shadow = 0;
	vectors[nr_vectors++] = 0x50;
	assert_int_equal(prepare(NONE), NONE);
	assert_int_equal(offered, 0x50);
	leave(true, NONE);
	assert_int_equal(requeued, -1);
	assert_int_equal(prepare(NONE), NONE);
	assert_int_equal(offered, 0x40);
	leave(true, NONE);
	assert_int_equal(requeued, -1);
	assert_int_equal(prepare(NONE), NONE);
	assert_false(vmcb.vintr & VINTR_IRQ);
	assert_false(svm_intercepts(&vmcb, VMEXIT_VINTR));
}

/* An interrupt that the CPU has not taken, or not wholly, waits again; nothing else does. */
static void taken_back(void **state)
{
	vectors[nr_vectors++] = 0x40;
	assert_int_equal(prepare(NONE), NONE);
	leave(false, NONE);
	assert_int_equal(requeued, 0x40);
	assert_int_equal(prepare(NONE), NONE);
	requeued = -1;
	leave(true, INTR(0x40));
	assert_int_equal(requeued, 0x40);
	assert_int_equal(enter(), NONE);
	requeued = -1;
	leave(false, INTR(0x40)); /* so does an emulator tell it */
	assert_int_equal(requeued, 0x40);
	assert_int_equal(nr_vectors, 1);
	assert_int_equal(prepare(NONE), NONE);
	requeued = -1;
	leave(true, FAULT(14)); /* its handler's first instruction */
	assert_int_equal(requeued, -1);
	assert_int_equal(nr_vectors, 0);
	assert_int_equal(prepare(NONE), NONE);
	leave(true, INTR(0x40)); /* nothing was given */
	assert_int_equal(requeued, -1);
}

/* One NMI until IRET; none in an interrupt shadow; interrupts wait for it. */
static void nmis(void **state)
{
	nmi = true;
	sv.regs.rflags &= ~RFLAGS_IF;
	vmcb.int_shadow = 1;
	assert_int_equal(prepare(NONE), NONE);
	vmcb.int_shadow = 0;
	vectors[nr_vectors++] = 0x40;
	assert_int_equal(prepare(NONE), NMI);
	assert_true(svm_intercepts(&vmcb, VMEXIT_IRET));
	assert_true(VINTR_ASKED(&vmcb));
	nmi = true;
	assert_int_equal(prepare(NONE), NONE);
	assert_true(nmi);
	svm_intercept(&vmcb, VMEXIT_IRET, false);
	assert_int_equal(prepare(NONE), NMI);
}

/* Entries that do not happen: what was chosen stays chosen. */
static void cancelled(void **state)
{
	nmi = true;
	svm_prepare_event(&vcpu);
	assert_int_equal(vmcb.eventinj, NMI);
	svm_prepare_event(&vcpu);
	assert_int_equal(vmcb.eventinj, NMI);
	assert_int_equal(enter(), NMI);
	assert_int_equal(prepare(NONE), NONE);
	svm_inject_exception(&vcpu, 6, -1);
	svm_prepare_event(&vcpu);
	svm_prepare_event(&vcpu);
	assert_int_equal(enter(), FAULT(6));
}

/* The exits that can be asked for, by their codes, in the VMCB's words (APM vol. 2, appendix B). */
static void intercepts(void **state)
{
	svm_intercept(&vmcb, VMEXIT_DR_READ + 1, true);
	svm_intercept(&vmcb, VMEXIT_EXCEPTION + TRAP_MC, true);
	svm_intercept(&vmcb, VMEXIT_INTR, true);
	svm_intercept(&vmcb, VMEXIT_SHUTDOWN, true);
	svm_intercept(&vmcb, VMEXIT_VMMCALL, true);
	svm_intercept(&vmcb, VMEXIT_INTR, true);
	assert_int_equal(vmcb.intercepts[0], 0);
	assert_int_equal(vmcb.intercepts[1], 1U << 1);
	assert_int_equal(vmcb.intercepts[2], 1U << 18);
	assert_int_equal(vmcb.intercepts[3], 1U << 31 | 1);
	assert_int_equal(vmcb.intercepts[4], 1U << 1);
	svm_intercept(&vmcb, VMEXIT_INTR, false);
	assert_int_equal(vmcb.intercepts[3], 1U << 31);
	assert_false(svm_intercepts(&vmcb, VMEXIT_INTR));
	assert_true(svm_intercepts(&vmcb, VMEXIT_VMMCALL));
}

/* A vCPU that starts anew: nothing of its life before comes back, neither events nor translations. */
static void starts(void **state)
{
	struct hvm_hw_cpu cpu = { .rip = 0x1000, .rflags = 2, .cr0 = 0x11, .cr4 = 0x20 };

	for (int i = 0; i < 2; i++) {
		sv.asid_generation = 5;
		sv.pending_event = FAULT(6);
		svm_intercept(&vmcb, VMEXIT_IRET, true);
		if (i == 0)
			vcpu_start_sipi(&vcpu, 0x9a);
		else
			assert_int_equal(svm_set_hvm_cpu(&vcpu, &cpu), 0);
		assert_int_equal(sv.asid_generation, 0);
		assert_int_equal(sv.pending_event, 0);
		assert_false(svm_intercepts(&vmcb, VMEXIT_IRET));
		assert_int_equal(sv.regs.rip, i ? 0x1000 : 0);
		assert_int_equal(vmcb.seg[SEG_CS].base, i ? 0 : 0x9a000);
	}
	/* VMXE and LA57 are not for guests, nor what does not exist. */
	for (unsigned int bit = 12; bit < 64; bit++) {
		if (bit == 12 || bit == 13 || bit > 21) {
			cpu.cr4 = 1UL << bit;
			assert_int_equal(svm_set_hvm_cpu(&vcpu, &cpu), -EINVAL);
		}
	}
}

/* What VMRUN refuses (APM vol. 2 § 15.5.1), and what guests can't have, is refused before anything is set. */
static void states(void **state)
{
	static const struct {
		struct hvm_hw_cpu cpu;
		int rc;
	} cases[] = {
		{ { .cr0 = 0x11 }, 0 },
		{ { .cr0 = 1UL << 32 }, -EINVAL },
		{ { .cr0 = CR0_NW }, -EINVAL },
		{ { .cr0 = CR0_NW | CR0_CD }, 0 },
		{ { .cr0 = CR0_PG }, -EINVAL },
		{ { .cr0 = CR0_PG | CR0_PE }, 0 },
		{ { .msr_efer = EFER_SVME }, -EINVAL },
		{ { .msr_efer = EFER_LME }, 0 },
		{ { .msr_efer = EFER_LMA }, -EINVAL },
		{ { .msr_efer = EFER_LME | EFER_LMA }, -EINVAL },
		{ { .cr0 = CR0_PG | CR0_PE, .msr_efer = EFER_LME | EFER_LMA }, -EINVAL },
		{ { .cr0 = CR0_PG | CR0_PE, .cr4 = CR4_PAE, .msr_efer = EFER_LME }, -EINVAL },
		{ { .cr0 = CR0_PG | CR0_PE, .cr4 = CR4_PAE, .msr_efer = EFER_LME | EFER_LMA }, 0 },
		{ { .cr0 = CR0_PG | CR0_PE,
		    .cr4 = CR4_PAE,
		    .msr_efer = EFER_LME | EFER_LMA,
		    .cs_arbytes = 0x200 },
		  0 },
		{ { .cr0 = CR0_PG | CR0_PE,
		    .cr4 = CR4_PAE,
		    .msr_efer = EFER_LME | EFER_LMA,
		    .cs_arbytes = 0x600 },
		  -EINVAL },
		{ { .dr6 = 1UL << 32 }, -EINVAL },
		{ { .dr7 = 1UL << 32 }, -EINVAL },
		{ { .cr3 = 1UL << 52 }, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		vmcb.cr2 = 77;
		assert_int_equal(svm_set_hvm_cpu(&vcpu, &cases[i].cpu), cases[i].rc);
		assert_int_equal(vmcb.cr2, cases[i].rc ? 77 : 0);
	}
}

/* Floating-point state comes with its flag alone, and never with bits that would fault. */
static void fpu_state(void **state)
{
	struct hvm_hw_cpu cpu = { .fpu_regs[0] = 0x42 };

	memset(cpu.fpu_regs + 24, 0xff, 4);
	sv.fpu[0] = 0;
	assert_int_equal(svm_set_hvm_cpu(&vcpu, &cpu), 0);
	assert_int_not_equal(sv.fpu[0], 0x42);
	cpu.flags = XEN_X86_FPU_INITIALISED;
	assert_int_equal(svm_set_hvm_cpu(&vcpu, &cpu), 0);
	assert_int_equal(sv.fpu[0], 0x42);
	assert_int_equal(*(uint32_t *)(sv.fpu + 24), 0xffbf);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_or_once), T(interrupted), T(replaced), T(combined),
		T(interrupts),	    T(taken_back),  T(nmis),	 T(cancelled),
		T(intercepts),	    T(starts),	    T(states),	 T(fpu_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
