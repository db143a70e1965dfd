/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be done to guests, on a platform of fakes: each operation, and each of its steps failing
 * once; what follows each way of stopping; devices. REQ toolstack/cli, toolstack/builder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fail_alloc.h"
#include "support/fake_host.h"
#include "support/life_guest.h"

static struct error err;
static struct life *life;

int life_watch_start(struct error *e)
{
	return 0;
}

static uint16_t create(const char *name, void (*change)(struct domain_config *c))
{
	return guest_create(life, name, true, change);
}

static int setup(void **state)
{
	fake_reset();
	fake_host_reset();
	fake->obedient = true;
	return life_open(&life, &err);
}

static const char *doing = "";

static int teardown(void **state)
{
	if (!life)
		return 0;
	fake->fail_at = 0;
	for (uint16_t i = 1; i < FAKE_DOMAINS_MAX; i++)
		if (fake->domains[i].exists)
			assert_int_equal(life_destroy(life, i, &err), 0);
	/* What the next command does first. */
	assert_true(life_recover(life, NULL, NULL, &err) >= 0);
	life_close(life);
	life = NULL;
	if (fake_domains_left() || fake_nodes_left())
		fail_msg("%s leaves something", doing);
	return 0;
}

/* ---- what follows when a guest stops ---- */

static enum domain_action wanted;

static void all_actions(struct domain_config *c)
{
	c->on_poweroff = c->on_reboot = c->on_crash = c->on_watchdog = wanted;
	c->on_soft_reset = ACTION_SOFT_RESET;
}

static int act_uuid(const uint8_t *uuid)
{
	struct record record;
	int rc;

	record_empty(&record);
	rc = record_lock(&record, uuid, true);
	if (!rc)
		rc = record_load(&record, uuid);
	if (rc)
		error_errno(&err, rc, "no record");
	else
		rc = life_act(life, &record, &err);
	record_free(&record);
	return rc;
}

static int act_on(uint16_t domid)
{
	uint8_t uuid[HYPER_UUID_BYTES];

	memcpy(uuid, fake->domains[domid].info.uuid, sizeof(uuid));
	return act_uuid(uuid);
}

/* As the watcher does: every record is looked at. */
static void act_on_all(void)
{
	uint8_t(*uuids)[HYPER_UUID_BYTES];
	int n = record_list(&uuids);

	for (int i = 0; i < n; i++)
		(void)act_uuid(uuids[i]);
	free(uuids);
}

/* ---- every step fails once ---- */

static struct domain_config changed;
static uint16_t found;
static uint64_t number;
static char *text;

static int op_name(void)
{
	int rc = life_name(life, 1, &text);

	if (!rc)
		free(text);
	return rc;
}

static int op_config(void)
{
	struct domain_config c;
	int rc = life_config(life, 1, &c, &err);

	if (!rc)
		domain_config_free(&c);
	return rc;
}

static int op_set_config(void)
{
	int rc;

	domain_config_init(&changed);
	changed.name = strdup("guest");
	changed.kernel = strdup("/k");
	rc = life_set_config(life, 1, &changed, &err);
	domain_config_free(&changed);
	return rc;
}

static int op_recover(void)
{
	int rc = life_recover(life, NULL, NULL, &err);

	return rc < 0 ? rc : 0;
}

static int op_open(void)
{
	struct life *other = NULL;
	int rc = life_open(&other, &err);

	life_close(other);
	return rc;
}

static int op_open_readonly(void)
{
	struct life *other = NULL;
	int rc = life_open_readonly(&other, &err);

	life_close(other);
	return rc;
}

static int op_create(void)
{
	struct life_create_options options = { .watch = true };
	struct domain_config c;
	int rc = life_config(life, 1, &c, &err);

	if (rc)
		return rc;
	free(c.name);
	c.name = NULL;
	c.uuid_given = false;
	rc = -ENOMEM;
	if ((c.name = strdup("another")))
		rc = life_create(life, &c, &options, &found, &err);
	else
		error_set(&err, rc, "test");
	domain_config_free(&c);
	return rc;
}

static int op_act(void)
{
	wanted = ACTION_RENAME_RESTART;
	fake_guest_stops(1, SHUTDOWN_REASON_CRASH);
	return act_on(1);
}

static int op_fallback(void)
{
	xs_client_rm(NULL, 0, "/local/domain/1/control/feature-poweroff");
	return life_shutdown(life, 1, LIFE_SHUTDOWN_POWEROFF, true, &err);
}

