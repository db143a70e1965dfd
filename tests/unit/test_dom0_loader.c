/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader that starts Dom0's kernel from inside of Dom0. REQ core/boot: Debian's unmodified kernel starts as
 * Dom0, an ELF file too; one that can't be loaded is named, and nothing outside of the free memory is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdint.h>

#include <zlib.h>

#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "builder/acpi.h"
#include "support/make_elf.h"
#include "load.h"

#define MIB    (1u << 20)
#define MEMORY (24 * MIB)
#define INFO   (20 * MIB)
#define LIST   (INFO + 0x100)
#define MAP    (INFO + 0x200)
#define IMAGE  (19 * MIB)
#define INITRD (18 * MIB)
#define ACPI   (23 * MIB)

struct fixture {
	struct room room;
	struct hvm_start_info *info;
	struct hvm_modlist_entry *module;
	struct hvm_memmap_table_entry *map;
	struct test_elf elf;
	uint8_t *image; /* gzip */
	size_t size;
};

static uint8_t *pack(const struct test_elf *e, size_t *size)
{
	uint8_t *packed = malloc(MIB), *image;
	z_stream z = {
		.next_in = e->bytes, .avail_in = e->size, .next_out = packed, .avail_out = MIB
	};

	deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	image = make_bzimage(packed, z.total_out, size);
	deflateEnd(&z);
	free(packed);
	return image;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t *m = malloc(MEMORY);

	memset(m, 0xa5, MEMORY);
	f->room = (struct room) { m, MIB, INITRD, false };
	f->info = (struct hvm_start_info *)(m + INFO);
	f->module = (struct hvm_modlist_entry *)(m + LIST);
	f->map = (struct hvm_memmap_table_entry *)(m + MAP);
	*f->info = (struct hvm_start_info) {
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.nr_modules = 2,
		.modlist_paddr = LIST,
		.memmap_paddr = MAP,
		.memmap_entries = 2,
	};
	f->module[0] = (struct hvm_modlist_entry) { IMAGE, 1000, INFO + 0x300, 0 };
	f->module[1] = (struct hvm_modlist_entry) { INITRD, 5000, INFO + 0x400, 0 };
	f->map[0] = (struct hvm_memmap_table_entry) { .addr = ACPI, .size = 16384, .type = 3 };
	f->map[1] = (struct hvm_memmap_table_entry) { .addr = 0, .size = MEMORY, .type = 1 };
	f->elf = make_elf();
	f->image = pack(&f->elf, &f->size);
	memcpy(m + IMAGE, f->elf.bytes, 1000);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->room.memory);
	free(f->elf.bytes);
	free(f->image);
	free(f);
	return 0;
}

static int load(struct fixture *f, size_t size, const char **why, uint32_t *entry)
{
	/* A copy of its own, so that reading behind the end is seen. */
	uint8_t *image = malloc(size);
	int rc;

	memcpy(image, f->image, size);
	rc = kernel_load(&f->room, image, size, entry, why);
	free(image);
	return rc;
}

/* All memory but [from, to) is as it was. */
static void untouched_but(const struct fixture *f, uint64_t from, uint64_t to)
{
	for (uint64_t i = 0; i < INITRD; i++)
		if ((i < from || i >= to) && f->room.memory[i] != 0xa5)
			fail_msg("byte %#lx was changed", (unsigned long)i);
}

static void room_ends_at_the_first_thing(void **state)
{
	struct fixture *f = *state;

	assert_null(room_find(&f->room, INFO, MIB));
	assert_int_equal(f->room.start, MIB);
	assert_int_equal(f->room.end, INITRD);

	f->module[1].cmdline_paddr = 4 * MIB;
	assert_null(room_find(&f->room, INFO, MIB));
	assert_int_equal(f->room.end, 4 * MIB);

	/* Below its start there may be anything; a thing across the start leaves no room. */
	f->module[1].cmdline_paddr = MIB - 4096;
	assert_null(room_find(&f->room, INFO, MIB));
	assert_int_equal(f->room.end, INITRD);
	f->module[1].paddr = MIB - 4096;
	assert_null(room_find(&f->room, INFO, MIB));
	assert_int_equal(f->room.end, MIB);
}

static void room_is_memory(void **state)
{
	struct fixture *f = *state;

	f->map[1].size = 2 * MIB;
	assert_null(room_find(&f->room, INFO, MIB));
	assert_int_equal(f->room.end, 2 * MIB);
	f->map[1].type = 2;
	assert_null(room_find(&f->room, INFO, MIB));
	assert_int_equal(f->room.end, MIB);
	f->info->magic++;
	assert_non_null(room_find(&f->room, INFO, MIB));
	f->info->magic--;
	f->info->version = 0;
	assert_non_null(room_find(&f->room, INFO, MIB));
}

