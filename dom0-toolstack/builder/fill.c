/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling a new domain: memory, kernel, RAM disk, tables, registers. */
#include "builder/acpi.h"
#include "builder/builder_internal.h"
#include "builder/vcpu_context.h"
#include "hyper/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/grant_table.h>
#include <xen/hvm/params.h>

#define ORDER_2M      9u
#define FRAMES_2M     (1ull << ORDER_2M)
#define BATCH	      256u /* extents in one hypercall */
#define CONTROL_DOMID 0	   /* where store and console run */

static void report(struct builder *b, const char *what, uint64_t done, uint64_t total)
{
	if (b->progress)
		b->progress(b->progress_arg, what, done, total);
}

/*
 * Populates `count` extents from `first` on; returns how many frames, or a negative errno when
 * none.
 */
static int64_t populate_batch(struct builder *b, uint64_t first, uint64_t count, unsigned int order)
{
	uint64_t gfns[BATCH];
	unsigned int n = count < BATCH ? count : BATCH;
	int done;

	for (unsigned int i = 0; i < n; i++)
		gfns[i] = first + ((uint64_t)i << order);
	done = hyper_build_populate(b->hyper, b->domid, gfns, n, order);
	return done > 0 ? (int64_t)done << order : done ? done : -ENOMEM;
}

/* Frames [first, end), in 2 MiB pieces where they fit and are to be had, else in 4 KiB pages. */
static int populate_range(struct builder *b, uint64_t first, uint64_t end, uint64_t *total,
			  uint64_t all, struct error *err)
{
	uint64_t small_until = first;

	while (first < end) {
		uint64_t aligned = (first + FRAMES_2M - 1) & ~(FRAMES_2M - 1);
		int64_t n;

		if (first >= small_until && aligned == first && end - first >= FRAMES_2M) {
			n = populate_batch(b, first, (end - first) / FRAMES_2M, ORDER_2M);
			/* No 2 MiB piece to be had: take this one in pages, then try again. */
			if (n < 0) {
				small_until = first + FRAMES_2M;
				continue;
			}
		} else {
			uint64_t stop = first < small_until ? small_until : aligned;

			if (aligned == first && first >= small_until)
				stop = end;
			n = populate_batch(b, first, (stop < end ? stop : end) - first, 0);
		}
		if (n < 0)
			return error_errno(
				err, n, "the hypervisor gave the guest %llu of %llu MiB of memory",
				(unsigned long long)*total >> 8, (unsigned long long)all >> 8);
		first += n;
		*total += n;
		report(b, "memory", *total * PAGE_BYTES, all * PAGE_BYTES);
	}
	return 0;
}

int builder_populate(struct builder *b, struct error *err)
{
	uint64_t low = b->layout.low_end / PAGE_BYTES;
	uint64_t hole = HOLE_END / PAGE_BYTES;
	uint64_t high = b->layout.high_end ? b->layout.high_end / PAGE_BYTES : hole;
	uint64_t all = low + (high - hole), done = 0;
	int rc = 0;

	if (b->config->claim) {
		rc = hyper_claim_pages(b->hyper, b->domid, all);
		if (rc == -ENOMEM)
			return error_set(err, rc, "not enough free memory for the guest's %llu MiB",
					 (unsigned long long)all >> 8);
	}
	rc = populate_range(b, 0, low, &done, all, err);
	if (!rc)
		rc = populate_range(b, hole, high, &done, all, err);
	if (b->config->claim)
		hyper_claim_pages(b->hyper, b->domid, 0);
	return rc;
}

#define SAMPLES 16u

/* Whether the hypervisor says that it leaves memory as it was at boot. */
static bool boot_scrub_is_off(struct builder *b)
{
	static const char option[] = "bootscrub=";
	struct version_info info;
	const char *at;

	if (hyper_version_info(b->hyper, &info))
		return true;
	at = strstr(info.command_line, option);
	if (!at)
		return strstr(info.command_line, "no-bootscrub");
	at += strlen(option);
	return strncmp(at, "idle", 4) && strncmp(at, "1", 1) && strncmp(at, "on", 2) &&
	       strncmp(at, "yes", 3) && strncmp(at, "true", 4);
}

/*
 * Hypervisors hand out memory that they have scrubbed, so zeroes need not be written, and what is
 * not mapped for that costs nothing: nearly half of a Linux kernel is zero pages. Not believed
 * where scrubbing is off, or where a debug build scrubs with another pattern: pages spread over the
 * guest's low memory tell.
 */
static bool memory_is_scrubbed(struct builder *b)
{
	uint64_t frames = b->layout.low_end / PAGE_BYTES, gfns[SAMPLES];

	for (uint64_t i = 0; i < SAMPLES; i++)
		gfns[i] = frames * (2 * i + 1) / (2 * SAMPLES);
	return !boot_scrub_is_off(b) && guest_memory_is_zero(&b->memory, gfns, SAMPLES);
}

