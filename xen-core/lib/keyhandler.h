/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug keys: typed on the serial console (Ctrl-a three times), or by XEN_SYSCTL_debug_keys. */
#ifndef CORE_KEYHANDLER_H
#define CORE_KEYHANDLER_H

#include "types.h"

/* @fn runs from the main loop or a hypercall of Dom0, no locks held. @desc must stay valid. */
void keyhandler_register(char key, void (*fn)(void), const char *desc);

/* Runs the handler of @key; tells when there is none. */
void keyhandler_run(char key);

/* Registers 'h' (help) and the keys of the units that have a dump function. At boot. */
void keyhandler_init(void);

#endif
