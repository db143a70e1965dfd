/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Epoch-based reclamation. The core runs each entry to its end with interrupts off, so a CPU that
 * is idle or in a guest holds no pointer that it looked up. What is unlinked is freed after every
 * CPU has been there once.
 */
#pragma once

#include "types.h"

/* An object that waits to be freed; embed it. */
struct epoch_node {
	struct epoch_node *next;
	void (*free)(struct epoch_node *node);
};

/* Calls @free (on some CPU, from the main loop, no locks held) after a grace period. */
void epoch_defer(struct epoch_node *node, void (*free)(struct epoch_node *node));

/* A stamp for things unlinked before now; and whether its grace period is over. */
uint64_t epoch_stamp(void);
bool epoch_passed(uint64_t stamp);

/* Publish that this CPU may hold looked-up pointers, or holds none. */
void epoch_enter(void);
void epoch_leave(void);

/* Frees what epoch_defer() collected, as far as its time has come. True: there is more. */
bool epoch_run(void);
