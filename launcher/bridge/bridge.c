/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes what QEMU's -kernel tells by Multiboot 1 (GNU GRUB's Multiboot Specification 0.6.96) down as a
 * Multiboot2 loader does: file names taken off command lines, and a copy of the RSDP, which is searched
 * for where a BIOS keeps it. Its input is the launcher's own; what is too long is cut, what is too much
 * for the core is given so far that the core says so.
 */
#include <stdint.h>

#include "boot/multiboot_tags.h"

#define CMDLINE_MAX 1024
#define MODULES_MAX 9
#define RANGES_MAX  64

struct mb1_info {
	uint32_t flags, mem[2], boot_device;
	const char *cmdline;
	uint32_t nr_modules;
	const struct mb1_module *modules;
	uint32_t symbols[4], map_length, map;
};

struct mb1_module {
	uint32_t start, end;
	const char *cmdline;
	uint32_t reserved;
};

struct mb1_range {
	uint32_t size; /* of what follows */
	uint32_t start[2], length[2], type;
};

/* Room for what the limits above allow. */
static uint32_t out[3072] __attribute__((aligned(8)));
static uint32_t at; /* where the next word goes */
static uint32_t tag_start;

static void put(uint32_t word)
{
	out[at++] = word;
}

static void tag_begin(uint32_t type)
{
	at = (at + 1) & ~1U;
	tag_start = at;
	put(type);
	put(0);
}

/* @last: bytes of the last word that are not used. */
static void tag_end(uint32_t last)
{
	out[tag_start + 1] = (at - tag_start) * 4 - last;
}

/* What follows the file's name in @s. */
static void put_arguments(const char *s)
{
	char *to = (char *)&out[at];
	uint32_t len = 0;

	while (*s == ' ')
		s++;
	while (*s && *s != ' ')
		s++;
	while (*s == ' ')
		s++;
	while (s[len] && len < CMDLINE_MAX - 1) {
		to[len] = s[len];
		len++;
	}
	to[len] = '\0';
	at += len / 4 + 1;
	tag_end(3 - len % 4);
}

static void put_modules(const struct mb1_info *info)
{
	for (uint32_t i = 0; i < info->nr_modules && i < MODULES_MAX; i++) {
		tag_begin(TAG_MODULE);
		put(info->modules[i].start);
		put(info->modules[i].end);
		put_arguments(info->modules[i].cmdline);
	}
}

static void put_map(const struct mb1_info *info)
{
	uint32_t range = info->map;

	tag_begin(TAG_MMAP);
	put(24);
	put(0);
	for (uint32_t i = 0; i < RANGES_MAX && range < info->map + info->map_length; i++) {
		const struct mb1_range *r = (const struct mb1_range *)range;

		put(r->start[0]);
		put(r->start[1]);
		put(r->length[0]);
		put(r->length[1]);
		put(r->type);
		put(0);
		range += 4 + r->size;
	}
	tag_end(0);
}

static void put_rsdp(void)
{
	for (const uint32_t *p = (const uint32_t *)0xe0000; p < (const uint32_t *)0x100000;
	     p += 4) {
		uint32_t words = p[3] >> 24 >= 2 ? 9 : 5; /* by its revision */

		if (p[0] != 0x20445352 || p[1] != 0x20525450) /* "RSD PTR " */
			continue;
		tag_begin(words == 9 ? TAG_RSDP_V2 : TAG_RSDP_V1);
		for (uint32_t i = 0; i < words; i++)
			put(p[i]);
		tag_end(0);
		return;
	}
}

/* The Multiboot2 information that says what @info does. */
uint32_t *bridge_info(const struct mb1_info *info);
uint32_t *bridge_info(const struct mb1_info *info)
{
	at = 2;
	tag_begin(TAG_CMDLINE);
	put_arguments(info->cmdline);
	put_modules(info);
	put_map(info);
	put_rsdp();
	tag_begin(TAG_END);
	tag_end(0);
	out[0] = at * 4;
	return out;
}
