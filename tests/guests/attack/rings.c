/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages and ports that a guest shares with Dom0's store and console: rubbish in the rings, wrong
 * indices, and as many events as it can send. They serve others as before.
 */
#include "attack.h"

#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

#define EVENTS 20000

static uint64_t param(unsigned int index)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

	return HYPERCALL2(hvm_op, HVMOP_get_param, &p) ? 0 : p.value;
}

/* Bytes of all kinds, or only printable ones: the console's come to light where a test has failed. */
static void rubbish(uint8_t *text, size_t size, uint64_t *state, bool printable)
{
	for (size_t i = 0; i < size; i++)
		text[i] = (uint8_t)next_random(state);
	for (size_t i = 0; printable && i < size; i++)
		text[i] = i % 64 ? ' ' + text[i] % 95 : '\n';
}

static void attack_store(uint64_t *state)
{
	struct xenstore_domain_interface *ring = (void *)(param(HVM_PARAM_STORE_PFN) * PAGE_SIZE);
	unsigned int port = (unsigned int)param(HVM_PARAM_STORE_EVTCHN);
	bool all = true;

	for (unsigned int i = 0; i < EVENTS; i++) {
		if (i % 1000 == 0) {
			rubbish((uint8_t *)ring->req, sizeof(ring->req), state, false);
			ring->req_prod = (uint32_t)next_random(state);
			ring->rsp_cons = (uint32_t)next_random(state);
		}
		all = event_send(port) == 0 && all;
	}
	CHECK("store-storm", all);
}

/* Rubbish, and no end of it: the indices say that the ring is always full. */
static void attack_console(uint64_t *state)
{
	struct xencons_interface *ring = (void *)(param(HVM_PARAM_CONSOLE_PFN) * PAGE_SIZE);
	unsigned int port = (unsigned int)param(HVM_PARAM_CONSOLE_EVTCHN);
	bool all = true;

	rubbish((uint8_t *)ring->out, sizeof(ring->out), state, true);
	for (unsigned int i = 0; i < EVENTS; i++) {
		WRITE_ONCE(ring->out_prod, i % 3 ? ring->out_cons + sizeof(ring->out)
						 : (uint32_t)next_random(state));
		WRITE_ONCE(ring->in_cons, (uint32_t)next_random(state));
		all = event_send(port) == 0 && all;
	}
	CHECK("console-storm", all);
}

void attack_rings(void)
{
	uint64_t state = 0x2545f4914f6cdd1dUL;

	attack_store(&state);
	attack_console(&state);
}
