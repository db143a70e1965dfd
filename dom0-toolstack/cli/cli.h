/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the command line share: the table of commands and their helpers. */
#ifndef BULKHEAD_CLI_CLI_H
#define BULKHEAD_CLI_CLI_H

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
unsigned long need_number(const char *text, unsigned long max);
/* Sizes as xl takes them: MiB without a suffix; k, m, g, t. Returns KiB. */
uint64_t need_size(const char *text);

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
int cmd_uptime(int argc, char **argv), cmd_top(int argc, char **argv);
int cmd_domid(int argc, char **argv), cmd_domname(int argc, char **argv);
int cmd_info(int argc, char **argv), cmd_claims(int argc, char **argv);
int cmd_dmesg(int argc, char **argv), cmd_debug_keys(int argc, char **argv);
int cmd_getenforce(int argc, char **argv), cmd_setenforce(int argc, char **argv);
int cmd_loadpolicy(int argc, char **argv);
int cmd_console(int argc, char **argv), cmd_store_quota(int argc, char **argv);
int cmd_host_config(int argc, char **argv);
int cmd_autostart(int argc, char **argv), cmd_help(int argc, char **argv);

/* Attaches to a guest's console until Ctrl-] or its end (console.c). */
int console_attach(uint16_t domid);

#endif
