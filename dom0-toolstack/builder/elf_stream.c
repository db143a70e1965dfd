/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF executables, read as a stream. */
#include "builder/elf_stream.h"
#include "builder/decompress.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/elfnote.h>

/* Addresses and sizes beyond this are refused early, so that sums can't overflow. */
#define ADDRESS_MAX (1ull << 46)

/* The fields of a program header that matter, of either class. */
struct program_header {
	uint32_t type;
	uint64_t offset, paddr, file_size, memory_size;
};

void elf_stream_init(struct elf_stream *elf, const struct elf_events *events)
{
	memset(elf, 0, sizeof(*elf));
	elf->events = events;
}

void elf_stream_free(struct elf_stream *elf)
{
	for (uint32_t i = 0; i < elf->n_notes; i++)
		free(elf->notes[i].bytes);
	elf->n_notes = 0;
}

static int fail(struct elf_stream *elf, int code, const char *why)
{
	elf->why = why;
	return code;
}

/* Where the program headers are. -EAGAIN: not enough bytes yet. */
static int find_headers(struct elf_stream *elf, uint64_t *offset, unsigned int *count,
			unsigned int *size)
{
	const uint8_t *h = elf->headers;
	Elf64_Ehdr e64;
	Elf32_Ehdr e32;

	if (elf->n_headers < sizeof(e64))
		return -EAGAIN;
	if (memcmp(h, ELFMAG, SELFMAG) || h[EI_DATA] != ELFDATA2LSB || h[EI_VERSION] != EV_CURRENT)
		return fail(elf, -ENOEXEC, "not a little-endian ELF file");
	memcpy(&e64, h, sizeof(e64));
	memcpy(&e32, h, sizeof(e32));
	/* Type and machine are at the same place in both classes. */
	if (e64.e_machine != EM_X86_64 && e64.e_machine != EM_386)
		return fail(elf, -ENOEXEC, "the ELF file is for another machine than x86");
	if (e64.e_type != ET_EXEC && e64.e_type != ET_DYN)
		return fail(elf, -ENOEXEC, "the ELF file is not an executable");
	if (h[EI_CLASS] == ELFCLASS64) {
		*offset = e64.e_phoff;
		*count = e64.e_phnum;
		*size = e64.e_phentsize;
		if (*size != sizeof(Elf64_Phdr))
			return fail(elf, -EBADMSG, "odd size of program headers");
	} else if (h[EI_CLASS] == ELFCLASS32) {
		*offset = e32.e_phoff;
		*count = e32.e_phnum;
		*size = e32.e_phentsize;
		if (*size != sizeof(Elf32_Phdr))
			return fail(elf, -EBADMSG, "odd size of program headers");
	} else {
		return fail(elf, -ENOEXEC, "unknown ELF class");
	}
	if (!*count || *offset > ELF_HEADERS_MAX || *count > ELF_HEADERS_MAX / *size ||
	    *offset + (uint64_t)*count * *size > ELF_HEADERS_MAX)
		return fail(elf, -EBADMSG, "no program headers near the front of the ELF file");
	return elf->n_headers < *offset + (uint64_t)*count * *size ? -EAGAIN : 0;
}

static void read_header(const struct elf_stream *elf, uint64_t offset, struct program_header *out)
{
	const uint8_t *p = elf->headers + offset;
	Elf64_Phdr p64;
	Elf32_Phdr p32;

	if (elf->headers[EI_CLASS] == ELFCLASS64) {
		memcpy(&p64, p, sizeof(p64));
		*out = (struct program_header) { p64.p_type, p64.p_offset, p64.p_paddr,
						 p64.p_filesz, p64.p_memsz };
	} else {
		memcpy(&p32, p, sizeof(p32));
		*out = (struct program_header) { p32.p_type, p32.p_offset, p32.p_paddr,
						 p32.p_filesz, p32.p_memsz };
	}
}

