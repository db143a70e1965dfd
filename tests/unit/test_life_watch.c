/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watcher, on a platform of fakes: when it acts and when it does not, children that fail or are
 * killed, a store that goes away, its start as a daemon. REQ toolstack/4: "Kill the toolstack's
 * processes (-9) at random moments: the next command cleans up".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "support/life_guest.h"

static char logs[64], program[64];
static unsigned int forks_that_fail, forks;
static pid_t watch_fork(void);

/* Its log and its program are in the test's folder; a child's end keeps what was counted of it. */
#define LOG_FOLDER   logs
#define PROGRAM_PATH program
#define fork	     watch_fork
#define _exit	     life_test_exit
#include "../../dom0-toolstack/life/watch.c"
#undef fork
#undef _exit

static struct error err;
static struct life *life;

static pid_t watch_fork(void)
{
	forks++;
	if (!forks_that_fail)
		return fork();
	forks_that_fail--;
	errno = EAGAIN;
	return -1;
}

static char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* A file of the record of domain 1. */
static const char *path_of_record(const char *suffix)
{
	char uuid[37], name[80];

	domain_uuid_format(fake->domains[1].info.uuid, uuid);
	snprintf(name, sizeof(name), "domains/%s%s", uuid, suffix);
	return path_of(name);
}

static const char *text_of(const char *path)
{
	static char text[8192];
	FILE *f = fopen(path, "re");

	text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
	return text;
}

static int setup(void **state)
{
	fake_reset();
	memset(&err, 0, sizeof(err));
	life_restart_pause_s = 0;
	forks_that_fail = 0;
	forks = 0;
	return life_open(&life, &err);
}

static int teardown(void **state)
{
	life_close(life);
	return folder_empty();
}

static enum domain_action wanted;

static void with_action(struct domain_config *c)
{
	c->on_poweroff = wanted;
}

/* A guest that stopped, and whose end is the watcher's business: by its record, so that none starts. */
static void stopped_guest(const char *name, enum domain_action action)
{
	uint16_t domid;

	wanted = action;
	domid = guest_create(life, name, false, with_action);
	record_change(domid, RECORD_RUNNING, true);
	fake_guest_stops(domid, SHUTDOWN_REASON_POWEROFF);
	fake->steps = 0;
}

/* The watcher until there is nothing to do any more; what it says is in *said. */
static int watch(const char **said)
{
	int log = open(path_of("said"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int before = dup(STDERR_FILENO), rc;
	sigset_t all;

	/* What an earlier child left would wake it once too often. */
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	dup2(log, STDERR_FILENO);
	rc = life_watch_run(true, &err);
	dup2(before, STDERR_FILENO);
	close(before);
	close(log);
	*said = text_of(path_of("said"));
	return rc;
}

/* Handle, store, watch, the question about the domain; then the first step of the child. */
static const uint32_t steps_of_child = 5;

/* ---- its lock ---- */

static void only_one_watcher_runs(void **state)
{
	int lock = open_lock();

	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(life_watch_run(true, &err), -EBUSY);
	assert_string_equal(err.text, "the watcher runs already");
	/* Nor is a second one started. */
	forks_that_fail = 1;
	assert_int_equal(life_watch_start(&err), 0);
	assert_int_equal(forks_that_fail, 1);
	close(lock);
}

static void a_lock_that_can_t_be_had_is_told(void **state)
{
	assert_int_equal(mkdir(path_of("watch.lock"), 0700), 0);
	assert_int_equal(life_watch_run(true, &err), -EISDIR);
	assert_string_equal(err.text, "cannot open the watcher's lock: Is a directory");
	err.text[0] = '\0';
	assert_int_equal(life_watch_start(&err), -EISDIR);
	assert_string_equal(err.text, "cannot open the watcher's lock: Is a directory");
	setenv("BULKHEAD_RUN", "/proc/none", 1);
	assert_int_equal(life_watch_run(true, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot make /proc/none"));
	setenv("BULKHEAD_RUN", folder, 1);
}

static void without_a_hypervisor_nothing_is_watched(void **state)
{
	int lock;

	fake->steps = 0;
	fake->fail_at = 1;
	assert_int_equal(life_watch_run(true, &err), -EIO);
	assert_non_null(strstr(err.text, "cannot open /dev/xen/privcmd"));
	/* Its lock is free again. */
	lock = take_lock(&err);
	assert_true(lock >= 0);
	close(lock);
}

/* ---- the store ---- */

/* Opening it fails, then the watch: it tries again each second. */
static void the_store_is_waited_for(void **state)
{
	const char *said;

	for (uint32_t step = 2; step <= 3; step++) {
		stopped_guest("one", ACTION_DESTROY);
		fake->fail_at = step;
		assert_int_equal(watch(&said), 0);
		assert_true(fake->steps > step);
		assert_int_equal(fake_domains_left(), 0);
	}
}

static void a_store_that_goes_away_is_opened_again(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_DESTROY);
	fake->events = 3;
	fake->store_gone = true;
	assert_int_equal(watch(&said), 0);
	assert_non_null(strstr(said, "the store went away; connecting again\n"));
	assert_int_equal(fake->events, 0);
	assert_int_equal(fake_domains_left(), 0);
}

/* ---- who needs something ---- */

static void what_was_done_is_told(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_RESTART);
	assert_int_equal(watch(&said), 0);
	assert_non_null(strstr(said, "one: done, domain 2\n"));
	assert_true(fake->domains[2].filled);
	assert_int_equal(records_left(), 1);
}

static void guests_of_others_are_left_alone(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_DESTROY);
	for (int i = 0; i < 2; i++) {
		record_change(1, i ? RECORD_RUNNING : RECORD_BUILDING, !i);
		assert_int_equal(watch(&said), 0);
		assert_string_equal(said, "");
		assert_true(fake->domains[1].exists);
	}
}

/* Whatever its domain does: a restart that was begun is ended. */
static void a_restart_goes_on(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_DESTROY);
	fake->domains[1].info.shutdown = false;
	record_change(1, RECORD_RESTARTING, true);
	assert_int_equal(watch(&said), 0);
	assert_false(fake->domains[1].exists);
	assert_true(fake->domains[2].filled);
}

