/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercall entry: one table of (number, handler, policy hook). */
#pragma once

#include "types.h"

struct hypercall_args {
	uint64_t a[6]; /* rdi rsi rdx r10 r8 r9; a continuation writes its progress back here */
};

/* Runs hypercall @nr of the current vCPU. -ERESTART_CALL: enter the guest again at the same VMMCALL. */
long hypercall_dispatch(uint64_t nr, struct hypercall_args *args);

/*
 * Long operations ask between steps: true when the vCPU should stop and continue (WORK bits are
 * pending, or about a millisecond has passed).
 */
bool hypercall_preempt(void);

/* Writes a hypercall page to @at, the start of a page of @d. 0, or what guest_phys_write() says. */
int hypercall_page_write(struct domain *d, gpa_t at);
