/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store client's connection: sending a request, reading messages, keeping events that arrive
 * while an answer is awaited.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "xsclient_internal.h"

/* Tests have other places. */
#ifndef STORE_ROOT
#define STORE_ROOT ""
#endif
/* and less time */
#ifndef XS_CLIENT_PATIENCE_MS
#define XS_CLIENT_PATIENCE_MS 60000
#endif

/* An event that waits to be taken: `text` holds the path, a NUL, the token, a NUL. */
struct event {
	struct event *next;
	char *text;
};

struct xs_client {
	int fd;
	bool is_socket;
	bool broken; /* the stream is out of step: every further request fails */
	int timeout_ms;
	uint32_t next_req_id;
	struct event *events, **events_tail;
	/* The message that is being read. */
	struct xsd_sockmsg header;
	size_t have; /* bytes of header and payload so far */
	char *payload;
	/* Bytes read ahead from a socket, so that small messages take one read(). */
	size_t ahead_pos, ahead_len;
	char ahead[1024];
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int xs_client_open_fd(int fd, struct xs_client **out)
{
	struct xs_client *client = calloc(1, sizeof(*client));
	struct stat st;

	if (!client)
		return -ENOMEM;
	client->fd = fd;
	client->is_socket = !fstat(fd, &st) && S_ISSOCK(st.st_mode);
	client->timeout_ms = XS_CLIENT_PATIENCE_MS;
	client->events_tail = &client->events;
	*out = client;
	return 0;
}

static int open_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int xs_client_open_path(const char *path, struct xs_client **out)
{
	struct stat st;
	int fd, err;

	if (stat(path, &st))
		return -errno;
	if (S_ISSOCK(st.st_mode)) {
		fd = open_socket(path);
	} else {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	if (fd < 0)
		return fd;
	err = xs_client_open_fd(fd, out);
	if (err)
		close(fd);
	return err;
}

int xs_client_open(struct xs_client **out)
{
	static const char *const places[] = {
		STORE_ROOT "/run/xenstored/socket",
		STORE_ROOT "/var/run/xenstored/socket",
		STORE_ROOT "/dev/xen/xenbus",
		STORE_ROOT "/proc/xen/xenbus",
	};
	const char *chosen = getenv("XENSTORED_PATH");
	int err = -ENOENT;

	if (chosen)
		return xs_client_open_path(chosen, out);
	/*
	 * The socket of a daemon that has died is not passed over: the kernel's device would wait
	 * for the same daemon's answers.
	 */
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && err == -ENOENT; i++)
		err = xs_client_open_path(places[i], out);
	return err;
}

void xs_client_close(struct xs_client *client)
{
	struct event *event;

	if (!client)
		return;
	while ((event = client->events)) {
		client->events = event->next;
		free(event->text);
		free(event);
	}
	free(client->payload);
	close(client->fd);
	free(client);
}

void xs_client_set_timeout(struct xs_client *client, int timeout_ms)
{
	client->timeout_ms = timeout_ms;
}

int xs_client_fd(const struct xs_client *client)
{
	return client->fd;
}

/* Waits until the descriptor is ready; `deadline` is in now_ms() time, -1 means never. */
static int wait_ready(struct xs_client *client, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = client->fd, .events = events };
	int64_t left = -1;
	int rc;

	do {
		if (deadline >= 0) {
			left = deadline - now_ms();
			if (left < 0)
				left = 0;
		}
		rc = poll(&pfd, 1, (int)left);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	return rc ? 0 : -ETIMEDOUT;
}

/* Copies up to `len` bytes of what arrives, at least one. */
static ssize_t read_some(struct xs_client *client, void *to, size_t len, int64_t deadline)
{
	size_t left = client->ahead_len - client->ahead_pos;
	ssize_t got;
	int err;

	if (!left) {
		err = wait_ready(client, POLLIN, deadline);
		if (err)
			return err;
		got = read(client->fd, client->ahead, sizeof(client->ahead));
		if (got < 0 && errno == EINTR)
			return -EINTR;
		if (got <= 0)
			return -EIO;
		client->ahead_pos = 0;
		client->ahead_len = left = (size_t)got;
	}
	if (len > left)
		len = left;
	memcpy(to, client->ahead + client->ahead_pos, len);
	client->ahead_pos += len;
	return (ssize_t)len;
}

/*
 * Goes on reading the current message until it is whole. -ETIMEDOUT leaves it for the next call;
 * any other failure is final.
 */
static int read_message(struct xs_client *client, int64_t deadline)
{
	const size_t head = sizeof(client->header);
	ssize_t got;

	for (;;) {
		if (client->have < head) {
			got = read_some(client, (char *)&client->header + client->have,
					head - client->have, deadline);
		} else {
			if (client->header.len > XENSTORE_PAYLOAD_MAX)
				return -EIO;
			if (!client->payload)
				client->payload = malloc((size_t)client->header.len + 1);
			if (!client->payload)
				return -ENOMEM;
			client->payload[client->header.len] = '\0';
			if (client->have == head + client->header.len)
				return 0;
			got = read_some(client, client->payload + (client->have - head),
					head + client->header.len - client->have, deadline);
		}
		if (got == -EINTR)
			continue;
		if (got < 0)
			return (int)got;
		client->have += (size_t)got;
	}
}

/* Hands over the payload of the message that read_message() completed. */
static char *take_payload(struct xs_client *client)
{
	char *payload = client->payload;

	client->payload = NULL;
	client->have = 0;
	return payload;
}

/* Queues the watch event that has just been read. */
static int keep_event(struct xs_client *client)
{
	const char *middle = memchr(client->payload, '\0', client->header.len);
	struct event *event;

	/* Path and token must both be there; the final NUL is our own when it is missing. */
	if (!middle || middle + 1 > client->payload + client->header.len)
		return -EIO;
	event = calloc(1, sizeof(*event));
	if (!event)
		return -ENOMEM;
	event->text = take_payload(client);
	*client->events_tail = event;
	client->events_tail = &event->next;
	return 0;
}

static struct event *take_event(struct xs_client *client)
{
	struct event *event = client->events;

