/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial port: a 16550 behind I/O ports. Output is polled until serial_irq_on(); from then on
 * it goes through a buffer that the transmit interrupt drains. Input comes by interrupt or by
 * polling. All state is guarded by the console's lock (LOCK_CONSOLE), which lib/console.c holds
 * around every call here.
 */
#pragma once

#include "types.h"

/* Programs COM1 (0x3f8, 115200 8n1). Returns false when no UART answers there. */
bool serial_init(void);

/*
 * Applies com1=BAUD[,8n1[,IO-BASE[,IRQ]]], such as "115200,8n1,0x3f8,4" ("auto" keeps the baud
 * rate; other frames are not offered). -EINVAL: not understood, nothing changed.
 */
int serial_configure(const char *option);

/* ISA interrupt of the port. */
unsigned int serial_irq(void);

/* The interrupt is routed: use it for input and for output. */
void serial_irq_on(void);

/* From now on wait for each byte (panic, sync_console); writes out what is buffered. */
void serial_sync(void);

/* Writes @len bytes; a line feed becomes CR LF. Polls when the buffer is full. */
void serial_write(const char *s, size_t len);

/*
 * Serves the port: refills the transmitter from the buffer, and moves up to @max received bytes
 * to @in. Returns how many were received.
 */
size_t serial_service(char *in, size_t max);
