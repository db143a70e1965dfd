/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast a store is: requests and transactions per second of one client and of several.
 *
 *   store-bench SOCKET [SECONDS]
 *
 * Prints one line for each measurement: name, clients, operations per second. For ratios run it on
 * both stores on the same machine, one right after the other.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raw_client.h"

#define CLIENTS_MAX 8

static const char *socket_path;
static double seconds = 1;

static void must(const char *got, const char *wanted)
{
	if (strcmp(got, wanted)) {
		fprintf(stderr, "got \"%s\", wanted \"%s\"\n", got, wanted);
		exit(1);
	}
}

static uint64_t op_read(struct raw_client *client, unsigned int self, unsigned int i)
{
	(void)self;
	(void)i;
	must(raw_ask(client, XS_READ, 0, "/bench/value|"), "something of 20 bytes");
	return 1;
}

static uint64_t op_write(struct raw_client *client, unsigned int self, unsigned int i)
{
	char text[64];

	snprintf(text, sizeof(text), "/bench/%u/node-%u|%u", self, i % 50, i);
	must(raw_ask(client, XS_WRITE, 0, text), "OK|");
	return 1;
}

static uint64_t op_create(struct raw_client *client, unsigned int self, unsigned int i)
{
	char text[64];

	snprintf(text, sizeof(text), "/bench/%u/new-%u|", self, i);
	must(raw_ask(client, XS_MKDIR, 0, text), "OK|");
	must(raw_ask(client, XS_RM, 0, text), "OK|");
	return 2;
}

static uint64_t op_list(struct raw_client *client, unsigned int self, unsigned int i)
{
	(void)self;
	(void)i;
	raw_ask(client, XS_DIRECTORY, 0, "/bench/list|");
	return 1;
}

/* What device handshakes look like: start, a read, three writes, end. */
static uint64_t op_transaction(struct raw_client *client, unsigned int self, unsigned int i)
{
	uint32_t tx = raw_begin(client);
	const char *end;
	char text[64];

	raw_ask(client, XS_READ, tx, "/bench/value|");
	for (unsigned int j = 0; j < 3; j++) {
		snprintf(text, sizeof(text), "/bench/%u/tx-%u|%u", self, j, i);
		must(raw_ask(client, XS_WRITE, tx, text), "OK|");
	}
	end = raw_ask(client, XS_TRANSACTION_END, tx, "T|");
	return !strcmp(end, "OK|");
}

static uint64_t run_client(unsigned int self,
			   uint64_t (*op)(struct raw_client *, unsigned int, unsigned int))
{
	struct raw_client *client = raw_open_socket(socket_path);
	uint64_t end = raw_now() + (uint64_t)(seconds * 1e6), count = 0;

	for (unsigned int i = 0; raw_now() < end; i++)
		count += op(client, self, i);
	raw_close(client);
	return count;
}

static void measure(const char *name, unsigned int clients,
		    uint64_t (*op)(struct raw_client *, unsigned int, unsigned int))
{
	uint64_t count, sum = 0;
	int ends[2];

	if (pipe(ends))
		exit(1);
	fflush(stdout);
	for (unsigned int i = 0; i < clients; i++) {
		if (!fork()) {
			count = run_client(i, op);
			_exit(write(ends[1], &count, sizeof(count)) != sizeof(count));
		}
	}
	for (unsigned int i = 0; i < clients; i++)
		if (read(ends[0], &count, sizeof(count)) == sizeof(count))
			sum += count;
	while (wait(NULL) > 0)
		;
	close(ends[0]);
	close(ends[1]);
	printf("%-12s %u clients: %9.0f a second\n", name, clients, (double)sum / seconds);
}

int main(int argc, char **argv)
{
	static const unsigned int clients[] = { 1, CLIENTS_MAX };
	struct raw_client *client;
	char text[64];

	if (argc < 2)
		return 2;
	socket_path = argv[1];
	if (argc > 2)
		seconds = atof(argv[2]);
	client = raw_open_socket(socket_path);
	must(raw_ask(client, XS_WRITE, 0, "/bench/value|something of 20 bytes"), "OK|");
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "/bench/list/entry-%d|", i);
		must(raw_ask(client, XS_MKDIR, 0, text), "OK|");
	}
	for (size_t i = 0; i < 2; i++) {
		measure("read", clients[i], op_read);
		measure("write", clients[i], op_write);
		measure("create+rm", clients[i], op_create);
		measure("list 200", clients[i], op_list);
		measure("transaction", clients[i], op_transaction);
	}
	must(raw_ask(client, XS_RM, 0, "/bench|"), "OK|");
	return 0;
}
