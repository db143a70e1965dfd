/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this core offers beyond Xen's ABI. Numbers are far from Xen's, which answers -ENOSYS to them,
 * so that a program can tell. Include xen/xsm/flask_op.h first.
 */
#pragma once

/*
 * xsm_op with struct xen_flask_ocontext: in: ocon (1 interrupt, 2 I/O port, 3 frame of I/O memory, 4
 * PCI device) and low; out: sid, its label, and high, the last number from low on that has it.
 */
#define BULKHEAD_FLASK_GET_OCONTEXT 10001

/*
 * xsm_op with struct xen_flask_sid_context: the labels with which the caller may create domains, one
 * a call. In: sid 0, then what the last call gave back; out: the label. -ENOENT: there are no more.
 */
#define BULKHEAD_FLASK_LABELS	    10002
