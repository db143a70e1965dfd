/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug output of guests. */
#pragma once

#include "types.h"

/*
 * One byte of debug output of @d (I/O port 0xe9, CONSOLEIO_write). Printed line by line, without
 * control characters, as "(dID) …", at most so many lines a second. The line buffer is made at the
 * first byte; without memory for it the byte is lost. Callers: d's own vCPUs.
 */
void guest_console_putc(struct domain *d, char c);

/* Destruction of @d: releases its line buffer. */
void guest_console_free(struct domain *d);
