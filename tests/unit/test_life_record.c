/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records and their locks, across processes that are killed. REQ toolstack/4: "Kill the toolstack's
 * processes (-9) at random moments: the next command cleans up".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life/life.h"
#include "life/record.h"

static char folder[] = "/tmp/test_life_record.XXXXXX";
static const uint8_t one[16] = { 1 }, two[16] = { 2 };

static int setup(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	setenv("BULKHEAD_RUN", folder, 1);
	return record_init(NULL);
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void write_record(const uint8_t *uuid, const char *name, uint16_t domid)
{
	struct error err = { 0 };
	struct record r;

	record_empty(&r);
	assert_int_equal(record_lock(&r, uuid, false), 0);
	r.state = RECORD_RESTARTING;
	r.domid = domid;
	r.watch = true;
	r.started = 1234567890123;
	r.config.name = strdup(name);
	memcpy(r.config.uuid, uuid, 16);
	assert_int_equal(record_save(&r, &err), 0);
	record_free(&r);
}

static void remove_record(const uint8_t *uuid)
{
	struct record r;

	record_empty(&r);
	assert_int_equal(record_lock(&r, uuid, false), 0);
	record_remove(&r);
	record_free(&r);
}

static void records_are_read_back(void **state)
{
	struct record r;

	write_record(one, "one", 7);
	record_empty(&r);
	assert_int_equal(record_load(&r, one), 0);
	assert_int_equal(r.state, RECORD_RESTARTING);
	assert_int_equal(r.domid, 7);
	assert_true(r.watch);
	assert_int_equal(r.started, 1234567890123);
	assert_string_equal(r.config.name, "one");
	record_free(&r);
	remove_record(one);
	record_empty(&r);
	assert_int_equal(record_load(&r, one), -ENOENT);
	record_free(&r);
}

static void records_are_found(void **state)
{
	uint8_t(*all)[HYPER_UUID_BYTES], uuid[16];

	write_record(one, "one", 7);
	write_record(two, "two", LIFE_DOMID_NONE);
	assert_int_equal(record_list(&all), 2);
	free(all);
	assert_int_equal(record_find_name("two", uuid), 0);
	assert_memory_equal(uuid, two, 16);
	assert_int_equal(record_find_domid(7, uuid), 0);
	assert_memory_equal(uuid, one, 16);
	assert_int_equal(record_find_name("three", uuid), -ENOENT);
	assert_int_equal(record_find_domid(8, uuid), -ENOENT);
	remove_record(one);
	remove_record(two);
	assert_int_equal(record_list(&all), 0);
	free(all);
}

static void damaged_records_are_told_apart_from_none(void **state)
{
	static const char *const bad[] = { "",
					   "{",
					   "[]",
					   "{\"state\": \"running\"}",
					   "{\"state\": \"running\", \"domid\": 1}",
					   "{\"state\": \"running\", \"domid\": 1} []",
					   "{\"state\": \"running\", \"domid\": 1} "
					   "{\"vcpus\": -1}" };
	char path[256];

	snprintf(path, sizeof(path), "%s/domains/01000000-0000-0000-0000-000000000000.json",
		 folder);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *f = fopen(path, "w");
		struct record r;

		fputs(bad[i], f);
		fclose(f);
		record_empty(&r);
		assert_int_equal(record_load(&r, one), -EINVAL);
		record_free(&r);
	}
	unlink(path);
}

static void a_lock_is_exclusive(void **state)
{
	struct record a, b;

	record_empty(&a);
	record_empty(&b);
	assert_int_equal(record_lock(&a, one, false), 0);
	assert_int_equal(record_lock(&b, one, false), -EBUSY);
	assert_int_equal(record_lock(&b, two, false), 0);
	record_remove(&b);
	record_free(&a);
	assert_int_equal(record_lock(&b, one, false), 0);
	record_remove(&b);
	record_free(&b);
}

static void a_killed_holder_lets_go(void **state)
{
	struct record r;
	int fds[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		record_empty(&r);
		if (record_lock(&r, one, false))
			_exit(1);
		(void)!write(fds[1], "x", 1);
		pause();
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	record_empty(&r);
	assert_int_equal(record_lock(&r, one, false), -EBUSY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(record_lock(&r, one, false), 0);
	record_remove(&r);
	record_free(&r);
	close(fds[0]);
	close(fds[1]);
}

/* Many processes lock, remove and lock again: never two at a time, although the file goes away. */
static void removal_does_not_break_exclusion(void **state)
{
	char path[256];
	int failed = 0;

	snprintf(path, sizeof(path), "%s/inside", folder);
	for (int i = 0; i < 4; i++) {
		if (fork())
			continue;
		for (int n = 0; n < 200; n++) {
			struct record r;
			int fd;

			record_empty(&r);
			if (record_lock(&r, one, true))
				_exit(1);
			fd = open(path, O_CREAT | O_EXCL, 0600);
			if (fd < 0)
				_exit(2);
			close(fd);
			unlink(path);
			record_remove(&r);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		int status;

		wait(&status);
		failed |= status;
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_back),
		cmocka_unit_test(records_are_found),
		cmocka_unit_test(damaged_records_are_told_apart_from_none),
		cmocka_unit_test(a_lock_is_exclusive),
		cmocka_unit_test(a_killed_holder_lets_go),
		cmocka_unit_test(removal_does_not_break_exclusion),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
