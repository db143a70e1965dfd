/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients on Unix sockets. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "local/local.h"

struct socket_client {
	struct source source;
	struct store_daemon *daemon;
	struct conn *conn;
	bool blocked;		    /* room to send is waited for */
	struct socket_client *next; /* in the graveyard */
};

/* What is kept of one over a live update. */
struct saved_socket {
	char kind;
	int32_t fd;
};

int fd_keep(int fd, bool keep)
{
	return fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) ? -errno : 0;
}

static ssize_t client_recv(void *transport, void *to, size_t len)
{
	struct socket_client *client = transport;
	ssize_t got;

	do
		got = recv(client->source.fd, to, len, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return got;
	return got < 0 && errno == EAGAIN ? 0 : -EPIPE;
}

/*
 * Asks to be told of room to send only while there is none: the other side's every read would
 * wake us otherwise.
 */
static int client_block(struct socket_client *client, bool blocked)
{
	if (client->blocked == blocked)
		return 0;
	client->blocked = blocked;
	return source_modify(client->daemon, &client->source, blocked);
}

static ssize_t client_send(void *transport, const void *from, size_t len)
{
	struct socket_client *client = transport;
	ssize_t sent;

	do
		sent = send(client->source.fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN)
		return -EPIPE;
	if (sent < 0)
		sent = 0;
	return client_block(client, (size_t)sent < len) ? -EPIPE : sent;
}

/* The memory is kept to the end of the round: epoll may have reported it already. */
static void client_close(void *transport)
{
	struct socket_client *client = transport;

	close(client->source.fd);
	client->source.fd = -1;
	client->conn = NULL;
	client->next = client->daemon->graveyard;
	client->daemon->graveyard = client;
}

static ssize_t client_save(void *transport, void *to, size_t room)
{
	struct socket_client *client = transport;
	struct saved_socket saved;

	memset(&saved, 0, sizeof(saved));
	saved.kind = SAVED_SOCKET;
	saved.fd = client->source.fd;
	if (room < sizeof(saved))
		return -ENOSPC;
	memcpy(to, &saved, sizeof(saved));
	/* The next program is to find it open. */
	fd_keep(client->source.fd, true);
	return sizeof(saved);
}

static const struct conn_ops client_ops = {
	.recv = client_recv,
	.send = client_send,
	.close = client_close,
	.save = client_save,
};

void sockets_bury(struct store_daemon *daemon)
{
	struct socket_client *client;

	while ((client = daemon->graveyard)) {
		daemon->graveyard = client->next;
		free(client);
	}
}

static void client_ready(struct store_daemon *daemon, struct source *source)
{
	struct socket_client *client = (struct socket_client *)source;

	(void)daemon;
	if (client->conn)
		store_conn_kick(client->conn);
}

static struct socket_client *client_new(struct store_daemon *daemon, int fd)
{
	struct socket_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->daemon = daemon;
	client->source.fd = fd;
	client->source.edge = true;
	client->source.ready = client_ready;
	return client;
}

int socket_connect(struct store_daemon *daemon, int fd, uint32_t domid, unsigned int flags)
{
	struct socket_client *client = client_new(daemon, fd);
	int err;

	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	err = store_connect(daemon->store, domid, flags, &client_ops, client, &client->conn);
	if (err) {
		client_close(client);
		return err;
	}
	err = source_watch(daemon, &client->source);
	if (err)
		store_disconnect(client->conn);
	return err;
}

static void listener_ready(struct store_daemon *daemon, struct source *source)
{
	struct listener *listener = (struct listener *)source;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		socket_connect(daemon, fd, 0, listener->flags);
	} else if ((errno == EMFILE || errno == ENFILE) && daemon->spare_fd >= 0) {
		/* Whom there is no descriptor for is turned away, or would be reported for ever. */
		close(daemon->spare_fd);
		close(accept4(source->fd, NULL, NULL, SOCK_CLOEXEC));
		daemon->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
}

static int listener_start(struct store_daemon *daemon, size_t index, int fd)
{
	struct listener *listener = &daemon->listeners[index];

	if (!index)
		daemon->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	listener->source.fd = fd;
	listener->source.ready = listener_ready;
	listener->flags = index ? CONN_READONLY : 0;
	return source_watch(daemon, &listener->source);
}

int sockets_listen(struct store_daemon *daemon)
{
	static const struct {
		const char *name;
		mode_t mode;
	} places[2] = { { "socket", 0600 }, { "socket_ro", 0660 } };
	char path[PATH_MAX];
	int fd, err;

	if (mkdir(daemon->run_dir, 0755) && errno != EEXIST)
		return -errno;
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", daemon->run_dir, places[i].name);
		fd = local_listen(path, places[i].mode);
		if (fd < 0)
			return fd;
		err = listener_start(daemon, i, fd);
		if (err)
			return err;
	}
	return 0;
}

int sockets_inherit(struct store_daemon *daemon, const struct inherited *inherited)
{
	int err = 0;

	for (size_t i = 0; !err && i < 2; i++) {
		err = fd_keep(inherited->listener[i], false);
		if (!err)
			err = listener_start(daemon, i, inherited->listener[i]);
	}
	return err;
}

void sockets_hand_over(struct store_daemon *daemon, struct inherited *inherited)
{
	for (size_t i = 0; i < 2; i++) {
		inherited->listener[i] = daemon->listeners[i].source.fd;
		fd_keep(inherited->listener[i], true);
	}
}

int socket_adopt(struct store_daemon *daemon, const void *bytes, size_t len,
		 const struct conn_ops **ops, void **transport)
{
	struct socket_client *client;
	struct saved_socket saved;
	struct stat st;

	if (len != sizeof(saved))
		return -EBADMSG;
	memcpy(&saved, bytes, sizeof(saved));
	if (fstat(saved.fd, &st) || !S_ISSOCK(st.st_mode) || fd_keep(saved.fd, false))
		return -EBADMSG;
	client = client_new(daemon, saved.fd);
	if (!client)
		return -ENOMEM;
	*ops = &client_ops;
	*transport = client;
	return 0;
}

void socket_adopted(struct store_daemon *daemon, void *transport, struct conn *conn)
{
	struct socket_client *client = transport;

	client->conn = conn;
	if (source_watch(daemon, &client->source))
		daemon_log(daemon, "a client was lost in the update: no memory");
}
