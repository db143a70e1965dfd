/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats whose libraries stream by themselves: gzip, bzip2, LZMA, XZ, Zstandard. */
#include "builder/decompress.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK		(256u << 10)
#define WINDOW_MAX	(192u << 20) /* memory of a decoder */
#define ZSTD_WINDOW_LOG 27

int sink_fail(struct sink *sink, int code, const char *why)
{
	sink->why = why;
	return code;
}

int sink_put(struct sink *sink, const uint8_t *bytes, size_t length)
{
	if (length > sink->limit - sink->total)
		return sink_fail(sink, -EFBIG, "the kernel is too large when decompressed");
	sink->total += length;
	return length ? sink->fn(sink->arg, bytes, length) : SINK_MORE;
}

/* A piece that fits an unsigned int. */
static unsigned int piece(size_t size)
{
	return size > UINT_MAX / 2 ? UINT_MAX / 2 : (unsigned int)size;
}

static int gzip_loop(z_stream *z, const uint8_t *data, size_t size, uint8_t *chunk,
		     struct sink *sink)
{
	size_t taken = 0;
	int rc;

	for (;;) {
		if (!z->avail_in) {
			z->next_in = (uint8_t *)data + taken;
			z->avail_in = piece(size - taken);
			taken += z->avail_in;
		}
		z->next_out = chunk;
		z->avail_out = CHUNK;
		rc = inflate(z, Z_NO_FLUSH);
		if (rc == Z_MEM_ERROR)
			return sink_fail(sink, -ENOMEM, "no memory for gzip");
		if (rc != Z_OK && rc != Z_STREAM_END)
			return sink_fail(sink, -EBADMSG,
					 rc == Z_BUF_ERROR ? "gzip data is cut short"
							   : "gzip data is corrupt");
		if (rc == Z_STREAM_END)
			return sink_put(sink, chunk, CHUNK - z->avail_out);
		rc = sink_put(sink, chunk, CHUNK - z->avail_out);
		if (rc)
			return rc;
	}
}

int decompress_gzip(const uint8_t *data, size_t size, struct sink *sink)
{
	uint8_t *chunk = malloc(CHUNK);
	z_stream z = { 0 };
	int rc = -ENOMEM;

	if (chunk && inflateInit2(&z, 15 + 16) == Z_OK) {
		rc = gzip_loop(&z, data, size, chunk, sink);
		inflateEnd(&z);
	} else {
		sink->why = "no memory for gzip";
	}
	free(chunk);
	return rc;
}

static int bzip2_loop(bz_stream *bz, const uint8_t *data, size_t size, uint8_t *chunk,
		      struct sink *sink)
{
	size_t taken = 0;
	int rc;

	for (;;) {
		if (!bz->avail_in) {
			bz->next_in = (char *)data + taken;
			bz->avail_in = piece(size - taken);
			taken += bz->avail_in;
		}
		bz->next_out = (char *)chunk;
		bz->avail_out = CHUNK;
		rc = BZ2_bzDecompress(bz);
		if (rc != BZ_OK && rc != BZ_STREAM_END)
			return sink_fail(sink, rc == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG,
					 "bzip2 data is corrupt");
		if (rc == BZ_STREAM_END)
			return sink_put(sink, chunk, CHUNK - bz->avail_out);
		if (bz->avail_out == CHUNK && !bz->avail_in && taken == size)
			return sink_fail(sink, -EBADMSG, "bzip2 data is cut short");
		rc = sink_put(sink, chunk, CHUNK - bz->avail_out);
		if (rc)
			return rc;
	}
}

int decompress_bzip2(const uint8_t *data, size_t size, struct sink *sink)
{
	uint8_t *chunk = malloc(CHUNK);
	bz_stream bz = { 0 };
	int rc = -ENOMEM;

	if (chunk && BZ2_bzDecompressInit(&bz, 0, 0) == BZ_OK) {
		rc = bzip2_loop(&bz, data, size, chunk, sink);
		BZ2_bzDecompressEnd(&bz);
	} else {
		sink->why = "no memory for bzip2";
	}
	free(chunk);
	return rc;
}

static int lzma_error(struct sink *sink, lzma_ret ret)
{
	switch (ret) {
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR:
		return sink_fail(sink, -ENOMEM,
				 "the dictionary of the xz or lzma data is too large");
	case LZMA_BUF_ERROR:
		return sink_fail(sink, -EBADMSG, "xz or lzma data is cut short");
	default:
		return sink_fail(sink, -EBADMSG, "xz or lzma data is corrupt");
	}
}

