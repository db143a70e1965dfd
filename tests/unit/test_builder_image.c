/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel images: the bzImage container, all compressions, ELF files as a stream. REQ
 * toolstack/builder: "bzImage (all compressions that Debian's and upstream's kernels use) and ELF
 * with the PHYS32_ENTRY note".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>

#include <bzlib.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "builder/bzimage.h"
#include "builder/decompress.h"
#include "builder/elf_stream.h"
#include "support/make_elf.h"

#define PACKED_MAX (1u << 20)
#define PLAIN_SIZE 300000u

/* What came out of a decoder. */
struct collected {
	uint8_t bytes[PLAIN_SIZE + 16];
	size_t size, enough; /* says SINK_ENOUGH from there on; 0: never */
};

static int collect(void *arg, const uint8_t *bytes, size_t length)
{
	struct collected *c = arg;

	assert_true(c->size + length <= sizeof(c->bytes));
	memcpy(c->bytes + c->size, bytes, length);
	c->size += length;
	return c->enough && c->size >= c->enough ? SINK_ENOUGH : SINK_MORE;
}

/* What decoders are fed with, what comes out, and why it ended. */
static uint8_t *plain, *stream;
static struct collected *c;
static const char *why;

static int setup(void **state)
{
	plain = malloc(PLAIN_SIZE);
	stream = calloc(1, PACKED_MAX);
	c = calloc(1, sizeof(*c));
	why = NULL;
	/* Compressible, but not trivial. */
	for (size_t i = 0; i < PLAIN_SIZE; i++)
		plain[i] = (uint8_t)(i % 97 < 40 ? i / 1000 : i * i >> 7);
	return 0;
}

static int teardown(void **state)
{
	free(c);
	free(stream);
	free(plain);
	return 0;
}

typedef size_t (*pack_fn)(const uint8_t *in, size_t size, uint8_t *out);

static size_t pack_gzip(const uint8_t *in, size_t size, uint8_t *out)
{
	z_stream z = { 0 };

	deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	z.next_in = (uint8_t *)in;
	z.avail_in = size;
	z.next_out = out;
	z.avail_out = PACKED_MAX;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size = z.total_out;
	deflateEnd(&z);
	return size;
}

static size_t pack_bzip2(const uint8_t *in, size_t size, uint8_t *out)
{
	unsigned int n = PACKED_MAX;

	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)out, &n, (char *)in, size, 9, 0, 0),
			 BZ_OK);
	return n;
}

static size_t pack_lzma_with(lzma_stream *s, const uint8_t *in, size_t size, uint8_t *out)
{
	s->next_in = in;
	s->avail_in = size;
	s->next_out = out;
	s->avail_out = PACKED_MAX;
	assert_int_equal(lzma_code(s, LZMA_FINISH), LZMA_STREAM_END);
	size = s->total_out;
	lzma_end(s);
	return size;
}

static size_t pack_lzma(const uint8_t *in, size_t size, uint8_t *out)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma o;

	lzma_lzma_preset(&o, 6);
	assert_int_equal(lzma_alone_encoder(&s, &o), LZMA_OK);
	return pack_lzma_with(&s, in, size, out);
}

