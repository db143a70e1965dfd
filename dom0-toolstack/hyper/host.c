/* SPDX-License-Identifier: BSD-2-Clause */
/* The host: processors, memory, version, messages, CPU pools. */
#include "hyper/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/version.h>

/* The largest message ring that is read; the hypervisor's default is 16 KiB for each CPU. */
#define CONSOLE_MAX (64u << 20)

int hyper_phys_info(struct hyper *h, struct phys_info *out)
{
	struct xen_sysctl *op = hyper_sysctl_prepare(h, XEN_SYSCTL_physinfo);
	const struct xen_sysctl_physinfo *in = &op->u.physinfo;
	int rc = hyper_sysctl(h);

	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	out->threads_per_core = in->threads_per_core;
	out->cores_per_socket = in->cores_per_socket;
	out->cpus = in->nr_cpus;
	out->max_cpu_id = in->max_cpu_id;
	out->nodes = in->nr_nodes;
	out->max_node_id = in->max_node_id;
	out->cpu_khz = in->cpu_khz;
	out->cap_hvm = in->capabilities & XEN_SYSCTL_PHYSCAP_hvm;
	out->cap_pv = in->capabilities & XEN_SYSCTL_PHYSCAP_pv;
	out->cap_directio = in->capabilities & XEN_SYSCTL_PHYSCAP_directio;
	out->cap_hap = in->capabilities & XEN_SYSCTL_PHYSCAP_hap;
	out->cap_shadow = in->capabilities & XEN_SYSCTL_PHYSCAP_shadow;
	out->cap_iommu_hap_pt_share = in->capabilities & XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share;
	out->cap_vmtrace = in->capabilities & XEN_SYSCTL_PHYSCAP_vmtrace;
	out->cap_vpmu = in->capabilities & XEN_SYSCTL_PHYSCAP_vpmu;
	out->cap_gnttab_v1 = in->capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v1;
	out->cap_gnttab_v2 = in->capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v2;
	out->total_pages = in->total_pages;
	out->free_pages = in->free_pages;
	out->scrub_pages = in->scrub_pages;
	out->outstanding_pages = in->outstanding_pages;
	out->max_mfn = in->max_mfn;
	memcpy(out->hw_cap, in->hw_cap, sizeof(out->hw_cap));
	return 0;
}

static int version_call(struct hyper *h, unsigned int cmd, void *arg, size_t size)
{
	int rc = hyper_call(h, __HYPERVISOR_xen_version, cmd, arg, size);

	return rc < 0 ? rc : 0;
}

/* Copies a field of fixed size that need not be terminated. */
static void copy_text(char *to, size_t room, const char *from, size_t size)
{
	size_t n = strnlen(from, size);

	if (n >= room)
		n = room - 1;
	memcpy(to, from, n);
	to[n] = '\0';
}

static int version_text(struct hyper *h, unsigned int cmd, char *to, size_t room)
{
	char buffer[1024] = "";
	int rc = version_call(h, cmd, buffer, sizeof(buffer));

	if (!rc)
		copy_text(to, room, buffer, sizeof(buffer));
	return rc;
}

static void version_build_id(struct hyper *h, struct version_info *out)
{
	uint8_t buffer[sizeof(uint32_t) + BUILD_ID_MAX] = { 0 };
	uint32_t length = BUILD_ID_MAX;
	int n;

	memcpy(buffer, &length, sizeof(length));
	n = hyper_call(h, __HYPERVISOR_xen_version, XENVER_build_id, buffer, sizeof(buffer));
	for (int i = 0; i < n && i < BUILD_ID_MAX; i++)
		snprintf(out->build_id + (size_t)i * 2, 3, "%02x", buffer[sizeof(uint32_t) + i]);
}

int hyper_version_info(struct hyper *h, struct version_info *out)
{
	struct xen_compile_info compile = { 0 };
	struct xen_platform_parameters platform = { 0 };
	int rc;

	memset(out, 0, sizeof(*out));
	rc = hyper_result(xencall2(h->call, __HYPERVISOR_xen_version, XENVER_version, 0));
	if (rc < 0)
		return rc;
	out->major = (uint32_t)rc >> 16;
	out->minor = (uint32_t)rc & 0xffff;
	rc = hyper_result(xencall2(h->call, __HYPERVISOR_xen_version, XENVER_pagesize, 0));
	out->page_size = rc > 0 ? rc : 4096;
	rc = version_text(h, XENVER_extraversion, out->extra, sizeof(out->extra));
	if (!rc)
		rc = version_call(h, XENVER_compile_info, &compile, sizeof(compile));
	if (!rc)
		rc = version_text(h, XENVER_capabilities, out->capabilities,
				  sizeof(out->capabilities));
	if (!rc)
		rc = version_text(h, XENVER_changeset, out->changeset, sizeof(out->changeset));
	if (!rc)
		rc = version_text(h, XENVER_commandline, out->command_line,
				  sizeof(out->command_line));
	if (!rc)
		rc = version_call(h, XENVER_platform_parameters, &platform, sizeof(platform));
	if (rc)
		return rc;
	copy_text(out->compiler, sizeof(out->compiler), compile.compiler, sizeof(compile.compiler));
	copy_text(out->compile_by, sizeof(out->compile_by), compile.compile_by,
		  sizeof(compile.compile_by));
	copy_text(out->compile_domain, sizeof(out->compile_domain), compile.compile_domain,
		  sizeof(compile.compile_domain));
	copy_text(out->compile_date, sizeof(out->compile_date), compile.compile_date,
		  sizeof(compile.compile_date));
	out->virt_start = platform.virt_start;
	version_build_id(h, out);
	return 0;
}

