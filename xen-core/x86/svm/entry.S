/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * void svm_enter(struct guest_regs *regs, uint64_t vmcb_addr, uint64_t host_addr)
 *
 * Physical interrupts must end the guest: VMRUN notes the host's IF for that, so it is set with GIF
 * clear. VMRUN switches rax, rsp, rip, rflags, CR, segments; VMLOAD/VMSAVE the rest; the other
 * general registers are ours to switch. Offsets: struct guest_regs.
 */
	.section .text.svm_enter, "ax"
	.globl svm_enter
svm_enter:
	.irp reg, rbp, rbx, r12, r13, r14, r15
	pushq	%\reg
	.endr
	pushq	%rdx			/* host_addr: 8(%rsp) below */
	pushq	%rdi			/* regs: 0(%rsp) */
	movq	%rsi, %rax
	clgi
	sti
	movq	0x08(%rdi), %rcx
	movq	0x10(%rdi), %rdx
	movq	0x18(%rdi), %rbx
	movq	0x28(%rdi), %rbp
	movq	0x30(%rdi), %rsi
	.irp nr, 8, 9, 10, 11, 12, 13, 14, 15
	movq	\nr * 8(%rdi), %r\nr
	.endr
	movq	0x38(%rdi), %rdi
	vmload	%rax
	vmrun	%rax
	vmsave	%rax
	movq	8(%rsp), %rax
	vmload	%rax
	popq	%rax
	movq	%rcx, 0x08(%rax)
	movq	%rdx, 0x10(%rax)
	movq	%rbx, 0x18(%rax)
	movq	%rbp, 0x28(%rax)
	movq	%rsi, 0x30(%rax)
	movq	%rdi, 0x38(%rax)
	.irp nr, 8, 9, 10, 11, 12, 13, 14, 15
	movq	%r\nr, \nr * 8(%rax)
	.endr
	/* No guest value stays in a register that the core could use by speculation. */
	.irp reg, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	xorl	%\reg, %\reg
	.endr
	cli
	stgi
	popq	%rax
	.irp reg, r15, r14, r13, r12, rbx, rbp
	popq	%\reg
	.endr
	ret

	.section .note.GNU-stack, "", @progbits
