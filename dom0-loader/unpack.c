/* SPDX-License-Identifier: BSD-2-Clause */
#include "unpack.h"

#include <errno.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "builder/bzimage.h"
#include "builder/decompress.h"
#include "builder/elf_stream.h"

#define FOUR_GIB  (1ull << 32)
#define ALIGNMENT 64u

static const void *at(const struct room *room, uint64_t addr)
{
	return room->memory + addr;
}

/* The room ends where something begins. */
static void keep(struct room *room, uint64_t addr, uint64_t size)
{
	if (addr + size > room->start && addr < room->end)
		room->end = addr > room->start ? addr : room->start;
}

const char *room_find(struct room *room, uint64_t info, uint64_t start, struct bzimage *image)
{
	const struct hvm_start_info *s = at(room, info);
	const struct hvm_modlist_entry *module = at(room, s->modlist_paddr);
	const struct hvm_memmap_table_entry *map = at(room, s->memmap_paddr);

	if (s->magic != XEN_HVM_START_MAGIC_VALUE || !s->nr_modules)
		return "the hypervisor gave it no kernel";
	room->start = room->end = start;
	for (uint32_t i = 0; s->version && i < s->memmap_entries; i++)
		if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM && map[i].addr <= start &&
		    map[i].addr + map[i].size > start)
			room->end = map[i].addr + map[i].size;
	if (room->end > FOUR_GIB)
		room->end = FOUR_GIB;
	keep(room, info, sizeof(*s));
	keep(room, s->cmdline_paddr, 1);
	keep(room, s->rsdp_paddr, 1);
	keep(room, s->memmap_paddr, s->memmap_entries * sizeof(*map));
	keep(room, s->modlist_paddr, s->nr_modules * sizeof(*module));
	for (uint32_t i = 0; i < s->nr_modules; i++)
		keep(room, module[i].paddr, module[i].size);
	*image = (struct bzimage) { module[0].paddr, module[0].size };
	return NULL;
}

void drop_first_module(const struct room *room, uint64_t info)
{
	struct hvm_start_info *s = (struct hvm_start_info *)(room->memory + info);

	s->nr_modules--;
	s->modlist_paddr = s->nr_modules ? s->modlist_paddr + sizeof(struct hvm_modlist_entry) : 0;
}

void *room_alloc(struct room *room, size_t size)
{
	if (size > room->end - room->start ||
	    ((room->end - size) & -(uint64_t)ALIGNMENT) < room->start) {
		room->full = true;
		return NULL;
	}
	room->end = (room->end - size) & -(uint64_t)ALIGNMENT;
	return room->memory + room->end;
}

struct unpacking {
	struct elf_stream elf;
	struct room *room;
	const char *why;
	bool complete; /* the ELF reader has seen all that it wants */
};

static int take_layout(void *arg, const struct elf_kernel *kernel)
{
	struct unpacking *u = arg;
	struct room *room = u->room;

	if (kernel->start < room->start) {
		u->why = "the kernel wants to be loaded where the loader is";
		return -EBADMSG;
	}
	if (kernel->end > room->end) {
		room->full = true;
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < kernel->n_segments; i++) {
		const struct elf_segment *s = &kernel->segments[i];

		memset(room->memory + s->addr + s->file_size, 0, s->memory_size - s->file_size);
	}
	room->start = kernel->end;
	return 0;
}

static int take_data(void *arg, uint64_t addr, const uint8_t *bytes, size_t length)
{
	struct unpacking *u = arg;

	memcpy(u->room->memory + addr, bytes, length);
	return 0;
}

/* Asks for more until the compressed data ends: only there is its checksum. */
static int feed(void *arg, const uint8_t *bytes, size_t length)
{
	struct unpacking *u = arg;
	int rc = u->complete ? SINK_MORE : elf_stream_feed(&u->elf, bytes, length);

	if (rc == SINK_ENOUGH) {
		u->complete = true;
		rc = SINK_MORE;
	}
	return rc;
}

int unpack_kernel(struct room *room, const uint8_t *image, size_t size, uint32_t *entry,
		  const char **why)
{
	static struct unpacking u;
	struct elf_events events = { take_layout, take_data, &u };
	struct sink sink = { feed, &u, FOUR_GIB, 0, NULL };
	size_t offset, length;
	uint64_t start = 0;
	int rc;

	*why = "its kernel is no bzImage";
	rc = bzimage_payload(image, size, &offset, &length, why);
	if (rc)
		return rc;
	memset(&u, 0, sizeof(u));
	u.room = room;
	elf_stream_init(&u.elf, &events);
	rc = decompress(image + offset, length, &sink);
	if (!rc)
		rc = elf_stream_finish(&u.elf, &start);
	*entry = (uint32_t)start;
	*why = u.why ? u.why : u.elf.why ? u.elf.why : sink.why ? sink.why : "not a kernel";
	if (rc && room->full) {
		*why = "it has too little memory to unpack its kernel: raise dom0_mem=";
		rc = -ENOMEM;
	}
	elf_stream_free(&u.elf);
	return rc;
}
