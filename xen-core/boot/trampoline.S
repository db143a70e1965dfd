/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the other CPUs start: real mode, at a page below 1 MiB to which this is copied. It has the boot
 * CPU's GDT, so that the first jump already leaves the copy.
 */
#define VIRT 0xffffffff80000000
#define PHYS(x) ((x) - VIRT)

	.section .rodata.trampoline, "a"
	.globl trampoline_start, trampoline_end
	.code16
trampoline_start:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	trampoline_gdt_ptr - trampoline_start
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x18, $PHYS(trampoline32)
trampoline_gdt_ptr:
	.word 4 * 8 - 1
	.long PHYS(boot_gdt)
trampoline_end:

	.section .boot.text, "ax"
	.code32
trampoline32:
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	jmp	enter_long_mode

	.section .note.GNU-stack, "", @progbits
