/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring of a domain, with a domain that writes anything into it (REQ toolstack: store). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "ring.h"

static struct xenstore_domain_interface ring;

static int setup(void **state)
{
	memset(&ring, 0, sizeof(ring));
	return 0;
}

static void test_empty_full(void **state)
{
	char bytes[2000];

	assert_int_equal(ring_recv(&ring, bytes, sizeof(bytes)), 0);
	ring.req_prod = XENSTORE_RING_SIZE;
	memset(ring.req, 'q', sizeof(ring.req));
	assert_int_equal(ring_recv(&ring, bytes, sizeof(bytes)), XENSTORE_RING_SIZE);
	assert_int_equal(ring.req_cons, XENSTORE_RING_SIZE);
	assert_int_equal(ring_recv(&ring, bytes, sizeof(bytes)), 0);
	memset(bytes, 'r', sizeof(bytes));
	assert_int_equal(ring_send(&ring, bytes, sizeof(bytes)), XENSTORE_RING_SIZE);
	assert_int_equal(ring_send(&ring, bytes, 1), 0);
	ring.rsp_cons = 5;
	assert_int_equal(ring_send(&ring, bytes, sizeof(bytes)), 5);
	assert_int_equal(ring.rsp_prod, XENSTORE_RING_SIZE + 5);
	assert_int_equal(ring.rsp[4], 'r');
}

/* Every position in the ring and of the 32-bit indices gives the same bytes. */
static void test_wrap(void **state)
{
	static const uint32_t starts[] = { 0, 1, 500, 1023, 1024, UINT32_MAX - 300, UINT32_MAX };
	char bytes[400];

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		ring.req_cons = ring.req_prod = ring.rsp_cons = ring.rsp_prod = starts[i];
		for (int round = 0; round < 20; round++) {
			for (uint32_t j = 0; j < 333; j++)
				ring.req[MASK_XENSTORE_IDX(ring.req_prod++)] = (char)(j + round);
			assert_int_equal(ring_recv(&ring, bytes, sizeof(bytes)), 333);
			for (int j = 0; j < 333; j++)
				assert_int_equal(bytes[j], (char)(j + round));
			assert_int_equal(ring_send(&ring, bytes, 333), 333);
			for (int j = 0; j < 333; j++)
				assert_int_equal(ring.rsp[MASK_XENSTORE_IDX(ring.rsp_cons++)],
						 (char)(j + round));
		}
		assert_int_equal(ring.error, XENSTORE_ERROR_NONE);
	}
}

static void test_bad_indices(void **state)
{
	char bytes[10];

	ring.req_prod = XENSTORE_RING_SIZE + 1;
	assert_int_equal(ring_recv(&ring, bytes, sizeof(bytes)), -EPROTO);
	assert_int_equal(ring.error, XENSTORE_ERROR_RINGIDX);
	assert_int_equal(ring.req_cons, 0);
	ring.req_prod = 0;
	ring.req_cons = 1;
	assert_int_equal(ring_recv(&ring, bytes, sizeof(bytes)), -EPROTO);
	ring.error = 0;
	ring.rsp_cons = 1;
	assert_int_equal(ring_send(&ring, bytes, sizeof(bytes)), -EPROTO);
	assert_int_equal(ring.error, XENSTORE_ERROR_RINGIDX);
	ring.rsp_cons = 0;
	ring.rsp_prod = XENSTORE_RING_SIZE + 1;
	assert_int_equal(ring_send(&ring, bytes, sizeof(bytes)), -EPROTO);
}

static void test_reconnect(void **state)
{
	assert_false(ring_reconnect(&ring));
	ring.connection = 77;
	assert_false(ring_reconnect(&ring));
	ring.connection = XENSTORE_RECONNECT;
	ring.req_prod = 5;
	ring.rsp_prod = 9;
	ring.error = XENSTORE_ERROR_RINGIDX;
	assert_true(ring_reconnect(&ring));
	assert_int_equal(ring.connection, XENSTORE_CONNECTED);
	assert_int_equal(ring.req_prod, 0);
	assert_int_equal(ring.rsp_prod, 0);
	assert_int_equal(ring.error, XENSTORE_ERROR_NONE);
	ring_announce(&ring);
	assert_int_equal(ring.server_features,
			 XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty_full, setup),
		cmocka_unit_test_setup(test_wrap, setup),
		cmocka_unit_test_setup(test_bad_indices, setup),
		cmocka_unit_test_setup(test_reconnect, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
