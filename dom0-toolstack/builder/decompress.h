/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decompression of kernel images, as a stream: whatever the image's size, memory holds the
 * decoder's window and one chunk. Runs in the loader's child process, on input that nobody trusts.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What a sink says to the bytes that it was given. */
enum sink_answer {
	SINK_MORE = 0,
	SINK_ENOUGH = 1, /* all that is wanted was seen: stop without an error */
};

/* Takes the next bytes. Returns an enum sink_answer, or a negative errno that ends the whole. */
typedef int (*sink_fn)(void *arg, const uint8_t *bytes, size_t length);

/* Where a decoder's output goes; it counts, and stops at the limit. */
struct sink {
	sink_fn fn;
	void *arg;
	uint64_t limit;	 /* bytes that may come out at most */
	uint64_t total;	 /* bytes so far */
	const char *why; /* says what is wrong when an error comes back; a constant */
};

/* Hands on `length` bytes. -EFBIG beyond the limit; else as sink_fn. */
int sink_put(struct sink *sink, const uint8_t *bytes, size_t length);

/* Sets why and returns code. */
int sink_fail(struct sink *sink, int code, const char *why);

/* "gzip", "xz" … of the format that the bytes start with, "none" for an ELF file; NULL: unknown. */
const char *decompress_format(const uint8_t *data, size_t size);

/*
 * Decompresses data in any of the formats of Linux kernels (gzip, bzip2, LZMA, XZ, LZO, LZ4,
 * Zstandard), or hands it on as it is when it is an ELF file, until its end or until the sink has
 * enough. Bytes behind the end are ignored. Returns SINK_MORE or SINK_ENOUGH, or a negative errno
 * with sink->why: -EBADMSG (corrupt or cut short), -ENOEXEC (unknown format), -EFBIG (limit),
 * -ENOMEM (memory, or a window larger than is allowed).
 */
int decompress(const uint8_t *data, size_t size, struct sink *sink);

/* The single formats, for decompress() and tests. */
int decompress_gzip(const uint8_t *data, size_t size, struct sink *sink);
int decompress_bzip2(const uint8_t *data, size_t size, struct sink *sink);
int decompress_lzma(const uint8_t *data, size_t size, struct sink *sink);
int decompress_xz(const uint8_t *data, size_t size, struct sink *sink);
int decompress_lzo(const uint8_t *data, size_t size, struct sink *sink);
int decompress_lz4(const uint8_t *data, size_t size, struct sink *sink);
int decompress_zstd(const uint8_t *data, size_t size, struct sink *sink);
