/* SPDX-License-Identifier: BSD-2-Clause */
/* Constants that the test kernels' C and assembly share. */
#pragma once

#define SEL_CODE     0x08
#define SEL_DATA     0x10

/* Control registers as every vCPU runs with: paging, write protection, PAE. */
#define BOOT_CR0     0x80010033
#define BOOT_CR4     0x20

#define STACK_SIZE   16384
#define MAX_CPUS     32

/* The vector on which events come in (HVM_PARAM_CALLBACK_IRQ). */
#define EVENT_VECTOR 0x80
