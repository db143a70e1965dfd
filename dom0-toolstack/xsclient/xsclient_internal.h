/* SPDX-License-Identifier: BSD-2-Clause */
/* What the store client's two halves share: the connection (xsclient.c) and the operations. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "xsclient.h"

/* One piece of a request's payload. */
struct xs_piece {
	const void *data;
	size_t len;
};

/*
 * Sends one request and waits for its answer. *reply (NULL when not wanted) is one allocation,
 * with a NUL after its *reply_len bytes. An error answer comes back as its negative errno value.
 */
int xs_client_talk(struct xs_client *client, uint32_t type, xs_client_tx_t tx,
		   const struct xs_piece *pieces, size_t count, char **reply, size_t *reply_len);
