/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug keys: typed on the serial console (Ctrl-a three times), or by XEN_SYSCTL_debug_keys. */
#pragma once

#include "types.h"

/* @fn runs from the main loop or a hypercall of Dom0, no locks held. */
struct debug_key {
	char key;
	void (*fn)(void);
	const char *desc;
};

/* All keys, ended by one without a function (hypercall/debug_keys.c). */
extern const struct debug_key debug_keys[];

/* Runs the handler of @key; 'h', or one that has none, lists them all. */
void keyhandler_run(char key);
