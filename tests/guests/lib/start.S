/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of a test kernel: from the PVH boot protocol (32-bit protected mode, paging off, EBX holds
 * the address of struct hvm_start_info) to 64-bit C with the first 4 GiB mapped one to one.
 */
#include "layout.h"

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18			/* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad start32

	.section .head.text, "ax"
	.code32
	.globl start32
start32:
	cld
	cli
	movl %ebx, start_info_address
	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl $BOOT_CR4, %eax
	movl %eax, %cr4
	movl $0xc0000080, %ecx		/* EFER: long mode, no-execute */
	movl $0x900, %eax
	xorl %edx, %edx
	wrmsr
	movl $BOOT_CR0, %eax
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $SEL_CODE, $start64

	.code64
start64:
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	leaq stacks + STACK_SIZE, %rsp
	xorl %ebp, %ebp
	call guest_start
1:	hlt
	jmp 1b

	/* A further vCPU: VCPUOP_initialise gave it a stack, page tables and its number in RDI. */
	.globl ap_start64
ap_start64:
	lgdt gdt_pointer
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	pushq $SEL_CODE
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:	call ap_main
2:	hlt
	jmp 2b

	/*
	 * Lets one interrupt in. An interrupt that comes between STI and HLT (the emulator loses
	 * the interrupt shadow) skips the HLT: trap_dispatch() sees to it.
	 */
	.globl irq_wait, irq_wait_halt
irq_wait:
	sti
irq_wait_halt:
	hlt
	cli
	ret

	/* One stub for each vector; those without an error code push a zero. */
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

trap_common:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call trap_dispatch
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* SEL_CODE: 64-bit code */
	.quad 0x00cf93000000ffff	/* SEL_DATA */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt
	.globl start_info_address
start_info_address:
	.long 0, 0

	/* One to one, 2 MiB pages, present, writable, accessed, dirty. */
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.quad boot_pdpt + 0x63
	.fill 511, 8, 0
boot_pdpt:
	.quad boot_pd + 0x63, boot_pd + 0x1063, boot_pd + 0x2063, boot_pd + 0x3063
	.fill 508, 8, 0
	.globl boot_pd
boot_pd:
	.set frame, 0
	.rept 2048
	.quad (frame << 21) + 0xe3
	.set frame, frame + 1
	.endr

	.section .note.GNU-stack, "", @progbits
