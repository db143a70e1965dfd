/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercalls that only the domain builder needs. Conventions as in hyper.h; structures of the
 * Xen ABI are used where the builder works on them field by field.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hyper/hyper.h"

/* What XEN_DOMCTL_createdomain wants to know. */
struct hyper_create {
	uint8_t uuid[HYPER_UUID_BYTES];
	uint32_t ssidref;
	bool iommu, nested_virt, vpmu;
	uint32_t max_vcpus;
	uint32_t max_event_port;
	int32_t max_grant_frames, max_maptrack_frames; /* -1: default */
	uint32_t grant_version;
	uint32_t vmtrace_size;
	uint32_t cpupool;
	uint32_t emulation_flags; /* XEN_X86_EMU_* */
	bool msr_relaxed;
};

/*
 * A new HVM domain with nested paging, paused, empty. *domid: the id wanted (0: any), then the one
 * it got.
 */
int hyper_build_create(struct hyper *h, const struct hyper_create *create, uint16_t *domid);

/* Allocates its vCPUs: as many as hyper_create said. */
int hyper_build_vcpus(struct hyper *h, uint16_t domid, uint32_t vcpus);

/* Pool for the domain's nested page tables, in KiB (rounded up to MiB). */
int hyper_build_paging_pool(struct hyper *h, uint16_t domid, uint64_t kib);

int hyper_build_time_offset(struct hyper *h, uint16_t domid, int64_t seconds);

/* How rdtsc behaves: `mode` as in xl.cfg(5). */
int hyper_build_tsc(struct hyper *h, uint16_t domid, uint32_t mode);

/*
 * Populates `count` extents of 2^order pages at the frames in `gfns`. Returns how many were
 * populated, from the front, which may be fewer than `count`.
 */
int hyper_build_populate(struct hyper *h, uint16_t domid, const uint64_t *gfns, unsigned int count,
			 unsigned int order);

int hyper_build_param_set(struct hyper *h, uint16_t domid, uint32_t index, uint64_t value);

/* A port of `domid` that `remote` may bind to; a positive number. */
int hyper_build_evtchn(struct hyper *h, uint16_t domid, uint16_t remote);

struct hyper_memory_range {
	uint64_t addr, size; /* bytes */
	uint32_t type;	     /* as in E820 */
};
/* What the domain sees as its memory map by XENMEM_memory_map. */
int hyper_build_memory_map(struct hyper *h, uint16_t domid, const struct hyper_memory_range *map,
			   unsigned int count);

/* One CPUID leaf, one MSR of a CPU policy. */
struct hyper_cpuid_leaf {
	uint32_t leaf, subleaf; /* UINT32_MAX: has no subleaves */
	uint32_t a, b, c, d;
};

struct hyper_msr {
	uint32_t index, flags;
	uint64_t value;
};

struct hyper_cpu_policy {
	struct hyper_cpuid_leaf *leaves; /* malloc */
	struct hyper_msr *msrs;		 /* malloc */
	uint32_t n_leaves, n_msrs;
};

/* The policy that the domain has; free it with hyper_cpu_policy_free(). */
int hyper_build_cpu_policy_get(struct hyper *h, uint16_t domid, struct hyper_cpu_policy *out);
/*
 * Sets it. On -EINVAL/-EPERM, *bad_leaf and *bad_msr (may be NULL) say what the hypervisor objects
 * to, UINT32_MAX when that is unknown.
 */
int hyper_build_cpu_policy_set(struct hyper *h, uint16_t domid, const struct hyper_cpu_policy *in,
			       uint32_t *bad_leaf, uint32_t *bad_msr);
void hyper_cpu_policy_free(struct hyper_cpu_policy *policy);

/* All save records of an HVM domain, malloc; and back. */
int hyper_build_context_get(struct hyper *h, uint16_t domid, void **records, size_t *size);
int hyper_build_context_set(struct hyper *h, uint16_t domid, const void *records, size_t size);

/* Assigns a PCI device (segment, bus, device, function as SSSSBBDF), or takes it away. */
int hyper_build_assign_device(struct hyper *h, uint16_t domid, uint32_t sbdf);
int hyper_build_deassign_device(struct hyper *h, uint16_t domid, uint32_t sbdf);

/* Lets `domid` act on `target` as its device model. */
int hyper_build_set_target(struct hyper *h, uint16_t domid, uint16_t target);
