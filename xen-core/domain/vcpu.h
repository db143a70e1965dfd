/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest asks of its vCPUs by vcpu_op, vm_assist and set_timer_op, and what the core tells it
 * through memory that both see: run states, the PV clock, the wall clock.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include "xen_abi.h"
#include "types.h"

/* The guest moved the TSC of @v, the current vCPU: its clock follows. */
void vcpu_set_tsc_offset(struct vcpu *v, uint64_t offset);

/* Hypercalls (vcpu_op is in domain.h); they act on the current vCPU and its domain. */
long do_vm_assist(unsigned int cmd, unsigned int type);
/* @ns: absolute system time, 0 stops the timer. */
long do_set_timer_op(uint64_t ns);

/*
 * The initial state that VCPUOP_initialise describes, as set_hvm_cpu takes it. -EINVAL for modes,
 * padding and segments that it does not allow; control registers are for set_hvm_cpu to check.
 */
int vcpu_context_decode(const struct vcpu_hvm_context *ctx, struct hvm_hw_cpu *hw);

#endif
