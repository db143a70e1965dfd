/* SPDX-License-Identifier: BSD-2-Clause */
/* A window on a guest's memory. */
#include "builder/guest_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE	     4096ull
#define WINDOW_BYTES (GUEST_WINDOW_PAGES * PAGE)

int guest_memory_open(struct guest_memory *memory, uint16_t domid, struct error *err)
{
	memset(memory, 0, sizeof(*memory));
	memory->domid = domid;
	errno = 0;
	memory->handle = xenforeignmemory_open(NULL, 0);
	if (!memory->handle)
		return error_errno(err, errno ? -errno : -ENODEV, "cannot open foreign memory");
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
	xenforeignmemory_close(memory->handle);
	memory->handle = NULL;
}

void guest_memory_range(struct guest_memory *memory, uint64_t low, uint64_t high)
{
	drop_window(memory);
	memory->low = low;
	memory->high = high;
}

static int map_window(struct guest_memory *memory, uint64_t addr, struct error *err)
{
	xen_pfn_t gfns[GUEST_WINDOW_PAGES];
	uint64_t first = addr & ~(WINDOW_BYTES - 1);
	uint64_t last = first + WINDOW_BYTES;
	size_t pages;

	if (first < memory->low)
		first = memory->low;
	if (last > memory->high)
		last = memory->high;
	pages = (last - first) / PAGE;
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

int guest_memory_at(struct guest_memory *memory, uint64_t addr, uint8_t **at, size_t *length,
		    struct error *err)
{
	uint64_t offset;
	int rc;

	if (addr < memory->low || addr >= memory->high)
		return error_set(err, -EFAULT, "0x%llx lies outside of the guest's memory",
				 (unsigned long long)addr);
	if (!memory->pages || addr < memory->first ||
	    addr - memory->first >= memory->pages * PAGE) {
		rc = map_window(memory, addr, err);
		if (rc)
			return rc;
	}
	offset = addr - memory->first;
	*at = memory->window + offset;
	*length = memory->pages * PAGE - offset;
	return 0;
}

/* Writes bytes, or zeroes when `bytes` is NULL. */
static int fill(struct guest_memory *memory, uint64_t addr, const uint8_t *bytes, uint64_t length,
		struct error *err)
{
	while (length) {
		uint8_t *at = NULL;
		size_t n = 0;
		int rc = guest_memory_at(memory, addr, &at, &n, err);

		if (rc)
			return rc;
		if (n > length)
			n = length;
		if (bytes) {
			memcpy(at, bytes, n);
			bytes += n;
		} else {
			memset(at, 0, n);
		}
		addr += n;
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
