/* SPDX-License-Identifier: BSD-2-Clause */
/* What the loader's parts know of each other. */
#pragma once

#include "load.h"

extern struct room room; /* malloc() takes from it */

/* Called by start.S. */
_Noreturn void loader_main(uint64_t start_info);

/* start.S: jumps to the kernel in 32-bit mode without paging. */
_Noreturn void enter_kernel(uint32_t entry, uint64_t start_info);

/* Says "Dom0 can't start: " and @why, and ends the domain as crashed. */
_Noreturn void loader_die(const char *why);