int hyper_console_read(struct hyper *h, bool clear, char **text, size_t *length)
{
	size_t room = 32768, used = 0;
	char *copy = NULL, *buffer;
	uint32_t index = 0;
	int rc = 0;

	*text = NULL;
	buffer = hyper_buffer(h, room);
	if (!buffer)
		return -ENOMEM;
	for (;;) {
		struct xen_sysctl *op = hyper_sysctl_prepare(h, XEN_SYSCTL_readconsole);
		size_t n;
		char *grown;

		op->u.readconsole.clear = clear;
		op->u.readconsole.incremental = 1;
		op->u.readconsole.index = index;
		set_xen_guest_handle(op->u.readconsole.buffer, buffer);
		op->u.readconsole.count = room;
		rc = hyper_sysctl(h);
		n = op->u.readconsole.count;
		if (rc < 0 || n > room || used + n > CONSOLE_MAX)
			break;
		grown = realloc(copy, used + n + 1);
		if (!grown) {
			rc = -ENOMEM;
			break;
		}
		copy = grown;
		memcpy(copy + used, buffer, n);
		used += n;
		copy[used] = '\0';
		if (n < room)
			break;
		index = op->u.readconsole.index;
	}
	hyper_buffer_free(h, buffer);
	if (rc < 0 || !copy) {
		free(copy);
		return rc < 0 ? rc : -EPROTO;
	}
	*text = copy;
	*length = used;
	return 0;
}

int hyper_debug_keys(struct hyper *h, const char *keys)
{
	size_t length = strlen(keys);
	struct xen_sysctl *op;
	char *buffer;
	int rc;

	if (!length)
		return 0;
	buffer = hyper_buffer(h, length);
	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, keys, length);
	op = hyper_sysctl_prepare(h, XEN_SYSCTL_debug_keys);
	set_xen_guest_handle(op->u.debug_keys.keys, buffer);
	op->u.debug_keys.nr_keys = length;
	rc = hyper_sysctl(h);
	hyper_buffer_free(h, buffer);
	return rc;
}

int hyper_cpu_topology(struct hyper *h, struct cpu_topology *out, unsigned int max)
{
	xen_sysctl_cputopo_t *buffer = hyper_buffer(h, max * sizeof(*buffer));
	struct xen_sysctl *op;
	int rc;

	if (!buffer)
		return -ENOMEM;
	op = hyper_sysctl_prepare(h, XEN_SYSCTL_cputopoinfo);
	op->u.cputopoinfo.num_cpus = max;
	set_xen_guest_handle(op->u.cputopoinfo.cputopo, buffer);
	rc = hyper_sysctl(h);
	if (rc >= 0) {
		rc = op->u.cputopoinfo.num_cpus;
		if ((unsigned int)rc > max)
			rc = max;
		for (int i = 0; i < rc; i++) {
			out[i].core = buffer[i].core;
			out[i].socket = buffer[i].socket;
			out[i].node = buffer[i].node;
		}
	}
	hyper_buffer_free(h, buffer);
	return rc;
}

int hyper_numa_info(struct hyper *h, struct numa_node *out, uint32_t *distance, unsigned int max)
{
	xen_sysctl_meminfo_t *memory = hyper_buffer(h, max * sizeof(*memory));
	uint32_t *far = hyper_buffer(h, (size_t)max * max * sizeof(*far));
	struct xen_sysctl *op;
	int rc = -ENOMEM, n;

	if (!memory || !far)
		goto out;
	op = hyper_sysctl_prepare(h, XEN_SYSCTL_numainfo);
	op->u.numainfo.num_nodes = max;
	set_xen_guest_handle(op->u.numainfo.meminfo, memory);
	set_xen_guest_handle(op->u.numainfo.distance, far);
	rc = hyper_sysctl(h);
	if (rc < 0)
		goto out;
	n = op->u.numainfo.num_nodes < max ? op->u.numainfo.num_nodes : max;
	for (int i = 0; i < n; i++) {
		bool there = memory[i].memsize != XEN_INVALID_MEM_SZ;

		out[i].memory_bytes = there ? memory[i].memsize : UINT64_MAX;
		out[i].free_bytes = there ? memory[i].memfree : UINT64_MAX;
		for (int j = 0; distance && j < n; j++)
			distance[(size_t)i * max + j] = far[i * n + j];
	}
	rc = n;
out:
	hyper_buffer_free(h, memory);
	hyper_buffer_free(h, far);
	return rc;
}
