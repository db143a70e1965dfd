/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader that unpacks Dom0's kernel inside Dom0's memory. REQ core/boot: Debian's unmodified kernel starts as
 * Dom0; one that can't be unpacked is named, and nothing outside of the free memory is touched.
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

#include "support/make_elf.h"
#include "unpack.h"

#define MIB    (1u << 20)
#define MEMORY (24 * MIB)
#define INFO   (20 * MIB)
#define LIST   (INFO + 0x100)
#define MAP    (INFO + 0x200)
#define IMAGE  (19 * MIB)
#define INITRD (18 * MIB)

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
		.cmdline_paddr = INFO + 0x300,
		.rsdp_paddr = 0xfc000000,
		.memmap_paddr = MAP,
		.memmap_entries = 2,
	};
	f->module[0] = (struct hvm_modlist_entry) { .paddr = IMAGE, .size = 1000 };
	f->module[1] = (struct hvm_modlist_entry) { .paddr = INITRD, .size = 5000 };
	f->map[0] = (struct hvm_memmap_table_entry) { .addr = 0xfc000000, .size = 4096, .type = 3 };
	f->map[1] = (struct hvm_memmap_table_entry) { .addr = 0, .size = MEMORY, .type = 1 };
	f->elf = make_elf();
	f->image = pack(&f->elf, &f->size);
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

static int unpack(struct fixture *f, size_t size, const char **why, uint32_t *entry)
{
	/* A copy of its own, so that reading behind the end is seen. */
	uint8_t *image = malloc(size);
	int rc;

	memcpy(image, f->image, size);
	rc = unpack_kernel(&f->room, image, size, entry, why);
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
	struct bzimage image;

	assert_null(room_find(&f->room, INFO, MIB, &image));
	assert_int_equal(f->room.start, MIB);
	assert_int_equal(f->room.end, INITRD);
	assert_int_equal(image.addr, IMAGE);
	assert_int_equal(image.size, 1000);

	f->info->cmdline_paddr = 4 * MIB;
	assert_null(room_find(&f->room, INFO, MIB, &image));
	assert_int_equal(f->room.end, 4 * MIB);

	/* Below its start there may be anything; a thing across the start leaves no room. */
	f->info->cmdline_paddr = MIB - 4096;
	assert_null(room_find(&f->room, INFO, MIB, &image));
	assert_int_equal(f->room.end, INITRD);
	f->module[1].paddr = MIB - 4096;
	assert_null(room_find(&f->room, INFO, MIB, &image));
	assert_int_equal(f->room.end, MIB);
}

static void room_is_memory(void **state)
{
	struct fixture *f = *state;
	struct bzimage image;

	f->map[1].size = 2 * MIB;
	assert_null(room_find(&f->room, INFO, MIB, &image));
	assert_int_equal(f->room.end, 2 * MIB);
	f->map[1].type = 2;
	assert_null(room_find(&f->room, INFO, MIB, &image));
	assert_int_equal(f->room.end, MIB);
	f->info->magic++;
	assert_non_null(room_find(&f->room, INFO, MIB, &image));
	f->info->magic--;
	f->info->nr_modules = 0;
	assert_non_null(room_find(&f->room, INFO, MIB, &image));
}

static void the_kernel_sees_the_other_modules(void **state)
{
	struct fixture *f = *state;

	drop_first_module(&f->room, INFO);
	assert_int_equal(f->info->nr_modules, 1);
	assert_int_equal(f->info->modlist_paddr, LIST + sizeof(struct hvm_modlist_entry));
	drop_first_module(&f->room, INFO);
	assert_int_equal(f->info->nr_modules, 0);
	assert_int_equal(f->info->modlist_paddr, 0);
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

	assert_int_equal(unpack(f, f->size, &why, &entry), 0);
	assert_int_equal(entry, TEST_ENTRY);
	assert_memory_equal(m + TEST_LOAD, f->elf.bytes + 4096, TEST_CODE_BYTES);
	assert_memory_equal(m + TEST_LOAD + 0x10000, f->elf.bytes + 4096 + TEST_CODE_BYTES,
			    TEST_DATA_BYTES);
	assert_memory_equal(m + TEST_LOAD + 0x10000 + TEST_DATA_BYTES, zero, TEST_BSS_BYTES);
	untouched_but(f, TEST_LOAD, TEST_LOAD + 0x10000 + TEST_DATA_BYTES + TEST_BSS_BYTES);
	/* What is left is behind the kernel. */
	assert_true(f->room.start >= TEST_LOAD + 0x10000 + TEST_DATA_BYTES + TEST_BSS_BYTES);
}

static void cut_images_are_errors(void **state)
{
	struct fixture *f = *state;
	const char *why = NULL;
	uint32_t entry;

	for (size_t size = 1; size < f->size; size += size < 1100 ? 97 : 13) {
		f->room.start = MIB;
		assert_true(unpack(f, size, &why, &entry) < 0);
		assert_non_null(why);
	}
	/* A shorter payload in a whole container. */
	f->image[0x24c] -= 8;
	f->room.start = MIB;
	assert_int_equal(unpack(f, f->size, &why, &entry), -EBADMSG);
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
		if (unpack(f, f->size, &why, &entry) >= 0)
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
	assert_int_equal(unpack(f, f->size, &why, &entry), -ENOMEM);
	assert_non_null(strstr(why, "dom0_mem="));
	untouched_but(f, 0, 0);
	/* A kernel that wants the loader's own place. */
	f->room = (struct room) { f->room.memory, TEST_LOAD + 1, INITRD, false };
	assert_int_equal(unpack(f, f->size, &why, &entry), -EBADMSG);
	untouched_but(f, 0, 0);
}

static void others_are_no_bzimage(void **state)
{
	struct fixture *f = *state;
	const char *why;
	uint32_t entry;

	f->image[0x202] = 'h';
	assert_int_equal(unpack(f, f->size, &why, &entry), -ENOEXEC);
	assert_non_null(why);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(room_ends_at_the_first_thing),
		T(room_is_memory),
		T(the_kernel_sees_the_other_modules),
		T(memory_is_taken_from_the_end),
		T(the_kernel_is_put_in_its_place),
		T(cut_images_are_errors),
		T(changed_bytes_are_errors),
		T(little_memory_is_told),
		T(others_are_no_bzimage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
