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
	.irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	pushq	%\reg
	.endr
	movq	%rsp, %rdi
	call	trap_handler
	.irp reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	popq	%\reg
	.endr
	addq	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
