/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel images that were made to deceive, and memory that runs out. REQ toolstack/builder: "A hostile
 * kernel image is assumed"; "a build that fails half-way leaves nothing behind".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "builder/bzimage.h"
#include "builder/decompress.h"
#include "builder/elf_stream.h"
#include "support/fail_alloc.h"
#include "support/make_elf.h"

#define PLAIN_SIZE  200000u
#define PACKED_MAX  (1u << 20)
#define OUTPUT_MAX  (1u << 20)
#define NEVER	    SIZE_MAX
#define SINK_BROKEN (-EIO)

/* Counts, and says SINK_BROKEN when `breaks_at` bytes have come. */
struct counting {
	size_t bytes, breaks_at;
};

static int count(void *arg, const uint8_t *bytes, size_t length)
{
	struct counting *c = arg;

	c->bytes += length;
	return c->bytes >= c->breaks_at ? SINK_BROKEN : SINK_MORE;
}

static int unpack(const uint8_t *data, size_t size, size_t breaks_at, const char **why)
{
	struct counting c = { 0, breaks_at };
	struct sink sink = { count, &c, OUTPUT_MAX, 0, NULL };
	int rc = decompress(data, size, &sink);

	*why = sink.why;
	return rc;
}

/* Hardly compressible, so that a damaged byte is in the data and not in a table. */
static const uint8_t *plain(void)
{
	static uint8_t bytes[PLAIN_SIZE];
	uint32_t x = 1;

	for (size_t i = 0; i < PLAIN_SIZE; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
	memcpy(bytes, ELFMAG, SELFMAG);
	return bytes;
}

static size_t pack_none(uint8_t *out)
{
	memcpy(out, plain(), PLAIN_SIZE);
	return PLAIN_SIZE;
}

static size_t pack_gzip(uint8_t *out)
{
	z_stream z = { 0 };

	deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	z.next_in = (uint8_t *)plain();
	z.avail_in = PLAIN_SIZE;
	z.next_out = out;
	z.avail_out = PACKED_MAX;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static size_t pack_bzip2(uint8_t *out)
{
	unsigned int n = PACKED_MAX;

	assert_int_equal(
		BZ2_bzBuffToBuffCompress((char *)out, &n, (char *)plain(), PLAIN_SIZE, 9, 0, 0),
		BZ_OK);
	return n;
}

static size_t pack_xz(uint8_t *out)
{
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, plain(), PLAIN_SIZE,
						 out, &n, PACKED_MAX),
			 LZMA_OK);
	return n;
}

static size_t pack_zstd(uint8_t *out)
{
	size_t n;
	ZSTD_CCtx *z = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(z, out, PACKED_MAX, plain(), PLAIN_SIZE);
	ZSTD_freeCCtx(z);
	return n;
}

static const struct {
	const char *name;
	size_t (*pack)(uint8_t *out);
} formats[] = {
	{ "none", pack_none }, { "gzip", pack_gzip }, { "bzip2", pack_bzip2 },
	{ "xz", pack_xz },     { "zstd", pack_zstd },
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static uint8_t packed[PACKED_MAX];

static void damaged_data_is_refused(void **state)
{
	const char *why;

	for (size_t i = 1; i < N_FORMATS; i++) {
		size_t n = formats[i].pack(packed);

		packed[n / 2] ^= 0x10;
		assert_int_equal(unpack(packed, n, NEVER, &why), -EBADMSG);
		assert_non_null(why);
	}
}

static void a_sink_that_breaks_ends_it(void **state)
{
	const char *why;

	for (size_t i = 0; i < N_FORMATS; i++)
		assert_int_equal(unpack(packed, formats[i].pack(packed), 1, &why), SINK_BROKEN);
}

/* Each allocation of ours fails once; the sanitizer sees that nothing is lost. */
static void missing_memory_is_an_error(void **state)
{
	const char *why;

	for (size_t i = 0; i < N_FORMATS; i++) {
		size_t n = formats[i].pack(packed);
		unsigned int allocations;

		fail_alloc_at(0);
		assert_int_equal(unpack(packed, n, NEVER, &why), SINK_MORE);
		allocations = fail_alloc_count();
		assert_true(allocations || !i);
		for (unsigned int at = 1; at <= allocations; at++) {
			fail_alloc_at(at);
			assert_int_equal(unpack(packed, n, NEVER, &why), -ENOMEM);
			assert_non_null(why);
		}
		fail_alloc_at(0);
	}
}

/* What a stream may ask for is limited before it is allocated. */
static void huge_windows_are_refused(void **state)
{
	static const uint8_t lzma[64] = { 0x5d, 0,    0,    0,	  0x40, 0xff, 0xff,
					  0xff, 0xff, 0xff, 0xff, 0xff, 0xff }; /* 1 GiB */
	static const uint8_t zstd[64] = { 0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3 }; /* 2^30 */
	const char *why;

	assert_int_equal(unpack(lzma, sizeof(lzma), NEVER, &why), -ENOMEM);
	assert_string_equal(why, "the dictionary of the xz or lzma data is too large");
	assert_int_equal(unpack(zstd, sizeof(zstd), NEVER, &why), -EBADMSG);
}

static void a_bzimage_needs_its_marks(void **state)
{
	size_t size, offset, length;
	uint8_t *b = make_bzimage((const uint8_t *)"x", 1, &size);
	const char *why = NULL;

	b[0x1fe] = 0;
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), -ENOEXEC);
	b[0x1fe] = 0x55;
	b[0x1ff] = 0;
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), -ENOEXEC);
	b[0x1ff] = 0xaa;
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), 0);
	b[0x24c] = 0; /* an empty payload */
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), -EBADMSG);
	free(b);
}