static int add_segment(struct elf_stream *elf, const struct program_header *p)
{
	struct elf_kernel *k = &elf->kernel;
	uint32_t i = k->n_segments;

	if (!p->memory_size)
		return p->file_size ? fail(elf, -EBADMSG, "a segment is larger than its memory")
				    : 0;
	if (p->file_size > p->memory_size)
		return fail(elf, -EBADMSG, "a segment is larger than its memory");
	if (p->offset > ADDRESS_MAX || p->paddr > ADDRESS_MAX || p->memory_size > ADDRESS_MAX)
		return fail(elf, -EBADMSG, "a segment has an impossible address or size");
	if (i == ELF_SEGMENTS_MAX)
		return fail(elf, -EBADMSG, "too many segments");
	while (i && k->segments[i - 1].addr > p->paddr) {
		k->segments[i] = k->segments[i - 1];
		elf->offsets[i] = elf->offsets[i - 1];
		i--;
	}
	k->segments[i] = (struct elf_segment) { p->paddr, p->file_size, p->memory_size };
	elf->offsets[i] = p->offset;
	k->n_segments++;
	if (p->file_size && p->offset + p->file_size > elf->needed)
		elf->needed = p->offset + p->file_size;
	return 0;
}

static int add_note(struct elf_stream *elf, const struct program_header *p)
{
	struct elf_notes *notes = &elf->notes[elf->n_notes];

	if (!p->file_size)
		return 0;
	if (elf->n_notes == ELF_NOTE_SEGMENTS_MAX || p->file_size > ELF_NOTES_MAX ||
	    p->offset > ADDRESS_MAX)
		return fail(elf, -EBADMSG, "the notes are too large or too many");
	notes->bytes = calloc(1, p->file_size);
	if (!notes->bytes)
		return fail(elf, -ENOMEM, "no memory for notes");
	notes->offset = p->offset;
	notes->size = p->file_size;
	elf->n_notes++;
	if (p->offset + p->file_size > elf->needed)
		elf->needed = p->offset + p->file_size;
	return 0;
}

static int check_kernel(struct elf_stream *elf)
{
	struct elf_kernel *k = &elf->kernel;
	uint64_t end = 0;

	if (!k->n_segments)
		return fail(elf, -ENOEXEC, "the ELF file has nothing to load");
	if (!elf->n_notes)
		return fail(elf, -ENOEXEC, "the kernel has no Xen notes: not a PVH kernel");
	for (uint32_t i = 0; i < k->n_segments; i++) {
		if (k->segments[i].addr < end)
			return fail(elf, -EBADMSG, "segments overlap");
		end = k->segments[i].addr + k->segments[i].memory_size;
	}
	k->start = k->segments[0].addr;
	k->end = end;
	return elf->events->layout(elf->events->arg, k);
}

static int parse_headers(struct elf_stream *elf)
{
	unsigned int count = 0, size = 0;
	struct program_header p;
	uint64_t offset = 0;
	int rc = find_headers(elf, &offset, &count, &size);

	for (unsigned int i = 0; !rc && i < count; i++) {
		read_header(elf, offset + (uint64_t)i * size, &p);
		if (p.type == PT_LOAD)
			rc = add_segment(elf, &p);
		else if (p.type == PT_NOTE)
			rc = add_note(elf, &p);
	}
	if (!rc)
		rc = check_kernel(elf);
	if (!rc)
		elf->parsed = true;
	return rc;
}

/*
 * The part of [from, from + length) that lies in [start, start + size): offset into it, and length.
 */
static size_t overlap(uint64_t from, size_t length, uint64_t start, uint64_t size, uint64_t *first)
{
	uint64_t low = from > start ? from : start;
	uint64_t high = from + length < start + size ? from + length : start + size;

	*first = low;
	return high > low ? high - low : 0;
}

