/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/symbols.h"
#include "lib/printk.h"

#define BACKTRACE_DEPTH 32

struct symbol {
	uint32_t offset; /* of the function, from the first one */
	uint32_t name;	 /* of its name in symbols_names */
};

struct symbol_table {
	uint64_t base;
	struct symbol entry[];
};

extern const uint32_t symbols_count;
extern const struct symbol_table symbols_table;
extern const char symbols_names[];

const char *symbol_entry(uint32_t index, uint64_t *address)
{
	/* The linked table is replaced between two links: its size must not be assumed. */
	if (index >= READ_ONCE(symbols_count))
		return NULL;
	*address = symbols_table.base + symbols_table.entry[index].offset;
	return symbols_names + symbols_table.entry[index].name;
}

const char *symbol_lookup(uint64_t address, uint64_t *offset)
{
	const char *name, *found = NULL;
	uint64_t start;

	/* They come in the order of their addresses. */
	for (uint32_t i = 0; (name = symbol_entry(i, &start)) && start <= address; i++) {
		found = name;
		*offset = address - start;
	}
	return found;
}

static void print_address(uint64_t address)
{
	uint64_t offset;
	const char *name = symbol_lookup(address, &offset);

	if (name)
		printk(KERN_ERR "   [<%016lx>] %s+0x%lx\n", address, name, offset);
	else
		printk(KERN_ERR "   [<%016lx>]\n", address);
}

void backtrace_print(uint64_t frame_pointer, uint64_t stack_start, uint64_t stack_end)
{
	unsigned int depth;

	printk(KERN_ERR "Call trace:\n");
	for (depth = 0; depth < BACKTRACE_DEPTH; depth++) {
		const uint64_t *frame = (const uint64_t *)(uintptr_t)frame_pointer;

		if (frame_pointer % 8 || frame_pointer < stack_start ||
		    frame_pointer > stack_end - 16)
			return;
		if (!frame[1])
			return;
		print_address(frame[1]);
		if (frame[0] <= frame_pointer)
			return;
		frame_pointer = frame[0];
	}
}
