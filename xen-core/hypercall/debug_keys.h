/* SPDX-License-Identifier: BSD-2-Clause */
/* The debug keys that show the state of the core's units. */
#ifndef CORE_DEBUG_KEYS_H
#define CORE_DEBUG_KEYS_H

/* Boot: registers them all, with 'h' for help. */
void debug_keys_init(void);

#endif
