/* SPDX-License-Identifier: BSD-2-Clause */
#include "load.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "builder/acpi.h"
#include "builder/bzimage.h"
#include "builder/decompress.h"
#include "builder/elf_stream.h"

#define FOUR_GIB  (1ull << 32)
#define ALIGNMENT 64u

static void *at(const struct room *room, uint64_t addr)
{
	return room->memory + addr;
}

/* The room ends where something begins. */
static void keep(struct room *room, uint64_t addr, uint64_t size)
{
	if (addr + size > room->start && addr < room->end)
		room->end = addr > room->start ? addr : room->start;
}

const char *room_find(struct room *room, uint64_t info, uint64_t start)
{
	const struct hvm_start_info *s = at(room, info);
	const struct hvm_modlist_entry *module = at(room, s->modlist_paddr);
	const struct hvm_memmap_table_entry *map = at(room, s->memmap_paddr);

	if (s->magic != XEN_HVM_START_MAGIC_VALUE || !s->version)
		return "the hypervisor's start info has another format";
	room->start = room->end = start;
	for (uint32_t i = 0; i < s->memmap_entries; i++)
		if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM && map[i].addr <= start &&
		    map[i].addr + map[i].size > start)
			room->end = map[i].addr + map[i].size;
	if (room->end > FOUR_GIB)
		room->end = FOUR_GIB;
	keep(room, info, sizeof(*s));
	keep(room, s->memmap_paddr, s->memmap_entries * sizeof(*map));
	keep(room, s->modlist_paddr, s->nr_modules * sizeof(*module));
	for (uint32_t i = 0; i < s->nr_modules; i++) {
		keep(room, module[i].paddr, module[i].size);
		keep(room, module[i].cmdline_paddr, 1);
	}
	return NULL;
}

static bool is_elf(const uint8_t *image, size_t size)
{
	return size >= SELFMAG && !memcmp(image, ELFMAG, SELFMAG);
}

static bool is_kernel(const uint8_t *image, size_t size)
{
	const char *why;
	size_t offset, length;

	return is_elf(image, size) ||
	       bzimage_payload(image, size, &offset, &length, &why) != -ENOEXEC;
}

const char *kernel_take(const struct room *room, uint64_t info, struct kernel_image *image)
{
	struct hvm_start_info *s = at(room, info);
	struct hvm_modlist_entry *module = at(room, s->modlist_paddr);
	uint32_t i = 0;

	while (i < s->nr_modules && !is_kernel(at(room, module[i].paddr), module[i].size))
		i++;
	if (i == s->nr_modules)
		return "no boot module is a kernel, neither an ELF file nor a bzImage";
	*image = (struct kernel_image) { module[i].paddr, module[i].size };
	s->cmdline_paddr = module[i].cmdline_paddr;
	s->nr_modules--;
	memmove(module + i, module + i + 1, (s->nr_modules - i) * sizeof(*module));
	return NULL;
}

const char *acpi_write(const struct room *room, uint64_t info, uint32_t vcpus)
{
	const struct acpi_processors processors = { vcpus, vcpus };
	struct hvm_start_info *s = at(room, info);
	const struct hvm_memmap_table_entry *map = at(room, s->memmap_paddr);

	for (uint32_t i = 0; i < s->memmap_entries; i++)
		if (map[i].type == XEN_HVM_MEMMAP_TYPE_ACPI &&
		    acpi_build(&processors, map[i].addr, at(room, map[i].addr), map[i].size) > 0) {
			s->rsdp_paddr = map[i].addr;
			return NULL;
		}
	return "the hypervisor left no room for ACPI tables";
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

struct loading {
	struct elf_stream elf;
	struct room *room;
	const char *why;
	bool complete; /* the ELF reader has seen all that it wants */
};

static int take_layout(void *arg, const struct elf_kernel *kernel)
{
	struct loading *l = arg;
	struct room *room = l->room;

	if (kernel->start < room->start) {
		l->why = "the kernel wants to be loaded where the loader is";
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
	struct loading *l = arg;

	memcpy(l->room->memory + addr, bytes, length);
	return 0;
}

/* Asks for more until the compressed data ends: only there is its checksum. */
static int feed(void *arg, const uint8_t *bytes, size_t length)
{
	struct loading *l = arg;
	int rc = l->complete ? SINK_MORE : elf_stream_feed(&l->elf, bytes, length);

	if (rc == SINK_ENOUGH) {
		l->complete = true;
		rc = SINK_MORE;
	}
	return rc;
}

int kernel_load(struct room *room, const uint8_t *image, size_t size, uint32_t *entry,
		const char **why)
{
	static struct loading l;
	struct elf_events events = { take_layout, take_data, &l };
	struct sink sink = { feed, &l, FOUR_GIB, 0, NULL };
	size_t offset = 0, length = size;
	uint64_t start = 0;
	int rc = 0;

	*why = "its kernel is neither an ELF file nor a bzImage";
	if (!is_elf(image, size))
		rc = bzimage_payload(image, size, &offset, &length, why);
	if (rc)
		return rc;
	memset(&l, 0, sizeof(l));
	l.room = room;
	elf_stream_init(&l.elf, &events);
	rc = decompress(image + offset, length, &sink);
	if (!rc)
		rc = elf_stream_finish(&l.elf, &start);
	*entry = (uint32_t)start;
	*why = l.why ? l.why : l.elf.why ? l.elf.why : sink.why ? sink.why : "not a kernel";
	if (rc && room->full) {
		*why = "it has too little memory for its kernel: raise dom0_mem=";
		rc = -ENOMEM;
	}
	elf_stream_free(&l.elf);
	return rc;
}
