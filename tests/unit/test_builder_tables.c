/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a PVH guest is told: memory map, start info, ACPI tables, CPUID, registers. REQ
 * toolstack/builder: "initrd, command line, start info, ACPI tables (RSDP, XSDT, FADT
 * hardware-reduced, MADT, DSDT), memory map with low and high memory".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/acpi.h"
#include "builder/cpu_policy.h"
#include "builder/layout.h"
#include "builder/vcpu_context.h"
#include "hyper/xen_abi.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/save.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static uint64_t get(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static uint8_t sum(const uint8_t *p, size_t size)
{
	uint8_t s = 0;

	while (size--)
		s += *p++;
	return s;
}

/* ---- Layout ---- */

static void memory_goes_around_the_hole(void **state)
{
	static const struct {
		uint64_t memory, low, high;
	} cases[] = {
		{ 64 * MIB, 64 * MIB, 0 },
		{ HOLE_START, HOLE_START, 0 },
		{ HOLE_START + 4096, HOLE_START, 4 * GIB + 4096 },
		{ 8 * GIB, HOLE_START, 4 * GIB + 8 * GIB - HOLE_START },
		{ 1024 * GIB, HOLE_START, 4 * GIB + 1024 * GIB - HOLE_START },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct layout l;
		uint64_t ram = 0, end = 0;

		layout_memory(&l, cases[i].memory);
		assert_int_equal(l.low_end, cases[i].low);
		assert_int_equal(l.high_end, cases[i].high);
		layout_map(&l, 2);
		for (uint32_t j = 0; j < l.n_map; j++) {
			assert_true(l.map[j].addr >= end); /* sorted, no overlap */
			end = l.map[j].addr + l.map[j].size;
			if (l.map[j].type == XEN_HVM_MEMMAP_TYPE_RAM)
				ram += l.map[j].size;
		}
		assert_int_equal(ram, cases[i].memory);
	}
}

static struct elf_kernel kernel_of(uint64_t start, uint64_t end)
{
	return (struct elf_kernel) { .segments = { { start, end - start, end - start } },
				     .n_segments = 1,
				     .start = start,
				     .end = end };
}

static void things_are_placed_behind_the_kernel(void **state)
{
	struct elf_kernel k = kernel_of(16 * MIB, 40 * MIB + 5);
	struct error err = { 0 };
	struct layout l;

	layout_memory(&l, 64 * MIB);
	assert_int_equal(layout_place(&l, &k, 3 * MIB + 1, 100, &err), 0);
	assert_int_equal(l.ramdisk, 40 * MIB + 4096);
	assert_true(l.info >= l.ramdisk + l.ramdisk_size && !(l.info & 4095));
	assert_true(l.info + l.info_size <= l.low_end);
	assert_int_equal(layout_place(&l, &k, 0, 0, &err), 0);
	assert_int_equal(l.ramdisk, 0);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct elf_kernel k = kernel_of(16 * MIB, 40 * MIB);
	struct elf_kernel low = kernel_of(0x90000, 2 * MIB);
	struct error err = { 0 };
	struct layout l;

	layout_memory(&l, 64 * MIB);
	assert_int_equal(layout_place(&l, &k, 24 * MIB, 0, &err), -E2BIG);
	assert_int_equal(layout_place(&l, &k, 24 * MIB - 8192, 100, &err), 0);
	assert_int_equal(layout_place(&l, &k, UINT64_MAX - 4096, 0, &err), -E2BIG);
	assert_int_equal(layout_place(&l, &low, 0, 0, &err), -EBADMSG);
	layout_memory(&l, 32 * MIB);
	assert_int_equal(layout_place(&l, &k, 0, 0, &err), -E2BIG);
}

static void start_info_points_into_itself(void **state)
{
	const char *cmdline = "console=hvc0 quiet";
	struct elf_kernel k = kernel_of(16 * MIB, 40 * MIB);
	struct hvm_start_info *info;
	struct hvm_modlist_entry *module;
	struct hvm_memmap_table_entry *map;
	struct layout l;
	uint8_t *out;

	layout_memory(&l, 8 * GIB);
	assert_int_equal(layout_place(&l, &k, 12345, strlen(cmdline), NULL), 0);
	layout_map(&l, 1);
	out = malloc(l.info_size);
	layout_start_info(&l, cmdline, ACPI_START, out);
	info = (struct hvm_start_info *)out;
	assert_int_equal(info->magic, XEN_HVM_START_MAGIC_VALUE);
	assert_int_equal(info->version, 1);
	assert_int_equal(info->rsdp_paddr, ACPI_START);
	assert_int_equal(info->nr_modules, 1);
	module = (struct hvm_modlist_entry *)(out + (info->modlist_paddr - l.info));
	assert_int_equal(module->paddr, l.ramdisk);
	assert_int_equal(module->size, 12345);
	assert_string_equal((char *)out + (info->cmdline_paddr - l.info), cmdline);
	assert_int_equal(info->memmap_entries, 4);
	map = (struct hvm_memmap_table_entry *)(out + (info->memmap_paddr - l.info));
	assert_int_equal(map[3].addr, 4 * GIB);
	assert_int_equal(map[3].addr + map[3].size, l.high_end);
	free(out);
}

