/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's work, without the machine: where there is room, and the kernel's way from the bzImage to
 * its place. Addresses are guest-physical; address A is at memory + A.
 */
#ifndef DOM0_LOADER_UNPACK_H
#define DOM0_LOADER_UNPACK_H

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

/* What is to be unpacked, guest-physical. */
struct bzimage {
	uint64_t addr, size;
};

/*
 * Reads the start info at @info: *room becomes the free memory from @start up to the first thing that start
 * info speaks of, and *image its first module. room->memory is the caller's. Returns NULL, or a text that
 * says what is wrong. The start info is the hypervisor's: its addresses are believed.
 */
const char *room_find(struct room *room, uint64_t info, uint64_t start, struct bzimage *image);

/* Takes the first module out of the list: the kernel sees what comes behind it. */
void drop_first_module(const struct room *room, uint64_t info);

/* @size bytes of the room's end, on 64 bytes, not cleared. NULL: full. */
void *room_alloc(struct room *room, size_t size);

/*
 * Unpacks the kernel in @image, which nobody trusts, to where its ELF headers want it, within the room.
 * 0 with *entry, its PHYS32_ENTRY in 32-bit mode, or a negative errno with *why, a constant: -ENOEXEC (no
 * bzImage, or no PVH kernel in it), -EBADMSG (corrupt, cut short), -ENOMEM.
 */
int unpack_kernel(struct room *room, const uint8_t *image, size_t size, uint32_t *entry,
		  const char **why);

#endif
