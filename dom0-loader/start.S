/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the PVH boot protocol (32-bit protected mode, paging off, EBX at struct hvm_start_info) to C in
 * 64-bit mode with the first 4 GiB mapped one to one, and back for the kernel.
 */
#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_CODE32 0x18

#define CR0_PE	   0x1
#define CR0_RUN	   0x80010033	/* paging, write protection, FPU errors, protected mode */
#define CR4_RUN	   0x620	/* PAE; SSE, which the libraries use */
#define MSR_EFER   0xc0000080
#define EFER_LME   0x100
#define PAGE_2M	   0xe3		/* present, writable, accessed, dirty, large */
#define PAGE_TABLE 0x63

	/* What the hypervisor reads (struct dom0_loader_header in xen-core/domain/dom0.h). */
	.section .head.text, "ax"
	.ascii "BHLOADER"
	.long loader_size, loader_start, start32

	.code32
	.globl start32
start32:
	cld
	cli
	movl %ebx, %esi
	movl $pd, %edi
	movl $PAGE_2M, %eax
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	jnc 1b				/* until 4 GiB */
	movl $pdpt + PAGE_TABLE, pml4
	movl $pd + PAGE_TABLE, pdpt
	movl $pd + 0x1000 + PAGE_TABLE, pdpt + 8
	movl $pd + 0x2000 + PAGE_TABLE, pdpt + 16
	movl $pd + 0x3000 + PAGE_TABLE, pdpt + 24
	movl $pml4, %eax
	movl %eax, %cr3
	movl $CR4_RUN, %eax
	movl %eax, %cr4
	movl $MSR_EFER, %ecx
	movl $EFER_LME, %eax
	xorl %edx, %edx
	wrmsr
	movl $CR0_RUN, %eax
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $SEL_CODE64, $1f

	.code64
1:	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	/* FS stays 0: the libraries find their stack canary in the first page, which nobody writes. */
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	fninit
	movl $stack_end, %esp
	xorl %ebp, %ebp
	movl %esi, %edi
	call loader_main

	/* enter_kernel(entry, start_info): as the boot protocol wants it. */
	.globl enter_kernel
enter_kernel:
	movl %esi, %ebx
	pushq $SEL_CODE32
	pushq $1f
	lretq

	.code32
1:	movl $CR0_PE, %eax
	movl %eax, %cr0
	/* EFER before CR4: QEMU loses the host at an exit with LME set and PAE clear. */
	xorl %eax, %eax
	xorl %edx, %edx
	movl $MSR_EFER, %ecx
	wrmsr
	movl %eax, %cr4
	jmp *%edi

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* SEL_CODE64 */
	.quad 0x00cf93000000ffff	/* SEL_DATA */
	.quad 0x00cf9b000000ffff	/* SEL_CODE32 */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt

	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
	.globl hypercall_page
hypercall_page:
	.skip 4096
	.skip 32768
stack_end:

	.section .note.GNU-stack, "", @progbits