/* ---- ACPI ---- */

#define ROOM (16 * 4096)

/* Table `signature` by way of RSDP and XSDT, checked on the way. */
static const uint8_t *table(const uint8_t *out, uint64_t addr, const char *signature)
{
	const uint8_t *xsdt = out + (get(out + 24, 8) - addr);

	assert_memory_equal(out, "RSD PTR ", 8);
	assert_int_equal(sum(out, 20), 0);
	assert_int_equal(sum(out, 36), 0);
	assert_memory_equal(xsdt, "XSDT", 4);
	assert_int_equal(sum(xsdt, get(xsdt + 4, 4)), 0);
	for (size_t at = 36; at < get(xsdt + 4, 4); at += 8) {
		const uint8_t *t = out + (get(xsdt + at, 8) - addr);

		assert_int_equal(sum(t, get(t + 4, 4)), 0);
		if (!memcmp(t, signature, 4))
			return t;
	}
	fail_msg("no table %s", signature);
	return NULL;
}

static void acpi_tables_are_well_formed(void **state)
{
	struct acpi_processors p = { .count = 4, .online = 2 };
	uint8_t *out = malloc(ROOM);
	int size = acpi_build(&p, ACPI_START, out, ROOM);
	const uint8_t *fadt, *dsdt;

	assert_in_range(size, 400, 4096);
	fadt = table(out, ACPI_START, "FACP");
	assert_true(get(fadt + 112, 4) & 1u << 20); /* hardware-reduced */
	dsdt = out + (get(fadt + 140, 8) - ACPI_START);
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_int_equal(sum(dsdt, get(dsdt + 4, 4)), 0);
	free(out);
}

static void madt_lists_every_processor(void **state)
{
	struct acpi_processors p = { .count = 200, .online = 150 };
	uint8_t *out = malloc(ROOM);
	uint32_t seen = 0, enabled = 0;
	const uint8_t *madt;
	size_t length;

	assert_true(acpi_build(&p, ACPI_START, out, ROOM) > 0);
	madt = table(out, ACPI_START, "APIC");
	length = get(madt + 4, 4);
	for (size_t at = 44; at < length; at += madt[at + 1]) {
		const uint8_t *e = madt + at;
		bool x2 = e[0] == 9;
		uint32_t uid = x2 ? get(e + 12, 4) : e[2];
		uint32_t id = x2 ? get(e + 4, 4) : e[3];

		assert_int_equal(e[1], x2 ? 16 : 8);
		assert_int_equal(uid, seen);
		assert_int_equal(id, 2 * seen);
		assert_true(x2 == (id > 254)); /* 255 is the broadcast id */
		enabled += get(e + (x2 ? 8 : 4), 4) & 1;
		seen++;
	}
	assert_int_equal(seen, 200);
	assert_int_equal(enabled, 150);
	free(out);
}

static void too_small_a_room_is_an_error(void **state)
{
	struct acpi_processors p = { .count = 128, .online = 128 };
	uint8_t out[1024];

	assert_int_equal(acpi_build(&p, ACPI_START, out, sizeof(out)), -ENOSPC);
}

/* ---- CPUID ---- */

#define NONE UINT32_MAX

static struct hyper_cpuid_leaf amd[] = {
	{ 0, NONE, 13, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 1, NONE, 0x800f12, 0x00040800, 1u << 5 | 3, 0x178bfbff },
	{ 0x80000001, NONE, 0, 0, 1u << 1 | 1u << 2, 0 },
	{ 0x80000007, NONE, 0, 0, 0, 1u << 8 },
	{ 0x80000008, NONE, 0, 0, 2u << 12 | 3, 0 },
};

