/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be done to a running guest. */
#include "life/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLACK_KIB 1024u /* as the builder adds to the memory limit */
#define POLL_MS	  1000

static int find(struct life *life, uint16_t domid, struct domain_info *info, struct error *err)
{
	int rc = hyper_domain_info(life->hyper, domid, info);

	return rc ? error_errno(err, rc, "there is no domain %u (xl list shows all)", domid) : 0;
}

int life_pause(struct life *life, uint16_t domid, struct error *err)
{
	int rc = hyper_domain_pause(life->hyper, domid);

	return rc ? error_errno(err, rc, "cannot pause domain %u", domid) : 0;
}

int life_unpause(struct life *life, uint16_t domid, struct error *err)
{
	int rc;

	if (life_is_building(life, domid))
		return error_set(err, -EBUSY, "domain %u is not complete yet", domid);
	rc = hyper_domain_unpause(life->hyper, domid);
	return rc ? error_errno(err, rc, "cannot unpause domain %u", domid) : 0;
}

static const char *const shutdown_words[] = { "poweroff", "reboot", "suspend", "halt" };

/* True when the guest says that it listens to this word. */
static bool announces(struct life *life, uint16_t domid, const char *word)
{
	char node[64], *value;
	bool yes;

	snprintf(node, sizeof(node), "control/feature-%s", word);
	value = store_read(life, domid, node);
	yes = value && !strcmp(value, "1");
	free(value);
	return yes;
}

int life_shutdown(struct life *life, uint16_t domid, enum life_shutdown_kind kind, bool fallback,
		  struct error *err)
{
	const char *word = shutdown_words[kind];
	struct domain_info info;
	int rc;

	if (!domid)
		return error_set(err, -EINVAL, "Domain-0 is shut down from within");
	rc = find(life, domid, &info, err);
	if (rc)
		return rc;
	if (info.shutdown || info.dying)
		return 0;
	if (announces(life, domid, word)) {
		rc = store_write(life, domid, "control/shutdown", "%s", word);
		return rc ? error_errno(err, rc, "cannot ask domain %u to shut down", domid) : 0;
	}
	if (!fallback)
		return error_set(err, -EOPNOTSUPP,
				 "domain %u does not listen to %s requests (not booted yet, or no "
				 "driver); wait, or use -F, or xl destroy",
				 domid, word);
	rc = hyper_domain_trigger(
		life->hyper, domid,
		kind == LIFE_SHUTDOWN_REBOOT ? DOMAIN_TRIGGER_RESET : DOMAIN_TRIGGER_POWER, 0);
	if (rc)
		return error_errno(err, rc,
				   "domain %u has neither paravirtual control nor an ACPI power "
				   "button; use xl destroy",
				   domid);
	return 0;
}

/* Until the store tells of something, or the time is over. */
static void wait_event(struct life *life, int timeout_ms)
{
	char *path, *token;
	int rc = -ENODEV;

	if (life->store)
		rc = xs_client_next_event(life->store, timeout_ms, &path, &token);
	if (!rc)
		free(path);
	else if (rc != -EAGAIN)
		poll(NULL, 0, timeout_ms); /* there is no store, or it went away */
}

int life_wait(struct life *life, uint16_t domid, int timeout_ms, enum shutdown_reason *reason,
	      struct error *err)
{
	static const char token[] = "life-wait";
	int64_t end = life_now_ms() + timeout_ms;
	uint8_t uuid[HYPER_UUID_BYTES];
	struct domain_info info;
	int rc = find(life, domid, &info, err);

