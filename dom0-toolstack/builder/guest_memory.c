/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing to a guest's memory, by the hypervisor's copying or through a window. */
#include "builder/guest_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/memory.h>

#define PAGE	     4096ull
/* Entries of one page of the table that are not reserved. */
#define COPY_FIRST   GNTTAB_NR_RESERVED_ENTRIES
#define COPY_ENTRIES (PAGE / sizeof(grant_entry_v1_t) - COPY_FIRST)
#define SELF	     0 /* who copies: the control domain */

static void open_table(struct guest_memory *memory)
{
	void *at = NULL;

	memory->table = xenforeignmemory_map_resource(
		memory->handle, memory->domid, XENMEM_resource_grant_table,
		XENMEM_resource_grant_table_id_shared, 0, 1, &at, PROT_READ | PROT_WRITE, 0);
	memory->entries = memory->table ? at : NULL;
}

int guest_memory_open(struct guest_memory *memory, uint16_t domid, struct error *err)
{
	memset(memory, 0, sizeof(*memory));
	memory->domid = domid;
	errno = 0;
	memory->handle = xenforeignmemory_open(NULL, 0);
	if (!memory->handle)
		return error_errno(err, errno ? -errno : -ENODEV, "cannot open foreign memory");
	open_table(memory);
	memory->grants = memory->entries ? xengnttab_open(NULL, 0) : NULL;
	memory->segments = calloc(COPY_ENTRIES, sizeof(*memory->segments));
	memory->copies = memory->grants && memory->segments;
	return 0;
}

static void drop_window(struct guest_memory *memory)
{
	if (memory->window)
		xenforeignmemory_unmap(memory->handle, memory->window, memory->pages);
	memory->window = NULL;
	memory->pages = 0;
}

void guest_memory_close(struct guest_memory *memory)
{
	if (!memory->handle)
		return;
	drop_window(memory);
	if (memory->entries) {
		memset(&memory->entries[COPY_FIRST], 0, COPY_ENTRIES * sizeof(memory->entries[0]));
		xenforeignmemory_unmap_resource(memory->handle, memory->table);
	}
	if (memory->grants)
		xengnttab_close(memory->grants);
	free(memory->segments);
	xenforeignmemory_close(memory->handle);
	memset(memory, 0, sizeof(*memory));
}

int guest_memory_grant(struct guest_memory *memory, uint32_t ref, uint16_t to, uint64_t gfn,
		       struct error *err)
{
	if (!memory->entries || ref >= COPY_FIRST)
		return error_set(err, -EIO, "cannot map the guest's grant table");
	memory->entries[ref].domid = to;
	memory->entries[ref].frame = gfn;
	__atomic_store_n(&memory->entries[ref].flags, GTF_permit_access, __ATOMIC_RELEASE);
	return 0;
}

void guest_memory_range(struct guest_memory *memory, uint64_t low, uint64_t high)
{
	drop_window(memory);
	memory->low = low;
	memory->high = high;
}

static int map_window(struct guest_memory *memory, uint64_t addr, uint64_t want, struct error *err)
{
	xen_pfn_t gfns[GUEST_WINDOW_PAGES];
	uint64_t first = addr & ~(PAGE - 1);
	uint64_t last = addr + want < memory->high ? addr + want : memory->high;
	size_t pages = (last - first + PAGE - 1) / PAGE;

	if (pages > GUEST_WINDOW_PAGES)
		pages = GUEST_WINDOW_PAGES;
	for (size_t i = 0; i < pages; i++)
		gfns[i] = first / PAGE + i;
	drop_window(memory);
	memory->window = xenforeignmemory_map(memory->handle, memory->domid, PROT_READ | PROT_WRITE,
					      pages, gfns, NULL);
	if (!memory->window)
		return error_errno(err, -errno, "cannot map guest memory at 0x%llx",
				   (unsigned long long)first);
	memory->first = first;
	memory->pages = pages;
	return 0;
}

