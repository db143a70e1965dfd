/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's two sides: what the pipe carries, and the child's body. */
#ifndef BULKHEAD_BUILDER_LOADER_CHILD_H
#define BULKHEAD_BUILDER_LOADER_CHILD_H

#include <stdint.h>

#include "builder/elf_stream.h"

enum loader_message_type {
	LOADER_LAYOUT = 0x4c41594f, /* length: bytes of struct elf_segment that follow */
	LOADER_DATA = 0x44415441,   /* length bytes follow, which belong at addr */
	LOADER_DONE = 0x444f4e45,   /* addr: entry point */
	LOADER_ERROR = 0x4552524f,  /* addr: errno; length bytes of text follow */
};

struct loader_message {
	uint32_t type;
	uint32_t length;
	uint64_t addr;
};

#define LOADER_TEXT_MAX 200u
#define LOADER_DATA_MAX (1u << 20)

/*
 * What the child does: reads the image and writes messages to `pipe`. Returns the exit status. Used
 * by the child, and directly by tests.
 */
int loader_work(int pipe, const uint8_t *image, uint64_t size);

/*
 * Gives up everything: all descriptors but `pipe`, privileges, the right to nearly every system
 * call. `image_size` counts towards the memory that is allowed. Never returns on failure: the
 * process ends.
 */
void loader_confine(int pipe, uint64_t image_size);

#endif
