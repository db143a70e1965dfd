/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the core builds Dom0: its memory, where loader and modules go, and what start info says of them. REQ
 * core/boot: the loader's header is checked, and what does not fit is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "domain/dom0.h"
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "lib/cmdline.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/smp.h"

#define MIB	    (1UL << 20)
#define GIB	    (1UL << 30)
#define MODULE_AREA (4 * MIB) /* machine memory that the modules are in */
#define LOADER_SIZE 10000u
#define LOADER_LOAD 0x10000u
#define ACPI	    0xfc000000UL

/* ---- what dom0.c stands on ---- */

struct core_options options;
const struct vm_ops *vm_ops;

static uint8_t machine[MODULE_AREA] __attribute__((aligned(4096)));
static struct domain dom0;
static struct vcpu vcpu0, *vcpu_table[MAX_VCPUS];
static struct xen_domctl_createdomain created;
static struct hvm_hw_cpu entered;
struct frame_counts frame_counts;
static uint64_t ram, limit;
static unsigned int windows, vcpus_made, online, wallclock_updates, unpaused;
static bool no_memory, no_large;

/* Guest memory is what was written, page by page. */
#define WRITTEN_MAX 4096
static struct page {
	uint64_t gpa;
	uint8_t bytes[PAGE_SIZE];
} * written[WRITTEN_MAX];
static unsigned int nr_written;
static struct range {
	uint64_t start, end;
} mapped[WRITTEN_MAX];
static unsigned int nr_mapped;

static uint8_t *guest_page(uint64_t gpa, bool make)
{
	for (unsigned int i = 0; i < nr_written; i++)
		if (written[i]->gpa == (gpa & PAGE_MASK))
			return written[i]->bytes;
	if (!make)
		return NULL;
	assert_true(nr_written < WRITTEN_MAX);
	written[nr_written] = calloc(1, sizeof(struct page));
	written[nr_written]->gpa = gpa & PAGE_MASK;
	return written[nr_written++]->bytes;
}

static void read_guest(uint64_t gpa, void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const uint8_t *page = guest_page(gpa + i, false);

		((uint8_t *)buf)[i] = page ? page[(gpa + i) & ~PAGE_MASK] : 0;
	}
}

static bool is_mapped(uint64_t gpa)
{
	for (unsigned int i = 0; i < nr_mapped; i++)
		if (gpa >= mapped[i].start && gpa < mapped[i].end)
			return true;
	return false;
}

int guest_phys_write(struct domain *d, gpa_t dst, const void *src, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_mapped(dst.v + i))
			return -EFAULT;
		guest_page(dst.v + i, true)[(dst.v + i) & ~PAGE_MASK] = ((const uint8_t *)src)[i];
	}
	return 0;
}

void domain_update_wallclock(struct domain *d)
{
	wallclock_updates++;
}

void domain_unpause(struct domain *d)
{
	unpaused++;
}

void *window_open(mfn_t mfn)
{
	assert_true(mfn.v < MODULE_AREA / PAGE_SIZE);
	windows++;
	return machine + mfn.v * PAGE_SIZE;
}

void window_close(void *va)
{
	windows--;
}

int frame_alloc_guest(struct domain *d, unsigned int order, mfn_t *mfn)
{
	if (no_memory || (order && no_large))
		return -ENOMEM;
	*mfn = (mfn_t) { 1UL << 20 };
	return 0;
}

int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
	struct range *last = nr_mapped ? &mapped[nr_mapped - 1] : NULL;
	uint64_t start = gfn_to_gpa(gfn).v, size = PAGE_SIZE << order;

	assert_int_equal(type, P2M_RAM);
	assert_false(is_mapped(start));
	assert_int_equal(start & (size - 1), 0);
	ram += size;
	if (last && last->end == start) {
		last->end += size;
		return 0;
	}
	assert_true(nr_mapped < WRITTEN_MAX);
	mapped[nr_mapped++] = (struct range) { start, start + size };
	return 0;
}

void p2m_set_limit(struct p2m *p2m, uint64_t pages)
{
	limit = pages;
}

