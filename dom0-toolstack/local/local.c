/* SPDX-License-Identifier: BSD-2-Clause */
#include "local/local.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
/* Tests have less patience. */
#ifndef PATIENCE_MS
#define PATIENCE_MS 10000
#endif
#define STEP_MS 20

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static bool answers(const struct sockaddr_un *at)
{
	int fd = new_socket();
	bool taken = fd >= 0 && (!connect(fd, (const struct sockaddr *)at, sizeof(*at)) ||
				 errno == EAGAIN); /* many wait for it */

	if (fd >= 0)
		close(fd);
	return taken;
}

int local_listen(const char *path, mode_t mode)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	for (int waited = 0; answers(&at); waited += STEP_MS) {
		if (waited >= PATIENCE_MS)
			return -EADDRINUSE;
		usleep(STEP_MS * 1000);
	}
	fd = new_socket();
	if (fd < 0)
		return -errno;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || chmod(path, mode) ||
	    listen(fd, BACKLOG)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
