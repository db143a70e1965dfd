/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads an ELF executable as it streams by: headers first, then every byte once, in the order of
 * the file. Nothing but the headers and the notes is kept.
 *
 * Accepted: little-endian ELF32 or ELF64 for x86, of type EXEC or DYN, with its program headers
 * near the front and a Xen note PHYS32_ENTRY. Segments are loaded at their physical addresses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX      32
#define ELF_NOTE_SEGMENTS_MAX 8
#define ELF_NOTES_MAX	      65536u /* bytes of notes that are looked at */
#define ELF_HEADERS_MAX	      8192u  /* the program headers end before */

/*
 * One piece of the kernel, in guest-physical addresses; sizes in bytes. memory_size >= file_size.
 */
struct elf_segment {
	uint64_t addr, file_size, memory_size;
};

struct elf_kernel {
	struct elf_segment segments[ELF_SEGMENTS_MAX]; /* sorted by address, not overlapping */
	uint32_t n_segments;
	uint64_t start, end; /* from the first segment's start to the last one's end */
};

/* What the reader tells its user. Each returns 0 or a negative errno, which ends the whole. */
struct elf_events {
	/* Once, when the headers were read, before any data. */
	int (*layout)(void *arg, const struct elf_kernel *kernel);
	/* `length` bytes of the image belong at `addr`, within one segment's file_size. */
	int (*data)(void *arg, uint64_t addr, const uint8_t *bytes, size_t length);
	void *arg;
};

/* One PT_NOTE segment: its place in the file, and what has been seen of it (malloc). */
struct elf_notes {
	uint64_t offset, size;
	uint8_t *bytes;
};

struct elf_stream {
	const struct elf_events *events;
	struct elf_kernel kernel;
	uint64_t offsets[ELF_SEGMENTS_MAX]; /* in the file, of kernel.segments[i] */
	uint64_t position;		    /* bytes seen */
	uint64_t needed;		    /* file offset behind the last wanted byte */
	uint8_t headers[ELF_HEADERS_MAX];
	size_t n_headers;
	bool parsed;
	struct elf_notes notes[ELF_NOTE_SEGMENTS_MAX];
	uint32_t n_notes;
	const char *why;
};

void elf_stream_init(struct elf_stream *elf, const struct elf_events *events);
void elf_stream_free(struct elf_stream *elf);

/*
 * A sink_fn (decompress.h), `arg` being the struct elf_stream. Says SINK_ENOUGH behind the last
 * byte that matters. Errors: -ENOEXEC (not such an ELF file), -EBADMSG (headers contradict each
 * other); elf->why says what.
 */
int elf_stream_feed(void *arg, const uint8_t *bytes, size_t length);

/*
 * When the data has ended: checks that all was there and finds the entry point, which lies in a
 * segment. -EBADMSG: file is cut short; -ENOEXEC: no PHYS32_ENTRY note, or outside of the kernel.
 */
int elf_stream_finish(struct elf_stream *elf, uint64_t *entry);
