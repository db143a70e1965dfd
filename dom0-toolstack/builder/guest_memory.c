/* SPDX-License-Identifier: BSD-2-Clause */
/* A window on a guest's memory. */
#include "builder/guest_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ull

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

int guest_memory_at(struct guest_memory *memory, uint64_t addr, uint64_t want, uint8_t **at,
		    size_t *length, struct error *err)
{
	uint64_t offset;
	int rc;

	if (!want || addr < memory->low || addr >= memory->high || want > memory->high - addr)
		return error_set(err, -EFAULT, "0x%llx lies outside of the guest's memory",
				 (unsigned long long)addr);
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

/* Writes bytes, or zeroes when `bytes` is NULL. */
static int fill(struct guest_memory *memory, uint64_t addr, const uint8_t *bytes, uint64_t length,
		struct error *err)
{
	while (length) {
		uint8_t *at = NULL;
		size_t n = 0;
		int rc = guest_memory_at(memory, addr, length, &at, &n, err);

		if (rc)
			return rc;
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