static void the_kernel_is_told_by_what_it_holds(void **state)
{
	struct fixture *f = *state;
	uint8_t *m = f->room.memory;
	struct kernel_image image;

	/* An ELF file, first in the list. */
	assert_null(kernel_take(&f->room, INFO, &image));
	assert_int_equal(image.addr, IMAGE);
	assert_int_equal(image.size, 1000);
	assert_int_equal(f->info->cmdline_paddr, INFO + 0x300);
	assert_int_equal(f->info->nr_modules, 1);
	assert_int_equal(f->info->modlist_paddr, LIST);
	assert_int_equal(f->module[0].paddr, INITRD);
	assert_int_equal(f->module[0].size, 5000);
	assert_int_equal(f->module[0].cmdline_paddr, INFO + 0x400);

	/* What is left is none, nor is one that is cut off in its first bytes, nor nothing. */
	assert_non_null(kernel_take(&f->room, INFO, &image));
	f->module[0] = (struct hvm_modlist_entry) { .paddr = IMAGE, .size = 3 };
	assert_non_null(kernel_take(&f->room, INFO, &image));
	assert_int_equal(f->info->nr_modules, 1);
	f->info->nr_modules = 0;
	assert_non_null(kernel_take(&f->room, INFO, &image));

	/* A bzImage, last in the list. */
	memcpy(m + INITRD, f->image, f->size);
	f->info->nr_modules = 3;
	f->module[0] = (struct hvm_modlist_entry) { .paddr = MIB, .size = 4096 };
	f->module[1] = (struct hvm_modlist_entry) { .paddr = 2 * MIB, .size = 4096 };
	f->module[2] = (struct hvm_modlist_entry) { .paddr = INITRD, .size = f->size };
	assert_null(kernel_take(&f->room, INFO, &image));
	assert_int_equal(image.addr, INITRD);
	assert_int_equal(image.size, f->size);
	assert_int_equal(f->info->cmdline_paddr, 0);
	assert_int_equal(f->info->nr_modules, 2);
	assert_int_equal(f->module[0].paddr, MIB);
	assert_int_equal(f->module[1].paddr, 2 * MIB);
}

/* The tables are the domain builder's (unit/builder_tables). */
static void tables_are_in_their_region(void **state)
{
	struct fixture *f = *state;
	const struct acpi_processors processors = { 128, 128 };
	static uint8_t tables[16384];

	assert_null(acpi_write(&f->room, INFO, 128));
	assert_int_equal(f->info->rsdp_paddr, ACPI);
	assert_true(acpi_build(&processors, ACPI, tables, sizeof(tables)) > 0);
	assert_memory_equal(f->room.memory + ACPI, tables, sizeof(tables));
	assert_int_equal(f->room.memory[ACPI - 1], 0xa5);
	assert_int_equal(f->room.memory[ACPI + 16384], 0xa5);

	f->info->rsdp_paddr = 0;
	f->map[0].size = 1024;
	assert_non_null(acpi_write(&f->room, INFO, 128));
	f->map[0] = (struct hvm_memmap_table_entry) { .addr = ACPI, .size = 16384, .type = 2 };
	assert_non_null(acpi_write(&f->room, INFO, 1));
	assert_int_equal(f->info->rsdp_paddr, 0);
}

static void memory_is_taken_from_the_end(void **state)
{
	struct fixture *f = *state;

	f->room.end = MIB + 1000;
	assert_ptr_equal(room_alloc(&f->room, 100), f->room.memory + MIB + 896);
	assert_ptr_equal(room_alloc(&f->room, 896), f->room.memory + MIB);
	assert_false(f->room.full);
	assert_null(room_alloc(&f->room, 1));
	assert_null(room_alloc(&f->room, SIZE_MAX));
	assert_true(f->room.full);
}

static void the_kernel_is_put_in_its_place(void **state)
{
	struct fixture *f = *state;
	uint8_t *m = f->room.memory, zero[TEST_BSS_BYTES] = { 0 };
	const char *why;
	uint32_t entry = 0;

	assert_int_equal(load(f, f->size, &why, &entry), 0);
	assert_int_equal(entry, TEST_ENTRY);
	assert_memory_equal(m + TEST_LOAD, f->elf.bytes + 4096, TEST_CODE_BYTES);
	assert_memory_equal(m + TEST_LOAD + 0x10000, f->elf.bytes + 4096 + TEST_CODE_BYTES,
			    TEST_DATA_BYTES);
	assert_memory_equal(m + TEST_LOAD + 0x10000 + TEST_DATA_BYTES, zero, TEST_BSS_BYTES);
	untouched_but(f, TEST_LOAD, TEST_LOAD + 0x10000 + TEST_DATA_BYTES + TEST_BSS_BYTES);
	/* What is left is behind the kernel. */
	assert_true(f->room.start >= TEST_LOAD + 0x10000 + TEST_DATA_BYTES + TEST_BSS_BYTES);
}

