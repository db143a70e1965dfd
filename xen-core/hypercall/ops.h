/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The form of every table of operations: hypercalls, and sub-operations of the big ones. An entry
 * says what an operation is called in Xen's public headers, which permission is asked before it
 * acts, and what does it. What is not offered is -EOPNOTSUPP when the table refuses it by number,
 * and -ENOSYS otherwise. tests/unit/abi.py compares all tables with docs/abi.md and the headers.
 */
#ifndef CORE_OPS_H
#define CORE_OPS_H

#include "types.h"

struct op_call; /* decoded arguments; each multiplexer's own structure (hypercall/control.h) */

/* For op_entry.hook, beside an enum xsm_perm: */
#define OP_HOOK_IN_ACT 0x7ffe /* which permission depends on the arguments: @act asks */
#define OP_HOOK_NONE   0x7fff /* harmless, and about the caller alone (why: tests/unit/abi.py) */

struct op_entry {
	uint16_t nr;	  /* number in the ABI */
	uint16_t hook;	  /* enum xsm_perm, OP_HOOK_IN_ACT or OP_HOOK_NONE */
	const char *name; /* in the public header, with its prefix */
	long (*act)(struct op_call *call);
};

struct op_table {
	const char *hypercall; /* name in xen.h, without __HYPERVISOR_ */
	const struct op_entry *ops;
	unsigned int nr_ops, nr_refused;
	const uint16_t *refused; /* numbers that the headers have; why: docs/abi.md */
};

#define OP(name, hook, act)                  \
	{                                    \
		(name), (hook), #name, (act) \
	}
/* Members of a struct op_table. */
#define OP_ENTRIES(entries) .ops = (entries), .nr_ops = ARRAY_SIZE(entries)
#define OP_NUMBERS(...)	    ((const uint16_t[]) { __VA_ARGS__ })
#define OP_REFUSED(...) \
	.refused = OP_NUMBERS(__VA_ARGS__), .nr_refused = ARRAY_SIZE(OP_NUMBERS(__VA_ARGS__))

/* The entry of @nr, or NULL. */
static inline const struct op_entry *op_find(const struct op_table *table, uint64_t nr)
{
	unsigned int i;

	/* Many tables begin with 0 and have no gaps: the first look finds it. */
	if (nr < table->nr_ops && table->ops[nr].nr == nr)
		return &table->ops[nr];
	for (i = 0; i < table->nr_ops; i++)
		if (table->ops[i].nr == nr)
			return &table->ops[i];
	return NULL;
}

extern const struct op_table version_ops, console_io_ops, platform_ops, sysctl_ops, domctl_ops,
	memory_ops;

#endif
