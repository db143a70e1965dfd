/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for tests of the real mm/: an arena of frames in host memory, in which core_va() and
 * windows are plain pointers; two domains; and a grace period that the test ends when it likes.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/domain.h"

#define ARENA_FRAMES 8192UL /* 32 MiB; frame 0 is never used */

extern struct domain arena_domain[2]; /* domids 1 and 2 */
extern unsigned int arena_windows;    /* open ones */
extern unsigned int arena_opened;     /* since the test cleared it */
extern unsigned int arena_flushes;    /* guest_tlb_flush() calls */
extern bool arena_grace;	      /* grace periods are over at once */
extern void (*arena_in_window)(void); /* called when a window opens */

/* Everything as at boot: all frames free, domains without memory. */
void arena_reset(void);
/* The contents of a frame. */
void *arena_frame(mfn_t mfn);
