/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dom0 is a PVH guest like others, with the kernel and modules that the boot loader brought. Its
 * memory map: RAM from 0 to 3 GiB at most, a page of ACPI tables below 4 GiB, the rest of RAM above.
 * It gets no hardware.
 */
#include "domain/dom0.h"
#include "domain/build_acpi.h"
#include "domain/domain.h"
#include "domain/elf.h"
#include "hvm/hvm.h"
#include "lib/bitops.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/window.h"

#define MIB	      (1UL << 20)
#define GIB	      (1UL << 30)
#define LOW_MAX	      (3 * GIB)
#define HIGH_START    (4 * GIB)
#define ACPI_BASE     0xfc000000UL
#define ACPI_PAGES    4UL
#define DEFAULT_DOM0  (512 * MIB)
#define CMDLINE_LIMIT BOOT_MODULE_CMDLINE
#define ORDER_2M      9

bool image_read(const struct boot_module *img, uint64_t offset, void *buf, size_t len)
{
	if (offset > img->size || len > img->size - offset)
		return false;
	while (len) {
		uint64_t at = img->start.v + offset;
		size_t n = min(len, PAGE_SIZE - (at & ~PAGE_MASK));
		char *p = window_open(maddr_to_mfn((maddr_t) { at }));

		memcpy(buf, p + (at & ~PAGE_MASK), n);
		window_close(p);
		buf = (char *)buf + n;
		offset += n;
		len -= n;
	}
	return true;
}

/* Copies part of @img to guest-physical @to of @d, window to window. */
static int image_load(struct domain *d, const struct boot_module *img, uint64_t offset, gpa_t to,
		      uint64_t len)
{
	while (len) {
		uint64_t at = img->start.v + offset;
		size_t n = min(len, PAGE_SIZE - (at & ~PAGE_MASK));
		char *p = window_open(maddr_to_mfn((maddr_t) { at }));
		int rc = guest_phys_write(d, to, p + (at & ~PAGE_MASK), n);

		window_close(p);
		if (rc)
			return rc;
		offset += n;
		to.v += n;
		len -= n;
	}
	return 0;
}

/* Gives @d zeroed memory for [start, end), both multiples of a page; large pages where they fit. */
static int populate(struct domain *d, uint64_t start, uint64_t end)
{
	while (start < end) {
		unsigned int order =
			(start & (2 * MIB - 1)) || end - start < 2 * MIB ? 0 : ORDER_2M;
		mfn_t mfn;
		int rc = frame_alloc_guest(d, order, &mfn);

		if (rc && order)
			rc = frame_alloc_guest(d, order = 0, &mfn);
		if (!rc)
			rc = p2m_map(&d->p2m, gpa_to_gfn((gpa_t) { start }), mfn, order, P2M_RAM);
		if (rc)
			return rc;
		start += PAGE_SIZE << order;
	}
	return 0;
}

/* What dom0_mem= asks for, within what there is. */
static uint64_t memory_size(void)
{
	uint64_t available = frames_free() * PAGE_SIZE, size = DEFAULT_DOM0;
	uint64_t reserve = max(available / 16, 64 * MIB);

	if (options.dom0_mem.size != ~0UL)
		size = options.dom0_mem.size;
	if (options.dom0_mem.min != ~0UL)
		size = max(size, options.dom0_mem.min);
	size = min(size, options.dom0_mem.max);
	if (available <= reserve)
		return 0;
	return min(size, available - reserve) & ~(2 * MIB - 1);
}

static unsigned int vcpu_count(void)
{
	unsigned int n = cpus_online();

	if (options.dom0_max_vcpus_max)
		n = min(n, options.dom0_max_vcpus_max);
	n = max(n, options.dom0_max_vcpus_min);
	return max(1U, min(n, (unsigned int)MAX_VCPUS));
}

/* Memory is [0, low_end), and what does not fit there from HIGH_START on; where things lie in it. */
struct layout {
	uint64_t low_end, high_size;
	gpa_t module[DOM0_MODULES_MAX], start_info;
};

static int make_memory_map(struct domain *d, const struct layout *l)
{
	const struct e820entry map[] = {
		{ 0, l->low_end, XEN_HVM_MEMMAP_TYPE_RAM },
		{ ACPI_BASE, ACPI_PAGES * PAGE_SIZE, XEN_HVM_MEMMAP_TYPE_ACPI },
		{ HIGH_START, l->high_size, XEN_HVM_MEMMAP_TYPE_RAM },
	};

	d->memory_map = xzalloc_array(struct e820entry, ARRAY_SIZE(map));
	if (!d->memory_map)
		return -ENOMEM;
	memcpy(d->memory_map, map, sizeof(map));
	d->nr_memory_map = ARRAY_SIZE(map) - !l->high_size;
	return 0;
}

/* Start info, module list, memory map and command line, one after another at l->start_info. */
struct start_area {
	struct hvm_start_info info;
	struct hvm_modlist_entry module[DOM0_MODULES_MAX];
	struct hvm_memmap_table_entry map[3];
	char cmdline[CMDLINE_LIMIT];
};

