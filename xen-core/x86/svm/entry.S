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
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
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
	movq	0x40(%rdi), %r8
	movq	0x48(%rdi), %r9
	movq	0x50(%rdi), %r10
	movq	0x58(%rdi), %r11
	movq	0x60(%rdi), %r12
	movq	0x68(%rdi), %r13
	movq	0x70(%rdi), %r14
	movq	0x78(%rdi), %r15
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
	movq	%r8, 0x40(%rax)
	movq	%r9, 0x48(%rax)
	movq	%r10, 0x50(%rax)
	movq	%r11, 0x58(%rax)
	movq	%r12, 0x60(%rax)
	movq	%r13, 0x68(%rax)
	movq	%r14, 0x70(%rax)
	movq	%r15, 0x78(%rax)
	/* No guest value stays in a register that the core could use by speculation. */
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	cli
	stgi
	popq	%rax
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

	.section .note.GNU-stack, "", @progbits