static size_t pack_xz(const uint8_t *in, size_t size, uint8_t *out)
{
	lzma_stream s = LZMA_STREAM_INIT;

	assert_int_equal(lzma_easy_encoder(&s, 6, LZMA_CHECK_CRC32), LZMA_OK);
	return pack_lzma_with(&s, in, size, out);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

/* As lzop writes it, without a name and with checksums of the data. */
static size_t pack_lzo(const uint8_t *in, size_t size, uint8_t *out)
{
	static const uint8_t magic[] = { 0x89, 'L', 'Z', 'O', 0, 0x0d, 0x0a, 0x1a, 0x0a };
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	uint8_t *p = out;

	memcpy(p, magic, 9);
	memset(p + 9, 0, 25);
	p[9] = 0x10; /* version 0x1030 */
	p[10] = 0x30;
	p[15] = 1;	       /* method */
	put_be32(p + 17, 0x1); /* ADLER32_D */
	p += 38;
	memset(out + 34, 0, 4);
	while (size) {
		size_t n = size < 256 << 10 ? size : 256 << 10;
		lzo_uint packed;

		lzo1x_1_compress(in, n, p + 12, &packed, work);
		put_be32(p, n);
		put_be32(p + 8, 0);
		if (packed >= n) {
			packed = n;
			memcpy(p + 12, in, n);
		}
		put_be32(p + 4, packed);
		p += 12 + packed;
		in += n;
		size -= n;
	}
	put_be32(p, 0);
	return p + 4 - out;
}

/* As the kernel's build does: legacy frame, then the size. */
static size_t pack_lz4(const uint8_t *in, size_t size, uint8_t *out)
{
	uint32_t n, all = size;

	memcpy(out, "\x02\x21\x4c\x18", 4);
	n = LZ4_compress_HC((char *)in, (char *)out + 8, size, PACKED_MAX - 8, 9);
	memcpy(out + 4, &n, 4);
	memcpy(out + 8 + n, &all, 4);
	return n + 12;
}

static size_t pack_zstd(const uint8_t *in, size_t size, uint8_t *out)
{
	return ZSTD_compress(out, PACKED_MAX, in, size, 19);
}

static const struct {
	const char *name;
	pack_fn pack;
} formats[] = {
	{ "gzip", pack_gzip }, { "bzip2", pack_bzip2 }, { "lzma", pack_lzma }, { "xz", pack_xz },
	{ "lzo", pack_lzo },   { "lz4", pack_lz4 },	{ "zstd", pack_zstd },
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

/* Decodes into *c, which says SINK_ENOUGH from `enough` bytes on (0: never). */
static int run_until(const uint8_t *data, size_t size, uint64_t limit, size_t enough)
{
	struct sink sink = { collect, c, limit, 0, NULL };
	int rc;

	memset(c, 0, sizeof(*c));
	c->enough = enough;
	rc = decompress(data, size, &sink);
	why = sink.why;
	return rc;
}

static int run(const uint8_t *data, size_t size, uint64_t limit)
{
	return run_until(data, size, limit, 0);
}

static void all_formats_round_trip(void **state)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		size_t n = formats[i].pack(plain, PLAIN_SIZE, stream);

		assert_string_equal(decompress_format(stream, n), formats[i].name);
		assert_int_equal(run(stream, n, PLAIN_SIZE), SINK_MORE);
		assert_int_equal(c->size, PLAIN_SIZE);
		assert_memory_equal(c->bytes, plain, PLAIN_SIZE);
	}
}

/* Kernels have four bytes of size behind the stream; they must not disturb. */
static void bytes_behind_the_end_are_ignored(void **state)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		size_t n;

		if (!strcmp(formats[i].name, "lz4"))
			continue; /* has them already */
		n = formats[i].pack(plain, PLAIN_SIZE, stream);
		memset(stream + n, 0x5a, 4);
		assert_int_equal(run(stream, n + 4, PLAIN_SIZE), SINK_MORE);
		assert_int_equal(c->size, PLAIN_SIZE);
	}
}

static void the_limit_holds(void **state)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		size_t n = formats[i].pack(plain, PLAIN_SIZE, stream);

		assert_int_equal(run(stream, n, PLAIN_SIZE - 1), -EFBIG);
		assert_non_null(why);
		assert_true(c->size < PLAIN_SIZE);
	}
}

static void a_sink_that_has_enough_ends_it(void **state)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		size_t n = formats[i].pack(plain, PLAIN_SIZE, stream);

		assert_int_equal(run_until(stream, n, PLAIN_SIZE, 1000), SINK_ENOUGH);
		assert_memory_equal(c->bytes, plain, 1000);
	}
}

static void cut_streams_are_errors(void **state)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		size_t n = formats[i].pack(plain, PLAIN_SIZE, stream);

		for (size_t cut = 20; cut < n; cut += n / 13 + 1) {
			/* A copy of exactly that size, so that reading past it is seen. */
			uint8_t *copy = malloc(cut);
			int rc;

			memcpy(copy, stream, cut);
			rc = run(copy, cut, PLAIN_SIZE);
			free(copy);
			assert_true(rc == -EBADMSG || rc == -ENOMEM);
			assert_non_null(why);
		}
	}
}

