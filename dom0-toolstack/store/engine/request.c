/* SPDX-License-Identifier: BSD-2-Clause */
/* The requests of the protocol: what all have in common, and which function serves which. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "request.h"

#define FLAG_PRIVILEGED (1u << 0) /* for Dom0 only */
#define FLAG_CHANGES	(1u << 1) /* not for read-only connections */
#define FLAG_NO_TX	(1u << 2) /* does not look at the transaction */

static int serve_control(struct request *req)
{
	int err =
		control_serve(req->conn, req->payload, req->len, req->reply, XENSTORE_PAYLOAD_MAX);

	if (!err)
		req->reply_len = strlen(req->reply) + 1;
	return err;
}

static const struct {
	const char *name;
	int (*serve)(struct request *req);
	unsigned int flags;
} requests[] = {
	[XS_CONTROL] = { "CONTROL", serve_control, FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_DIRECTORY] = { "DIRECTORY", serve_directory, 0 },
	[XS_READ] = { "READ", serve_read, 0 },
	[XS_GET_PERMS] = { "GET_PERMS", serve_get_perms, 0 },
	[XS_WATCH] = { "WATCH", serve_watch, FLAG_NO_TX },
	[XS_UNWATCH] = { "UNWATCH", serve_unwatch, FLAG_NO_TX },
	[XS_TRANSACTION_START] = { "TRANSACTION_START", serve_transaction_start, 0 },
	[XS_TRANSACTION_END] = { "TRANSACTION_END", serve_transaction_end, 0 },
	[XS_INTRODUCE] = { "INTRODUCE", serve_introduce,
			   FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_RELEASE] = { "RELEASE", serve_release, FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_GET_DOMAIN_PATH] = { "GET_DOMAIN_PATH", serve_domain_path, FLAG_NO_TX },
	[XS_WRITE] = { "WRITE", serve_write, FLAG_CHANGES },
	[XS_MKDIR] = { "MKDIR", serve_mkdir, FLAG_CHANGES },
	[XS_RM] = { "RM", serve_rm, FLAG_CHANGES },
	[XS_SET_PERMS] = { "SET_PERMS", serve_set_perms, FLAG_CHANGES },
	[XS_IS_DOMAIN_INTRODUCED] = { "IS_DOMAIN_INTRODUCED", serve_is_introduced, FLAG_NO_TX },
	[XS_RESUME] = { "RESUME", serve_resume, FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_SET_TARGET] = { "SET_TARGET", serve_set_target,
			    FLAG_PRIVILEGED | FLAG_CHANGES | FLAG_NO_TX },
	[XS_RESET_WATCHES] = { "RESET_WATCHES", serve_reset_watches, FLAG_NO_TX },
	[XS_DIRECTORY_PART] = { "DIRECTORY_PART", serve_directory_part, 0 },
};

/* Checks what all requests have in common, then serves one. */
static int request_dispatch(struct request *req, const struct xsd_sockmsg *header)
{
	unsigned int flags;

	if ((size_t)header->type >= sizeof(requests) / sizeof(requests[0]) ||
	    !requests[header->type].serve)
		return -ENOSYS;
	flags = requests[header->type].flags;
	if (flags & FLAG_PRIVILEGED && !conn_privileged(req->conn))
		return -EACCES;
	if (flags & FLAG_CHANGES && req->conn->flags & CONN_READONLY)
		return -EROFS;
	if (header->tx_id && !(flags & FLAG_NO_TX)) {
		req->view.tx = tx_find(req->conn, header->tx_id);
		if (!req->view.tx)
			return -ENOENT;
		req->view.root = &req->view.tx->root;
		req->view.deltas = &req->view.tx->deltas;
	}
	if (req->store->log_requests)
		store_log(req->store, "connection %u, domain %u: %s %.*s", req->conn->id,
			  req->conn->domain->domid, requests[header->type].name,
			  (int)strnlen(req->payload, 120), req->payload);
	return requests[header->type].serve(req);
}

static const char *error_name(int err)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (xsd_errors[i].errnum == -err)
			return xsd_errors[i].errstring;
	return "EINVAL";
}

/* Requests that change something answer so when they have nothing else to say. */
static bool answers_ok(uint32_t type)
{
	switch (type) {
	case XS_READ:
	case XS_DIRECTORY:
	case XS_DIRECTORY_PART:
	case XS_GET_PERMS:
		return false;
	default:
		return true;
	}
}

static void answer_send(struct conn *conn, struct xsd_sockmsg *header, size_t len)
{
	struct store *store = conn->store;

	header->len = (uint32_t)len;
	memcpy(store->out, header, sizeof(*header));
	conn_send(conn, store->out, sizeof(*header) + len);
}

void request_answer_delayed(struct conn *conn, const char *text)
{
	size_t len = strlen(text) + 1;

	if (!conn->waiting)
		return;
	memcpy(conn->store->out + sizeof(conn->delayed), text, len);
	answer_send(conn, &conn->delayed, len);
	conn->waiting = false;
	/* What came meanwhile is served now, and if it is broken it is seen to. */
	conn_schedule(conn);
}

void store_control_answer(struct store *store, const char *text)
{
	struct conn *conn;

	list_for_each_entry (conn, &store->conns, link)
		if (!conn->firing)
			request_answer_delayed(conn, text);
}

void request_serve(struct conn *conn, const struct xsd_sockmsg *header, char *payload)
{
	struct store *store = conn->store;
	struct request req;
	struct xsd_sockmsg answer = { header->type, header->req_id, header->tx_id, 0 };
	int err;

	req.conn = conn;
	req.store = store;
	req.payload = payload;
	req.len = header->len;
	req.reply = store->out + sizeof(answer);
	req.reply_len = 0;
	req.view = (struct view) { .root = &store->root };
	req.path_len = 0;
	req.relative = 0;
	store->actor = (uint16_t)conn->domain->domid;
	err = request_dispatch(&req, header);
	store->actor = 0;
	if (conn->firing || err == -EINPROGRESS) {
		conn->delayed = answer;
		conn->waiting = true;
		return;
	}
	if (err) {
		answer.type = XS_ERROR;
		reply_text(&req, error_name(err));
	} else if (!req.reply_len && answers_ok(header->type)) {
		reply_text(&req, "OK");
	}
	answer_send(conn, &answer, req.reply_len);
}
