/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that fake_xen.c and those who play its domains agree on. */
#pragma once

#define FAKE_PORT_VIRQ 1
#define FAKE_PORT_BASE 100