static void a_domain_that_is_gone_ends_its_guest(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_RESTART);
	fake->domains[1].exists = false;
	assert_int_equal(watch(&said), 0);
	assert_int_equal(records_left(), 0);
	assert_int_equal(fake_domains_left(), 0);
	assert_int_equal(fake_nodes_left(), 0);
}

/* Another tool destroyed the guest, and made another one that got its number. */
static void a_number_used_again_is_not_touched(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_RESTART);
	fake->domains[1].info.uuid[0] ^= 0xff;
	fake->domains[1].info.shutdown = false;
	assert_int_equal(watch(&said), 0);
	assert_int_equal(records_left(), 0);
	assert_true(fake->domains[1].exists);
}

static void a_dying_domain_ends_its_guest(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_RESTART);
	fake->domains[1].info.dying = true;
	assert_int_equal(watch(&said), 0);
	assert_int_equal(records_left(), 0);
}

static void a_hypervisor_without_an_answer_changes_nothing(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_DESTROY);
	fake->fail_at = 4; /* handle, store, watch; then the first question */
	assert_int_equal(watch(&said), 0);
	assert_int_equal(fake->steps, 4);
	assert_true(fake->domains[1].exists);
	assert_int_equal(watch(&said), 0);
	assert_false(fake->domains[1].exists);
}

/* ---- children ---- */

static void a_fork_that_fails_is_done_again(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_DESTROY);
	forks_that_fail = 1;
	assert_int_equal(watch(&said), 0);
	assert_int_equal(forks_that_fail, 0);
	assert_int_equal(fake_domains_left(), 0);
}

/* Its first steps open hypervisor and store; a later one is of what is to be done. */
static void a_child_that_fails_says_why(void **state)
{
	static const char *const reasons[] = { ": cannot act: Input/output error\n",
					       ": cannot act: Input/output error\n",
					       "one: cannot list domains: Input/output error\n" };
	const char *said;

	for (uint32_t i = 0; i < 3; i++) {
		stopped_guest("one", ACTION_DESTROY);
		fake->fail_at = steps_of_child + i;
		assert_int_equal(watch(&said), 0);
		if (!strstr(said, reasons[i]))
			fail_msg("step %u: %s", i, said);
		/* And it was done again. */
		assert_non_null(strstr(said, "one: done"));
		assert_int_equal(fake_domains_left(), 0);
	}
}

