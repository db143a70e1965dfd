/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to the main loop (docs/architecture.md has the picture). start() runs with
 * the first 4 GiB mapped where they are; it reads what the loader and the firmware have to say,
 * builds the core's own address space and leaves the identity map for good.
 */
#include "boot/multiboot.h"
#include "domain/dom0.h"
#include "domain/domain.h"
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "lib/serial.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/window.h"
#include "sched/sched.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/loop.h"
#include "x86/paging.h"
#include "x86/smp.h"
#include "x86/time.h"
#include "x86/trap.h"
#include "x86/view.h"
#include "xsm/xsm.h"

#define FOUR_GIB (1UL << 32)
#define ONE_MIB	 (1UL << 20)

extern char core_image_start[], core_image_end[];

struct acpi_info acpi_info;
static struct boot_info boot;

/* Memory that paging_boot() takes: [early_start, early_at) of a free range, upwards. */
static uint64_t early_start, early_at, early_end;
static uint64_t max_mfn;

const void *boot_map(uint64_t addr, size_t len)
{
	return addr < FOUR_GIB && len <= FOUR_GIB - addr ? (const void *)addr : NULL;
}

struct range {
	uint64_t start, end;
};

/* The first of what is in use that ends above @at. */
static struct range next_in_use(uint64_t at)
{
	struct range used[2 + BOOT_MODULES_MAX] = {
		{ (uint64_t)core_image_start - IMAGE_VIRT, (uint64_t)core_image_end - IMAGE_VIRT },
		{ early_start, early_at },
	};
	struct range first = { ~0UL, ~0UL };

	for (unsigned int i = 0; i < boot.nr_modules; i++) {
		uint64_t start = boot.modules[i].start.v;

		used[2 + i] = (struct range) { start & PAGE_MASK,
					       ROUND_UP(start + boot.modules[i].size, PAGE_SIZE) };
	}
	for (unsigned int i = 0; i < 2 + boot.nr_modules; i++)
		if (used[i].end > at && used[i].start < first.start)
			first = used[i];
	return first;
}

/* The next pages of RAM range @m, from @at on and below @limit, that nothing uses; false: none. */
static bool next_free(const struct boot_mem *m, uint64_t at, uint64_t limit, struct range *free)
{
	struct range used;

	limit = min(m->start + m->size, limit) & PAGE_MASK;
	at = ROUND_UP(max(m->start, at), PAGE_SIZE);
	for (used = next_in_use(at); used.start <= at; used = next_in_use(at))
		at = used.end;
	*free = (struct range) { at, min(used.start, limit) };
	return at < limit;
}

/* The largest free range between 1 MiB and 4 GiB. */
static void find_early_memory(void)
{
	struct range best = { 0, 0 }, r;

	for (unsigned int i = 0; i < boot.nr_mem; i++)
		for (r.end = ONE_MIB; next_free(&boot.mem[i], r.end, FOUR_GIB, &r);)
			if (r.end - r.start > best.end - best.start)
				best = r;
	early_start = early_at = best.start;
	early_end = best.end;
}

static maddr_t early_alloc(void)
{
	uint64_t at = early_at;

	if (at + PAGE_SIZE > early_end)
		panic("not enough memory below 4 GiB to start");
	early_at += PAGE_SIZE;
	memset(boot_ptr((maddr_t) { at }), 0, PAGE_SIZE);
	return (maddr_t) { at };
}

static bool has_memory(mfn_t start, uint64_t n)
{
	uint64_t from = start.v << PAGE_SHIFT, to = (start.v + n) << PAGE_SHIFT;

	for (unsigned int i = 0; i < boot.nr_mem; i++)
		if (boot.mem[i].start < to && boot.mem[i].start + boot.mem[i].size > from)
			return true;
	return false;
}

/* A page below 640 KiB for the other CPUs' start-up code. */
static maddr_t find_trampoline(void)
{
	struct range r;

	for (unsigned int i = 0; i < boot.nr_mem; i++)
		if (next_free(&boot.mem[i], 0x10000, 0x90000, &r))
			return (maddr_t) { r.start };
	panic("no free page below 640 KiB for starting CPUs");
}

static void add_memory(void)
{
	struct range r;

	for (unsigned int i = 0; i < boot.nr_mem; i++)
		for (r.end = ONE_MIB; next_free(&boot.mem[i], r.end, ~0UL, &r);)
			frames_boot_add((mfn_t) { r.start >> PAGE_SHIFT },
					(mfn_t) { r.end >> PAGE_SHIFT });
}

static enum module_kind kind_of(const struct boot_module *m)
{
	void *p = window_open(maddr_to_mfn(m->start));
	enum module_kind kind = module_kind(p, min(m->size, PAGE_SIZE));

	window_close(p);
	return kind;
}

