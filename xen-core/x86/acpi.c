/* SPDX-License-Identifier: BSD-2-Clause */
#include "x86/acpi.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"

#define SDT_HEADER    36
#define TABLE_MAX     (8U << 20)
#define RSDP_V1_SIZE  20
#define RSDP_V2_SIZE  36
#define EBDA_POINTER  0x40e
#define BIOS_START    0xe0000
#define BIOS_END      0x100000
#define LAPIC_DEFAULT 0xfee00000

#define CPU_ENABLED   1U

/* A table in memory: reads outside of it give 0. */
struct view {
	const uint8_t *p;
	uint32_t len;
	uint64_t addr;
};

struct ctx {
	const struct phys_access *acc;
	struct acpi_info *out;
};

static bool in_view(const struct view *v, uint32_t at, uint32_t size)
{
	return at <= v->len && v->len - at >= size;
}

static uint8_t get8(const struct view *v, uint32_t at)
{
	return in_view(v, at, 1) ? v->p[at] : 0;
}

static uint16_t get16(const struct view *v, uint32_t at)
{
	return in_view(v, at, 2) ? read_le16(v->p + at) : 0;
}

static uint32_t get32(const struct view *v, uint32_t at)
{
	return in_view(v, at, 4) ? read_le32(v->p + at) : 0;
}

static uint64_t get64(const struct view *v, uint32_t at)
{
	return in_view(v, at, 8) ? read_le64(v->p + at) : 0;
}

static struct acpi_gas get_gas(const struct view *v, uint32_t at)
{
	return (struct acpi_gas) { get8(v, at), get8(v, at + 1), get8(v, at + 2), get8(v, at + 3),
				   get64(v, at + 4) };
}

