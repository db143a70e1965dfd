/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ toolstack/console: hostile rings, rate limit and rotation of logs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/io/console.h>

#include "console/log.h"
#include "console/ring.h"
#include "support/fail_alloc.h"

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

/* A folder that comes later is found a second later. */
static void a_log_is_tried_again(void **state)
{
	char folder[] = "/tmp/test_console_ring.XXXXXX", path[64];
	struct stat st;
	struct log log;

	(void)state;
	assert_non_null(mkdtemp(folder));
	rmdir(folder);
	assert_int_equal(log_open(&log, folder, "x"), 0);
	assert_int_equal(log.fd, -1);
	log_write(&log, "lost", 4);
	assert_int_equal(mkdir(folder, 0700), 0);
	log.second = 1;
	(void)log_allowance(&log, 1);
	assert_int_equal(log.fd, -1);
	(void)log_allowance(&log, 2);
	log_write(&log, "kept", 4);
	snprintf(path, sizeof(path), "%s/guest-x.log", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	log_close(&log);
	unlink(path);
	rmdir(folder);
}

/* A full disk loses the bytes, and no more than those. */
static void a_full_disk_is_survived(void **state)
{
	char folder[] = "/tmp/test_console_ring.XXXXXX", path[64];
	struct rlimit before, small;
	struct stat st;
	struct log log;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(log_open(&log, folder, "x"), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 6;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	log_write(&log, "0123456789", 10);
	log_write(&log, "lost", 4);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(log.size, 6);
	log_write(&log, "kept", 4);
	snprintf(path, sizeof(path), "%s/guest-x.log", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 10);
	/* It can't be rotated where files can't be renamed: that is survived as well. */
	log.size = LOG_SIZE_MAX;
	close(log.fd);
	log.fd = -1;
	log_write(&log, "new", 3);
	assert_int_equal(log.size, 3);
	log_close(&log);
	log_close(&log);
	snprintf(path, sizeof(path), "rm -r %s", folder);
	assert_int_equal(system(path), 0);
}

static void without_memory_there_is_no_log(void **state)
{
	struct log log;

	(void)state;
	fail_alloc_at(1);
	assert_int_equal(log_open(&log, "/tmp", "x"), -ENOMEM);
	fail_alloc_at(0);
	assert_int_equal(log_allowance(&log, 7), LOG_RATE);
	log_write(&log, "lost", 4);
	assert_int_equal(log.fd, -1);
	log_close(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_in_order),
		cmocka_unit_test(nonsense_indices),
		cmocka_unit_test(input_until_full),
		cmocka_unit_test(logs_are_bounded),
		cmocka_unit_test(a_log_is_tried_again),
		cmocka_unit_test(a_full_disk_is_survived),
		cmocka_unit_test(without_memory_there_is_no_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