#define OP(name, expression)       \
	static int op_##name(void) \
	{                          \
		return expression; \
	}
OP(lookup, life_lookup(life, "guest", &found, &err))
OP(lookup_id, life_lookup(life, "1", &found, &err))
OP(pause, life_pause(life, 1, &err))
OP(unpause, life_unpause(life, 1, &err))
OP(shutdown, life_shutdown(life, 1, LIFE_SHUTDOWN_POWEROFF, false, &err))
OP(reboot, life_shutdown(life, 1, LIFE_SHUTDOWN_REBOOT, false, &err))
OP(wait, life_wait(life, 1, 0, NULL, &err))
OP(rename, life_rename(life, 1, "other", &err))
OP(vcpus, life_set_vcpus(life, 1, 1, &err))
OP(memory, life_set_memory(life, 1, 32768, true, &err))
OP(get_memory, life_get_memory(life, 1, &number, &number, &err))
OP(get_nothing, life_get_memory(life, 1, NULL, NULL, &err))
OP(max_memory, life_set_max_memory(life, 1, 131072, &err))
OP(max_memory_0, life_set_max_memory(life, 0, 262144, &err))
OP(sysrq, life_sysrq(life, 1, 'h', &err))
OP(dom0, life_init_dom0(life, &err))
OP(destroy, life_destroy(life, 1, &err))

#define ROW(name)                \
	{                        \
#name, op_##name \
	}
static const struct {
	const char *name;
	int (*run)(void);
} ops[] = {
	ROW(name),	 ROW(config),	   ROW(set_config), ROW(recover),  ROW(fallback),
	ROW(lookup),	 ROW(pause),	   ROW(unpause),    ROW(shutdown), ROW(reboot),
	ROW(wait),	 ROW(rename),	   ROW(vcpus),	    ROW(memory),   ROW(get_memory),
	ROW(max_memory), ROW(sysrq),	   ROW(dom0),	    ROW(destroy),  ROW(max_memory_0),
	ROW(lookup_id),	 ROW(get_nothing), ROW(open),	    ROW(create),   ROW(open_readonly),
	ROW(act),
};

static void every_failing_step_is_told(void **state)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		unsigned int failures = 0;

		for (uint32_t n = 1;; n++) {
			int rc;

			wanted = ACTION_RENAME_RESTART;
			assert_int_equal(create("guest", all_actions), 1);
			if (ops[i].run == op_wait)
				fake_guest_stops(1, SHUTDOWN_REASON_CRASH);
			memset(&err, 0, sizeof(err));
			doing = ops[i].name;
			fake->steps = 0;
			fake->fail_at = n;
			rc = ops[i].run();
			fake->fail_at = 0;
			if (rc && ops[i].run != op_name && !err.text[0])
				fail_msg("%s, step %u: %d, and no reason", ops[i].name, n, rc);
			if (rc && fake->steps < n)
				fail_msg("%s: %d: %s", ops[i].name, rc, err.text);
			failures += rc != 0;
			teardown(NULL);
			setup(NULL);
			if (fake->steps && n > 200)
				fail_msg("%s has no end", ops[i].name);
			/* The platform was made anew: the count is that of the operation. */
			if (rc == 0 && n > 60)
				break;
		}
		if (!failures && ops[i].run != op_config && ops[i].run != op_set_config)
			fail_msg("%s: no step fails", ops[i].name);
	}
}

/* Whichever allocation fails: what is left is cleaned up by the next command. */
static void memory_runs_out(void **state)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		bool reached = true;

		for (unsigned int n = 1; reached && n < 400; n++) {
			int rc;

			wanted = ACTION_RENAME_RESTART;
			create("guest", all_actions);
			doing = ops[i].name;
			memset(&err, 0, sizeof(err));
			fail_alloc_at(n);
			rc = ops[i].run();
			reached = fail_alloc_count() >= n;
			fail_alloc_at(0);
			if (rc && ops[i].run != op_name && !err.text[0])
				fail_msg("%s, allocation %u: %d, and no reason", doing, n, rc);
			act_on_all();
			teardown(NULL);
			setup(NULL);
		}
		assert_false(reached);
	}
}

/* The folder of records goes away under a command: an error, and no crash. */
static void records_can_t_be_written(void **state)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		int rc;

		create("guest", NULL);
		memset(&err, 0, sizeof(err));
		setenv("BULKHEAD_RUN", "/proc/none", 1);
		rc = ops[i].run();
		setenv("BULKHEAD_RUN", folder, 1);
		if (rc && ops[i].run != op_name && !err.text[0])
			fail_msg("%s: %d, and no reason", ops[i].name, rc);
		teardown(NULL);
		setup(NULL);
	}
}

