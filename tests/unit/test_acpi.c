/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables, well-formed and not (REQ core/boot: MADT, SRAT, FADT, MCFG, DMAR/IVRS). */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/printk.h"
#include "x86/acpi.h"

#define MEM_SIZE 0x100000
#include "support/boot_memory.h"

#define RSDP 0xf0010
#define ROOT 0x10000

static struct acpi_info info;
static uint32_t next_table, nr_tables;

void printk(const char *fmt, ...)
{
	(void)fmt;
}

static void fix_checksum(uint32_t at, uint32_t len, uint32_t field)
{
	uint8_t sum = 0;
	uint32_t i;

	mem[at + field] = 0;
	for (i = 0; i < len; i++)
		sum += mem[at + i];
	mem[at + field] = (uint8_t)-sum;
}

static int setup(void **state)
{
	(void)state;
	memset(mem, 0, sizeof(mem));
	next_table = 0x20000;
	nr_tables = 0;
	return 0;
}

/* A table with @body behind its header; listed in the root table. */
static uint32_t add_table(const char *signature, const void *body, uint32_t len)
{
	uint32_t at = next_table;

	memcpy(mem + at, signature, 4);
	put32(at + 4, 36 + len);
	memcpy(mem + at + 36, body, len);
	fix_checksum(at, 36 + len, 9);
	next_table += (36 + len + 15) & ~15U;
	put64(ROOT + 36 + 8 * nr_tables++, at);
	return at;
}

static void finish(void)
{
	memcpy(mem + ROOT, "XSDT", 4);
	put32(ROOT + 4, 36 + 8 * nr_tables);
	fix_checksum(ROOT, 36 + 8 * nr_tables, 9);
	memcpy(mem + RSDP, "RSD PTR ", 8);
	mem[RSDP + 15] = 2;
	put32(RSDP + 20, 36);
	put64(RSDP + 24, ROOT);
	fix_checksum(RSDP, 20, 8);
	fix_checksum(RSDP, 36, 32);
}

static const uint8_t madt[] = {
	0, 0,  0xe0, 0xfe, 1, 0, 0,    0,				/* APIC base, PC-AT */
	0, 8,  0,    0,	   1, 0, 0,    0,				/* CPU 0 */
	0, 8,  1,    1,	   1, 0, 0,    0,				/* CPU 1 */
	0, 8,  2,    2,	   0, 0, 0,    0,				/* CPU 2, not enabled */
	0, 8,  3,    0xff, 1, 0, 0,    0,				/* no such APIC */
	9, 16, 0,    0,	   1, 0, 0,    0,    1,	   0, 0, 0, 7, 0, 0, 0, /* CPU 1 again */
	9, 16, 0,    0,	   0, 1, 0,    0,    1,	   0, 0, 0, 4, 0, 0, 0, /* CPU 256 */
	1, 12, 9,    0,	   0, 0, 0xc0, 0xfe, 0,	   0, 0, 0,		/* I/O APIC */
	2, 10, 0,    0,	   2, 0, 0,    0,    0,	   0,			/* IRQ 0 is GSI 2 */
	2, 10, 0,    9,	   9, 0, 0,    0,    0x0d, 0, /* IRQ 9: level, active high */
	4, 6,  0xff, 5,	   0, 1,		      /* NMI on LINT1 of all: not looked at */
};

static void test_madt(void **state)
{
	(void)state;
	add_table("APIC", madt, sizeof(madt));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.lapic_addr, 0xfee00000);
	assert_int_equal(info.nr_cpus, 3);
	assert_int_equal(info.cpu[1].apic_id, 1);
	assert_int_equal(info.cpu[2].apic_id, 256);
	assert_int_equal(info.cpu[2].acpi_id, 4);
	assert_int_equal(info.nr_ioapics, 1);
	assert_int_equal(info.ioapic[0].addr, 0xfec00000);
	assert_int_equal(info.ioapic[0].id, 9);
	assert_int_equal(acpi_isa_irq(&info, 0).gsi, 2);
	assert_int_equal(acpi_isa_irq(&info, 9).gsi, 9);
	assert_int_equal(acpi_isa_irq(&info, 9).flags, 13);
	assert_int_equal(acpi_isa_irq(&info, 4).gsi, 4);
	assert_int_equal(acpi_isa_irq(&info, 4).flags, 0);
}

