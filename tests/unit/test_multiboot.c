/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot information, well-formed and not (REQ core/boot). */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "boot/multiboot.h"

#define MEM_SIZE 0x10000
#include "support/boot_memory.h"

#define INFO 0x1000

static struct boot_info info;

static int setup(void **state)
{
	(void)state;
	memset(mem, 0, sizeof(mem));
	return 0;
}

static uint32_t tag_at;

static uint32_t tag(uint32_t type, uint32_t size)
{
	uint32_t at = tag_at;

	put32(at, type);
	put32(at + 4, size);
	tag_at += (size + 7) & ~7U;
	return at;
}

static void text_tag(uint32_t type, uint32_t head, const char *text)
{
	uint32_t at = tag(type, (uint32_t)(head + strlen(text) + 1));

	strcpy((char *)mem + at + head, text);
}

static void mb_begin(void)
{
	setup(NULL);
	tag_at = INFO + 8;
}

static int mb_end(void)
{
	tag(0, 8);
	put32(INFO, tag_at - INFO);
	return multiboot_parse(MULTIBOOT2_MAGIC, INFO, &info);
}

/* A memory map of @n ranges, which mb_range() fills. */
static uint32_t mb_ranges(unsigned int n)
{
	uint32_t at = tag(6, 16 + n * 24);

	put32(at + 8, 24);
	return at + 16;
}

static void mb_range(uint32_t ranges, unsigned int i, uint64_t start, uint64_t size, uint32_t type)
{
	put64(ranges + i * 24, start);
	put64(ranges + i * 24 + 8, size);
	put32(ranges + i * 24 + 16, type);
}

static void mb_mmap(void)
{
	mb_range(mb_ranges(1), 0, 0x100000, 0x1000000, 1);
}

static void mb_module(uint32_t start, uint32_t end, const char *text)
{
	uint32_t at = tag_at;

	text_tag(3, 16, text);
	put32(at + 8, start);
	put32(at + 12, end);
}

static void test_info(void **state)
{
	uint32_t v1, v2;

	(void)state;
	mb_begin();
	text_tag(1, 8, "dom0_mem=1G");
	text_tag(2, 8, "GRUB 2.06");
	mb_module(0x200000, 0x300000, "console=hvc0 quiet");
	mb_module(0x300000, 0x300001, "");
	v2 = tag(15, 8 + 36);
	v1 = tag(14, 8 + 20);
	tag(99, 8);
	mb_mmap();
	assert_int_equal(mb_end(), 0);
	assert_string_equal(info.cmdline, "dom0_mem=1G");
	assert_int_equal(info.nr_modules, 2);
	assert_string_equal(info.modules[0].cmdline, "console=hvc0 quiet");
	assert_int_equal(info.modules[1].size, 1);
	assert_int_equal(info.nr_mem, 1);
	assert_int_equal(info.rsdp.v, v2 + 8); /* the newer one */
	assert_int_not_equal(v1, v2);
}

static int mb_bad_tag(uint32_t type, uint32_t size, uint32_t at8)
{
	uint32_t at;

	mb_begin();
	at = tag(type, size);
	put32(at + 8, at8);
	mb_mmap();
	return mb_end();
}

static void test_bad(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(mb_bad_tag(3, 12, 0), -EINVAL);
	assert_int_equal(mb_bad_tag(3, 20, 5), -EINVAL); /* ends before it starts */
	assert_int_equal(mb_bad_tag(6, 12, 24), -EINVAL);
	assert_int_equal(mb_bad_tag(6, 40, 8), -EINVAL);
	assert_int_equal(mb_bad_tag(14, 20, 0), -EINVAL);
	assert_int_equal(mb_bad_tag(15, 28, 0), -EINVAL);
	/* A tag that is too short, beyond the end, or no end at all. */
	mb_begin();
	put32(tag(1, 16) + 4, 4);
	assert_int_equal(mb_end(), -EINVAL);
	mb_begin();
	put32(tag(1, 16) + 4, 0xfffffff8);
	assert_int_equal(mb_end(), -EINVAL);
	mb_begin();
	mb_mmap();
	put32(INFO, tag_at - INFO);
	assert_int_equal(multiboot_parse(MULTIBOOT2_MAGIC, INFO, &info), -EINVAL);
	put32(INFO, tag_at - INFO + 3);
	put32(tag_at - 4, 0);
	assert_int_equal(multiboot_parse(MULTIBOOT2_MAGIC, INFO, &info), -EINVAL);
	put32(INFO, 8);
	assert_int_equal(multiboot_parse(MULTIBOOT2_MAGIC, INFO, &info), -EINVAL);
	put32(INFO, 0x200000);
	assert_int_equal(multiboot_parse(MULTIBOOT2_MAGIC, INFO, &info), -EINVAL);
	put32(INFO, MEM_SIZE);
	assert_int_equal(multiboot_parse(MULTIBOOT2_MAGIC, INFO, &info), -EFAULT);
	assert_int_equal(multiboot_parse(MULTIBOOT2_MAGIC, 0xfffffff8, &info), -EFAULT);
	mb_begin();
	mb_module(0x1800, 0x2000, ""); /* begins within a page */
	assert_int_equal(mb_end(), -EINVAL);
	assert_int_equal(multiboot_parse(0x2badb002, INFO, &info), -EINVAL); /* version 1 */
	mb_begin();
	for (i = 0; i < 9; i++)
		mb_module(0x1000, 0x2000, "");
	assert_int_equal(mb_end(), -E2BIG);
	mb_begin();
	assert_int_equal(mb_end(), -ENOENT);
}

