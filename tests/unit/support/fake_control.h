/* SPDX-License-Identifier: BSD-2-Clause */
/* What the control operations call, beside the fake domains and memory of fake.h. */
#pragma once

#include "fake.h"
#include "hvm/cpuid.h"
#include "hypercall/hypercall.h"
#include "hypercall/ops.h"
#include "sched/sched.h"

#define ARG	  0x1000UL /* where arguments lie in the caller's memory */
#define DATA	  0x3000UL /* and buffers */
#define NOWHERE	  0x40000000UL
#define SAVED_LEN 100 /* of the fake saved state */

/* What was called, and with what. */
extern struct control_log {
	unsigned int created, destroyed, resumed, paused, unpaused, vcpus_created, context_loaded;
	unsigned int policy_set, shut_down, virq, keys, wallclocks, notified, cleared;
	uint64_t wall_sec, wall_at, context_at;
	uint32_t wall_nsec;
	char console[8192], serial[8192];
	char last_key;
	struct cpumask hard, soft;
	struct xen_domctl_createdomain config;
	const struct domain *policy_of; /* that got a CPU policy */
	const struct domain *handler;	/* of VIRQ handler_virq */
	uint32_t handler_virq;
	const struct vcpu *nmi; /* that got one */
} control_log;

extern int fake_result; /* what the next operation of another unit returns */
extern int fake_xsm_deny_host, fake_xsm_deny_resource;
extern uint64_t fake_now;
extern const char *fake_input;

/* Dom0 (privileged, 2 vCPUs) and d1 (2 vCPUs), Dom0's vCPU 0 is running; 2 CPUs. */
extern struct fake_domain *dom0, *dom1;
int control_setup(void **state);
int control_teardown(void **state);

/* How many domains there are. */
unsigned int fake_domain_count(void);

/* Puts @arg at ARG of the caller; gets it back afterwards. */
void put_arg(const void *arg, size_t size);
void get_arg(void *arg, size_t size);

/* The hypercalls. */
static inline long do_domctl(gva_t arg)
{
	return op_dispatch(&domctl_ops, &(struct hypercall_args) { { arg.v } });
}

static inline long do_sysctl(gva_t arg)
{
	return op_dispatch(&sysctl_ops, &(struct hypercall_args) { { arg.v } });
}

static inline long do_platform_op(gva_t arg)
{
	return op_dispatch(&platform_ops, &(struct hypercall_args) { { arg.v } });
}

static inline long do_xen_version(unsigned int cmd, gva_t arg)
{
	return op_dispatch(&version_ops, &(struct hypercall_args) { { cmd, arg.v } });
}

/* As a guest does that is entered again where it called. */
static inline long do_console_io(unsigned int cmd, unsigned int count, gva_t arg)
{
	struct hypercall_args args = { { cmd, count, arg.v } };
	long rc;

	while ((rc = op_dispatch(&console_io_ops, &args)) == -ERESTART_CALL)
		;
	return rc;
}
