/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests about watches, transactions and domains. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "request.h"

/*
 * Takes a watch's path, which may be a special one: anything that begins with '@'. Those that mean
 * nothing never fire, those that do are subject to permissions when they fire.
 */
static int take_watch_path(struct request *req, const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '@')
		return path_canonical(req->conn, path, req->path, &req->path_len, &req->relative);
	if (len > XENSTORE_REL_PATH_MAX)
		return -EINVAL;
	memcpy(req->path, path, len + 1);
	req->path_len = len;
	req->relative = 0;
	return 0;
}

int serve_watch(struct request *req)
{
	struct watch *watch;
	const char *words[3];
	uint64_t depth = 0;
	int count, err;

	/* Without a third string, or with an empty one, all levels count. */
	count = split_strings(req->payload, req->len, words, 3);
	if (count < 2 || (count == 3 && words[2][0] && parse_number(words[2], INT32_MAX, &depth)))
		return -EINVAL;
	err = take_watch_path(req, words[0]);
	if (err)
		return err;
	if (watch_find(req->conn, req->path, req->path_len, words[1]))
		return -EEXIST;
	if (!quota_allows(req->conn, QUOTA_WATCHES, req->conn->domain->watches + 1))
		return -E2BIG;
	err = check_usage(req, 0, sizeof(*watch) + req->path_len + strlen(words[1]));
	if (err)
		return err;
	err = watch_add(req->conn, req->path, req->path_len, req->relative, words[1],
			count == 3 && words[2][0] ? (int64_t)depth : -1, &watch);
	if (!err)
		event_add(watch, NULL, 0); /* tells that it is set */
	return err;
}

int serve_unwatch(struct request *req)
{
	const char *words[3];
	struct watch *watch;
	int err;

	if (split_strings(req->payload, req->len, words, 3) < 2)
		return -EINVAL;
	err = take_watch_path(req, words[0]);
	if (err)
		return err;
	watch = watch_find(req->conn, req->path, req->path_len, words[1]);
	if (!watch)
		return -ENOENT;
	watch_remove(watch);
	return 0;
}

int serve_reset_watches(struct request *req)
{
	conn_forget(req->conn);
	return 0;
}

int serve_transaction_start(struct request *req)
{
	struct tx *tx;
	int err;

	if (req->view.tx)
		return -EBUSY;
	err = check_usage(req, 0, sizeof(*tx));
	if (!err)
		err = tx_start(req->conn, &tx);
	if (!err)
		req->reply_len = (size_t)snprintf(req->reply, 16, "%u", tx->id) + 1;
	return err;
}

int serve_transaction_end(struct request *req)
{
	const char *word;

	if (split_strings(req->payload, req->len, &word, 1) != 1 ||
	    (strcmp(word, "T") && strcmp(word, "F")))
		return -EINVAL;
	if (!req->view.tx)
		return -ENOENT;
	if (word[0] == 'T')
		return tx_commit(req->view.tx);
	tx_drop(req->view.tx);
	return 0;
}

int serve_introduce(struct request *req)
{
	const struct store_host *host = req->store->host;
	struct domain *domain;
	uint64_t numbers[3]; /* domain, frame, event channel */
	bool again;
	int err;

	err = take_numbers(req, numbers, 3);
	if (err || !numbers[0] || !numbers[2] || numbers[2] > UINT32_MAX)
		return -EINVAL;
	domain = domain_find(req->store, (uint32_t)numbers[0]);
	again = domain && domain->introduced;
	err = host->introduce(host->ctx, (uint32_t)numbers[0], numbers[1], (uint32_t)numbers[2]);
	if (err)
		return err;
	domain = domain_get(req->store, (uint32_t)numbers[0]);
	if (!domain)
		return -ENOMEM;
	domain->introduced = true;
	domain->shutdown = false;
	if (!again)
		watch_fire_special(req->store, "@introduceDomain", domain->domid);
	else if (domain->conn && domain->conn != req->conn)
		store_conn_reset(domain->conn);
	return 0;
}

/* Takes the one domain that a request names; it must be introduced. */
static int take_domain(struct request *req, struct domain **domain)
{
	uint64_t domid;

	if (take_numbers(req, &domid, 1) || !domid)
		return -EINVAL;
	*domain = domain_find(req->store, (uint32_t)domid);
	return *domain && (*domain)->introduced ? 0 : -ENOENT;
}

int serve_release(struct request *req)
{
	struct domain *domain;
	int err;

	err = take_domain(req, &domain);
	if (!err)
		domain_release(req->store, domain);
	return err;
}

int serve_resume(struct request *req)
{
	struct domain *domain;
	int err;

	err = take_domain(req, &domain);
	if (!err)
		domain->shutdown = false;
	return err;
}

int serve_set_target(struct request *req)
{
	struct domain *domain, *target;
	uint64_t numbers[2];

	if (take_numbers(req, numbers, 2) || !numbers[0] || !numbers[1] || numbers[1] > DOMID_MAX)
		return -EINVAL;
	domain = domain_find(req->store, (uint32_t)numbers[0]);
	target = domain_find(req->store, (uint32_t)numbers[1]);
	if (!domain || !domain->introduced || !target || !target->introduced)
		return -ENOENT;
	domain->has_target = true;
	domain->target = target->domid;
	domain->target_life = target->life;
	return 0;
}

int serve_is_introduced(struct request *req)
{
	const char *word;
	uint64_t domid;
	struct domain *domain;

	if (split_strings(req->payload, req->len, &word, 1) != 1 ||
	    parse_number(word, UINT16_MAX, &domid))
		return -EINVAL;
	domain = domain_find(req->store, (uint32_t)domid);
	/* DOMID_SELF: whoever can ask is connected. */
	reply_text(req, domid == 0x7ff0 || (domain && domain->introduced) ? "T" : "F");
	return 0;
}

int serve_domain_path(struct request *req)
{
	const char *word;
	uint64_t domid;

	if (split_strings(req->payload, req->len, &word, 1) != 1 ||
	    parse_number(word, UINT16_MAX, &domid))
		return -EINVAL;
	req->reply_len =
		(size_t)snprintf(req->reply, 32, "/local/domain/%u", (unsigned int)domid) + 1;
	return 0;
}
