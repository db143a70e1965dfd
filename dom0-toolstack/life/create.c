/* SPDX-License-Identifier: BSD-2-Clause */
/* Creating and removing guests. */
#include "builder/builder.h"
#include "life/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int life_remove_domain(struct life *life, uint16_t domid, const uint8_t *uuid, struct error *err)
{
	struct domain_info info;
	int rc = 0;

	if (domid != LIFE_DOMID_NONE) {
		rc = hyper_domain_info(life->hyper, domid, &info);
		if (!rc && uuid && memcmp(info.uuid, uuid, sizeof(info.uuid)))
			rc = -ESRCH; /* the id belongs to another domain by now */
		else if (!rc)
			rc = hyper_domain_destroy(life->hyper, domid);
	}
	if (rc == -ESRCH)
		rc = 0;
	if (rc)
		return error_errno(err, rc, "cannot destroy domain %u", domid);
	if (domid != LIFE_DOMID_NONE && xs_client_is_introduced(life->store, domid) == 1)
		xs_client_release(life->store, domid);
	if (domid != LIFE_DOMID_NONE)
		rc = store_remove_domain(life, domid, uuid);
	return rc ? error_errno(err, rc, "cannot remove the store entries of domain %u", domid) : 0;
}

/* After a failure: nothing stays, or the record does, for the next command to finish. */
static void undo(struct life *life, struct record *record)
{
	if (!life_remove_domain(life, record->domid, record->uuid, NULL))
		record->domid = LIFE_DOMID_NONE;
}

/* Says which phase begins. */
static void phase(life_progress_fn progress, void *arg, const char *what)
{
	if (progress)
		progress(arg, what, 0, 0);
}

/* The steps between the moment the domain exists and the moment it could run. */
static int fill(struct life *life, struct builder *builder, struct record *record,
		life_progress_fn progress, void *arg, struct error *err)
{
	struct builder_result result = { 0 };
	struct store_rings rings;
	int rc;

	phase(progress, arg, "store");
	rc = store_add_domain(life, &record->config, record->domid, err);
	if (!rc)
		rc = builder_fill(builder, progress, arg, &result, err);
	if (rc)
		return rc;
	phase(progress, arg, "devices");
	rings = (struct store_rings) { result.store_gfn, result.console_gfn, result.store_port,
				       result.console_port };
	rc = store_add_rings(life, record->domid, &rings, err);
	if (!rc)
		rc = devices_add(life, &record->config, record->domid, err);
	if (!rc)
		rc = devices_wait(life, &record->config, record->domid, err);
	return rc;
}

int life_build(struct life *life, struct record *record, life_progress_fn progress, void *arg,
	       struct error *err)
{
	struct builder *builder;
	int rc;

	phase(progress, arg, "image");
	rc = builder_open(&builder, life->hyper, &record->config, err);
	if (rc)
		return rc;
	phase(progress, arg, "domain");
	record->domid = LIFE_DOMID_NONE;
	rc = record_save(record, err);
	if (!rc)
		rc = builder_create(builder, &record->domid, err);
	if (!rc)
		rc = record_save(record, err);
	if (!rc)
		rc = fill(life, builder, record, progress, arg, err);
	builder_close(builder);
	if (!rc) {
		record->state = RECORD_RUNNING;
		record->started = time(NULL);
		rc = record_save(record, err);
	}
	if (rc)
		undo(life, record);
	return rc;
}

/*
 * A guest that ends keeps its record a moment longer than its domain: waits until whoever ends it is
 * done. False: the record stays.
 */
static bool has_ended(const uint8_t uuid[HYPER_UUID_BYTES])
{
	struct record record;
	int rc;

	record_empty(&record);
	rc = record_load_head(&record, uuid);
	if (!rc && record.state == RECORD_ENDING && !record_lock(&record, uuid, true)) {
		rc = record_load_head(&record, uuid);
		if (rc == -ENOENT)
			record_remove(&record); /* its lock file was made just now */
	}
	record_free(&record);
	return rc == -ENOENT;
}

