/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_STACK_GUARD_H
#define CORE_STACK_GUARD_H

/* Chooses the guard value for this boot. The caller must never return. */
void stack_guard_init(void);

#endif
