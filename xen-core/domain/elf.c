/* SPDX-License-Identifier: BSD-2-Clause */
/* See elf.h. Segments must be in ascending order, apart, and within the first 2 GiB. */
#include "domain/elf.h"
#include "lib/errno.h"
#include "lib/string.h"

#define PT_LOAD		  1
#define PT_NOTE		  4
#define NOTE_PHYS32_ENTRY 18
#define MAX_ADDRESS	  (1UL << 31)
#define MAX_NOTES	  65536
#define MAX_HEADERS	  64

struct elf64_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
	uint32_t namesz, descsz, type;
};

/* Looks for the PVH entry in the notes at @offset. */
static bool find_entry(const struct boot_module *img, uint64_t offset, uint64_t size,
		       uint32_t *entry)
{
	uint64_t at = 0;

	while (size <= MAX_NOTES && at + sizeof(struct elf_note) <= size) {
		struct elf_note n;
		char name[4];
		uint64_t desc;

		if (!image_read(img, offset + at, &n, sizeof(n)))
			return false;
		desc = at + sizeof(n) + ROUND_UP((uint64_t)n.namesz, 4);
		if (n.type == NOTE_PHYS32_ENTRY && n.namesz == 4 && n.descsz >= 4 &&
		    desc + 4 <= size && image_read(img, offset + at + sizeof(n), name, 4) &&
		    !memcmp(name, "Xen", 4))
			return image_read(img, offset + desc, entry, 4);
		at = desc + ROUND_UP((uint64_t)n.descsz, 4);
	}
	return false;
}

static int add_segment(const struct boot_module *img, const struct elf64_phdr *p,
		       struct elf_image *out)
{
	if (p->memsz == 0)
		return 0;
	if (out->nr == ELF_MAX_SEGMENTS || p->filesz > p->memsz || p->offset > img->size ||
	    p->filesz > img->size - p->offset || p->paddr >= MAX_ADDRESS ||
	    p->memsz > MAX_ADDRESS - p->paddr || p->paddr < out->end)
		return -EINVAL;
	out->segment[out->nr++] = (struct elf_segment) { p->paddr, p->offset, p->filesz, p->memsz };
	out->end = p->paddr + p->memsz;
	return 0;
}

int elf_parse(const struct boot_module *img, struct elf_image *out)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	struct elf64_header h;
	bool found = false;

	memset(out, 0, sizeof(*out));
	if (!image_read(img, 0, &h, sizeof(h)) || memcmp(h.ident, ident, sizeof(ident)) ||
	    h.machine != 62 || h.phentsize != sizeof(struct elf64_phdr) || h.phnum > MAX_HEADERS)
		return -EINVAL;
	for (unsigned int i = 0; i < h.phnum; i++) {
		struct elf64_phdr p;
		int rc = 0;

		if (h.phoff > img->size || !image_read(img, h.phoff + i * sizeof(p), &p, sizeof(p)))
			return -EINVAL;
		if (p.type == PT_LOAD)
			rc = add_segment(img, &p, out);
		else if (p.type == PT_NOTE && !found)
			found = find_entry(img, p.offset, p.filesz, &out->entry);
		if (rc)
			return rc;
	}
	if (!out->nr)
		return -EINVAL;
	return found ? 0 : -ENOENT;
}