static void unknown_formats_are_refused(void **state)
{
	uint8_t junk[64] = "certainly not a kernel image, whatever it may be otherwise";
	assert_null(decompress_format(junk, sizeof(junk)));
	assert_int_equal(run(junk, sizeof(junk), 100), -ENOEXEC);
	assert_int_equal(run(junk, 0, 100), -ENOEXEC);
}

static void assert_unpacks(const uint8_t *packed, size_t size, const uint8_t *in, size_t in_size)
{
	assert_int_equal(run(packed, size, in_size), SINK_MORE);
	assert_int_equal(c->size, in_size);
	assert_memory_equal(c->bytes, in, in_size);
}

/* From a copy of exactly that size, so that reading past it is seen. */
static void assert_refused(const uint8_t *packed, size_t size)
{
	uint8_t *copy = malloc(size);

	memcpy(copy, packed, size);
	assert_true(run(copy, size, 1 << 20) < 0);
	assert_non_null(why);
	free(copy);
}

/* An lzop file with a header of the given version and flags: one block packed, one as it is. */
static size_t lzop_file(uint32_t version, uint32_t flags, const uint8_t *in, uint8_t *out)
{
	static const uint8_t magic[] = { 0x89, 'L', 'Z', 'O', 0, 0x0d, 0x0a, 0x1a, 0x0a };
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	uint32_t sums = !!(flags & 0x1) + !!(flags & 0x100);
	uint32_t packed_sums = !!(flags & 0x2) + !!(flags & 0x200);
	bool newer = version >= 0x940;
	uint8_t *p = out, *head;
	lzo_uint packed;

	memcpy(p, magic, 9);
	p += 9;
	*p++ = version >> 8;
	*p++ = version & 0xff;
	memset(p, 0, 256);
	p += 2 + (newer ? 2 : 0);
	*p++ = 1; /* method */
	p += newer;
	put_be32(p, flags);
	p += 4 + (flags & 0x800 ? 4 : 0) + (newer ? 12 : 8);
	*p++ = 3; /* the name's length */
	p += 3 + 4;
	if (flags & 0x40) {
		put_be32(p, 5);
		p += 4 + 5 + 4;
	}
	head = p;
	p += 8 + 4 * (sums + packed_sums);
	lzo1x_1_compress(in, 1000, p, &packed, work);
	assert_true(packed < 1000);
	memset(head, 0, (size_t)(p - head));
	put_be32(head, 1000);
	put_be32(head + 4, packed);
	p += packed;
	put_be32(p, 200);
	put_be32(p + 4, 200);
	memset(p + 8, 0, 4 * sums);
	memcpy(p + 8 + 4 * sums, in + 1000, 200);
	p += 8 + 4 * sums + 200;
	put_be32(p, 0);
	return (size_t)(p + 4 - out);
}

/* Headers as different versions of lzop write them; and each cut at every byte. */
static void lzop_headers_are_understood(void **state)
{
	static const uint32_t flags[] = {
		0, 0x1, 0x2, 0x3, 0x100, 0x200, 0x303, 0x40, 0x800, 0xb43
	};
	static uint8_t in[1200], packed[4096];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i / 7);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		for (int old = 0; old < 2; old++) {
			size_t size = lzop_file(old ? 0x900 : 0x1030, flags[i], in, packed);

			assert_unpacks(packed, size, in, sizeof(in));
			for (size_t cut = 4; cut + 4 < size; cut++)
				assert_refused(packed, cut);
		}
	}
	/* A method that there is not, a block that is too large, one that grows, nonsense. */
	for (int what = 0; what < 4; what++) {
		size_t size = lzop_file(0x1030, 0, in, packed), block = 42;

		if (what == 0)
			packed[15] = 9;
		else if (what == 1)
			put_be32(packed + block, 1 << 20);
		else if (what == 2)
			put_be32(packed + block + 4, 2000);
		else
			memset(packed + block + 8, 0xff, 50);
		assert_refused(packed, size);
	}
}

static void lz4_blocks_are_checked(void **state)
{
	static uint8_t in[1200], packed[4096];
	size_t size = pack_lz4(in, sizeof(in), packed);
	uint32_t n = 0x10000000;

	assert_unpacks(packed, size, in, sizeof(in));
	memset(packed + 10, 0xff, size - 14);
	assert_refused(packed, size);
	memcpy(packed + 4, &n, 4);
	assert_refused(packed, size);
}

