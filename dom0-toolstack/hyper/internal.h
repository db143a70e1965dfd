/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hypercall wrappers share among themselves and with the domain builder's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hyper/xen_abi.h"

#include <xencall.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "hyper/hyper.h"

/*
 * The handle. `domctl` and `sysctl` lie in memory that the hypervisor can always reach; each call
 * uses them anew.
 */
struct hyper {
	xencall_handle *call;
	struct xen_domctl *domctl;
	struct xen_sysctl *sysctl;
};

/* Cleared h->domctl for `cmd` on `domid`. */
struct xen_domctl *hyper_domctl_prepare(struct hyper *h, uint32_t cmd, uint16_t domid);
/* Does it: the hypercall's result, or a negative errno. */
int hyper_domctl(struct hyper *h);

struct xen_sysctl *hyper_sysctl_prepare(struct hyper *h, uint32_t cmd);
int hyper_sysctl(struct hyper *h);

/* The result of an xencall function as 0, a positive result, or a negative errno. */
int hyper_result(int rc);

/*
 * A buffer for a hypercall's argument, cleared; free it with hyper_buffer_free(). NULL: no memory.
 */
void *hyper_buffer(struct hyper *h, size_t size);
void hyper_buffer_free(struct hyper *h, void *buffer);

/* Does `op` (memory, version, …) with `cmd` and a copy of *arg, which is copied back. */
int hyper_call(struct hyper *h, unsigned int op, unsigned int cmd, void *arg, size_t size);
