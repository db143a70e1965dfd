/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error numbers of the ABI (xen/errno.h), under their usual names. On the host (unit tests) the
 * C library's are the same numbers.
 */
#pragma once

#if __STDC_HOSTED__
#include <errno.h>
#else
#define XEN_ERRNO(name, value) name = value,
enum {
#include <xen/errno.h>
};
#endif

/*
 * Internal: the hypercall stopped to let others run and wants to be called again. The vCPU's
 * instruction pointer stays on the VMMCALL; progress is kept in the arguments (hypercall.h).
 */
#define ERESTART_CALL 512
