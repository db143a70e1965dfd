/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dom0 is a PVH guest like others. What starts in it is its loader (dom0-loader/), which finds the
 * kernel among the modules that the boot loader brought. Its memory map: RAM from 0 to 3 GiB at
 * most, pages for ACPI tables below 4 GiB, the rest of RAM above. It gets no hardware.
 */
#include "domain/dom0.h"
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "lib/bitops.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/smp.h"

#define MIB	     (1UL << 20)
#define GIB	     (1UL << 30)
#define LOW_MAX	     (3 * GIB)
#define HIGH_START   (4 * GIB)
#define ACPI_BASE    0xfc000000UL
#define ACPI_PAGES   4UL
#define DOM0_MAP_MAX 3
#define DEFAULT_DOM0 (512 * MIB)
#define ORDER_2M     9

/* Copies @m to guest-physical @to of @d, page by page from window to window. */
static int load_module(struct domain *d, const struct boot_module *m, uint64_t to)
{
	int rc = 0;

	for (uint64_t at = 0; !rc && at < m->size; at += PAGE_SIZE) {
		void *p = window_open(maddr_to_mfn((maddr_t) { m->start.v + at }));

		rc = guest_phys_write(d, (gpa_t) { to + at }, p, min(m->size - at, PAGE_SIZE));
		window_close(p);
	}
	return rc;
}

