/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life cycle on a platform of fakes: what happens when any step fails, and when the process
 * dies at any step. REQ toolstack/builder: "A build that fails half-way leaves nothing behind"; REQ
 * toolstack/4: "Kill the toolstack's processes (-9) at random moments …: nothing leaks, the next
 * command cleans up" (here: at every moment).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/life_guest.h"

static int setup(void **state)
{
	fake_reset();
	return 0;
}

/* In place of the daemon's start: here its body is called by hand. */
int life_watch_start(struct error *err)
{
	return 0;
}

static void assert_nothing_left(void)
{
	assert_int_equal(fake_domains_left(), 0);
	assert_int_equal(fake_nodes_left(), 0);
	assert_int_equal(records_left(), 0);
}

/* Creates one; 0 and its id, or an error. */
static int create(const char *name, uint16_t *domid)
{
	struct life_create_options options = { .watch = true };
	struct domain_config c = guest(name);
	struct error err = { 0 };
	struct life *life;
	int rc = life_open(&life, &err);

	if (!rc) {
		rc = life_create(life, &c, &options, domid, &err);
		assert_true(!rc || err.text[0]);
		life_close(life);
	}
	domain_config_free(&c);
	return rc;
}

static int destroy(uint16_t domid)
{
	struct error err = { 0 };
	struct life *life;
	int rc = life_open(&life, &err);

	if (!rc) {
		rc = life_destroy(life, domid, &err);
		life_close(life);
	}
	return rc;
}

/* What the next command does first. */
static void recover(void)
{
	struct error err = { 0 };
	struct life *life;

	assert_int_equal(life_open(&life, &err), 0);
	life_close(life);
}

/* One round of the watcher, with its child processes. */
static void watch(void)
{
	struct error err = { 0 };

	life_restart_pause_s = 0;
	assert_int_equal(life_watch_run(true, &err), 0);
}

static void a_guest_lives_and_ends(void **state)
{
	uint16_t domid = 0;

	assert_int_equal(create("one", &domid), 0);
	assert_int_equal(domid, 1);
	assert_true(fake->domains[1].filled && fake->domains[1].introduced);
	assert_false(fake->domains[1].info.paused);
	assert_string_equal(fake_read("/local/domain/1/name"), "one");
	assert_string_equal(fake_read("/local/domain/1/cpu/1/availability"), "online");
	assert_string_equal(fake_read("/local/domain/1/cpu/2/availability"), "offline");
	assert_string_equal(fake_read("/local/domain/1/memory/target"), "65536");
	assert_string_equal(fake_read("/local/domain/1/console/port"), "4");
	assert_string_equal(fake_read("/local/domain/1/console/ring-ref"), "2");
	assert_string_equal(fake_read("/local/domain/1/store/port"), "3");
	assert_int_equal(destroy(1), 0);
	assert_nothing_left();
	assert_int_equal(destroy(1), -ESRCH);
	assert_int_equal(destroy(0), -EINVAL);
}

static void names_are_unique(void **state)
{
	uint16_t domid;

	assert_int_equal(create("one", &domid), 0);
	assert_int_equal(create("one", &domid), -EEXIST);
	assert_int_equal(fake_domains_left(), 1);
	assert_int_equal(records_left(), 1);
	assert_int_equal(destroy(1), 0);
	assert_nothing_left();
}

/* Whoever ends a guest: its domain is gone, its record goes a moment later. */
static void end_domain(struct record *record)
{
	record->state = RECORD_ENDING;
	assert_int_equal(record_save(record, NULL), 0);
	fake->domains[record->domid].exists = false;
}

static void end_record(struct record *record)
{
	usleep(200000);
	record_remove(record);
}

