/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/multiboot.h"
#include "lib/errno.h"
#include "lib/string.h"

/* Multiboot 1: bits of flags, and offsets of fields. */
#define MB1_FLAG_CMDLINE (1U << 2)
#define MB1_FLAG_MODS	 (1U << 3)
#define MB1_FLAG_MMAP	 (1U << 6)
#define MB1_FLAG_LOADER	 (1U << 9)

enum {
	MB1_FLAGS = 0,
	MB1_CMDLINE = 16,
	MB1_MODS_COUNT = 20,
	MB1_MODS_ADDR = 24,
	MB1_MMAP_LENGTH = 44,
	MB1_MMAP_ADDR = 48,
	MB1_LOADER = 64,
	MB1_SIZE = 68,
	MB1_MODULE_SIZE = 16,
	MB1_MMAP_ENTRY = 24, /* with the size field in front, which does not count itself */
};

/* Multiboot 2: types of tags. */
enum {
	MB2_TAG_END = 0,
	MB2_TAG_CMDLINE = 1,
	MB2_TAG_LOADER = 2,
	MB2_TAG_MODULE = 3,
	MB2_TAG_MMAP = 6,
	MB2_TAG_RSDP_V1 = 14,
	MB2_TAG_RSDP_V2 = 15,
};

#define MB2_INFO_MAX (1U << 20) /* more than any loader writes */
#define MB1_MMAP_MAX (1U << 16)
#define MB2_TAG_HEAD 8

struct parser {
	const struct phys_access *acc;
	struct boot_info *out;
	bool loader_is_grub; /* GRUB 2 leaves file names out of command lines */
};

/* Copies the string at @addr, cut to fit. -EFAULT where it can't be read. */
static int copy_string(const struct parser *p, uint64_t addr, char *dst, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size; i++) {
		const char *s = p->acc->map(addr + i, 1);

		if (!s)
			return -EFAULT;
		dst[i] = *s;
		phys_unmap(p->acc, s, 1);
		if (!dst[i])
			return 0;
	}
	dst[i] = '\0';
	return 0;
}

/* Takes the file name at the front away, unless the loader does not put one there. */
static void strip_name(const struct parser *p, char *cmdline)
{
	const char *s = cmdline;
	size_t len;

	if (!p->loader_is_grub) {
		while (*s == ' ')
			s++;
		while (*s && *s != ' ')
			s++;
	}
	while (*s == ' ')
		s++;
	len = strlen(s);
	memmove(cmdline, s, len + 1);
}

static void strip_names(const struct parser *p)
{
	unsigned int i;

	strip_name(p, p->out->cmdline);
	for (i = 0; i < p->out->nr_modules; i++)
		strip_name(p, p->out->modules[i].cmdline);
}

/* Room for one more module at [@start, @end). */
static int add_module(const struct parser *p, uint32_t start, uint32_t end,
		      struct boot_module **module)
{
	if (end <= start)
		return -EINVAL;
	if (p->out->nr_modules == BOOT_MODULES_MAX)
		return -E2BIG;
	*module = &p->out->modules[p->out->nr_modules++];
	(*module)->start.v = start;
	(*module)->size = end - start;
	return 0;
}

/* Ranges beyond what there is room for, empty ones, and those that wrap are left out: less memory. */
static void add_mem(const struct parser *p, uint64_t start, uint64_t size, uint32_t type)
{
	if (!size || start + size < start || p->out->nr_mem == BOOT_MEM_MAX)
		return;
	p->out->mem[p->out->nr_mem++] = (struct boot_mem) { start, size, type };
}

