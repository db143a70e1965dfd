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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life/life.h"
#include "life/record.h"
#include "support/fail_alloc.h"

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
					   "{\"domid\": 1}",
					   "{\"state\": 1, \"domid\": 1} {}",
					   "{\"state\": \"flying\", \"domid\": 1} {}",
					   "{\"state\": \"running\", \"domid\": -1} {}",
					   "{\"state\": \"running\", \"domid\": 65537} {}",
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
		assert_int_equal(record_load_head(&r, two), -ENOENT);
		record_free(&r);
	}
	unlink(path);
}

static char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

#define ONE "domains/01000000-0000-0000-0000-000000000000"

/* Nothing longer than a record is read into memory. */
static void a_record_without_end_is_damaged(void **state)
{
	struct record r;
	int fd = open(path_of(ONE ".json"), O_CREAT | O_WRONLY, 0600);

	assert_int_equal(ftruncate(fd, 1ll << 40), 0);
	close(fd);
	record_empty(&r);
	assert_int_equal(record_load(&r, one), -EINVAL);
	unlink(path_of(ONE ".json"));
}

/* What says nothing about the record must not be taken for its absence: it would be removed. */
static void a_record_that_can_t_be_read_is_not_missing(void **state)
{
	struct rlimit before, none;
	struct record r;

	write_record(one, "one", 7);
	record_empty(&r);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(record_load(&r, one), -EMFILE);
	assert_int_equal(record_lock(&r, one, true), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	fail_alloc_at(1);
	assert_int_equal(record_load(&r, one), -ENOMEM);
	fail_alloc_at(0);
	assert_int_equal(record_load(&r, one), 0);
	record_free(&r);
	remove_record(one);
	assert_int_equal(mkdir(path_of(ONE ".json"), 0700), 0);
	record_empty(&r);
	assert_int_equal(record_load(&r, one), -EISDIR);
	rmdir(path_of(ONE ".json"));
}

/* A full disk takes a part of a record: the reason is told, and the old record stays. */
static void a_full_disk_keeps_the_old_record(void **state)
{
	struct rlimit before, small;
	struct error err = { 0 };
	struct record r;
	int rc;

	write_record(one, "one", 7);
	record_empty(&r);
	assert_int_equal(record_load(&r, one), 0);
	r.domid = 8;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 100;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	errno = EEXIST; /* of something else */
	rc = record_save(&r, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -EFBIG);
	assert_non_null(strstr(err.text, "cannot write"));
	assert_non_null(strstr(err.text, strerror(EFBIG)));
	assert_int_equal(record_load(&r, one), 0);
	assert_int_equal(r.domid, 7);
	record_free(&r);
	/* What was written goes with the record. */
	assert_int_equal(access(path_of(ONE ".new"), F_OK), 0);
	remove_record(one);
	assert_int_equal(access(path_of(ONE ".new"), F_OK), -1);
}

static void a_record_in_the_way_is_told(void **state)
{
	struct error err = { 0 };
	struct record r;

	record_empty(&r);
	assert_int_equal(record_lock(&r, one, false), 0);
	assert_int_equal(mkdir(path_of(ONE ".json"), 0700), 0);
	assert_int_equal(record_save(&r, &err), -EISDIR);
	assert_non_null(strstr(err.text, ONE ".json: Is a directory"));
	rmdir(path_of(ONE ".json"));
	unlink(path_of(ONE ".new"));
	assert_int_equal(mkdir(path_of(ONE ".new"), 0700), 0);
	assert_int_equal(record_save(&r, &err), -EISDIR);
	rmdir(path_of(ONE ".new"));
	record_remove(&r);
	record_free(&r);
}

static void other_files_are_no_records(void **state)
{
	static const char *const names[] = {
		"domains/x.json",
		"domains/0100000x-0000-0000-0000-000000000000.json",
		ONE ".new",
		ONE ".text",
	};
	uint8_t(*all)[HYPER_UUID_BYTES], uuid[16];

	for (size_t i = 0; i < 4; i++)
		close(open(path_of(names[i]), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(record_list(&all), 0);
	free(all);
	/* A guest whose record has no name, or none at all, is found by no name. */
	close(open(path_of(ONE ".lock"), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(record_find_name("one", uuid), -ENOENT);
	assert_int_equal(record_list(&all), 1);
	free(all);
	fail_alloc_at(1);
	assert_int_equal(record_list(&all), 0);
	fail_alloc_at(0);
	free(all);
	unlink(path_of(ONE ".lock"));
	for (size_t i = 0; i < 4; i++)
		unlink(path_of(names[i]));
}

static void a_run_directory_that_can_t_be_made_is_told(void **state)
{
	uint8_t(*all)[HYPER_UUID_BYTES];
	struct error err = { 0 };

	unsetenv("BULKHEAD_RUN");
	assert_string_equal(life_run_directory(), "/run/bulkhead");
	setenv("BULKHEAD_RUN", "", 1);
	assert_string_equal(life_run_directory(), "/run/bulkhead");
	setenv("BULKHEAD_RUN", "/proc/none", 1);
	assert_int_equal(record_init(&err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot make /proc/none: "));
	assert_int_equal(record_list(&all), 0);
	setenv("BULKHEAD_RUN", "/proc", 1);
	assert_int_equal(record_init(&err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot make /proc/domains: "));
	setenv("BULKHEAD_RUN", path_of(""), 1);
	assert_int_equal(record_init(&err), 0);
	close(open(path_of("domains/domains"), O_CREAT | O_WRONLY, 0600));
	setenv("BULKHEAD_RUN", path_of("domains"), 1);
	assert_int_equal(record_list(&all), -ENOTDIR);
	setenv("BULKHEAD_RUN", folder, 1);
	unlink(path_of("domains/domains"));
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

/* A process that takes the lock of `one`, and does this then. */
static pid_t hold(void (*then)(struct record *r))
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
		then(&r);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static void hold_on(struct record *r)
{
	pause();
}

static void a_killed_holder_lets_go(void **state)
{
	pid_t pid = hold(hold_on);
	struct record r;

	record_empty(&r);
	assert_int_equal(record_lock(&r, one, false), -EBUSY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(record_lock(&r, one, false), 0);
	record_remove(&r);
	record_free(&r);
}

static void remove_soon(struct record *r)
{
	usleep(200000);
	record_remove(r);
}

static void on_alarm(int signal)
{
}

/* A holder removes the record, and whoever waits gets the lock of a file that is there. */
static void a_removed_lock_is_no_lock(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct record r, other;
	pid_t pid = hold(remove_soon);
	int status;

	/* A signal does not end the wait. */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	record_empty(&r);
	assert_int_equal(record_lock(&r, one, true), 0);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(access(path_of(ONE ".lock"), F_OK), 0);
	record_empty(&other);
	assert_int_equal(record_lock(&other, one, false), -EBUSY);
	record_remove(&r);
	record_remove(&r); /* a second time does no harm */
	record_free(&r);
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
		cmocka_unit_test(a_record_without_end_is_damaged),
		cmocka_unit_test(a_record_that_can_t_be_read_is_not_missing),
		cmocka_unit_test(a_full_disk_keeps_the_old_record),
		cmocka_unit_test(a_record_in_the_way_is_told),
		cmocka_unit_test(other_files_are_no_records),
		cmocka_unit_test(a_run_directory_that_can_t_be_made_is_told),
		cmocka_unit_test(a_lock_is_exclusive),
		cmocka_unit_test(a_killed_holder_lets_go),
		cmocka_unit_test(a_removed_lock_is_no_lock),
		cmocka_unit_test(removal_does_not_break_exclusion),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
