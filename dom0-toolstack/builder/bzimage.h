/* SPDX-License-Identifier: BSD-2-Clause */
/* The container that Linux kernels for x86 come in. Linux: Documentation/x86/boot.rst. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Finds the compressed kernel in a bzImage. 0 with *offset and *length inside the image; -ENOEXEC:
 * not a bzImage; -EBADMSG with *why: a bzImage without a usable payload.
 */
int bzimage_payload(const uint8_t *image, size_t size, size_t *offset, size_t *length,
		    const char **why);
