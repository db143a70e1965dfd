/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's two sides: what the socket carries, and the child's body. */
#pragma once

#include <stdint.h>

#include "builder/elf_stream.h"

enum loader_message_type {
	LOADER_LAYOUT = 0x4c41594f, /* length: bytes of struct elf_segment that follow */
	LOADER_DATA = 0x44415441,   /* length bytes in the next slot belong at addr */
	LOADER_ZERO = 0x5a45524f,   /* length bytes at addr are 0 */
	LOADER_DONE = 0x444f4e45,   /* addr: entry point */
	LOADER_ERROR = 0x4552524f,  /* addr: errno; length bytes of text follow */
};

struct loader_message {
	uint32_t type;
	uint32_t length;
	uint64_t addr;
};

#define LOADER_TEXT_MAX 200u
#define LOADER_ZERO_MAX (1u << 30)

/*
 * What the child does: reads the image and writes messages to `socket` and data to `slots`. Returns
 * the exit status.
 */
int loader_work(int socket, uint8_t *slots, const uint8_t *image, uint64_t size);

/*
 * Gives up everything: all descriptors but `socket`, privileges, the right to nearly every system
 * call. `image_size` counts towards the memory that is allowed. Never returns on failure: the
 * process ends.
 */
void loader_confine(int socket, uint64_t image_size);
