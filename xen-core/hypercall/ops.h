/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The form of every table of operations: hypercalls, and sub-operations of the big ones. An entry
 * says what an operation is called in Xen's public headers, which permission is asked before it
 * acts, and what does it. What is not offered stands in the table as well, with the error that it
 * answers. tests/unit/test_abi.c compares all tables with docs/abi.md and with the headers.
 */
#ifndef CORE_OPS_H
#define CORE_OPS_H

#include "types.h"

struct op_call; /* decoded arguments; each multiplexer's own structure (hypercall/control.h) */

/* For op_entry.hook, beside an enum xsm_perm: */
#define OP_HOOK_IN_ACT 0x7ffe /* which permission depends on the arguments: @act asks */
#define OP_HOOK_NONE \
	0x7fff /* needs none: harmless, and about the caller alone (say why in @note) */

struct op_entry {
	uint16_t nr;	  /* number in the ABI */
	uint16_t hook;	  /* enum xsm_perm, OP_HOOK_IN_ACT or OP_HOOK_NONE */
	int16_t refusal;  /* without @act: the negative errno of an operation that is not offered */
	const char *name; /* in the public header, with its prefix */
	long (*act)(struct op_call *call);
	const char *note; /* what differs from Xen, or why it is not offered; may be NULL */
};

struct op_table {
	const char *hypercall; /* name in xen.h, without __HYPERVISOR_ */
	const struct op_entry *ops;
	unsigned int nr_ops;
};

#define OP(name, hook, act, note)                       \
	{                                               \
		(name), (hook), 0, #name, (act), (note) \
	}
#define OP_REFUSED(name, error, note)                                          \
	{                                                                      \
		(name), OP_HOOK_NONE, (int16_t) - (error), #name, NULL, (note) \
	}
#define OP_TABLE(hypercall, ops)                    \
	{                                           \
		(hypercall), (ops), ARRAY_SIZE(ops) \
	}

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

extern const struct op_table version_ops, console_io_ops, physdev_ops, platform_ops, sysctl_ops,
	domctl_ops, memory_ops;

#endif
