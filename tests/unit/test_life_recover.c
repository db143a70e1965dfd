/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cleaning up: what is taken away, what is left to others, and what is told of it; the store's
 * entries, also where there is no store. REQ toolstack/4: "the next command cleans up".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/life_guest.h"

static struct error err;
static struct life *life;
static unsigned int watchers;
static char reported[1024];

int life_watch_start(struct error *e)
{
	watchers++;
	return 0;
}

static void report(void *arg, const char *what)
{
	assert_ptr_equal(arg, &life);
	snprintf(reported + strlen(reported), sizeof(reported) - strlen(reported), "%s\n", what);
}

/* Cleans up; how much, with what is told of it in `reported`. */
static int recover(void)
{
	reported[0] = '\0';
	return life_recover(life, report, &life, &err);
}

static int setup(void **state)
{
	fake_reset();
	watchers = 0;
	return life_open(&life, &err);
}

static int teardown(void **state)
{
	life_close(life);
	return folder_empty();
}

static void create(const char *name)
{
	guest_create(life, name, true, NULL);
}

/* "FOLDER/domains/UUID" with a suffix, of domain 1. */
static const char *record_path(const char *suffix)
{
	static char path[128];
	char uuid[37];

	domain_uuid_format(fake->domains[1].info.uuid, uuid);
	snprintf(path, sizeof(path), "%s/domains/%s%s", folder, uuid, suffix);
	return path;
}

/* ---- records ---- */

static void what_is_half_done_is_taken_away(void **state)
{
	static const enum record_state states[] = { RECORD_BUILDING, RECORD_ENDING,
						    RECORD_RESTARTING };

	for (size_t i = 0; i < 3; i++) {
		fake_reset();
		create("one");
		record_change(1, states[i], false);
		assert_int_equal(recover(), 1);
		assert_string_equal(reported, "removed what was left of \"one\"\n");
		assert_int_equal(fake_domains_left(), 0);
		assert_int_equal(fake_nodes_left(), 0);
		assert_int_equal(records_left(), 0);
	}
}

static void what_the_watcher_does_is_left_to_it(void **state)
{
	struct life *other;

	create("one");
	record_change(1, RECORD_RESTARTING, true);
	assert_int_equal(recover(), 0);
	assert_int_equal(records_left(), 1);
	assert_true(fake->domains[1].exists);
	/* Whoever opens the library sees to it that there is one. */
	watchers = 0;
	assert_int_equal(life_open(&other, &err), 0);
	assert_int_equal(watchers, 1);
	life_close(other);
}

static void what_somebody_works_on_is_left_to_him(void **state)
{
	struct record record;

	create("one");
	record_change(1, RECORD_BUILDING, false);
	record_take(&record, 1);
	assert_int_equal(recover(), 0);
	assert_true(fake->domains[1].exists);
	record_free(&record);
	assert_int_equal(recover(), 1);
}

static void what_can_t_be_removed_stays_known(void **state)
{
	create("one");
	record_change(1, RECORD_BUILDING, false);
	fake->steps = 0;
	fake->fail_at = 4; /* folders, domains, domains anew, the domain */
	assert_int_equal(recover(), 1);
	assert_string_equal(reported,
			    "cannot remove what is left of \"one\": cannot destroy domain "
			    "1: Input/output error\n");
	assert_int_equal(records_left(), 1);
	/* The next command goes on. */
	assert_int_equal(recover(), 1);
	assert_int_equal(records_left(), 0);
	assert_int_equal(fake_domains_left(), 0);
}

/*
 * What is left of one guest takes its time; another guest, which was being made when the domains were
 * listed, is complete when its turn comes.
 */
static struct record made;

static void finish_it(void *arg, const char *what)
{
	(void)arg;
	(void)what;
	if (made.lock < 0)
		return;
	made.domid = 1;
	made.state = RECORD_RUNNING;
	fake->domains[1].exists = true;
	record_put(&made);
}

