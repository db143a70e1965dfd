/* SPDX-License-Identifier: BSD-2-Clause */
/* The domain builder's hypercalls. */
#include "hyper/build.h"
#include "hyper/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>

_Static_assert(sizeof(struct hyper_cpuid_leaf) == sizeof(xen_cpuid_leaf_t), "same layout");
_Static_assert(sizeof(struct hyper_msr) == sizeof(xen_msr_entry_t), "same layout");

/* A policy or a context larger than this is not believed. */
#define POLICY_MAX  65536u
#define CONTEXT_MAX (64u << 20)

int hyper_build_create(struct hyper *h, const struct hyper_create *create, uint16_t *domid)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, XEN_DOMCTL_createdomain, *domid);
	struct xen_domctl_createdomain *arg = &op->u.createdomain;
	int rc;

	memcpy(arg->handle, create->uuid, sizeof(arg->handle));
	arg->ssidref = create->ssidref;
	arg->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap | XEN_DOMCTL_CDF_oos_off;
	arg->flags |= create->iommu ? XEN_DOMCTL_CDF_iommu : 0;
	arg->flags |= create->nested_virt ? XEN_DOMCTL_CDF_nested_virt : 0;
	arg->flags |= create->vpmu ? XEN_DOMCTL_CDF_vpmu : 0;
	arg->max_vcpus = create->max_vcpus;
	arg->max_evtchn_port = create->max_event_port;
	arg->max_grant_frames = create->max_grant_frames;
	arg->max_maptrack_frames = create->max_maptrack_frames;
	arg->grant_opts = XEN_DOMCTL_GRANT_version(create->grant_version);
	arg->vmtrace_size = create->vmtrace_size;
	arg->cpupool_id = create->cpupool;
	arg->arch.emulation_flags = create->emulation_flags;
	arg->arch.misc_flags = create->msr_relaxed ? XEN_X86_MSR_RELAXED : 0;
	rc = hyper_domctl(h);
	if (rc >= 0)
		*domid = op->domain;
	return rc;
}

int hyper_build_vcpus(struct hyper *h, uint16_t domid, uint32_t vcpus)
{
	hyper_domctl_prepare(h, XEN_DOMCTL_max_vcpus, domid)->u.max_vcpus.max = vcpus;
	return hyper_domctl(h);
}

int hyper_build_paging_pool(struct hyper *h, uint16_t domid, uint64_t kib)
{
	struct xen_domctl *op;
	uint64_t mib = (kib + 1023) / 1024;
	int rc;

	do {
		op = hyper_domctl_prepare(h, XEN_DOMCTL_set_paging_mempool_size, domid);
		op->u.paging_mempool.size = mib << 20;
		rc = hyper_domctl(h);
	} while (rc == -EINTR || rc == -EAGAIN);
	if (rc != -ENOSYS && rc != -EOPNOTSUPP)
		return rc;
	/* The older way. */
	op = hyper_domctl_prepare(h, XEN_DOMCTL_shadow_op, domid);
	op->u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION;
	op->u.shadow_op.mb = mib;
	return hyper_domctl(h);
}

int hyper_build_time_offset(struct hyper *h, uint16_t domid, int64_t seconds)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, XEN_DOMCTL_settimeoffset, domid);

	op->u.settimeoffset.time_offset_seconds = seconds;
	return hyper_domctl(h);
}

int hyper_build_tsc(struct hyper *h, uint16_t domid, uint32_t mode)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, XEN_DOMCTL_settscinfo, domid);

	op->u.tsc_info.tsc_mode = mode;
	return hyper_domctl(h);
}

int hyper_build_populate(struct hyper *h, uint16_t domid, const uint64_t *gfns, unsigned int count,
			 unsigned int order)
{
	struct xen_memory_reservation arg = {
		.nr_extents = count,
		.extent_order = order,
		.domid = domid,
	};
	uint64_t *list = hyper_buffer(h, count * sizeof(*list));
	int rc;

	if (!list)
		return -ENOMEM;
	memcpy(list, gfns, count * sizeof(*list));
	set_xen_guest_handle(arg.extent_start, (xen_pfn_t *)list);
	rc = hyper_call(h, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &arg, sizeof(arg));
	hyper_buffer_free(h, list);
	return rc;
}

