/* SPDX-License-Identifier: BSD-2-Clause */
/* Control commands (XS_CONTROL): quotas, reports, the self-check; others are the host's. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define WORDS_MAX 16

/* The text of an answer as it grows. */
struct answer {
	char *text;
	size_t used, room;
};

static void answer_add(struct answer *answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void answer_add(struct answer *answer, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(answer->text + answer->used, answer->room - answer->used, format, args);
	va_end(args);
	if (len > 0)
		answer->used += (size_t)len;
	if (answer->used >= answer->room)
		answer->used = answer->room - 1;
}

static uint64_t quota_used(const struct domain *domain, enum quota quota, uint64_t events)
{
	switch (quota) {
	case QUOTA_NODES:
		return domain->nodes;
	case QUOTA_WATCHES:
		return domain->watches;
	case QUOTA_TRANSACTIONS:
		return domain->transactions;
	case QUOTA_EVENTS:
		return events;
	case QUOTA_MEMORY:
		return domain->memory;
	default:
		return 0;
	}
}

/* quota: all default limits. */
static int quota_show_defaults(struct conn *conn, struct answer *answer)
{
	for (unsigned int i = 0; i < QUOTA_COUNT; i++)
		answer_add(answer, "%-18s: %8llu %s\n", quota_name((enum quota)i),
			   (unsigned long long)conn->store->quota[i], quota_meaning((enum quota)i));
	return 0;
}

/* quota DOMID: what a domain uses and may use. */
static int quota_show_domain(struct conn *conn, const char *word, struct answer *answer)
{
	struct domain *domain;
	uint64_t domid, events = 0;
	struct conn *other;

	if (parse_number(word, DOMID_MAX, &domid))
		return -EINVAL;
	domain = domain_find(conn->store, (uint32_t)domid);
	if (!domain)
		return -ENOENT;
	list_for_each_entry (other, &conn->store->conns, link)
		events += other->domain == domain ? other->event_count : 0;
	answer_add(answer, "Domain %u:\n", domain->domid);
	for (unsigned int i = 0; i < QUOTA_COUNT; i++)
		answer_add(answer, "%-18s: %8llu of %8llu %s%s\n", quota_name((enum quota)i),
			   (unsigned long long)quota_used(domain, (enum quota)i, events),
			   (unsigned long long)domain_quota(conn->store, domain, (enum quota)i),
			   quota_meaning((enum quota)i),
			   domain->quota_logged & 1u << i ? " (was exceeded)" : "");
	return 0;
}

/* quota set NAME VALUE [DOMID] */
static int quota_set(struct conn *conn, const char **words, int count, struct answer *answer)
{
	struct domain *domain;
	uint64_t value, domid;
	enum quota quota;

	if (count < 4 || count > 5 || store_quota_by_name(words[2], &quota) ||
	    parse_number(words[3], UINT32_MAX, &value))
		return -EINVAL;
	if (count == 4) {
		store_set_quota(conn->store, quota, value);
	} else {
		if (parse_number(words[4], DOMID_MAX, &domid))
			return -EINVAL;
		domain = domain_get_existing(conn->store, (uint32_t)domid);
		if (!domain)
			return -ENOENT;
		domain->quota[quota] = value;
		domain->has_quota |= 1u << quota;
		domain->quota_logged &= ~(1u << quota);
	}
	answer_add(answer, "OK");
	return 0;
}

static int control_quota(struct conn *conn, const char **words, int count, struct answer *answer)
{
	if (count == 1)
		return quota_show_defaults(conn, answer);
	if (!strcmp(words[1], "set"))
		return quota_set(conn, words, count, answer);
	if (count == 2)
		return quota_show_domain(conn, words[1], answer);
	return -EINVAL;
}

static int control_check(struct conn *conn, const char **words, int count, struct answer *answer)
{
	(void)words;
	(void)count;
	answer_add(answer,
		   store_check(conn->store) ? "the store is not in order, see the log" : "OK");
	return 0;
}

static int control_log(struct conn *conn, const char **words, int count, struct answer *answer)
{
	if (count != 2 || (strcmp(words[1], "on") && strcmp(words[1], "off")))
		return -EINVAL;
	conn->store->log_requests = !strcmp(words[1], "on");
	answer_add(answer, "OK");
	return 0;
}

static int control_memreport(struct conn *conn, const char **words, int count,
			     struct answer *answer)
{
	const struct store_stats *stats = &conn->store->stats;

	(void)words;
	(void)count;
	answer_add(answer,
		   "bytes: %llu\nnodes: %llu\nconnections: %llu\nwatches: %llu\n"
		   "transactions: %llu\nrequests: %llu\nconflicts: %llu\n",
		   (unsigned long long)stats->bytes, (unsigned long long)stats->nodes,
		   (unsigned long long)stats->connections, (unsigned long long)stats->watches,
		   (unsigned long long)stats->transactions, (unsigned long long)stats->requests,
		   (unsigned long long)stats->conflicts);
	return 0;
}

static int control_print(struct conn *conn, const char **words, int count, struct answer *answer)
{
	if (count != 2)
		return -EINVAL;
	store_log(conn->store, "%s", words[1]);
	answer_add(answer, "OK");
	return 0;
}

static int control_help(struct conn *conn, const char **words, int count, struct answer *answer);

static const struct {
	const char *name;
	int (*serve)(struct conn *conn, const char **words, int count, struct answer *answer);
	const char *arguments;
} commands[] = {
	{ "check", control_check, "" },
	{ "help", control_help, "" },
	{ "log", control_log, "on|off" },
	{ "memreport", control_memreport, "" },
	{ "print", control_print, "<string>" },
	{ "quota", control_quota, "[<domid> | set <quota> <value> [<domid>]]" },
};

static int control_help(struct conn *conn, const char **words, int count, struct answer *answer)
{
	(void)conn;
	(void)words;
	(void)count;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		answer_add(answer, "%-15s %s\n", commands[i].name, commands[i].arguments);
	answer_add(answer, "%-15s %s\n", "live-update",
		   "-f <file> | -c <command line> | -s [-t <sec>] [-F] | -a");
	return 0;
}

int control_serve(struct conn *conn, const char *payload, size_t len, char *text, size_t room)
{
	struct answer answer = { text, 0, room };
	const struct store_host *host = conn->store->host;
	const char *words[WORDS_MAX];
	int count = split_strings(payload, len, words, WORDS_MAX);

	if (count < 1)
		return -EINVAL;
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(words[0], commands[i].name))
			return commands[i].serve(conn, words, count, &answer);
	return host->control(host->ctx, words, (size_t)count, text, room);
}
