/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's shared page (xen/io/console.h): two byte rings. The other end is hostile: its
 * indices are read once and may say anything.
 */
#pragma once

#include <stddef.h>

struct xencons_interface;

/* Takes up to `max` bytes of what the guest wrote. 0: nothing. Indices that make no sense: all is dropped. */
size_t ring_take_output(struct xencons_interface *ring, char *buf, size_t max);

/* Puts up to `n` bytes for the guest to read; returns how many fit. */
size_t ring_put_input(struct xencons_interface *ring, const char *data, size_t n);
