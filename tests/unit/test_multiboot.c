/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot information of both Multiboot versions, well-formed and not (REQ core/boot). */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "boot/multiboot.h"
#include "lib/errno.h"
#include "x86/view.h"

#define MEM_SIZE 0x10000
#define INFO	 0x1000

static uint8_t mem[MEM_SIZE];
static struct boot_info info;

const void *boot_map(uint64_t addr, size_t len)
{
	if (addr > MEM_SIZE || len > MEM_SIZE - addr)
		return NULL;
	return mem + addr;
}

static void put32(uint32_t at, uint32_t v)
{
	memcpy(mem + at, &v, 4);
}

static void put64(uint32_t at, uint64_t v)
{
	memcpy(mem + at, &v, 8);
}

static int setup(void **state)
{
	(void)state;
	memset(mem, 0, sizeof(mem));
	return 0;
}

static void mb1_basic(const char *loader)
{
	put32(INFO, 1U << 2 | 1U << 3 | 1U << 6 | 1U << 9);
	put32(INFO + 16, 0x2000);
	strcpy((char *)mem + 0x2000, "core.bin loglvl=debug  x");
	put32(INFO + 20, 2);
	put32(INFO + 24, 0x3000);
	put32(0x3000, 0x100000);
	put32(0x3004, 0x200000);
	put32(0x3008, 0x2100);
	strcpy((char *)mem + 0x2100, " vmlinuz  console=hvc0");
	put32(0x3010, 0x300000);
	put32(0x3014, 0x300010);
	put32(0x3018, 0);
	put32(INFO + 44, 48);
	put32(INFO + 48, 0x4000);
	put32(0x4000, 20);
	put64(0x4004, 0);
	put64(0x400c, 0x9fc00);
	put32(0x4014, 1);
	put32(0x4018, 20);
	put64(0x401c, 0x100000);
	put64(0x4024, 0x7ff00000);
	put32(0x402c, 1);
	put32(INFO + 64, 0x2200);
	strcpy((char *)mem + 0x2200, loader);
}

static void test_mb1(void **state)
{
	(void)state;
	mb1_basic("qemu");
	assert_int_equal(multiboot_parse(MULTIBOOT1_MAGIC, INFO, &info), 0);
	assert_string_equal(info.cmdline, "loglvl=debug  x");
	assert_int_equal(info.nr_modules, 2);
	assert_int_equal(info.modules[0].start.v, 0x100000);
	assert_int_equal(info.modules[0].size, 0x100000);
	assert_string_equal(info.modules[0].cmdline, "console=hvc0");
	assert_string_equal(info.modules[1].cmdline, "");
	assert_int_equal(info.nr_mem, 2);
	assert_int_equal(info.mem[1].start, 0x100000);
	assert_int_equal(info.mem[1].size, 0x7ff00000);
	assert_int_equal(info.rsdp.v, 0);
}

static void test_mb1_grub(void **state)
{
	(void)state;
	mb1_basic("GRUB 2.06-13");
	assert_int_equal(multiboot_parse(MULTIBOOT1_MAGIC, INFO, &info), 0);
	assert_string_equal(info.cmdline, "core.bin loglvl=debug  x");
	assert_string_equal(info.modules[0].cmdline, "vmlinuz  console=hvc0");
}

static int mb1_with(uint32_t at, uint32_t value)
{
	setup(NULL);
	mb1_basic("qemu");
	put32(at, value);
	return multiboot_parse(MULTIBOOT1_MAGIC, INFO, &info);
}

static void test_mb1_bad(void **state)
{
	(void)state;
	assert_int_equal(multiboot_parse(0x12345678, INFO, &info), -EINVAL);
	assert_int_equal(multiboot_parse(MULTIBOOT1_MAGIC, MEM_SIZE - 8, &info), -EFAULT);
	assert_int_equal(mb1_with(INFO + 16, 0xfffffff0), -EFAULT); /* command line */
	assert_int_equal(mb1_with(INFO + 64, 0xfffffff0), -EFAULT); /* loader's name */
	assert_int_equal(mb1_with(INFO + 20, 9), -E2BIG);	    /* modules */
	assert_int_equal(mb1_with(INFO + 24, MEM_SIZE - 8), -EFAULT);
	assert_int_equal(mb1_with(0x3004, 0x100000), -EINVAL);	 /* empty module */
	assert_int_equal(mb1_with(0x3004, 0xfffff), -EINVAL);	 /* ends before it starts */
	assert_int_equal(mb1_with(0x3000, 0x100010), -EINVAL);	 /* begins within a page */
	assert_int_equal(mb1_with(0x3008, 0xffffffff), -EFAULT); /* its name */
	assert_int_equal(mb1_with(INFO + 44, 0x20000), -EINVAL); /* map too long */
	assert_int_equal(mb1_with(INFO + 48, MEM_SIZE - 4), -EFAULT);
	assert_int_equal(mb1_with(0x4000, 4), -ENOENT);		 /* entry too short */
	assert_int_equal(mb1_with(0x4000, 0xfffffff0), -ENOENT); /* entry beyond the map */
	assert_int_equal(mb1_with(INFO, 0), -ENOENT);		 /* nothing given */
	/* Wrapping and empty ranges are left out. */
	setup(NULL);
	mb1_basic("qemu");
	put64(0x4024, ~0UL);
	assert_int_equal(multiboot_parse(MULTIBOOT1_MAGIC, INFO, &info), 0);
	assert_int_equal(info.nr_mem, 1);
}

