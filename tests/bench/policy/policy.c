/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ flask: how many instructions the loading of the shipped policy takes. For our core alone. */
#include "guest.h"

#include <xen/xsm/flask_op.h>

#define ROUNDS 4

__asm__(".section .rodata\n"
	"policy: .incbin \"" POLICY_FILE "\"\n"
	"policy_end: .byte 0\n"
	".previous\n");
extern const uint8_t policy[], policy_end[];

void guest_main(void)
{
	struct xen_flask_op op = {
		.cmd = FLASK_LOAD,
		.interface_version = XEN_FLASK_INTERFACE_VERSION,
		.u.load.size = (uint32_t)(policy_end - policy),
	};
	uint64_t most = 0;

	set_xen_guest_handle(op.u.load.buffer, (char *)(uintptr_t)policy);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t start = rdtsc(), took;
		long error = HYPERCALL1(xsm_op, &op);

		took = rdtsc() - start;
		if (error)
			print("FAIL load: %ld\n", error);
		if (took > most)
			most = took;
	}
	print("BENCH policy-load %lu\n", most);
}
