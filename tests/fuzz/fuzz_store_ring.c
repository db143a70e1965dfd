/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring's indices and fields as a hostile domain sets them: no byte outside the page moves. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xenstore_domain_interface *ring = calloc(1, sizeof(*ring));
	char bytes[1500];

	if (!ring)
		return 0;
	memset(bytes, 0, sizeof(bytes));
	while (size >= 8) {
		uint32_t value, len;

		memcpy(&value, data, 4);
		len = data[5] | (uint32_t)(data[6] & 7) << 8;
		if (len > sizeof(bytes))
			len = sizeof(bytes);
		switch (data[4] & 7) {
		case 0:
			ring->req_prod = value;
			break;
		case 1:
			ring->req_cons = value;
			break;
		case 2:
			ring->rsp_prod = value;
			break;
		case 3:
			ring->rsp_cons = value;
			break;
		case 4:
			ring->connection = value;
			break;
		case 5:
			if (ring_recv(ring, bytes, len) > (ssize_t)len)
				abort();
			break;
		case 6:
			if (ring_send(ring, bytes, len) > (ssize_t)len)
				abort();
			break;
		case 7:
			ring_reconnect(ring);
			break;
		}
		data += 8;
		size -= 8;
	}
	free(ring);
	return 0;
}
