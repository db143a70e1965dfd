/* SPDX-License-Identifier: BSD-2-Clause */
/* A request being served, and what the files that serve requests share. */
#pragma once

#include "internal.h"

/* A request being served. */
struct request {
	struct conn *conn;
	struct store *store;
	const char *payload; /* a NUL follows it */
	size_t len;
	char *reply; /* XENSTORE_PAYLOAD_MAX bytes */
	size_t reply_len;
	struct view view;
	char path[XENSTORE_ABS_PATH_MAX + 1]; /* canonical; NUL-ended */
	size_t path_len;
	uint32_t relative;
};

/* Decoding (decode.c). They return 0 or -EINVAL. */
/* Takes the path of a request whose whole payload is one string. */
int take_path(struct request *req);
/* Takes the path at the front of the payload; *rest is what follows it. */
int take_path_front(struct request *req, const char **rest, size_t *rest_len);
/* Takes the numbers of which a payload consists; the first is a domain's. */
int take_numbers(struct request *req, uint64_t *numbers, size_t count);
void reply_bytes(struct request *req, const void *bytes, size_t len);
void reply_text(struct request *req, const char *text);
/* Whether the connection may own that much more, as far as this view knows: 0 or -ENOSPC. */
int check_usage(struct request *req, uint64_t nodes, uint64_t memory);

/* Requests about nodes (request_node.c). */
int serve_read(struct request *req);
int serve_write(struct request *req);
int serve_mkdir(struct request *req);
int serve_rm(struct request *req);
int serve_directory(struct request *req);
int serve_directory_part(struct request *req);
int serve_get_perms(struct request *req);
int serve_set_perms(struct request *req);

/* Requests about watches, transactions and domains (request_domain.c). */
int serve_watch(struct request *req);
int serve_unwatch(struct request *req);
int serve_reset_watches(struct request *req);
int serve_transaction_start(struct request *req);
int serve_transaction_end(struct request *req);
int serve_introduce(struct request *req);
int serve_release(struct request *req);
int serve_resume(struct request *req);
int serve_set_target(struct request *req);
int serve_is_introduced(struct request *req);
int serve_domain_path(struct request *req);