static bool in_range(const struct guest_memory *memory, uint64_t addr, uint64_t length)
{
	return addr >= memory->low && addr <= memory->high && length <= memory->high - addr;
}

/*
 * A pointer to the guest's memory at `addr`, and how many of the `want` bytes from there on are
 * mapped.
 */
static int window_at(struct guest_memory *memory, uint64_t addr, uint64_t want, uint8_t **at,
		     size_t *length, struct error *err)
{
	uint64_t offset;
	int rc;

	if (!memory->pages || addr < memory->first ||
	    addr - memory->first >= memory->pages * PAGE) {
		rc = map_window(memory, addr, want, err);
		if (rc)
			return rc;
	}
	offset = addr - memory->first;
	*at = memory->window + offset;
	*length = memory->pages * PAGE - offset;
	if (*length > want)
		*length = want;
	return 0;
}

bool guest_memory_is_zero(struct guest_memory *memory, const uint64_t *gfns, size_t count)
{
	xen_pfn_t list[GUEST_WINDOW_PAGES];
	uint8_t *at;
	bool zero;

	if (!count || count > GUEST_WINDOW_PAGES)
		return false;
	for (size_t i = 0; i < count; i++)
		list[i] = gfns[i];
	at = xenforeignmemory_map(memory->handle, memory->domid, PROT_READ, count, list, NULL);
	if (!at)
		return false;
	zero = !at[0] && !memcmp(at, at + 1, count * PAGE - 1);
	xenforeignmemory_unmap(memory->handle, at, count);
	return zero;
}

/* Copies at most one table's worth; how many bytes, or 0 when the hypervisor does not do it. */
static uint64_t copy_piece(struct guest_memory *memory, uint64_t addr, const uint8_t *bytes,
			   uint64_t length)
{
	static const uint8_t zeroes[PAGE] __attribute__((aligned(PAGE)));
	xengnttab_grant_copy_segment_t *segments = memory->segments;
	uint64_t done = 0;
	uint32_t n = 0;

	while (done < length && n < COPY_ENTRIES) {
		uint64_t offset = (addr + done) % PAGE;
		uint64_t part = PAGE - offset < length - done ? PAGE - offset : length - done;
		grant_entry_v1_t *entry = &memory->entries[COPY_FIRST + n];

		entry->domid = SELF;
		entry->frame = (addr + done) / PAGE;
		__atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
		segments[n] = (xengnttab_grant_copy_segment_t) {
			.source.virt = (void *)(bytes ? bytes + done : zeroes),
			.dest.foreign = { COPY_FIRST + n, offset, memory->domid },
			.len = part,
			.flags = GNTCOPY_dest_gref,
		};
		done += part;
		n++;
	}
	if (xengnttab_grant_copy(memory->grants, n, segments))
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (segments[i].status != GNTST_okay)
			return 0;
	return done;
}

/* Writes bytes, or zeroes when `bytes` is NULL. */
static int fill(struct guest_memory *memory, uint64_t addr, const uint8_t *bytes, uint64_t length,
		struct error *err)
{
	if (!in_range(memory, addr, length))
		return error_set(err, -EFAULT, "0x%llx lies outside of the guest's memory",
				 (unsigned long long)addr);
	while (length) {
		uint64_t n = memory->copies ? copy_piece(memory, addr, bytes, length) : 0;

		if (!n) {
			uint8_t *at = NULL;
			int rc = window_at(memory, addr, length, &at, &n, err);

			memory->copies = false;
			if (rc)
				return rc;
			if (bytes)
				memcpy(at, bytes, n);
			else
				memset(at, 0, n);
		}
		addr += n;
		bytes += bytes ? n : 0;
		length -= n;
	}
	return 0;
}

int guest_memory_write(struct guest_memory *memory, uint64_t addr, const void *bytes, size_t length,
		       struct error *err)
{
	return fill(memory, addr, bytes, length, err);
}

int guest_memory_zero(struct guest_memory *memory, uint64_t addr, uint64_t length,
		      struct error *err)
{
	return fill(memory, addr, NULL, length, err);
}
