/* SPDX-License-Identifier: BSD-2-Clause */
/* Dom0's kernel as its loader meets it: whatever it is, writes stay in the room. REQ core/boot. */
#include <stdlib.h>

#include "load.h"

#define START 0xff0000u
#define SIZE  0x40000u

int LLVMFuzzerTestOneInput(const uint8_t *image, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *image, size_t size)
{
	static uint8_t memory[SIZE]; /* around it is what the address sanitizer watches */
	struct room room = { (uint8_t *)((uintptr_t)memory - START), START, START + SIZE, false };
	const char *why = NULL;
	uint32_t entry;
	int rc = kernel_load(&room, image, size, &entry, &why);

	if (rc > 0 || (rc && !why) || (!rc && (entry < START || entry >= room.start)))
		abort();
	return 0;
}
