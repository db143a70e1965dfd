/* SPDX-License-Identifier: BSD-2-Clause */
#include "hypercall/control.h"
#include "lib/bitops.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest.h"
#include "x86/cpu.h"
#include "xsm/xsm.h"

#define BITMAP_MAX_BITS 65536

/* Classes whose target is the host itself rather than a domain. */
static bool is_host_class(unsigned int hook)
{
	switch (hook >> 5) {
	case XSM_CLASS_XEN:
	case XSM_CLASS_XEN2:
	case XSM_CLASS_VERSION:
		return true;
	default:
		return false;
	}
}

static int op_permitted(const struct op_entry *op, const struct op_call *call)
{
	const struct xsm_label *subj = &call->caller->label;

	if (op->hook == OP_HOOK_IN_ACT || op->hook == OP_HOOK_NONE)
		return 0;
	if (is_host_class(op->hook))
		return xsm_xen(subj, (enum xsm_perm)op->hook);
	return xsm_domain(subj, &call->d->label, (enum xsm_perm)op->hook);
}

long op_run(const struct op_table *table, uint64_t nr, struct op_call *call)
{
	const struct op_entry *op = op_find(table, nr);
	int rc;

	if (!op) {
		for (unsigned int i = 0; i < table->nr_refused; i++)
			if (table->refused[i] == nr)
				return -EOPNOTSUPP;
		return -ENOSYS;
	}
	rc = op_permitted(op, call);
	if (rc)
		return rc;
	call->op = op;
	return op->act(call);
}

long op_run_versioned(const struct op_table *table, gva_t arg, size_t size, uint32_t version)
{
	struct op_call call;
	const struct {
		uint32_t cmd, interface_version;
	} *op = (void *)&call.u;
	long rc;

	op_begin(&call, arg);
	if (guest_read(&call.u, arg, size))
		return -EFAULT;
	if (op->interface_version != version)
		return -EACCES;
	rc = op_run(table, op->cmd, &call);
	return call.copy_back && guest_write(arg, &call.u, size) ? -EFAULT : rc;
}

int bitmap_from_guest(unsigned long *bits, unsigned int nr_bits, const struct xenctl_bitmap *from)
{
	size_t have = DIV_ROUND_UP((size_t)nr_bits, BITS_PER_LONG) * sizeof(long);
	size_t given = ((size_t)from->nr_bits + 7) / 8;
	unsigned int i;

	if (from->nr_bits > BITMAP_MAX_BITS)
		return -EINVAL;
	memset(bits, 0, have);
	if (guest_read(bits, handle_gva(from->bitmap), min(have, given)))
		return -EFAULT;
	for (i = min(nr_bits, from->nr_bits); i < have * 8; i++)
		bits[i / BITS_PER_LONG] &= ~(1UL << (i % BITS_PER_LONG));
	return 0;
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

void cpumask_online(struct cpumask *mask)
{
	unsigned int i;

	memset(mask, 0, sizeof(*mask));
	for (i = 0; i < cpus_online(); i++)
		mask->bits[i / BITS_PER_LONG] |= 1UL << (i % BITS_PER_LONG);
}