static void test_mb1_long_cmdline(void **state)
{
	(void)state;
	mb1_basic("GRUB 2");
	memset(mem + 0x2000, 'a', 0x100);
	memset(mem + 0x5000, 'b', 0x1000);
	put32(INFO + 16, 0x5000);
	mem[0x2100] = 0;
	assert_int_equal(multiboot_parse(MULTIBOOT1_MAGIC, INFO, &info), 0);
	assert_int_equal(strlen(info.cmdline), BOOT_CMDLINE_MAX - 1);
}

/* ---- version 2 ---- */
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

static void mb2_begin(void)
{
	setup(NULL);
	tag_at = INFO + 8;
}

static int mb2_end(void)
{
	tag(0, 8);
	put32(INFO, tag_at - INFO);
	return multiboot_parse(MULTIBOOT2_MAGIC, INFO, &info);
}

static void mb2_mmap(void)
{
	uint32_t at = tag(6, 16 + 24);

	put32(at + 8, 24);
	put64(at + 16, 0x100000);
	put64(at + 24, 0x1000000);
	put32(at + 32, 1);
}

static void mb2_module(uint32_t start, uint32_t end, const char *text)
{
	uint32_t at = tag_at;

	text_tag(3, 16, text);
	put32(at + 8, start);
	put32(at + 12, end);
}

static void test_mb2(void **state)
{
	uint32_t v1, v2;

	(void)state;
	mb2_begin();
	text_tag(1, 8, "dom0_mem=1G");
	text_tag(2, 8, "GRUB 2.06");
	mb2_module(0x200000, 0x300000, "console=hvc0 quiet");
	mb2_module(0x300000, 0x300001, "");
	v2 = tag(15, 8 + 36);
	v1 = tag(14, 8 + 20);
	tag(99, 8);
	mb2_mmap();
	assert_int_equal(mb2_end(), 0);
	assert_string_equal(info.cmdline, "dom0_mem=1G");
	assert_int_equal(info.nr_modules, 2);
	assert_string_equal(info.modules[0].cmdline, "console=hvc0 quiet");
	assert_int_equal(info.modules[1].size, 1);
	assert_int_equal(info.nr_mem, 1);
	assert_int_equal(info.rsdp.v, v2 + 8); /* the newer one */
	assert_int_not_equal(v1, v2);
}

static int mb2_bad_tag(uint32_t type, uint32_t size, uint32_t at8)
{
	uint32_t at;

	mb2_begin();
	at = tag(type, size);
	put32(at + 8, at8);
	mb2_mmap();
	return mb2_end();
}

static void test_mb2_bad(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(mb2_bad_tag(3, 12, 0), -EINVAL);
	assert_int_equal(mb2_bad_tag(3, 20, 5), -EINVAL); /* ends before it starts */
	assert_int_equal(mb2_bad_tag(6, 12, 24), -EINVAL);
	assert_int_equal(mb2_bad_tag(6, 40, 8), -EINVAL);
	assert_int_equal(mb2_bad_tag(14, 20, 0), -EINVAL);
	assert_int_equal(mb2_bad_tag(15, 28, 0), -EINVAL);
	/* A tag that is too short, beyond the end, or no end at all. */
	mb2_begin();
	put32(tag(1, 16) + 4, 4);
	assert_int_equal(mb2_end(), -EINVAL);
	mb2_begin();
	put32(tag(1, 16) + 4, 0xfffffff8);
	assert_int_equal(mb2_end(), -EINVAL);
	mb2_begin();
	mb2_mmap();
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
	mb2_begin();
	mb2_module(0x1800, 0x2000, ""); /* begins within a page */
	assert_int_equal(mb2_end(), -EINVAL);
	mb2_begin();
	for (i = 0; i < 9; i++)
		mb2_module(0x1000, 0x2000, "");
	assert_int_equal(mb2_end(), -E2BIG);
	mb2_begin();
	assert_int_equal(mb2_end(), -ENOENT);
}

static void test_mb2_many_ranges(void **state)
{
	uint32_t at, i;

	(void)state;
	mb2_begin();
	at = tag(6, 16 + 200 * 24);
	put32(at + 8, 24);
	for (i = 0; i < 200; i++) {
		put64(at + 16 + i * 24, i * 0x1000);
		put64(at + 24 + i * 24, 0x1000);
	}
	assert_int_equal(mb2_end(), 0);
	assert_int_equal(info.nr_mem, BOOT_MEM_MAX);
}

static void test_module_kind(void **state)
{
	(void)state;
	assert_int_equal(module_kind("BHLOADER", 8), MODULE_LOADER);
	assert_int_equal(module_kind("BHLOADER", 7), MODULE_DOM0);
	assert_int_equal(module_kind("\177ELF", 4), MODULE_DOM0);
	assert_int_equal(module_kind("070701", 6), MODULE_DOM0);
	assert_int_equal(module_kind("\x8c\xff\x7c\xf9\x08\0\0\0XenFlask", 16), MODULE_FLASK);
	assert_int_equal(module_kind("\x8c\xff\x7c\xf9\x08\0\0\0XenFlask", 15), MODULE_DOM0);
	assert_int_equal(module_kind("\x8c\xff\x7c\xf9\x08\0\0\0SE Linux", 16), MODULE_DOM0);
	assert_int_equal(module_kind("", 0), MODULE_DOM0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(test_mb1), T(test_mb1_grub), T(test_mb1_bad),		T(test_mb1_long_cmdline),
		T(test_mb2), T(test_mb2_bad),  T(test_mb2_many_ranges), T(test_module_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