/* The ELF file itself is the module. */
static void take_elf(struct fixture *f)
{
	free(f->image);
	f->image = malloc(f->elf.size);
	memcpy(f->image, f->elf.bytes, f->elf.size);
	f->size = f->elf.size;
}

static void an_elf_file_is_put_in_its_place(void **state)
{
	take_elf(*state);
	the_kernel_is_put_in_its_place(state);
}

static void bad_elf_files_are_errors(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr *p = f->elf.program;
	const char *why = NULL;
	uint32_t entry;

	take_elf(f);
	for (size_t size = 1; size < f->size; size += size < 400 ? 1 : 997) {
		f->room.start = MIB;
		assert_true(load(f, size, &why, &entry) < 0);
		assert_non_null(why);
	}
	untouched_but(f, TEST_LOAD, TEST_LOAD + 0x20000);

	p[2].p_type = PT_NULL;
	take_elf(f);
	f->room.start = MIB;
	assert_int_equal(load(f, f->size, &why, &entry), -ENOEXEC);
	assert_string_equal(why, "the kernel has no Xen notes: not a PVH kernel");
	p[2].p_type = PT_NOTE;
	p[0].p_paddr = TEST_LOAD + 100;
	take_elf(f);
	assert_int_equal(load(f, f->size, &why, &entry), -EBADMSG);
	assert_string_equal(why, "segments overlap");
	/* In memory that is not there, and across the end of all addresses. */
	p[0].p_paddr = 0xf0000000;
	take_elf(f);
	assert_int_equal(load(f, f->size, &why, &entry), -ENOMEM);
	p[0].p_paddr = UINT64_MAX - 100;
	take_elf(f);
	f->room.full = false;
	assert_int_equal(load(f, f->size, &why, &entry), -EBADMSG);
	/* Where the loader is. */
	p[0].p_paddr = MIB - 4096;
	take_elf(f);
	assert_int_equal(load(f, f->size, &why, &entry), -EBADMSG);
	untouched_but(f, TEST_LOAD, TEST_LOAD + 0x20000);
}

static void cut_images_are_errors(void **state)
{
	struct fixture *f = *state;
	const char *why = NULL;
	uint32_t entry;

	for (size_t size = 1; size < f->size; size += size < 1100 ? 97 : 13) {
		f->room.start = MIB;
		assert_true(load(f, size, &why, &entry) < 0);
		assert_non_null(why);
	}
	/* A shorter payload in a whole container. */
	f->image[0x24c] -= 8;
	f->room.start = MIB;
	assert_int_equal(load(f, f->size, &why, &entry), -EBADMSG);
	assert_string_equal(why, "gzip data is cut short");
	untouched_but(f, TEST_LOAD, TEST_LOAD + 0x20000);
}

/* The checksum at the very end counts, though the kernel is complete before. */
static void changed_bytes_are_errors(void **state)
{
	struct fixture *f = *state;
	const size_t first = 2 * 512 + 64 + 10; /* behind gzip's header */
	const char *why = NULL;
	uint32_t entry;

	for (size_t i = first; i < f->size; i += i + 40 < f->size ? 17 : 1) {
		f->image[i] ^= 1;
		f->room.start = MIB;
		if (load(f, f->size, &why, &entry) >= 0)
			fail_msg("byte %zu of %zu is not missed", i, f->size);
		assert_non_null(why);
		f->image[i] ^= 1;
	}
	untouched_but(f, TEST_LOAD, TEST_LOAD + 0x20000);
}

static void little_memory_is_told(void **state)
{
	struct fixture *f = *state;
	const char *why;
	uint32_t entry;

	f->room.end = TEST_LOAD + 0x10000 + TEST_DATA_BYTES;
	assert_int_equal(load(f, f->size, &why, &entry), -ENOMEM);
	assert_non_null(strstr(why, "dom0_mem="));
	untouched_but(f, 0, 0);
	/* A kernel that wants the loader's own place. */
	f->room = (struct room) { f->room.memory, TEST_LOAD + 1, INITRD, false };
	assert_int_equal(load(f, f->size, &why, &entry), -EBADMSG);
	untouched_but(f, 0, 0);
}

static void others_are_no_kernel(void **state)
{
	struct fixture *f = *state;
	const char *why;
	uint32_t entry;

	f->image[0x202] = 'h';
	assert_int_equal(load(f, f->size, &why, &entry), -ENOEXEC);
	assert_non_null(why);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(room_ends_at_the_first_thing),
		T(room_is_memory),
		T(the_kernel_is_told_by_what_it_holds),
		T(tables_are_in_their_region),
		T(memory_is_taken_from_the_end),
		T(the_kernel_is_put_in_its_place),
		T(an_elf_file_is_put_in_its_place),
		T(bad_elf_files_are_errors),
		T(cut_images_are_errors),
		T(changed_bytes_are_errors),
		T(little_memory_is_told),
		T(others_are_no_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
