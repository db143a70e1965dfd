/* SPDX-License-Identifier: BSD-2-Clause */
#include "domain/domain.h"
#include "event/evtchn.h"
#include "grant/grant.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/smp.h"

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

/* No registers, not even where a vCPU is: the policy does not ask for each domain whether one may know. */
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

static void reboot(void)
{
	printk("Rebooting.\n");
	machine_reboot();
}

const struct debug_key debug_keys[] = {
	{ 'g', grant_dump, "grant tables" },
	{ 'm', show_memory, "memory" },
	{ 'q', show_domains, "domains and vCPUs" },
	{ 'R', reboot, "reboot the machine" },
	{ 0 },
};
