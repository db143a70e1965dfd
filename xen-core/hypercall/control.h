/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the control operations (domctl, sysctl, platform, version) share. */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

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
 * Writes a CPU policy to two arrays of the caller. The counts are the arrays' sizes, and become
 * what was written; a null array asks for the most that there can be. -EFAULT, -ENOBUFS.
 */
long policy_to_guest(const struct cpu_policy *policy, gva_t leaves, uint32_t *nr_leaves, gva_t msrs,
		     uint32_t *nr_msrs);

/* Acts of memory_op that change where in a guest's physical map something is. */
long physmap_add(struct op_call *call);
long physmap_add_batch(struct op_call *call);
long physmap_remove(struct op_call *call);
long physmap_acquire_resource(struct op_call *call);

/* Acts of domctl, by file. Each gets its domain in call->d and its arguments in call->u.domctl. */
long domctl_getvcpuinfo(struct op_call *call);
long domctl_getvcpucontext(struct op_call *call);
long domctl_setvcpuaffinity(struct op_call *call);
long domctl_getvcpuaffinity(struct op_call *call);
long domctl_setnodeaffinity(struct op_call *call);
long domctl_getnodeaffinity(struct op_call *call);
long domctl_scheduler_op(struct op_call *call);

long domctl_gethvmcontext(struct op_call *call);
long domctl_gethvmcontext_partial(struct op_call *call);
long domctl_sethvmcontext(struct op_call *call);
long domctl_get_cpu_policy(struct op_call *call);
long domctl_set_cpu_policy(struct op_call *call);
long domctl_settscinfo(struct op_call *call);
long domctl_hypercall_init(struct op_call *call);
long domctl_getpageframeinfo3(struct op_call *call);
long domctl_get_paging_mempool_size(struct op_call *call);
long domctl_set_paging_mempool_size(struct op_call *call);
long domctl_permission(struct op_call *call);

#endif
