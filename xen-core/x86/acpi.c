/* SPDX-License-Identifier: BSD-2-Clause */
#include "x86/acpi.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "x86/view.h"

#define SDT_HEADER     36
#define TABLE_MAX      (8U << 20)
#define RSDP_V1_SIZE   20
#define RSDP_V2_SIZE   36
#define LAPIC_DEFAULT  0xfee00000

#define CPU_ENABLED    1U
#define FADT_RESET_REG (1U << 10)
#define PM1_SLP_EN     (1U << 13) /* 4.8.3.2.1 */

/* Address spaces of a Generic Address Structure, and where that of ports ends. */
#define SPACE_MEMORY   0
#define SPACE_IO       1
#define PORTS	       0x10000

static bool checksum_ok(const struct view *v)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < v->len; i++)
		sum += v->p[i];
	return !sum;
}

/* A room for one more in an array of @out, or NULL when it is full. */
#define next_of(array, count) ((count) < ARRAY_SIZE(array) ? &(array)[(count)++] : NULL)

static void add_cpu(struct acpi_info *out, uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
	struct acpi_cpu *cpu;
	unsigned int i;

	/* Places for CPUs that may be plugged in are listed too, but not enabled. */
	if (!(flags & CPU_ENABLED))
		return;
	/* Firmware may list a CPU both as local APIC and as x2APIC. */
	for (i = 0; i < out->nr_cpus; i++)
		if (out->cpu[i].apic_id == apic_id)
			return;
	cpu = next_of(out->cpu, out->nr_cpus);
	if (cpu)
		*cpu = (struct acpi_cpu) { apic_id, acpi_id };
}

/* Interrupt controller structures, 5.2.12.2 and following. */
static void madt_entry(struct acpi_info *out, const struct view *e)
{
	struct acpi_override *o;
	struct acpi_ioapic *io;
	/* How long those are that say what we want to know. */
	static const uint8_t lengths[] = { [0] = 8, [1] = 12, [2] = 10, [5] = 12, [9] = 16 };
	uint8_t type = view_u8(e, 0);

	if (type >= ARRAY_SIZE(lengths) || e->len < lengths[type])
		return;
	switch (type) {
	case 0:
		if (view_u8(e, 3) != 0xff)
			add_cpu(out, view_u8(e, 3), view_u8(e, 2), view_u32(e, 4));
		break;
	case 1:
		io = next_of(out->ioapic, out->nr_ioapics);
		if (io)
			*io = (struct acpi_ioapic) { view_u8(e, 2), view_u32(e, 4),
						     view_u32(e, 8) };
		break;
	case 2:
		o = next_of(out->override, out->nr_overrides);
		if (o)
			*o = (struct acpi_override) { view_u8(e, 3), view_u32(e, 4),
						      view_u16(e, 8) };
		break;
	case 5:
		out->lapic_addr = view_u64(e, 4);
		break;
	case 9:
		if (view_u32(e, 4) != ~0U)
			add_cpu(out, view_u32(e, 4), view_u32(e, 12), view_u32(e, 8));
		break;
	}
}

/* Calls @fn for each subtable from @at on: type and length in its first two bytes. */
static void for_each_entry(struct acpi_info *out, const struct view *v, uint32_t at,
			   void (*fn)(struct acpi_info *out, const struct view *entry))
{
	struct view e;

	for (; view_has(v, at, 2); at += e.len) {
		e = view_part(v, at, view_u8(v, at + 1));
		if (e.len < 2)
			return;
		fn(out, &e);
	}
}

static void parse_madt(struct acpi_info *out, const struct view *v)
{
	out->lapic_addr = view_u32(v, 36);
	for_each_entry(out, v, 44, madt_entry);
}

/* System Resource Affinity Table, 5.2.16: only whether there is more than one node. */
static void srat_entry(struct acpi_info *out, const struct view *e)
{
	uint32_t node = view_u32(e, 2);

	if (view_u8(e, 0) == 1 && (view_u32(e, 28) & 1) && node < 64)
		out->nodes |= 1UL << node;
}

static void parse_srat(struct acpi_info *out, const struct view *v)
{
	for_each_entry(out, v, 48, srat_entry);
}

/* The address in a Generic Address Structure (5.2.3.2) of @space; 0 when it is in another. */
static uint64_t gas_addr(const struct view *v, uint32_t at, uint8_t space)
{
	return view_u8(v, at) == space ? view_u64(v, at + 4) : 0;
}

static void parse_hpet(struct acpi_info *out, const struct view *v)
{
	out->hpet_addr = gas_addr(v, 40, SPACE_MEMORY);
}

static void parse_mcfg(struct acpi_info *out, const struct view *v)
{
	for (uint32_t at = 44; view_has(v, at, 16); at += 16) {
		struct acpi_mcfg *m = next_of(out->mcfg, out->nr_mcfg);

		if (m)
			*m = (struct acpi_mcfg) { view_u64(v, at), view_u16(v, at + 8),
						  view_u8(v, at + 10), view_u8(v, at + 11) };
	}
}

static void parse_dmar(struct acpi_info *out, const struct view *v)
{
	out->dmar = (struct acpi_table) { v->addr, v->len };
}

static void parse_ivrs(struct acpi_info *out, const struct view *v)
{
	out->ivrs = (struct acpi_table) { v->addr, v->len };
}

/* An integer constant of AML (20.2.3) at *@at. False when it is something else. */
static bool aml_integer(const struct view *v, uint32_t *at, uint8_t *value)
{
	uint8_t op = view_u8(v, *at);

	++*at;
	if (op <= 1 && view_has(v, *at - 1, 1)) { /* ZeroOp, OneOp */
		*value = op;
		return true;
	}
	if (op < 0x0a || op > 0x0c || !view_has(v, *at, 1)) /* BytePrefix … DWordPrefix */
		return false;
	*value = view_u8(v, *at);
	*at += 1U << (op - 0x0a);
	return true;
}