static void a_guest_made_meanwhile_lives(void **state)
{
	static const char *const left[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	struct record record;

	create("one");
	record_take(&made, 1);
	made.state = RECORD_BUILDING;
	assert_int_equal(record_save(&made, &err), 0);
	fake->domains[1].exists = false;
	memset(fake->nodes, 0, sizeof(fake->nodes));
	/* It is not known whose record is looked at first: with eight it is hardly the one's. */
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		record_empty(&record);
		record.config.name = strdup(left[i]);
		memset(record.config.uuid, (int)i + 1, sizeof(record.config.uuid));
		assert_int_equal(record_lock(&record, record.config.uuid, false), 0);
		record_put(&record);
	}
	assert_int_equal(life_recover(life, finish_it, NULL, &err), 8);
	assert_int_equal(made.lock, -1);
	assert_true(fake->domains[1].exists);
	assert_int_equal(records_left(), 1);
}

/* Nor is its domain overlooked when its maker was killed before it wrote the number down. */
static void make_domain(void)
{
	fake->domains[1].exists = true;
}

static void a_domain_made_meanwhile_is_found(void **state)
{
	struct record record;

	create("one");
	record_take(&record, 1);
	record.state = RECORD_BUILDING;
	record.domid = LIFE_DOMID_NONE;
	record_put(&record);
	fake->domains[1].exists = false;
	fake->hook_at = fake->steps + 3; /* folders, domains */
	fake->hook = make_domain;
	(void)recover();
	assert_int_equal(fake_domains_left(), 0);
	assert_int_equal(records_left(), 0);
}

/* Where it can't be told whether there is one, the record stays. */
static void without_an_answer_a_record_stays(void **state)
{
	create("one");
	record_change(1, RECORD_BUILDING, false);
	fake->steps = 0;
	fake->fail_at = 3;
	assert_int_equal(recover(), 0);
	assert_int_equal(records_left(), 1);
	assert_int_equal(recover(), 1);
	assert_int_equal(records_left(), 0);
}

/* A guest whose record is damaged runs on, as one that nobody watches. */
static void a_damaged_record_costs_no_guest(void **state)
{
	create("one");
	assert_int_equal(truncate(record_path(".json"), 20), 0);
	assert_int_equal(recover(), 0);
	assert_int_equal(records_left(), 0);
	assert_true(fake->domains[1].exists);
}

/* A guest is made: its lock is there before its record; one whose maker was killed is not. */
static void a_lock_without_record_goes_with_the_domain(void **state)
{
	create("one");
	assert_int_equal(unlink(record_path(".json")), 0);
	assert_int_equal(recover(), 0);
	assert_int_equal(access(record_path(".lock"), F_OK), 0);
	fake->domains[1].exists = false;
	(void)recover();
	assert_int_equal(access(record_path(".lock"), F_OK), -1);
}

