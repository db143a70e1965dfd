/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD SVM: a vCPU's hardware state and the parts of its run. Everything here is for svm/ alone. */
#pragma once

#include "domain/domain.h"
#include "hvm/decode.h"
#include "hvm/hvm.h"
#include "x86/bits.h"
#include "x86/svm/vmcb.h"

#define EFER_GUEST (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) /* what guests may have */

struct svm_vcpu {
	struct guest_regs regs; /* rax, rsp, rip, rflags are copied from and to the VMCB */
	struct vmcb *vmcb;	/* a core page */
	maddr_t vmcb_addr;
	uint32_t xcr0; /* what the core knows is in its low half */
	uint64_t tsc_aux;
	uint64_t pending_event; /* for the next entry, as EVENTINJ has it; 0: none */
	uint64_t dr[4];
	bool dr_loaded;	    /* the guest's DR0-3 are in the CPU; accesses are not intercepted */
	uint64_t tlb_epoch; /* p2m.tlb_epoch when it got its ASID */
	uint64_t asid_generation; /* the CPU's when it got its ASID: no two CPUs have the same */
	uint8_t fpu[3072] __attribute__((aligned(64))); /* an FXSAVE or XSAVE image */
};

_Static_assert(sizeof(struct svm_vcpu) <= PAGE_SIZE, "it is a core page");

static inline struct svm_vcpu *svm_vcpu(const struct vcpu *v)
{
	return v->vm;
}

/* What this CPU can do of SVM (CPUID 8000_000A edx). */
extern struct svm_features {
	bool nrip_save;
	bool tsc_aux; /* RDTSCP, and its MSR */
	uint32_t asids;
} svm_features;

/* entry.S: runs the guest until it exits. Leaves with GIF set and interrupts off. */
void svm_enter(struct guest_regs *regs, uint64_t vmcb_addr, uint64_t host_addr);

static inline bool svm_long_mode_active(const struct svm_vcpu *sv)
{
	return (sv->vmcb->efer & EFER_LMA) && (sv->vmcb->seg[SEG_CS].attr & 1U << 9);
}

/* exit.c: asks for the exits that it handles. */
void svm_init_intercepts(struct vmcb *c);

/* Before entry: chooses the event to inject. It stays chosen while the entry does not happen. */
void svm_prepare_event(struct vcpu *v);
/*
 * Then: gives the guest the interrupt that waits as a virtual one, which the CPU takes before the
 * guest's first instruction; when the guest can't take it at once, asks for an exit as soon as it
 * can. Returns the vector that was given, or -1. Interrupts are never injected as events: to hardware
 * that would be the same, but QEMU's emulation (7.2, TYPE_INTR in helper_vmrun) may deliver such an
 * event a second time, in the middle of the handler.
 */
int svm_offer_interrupt(struct vcpu *v);
/*
 * After the exit: the event that the CPU did not deliver wholly is for the next entry; and the @vector
 * that was given (-1: none) waits again, if it has not been taken, or not wholly.
 */
void svm_take_back_events(struct vcpu *v, int vector);
/* The guest's CPU would reset: its domain is shut down for a reboot. */
void svm_triple_fault(struct vcpu *v);
void svm_handle_exit(struct vcpu *v);
void svm_inject_exception(struct vcpu *v, unsigned int vector, int64_t error);

/* MSRs of the hardware part, then hvm_rdmsr/hvm_wrmsr. false: #GP. */
bool svm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value);
bool svm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);

int svm_set_hvm_cpu(struct vcpu *v, const struct hvm_hw_cpu *in);
void svm_reset_state(struct vcpu *v);

/* fpu.c */
void fpu_boot(void);
void fpu_init_image(struct svm_vcpu *sv);
void fpu_save(struct svm_vcpu *sv);
void fpu_load(struct svm_vcpu *sv);
bool fpu_set_xcr0(struct vcpu *v, uint32_t index, uint64_t value);
