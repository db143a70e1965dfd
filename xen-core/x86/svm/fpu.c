/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FPU and extended state: saved when a vCPU leaves a CPU and loaded when it comes, always, so that
 * nothing of one domain is ever in the registers while another runs. The core itself uses none.
 */
#include "hvm/cpuid.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "x86/regs.h"
#include "x86/svm/svm.h"

#define FXSAVE_SIZE 512
#define XCR0_X87    1U
#define XCR0_SSE    2U
#define XCR0_AVX    4U
#define XCR0_AVX512 0xe0U /* three parts, all or none, and with AVX */
/*
 * What the core knows to be pure register state. The protection keys' register (bit 9) is for no guest,
 * but the core does not see who sets CR4.PKE to use it all the same.
 */
#define XCR0_KNOWN  0x2e7U

#define FP_POINTERS (1U << 2) /* 0x80000008, EBX: FXRSTOR and XRSTOR load them always */

static uint32_t host_xcr0; /* 0: no XSAVE */
static bool keeps_pointers;

static void xsetbv(uint32_t value)
{
	asm volatile("xsetbv" : : "c"(0), "a"(value), "d"(0));
}

/* QEMU's own CPU: XSETBV does not leave the guest there, so its XCR0 can't be the guest's alone. */
static bool is_tcg(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	if (!(r[2] & 1U << 31))
		return false;
	cpuid(0x40000000, 0, r);
	return !memcmp(&r[1], "TCGTCGTCGTCG", 12);
}

void fpu_boot(void)
{
	uint32_t r[4];

	cpuid(0x80000008, 0, r);
	keeps_pointers = !(r[1] & FP_POINTERS);
	cpuid(1, 0, r);
	if (!(r[2] & 1U << 26))
		return;
	if (is_tcg()) {
		cpu_policy_hide(XEN_X86_FEATURE_XSAVE);
		return;
	}
	/* As the other CPUs do when they come up (x86/smp.c). */
	write_cr4(read_cr4() | CR4_OSXSAVE);
	cpuid(0xd, 0, r);
	host_xcr0 = r[0] & XCR0_KNOWN;
	xsetbv(host_xcr0);
	cpuid(0xd, 0, r);
	BUG_ON(r[1] > sizeof(((struct svm_vcpu *)NULL)->fpu));
}

void fpu_init_image(struct svm_vcpu *sv)
{
	memset(sv->fpu, 0, sizeof(sv->fpu));
	*(uint16_t *)sv->fpu = 0x037f;	      /* FCW */
	*(uint32_t *)(sv->fpu + 24) = 0x1f80; /* MXCSR */
	if (host_xcr0)
		*(uint64_t *)(sv->fpu + FXSAVE_SIZE) = XCR0_X87 | XCR0_SSE;
	sv->xcr0 = XCR0_X87;
}

void fpu_save(struct svm_vcpu *sv)
{
	if (host_xcr0) {
		xsetbv(host_xcr0);
		asm volatile("xsave64 (%0)" : : "r"(sv->fpu), "a"(host_xcr0), "d"(0) : "memory");
	} else {
		asm volatile("fxsave64 (%0)" : : "r"(sv->fpu) : "memory");
	}
}

/*
 * Where the last x87 instruction was, and its operand, AMD's older CPUs load only with a pending exception
 * (APM vol. 2, "FXSAVE and FXRSTOR instructions"). So that they are not another domain's, the core has one.
 */
static void forget_pointers(void)
{
	static const uint32_t zero;

	asm volatile("fnclex\n\tffree %%st(7)\n\tfildl %0" : : "m"(zero));
}

void fpu_load(struct svm_vcpu *sv)
{
	if (keeps_pointers)
		forget_pointers();
	if (host_xcr0) {
		xsetbv(host_xcr0);
		asm volatile("xrstor64 (%0)" : : "r"(sv->fpu), "a"(host_xcr0), "d"(0) : "memory");
		xsetbv(sv->xcr0);
	} else {
		asm volatile("fxrstor64 (%0)" : : "r"(sv->fpu) : "memory");
	}
}

/* What XSETBV takes without a fault: the core executes it with what the guest wants. */
static bool valid_xcr0(const struct vcpu *v, uint64_t value)
{
	uint64_t allowed = host_xcr0 & cpu_policy_find(v->domain->cpu_policy, 0xd, 0)->a;

	if (!(value & XCR0_X87) || (value & ~allowed))
		return false;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return false;
	return !(value & XCR0_AVX512) ||
	       ((value & XCR0_AVX512) == XCR0_AVX512 && (value & XCR0_AVX));
}

bool fpu_set_xcr0(struct vcpu *v, uint32_t index, uint64_t value)
{
	if (!host_xcr0 || index != 0 || !valid_xcr0(v, value))
		return false;
	svm_vcpu(v)->xcr0 = (uint32_t)value;
	xsetbv((uint32_t)value);
	return true;
}
