/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF files that arrive in pieces: the first byte says how large these are. REQ toolstack/builder. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/decompress.h"
#include "builder/elf_stream.h"

/* How often each byte of each segment was delivered is not counted; where it goes is. */
static int layout(void *arg, const struct elf_kernel *kernel)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < kernel->n_segments; i++) {
		if (kernel->segments[i].addr < end ||
		    kernel->segments[i].file_size > kernel->segments[i].memory_size)
			abort();
		end = kernel->segments[i].addr + kernel->segments[i].memory_size;
	}
	*(struct elf_kernel *)arg = *kernel;
	return 0;
}

static int data(void *arg, uint64_t addr, const uint8_t *bytes, size_t length)
{
	const struct elf_kernel *k = arg;
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += bytes[i];
	for (uint32_t i = 0; i < k->n_segments; i++)
		if (addr >= k->segments[i].addr &&
		    addr + length <= k->segments[i].addr + k->segments[i].file_size)
			return 0;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct elf_stream elf;
	static struct elf_kernel kernel;
	struct elf_events events = { layout, data, &kernel };
	size_t piece;
	uint64_t entry;
	int rc = SINK_MORE;

	if (!size)
		return 0;
	piece = (size_t)bytes[0] * 17 + 1;
	elf_stream_init(&elf, &events);
	for (size_t at = 1; at < size && rc == SINK_MORE; at += piece) {
		/* A copy of the piece alone, so that reading past it is seen. */
		size_t n = size - at < piece ? size - at : piece;
		uint8_t *copy = malloc(n);

		memcpy(copy, bytes + at, n);
		rc = elf_stream_feed(&elf, copy, n);
		free(copy);
	}
	if (rc >= 0 && !elf_stream_finish(&elf, &entry) &&
	    (entry < kernel.start || entry >= kernel.end))
		abort();
	elf_stream_free(&elf);
	return 0;
}
