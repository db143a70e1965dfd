/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: a ring of the latest output (xl dmesg), the serial port, and where input goes.
 * LOCK_CONSOLE guards the ring and the port. It is the innermost lock: nothing else is taken
 * while it is held, so output works everywhere.
 */
#pragma once

#include "types.h"

#define CONSOLE_RING_SIZE 65536 /* power of two */

/*
 * Options are parsed: applies com1=, console=, sync_console, conswitch=. Until then output goes to where
 * serial_init() has found a port, polled.
 */
void console_init(void);

/* The serial port's interrupt is routed to WORK_SERIAL. */
void console_irq_on(void);

/*
 * The serial port wants service (main loop, WORK_SERIAL), or may want it (a slow timer where
 * there is no interrupt). Takes input in and runs debug keys.
 */
void console_service(void);

/* Where output goes. The control domain's own is not for the ring: reading that would never end. */
#define CONSOLE_RING   1
#define CONSOLE_SERIAL 2
void console_write(const char *s, size_t len, unsigned int where);

/* Panic: output is synchronous from now on and ignores who holds the lock. */
void console_panic_mode(void);

/*
 * Copies up to @len bytes of the ring to @buf, from *@index on (from its oldest byte when that is
 * gone already), and advances *@index. Returns the number of bytes.
 */
size_t console_ring_read(uint32_t *index, char *buf, size_t len);
/* Index of the oldest byte kept. */
uint32_t console_ring_start(void);
/* Forgets what was written before @index. */
void console_ring_clear(uint32_t index);

/* Input for the control domain: takes up to @len bytes. */
size_t console_input_read(char *buf, size_t len);

/* Called (no locks held) when input for the control domain arrives: console_io.c raises its event. */
void console_input_notify(void);

/* Debug keys: typed on the serial console (Ctrl-a three times), or by XEN_SYSCTL_debug_keys. */
struct debug_key {
	char key;
	void (*fn)(void); /* runs from the main loop or a hypercall of Dom0, no locks held */
	const char *desc;
};

/* All keys, ended by one without a function (hypercall/debug_keys.c). */
extern const struct debug_key debug_keys[];

/* Runs the handler of @key; 'h', or one that has none, lists them all. */
void keyhandler_run(char key);
