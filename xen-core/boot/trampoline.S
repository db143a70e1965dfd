/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the other CPUs start: real mode, at a page below 1 MiB to which this is copied. Position
 * independent until it has switched to the boot page tables. smp.c fills in the two words at the end.
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
	xorl	%ebx, %ebx
	movw	%ax, %bx
	shll	$4, %ebx		/* our linear address */
	leal	trampoline_gdt - trampoline_start(%ebx), %eax
	movl	%eax, trampoline_gdt_ptr + 2 - trampoline_start
	leal	trampoline32 - trampoline_start(%ebx), %eax
	movl	%eax, trampoline_far - trampoline_start
	lgdtl	trampoline_gdt_ptr - trampoline_start
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	*(trampoline_far - trampoline_start)
	.code32
trampoline32:
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	%ax, %es
	movl	$PHYS(ap_boot_stack_top), %esp
	movl	$PHYS(enter_long_mode), %eax
	call	*%eax
	ljmp	$0x08, $PHYS(ap_start64_low)
	.align 8
trampoline_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
trampoline_gdt_ptr:
	.word 23
	.long 0
trampoline_far:
	.long 0
	.word 0x08
trampoline_end:

	.section .boot.text, "ax"
	.code64
ap_start64_low:
	movabsq	$ap_start64, %rax
	jmp	*%rax

	.section .text.ap_start64, "ax"
/* On the boot page tables and the shared boot stack (CPUs come up one after another). */
ap_start64:
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movq	ap_boot_cr3, %rax
	movq	%rax, %cr3
	movq	ap_boot_rsp, %rsp
	xorl	%ebp, %ebp
	call	ap_start
	ud2

	.section .bss.page_aligned, "aw", @nobits
	.align 4096
ap_boot_stack:	.skip 1024
ap_boot_stack_top:

	.section .data
	.align 8
	.globl ap_boot_cr3, ap_boot_rsp
ap_boot_cr3:	.quad 0
ap_boot_rsp:	.quad 0

	.section .note.GNU-stack, "", @progbits
