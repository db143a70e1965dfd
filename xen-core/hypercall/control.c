/* SPDX-License-Identifier: BSD-2-Clause */
#include "hypercall/control.h"
#include "hypercall/hypercall.h"
#include "mm/guest.h"
#include "xsm/xsm.h"

static int op_permitted(const struct op_entry *op, const struct op_call *call)
{
	if (op->hook == OP_HOOK_IN_ACT || op->hook == OP_HOOK_NONE)
		return 0;
	/* What is about no domain is about the host itself. */
	return call->d ? xsm_domain(&call->caller->label, &call->d->label, op->hook)
		       : xsm_xen(&call->caller->label, op->hook);
}

/* The entry of @nr, or NULL. */
static const struct op_entry *op_find(const struct op_table *table, uint64_t nr)
{
	/* Many tables begin with 0 and have no gaps: the first look finds it. */
	if (nr < table->nr_ops && table->ops[nr].nr == nr)
		return &table->ops[nr];
	for (unsigned int i = 0; i < table->nr_ops; i++)
		if (table->ops[i].nr == nr)
			return &table->ops[i];
	return NULL;
}

/* Finds @call's domain, asks the policy, and looks at what the operation may not be used on. */
static long op_judge(const struct op_table *table, struct op_call *call)
{
	const struct op_entry *op = call->op;
	long rc = table->find ? table->find(call) : 0;

	if (rc)
		return rc;
	if (!op)
		return -ENOSYS;
	rc = op_permitted(op, call);
	call->denied = rc;
	if (rc && !(op->flags & OP_ANSWERS))
		return rc;
	if ((op->flags & OP_OTHER) && call->d == call->caller)
		return -EINVAL;
	if ((op->flags & OP_ALIVE) && domain_is_dying(call->d))
		return -EINVAL;
	return 0;
}

static long op_do(struct op_call *call)
{
	long rc = call->op->act(call);

	if ((call->op->flags & OP_OUT) && guest_write(call->arg, &call->u, call->size))
		return -EFAULT;
	return rc;
}

long op_dispatch(const struct op_table *table, struct hypercall_args *args)
{
	struct op_call call; /* large: what is read is not cleared before */
	uint64_t nr;
	long rc;

	call.d = NULL;
	call.caller = current_domain();
	call.args = args;
	call.size = table->size;
	if (table->size) {
		call.arg = (gva_t) { args->a[0] };
		if (guest_read(&call.u, call.arg, table->size))
			return -EFAULT;
		if (call.u.head.interface_version != table->version)
			return -EACCES;
		nr = call.u.head.cmd;
	} else {
		call.arg = (gva_t) { args->a[1] };
		call.start = args->a[0] >> table->nr_bits;
		nr = args->a[0] & ((1UL << table->nr_bits) - 1);
	}
	call.op = op_find(table, nr);
	/* Before the lock: who has no right to an operation keeps nobody else from it. */
	rc = op_judge(table, &call);
	if (rc || !table->lock)
		return rc ? rc : op_do(&call);
	if (!spin_trylock(table->lock))
		return -ERESTART_CALL;
	/* The domain may have changed until the lock was taken. */
	rc = op_judge(table, &call);
	if (!rc)
		rc = op_do(&call);
	spin_unlock(table->lock);
	return rc;
}

bool op_stop(struct op_call *call, uint64_t i)
{
	if (i == call->start || !hypercall_preempt())
		return false;
	call->args->a[0] = call->op->nr | i << MEMOP_EXTENT_SHIFT;
	return true;
}

int bitmap_to_guest(const struct xenctl_bitmap *to, const unsigned long *bits, unsigned int nr_bits)
{
	static const uint8_t zeros[64];
	size_t have = ((size_t)nr_bits + 7) / 8, wanted = ((size_t)to->nr_bits + 7) / 8;
	gva_t at = handle_gva(to->bitmap);
	size_t done = min(have, wanted);

	if (to->nr_bits > BITMAP_MAX_BITS)
		return -EINVAL;
	if (guest_write(at, bits, done))
		return -EFAULT;
	while (done < wanted) {
		size_t n = min(wanted - done, sizeof(zeros));

		if (guest_write(gva_add(at, done), zeros, n))
			return -EFAULT;
		done += n;
	}
	return 0;
}
