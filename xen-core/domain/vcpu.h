/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest asks of its vCPUs by vcpu_op, vm_assist and set_timer_op, and what the core tells it
 * through memory that both see: run states, the PV clock, the wall clock.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include "xen_abi.h"
#include "types.h"

/* A new vCPU's timers and areas; and their end, when it can't run any more. */
void vcpu_op_init(struct vcpu *v);
void vcpu_op_free(struct vcpu *v);

/*
 * Writes vcpu_time_info where the guest reads it, if it is stale or the TSCs differ between CPUs.
 * The main loop calls it for a vCPU that it switches to.
 */
void vcpu_time_publish(struct vcpu *v);
/* d->tsc_offset has changed (the domain is paused): the next entry of each vCPU publishes. */
void domain_time_changed(struct domain *d);

/* Writes the registered run state area, if any. The main loop calls it for a vCPU that it switches to. */
void vcpu_runstate_publish(struct vcpu *v);

/* Writes the wall clock into the shared info page: at creation, and when it has been set. */
void wallclock_publish(struct domain *d);

/* The hypercall vcpu_op is declared in domain.h. These act on the current vCPU and its domain. */
long do_vm_assist(unsigned int cmd, unsigned int type);
/* @ns: absolute system time, 0 stops the timer. */
long do_set_timer_op(uint64_t ns);

/*
 * The initial state that VCPUOP_initialise describes, as set_hvm_cpu takes it. -EINVAL for modes,
 * padding and segments that it does not allow; control registers are for set_hvm_cpu to check.
 */
int vcpu_context_decode(const struct vcpu_hvm_context *ctx, struct hvm_hw_cpu *hw);

#endif
