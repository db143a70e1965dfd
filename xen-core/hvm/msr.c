/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs that are emulated without the hardware: one table of ranges. What is in no range faults.
 * The hardware part (x86/svm/) keeps EFER, the system-call and segment-base MSRs, PAT and the TSC.
 */
#include "hvm/cpu_features.h"
#include "hvm/hvm.h"
#include "hvm/hvm_vcpu.h"
#include "hypercall/hypercall.h"
#include "mm/guest.h"
#include "mm/heap.h"

struct msr_range {
	uint32_t first, last;
	uint8_t vendor;						     /* whose CPUs have it */
	bool (*read)(struct vcpu *v, uint32_t msr, uint64_t *value); /* NULL: #GP */
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

static bool mtrr_type_valid(uint64_t type)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

static bool mtrr_def_type_valid(uint64_t value)
{
	return !(value & ~0xcffUL) && mtrr_type_valid(value & 0xff);
}

static bool mtrr_fixed_valid(uint64_t value)
{
	for (unsigned int i = 0; i < 64; i += 8)
		if (!mtrr_type_valid((value >> i) & 0xff))
			return false;
	return true;
}

/* @index: 0 base, 1 mask, 2 base, … */
static bool mtrr_variable_valid(unsigned int index, uint64_t value)
{
	if (value >> MTRR_PHYS_BITS)
		return false;
	if (index % 2)
		return !(value & 0x7ff);
	return !(value & 0xf00) && mtrr_type_valid(value & 0xff);
}

bool hvm_mtrr_valid(const struct hvm_hw_mtrr *m)
{
	for (unsigned int i = 0; i < MTRR_VCNT * 2; i++)
		if (!mtrr_variable_valid(i, m->msr_mtrr_var[i]))
			return false;
	for (unsigned int i = 0; i < NUM_FIXED_MSR; i++)
		if (!mtrr_fixed_valid(m->msr_mtrr_fixed[i]))
			return false;
	return mtrr_def_type_valid(m->msr_mtrr_def_type);
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
	struct hvm_hw_mtrr *m = &hvm_vcpu(v)->mtrr;

	if (msr < 0x250)
		return &m->msr_mtrr_var[msr - 0x200];
	if (msr == 0x2ff)
		return &m->msr_mtrr_def_type;
	return &m->msr_mtrr_fixed[msr == 0x250	? 0
				  : msr < 0x268 ? 1 + msr - 0x258
						: 3 + msr - 0x268];
}

static bool mtrr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	*value = *mtrr_register(v, msr);
	return true;
}

static bool mtrr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	bool valid = msr < 0x250    ? mtrr_variable_valid(msr - 0x200, value)
		     : msr == 0x2ff ? mtrr_def_type_valid(value)
				    : mtrr_fixed_valid(value);

	if (valid)
		*mtrr_register(v, msr) = value;
	return valid;
}

/*
 * Constants, and writes that are ignored.
 */

static bool read_zero(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	*value = 0;
	return true;
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

static bool constant_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} constants[] = {
		{ 0x0000008b, 0x01000065 }, /* microcode revision, as other hypervisors have it */
		{ 0x000000fe, MTRR_CAP },
		{ 0x000001a0, 1 | 3UL << 11 }, /* MISC_ENABLE: fast strings; no BTS, no PEBS */
		{ 0xc0010015, 1UL << 24 },     /* HWCR: the TSC counts at the nominal frequency */
		{ 0xc0010114, 3UL << 3 },      /* VM_CR: SVM disabled and locked */
		{ 0xc0011029, 1UL << 1 },      /* DE_CFG: LFENCE serialises */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(constants); i++) {
		if (constants[i].msr == msr) {
			*value = constants[i].value;
			return true;
		}
	}
	return false;
}

/*
 * Local APIC and hypercall page.
 */

static bool apic_base_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	*value = vlapic_get_apic_base(v);
	return true;
}

static bool apic_base_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	return vlapic_set_apic_base(v, value);
}

static bool deadline_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	return vlapic_get_tsc_deadline(v, value);
}

static bool deadline_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	return vlapic_set_tsc_deadline(v, value);
}