/* What fails again and again fills no log, and leaves the processor alone. */
static void a_child_that_fails_is_followed_in_a_second(void **state)
{
	int64_t before = life_now_ms();
	const char *said;

	stopped_guest("one", ACTION_DESTROY);
	/* Its record can't be written. */
	assert_int_equal(mkdir(path_of_record(".new"), 0700), 0);
	if (!fork()) {
		while (!strstr(text_of(path_of("said")), "cannot write"))
			usleep(20000);
		usleep(1200000);
		rmdir(path_of_record(".new"));
		life_test_exit(0);
	}
	assert_int_equal(watch(&said), 0);
	assert_non_null(strstr(said, "one: cannot write "));
	assert_non_null(strstr(said, "one: done"));
	assert_true(life_now_ms() - before >= 1200);
	/* One a second, and the watch()'s helper of this test is not counted. */
	assert_in_range(forks, 2, 1 + (life_now_ms() - before + RETRY_MS) / RETRY_MS);
}

static void kill_me(void)
{
	kill(getpid(), SIGKILL);
}

static void a_killed_child_is_told_and_replaced(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_RESTART);
	fake->hook_at = steps_of_child + 5;
	fake->hook = kill_me;
	assert_int_equal(watch(&said), 0);
	assert_non_null(strstr(said, "a child was stopped by signal 9\n"));
	assert_true(fake->domains[2].exists || fake->domains[3].exists);
	assert_int_equal(fake_domains_left(), 1);
	assert_int_equal(records_left(), 1);
}

/* Between the look at the records and the child's: someone else takes the guest away, */
static void remove_records(void)
{
	uint8_t(*uuids)[HYPER_UUID_BYTES];
	int n = record_list(&uuids);

	while (n-- > 0) {
		struct record record;

		record_empty(&record);
		assert_int_equal(record_lock(&record, uuids[n], true), 0);
		record_remove(&record);
		record_free(&record);
	}
	free(uuids);
}

static void a_record_that_went_leaves_no_lock(void **state)
{
	const char *said;

	stopped_guest("one", ACTION_DESTROY);
	fake->hook_at = 4;
	fake->hook = remove_records;
	assert_int_equal(watch(&said), 0);
	assert_string_equal(said, "");
	assert_int_equal(records_left(), 0);
	assert_true(fake->domains[1].exists);
}

/* or begins to change it. */
static void wait_a_moment(struct record *record)
{
	(void)record;
	usleep(300000);
}

static void hold_for_a_moment(void)
{
	record_hold(1, NULL, wait_a_moment);
}

static void a_guest_that_is_being_changed_waits(void **state)
{
	const char *said;
	uint32_t before;

	stopped_guest("one", ACTION_DESTROY);
	fake->hook_at = 4;
	fake->hook = hold_for_a_moment;
	before = fake->steps;
	assert_int_equal(watch(&said), 0);
	assert_true(fake->steps > before);
	assert_non_null(strstr(said, "one: done"));
	assert_int_equal(fake_domains_left(), 0);
	/* One child, which waited. */
	assert_int_equal(forks, 1);
}

/* More than there may be children at a time. */
static void many_guests_take_turns(void **state)
{
	const char *said;
	char name[16];

	for (int i = 0; i < CHILDREN_MAX + 3; i++) {
		snprintf(name, sizeof(name), "guest%d", i);
		stopped_guest(name, ACTION_DESTROY);
	}
	assert_int_equal(watch(&said), 0);
	assert_int_equal(fake_domains_left(), 0);
	assert_int_equal(records_left(), 0);
}

/* ---- the daemon ---- */