static void amd_topology_has_no_threads(void **state)
{
	struct hyper_cpuid_leaf leaves[5];
	struct hyper_cpu_policy policy = { .leaves = leaves, .n_leaves = 5 };
	struct cpu_policy_wishes wishes = { 0 };

	memcpy(leaves, amd, sizeof(leaves));
	cpu_policy_adjust(&policy, &wishes);
	assert_int_equal(leaves[1].b >> 16 & 0xff, 8);
	assert_true(leaves[1].d & 1u << 28);
	assert_int_equal(leaves[1].c, 3);
	assert_int_equal(leaves[2].c, 0); /* neither CMP legacy nor SVM */
	assert_int_equal(leaves[3].d, 0); /* no invariant TSC unless wished */
	assert_int_equal(leaves[4].c, 3u << 12 | 7);
	memcpy(leaves, amd, sizeof(leaves));
	wishes = (struct cpu_policy_wishes) { true, true };
	cpu_policy_adjust(&policy, &wishes);
	assert_int_equal(leaves[3].d, 1u << 8);
	assert_true(leaves[2].c & 1u << 2);
}

static void counts_do_not_overflow(void **state)
{
	struct hyper_cpuid_leaf leaves[5];
	struct hyper_cpu_policy policy = { .leaves = leaves, .n_leaves = 5 };
	struct cpu_policy_wishes wishes = { 0 };

	memcpy(leaves, amd, sizeof(leaves));
	leaves[1].b = 0x80u << 16;
	leaves[4].c = 7u << 12 | 0x7f;
	cpu_policy_adjust(&policy, &wishes);
	assert_int_equal(leaves[1].b, 0x80u << 16);
	assert_int_equal(leaves[4].c, 7u << 12 | 0x7f);
	/* A width of 0 means something else, and stays. */
	leaves[4].c = 1;
	cpu_policy_adjust(&policy, &wishes);
	assert_int_equal(leaves[4].c, 3);
}

static void intel_caches_are_shared_by_cores(void **state)
{
	struct hyper_cpuid_leaf leaves[] = {
		{ 0, NONE, 22, 0x756e6547, 0x6c65746e, 0x49656e69 },
		{ 4, 0, 3u << 26 | 1u << 14 | 0x121, 0x3f, 0x3f, 0 },
		{ 4, 3, 0, 0, 0, 0 },
	};
	struct hyper_cpu_policy policy = { .leaves = leaves, .n_leaves = 3 };
	struct cpu_policy_wishes wishes = { 0 };

	cpu_policy_adjust(&policy, &wishes);
	assert_int_equal(leaves[1].a, 7u << 26 | 0x121);
	assert_int_equal(leaves[2].a, 0);
}

/* What a hypervisor does not describe stays as it is; another vendor's topology as well. */
static void missing_leaves_are_left_alone(void **state)
{
	struct hyper_cpuid_leaf leaves[5];
	struct hyper_cpu_policy policy = { .leaves = leaves, .n_leaves = 0 };
	struct cpu_policy_wishes wishes = { 0 };

	memcpy(leaves, amd, sizeof(leaves));
	cpu_policy_adjust(&policy, &wishes);
	assert_memory_equal(leaves, amd, sizeof(leaves));
	policy.n_leaves = 4; /* without 0x80000008 */
	cpu_policy_adjust(&policy, &wishes);
	assert_int_equal(leaves[3].d, 0);
	assert_int_equal(leaves[4].c, amd[4].c);
	policy.n_leaves = 5;
	leaves[0].b = 0; /* nobody's name */
	cpu_policy_adjust(&policy, &wishes);
	assert_int_equal(leaves[4].c, amd[4].c);
}

static void hygon_is_as_amd(void **state)
{
	struct hyper_cpuid_leaf leaves[5];
	struct hyper_cpu_policy policy = { .leaves = leaves, .n_leaves = 5 };
	struct cpu_policy_wishes wishes = { 0 };

	memcpy(leaves, amd, sizeof(leaves));
	memcpy(&leaves[0].b, "Hygo", 4);
	memcpy(&leaves[0].d, "nGen", 4);
	memcpy(&leaves[0].c, "uine", 4);
	leaves[4].c = 7u << 12 | 3; /* the width of ids does not grow beyond 7 */
	cpu_policy_adjust(&policy, &wishes);
	assert_int_equal(leaves[4].c, 7u << 12 | 7);
}

/* ---- Registers ---- */

static size_t put_record(uint8_t *at, uint16_t type, uint16_t instance, uint32_t size, uint8_t fill)
{
	struct hvm_save_descriptor d = { type, instance, size };

	memcpy(at, &d, sizeof(d));
	memset(at + sizeof(d), fill, size);
	return sizeof(d) + size;
}

static size_t domain_records(uint8_t *out)
{
	size_t n = put_record(out, HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER), 0x11);

	n += put_record(out + n, HVM_SAVE_CODE(LAPIC), 0, HVM_SAVE_LENGTH(LAPIC), 0);
	n += put_record(out + n, HVM_SAVE_CODE(MTRR), 0, HVM_SAVE_LENGTH(MTRR), 0x22);
	n += put_record(out + n, HVM_SAVE_CODE(MTRR), 1, HVM_SAVE_LENGTH(MTRR), 0x33);
	return n + put_record(out + n, HVM_SAVE_CODE(END), 0, 0, 0);
}

