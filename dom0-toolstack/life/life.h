/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Life of guests: create, destroy, shut down, reboot, pause, rename, change CPUs and memory; and
 * the watcher that restarts or removes guests when they stop.
 *
 * State lives in three places: the hypervisor (domains), the store (/local/domain, /vm), and one
 * record for each guest in the run directory (/run/bulkhead/domains/UUID.json). A record is
 * written, with state "building", before its domain exists; so whatever is killed at whatever
 * moment, life_recover() finds what was left behind. life_open() runs it.
 *
 * Functions return 0 or a negative errno, with a sentence in *err (may be NULL).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "hyper/error.h"
#include "hyper/hyper.h"
#include "life/config.h"

struct life;
struct xs_client;

#define LIFE_DOMID_NONE 0xffffu

/* Milliseconds of a clock that nobody sets, for deadlines. */
static inline int64_t life_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * Called on progress of long work: `what` is a short phrase ("memory"), done and total in units of
 * its own; total is 0 where only the beginning of a phase is told.
 */
typedef void (*life_progress_fn)(void *arg, const char *what, uint64_t done, uint64_t total);

/*
 * Opens the hypervisor, the store and the run directory, and cleans up after killed commands
 * (life_recover()). Returns with *out usable, or an error and *out NULL.
 */
int life_open(struct life **out, struct error *err);

/*
 * Likewise, without cleaning up and without needing the store: for commands that only read the
 * hypervisor.
 */
int life_open_readonly(struct life **out, struct error *err);
void life_close(struct life *life);

/* The handles that it uses; they stay its own. The store may be NULL after life_open_readonly(). */
struct hyper *life_hyper(struct life *life);
struct xs_client *life_store(struct life *life);

/* ---- Looking up --------------------------------------------------------- */

/*
 * Domain by id ("3") or by name. -ESRCH: none; -ENOTUNIQ: two domains have that name.
 */
int life_lookup(struct life *life, const char *name_or_id, uint16_t *domid, struct error *err);

/* Name of a domain (malloc; "(null)" is never returned: -ENOENT when it has none). */
int life_name(struct life *life, uint16_t domid, char **name);

/*
 * The description that the guest was built from, changed by later commands. -ENOENT: not built by
 * this toolstack.
 */
int life_config(struct life *life, uint16_t domid, struct domain_config *config, struct error *err);

/* True when the domain is half built or dying and no living process takes care of it. */
bool life_is_building(struct life *life, uint16_t domid);

/* ---- Creating and removing ---------------------------------------------- */

struct life_create_options {
	bool paused;		   /* leave it paused: the caller calls life_unpause() */
	bool watch;		   /* have the watcher act on its end (on_poweroff …) */
	bool quiet;		   /* no progress */
	life_progress_fn progress; /* may be NULL */
	void *progress_arg;
};

/*
 * Builds and starts the guest. The configuration is checked (domain_config_check()) and copied. On
 * error nothing is left: no domain, no store entries, no record. -EEXIST: name or UUID in use;
 * -ENOMEM: not enough memory free. *domid is set on success. The console's ring is in the store
 * (console/ring-ref, console/port) before unpausing.
 */
int life_create(struct life *life, const struct domain_config *config,
		const struct life_create_options *options, uint16_t *domid, struct error *err);

/*
 * What life_create() would do, without doing it: reads the kernel (in its child) and checks the
 * memory available.
 */
int life_create_dry_run(struct life *life, const struct domain_config *config, struct error *err);

/* Kills it and removes all traces. */
int life_destroy(struct life *life, uint16_t domid, struct error *err);

enum life_shutdown_kind {
	LIFE_SHUTDOWN_POWEROFF,
	LIFE_SHUTDOWN_REBOOT,
	LIFE_SHUTDOWN_SUSPEND,
	LIFE_SHUTDOWN_HALT,
};

/*
 * Asks the guest to shut down by control/shutdown. Returns at once. `fallback`: where the guest has
 * no paravirtual control, send the ACPI power event (HVM). -EOPNOTSUPP: it has not announced
 * control/feature-… and no fallback is possible.
 */
int life_shutdown(struct life *life, uint16_t domid, enum life_shutdown_kind kind, bool fallback,
		  struct error *err);

/*
 * Waits until the domain has shut down or is gone. `timeout_ms` < 0: for ever. -ETIMEDOUT. *reason
 * may be NULL; SHUTDOWN_REASON_NONE when it was destroyed.
 */
int life_wait(struct life *life, uint16_t domid, int timeout_ms, enum shutdown_reason *reason,
	      struct error *err);

int life_pause(struct life *life, uint16_t domid, struct error *err);
int life_unpause(struct life *life, uint16_t domid, struct error *err);

/* ---- Changing ----------------------------------------------------------- */

/* -EEXIST: another domain has that name; -EINVAL: not a good name. */
int life_rename(struct life *life, uint16_t domid, const char *name, struct error *err);

/*
 * True when `name` may be a domain's name: 1 … DOMAIN_NAME_MAX of letters, digits, - _ . : +; not
 * only digits.
 */
bool life_name_valid(const char *name);

/*
 * vCPUs 0 … count - 1 online, the others offline (guest does it). -EINVAL: more than it was built
 * with.
 */
int life_set_vcpus(struct life *life, uint16_t domid, uint32_t count, struct error *err);

/* Balloon target. `enforce`: lower the hypervisor's limit as well. -EINVAL: above the maximum. */
int life_set_memory(struct life *life, uint16_t domid, uint64_t kib, bool enforce,
		    struct error *err);
int life_set_max_memory(struct life *life, uint16_t domid, uint64_t kib, struct error *err);
/* Target and maximum as the store has them, in KiB; either may be NULL. */
int life_get_memory(struct life *life, uint16_t domid, uint64_t *target_kib, uint64_t *max_kib,
		    struct error *err);

/* Sends Linux's SysRq `key`. */
int life_sysrq(struct life *life, uint16_t domid, char key, struct error *err);

/* Replaces the recorded description, for the next restart (`xl config-update`). */
int life_set_config(struct life *life, uint16_t domid, const struct domain_config *config,
		    struct error *err);

/* ---- Host --------------------------------------------------------------- */

/*
 * Gives Dom0 its store entries (name Domain-0, domid, memory, control) as far as they are missing:
 * once after the store daemon starts.
 */
int life_init_dom0(struct life *life, struct error *err);

/*
 * Removes what killed commands left: half-built domains, dead domains that nobody watches, store
 * entries of domains that are gone, stale records. Writes what it did to `report` (may be NULL),
 * one call for each. Returns how many were cleaned up.
 */
typedef void (*life_report_fn)(void *arg, const char *what);
int life_recover(struct life *life, life_report_fn report, void *arg, struct error *err);

/* ---- Watching ----------------------------------------------------------- */

/*
 * Starts the watcher daemon unless it runs: one small process for all guests, that holds the lock
 * /run/bulkhead/watch.lock. It keeps no state of its own: what it does follows from the records, so
 * killing it loses nothing.
 */
int life_watch_start(struct error *err);

/*
 * The daemon's body: never returns but on an error (or, with `once`, after one round: for tests).
 */
int life_watch_run(bool once, struct error *err);

/*
 * Message log of the watcher: /var/log/bulkhead/watch.log. Path of the run directory, from
 * $BULKHEAD_RUN or the default.
 */
const char *life_run_directory(void);
