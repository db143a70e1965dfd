/* SPDX-License-Identifier: BSD-2-Clause */
/* The handle, and looking domains up. */
#include "life/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_hyper(struct life *life, struct error *err)
{
	int rc = hyper_open(&life->hyper);

	if (rc == -ENOENT)
		return error_set(err, rc,
				 "no hypervisor to be seen (/dev/xen/privcmd): is this the control "
				 "domain?");
	if (rc)
		return error_errno(err, rc, "cannot open /dev/xen/privcmd");
	return 0;
}

static int open_store(struct life *life, struct error *err)
{
	int rc = xs_client_open(&life->store);

	return rc ? error_errno(err, rc, "cannot reach the store daemon: is it running?") : 0;
}

int life_open(struct life **out, struct error *err)
{
	struct life *life = calloc(1, sizeof(*life));
	bool watched = false;
	int rc;

	*out = NULL;
	if (!life)
		return error_set(err, -ENOMEM, "no memory");
	rc = open_hyper(life, err);
	if (!rc)
		rc = open_store(life, err);
	if (!rc)
		rc = record_init(err);
	if (!rc) {
		rc = life_recover_all(life, NULL, NULL, &watched, err);
		rc = rc < 0 ? rc : 0;
	}
	/* The watcher may have been killed while guests depend on it. */
	if (!rc && watched)
		rc = life_watch_start(err);
	if (rc) {
		life_close(life);
		return rc;
	}
	*out = life;
	return 0;
}

int life_open_readonly(struct life **out, struct error *err)
{
	struct life *life = calloc(1, sizeof(*life));
	int rc;

	*out = NULL;
	if (!life)
		return error_set(err, -ENOMEM, "no memory");
	rc = open_hyper(life, err);
	if (rc) {
		life_close(life);
		return rc;
	}
	(void)open_store(life, NULL);
	*out = life;
	return 0;
}

void life_close(struct life *life)
{
	if (!life)
		return;
	xs_client_close(life->store);
	hyper_close(life->hyper);
	free(life);
}

struct hyper *life_hyper(struct life *life)
{
	return life->hyper;
}

struct xs_client *life_store(struct life *life)
{
	return life->store;
}

int life_name(struct life *life, uint16_t domid, char **name)
{
	*name = store_read(life, domid, "name");
	if (!*name && !domid)
		*name = strdup("Domain-0");
	return *name ? 0 : -ENOENT;
}

static int lookup_name(struct life *life, const char *name, uint16_t *domid, struct error *err)
{
	struct domain_info *list;
	int n = hyper_domain_list_all(life->hyper, &list), found = 0;

	if (n < 0)
		return error_errno(err, n, "cannot list domains");
	for (int i = 0; i < n; i++) {
		char *other;

		if (life_name(life, list[i].domid, &other))
			continue;
		if (!strcmp(other, name)) {
			*domid = list[i].domid;
			found++;
		}
		free(other);
	}
	free(list);
	if (!found)
		return error_set(err, -ESRCH, "there is no domain \"%s\" (xl list shows all)",
				 name);
	if (found > 1)
		return error_set(err, -ENOTUNIQ,
				 "%d domains have the name \"%s\": use the domain's number", found,
				 name);
	return 0;
}

int life_lookup(struct life *life, const char *name_or_id, uint16_t *domid, struct error *err)
{
	struct domain_info info;
	unsigned long id;
	char *end;
	int rc;

	if (strspn(name_or_id, "0123456789") != strlen(name_or_id) || !*name_or_id)
		return lookup_name(life, name_or_id, domid, err);
	errno = 0;
	id = strtoul(name_or_id, &end, 10);
	if (errno || id >= HYPER_DOMID_FIRST_NA)
		return error_set(err, -ESRCH, "there is no domain %s (xl list shows all)",
				 name_or_id);
	rc = hyper_domain_info(life->hyper, (uint16_t)id, &info);
	if (rc)
		return error_set(err, rc, "there is no domain %s (xl list shows all)", name_or_id);
	*domid = (uint16_t)id;
	return 0;
}

int life_config(struct life *life, uint16_t domid, struct domain_config *config, struct error *err)
{
	uint8_t uuid[HYPER_UUID_BYTES];
	struct record record;
	int rc = record_find_domid(domid, uuid);

	(void)life;
	if (rc)
		return error_set(err, rc, "domain %u was not made by this toolstack", domid);
	record_empty(&record);
	rc = record_load(&record, uuid);
	if (rc)
		return error_errno(err, rc, "cannot read the record of domain %u", domid);
	*config = record.config;
	domain_config_init(&record.config);
	record_free(&record);
	return 0;
}

int life_set_config(struct life *life, uint16_t domid, const struct domain_config *config,
		    struct error *err)
{
	uint8_t uuid[HYPER_UUID_BYTES];
	struct domain_config copy;
	struct record record;
	int rc = record_find_domid(domid, uuid);

	(void)life;
	if (rc)
		return error_set(err, rc, "domain %u was not made by this toolstack", domid);
	record_empty(&record);
	rc = record_lock(&record, uuid, true);
	if (!rc)
		rc = record_load(&record, uuid);
	if (!rc)
		rc = domain_config_copy(&copy, config);
	if (rc) {
		error_errno(err, rc, "cannot change the record of domain %u", domid);
	} else {
		memcpy(copy.uuid, uuid, sizeof(copy.uuid));
		domain_config_free(&record.config);
		record.config = copy;
		rc = record_save(&record, err);
	}
	record_free(&record);
	return rc;
}

bool life_is_building(struct life *life, uint16_t domid)
{
	uint8_t uuid[HYPER_UUID_BYTES];
	struct record record;
	bool building;

	(void)life;
	if (record_find_domid(domid, uuid))
		return false;
	record_empty(&record);
	building = !record_load(&record, uuid) && record.state != RECORD_RUNNING;
	record_free(&record);
	return building;
}
