/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's heap: small objects from size classes, large ones from whole pages. */
#pragma once

#include "types.h"

/* Aligned to 16 bytes, or to a page for whole-page sizes. NULL when out of memory. */
void *xmalloc(size_t size);
void *xzalloc(size_t size);
/* @p may be NULL. */
void xfree(void *p);

/* Bytes handed out now (for leak tests and debug key 'h'). */
size_t heap_used(void);

#define xzalloc_array(type, n) ((type *)xzalloc(sizeof(type) * (size_t)(n)))
