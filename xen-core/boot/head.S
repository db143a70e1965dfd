/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry from the boot loader: 32-bit protected mode, paging off, EAX = loader's magic, EBX = its
 * information. Builds an identity map of the first 4 GiB and the core's own mapping of the first
 * GiB, enters 64-bit mode and calls start(). The other CPUs join at enter_long_mode.
 */
#define VIRT 0xffffffff80000000
#define PHYS(x) ((x) - VIRT)

	.section .boot.header, "a"
	/* Multiboot2. The address and entry tags stand where launcher/bridge looks for them. */
	.align 8
mb2_header:
	.long 0xe85250d6
	.long 0
	.long mb2_header_end - mb2_header
	.long -(0xe85250d6 + (mb2_header_end - mb2_header))
	.align 8
	.short 2, 0			/* addresses */
	.long 24
	.long PHYS(mb2_header)
	.long PHYS(core_image_start)
	.long PHYS(core_load_end)
	.long PHYS(core_image_end)
	.align 8
	.short 3, 0			/* entry */
	.long 12
	.long PHYS(boot_start)
	.align 8
	.short 6, 0			/* modules on page boundaries */
	.long 8
	.align 8
	.short 0, 0
	.long 8
mb2_header_end:

	.section .boot.text, "ax"
	.code32
	.globl boot_start
boot_start:
	cli
	cld
	movl	%eax, PHYS(boot_magic)
	movl	%ebx, PHYS(boot_info_addr)

	/* 64-bit mode and NX, or an explanation. */
	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	no_long_mode
	movl	$0x80000001, %eax
	cpuid
	btl	$29, %edx
	jnc	no_long_mode
	btl	$20, %edx
	jnc	no_long_mode

/* The others come here from trampoline.S: CR4, CR3, EFER, CR0. */
	.globl enter_long_mode
enter_long_mode:
	movl	%cr4, %eax
	orl	$0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	movl	%eax, %cr4
	movl	$PHYS(boot_l4), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x900, %eax		/* LME, NXE */
	wrmsr
	movl	%cr0, %eax
	andl	$~0x6000000c, %eax	/* caches on, no EM, no TS */
	orl	$0x80010022, %eax	/* PG, WP, NE, MP */
	movl	%eax, %cr0
	lgdt	PHYS(boot_gdt_ptr)
	ljmp	$0x08, $PHYS(start64_low)

/* The serial port is all that there is to say why. */
no_long_mode:
	movl	$PHYS(no_long_mode_text), %esi
3:	movw	$0x3fd, %dx
	inb	%dx, %al
	testb	$0x20, %al
	jz	3b
	movw	$0x3f8, %dx
	lodsb
	testb	%al, %al
	jz	4f
	outb	%al, %dx
	jmp	3b
4:	hlt
	jmp	4b
no_long_mode_text:
	.asciz "PANIC: this CPU has no 64-bit mode or no NX; Bulkhead needs both\r\n"

	.code64
start64_low:
	movabsq	$start64, %rax
	jmp	*%rax

	.section .text.start64, "ax"
start64:
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movq	start_cr3, %rax
	movq	%rax, %cr3
	movq	start_rsp, %rsp
	xorl	%ebp, %ebp
	movl	boot_magic, %edi
	movl	boot_info_addr, %esi
	call	*start_entry
	ud2

	.section .data
	.align 8
	.globl boot_gdt
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 64-bit code */
	.quad 0x00cf93000000ffff	/* data */
	.quad 0x00cf9b000000ffff	/* 32-bit code */
boot_gdt_end:
boot_gdt_ptr:
	.word boot_gdt_end - boot_gdt - 1
	.quad PHYS(boot_gdt)
/* Where the CPU that starts goes on; smp.c sets it for the others. */
	.align 8
	.globl start_cr3, start_rsp, start_entry
start_cr3:
	.quad PHYS(boot_l4)
start_rsp:
	.quad boot_stack_top
start_entry:
	.quad start
boot_magic:
	.long 0
boot_info_addr:
	.long 0

/* The first 4 GiB in place, in pages of 2 MiB; and once more the first GiB, where the core is linked. */
	.align 4096
boot_l4:
	.quad PHYS(boot_l3) + 3
	.fill 510, 8, 0
	.quad PHYS(boot_l3) + 3
boot_l3:
	.set at, PHYS(boot_l2) + 3
	.quad at, at + 0x1000, at + 0x2000, at + 0x3000
	.fill 506, 8, 0
	.quad at, 0
boot_l2:
	.set at, 0x83
	.rept 4 * 512
	.quad at
	.set at, at + 0x200000
	.endr

	.section .bss.page_aligned, "aw", @nobits
	.align 4096
boot_stack:	.skip 16384
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
