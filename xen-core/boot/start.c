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

static uint64_t max_mfn;

/*
 * Pages of memory that nothing uses yet, and empty ranges. Taking a range out adds one at most, and is done
 * for each range of memory, each module, the image, and single pages.
 */
static struct boot_mem unused[2 * BOOT_MEM_MAX + BOOT_MODULES_MAX + 4];
static unsigned int nr_unused;

const void *boot_map(uint64_t addr, size_t len)
{
	return addr < FOUR_GIB && len <= FOUR_GIB - addr ? (const void *)addr : NULL;
}

/* Takes the pages of [start, end) out of the unused memory. */
static void take(uint64_t start, uint64_t end)
{
	start &= PAGE_MASK;
	end = ROUND_UP(end, PAGE_SIZE);
	for (unsigned int i = 0, n = nr_unused; i < n; i++) {
		struct boot_mem *m = &unused[i];

		if (end <= m->start || m->end <= start)
			continue;
		if (start <= m->start) {
			m->start = min(end, m->end);
			continue;
		}
		if (end < m->end)
			unused[nr_unused++] = (struct boot_mem) { end, m->end };
		m->end = start;
	}
}

static void find_unused(void)
{
	for (unsigned int i = 0; i < boot.nr_mem; i++) {
		take(boot.mem[i].start, boot.mem[i].end); /* memory that is listed twice */
		unused[nr_unused++] = boot.mem[i];
		max_mfn = max(max_mfn, boot.mem[i].end >> PAGE_SHIFT);
	}
	take((uint64_t)core_image_start - IMAGE_VIRT, (uint64_t)core_image_end - IMAGE_VIRT);
	for (unsigned int i = 0; i < boot.nr_modules; i++)
		take(boot.modules[i].start.v, boot.modules[i].start.v + boot.modules[i].size);
}

/* A page of [start, end), for good. */
static maddr_t take_page(uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < nr_unused; i++) {
		uint64_t at = max(unused[i].start, start);

		if (at < min(unused[i].end, end)) {
			take(at, at + PAGE_SIZE);
			return (maddr_t) { at };
		}
	}
	panic("not enough memory between 0x%lx and 0x%lx to start", start, end);
}

static maddr_t early_alloc(void)
{
	maddr_t page = take_page(0, FOUR_GIB);

	memset(boot_ptr(page), 0, PAGE_SIZE);
	return page;
}

static bool has_memory(mfn_t start, uint64_t n)
{
	uint64_t from = start.v << PAGE_SHIFT, to = (start.v + n) << PAGE_SHIFT;

	for (unsigned int i = 0; i < boot.nr_mem; i++)
		if (boot.mem[i].start < to && boot.mem[i].end > from)
			return true;
	return false;
}

/* Gives the whole pages of [start, end), whose start is one's, to the frame allocator. */
static void add_memory(uint64_t start, uint64_t end)
{
	frames_boot_add(maddr_to_mfn((maddr_t) { start }), maddr_to_mfn((maddr_t) { end }));
}

static void load_policy(void)
{
	const struct boot_module *m = boot.policy;
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

/* On the core's own page tables and stack. */
static void start_core(void)
{
	struct domain *dom0;
	bool serial_interrupts;

	traps_boot();
	traps_cpu_init();
	apic_boot(acpi_info.lapic_addr, options.x2apic);
	apic_cpu_init();
	serial_interrupts = ioapic_boot(serial_irq(), VECTOR_SERIAL);
	time_boot_begin();
	frames_boot((struct frame *)FRAME_TABLE_VA, max_mfn);
	for (unsigned int i = 0; i < nr_unused; i++)
		add_memory(unused[i].start, unused[i].end);
	printk("%lu MiB of memory\n", frame_counts.total >> (20 - PAGE_SHIFT));
	if (acpi_info.nodes & (acpi_info.nodes - 1))
		printk(KERN_WARNING "SRAT: several nodes; their memory is used as one\n");
	percpu_ready = true;
	vm_ops->probe();
	cpu_policy_boot();
	load_policy();
	cpu_init();
	if (!boot.dom0.loader)
		panic("no loader for Dom0's kernel (dom0-loader.bin) among the %u boot modules",
		      boot.nr_modules);
	if (dom0_build(&boot.dom0, &dom0))
		panic("no Dom0");
	/* Modules are copied by now. Their last pages may be memory in part only. */
	for (unsigned int i = 0; i < boot.nr_modules; i++)
		add_memory(boot.modules[i].start.v, boot.modules[i].start.v + boot.modules[i].size);
	time_boot();
	smp_boot();
	if (dom0_start(dom0))
		panic("no Dom0");
	/* Late: until the main loop runs, nobody would serve the interrupt. */
	if (serial_interrupts)
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
	serial_init();
	printk("Bulkhead starts\n");
	rc = multiboot_parse(magic, info, &boot);
	if (rc)
		panic("the boot loader's information can't be read (error %d)", -rc);
	cmdline_init(boot.cmdline);
	console_init();
	rc = acpi_parse(boot.rsdp.v, &acpi_info);
	if (rc)
		panic("no usable ACPI tables (error %d)", -rc);
	find_unused();
	smp_place_trampoline(take_page(0x10000, 0x90000));
	take(0, ONE_MIB);
	paging_boot(early_alloc, max_mfn, has_memory, smp_cpus_wanted());
	paging_switch(start_core);
}
