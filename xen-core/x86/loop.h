/* SPDX-License-Identifier: BSD-2-Clause */
/* The main loop of each CPU: work, choose a vCPU, run it. */
#pragma once

#include "types.h"

void main_loop(void) __attribute__((noreturn));

/* Publish that this CPU may hold looked-up pointers, or holds none (x86/epoch.h). */
void epoch_enter(void);
void epoch_leave(void);

/* Frees what epoch_defer() collected, as far as its time has come. True: there is more. */
bool epoch_run(void);
