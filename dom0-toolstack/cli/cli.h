/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the command line share: the table of commands and their helpers. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "life/life.h"

struct command {
	const char *name;
	const char *usage; /* behind "xl NAME" */
	const char *help;  /* one line */
	const char *more;  /* further lines for --help; may be NULL */
	int (*run)(int argc, char **argv);
	const char *why_not; /* run is NULL: not offered, and why */
};

extern const struct command commands[];
extern const unsigned int n_commands;

/* ---- run-time state of one invocation ---- */

extern bool dry_run; /* -n, --dry-run, -N */
extern bool json;    /* --json */
extern bool verbose; /* -v before the command */
extern const struct command *current;

/* The open life cycle; exits with a message when it can't be had. */
struct life *need_life(void);
/* The same without the store (host information). */
struct life *need_host(void);

/* Prints "xl: text" and returns EXIT_FAILURE. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int fail_error(const struct error *err);

/* With --dry-run prints "would " and the text, and returns true. */
bool would(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Domain by name or id; exits with a message when there is none. */
uint16_t need_domain(const char *name_or_id);
/* Its name, or "(null)" (static storage of the call's own; valid until the next two calls). */
const char *domain_name(uint16_t domid);

/*
 * getopt_long with what all commands take: -h/--help, -n/--dry-run where `changes`, --json. Returns
 * as getopt_long does. `shorts` and the letters are the command's own.
 */
int next_option(int argc, char **argv, const char *shorts, bool changes);
/* Checks that from `least` to `most` arguments are left; exits with the usage else. */
void need_args(int argc, int least, int most);
/* Both for a command that has no options of its own. */
void no_options(int argc, char **argv, bool changes, int least, int most);
unsigned long need_number(const char *text, unsigned long max);
/* Sizes as xl takes them: MiB without a suffix; k, m, g, t. Returns KiB. */
uint64_t need_size(const char *text);
/* The same without exiting: -EINVAL. */
int parse_size(const char *text, uint64_t *kib);

void print_json(struct json_object *object);
void print_command_help(const struct command *command);

/* ---- commands, by file ---- */
int cmd_create(int argc, char **argv), cmd_config_check(int argc, char **argv);
int cmd_pause(int argc, char **argv), cmd_unpause(int argc, char **argv);
int cmd_shutdown(int argc, char **argv), cmd_reboot(int argc, char **argv);
int cmd_destroy(int argc, char **argv), cmd_rename(int argc, char **argv);
int cmd_sysrq(int argc, char **argv), cmd_trigger(int argc, char **argv);
int cmd_vcpu_set(int argc, char **argv), cmd_vcpu_pin(int argc, char **argv);
int cmd_mem_set(int argc, char **argv), cmd_mem_max(int argc, char **argv);
int cmd_sched_credit2(int argc, char **argv);
int cmd_list(int argc, char **argv), cmd_vcpu_list(int argc, char **argv);
int cmd_vm_list(int argc, char **argv);
int cmd_uptime(int argc, char **argv), cmd_top(int argc, char **argv);
int cmd_domid(int argc, char **argv), cmd_domname(int argc, char **argv);
int cmd_info(int argc, char **argv), cmd_claims(int argc, char **argv);
int cmd_dmesg(int argc, char **argv), cmd_debug_keys(int argc, char **argv);
int cmd_getenforce(int argc, char **argv), cmd_setenforce(int argc, char **argv);
int cmd_loadpolicy(int argc, char **argv);
int cmd_console(int argc, char **argv), cmd_store_quota(int argc, char **argv);
int cmd_host_config(int argc, char **argv);
int cmd_autostart(int argc, char **argv), cmd_host_stop(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* ---- what files share ---- */

/*
 * Reads a guest's FILE (NULL: none) and KEY=VALUE overrides. 0, or a negative errno with a message
 * in *err and nothing in *config.
 */
int load_config(const char *file, char **overrides, int n, struct domain_config *config,
		struct error *err);
/* Progress of long work on a terminal, for life_create(). */
void show_progress(void *arg, const char *what, uint64_t done, uint64_t total);

/* The domains that the arguments name, or all: *out is for free(). Exits on errors. */
int chosen(int argc, char **argv, struct domain_info **out);
/* What `xl list --json` tells of a domain; `whole`: its description as well. */
struct json_object *domain_json(const struct domain_info *d, bool whole);
/* State as `xl list` shows it ("rb----"), size in MiB, label ("-": none; of the call's own). */
void state_letters(const struct domain_info *d, char out[7]);
uint64_t memory_mib(const struct domain_info *d);
const char *label_of(const struct domain_info *d);

/* Settings of the host: bulkhead.conf(5), or an older xend-config.sxp (host_config.c). */
struct host_config {
	uint64_t memory_kib;	   /* 0: leave as it is */
	uint32_t vcpus;		   /* 0: leave as it is */
	uint32_t shutdown_seconds; /* that guests have to end when the host does */
	char autostart[256];	   /* folder; empty: none */
	char quotas[16][64];	   /* NAME=VALUE, of the store */
	unsigned int n_quotas;
};

/* From @path, or the default place when NULL. Exits with a message when it is wrong. */
void read_host_config(const char *path, struct host_config *out);

/*
 * A guest's console: console_open() joins it (then nothing is lost that the guest writes from now
 * on), console_copy() copies until Ctrl-] or its end and closes. Negative: a message was printed.
 */
int console_open(uint16_t domid);
int console_copy(int fd);