static void first_vcpu_starts_in_protected_mode(void **state)
{
	uint8_t in[8192], *out;
	size_t size = domain_records(in), got, at = 0;
	struct hvm_save_descriptor d;
	struct hvm_hw_mtrr mtrr;
	struct hvm_hw_cpu cpu;

	assert_int_equal(vcpu_context_build(in, size, 0x1000100, 0x2345000, 2, (void **)&out, &got),
			 0);
	memcpy(&d, out, sizeof(d));
	assert_int_equal(d.typecode, HVM_SAVE_CODE(HEADER));
	assert_int_equal(out[sizeof(d)], 0x11);
	at = sizeof(d) + d.length;
	memcpy(&d, out + at, sizeof(d));
	assert_int_equal(d.typecode, HVM_SAVE_CODE(CPU));
	memcpy(&cpu, out + at + sizeof(d), sizeof(cpu));
	assert_int_equal(cpu.rip, 0x1000100);
	assert_int_equal(cpu.rbx, 0x2345000);
	assert_int_equal(cpu.cr0, 0x11); /* PE, ET: no paging */
	assert_int_equal(cpu.cs_limit, UINT32_MAX);
	assert_int_equal(cpu.cs_arbytes, 0xc9b);
	at += sizeof(d) + d.length;
	for (int i = 0; i < 2; i++) {
		memcpy(&d, out + at, sizeof(d));
		assert_int_equal(d.typecode, HVM_SAVE_CODE(MTRR));
		assert_int_equal(d.instance, i);
		memcpy(&mtrr, out + at + sizeof(d), sizeof(mtrr));
		assert_int_equal(mtrr.msr_mtrr_def_type, 0x806);
		assert_int_equal(mtrr.msr_mtrr_cap & 0xff, i ? 0x33 : 0x22);
		at += sizeof(d) + d.length;
	}
	memcpy(&d, out + at, sizeof(d));
	assert_int_equal(d.typecode, HVM_SAVE_CODE(END));
	assert_int_equal(got, at + sizeof(d));
	free(out);
}

static void malformed_records_are_errors(void **state)
{
	uint8_t in[8192], *copy, *out;
	size_t size = domain_records(in), got;

	for (size_t cut = 0; cut < sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(HEADER);
	     cut++) {
		copy = malloc(cut + 1);
		memcpy(copy, in, cut);
		assert_int_equal(vcpu_context_build(copy, cut, 1, 2, 1, (void **)&out, &got),
				 -EPROTO);
		free(copy);
	}
	/* A length that reaches beyond the end. */
	memset(in + 4, 0xff, 4);
	assert_int_equal(vcpu_context_build(in, size, 1, 2, 1, (void **)&out, &got), -EPROTO);
}

/* Our core keeps no MTRRs for guests: its records end without them. A short record is none. */
static void records_without_mtrrs_will_do(void **state)
{
	uint8_t in[8192], *out;
	size_t size = put_record(in, HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER), 0x11), got;
	const size_t least = 3 * sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(HEADER) +
			     HVM_SAVE_LENGTH(CPU);

	size += put_record(in + size, HVM_SAVE_CODE(MTRR), 0, HVM_SAVE_LENGTH(MTRR) - 1, 0x22);
	size += put_record(in + size, HVM_SAVE_CODE(END), 0, 0, 0);
	size += put_record(in + size, HVM_SAVE_CODE(MTRR), 1, HVM_SAVE_LENGTH(MTRR), 0x33);
	assert_int_equal(vcpu_context_build(in, size, 1, 2, 2, (void **)&out, &got), 0);
	assert_int_equal(got, least);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_goes_around_the_hole),
		cmocka_unit_test(things_are_placed_behind_the_kernel),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(start_info_points_into_itself),
		cmocka_unit_test(acpi_tables_are_well_formed),
		cmocka_unit_test(madt_lists_every_processor),
		cmocka_unit_test(too_small_a_room_is_an_error),
		cmocka_unit_test(amd_topology_has_no_threads),
		cmocka_unit_test(counts_do_not_overflow),
		cmocka_unit_test(intel_caches_are_shared_by_cores),
		cmocka_unit_test(missing_leaves_are_left_alone),
		cmocka_unit_test(hygon_is_as_amd),
		cmocka_unit_test(first_vcpu_starts_in_protected_mode),
		cmocka_unit_test(malformed_records_are_errors),
		cmocka_unit_test(records_without_mtrrs_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
