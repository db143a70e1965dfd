/* SPDX-License-Identifier: BSD-2-Clause */
/* See life_guest.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/life_guest.h"

char folder[] = "/tmp/test_life.XXXXXX";

int folder_setup(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	return setenv("BULKHEAD_RUN", folder, 1);
}

int folder_teardown(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int folder_empty(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s/*", folder);
	return system(command);
}

struct domain_config guest(const char *name)
{
	struct domain_config c;

	domain_config_init(&c);
	c.name = strdup(name);
	c.kernel = strdup("/boot/vmlinuz");
	c.memory_kib = 65536;
	c.vcpus = 2;
	c.maxvcpus = 3;
	return c;
}

uint16_t guest_create(struct life *life, const char *name, bool watch,
		      void (*change)(struct domain_config *c))
{
	struct life_create_options options = { .watch = watch };
	struct domain_config c = guest(name);
	struct error err = { 0 };
	uint16_t domid = 0;

	if (change)
		change(&c);
	if (life_create(life, &c, &options, &domid, &err))
		fail_msg("%s: %s", name, err.text);
	domain_config_free(&c);
	return domid;
}

void record_take(struct record *record, uint16_t domid)
{
	record_empty(record);
	assert_int_equal(record_lock(record, fake->domains[domid].info.uuid, true), 0);
	assert_int_equal(record_load(record, record->uuid), 0);
}

void record_put(struct record *record)
{
	struct error err = { 0 };

	if (record_save(record, &err))
		fail_msg("%s", err.text);
	record_free(record);
}

void record_change(uint16_t domid, enum record_state state, bool watch)
{
	struct record record;

	record_take(&record, domid);
	record.state = state;
	record.watch = watch;
	record_put(&record);
}

pid_t record_hold(uint16_t domid, void (*first)(struct record *record),
		  void (*then)(struct record *record))
{
	struct record record;
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		record_take(&record, domid);
		if (first)
			first(&record);
		(void)!write(fds[1], "x", 1);
		then(&record);
		life_test_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

unsigned int records_left(void)
{
	uint8_t(*uuids)[HYPER_UUID_BYTES];
	int n = record_list(&uuids);

	free(uuids);
	return n;
}