static void what_is_not_there_is_told(void **state)
{
	struct domain_config c;

	assert_int_equal(life_lookup(life, "99999", &found, &err), -ESRCH);
	assert_int_equal(life_lookup(life, "", &found, &err), -ESRCH);
	assert_int_equal(life_lookup(life, "5", &found, &err), -ESRCH);
	assert_int_equal(life_config(life, 5, &c, &err), -ENOENT);
	domain_config_init(&c);
	assert_int_equal(life_set_config(life, 5, &c, &err), -ENOENT);
	assert_int_equal(life_pause(life, 5, &err), -ESRCH);
	assert_int_equal(life_unpause(life, 5, &err), -ESRCH);
	assert_int_equal(life_shutdown(life, 5, LIFE_SHUTDOWN_HALT, false, &err), -ESRCH);
	assert_int_equal(life_wait(life, 5, 0, NULL, &err), -ESRCH);
	assert_int_equal(life_rename(life, 5, "x", &err), -ESRCH);
	assert_int_equal(life_set_vcpus(life, 5, 1, &err), -ESRCH);
	assert_int_equal(life_set_memory(life, 5, 4096, false, &err), -ESRCH);
	assert_int_equal(life_set_max_memory(life, 5, 4096, &err), -ESRCH);
	assert_int_equal(life_sysrq(life, 5, 'h', &err), -ESRCH);
	assert_int_equal(life_destroy(life, 5, &err), -ESRCH);
	assert_false(life_is_building(life, 5));
}

static void two_of_a_name_need_a_number(void **state)
{
	create("one", NULL);
	create("two", NULL);
	fake_write("/local/domain/2/name", "one");
	assert_int_equal(life_lookup(life, "one", &found, &err), -ENOTUNIQ);
	assert_non_null(strstr(err.text, "number"));
}

/* The name that a guest's record has, in static memory; "" when there is none. */
static const char *recorded_name(uint16_t domid)
{
	static char name[64];
	struct record record;

	record_empty(&record);
	name[0] = '\0';
	if (!record_load(&record, fake->domains[domid].info.uuid))
		snprintf(name, sizeof(name), "%s", record.config.name);
	record_free(&record);
	return name;
}

/* A guest's former domain, which lingers: the record is not its own any more. */
static void a_former_domain_leaves_the_record_alone(void **state)
{
	create("one", NULL);
	fake->domains[2] = fake->domains[1];
	fake->domains[2].info.domid = 2;
	fake->domains[2].info.dying = true;
	fake_write("/local/domain/2/name", "old");
	assert_int_equal(life_rename(life, 2, "older", &err), 0);
	assert_string_equal(fake_read("/local/domain/2/name"), "older");
	assert_string_equal(recorded_name(1), "one");
	assert_int_equal(life_set_max_memory(life, 2, 131072, &err), 0);
	assert_string_equal(recorded_name(1), "one");
	fake->domains[2].exists = false;
}

/* Nor does one go that can't be read for want of memory; and why is said. */
static void a_record_that_can_t_be_read_stays(void **state)
{
	int (*const changes[])(void) = { op_rename, op_max_memory };
	bool reached = true;

	for (size_t i = 0; i < 2; i++) {
		create("one", NULL);
		for (unsigned int n = 1; reached && n < 400; n++) {
			int rc;

			memset(&err, 0, sizeof(err));
			fail_alloc_at(n);
			rc = changes[i]();
			reached = fail_alloc_count() >= n;
			fail_alloc_at(0);
			assert_true(!rc || err.text[0]);
			assert_true(*recorded_name(1));
		}
		assert_false(reached);
		teardown(NULL);
		setup(NULL);
		reached = true;
	}
}

/* The guest is between its former domain and the next one: its name is taken all the same. */
static void the_name_of_a_guest_that_restarts_is_taken(void **state)
{
	create("one", NULL);
	create("two", NULL);
	fake->domains[1].exists = false;
	assert_int_equal(life_rename(life, 2, "one", &err), -EEXIST);
	assert_string_equal(err.text, "a domain \"one\" is being made or restarted");
	fake->domains[1].exists = true;
	/* One whose renaming was cut short can have its new name. */
	fake_write("/local/domain/2/name", "old");
	assert_int_equal(life_rename(life, 2, "two", &err), 0);
	assert_string_equal(fake_read("/local/domain/2/name"), "two");
	/* A name that can't be looked up is not given. */
	fake->fail_at = fake->steps + 2;
	assert_int_equal(life_rename(life, 2, "three", &err), -EIO);
	assert_string_equal(err.text, "cannot list domains: Input/output error");
	assert_string_equal(fake_read("/local/domain/2/name"), "two");
}

