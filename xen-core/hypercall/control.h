/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the control operations (domctl, sysctl, platform, version) share. */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "xen_abi.h"
#include "types.h"
#include "domain/domain.h"
#include "hypercall/ops.h"
#include "sched/sched.h"

/* An operation's arguments, copied in once; what @act leaves here goes back when @copy_back. */
struct op_call {
	const struct op_entry *op;
	struct domain *d; /* the domain it names (domctl), not NULL unless the entry says so */
	struct domain *caller;
	gva_t arg;
	unsigned int count; /* console_io */
	uint64_t start;	    /* memory_op: how many extents an earlier call has done */
	bool copy_back;
	union {
		struct xen_domctl domctl;
		struct xen_sysctl sysctl;
		struct xen_platform_op platform;
	} u;
};

/* Begins a call of the current domain. The arguments in @u are not set: they are copied in next. */
static inline void op_begin(struct op_call *call, gva_t arg)
{
	call->op = NULL;
	call->d = NULL;
	call->caller = current_domain();
	call->arg = arg;
	call->count = 0;
	call->copy_back = false;
}

/*
 * Finds @nr in @table, asks the policy (of @call->d where the entry is about a domain, else of the
 * host), and acts. -ENOSYS: no such number.
 */
long op_run(const struct op_table *table, uint64_t nr, struct op_call *call);

/*
 * sysctl and platform_op, whose arguments of @size bytes begin with the operation and the version
 * of the interface. -EFAULT, -EACCES for another version, and what op_run() says.
 */
long op_run_versioned(const struct op_table *table, gva_t arg, size_t size, uint32_t version);

/*
 * CPU and node bitmaps of the ABI: whole bytes at a handle. Reading takes the bits that there are
 * CPUs for; writing clears the bytes beyond. -EFAULT; -EINVAL: unreasonably long.
 */
int bitmap_from_guest(unsigned long *bits, unsigned int nr_bits, const struct xenctl_bitmap *from);
int bitmap_to_guest(const struct xenctl_bitmap *to, const unsigned long *bits,
		    unsigned int nr_bits);

/* The CPUs that are up. */
void cpumask_online(struct cpumask *mask);

struct cpu_policy;

/*
 * Writes a CPU policy to two arrays of the caller. The counts are the arrays' sizes, and become
 * what was written; a null array asks for the most that there can be. -EFAULT, -ENOBUFS.
 */
long policy_to_guest(const struct cpu_policy *policy, gva_t leaves, uint32_t *nr_leaves, gva_t msrs,
		     uint32_t *nr_msrs);

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
long domctl_gettscinfo(struct op_call *call);
long domctl_settscinfo(struct op_call *call);
long domctl_hypercall_init(struct op_call *call);
long domctl_getpageframeinfo3(struct op_call *call);
long domctl_shadow_op(struct op_call *call);
long domctl_get_paging_mempool_size(struct op_call *call);
long domctl_set_paging_mempool_size(struct op_call *call);
long domctl_irq_permission(struct op_call *call);
long domctl_iomem_permission(struct op_call *call);
long domctl_ioport_permission(struct op_call *call);

/* Acts of sysctl that are about CPUs. */
long sysctl_cputopoinfo(struct op_call *call);
long sysctl_numainfo(struct op_call *call);
long sysctl_getcpuinfo(struct op_call *call);
long sysctl_cpupool_op(struct op_call *call);
long sysctl_scheduler_op(struct op_call *call);
long sysctl_get_cpu_levelling_caps(struct op_call *call);
long sysctl_get_cpu_featureset(struct op_call *call);
long sysctl_get_cpu_policy(struct op_call *call);

#endif
