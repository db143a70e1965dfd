/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ core/2 (the stock domain builder), core/6: HVM context records, whole, partial and hostile. */
#include <stdlib.h>
#include <string.h>
#include "support/fake_hvm.h"
#include "hvm/hvm_vcpu.h"
#include "lib/bitops.h"

#define V(n) (&fake_vcpus[n])

static uint8_t buf[65536] __attribute__((aligned(16)));
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
	return hvm_context_load(&fake_domain, buf, used);
}

static void whole(void **state)
{
	size_t size = hvm_context_size(&fake_domain);
	uint8_t *saved = aligned_alloc(16, ROUND_UP(size, 16)), *again = malloc(size);
	const struct hvm_save_header *h = (void *)(saved + sizeof(struct hvm_save_descriptor));
	uint64_t value;
	size_t len, len2;

	(void)state;
	fake_state[0].hvm_cpu.rip = 0x1234;
	assert_true(hvm_wrmsr(V(1), 0x200, 0xe0000001));
	len = hvm_context_save(&fake_domain, saved);
	/* Three vCPUs are down and have no register state. */
	assert_int_equal(len,
			 size - 3 * (sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(CPU)));
	assert_int_equal(h->magic, HVM_FILE_MAGIC);
	assert_int_equal(h->version, 1);
	assert_int_equal(h->cpuid, 0x00800f12);
	assert_int_equal(h->gtsc_khz, 1000000);
	fake_state[0].hvm_cpu.rip = 0;
	assert_true(hvm_wrmsr(V(1), 0x200, 0));
	assert_int_equal(hvm_context_load(&fake_domain, saved, len), 0);
	assert_int_equal(fake_state[0].hvm_cpu.rip, 0x1234);
	assert_true(hvm_rdmsr(V(1), 0x200, &value));
	assert_int_equal(value, 0xe0000001);
	assert_false(V(1)->initialised); /* no record: stays down */
	len2 = hvm_context_save(&fake_domain, again);
	assert_int_equal(len, len2);
	assert_memory_equal(saved, again, len);
	free(saved);
	free(again);
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
	assert_int_equal(hvm_context_load(&fake_domain, buf, 0), -EINVAL);
	assert_int_equal(hvm_context_load(&fake_domain, buf + 1, 64), -EINVAL);
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
#define WITH(statement, want)                                                         \
	do {                                                                          \
		header();                                                             \
		ADD(CPU, 0, &cpu);                                                    \
		statement;                                                            \
		add(0, 0, NULL, 0);                                                   \
		assert_int_equal(load(), want);                                       \
		assert_int_equal(fake_state[0].hvm_cpu.rip, 0); /* nothing was set */ \
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
		assert_int_equal(hvm_context_load(&fake_domain, buf, n), -EINVAL);
	/* A length that would wrap. */
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