	if (rc)
		return rc;
	memcpy(uuid, info.uuid, sizeof(uuid));
	if (reason)
		*reason = SHUTDOWN_REASON_NONE;
	if (life->store)
		xs_client_watch(life->store, "@releaseDomain", token);
	for (;;) {
		int64_t left = timeout_ms < 0 ? POLL_MS : end - life_now_ms();

		rc = hyper_domain_info(life->hyper, domid, &info);
		if (rc == -ESRCH ||
		    (!rc && (info.dying || memcmp(info.uuid, uuid, sizeof(uuid))))) {
			rc = 0;
			break;
		}
		if (!rc && info.shutdown) {
			if (reason)
				*reason = info.shutdown_reason;
			break;
		}
		if (rc || left <= 0) {
			rc = rc ? rc : -ETIMEDOUT;
			error_errno(err, rc, "domain %u has not shut down", domid);
			break;
		}
		wait_event(life, left < POLL_MS ? (int)left : POLL_MS);
	}
	if (life->store)
		xs_client_unwatch(life->store, "@releaseDomain", token);
	return rc;
}

/*
 * The record of a domain, locked and loaded; `found` is false when it has none, or none that can be
 * read. Its guest may be another domain by now, whose record it is then.
 */
static int open_record(const struct domain_info *info, struct record *record, bool *found)
{
	int rc;

	record_empty(record);
	rc = record_lock(record, info->uuid, true);
	if (rc)
		return rc;
	rc = record_load(record, info->uuid);
	*found = !rc && record->domid == info->domid;
	if (rc == -ENOENT)
		record_remove(record); /* its lock file was made just now */
	return rc == -ENOENT || rc == -EINVAL ? 0 : rc;
}

static int write_name(struct life *life, const struct domain_info *info, const char *name)
{
	char path[STORE_PATH_MAX], uuid[37];
	int rc = store_write(life, info->domid, "name", "%s", name);

	if (rc)
		return rc;
	domain_uuid_format(info->uuid, uuid);
	snprintf(path, sizeof(path), "/vm/%s/name", uuid);
	return xs_client_write(life->store, XS_CLIENT_NO_TX, path, name, strlen(name));
}

/* Whether a domain may get this name: 0, or why not. The name lock is held. */
static int name_is_free(struct life *life, const struct domain_info *info, const char *name,
			struct error *err)
{
	uint8_t uuid[HYPER_UUID_BYTES];
	uint16_t other;
	int rc = life_lookup(life, name, &other, err);

	if (!rc || rc == -ENOTUNIQ)
		return error_set(err, -EEXIST, "there is a domain \"%s\" already", name);
	if (rc != -ESRCH)
		return rc;
	/* Its own record has it when a command that renamed it was killed. */
	if (!record_find_name(name, uuid) && memcmp(uuid, info->uuid, sizeof(uuid)))
		return error_set(err, -EEXIST, "a domain \"%s\" is being made or restarted", name);
	return 0;
}

int life_rename(struct life *life, uint16_t domid, const char *name, struct error *err)
{
	struct domain_info info;
	struct record record;
	bool found;
	int names, rc;

	if (!life_name_valid(name))
		return error_set(err, -EINVAL,
				 "\"%s\" is not a good name: 1 to %d letters, digits or - _ . : +, "
				 "not digits only",
				 name, DOMAIN_NAME_MAX);
	rc = find(life, domid, &info, err);
	if (rc)
		return rc;
	names = record_lock_names();
	if (names < 0)
		return error_errno(err, names, "cannot lock %s", life_run_directory());
	rc = name_is_free(life, &info, name, err);
	if (!rc) {
		rc = open_record(&info, &record, &found);
		if (!rc && found) {
			free(record.config.name);
			record.config.name = strdup(name);
			rc = record.config.name ? record_save(&record, err) : -ENOMEM;
		}
		if (!rc)
			rc = write_name(life, &info, name);
		if (rc)
			error_errno(err, rc, "cannot rename domain %u", domid);
		record_free(&record);
	}
	close(names);
	return rc;
}

int life_set_vcpus(struct life *life, uint16_t domid, uint32_t count, struct error *err)
{
	struct domain_info info;
	int rc = find(life, domid, &info, err);

	if (rc)
		return rc;
	if (!count || info.max_vcpu_id == UINT32_MAX || count > info.max_vcpu_id + 1)
		return error_set(err, -EINVAL, "domain %u has room for 1 to %u vCPUs", domid,
				 info.max_vcpu_id + 1);
	for (uint32_t i = 0; i <= info.max_vcpu_id && !rc; i++) {
		const char *word = i < count ? "online" : "offline";
		char node[64], *old;

		snprintf(node, sizeof(node), "cpu/%u/availability", i);
		old = store_read(life, domid, node);
		/* Each write wakes the guest up: only what changes is written. */
		if (!old || strcmp(old, word))
			rc = store_write(life, domid, node, "%s", word);
		free(old);
	}
	return rc ? error_errno(err, rc, "cannot tell domain %u", domid) : 0;
}