static int mb1_modules(const struct parser *p, uint32_t addr, uint32_t count)
{
	uint32_t i;

	if (count > BOOT_MODULES_MAX)
		return -E2BIG;
	for (i = 0; i < count; i++) {
		uint64_t at = addr + (uint64_t)i * MB1_MODULE_SIZE;
		const uint8_t *m = p->acc->map(at, MB1_MODULE_SIZE);
		struct boot_module *module = NULL;
		uint32_t name;
		int rc;

		if (!m)
			return -EFAULT;
		rc = add_module(p, read_le32(m), read_le32(m + 4), &module);
		name = read_le32(m + 8);
		phys_unmap(p->acc, m, MB1_MODULE_SIZE);
		if (!rc && name)
			rc = copy_string(p, name, module->cmdline, sizeof(module->cmdline));
		if (rc)
			return rc;
	}
	return 0;
}

static int mb1_mmap(const struct parser *p, uint32_t addr, uint32_t length)
{
	const uint8_t *map;
	uint32_t at = 0;

	if (length > MB1_MMAP_MAX)
		return -EINVAL;
	map = p->acc->map(addr, length);
	if (!map)
		return -EFAULT;
	while (length - at >= MB1_MMAP_ENTRY) {
		const uint8_t *e = map + at;
		uint32_t size = read_le32(e);

		if (size < MB1_MMAP_ENTRY - 4 || size > length - at - 4)
			break;
		add_mem(p, read_le64(e + 4), read_le64(e + 12), read_le32(e + 20));
		at += size + 4;
	}
	phys_unmap(p->acc, map, length);
	return 0;
}

/* QEMU names itself "qemu" and GRUB 2 "GRUB 2.xx"; GRUB Legacy is "GNU GRUB 0.9x". */
static bool is_grub(const char *loader)
{
	return !strncmp(loader, "GRUB ", 5);
}

static int mb1_parse(struct parser *p, uint32_t addr)
{
	const uint8_t *map = p->acc->map(addr, MB1_SIZE);
	uint8_t info[MB1_SIZE];
	char loader[8] = "";
	uint32_t flags;
	int rc = 0;

	if (!map)
		return -EFAULT;
	memcpy(info, map, sizeof(info));
	phys_unmap(p->acc, map, MB1_SIZE);
	flags = read_le32(info + MB1_FLAGS);
	if (flags & MB1_FLAG_LOADER)
		rc = copy_string(p, read_le32(info + MB1_LOADER), loader, sizeof(loader));
	p->loader_is_grub = is_grub(loader);
	if (!rc && (flags & MB1_FLAG_CMDLINE))
		rc = copy_string(p, read_le32(info + MB1_CMDLINE), p->out->cmdline,
				 sizeof(p->out->cmdline));
	if (!rc && (flags & MB1_FLAG_MODS))
		rc = mb1_modules(p, read_le32(info + MB1_MODS_ADDR),
				 read_le32(info + MB1_MODS_COUNT));
	if (!rc && (flags & MB1_FLAG_MMAP))
		rc = mb1_mmap(p, read_le32(info + MB1_MMAP_ADDR),
			      read_le32(info + MB1_MMAP_LENGTH));
	return rc;
}

/* A string that ends a tag; it may lack its NUL. */
static void tag_string(const uint8_t *s, size_t len, char *dst, size_t size)
{
	len = strnlen((const char *)s, min(len, size - 1));
	memcpy(dst, s, len);
	dst[len] = '\0';
}

static int mb2_module(const struct parser *p, const uint8_t *tag, uint32_t size)
{
	struct boot_module *module;
	int rc;

	if (size < 16)
		return -EINVAL;
	rc = add_module(p, read_le32(tag + 8), read_le32(tag + 12), &module);
	if (!rc)
		tag_string(tag + 16, size - 16, module->cmdline, sizeof(module->cmdline));
	return rc;
}

static int mb2_mmap(struct parser *p, const uint8_t *tag, uint32_t size)
{
	uint32_t entry, at;

	if (size < 16)
		return -EINVAL;
	entry = read_le32(tag + 8);
	if (entry < 20)
		return -EINVAL;
	for (at = 16; size - at >= entry; at += entry)
		add_mem(p, read_le64(tag + at), read_le64(tag + at + 8), read_le32(tag + at + 16));
	return 0;
}

