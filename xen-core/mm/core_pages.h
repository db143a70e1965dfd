/* SPDX-License-Identifier: BSD-2-Clause */
/* What mm/ shares beside frame.h: frames that are mapped at core_va(), and lists of frames. */
#pragma once

#include "types.h"

/* 2^@order frames of kind FRAME_CORE, zeroed, not mapped yet; MFN_INVALID: none. */
mfn_t frame_alloc_core(unsigned int order);
/* A frame without references, not mapped any more, goes to limbo. */
void frame_free(mfn_t mfn);

/* A shared frame has lost its last reference: takes its mapping away and frees it. */
void core_page_retire(mfn_t mfn);

/* Lists that begin at *@head (0: empty) and are linked by the records' next and prev. */
void frame_list_push(uint32_t *head, uint64_t mfn);
void frame_list_remove(uint32_t *head, uint64_t mfn);
