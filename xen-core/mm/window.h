/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU windows: the only way by which the core sees guest memory. A window lasts for one access
 * and is private to the CPU that opened it. They nest as a stack: the last opened closes first.
 */
#pragma once

#include "types.h"

/* At most 16 open at a time on a CPU. Cannot fail: @mfn must be memory. */
void *window_open(mfn_t mfn);
void window_close(void *va);
