/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core's services on the host, so that the policy tool and the tests run the core's own
 * security server. Guest-virtual addresses are the program's own.
 */
#pragma once

#include "xsm/xsm.h"

/* What printk wrote since host_log_clear(), at most the last 64 KiB. */
const char *host_log(void);
void host_log_clear(void);
/* Whether printk writes to stderr too. */
extern bool host_log_stderr;

/* What system_time() returns, in ns. */
extern uint64_t host_time;
/* When set, the n-th allocation from now fails (and all after it); 0: none does. */
extern long host_fail_after;
/* Allocations that are not freed. */
extern long host_allocations;

/* Labels that xsm_port_label knows; NULL ends the list. */
extern struct xsm_label **host_labels;
