/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs that are emulated without the hardware: one table of ranges. What is in no range faults.
 * The hardware part (x86/svm/) keeps EFER, the system-call and segment-base MSRs, PAT and the TSC.
 */
#include "hvm/cpu_features.h"
#include "hvm/hvm.h"
#include "hvm/hvm_vcpu.h"
#include "hypercall/hypercall.h"

struct msr_range {
	uint32_t first, last;
	uint8_t vendor; /* whose CPUs have it */
	uint64_t value; /* without @read */
	bool (*read)(struct vcpu *v, uint32_t msr, uint64_t *value);
	bool (*write)(struct vcpu *v, uint32_t msr, uint64_t value); /* NULL: #GP */
};

enum {
	ANY,
	AMD,
	INTEL
};

/*
 * Memory types. They are kept and read back, and have no effect: nested paging gives guests'
 * memory the type write-back, combined with the guest's PAT.
 */

#define MTRR_CAP	0x508u /* eight variable ranges, fixed ranges, write-combining */
#define MTRR_ENABLED_WB 0x806u
#define MTRR_PHYS_BITS	52

#define MTRR_VARIABLE	0x200
#define MTRR_FIXED_64K	0x250
#define MTRR_DEF_TYPE	0x2ff

static bool mtrr_type_valid(uint64_t type)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

static bool mtrr_valid(uint32_t msr, uint64_t value)
{
	if (msr == MTRR_DEF_TYPE)
		return !(value & ~0xcffUL) && mtrr_type_valid(value & 0xff);
	if (msr < MTRR_FIXED_64K) {
		if (value >> MTRR_PHYS_BITS)
			return false;
		return msr % 2 ? !(value & 0x7ff) /* mask */
			       : !(value & 0xf00) && mtrr_type_valid(value & 0xff);
	}
	for (unsigned int i = 0; i < 64; i += 8)
		if (!mtrr_type_valid((value >> i) & 0xff))
			return false;
	return true;
}

bool hvm_mtrr_valid(const struct hvm_hw_mtrr *m)
{
	for (unsigned int i = 0; i < MTRR_VCNT * 2; i++)
		if (!mtrr_valid(MTRR_VARIABLE + i, m->msr_mtrr_var[i]))
			return false;
	for (unsigned int i = 0; i < NUM_FIXED_MSR; i++)
		if (!mtrr_valid(MTRR_FIXED_64K, m->msr_mtrr_fixed[i]))
			return false;
	return mtrr_valid(MTRR_DEF_TYPE, m->msr_mtrr_def_type);
}

void hvm_mtrr_reset(struct hvm_hw_mtrr *mtrr)
{
	*mtrr = (struct hvm_hw_mtrr) {
		.msr_pat_cr = 0x0007040600070406UL,
		.msr_mtrr_cap = MTRR_CAP,
		.msr_mtrr_def_type = MTRR_ENABLED_WB,
	};
}

/* 0x200 … 0x20f; 0x250; 0x258, 0x259; 0x268 … 0x26f; 0x2ff. */
static uint64_t *mtrr_register(struct vcpu *v, uint32_t msr)
{
	struct hvm_hw_mtrr *m = &v->hvm->mtrr;

	if (msr < MTRR_FIXED_64K)
		return &m->msr_mtrr_var[msr - MTRR_VARIABLE];
	if (msr == MTRR_DEF_TYPE)
		return &m->msr_mtrr_def_type;
	return &m->msr_mtrr_fixed[msr == MTRR_FIXED_64K ? 0
				  : msr < 0x268		? 1 + msr - 0x258
							: 3 + msr - 0x268];
}

static bool mtrr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	*value = *mtrr_register(v, msr);
	return true;
}

static bool mtrr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	bool valid = mtrr_valid(msr, value);

	if (valid)
		*mtrr_register(v, msr) = value;
	return valid;
}

static bool write_ignored(struct vcpu *v, uint32_t msr, uint64_t value)
{
	return true;
}

/* Registers that hold nothing: only zero can be written. */
static bool write_zero(struct vcpu *v, uint32_t msr, uint64_t value)
{
	return value == 0;
}

static bool hypercall_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	return !(value & ~PAGE_MASK) && !hypercall_page_write(v->domain, (gpa_t) { value });
}

