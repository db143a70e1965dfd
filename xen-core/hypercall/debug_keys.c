/* SPDX-License-Identifier: BSD-2-Clause */
#include "domain/domain.h"
#include "event/evtchn.h"
#include "grant/grant.h"
#include "hvm/hvm.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/cpu.h"
#include "x86/smp.h"
#include "x86/time.h"

static void show_memory(void)
{
	struct domain *d;

	printk("Frames: %lu, free %lu, to be scrubbed %lu, claimed %lu; heap: %lu bytes\n",
	       frame_counts.total, frame_counts.free, frame_counts.limbo, frame_counts.claimed,
	       heap_used());
	for_each_domain (d)
		printk("d%u: %lu of %lu pages, %lu claimed, %lu pages of tables\n", d->id,
		       d->tot_pages, d->max_pages, d->claimed_pages, d->p2m.table_pages);
}

static void show_domains(void)
{
	static const char *const states[] = { "building", "alive", "dying", "dead" };
	struct domain *d;
	struct vcpu *v;
	unsigned int i;

	for_each_domain (d) {
		printk("d%u: %s%s, refs %u, paused %d (%d by tools), event channels %u\n", d->id,
		       states[d->state], d->is_shut_down ? ", shut down" : "", d->refs,
		       d->pause_count, d->controller_pauses, evtchn_in_use(d));
		for_each_vcpu (d, v, i)
			printk("  v%u: CPU %u%s%s, pause flags 0x%lx count %d, state %d\n", v->id,
			       v->processor, v->running ? " running" : "",
			       v->initialised ? "" : " not initialised", v->pause_flags,
			       v->pause_count, v->runstate.state);
	}
}

/* Registers of vCPUs that do not run now: those of a running one are in the hardware. */
static void show_registers(void)
{
	struct domain *d;
	struct vcpu *v;
	unsigned int i;

	for_each_domain (d) {
		for_each_vcpu (d, v, i) {
			const struct guest_regs *r;
			struct guest_control control;

			if (!v->initialised || (v->running && v != current_vcpu()))
				continue;
			r = vm_ops->regs(v);
			vm_ops->get_control(v, &control);
			printk("d%uv%u: rip %016lx rsp %016lx flags %08lx cr3 %lx\n", d->id, v->id,
			       r->rip, r->rsp, r->rflags, control.cr3);
			printk("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx,
			       r->rcx, r->rdx);
		}
	}
}

static void show_time(void)
{
	uint64_t sec;
	uint32_t nsec;
	unsigned int i;

	wallclock_get(&sec, &nsec);
	printk("TSC: %lu kHz; system time %lu ns; boot was at %lu.%09u\n", tsc_khz(), system_time(),
	       sec, nsec);
	for (i = 0; i < cpus_online(); i++)
		printk("CPU %u: APIC %u, %lu exits\n", i, cpus[i]->apic_id, cpus[i]->exits);
}

static void reboot(void)
{
	printk("Rebooting.\n");
	machine_reboot();
}

const struct debug_key debug_keys[] = {
	{ 'd', show_registers, "registers of vCPUs that are not running" },
	{ 'g', grant_dump, "grant tables" },
	{ 'm', show_memory, "memory" },
	{ 'q', show_domains, "domains and vCPUs" },
	{ 't', show_time, "clock and CPUs" },
	{ 'R', reboot, "reboot the machine" },
	{ 0 },
};