static void test_madt_limits(void **state)
{
	static uint8_t big[8 + 300 * 16];
	unsigned int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		uint8_t *e = big + 8 + i * 16;

		e[0] = 9;
		e[1] = 16;
		memcpy(e + 4, &i, 4);
		e[8] = 1;
	}
	add_table("APIC", big, sizeof(big));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.nr_cpus, ACPI_CPUS_MAX);
	/* An address override; an entry of length 0 and one beyond the end stop the walk. */
	setup(NULL);
	const uint8_t bad[] = { 0, 0, 0, 0, 0, 0, 0, 0, 5, 12, 0, 0, 0, 0, 0, 0, 1, 0, 0,
				0, 0, 8, 0, 0, 1, 0, 0, 0, 0,  0, 0, 8, 1, 1, 1, 0, 0, 0 };
	add_table("APIC", bad, sizeof(bad));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.nr_cpus, 1);
	assert_int_equal(info.lapic_addr, 0x100000000UL);
	setup(NULL);
	const uint8_t beyond[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 1, 0, 0, 0 };
	add_table("APIC", beyond, sizeof(beyond));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), -EINVAL);
}

static const uint8_t s5[] = { 0x10, 0x20, 0x08, '_',  'S',  '5', '_', 0x12,
			      0x06, 0x04, 0x0a, 0x05, 0x01, 0,	 0 };

static uint32_t add_dsdt(const uint8_t *aml, uint32_t len)
{
	uint32_t at = add_table("DSDT", aml, len);

	nr_tables--; /* found through the FADT alone */
	return at;
}

static void add_fadt(uint32_t dsdt)
{
	uint8_t f[268 - 36] = { 0 };

#define F(at) (f + (at)-36)
	memcpy(F(40), &dsdt, 4);
	F(46)[0] = 9;
	F(48)[0] = 0xb2;
	F(52)[0] = 2;
	memcpy(F(64), &(uint32_t) { 0x604 }, 4);
	memcpy(F(76), &(uint32_t) { 0x608 }, 4);
	memcpy(F(112), &(uint32_t) { 1U << 8 | 1U << 10 }, 4);
	memcpy(F(116), &(uint8_t[]) { 1, 8, 0, 1, 0xf9, 0x0c, 0, 0, 0, 0, 0, 0 }, 12);
	F(128)[0] = 0x0f;
	memcpy(F(172), &(uint8_t[]) { 1, 16, 0, 2, 0x04, 0x07, 0, 0, 0, 0, 0, 0 }, 12);
	add_table("FACP", f, sizeof(f));
}

static void test_fadt(void **state)
{
	(void)state;
	add_table("APIC", madt, sizeof(madt));
	add_fadt(add_dsdt(s5, sizeof(s5)));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.pm1a_cnt, 0x704); /* the 64-bit field wins */
	assert_int_equal(info.pm1b_cnt, 0);
	assert_int_equal(info.pm_timer, 0x608);
	assert_int_equal(info.reset_port, 0xcf9);
	assert_int_equal(info.reset_value, 0x0f);
	assert_true(info.s5_a && info.s5_b);
	assert_int_equal(info.s5_a, 5 << 10 | 1 << 13);
	assert_int_equal(info.s5_b, 1 << 10 | 1 << 13);
}

static bool s5_found(const uint8_t *aml, uint32_t len)
{
	setup(NULL);
	add_table("APIC", madt, sizeof(madt));
	add_fadt(add_dsdt(aml, len));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	return info.s5_a;
}

static void test_s5(void **state)
{
	static const uint8_t root[] = { 0x08, '\\', '_',  'S', '5', '_', 0x12,
					0x06, 0x04, 0x0b, 7,   0,   0x00 };
	static const uint8_t no_name[] = { 0x09, '_',  'S',  '5', '_',	0x12,
					   0x06, 0x04, 0x0a, 5,	  0x0a, 5 };
	static const uint8_t no_package[] = { 0x08, '_',  'S',	'5', '_',  0x11,
					      0x06, 0x04, 0x0a, 5,   0x0a, 5 };
	static const uint8_t one[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x01, 0x0a, 5 };
	static const uint8_t cut[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a };
	static const uint8_t cut2[] = { 0x08, '_', 'S', '5', '_', 0x12, 0xc6 };
	static const uint8_t cut3[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 5 };
	static const uint8_t method[] = {
		0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x70, 5, 0, 0
	};

	(void)state;
	assert_true(s5_found(root, sizeof(root)));
	assert_int_equal(info.s5_a, 7 << 10 | 1 << 13);
	assert_int_equal(info.s5_b, 1 << 13);
	assert_false(s5_found(no_name, sizeof(no_name)));
	assert_false(s5_found(no_package, sizeof(no_package)));
	assert_false(s5_found(one, sizeof(one)));
	assert_false(s5_found(cut, sizeof(cut)));
	assert_false(s5_found(cut2, sizeof(cut2)));
	assert_false(s5_found(cut3, sizeof(cut3)));
	assert_false(s5_found(method, sizeof(method)));
	assert_false(s5_found((const uint8_t *)"_S5_", 4));
}

