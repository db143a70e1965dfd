/* SPDX-License-Identifier: BSD-2-Clause */
/* The ABI's own headers, as Debian's libxen-dev installs them, with the tools' parts. */
#pragma once

#include <stdint.h>
#include <stddef.h>

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif
#define __XEN_INTERFACE_VERSION__ 0x00041100

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/features.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/save.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/xsm/flask_op.h>
#include <xen/arch-x86/cpuid.h>
#pragma GCC diagnostic pop
