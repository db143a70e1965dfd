/* SPDX-License-Identifier: BSD-2-Clause */
/* Console ring, serial port with a model of the 16550, input routing, debug keys (REQ core/console). */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "lib/serial.h"
#include "x86/io.h"

struct core_options options;
bool percpu_ready;

/* ---- the model ---- */
static struct {
	bool absent, interrupt, no_time;
	uint8_t ier, lcr, mcr, fcr, divisor[2];
	unsigned int edges; /* times that the interrupt line may have risen anew */
	uint16_t base;
	unsigned int fifo; /* bytes in the transmitter */
	char sent[200000];
	size_t nr_sent;
	const char *input;
} uart;

uint8_t inb(uint16_t port)
{
	if (uart.absent)
		return 0xff;
	switch (port - uart.base) {
	case 0:
		return uart.input && *uart.input ? (uint8_t)*uart.input++ : 0;
	case 5:
		if (!uart.no_time)
			uart.fifo = 0;
		return (uart.fifo ? 0 : 0x60) | (uart.input && *uart.input ? 1 : 0);
	default:
		return 0;
	}
}

void outb(uint16_t port, uint8_t value)
{
	switch (port - uart.base) {
	case 0:
		if (uart.lcr & 0x80) {
			uart.divisor[0] = value;
			break;
		}
		assert_true(uart.fifo < 16); /* or else a byte is lost */
		uart.fifo++;
		if (uart.nr_sent < sizeof(uart.sent))
			uart.sent[uart.nr_sent++] = (char)value;
		break;
	case 1:
		if (uart.lcr & 0x80)
			uart.divisor[1] = value;
		else {
			uart.edges += !uart.ier && value;
			uart.ier = value;
		}
		break;
	case 2:
		uart.fcr = value;
		break;
	case 3:
		uart.lcr = value;
		break;
	case 4:
		uart.mcr = value;
		break;
	default:
		break;
	}
}

void printk(const char *fmt, ...)
{
	char text[200];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	console_write(text, (size_t)n, CONSOLE_RING | CONSOLE_SERIAL);
}

void panic(const char *fmt, ...)
{
	mock_assert(0, fmt, __FILE__, __LINE__);
	abort();
}

static const char *sent(void)
{
	uart.sent[uart.nr_sent] = '\0';
	return uart.sent;
}

static void clear_sent(void)
{
	uart.nr_sent = 0;
}

static void write_text(const char *s, bool serial)
{
	console_write(s, strlen(s), serial ? CONSOLE_RING | CONSOLE_SERIAL : CONSOLE_RING);
}

/* Where the next byte of the ring will be. */
static uint32_t ring_end(void)
{
	uint32_t index = console_ring_start();
	char text[256];

	while (console_ring_read(&index, text, sizeof(text)))
		;
	return index;
}

static void test_polled(void **state)
{
	(void)state;
	uart.base = 0x3f8;
	serial_init();
	assert_int_equal(uart.divisor[0], 1); /* 115200 */
	assert_int_equal(uart.lcr, 3);	      /* 8n1 */
	assert_int_equal(uart.ier, 0);
	write_text("one\ntwo\n", true);
	write_text("ring only\n", false);
	assert_string_equal(sent(), "one\r\ntwo\r\n");
	console_write("port only\n", 10, CONSOLE_SERIAL);
	assert_string_equal(sent(), "one\r\ntwo\r\nport only\r\n");
}

static void test_options(void **state)
{
	static const char *const bad[] = { "x",
					   "115200,9n1",
					   "115200,8x1",
					   "115200,8n3",
					   "115200,7e1",
					   "10",
					   "115201",
					   "115200,8n1,",
					   "115200,8n1,0x10000",
					   "115200,8n1,0x3f8,16",
					   "115200,8n1,0x3f8,4,5",
					   "auto8",
					   "115200,8" };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(serial_configure(bad[i]), -EINVAL);
	uart.base = 0x2f8;
	assert_int_equal(serial_configure("9600,8n1,0x2f8,3"), 0);
	assert_int_equal(uart.divisor[0], 12);
	assert_int_equal(uart.lcr, 3);
	assert_int_equal(serial_irq(), 3);
	assert_int_equal(serial_configure("auto,8n1"), 0);
	assert_int_equal(uart.divisor[0], 12);
	uart.absent = true;
	assert_int_equal(serial_configure("115200"), -ENODEV);
	write_text("nobody\n", true); /* returns, though there is no UART */
	uart.absent = false;
	uart.base = 0x3f8;
	strcpy(options.com1, "115200,8n1,0x3f8,4");
	console_init();
	assert_int_equal(serial_irq(), 4);
}

static void test_interrupt_driven(void **state)
{
	char big[20000];
	size_t i;

	(void)state;
	clear_sent();
	console_irq_on();
	assert_int_equal(uart.ier, 1);
	assert_true(uart.mcr & 8);
	write_text("0123456789abcdefXYZ\n", true);
	assert_int_equal(uart.nr_sent, 0); /* waits for the interrupt */
	assert_int_equal(uart.ier, 3);
	uart.edges = 0;
	console_service();
	assert_int_equal(uart.nr_sent, 16);
	assert_int_equal(uart.edges, 1); /* or else the rest would wait for ever */
	console_service();
	assert_string_equal(sent(), "0123456789abcdefXYZ\r\n");
	assert_int_equal(uart.ier, 1);
	/* More than the buffer holds: nothing is lost. */
	clear_sent();
	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 26);
	console_write(big, sizeof(big), CONSOLE_RING | CONSOLE_SERIAL);
	while (uart.ier & 2)
		console_service();
	assert_int_equal(uart.nr_sent, sizeof(big));
	assert_memory_equal(uart.sent, big, sizeof(big));
}