/* ---- ELF ---- */

struct events_log {
	unsigned int layouts;
	size_t bytes;
	int layout_rc, data_rc;
};

static int on_layout(void *arg, const struct elf_kernel *kernel)
{
	struct events_log *log = arg;

	log->layouts++;
	return log->layout_rc;
}

static int on_data(void *arg, uint64_t addr, const uint8_t *bytes, size_t length)
{
	struct events_log *log = arg;

	log->bytes += length;
	return log->data_rc;
}

/* Feeds the file in pieces of `piece` bytes, and makes a new one of it. */
static int load(struct test_elf *e, size_t piece, struct events_log *log)
{
	struct elf_events events = { on_layout, on_data, log };
	struct elf_stream *elf = malloc(sizeof(*elf));
	uint64_t entry;
	int rc = SINK_MORE;

	elf_stream_init(elf, &events);
	for (size_t at = 0; at < e->size && rc == SINK_MORE; at += piece)
		rc = elf_stream_feed(elf, e->bytes + at,
				     e->size - at < piece ? e->size - at : piece);
	if (rc >= 0)
		rc = elf_stream_finish(elf, &entry);
	elf_stream_free(elf);
	free(elf);
	free(e->bytes);
	*e = make_elf();
	return rc;
}

static int try(struct test_elf *e)
{
	struct events_log log = { 0 };

	return load(e, 5000, &log);
}

static void headers_that_lie_are_refused(void **state)
{
	struct test_elf e = make_elf();
	Elf32_Ehdr *h;

	e.header->e_ident[EI_VERSION] = 2;
	assert_int_equal(try(&e), -ENOEXEC);
	e.header->e_phoff = ELF_HEADERS_MAX - 2 * sizeof(Elf64_Phdr);
	assert_int_equal(try(&e), -EBADMSG);
	e.header->e_type = ET_DYN; /* as good as EXEC */
	assert_int_equal(try(&e), 0);
	free(e.bytes);
	e = make_elf32();
	h = (Elf32_Ehdr *)e.bytes;
	h->e_phentsize = 31;
	assert_int_equal(try(&e), -EBADMSG);
	free(e.bytes);
}

static void segments_that_lie_are_refused(void **state)
{
	struct test_elf e = make_elf();

	e.program[0].p_memsz = 0; /* but bytes in the file */
	assert_int_equal(try(&e), -EBADMSG);
	e.program[0].p_memsz = e.program[0].p_filesz = 0; /* nothing at all */
	assert_int_equal(try(&e), 0);
	e.program[0].p_filesz = 0; /* zeroes only */
	assert_int_equal(try(&e), 0);
	/* More segments than are taken, one behind the other. */
	e.header->e_phnum = ELF_SEGMENTS_MAX + 1;
	for (unsigned int i = 0; i <= ELF_SEGMENTS_MAX; i++)
		e.program[i] = (Elf64_Phdr) { .p_type = PT_LOAD,
					      .p_paddr = TEST_LOAD + 4096 * i,
					      .p_memsz = 4096 };
	assert_int_equal(try(&e), -EBADMSG);
	free(e.bytes);
}