/* The first module of @kind, or NULL. */
static const struct boot_module *find_module(enum module_kind kind)
{
	for (unsigned int i = 0; i < boot.nr_modules; i++)
		if (kind_of(&boot.modules[i]) == kind)
			return &boot.modules[i];
	return NULL;
}

static void load_policy(void)
{
	const struct boot_module *m = find_module(MODULE_FLASK);
	uint8_t *policy = m ? xmalloc(m->size) : NULL;

	if (m && !policy)
		panic("the policy module is too large");
	for (uint64_t at = 0; m && at < m->size; at += PAGE_SIZE) {
		void *p = window_open(maddr_to_mfn((maddr_t) { m->start.v + at }));

		memcpy(policy + at, p, min(m->size - at, PAGE_SIZE));
		window_close(p);
	}
	if (xsm_boot(policy, m ? m->size : 0, options.flask[0] ? options.flask : NULL))
		panic("no usable policy: give a policy module, or flask=disabled for the built-in "
		      "rules");
	xfree(policy);
}

static int build_dom0(struct dom0 *dom0)
{
	struct dom0_image image = { .loader = find_module(MODULE_LOADER) };

	if (!image.loader)
		panic("no loader for Dom0's kernel (dom0-loader.bin) among the %u boot modules",
		      boot.nr_modules);
	for (unsigned int i = 0; i < boot.nr_modules; i++)
		if (kind_of(&boot.modules[i]) == MODULE_DOM0)
			image.module[image.nr_modules++] = &boot.modules[i];
	return dom0_build(&image, dom0);
}

/* Modules are copied by now: their memory becomes free memory. */
static void free_modules(void)
{
	for (unsigned int i = 0; i < boot.nr_modules; i++)
		frames_boot_add(
			(mfn_t) { boot.modules[i].start.v >> PAGE_SHIFT },
			(mfn_t) { DIV_ROUND_UP(boot.modules[i].start.v + boot.modules[i].size,
					       PAGE_SIZE) });
}

/* The core's interrupts, and the clocks, whose rates are measured while the boot goes on. */
static void start_hardware(void)
{
	traps_boot();
	traps_cpu_init();
	apic_boot(acpi_info.lapic_addr, options.x2apic);
	if (acpi_info.pcat_compat)
		legacy_pic_disable();
	ioapic_boot();
	apic_cpu_init();
	time_boot_begin();
}

/* On the core's own page tables and stack. */
static void start_core(void)
{
	struct dom0 dom0;

	start_hardware();
	frames_boot((struct frame *)FRAME_TABLE_VA, max_mfn);
	add_memory();
	printk("%lu MiB of memory\n", frame_counts.total >> (20 - PAGE_SHIFT));
	if (acpi_info.nodes & (acpi_info.nodes - 1))
		printk(KERN_WARNING "SRAT: several nodes; their memory is used as one\n");
	percpu_ready = true;
	vm_ops->probe();
	cpu_policy_boot();
	load_policy();
	sched_boot();
	cpu_init();
	if (build_dom0(&dom0))
		panic("no Dom0");
	free_modules();
	time_boot();
	smp_boot();
	if (dom0_start(&dom0))
		panic("no Dom0");
	/* Late: until the main loop runs, nobody would serve the interrupt. */
	if (!ioapic_route_isa(serial_irq(), VECTOR_SERIAL, this_cpu()->apic_id))
		console_irq_on();
	main_loop();
}

/* What the compiler's stack protector needs. */
uintptr_t __stack_chk_guard = 0x595e9fbd94fda766UL;

void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("stack overwritten in %016lx", (uint64_t)__builtin_return_address(0));
}

/* A value for this boot. Who calls this must never return. */
__attribute__((no_stack_protector)) static void choose_stack_guard(void)
{
	uint64_t t = __builtin_ia32_rdtsc();

	/* A zero byte at the bottom ends string overflows. */
	__stack_chk_guard = (__stack_chk_guard ^ (t << 32 | t)) * 0x9e3779b97f4a7c15UL & ~0xffUL;
}

void start(uint32_t magic, uint32_t info);
void start(uint32_t magic, uint32_t info)
{
	int rc;

	choose_stack_guard();
	console_early_init();
	printk("Bulkhead starts\n");
	rc = multiboot_parse(magic, info, &boot);
	if (rc)
		panic("the boot loader's information can't be read (error %d)", -rc);
	cmdline_init(boot.cmdline);
	console_init();
	rc = acpi_parse(boot.rsdp.v, &acpi_info);
	if (rc)
		panic("no usable ACPI tables (error %d)", -rc);
	for (unsigned int i = 0; i < boot.nr_mem; i++)
		max_mfn = max(max_mfn, (boot.mem[i].start + boot.mem[i].size) >> PAGE_SHIFT);
	smp_place_trampoline(find_trampoline());
	find_early_memory();
	paging_boot(early_alloc, max_mfn, has_memory, smp_cpus_wanted());
	paging_switch(start_core);
}
