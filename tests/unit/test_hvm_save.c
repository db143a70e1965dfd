/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/2 (the stock domain builder), core/6: HVM context records, whole, partial and hostile. */
#include <stdlib.h>
#include <string.h>
#include "support/fake_hvm.h"
#include "hvm/hvm_vcpu.h"
#include "lib/bitops.h"

#define V(n) (&fake_vcpus[n])

#define BUF  0x2000 /* where the records lie in the caller's memory */

static uint8_t *const buf = fake_memory + BUF;
static size_t used;

static int setup(void **state)
{
	used = 0;
	return fake_hvm_setup(state);
}

static void add(uint16_t type, uint16_t instance, const void *data, uint32_t length)
{
	struct hvm_save_descriptor d = { type, instance, length };

	memcpy(buf + used, &d, sizeof(d));
	if (data)
		memcpy(buf + used + sizeof(d), data, length);
	used += sizeof(d) + length;
}
#define ADD(type, instance, data) add(HVM_SAVE_CODE(type), instance, data, HVM_SAVE_LENGTH(type))

static void header(void)
{
	struct hvm_save_header h = { .magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION };

	used = 0;
	ADD(HEADER, 0, &h);
}

static int load(void)
{
	return hvm_context_load(&fake_domain, (gva_t) { BUF }, used);
}

static void whole(void **state)
{
	size_t size = hvm_context_size(&fake_domain);
	const struct hvm_save_header *h = (void *)(buf + sizeof(struct hvm_save_descriptor));
	const struct hvm_save_descriptor *d = (void *)(h + 1);
	uint64_t value;

	(void)state;
	assert_true(hvm_wrmsr(V(1), 0x200, 0xe0000001));
	assert_int_equal(hvm_context_save(&fake_domain, (gva_t) { BUF }), 0);
	assert_int_equal(h->magic, HVM_FILE_MAGIC);
	assert_int_equal(h->version, 1);
	assert_int_equal(h->cpuid, 0x00800f12);
	assert_int_equal(h->gtsc_khz, 1000000);
	/* Memory types alone: a vCPU's registers are not told. */
	for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
		assert_int_equal(d->typecode, HVM_SAVE_CODE(MTRR));
		assert_int_equal(d->instance, i);
		d = (void *)((uint8_t *)(d + 1) + d->length);
	}
	assert_int_equal(d->typecode, HVM_SAVE_CODE(END));
	assert_ptr_equal(d + 1, buf + size);
	assert_true(hvm_wrmsr(V(1), 0x200, 0));
	used = size;
	assert_int_equal(load(), 0);
	assert_true(hvm_rdmsr(V(1), 0x200, &value));
	assert_int_equal(value, 0xe0000001);
	assert_false(V(1)->initialised); /* no registers: stays down */
	/* Where there is not enough memory. */
	assert_int_equal(hvm_context_save(&fake_domain, (gva_t) { sizeof(fake_memory) - size }), 0);
	for (size_t n = 1; n <= size; n++)
		assert_int_equal(
			hvm_context_save(&fake_domain, (gva_t) { sizeof(fake_memory) - size + n }),
			-EFAULT);
	memcpy(fake_memory + sizeof(fake_memory) - size + 1, buf, size - 1);
	assert_int_equal(
		hvm_context_load(&fake_domain, (gva_t) { sizeof(fake_memory) - size + 1 }, size),
		-EFAULT);
}

/* What libxc's PVH builder writes back: the header, the first vCPU's registers; then memory types. */
static void builders_set(void **state)
{
	struct hvm_hw_cpu cpu = { .rip = 0x100000, .cr0 = 0x11 };
	struct hvm_hw_mtrr mtrr;
	uint64_t value;

	(void)state;
	V(0)->initialised = false;
	set_bit(PAUSE_DOWN, &V(0)->pause_flags);
	header();
	ADD(CPU, 0, &cpu);
	add(0, 0, NULL, 0);
	assert_int_equal(load(), 0);
	assert_int_equal(fake_state[0].hvm_cpu.rip, 0x100000);
	assert_true(V(0)->initialised);
	assert_false(test_bit(PAUSE_DOWN, &V(0)->pause_flags));
	hvm_mtrr_reset(&mtrr);
	mtrr.msr_mtrr_def_type = 0x800 | 5;
	mtrr.msr_mtrr_cap = 0; /* not for the tools to change */
	header();
	ADD(MTRR, 1, &mtrr);
	add(0, 0, NULL, 0);
	assert_int_equal(load(), 0);
	assert_true(hvm_rdmsr(V(1), 0x2ff, &value));
	assert_int_equal(value, 0x805);
	assert_true(hvm_rdmsr(V(1), 0xfe, &value));
	assert_int_equal(value, 0x508);
}

