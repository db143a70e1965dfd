/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI Specification 6.5, chapter 5: the few tables that a machine without hardware has. */
#include "domain/build_acpi.h"
#include "hvm/vlapic.h"
#include "lib/string.h"

struct table_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

struct madt_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t apic_id, flags, uid;
} __attribute__((packed));

struct madt_lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

#define FADT_SIZE	276
#define FADT_DSDT	40
#define FADT_BOOT_FLAGS 109
#define FADT_FLAGS	112
#define FADT_MINOR	131
#define FADT_X_DSDT	140
#define FADT_NO_VGA	(1U << 2)
#define FADT_NO_RTC	(1U << 5)
#define FADT_HW_REDUCED (1U << 20)
#define FADT_WBINVD	(1U << 0)

static uint8_t checksum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *b++);
	return (uint8_t)-sum;
}

static void finish(struct table_header *h, const char *signature, uint8_t revision, size_t len)
{
	memcpy(h->signature, signature, 4);
	h->length = (uint32_t)len;
	h->revision = revision;
	memcpy(h->oem_id, "BLKHD ", 6);
	memcpy(h->oem_table_id, "BULKHEAD", 8);
	memcpy(h->creator_id, "BLKH", 4);
	h->oem_revision = h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = checksum(h, len);
}

static size_t build_madt(uint8_t *at, unsigned int vcpus)
{
	uint8_t *p = at + sizeof(struct table_header);

	*(uint32_t *)p = APIC_DEFAULT_BASE;
	p += 8; /* address and flags: no 8259 */
	for (unsigned int i = 0; i < vcpus; i++) {
		uint32_t id = VLAPIC_ID(i);

		if (id < 255) {
			*(struct madt_lapic *)p =
				(struct madt_lapic) { 0, 8, (uint8_t)i, (uint8_t)id, 1 };
			p += 8;
		} else {
			*(struct madt_x2apic *)p = (struct madt_x2apic) { 9, 16, 0, id, 1, i };
			p += 16;
		}
	}
	finish((struct table_header *)at, "APIC", 4, (size_t)(p - at));
	return (size_t)(p - at);
}

static void build_fadt(uint8_t *at, gpa_t dsdt)
{
	*(uint32_t *)(at + FADT_DSDT) = (uint32_t)dsdt.v;
	*(uint64_t *)(at + FADT_X_DSDT) = dsdt.v;
	*(uint16_t *)(at + FADT_BOOT_FLAGS) = FADT_NO_VGA | FADT_NO_RTC;
	*(uint32_t *)(at + FADT_FLAGS) = FADT_HW_REDUCED | FADT_WBINVD;
	at[FADT_MINOR] = 1;
	finish((struct table_header *)at, "FACP", 5, FADT_SIZE);
}

size_t build_acpi(uint8_t *buf, size_t size, gpa_t base, unsigned int vcpus)
{
	const size_t xsdt = 64, dsdt = 128, fadt = 192, madt = 512;
	const size_t header = sizeof(struct table_header);
	struct rsdp *r = (struct rsdp *)buf;
	uint64_t entries[2] = { base.v + fadt, base.v + madt };
	size_t len;

	if (size < madt + header + 8 + 16 * (size_t)vcpus)
		return 0;
	memcpy(buf + xsdt + header, entries, sizeof(entries));
	finish((struct table_header *)(buf + xsdt), "XSDT", 1, header + sizeof(entries));
	finish((struct table_header *)(buf + dsdt), "DSDT", 2, header);
	build_fadt(buf + fadt, (gpa_t) { base.v + dsdt });
	len = build_madt(buf + madt, vcpus);
	memcpy(r->signature, "RSD PTR ", 8);
	memcpy(r->oem_id, "BLKHD ", 6);
	r->revision = 2;
	r->length = sizeof(*r);
	r->xsdt = base.v + xsdt;
	r->checksum = checksum(r, 20);
	r->extended_checksum = checksum(r, sizeof(*r));
	return madt + len;
}
