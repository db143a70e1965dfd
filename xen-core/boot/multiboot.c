/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/multiboot.h"
#include "boot/multiboot_tags.h"
#include "domain/dom0.h"
#include "lib/string.h"
#include "x86/view.h"

#define INFO_MAX (1U << 20) /* more than any loader writes */
#define TAG_HEAD 8
#define MMAP_RAM 1

/* Copies the string in @v, cut to fit; it may lack its NUL. */
static void copy_string(const struct view *v, char *dst, size_t size)
{
	size_t len = strnlen((const char *)v->p, min((size_t)v->len, size - 1));

	memcpy(dst, v->p, len);
	dst[len] = '\0';
}

static bool begins(const struct view *head, const void *bytes, uint32_t n)
{
	return view_has(head, 0, n) && !memcmp(head->p, bytes, n);
}

/* What @m is, by its first bytes. A second loader or policy is passed over. */
static void sort_module(struct boot_info *out, const struct boot_module *m)
{
	struct view head;

	view_open(&head, m->start.v, (uint32_t)min(m->size, 16UL));
	if (begins(&head, DOM0_LOADER_MAGIC, 8))
		out->dom0.loader = out->dom0.loader ? out->dom0.loader : m;
	else if (begins(&head, "\x8c\xff\x7c\xf9\x08\0\0\0XenFlask",
			16)) /* magic, length 8, name */
		out->policy = out->policy ? out->policy : m;
	else
		out->dom0.module[out->dom0.nr_modules++] = m;
}

static int add_module(struct boot_info *out, const struct view *tag)
{
	struct view cmdline = view_part(tag, 16, tag->len - 16);
	uint32_t start = view_u32(tag, 8), end = view_u32(tag, 12);
	struct boot_module *m;

	if (end <= start || (start & ~PAGE_MASK)) /* head.S asks for whole pages */
		return -EINVAL;
	if (out->nr_modules == BOOT_MODULES_MAX)
		return -E2BIG;
	m = &out->modules[out->nr_modules++];
	m->start.v = start;
	m->size = end - start;
	copy_string(&cmdline, m->cmdline, sizeof(m->cmdline));
	sort_module(out, m);
	return 0;
}

/* Ranges beyond what there is room for, those that wrap or have no page are left out: less memory. */
static void add_mem(struct boot_info *out, uint64_t start, uint64_t size)
{
	struct boot_mem m = { ROUND_UP(start, PAGE_SIZE), (start + size) & PAGE_MASK };

	if (m.start >= start && m.start < m.end && out->nr_mem < BOOT_MEM_MAX)
		out->mem[out->nr_mem++] = m;
}

static int add_mmap(struct boot_info *out, const struct view *tag)
{
	uint32_t entry = view_u32(tag, 8);

	if (tag->len < 16 || entry < 20)
		return -EINVAL;
	for (uint32_t at = 16; view_has(tag, at, entry); at += entry)
		if (view_u32(tag, at + 16) == MMAP_RAM)
			add_mem(out, view_u64(tag, at), view_u64(tag, at + 8));
	return 0;
}

/* The tag holds a copy of the RSDP, so its address is inside the boot information. */
static int add_rsdp(struct boot_info *out, const struct view *rsdp, uint32_t least, bool v2)
{
	if (rsdp->len < least)
		return -EINVAL;
	if (v2 || !out->rsdp.v)
		out->rsdp.v = rsdp->addr;
	return 0;
}

static int add_tag(struct boot_info *out, const struct view *tag)
{
	struct view body = view_part(tag, TAG_HEAD, tag->len - TAG_HEAD);

	switch (view_u32(tag, 0)) {
	case TAG_CMDLINE:
		copy_string(&body, out->cmdline, sizeof(out->cmdline));
		return 0;
	case TAG_MODULE:
		return add_module(out, tag);
	case TAG_MMAP:
		return add_mmap(out, tag);
	case TAG_RSDP_V1:
		return add_rsdp(out, &body, 20, false);
	case TAG_RSDP_V2:
		return add_rsdp(out, &body, 36, true);
	default:
		return 0;
	}
}

int multiboot_parse(uint32_t magic, uint32_t info_addr, struct boot_info *out)
{
	struct view info, tag;
	uint32_t total;
	int rc;

	memset(out, 0, sizeof(*out));
	if (magic != MULTIBOOT2_MAGIC)
		return -EINVAL;
	if (!view_open(&info, info_addr, 8))
		return -EFAULT;
	total = view_u32(&info, 0);
	if (total < 16 || total > INFO_MAX)
		return -EINVAL;
	if (!view_open(&info, info_addr, total))
		return -EFAULT;
	for (uint32_t at = 8;; at += ROUND_UP(tag.len, 8)) {
		tag = view_part(&info, at, view_u32(&info, at + 4));
		if (tag.len < TAG_HEAD)
			return -EINVAL; /* malformed, or the end tag is missing */
		if (view_u32(&tag, 0) == TAG_END)
			return out->nr_mem ? 0 : -ENOENT;
		rc = add_tag(out, &tag);
		if (rc)
			return rc;
	}
}