static int zero(struct builder *b, uint64_t addr, uint64_t length, struct error *err)
{
	return b->scrubbed ? 0 : guest_memory_zero(&b->memory, addr, length, err);
}

int builder_load_kernel(struct builder *b, uint64_t *entry, struct error *err)
{
	const struct elf_kernel *k = &b->loader.kernel;
	uint64_t addr = 0, length = 0, total = b->loader.budget;
	int run, rc = 0;

	guest_memory_range(&b->memory, 0, b->layout.low_end);
	b->scrubbed = memory_is_scrubbed(b);
	while ((run = loader_next(&b->loader, b->config->kernel, &addr, &length, entry, err)) > 0) {
		if (run == LOADER_RUN_ZERO)
			rc = zero(b, addr, length, err);
		else
			rc = guest_memory_write(&b->memory, addr, loader_data(&b->loader), length,
						err);
		if (rc)
			return rc;
		report(b, "kernel", total - b->loader.budget, total);
	}
	loader_stop(&b->loader);
	if (run < 0)
		return run;
	for (uint32_t i = 0; !rc && i < k->n_segments; i++)
		rc = zero(b, k->segments[i].addr + k->segments[i].file_size,
			  k->segments[i].memory_size - k->segments[i].file_size, err);
	return rc;
}

#define RAMDISK_PIECE (1u << 20)

int builder_load_ramdisk(struct builder *b, struct error *err)
{
	uint64_t done = 0;
	uint8_t *piece;
	int rc = 0;

	if (!b->ramdisk_size)
		return 0;
	piece = mmap(NULL, RAMDISK_PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	if (piece == MAP_FAILED)
		return error_set(err, -ENOMEM, "no memory");
	while (!rc && done < b->ramdisk_size) {
		uint64_t left = b->ramdisk_size - done;
		ssize_t got =
			read(b->ramdisk_fd, piece, left < RAMDISK_PIECE ? left : RAMDISK_PIECE);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			rc = error_errno(err, got ? -errno : -EIO, "cannot read %s",
					 b->config->ramdisk);
		else
			rc = guest_memory_write(&b->memory, b->layout.ramdisk + done, piece, got,
						err);
		done += rc ? 0 : got;
		report(b, "RAM disk", done, b->ramdisk_size);
	}
	munmap(piece, RAMDISK_PIECE);
	return rc;
}

static int write_acpi(struct builder *b, struct error *err)
{
	struct acpi_processors processors = {
		.count = b->config->maxvcpus,
		.online = b->config->vcpus,
	};
	size_t room = ACPI_PAGES_MAX * PAGE_BYTES;
	uint8_t *tables = malloc(room);
	uint64_t gfns[ACPI_PAGES_MAX];
	uint32_t pages;
	int rc;

	if (!tables)
		return error_set(err, -ENOMEM, "no memory");
	rc = acpi_build(&processors, ACPI_START, tables, room);
	if (rc < 0) {
		free(tables);
		return error_errno(err, rc, "cannot make the ACPI tables");
	}
	pages = ((uint32_t)rc + PAGE_BYTES - 1) / PAGE_BYTES;
	for (uint32_t i = 0; i < pages; i++)
		gfns[i] = ACPI_START / PAGE_BYTES + i;
	layout_map(&b->layout, pages);
	rc = hyper_build_populate(b->hyper, b->domid, gfns, pages, 0);
	if (rc != (int)pages) {
		free(tables);
		return error_errno(err, rc < 0 ? rc : -ENOMEM, "no memory for ACPI tables");
	}
	/* A copy of the RSDP where kernels that ignore the start info's pointer look for it. */
	rc = guest_memory_write(&b->memory, BIOS_RSDP, tables, ACPI_RSDP_SIZE, err);
	guest_memory_range(&b->memory, ACPI_START, ACPI_START + pages * PAGE_BYTES);
	if (!rc)
		rc = guest_memory_write(&b->memory, ACPI_START, tables, pages * PAGE_BYTES, err);
	free(tables);
	return rc;
}

static int write_start_info(struct builder *b, struct error *err)
{
	uint8_t *info = malloc(b->layout.info_size);
	int rc;

	if (!info)
		return error_set(err, -ENOMEM, "no memory");
	layout_start_info(&b->layout, b->config->cmdline ? b->config->cmdline : "", ACPI_START,
			  info);
	guest_memory_range(&b->memory, 0, b->layout.low_end);
	rc = guest_memory_write(&b->memory, b->layout.info, info, b->layout.info_size, err);
	free(info);
	return rc;
}

int builder_write_tables(struct builder *b, struct error *err)
{
	int rc = write_acpi(b, err);

	if (!rc)
		rc = write_start_info(b, err);
	if (rc)
		return rc;
	rc = hyper_build_memory_map(b->hyper, b->domid, b->layout.map, b->layout.n_map);
	return rc < 0 ? error_errno(err, rc, "cannot set the memory map") : 0;
}

/*
 * A page directory of 4 MiB pages that maps all 4 GiB as they are: VT-x without unrestricted guests
 * needs one.
 */
static int write_ident_pt(struct builder *b, struct error *err)
{
	uint32_t table[1024];

	for (uint32_t i = 0; i < 1024; i++)
		table[i] = i << 22 | 0xe7; /* present, writable, user, accessed, dirty, 4 MiB */
	return guest_memory_write(&b->memory, special_addr(SPECIAL_IDENT_PT), table, sizeof(table),
				  err);
}

static int special_params(struct builder *b, const struct builder_result *r)
{
	const struct {
		uint32_t index;
		uint64_t value;
		bool needed;
	} params[] = {
		{ HVM_PARAM_STORE_PFN, r->store_gfn, true },
		{ HVM_PARAM_STORE_EVTCHN, r->store_port, true },
		{ HVM_PARAM_CONSOLE_PFN, r->console_gfn, true },
		{ HVM_PARAM_CONSOLE_EVTCHN, r->console_port, true },
		{ HVM_PARAM_IDENT_PT, special_addr(SPECIAL_IDENT_PT), false },
		{ HVM_PARAM_PAGING_RING_PFN, special_addr(SPECIAL_PAGING) / PAGE_BYTES, false },
		{ HVM_PARAM_MONITOR_RING_PFN, special_addr(SPECIAL_ACCESS) / PAGE_BYTES, false },
		{ HVM_PARAM_SHARING_RING_PFN, special_addr(SPECIAL_SHARING) / PAGE_BYTES, false },
	};

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		int rc =
			hyper_build_param_set(b->hyper, b->domid, params[i].index, params[i].value);

		if (rc < 0 && params[i].needed)
			return rc;
	}
	return 0;
}