static int write_start_info(struct domain *d, const struct layout *l,
			    const struct dom0_image *image)
{
	uint64_t base = l->start_info.v;
	struct start_area *a = xzalloc(sizeof(*a));
	int rc;

	if (!a)
		return -ENOMEM;
	a->info = (struct hvm_start_info) {
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.flags = 3, /* privileged, control domain (SIF_PRIVILEGED | SIF_INITDOMAIN) */
		.nr_modules = image->nr_modules,
		.modlist_paddr = base + offsetof(struct start_area, module),
		.cmdline_paddr = base + offsetof(struct start_area, cmdline),
		.rsdp_paddr = ACPI_BASE,
		.memmap_paddr = base + offsetof(struct start_area, map),
		.memmap_entries = d->nr_memory_map,
	};
	for (unsigned int i = 0; i < image->nr_modules; i++)
		a->module[i] = (struct hvm_modlist_entry) { .paddr = l->module[i].v,
							    .size = image->module[i]->size };
	for (unsigned int i = 0; i < d->nr_memory_map; i++)
		a->map[i] = (struct hvm_memmap_table_entry) { .addr = d->memory_map[i].addr,
							      .size = d->memory_map[i].size,
							      .type = d->memory_map[i].type };
	str_copy(a->cmdline, image->cmdline, sizeof(a->cmdline));
	rc = guest_phys_write(d, l->start_info, a, sizeof(*a));
	xfree(a);
	return rc;
}

static int write_acpi(struct domain *d)
{
	size_t size = ACPI_PAGES * PAGE_SIZE;
	uint8_t *buf = xzalloc(size);
	int rc = -ENOMEM;

	if (buf && build_acpi(buf, size, (gpa_t) { ACPI_BASE }, d->max_vcpus))
		rc = guest_phys_write(d, (gpa_t) { ACPI_BASE }, buf, size);
	xfree(buf);
	return rc;
}

/* 32-bit protected mode without paging, EBX at the start info (xen/arch-x86/hvm/start_info.h). */
static int set_entry(struct domain *d, uint32_t entry, gpa_t start_info)
{
	struct hvm_hw_cpu cpu = {
		.rip = entry,
		.rbx = start_info.v,
		.rflags = 2,
		.cr0 = 0x11,
		.cs_limit = ~0U,
		.ds_limit = ~0U,
		.es_limit = ~0U,
		.ss_limit = ~0U,
		.tr_limit = 0x67,
		.cs_arbytes = 0xc9b,
		.ds_arbytes = 0xc93,
		.es_arbytes = 0xc93,
		.ss_arbytes = 0xc93,
		.tr_arbytes = 0x8b,
		.dr6 = 0xffff0ff0,
		.dr7 = 0x400,
	};
	int rc = vm_ops->set_hvm_cpu(d->vcpu[0], &cpu);

	if (rc)
		return rc;
	d->vcpu[0]->initialised = true;
	clear_bit(PAUSE_DOWN, &d->vcpu[0]->pause_flags);
	return 0;
}

/*
 * The modules and the start info go to the end of the first GiB, which is all that Linux maps before
 * it reads them; so what is between the kernel and them is free (a loader unpacks Linux there).
 */
static bool make_layout(struct layout *l, const struct dom0_image *image, uint64_t kernel_end,
			uint64_t memory)
{
	uint64_t at;

	l->low_end = min(memory, LOW_MAX);
	l->high_size = memory - l->low_end;
	at = min(l->low_end, GIB) - ROUND_UP(sizeof(struct start_area), PAGE_SIZE);
	l->start_info.v = at;
	for (unsigned int i = 0; i < image->nr_modules; i++) {
		if (image->module[i]->size > at)
			return false;
		at = (at - image->module[i]->size) & PAGE_MASK;
		l->module[i].v = at;
	}
	return at >= kernel_end;
}

static int load(struct domain *d, const struct dom0_image *image, uint64_t memory)
{
	struct elf_image elf;
	struct layout l;
	int rc = elf_parse(image->kernel, &elf);

	if (rc) {
		printk(KERN_ERR
		       "Dom0's kernel is no ELF image with a PVH entry (PHYS32_ENTRY note)\n");
		return rc;
	}
	if (memory < 2 * MIB || !make_layout(&l, image, elf.end, memory)) {
		printk(KERN_ERR "Dom0 needs more memory than %lu MiB: raise dom0_mem=\n",
		       memory / MIB);
		return -ENOMEM;
	}
	d->max_pages = memory / PAGE_SIZE + ACPI_PAGES;
	p2m_set_limit(&d->p2m, d->max_pages);
	rc = populate(d, 0, l.low_end);
	if (!rc)
		rc = populate(d, HIGH_START, HIGH_START + l.high_size);
	if (!rc)
		rc = populate(d, ACPI_BASE, ACPI_BASE + ACPI_PAGES * PAGE_SIZE);
	for (unsigned int i = 0; !rc && i < elf.nr; i++)
		rc = image_load(d, image->kernel, elf.segment[i].offset,
				(gpa_t) { elf.segment[i].paddr }, elf.segment[i].filesz);
	for (unsigned int i = 0; !rc && i < image->nr_modules; i++)
		rc = image_load(d, image->module[i], 0, l.module[i], image->module[i]->size);
	if (!rc)
		rc = make_memory_map(d, &l);
	if (!rc)
		rc = write_acpi(d);
	if (!rc)
		rc = write_start_info(d, &l, image);
	if (!rc)
		rc = set_entry(d, elf.entry, l.start_info);
	return rc;
}

struct domain *dom0_build(const struct dom0_image *image)
{
	uint64_t memory = memory_size();
	struct xen_domctl_createdomain config = {
		.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		.max_vcpus = vcpu_count(),
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.grant_opts = XEN_DOMCTL_GRANT_version(1),
		.arch = { .emulation_flags = XEN_X86_EMU_LAPIC },
	};
	struct domain *d;
	int rc = domain_create(0, &config, NULL, &d);

	for (unsigned int i = 0; !rc && i < d->max_vcpus; i++)
		rc = vcpu_create(d, i);
	if (!rc)
		rc = load(d, image, memory);
	if (rc) {
		printk(KERN_ERR "Dom0 can't be built: error %d\n", -rc);
		return NULL;
	}
	printk("Dom0: %lu MiB, %u vCPUs\n", memory / MIB, d->max_vcpus);
	return d;
}
