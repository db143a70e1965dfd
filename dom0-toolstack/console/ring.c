/* SPDX-License-Identifier: BSD-2-Clause */
#include "console/ring.h"

#include <stdint.h>

#include <xen/io/console.h>

size_t ring_take_output(struct xencons_interface *ring, char *buf, size_t max)
{
	uint32_t prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
	uint32_t cons = __atomic_load_n(&ring->out_cons, __ATOMIC_RELAXED);
	size_t n = 0;

	/* More than the ring holds: the guest has written nonsense; catch up with it. */
	if (prod - cons > sizeof(ring->out))
		cons = prod;
	while (cons != prod && n < max)
		buf[n++] = __atomic_load_n(&ring->out[MASK_XENCONS_IDX(cons++, ring->out)],
					   __ATOMIC_RELAXED);
	__atomic_store_n(&ring->out_cons, cons, __ATOMIC_SEQ_CST);
	return n;
}

size_t ring_put_input(struct xencons_interface *ring, const char *data, size_t n)
{
	uint32_t cons = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
	uint32_t prod = __atomic_load_n(&ring->in_prod, __ATOMIC_RELAXED);
	size_t done = 0;

	if (prod - cons > sizeof(ring->in))
		return 0;
	while (done < n && prod - cons < sizeof(ring->in))
		__atomic_store_n(&ring->in[MASK_XENCONS_IDX(prod++, ring->in)], data[done++],
				 __ATOMIC_RELAXED);
	__atomic_store_n(&ring->in_prod, prod, __ATOMIC_SEQ_CST);
	return done;
}