/* Grants for store and console, so that their daemons may map the rings as any back end does. */
static int seed_grants(struct builder *b, const struct builder_result *r, struct error *err)
{
	int rc = guest_memory_grant(&b->memory, GNTTAB_RESERVED_CONSOLE, CONTROL_DOMID,
				    r->console_gfn, err);

	return rc ? rc
		  : guest_memory_grant(&b->memory, GNTTAB_RESERVED_XENSTORE, CONTROL_DOMID,
				       r->store_gfn, err);
}

int builder_set_special_pages(struct builder *b, struct builder_result *r, struct error *err)
{
	uint64_t gfns[SPECIAL_PAGES];
	int rc;

	for (unsigned int i = 0; i < SPECIAL_PAGES; i++)
		gfns[i] = special_addr(i) / PAGE_BYTES;
	rc = hyper_build_populate(b->hyper, b->domid, gfns, SPECIAL_PAGES, 0);
	if (rc != (int)SPECIAL_PAGES)
		return error_errno(err, rc < 0 ? rc : -ENOMEM, "no memory for special pages");
	guest_memory_range(&b->memory, SPECIAL_START, SPECIAL_START + SPECIAL_PAGES * PAGE_BYTES);
	rc = guest_memory_zero(&b->memory, SPECIAL_START, SPECIAL_PAGES * PAGE_BYTES, err);
	if (!rc)
		rc = write_ident_pt(b, err);
	if (rc)
		return rc;
	r->store_gfn = special_addr(SPECIAL_STORE) / PAGE_BYTES;
	r->console_gfn = special_addr(SPECIAL_CONSOLE) / PAGE_BYTES;
	rc = hyper_build_evtchn(b->hyper, b->domid, CONTROL_DOMID);
	if (rc < 0)
		return error_errno(err, rc, "cannot make the store's event channel");
	r->store_port = rc;
	rc = hyper_build_evtchn(b->hyper, b->domid, CONTROL_DOMID);
	if (rc < 0)
		return error_errno(err, rc, "cannot make the console's event channel");
	r->console_port = rc;
	rc = special_params(b, r);
	if (rc < 0)
		return error_errno(err, rc, "cannot set the domain's HVM parameters");
	return seed_grants(b, r, err);
}

int builder_set_registers(struct builder *b, uint64_t entry, struct error *err)
{
	void *old = NULL, *records = NULL;
	size_t old_size = 0, size = 0;
	int rc = hyper_build_context_get(b->hyper, b->domid, &old, &old_size);

	if (rc < 0)
		return error_errno(err, rc, "cannot read the vCPUs' state");
	rc = vcpu_context_build(old, old_size, entry, b->layout.info, b->config->maxvcpus, &records,
				&size);
	free(old);
	if (rc)
		return error_errno(err, rc, "cannot make the first vCPU's state");
	rc = hyper_build_context_set(b->hyper, b->domid, records, size);
	free(records);
	return rc < 0 ? error_errno(err, rc, "cannot set the first vCPU's state") : 0;
}
