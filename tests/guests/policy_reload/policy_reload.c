/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ flask/4: a policy is loaded 1,000 times while another vCPU asks all the time, and loads one too
 * now and then, at the same time as the first: both succeed, no decision is wrong, and no memory is
 * lost. Bad policies in between change nothing. Needs a partner: the
 * matrix policy as a second module; the same one is inside this kernel.
 */
#include "guest.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/xsm/flask_op.h>

#define EPERM  1
#define EINVAL 22
#define ROUNDS 1000

/* The policy that is loaded again and again (xsm-policy/test/matrix_policy.py). */
__asm__(".section .rodata\n"
	".globl policy, policy_end\n"
	"policy: .incbin \"" POLICY_FILE "\"\n"
	"policy_end: .byte 0\n"
	".previous\n");
extern const uint8_t policy[], policy_end[];

static volatile unsigned int stop, ready;
static volatile unsigned long asked, wrong, loaded, not_loaded;

static long flask(struct xen_flask_op *op)
{
	op->interface_version = XEN_FLASK_INTERFACE_VERSION;
	return hypercall(__HYPERVISOR_xsm_op, (unsigned long)op, 0, 0, 0, 0);
}

static long load(const void *data, uint32_t size)
{
	struct xen_flask_op op = { .cmd = FLASK_LOAD };

	op.u.load.size = size;
	set_xen_guest_handle(op.u.load.buffer, (char *)(uintptr_t)data);
	return flask(&op);
}

static long set_boolean(const char *name, bool value)
{
	struct xen_flask_op op = { .cmd = FLASK_SETBOOL };

	op.u.boolean.bool_id = ~0U;
	op.u.boolean.new_value = value;
	op.u.boolean.commit = 1;
	op.u.boolean.size = (uint32_t)strlen(name);
	set_xen_guest_handle(op.u.boolean.name, (char *)(uintptr_t)name);
	return flask(&op);
}

/* Allowed by the policy. */
static long physinfo(void)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };

	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return HYPERCALL1(sysctl, &op);
}

/* Denied: the boolean for it is set, and stays so when the policy is loaded again. */
static long debug_keys(void)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_debug_keys };

	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return HYPERCALL1(sysctl, &op);
}

static void ask(void *data)
{
	ready = 1;
	while (!stop) {
		if (physinfo() || debug_keys() != -EPERM || HYPERCALL2(xen_version, 5, data) < 0)
			wrong++;
		if (++asked % 16)
			continue;
		if (load(policy, (uint32_t)(policy_end - policy)))
			not_loaded++;
		loaded++;
	}
	ready = 0;
}

static uint64_t free_pages(void)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };

	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (HYPERCALL1(sysctl, &op))
		return 0;
	return op.u.physinfo.free_pages + op.u.physinfo.scrub_pages;
}

static void reload(void)
{
	static uint8_t bad[65536];
	uint32_t size = (uint32_t)(policy_end - policy), r = 99;
	unsigned int i, failed = 0, taken = 0;

	for (i = 0; i < ROUNDS; i++) {
		failed += load(policy, size) != 0;
		if (i % 8)
			continue;
		/* Too short: refused. */
		r = r * 1664525 + 1013904223;
		memcpy(bad, policy, size);
		taken += load(bad, r % size) != -EINVAL;
	}
	CHECK_EQ("loads-refused", failed, 0);
	CHECK_EQ("bad-ones-taken", taken, 0);
}

void guest_main(void)
{
	static uint8_t other[PAGE_SIZE];
	uint64_t before, after;
	unsigned long had;

	CHECK_EQ("boolean", set_boolean("deny_xen_debug", true), 0);
	CHECK_EQ("allowed", physinfo(), 0);
	CHECK_EQ("denied", debug_keys(), -EPERM);
	CHECK_EQ("start", cpu_start(1, ask, other), 0);
	while (!ready)
		relax();
	CHECK_EQ("load", load(policy, (uint32_t)(policy_end - policy)), 0);
	before = free_pages();
	reload();
	had = asked;
	while (!wrong && asked < had + 10)
		relax();
	stop = 1;
	while (ready)
		relax();
	CHECK("asked-meanwhile", asked > 1000);
	CHECK("loaded-meanwhile", loaded > 50);
	CHECK_EQ("not-loaded-meanwhile", not_loaded, 0);
	CHECK_EQ("wrong-decisions", wrong, 0);
	/* What waits for its grace period is little; a thousand lost policies would be much. */
	after = free_pages();
	CHECK("no-memory-lost", after + 256 >= before);
	CHECK_EQ("still-allowed", physinfo(), 0);
	CHECK_EQ("still-denied", debug_keys(), -EPERM);
}
