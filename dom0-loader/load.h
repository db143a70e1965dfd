/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's work, without the machine: where there is room, which module is the kernel, its way to its place,
 * and the ACPI tables. Addresses are guest-physical; address A is at memory + A. The start info is the
 * hypervisor's: its addresses are believed. What the modules hold nobody trusts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Free memory [start, end). The kernel grows from its start; what the decompressors allocate is taken from
 * its end and never given back.
 */
struct room {
	uint8_t *memory;
	uint64_t start, end;
	bool full; /* an allocation did not fit */
};

/* The module that is the kernel, guest-physical. */
struct kernel_image {
	uint64_t addr, size;
};

/*
 * Reads the start info at @info: *room becomes the free memory from @start up to the first thing that start
 * info speaks of. room->memory is the caller's. Returns NULL, or a text that says what is wrong.
 */
const char *room_find(struct room *room, uint64_t info, uint64_t start);

/*
 * The first module that is an ELF file or a bzImage becomes *image. Its command line becomes Dom0's, and the
 * module list is what is left without it. Returns NULL, or a text that says what is wrong.
 */
const char *kernel_take(const struct room *room, uint64_t info, struct kernel_image *image);

/*
 * Writes ACPI tables for @vcpus vCPUs into the memory map's region for them, and the RSDP's address into the
 * start info. Returns NULL, or a text that says what is wrong.
 */
const char *acpi_write(const struct room *room, uint64_t info, uint32_t vcpus);

/* @size bytes of the room's end, on 64 bytes, not cleared. NULL: full. */
void *room_alloc(struct room *room, size_t size);

/*
 * Loads the kernel in @image, an ELF file or a bzImage with one, to where its ELF headers want it, within the
 * room. 0 with *entry, its PHYS32_ENTRY in 32-bit mode, or a negative errno with *why, a constant: -ENOEXEC (not
 * such a file, or no PVH kernel), -EBADMSG (corrupt, cut short), -ENOMEM.
 */
int kernel_load(struct room *room, const uint8_t *image, size_t size, uint32_t *entry,
		const char **why);
