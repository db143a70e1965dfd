/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/multiboot.h"
#include "domain/dom0.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "x86/view.h"

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
#define LOADER_NAME  8 /* as much of it as tells GRUB 2 */

struct parser {
	struct boot_info *out;
	bool loader_is_grub; /* GRUB 2 leaves file names out of command lines */
};

/* Copies the string in @v, cut to fit; it may lack its NUL. */
static void copy_string(const struct view *v, char *dst, size_t size)
{
	size_t len = strnlen((const char *)v->p, min((size_t)v->len, size - 1));

	memcpy(dst, v->p, len);
	dst[len] = '\0';
}

/* QEMU names itself "qemu" and GRUB 2 "GRUB 2.xx"; GRUB Legacy is "GNU GRUB 0.9x". */
static bool is_grub(const struct view *name)
{
	return view_has(name, 0, 5) && !memcmp(name->p, "GRUB ", 5);
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

/* One more module, at [@start, @end). */
static int add_module(const struct parser *p, uint32_t start, uint32_t end,
		      const struct view *cmdline)
{
	struct boot_module *m;

	if (end <= start || (start & ~PAGE_MASK)) /* head.S asks for whole pages */
		return -EINVAL;
	if (p->out->nr_modules == BOOT_MODULES_MAX)
		return -E2BIG;
	m = &p->out->modules[p->out->nr_modules++];
	m->start.v = start;
	m->size = end - start;
	copy_string(cmdline, m->cmdline, sizeof(m->cmdline));
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
	struct view m, cmdline;
	int rc;

	if (count > BOOT_MODULES_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < count; i++) {
		if (!view_open(&m, addr + (uint64_t)i * MB1_MODULE_SIZE, MB1_MODULE_SIZE))
			return -EFAULT;
		cmdline = view_part(&m, 0, 0);
		if (view_u32(&m, 8) &&
		    !view_open(&cmdline, view_u32(&m, 8), BOOT_MODULE_CMDLINE - 1))
			return -EFAULT;
		rc = add_module(p, view_u32(&m, 0), view_u32(&m, 4), &cmdline);
		if (rc)
			return rc;
	}
	return 0;
}

static int mb1_mmap(const struct parser *p, uint32_t addr, uint32_t length)
{
	struct view v, e;

	if (length > MB1_MMAP_MAX)
		return -EINVAL;
	if (!view_open(&v, addr, length))
		return -EFAULT;
	for (uint32_t at = 0; view_has(&v, at, MB1_MMAP_ENTRY); at += e.len + 4) {
		e = view_part(&v, at + 4, view_u32(&v, at));
		if (e.len < MB1_MMAP_ENTRY - 4)
			break;
		add_mem(p, view_u64(&e, 0), view_u64(&e, 8), view_u32(&e, 16));
	}
	return 0;
}

static int mb1_parse(struct parser *p, uint32_t addr)
{
	struct view info, v;
	uint32_t flags;
	int rc = 0;

	if (!view_open(&info, addr, MB1_SIZE))
		return -EFAULT;
	flags = view_u32(&info, MB1_FLAGS);
	if (flags & MB1_FLAG_LOADER) {
		if (!view_open(&v, view_u32(&info, MB1_LOADER), LOADER_NAME))
			return -EFAULT;
		p->loader_is_grub = is_grub(&v);
	}
	if (flags & MB1_FLAG_CMDLINE) {
		if (!view_open(&v, view_u32(&info, MB1_CMDLINE), BOOT_CMDLINE_MAX - 1))
			return -EFAULT;
		copy_string(&v, p->out->cmdline, sizeof(p->out->cmdline));
	}
	if (flags & MB1_FLAG_MODS)
		rc = mb1_modules(p, view_u32(&info, MB1_MODS_ADDR),
				 view_u32(&info, MB1_MODS_COUNT));
	if (!rc && (flags & MB1_FLAG_MMAP))
		rc = mb1_mmap(p, view_u32(&info, MB1_MMAP_ADDR), view_u32(&info, MB1_MMAP_LENGTH));
	return rc;
}

static int mb2_mmap(const struct parser *p, const struct view *tag)
{
	uint32_t entry = view_u32(tag, 8);

	if (tag->len < 16 || entry < 20)
		return -EINVAL;
	for (uint32_t at = 16; view_has(tag, at, entry); at += entry)
		add_mem(p, view_u64(tag, at), view_u64(tag, at + 8), view_u32(tag, at + 16));
	return 0;
}

/* The tag holds a copy of the RSDP, so its address is inside the boot information. */
static int mb2_rsdp(const struct parser *p, const struct view *rsdp, uint32_t least, bool v2)
{
	if (rsdp->len < least)
		return -EINVAL;
	if (v2 || !p->out->rsdp.v)
		p->out->rsdp.v = rsdp->addr;
	return 0;
}

static int mb2_tag(struct parser *p, const struct view *tag)
{
	struct view body = view_part(tag, MB2_TAG_HEAD, tag->len - MB2_TAG_HEAD), cmdline;

	switch (view_u32(tag, 0)) {
	case MB2_TAG_CMDLINE:
		copy_string(&body, p->out->cmdline, sizeof(p->out->cmdline));
		return 0;
	case MB2_TAG_LOADER:
		p->loader_is_grub = is_grub(&body);
		return 0;
	case MB2_TAG_MODULE:
		cmdline = view_part(tag, 16, tag->len - 16);
		return add_module(p, view_u32(tag, 8), view_u32(tag, 12), &cmdline);
	case MB2_TAG_MMAP:
		return mb2_mmap(p, tag);
	case MB2_TAG_RSDP_V1:
		return mb2_rsdp(p, &body, 20, false);
	case MB2_TAG_RSDP_V2:
		return mb2_rsdp(p, &body, 36, true);
	default:
		return 0;
	}
}

static int mb2_parse(struct parser *p, uint32_t addr)
{
	struct view info, tag;
	uint32_t total;
	int rc;

	if (!view_open(&info, addr, 8))
		return -EFAULT;
	total = view_u32(&info, 0);
	if (total < 16 || total > MB2_INFO_MAX)
		return -EINVAL;
	if (!view_open(&info, addr, total))
		return -EFAULT;
	for (uint32_t at = 8;; at += ROUND_UP(tag.len, 8)) {
		tag = view_part(&info, at, view_u32(&info, at + 4));
		if (tag.len < MB2_TAG_HEAD)
			return -EINVAL; /* malformed, or the end tag is missing */
		if (view_u32(&tag, 0) == MB2_TAG_END)
			return 0;
		rc = mb2_tag(p, &tag);
		if (rc)
			return rc;
	}
}

int multiboot_parse(uint32_t magic, uint32_t info_addr, struct boot_info *out)
{
	struct parser p = { .out = out };
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

static bool begins(const void *head, size_t len, const void *bytes, size_t n)
{
	return len >= n && !memcmp(head, bytes, n);
}

enum module_kind module_kind(const void *head, size_t len)
{
	if (begins(head, len, DOM0_LOADER_MAGIC, 8))
		return MODULE_LOADER;
	/* Magic, length 8, and the policy's name. */
	if (begins(head, len, "\x8c\xff\x7c\xf9\x08\0\0\0XenFlask", 16))
		return MODULE_FLASK;
	return MODULE_DOM0;
}
