/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the core's tables of operations, one line for each entry:
 * hypercall, name, number, hook ("class permission", "act" or "none").
 * tests/unit/abi.py compares them with docs/abi.md and with Xen's headers. Linked with the files
 * that hold the tables; what those call is left unresolved, for nothing is called.
 */
#include <stdio.h>

#include "hypercall/ops.h"
#include "xsm_av.h"

static void print_hook(unsigned int hook)
{
	const struct xsm_class_names *c;

	if (hook == OP_HOOK_IN_ACT || hook == OP_HOOK_NONE) {
		printf("%s", hook == OP_HOOK_NONE ? "none" : "act");
		return;
	}
	c = &xsm_classes[hook >> 5];
	printf("%s %s", c->name, c->perm[hook & 31]);
}

static void print_table(const struct op_table *t)
{
	unsigned int i;

	for (i = 0; i < t->nr_ops; i++) {
		const struct op_entry *op = &t->ops[i];

		printf("%s\t%s\t%u\t", t->hypercall, op->name, op->nr);
		print_hook(op->hook);
		printf("\n");
	}
}

int main(void)
{
	static const struct op_table *const tables[] = { &version_ops,	&console_io_ops,
							 &platform_ops, &sysctl_ops,
							 &domctl_ops,	&memory_ops };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		print_table(tables[i]);
	return 0;
}
