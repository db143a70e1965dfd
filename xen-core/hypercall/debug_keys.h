/* SPDX-License-Identifier: BSD-2-Clause */
/* The debug keys that show the state of the core's units. */
#ifndef CORE_DEBUG_KEYS_H
#define CORE_DEBUG_KEYS_H

/* Boot: makes them known. */
void debug_keys_init(void);

#endif
