/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that does nothing, for tests/bench/toolstack.sh and footprint.sh. */
#include "guest.h"

void guest_main(void)
{
	events_init();
	for (;;)
		irq_wait();
}
