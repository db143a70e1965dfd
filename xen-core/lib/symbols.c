/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/symbols.h"
#include "lib/printk.h"

#define BACKTRACE_DEPTH 32

/* In the order of their addresses, ended by one without a name (gensyms.py; core.lds before that). */
extern const struct symbol {
	uint64_t address;
	const char *name;
} symbols[];

const char *symbol_lookup(uint64_t address, uint64_t *offset)
{
	const char *found = NULL;

	for (const struct symbol *s = symbols; s->name && s->address <= address; s++) {
		found = s->name;
		*offset = address - s->address;
	}
	return found;
}

const char *symbol_entry(uint32_t index, uint64_t *address)
{
	const struct symbol *s = symbols;

	while (index-- && s->name)
		s++;
	*address = s->address;
	return s->name;
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
