/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core (MSRs): those that are emulated, and #GP for every other (REQ core/7). */
#include <string.h>
#include "support/fake_hvm.h"

#define V(n) (&fake_vcpus[n])

static uint64_t rd(uint32_t msr)
{
	uint64_t value = 0xdeadbeef;

	assert_true(hvm_rdmsr(V(0), msr, &value));
	return value;
}

static bool reads(uint32_t msr)
{
	uint64_t value;

	return hvm_rdmsr(V(0), msr, &value);
}

#define wr(msr, value)	   assert_true(hvm_wrmsr(V(0), (msr), (value)))
#define bad_wr(msr, value) assert_false(hvm_wrmsr(V(0), (msr), (value)))

static void constants(void **state)
{
	(void)state;
	assert_int_equal(rd(0x8b), 0x01000065);
	bad_wr(0x8b, 0);
	assert_int_equal(rd(0xc0010015), 1 << 24);
	wr(0xc0010015, 0x12345);
	assert_int_equal(rd(0xc0010015), 1 << 24);
	assert_int_equal(rd(0xc0011029), 2); /* LFENCE serialises */
	wr(0xc0011029, 0);
	assert_int_equal(rd(0xc0011029), 2);
	assert_int_equal(rd(0xc0010114), 0x18);
	assert_int_equal(rd(0x179), 0);
	bad_wr(0x179, 0);
	assert_int_equal(rd(0x17a), 0);
	wr(0x17a, 0);
	bad_wr(0x17a, 1);
	assert_int_equal(rd(0xc001001f), 0);
	assert_int_equal(rd(0xce), 0);
	bad_wr(0xce, 0);
	assert_false(reads(0x10a)); /* empty: not there */
	bad_wr(0x10a, 0);
	assert_int_equal(rd(0xc0010004), 0); /* a performance counter */
	wr(0xc0010004, 77);
	assert_int_equal(rd(0xc0010004), 0);
}

/* Of Intel's alone, and of AMD's alone. */
static void vendors(void **state)
{
	(void)state;
	assert_false(reads(0x1a0));
	bad_wr(0x1a0, 0);
	assert_false(reads(0x17));
	assert_false(reads(0x2a));
}

static void vendors_intel(void **state)
{
	(void)state;
	assert_int_equal(rd(0x1a0), 0x1801);
	wr(0x1a0, 0);
	assert_int_equal(rd(0x17), 0);
	assert_false(reads(0xc0010015));
	assert_false(reads(0xc0010000));
	bad_wr(0xc0011029, 0);
	assert_false(reads(0x6e0)); /* this host has the TSC deadline */
}

static void unknown(void **state)
{
	static const uint32_t msrs[] = { 0x2,	     0x10,	 0x1a,	     0x3a,	 0x48,
					 0x49,	     0x79,	 0xc1,	     0x186,	 0x210,
					 0x251,	     0x270,	 0x277,	     0x400,	 0x480,
					 0x6e0,	     0x7ff,	 0x900,	     0x3fffffff, 0x40000001,
					 0x400000ff, 0xc0000080, 0xc0010008, 0xc0010117, 0xc0010131,
					 0xc001020c, 0xc0011020, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_false(reads(msrs[i]));
		bad_wr(msrs[i], 0);
		bad_wr(msrs[i], ~0UL);
	}
}

static void mtrrs(void **state)
{
	(void)state;
	assert_int_equal(rd(0xfe), 0x508);
	bad_wr(0xfe, 0x508);
	assert_int_equal(rd(0x2ff), 0x806); /* on, write-back: else Linux switches PAT off */
	wr(0x2ff, 0xc00);
	assert_int_equal(rd(0x2ff), 0xc00);
	bad_wr(0x2ff, 0x802);
	bad_wr(0x2ff, 0x806 | 1 << 8);
	bad_wr(0x2ff, 1UL << 32);
	wr(0x200, 0xe0000000 | 1);
	wr(0x201, 0xfffe0000000 | 1 << 11);
	assert_int_equal(rd(0x200), 0xe0000001);
	assert_int_equal(rd(0x201), 0xfffe0000800);
	assert_int_equal(rd(0x20f), 0);
	bad_wr(0x200, 0xe0000000 | 7);
	bad_wr(0x200, 0xe0000000 | 1 << 8);
	bad_wr(0x201, 1 << 10);
	bad_wr(0x20e, 1UL << 52);
	for (uint32_t msr = 0x250; msr <= 0x26f; msr++) {
		if (msr != 0x250 && msr != 0x258 && msr != 0x259 && msr < 0x268)
			continue;
		wr(msr, 0x0605040100000006 + (msr & 1) * 0x100);
		assert_int_equal(rd(msr), 0x0605040100000006 + (msr & 1) * 0x100);
		bad_wr(msr, 0x0200000000000000);
		bad_wr(msr, 0x07);
	}
	assert_int_equal(rd(0x250), 0x0605040100000006); /* each has a place of its own */
	assert_int_equal(rd(0x258), 0x0605040100000006);
	assert_int_equal(rd(0x259), 0x0605040100000106);
}

static void apic(void **state)
{
	(void)state;
	assert_int_equal(rd(0x1b), 0xfee00900);
	assert_false(reads(0x802));
	wr(0x1b, 0xfee00d00);
	assert_int_equal(rd(0x802), 0);
	wr(0x80f, 0x1ff);
	assert_int_equal(rd(0x80f), 0x1ff);
	bad_wr(0x80f, 1 << 20);
	bad_wr(0x1b, 0xfee00900);
}

static void hypercall_page(void **state)
{
	(void)state;
	assert_int_equal(rd(0x40000000), 0);
	wr(0x40000000, 0x3000);
	assert_int_equal(fake_memory[0x3000], 0xc3);
	assert_int_equal(fake_memory[0x3fff], 0xc3);
	assert_int_equal(fake_memory[0x2fff], 0);
	assert_int_equal(fake_memory[0x4000], 0);
	bad_wr(0x40000000, 0x3001);		    /* only page 0 of it */
	bad_wr(0x40000000, FAKE_PAGES * PAGE_SIZE); /* no memory */
	bad_wr(0x40000000, ~0UL << PAGE_SHIFT);
	fake_type[5] = P2M_RAM_RO;
	bad_wr(0x40000000, 0x5000);
}

/* REQ core/7: whatever is written where, the core survives. */
static void every_msr(void **state)
{
	static const uint64_t values[] = { 0, 1, ~0UL, 0x8000000000000000, 0xfee00c00 };
	static const struct {
		uint32_t first, last;
	} spans[] = { { 0, 0x1fff },
		      { 0x40000000, 0x400000ff },
		      { 0xc0000000, 0xc0001fff },
		      { 0xc0010000, 0xc0011fff } };
	uint64_t value;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(spans); s++)
		for (uint32_t msr = spans[s].first; msr <= spans[s].last; msr++)
			for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
				hvm_wrmsr(V(1), msr, values[i]);
				hvm_rdmsr(V(1), msr, &value);
			}
	vlapic_reset(V(1));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fake_hvm_setup, fake_hvm_teardown)
#define I(f) cmocka_unit_test_setup_teardown(f, fake_hvm_setup_intel, fake_hvm_teardown)
	const struct CMUnitTest tests[] = {
		T(constants), T(vendors),	 I(vendors_intel), T(unknown),	 T(mtrrs),
		T(apic),      T(hypercall_page), T(every_msr),	   I(every_msr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