int hyper_build_param_set(struct hyper *h, uint16_t domid, uint32_t index, uint64_t value)
{
	struct xen_hvm_param arg = { .domid = domid, .index = index, .value = value };

	return hyper_call(h, __HYPERVISOR_hvm_op, HVMOP_set_param, &arg, sizeof(arg));
}

int hyper_build_evtchn(struct hyper *h, uint16_t domid, uint16_t remote)
{
	struct evtchn_alloc_unbound arg = { .dom = domid, .remote_dom = remote };
	int rc = hyper_call(h, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &arg,
			    sizeof(arg));

	return rc < 0 ? rc : (int)arg.port;
}

int hyper_build_memory_map(struct hyper *h, uint16_t domid, const struct hyper_memory_range *map,
			   unsigned int count)
{
	struct xen_foreign_memory_map arg = { .domid = domid };
	struct {
		uint64_t addr, size;
		uint32_t type;
	} __attribute__((packed)) * entries;
	int rc;

	entries = hyper_buffer(h, count * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		entries[i].addr = map[i].addr;
		entries[i].size = map[i].size;
		entries[i].type = map[i].type;
	}
	arg.map.nr_entries = count;
	set_xen_guest_handle(arg.map.buffer, (void *)entries);
	rc = hyper_call(h, __HYPERVISOR_memory_op, XENMEM_set_memory_map, &arg, sizeof(arg));
	hyper_buffer_free(h, entries);
	return rc;
}

/* How many leaves and MSRs the largest policy has. */
static int policy_size(struct hyper *h, uint32_t *leaves, uint32_t *msrs)
{
	struct xen_sysctl *op = hyper_sysctl_prepare(h, XEN_SYSCTL_get_cpu_policy);
	int rc;

	op->u.cpu_policy.index = XEN_SYSCTL_cpu_policy_host;
	rc = hyper_sysctl(h);
	if (rc < 0)
		return rc;
	*leaves = op->u.cpu_policy.nr_leaves;
	*msrs = op->u.cpu_policy.nr_msrs;
	return *leaves > POLICY_MAX || *msrs > POLICY_MAX ? -EPROTO : 0;
}

/* Copies the answer out of the hypercall buffers. */
static int policy_copy(struct hyper_cpu_policy *out, const void *leaves, const void *msrs)
{
	out->leaves = calloc(out->n_leaves + 1u, sizeof(*out->leaves));
	out->msrs = calloc(out->n_msrs + 1u, sizeof(*out->msrs));
	if (!out->leaves || !out->msrs) {
		hyper_cpu_policy_free(out);
		return -ENOMEM;
	}
	memcpy(out->leaves, leaves, out->n_leaves * sizeof(*out->leaves));
	memcpy(out->msrs, msrs, out->n_msrs * sizeof(*out->msrs));
	return 0;
}

int hyper_build_cpu_policy_get(struct hyper *h, uint16_t domid, struct hyper_cpu_policy *out)
{
	struct xen_domctl_cpu_policy *arg;
	xen_cpuid_leaf_t *leaves;
	xen_msr_entry_t *msrs;
	uint32_t n_leaves, n_msrs;
	int rc = policy_size(h, &n_leaves, &n_msrs);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	leaves = hyper_buffer(h, (n_leaves + 1) * sizeof(*leaves));
	msrs = hyper_buffer(h, (n_msrs + 1) * sizeof(*msrs));
	rc = -ENOMEM;
	if (leaves && msrs) {
		arg = &hyper_domctl_prepare(h, XEN_DOMCTL_get_cpu_policy, domid)->u.cpu_policy;
		arg->nr_leaves = n_leaves;
		arg->nr_msrs = n_msrs;
		set_xen_guest_handle(arg->leaves, leaves);
		set_xen_guest_handle(arg->msrs, msrs);
		rc = hyper_domctl(h);
		out->n_leaves = arg->nr_leaves;
		out->n_msrs = arg->nr_msrs;
		if (rc >= 0 && (out->n_leaves > n_leaves || out->n_msrs > n_msrs))
			rc = -EPROTO;
		if (rc >= 0)
			rc = policy_copy(out, leaves, msrs);
	}
	hyper_buffer_free(h, leaves);
	hyper_buffer_free(h, msrs);
	return rc;
}

