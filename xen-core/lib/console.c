/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/console.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/serial.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define INPUT_SIZE     256 /* power of two */
#define SERVICE_ROUNDS 16  /* a port that always has input must not hold the CPU */
#define SWITCH_COUNT   3   /* times that the switch key is struck in a row */

static struct spinlock console_lock = SPINLOCK_INIT(LOCK_CONSOLE);
static bool serial_on = true, panicking; /* serial_on: console= has com1 */

static char ring[CONSOLE_RING_SIZE];
static uint32_t ring_start, ring_end; /* free-running */

static char input[INPUT_SIZE];
static uint32_t input_prod, input_cons;
static char switch_key = 'a' & 0x1f;
static unsigned int switch_struck;
static bool input_to_core;

static void console_acquire(void)
{
	if (!READ_ONCE(panicking))
		spin_lock(&console_lock);
}

static void console_release(void)
{
	if (!READ_ONCE(panicking))
		spin_unlock(&console_lock);
}

void console_init(void)
{
	if (options.com1[0]) {
		int rc = serial_configure(options.com1);

		if (rc)
			printk(KERN_WARNING "com1=%s: not usable (%d)\n", options.com1, rc);
	}
	serial_on = !options.console[0] || !strncmp(options.console, "com1", 4);
	if (!serial_on)
		printk(KERN_INFO "console=%s: only com1 is a console, the ring alone is used\n",
		       options.console);
	if (options.sync_console)
		serial_sync();
	switch_key = options.conswitch[0] ? options.conswitch[0] & 0x1f : switch_key;
	input_to_core = options.conswitch[0] && options.conswitch[1] == 'x';
}

void console_irq_on(void)
{
	console_acquire();
	if (serial_on && !options.sync_console)
		serial_irq_on();
	console_release();
}

void console_panic_mode(void)
{
	WRITE_ONCE(panicking, true);
	serial_on = true;
	serial_sync();
}

void console_write(const char *s, size_t len, unsigned int where)
{
	size_t i;

	console_acquire();
	for (i = 0; (where & CONSOLE_RING) && i < len; i++)
		ring[ring_end++ % CONSOLE_RING_SIZE] = s[i];
	if (ring_end - ring_start > CONSOLE_RING_SIZE)
		ring_start = ring_end - CONSOLE_RING_SIZE;
	if ((where & CONSOLE_SERIAL) && serial_on)
		serial_write(s, len);
	console_release();
}

size_t console_ring_read(uint32_t *index, char *buf, size_t len)
{
	size_t n = 0;

	console_acquire();
	/* Outside of what is kept: begin at the oldest byte. */
	if (*index - ring_start > ring_end - ring_start)
		*index = ring_start;
	while (n < len && *index != ring_end)
		buf[n++] = ring[(*index)++ % CONSOLE_RING_SIZE];
	console_release();
	return n;
}

uint32_t console_ring_start(void)
{
	return READ_ONCE(ring_start);
}

void console_ring_clear(uint32_t index)
{
	console_acquire();
	if (index - ring_start <= ring_end - ring_start)
		ring_start = index;
	console_release();
}

size_t console_input_read(char *buf, size_t len)
{
	size_t n = 0;

	console_acquire();
	while (n < len && input_cons != input_prod)
		buf[n++] = input[input_cons++ % INPUT_SIZE];
	console_release();
	return n;
}

void keyhandler_run(char key)
{
	const struct debug_key *k;

	for (k = debug_keys; k->fn; k++) {
		if (k->key == key) {
			printk("'%c' pressed -> %s\n", key, k->desc);
			k->fn();
			return;
		}
	}
	if (key != 'h')
		printk("'%c': no such debug key\n", key >= ' ' && key <= '~' ? key : '?');
	for (k = debug_keys; k->fn; k++)
		printk(" key '%c' => %s\n", k->key, k->desc);
}

static void input_switch(void)
{
	input_to_core = !input_to_core;
	printk("*** Serial input to %s (type 'CTRL-%c' three times to switch input)\n",
	       input_to_core ? "the core's debug keys" : "Dom0", switch_key + 'a' - 1);
}

/* One byte of input; true when the control domain has something to read. */
static bool input_byte(char c)
{
	if (switch_key && c == switch_key) {
		if (++switch_struck == SWITCH_COUNT) {
			switch_struck = 0;
			input_switch();
			return false;
		}
	} else {
		switch_struck = 0;
	}
	if (input_to_core) {
		if (c != switch_key)
			keyhandler_run(c);
		return false;
	}
	console_acquire();
	if (input_prod - input_cons < INPUT_SIZE)
		input[input_prod++ % INPUT_SIZE] = c;
	console_release();
	return true;
}

void console_service(void)
{
	unsigned int rounds = SERVICE_ROUNDS;
	bool notify = false;
	char in[32];
	size_t n, i;

	do {
		console_acquire();
		n = serial_service(in, sizeof(in));
		console_release();
		for (i = 0; i < n; i++)
			notify |= input_byte(in[i]);
	} while (n == sizeof(in) && --rounds);
	if (notify)
		console_input_notify();
}
