/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables of a PVH guest. */
#include "builder/acpi.h"

#include <errno.h>
#include <string.h>

#define HEADER_SIZE	 36u
#define FADT_SIZE	 268u /* revision 5 */
#define LAPIC_ADDRESS	 0xfee00000u

/* FADT flags. */
#define WBINVD		 (1u << 0)
#define PROC_C1		 (1u << 2)
#define NO_POWER_BUTTON	 (1u << 4)
#define NO_SLEEP_BUTTON	 (1u << 5)
#define NO_RTC_WAKE	 (1u << 6)
#define HARDWARE_REDUCED (1u << 20)
/* FADT boot architecture flags. */
#define NO_VGA		 (1u << 2)
#define NO_CMOS_RTC	 (1u << 5)

#define MADT_LAPIC	 0u
#define MADT_X2APIC	 9u
#define MADT_ENABLED	 1u
#define LAPIC_ID_LAST	 254u

/*
 * The tables under construction. `at` may run past the room: writes stop there, and the end checks.
 */
struct writer {
	uint8_t *out;
	size_t room, at;
};

static void put(struct writer *w, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++) {
		if (w->at < w->room)
			w->out[w->at] = (uint8_t)(value >> (8 * i));
		w->at++;
	}
}

static void put_text(struct writer *w, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		put(w, (uint8_t)text[i], 1);
}

static void set(struct writer *w, size_t at, uint64_t value, unsigned int bytes)
{
	size_t saved = w->at;

	w->at = at;
	put(w, value, bytes);
	w->at = saved;
}

static void align(struct writer *w, size_t to)
{
	while (w->at % to)
		put(w, 0, 1);
}

static void checksum(struct writer *w, size_t start, size_t length, size_t where)
{
	uint8_t sum = 0;

	if (start + length > w->room)
		return;
	w->out[start + where] = 0;
	for (size_t i = 0; i < length; i++)
		sum += w->out[start + i];
	w->out[start + where] = -sum;
}

/* A table's header, its length still open. Returns where it starts. */
static size_t begin(struct writer *w, const char *signature, uint8_t revision)
{
	size_t start;

	align(w, 16);
	start = w->at;
	put_text(w, signature, 4);
	put(w, 0, 4);
	put(w, revision, 1);
	put(w, 0, 1);
	put_text(w, "BULKHD", 6);
	put_text(w, "PVHGUEST", 8);
	put(w, 1, 4);
	put_text(w, "BLKH", 4);
	put(w, 1, 4);
	return start;
}

static void end(struct writer *w, size_t start)
{
	set(w, start + 4, w->at - start, 4);
	checksum(w, start, w->at - start, 9);
}

static size_t put_dsdt(struct writer *w)
{
	/* Scope (\_SB) {} */
	static const char body[] = { 0x10, 0x06, '\\', '_', 'S', 'B', '_' };
	size_t start = begin(w, "DSDT", 2);

	put_text(w, body, sizeof(body));
	end(w, start);
	return start;
}

static size_t put_fadt(struct writer *w, uint64_t dsdt)
{
	size_t start = begin(w, "FACP", 5);

	while (w->at < start + FADT_SIZE)
		put(w, 0, 1);
	set(w, start + 40, dsdt, 4);
	set(w, start + 109, NO_VGA | NO_CMOS_RTC, 2);
	set(w, start + 112,
	    WBINVD | PROC_C1 | NO_POWER_BUTTON | NO_SLEEP_BUTTON | NO_RTC_WAKE | HARDWARE_REDUCED,
	    4);
	set(w, start + 131, 1, 1); /* minor revision */
	set(w, start + 140, dsdt, 8);
	end(w, start);
	return start;
}

static size_t put_madt(struct writer *w, const struct acpi_processors *processors)
{
	size_t start = begin(w, "APIC", 4);

	put(w, LAPIC_ADDRESS, 4);
	put(w, 0, 4);
	for (uint32_t i = 0; i < processors->count; i++) {
		uint32_t id = acpi_apic_id(i);
		uint32_t flags = i < processors->online ? MADT_ENABLED : 0;

		if (id <= LAPIC_ID_LAST) {
			put(w, MADT_LAPIC, 1);
			put(w, 8, 1);
			put(w, i, 1);
			put(w, id, 1);
			put(w, flags, 4);
		} else {
			put(w, MADT_X2APIC, 1);
			put(w, 16, 1);
			put(w, 0, 2);
			put(w, id, 4);
			put(w, flags, 4);
			put(w, i, 4);
		}
	}
	end(w, start);
	return start;
}

static size_t put_xsdt(struct writer *w, uint64_t fadt, uint64_t madt)
{
	size_t start = begin(w, "XSDT", 1);

	put(w, fadt, 8);
	put(w, madt, 8);
	end(w, start);
	return start;
}

static void put_rsdp(struct writer *w, uint64_t xsdt)
{
	w->at = 0;
	put_text(w, "RSD PTR ", 8);
	put(w, 0, 1);
	put_text(w, "BULKHD", 6);
	put(w, 2, 1); /* revision */
	put(w, 0, 4); /* no RSDT */
	put(w, ACPI_RSDP_SIZE, 4);
	put(w, xsdt, 8);
	put(w, 0, 4);
	checksum(w, 0, 20, 8);
	checksum(w, 0, ACPI_RSDP_SIZE, 32);
}

int acpi_build(const struct acpi_processors *processors, uint64_t addr, uint8_t *out, size_t room)
{
	struct writer w = { out, room, ACPI_RSDP_SIZE };
	size_t dsdt, fadt, madt, xsdt, size;

	memset(out, 0, room);
	dsdt = put_dsdt(&w);
	fadt = put_fadt(&w, addr + dsdt);
	madt = put_madt(&w, processors);
	xsdt = put_xsdt(&w, addr + fadt, addr + madt);
	size = w.at;
	if (size > room)
		return -ENOSPC;
	put_rsdp(&w, addr + xsdt);
	return (int)size;
}
