/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ toolstack/console: hostile rings, rate limit and rotation of logs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/io/console.h>

#include "console/log.h"
#include "console/ring.h"

static void output_in_order(void **state)
{
	struct xencons_interface ring = { .out_prod = 0xfffffffe, .out_cons = 0xfffffffe };
	char buf[16];

	(void)state;
	for (unsigned int i = 0; i < 5; i++)
		ring.out[MASK_XENCONS_IDX(ring.out_prod++, ring.out)] = (char)('a' + i);
	assert_int_equal(ring_take_output(&ring, buf, 3), 3);
	assert_memory_equal(buf, "abc", 3);
	assert_int_equal(ring_take_output(&ring, buf, sizeof(buf)), 2);
	assert_memory_equal(buf, "de", 2);
	assert_int_equal(ring_take_output(&ring, buf, sizeof(buf)), 0);
	assert_int_equal(ring.out_cons, ring.out_prod);
}

static void nonsense_indices(void **state)
{
	struct xencons_interface ring = {
		.out_prod = 1000000, .out_cons = 5, .in_prod = 70000, .in_cons = 3
	};
	char buf[16];

	(void)state;
	assert_int_equal(ring_take_output(&ring, buf, sizeof(buf)), 0);
	assert_int_equal(ring.out_cons, 1000000);
	assert_int_equal(ring_put_input(&ring, "x", 1), 0);
}

static void input_until_full(void **state)
{
	struct xencons_interface ring = { 0 };
	char data[5000];

	(void)state;
	memset(data, 'x', sizeof(data));
	assert_int_equal(ring_put_input(&ring, data, sizeof(data)), sizeof(ring.in));
	assert_int_equal(ring_put_input(&ring, data, 1), 0);
	ring.in_cons = 10;
	assert_int_equal(ring_put_input(&ring, data, sizeof(data)), 10);
}

static void logs_are_bounded(void **state)
{
	char folder[] = "/tmp/bulkhead-log-XXXXXX", path[256], data[4096];
	struct stat st;
	struct log log;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(log_open(&log, folder, "a/../b"), 0);
	assert_non_null(strstr(log.path, "/guest-a_.._b.log"));
	assert_int_equal(log_allowance(&log, 1), LOG_RATE);
	memset(data, 'x', sizeof(data));
	for (unsigned int i = 0; i < LOG_RATE / sizeof(data); i++)
		log_write(&log, data, sizeof(data));
	assert_int_equal(log_allowance(&log, 1), 0);
	assert_int_equal(log_allowance(&log, 2), LOG_RATE);
	for (unsigned int i = 0; i < 6 * LOG_SIZE_MAX / sizeof(data); i++)
		log_write(&log, data, sizeof(data));
	for (int i = 0; i <= LOG_FILES + 1; i++) {
		if (i)
			snprintf(path, sizeof(path), "%s.%d", log.path, i);
		else
			snprintf(path, sizeof(path), "%s", log.path);
		if (i <= LOG_FILES) {
			assert_int_equal(stat(path, &st), 0);
			assert_true(st.st_size <= LOG_SIZE_MAX);
		} else {
			assert_int_equal(stat(path, &st), -1);
		}
		unlink(path);
	}
	log_close(&log);
	rmdir(folder);
	/* No folder: bytes are lost, nothing else. */
	assert_int_equal(log_open(&log, "/nonexistent", "x"), 0);
	log_write(&log, data, sizeof(data));
	log_close(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_in_order),
		cmocka_unit_test(nonsense_indices),
		cmocka_unit_test(input_until_full),
		cmocka_unit_test(logs_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