/* Waits until a condition holds. */
#define await(condition)                                          \
	for (int tries = 0; !(condition); tries++) {              \
		if (tries > 500)                                  \
			fail_msg("%s does not come", #condition); \
		usleep(20000);                                    \
	}

static bool lock_is_free(void)
{
	int lock = open_lock();
	bool is_free = !flock(lock, LOCK_EX | LOCK_NB);

	close(lock);
	return is_free;
}

/* The daemon dies when it asks the hypervisor about a guest that stopped. */
static void kill_daemon(void)
{
	stopped_guest("another", ACTION_DESTROY);
	fake->kill_at = fake->steps + 1;
	await(lock_is_free() || kill(fake->session, SIGCHLD));
	assert_true(fake->killed);
	fake->kill_at = 0;
}

/* The program is not there: the caller's own code is the daemon. */
static void a_daemon_acts_alone(void **state)
{
	stopped_guest("one", ACTION_DESTROY);
	assert_int_equal(mkdir(logs, 0700), 0);
	/* A long log makes place for a new one. */
	close(open(path_of("w.log/watch.log"), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(truncate(path_of("w.log/watch.log"), LOG_MAX + 1), 0);
	assert_int_equal(life_watch_start(&err), 0);
	await(!fake_domains_left() && !records_left());
	await(strstr(text_of(path_of("w.log/watch.log")), "one: done"));
	assert_int_equal(access(path_of("w.log/watch.log.1"), F_OK), 0);
	assert_false(lock_is_free());
	/* One that becomes long while it runs as well. */
	assert_int_equal(unlink(path_of("w.log/watch.log.1")), 0);
	assert_int_equal(truncate(path_of("w.log/watch.log"), LOG_MAX + 1), 0);
	stopped_guest("two", ACTION_DESTROY);
	assert_int_equal(kill(fake->session, SIGCHLD), 0);
	await(!access(path_of("w.log/watch.log.1"), F_OK));
	await(!fake_domains_left() && !records_left());
	stopped_guest("three", ACTION_DESTROY);
	assert_int_equal(kill(fake->session, SIGCHLD), 0);
	await(strstr(text_of(path_of("w.log/watch.log")), "three: done"));
	await(!fake_domains_left() && !records_left());
	/* It is not ours, and not of our session. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_not_equal(fake->session, getsid(0));
	/* When it dies, the next command starts it again. */
	kill_daemon();
	assert_int_equal(fake_domains_left(), 1);
	life_close(life);
	assert_int_equal(life_open(&life, &err), 0);
	await(!fake_domains_left() && !records_left());
	kill_daemon();
}

static void the_program_is_preferred(void **state)
{
	FILE *f = fopen(program, "we");

	fprintf(f,
		"#!/bin/sh\necho said >&2\ncd %s && ls -l /proc/$$/fd >fds && echo $0 >started\n",
		folder);
	fclose(f);
	assert_int_equal(chmod(program, 0700), 0);
	/* Its log can't be written: it runs without. */
	close(open(logs, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(life_watch_start(&err), 0);
	await(*text_of(path_of("started")));
	assert_non_null(strstr(text_of(path_of("started")), "bulkhead-watchd"));
	/* Nothing of the caller's is open in it. */
	assert_null(strstr(text_of(path_of("fds")), "watch.lock"));
	assert_non_null(strstr(text_of(path_of("fds")), "/dev/null"));
}

static void a_daemon_that_can_t_be_forked_is_told(void **state)
{
	forks_that_fail = 1;
	assert_int_equal(life_watch_start(&err), -EAGAIN);
	assert_string_equal(err.text, "cannot start the watcher: Resource temporarily unavailable");
	assert_true(lock_is_free());
}

static int setup_all(void **state)
{
	if (folder_setup(state))
		return -1;
	snprintf(logs, sizeof(logs), "%s/w.log", folder);
	snprintf(program, sizeof(program), "%s/bulkhead-watchd", folder);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_one_watcher_runs),
		TEST(a_lock_that_can_t_be_had_is_told),
		TEST(without_a_hypervisor_nothing_is_watched),
		TEST(the_store_is_waited_for),
		TEST(a_store_that_goes_away_is_opened_again),
		TEST(what_was_done_is_told),
		TEST(guests_of_others_are_left_alone),
		TEST(a_restart_goes_on),
		TEST(a_domain_that_is_gone_ends_its_guest),
		TEST(a_number_used_again_is_not_touched),
		TEST(a_dying_domain_ends_its_guest),
		TEST(a_hypervisor_without_an_answer_changes_nothing),
		TEST(a_fork_that_fails_is_done_again),
		TEST(a_child_that_fails_says_why),
		TEST(a_child_that_fails_is_followed_in_a_second),
		TEST(a_killed_child_is_told_and_replaced),
		TEST(a_record_that_went_leaves_no_lock),
		TEST(a_guest_that_is_being_changed_waits),
		TEST(many_guests_take_turns),
		TEST(a_daemon_acts_alone),
		TEST(the_program_is_preferred),
		TEST(a_daemon_that_can_t_be_forked_is_told),
	};

	return cmocka_run_group_tests(tests, setup_all, folder_teardown);
}
