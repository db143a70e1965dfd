/* SPDX-License-Identifier: BSD-2-Clause */
/* The main loop of each CPU: work, choose a vCPU, run it; and calling others out of a guest. */
#pragma once

#include "types.h"

void main_loop(void) __attribute__((noreturn));

/*
 * After this, no CPU uses a translation of the domain that was taken away. Raises the domain's p2m epoch
 * (vCPUs flush before they enter next) and forces the CPUs that run it now to leave the guest. Returns
 * when they have, and when no CPU of the core is copying by a translation of before. Never waits for a
 * lock of another CPU.
 */
void guest_tlb_flush(struct domain *d);
