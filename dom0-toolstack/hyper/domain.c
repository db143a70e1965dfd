/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains: information, life and limits. */
#include "hyper/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As many as one call asks for; more calls follow when there are more domains. */
#define LIST_CHUNK 128u

static void info_from_xen(struct domain_info *out, const struct xen_domctl_getdomaininfo *in)
{
	memset(out, 0, sizeof(*out));
	out->domid = in->domain;
	memcpy(out->uuid, in->handle, sizeof(out->uuid));
	out->dying = in->flags & XEN_DOMINF_dying;
	out->hvm = in->flags & XEN_DOMINF_hvm_guest;
	out->shutdown = in->flags & XEN_DOMINF_shutdown;
	out->paused = in->flags & XEN_DOMINF_paused;
	out->blocked = in->flags & XEN_DOMINF_blocked;
	out->running = in->flags & XEN_DOMINF_running;
	out->debugged = in->flags & XEN_DOMINF_debugged;
	out->xenstore = in->flags & XEN_DOMINF_xs_domain;
	out->hap = in->flags & XEN_DOMINF_hap;
	out->shutdown_reason = SHUTDOWN_REASON_NONE;
	if (out->shutdown)
		out->shutdown_reason =
			(in->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
	out->total_pages = in->tot_pages;
	out->max_pages = in->max_pages;
	out->outstanding_pages = in->outstanding_pages;
	out->shared_pages = in->shr_pages;
	out->paged_pages = in->paged_pages;
	out->shared_info_frame = in->shared_info_frame;
	out->cpu_time_ns = in->cpu_time;
	out->online_vcpus = in->nr_online_vcpus;
	out->max_vcpu_id = in->max_vcpu_id;
	out->ssidref = in->ssidref;
	out->cpupool = in->cpupool;
	out->emulation_flags = in->arch_config.emulation_flags;
}

int hyper_domain_info(struct hyper *h, uint16_t domid, struct domain_info *out)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, XEN_DOMCTL_getdomaininfo, domid);
	int rc = hyper_domctl(h);

	if (rc < 0)
		return rc;
	/* The hypervisor may answer with the next domain that exists. */
	if (op->domain != domid)
		return -ESRCH;
	info_from_xen(out, &op->u.getdomaininfo);
	return 0;
}

static int list_chunk(struct hyper *h, uint16_t first, struct xen_domctl_getdomaininfo *buffer,
		      unsigned int max)
{
	struct xen_sysctl *op = hyper_sysctl_prepare(h, XEN_SYSCTL_getdomaininfolist);
	int rc;

	op->u.getdomaininfolist.first_domain = first;
	op->u.getdomaininfolist.max_domains = max;
	set_xen_guest_handle(op->u.getdomaininfolist.buffer, buffer);
	rc = hyper_sysctl(h);
	if (rc < 0)
		return rc;
	if (op->u.getdomaininfolist.num_domains > max)
		return -EPROTO;
	return op->u.getdomaininfolist.num_domains;
}

/* The domains in order of id, at most `max`; how many were written. */
static int list_domains(struct hyper *h, struct domain_info *out, unsigned int max)
{
	struct xen_domctl_getdomaininfo *buffer;
	unsigned int done = 0;
	uint16_t first = 0;
	int n = 0;

	buffer = hyper_buffer(h, LIST_CHUNK * sizeof(*buffer));
	if (!buffer)
		return -ENOMEM;
	while (done < max && first < HYPER_DOMID_FIRST_NA) {
		unsigned int want = max - done < LIST_CHUNK ? max - done : LIST_CHUNK;

		n = list_chunk(h, first, buffer, want);
		if (n <= 0)
			break;
		for (int i = 0; i < n; i++)
			info_from_xen(&out[done + i], &buffer[i]);
		done += n;
		first = out[done - 1].domid + 1;
		if ((unsigned int)n < want)
			break;
	}
	hyper_buffer_free(h, buffer);
	return n < 0 ? n : (int)done;
}

int hyper_domain_list_all(struct hyper *h, struct domain_info **out)
{
	unsigned int room = LIST_CHUNK;

	*out = NULL;
	for (;;) {
		struct domain_info *list = calloc(room, sizeof(*list));
		int n;

		if (!list)
			return -ENOMEM;
		n = list_domains(h, list, room);
		if (n >= 0 && (unsigned int)n < room) {
			*out = list;
			return n;
		}
		free(list);
		if (n < 0)
			return n;
		room *= 2;
	}
}

static int simple(struct hyper *h, uint32_t cmd, uint16_t domid)
{
	int rc;

	hyper_domctl_prepare(h, cmd, domid);
	rc = hyper_domctl(h);
	return rc < 0 ? rc : 0;
}

int hyper_domain_pause(struct hyper *h, uint16_t domid)
{
	return simple(h, XEN_DOMCTL_pausedomain, domid);
}

int hyper_domain_unpause(struct hyper *h, uint16_t domid)
{
	return simple(h, XEN_DOMCTL_unpausedomain, domid);
}

int hyper_domain_destroy(struct hyper *h, uint16_t domid)
{
	int rc;

	do {
		rc = simple(h, XEN_DOMCTL_destroydomain, domid);
	} while (rc == -EAGAIN || rc == -EINTR || rc == -ERESTART);
	return rc;
}

int hyper_domain_set_max_memory(struct hyper *h, uint16_t domid, uint64_t kib)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, XEN_DOMCTL_max_mem, domid);

	op->u.max_mem.max_memkb = kib;
	return hyper_domctl(h);
}

int hyper_domain_trigger(struct hyper *h, uint16_t domid, enum domain_trigger trigger,
			 uint32_t vcpu)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, XEN_DOMCTL_sendtrigger, domid);

	op->u.sendtrigger.trigger = trigger;
	op->u.sendtrigger.vcpu = vcpu;
	return hyper_domctl(h);
}

int hyper_claim_pages(struct hyper *h, uint16_t domid, uint64_t pages)
{
	struct xen_memory_reservation arg = {
		.nr_extents = pages,
		.domid = domid,
	};

	return hyper_call(h, __HYPERVISOR_memory_op, XENMEM_claim_pages, &arg, sizeof(arg));
}