/* A guest's maker has opened the lock's file, and is about to lock it: nobody is in its way. */
static void a_lock_is_left_to_who_made_it(void **state)
{
	int names = record_lock_names(), status, fds[2];
	pid_t other;
	char c;

	assert_int_equal(pipe(fds), 0);
	memset(fake->domains[1].info.uuid, 1, sizeof(fake->domains[1].info.uuid));
	close(open(record_path(".lock"), O_CREAT | O_WRONLY, 0600));
	other = fork();
	if (!other) {
		close(names);
		(void)!write(fds[1], "x", 1);
		life_test_exit(life_recover(life, NULL, NULL, &err) ? 1 : 0);
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	usleep(300000);
	assert_int_equal(access(record_path(".lock"), F_OK), 0);
	close(names);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
	assert_int_equal(access(record_path(".lock"), F_OK), -1);
	close(fds[0]);
	close(fds[1]);
}

/* Of two domains of one guest the living one counts, whichever comes first. */
static void a_dying_domain_is_not_the_guest(void **state)
{
	create("other");
	create("one");
	fake->domains[1].info = fake->domains[2].info;
	fake->domains[1].info.domid = 1;
	fake->domains[1].info.dying = true;
	record_change(1, RECORD_BUILDING, false);
	assert_true(recover() >= 1);
	assert_false(fake->domains[2].exists);
	assert_true(fake->domains[1].exists);
}

/* ---- entries in the store ---- */

static void replace_domain(void)
{
	fake->domains[1].info.uuid[0] ^= 0xff;
}

static void folders_of_domains_that_are_gone_go(void **state)
{
	char uuid[37], path[64];

	create("one");
	domain_uuid_format(fake->domains[1].info.uuid, uuid);
	/* With entries of its own, with those of a guest that lives on as another domain, */
	fake_write("/local/domain/5/vm", "/vm/00000000-0000-0000-0000-000000000005");
	fake_write("/vm/00000000-0000-0000-0000-000000000005/name", "five");
	snprintf(path, sizeof(path), "/vm/%s", uuid);
	fake_write("/local/domain/6/vm", path);
	/* and with nonsense. */
	fake_write("/local/domain/7/vm", "/vm/none");
	fake_write("/local/domain/8/vm", "/one/two");
	fake_write("/local/domain/9/name", "nine");
	/* These name no domain. */
	fake_write("/local/domain/32752/name", "special");
	fake_write("/local/domain/x/name", "x");
	assert_int_equal(recover(), 5);
	assert_non_null(strstr(reported, "removed store entries of domain 5, which is gone\n"));
	assert_null(fake_read("/vm/00000000-0000-0000-0000-000000000005/name"));
	for (int id = 5; id <= 9; id++) {
		snprintf(path, sizeof(path), "/local/domain/%d/%s", id, id == 9 ? "name" : "vm");
		assert_null(fake_read(path));
	}
	snprintf(path, sizeof(path), "/vm/%s/name", uuid);
	assert_string_equal(fake_read(path), "one");
	assert_string_equal(fake_read("/local/domain/1/name"), "one");
	assert_non_null(fake_read("/local/domain/32752/name"));
	assert_non_null(fake_read("/local/domain/x/name"));
}

static void a_folder_that_can_t_be_removed_is_not_said_to_be(void **state)
{
	uint32_t steps;
	int count;

	fake_write("/local/domain/5/name", "five");
	fake->steps = 0;
	assert_int_equal(recover(), 1);
	steps = fake->steps;
	for (uint32_t n = 3; n <= steps; n++) {
		fake_write("/local/domain/5/name", "five");
		fake->steps = 0;
		fake->fail_at = n;
		count = recover();
		assert_int_equal(count, fake_read("/local/domain/5/name") ? 0 : 1);
		fake->fail_at = 0;
	}
	assert_int_equal(life_recover(life, NULL, NULL, &err), 1);
	/* An empty store has no folder of domains. */
	fake_reset();
	assert_int_equal(recover(), 0);
}

/* What a domain of that number left would be the new one's otherwise. */
static void a_new_domain_begins_with_nothing(void **state)
{
	struct domain_config c;

	fake_write("/local/domain/1/domid", "1");
	fake_write("/local/domain/1/secret", "of another");
	create("one");
	assert_null(fake_read("/local/domain/1/secret"));
	assert_string_equal(fake_read("/local/domain/1/name"), "one");
	assert_int_equal(life_destroy(life, 1, &err), 0);

	/* It is not built on what can't be removed. */
	domain_config_init(&c);
	c.name = (char *)"two";
	fake_write("/local/domain/2/domid", "2");
	for (uint32_t n = 2; n <= 4; n++) {
		fake->steps = 0;
		fake->fail_at = n;
		assert_int_equal(store_add_domain(life, &c, 2, &err), -EIO);
		fake->fail_at = 0;
		assert_non_null(strstr(err.text, "cannot remove what a former domain 2 left"));
		assert_null(fake_read("/local/domain/2/name"));
	}
	c.name = NULL;
	domain_config_free(&c);
}

static void without_a_store_there_are_no_names(void **state)
{
	struct life *blind;
	uint64_t target;
	char *name;

	create("one");
	fake->steps = 0;
	fake->fail_at = 2;
	assert_int_equal(life_open_readonly(&blind, &err), 0);
	fake->fail_at = 0;
	assert_null(life_store(blind));
	assert_int_equal(life_name(blind, 1, &name), -ENOENT);
	assert_int_equal(life_name(blind, 0, &name), 0);
	assert_string_equal(name, "Domain-0");
	free(name);
	assert_int_equal(store_write(blind, 1, "name", "%s", "x"), -ENODEV);
	assert_int_equal(store_remove_domain(blind, 1, NULL), 0);
	assert_int_equal(store_remove_domain(life, 0, NULL), 0);
	assert_string_equal(fake_read("/local/domain/1/name"), "one");
	fake->steps = 0;
	assert_int_equal(life_wait(blind, 1, 100, NULL, &err), -ETIMEDOUT);
	assert_true(fake->steps < 10); /* it waits, it does not run in circles */
	/* Without a target in the store, what the hypervisor says stands for it. */
	assert_int_equal(life_get_memory(blind, 1, &target, NULL, &err), 0);
	assert_int_equal(target, 65536);
	assert_int_equal(life_rename(blind, 1, "two", &err), -ENODEV);
	life_close(blind);
}

/* Who waits for a guest's end goes on when the store goes away, and leaves the processor alone. */
static void a_wait_outlives_the_store(void **state)
{
	enum shutdown_reason reason;

	create("one");
	fake->events = 2;
	assert_int_equal(life_wait(life, 1, 0, &reason, &err), -ETIMEDOUT);
	fake->store_broken = true;
	fake->steps = 0;
	assert_int_equal(life_wait(life, 1, 100, &reason, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "domain 1 has not shut down"));
	assert_true(fake->steps < 10);
	/* Its number is another's by now: the guest is gone. */
	fake->hook_at = fake->steps + 3;
	fake->hook = replace_domain;
	assert_int_equal(life_wait(life, 1, -1, &reason, &err), 0);
	assert_int_equal(reason, SHUTDOWN_REASON_NONE);
}

static void dom0_without_vcpus_has_no_cpu_entries(void **state)
{
	fake->domains[0].info.max_vcpu_id = UINT32_MAX;
	assert_int_equal(life_init_dom0(life, &err), 0);
	assert_null(fake_read("/local/domain/0/cpu/0/availability"));
	assert_string_equal(fake_read("/local/domain/0/name"), "Domain-0");
	fake->domains[0].info.max_vcpu_id = 1;
	fake->domains[0].info.online_vcpus = 1;
	assert_int_equal(life_init_dom0(life, &err), 0);
	assert_string_equal(fake_read("/local/domain/0/cpu/0/availability"), "online");
	assert_string_equal(fake_read("/local/domain/0/cpu/1/availability"), "offline");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_half_done_is_taken_away),
		TEST(what_the_watcher_does_is_left_to_it),
		TEST(what_somebody_works_on_is_left_to_him),
		TEST(what_can_t_be_removed_stays_known),
		TEST(a_guest_made_meanwhile_lives),
		TEST(a_domain_made_meanwhile_is_found),
		TEST(without_an_answer_a_record_stays),
		TEST(a_damaged_record_costs_no_guest),
		TEST(a_lock_without_record_goes_with_the_domain),
		TEST(a_lock_is_left_to_who_made_it),
		TEST(a_dying_domain_is_not_the_guest),
		TEST(folders_of_domains_that_are_gone_go),
		TEST(a_folder_that_can_t_be_removed_is_not_said_to_be),
		TEST(a_new_domain_begins_with_nothing),
		TEST(without_a_store_there_are_no_names),
		TEST(a_wait_outlives_the_store),
		TEST(dom0_without_vcpus_has_no_cpu_entries),
	};

	return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
