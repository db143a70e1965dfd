/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's console log: a file of limited size, rotated, with a limit on its rate. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LOG_SIZE_MAX (1u << 20) /* bytes, then the next file */
#define LOG_FILES    3		/* older ones that are kept: NAME.log.1 … .3 */
#define LOG_RATE     65536	/* bytes that a guest may write in a second, to log and viewers */

struct log {
	char *path;
	int fd; /* -1: can't be written; tried again each second */
	size_t size;
	int64_t second; /* of CLOCK_MONOTONIC */
	size_t spent;	/* bytes in that second */
};

/* Opens (appends to) `folder`/guest-NAME.log; odd characters of the name become '_'. -ENOMEM. */
int log_open(struct log *log, const char *folder, const char *name);
void log_close(struct log *log);

/* Accounts work that came with no bytes. */
void log_charge(struct log *log, size_t n);

/* How many bytes may be taken from the guest now: 0 until the next second. */
size_t log_allowance(struct log *log, int64_t now_second);

/* Writes and accounts. A full disk loses the bytes, never the daemon. */
void log_write(struct log *log, const char *data, size_t n);
