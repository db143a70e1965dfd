/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_xencall.h. */
#include "support/fake_xencall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/memory.h>
#include <xen/version.h>

struct fake_xencall fake;
struct hyper *h;

struct xencall_handle {
	int unused;
};

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned int flags)
{
	static xencall_handle handle;

	if (fake.unopened) {
		errno = fake.unopened < 0 ? 0 : fake.unopened;
		return NULL;
	}
	return &handle;
}

int xencall_close(xencall_handle *call)
{
	return 0;
}

void *xencall_alloc_buffer(xencall_handle *call, size_t size)
{
	void *buffer = ++fake.allocations == fake.no_memory_at ? NULL : malloc(size);

	fake.buffers += buffer != NULL;
	return buffer;
}

void xencall_free_buffer(xencall_handle *call, void *p)
{
	fake.buffers--;
	free(p);
}

static int refuse(int code)
{
	errno = code;
	return -1;
}

/* What every call begins with: true when it fails. */
static bool fails(void)
{
	fake.calls++;
	if (!fake.error || fake.calls <= fake.error_after)
		return false;
	errno = fake.error;
	return true;
}

/* Domains 0, 2, 4 … */
static int list_domains(struct xen_sysctl_getdomaininfolist *arg)
{
	xen_domctl_getdomaininfo_t *out;
	uint32_t n = 0;

	out = handle_of(arg->buffer);
	for (unsigned int i = 0; i < fake.domains && n < arg->max_domains; i++) {
		if (2 * i < arg->first_domain)
			continue;
		memset(&out[n], 0, sizeof(out[n]));
		out[n].domain = 2 * i;
		out[n].flags =
			XEN_DOMINF_hvm_guest | XEN_DOMINF_shutdown | 3u << XEN_DOMINF_shutdownshift;
		out[n].tot_pages = i;
		n++;
	}
	arg->num_domains = fake.liar ? arg->max_domains + 1 : n;
	return 0;
}

/* A message ring of fake.console bytes, given in pieces. */
static int read_console(struct xen_sysctl_readconsole *arg)
{
	char *out;
	uint32_t n =
		fake.console - arg->index < arg->count ? fake.console - arg->index : arg->count;

	out = handle_of(arg->buffer);
	for (uint32_t i = 0; i < n; i++)
		out[i] = 'a' + (arg->index + i) % 26;
	arg->count = fake.liar ? arg->count + 1 : n;
	arg->index += n;
	return 0;
}

/* CPU i is core i of socket 0 and node 1. */
static int list_topology(struct xen_sysctl_cputopoinfo *arg)
{
	xen_sysctl_cputopo_t *out;

	out = handle_of(arg->cputopo);
	for (uint32_t i = 0; i < arg->num_cpus && i < fake.cpus; i++)
		out[i] = (xen_sysctl_cputopo_t) { .core = i, .node = 1 };
	arg->num_cpus = fake.cpus;
	return 0;
}

/* Node 0 is there, node 1 is not; a third when it lies. */
static int list_nodes(struct xen_sysctl_numainfo *arg)
{
	xen_sysctl_meminfo_t *out;
	uint32_t *distance;

	out = handle_of(arg->meminfo);
	distance = handle_of(arg->distance);
	out[0] = (xen_sysctl_meminfo_t) { 4ull << 30, 1ull << 30 };
	out[1] = (xen_sysctl_meminfo_t) { XEN_INVALID_MEM_SZ, XEN_INVALID_MEM_SZ };
	for (uint32_t i = 0; i < 4; i++)
		distance[i] = 10 + i;
	arg->num_nodes = fake.liar ? arg->num_nodes + 1 : 2;
	return 0;
}