/* REQ toolstack/1: who no longer finds a guest may create it anew at once. */
static void a_name_is_free_when_its_guest_is_gone(void **state)
{
	struct error err = { 0 };
	struct life *life;
	uint16_t domid;
	int status;
	pid_t pid;

	assert_int_equal(life_open(&life, &err), 0);
	pid = record_hold(guest_create(life, "one", true, NULL), end_domain, end_record);
	assert_int_equal(life_lookup(life, "one", &domid, NULL), -ESRCH);
	domid = guest_create(life, "one", true, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	life_close(life);
	assert_int_equal(fake_domains_left(), 1);
	assert_int_equal(destroy(domid), 0);
	recover();
	assert_nothing_left();
}

/* Whoever ended it was killed: the next command goes on with that, and then its name is free. */
static void a_name_is_kept_until_its_guest_is_gone(void **state)
{
	struct life_create_options options = { .watch = true };
	struct domain_config c = guest("one");
	struct error err = { 0 };
	struct life *life;
	uint16_t domid;

	assert_int_equal(life_open(&life, &err), 0);
	domid = guest_create(life, "one", true, NULL);
	record_change(domid, RECORD_ENDING, true);
	fake->domains[domid].exists = false;
	assert_int_equal(life_create(life, &c, &options, &domid, &err), -EEXIST);
	assert_string_equal(err.text, "a domain \"one\" is being made or restarted");
	assert_int_equal(records_left(), 1);
	life_close(life);
	domain_config_free(&c);
	assert_int_equal(create("one", &domid), 0);
	assert_int_equal(destroy(domid), 0);
	assert_nothing_left();
}

/* Every step of a creation fails once: nothing may be left, whichever it is. */
static void a_failing_step_leaves_nothing(void **state)
{
	uint16_t domid;
	uint32_t steps, failures = 0;

	assert_int_equal(create("one", &domid), 0);
	steps = fake->steps;
	assert_true(steps > 40);
	assert_int_equal(destroy(domid), 0);
	for (uint32_t n = 1; n <= steps; n++) {
		fake_reset();
		fake->fail_at = n;
		if (create("one", &domid)) {
			failures++;
		} else {
			/* A step whose failure does no harm. */
			fake->fail_at = 0;
			assert_int_equal(destroy(domid), 0);
		}
		fake->fail_at = 0;
		assert_nothing_left();
	}
	assert_true(failures > steps / 2);
}

/* Until nobody holds a record. */
static void wait_for_children(void)
{
	uint8_t(*uuids)[HYPER_UUID_BYTES];
	int n = record_list(&uuids);

	for (int i = 0; i < n; i++) {
		struct record r;

		record_empty(&r);
		assert_int_equal(record_lock(&r, uuids[i], true), 0);
		record_free(&r);
	}
	free(uuids);
}

/* Runs `deed` in a process that dies at step n. False: it ended by itself before. */
static bool dies_at(uint32_t n, void (*deed)(void))
{
	int status;
	pid_t pid;

	fake->steps = 0;
	fake->kill_at = n;
	fake->killed = false;
	pid = fork();
	if (!pid) {
		deed();
		syscall(SYS_exit_group, 0);
	}
	waitpid(pid, &status, 0);
	fake->kill_at = 0;
	assert_true(WIFEXITED(status));
	/* Give a child of the watcher that outlived it the time to end: its lock says when. */
	wait_for_children();
	return fake->killed;
}

static void create_one(void)
{
	uint16_t domid;

	create("one", &domid);
}

static void a_creation_killed_anywhere_is_cleaned_up(void **state)
{
	uint32_t n, complete = 0;

	for (n = 1;; n++) {
		fake_reset();
		if (!dies_at(n, create_one))
			break;
		recover();
		if (fake_domains_left()) {
			/* All was done but for the last touch: a guest as any other. */
			assert_true(fake->domains[1].filled);
			assert_int_equal(records_left(), 1);
			assert_int_equal(destroy(1), 0);
			complete++;
		}
		assert_nothing_left();
	}
	assert_true(n > 40);
	assert_true(complete < 5);
	assert_int_equal(destroy(1), 0);
	assert_nothing_left();
}

static void destroy_one(void)
{
	destroy(1);
}

static void a_destruction_killed_anywhere_is_cleaned_up(void **state)
{
	uint16_t domid;
	uint32_t n;

	for (n = 1;; n++) {
		fake_reset();
		assert_int_equal(create("one", &domid), 0);
		if (!dies_at(n, destroy_one))
			break;
		recover();
		/* Either it had not begun, or it is through. */
		if (fake_domains_left())
			assert_int_equal(destroy(1), 0);
		assert_nothing_left();
	}
	assert_true(n > 5);
	assert_nothing_left();
}

static void a_guest_that_powers_off_is_removed(void **state)
{
	uint16_t domid;

	assert_int_equal(create("one", &domid), 0);
	watch();
	assert_int_equal(fake_domains_left(), 1);
	fake_guest_stops(domid, SHUTDOWN_REASON_SUSPEND);
	watch();
	assert_int_equal(fake_domains_left(), 1);
	fake_guest_stops(domid, SHUTDOWN_REASON_POWEROFF);
	recover(); /* it is the watcher's, not anyone's */
	assert_int_equal(fake_domains_left(), 1);
	watch();
	assert_nothing_left();
}

static void a_guest_that_reboots_comes_back(void **state)
{
	struct domain_config c;
	struct life *life;
	uint16_t domid;
	uint8_t uuid[16];

	assert_int_equal(create("one", &domid), 0);
	memcpy(uuid, fake->domains[1].info.uuid, 16);
	fake_guest_stops(1, SHUTDOWN_REASON_REBOOT);
	watch();
	assert_int_equal(fake_domains_left(), 1);
	assert_true(fake->domains[2].exists && fake->domains[2].filled);
	assert_memory_equal(fake->domains[2].info.uuid, uuid, 16);
	assert_string_equal(fake_read("/local/domain/2/name"), "one");
	assert_null(fake_read("/local/domain/1/name"));
	assert_int_equal(life_open(&life, NULL), 0);
	assert_int_equal(life_config(life, 2, &c, NULL), 0);
	assert_int_equal(c.maxvcpus, 3);
	domain_config_free(&c);
	life_close(life);
	assert_int_equal(destroy(2), 0);
	assert_nothing_left();
}

/* A reboot during which the watcher is killed, at every step; then a new watcher goes on. */
static void a_restart_killed_anywhere_goes_on(void **state)
{
	uint16_t domid;
	uint32_t n;

	for (n = 1;; n++) {
		bool died;

		fake_reset();
		assert_int_equal(create("one", &domid), 0);
		fake_guest_stops(1, SHUTDOWN_REASON_REBOOT);
		died = dies_at(n, watch);
		recover();
		watch();
		assert_int_equal(fake_domains_left(), 1);
		assert_int_equal(records_left(), 1);
		for (uint16_t id = 1; id < FAKE_DOMAINS_MAX; id++) {
			if (!fake->domains[id].exists)
				continue;
			assert_true(fake->domains[id].filled);
			assert_false(fake->domains[id].info.shutdown);
			assert_int_equal(destroy(id), 0);
		}
		assert_nothing_left();
		if (!died)
			break;
	}
	assert_true(n > 40);
}

/* The old domain lingers, because someone maps its memory: it must not be taken for the new one. */
static void a_dying_predecessor_is_not_in_the_way(void **state)
{
	uint16_t domid;

	assert_int_equal(create("one", &domid), 0);
	fake_guest_stops(1, SHUTDOWN_REASON_REBOOT);
	fake->domains[5] = fake->domains[1];
	fake->domains[5].info.domid = 5;
	fake->domains[5].info.dying = true;
	watch();
	assert_true(fake->domains[2].exists && fake->domains[2].filled);
	recover();
	assert_true(fake->domains[2].exists);
	assert_int_equal(records_left(), 1);
	fake_guest_stops(2, SHUTDOWN_REASON_REBOOT);
	watch();
	assert_false(fake->domains[2].exists);
	assert_true(fake->domains[3].exists);
	fake->domains[5].exists = false;
	assert_int_equal(destroy(3), 0);
	assert_nothing_left();
}

static void with_other_actions(struct domain_config *c)
{
	c->on_crash = ACTION_PRESERVE;
	c->on_reboot = ACTION_RENAME_RESTART;
}

static void other_actions_are_taken(void **state)
{
	struct error err = { 0 };
	struct life *life;

	assert_int_equal(life_open(&life, &err), 0);
	fake_guest_stops(guest_create(life, "one", true, with_other_actions),
			 SHUTDOWN_REASON_REBOOT);
	watch();
	/* The old one is there under another name, the new one runs. */
	assert_int_equal(fake_domains_left(), 2);
	assert_string_equal(fake_read("/local/domain/1/name"), "one-1");
	assert_string_equal(fake_read("/local/domain/2/name"), "one");
	fake_guest_stops(2, SHUTDOWN_REASON_CRASH);
	watch();
	watch();
	assert_int_equal(fake_domains_left(), 2);
	life_close(life);
	assert_int_equal(destroy(1), 0);
	assert_int_equal(destroy(2), 0);
	assert_nothing_left();
}

/* Another tool destroyed it: its traces are ours to remove. */
static void a_guest_that_vanished_leaves_nothing(void **state)
{
	uint16_t domid;

	assert_int_equal(create("one", &domid), 0);
	fake->domains[1].exists = false;
	recover();
	assert_nothing_left();
}

static void guests_are_controlled(void **state)
{
	struct error err = { 0 };
	uint64_t target, max;
	struct life *life;
	uint16_t domid, found;

	assert_int_equal(create("one", &domid), 0);
	assert_int_equal(life_open(&life, &err), 0);
	assert_int_equal(life_lookup(life, "one", &found, &err), 0);
	assert_int_equal(found, domid);
	assert_int_equal(life_lookup(life, "1", &found, &err), 0);
	assert_int_equal(life_lookup(life, "7", &found, &err), -ESRCH);
	assert_int_equal(life_lookup(life, "two", &found, &err), -ESRCH);
	assert_int_equal(life_shutdown(life, 1, LIFE_SHUTDOWN_POWEROFF, false, &err), -EOPNOTSUPP);
	xs_client_write(life->store, 0, "/local/domain/1/control/feature-poweroff", "1", 1);
	assert_int_equal(life_shutdown(life, 1, LIFE_SHUTDOWN_POWEROFF, false, &err), 0);
	assert_string_equal(fake_read("/local/domain/1/control/shutdown"), "poweroff");
	assert_int_equal(life_rename(life, 1, "two", &err), 0);
	assert_string_equal(fake_read("/local/domain/1/name"), "two");
	assert_int_equal(life_rename(life, 1, "a b", &err), -EINVAL);
	assert_int_equal(life_rename(life, 1, "two", &err), -EEXIST);
	assert_int_equal(life_set_vcpus(life, 1, 3, &err), 0);
	assert_string_equal(fake_read("/local/domain/1/cpu/2/availability"), "online");
	assert_int_equal(life_set_vcpus(life, 1, 4, &err), -EINVAL);
	assert_int_equal(life_set_memory(life, 1, 32768, true, &err), 0);
	assert_int_equal(life_get_memory(life, 1, &target, &max, &err), 0);
	assert_int_equal(target, 32768);
	assert_int_equal(max, 65536);
	assert_int_equal(life_set_memory(life, 1, 65537, false, &err), -EINVAL);
	assert_int_equal(life_wait(life, 1, 0, NULL, &err), -ETIMEDOUT);
	fake_guest_stops(1, SHUTDOWN_REASON_CRASH);
	assert_int_equal(life_wait(life, 1, 0, NULL, &err), 0);
	assert_int_equal(life_destroy(life, 1, &err), 0);
	life_close(life);
	assert_nothing_left();
}

static void dom0_gets_its_entries_once(void **state)
{
	struct error err = { 0 };
	struct life *life;

	assert_int_equal(life_open(&life, &err), 0);
	assert_int_equal(life_init_dom0(life, &err), 0);
	assert_string_equal(fake_read("/local/domain/0/name"), "Domain-0");
	assert_string_equal(fake_read("/local/domain/0/memory/target"), "262144");
	xs_client_write(life->store, 0, "/local/domain/0/memory/target", "1", 1);
	assert_int_equal(life_init_dom0(life, &err), 0);
	assert_string_equal(fake_read("/local/domain/0/memory/target"), "1");
	life_close(life);
}

static void disks_have_numbers(void **state)
{
	static const struct {
		const char *name;
		int number;
	} cases[] = {
		{ "xvda", 51712 },	{ "xvda1", 51713 },    { "xvdb", 51728 },
		{ "xvdp15", 51967 },	{ "xvdq", 268439552 }, { "xvda16", 268435472 },
		{ "hda", 768 },		{ "hdb", 832 },	       { "hdc", 5632 },
		{ "sda", 2048 },	{ "sda1", 2049 },      { "sdb", 2064 },
		{ "hde", -EINVAL },	{ "xvd", -EINVAL },    { "xvd1", -EINVAL },
		{ "xvda0", -EINVAL },	{ "sda16", -EINVAL },  { "vda", -EINVAL },
		{ "", -EINVAL },	{ "xvda1x", -EINVAL }, { "xvda255", 268435711 },
		{ "xvda256", -EINVAL }, { "xvda+1", -EINVAL }, { "xvdA", -EINVAL },
		{ "xvdaa", 268442112 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(devices_disk_number(cases[i].name), cases[i].number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_guest_lives_and_ends, setup),
		cmocka_unit_test_setup(names_are_unique, setup),
		cmocka_unit_test_setup(a_name_is_free_when_its_guest_is_gone, setup),
		cmocka_unit_test_setup(a_name_is_kept_until_its_guest_is_gone, setup),
		cmocka_unit_test_setup(a_failing_step_leaves_nothing, setup),
		cmocka_unit_test_setup(a_creation_killed_anywhere_is_cleaned_up, setup),
		cmocka_unit_test_setup(a_destruction_killed_anywhere_is_cleaned_up, setup),
		cmocka_unit_test_setup(a_guest_that_powers_off_is_removed, setup),
		cmocka_unit_test_setup(a_guest_that_reboots_comes_back, setup),
		cmocka_unit_test_setup(a_restart_killed_anywhere_goes_on, setup),
		cmocka_unit_test_setup(a_dying_predecessor_is_not_in_the_way, setup),
		cmocka_unit_test_setup(other_actions_are_taken, setup),
		cmocka_unit_test_setup(a_guest_that_vanished_leaves_nothing, setup),
		cmocka_unit_test_setup(guests_are_controlled, setup),
		cmocka_unit_test_setup(dom0_gets_its_entries_once, setup),
		cmocka_unit_test(disks_have_numbers),
	};

	return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