/* Names and UUIDs are unique among domains and records. The name lock is held. */
static int check_unique(struct life *life, const struct domain_config *config, struct error *err)
{
	uint8_t uuid[HYPER_UUID_BYTES];
	struct domain_info *list;
	uint16_t domid;
	int rc, n;

	rc = life_lookup(life, config->name, &domid, NULL);
	if (!rc || rc == -ENOTUNIQ)
		return error_set(err, -EEXIST, "there is a domain \"%s\" already (domain %u)",
				 config->name, domid);
	if (rc != -ESRCH)
		return error_errno(err, rc, "cannot look for a domain \"%s\"", config->name);
	if (!record_find_name(config->name, uuid) && !has_ended(uuid))
		return error_set(err, -EEXIST, "a domain \"%s\" is being made or restarted",
				 config->name);
	n = hyper_domain_list_all(life->hyper, &list);
	if (n < 0)
		return error_errno(err, n, "cannot list domains");
	rc = 0;
	for (int i = 0; i < n; i++)
		if (!list[i].dying && !memcmp(list[i].uuid, config->uuid, HYPER_UUID_BYTES))
			rc = error_set(err, -EEXIST, "domain %u has the same UUID", list[i].domid);
	free(list);
	return rc;
}

/* Writes the first record, so that name and UUID are taken. */
static int reserve(struct life *life, struct record *record, struct error *err)
{
	int names = record_lock_names();
	int rc;

	if (names < 0)
		return error_errno(err, names, "cannot lock %s", life_run_directory());
	rc = check_unique(life, &record->config, err);
	if (!rc) {
		rc = record_lock(record, record->config.uuid, false);
		if (rc)
			error_errno(err, rc, "cannot lock the domain's record");
	}
	if (!rc)
		rc = record_save(record, err);
	close(names);
	return rc;
}

static int prepare(struct record *record, const struct domain_config *config, struct error *err)
{
	int rc;

	record_empty(record);
	rc = domain_config_copy(&record->config, config);
	if (rc)
		return error_errno(err, rc, "cannot copy the configuration");
	rc = domain_config_check(&record->config, err);
	if (!rc && !record->config.uuid_given) {
		rc = domain_uuid_generate(record->config.uuid);
		record->config.uuid_given = true;
	}
	return rc;
}

int life_create(struct life *life, const struct domain_config *config,
		const struct life_create_options *options, uint16_t *domid, struct error *err)
{
	struct record record;
	bool reserved = false;
	int rc = prepare(&record, config, err);

	if (!rc) {
		record.state = RECORD_BUILDING;
		record.watch = options->watch;
		rc = reserve(life, &record, err);
		reserved = !rc;
	}
	if (!rc)
		rc = life_build(life, &record, options->quiet ? NULL : options->progress,
				options->progress_arg, err);
	if (!rc) {
		*domid = record.domid;
		if (!options->paused)
			rc = life_unpause(life, record.domid, err);
		if (!rc && options->watch)
			rc = life_watch_start(err);
		if (rc)
			undo(life, &record);
	}
	if (rc && reserved && record.domid == LIFE_DOMID_NONE)
		record_remove(&record);
	record_free(&record);
	return rc;
}

int life_create_dry_run(struct life *life, const struct domain_config *config, struct error *err)
{
	struct builder *builder;
	struct record record;
	int rc = prepare(&record, config, err);

	if (!rc)
		rc = builder_open(&builder, life->hyper, &record.config, err);
	if (!rc) {
		rc = builder_check(builder, err);
		builder_close(builder);
	}
	record_free(&record);
	return rc;
}

int life_destroy(struct life *life, uint16_t domid, struct error *err)
{
	struct record record;
	struct domain_info info;
	int rc;

	if (!domid)
		return error_set(err, -EINVAL, "Domain-0 can't be destroyed");
	rc = hyper_domain_info(life->hyper, domid, &info);
	if (rc)
		return error_set(err, rc, "there is no domain %u", domid);
	record_empty(&record);
	rc = record_lock(&record, info.uuid, true);
	if (rc)
		return error_errno(err, rc, "cannot lock the record of domain %u", domid);
	if (!record_load(&record, info.uuid) && record.domid == domid) {
		record.state = RECORD_ENDING;
		rc = record_save(&record, err);
	}
	if (!rc)
		rc = life_remove_domain(life, domid, info.uuid, err);
	/* Another domain may have the record by now: a restart that was under way. */
	if (!rc && (record.domid == domid || record.domid == LIFE_DOMID_NONE))
		record_remove(&record);
	record_free(&record);
	return rc;
}
