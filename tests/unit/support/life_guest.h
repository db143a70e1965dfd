/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests and their records on the platform of fakes, in a run directory of the test's own. */
#pragma once

#include "life/internal.h"
#include "support/fake_platform.h"

/* The run directory, from the first of these on. Around all tests of a program; each may empty it. */
extern char folder[];
int folder_setup(void **state);
int folder_teardown(void **state);
int folder_empty(void);

/* Its description: 64 MiB, two of three vCPUs. To be freed. */
struct domain_config guest(const char *name);

/*
 * Creates one, of what `change` (may be NULL) makes of its description; `watch`: the watcher acts on
 * its end. Its id: the test fails when it can't.
 */
uint16_t guest_create(struct life *life, const char *name, bool watch,
		      void (*change)(struct domain_config *c));

/* The record of a domain's guest, locked and loaded; */
void record_take(struct record *record, uint16_t domid);
/* written and let go. */
void record_put(struct record *record);
/* Both, with a change in between. */
void record_change(uint16_t domid, enum record_state state, bool watch);

/*
 * Another process that takes the record, does `first` (may be NULL) before this returns, and `then`
 * afterwards.
 */
pid_t record_hold(uint16_t domid, void (*first)(struct record *record),
		  void (*then)(struct record *record));

unsigned int records_left(void);
