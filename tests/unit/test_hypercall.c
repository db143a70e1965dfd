/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of hypercalls: numbers and arguments as the ABI has them, lists of calls, preemption,
 * the hypercall page (REQ core/control, core/6). Every handler is a fake that notes its call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "domain/domain.h"
#include "event/evtchn.h"
#include "grant/grant.h"
#include "hvm/hvm.h"
#include "hypercall/hypercall.h"
#include "hypercall/ops.h"
#include "x86/time.h"

static struct domain domain;
static struct vcpu vcpu = { .domain = &domain };
static struct cpu cpu = { .current = &vcpu };
struct cpu *host_this_cpu = &cpu;

static struct {
	uint64_t nr, a[3];
	unsigned int calls;
	long result;
} last;
static uint64_t now;
static unsigned int reads_left, writes_left;
static uint8_t bytes[PAGE_SIZE]; /* of guest-physical memory, at 0x5000 */
static size_t memory_left;

static long note(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	last.nr = nr;
	last.a[0] = a;
	last.a[1] = b;
	last.a[2] = c;
	last.calls++;
	return last.result;
}

#define CMD_AND_GVA(name, nr)                                  \
	long name(unsigned int cmd, gva_t arg)                 \
	{                                                      \
		return note(__HYPERVISOR_##nr, cmd, arg.v, 0); \
	}
CMD_AND_GVA(sched_op, sched_op)
CMD_AND_GVA(evtchn_op, event_channel_op)
CMD_AND_GVA(hvm_op, hvm_op)

long do_set_timer_op(uint64_t ns)
{
	return note(__HYPERVISOR_set_timer_op, ns, 0, 0);
}

long do_vm_assist(unsigned int cmd, unsigned int type)
{
	return note(__HYPERVISOR_vm_assist, cmd, type, 0);
}

long vcpu_op(unsigned int cmd, unsigned int vcpuid, gva_t arg)
{
	return note(__HYPERVISOR_vcpu_op, cmd, vcpuid, arg.v);
}

long xsm_flask_op(const struct xsm_label *subj, gva_t arg)
{
	assert_ptr_equal(subj, &domain.label);
	return note(__HYPERVISOR_xsm_op, arg.v, 0, 0);
}

/* The tables: known by their hypercall's number, which stands in the version here. */
const struct op_table platform_ops = { .version = __HYPERVISOR_platform_op };
const struct op_table memory_ops = { .version = __HYPERVISOR_memory_op };
const struct op_table version_ops = { .version = __HYPERVISOR_xen_version };
const struct op_table console_io_ops = { .version = __HYPERVISOR_console_io };
const struct op_table sysctl_ops = { .version = __HYPERVISOR_sysctl };
const struct op_table domctl_ops = { .version = __HYPERVISOR_domctl };

/* Continued once: it leaves its progress in its first argument. */
long op_dispatch(const struct op_table *table, struct hypercall_args *args)
{
	long rc = note(table->version, args->a[0], args->a[1], args->a[2]);

	if (rc == -ERESTART_CALL)
		args->a[0] += 64;
	return rc;
}

long grant_table_op(struct hypercall_args *args)
{
	return note(__HYPERVISOR_grant_table_op, args->a[0], args->a[1], args->a[2]);
}

uint64_t system_time(void)
{
	return now;
}

int guest_read(void *dst, gva_t src, size_t len)
{
	if (!reads_left)
		return -EFAULT;
	reads_left--;
	memcpy(dst, (void *)(uintptr_t)src.v, len);
	return 0;
}

int guest_write(gva_t dst, const void *src, size_t len)
{
	if (!writes_left)
		return -EFAULT;
	writes_left--;
	memcpy((void *)(uintptr_t)dst.v, src, len);
	return 0;
}

int guest_phys_write(struct domain *d, gpa_t to, const void *from, size_t len)
{
	assert_ptr_equal(d, &domain);
	assert_in_range(to.v, 0x5000, 0x5fff);
	if (to.v - 0x5000 + len > memory_left)
		return -EFAULT;
	memcpy(bytes + to.v - 0x5000, from, len);
	return 0;
}

static int setup(void **state)
{
	memset(&last, 0, sizeof(last));
	now = 1000000;
	reads_left = writes_left = ~0U;
	cpu.pending = 0;
	cpu.exits++;
	return 0;
}

static struct hypercall_args args;

static long call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	args = (struct hypercall_args) { { a, b, c } };
	return hypercall_dispatch(nr, &args);
}