static void a_guest_that_is_built_is_not_let_run(void **state)
{
	create("one", NULL);
	record_change(1, RECORD_BUILDING, true);
	assert_true(life_is_building(life, 1));
	assert_int_equal(life_unpause(life, 1, &err), -EBUSY);
	record_change(1, RECORD_RUNNING, true);
}

static void each_reason_has_its_action(void **state)
{
	static const enum shutdown_reason reasons[] = { SHUTDOWN_REASON_POWEROFF,
							SHUTDOWN_REASON_REBOOT,
							SHUTDOWN_REASON_CRASH,
							SHUTDOWN_REASON_WATCHDOG };

	life_restart_pause_s = 0;
	for (size_t i = 0; i < 4; i++) {
		wanted = ACTION_DESTROY;
		create("one", all_actions);
		assert_int_equal(act_on(1), 0); /* it runs: nothing follows */
		fake_guest_stops(1, reasons[i]);
		assert_int_equal(act_on(1), 0);
		assert_int_equal(fake_domains_left(), 0);
		wanted = ACTION_RESTART;
		create("one", all_actions);
		fake_guest_stops(2, reasons[i]);
		assert_int_equal(act_on(2), 0);
		assert_true(!fake->domains[2].exists && fake->domains[3].filled);
		wanted = ACTION_PRESERVE;
		create("two", all_actions);
		fake_guest_stops(4, reasons[i]);
		assert_int_equal(act_on(4), 0);
		assert_true(fake->domains[4].exists);
		teardown(NULL);
		setup(NULL);
	}
	create("soft", all_actions);
	fake_guest_stops(1, SHUTDOWN_REASON_SOFT_RESET);
	assert_int_equal(act_on(1), 0);
	assert_true(fake->domains[2].exists);
	fake_guest_stops(2, SHUTDOWN_REASON_SUSPEND);
	assert_int_equal(act_on(2), 0);
	assert_true(fake->domains[2].exists);
}

/* Every step of what follows fails once: what can be done again is done again. */
static void failing_actions_leave_nothing(void **state)
{
	life_restart_pause_s = 0;
	for (int renamed = 0; renamed < 2; renamed++) {
		wanted = renamed ? ACTION_RENAME_RESTART : ACTION_RESTART;
		for (uint32_t n = 1; n < 150; n++) {
			create("one", all_actions);
			fake_guest_stops(1, SHUTDOWN_REASON_REBOOT);
			fake->steps = 0;
			fake->fail_at = n;
			(void)act_on(1);
			fake->fail_at = 0;
			/* The watcher tries again, the next command cleans up. */
			act_on_all();
			assert_true(life_recover(life, NULL, NULL, &err) >= 0);
			for (uint16_t i = 1; i < FAKE_DOMAINS_MAX; i++)
				if (fake->domains[i].exists && !fake->domains[i].filled)
					fail_msg("step %u: domain %u is half built", n, i);
			teardown(NULL);
			setup(NULL);
		}
	}
}

/* The store fails once: the guest starts again all the same. */
static void a_rename_that_fails_is_done_again(void **state)
{
	life_restart_pause_s = 0;
	wanted = ACTION_RENAME_RESTART;
	create("one", all_actions);
	fake_guest_stops(1, SHUTDOWN_REASON_CRASH);
	fake->fail_at = fake->steps + 2; /* the domain; its name */
	assert_int_equal(act_on(1), -EIO);
	assert_string_equal(err.text, "cannot rename domain 1 to one-1: Input/output error");
	assert_int_equal(act_on(1), 0);
	assert_string_equal(fake_read("/local/domain/1/name"), "one-1");
	assert_string_equal(fake_read("/local/domain/2/name"), "one");
	assert_true(fake->domains[2].filled);
}

/* ---- devices ---- */

