/* SPDX-License-Identifier: BSD-2-Clause */
/* The symbol table of the first link: none, so that the second link's can be made from it. */
	.section .symbols, "a", @progbits
	.globl symbols_count, symbols_table, symbols_names
	.balign 8
symbols_count:
	.long 0
	.balign 8
symbols_table:
symbols_names:
	.section .note.GNU-stack, "", @progbits
