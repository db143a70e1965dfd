/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing to the memory of a guest that does not run yet.
 *
 * The quick way is to let the hypervisor copy: entries of the guest's grant table, which nobody
 * uses yet, name the pages of one piece after the other. Nothing is mapped, so nothing has to be
 * unmapped, which would cost a hypercall and a flush of translations for each page. Where that is
 * not offered or not allowed, a window maps a small part of the guest at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hyper/error.h"
#include "hyper/xen_abi.h"

#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xen/grant_table.h>

#define GUEST_WINDOW_PAGES 512u

struct guest_memory {
	xenforeignmemory_handle *handle;
	uint16_t domid;
	uint64_t low, high; /* the populated range that may be written: bytes, page multiples */
	/* The window. */
	uint64_t first; /* its guest-physical address */
	size_t pages;	/* 0: nothing mapped */
	uint8_t *window;
	/* Copying by grants. */
	bool copies;		   /* it works */
	xengnttab_handle *grants;  /* NULL: none */
	grant_entry_v1_t *entries; /* first page of the guest's table; NULL: not mapped */
	xenforeignmemory_resource_handle *table;
	xengnttab_grant_copy_segment_t *segments; /* malloc */
};

/* Opens the devices for domain `domid`, which must not have run; negative errno on failure. */
int guest_memory_open(struct guest_memory *memory, uint16_t domid, struct error *err);

/* Takes back all grants but the reserved ones, and closes. */
void guest_memory_close(struct guest_memory *memory);

/* Sets the range that may be written; drops the window. */
void guest_memory_range(struct guest_memory *memory, uint64_t low, uint64_t high);

/*
 * Makes a reserved entry of the guest's grant table (GNTTAB_RESERVED_*), for a back end in `to`.
 * -EIO: the table can't be mapped.
 */
int guest_memory_grant(struct guest_memory *memory, uint32_t ref, uint16_t to, uint64_t gfn,
		       struct error *err);

/*
 * True when the given pages (at most GUEST_WINDOW_PAGES) hold nothing but zeroes. False also when
 * they can't be seen.
 */
bool guest_memory_is_zero(struct guest_memory *memory, const uint64_t *gfns, size_t count);

/* -EFAULT: outside of the range. */
int guest_memory_write(struct guest_memory *memory, uint64_t addr, const void *bytes, size_t length,
		       struct error *err);
int guest_memory_zero(struct guest_memory *memory, uint64_t addr, uint64_t length,
		      struct error *err);
