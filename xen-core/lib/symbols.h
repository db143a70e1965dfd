/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's own symbols, for stack traces. The table is made at the second link (gensyms.py). */
#pragma once

#include "types.h"

/*
 * The function that contains @address: its name, and in *@offset the distance from its start.
 * NULL when @address is before the first function or there is no table.
 */
const char *symbol_lookup(uint64_t address, uint64_t *offset);

/* Name and address of function @index, in the order of addresses; NULL: there are not so many. */
const char *symbol_entry(uint32_t index, uint64_t *address);

/*
 * Prints the callers found by following frame pointers from @frame_pointer on, as long as the
 * frames lie in [@stack_start, @stack_end) and go upwards.
 */
void backtrace_print(uint64_t frame_pointer, uint64_t stack_start, uint64_t stack_end);