static int lzma_loop(lzma_stream *s, const uint8_t *data, size_t size, uint8_t *chunk,
		     struct sink *sink)
{
	lzma_ret ret;
	int rc;

	s->next_in = data;
	s->avail_in = size;
	for (;;) {
		s->next_out = chunk;
		s->avail_out = CHUNK;
		ret = lzma_code(s, LZMA_RUN);
		if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			return lzma_error(sink, ret);
		rc = sink_put(sink, chunk, CHUNK - s->avail_out);
		if (rc || ret == LZMA_STREAM_END)
			return rc;
	}
}

static int lzma_run(lzma_stream *s, lzma_ret ready, const uint8_t *data, size_t size,
		    struct sink *sink)
{
	uint8_t *chunk = malloc(CHUNK);
	int rc;

	if (ready != LZMA_OK)
		rc = lzma_error(sink, ready);
	else if (!chunk)
		rc = sink_fail(sink, -ENOMEM, "no memory for xz");
	else
		rc = lzma_loop(s, data, size, chunk, sink);
	lzma_end(s);
	free(chunk);
	return rc;
}

int decompress_lzma(const uint8_t *data, size_t size, struct sink *sink)
{
	lzma_stream s = LZMA_STREAM_INIT;

	return lzma_run(&s, lzma_alone_decoder(&s, WINDOW_MAX), data, size, sink);
}

int decompress_xz(const uint8_t *data, size_t size, struct sink *sink)
{
	lzma_stream s = LZMA_STREAM_INIT;

	return lzma_run(&s, lzma_stream_decoder(&s, WINDOW_MAX, 0), data, size, sink);
}

static int zstd_loop(ZSTD_DStream *z, const uint8_t *data, size_t size, uint8_t *chunk,
		     struct sink *sink)
{
	ZSTD_inBuffer in = { data, size, 0 };
	int rc;

	for (;;) {
		ZSTD_outBuffer out = { chunk, CHUNK, 0 };
		size_t left = ZSTD_decompressStream(z, &out, &in);

		if (ZSTD_isError(left))
			return sink_fail(sink, -EBADMSG,
					 "zstd data is corrupt, or its window too large");
		rc = sink_put(sink, chunk, out.pos);
		if (rc || !left)
			return rc;
		if (in.pos == in.size && out.pos < out.size)
			return sink_fail(sink, -EBADMSG, "zstd data is cut short");
	}
}

int decompress_zstd(const uint8_t *data, size_t size, struct sink *sink)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	uint8_t *chunk = malloc(CHUNK);
	int rc;

	if (!z || !chunk) {
		rc = sink_fail(sink, -ENOMEM, "no memory for zstd");
	} else {
		ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
		rc = zstd_loop(z, data, size, chunk, sink);
	}
	ZSTD_freeDStream(z);
	free(chunk);
	return rc;
}

/* An ELF file that is not compressed. */
static int decompress_none(const uint8_t *data, size_t size, struct sink *sink)
{
	int rc = SINK_MORE;

	for (size_t at = 0; at < size && !rc; at += CHUNK)
		rc = sink_put(sink, data + at, size - at < CHUNK ? size - at : CHUNK);
	return rc;
}

static const struct format {
	const char *name;
	uint8_t magic[9];
	uint8_t length;
	int (*run)(const uint8_t *data, size_t size, struct sink *sink);
} formats[] = {
	{ "none", { 0x7f, 'E', 'L', 'F' }, 4, decompress_none },
	{ "gzip", { 0x1f, 0x8b }, 2, decompress_gzip },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, decompress_bzip2 },
	{ "lzma", { 0x5d, 0x00, 0x00 }, 3, decompress_lzma },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0x00 }, 6, decompress_xz },
	{ "lzo", { 0x89, 'L', 'Z', 'O', 0x00, 0x0d, 0x0a, 0x1a, 0x0a }, 9, decompress_lzo },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, decompress_lz4 },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, decompress_zstd },
};

static const struct format *find(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *f = &formats[i];

		if (size > f->length && !memcmp(data, f->magic, f->length))
			return f;
	}
	return NULL;
}

const char *decompress_format(const uint8_t *data, size_t size)
{
	const struct format *f = find(data, size);

	return f ? f->name : NULL;
}

int decompress(const uint8_t *data, size_t size, struct sink *sink)
{
	const struct format *f = find(data, size);

	if (!f)
		return sink_fail(sink, -ENOEXEC,
				 "neither an ELF file nor compressed in a known format");
	return f->run(data, size, sink);
}
