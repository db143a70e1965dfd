/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's protocol with hostile clients. The input is a sequence of steps: one byte says who
 * acts and how, two bytes how many of the bytes behind them are sent. After all of it the store
 * must be in order, and nothing may have been lost.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/store_harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sends a message whose header is well-formed, so that the fuzzer need not find lengths. */
static void send_message(struct pipe_conn *pipe, const uint8_t *data, size_t len)
{
	struct xsd_sockmsg header;

	if (len < 2)
		return;
	header = (struct xsd_sockmsg) { data[0], 1, data[1], (uint32_t)(len - 2) };
	pipe_put_bytes(pipe, &header, sizeof(header));
	pipe_put_bytes(pipe, data + 2, len - 2);
}

static void step(struct harness *harness, struct pipe_conn **pipes, uint8_t how,
		 const uint8_t *data, size_t len)
{
	struct pipe_conn *pipe = pipes[how % 4];

	switch (how >> 2 & 7) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (pipe->open && pipe->in_len < PIPE_MAX / 2)
			send_message(pipe, data, len);
		break;
	case 4:
		if (pipe->open && pipe->in_len < PIPE_MAX / 2)
			pipe_put_bytes(pipe, data, len);
		break;
	case 5:
		pipe->room = pipe->room ? 0 : PIPE_MAX;
		if (pipe->open)
			store_conn_kick(pipe->conn);
		break;
	case 6:
		if (len % 2)
			store_domain_gone(harness->store, how % 4);
		else if (pipe->open)
			store_conn_reset(pipe->conn);
		break;
	case 7:
		if (!pipe->open)
			pipes[how % 4] = harness->conn_count < 60
						 ? harness_connect(harness, how % 4, 0)
						 : pipe;
		break;
	}
	for (int i = 0; i < 20 && store_run(harness->store); i++)
		harness->now += 500;
	while (pipe_take(pipe))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct harness harness;
	struct pipe_conn *pipes[4];

	harness_start(&harness);
	/* Quotas that are easily reached. */
	store_set_quota(harness.store, QUOTA_NODES, 12);
	store_set_quota(harness.store, QUOTA_WATCHES, 4);
	store_set_quota(harness.store, QUOTA_EVENTS, 3);
	store_set_quota(harness.store, QUOTA_TX_NODES, 5);
	for (uint32_t i = 0; i < 4; i++)
		pipes[i] = harness_connect(&harness, i, i ? CONN_DOMAIN : 0);
	ask(&harness, pipes[0], XS_WRITE, 0, "/a|x");
	ask(&harness, pipes[0], XS_SET_PERMS, 0, "/a|b0|");
	ask(&harness, pipes[0], XS_INTRODUCE, 0, "1|1|1|");
	while (size >= 3) {
		size_t len = data[1] | (size_t)(data[2] & 15) << 8;
		uint8_t how = data[0];

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		step(&harness, pipes, how, data, len);
		data += len;
		size -= len;
	}
	if (store_check(harness.store))
		abort();
	if (harness_stop(&harness))
		abort();
	return 0;
}