static void bzimage_payload_is_found(void **state)
{
	const uint8_t payload[] = "payload";
	size_t size, offset, length;
	uint8_t *b = make_bzimage(payload, sizeof(payload), &size);

	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), 0);
	assert_int_equal(length, sizeof(payload));
	assert_memory_equal(b + offset, payload, length);
	/* 0 sectors stand for 4. */
	b[0x1f1] = 0;
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), -EBADMSG);
	b[0x1f1] = 1;
	/* Length and offset that leave the file, also by overflow. */
	b[0x24c]++;
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), -EBADMSG);
	b[0x24c]--;
	memset(b + 0x248, 0xff, 8);
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), -EBADMSG);
	free(b);
}

static void other_files_are_no_bzimage(void **state)
{
	size_t size, offset, length;
	uint8_t *b = make_bzimage((const uint8_t *)"x", 1, &size);

	assert_int_equal(bzimage_payload(b, 0x24f, &offset, &length, &why), -ENOEXEC);
	b[0x206] = 0x07; /* boot protocol 2.07 has no payload fields */
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), -EBADMSG);
	b[0x202] = 'X';
	assert_int_equal(bzimage_payload(b, size, &offset, &length, &why), -ENOEXEC);
	free(b);
}

/* ---- ELF ---- */

struct loaded {
	struct elf_kernel kernel;
	unsigned int layouts;
	uint8_t memory[0x20000];
	uint64_t bytes;
};

static int on_layout(void *arg, const struct elf_kernel *kernel)
{
	struct loaded *l = arg;

	l->layouts++;
	l->kernel = *kernel;
	return 0;
}

static int on_data(void *arg, uint64_t addr, const uint8_t *bytes, size_t length)
{
	struct loaded *l = arg;

	assert_int_equal(l->layouts, 1);
	assert_true(addr >= TEST_LOAD && addr + length <= TEST_LOAD + sizeof(l->memory));
	memcpy(l->memory + (addr - TEST_LOAD), bytes, length);
	l->bytes += length;
	return 0;
}

/* Feeds in pieces of `piece` bytes. */
static int load(const uint8_t *bytes, size_t size, size_t piece, struct loaded *l, uint64_t *entry)
{
	struct elf_events events = { on_layout, on_data, l };
	struct elf_stream *elf = malloc(sizeof(*elf));
	int rc = SINK_MORE;

	memset(l, 0, sizeof(*l));
	elf_stream_init(elf, &events);
	for (size_t at = 0; at < size && rc == SINK_MORE; at += piece)
		rc = elf_stream_feed(elf, bytes + at, size - at < piece ? size - at : piece);
	if (rc >= 0)
		rc = elf_stream_finish(elf, entry);
	assert_true(!rc || elf->why);
	elf_stream_free(elf);
	free(elf);
	return rc;
}

static void check_loaded(const struct test_elf *e, const struct loaded *l, uint64_t entry)
{
	assert_int_equal(entry, TEST_ENTRY);
	assert_int_equal(l->kernel.n_segments, 2);
	assert_int_equal(l->kernel.start, TEST_LOAD);
	assert_int_equal(l->kernel.end, TEST_LOAD + 0x10000 + TEST_DATA_BYTES + TEST_BSS_BYTES);
	assert_int_equal(l->bytes, TEST_CODE_BYTES + TEST_DATA_BYTES);
	assert_memory_equal(l->memory, e->bytes + 4096, TEST_CODE_BYTES);
	assert_memory_equal(l->memory + 0x10000, e->bytes + 4096 + TEST_CODE_BYTES,
			    TEST_DATA_BYTES);
}

static void elf_is_loaded_however_it_is_cut(void **state)
{
	static const size_t pieces[] = { 1, 7, 63, 64, 65, 4096, 8192, 1u << 20 };
	struct loaded *l = malloc(sizeof(*l));
	uint64_t entry;

	for (int wide = 0; wide < 2; wide++) {
		struct test_elf e = wide ? make_elf() : make_elf32();

		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
			assert_int_equal(load(e.bytes, e.size, pieces[i], l, &entry), 0);
			check_loaded(&e, l, entry);
		}
		free(e.bytes);
	}
	free(l);
}