/* The first is what running guests use all the time. */
static const struct msr_range ranges[] = {
	{ 0x00000800, 0x000008ff, ANY, 0, vlapic_rdmsr, vlapic_wrmsr },
	{ 0x00000000, 0x00000001, ANY, 0, NULL, write_zero }, /* P5 machine check */
	{ 0x00000017, 0x00000017, INTEL, 0, NULL, NULL },     /* PLATFORM_ID */
	{ 0x0000001b, 0x0000001b, ANY, 0, vlapic_rdmsr, vlapic_wrmsr },
	{ 0x0000002a, 0x0000002a, INTEL, 0, NULL, NULL }, /* EBL_CR_POWERON */
	/* Microcode revision, as other hypervisors have it. */
	{ 0x0000008b, 0x0000008b, ANY, 0x01000065, NULL, NULL },
	{ 0x000000ce, 0x000000ce, ANY, 0, NULL, NULL }, /* PLATFORM_INFO, as all policies have it */
	{ 0x000000fe, 0x000000fe, ANY, MTRR_CAP, NULL, NULL },
	{ 0x00000179, 0x00000179, ANY, 0, NULL, NULL },	      /* MCG_CAP: no banks */
	{ 0x0000017a, 0x0000017a, ANY, 0, NULL, write_zero }, /* MCG_STATUS */
	/* MISC_ENABLE: fast strings; no BTS, no PEBS. */
	{ 0x000001a0, 0x000001a0, INTEL, 1 | 3UL << 11, NULL, write_ignored },
	{ 0x000001d9, 0x000001d9, ANY, 0, NULL, write_zero }, /* DEBUGCTL: no branch records */
	{ MTRR_VARIABLE, 0x0000020f, ANY, 0, mtrr_read, mtrr_write },
	{ MTRR_FIXED_64K, 0x00000250, ANY, 0, mtrr_read, mtrr_write },
	{ 0x00000258, 0x00000259, ANY, 0, mtrr_read, mtrr_write },
	{ 0x00000268, 0x0000026f, ANY, 0, mtrr_read, mtrr_write },
	{ MTRR_DEF_TYPE, 0x000002ff, ANY, 0, mtrr_read, mtrr_write },
	{ 0x40000000, 0x40000000, ANY, 0, NULL, hypercall_msr_write },
	{ 0xc0010000, 0xc0010007, AMD, 0, NULL, write_ignored }, /* performance counters */
	{ 0xc0010010, 0xc0010010, AMD, 0, NULL, write_ignored }, /* SYSCFG */
	/* HWCR: the TSC counts at the nominal frequency. */
	{ 0xc0010015, 0xc0010015, AMD, 1UL << 24, NULL, write_ignored },
	{ 0xc001001f, 0xc001001f, AMD, 0, NULL, write_ignored }, /* NB_CFG */
	{ 0xc0010055, 0xc0010055, AMD, 0, NULL, write_ignored }, /* interrupt pending, C1E */
	{ 0xc0010112, 0xc0010113, AMD, 0, NULL, NULL },		 /* TSEG */
	/* VM_CR: SVM disabled and locked. */
	{ 0xc0010114, 0xc0010114, AMD, 3UL << 3, NULL, write_ignored },
	{ 0xc0010200, 0xc001020b, AMD, 0, NULL, write_ignored }, /* performance counters */
	/* DE_CFG: LFENCE serialises. */
	{ 0xc0011029, 0xc0011029, AMD, 1UL << 1, NULL, write_ignored },
};

static const struct msr_range *find(const struct vcpu *v, uint32_t msr)
{
	bool intel = cpu_policy_find(v->domain->cpu_policy, 0, 0)->b == VENDOR_INTEL_EBX;

	for (const struct msr_range *r = ranges; r < ranges + ARRAY_SIZE(ranges); r++)
		if (msr >= r->first && msr <= r->last)
			return r->vendor == ANY || (r->vendor == INTEL) == intel ? r : NULL;
	return NULL;
}

bool hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const struct msr_range *r = find(v, msr);

	if (!r)
		return false;
	*value = r->value;
	return !r->read || r->read(v, msr, value);
}

bool hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	const struct msr_range *r = find(v, msr);

	return r && r->write && r->write(v, msr, value);
}
