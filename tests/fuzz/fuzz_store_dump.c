/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream of a live update, made by an enemy who knows the checksum: what is accepted must be a
 * store in order that works on and can be dumped again.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dump_format.h"
#include "internal.h"
#include "support/store_harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct harness *running;

static int adopt(void *ctx, uint32_t domid, unsigned int flags, const void *saved, size_t len,
		 const struct conn_ops **ops, void **transport)
{
	struct pipe_conn *pipe;

	(void)ctx;
	(void)flags;
	(void)saved;
	if (len & 1 || running->conn_count == 64)
		return -EBADMSG;
	pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	pipe->domid = domid;
	pipe->room = PIPE_MAX;
	running->conns[running->conn_count++] = pipe;
	*ops = &pipe_ops;
	*transport = pipe;
	return 0;
}

static void adopted(void *ctx, void *transport, struct conn *conn)
{
	struct pipe_conn *pipe = transport;

	(void)ctx;
	pipe->conn = conn;
	pipe->open = true;
}

static int count(void *ctx, const void *bytes, size_t len)
{
	(void)bytes;
	*(size_t *)ctx += len;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dump_record record = { DUMP_END, sizeof(struct dump_end) };
	struct harness harness;
	struct dump_end end;
	size_t len = 0;
	char *stream;

	/* Ends the stream as it has to be, whatever is in it. */
	stream = malloc(size + sizeof(record) + sizeof(end));
	if (!stream)
		return 0;
	memcpy(stream, data, size);
	memcpy(stream + size, &record, sizeof(record));
	end.checksum = checksum_more(CHECKSUM_SEED, stream, size);
	memcpy(stream + size + sizeof(record), &end, sizeof(end));
	harness_init(&harness);
	running = &harness;
	if (!store_restore(&harness.host, stream, size + sizeof(record) + sizeof(end), adopt,
			   adopted, NULL, &harness.store)) {
		if (store_check(harness.store))
			abort();
		for (int i = 0; i < 200 && store_run(harness.store); i++)
			;
		if (store_check(harness.store))
			abort();
		if (store_dump(harness.store, count, &len) || !len)
			abort();
	} else if (harness.live) {
		abort();
	}
	free(stream);
	if (harness_stop(&harness))
		abort();
	return 0;
}
