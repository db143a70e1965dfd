/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes small kernels for tests of the domain builder: an ELF file, and a bzImage around a payload. */
#pragma once

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TEST_ENTRY	0x1000100u
#define TEST_LOAD	0x1000000u
#define TEST_CODE_BYTES 20000u
#define TEST_DATA_BYTES 3000u
#define TEST_BSS_BYTES	9000u

struct test_elf {
	uint8_t *bytes;
	size_t size;
	Elf64_Ehdr *header;
	Elf64_Phdr *program; /* code, data with bss, note */
	uint8_t *note;
};

/* An ELF64 kernel with two segments and a PHYS32_ENTRY note inside the first. Free `bytes`. */
static inline struct test_elf make_elf(void)
{
	struct test_elf e;
	const size_t code = 4096, data = code + TEST_CODE_BYTES, size = data + TEST_DATA_BYTES;
	const uint32_t note[] = { 4, 4, 18, 0x006e6558, TEST_ENTRY };

	e.size = size;
	e.bytes = calloc(1, size);
	for (size_t i = code; i < size; i++)
		e.bytes[i] = (uint8_t)(i * 7 + i / 251);
	e.header = (Elf64_Ehdr *)e.bytes;
	memcpy(e.header->e_ident, ELFMAG, SELFMAG);
	e.header->e_ident[EI_CLASS] = ELFCLASS64;
	e.header->e_ident[EI_DATA] = ELFDATA2LSB;
	e.header->e_ident[EI_VERSION] = EV_CURRENT;
	e.header->e_type = ET_EXEC;
	e.header->e_machine = EM_X86_64;
	e.header->e_version = EV_CURRENT;
	e.header->e_phoff = sizeof(Elf64_Ehdr);
	e.header->e_phentsize = sizeof(Elf64_Phdr);
	e.header->e_phnum = 3;
	e.program = (Elf64_Phdr *)(e.bytes + sizeof(Elf64_Ehdr));
	/* The segments stand in reverse order of their addresses: readers must sort. */
	e.program[0] = (Elf64_Phdr) { .p_type = PT_LOAD,
				      .p_offset = data,
				      .p_paddr = TEST_LOAD + 0x10000,
				      .p_filesz = TEST_DATA_BYTES,
				      .p_memsz = TEST_DATA_BYTES + TEST_BSS_BYTES };
	e.program[1] = (Elf64_Phdr) { .p_type = PT_LOAD,
				      .p_offset = code,
				      .p_paddr = TEST_LOAD,
				      .p_filesz = TEST_CODE_BYTES,
				      .p_memsz = TEST_CODE_BYTES };
	e.program[2] = (Elf64_Phdr) { .p_type = PT_NOTE,
				      .p_offset = code + 512,
				      .p_filesz = sizeof(note) };
	e.note = e.bytes + code + 512;
	memcpy(e.note, note, sizeof(note));
	return e;
}

/* The same as ELF32. */
static inline struct test_elf make_elf32(void)
{
	struct test_elf e = make_elf();
	Elf64_Phdr p[3];
	Elf32_Ehdr *h = (Elf32_Ehdr *)e.bytes;
	Elf32_Phdr *q = (Elf32_Phdr *)(e.bytes + sizeof(*h));

	memcpy(p, e.program, sizeof(p));
	memset(e.bytes + EI_NIDENT, 0, 512);
	h->e_ident[EI_CLASS] = ELFCLASS32;
	h->e_type = ET_EXEC;
	h->e_machine = EM_386;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*q);
	h->e_phnum = 3;
	for (int i = 0; i < 3; i++) {
		q[i].p_type = p[i].p_type;
		q[i].p_offset = p[i].p_offset;
		q[i].p_paddr = p[i].p_paddr;
		q[i].p_filesz = p[i].p_filesz;
		q[i].p_memsz = p[i].p_memsz;
	}
	return e;
}

/* A bzImage with `payload`; *size is set. Free it. */
static inline uint8_t *make_bzimage(const uint8_t *payload, size_t length, size_t *size)
{
	const size_t start = 2 * 512, offset = 64;
	uint8_t *b;

	*size = start + offset + length;
	b = calloc(1, *size);
	b[0x1f1] = 1;
	b[0x1fe] = 0x55;
	b[0x1ff] = 0xaa;
	memcpy(b + 0x202, "HdrS", 4);
	b[0x206] = 0x0f;
	b[0x207] = 0x02;
	b[0x248] = offset;
	for (int i = 0; i < 4; i++)
		b[0x24c + i] = (uint8_t)(length >> (8 * i));
	memcpy(b + start + offset, payload, length);
	return b;
}
