/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 2-level ABI (xen/event_channel.h, xen/xen.h): a bitmap of pending and one of masked ports in
 * the shared info page, and for each vCPU a selector of the bitmap's words in its vcpu_info.
 */
#include "event/table.h"

/* Selects the word of @port and marks the vCPU; returns it if it must be notified. */
static struct vcpu *select_word(const struct domain *d, const struct evtchn *chn)
{
	struct vcpu *v = d->vcpu[chn->vcpu];
	struct vcpu_info *info;
	bool notify;

	if (unlikely(!v))
		return NULL;
	info = vcpu_info_open(v);
	notify = !test_and_set_bit(chn->port / BITS_PER_LONG,
				   (unsigned long *)&info->evtchn_pending_sel) &&
		 vcpu_info_mark(info);
	vcpu_info_close(v, info);
	return notify ? v : NULL;
}

struct vcpu *two_level_set_pending(struct evtchn *chn, bool *newly)
{
	struct domain *d = chn->domain;

	if (test_and_set_bit(chn->port, (unsigned long *)d->shared->evtchn_pending))
		return NULL;
	*newly = true;
	if (test_bit(chn->port, (unsigned long *)d->shared->evtchn_mask))
		return NULL;
	return select_word(d, chn);
}

struct vcpu *two_level_unmask(struct evtchn *chn)
{
	struct domain *d = chn->domain;

	if (chn->port >= EVTCHN_2L_NR_CHANNELS ||
	    !test_and_clear_bit(chn->port, (unsigned long *)d->shared->evtchn_mask) ||
	    !test_bit(chn->port, (unsigned long *)d->shared->evtchn_pending))
		return NULL;
	return select_word(d, chn);
}

bool two_level_pending(const struct domain *d, port_t port)
{
	return port < EVTCHN_2L_NR_CHANNELS &&
	       test_bit(port, (unsigned long *)d->shared->evtchn_pending);
}

void two_level_clear_pending(struct domain *d, port_t port)
{
	if (port < EVTCHN_2L_NR_CHANNELS)
		clear_bit(port, (unsigned long *)d->shared->evtchn_pending);
}
