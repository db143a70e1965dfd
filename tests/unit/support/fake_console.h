/* SPDX-License-Identifier: BSD-2-Clause */
/* What the console daemon stands on: a store, grants, foreign memory and event channels. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/console.h>

#define GUESTS 4

extern struct fake_guest {
	bool introduced, by_grant;
	const char *missing;		     /* this entry in the store is; NULL: none */
	bool no_page, no_memory, no_channel; /* what fails when the guest is taken up */
	struct xencons_interface ring;
	int events[2]; /* a byte for each event that waits */
	unsigned int notified, unmasked, unmapped;
} fakes[GUESTS];

extern struct fake_console {
	unsigned int queued;	   /* events that the client has read already */
	bool released_during_scan; /* guest 1 goes while the daemon asks the store */
	bool no_directory, no_events, no_hypervisor, no_store, store_gone;
	const char *no_watch; /* what can't be watched */
} fake_console;

extern int store_event[2]; /* a byte for each event of the store that waits */

/* Guests 1, with a granted page, and 2. */
int fake_console_open(void);
void fake_console_close(void);
