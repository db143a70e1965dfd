/* SPDX-License-Identifier: BSD-2-Clause */
/* What the life cycle's files share. */
#pragma once

#include "life/life.h"
#include "life/record.h"
#include "xsclient/xsclient.h"

#define STORE_PATH_MAX 256
#define DOMID_PATHS    32752u /* domain ids are below this */

struct life {
	struct hyper *hyper;
	struct xs_client *store; /* NULL: read-only handle without a store */
};

/* ---- Store entries of a domain (store.c) ---- */

/* What the guest's entries say beyond its description. */
struct store_rings {
	uint64_t store_gfn, console_gfn;
	uint32_t store_port, console_port;
};

/*
 * Entries of a new domain, before it is filled: names, folders with their permissions, CPUs,
 * memory.
 */
int store_add_domain(struct life *life, const struct domain_config *config, uint16_t domid,
		     struct error *err);
/* Console and store rings; and introduces the domain to the store. */
int store_add_rings(struct life *life, uint16_t domid, const struct store_rings *rings,
		    struct error *err);
/* Removes all entries of a domain, as far as they are there; `uuid` may be NULL. Negative errno. */
int store_remove_domain(struct life *life, uint16_t domid, const uint8_t *uuid);

/* "/local/domain/N/FORMAT" */
void store_path(char path[STORE_PATH_MAX], uint16_t domid, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Reads a node below the domain's folder: malloc, or NULL. */
char *store_read(struct life *life, uint16_t domid, const char *node);
/* Writes one; -ENODEV without a store. */
int store_write(struct life *life, uint16_t domid, const char *node, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Ids of the domains that have a folder in the store, as bits; `set` has DOMID_PATHS bits. Negative
 * errno.
 */
int store_domains(struct life *life, uint8_t *set);

/* ---- Devices (devices.c) ---- */

int devices_add(struct life *life, const struct domain_config *config, uint16_t domid,
		struct error *err);
/* Waits until back ends have taken the devices up. */
int devices_wait(struct life *life, const struct domain_config *config, uint16_t domid,
		 struct error *err);
int devices_remove(struct life *life, uint16_t domid);
/* Number of a virtual disk ("xvda1"); negative errno. */
int devices_disk_number(const char *vdev);

/* ---- Building and ending (create.c) ---- */

/*
 * Builds a guest for which `record` is held, its state being RECORD_BUILDING or RECORD_RESTARTING;
 * the record is saved as it proceeds. On failure domain and store entries are gone, and
 * record->domid is LIFE_DOMID_NONE; where they could not be removed it is not, and the record must
 * stay, so that the next command finishes. The record is left to the caller.
 */
int life_build(struct life *life, struct record *record, life_progress_fn progress, void *arg,
	       struct error *err);

/* Ends a domain and removes its store entries. 0 also when there is no such domain. */
int life_remove_domain(struct life *life, uint16_t domid, const uint8_t *uuid, struct error *err);

/* A guest that stops again within this time waits for the rest of it. Only tests change it. */
extern int life_restart_pause_s;

/* As life_recover(); *watched says whether a record asks for the watcher. */
int life_recover_all(struct life *life, life_report_fn report, void *arg, bool *watched,
		     struct error *err);

/* The domain that has a UUID, or -ESRCH. Domain-0 is not looked at. */
int life_find_uuid(struct life *life, const uint8_t *uuid, struct domain_info *info);

/* What the watcher does about one record whose domain stopped; `record` is held. */
int life_act(struct life *life, struct record *record, struct error *err);
