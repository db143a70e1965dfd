/* SPDX-License-Identifier: BSD-2-Clause */
#include "console/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void reopen(struct log *log)
{
	struct stat st;

	log->fd = -1;
	if (log->path)
		log->fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			       0600);
	log->size = log->fd >= 0 && !fstat(log->fd, &st) ? (size_t)st.st_size : 0;
}

int log_open(struct log *log, const char *folder, const char *name)
{
	memset(log, 0, sizeof(*log));
	log->fd = -1;
	if (asprintf(&log->path, "%s/guest-%s.log", folder, name) < 0) {
		log->path = NULL;
		return -ENOMEM;
	}
	for (char *c = log->path + strlen(folder) + 1; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.+:", *c))
			*c = '_';
	reopen(log);
	return 0;
}

void log_close(struct log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	log->path = NULL;
	log->fd = -1;
}

static void rotate(struct log *log)
{
	char from[512], to[512];

	if (log->fd >= 0)
		close(log->fd);
	for (int i = LOG_FILES; i > 0; i--) {
		snprintf(to, sizeof(to), "%s.%d", log->path, i);
		if (i > 1)
			snprintf(from, sizeof(from), "%s.%d", log->path, i - 1);
		else
			snprintf(from, sizeof(from), "%s", log->path);
		rename(from, to);
	}
	reopen(log);
}

size_t log_allowance(struct log *log, int64_t now_second)
{
	if (log->second != now_second) {
		log->second = now_second;
		log->spent = 0;
		if (log->fd < 0)
			reopen(log);
	}
	return LOG_RATE - log->spent;
}

void log_charge(struct log *log, size_t n)
{
	log->spent += n < LOG_RATE - log->spent ? n : LOG_RATE - log->spent;
}

void log_write(struct log *log, const char *data, size_t n)
{
	log->spent += n;
	if (log->size + n > LOG_SIZE_MAX)
		rotate(log);
	while (log->fd >= 0 && n) {
		ssize_t done = write(log->fd, data, n);

		if (done <= 0)
			return;
		log->size += (size_t)done;
		data += done;
		n -= (size_t)done;
	}
}
