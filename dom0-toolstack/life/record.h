/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records: one file for each guest in the run directory, and a lock that whoever changes the
 * guest's state holds. A file holds two JSON values, the state and the guest's description.
 *
 * A record that says "building" or "restarting" whose lock is free was left by a killed process.
 * Locks are flock(2) on a file beside the record, so the kernel drops them whatever happens to
 * their holder.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "life/config.h"

enum record_state {
	RECORD_BUILDING,   /* a domain may exist; it is not complete */
	RECORD_RUNNING,	   /* the domain is complete; it may have stopped since */
	RECORD_RESTARTING, /* the old domain goes, or is gone; a new one is to be built */
	RECORD_ENDING,	   /* the domain goes; nothing follows */
};

struct record {
	uint8_t uuid[HYPER_UUID_BYTES];
	enum record_state state;
	uint16_t domid;	 /* LIFE_DOMID_NONE: not known */
	bool watch;	 /* the watcher acts on its end */
	int64_t started; /* seconds since the epoch */
	struct domain_config config;
	int lock; /* descriptor of the lock; -1: not held */
};

/* The run directory's folders, made if they are missing. */
int record_init(struct error *err);

void record_empty(struct record *record);
/* Frees the description and drops the lock. */
void record_free(struct record *record);

/*
 * Takes the lock of a guest. Fills in uuid and lock only. -EBUSY: held by another (with `wait`
 * false).
 */
int record_lock(struct record *record, const uint8_t uuid[HYPER_UUID_BYTES], bool wait);

/*
 * Reads the record (locked or not; the lock member stays). -ENOENT: none; -EINVAL: damaged; others,
 * as -ENOMEM and -EMFILE, say nothing about the record.
 */
int record_load(struct record *record, const uint8_t uuid[HYPER_UUID_BYTES]);

/* The same without the description, which is longer. */
int record_load_head(struct record *record, const uint8_t uuid[HYPER_UUID_BYTES]);

/* Whether there is a record, in whatever state. */
bool record_exists(const uint8_t uuid[HYPER_UUID_BYTES]);

/* Replaces the file as a whole. The lock must be held. */
int record_save(const struct record *record, struct error *err);

/* Removes record and lock, both held; the lock is dropped. */
void record_remove(struct record *record);

/*
 * The UUIDs of all records, and of locks whose record was not written yet (or whose holder was
 * killed before), malloc. Returns how many.
 */
int record_list(uint8_t (**uuids)[HYPER_UUID_BYTES]);

/*
 * Serialises creating and renaming, so that names are unique: a descriptor to close, or negative
 * errno.
 */
int record_lock_names(void);

/* Finds a record by name; fills *uuid. -ENOENT. */
int record_find_name(const char *name, uint8_t uuid[HYPER_UUID_BYTES]);
int record_find_domid(uint16_t domid, uint8_t uuid[HYPER_UUID_BYTES]);
