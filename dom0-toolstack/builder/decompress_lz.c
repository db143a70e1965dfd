/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats that are a list of blocks: LZ4 (the legacy frame that kernels use) and LZO (lzop files).
 */
#include "builder/decompress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lzo/lzo1x.h>

#define LZ4_BLOCK_MAX	 (8u << 20)   /* decompressed; the format's constant */
#define LZO_BLOCK_MAX	 (256u << 10) /* decompressed; what lzop writes */

/* lzop's header flags. */
#define LZOP_ADLER32_D	 0x1u
#define LZOP_ADLER32_C	 0x2u
#define LZOP_EXTRA_FIELD 0x40u
#define LZOP_CRC32_D	 0x100u
#define LZOP_CRC32_C	 0x200u
#define LZOP_FILTER	 0x800u

/* What is left of the input. */
struct input {
	const uint8_t *at;
	size_t left;
};

static int take(struct input *in, size_t length, const uint8_t **bytes)
{
	if (length > in->left)
		return -EBADMSG;
	*bytes = in->at;
	in->at += length;
	in->left -= length;
	return 0;
}

static int skip(struct input *in, size_t length)
{
	const uint8_t *bytes;

	return take(in, length, &bytes);
}

static int take_be(struct input *in, unsigned int bytes, uint32_t *value)
{
	const uint8_t *p;
	int rc = take(in, bytes, &p);

	*value = 0;
	for (unsigned int i = 0; !rc && i < bytes; i++)
		*value = *value << 8 | p[i];
	return rc;
}

static int take_le32(struct input *in, uint32_t *value)
{
	const uint8_t *p;
	int rc = take(in, 4, &p);

	*value = 0;
	if (!rc)
		*value = p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
	return rc;
}

static int lz4_blocks(struct input *in, uint8_t *chunk, struct sink *sink)
{
	while (in->left >= 4) {
		const uint8_t *block;
		uint32_t length;
		int n, rc;

		(void)take_le32(in, &length);
		/*
		 * There is no end mark: behind the last block stands the decompressed size, in four
		 * bytes. A block too large for what is left is that size.
		 */
		if (!in->left)
			return SINK_MORE;
		if (length > LZ4_COMPRESSBOUND(LZ4_BLOCK_MAX) || take(in, length, &block))
			return sink_fail(sink, -EBADMSG, "lz4 data is cut short or corrupt");
		n = LZ4_decompress_safe((const char *)block, (char *)chunk, (int)length,
					LZ4_BLOCK_MAX);
		if (n < 0)
			return sink_fail(sink, -EBADMSG, "lz4 data is corrupt");
		rc = sink_put(sink, chunk, n);
		if (rc)
			return rc;
	}
	return SINK_MORE;
}

int decompress_lz4(const uint8_t *data, size_t size, struct sink *sink)
{
	struct input in = { data, size };
	uint8_t *chunk = malloc(LZ4_BLOCK_MAX);
	int rc;

	if (!chunk)
		return sink_fail(sink, -ENOMEM, "no memory for lz4");
	rc = skip(&in, 4) ? sink_fail(sink, -EBADMSG, "lz4 data is cut short")
			  : lz4_blocks(&in, chunk, sink);
	free(chunk);
	return rc;
}

/* lzop's file header, behind the magic. */
static int lzo_header(struct input *in, uint32_t *flags)
{
	uint32_t version, method, length, extra;

	if (take_be(in, 2, &version) || skip(in, 2))
		return -EBADMSG;
	if (version >= 0x940 && skip(in, 2))
		return -EBADMSG;
	if (take_be(in, 1, &method) || method < 1 || method > 3)
		return -EBADMSG;
	if (version >= 0x940 && skip(in, 1))
		return -EBADMSG;
	if (take_be(in, 4, flags))
		return -EBADMSG;
	if ((*flags & LZOP_FILTER) && skip(in, 4))
		return -EBADMSG;
	/* Mode and time. */
	if (skip(in, version >= 0x940 ? 12 : 8))
		return -EBADMSG;
	/* Name, checksum. */
	if (take_be(in, 1, &length) || skip(in, length) || skip(in, 4))
		return -EBADMSG;
	if (*flags & LZOP_EXTRA_FIELD) {
		if (take_be(in, 4, &extra) || skip(in, extra) || skip(in, 4))
			return -EBADMSG;
	}
	return 0;
}

/* One block. *length 0: the end. */
static int lzo_block(struct input *in, uint32_t flags, uint8_t *chunk, uint32_t *length)
{
	const uint8_t *block;
	lzo_uint out;
	uint32_t packed;

	if (take_be(in, 4, length))
		return -EBADMSG;
	if (!*length)
		return 0;
	if (*length > LZO_BLOCK_MAX || take_be(in, 4, &packed) || packed > *length)
		return -EBADMSG;
	if (((flags & LZOP_ADLER32_D) && skip(in, 4)) || ((flags & LZOP_CRC32_D) && skip(in, 4)))
		return -EBADMSG;
	if (packed < *length && (flags & LZOP_ADLER32_C) && skip(in, 4))
		return -EBADMSG;
	if (packed < *length && (flags & LZOP_CRC32_C) && skip(in, 4))
		return -EBADMSG;
	if (take(in, packed, &block))
		return -EBADMSG;
	if (packed == *length) {
		memcpy(chunk, block, packed);
		return 0;
	}
	out = *length;
	if (lzo1x_decompress_safe(block, packed, chunk, &out, NULL) != LZO_E_OK || out != *length)
		return -EBADMSG;
	return 0;
}

int decompress_lzo(const uint8_t *data, size_t size, struct sink *sink)
{
	struct input in = { data, size };
	uint8_t *chunk = malloc(LZO_BLOCK_MAX);
	uint32_t flags = 0, length;
	int rc;

	if (!chunk)
		return sink_fail(sink, -ENOMEM, "no memory for lzo");
	rc = skip(&in, 9) ? -EBADMSG : lzo_header(&in, &flags);
	if (rc)
		sink->why = "the header of the lzo data is corrupt";
	while (!rc) {
		rc = lzo_block(&in, flags, chunk, &length);
		if (rc)
			sink->why = "lzo data is cut short or corrupt";
		else if (!length)
			break;
		else
			rc = sink_put(sink, chunk, length);
	}
	free(chunk);
	return rc;
}