static void test_others(void **state)
{
	uint8_t hpet[20] = { [4] = 0, [8] = 0, 0, 0xd0, 0xfe };
	uint8_t mcfg[8 + 32] = {
		[8 + 3] = 0xb0, [8 + 10] = 0, [8 + 11] = 255, [24 + 8] = 1, [24 + 11] = 7
	};
	uint8_t srat[12 + 16 + 5 * 40 + 5] = { 0 };
	uint8_t *e = srat + 12;
	uint32_t dmar, ivrs;

	(void)state;
	/* A CPU; memory of nodes 1, 1, 3, of one that is not enabled, of one too many; cut. */
	e[0] = 0, e[1] = 16, e[2] = 7, e[4] = 1;
	e += 16;
	for (unsigned int i = 0; i < 5; i++, e += 40)
		e[0] = 1, e[1] = 40, e[2] = (uint8_t[]) { 1, 1, 3, 5, 64 }[i], e[28] = i != 3;
	e[0] = 1, e[1] = 5, e[2] = 9;
	add_table("APIC", madt, sizeof(madt));
	add_table("HPET", hpet, sizeof(hpet));
	add_table("MCFG", mcfg, sizeof(mcfg));
	add_table("SRAT", srat, sizeof(srat));
	dmar = add_table("DMAR", "x", 1);
	ivrs = add_table("IVRS", "yz", 2);
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.hpet_addr, 0xfed00000);
	assert_int_equal(info.nr_mcfg, 2);
	assert_int_equal(info.mcfg[0].base, 0xb0000000);
	assert_int_equal(info.mcfg[0].last_bus, 255);
	assert_int_equal(info.mcfg[1].segment, 1);
	assert_int_equal(info.nodes, 1UL << 1 | 1UL << 3);
	assert_int_equal(info.dmar.addr, dmar);
	assert_int_equal(info.dmar.len, 37);
	assert_int_equal(info.ivrs.addr, ivrs);
}

static void test_checksums(void **state)
{
	uint32_t at;

	(void)state;
	add_table("APIC", madt, sizeof(madt));
	at = add_table("IVRS", "yz", 2);
	finish();
	mem[at + 30]++;
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.ivrs.addr, 0);
	mem[ROOT + 30]++;
	assert_int_equal(acpi_parse(RSDP, &info), -ENOENT);
	mem[ROOT + 30]--;
	mem[RSDP + 9]++;
	assert_int_equal(acpi_parse(RSDP, &info), -ENOENT);
	assert_int_equal(acpi_parse(0, &info), -ENOENT);
}

static void test_bad_addresses(void **state)
{
	(void)state;
	assert_int_equal(acpi_parse(0, &info), -ENOENT);
	assert_int_equal(acpi_parse(MEM_SIZE + 5, &info), -ENOENT);
	/* Tables where nothing can be read, too short, or too long, count as absent. */
	add_table("APIC", madt, sizeof(madt));
	put64(ROOT + 36 + 8 * nr_tables++, 1UL << 40);
	put64(ROOT + 36 + 8 * nr_tables++, MEM_SIZE - 4);
	memcpy(mem + MEM_SIZE - 4, "SRAT", 4);
	put32(add_table("HPET", "", 0) + 4, 35);
	put32(add_table("MCFG", "", 0) + 4, 0x7fffffff);
	add_fadt(0xfffffff0);
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.nr_mcfg, 0);
	assert_int_equal(info.s5_a, 0);
	put32(ROOT + 4, 10);
	assert_int_equal(acpi_parse(RSDP, &info), -ENOENT);
}

