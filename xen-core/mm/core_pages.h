/* SPDX-License-Identifier: BSD-2-Clause */
/* Between frame.c and core_pages.c: frames that are mapped at core_va(). */
#ifndef CORE_CORE_PAGES_H
#define CORE_CORE_PAGES_H

#include "types.h"

/* 2^@order frames of kind FRAME_CORE, not mapped yet; MFN_INVALID: none. */
mfn_t frame_alloc_core(unsigned int order);
/* A core frame, not mapped any more, goes to limbo. */
void frame_free_core(mfn_t mfn);

/* A shared frame has lost its last reference: takes its mapping away. */
void core_page_retire(mfn_t mfn);

/* Bytes in whole pages handed out (heap.c counts its own). */
uint64_t core_pages_used(void);

#endif
