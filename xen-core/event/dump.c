/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug key 'e': the ports of every domain, read without locks. */
#include "event/table.h"
#include "lib/printk.h"

static void dump_port(const struct domain *d, const struct evtchn *chn)
{
	static const char *const name[] = {
		[EVTCHNSTAT_closed] = "closed",
		[EVTCHNSTAT_unbound] = "unbound",
		[EVTCHNSTAT_interdomain] = "interdomain",
		[EVTCHNSTAT_virq] = "virq",
		[EVTCHNSTAT_ipi] = "ipi",
	};
	unsigned int flags = port_flags(d, chn->port);
	struct evtchn_status s = { 0 };

	evtchn_describe(chn, &s);
	printk("  %5u [%c%c] vcpu %u %s", chn->port, flags & PORT_PENDING ? 'p' : '-',
	       flags & PORT_MASKED ? 'm' : '-', s.vcpu, name[s.status]);
	if (s.status == EVTCHNSTAT_interdomain)
		printk(" d%u port %u", s.u.interdomain.dom, s.u.interdomain.port);
	else if (s.status == EVTCHNSTAT_unbound)
		printk(" d%u", s.u.unbound.dom);
	else if (s.status == EVTCHNSTAT_virq)
		printk(" %u", s.u.virq);
	printk("\n");
}

void evtchn_dump(void)
{
	struct domain *d;

	for_each_domain (d) {
		const struct evtchn_table *t = d->evtchn;
		port_t port;

		if (!t)
			continue;
		printk("d%u: %u event channels, %s\n", d->id, READ_ONCE(t->in_use),
		       READ_ONCE(t->fifo) ? "FIFO" : "2-level");
		for_each_port (t, port, 1, READ_ONCE(t->valid))
			dump_port(d, evtchn_lookup(t, port));
	}
}