static void test_rsdt(void **state)
{
	uint32_t at;

	(void)state;
	at = add_table("APIC", madt, sizeof(madt));
	memset(mem + ROOT, 0, 64);
	memcpy(mem + ROOT, "RSDT", 4);
	put32(ROOT + 4, 40);
	put32(ROOT + 36, at);
	fix_checksum(ROOT, 40, 9);
	/* Of revision 0. */
	memcpy(mem + 0x9fc20, "RSD PTR ", 8);
	put32(0x9fc20 + 16, ROOT);
	fix_checksum(0x9fc20, 20, 8);
	assert_int_equal(acpi_parse(0x9fc20, &info), 0);
	assert_int_equal(info.nr_cpus, 3);
	/* Revision 2 with a bad second checksum: the first part still counts. */
	mem[0x9fc20 + 15] = 2;
	put64(0x9fc20 + 24, 0xdead0000);
	fix_checksum(0x9fc20, 20, 8);
	mem[0x9fc20 + 33] = 1;
	assert_int_equal(acpi_parse(0x9fc20, &info), 0);
}

/* Entries that are too short for their type count as absent. */
static void test_short_entries(void **state)
{
	static const uint8_t types[] = { 0, 1, 2, 4, 5, 9, 10 };
	uint8_t body[8 + 8 + 7 * 5] = { [8] = 0, 8, 0, 0, 1 };
	uint8_t srat[12 + 3 * 5] = { 0 };
	unsigned int i;

	(void)state;
	for (i = 0; i < 7; i++) {
		body[16 + 5 * i] = types[i];
		body[17 + 5 * i] = 5;
	}
	for (i = 0; i < 3; i++) {
		srat[12 + 5 * i] = (uint8_t)i;
		srat[13 + 5 * i] = 5;
		srat[16 + 5 * i] = 1;
	}
	add_table("APIC", body, sizeof(body));
	add_table("SRAT", srat, sizeof(srat));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.nr_cpus, 1);
	assert_int_equal(info.nr_ioapics + info.nr_overrides + info.nodes, 0);
	assert_int_equal(info.lapic_addr, 0xfee00000);
}

/* More of everything than there is room for: the first ones count. */
static void test_overflow(void **state)
{
	static uint8_t body[8 + 8 + 40 * (12 + 10)], mcfg[8 + 20 * 16];
	uint8_t *e = body + 8;
	unsigned int i;

	(void)state;
	e[1] = 8;
	e[4] = 1;
	e += 8;
	for (i = 0; i < 40; i++) {
		e[0] = 1, e[1] = 12, e += 12;
		e[0] = 2, e[1] = 10, e += 10;
	}
	add_table("APIC", body, sizeof(body));
	add_table("MCFG", mcfg, sizeof(mcfg));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.nr_ioapics, ACPI_IOAPICS_MAX);
	assert_int_equal(info.nr_overrides, ACPI_OVERRIDES_MAX);
	assert_int_equal(info.nr_mcfg, ACPI_MCFG_MAX);
}

/* Registers in spaces or at addresses that can't be are absent. */
static void test_fadt_spaces(void **state)
{
	uint8_t f[268 - 36] = { 0 };

	(void)state;
	memcpy(f + 64 - 36, &(uint32_t) { 0x10604 }, 4);
	memcpy(f + 172 - 36, &(uint8_t[]) { 0, 16, 0, 2, 0x04, 0x07, 0, 0, 0, 0, 0, 0 }, 12);
	memcpy(f + 76 - 36, &(uint32_t) { 0x608 }, 4);
	memcpy(f + 208 - 36, &(uint8_t[]) { 1, 32, 0, 3, 0, 0, 1, 0, 0, 0, 0, 0 }, 12);
	add_table("APIC", madt, sizeof(madt));
	add_table("FACP", f, sizeof(f));
	uint8_t hpet[20] = { [4] = 1, [8] = 0, 0, 0xd0, 0xfe };
	add_table("HPET", hpet, sizeof(hpet));
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.pm1a_cnt, 0);
	assert_int_equal(info.pm_timer, 0x608);
	assert_int_equal(info.hpet_addr, 0);
	assert_int_equal(info.reset_port, 0);
	/* A table of revision 1 ends before all of them. */
	setup(NULL);
	add_table("APIC", madt, sizeof(madt));
	add_table("FACP", f, 20);
	finish();
	assert_int_equal(acpi_parse(RSDP, &info), 0);
	assert_int_equal(info.pm_timer, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(test_madt),	       T(test_madt_limits), T(test_fadt),	   T(test_s5),
		T(test_others),	       T(test_checksums),   T(test_bad_addresses), T(test_rsdt),
		T(test_short_entries), T(test_overflow),    T(test_fadt_spaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
