/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In the core's place: tells over COM1 how many instructions the firmware has taken until here,
 * and ends the machine. What is left of a core's boot is the core's own.
 */
#define COM1 0x3f8

	.section .text, "ax"
	.balign 4
	.long 0x1badb002, 0, -0x1badb002	/* multiboot 1: magic, flags, checksum */

	.globl _start
_start:
	rdtsc
	movl %eax, %ebp
	movl $text, %esi
1:	lodsb
	testb %al, %al
	jz 2f
	movw $COM1, %dx
	outb %al, %dx
	jmp 1b
2:	movl $8, %ecx			/* eight hexadecimal digits, the highest first */
3:	roll $4, %ebp
	movl %ebp, %eax
	andl $15, %eax
	movb digits(%eax), %al
	movw $COM1, %dx
	outb %al, %dx
	loop 3b
	movb $10, %al
	outb %al, %dx
	movl %ecx, none			/* no interrupt table: the next exception resets */
	movl %ecx, none + 4
	lidt none
	ud2

text:	.asciz "FIRMWARE "
digits:	.ascii "0123456789abcdef"

	.data
	.balign 8
none:	.long 0, 0

	.section .note.GNU-stack, "", @progbits
