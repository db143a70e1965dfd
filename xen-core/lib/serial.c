/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/serial.h"
#include "lib/string.h"
#include "x86/io.h"

/* Registers of the 16550, by offset from the base port (National's PC16550D data sheet). */
enum {
	UART_DATA = 0, /* and divisor, low byte */
	UART_IER = 1,  /* and divisor, high byte */
	UART_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
};

#define IER_RX	      0x01
#define IER_TX	      0x02
#define FCR_ENABLE    0x01
#define FCR_CLEAR     0x06
#define LCR_8N1	      0x03
#define LCR_DLAB      0x80
#define MCR_DTR_RTS   0x03
#define MCR_OUT2      0x08 /* gates the interrupt line on a PC */
#define LSR_RX_READY  0x01
#define LSR_TX_EMPTY  0x20
#define UART_CLOCK    115200
#define TX_FIFO	      16
#define TX_BUFFER     16384 /* power of two */
#define TX_POLL_LIMIT 100000

static struct {
	uint16_t base;
	uint8_t irq;
	uint32_t baud;
	bool present, irq_mode;
	uint8_t ier;
	unsigned int tx_prod, tx_cons;
} uart = { .base = 0x3f8, .irq = 4, .baud = UART_CLOCK };

static char tx_buffer[TX_BUFFER];

static uint8_t uart_read(unsigned int reg)
{
	return inb((uint16_t)(uart.base + reg));
}

static void uart_write(unsigned int reg, uint8_t value)
{
	outb((uint16_t)(uart.base + reg), value);
}

static void uart_set_ier(uint8_t ier)
{
	if (ier != uart.ier) {
		uart.ier = ier;
		uart_write(UART_IER, ier);
	}
}

bool serial_init(void)
{
	uint16_t divisor = (uint16_t)(UART_CLOCK / uart.baud);

	uart_write(UART_IER, 0);
	uart.ier = 0;
	uart.irq_mode = false;
	uart_write(UART_LCR, LCR_8N1 | LCR_DLAB);
	uart_write(UART_DATA, (uint8_t)divisor);
	uart_write(UART_IER, (uint8_t)(divisor >> 8));
	uart_write(UART_LCR, LCR_8N1);
	uart_write(UART_FCR, FCR_ENABLE | FCR_CLEAR);
	uart_write(UART_MCR, MCR_DTR_RTS);
	/* The bus reads all ones where there is no UART. */
	uart.present = uart_read(UART_LSR) != 0xff;
	return uart.present;
}

/* A number after a comma, at most @max; *@value stays as it is where the option ends already. */
static int parse_field(const char **s, uint64_t max, uint64_t *value)
{
	if (!**s)
		return 0;
	if (**s != ',' || parse_u64(*s + 1, s, value) || *value > max)
		return -EINVAL;
	return 0;
}

int serial_configure(const char *option)
{
	uint64_t baud = uart.baud, base = uart.base, irq = uart.irq;

	if (!strncmp(option, "auto", 4))
		option += 4;
	else if (parse_u64(option, &option, &baud) || baud < 50 || baud > UART_CLOCK)
		return -EINVAL;
	if (!strncmp(option, ",8n1", 4))
		option += 4;
	else if (*option)
		return -EINVAL;
	if (parse_field(&option, 0xfff8, &base) || parse_field(&option, 15, &irq) || *option)
		return -EINVAL;
	uart.baud = (uint32_t)baud;
	uart.base = (uint16_t)base;
	uart.irq = (uint8_t)irq;
	return serial_init() ? 0 : -ENODEV;
}

unsigned int serial_irq(void)
{
	return uart.irq;
}

static void uart_putc_polled(char c)
{
	unsigned int i;

	for (i = 0; i < TX_POLL_LIMIT; i++)
		if (uart_read(UART_LSR) & LSR_TX_EMPTY)
			break;
	uart_write(UART_DATA, (uint8_t)c);
}

/* The transmitter is empty: hands it the next bytes of the buffer. */
static void uart_fill(void)
{
	unsigned int i;

	for (i = 0; i < TX_FIFO && uart.tx_cons != uart.tx_prod; i++)
		uart_write(UART_DATA, (uint8_t)tx_buffer[uart.tx_cons++ % TX_BUFFER]);
}

void serial_irq_on(void)
{
	if (!uart.present)
		return;
	uart.irq_mode = true;
	uart_write(UART_MCR, MCR_DTR_RTS | MCR_OUT2);
	uart_set_ier(IER_RX);
}

void serial_sync(void)
{
	uart.irq_mode = false;
	while (uart.tx_cons != uart.tx_prod)
		uart_putc_polled(tx_buffer[uart.tx_cons++ % TX_BUFFER]);
}

static void uart_putc(char c)
{
	if (!uart.irq_mode) {
		uart_putc_polled(c);
		return;
	}
	if (uart.tx_prod - uart.tx_cons == TX_BUFFER)
		uart_putc_polled(tx_buffer[uart.tx_cons++ % TX_BUFFER]);
	tx_buffer[uart.tx_prod++ % TX_BUFFER] = c;
}

void serial_write(const char *s, size_t len)
{
	size_t i;

	if (!uart.present)
		return;
	for (i = 0; i < len; i++) {
		if (s[i] == '\n')
			uart_putc('\r');
		uart_putc(s[i]);
	}
	/* With the transmitter empty, enabling its interrupt raises it at once. */
	if (uart.tx_cons != uart.tx_prod)
		uart_set_ier(IER_RX | IER_TX);
}

size_t serial_service(char *in, size_t max)
{
	size_t n = 0;

	if (!uart.present)
		return 0;
	while (n < max && (uart_read(UART_LSR) & LSR_RX_READY))
		in[n++] = (char)uart_read(UART_DATA);
	if (uart.tx_cons != uart.tx_prod && (uart_read(UART_LSR) & LSR_TX_EMPTY))
		uart_fill();
	/*
	 * The line is edge-triggered and shared by both causes: off and on again, so that what is
	 * pending still, or since, makes a new edge.
	 */
	if (uart.irq_mode) {
		uart_set_ier(0);
		uart_set_ier(uart.tx_cons != uart.tx_prod ? IER_RX | IER_TX : IER_RX);
	}
	return n;
}