static void test_long_strings(void **state)
{
	static char text[0x1000];

	(void)state;
	memset(text, 'b', sizeof(text) - 1);
	mb_begin();
	text_tag(1, 8, text);
	mb_module(0x1000, 0x2000, text);
	mb_mmap();
	assert_int_equal(mb_end(), 0);
	assert_int_equal(strlen(info.cmdline), BOOT_CMDLINE_MAX - 1);
	assert_int_equal(strlen(info.modules[0].cmdline), BOOT_MODULE_CMDLINE - 1);
}

/* Empty and wrapping ranges are left out, and those of other memory than RAM. */
static void test_bad_ranges(void **state)
{
	uint32_t ranges;

	(void)state;
	mb_begin();
	mb_mmap();
	ranges = mb_ranges(3);
	mb_range(ranges, 0, 0x100000, 0, 1);
	mb_range(ranges, 1, 0x100000, ~0UL, 1);
	mb_range(ranges, 2, 0x100000, 0x1000, 2);
	assert_int_equal(mb_end(), 0);
	assert_int_equal(info.nr_mem, 1);
	/* Only whole pages count. */
	mb_begin();
	ranges = mb_ranges(3);
	mb_range(ranges, 0, 0x100800, 0x1fff, 1);
	mb_range(ranges, 1, 0x200001, 0x1ffe, 1);
	mb_range(ranges, 2, ~0UL - 10, 5, 1); /* rounds up to 0 */
	assert_int_equal(mb_end(), 0);
	assert_int_equal(info.nr_mem, 1);
	assert_int_equal(info.mem[0].start, 0x101000);
	assert_int_equal(info.mem[0].end, 0x102000);
}

static void test_many_ranges(void **state)
{
	uint32_t ranges, i;

	(void)state;
	mb_begin();
	ranges = mb_ranges(200);
	for (i = 0; i < 200; i++)
		mb_range(ranges, i, i * 0x1000, 0x1000, 1);
	assert_int_equal(mb_end(), 0);
	assert_int_equal(info.nr_mem, BOOT_MEM_MAX);
}

/* Modules are what their first bytes say, wherever they stand. */
static void test_module_kinds(void **state)
{
	static const char policy[] = "\x8c\xff\x7c\xf9\x08\0\0\0XenFlask";
	static const struct {
		const char *bytes;
		uint32_t size;
	} modules[] = {
		{ "BHLOADER", 7 }, { policy, 15 },    { "\177ELF", 0x400 }, { policy, 16 },
		{ policy, 0x300 }, { "BHLOADER", 8 }, { "BHLOADER", 20 },   { "", 1 },
	};

	(void)state;
	mb_begin();
	for (uint32_t i = 0; i < ARRAY_SIZE(modules); i++) {
		uint32_t at = 0x4000 + i * 0x1000;

		memcpy(mem + at, modules[i].bytes,
		       modules[i].bytes == policy ? 16 : strlen(modules[i].bytes));
		mb_module(at, at + modules[i].size, "");
	}
	mb_mmap();
	assert_int_equal(mb_end(), 0);
	assert_int_equal(info.nr_modules, ARRAY_SIZE(modules));
	assert_ptr_equal(info.policy, &info.modules[3]);
	assert_ptr_equal(info.dom0.loader, &info.modules[5]);
	assert_int_equal(info.dom0.nr_modules, 4);
	assert_ptr_equal(info.dom0.module[0], &info.modules[0]);
	assert_ptr_equal(info.dom0.module[1], &info.modules[1]);
	assert_ptr_equal(info.dom0.module[2], &info.modules[2]);
	assert_ptr_equal(info.dom0.module[3], &info.modules[7]);
	/* Another policy's name; one that lies where nobody can look. */
	mb_begin();
	memcpy(mem + 0x4000, "\x8c\xff\x7c\xf9\x08\0\0\0SE Linux", 16);
	mb_module(0x4000, 0x4010, "");
	mb_module(MEM_SIZE, MEM_SIZE + 16, "");
	mb_mmap();
	assert_int_equal(mb_end(), 0);
	assert_null(info.policy);
	assert_null(info.dom0.loader);
	assert_int_equal(info.dom0.nr_modules, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(test_info),	    T(test_bad),	 T(test_long_strings),
		T(test_bad_ranges), T(test_many_ranges), T(test_module_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
