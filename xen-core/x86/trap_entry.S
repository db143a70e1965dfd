/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and interrupts while the core runs: saves the registers and calls trap_handler(). */
	.section .text.traps, "ax"

	.altmacro
	.macro trap_stub nr
	.align 16
	.if (\nr == 8) || ((\nr >= 10) && (\nr <= 14)) || (\nr == 17) || (\nr == 21) || (\nr == 29) || (\nr == 30)
	.else
	pushq	$0
	.endif
	pushq	$\nr
	jmp	trap_common
	.endm

	.align 16
	.globl trap_stubs
trap_stubs:
	.set nr, 0
	.rept 256
	trap_stub %nr
	.set nr, nr + 1
	.endr
	.align 16

trap_common:
	cld
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%r11
	pushq	%r10
	pushq	%r9
	pushq	%r8
	pushq	%rdi
	pushq	%rsi
	pushq	%rbp
	pushq	%rbx
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	movq	%rsp, %rdi
	call	trap_handler
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rbx
	popq	%rbp
	popq	%rsi
	popq	%rdi
	popq	%r8
	popq	%r9
	popq	%r10
	popq	%r11
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	addq	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