unsigned int smp_cpus_wanted(void)
{
	return online;
}

void *xmalloc(size_t size)
{
	return malloc(size);
}

void *xzalloc(size_t size)
{
	return calloc(1, size);
}

void xfree(void *p)
{
	free(p);
}

void printk(const char *format, ...)
{
}

int domain_create(uint16_t domid, const struct xen_domctl_createdomain *config,
		  const struct xsm_label *creator, struct domain **out)
{
	assert_int_equal(domid, 0);
	assert_null(creator);
	created = *config;
	dom0 = (struct domain) { .max_vcpus = config->max_vcpus, .vcpu = vcpu_table };
	*out = &dom0;
	return 0;
}

int vcpu_create(struct domain *d, unsigned int id)
{
	assert_int_equal(id, vcpus_made);
	vcpus_made++;
	vcpu_table[id] = &vcpu0;
	return 0;
}

static int set_hvm_cpu(struct vcpu *v, const struct hvm_hw_cpu *in)
{
	assert_ptr_equal(v, &vcpu0);
	entered = *in;
	return 0;
}

/* ---- tests ---- */

struct fixture {
	struct boot_module loader, kernel, initrd;
	struct dom0_loader_header *header;
	struct dom0_image image;
};

static struct boot_module module(uint64_t start, uint64_t size, const char *cmdline)
{
	struct boot_module m = { .start = { start }, .size = size };

	for (uint64_t i = 0; i < size; i++)
		machine[start + i] = (uint8_t)(i * 13 + i / 251 + start);
	strcpy(m.cmdline, cmdline);
	return m;
}

static int setup(void **state)
{
	static const struct vm_ops ops = { .set_hvm_cpu = set_hvm_cpu };
	static struct fixture f;

	vm_ops = &ops;
	memset(machine, 0x5a, sizeof(machine));
	memset(&entered, 0, sizeof(entered));
	vcpu0 = (struct vcpu) { 0 };
	vcpu0.pause_flags = 1UL << PAUSE_DOWN;
	options = (struct core_options) { .dom0_mem = { ~0UL, ~0UL, ~0UL } };
	nr_written = nr_mapped = windows = vcpus_made = wallclock_updates = unpaused = 0;
	no_memory = no_large = false;
	ram = 0;
	online = 2;
	frame_counts.free = 16 * GIB / PAGE_SIZE;
	f.loader = module(0, LOADER_SIZE, "");
	f.kernel = module(MIB, 5 * PAGE_SIZE + 77, "console=hvc0");
	f.initrd = module(2 * MIB, 300000, "");
	f.header = (struct dom0_loader_header *)machine;
	*f.header = (struct dom0_loader_header) { DOM0_LOADER_MAGIC, LOADER_SIZE, LOADER_LOAD,
						  LOADER_LOAD + 20 };
	f.image = (struct dom0_image) { &f.loader, { &f.kernel, &f.initrd }, 2 };
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(windows, 0);
	for (unsigned int i = 0; i < nr_written; i++)
		free(written[i]);
	free(dom0.memory_map);
	dom0.memory_map = NULL;
	return 0;
}

static void assert_is_at(const struct boot_module *m, uint64_t gpa)
{
	uint8_t *there = malloc(m->size);

	read_guest(gpa, there, m->size);
	assert_memory_equal(there, machine + m->start.v, m->size);
	free(there);
}