/* The tag holds a copy of the RSDP, so its address is inside the boot information. */
static int mb2_rsdp(const struct parser *p, uint64_t addr, uint32_t size, uint32_t least, bool v2)
{
	if (size < MB2_TAG_HEAD + least)
		return -EINVAL;
	if (v2 || !p->out->rsdp.v)
		p->out->rsdp.v = addr + MB2_TAG_HEAD;
	return 0;
}

static int mb2_tag(struct parser *p, uint64_t addr, const uint8_t *tag, uint32_t size)
{
	char loader[8];

	switch (read_le32(tag)) {
	case MB2_TAG_CMDLINE:
		tag_string(tag + 8, size - 8, p->out->cmdline, sizeof(p->out->cmdline));
		return 0;
	case MB2_TAG_LOADER:
		tag_string(tag + 8, size - 8, loader, sizeof(loader));
		p->loader_is_grub = is_grub(loader);
		return 0;
	case MB2_TAG_MODULE:
		return mb2_module(p, tag, size);
	case MB2_TAG_MMAP:
		return mb2_mmap(p, tag, size);
	case MB2_TAG_RSDP_V1:
		return mb2_rsdp(p, addr, size, 20, false);
	case MB2_TAG_RSDP_V2:
		return mb2_rsdp(p, addr, size, 36, true);
	default:
		return 0;
	}
}

static int mb2_tags(struct parser *p, uint64_t addr, const uint8_t *info, uint32_t total)
{
	uint32_t at = 8;

	while (total - at >= MB2_TAG_HEAD) {
		uint32_t size = read_le32(info + at + 4);
		int rc;

		if (size < MB2_TAG_HEAD || size > total - at)
			return -EINVAL;
		if (read_le32(info + at) == MB2_TAG_END)
			return 0;
		rc = mb2_tag(p, addr + at, info + at, size);
		if (rc)
			return rc;
		if (ROUND_UP(size, 8U) > total - at)
			break;
		at += ROUND_UP(size, 8U);
	}
	return -EINVAL; /* the end tag is missing */
}

static int mb2_parse(struct parser *p, uint32_t addr)
{
	const uint8_t *info = p->acc->map(addr, 8);
	uint32_t total;
	int rc;

	if (!info)
		return -EFAULT;
	total = read_le32(info);
	phys_unmap(p->acc, info, 8);
	if (total < 16 || total > MB2_INFO_MAX)
		return -EINVAL;
	info = p->acc->map(addr, total);
	if (!info)
		return -EFAULT;
	rc = mb2_tags(p, addr, info, total);
	phys_unmap(p->acc, info, total);
	return rc;
}

int multiboot_parse(uint32_t magic, uint32_t info_addr, const struct phys_access *acc,
		    struct boot_info *out)
{
	struct parser p = { .acc = acc, .out = out };
	int rc;

	memset(out, 0, sizeof(*out));
	if (magic == MULTIBOOT1_MAGIC)
		rc = mb1_parse(&p, info_addr);
	else if (magic == MULTIBOOT2_MAGIC)
		rc = mb2_parse(&p, info_addr);
	else
		return -EINVAL;
	if (rc)
		return rc;
	strip_names(&p);
	return out->nr_mem ? 0 : -ENOENT;
}

static bool has_at(const void *head, size_t len, size_t offset, const void *bytes, size_t n)
{
	return len >= offset + n && !memcmp((const char *)head + offset, bytes, n);
}

enum module_kind module_kind(const void *head, size_t len)
{
	if (has_at(head, len, 0x202, "HdrS", 4)) /* Linux: Documentation/arch/x86/boot.rst */
		return MODULE_BZIMAGE;
	if (has_at(head, len, 0, "\177ELF", 4))
		return MODULE_ELF;
	/* Magic, length 8, and the policy's name. */
	if (has_at(head, len, 0, "\x8c\xff\x7c\xf9\x08\0\0\0XenFlask", 16))
		return MODULE_FLASK;
	return MODULE_INITRD;
}