int hyper_build_cpu_policy_set(struct hyper *h, uint16_t domid, const struct hyper_cpu_policy *in,
			       uint32_t *bad_leaf, uint32_t *bad_msr)
{
	struct xen_domctl_cpu_policy *arg;
	xen_cpuid_leaf_t *leaves = hyper_buffer(h, (in->n_leaves + 1) * sizeof(*leaves));
	xen_msr_entry_t *msrs = hyper_buffer(h, (in->n_msrs + 1) * sizeof(*msrs));
	int rc = -ENOMEM;

	if (leaves && msrs) {
		memcpy(leaves, in->leaves, in->n_leaves * sizeof(*leaves));
		memcpy(msrs, in->msrs, in->n_msrs * sizeof(*msrs));
		arg = &hyper_domctl_prepare(h, XEN_DOMCTL_set_cpu_policy, domid)->u.cpu_policy;
		arg->nr_leaves = in->n_leaves;
		arg->nr_msrs = in->n_msrs;
		set_xen_guest_handle(arg->leaves, leaves);
		set_xen_guest_handle(arg->msrs, msrs);
		arg->err_leaf = UINT32_MAX;
		arg->err_subleaf = UINT32_MAX;
		arg->err_msr = UINT32_MAX;
		rc = hyper_domctl(h);
		if (bad_leaf)
			*bad_leaf = arg->err_leaf;
		if (bad_msr)
			*bad_msr = arg->err_msr;
	}
	hyper_buffer_free(h, leaves);
	hyper_buffer_free(h, msrs);
	return rc;
}

void hyper_cpu_policy_free(struct hyper_cpu_policy *policy)
{
	free(policy->leaves);
	free(policy->msrs);
	memset(policy, 0, sizeof(*policy));
}

int hyper_build_context_get(struct hyper *h, uint16_t domid, void **records, size_t *size)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, XEN_DOMCTL_gethvmcontext, domid);
	uint32_t room;
	uint8_t *buffer;
	int rc;

	*records = NULL;
	set_xen_guest_handle(op->u.hvmcontext.buffer, (uint8_t *)NULL);
	rc = hyper_domctl(h);
	if (rc < 0)
		return rc;
	room = op->u.hvmcontext.size;
	if (!room || room > CONTEXT_MAX)
		return -EPROTO;
	buffer = hyper_buffer(h, room);
	if (!buffer)
		return -ENOMEM;
	op = hyper_domctl_prepare(h, XEN_DOMCTL_gethvmcontext, domid);
	op->u.hvmcontext.size = room;
	set_xen_guest_handle(op->u.hvmcontext.buffer, buffer);
	rc = hyper_domctl(h);
	if (rc >= 0 && op->u.hvmcontext.size > room)
		rc = -EPROTO;
	if (rc >= 0) {
		*size = op->u.hvmcontext.size;
		*records = malloc(*size + 1);
		if (*records)
			memcpy(*records, buffer, *size);
		else
			rc = -ENOMEM;
	}
	hyper_buffer_free(h, buffer);
	return rc;
}

int hyper_build_context_set(struct hyper *h, uint16_t domid, const void *records, size_t size)
{
	struct xen_domctl *op;
	uint8_t *buffer = hyper_buffer(h, size);
	int rc;

	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, records, size);
	op = hyper_domctl_prepare(h, XEN_DOMCTL_sethvmcontext, domid);
	op->u.hvmcontext.size = size;
	set_xen_guest_handle(op->u.hvmcontext.buffer, buffer);
	rc = hyper_domctl(h);
	hyper_buffer_free(h, buffer);
	return rc;
}

static int assign_op(struct hyper *h, uint32_t cmd, uint16_t domid, uint32_t sbdf)
{
	struct xen_domctl *op = hyper_domctl_prepare(h, cmd, domid);

	op->u.assign_device.dev = XEN_DOMCTL_DEV_PCI;
	op->u.assign_device.u.pci.machine_sbdf = sbdf;
	return hyper_domctl(h);
}

int hyper_build_assign_device(struct hyper *h, uint16_t domid, uint32_t sbdf)
{
	return assign_op(h, XEN_DOMCTL_assign_device, domid, sbdf);
}

int hyper_build_deassign_device(struct hyper *h, uint16_t domid, uint32_t sbdf)
{
	return assign_op(h, XEN_DOMCTL_deassign_device, domid, sbdf);
}

int hyper_build_set_target(struct hyper *h, uint16_t domid, uint16_t target)
{
	hyper_domctl_prepare(h, XEN_DOMCTL_set_target, domid)->u.set_target.target = target;
	return hyper_domctl(h);
}
