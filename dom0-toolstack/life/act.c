/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows when a guest stops: on_poweroff, on_reboot, on_crash … */
#include "life/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int life_restart_pause_s = 3;

int life_find_uuid(struct life *life, const uint8_t *uuid, struct domain_info *info)
{
	struct domain_info *list;
	int n = hyper_domain_list_all(life->hyper, &list), rc = -ESRCH;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		/* One that is dying may linger beside its successor. */
		if (list[i].domid && !memcmp(list[i].uuid, uuid, HYPER_UUID_BYTES) &&
		    (rc || info->dying)) {
			*info = list[i];
			rc = 0;
		}
	}
	free(list);
	return rc;
}

static enum domain_action action_for(const struct domain_config *c, enum shutdown_reason reason)
{
	switch (reason) {
	case SHUTDOWN_REASON_POWEROFF:
		return c->on_poweroff;
	case SHUTDOWN_REASON_REBOOT:
		return c->on_reboot;
	case SHUTDOWN_REASON_WATCHDOG:
		return c->on_watchdog;
	case SHUTDOWN_REASON_SOFT_RESET:
		return c->on_soft_reset;
	default:
		return c->on_crash;
	}
}

/* Ends it for good. */
static int finish(struct life *life, struct record *record, uint16_t domid, struct error *err)
{
	int rc;

	record->state = RECORD_ENDING;
	rc = record_save(record, err);
	if (!rc)
		rc = life_remove_domain(life, domid, record->uuid, err);
	if (!rc)
		record_remove(record);
	return rc;
}

/*
 * Removes the old domain, if there is one still, and builds it anew; can be done again from the
 * start at any point.
 */
static int restart(struct life *life, struct record *record, struct error *err)
{
	int64_t early = record->started + life_restart_pause_s - time(NULL);
	struct domain_info info;
	int rc;

	record->state = RECORD_RESTARTING;
	rc = record_save(record, err);
	if (rc)
		return rc;
	if (!life_find_uuid(life, record->uuid, &info))
		record->domid = info.domid;
	rc = life_remove_domain(life, record->domid, record->uuid, err);
	if (rc)
		return rc;
	record->domid = LIFE_DOMID_NONE;
	if (early > 0 && early <= life_restart_pause_s)
		poll(NULL, 0, (int)early * 1000);
	rc = life_build(life, record, NULL, NULL, err);
	if (!rc)
		return life_unpause(life, record->domid, err);
	/* It can't be built any more: nothing is left of it, and no one would try again. */
	if (record->domid == LIFE_DOMID_NONE)
		record_remove(record);
	return rc;
}

/* Keeps the stopped domain under another name, and starts a new one under the old. */
static int rename_restart(struct life *life, struct record *record, struct error *err)
{
	struct record next;
	char name[DOMAIN_NAME_MAX + 16];
	int rc;

	record_empty(&next);
	rc = domain_config_copy(&next.config, &record->config);
	if (!rc)
		rc = domain_uuid_generate(next.config.uuid);
	if (!rc)
		rc = record_lock(&next, next.config.uuid, true);
	snprintf(name, sizeof(name), "%.*s-%u", DOMAIN_NAME_MAX - 8, record->config.name,
		 record->domid);
	/* Until its record is written all this is done again after a failure. */
	if (!rc)
		rc = store_write(life, record->domid, "name", "%s", name);
	if (!rc) {
		free(record->config.name);
		record->config.name = strdup(name);
		record->watch = false;
		rc = record->config.name ? record_save(record, err) : -ENOMEM;
	}
	if (rc) {
		error_errno(err, rc, "cannot rename domain %u to %s", record->domid, name);
	} else {
		next.watch = true;
		rc = restart(life, &next, err);
	}
	record_free(&next);
	return rc;
}

int life_act(struct life *life, struct record *record, struct error *err)
{
	struct domain_info info;
	int rc;

	if (!record->watch)
		return 0;
	if (record->state == RECORD_RESTARTING)
		return restart(life, record, err);
	if (record->state != RECORD_RUNNING)
		return 0;
	rc = life_find_uuid(life, record->uuid, &info);
	if (rc && rc != -ESRCH)
		return error_errno(err, rc, "cannot list domains");
	if (rc || info.dying)
		return finish(life, record, record->domid, err);
	if (!info.shutdown || info.shutdown_reason == SHUTDOWN_REASON_SUSPEND)
		return 0;
	switch (action_for(&record->config, info.shutdown_reason)) {
	case ACTION_DESTROY:
	case ACTION_COREDUMP_DESTROY:
		return finish(life, record, info.domid, err);
	case ACTION_RESTART:
	case ACTION_COREDUMP_RESTART:
	case ACTION_SOFT_RESET:
		return restart(life, record, err);
	case ACTION_RENAME_RESTART:
		return rename_restart(life, record, err);
	case ACTION_PRESERVE:
		record->watch = false;
		return record_save(record, err);
	}
	return 0;
}
