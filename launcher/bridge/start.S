/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What QEMU's -kernel takes (Multiboot 1) in front of what the core takes (Multiboot2). This is loaded right
 * below the core, which follows it in the same file (join.py) and is entered at the address in its header.
 */
	.section .text.start, "ax"
	.code32
header:
	.long 0x1badb002
	.long 0x00010003		/* load addresses; modules on whole pages; memory map */
	.long -(0x1badb002 + 0x00010003)
	.long header
	.long header
	.long 0				/* ends of the file and of the core's memory: join.py */
	.long 0
	.long bridge_start

	.globl bridge_start
bridge_start:
	movl	$stack_end, %esp
	pushl	%ebx
	call	bridge_info
	movl	%eax, %ebx
	movl	$0x36d76289, %eax
	jmp	*core_entry

	.bss
	.align 16
	.skip 2048
stack_end:

	.section .note.GNU-stack, "", @progbits
