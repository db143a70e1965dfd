/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handle, and the two ways into the hypervisor that nearly all wrappers use: domctl and sysctl.
 */
#include "hyper/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hyper_open(struct hyper **out)
{
	struct hyper *h = calloc(1, sizeof(*h));
	int rc;

	*out = NULL;
	if (!h)
		return -ENOMEM;
	errno = 0;
	h->call = xencall_open(NULL, 0);
	if (!h->call) {
		rc = errno ? -errno : -ENOENT;
		free(h);
		return rc;
	}
	h->domctl = xencall_alloc_buffer(h->call, sizeof(*h->domctl));
	h->sysctl = xencall_alloc_buffer(h->call, sizeof(*h->sysctl));
	if (!h->domctl || !h->sysctl) {
		hyper_close(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void hyper_close(struct hyper *h)
{
	if (!h)
		return;
	hyper_buffer_free(h, h->domctl);
	hyper_buffer_free(h, h->sysctl);
	xencall_close(h->call);
	free(h);
}

int hyper_result(int rc)
{
	return rc < 0 ? -errno : rc;
}

struct xen_domctl *hyper_domctl_prepare(struct hyper *h, uint32_t cmd, uint16_t domid)
{
	memset(h->domctl, 0, sizeof(*h->domctl));
	h->domctl->cmd = cmd;
	h->domctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	h->domctl->domain = domid;
	return h->domctl;
}

int hyper_domctl(struct hyper *h)
{
	return hyper_result(xencall1(h->call, __HYPERVISOR_domctl, (uintptr_t)h->domctl));
}

struct xen_sysctl *hyper_sysctl_prepare(struct hyper *h, uint32_t cmd)
{
	memset(h->sysctl, 0, sizeof(*h->sysctl));
	h->sysctl->cmd = cmd;
	h->sysctl->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return h->sysctl;
}

int hyper_sysctl(struct hyper *h)
{
	return hyper_result(xencall1(h->call, __HYPERVISOR_sysctl, (uintptr_t)h->sysctl));
}

void *hyper_buffer(struct hyper *h, size_t size)
{
	void *buffer = xencall_alloc_buffer(h->call, size);

	if (buffer)
		memset(buffer, 0, size);
	return buffer;
}

void hyper_buffer_free(struct hyper *h, void *buffer)
{
	if (buffer)
		xencall_free_buffer(h->call, buffer);
}

int hyper_call(struct hyper *h, unsigned int op, unsigned int cmd, void *arg, size_t size)
{
	void *buffer = hyper_buffer(h, size);
	int rc;

	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, arg, size);
	rc = hyper_result(xencall2(h->call, op, cmd, (uintptr_t)buffer));
	memcpy(arg, buffer, size);
	hyper_buffer_free(h, buffer);
	return rc;
}