static bool checksum_ok(const uint8_t *p, uint32_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum += *p++;
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

static void add_ioapic(struct acpi_info *out, const struct view *e)
{
	struct acpi_ioapic *io = next_of(out->ioapic, out->nr_ioapics);

	if (io)
		*io = (struct acpi_ioapic) { get8(e, 2), get32(e, 4), get32(e, 8) };
}

static void add_override(struct acpi_info *out, const struct view *e)
{
	struct acpi_override *o = next_of(out->override, out->nr_overrides);

	if (o)
		*o = (struct acpi_override) { get8(e, 3), get32(e, 4), get16(e, 8) };
}

/* Interrupt controller structures, 5.2.12.2 and following. */
static void madt_entry(struct acpi_info *out, const struct view *e)
{
	switch (get8(e, 0)) {
	case 0:
		if (get8(e, 3) != 0xff && e->len >= 8)
			add_cpu(out, get8(e, 3), get8(e, 2), get32(e, 4));
		break;
	case 1:
		if (e->len >= 12)
			add_ioapic(out, e);
		break;
	case 2:
		if (e->len >= 10)
			add_override(out, e);
		break;
	case 5:
		if (e->len >= 12)
			out->lapic_addr = get64(e, 4);
		break;
	case 9:
		if (get32(e, 4) != ~0U && e->len >= 16)
			add_cpu(out, get32(e, 4), get32(e, 12), get32(e, 8));
		break;
	default:
		break;
	}
}

/* Calls @fn for each subtable from @at on: type and length in its first two bytes. */
static void for_each_entry(struct acpi_info *out, const struct view *v, uint32_t at,
			   void (*fn)(struct acpi_info *out, const struct view *entry))
{
	while (in_view(v, at, 2)) {
		struct view e = { v->p + at, v->p[at + 1], 0 };

		if (e.len < 2 || e.len > v->len - at)
			return;
		fn(out, &e);
		at += e.len;
	}
}

static void parse_madt(struct ctx *c, const struct view *v)
{
	c->out->lapic_addr = get32(v, 36);
	c->out->pcat_compat = get32(v, 40) & 1;
	for_each_entry(c->out, v, 44, madt_entry);
}

/* System Resource Affinity Table, 5.2.16: only whether there is more than one node. */
static void srat_entry(struct acpi_info *out, const struct view *e)
{
	uint32_t node = get32(e, 2);

	if (get8(e, 0) == 1 && (get32(e, 28) & 1) && node < 64)
		out->nodes |= 1UL << node;
}

static void parse_srat(struct ctx *c, const struct view *v)
{
	for_each_entry(c->out, v, 48, srat_entry);
}

static void parse_hpet(struct ctx *c, const struct view *v)
{
	struct acpi_gas gas = get_gas(v, 40);

	if (gas.space == ACPI_SPACE_MEMORY)
		c->out->hpet_addr = gas.addr;
}

static void parse_mcfg(struct ctx *c, const struct view *v)
{
	uint32_t at;

	for (at = 44; in_view(v, at, 16); at += 16) {
		struct acpi_mcfg *m = next_of(c->out->mcfg, c->out->nr_mcfg);

		if (m)
			*m = (struct acpi_mcfg) { get64(v, at), get16(v, at + 8), get8(v, at + 10),
						  get8(v, at + 11) };
	}
}

static void parse_dmar(struct ctx *c, const struct view *v)
{
	c->out->dmar = (struct acpi_table) { v->addr, v->len };
}

static void parse_ivrs(struct ctx *c, const struct view *v)
{
	c->out->ivrs = (struct acpi_table) { v->addr, v->len };
}

/* An integer constant of AML (20.2.3) at *@at. False when it is something else. */
static bool aml_integer(const struct view *v, uint32_t *at, uint8_t *value)
{
	uint8_t op = get8(v, *at);

	++*at;
	if (op <= 1 && in_view(v, *at - 1, 1)) { /* ZeroOp, OneOp */
		*value = op;
		return true;
	}
	if (op < 0x0a || op > 0x0c || !in_view(v, *at, 1)) /* BytePrefix … DWordPrefix */
		return false;
	*value = get8(v, *at);
	*at += 1U << (op - 0x0a);
	return true;
}

/* Name(_S5_, Package() { SLP_TYPa, SLP_TYPb, … }) of 7.4.2, with its name at @at. */
static bool s5_at(struct acpi_info *out, const struct view *v, uint32_t at)
{
	uint8_t a, b;

	if (memcmp(v->p + at, "_S5_", 4) || get8(v, at + 4) != 0x12)
		return false;
	/* NameOp goes before, perhaps with the root's prefix between. */
	if (v->p[at - 1] != 0x08 && !(v->p[at - 1] == '\\' && v->p[at - 2] == 0x08))
		return false;
	at += 5;
	at += 1 + (get8(v, at) >> 6); /* PkgLength */
	if (get8(v, at++) < 2)	      /* NumElements */
		return false;
	if (!aml_integer(v, &at, &a) || !aml_integer(v, &at, &b))
		return false;
	out->s5_typ_a = a & 7;
	out->s5_typ_b = b & 7;
	out->have_s5 = true;
	return true;
}

static void parse_dsdt(struct ctx *c, const struct view *v)
{
	uint32_t at;

	for (at = SDT_HEADER; in_view(v, at, 5); at++)
		if (v->p[at] == '_' && s5_at(c->out, v, at))
			return;
}

typedef void (*table_parser)(struct ctx *c, const struct view *v);

/* Maps the table at @addr, if it has @signature (NULL: any), and checks it. The caller unmaps @v. */
static bool table_open(const struct ctx *c, uint64_t addr, const char *signature, struct view *v)
{
	const uint8_t *head = c->acc->map(addr, SDT_HEADER);
	bool match;

	if (!head)
		return false;
	match = !signature || !memcmp(head, signature, 4);
	v->len = read_le32(head + 4);
	phys_unmap(c->acc, head, SDT_HEADER);
	if (!match || v->len < SDT_HEADER || v->len > TABLE_MAX)
		return false;
	v->addr = addr;
	v->p = c->acc->map(addr, v->len);
	if (!v->p)
		return false;
	if (checksum_ok(v->p, v->len))
		return true;
	printk(KERN_WARNING "ACPI: table at %#lx has a bad checksum\n", addr);
	phys_unmap(c->acc, v->p, v->len);
	return false;
}

static void table_close(const struct ctx *c, const struct view *v)
{
	phys_unmap(c->acc, v->p, v->len);
}

/* Fixed ACPI Description Table, 5.2.9. The 64-bit fields win where they are set. */
static uint32_t fadt_port(const struct view *v, uint32_t at32, uint32_t at_gas)
{
	struct acpi_gas gas = get_gas(v, at_gas);

	if (gas.addr && gas.space == ACPI_SPACE_IO && gas.addr < 0x10000)
		return (uint32_t)gas.addr;
	return get32(v, at32) < 0x10000 ? get32(v, at32) : 0;
}

static void parse_fadt(struct ctx *c, const struct view *v)
{
	uint32_t flags = get32(v, 112);
	uint64_t dsdt_addr = get64(v, 140) ? get64(v, 140) : get32(v, 40);
	struct acpi_info *out = c->out;
	struct view dsdt;

	out->smi_cmd = get32(v, 48);
	out->acpi_enable = get8(v, 52);
	out->pm1a_cnt = fadt_port(v, 64, 172);
	out->pm1b_cnt = fadt_port(v, 68, 184);
	out->pm_timer = fadt_port(v, 76, 208);
	if (flags & (1U << 10)) {
		out->reset_reg = get_gas(v, 116);
		out->reset_value = get8(v, 128);
	}
	if (dsdt_addr && table_open(c, dsdt_addr, NULL, &dsdt)) {
		parse_dsdt(c, &dsdt);
		table_close(c, &dsdt);
	}
}

static const struct {
	char signature[5];
	table_parser parse;
} tables[] = {
	{ "APIC", parse_madt }, { "FACP", parse_fadt }, { "HPET", parse_hpet },
	{ "MCFG", parse_mcfg }, { "SRAT", parse_srat }, { "DMAR", parse_dmar },
	{ "IVRS", parse_ivrs },
};

/* Parses the first table with @signature of those that the root table @root lists. */
static void parse_one(struct ctx *c, const struct view *root, uint32_t entry_size,
		      const char *signature, table_parser parse)
{
	uint32_t at;

	for (at = SDT_HEADER; in_view(root, at, entry_size); at += entry_size) {
		uint64_t addr = entry_size == 8 ? get64(root, at) : get32(root, at);
		struct view v;

		if (table_open(c, addr, signature, &v)) {
			parse(c, &v);
			table_close(c, &v);
			return;
		}
	}
}

static bool rsdp_valid(const uint8_t *p)
{
	return !memcmp(p, "RSD PTR ", 8) && checksum_ok(p, RSDP_V1_SIZE);
}

/* Looks for the RSDP in [@start, @end), at 16-byte boundaries (5.2.5.1). */
static uint64_t rsdp_search(const struct ctx *c, uint64_t start, uint64_t end)
{
	uint64_t addr;

	for (addr = start; addr + RSDP_V1_SIZE <= end; addr += 16) {
		const uint8_t *p = c->acc->map(addr, RSDP_V1_SIZE);
		bool valid = p && rsdp_valid(p);

		if (p)
			phys_unmap(c->acc, p, RSDP_V1_SIZE);
		if (valid)
			return addr;
	}
	return 0;
}

static uint64_t rsdp_find(const struct ctx *c)
{
	const uint8_t *p = c->acc->map(EBDA_POINTER, 2);
	uint64_t ebda = 0, rsdp = 0;

	if (p) {
		ebda = (uint64_t)read_le16(p) << 4;
		phys_unmap(c->acc, p, 2);
	}
	if (ebda >= 0x400)
		rsdp = rsdp_search(c, ebda, ebda + 1024);
	return rsdp ? rsdp : rsdp_search(c, BIOS_START, BIOS_END);
}

/* Reads the RSDP: where the root table is, and how wide its entries are. */
static int rsdp_read(const struct ctx *c, uint64_t addr, uint64_t *root, uint32_t *entry_size)
{
	const uint8_t *p = c->acc->map(addr, RSDP_V2_SIZE);
	bool valid = p && rsdp_valid(p);

	if (valid && p[15] >= 2 && checksum_ok(p, RSDP_V2_SIZE) && read_le64(p + 24)) {
		*root = read_le64(p + 24);
		*entry_size = 8;
	} else if (valid) {
		*root = read_le32(p + 16);
		*entry_size = 4;
	}
	if (p)
		phys_unmap(c->acc, p, RSDP_V2_SIZE);
	return valid ? 0 : -ENOENT;
}

int acpi_parse(uint64_t rsdp, const struct phys_access *acc, struct acpi_info *out)
{
	struct ctx c = { acc, out };
	struct view root;
	uint32_t entry_size;
	uint64_t root_addr;
	unsigned int i;

	memset(out, 0, sizeof(*out));
	if (!rsdp)
		rsdp = rsdp_find(&c);
	if (!rsdp || rsdp_read(&c, rsdp, &root_addr, &entry_size) ||
	    !table_open(&c, root_addr, NULL, &root))
		return -ENOENT;
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		parse_one(&c, &root, entry_size, tables[i].signature, tables[i].parse);
	table_close(&c, &root);
	if (!out->lapic_addr)
		out->lapic_addr = LAPIC_DEFAULT;
	return out->nr_cpus ? 0 : -EINVAL;
}

uint32_t acpi_isa_gsi(const struct acpi_info *info, uint8_t irq, uint16_t *flags)
{
	unsigned int i;

	for (i = 0; i < info->nr_overrides; i++) {
		if (info->override[i].source == irq) {
			*flags = info->override[i].flags;
			return info->override[i].gsi;
		}
	}
	*flags = 0;
	return irq;
}
