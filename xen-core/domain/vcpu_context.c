/* SPDX-License-Identifier: BSD-2-Clause */
/* VCPUOP_initialise: struct vcpu_hvm_context (xen/hvm/hvm_vcpu.h) made into register state. */
#include "domain/domain.h"
#include "x86/bits.h"

/* Bits of the packed segment attributes. */
#define ATTR_TYPE     0x000f
#define ATTR_RW	      0x0002 /* code: readable, data: writable */
#define ATTR_CONFORM  0x0004
#define ATTR_CODE     0x0008
#define ATTR_S	      0x0010
#define ATTR_DPL(a)   ((a) >> 5 & 3)
#define ATTR_P	      0x0080
#define ATTR_RESERVED 0xf000

#define RFLAGS_ALWAYS 2

static bool code_attr_ok(uint16_t cs, unsigned int cpl)
{
	if (!(cs & ATTR_S) || !(cs & ATTR_CODE) || !(cs & ATTR_P))
		return false;
	return cs & ATTR_CONFORM ? ATTR_DPL(cs) <= cpl : ATTR_DPL(cs) == cpl;
}

static bool stack_attr_ok(uint16_t ss)
{
	return (ss & ATTR_S) && (ss & ATTR_P) && (ss & (ATTR_CODE | ATTR_RW)) == ATTR_RW;
}

/* DS and ES may be null: all zero. */
static bool data_attr_ok(uint16_t attr)
{
	if (!attr)
		return true;
	return (attr & ATTR_S) && (attr & ATTR_P) && (!(attr & ATTR_CODE) || (attr & ATTR_RW));
}

/* A busy TSS, of 32 or 16 bits. */
static bool task_attr_ok(uint16_t tr)
{
	return !(tr & ATTR_S) && (tr & ATTR_P) && (tr & (ATTR_TYPE & ~ATTR_CODE)) == 0x3;
}

/* The same registers in both modes, named @e##ax and so on. */
#define COPY_REGISTERS(e)                                                                 \
	*hw = (struct hvm_hw_cpu)                                                         \
	{                                                                                 \
		.rax = in->e##ax, .rcx = in->e##cx, .rdx = in->e##dx, .rbx = in->e##bx,   \
		.rsp = in->e##sp, .rbp = in->e##bp, .rsi = in->e##si, .rdi = in->e##di,   \
		.rip = in->e##ip, .rflags = in->e##flags, .cr0 = in->cr0, .cr3 = in->cr3, \
		.cr4 = in->cr4, .msr_efer = in->efer                                      \
	}

static int decode_32(const struct vcpu_hvm_x86_32 *in, struct hvm_hw_cpu *hw)
{
	if (in->pad1 || in->pad2[0] || in->pad2[1] || in->pad2[2] ||
	    ((in->cs_ar | in->ds_ar | in->ss_ar | in->es_ar | in->tr_ar) & ATTR_RESERVED))
		return -EINVAL;
	if (!stack_attr_ok(in->ss_ar) || !code_attr_ok(in->cs_ar, ATTR_DPL(in->ss_ar)) ||
	    !data_attr_ok(in->ds_ar) || !data_attr_ok(in->es_ar) || !task_attr_ok(in->tr_ar))
		return -EINVAL;
	COPY_REGISTERS(e);
#define SEGMENT(name)                        \
	hw->name##_base = in->name##_base;   \
	hw->name##_limit = in->name##_limit; \
	hw->name##_arbytes = in->name##_ar
	SEGMENT(cs);
	SEGMENT(ds);
	SEGMENT(ss);
	SEGMENT(es);
	SEGMENT(tr);
#undef SEGMENT
	return 0;
}

static int decode_64(const struct vcpu_hvm_x86_64 *in, struct hvm_hw_cpu *hw)
{
	/* The mode means that it starts in long mode. */
	if ((in->cr0 & (CR0_PE | CR0_PG)) != (CR0_PE | CR0_PG) || !(in->cr4 & CR4_PAE) ||
	    !(in->efer & EFER_LME))
		return -EINVAL;
	COPY_REGISTERS(r);
	hw->cs_limit = hw->ds_limit = hw->ss_limit = hw->es_limit = ~0U;
	hw->cs_arbytes = 0xa9b;
	hw->ds_arbytes = hw->ss_arbytes = hw->es_arbytes = 0xc93;
	hw->tr_limit = 0x67;
	hw->tr_arbytes = 0x8b;
	return 0;
}

int vcpu_context_decode(const struct vcpu_hvm_context *ctx, struct hvm_hw_cpu *hw)
{
	int rc;

	if (ctx->pad)
		return -EINVAL;
	if (ctx->mode == VCPU_HVM_MODE_32B)
		rc = decode_32(&ctx->cpu_regs.x86_32, hw);
	else if (ctx->mode == VCPU_HVM_MODE_64B)
		rc = decode_64(&ctx->cpu_regs.x86_64, hw);
	else
		rc = -EINVAL;
	if (rc)
		return rc;
	/* What the context leaves out is as after a reset; so is the FPU, which is not in the record. */
	if ((hw->cr0 & CR0_PG) && (hw->msr_efer & EFER_LME))
		hw->msr_efer |= EFER_LMA;
	hw->rflags |= RFLAGS_ALWAYS;
	hw->fs_limit = hw->gs_limit = 0xffff;
	hw->fs_arbytes = hw->gs_arbytes = 0x93;
	hw->dr6 = 0xffff0ff0;
	hw->dr7 = 0x400;
	return 0;
}