/* The header of @loader; false: that can't be one. */
static bool read_header(const struct boot_module *loader, struct dom0_loader_header *h)
{
	void *p = window_open(maddr_to_mfn(loader->start));

	memcpy(h, p, sizeof(*h));
	window_close(p);
	return h->size >= sizeof(*h) && h->size == loader->size && h->entry >= h->load &&
	       h->entry - h->load < h->size;
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
	uint64_t available = frame_counts.free * PAGE_SIZE, size = DEFAULT_DOM0;
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

/* Memory is [0, LOW_MAX), and what does not fit there from HIGH_START on. */
static int make_memory(struct domain *d, uint64_t memory)
{
	uint64_t low = min(memory, LOW_MAX);
	const struct e820entry map[DOM0_MAP_MAX] = {
		{ 0, low, XEN_HVM_MEMMAP_TYPE_RAM },
		{ ACPI_BASE, ACPI_PAGES * PAGE_SIZE, XEN_HVM_MEMMAP_TYPE_ACPI },
		{ HIGH_START, memory - low, XEN_HVM_MEMMAP_TYPE_RAM },
	};
	int rc = 0;

	d->max_pages = memory / PAGE_SIZE + ACPI_PAGES;
	p2m_set_limit(&d->p2m, d->max_pages);
	d->memory_map = xzalloc_array(struct e820entry, DOM0_MAP_MAX);
	if (!d->memory_map)
		return -ENOMEM;
	memcpy(d->memory_map, map, sizeof(map));
	d->nr_memory_map = DOM0_MAP_MAX - (memory == low);
	for (unsigned int i = 0; !rc && i < d->nr_memory_map; i++)
		rc = populate(d, map[i].addr, map[i].addr + map[i].size);
	return rc;
}

/* What start info says, all of it in one piece. */
struct start_area {
	struct hvm_start_info info;
	struct hvm_modlist_entry module[BOOT_MODULES_MAX];
	struct hvm_memmap_table_entry map[DOM0_MAP_MAX];
	char cmdline[BOOT_MODULES_MAX][BOOT_MODULE_CMDLINE];
};

/*
 * Places the modules below @base, where @a is to be. All goes to the end of the first GiB, which is
 * all that Linux maps before it reads them; so what is between the loader and them is free for the
 * kernel. false: they do not fit above @loader_end.
 */
static bool place_modules(struct start_area *a, uint64_t base, const struct dom0_image *image,
			  uint64_t loader_end)
{
	uint64_t at = base;

	for (unsigned int i = 0; i < image->nr_modules; i++) {
		const struct boot_module *m = image->module[i];

		if (m->size > at)
			return false;
		at = (at - m->size) & PAGE_MASK;
		a->module[i] = (struct hvm_modlist_entry) {
			.paddr = at,
			.size = m->size,
			.cmdline_paddr = base + offsetof(struct start_area, cmdline[i]),
		};
		memcpy(a->cmdline[i], m->cmdline, sizeof(a->cmdline[i]));
	}
	a->info.nr_modules = image->nr_modules;
	return at >= loader_end;
}

/* The loader adds the kernel's command line and the RSDP. */
static int write_start_info(struct domain *d, struct start_area *a, uint64_t base)
{
	a->info.magic = XEN_HVM_START_MAGIC_VALUE;
	a->info.version = 1;
	a->info.flags = 3; /* privileged, control domain (SIF_PRIVILEGED | SIF_INITDOMAIN) */
	a->info.modlist_paddr = base + offsetof(struct start_area, module);
	a->info.memmap_paddr = base + offsetof(struct start_area, map);
	a->info.memmap_entries = d->nr_memory_map;
	for (unsigned int i = 0; i < d->nr_memory_map; i++)
		a->map[i] = (struct hvm_memmap_table_entry) { .addr = d->memory_map[i].addr,
							      .size = d->memory_map[i].size,
							      .type = d->memory_map[i].type };
	return guest_phys_write(d, (gpa_t) { base }, a, sizeof(*a));
}

/*
 * vCPU 0 of @d, at its entry: 32-bit protected mode without paging, EBX at the start info
 * (xen/arch-x86/hvm/start_info.h).
 */
static int make_vcpu0(struct domain *d, uint32_t entry, uint64_t start_info)
{
	const struct hvm_hw_cpu cpu = {
		.rip = entry,
		.rbx = start_info,
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
	int rc = vcpu_create(d, 0);

	if (!rc)
		rc = vm_ops->set_hvm_cpu(d->vcpu[0], &cpu);
	if (rc)
		return rc;
	d->vcpu[0]->initialised = true;
	clear_bit(PAUSE_DOWN, &d->vcpu[0]->pause_flags);
	return 0;
}

static int load(struct domain *d, const struct dom0_image *image, struct start_area *a,
		uint64_t memory)
{
	uint64_t base = min(memory, GIB) - ROUND_UP(sizeof(*a), PAGE_SIZE);
	struct dom0_loader_header h;
	int rc;

	if (!read_header(image->loader, &h)) {
		printk(KERN_ERR "Dom0's loader is damaged\n");
		return -EINVAL;
	}
	if (memory < 2 * MIB || !place_modules(a, base, image, (uint64_t)h.load + h.size)) {
		printk(KERN_ERR "Dom0 needs more memory than %lu MiB: raise dom0_mem=\n",
		       memory / MIB);
		return -ENOMEM;
	}
	rc = make_memory(d, memory);
	if (!rc)
		rc = load_module(d, image->loader, h.load);
	for (unsigned int i = 0; !rc && i < image->nr_modules; i++)
		rc = load_module(d, image->module[i], a->module[i].paddr);
	if (!rc)
		rc = write_start_info(d, a, base);
	return rc ? rc : make_vcpu0(d, h.entry, base);
}

int dom0_build(const struct dom0_image *image, struct domain **dom0)
{
	uint64_t memory = memory_size();
	uint32_t vcpus = options.dom0_max_vcpus ? options.dom0_max_vcpus : smp_cpus_wanted();
	struct xen_domctl_createdomain config = {
		.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		.max_vcpus = min(vcpus, (uint32_t)MAX_VCPUS),
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.grant_opts = XEN_DOMCTL_GRANT_version(1),
		.arch = { .emulation_flags = XEN_X86_EMU_LAPIC },
	};
	struct start_area *a = xzalloc(sizeof(*a));
	int rc = a ? domain_create(0, &config, NULL, dom0) : -ENOMEM;

	if (!rc)
		rc = load(*dom0, image, a, memory);
	xfree(a);
	if (rc)
		printk(KERN_ERR "Dom0 can't be built: error %d\n", -rc);
	else
		printk("Dom0: %lu MiB, %u vCPUs\n", memory / MIB, (*dom0)->max_vcpus);
	return rc;
}

int dom0_start(struct domain *d)
{
	int rc = 0;

	for (unsigned int i = 1; !rc && i < d->max_vcpus; i++)
		rc = vcpu_create(d, i);
	if (rc) {
		printk(KERN_ERR "Dom0 can't be started: error %d\n", -rc);
		return rc;
	}
	/* The clock did not run yet when it was created. */
	domain_update_wallclock(d);
	d->state = DOMAIN_ALIVE;
	domain_unpause(d);
	return 0;
}
