/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel images as the loader's child meets them: container, decompression, ELF. REQ toolstack/builder. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "builder/bzimage.h"
#include "builder/decompress.h"
#include "builder/elf_stream.h"

#define LIMIT (16ull << 20)

static int layout(void *arg, const struct elf_kernel *kernel)
{
	*(struct elf_kernel *)arg = *kernel;
	return 0;
}

/* Whatever comes out must lie where the layout says. */
static int data(void *arg, uint64_t addr, const uint8_t *bytes, size_t length)
{
	const struct elf_kernel *k = arg;

	(void)bytes;
	for (uint32_t i = 0; i < k->n_segments; i++)
		if (addr >= k->segments[i].addr &&
		    addr + length <= k->segments[i].addr + k->segments[i].file_size)
			return 0;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *image, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *image, size_t size)
{
	static struct elf_stream elf;
	static struct elf_kernel kernel;
	struct elf_events events = { layout, data, &kernel };
	struct sink sink = { elf_stream_feed, &elf, LIMIT, 0, NULL };
	size_t offset = 0, length = size;
	const char *why;
	uint64_t entry;

	elf_stream_init(&elf, &events);
	if (bzimage_payload(image, size, &offset, &length, &why)) {
		offset = 0;
		length = size;
	}
	if (offset + length > size)
		abort();
	if (decompress(image + offset, length, &sink) >= 0 && !elf_stream_finish(&elf, &entry) &&
	    (entry < kernel.start || entry >= kernel.end))
		abort();
	elf_stream_free(&elf);
	return 0;
}