/* The guest names a page of its memory; page 0 of one hypercall page is written there. */
static bool hypercall_page_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint8_t *page;
	bool ok;

	if (value & ~PAGE_MASK)
		return false;
	page = xmalloc(PAGE_SIZE);
	if (!page)
		return false;
	hypercall_page_fill(page);
	ok = guest_phys_write(v->domain, (gpa_t) { value }, page, PAGE_SIZE) == 0;
	xfree(page);
	return ok;
}

/* Sorted by first MSR. */
static const struct msr_range ranges[] = {
	{ 0x00000000, 0x00000001, ANY, read_zero, write_zero }, /* P5 machine check */
	{ 0x00000017, 0x00000017, INTEL, read_zero, NULL },	/* PLATFORM_ID */
	{ 0x0000001b, 0x0000001b, ANY, apic_base_read, apic_base_write },
	{ 0x0000002a, 0x0000002a, INTEL, read_zero, NULL }, /* EBL_CR_POWERON */
	{ 0x0000008b, 0x0000008b, ANY, constant_read, NULL },
	{ 0x000000ce, 0x000000ce, ANY, read_zero,
	  NULL }, /* PLATFORM_INFO, as all policies have it */
	{ 0x000000fe, 0x000000fe, ANY, constant_read, NULL },
	{ 0x00000179, 0x00000179, ANY, read_zero, NULL },	/* MCG_CAP: no banks */
	{ 0x0000017a, 0x0000017a, ANY, read_zero, write_zero }, /* MCG_STATUS */
	{ 0x000001a0, 0x000001a0, INTEL, constant_read, write_ignored },
	{ 0x000001d9, 0x000001d9, ANY, read_zero, write_ignored }, /* DEBUGCTL */
	{ 0x00000200, 0x0000020f, ANY, mtrr_read, mtrr_write },
	{ 0x00000250, 0x00000250, ANY, mtrr_read, mtrr_write },
	{ 0x00000258, 0x00000259, ANY, mtrr_read, mtrr_write },
	{ 0x00000268, 0x0000026f, ANY, mtrr_read, mtrr_write },
	{ 0x000002ff, 0x000002ff, ANY, mtrr_read, mtrr_write },
	{ 0x000006e0, 0x000006e0, ANY, deadline_read, deadline_write },
	{ 0x00000800, 0x000008ff, ANY, vlapic_rdmsr, vlapic_wrmsr },
	{ 0x40000000, 0x40000000, ANY, read_zero, hypercall_page_write },
	{ 0xc0010000, 0xc0010007, AMD, read_zero, write_ignored }, /* performance counters */
	{ 0xc0010010, 0xc0010010, AMD, read_zero, write_ignored }, /* SYSCFG */
	{ 0xc0010015, 0xc0010015, AMD, constant_read, write_ignored },
	{ 0xc001001f, 0xc001001f, AMD, read_zero, write_ignored }, /* NB_CFG */
	{ 0xc0010055, 0xc0010055, AMD, read_zero, write_ignored }, /* interrupt pending, C1E */
	{ 0xc0010112, 0xc0010113, AMD, read_zero, NULL },	   /* TSEG */
	{ 0xc0010114, 0xc0010114, AMD, constant_read, write_ignored },
	{ 0xc0010200, 0xc001020b, AMD, read_zero, write_ignored }, /* performance counters */
	{ 0xc0011029, 0xc0011029, AMD, constant_read, write_ignored },
};

static const struct msr_range *find(const struct vcpu *v, uint32_t msr)
{
	unsigned int lo = 0, hi = ARRAY_SIZE(ranges);
	bool intel = cpu_policy_find(v->domain->cpu_policy, 0, 0)->b == VENDOR_INTEL_EBX;

	while (lo < hi) {
		const struct msr_range *r = &ranges[(lo + hi) / 2];

		if (msr < r->first)
			hi = (lo + hi) / 2;
		else if (msr > r->last)
			lo = (lo + hi) / 2 + 1;
		else
			return r->vendor == ANY || (r->vendor == INTEL) == intel ? r : NULL;
	}
	return NULL;
}

bool hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const struct msr_range *r = find(v, msr);

	return r && r->read && r->read(v, msr, value);
}

bool hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	const struct msr_range *r = find(v, msr);

	return r && r->write && r->write(v, msr, value);
}