	if (event) {
		client->events = event->next;
		if (!client->events)
			client->events_tail = &client->events;
	}
	return event;
}

int xs_client_next_event(struct xs_client *client, int timeout_ms, char **path, char **token)
{
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	struct event *event;
	int err;

	while (!(event = take_event(client))) {
		if (client->broken)
			return -EIO;
		err = read_message(client, deadline);
		if (err == -ETIMEDOUT)
			return -EAGAIN;
		if (!err && client->header.type == XS_WATCH_EVENT)
			err = keep_event(client);
		else if (!err)
			err = -EIO; /* an answer that nobody asked for */
		if (err) {
			client->broken = true;
			return err;
		}
	}
	*path = event->text;
	*token = event->text + strlen(event->text) + 1;
	free(event);
	return 0;
}

/* Sends the whole request. The kernel's device wants it in as few writes as it fits in. */
static int send_all(struct xs_client *client, struct iovec *iov, size_t count, int64_t deadline)
{
	struct msghdr msg = { 0 };
	ssize_t sent;
	int err;

	while (count) {
		if (client->is_socket) {
			msg.msg_iov = iov;
			msg.msg_iovlen = count;
			sent = sendmsg(client->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		} else {
			sent = writev(client->fd, iov, (int)count);
		}
		if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
			err = wait_ready(client, POLLOUT, deadline);
			if (err)
				return err;
			continue;
		}
		if (sent < 0)
			return -EIO;
		while (count && (size_t)sent >= iov->iov_len) {
			sent -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (count) {
			iov->iov_base = (char *)iov->iov_base + sent;
			iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

/* The errno value of an error answer, which is a name such as "ENOENT". */
static int decode_error(const char *name)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (!strcmp(name, xsd_errors[i].errstring))
			return -xsd_errors[i].errnum;
	return -EINVAL;
}

/* Reads messages up to the answer to the request `header`, keeping the events among them. */
static int await_answer(struct xs_client *client, const struct xsd_sockmsg *header,
			int64_t deadline)
{
	int err;

	for (;;) {
		err = read_message(client, deadline);
		if (err)
			return err;
		if (client->header.type != XS_WATCH_EVENT)
			break;
		err = keep_event(client);
		if (err)
			return err;
	}
	if (client->header.req_id != header->req_id)
		return -EIO;
	if (client->header.type != header->type && client->header.type != XS_ERROR)
		return -EIO;
	return 0;
}

int xs_client_talk(struct xs_client *client, uint32_t type, xs_client_tx_t tx,
		   const struct xs_piece *pieces, size_t count, char **reply, size_t *reply_len)
{
	int64_t deadline = client->timeout_ms < 0 ? -1 : now_ms() + client->timeout_ms;
	struct xsd_sockmsg header = { .type = type, .tx_id = tx };
	struct iovec iov[8] = { { .iov_base = &header, .iov_len = sizeof(header) } };
	size_t used = 1, len = 0;
	char *payload;
	int err;

	if (client->broken)
		return -EIO;
	if (count >= sizeof(iov) / sizeof(iov[0]))
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].len > XENSTORE_PAYLOAD_MAX - len)
			return -E2BIG;
		len += pieces[i].len;
		iov[used].iov_base = (void *)pieces[i].data;
		iov[used++].iov_len = pieces[i].len;
	}
	header.len = (uint32_t)len;
	header.req_id = client->next_req_id++;

	err = send_all(client, iov, used, deadline);
	if (!err)
		err = await_answer(client, &header, deadline);
	if (err) {
		client->broken = true;
		return err;
	}
	len = client->header.len;
	payload = take_payload(client);
	if (client->header.type == XS_ERROR)
		err = decode_error(payload);
	if (err || !reply) {
		free(payload);
		return err;
	}
	*reply = payload;
	if (reply_len)
		*reply_len = len;
	return 0;
}
