/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The form of every table of operations: sub-operations of the big hypercalls. An entry says what an
 * operation is called in Xen's public headers, which permission is asked before it acts, and what
 * does it. What is in no table is not offered: -ENOSYS. tests/unit/abi.py compares all tables with
 * docs/abi.md and the headers.
 */
#pragma once

#include "types.h"

struct hypercall_args;
struct op_call; /* decoded arguments (hypercall/control.h) */
struct spinlock;

/* For op_entry.hook, beside an enum xsm_perm: */
#define OP_HOOK_IN_ACT 0x7ffe /* which permission depends on the arguments: @act asks */
#define OP_HOOK_NONE   0x7fff /* harmless, and about the caller alone (why: tests/unit/abi.py) */

/* For op_entry.flags: */
#define OP_OTHER       1 /* not on the calling domain itself: -EINVAL */
#define OP_ALIVE       2 /* not on a dying domain: -EINVAL */
#define OP_OUT	       4 /* the arguments go back to the caller as @act leaves them, error or not */
#define OP_ANSWERS     8 /* a denial is no error: @act answers less (call->denied) */

typedef long op_act(struct op_call *call);

struct op_entry {
	uint16_t nr;	  /* number in the ABI */
	uint16_t hook;	  /* enum xsm_perm, OP_HOOK_IN_ACT or OP_HOOK_NONE */
	uint16_t flags;	  /* OP_* */
	const char *name; /* in the public header, with its prefix */
	op_act *act;
	/* memory_op: the size of the argument and where it names its domain. 0: @act reads it */
	uint8_t size, domid_at;
};

struct op_table {
	const char *hypercall; /* name in xen.h, without __HYPERVISOR_ */
	const struct op_entry *ops;
	unsigned int nr_ops;

	/*
	 * Control operations: the first register points to @size bytes that begin with the number of
	 * the operation and the @version of the interface (others are -EACCES). Else @size is 0, and
	 * the lower @nr_bits bits of the first register are the number.
	 */
	uint32_t size, version;
	unsigned int nr_bits;
	struct spinlock *lock; /* NULL, or held throughout; the guest waits for it, not the core */
	/* NULL, or: finds call->d. Called before anything is asked, call->op is NULL for no entry. */
	int (*find)(struct op_call *call);
};

#define OP(name, hook, act, flags)                          \
	{                                                   \
		(name), (hook), (flags), #name, (act), 0, 0 \
	}
/* Its argument is a struct @type. */
#define OP_OF(type, name, hook, act, flags)                                 \
	{                                                                   \
		(name), (hook), (flags), #name, (act), sizeof(struct type), \
			offsetof(struct type, domid)                        \
	}
/* Members of a struct op_table. */
#define OP_ENTRIES(entries) .ops = (entries), .nr_ops = ARRAY_SIZE(entries)

/*
 * A hypercall that has a table: reads the arguments, finds the operation, asks the policy (of
 * call->d where the permission is about a domain, else of the host), and acts. -EFAULT, -EACCES,
 * -EPERM, -ENOSYS, and what the operation says.
 */
long op_dispatch(const struct op_table *table, struct hypercall_args *args);

extern const struct op_table version_ops, console_io_ops, platform_ops, sysctl_ops, domctl_ops,
	memory_ops;
