/* SPDX-License-Identifier: BSD-2-Clause */
/* Cleaning up after killed commands, and Dom0's own store entries. */
#include "life/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct recovery {
	struct life *life;
	struct domain_info *domains;
	int n_domains;
	life_report_fn report;
	void *arg;
	int count;
	bool watched; /* a guest's end is the watcher's business */
};

static void said(struct recovery *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void said(struct recovery *r, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->count++;
	if (r->report)
		r->report(r->arg, text);
}

/*
 * The domain of a guest; one that is dying only when there is no other: it may linger while another
 * domain maps its memory.
 */
static const struct domain_info *by_uuid(const struct recovery *r, const uint8_t *uuid)
{
	const struct domain_info *found = NULL;

	for (int i = 0; i < r->n_domains; i++) {
		const struct domain_info *d = &r->domains[i];

		if (d->domid && !memcmp(d->uuid, uuid, HYPER_UUID_BYTES) &&
		    (!found || found->dying))
			found = d;
	}
	return found;
}

static bool has_domid(const struct recovery *r, uint16_t domid)
{
	for (int i = 0; i < r->n_domains; i++)
		if (r->domains[i].domid == domid)
			return true;
	return false;
}

/* One record, whose lock is free: nobody takes care of it. */
static void recover_record(struct recovery *r, struct record *record)
{
	uint16_t domid = record->domid;
	struct domain_info info;
	struct error err;
	const char *name;
	int rc;

	/* A domain that stopped is the watcher's, and the watcher goes on with a restart. */
	if (record->state == RECORD_RUNNING && by_uuid(r, record->uuid))
		return;
	if (record->state == RECORD_RESTARTING && record->watch)
		return;
	/* The list of domains is older than the lock: the guest may have been made since. */
	rc = life_find_uuid(r->life, record->uuid, &info);
	if (!rc && record->state == RECORD_RUNNING)
		return;
	if (rc && rc != -ESRCH)
		return;
	if (!rc)
		domid = info.domid;
	record_load(record, record->uuid);
	name = record->config.name ? record->config.name : "?";
	if (life_remove_domain(r->life, domid, record->uuid, &err)) {
		said(r, "cannot remove what is left of \"%s\": %s", name, err.text);
		return;
	}
	said(r, "removed what was left of \"%s\"", name);
	record_remove(record);
}

static void recover_records(struct recovery *r)
{
	uint8_t(*uuids)[HYPER_UUID_BYTES];
	int n = record_list(&uuids);

	for (int i = 0; i < n; i++) {
		struct record record;
		int names = -1;

		record_empty(&record);
		/* Between its lock and its record a guest's maker holds the names. */
		if (!record_exists(uuids[i]))
			names = record_lock_names();
		if (!record_lock(&record, uuids[i], false)) {
			int rc = record_load_head(&record, uuids[i]);

			r->watched |= !rc && record.watch;
			if (!rc)
				recover_record(r, &record);
			else if (rc == -EINVAL || (rc == -ENOENT && !by_uuid(r, uuids[i])))
				record_remove(&record);
		}
		record_free(&record);
		if (names >= 0)
			close(names);
	}
	free(uuids);
}

/* Folders of domains that are no more. The list of folders is older than that of domains. */
static void recover_store(struct recovery *r, const uint8_t *folders)
{
	for (uint16_t id = 1; id < DOMID_PATHS; id++) {
		uint8_t uuid[HYPER_UUID_BYTES];
		char *vm;
		int rc;

		if (!(folders[id / 8] >> (id % 8) & 1) || has_domid(r, id))
			continue;
		vm = store_read(r->life, id, "vm");
		if (vm && !strncmp(vm, "/vm/", 4) && !domain_uuid_parse(vm + 4, uuid) &&
		    !by_uuid(r, uuid))
			rc = store_remove_domain(r->life, id, uuid);
		else
			rc = store_remove_domain(r->life, id, NULL);
		free(vm);
		if (!rc)
			said(r, "removed store entries of domain %u, which is gone", id);
	}
}

int life_recover(struct life *life, life_report_fn report, void *arg, struct error *err)
{
	return life_recover_all(life, report, arg, &(bool) { false }, err);
}

int life_recover_all(struct life *life, life_report_fn report, void *arg, bool *watched,
		     struct error *err)
{
	struct recovery r = { .life = life, .report = report, .arg = arg };
	uint8_t folders[DOMID_PATHS / 8];
	int rc = store_domains(life, folders);

	if (rc)
		return error_errno(err, rc, "cannot list the store's domains");
	r.n_domains = hyper_domain_list_all(life->hyper, &r.domains);
	if (r.n_domains < 0)
		return error_errno(err, r.n_domains, "cannot list domains");
	recover_records(&r);
	recover_store(&r, folders);
	free(r.domains);
	*watched = r.watched;
	return r.count;
}

/*
 * Writes a node of Dom0's only where there is none: a restart of the store must not undo what was
 * set.
 */
static int fill_in(struct life *life, const char *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fill_in(struct life *life, const char *node, const char *fmt, ...)
{
	char value[64], *old = store_read(life, 0, node);
	va_list args;

	if (old) {
		free(old);
		return 0;
	}
	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	return store_write(life, 0, node, "%s", value);
}

/* The one CPU pool has a name, which the stock tools ask for. */
static int name_pool(struct life *life)
{
	static const char path[] = "/local/pool/0/name", name[] = "Pool-0";
	char *old;
	int rc = xs_client_read(life->store, XS_CLIENT_NO_TX, path, &old, NULL);

	if (!rc)
		free(old);
	else if (rc == -ENOENT)
		rc = xs_client_write(life->store, XS_CLIENT_NO_TX, path, name, strlen(name));
	return rc;
}

int life_init_dom0(struct life *life, struct error *err)
{
	struct domain_info info;
	char uuid[37];
	int rc = hyper_domain_info(life->hyper, 0, &info);

	if (rc)
		return error_errno(err, rc, "cannot ask the hypervisor about Domain-0");
	domain_uuid_format(info.uuid, uuid);
	rc = name_pool(life);
	if (!rc)
		rc = fill_in(life, "name", "Domain-0");
	if (!rc)
		rc = fill_in(life, "domid", "0");
	if (!rc)
		rc = fill_in(life, "vm", "/vm/%s", uuid);
	if (!rc)
		rc = fill_in(life, "memory/target", "%llu",
			     (unsigned long long)info.total_pages * 4);
	if (!rc)
		rc = fill_in(life, "memory/static-max", "%llu",
			     (unsigned long long)info.total_pages * 4);
	for (uint32_t i = 0; !rc && info.max_vcpu_id != UINT32_MAX && i <= info.max_vcpu_id; i++) {
		char node[64];

		snprintf(node, sizeof(node), "cpu/%u/availability", i);
		rc = fill_in(life, node, "%s", i < info.online_vcpus ? "online" : "offline");
	}
	return rc ? error_errno(err, rc, "cannot write Domain-0's store entries") : 0;
}