static void test_ring(void **state)
{
	uint32_t index = console_ring_start(), old;
	char text[64];
	size_t i, n;

	(void)state;
	n = console_ring_read(&index, text, 7);
	assert_int_equal(n, 7);
	assert_memory_equal(text, "one\ntwo", 7);
	n = console_ring_read(&index, text, sizeof(text));
	assert_memory_equal(text, "\nring only\n", 11);
	/* Overrun: the oldest goes; a reader left behind begins at what is there. */
	old = console_ring_start();
	for (i = 0; i < CONSOLE_RING_SIZE / 10 + 10; i++)
		write_text("123456789\n", false);
	assert_int_equal(ring_end() - console_ring_start(), CONSOLE_RING_SIZE);
	index = old;
	n = console_ring_read(&index, text, sizeof(text));
	assert_int_equal(n, sizeof(text));
	assert_int_equal(index, console_ring_start() + n);
	index = ring_end();
	assert_int_equal(console_ring_read(&index, text, sizeof(text)), 0);
	index = ring_end() + 5; /* never written: as if it were gone */
	console_ring_read(&index, text, 1);
	assert_int_equal(index, console_ring_start() + 1);
	console_ring_clear(ring_end() + 1); /* ignored */
	assert_int_equal(ring_end() - console_ring_start(), CONSOLE_RING_SIZE);
	console_ring_clear(ring_end());
	assert_int_equal(console_ring_start(), ring_end());
}

static unsigned int notified, dumped;

void console_input_notify(void)
{
	notified++;
}

static void dump(void)
{
	dumped++;
}

const struct debug_key debug_keys[] = { { 'z', dump, "test" }, { 0 } };

static void type(const char *keys)
{
	uart.input = keys;
	console_service();
	if (!*uart.input)
		uart.input = "";
}

static void test_input(void **state)
{
	char text[400], many[400];
	uint32_t index;
	size_t n;

	(void)state;
	type("ls\n");
	assert_int_equal(notified, 1);
	assert_int_equal(console_input_read(text, sizeof(text)), 3);
	assert_memory_equal(text, "ls\n", 3);
	type("z\001z\001\001"); /* not three in a row */
	assert_int_equal(dumped, 0);
	console_input_read(text, sizeof(text));
	type("\001\001\001");
	console_input_read(text, sizeof(text));
	notified = 0;
	type("zz");
	assert_int_equal(dumped, 2);
	assert_int_equal(notified, 0);
	assert_int_equal(console_input_read(text, sizeof(text)), 0);
	index = ring_end();
	type("h");
	n = console_ring_read(&index, text, sizeof(text) - 1);
	text[n] = '\0';
	assert_string_equal(text, " key 'z' => test\n");
	index = ring_end();
	type("Z");
	n = console_ring_read(&index, text, sizeof(text) - 1);
	text[n] = '\0';
	assert_string_equal(text, "'Z': no such debug key\n key 'z' => test\n");
	type("?\007\177\377"); /* unknown ones, some of which can't be printed */
	assert_int_equal(dumped, 2);
	type("\001\001\001");
	type("x");
	assert_int_equal(console_input_read(text, sizeof(text)), 1);
	/* A full buffer drops what is too much. */
	memset(many, 'y', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	type(many);
	n = console_input_read(text, sizeof(text));
	assert_int_equal(n, 256);
}

/* Options that can't be met are told, and leave a console that works. */
static void test_console_options(void **state)
{
	char text[400];

	(void)state;
	strcpy(options.com1, "nonsense");
	clear_sent();
	console_init();
	while (uart.ier & 2)
		console_service();
	assert_non_null(strstr(sent(), "com1=nonsense: not usable"));
	options.com1[0] = '\0';
	strcpy(options.conswitch, "bx"); /* Ctrl-b; input goes to the core at first */
	console_init();
	dumped = 0;
	type("z");
	assert_int_equal(dumped, 1);
	type("\002\002\002");
	type("z");
	assert_int_equal(dumped, 1);
	assert_int_equal(console_input_read(text, sizeof(text)), 1);
	type("q");
	assert_int_equal(console_input_read(text, sizeof(text)), 1);
	while (uart.ier & 2)
		console_service();
	clear_sent();
	strcpy(options.console, "vga");
	console_init(); /* the ring alone */
	write_text("unseen\n", true);
	assert_null(strstr(sent(), "unseen"));
	console_irq_on();
	while (uart.ier & 2)
		console_service();
	strcpy(options.console, "com1,vga");
	serial_init();
	console_init();
	while (uart.ier & 2)
		console_service();
	write_text("seen\n", true); /* polled again */
	assert_non_null(strstr(sent(), "seen\r\n"));
	console_irq_on();
}

static void test_sync(void **state)
{
	(void)state;
	while (uart.ier & 2)
		console_service();
	clear_sent();
	write_text("late\n", true);
	assert_int_equal(uart.nr_sent, 0);
	options.sync_console = true;
	console_init();
	assert_string_equal(sent(), "late\r\n");
	uart.ier = 0;
	console_irq_on(); /* no use: each byte is waited for */
	assert_int_equal(uart.ier, 0);
	console_panic_mode();
	write_text("panic\n", true);
	assert_string_equal(sent(), "late\r\npanic\r\n");
	/* A transmitter that never gets empty does not hang the core: bytes go out blindly. */
	uart.no_time = true;
	uart.fifo = 1;
	write_text("x", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_polled),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_interrupt_driven),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_console_options),
		cmocka_unit_test(test_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