static void notes_that_lie_are_refused(void **state)
{
	struct test_elf e = make_elf();
	const uint64_t high = 1ull << 32 | TEST_ENTRY;
	const uint32_t eight = 8, three = 3, long_name = 5;

	e.program[2].p_filesz = 0;
	assert_int_equal(try(&e), -ENOEXEC);
	e.program[2].p_offset = UINT64_MAX - 8;
	assert_int_equal(try(&e), -EBADMSG);
	/* An entry of 8 bytes above 4 GiB. */
	memcpy(e.note + 4, &eight, 4);
	memcpy(e.note + 16, &high, 8);
	e.program[2].p_filesz = 24;
	assert_int_equal(try(&e), -EBADMSG);
	/* Its value has an odd size; its name another one. */
	memcpy(e.note + 4, &three, 4);
	assert_int_equal(try(&e), -ENOEXEC);
	memcpy(e.note, &long_name, 4);
	e.program[2].p_filesz = 24;
	assert_int_equal(try(&e), -ENOEXEC);
	/* The value lies beyond the segment. */
	e.program[2].p_filesz = 18;
	assert_int_equal(try(&e), -ENOEXEC);
	/* More note segments than are taken. */
	e.header->e_phnum = 3 + ELF_NOTE_SEGMENTS_MAX;
	for (unsigned int i = 3; i < 3 + ELF_NOTE_SEGMENTS_MAX; i++)
		e.program[i] = e.program[2];
	assert_int_equal(try(&e), -EBADMSG);
	free(e.bytes);
}

/* The note is found behind others, in a note segment behind another one. */
static void the_entry_may_stand_behind_other_notes(void **state)
{
	struct test_elf e = make_elf();
	const uint32_t other[] = { 4, 2, 1, 0x00554e47, 0 };
	uint32_t entry[5];

	memcpy(entry, e.note, sizeof(entry));
	memcpy(e.note, other, sizeof(other));
	memcpy(e.note + sizeof(other), entry, sizeof(entry));
	e.program[2].p_filesz = sizeof(other) + sizeof(entry);
	e.header->e_phnum = 4;
	e.program[3] = e.program[2];
	e.program[2].p_filesz = sizeof(other);
	assert_int_equal(try(&e), 0);
	free(e.bytes);
}

static void the_user_may_refuse(void **state)
{
	static const size_t pieces[] = { 64, 1 << 20 };
	struct test_elf e = make_elf();

	for (unsigned int i = 0; i < 2; i++) {
		struct events_log log = { .layout_rc = -ENOSPC };

		assert_int_equal(load(&e, pieces[i], &log), -ENOSPC);
		assert_int_equal(log.bytes, 0);
		log = (struct events_log) { .data_rc = -EFAULT };
		assert_int_equal(load(&e, pieces[i], &log), -EFAULT);
		assert_int_equal(log.layouts, 1);
	}
	/* Data that came while the headers were still incomplete. */
	e.header->e_phoff = 8000;
	memcpy(e.bytes + 8000, e.program, 3 * sizeof(Elf64_Phdr));
	assert_int_equal(load(&e, 100, &(struct events_log) { .data_rc = -EFAULT }), -EFAULT);
	free(e.bytes);
}

static void notes_need_memory(void **state)
{
	struct test_elf e = make_elf();
	struct elf_events events = { on_layout, on_data, &(struct events_log) { 0 } };
	struct elf_stream *elf = malloc(sizeof(*elf));

	elf_stream_init(elf, &events);
	fail_alloc_at(1);
	assert_int_equal(elf_stream_feed(elf, e.bytes, e.size), -ENOMEM);
	fail_alloc_at(0);
	elf_stream_free(elf);
	free(elf);
	free(e.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_data_is_refused),
		cmocka_unit_test(a_sink_that_breaks_ends_it),
		cmocka_unit_test(missing_memory_is_an_error),
		cmocka_unit_test(huge_windows_are_refused),
		cmocka_unit_test(a_bzimage_needs_its_marks),
		cmocka_unit_test(headers_that_lie_are_refused),
		cmocka_unit_test(segments_that_lie_are_refused),
		cmocka_unit_test(notes_that_lie_are_refused),
		cmocka_unit_test(the_entry_may_stand_behind_other_notes),
		cmocka_unit_test(the_user_may_refuse),
		cmocka_unit_test(notes_need_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
