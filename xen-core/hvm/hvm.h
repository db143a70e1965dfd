/* SPDX-License-Identifier: BSD-2-Clause */
/* What hardware-assisted guests need of the platform beyond the CPU's own virtualisation. */
#pragma once

#include "xen_abi.h"
#include "types.h"
#include "hvm/decode.h"

/* Register state of a vCPU in the core: what the exit saved; rip/rsp/rflags live in the VMCB. */
struct guest_regs {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

#define GUEST_REGS(op)                                                                        \
	op(rax) op(rbx) op(rcx) op(rdx) op(rbp) op(rsi) op(rdi) op(rsp) op(r8) op(r9) op(r10) \
		op(r11) op(r12) op(r13) op(r14) op(r15) op(rip) op(rflags)

/* How a vCPU runs. */
struct guest_control {
	uint64_t cr0, cr3, cr4, efer; /* what its address space depends on */
	uint64_t cr2, xcr0;
	unsigned int cpl;
	bool long_mode; /* 64-bit: EFER.LMA and CS.L */
};

/* A segment register, attributes in the VMCB's packed 12-bit form. */
struct guest_segment {
	uint16_t sel, attr;
	uint32_t limit;
	uint64_t base;
};

/*
 * The table of operations of a virtualisation extension (x86/svm/, later x86/vmx/). The vCPU is
 * the current one or paused, unless said otherwise.
 */
struct vm_ops {
	/* Boot: looks at what there is; then each CPU switches it on. They panic when guests can't run. */
	void (*probe)(void);
	void (*cpu_enable)(void);
	int (*vcpu_init)(struct vcpu *v);
	void (*vcpu_free)(struct vcpu *v);
	/* Runs the current vCPU until it exits, and handles the exit. */
	void (*run)(struct vcpu *v);
	/* The vCPU is about to run on this CPU after another one did, and the reverse. */
	void (*switch_to)(struct vcpu *v);
	void (*switch_from)(struct vcpu *v);
	/* Registers (the current vCPU's, or a paused one's). */
	struct guest_regs *(*regs)(struct vcpu *v);
	void (*get_control)(struct vcpu *v, struct guest_control *out);
	void (*get_segment)(struct vcpu *v, unsigned int seg, struct guest_segment *out);
	/* State as the HVM save record has it; checked before it is set. */
	int (*set_hvm_cpu)(struct vcpu *v, const struct hvm_hw_cpu *in);
	/* Exceptions: @error < 0 for none. Delivered at the next entry; a second one makes a double fault. */
	void (*inject_exception)(struct vcpu *v, unsigned int vector, int64_t error);
};

/* Segment numbers for get_segment: the VMCB's order. */
enum {
	SEG_ES,
	SEG_CS,
	SEG_SS,
	SEG_DS,
	SEG_FS,
	SEG_GS,
	SEG_GDTR,
	SEG_LDTR,
	SEG_IDTR,
	SEG_TR,
	SEG_COUNT
};

extern const struct vm_ops *vm_ops;

/* The hypercall hvm_op. */
long hvm_op(unsigned int cmd, gva_t arg);

/*
 * HVM parameters, with the side effects of setting (callback). The policy has been asked; whether
 * @d may set or read it about itself is decided here (-EPERM). -EINVAL: no such parameter, or a
 * value that it can't have; -EEXIST: it is set already and can't change.
 */
int hvm_param_set(struct domain *d, uint32_t index, uint64_t value);
int hvm_param_get(struct domain *d, uint32_t index, uint64_t *value);

/*
 * HVM context as XEN_DOMCTL_gethvmcontext writes it, to the caller's memory: hvm_context_size() bytes.
 * -EFAULT.
 */
int hvm_context_save(struct domain *d, gva_t to);
size_t hvm_context_size(const struct domain *d);
/*
 * Sets what @size bytes of the caller's memory say of @d, which is paused. Needs a header and an end
 * record; between them any of CPU and MTRR, which are what domain builders set, for any of the vCPUs.
 * -EFAULT; -EINVAL for what is malformed or not allowed, -ENOENT for a vCPU that does not exist: then
 * the records before that one are set.
 */
int hvm_context_load(struct domain *d, gva_t from, size_t size);

/*
 * Makes vCPU @v run event upcalls: sets what the entry path looks at and kicks its CPU. Called by
 * event channels when evtchn_upcall_pending of its vcpu_info goes from 0 to 1, and on unmask.
 */
void hvm_event_pending(struct vcpu *v);

/*
 * Before entry, for the current vCPU: the vector that waits, or -1. When the guest can't take it now,
 * the caller opens an interrupt window. When it gives the vector to the guest it calls
 * hvm_ack_vector() with it. A blocked vCPU (HLT) is woken for what this returns. Of two that wait, the
 * second has its turn at an exit that is sure to come: those of the local APIC go first, and end with
 * a write to it.
 */
int hvm_pending_vector(struct vcpu *v);
/* Would the current vCPU, were it blocked, be woken at once: by an interrupt, an upcall or an NMI? */
bool hvm_interrupt_waits(struct vcpu *v);
void hvm_ack_vector(struct vcpu *v, int vector);
/* Undoes hvm_ack_vector(), before another hvm_pending_vector(): the guest has not seen @vector. */
void hvm_requeue_vector(struct vcpu *v, int vector);

/*
 * An access of the current vCPU that nested paging refused: the local APIC's page is emulated, a
 * write to read-only memory dropped, and where nothing is reads give all ones (hvm/mmio.c).
 * Advances rip. Returns false when the guest must be crashed: what it executes is not emulated.
 */
bool hvm_mmio(struct vcpu *v, gpa_t gpa, bool write);

/*
 * Length of the intercepted instruction at the current vCPU's rip, with prefixes; 0 when the bytes
 * there are not (or no longer) that instruction, for which the guest gets #GP.
 */
unsigned int hvm_insn_length(struct vcpu *v, enum insn_plain what);

/* CPUID as the guest is to see it: registers in and out. */
void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* MSRs that are not the hardware part's: false → #GP in the guest. */
bool hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value);
bool hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);

/* Port I/O by a guest, which owns no port: *@value is what it writes, or what it reads then. */
void hvm_pio(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint32_t *value);