static void with_devices(struct domain_config *c)
{
	c->n_disks = 2;
	c->disks = calloc(2, sizeof(*c->disks));
	c->disks[0].target = strdup("/dev/vg/guest");
	c->disks[0].vdev = strdup("xvda");
	c->disks[0].readwrite = c->disks[0].removable = c->disks[0].no_discard = true;
	c->disks[0].backend = DISK_BACKEND_QDISK;
	c->disks[0].script = strdup("block-special");
	c->disks[1].vdev = strdup("xvdb");
	c->disks[1].format = DISK_FORMAT_EMPTY;
	c->disks[1].cdrom = true;
	c->disks[1].backend_domain = strdup("stor");
	c->n_vifs = 2;
	c->vifs = calloc(2, sizeof(*c->vifs));
	c->vifs[0].backend_domain = strdup("1");
	c->vifs[0].bridge = strdup("xenbr0");
	c->vifs[0].ip = strdup("10.0.0.1");
	c->vifs[0].vifname = strdup("v0");
	c->vifs[0].gatewaydev = strdup("eth0");
	c->vifs[0].script = strdup("vif-special");
	c->vifs[0].mtu = 1400;
	c->vifs[0].rate_bytes = 1000;
	c->vifs[0].rate_interval_us = 50;
	memcpy(c->vifs[1].mac, "\x00\x16\x3e\x01\x02\x03", 6);
	c->vifs[1].mac_given = true;
	c->backend = strdup("stor");
}

static void devices_are_described_at_both_ends(void **state)
{
	create("stor", NULL);
	create("guest", with_devices);
	assert_string_equal(fake_read("/local/domain/1/backend/vbd/2/51712/params"),
			    "/dev/vg/guest");
	assert_string_equal(fake_read("/local/domain/1/backend/vbd/2/51712/mode"), "w");
	assert_string_equal(fake_read("/local/domain/1/backend/vbd/2/51728/device-type"), "cdrom");
	assert_string_equal(fake_read("/local/domain/1/backend/vbd/2/51712/removable"), "1");
	assert_string_equal(fake_read("/local/domain/1/backend/vbd/2/51712/discard-enable"), "0");
	assert_string_equal(fake_read("/local/domain/1/backend/vbd/2/51728/removable"), "1");
	assert_string_equal(fake_read("/local/domain/1/backend/vif/2/0/bridge"), "xenbr0");
	assert_string_equal(fake_read("/local/domain/1/backend/vif/2/0/rate"), "1000,50");
	assert_string_equal(fake_read("/local/domain/1/backend/vif/2/1/mac"), "00:16:3e:01:02:03");
	assert_string_equal(fake_read("/local/domain/2/device/vif/0/mtu"), "1400");
	assert_int_equal(strncmp(fake_read("/local/domain/2/device/vif/0/mac"), "00:16:3e:", 9), 0);
	assert_string_equal(fake_read("/local/domain/2/device/vbd/51712/backend-id"), "1");
	assert_int_equal(life_destroy(life, 2, &err), 0);
	assert_null(fake_read("/local/domain/1/backend/vif/2/1/mac"));
}

static void no_backend(struct domain_config *c)
{
	with_devices(c);
	free(c->backend);
	c->backend = strdup("nobody");
}

static void bad_disk(struct domain_config *c)
{
	with_devices(c);
	strcpy(c->disks[0].vdev, "zzz");
}

static void wrong_devices_are_refused(void **state)
{
	void (*const changes[])(struct domain_config *) = { no_backend, bad_disk };
	struct life_create_options options = { .watch = true };

	create("stor", NULL);
	for (int i = 0; i < 2; i++) {
		struct domain_config c;

		domain_config_init(&c);
		c.name = strdup("guest");
		c.kernel = strdup("/k");
		changes[i](&c);
		assert_true(life_create(life, &c, &options, &found, &err) < 0);
		assert_non_null(strstr(err.text, i ? "zzz" : "nobody"));
		domain_config_free(&c);
		assert_int_equal(fake_domains_left(), 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_failing_step_is_told),
		TEST(memory_runs_out),
		TEST(records_can_t_be_written),
		TEST(what_is_not_there_is_told),
		TEST(two_of_a_name_need_a_number),
		TEST(a_former_domain_leaves_the_record_alone),
		TEST(a_record_that_can_t_be_read_stays),
		TEST(the_name_of_a_guest_that_restarts_is_taken),
		TEST(a_guest_that_is_built_is_not_let_run),
		TEST(each_reason_has_its_action),
		TEST(failing_actions_leave_nothing),
		TEST(a_rename_that_fails_is_done_again),
		TEST(devices_are_described_at_both_ends),
		TEST(wrong_devices_are_refused),
	};

	return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
