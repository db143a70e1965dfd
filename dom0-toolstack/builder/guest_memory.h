/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing to a guest's memory through a window that maps a small part of it at a time. */
#ifndef BULKHEAD_BUILDER_GUEST_MEMORY_H
#define BULKHEAD_BUILDER_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hyper/error.h"
#include "hyper/xen_abi.h"

#include <xenforeignmemory.h>

#define GUEST_WINDOW_PAGES 512u

struct guest_memory {
	xenforeignmemory_handle *handle;
	uint16_t domid;
	uint64_t low, high; /* the populated range that may be mapped: bytes, page multiples */
	uint64_t first;	    /* guest-physical address of the window */
	size_t pages;	    /* 0: nothing mapped */
	uint8_t *window;
};

/* Opens the foreign memory device for domain `domid`; negative errno on failure. */
int guest_memory_open(struct guest_memory *memory, uint16_t domid, struct error *err);
void guest_memory_close(struct guest_memory *memory);

/* Sets the range that may be mapped; drops the window. */
void guest_memory_range(struct guest_memory *memory, uint64_t low, uint64_t high);

/*
 * A pointer to the guest's memory at `addr`, and in *length how many of the `want` bytes from there
 * on are mapped (at least 1). It holds until the next call. -EFAULT: outside of the range. Pages
 * that nobody wants are not mapped: each costs.
 */
int guest_memory_at(struct guest_memory *memory, uint64_t addr, uint64_t want, uint8_t **at,
		    size_t *length, struct error *err);

/*
 * True when the given pages (at most GUEST_WINDOW_PAGES) hold nothing but zeroes. False also when
 * they can't be seen.
 */
bool guest_memory_is_zero(struct guest_memory *memory, const uint64_t *gfns, size_t count);

int guest_memory_write(struct guest_memory *memory, uint64_t addr, const void *bytes, size_t length,
		       struct error *err);
int guest_memory_zero(struct guest_memory *memory, uint64_t addr, uint64_t length,
		      struct error *err);

#endif
