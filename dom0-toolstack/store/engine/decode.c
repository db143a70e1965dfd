/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking requests apart: paths, strings, numbers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "request.h"

static const bool name_chars[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true,
	['-'] = true,	      ['_'] = true,	    ['@'] = true,
};

unsigned int path_levels(const char *path, size_t len)
{
	const char *pos = path, *name;
	unsigned int levels = 0;
	size_t name_len;

	while (path_step(&pos, path + len, &name, &name_len))
		levels++;
	return levels;
}

bool path_valid(const char *path, size_t len)
{
	if (!len || path[0] != '/' || len > XENSTORE_ABS_PATH_MAX)
		return false;
	for (size_t i = 1; i < len; i++)
		if (!name_chars[(unsigned char)path[i]] && (path[i] != '/' || path[i - 1] == '/'))
			return false;
	return len == 1 || path[len - 1] != '/';
}

/* Guests' paths have limits of their own; their own folder's path does not count for the length. */
static bool path_within_quota(struct conn *conn, const char *path, size_t len)
{
	size_t home_len;
	char home[32];

	if (conn_privileged(conn))
		return true;
	if (!quota_allows(conn, QUOTA_PATH_LEVELS, path_levels(path, len)))
		return false;
	home_len = (size_t)snprintf(home, sizeof(home), "/local/domain/%u/", conn->domain->domid);
	if (len > home_len && !memcmp(path, home, home_len))
		len -= home_len;
	return quota_allows(conn, QUOTA_PATH_LEN, len);
}

int path_canonical(struct conn *conn, const char *path, char *out, size_t *len, uint32_t *relative)
{
	size_t given = strlen(path), head = 0;

	if (!given)
		return -EINVAL;
	if (path[0] != '/') {
		if (given > XENSTORE_REL_PATH_MAX)
			return -EINVAL;
		head = (size_t)snprintf(out, XENSTORE_ABS_PATH_MAX, "/local/domain/%u/",
					conn->domain->domid);
	}
	if (head + given > XENSTORE_ABS_PATH_MAX)
		return -EINVAL;
	memcpy(out + head, path, given + 1);
	*len = head + given;
	*relative = (uint32_t)head;
	if (!path_valid(out, *len) || !path_within_quota(conn, out, *len))
		return -EINVAL;
	return 0;
}

int split_strings(const char *payload, size_t len, const char **strings, size_t max)
{
	int count = 0;

	if (!len || payload[len - 1])
		return -EINVAL;
	for (size_t pos = 0; pos < len; pos += strlen(payload + pos) + 1) {
		if ((size_t)count == max)
			return -EINVAL;
		strings[count++] = payload + pos;
	}
	return count;
}

int parse_number(const char *text, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned int digit = (unsigned int)(*text - '0');

		if (digit > 9 || value > (max - digit) / 10)
			return -EINVAL;
		value = value * 10 + digit;
	}
	*number = value;
	return 0;
}

int take_path(struct request *req)
{
	const char *path;

	if (split_strings(req->payload, req->len, &path, 1) != 1)
		return -EINVAL;
	return path_canonical(req->conn, path, req->path, &req->path_len, &req->relative);
}

int take_path_front(struct request *req, const char **rest, size_t *rest_len)
{
	size_t len = strnlen(req->payload, req->len);

	if (len == req->len)
		return -EINVAL;
	*rest = req->payload + len + 1;
	*rest_len = req->len - len - 1;
	return path_canonical(req->conn, req->payload, req->path, &req->path_len, &req->relative);
}

void reply_bytes(struct request *req, const void *bytes, size_t len)
{
	memcpy(req->reply, bytes, len);
	req->reply_len = len;
}

void reply_text(struct request *req, const char *text)
{
	reply_bytes(req, text, strlen(text) + 1);
}

int take_numbers(struct request *req, uint64_t *numbers, size_t count)
{
	const char *words[4];
	int got = split_strings(req->payload, req->len, words, 4);

	if (got < (int)count)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (parse_number(words[i], i ? UINT64_MAX / 2 : DOMID_MAX, &numbers[i]))
			return -EINVAL;
	return 0;
}

int check_usage(struct request *req, uint64_t nodes, uint64_t memory)
{
	uint64_t have_nodes, have_memory;

	if (conn_privileged(req->conn))
		return 0;
	view_usage(&req->view, req->conn->domain, &have_nodes, &have_memory);
	if (nodes && !quota_allows(req->conn, QUOTA_NODES, have_nodes + nodes))
		return -ENOSPC;
	return quota_allows(req->conn, QUOTA_MEMORY, have_memory + memory) ? 0 : -ENOSPC;
}