static void check_start_info(const struct fixture *f, uint64_t end)
{
	struct hvm_start_info info;
	struct hvm_modlist_entry list[2];
	char cmdline[BOOT_MODULE_CMDLINE];

	read_guest(entered.rbx, &info, sizeof(info));
	assert_int_equal(info.magic, XEN_HVM_START_MAGIC_VALUE);
	assert_int_equal(info.version, 1);
	assert_int_equal(info.flags, 3);
	assert_int_equal(info.nr_modules, 2);
	/* These are the loader's to fill in. */
	assert_int_equal(info.rsdp_paddr, 0);
	assert_int_equal(info.cmdline_paddr, 0);
	read_guest(info.modlist_paddr, list, sizeof(list));
	assert_int_equal(list[0].size, f->kernel.size);
	assert_int_equal(list[1].size, f->initrd.size);
	assert_is_at(&f->kernel, list[0].paddr);
	assert_is_at(&f->initrd, list[1].paddr);
	read_guest(list[0].cmdline_paddr, cmdline, sizeof(cmdline));
	assert_string_equal(cmdline, "console=hvc0");
	read_guest(list[1].cmdline_paddr, cmdline, sizeof(cmdline));
	assert_string_equal(cmdline, "");
	/* All on pages of their own at the end, the last module lowest. */
	assert_true(entered.rbx < end && end - entered.rbx <= 2 * PAGE_SIZE);
	assert_int_equal(list[0].paddr, (entered.rbx - f->kernel.size) & PAGE_MASK);
	assert_int_equal(list[1].paddr, (list[0].paddr - f->initrd.size) & PAGE_MASK);
}

static void check_map(uint64_t low, uint64_t high)
{
	struct hvm_memmap_table_entry map[3] = { 0 };
	struct hvm_start_info info;

	read_guest(entered.rbx, &info, sizeof(info));
	assert_int_equal(info.memmap_entries, high ? 3 : 2);
	assert_int_equal(dom0.nr_memory_map, info.memmap_entries);
	read_guest(info.memmap_paddr, map, sizeof(map));
	for (unsigned int i = 0; i < info.memmap_entries; i++) {
		assert_int_equal(map[i].addr, dom0.memory_map[i].addr);
		assert_int_equal(map[i].size, dom0.memory_map[i].size);
		assert_int_equal(map[i].type, dom0.memory_map[i].type);
		assert_true(is_mapped(map[i].addr));
		assert_true(is_mapped(map[i].addr + map[i].size - 1));
		assert_false(is_mapped(map[i].addr + map[i].size));
	}
	assert_int_equal(map[0].size, low);
	assert_int_equal(map[0].type, XEN_HVM_MEMMAP_TYPE_RAM);
	assert_int_equal(map[1].addr, ACPI);
	assert_int_equal(map[1].type, XEN_HVM_MEMMAP_TYPE_ACPI);
	assert_int_equal(map[2].addr, high ? 4 * GIB : 0);
	assert_int_equal(map[2].size, high);
	assert_int_equal(ram, low + high + map[1].size);
	assert_int_equal(dom0.max_pages, ram / PAGE_SIZE);
	assert_int_equal(limit, dom0.max_pages);
}

/* As the boot does it; all vCPUs but the first are made when the other CPUs are up. */
static struct domain *build(const struct dom0_image *image)
{
	struct domain *made;

	vcpus_made = 0;
	if (dom0_build(image, &made))
		return NULL;
	assert_int_equal(vcpus_made, 1);
	assert_int_equal(dom0_start(made), 0);
	assert_int_equal(wallclock_updates, 1);
	assert_int_equal(made->state, DOMAIN_ALIVE);
	assert_int_equal(unpaused, 1);
	return made;
}

static void everything_is_in_its_place(void **state)
{
	struct fixture *f = *state;

	options.dom0_mem.size = 64 * MIB;
	assert_ptr_equal(build(&f->image), &dom0);
	assert_is_at(&f->loader, LOADER_LOAD);
	check_start_info(f, 64 * MIB);
	check_map(64 * MIB, 0);
	assert_int_equal(entered.rip, LOADER_LOAD + 20);
	assert_int_equal(entered.cr0, 0x11);
	assert_true(vcpu0.initialised);
	assert_int_equal(vcpu0.pause_flags, 0);
	assert_int_equal(vcpus_made, 2);
	assert_int_equal(created.max_vcpus, 2);
}

static void memory_goes_around_the_hole(void **state)
{
	struct fixture *f = *state;

	options.dom0_mem.size = 5 * GIB;
	options.dom0_max_vcpus = 200;
	assert_non_null(build(&f->image));
	check_start_info(f, GIB);
	check_map(3 * GIB, 2 * GIB);
	assert_int_equal(vcpus_made, MAX_VCPUS);
}

