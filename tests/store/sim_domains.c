/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xenstored-sim: the store daemon with simulated domains, for tests on a machine without Xen.
 *
 * A client of the socket "sim" first writes a 32-bit number. A plain one makes it the connection
 * of the domain of that number; with SIM_GONE or SIM_SHUTDOWN added, that domain is gone or has
 * shut down, and the connection closes. Domains 1 to SIM_DOMID_MAX exist. Never installed: the
 * product's program does not contain this file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"

#define SIM_GONE      0x80000000u
#define SIM_SHUTDOWN  0x40000000u
#define SIM_DOMID_MAX 20000

static struct source listener;

static void sim_ready(struct store_daemon *daemon, struct source *source)
{
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
	struct timeval patience = { .tv_sec = 2 };
	uint32_t number;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (recv(fd, &number, sizeof(number), MSG_WAITALL) != sizeof(number)) {
		close(fd);
		return;
	}
	if (number & (SIM_GONE | SIM_SHUTDOWN)) {
		if (number & SIM_GONE)
			store_domain_gone(daemon->store, number & UINT16_MAX);
		else
			store_domain_shutdown(daemon->store, number & UINT16_MAX);
		close(fd);
		return;
	}
	socket_connect(daemon, fd, number, CONN_DOMAIN);
}

static int sim_start(struct store_daemon *daemon, const struct inherited *inherited)
{
	listener.ready = sim_ready;
	listener.fd = inherited ? inherited->domains_fd : socket_listen_at(daemon, "sim", 0600);
	if (listener.fd < 0)
		return listener.fd;
	fd_keep(listener.fd, false);
	return source_watch(daemon, &listener, false);
}

static bool sim_exists(struct store_daemon *daemon, uint32_t domid)
{
	(void)daemon;
	return domid <= SIM_DOMID_MAX;
}

static int sim_introduce(struct store_daemon *daemon, uint32_t domid, uint64_t gfn, uint32_t port)
{
	(void)daemon;
	(void)gfn;
	(void)port;
	return domid <= SIM_DOMID_MAX ? 0 : -EINVAL;
}

static int sim_adopt(struct store_daemon *daemon, uint32_t domid, const void *saved, size_t len,
		     const struct conn_ops **ops, void **transport)
{
	(void)daemon;
	(void)domid;
	(void)saved;
	(void)len;
	(void)ops;
	(void)transport;
	/* Simulated domains are connected by sockets, which the daemon adopts itself. */
	return -EBADMSG;
}

static void sim_adopted(struct store_daemon *daemon, void *transport, struct conn *conn)
{
	(void)daemon;
	(void)transport;
	(void)conn;
}

static void sim_hand_over(struct store_daemon *daemon, struct inherited *inherited)
{
	(void)daemon;
	inherited->domains_fd = listener.fd;
	fd_keep(listener.fd, true);
}

static const struct domains_backend sim_domains = {
	.start = sim_start,
	.exists = sim_exists,
	.introduce = sim_introduce,
	.adopt = sim_adopt,
	.adopted = sim_adopted,
	.hand_over = sim_hand_over,
};

int main(int argc, char **argv)
{
	return daemon_main(argc, argv, &sim_domains);
}
