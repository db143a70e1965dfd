/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our store client against any store (REQ toolstack/2):
 *
 *   store-client PLACE   a daemon's socket, or the kernel's /dev/xen/xenbus
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xsclient.h"

static unsigned int failures;

static void need(int line, const char *what, long got, long wanted)
{
	if (got == wanted)
		return;
	failures++;
	printf("FAILED line %d: %s: %ld, wanted %ld\n", line, what, got, wanted);
}

#define NEED(expression, wanted) need(__LINE__, #expression, expression, wanted)

static void check_data(struct xs_client *client)
{
	struct xs_client_perm perms[] = { { 0, XS_CLIENT_READ }, { 0, XS_CLIENT_BOTH } }, *got;
	char *text, **names;
	uint64_t number;
	size_t count;

	xs_client_rm(client, 0, "/store-client");
	NEED(xs_client_write(client, 0, "/store-client/a/b", "value", 5), 0);
	NEED(xs_client_read(client, 0, "/store-client/a/b", &text, &count), 0);
	NEED(count, 5);
	NEED(strcmp(text, "value"), 0);
	free(text);
	NEED(xs_client_printf(client, 0, "/store-client/n", "%d", 42), 0);
	NEED(xs_client_read_u64(client, 0, "/store-client/n", &number), 0);
	NEED(number, 42);
	NEED(xs_client_read(client, 0, "/store-client/none", &text, NULL), -ENOENT);
	NEED(xs_client_mkdir(client, 0, "/store-client/d"), 0);
	NEED(xs_client_set_perms(client, 0, "/store-client/d", perms, 2), 0);
	NEED(xs_client_get_perms(client, 0, "/store-client/d", &got, &count), 0);
	NEED(count, 2);
	NEED(got[1].access, XS_CLIENT_BOTH);
	free(got);
	NEED(xs_client_directory(client, 0, "/store-client", &names, &count), 0);
	NEED(count, 3);
	free(names);
}

static void check_transactions(struct xs_client *client)
{
	xs_client_tx_t tx;
	char *text;

	NEED(xs_client_tx_start(client, &tx), 0);
	NEED(xs_client_write(client, tx, "/store-client/t", "1", 1), 0);
	NEED(xs_client_tx_end(client, tx, false), 0);
	NEED(xs_client_read(client, 0, "/store-client/t", &text, NULL), -ENOENT);
	NEED(xs_client_tx_start(client, &tx), 0);
	NEED(xs_client_write(client, tx, "/store-client/t", "1", 1), 0);
	NEED(xs_client_tx_end(client, tx, true), 0);
	NEED(xs_client_rm(client, 0, "/store-client/t"), 0);
}

static void check_watches(struct xs_client *client)
{
	char *path, *token;

	NEED(xs_client_watch(client, "/store-client/w", "token"), 0);
	NEED(xs_client_next_event(client, 5000, &path, &token), 0);
	NEED(strcmp(path, "/store-client/w"), 0);
	free(path);
	NEED(xs_client_write(client, 0, "/store-client/w/x", "1", 1), 0);
	NEED(xs_client_next_event(client, 5000, &path, &token), 0);
	NEED(strcmp(path, "/store-client/w/x"), 0);
	NEED(strcmp(token, "token"), 0);
	free(path);
	NEED(xs_client_next_event(client, 50, &path, &token), -EAGAIN);
	NEED(xs_client_unwatch(client, "/store-client/w", "token"), 0);
}

/* More names than one answer holds. */
static void check_long_list(struct xs_client *client)
{
	char path[64], **names;
	size_t count;

	for (int i = 0; i < 700; i++) {
		snprintf(path, sizeof(path), "/store-client/many/node-%04d", i);
		NEED(xs_client_mkdir(client, 0, path), 0);
	}
	NEED(xs_client_directory(client, 0, "/store-client/many", &names, &count), 0);
	NEED(count, 700);
	free(names);
}

int main(int argc, char **argv)
{
	struct xs_client *client;
	char *path;

	if (argc != 2 || xs_client_open_path(argv[1], &client)) {
		fprintf(stderr, "store-client PLACE\n");
		return 2;
	}
	xs_client_set_timeout(client, 20000);
	check_data(client);
	check_transactions(client);
	check_watches(client);
	check_long_list(client);
	NEED(xs_client_is_introduced(client, 31000), 0);
	NEED(xs_client_domain_path(client, 7, &path), 0);
	NEED(strcmp(path, "/local/domain/7"), 0);
	free(path);
	NEED(xs_client_rm(client, 0, "/store-client"), 0);
	xs_client_close(client);
	printf("store-client: %u failed\n", failures);
	return failures != 0;
}