/* Hands on what the segments want of the bytes at `position` of the file. */
static int deliver(struct elf_stream *elf, uint64_t position, const uint8_t *bytes, size_t length)
{
	const struct elf_kernel *k = &elf->kernel;
	uint64_t first;
	size_t n;
	int rc;

	for (uint32_t i = 0; i < elf->n_notes; i++) {
		const struct elf_notes *notes = &elf->notes[i];

		n = overlap(position, length, notes->offset, notes->size, &first);
		if (n)
			memcpy(notes->bytes + (first - notes->offset), bytes + (first - position),
			       n);
	}
	for (uint32_t i = 0; i < k->n_segments; i++) {
		n = overlap(position, length, elf->offsets[i], k->segments[i].file_size, &first);
		if (!n)
			continue;
		rc = elf->events->data(elf->events->arg,
				       k->segments[i].addr + (first - elf->offsets[i]),
				       bytes + (first - position), n);
		if (rc)
			return rc;
	}
	return 0;
}

int elf_stream_feed(void *arg, const uint8_t *bytes, size_t length)
{
	struct elf_stream *elf = arg;
	uint64_t position = elf->position;
	int rc;

	elf->position += length;
	if (!elf->parsed) {
		size_t n = ELF_HEADERS_MAX - elf->n_headers;

		if (n > length)
			n = length;
		memcpy(elf->headers + elf->n_headers, bytes, n);
		elf->n_headers += n;
		rc = parse_headers(elf);
		if (rc == -EAGAIN)
			return SINK_MORE;
		if (rc)
			return rc;
		/* What came before may be wanted as well; it is all in elf->headers. */
		rc = deliver(elf, 0, elf->headers, position);
		if (rc)
			return rc;
	}
	rc = deliver(elf, position, bytes, length);
	if (rc)
		return rc;
	return elf->position >= elf->needed ? SINK_ENOUGH : SINK_MORE;
}

/* Looks for one note of Xen's with a number in it. */
static int find_note(const struct elf_notes *notes, uint32_t type, uint64_t *value)
{
	uint64_t at = 0;

	while (notes->size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		uint64_t name, desc, next;

		memcpy(&h, notes->bytes + at, sizeof(h));
		name = at + sizeof(h);
		desc = name + ((uint64_t)h.n_namesz + 3) / 4 * 4;
		next = desc + ((uint64_t)h.n_descsz + 3) / 4 * 4;
		if (desc + h.n_descsz > notes->size)
			return -EBADMSG;
		if (h.n_type == type && h.n_namesz == 4 && !memcmp(notes->bytes + name, "Xen", 4) &&
		    (h.n_descsz == 4 || h.n_descsz == 8)) {
			*value = 0;
			memcpy(value, notes->bytes + desc, h.n_descsz);
			return 0;
		}
		if (next >= notes->size)
			break;
		at = next;
	}
	return -ENOENT;
}

static int find_entry(const struct elf_stream *elf, uint64_t *entry)
{
	for (uint32_t i = 0; i < elf->n_notes; i++)
		if (!find_note(&elf->notes[i], XEN_ELFNOTE_PHYS32_ENTRY, entry))
			return 0;
	return -ENOENT;
}

int elf_stream_finish(struct elf_stream *elf, uint64_t *entry)
{
	const struct elf_kernel *k = &elf->kernel;

	if (!elf->parsed || elf->position < elf->needed)
		return fail(elf, -EBADMSG, "the kernel is cut short");
	if (find_entry(elf, entry))
		return fail(elf, -ENOEXEC,
			    "the kernel has no PHYS32_ENTRY note: it can't start as a PVH guest");
	if (*entry > UINT32_MAX)
		return fail(elf, -EBADMSG, "the entry point is above 4 GiB");
	for (uint32_t i = 0; i < k->n_segments; i++)
		if (*entry >= k->segments[i].addr &&
		    *entry - k->segments[i].addr < k->segments[i].memory_size)
			return 0;
	return fail(elf, -ENOEXEC, "the entry point lies outside of the kernel");
}