static void numbers(void **state)
{
	unsigned int offered = 0;

	assert_int_equal(call(64, 0, 0, 0), -ENOSYS);
	assert_int_equal(call(~0UL, 0, 0, 0), -ENOSYS);
	assert_int_equal(call(1UL << 32 | __HYPERVISOR_sysctl, 0, 0, 0), -ENOSYS);
	last.result = 77;
	for (uint64_t nr = 0; nr < 64; nr++) {
		if (nr == __HYPERVISOR_multicall)
			continue;
		last.calls = 0;
		if (call(nr, 1, 2, 3) == -ENOSYS) {
			assert_int_equal(last.calls, 0);
			continue;
		}
		assert_int_equal(last.calls, 1);
		assert_int_equal(last.nr, nr);
		assert_int_equal(last.a[0], 1);
		offered++;
	}
	assert_int_equal(offered, 14);
	assert_int_equal(call(__HYPERVISOR_mmu_update, 1, 2, 3), -ENOSYS);
}

/* Commands and counts have 32 bits: what stands above is ignored, as in Xen. Addresses have 64. */
static void widths(void **state)
{
	const uint64_t high = 0xdeadbeef00000000UL;

	call(__HYPERVISOR_vcpu_op, high | 1, high | 2, high | 3);
	assert_int_equal(last.a[0], 1);
	assert_int_equal(last.a[1], 2);
	assert_int_equal(last.a[2], high | 3);
	call(__HYPERVISOR_set_timer_op, high | 7, 0, 0);
	assert_int_equal(last.a[0], high | 7);
}

static struct multicall_entry list[4];

static void lists(void **state)
{
	const uint64_t at = (uintptr_t)list;

	memset(list, 0, sizeof(list));
	list[0] = (struct multicall_entry) { .op = __HYPERVISOR_sched_op, .args = { 1, 2 } };
	list[1] = (struct multicall_entry) { .op = __HYPERVISOR_multicall, .args = { at, 4 } };
	list[2] = (struct multicall_entry) { .op = 63 };
	list[3] = (struct multicall_entry) { .op = __HYPERVISOR_vcpu_op, .args = { 7, 8, 9 } };
	last.result = 5;
	assert_int_equal(call(__HYPERVISOR_multicall, at, 0, 0), 0);
	assert_int_equal(last.calls, 0);
	assert_int_equal(call(__HYPERVISOR_multicall, at, 1UL << 32 | 4, 0), 0);
	assert_int_equal(list[0].result, 5);
	assert_int_equal(list[1].result, -EINVAL); /* no lists in lists */
	assert_int_equal(list[2].result, -ENOSYS);
	assert_int_equal(list[3].result, 5);
	assert_int_equal(last.a[2], 9);
	assert_int_equal(last.calls, 2);
	reads_left = 2;
	assert_int_equal(call(__HYPERVISOR_multicall, at, 4, 0), -EFAULT);
	reads_left = ~0U;
	writes_left = 0;
	assert_int_equal(call(__HYPERVISOR_multicall, at, 4, 0), -EFAULT);
}

/* A call that is not done, or work that waits: the list goes on with that call, and from there. */
static void lists_go_on(void **state)
{
	const uint64_t at = (uintptr_t)list;

	memset(list, 0, sizeof(list));
	list[0] = (struct multicall_entry) { .op = 63 };
	list[1] = (struct multicall_entry) { .op = __HYPERVISOR_memory_op, .args = { 6, 8 } };
	last.result = -ERESTART_CALL;
	assert_int_equal(call(__HYPERVISOR_multicall, at, 2, 0), -ERESTART_CALL);
	assert_int_equal(args.a[0], at + sizeof(list[0]));
	assert_int_equal(args.a[1], 1);
	assert_int_equal(list[1].args[0], 70);
	last.result = 3;
	assert_int_equal(hypercall_dispatch(__HYPERVISOR_multicall, &args), 0);
	assert_int_equal(list[1].result, 3);
	assert_int_equal(last.a[0], 70);

	cpu.pending = 1;
	assert_int_equal(call(__HYPERVISOR_multicall, at, 2, 0), -ERESTART_CALL);
	assert_int_equal(args.a[0], at + sizeof(list[0]));
	assert_int_equal(args.a[1], 1);
}

/* Half a millisecond since the exit, or work that waits. */
static void preemption(void **state)
{
	assert_false(hypercall_preempt());
	now += 500000;
	assert_false(hypercall_preempt());
	now++;
	assert_true(hypercall_preempt());
	cpu.exits++;
	assert_false(hypercall_preempt());
	cpu.pending = 2;
	assert_true(hypercall_preempt());
}

static void page(void **state)
{
	static const uint8_t want[] = { 0xb8, 35, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3, 0xcc };

	memory_left = PAGE_SIZE;
	assert_int_equal(hypercall_page_write(&domain, (gpa_t) { 0x5000 }), 0);
	assert_memory_equal(bytes + 35 * 32, want, sizeof(want));
	assert_int_equal(bytes[PAGE_SIZE - 1], 0xcc);
	assert_int_equal(bytes[127 * 32 + 1], 127);
	memory_left = PAGE_SIZE - 1;
	assert_int_equal(hypercall_page_write(&domain, (gpa_t) { 0x5000 }), -EFAULT);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(numbers), T(widths), T(lists), T(lists_go_on), T(preemption), T(page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