static void small_pages_do(void **state)
{
	struct fixture *f = *state;

	no_large = true;
	options.dom0_mem.size = 4 * MIB;
	assert_non_null(build(&f->image));
	check_start_info(f, 4 * MIB);
	check_map(4 * MIB, 0);
}

static void modules_are_counted(void **state)
{
	struct fixture *f = *state;
	struct hvm_start_info info;

	/* As many as the boot loader may bring; and none. */
	options.dom0_mem.size = 64 * MIB;
	for (unsigned int i = 0; i < BOOT_MODULES_MAX; i++)
		f->image.module[i] = &f->kernel;
	f->image.nr_modules = BOOT_MODULES_MAX;
	assert_non_null(build(&f->image));
	read_guest(entered.rbx, &info, sizeof(info));
	assert_int_equal(info.nr_modules, BOOT_MODULES_MAX);
	teardown(state);
	setup(state);
	f->image.nr_modules = 0;
	assert_non_null(build(&f->image));
	read_guest(entered.rbx, &info, sizeof(info));
	assert_int_equal(info.nr_modules, 0);
	check_map(512 * MIB, 0);
}

static void bad_headers_are_refused(void **state)
{
	static const uint32_t bad[][3] = {
		{ LOADER_SIZE + 1, LOADER_LOAD, LOADER_LOAD }, /* cut short */
		{ LOADER_SIZE - 1, LOADER_LOAD, LOADER_LOAD },
		{ 0, LOADER_LOAD, LOADER_LOAD },
		{ LOADER_SIZE, LOADER_LOAD, LOADER_LOAD - 1 }, /* entered outside of it */
		{ LOADER_SIZE, LOADER_LOAD, LOADER_LOAD + LOADER_SIZE },
		{ LOADER_SIZE, LOADER_LOAD, UINT32_MAX },
		{ LOADER_SIZE, 64 * MIB, 64 * MIB },	 /* no room for modules behind it */
		{ LOADER_SIZE, 62 * MIB, 62 * MIB },	 /* not even for itself below them */
		{ LOADER_SIZE, UINT32_MAX, UINT32_MAX }, /* beyond 4 GiB */
	};
	struct fixture *f = *state;

	options.dom0_mem.size = 62 * MIB;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		f->header->size = bad[i][0];
		f->header->load = bad[i][1];
		f->header->entry = bad[i][2];
		assert_null(build(&f->image));
		assert_int_equal(nr_mapped, 0);
	}
	/* A module smaller than a header, whatever stands behind it. */
	*f->header =
		(struct dom0_loader_header) { DOM0_LOADER_MAGIC, 12, LOADER_LOAD, LOADER_LOAD };
	f->loader.size = 12;
	assert_null(build(&f->image));
	assert_false(vcpu0.initialised);
}

static void too_little_memory_is_refused(void **state)
{
	struct fixture *f = *state;

	/* 2 MiB hold loader, both modules and start info, but not a third module of 2 MiB. */
	options.dom0_mem.size = 2 * MIB;
	assert_non_null(build(&f->image));
	teardown(state);
	setup(state);
	options.dom0_mem.size = 2 * MIB;
	f->initrd.size = 2 * MIB;
	assert_null(build(&f->image));
	f->initrd.size = 2 * MIB - 100000;
	assert_null(build(&f->image));
	options.dom0_mem.size = MIB;
	assert_null(build(&f->image));
	/* What is kept for guests and the core is not Dom0's. */
	options.dom0_mem.size = 64 * MIB;
	frame_counts.free = 64 * MIB / PAGE_SIZE;
	assert_null(build(&f->image));
	frame_counts.free = GIB / PAGE_SIZE;
	no_memory = true;
	assert_null(build(&f->image));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(everything_is_in_its_place),
		T(memory_goes_around_the_hole),
		T(small_pages_do),
		T(modules_are_counted),
		T(bad_headers_are_refused),
		T(too_little_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
