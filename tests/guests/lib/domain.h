/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For test kernels in Dom0's place: further domains, of one page, whose vCPUs only spin. They show
 * what the scheduler gives to whom. They have the label domU_t.
 */
#pragma once

#include <stdint.h>

#include <xen/xen.h>

#include <xen/domctl.h>

/* Creates a paused domain with VCPUS vCPUs that may run on the CPUs in CPU_MASK; its number. */
domid_t spinner_create(unsigned int vcpus, uint8_t cpu_mask);

/* A domain control operation without, or with, an argument in OP; its result. */
long domctl(uint32_t cmd, domid_t domid, struct xen_domctl *op);

/* Sets credit2's parameters; a cap is in per cent of a CPU, 0: none. */
long spinner_weigh(domid_t domid, uint16_t weight, uint16_t cap);

/* Nanoseconds that the vCPUs of DOMID have run, together. */
uint64_t spinner_time(domid_t domid);

/* Lets COUNT domains run for NS nanoseconds while this vCPU waits; RAN is what each ran. */
void spinners_run(const domid_t *domids, unsigned int count, uint64_t ns, uint64_t *ran);

/* Waits until the system time is NS; other domains run meanwhile. */
void wait_until(uint64_t ns);
