/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Xen ABI's base header, with the parts for control tools. Include it before any header of a
 * Xen library, which would bring it in without them.
 */
#pragma once

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif
#include <xen/xen.h>
