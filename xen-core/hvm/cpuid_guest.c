/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID as a vCPU sees it: its domain's policy, what depends on its state, and Xen's own leaves. */
#include "domain/domain.h"
#include "hvm/cpu_features.h"
#include "hvm/hvm.h"
#include "hvm/hvm_vcpu.h"
#include "lib/string.h"
#include "x86/bits.h"
#include "x86/time.h"

#define XEN_MAJOR	  4u
#define XEN_MINOR	  17u
#define XEN_HYPERCALL_MSR 0x40000000u
#define FEATURE_APIC	  (1u << 9)  /* 1.edx, 0x80000001.edx */
#define FEATURE_OSXSAVE	  (1u << 27) /* 1.ecx */

static void time_leaf(const struct vcpu *v, uint32_t subleaf, uint32_t out[4])
{
	uint32_t mul;
	int8_t shift;

	switch (subleaf) {
	case 0:
		/* TSC mode 0, never emulated; not claimed to be safe without the guest's own check. */
		out[0] = cpu_policy_has(v->domain->cpu_policy, XEN_X86_FEATURE_RDTSCP) ? 4 : 0;
		out[2] = tsc_khz();
		break;
	case 1:
		tsc_scale(&mul, &shift);
		out[2] = mul;
		out[3] = (uint32_t)(int32_t)shift;
		break;
	case 2:
		out[0] = tsc_khz();
		break;
	}
}

/* Leaves 0x40000000 …, see arch-x86/cpuid.h. The tools may lower their number to 2. */
static void xen_leaf(const struct vcpu *v, uint32_t index, uint32_t subleaf, uint32_t out[4])
{
	uint32_t wish = cpu_policy_find(v->domain->cpu_policy, XEN_CPUID_FIRST_LEAF, 0)->a;
	uint32_t last = XEN_CPUID_MAX_NUM_LEAVES;

	if (wish)
		last = min(max(wish, 2u), last);
	if (index > last)
		return;
	switch (index) {
	case 0:
		out[0] = XEN_CPUID_LEAF(last);
		out[1] = XEN_CPUID_SIGNATURE_EBX;
		out[2] = XEN_CPUID_SIGNATURE_ECX;
		out[3] = XEN_CPUID_SIGNATURE_EDX;
		break;
	case 1:
		out[0] = XEN_MAJOR << 16 | XEN_MINOR;
		break;
	case 2:
		out[0] = 1; /* hypercall pages */
		out[1] = XEN_HYPERCALL_MSR;
		break;
	case 3:
		time_leaf(v, subleaf, out);
		break;
	case 4:
		if (subleaf)
			break;
		out[0] = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT |
			 XEN_HVM_CPUID_UPCALL_VECTOR;
		out[1] = v->id;
		out[2] = v->domain->id;
		break;
	}
}

/*
 * Bytes of an XSAVE image with the components that the vCPU has switched on: each at its place, or
 * one behind the other.
 */
static uint32_t xsave_size(struct vcpu *v, bool compact)
{
	const xen_cpuid_leaf_t *l = cpu_policy_find(v->domain->cpu_policy, 0xd, 0);
	struct guest_control control;
	uint32_t size = 512 + 64;

	vm_ops->get_control(v, &control);
	for (uint32_t i = 2; i < XSTATE_SUBLEAVES; i++) {
		if (!((control.xcr0 >> i) & 1))
			continue;
		if (!compact)
			size = max(size, l[i].a + l[i].b);
		else
			size = (l[i].c & 2 ? ROUND_UP(size, 64u) : size) + l[i].a;
	}
	return size;
}

/* What depends on the vCPU: its APIC id and mode, CR4, XCR0. */
static void adjust(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	bool apic_on = vlapic_hw_enabled(v->hvm);
	struct guest_control control;

	switch (leaf) {
	case 1:
		vm_ops->get_control(v, &control);
		out[1] = (out[1] & 0x00ffffff) | vlapic_id(v) << 24;
		if (out[2] & 1u << (XEN_X86_FEATURE_XSAVE % 32) && control.cr4 & CR4_OSXSAVE)
			out[2] |= FEATURE_OSXSAVE;
		if (!apic_on)
			out[3] &= ~FEATURE_APIC;
		break;
	case 0xb:
		if (cpu_policy_has(v->domain->cpu_policy, XEN_X86_FEATURE_X2APIC)) {
			out[2] |= subleaf & 0xff;
			out[3] = vlapic_id(v);
		}
		break;
	case 0xd:
		if (out[1] && subleaf <= 1)
			out[1] = xsave_size(v, subleaf == 1);
		break;
	case 0x80000001:
		if (!apic_on)
			out[3] &= ~FEATURE_APIC;
		break;
	}
}

void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	const xen_cpuid_leaf_t *l;

	memset(out, 0, 4 * sizeof(out[0]));
	if (leaf >= XEN_CPUID_FIRST_LEAF && leaf < XEN_CPUID_FIRST_LEAF + 0x100) {
		xen_leaf(v, leaf - XEN_CPUID_FIRST_LEAF, subleaf, out);
		return;
	}
	l = cpu_policy_find(v->domain->cpu_policy, leaf, subleaf);
	if (l) {
		out[0] = l->a;
		out[1] = l->b;
		out[2] = l->c;
		out[3] = l->d;
	}
	adjust(v, leaf, subleaf, out);
}
