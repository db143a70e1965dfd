/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug key 'e': the ports of every domain, read without locks. */
#include "event/table.h"
#include "lib/printk.h"

static const char *const state_name[] = {
	[EVTCHN_FREE] = "free",	      [EVTCHN_RESERVED] = "reserved",
	[EVTCHN_UNBOUND] = "unbound", [EVTCHN_INTERDOMAIN] = "interdomain",
	[EVTCHN_VIRQ] = "virq",	      [EVTCHN_IPI] = "ipi",
};

static void dump_port(const struct domain *d, const struct evtchn *chn)
{
	bool masked =
		d->evtchn->fifo ? fifo_is_masked(d, chn->port) : two_level_is_masked(d, chn->port);
	uint64_t binding = READ_ONCE(chn->binding);

	printk("  %5u [%c%c] vcpu %u %s", chn->port, port_is_pending(d, chn->port) ? 'p' : '-',
	       masked ? 'm' : '-', chn->vcpu, state_name[evtchn_state(binding)]);
	switch (evtchn_state(binding)) {
	case EVTCHN_INTERDOMAIN:
		printk(" d%u port %u\n", evtchn_peer_of(binding)->domain->id,
		       evtchn_peer_of(binding)->port);
		break;
	case EVTCHN_UNBOUND:
	case EVTCHN_VIRQ:
		printk(" %u\n", (unsigned int)((binding >> 16) & 0xffff));
		break;
	default:
		printk("\n");
		break;
	}
}

void evtchn_dump(void)
{
	struct domain *d;

	for_each_domain (d) {
		const struct evtchn_table *t = d->evtchn;

		if (!t)
			continue;
		printk("d%u: %u event channels, %s\n", d->id, READ_ONCE(t->in_use),
		       READ_ONCE(t->fifo) ? "FIFO" : "2-level");
		for (port_t port = 1; port < READ_ONCE(t->valid); port++) {
			const struct evtchn *chn = evtchn_lookup(t, port);

			if (READ_ONCE(chn->binding) != EVTCHN_FREE)
				dump_port(d, chn);
		}
	}
}