int life_get_memory(struct life *life, uint16_t domid, uint64_t *target_kib, uint64_t *max_kib,
		    struct error *err)
{
	struct domain_config config;
	struct domain_info info;
	char path[STORE_PATH_MAX];
	uint64_t target = 0, max = 0;
	int rc = find(life, domid, &info, err);

	if (rc)
		return rc;
	store_path(path, domid, "memory/target");
	if (!life->store || xs_client_read_u64(life->store, XS_CLIENT_NO_TX, path, &target))
		target = info.total_pages * 4;
	store_path(path, domid, "memory/static-max");
	if (!life->store || xs_client_read_u64(life->store, XS_CLIENT_NO_TX, path, &max))
		max = info.max_pages * 4;
	if (domid && !life_config(life, domid, &config, NULL)) {
		max = config.maxmem_kib;
		domain_config_free(&config);
	}
	if (target_kib)
		*target_kib = target;
	if (max_kib)
		*max_kib = max;
	return 0;
}

int life_set_memory(struct life *life, uint16_t domid, uint64_t kib, bool enforce,
		    struct error *err)
{
	struct domain_info info;
	uint64_t max;
	int rc = find(life, domid, &info, err);

	if (!rc)
		rc = life_get_memory(life, domid, NULL, &max, err);
	if (rc)
		return rc;
	if (!kib || kib > max)
		return error_set(
			err, -EINVAL,
			"domain %u can have 1 to %llu MiB (its maximum: maxmem=, xl mem-max)",
			domid, (unsigned long long)max / 1024);
	/* Up before the guest grows; down only when asked to. */
	if (enforce || kib + SLACK_KIB > info.max_pages * 4) {
		rc = hyper_domain_set_max_memory(life->hyper, domid, kib + SLACK_KIB);
		if (rc)
			return error_errno(err, rc, "cannot set the memory limit of domain %u",
					   domid);
	}
	rc = store_write(life, domid, "memory/target", "%llu", (unsigned long long)kib);
	return rc ? error_errno(err, rc, "cannot tell domain %u", domid) : 0;
}

int life_set_max_memory(struct life *life, uint16_t domid, uint64_t kib, struct error *err)
{
	struct domain_info info;
	struct record record;
	bool found = false;
	int rc = find(life, domid, &info, err);

	if (rc)
		return rc;
	if (kib < info.total_pages * 4 / 2 && kib < 2048)
		return error_set(err, -EINVAL, "%llu KiB are too little", (unsigned long long)kib);
	rc = hyper_domain_set_max_memory(life->hyper, domid, kib + SLACK_KIB);
	if (rc)
		return error_errno(err, rc, "cannot set the memory limit of domain %u", domid);
	if (!domid) {
		rc = store_write(life, domid, "memory/static-max", "%llu", (unsigned long long)kib);
		return rc ? error_errno(err, rc, "cannot write the maximum of domain 0") : 0;
	}
	rc = open_record(&info, &record, &found);
	if (!rc && found) {
		record.config.maxmem_kib = kib;
		rc = record_save(&record, err);
	} else if (rc) {
		error_errno(err, rc, "cannot change the record of domain %u", domid);
	}
	record_free(&record);
	return rc;
}

int life_sysrq(struct life *life, uint16_t domid, char key, struct error *err)
{
	struct domain_info info;
	int rc = find(life, domid, &info, err);

	if (rc)
		return rc;
	rc = store_write(life, domid, "control/sysrq", "%c", key);
	return rc ? error_errno(err, rc, "cannot tell domain %u", domid) : 0;
}