/* Name(_S5_, Package() { SLP_TYPa, SLP_TYPb, … }) of 7.4.2, with its name at @at. */
static bool s5_at(struct acpi_info *out, const struct view *v, uint32_t at)
{
	uint8_t a, b;

	if (memcmp(v->p + at, "_S5_", 4) || view_u8(v, at + 4) != 0x12)
		return false;
	/* NameOp goes before, perhaps with the root's prefix between. */
	if (v->p[at - 1] != 0x08 && !(v->p[at - 1] == '\\' && v->p[at - 2] == 0x08))
		return false;
	at += 5;
	at += 1 + (view_u8(v, at) >> 6); /* PkgLength */
	if (view_u8(v, at++) < 2)	 /* NumElements */
		return false;
	if (!aml_integer(v, &at, &a) || !aml_integer(v, &at, &b))
		return false;
	out->s5_a = (uint16_t)((a & 7) << 10 | PM1_SLP_EN);
	out->s5_b = (uint16_t)((b & 7) << 10 | PM1_SLP_EN);
	return true;
}

/* Opens the table at @addr, if it has @signature (NULL: any) and its bytes add up to 0. */
static bool table_open(struct view *v, uint64_t addr, const char *signature)
{
	uint32_t len;

	if (!view_open(v, addr, SDT_HEADER) || (signature && memcmp(v->p, signature, 4)))
		return false;
	len = view_u32(v, 4);
	if (len < SDT_HEADER || len > TABLE_MAX || !view_open(v, addr, len))
		return false;
	if (checksum_ok(v))
		return true;
	printk(KERN_WARNING "ACPI: table at 0x%lx has a bad checksum\n", addr);
	return false;
}

static void parse_dsdt(struct acpi_info *out, uint64_t addr)
{
	struct view v;

	if (!table_open(&v, addr, NULL))
		return;
	for (uint32_t at = SDT_HEADER; view_has(&v, at, 5); at++)
		if (v.p[at] == '_' && s5_at(out, &v, at))
			return;
}

/* A port of the FADT: the 64-bit field wins where it is set. */
static uint32_t fadt_port(const struct view *v, uint32_t at32, uint32_t at_gas)
{
	uint64_t addr = gas_addr(v, at_gas, SPACE_IO);

	if (!addr || addr >= PORTS)
		addr = view_u32(v, at32);
	return addr < PORTS ? (uint32_t)addr : 0;
}

/* Fixed ACPI Description Table, 5.2.9. */
static void parse_fadt(struct acpi_info *out, const struct view *v)
{
	out->smi_cmd = view_u32(v, 48);
	out->acpi_enable = view_u8(v, 52);
	out->pm1a_cnt = fadt_port(v, 64, 172);
	out->pm1b_cnt = fadt_port(v, 68, 184);
	out->pm_timer = fadt_port(v, 76, 208);
	if (view_u32(v, 112) & FADT_RESET_REG) {
		out->reset_port = (uint16_t)gas_addr(v, 116, SPACE_IO);
		out->reset_value = view_u8(v, 128);
	}
	parse_dsdt(out, view_u64(v, 140) ? view_u64(v, 140) : view_u32(v, 40));
}

static const struct {
	char signature[5];
	void (*parse)(struct acpi_info *out, const struct view *v);
} tables[] = {
	{ "APIC", parse_madt }, { "FACP", parse_fadt }, { "HPET", parse_hpet },
	{ "MCFG", parse_mcfg }, { "SRAT", parse_srat }, { "DMAR", parse_dmar },
	{ "IVRS", parse_ivrs },
};

/* Opens the first good table with @signature of those that the root table lists. */
static bool table_find(struct view *v, const struct view *root, uint32_t entry_size,
		       const char *signature)
{
	for (uint32_t at = SDT_HEADER; view_has(root, at, entry_size); at += entry_size)
		if (table_open(v, view_get(root, at, entry_size), signature))
			return true;
	return false;
}

/* Reads the RSDP: opens the root table, and tells how wide its entries are. */
static bool root_open(struct view *root, uint32_t *entry_size, uint64_t rsdp)
{
	struct view v, v1;

	view_open(&v, rsdp, RSDP_V2_SIZE);
	v1 = view_part(&v, 0, RSDP_V1_SIZE);
	if (v1.len != RSDP_V1_SIZE || memcmp(v1.p, "RSD PTR ", 8) || !checksum_ok(&v1))
		return false;
	*entry_size = view_u8(&v, 15) >= 2 && checksum_ok(&v) && view_u64(&v, 24) ? 8 : 4;
	return table_open(root, *entry_size == 8 ? view_u64(&v, 24) : view_u32(&v, 16), NULL);
}

int acpi_parse(uint64_t rsdp, struct acpi_info *out)
{
	struct view root, v;
	uint32_t entry_size;

	memset(out, 0, sizeof(*out));
	if (!rsdp || !root_open(&root, &entry_size, rsdp))
		return -ENOENT;
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++)
		if (table_find(&v, &root, entry_size, tables[i].signature))
			tables[i].parse(out, &v);
	if (!out->lapic_addr)
		out->lapic_addr = LAPIC_DEFAULT;
	return out->nr_cpus ? 0 : -EINVAL;
}

struct acpi_override acpi_isa_irq(const struct acpi_info *info, uint8_t irq)
{
	for (unsigned int i = 0; i < info->nr_overrides; i++)
		if (info->override[i].source == irq)
			return info->override[i];
	return (struct acpi_override) { irq, irq, 0 };
}