static int do_sysctl(struct xen_sysctl *op)
{
	fake.sysctl = *op;
	if (op->interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return refuse(EACCES);
	switch (op->cmd) {
	case XEN_SYSCTL_getdomaininfolist:
		return list_domains(&op->u.getdomaininfolist);
	case XEN_SYSCTL_readconsole:
		return read_console(&op->u.readconsole);
	case XEN_SYSCTL_physinfo:
		op->u.physinfo.max_cpu_id = fake.cpus - 1;
		op->u.physinfo.capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_gnttab_v1;
		return 0;
	case XEN_SYSCTL_sched_id:
		op->u.sched_id.sched_id = fake.scheduler;
		return 0;
	case XEN_SYSCTL_cputopoinfo:
		return list_topology(&op->u.cputopoinfo);
	case XEN_SYSCTL_numainfo:
		return list_nodes(&op->u.numainfo);
	case XEN_SYSCTL_get_cpu_policy:
		op->u.cpu_policy.nr_leaves = fake.leaves;
		op->u.cpu_policy.nr_msrs = 1;
		return 0;
	default:
		return 0;
	}
}

static int get_policy(struct xen_domctl_cpu_policy *arg)
{
	xen_cpuid_leaf_t *leaves;
	xen_msr_entry_t *msrs;

	leaves = handle_of(arg->leaves);
	msrs = handle_of(arg->msrs);
	leaves[0] = (xen_cpuid_leaf_t) { 1, 2, 3, 4, 5, 6 };
	msrs[0] = (xen_msr_entry_t) { 7, 0, 8 };
	arg->nr_leaves = 1;
	return 0;
}

/* Each of the ways in which a call asks for being done again. */
static int repeat(void)
{
	static const int ways[] = { EAGAIN, EINTR };

	return refuse(ways[fake.again-- % 2]);
}

static int do_domctl(struct xen_domctl *op)
{
	uint8_t *bits;

	fake.domctl = *op;
	if (op->interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return refuse(EACCES);
	switch (op->cmd) {
	case XEN_DOMCTL_getdomaininfo:
		/* Answers with the next domain when there is none of that id. */
		op->domain = (op->domain + 1) / 2 * 2;
		op->u.getdomaininfo.domain = op->domain;
		return 0;
	case XEN_DOMCTL_createdomain:
		op->domain = 5;
		return 0;
	case XEN_DOMCTL_destroydomain:
		return fake.again ? repeat() : 0;
	case XEN_DOMCTL_getvcpuaffinity:
		bits = handle_of(op->u.vcpuaffinity.cpumap_hard.bitmap);
		bits[0] = 0x81;
		return 0;
	case XEN_DOMCTL_getvcpuinfo:
		op->u.getvcpuinfo.online = 1;
		op->u.getvcpuinfo.cpu_time = 123;
		op->u.getvcpuinfo.cpu = 3;
		return 0;
	case XEN_DOMCTL_scheduler_op:
		if (op->u.scheduler_op.cmd == XEN_DOMCTL_SCHEDOP_getinfo)
			op->u.scheduler_op.u.credit2.weight = 300;
		return 0;
	case XEN_DOMCTL_gethvmcontext:
		if (handle_of(op->u.hvmcontext.buffer))
			memset(handle_of(op->u.hvmcontext.buffer), 7, fake.context);
		op->u.hvmcontext.size = fake.context;
		if (fake.liar && handle_of(op->u.hvmcontext.buffer))
			op->u.hvmcontext.size++;
		return 0;
	case XEN_DOMCTL_set_paging_mempool_size:
		if (fake.again)
			return repeat();
		return fake.paging_error ? refuse(fake.paging_error) : 0;
	case XEN_DOMCTL_get_cpu_policy:
		if (fake.liar) {
			op->u.cpu_policy.nr_msrs = 1000;
			return 0;
		}
		return get_policy(&op->u.cpu_policy);
	case XEN_DOMCTL_set_cpu_policy:
		op->u.cpu_policy.err_leaf = 0xd;
		return refuse(EINVAL);
	default:
		return 0;
	}
}

int xencall1(xencall_handle *call, unsigned int op, uint64_t arg1)
{
	if (fails())
		return -1;
	if (op == __HYPERVISOR_domctl)
		return do_domctl((struct xen_domctl *)arg1);
	if (op == __HYPERVISOR_sysctl)
		return do_sysctl((struct xen_sysctl *)arg1);
	return op == __HYPERVISOR_xsm_op ? 1 : refuse(ENOSYS);
}

/* 20 bytes; when it lies, it says that there are more than fit. */
static int give_build_id(struct xen_build_id *id)
{
	for (int i = 0; i < 20; i++)
		id->buf[i] = 0xa0 + i;
	return fake.liar ? 1000 : 20;
}

int xencall2(xencall_handle *call, unsigned int op, uint64_t arg1, uint64_t arg2)
{
	fake.op = op;
	fake.cmd = arg1;
	if (fails())
		return -1;
	if (op == __HYPERVISOR_xen_version && arg1 == XENVER_version)
		return 4 << 16 | 17;
	/* A text that fills its field without an end. */
	if (op == __HYPERVISOR_xen_version && arg1 == XENVER_extraversion)
		memset((void *)arg2, 'x', sizeof(xen_extraversion_t));
	if (op == __HYPERVISOR_xen_version && arg1 == XENVER_build_id)
		return give_build_id((void *)arg2);
	if (op == __HYPERVISOR_memory_op && arg1 == XENMEM_populate_physmap)
		return ((struct xen_memory_reservation *)arg2)->nr_extents - 1;
	return 0;
}

int fake_xencall_setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.cpus = 12;
	fake.scheduler = SCHEDULER_CREDIT2;
	fake.leaves = 2;
	return hyper_open(&h);
}

int fake_xencall_teardown(void **state)
{
	(void)state;
	hyper_close(h);
	return fake.buffers ? -1 : 0; /* every path frees its buffers */
}
