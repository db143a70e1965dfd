/* SPDX-License-Identifier: BSD-2-Clause */
/* What a loader's child that was taken over could say to the parent. REQ toolstack/builder. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builder/loader.h"
#include "builder/loader_child.h"

#define LIMIT (1ull << 30)
#define MAX   65536u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static uint8_t buffer[LOADER_SLOT_BYTES];
	struct loader loader = { 0 };
	struct error err = { 0 };
	uint64_t addr, length, entry, total = 0, announced;
	int fds[2], run;

	if (size > MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return 0;
	if (write(fds[1], bytes, size) != (ssize_t)size)
		abort();
	close(fds[1]);
	loader.socket = fds[0];
	loader.slots = mmap(NULL, (size_t)LOADER_SLOTS * LOADER_SLOT_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!loader_layout(&loader, "fuzz", LIMIT, &err)) {
		announced = loader.budget;
		while ((run = loader_next(&loader, "fuzz", &addr, &length, &entry, &err)) > 0) {
			if (!length || addr > LIMIT || length > LIMIT - addr)
				abort();
			total += length;
			if (total > announced)
				abort();
			if (run == LOADER_RUN_DATA)
				memcpy(buffer, loader_data(&loader), length);
		}
	}
	loader_stop(&loader);
	return 0;
}