static int try(struct test_elf *e)
{
	struct loaded *l = malloc(sizeof(*l));
	uint64_t entry = 0;
	int rc = load(e->bytes, e->size, 5000, l, &entry);

	free(l);
	free(e->bytes);
	*e = make_elf();
	return rc;
}

static void bad_elf_headers_are_refused(void **state)
{
	struct test_elf e = make_elf();

	e.bytes[0] = 0;
	assert_int_equal(try(&e), -ENOEXEC);
	e.header->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(try(&e), -ENOEXEC);
	e.header->e_ident[EI_CLASS] = 3;
	assert_int_equal(try(&e), -ENOEXEC);
	e.header->e_machine = EM_AARCH64;
	assert_int_equal(try(&e), -ENOEXEC);
	e.header->e_type = ET_REL;
	assert_int_equal(try(&e), -ENOEXEC);
	e.header->e_phentsize = 55;
	assert_int_equal(try(&e), -EBADMSG);
	e.header->e_phnum = 0;
	assert_int_equal(try(&e), -EBADMSG);
	e.header->e_phnum = 0xffff;
	assert_int_equal(try(&e), -EBADMSG);
	e.header->e_phoff = UINT64_MAX - 8;
	assert_int_equal(try(&e), -EBADMSG);
	e.size = 63;
	assert_int_equal(try(&e), -EBADMSG);
	free(e.bytes);
}

static void bad_elf_segments_are_refused(void **state)
{
	struct test_elf e = make_elf();

	e.program[0].p_filesz = e.program[0].p_memsz + 1;
	assert_int_equal(try(&e), -EBADMSG);
	e.program[0].p_paddr = TEST_LOAD + 1; /* into the other one */
	assert_int_equal(try(&e), -EBADMSG);
	e.program[0].p_paddr = UINT64_MAX - 10;
	assert_int_equal(try(&e), -EBADMSG);
	e.program[0].p_memsz = UINT64_MAX - 10;
	assert_int_equal(try(&e), -EBADMSG);
	e.program[0].p_offset = UINT64_MAX - 10;
	assert_int_equal(try(&e), -EBADMSG);
	e.program[0].p_offset = e.size - 1; /* data beyond the end of the file */
	assert_int_equal(try(&e), -EBADMSG);
	e.program[0].p_type = PT_NULL;
	e.program[1].p_type = PT_NULL;
	assert_int_equal(try(&e), -ENOEXEC);
	free(e.bytes);
}

static void bad_notes_are_refused(void **state)
{
	struct test_elf e = make_elf();
	uint32_t outside = TEST_LOAD - 1;

	e.program[2].p_type = PT_NULL;
	assert_int_equal(try(&e), -ENOEXEC);
	e.program[2].p_filesz = 70000;
	assert_int_equal(try(&e), -EBADMSG);
	e.note[8] = 17; /* another type */
	assert_int_equal(try(&e), -ENOEXEC);
	e.note[12] = 'Y'; /* another vendor */
	assert_int_equal(try(&e), -ENOEXEC);
	memset(e.note, 0xff, 8); /* sizes that overflow */
	assert_int_equal(try(&e), -ENOEXEC);
	memcpy(e.note + 16, &outside, 4);
	assert_int_equal(try(&e), -ENOEXEC);
	e.program[2].p_filesz = 11; /* not even a header */
	assert_int_equal(try(&e), -ENOEXEC);
	assert_int_equal(try(&e), 0);
	free(e.bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_formats_round_trip),
		TEST(bytes_behind_the_end_are_ignored),
		TEST(the_limit_holds),
		TEST(a_sink_that_has_enough_ends_it),
		TEST(cut_streams_are_errors),
		TEST(unknown_formats_are_refused),
		TEST(lzop_headers_are_understood),
		TEST(lz4_blocks_are_checked),
		TEST(bzimage_payload_is_found),
		TEST(other_files_are_no_bzimage),
		TEST(elf_is_loaded_however_it_is_cut),
		TEST(bad_elf_headers_are_refused),
		TEST(bad_elf_segments_are_refused),
		TEST(bad_notes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