static void malformed(void **state)
{
	struct hvm_save_header h = { .magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION };
	struct hvm_hw_cpu cpu = { .rip = 0x99 };
	struct hvm_tsc_adjust adjust = { 0 };
	struct hvm_hw_mtrr mtrr = { .msr_mtrr_def_type = 2 };
	struct hvm_hw_lapic lapic = { .apic_base_msr = APIC_DEFAULT_BASE | APIC_BASE_ENABLE };
	static struct hvm_hw_lapic_regs regs;

	(void)state;
	assert_int_equal(load(), -EINVAL);
	header();
	assert_int_equal(load(), -EINVAL); /* no end */
	used = 0;
	add(0, 0, NULL, 0);
	assert_int_equal(load(), -EINVAL); /* no header */
	h.magic++;
	used = 0;
	ADD(HEADER, 0, &h);
	add(0, 0, NULL, 0);
	assert_int_equal(load(), -EINVAL);
	h.magic--;
	h.version = 2;
	used = 0;
	ADD(HEADER, 0, &h);
	add(0, 0, NULL, 0);
	assert_int_equal(load(), -EINVAL);
	used = 0;
	add(HVM_SAVE_CODE(HEADER), 0, &h, 8);
	add(0, 0, NULL, 0);
	assert_int_equal(load(), -EINVAL);
#define WITH(statement, want)                                                                 \
	do {                                                                                  \
		header();                                                                     \
		statement;                                                                    \
		ADD(CPU, 0, &cpu);                                                            \
		add(0, 0, NULL, 0);                                                           \
		assert_int_equal(load(), want);                                               \
		assert_int_equal(fake_state[0].hvm_cpu.rip, 0); /* nothing after it is set */ \
	} while (0)
	WITH(ADD(CPU, FAKE_VCPUS, &cpu), -ENOENT);
	WITH(ADD(CPU, 0xffff, &cpu), -ENOENT);
	WITH(add(HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu) - 8), -EINVAL);
	WITH(add(99, 0, &cpu, 8), -EINVAL);
	WITH(ADD(HEADER, 0, &h), -EINVAL);
	WITH(ADD(TSC_ADJUST, 0, &adjust), -EINVAL);
	WITH(ADD(MTRR, 0, &mtrr), -EINVAL);
	WITH(ADD(LAPIC, 0, &lapic), -EINVAL);
	WITH(ADD(LAPIC_REGS, 0, &regs), -EINVAL);
	mtrr = (struct hvm_hw_mtrr) { .msr_mtrr_var[3] = 1 };
	WITH(ADD(MTRR, 0, &mtrr), -EINVAL);
	mtrr = (struct hvm_hw_mtrr) { .msr_mtrr_fixed[10] = 7 };
	WITH(ADD(MTRR, 0, &mtrr), -EINVAL);
	header();
	add(0, 0, "12345678", 8); /* an end with contents */
	assert_int_equal(load(), -EINVAL);
	/* Cut off anywhere. */
	header();
	ADD(CPU, 0, &cpu);
	add(0, 0, NULL, 0);
	for (size_t n = 0; n < used; n++)
		assert_int_equal(hvm_context_load(&fake_domain, (gva_t) { BUF }, n), -EINVAL);
	/* A length that would wrap. */
	fake_state[0].hvm_cpu.rip = 0;
	header();
	add(HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
	((struct hvm_save_descriptor *)(buf + sizeof(struct hvm_save_descriptor) +
					sizeof(struct hvm_save_header)))
		->length = ~0u;
	assert_int_equal(load(), -EINVAL);
	assert_int_equal(fake_state[0].hvm_cpu.rip, 0);
}

static void refused_by_hardware(void **state)
{
	struct hvm_hw_cpu cpu = { .rip = 0x99 };

	(void)state;
	fake_host.set_hvm_cpu_error = -EINVAL;
	header();
	ADD(CPU, 1, &cpu);
	add(0, 0, NULL, 0);
	assert_int_equal(load(), -EINVAL);
	assert_false(V(1)->initialised);
	assert_true(test_bit(PAUSE_DOWN, &V(1)->pause_flags));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, fake_hvm_teardown)
	const struct CMUnitTest tests[] = {
		T(whole),
		T(builders_set),
		T(malformed),
		T(refused_by_hardware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
