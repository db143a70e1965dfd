/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the control operations (domctl, sysctl, platform, version) share. */
#pragma once

#include "xen_abi.h"
#include "types.h"
#include "domain/domain.h"
#include "hypercall/ops.h"
#include "sched/sched.h"

/* As xen/memory.h puts it, commands of memory_op carry a count above the operation. */
#define MEMOP_EXTENT_SHIFT 6

/* The argument of memory_op's queries. */
struct memory_domid {
	domid_t domid;
};

/* An operation under way. The arguments in @u are copied in once; with OP_OUT they go back. */
struct op_call {
	const struct op_entry *op;
	struct domain *d; /* the domain that it names, if it names one; not NULL then */
	struct domain *caller;
	struct hypercall_args *args;
	gva_t arg;	/* where the arguments are */
	size_t size;	/* that many bytes of @u */
	uint64_t start; /* memory_op: how many extents an earlier call has done */
	bool denied;	/* with OP_ANSWERS */
	union {
		struct {
			uint32_t cmd, interface_version;
		} head;
		struct xen_domctl domctl;
		struct xen_sysctl sysctl;
		struct xen_platform_op platform;
		struct memory_domid domid;
		struct xen_add_to_physmap add_to_physmap;
		struct xen_add_to_physmap_batch add_batch;
		struct xen_remove_from_physmap remove;
		struct xen_foreign_memory_map foreign_map;
		struct xen_memory_reservation reservation;
		struct xen_pod_target pod;
		struct xen_mem_acquire_resource acquire;
	} u;
};

/*
 * Before step @i of an operation whose progress is in call->start: true when it has to stop here. It
 * returns -ERESTART_CALL then, and is called again with call->start == @i.
 */
bool op_stop(struct op_call *call, uint64_t i);

/* Bitmaps longer than this are unreasonable. */
#define BITMAP_MAX_BITS 65536

/*
 * Writes a CPU or node bitmap of the ABI: whole bytes, those beyond @nr_bits are cleared. -EFAULT;
 * -EINVAL: unreasonably long.
 */
int bitmap_to_guest(const struct xenctl_bitmap *to, const unsigned long *bits,
		    unsigned int nr_bits);

struct cpu_policy;

/*
 * Writes a CPU policy to an array of the caller. The count is the array's size, and becomes what was
 * written; a null array asks for the most that there can be. There are no MSRs. -EFAULT, -ENOBUFS.
 */
long policy_to_guest(const struct cpu_policy *policy, gva_t leaves, uint32_t *nr_leaves,
		     uint32_t *nr_msrs);

/* Acts of memory_op that change where in a guest's physical map something is. */
op_act physmap_add, physmap_add_batch, physmap_remove, physmap_acquire_resource;

/* Acts of domctl, by file. Each gets its domain in call->d and its arguments in call->u.domctl. */
op_act domctl_getvcpuinfo, domctl_getvcpucontext, domctl_vcpuaffinity, domctl_setnodeaffinity,
	domctl_getnodeaffinity, domctl_scheduler_op;

op_act domctl_gethvmcontext, domctl_sethvmcontext, domctl_get_cpu_policy, domctl_set_cpu_policy,
	domctl_settscinfo, domctl_hypercall_init, domctl_paging_mempool_size, domctl_permission;
