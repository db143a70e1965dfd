/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of hypercalls. Most have tables of their own, with their policy hooks: ops.h. */
#include "hypercall/hypercall.h"
#include "domain/domain.h"
#include "event/evtchn.h"
#include "grant/grant.h"
#include "hvm/hvm.h"
#include "hypercall/ops.h"
#include "lib/string.h"
#include "mm/guest.h"
#include "sched/sched.h"
#include "x86/cpu.h"
#include "x86/time.h"
#include "xsm/xsm.h"

/* How long an operation may go on before it lets others run. */
#define STEP_NS 500000

typedef long hypercall_fn(struct hypercall_args *args);

static gva_t arg_gva(uint64_t a)
{
	return (gva_t) { a };
}

/*
 * Those that just take their arguments: G an address, N a number. Numbers are 32-bit in the ABI:
 * what stands above is ignored, as in Xen.
 */
#define CALL(name, call)                                     \
	static long call_##name(struct hypercall_args *args) \
	{                                                    \
		return call;                                 \
	}
#define G(i) arg_gva(args->a[i])
#define N(i) ((unsigned int)args->a[i])
CALL(set_timer, do_set_timer_op(args->a[0]))
CALL(vm_assist, do_vm_assist(N(0), N(1)))
CALL(vcpu, vcpu_op(N(0), N(1), G(2)))
CALL(flask, xsm_flask_op(&current_domain()->label, G(0)))
CALL(sched, sched_op(N(0), G(1)))
CALL(event, evtchn_op(N(0), G(1)))
CALL(hvm, hvm_op(N(0), G(1)))
#undef G
#undef N
#undef CALL

/* One element of a list, with its result. One that wants to be continued is written back with its progress. */
static long multicall_one(gva_t at)
{
	struct multicall_entry entry;
	struct hypercall_args call;
	long rc;

	if (guest_read(&entry, at, sizeof(entry)))
		return -EFAULT;
	memcpy(call.a, entry.args, sizeof(call.a));
	rc = entry.op == __HYPERVISOR_multicall ? -EINVAL : hypercall_dispatch(entry.op, &call);
	if (rc == -ERESTART_CALL)
		memcpy(entry.args, call.a, sizeof(call.a));
	else
		entry.result = (xen_ulong_t)rc;
	if (guest_write(at, &entry, sizeof(entry)))
		return -EFAULT;
	return rc == -ERESTART_CALL ? rc : 0;
}

/* The tools' library makes one of each memory_op: privcmd returns no more than an int of others. */
static long call_multicall(struct hypercall_args *args)
{
	uint64_t nr = (unsigned int)args->a[1];

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t at = args->a[0] + i * sizeof(struct multicall_entry);
		long rc = i && hypercall_preempt() ? -ERESTART_CALL : multicall_one(arg_gva(at));

		if (rc == -ERESTART_CALL) {
			args->a[0] = at;
			args->a[1] = nr - i;
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* What is missing here says -ENOSYS: docs/abi.md has the list with the reasons. */
static const struct {
	const struct op_table *ops;
	hypercall_fn *fn; /* without a table */
} calls[] = {
	[__HYPERVISOR_platform_op] = { .ops = &platform_ops },
	[__HYPERVISOR_memory_op] = { .ops = &memory_ops },
	[__HYPERVISOR_multicall] = { .fn = call_multicall },
	[__HYPERVISOR_set_timer_op] = { .fn = call_set_timer },
	[__HYPERVISOR_xen_version] = { .ops = &version_ops },
	[__HYPERVISOR_console_io] = { .ops = &console_io_ops },
	[__HYPERVISOR_grant_table_op] = { .fn = grant_table_op },
	[__HYPERVISOR_vm_assist] = { .fn = call_vm_assist },
	[__HYPERVISOR_vcpu_op] = { .fn = call_vcpu },
	[__HYPERVISOR_xsm_op] = { .fn = call_flask },
	[__HYPERVISOR_sched_op] = { .fn = call_sched },
	[__HYPERVISOR_event_channel_op] = { .fn = call_event },
	[__HYPERVISOR_hvm_op] = { .fn = call_hvm },
	[__HYPERVISOR_sysctl] = { .ops = &sysctl_ops },
	[__HYPERVISOR_domctl] = { .ops = &domctl_ops },
};

long hypercall_dispatch(uint64_t nr, struct hypercall_args *args)
{
	if (nr >= ARRAY_SIZE(calls))
		return -ENOSYS;
	if (calls[nr].ops)
		return op_dispatch(calls[nr].ops, args);
	return calls[nr].fn ? calls[nr].fn(args) : -ENOSYS;
}

bool hypercall_preempt(void)
{
	struct cpu *cpu = this_cpu();
	uint64_t now = system_time();

	if (cpu->step_exit != cpu->exits) {
		cpu->step_exit = cpu->exits;
		cpu->step_start = now;
	}
	return READ_ONCE(cpu->pending) || now - cpu->step_start > STEP_NS;
}

int hypercall_page_write(struct domain *d, gpa_t at)
{
	/* mov $nr, %eax; vmmcall; ret */
	uint8_t stub[32] = { 0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3 };
	int rc = 0;

	memset(stub + 9, 0xcc, sizeof(stub) - 9);
	for (uint64_t i = 0; !rc && i < PAGE_SIZE; i += sizeof(stub)) {
		stub[1] = (uint8_t)(i / sizeof(stub));
		rc = guest_phys_write(d, (gpa_t) { at.v + i }, stub, sizeof(stub));
	}
	return rc;
}
