/* SPDX-License-Identifier: BSD-2-Clause */
/* Permissions: their text form, inheritance, and what they let a connection do. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Whether an entry speaks of the domain that a connection acts for, or of that one's target. */
static bool perm_matches(const struct conn *conn, const struct perm *perm)
{
	const struct domain *domain = conn->domain;

	if (perm->domid == domain->domid && perm->life == domain->life)
		return true;
	return domain->has_target && perm->domid == domain->target &&
	       perm->life == domain->target_life;
}

unsigned int perms_access(const struct conn *conn, const struct perms *perms)
{
	if (conn_privileged(conn) || perm_matches(conn, &perms->list[0]))
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	for (uint32_t i = 1; i < perms->count; i++)
		if (perm_matches(conn, &perms->list[i]))
			return perms->list[i].access;
	return perms->list[0].access;
}

struct perms *perms_inherit(struct conn *conn, struct perms *parent)
{
	struct domain *domain = conn->domain;
	struct perms *perms;

	if (conn_privileged(conn) ||
	    (parent->list[0].domid == domain->domid && parent->list[0].life == domain->life))
		return perms_get(parent);
	perms = perms_new(conn->store, parent->count);
	if (!perms)
		return NULL;
	memcpy(perms->list, parent->list, parent->count * sizeof(parent->list[0]));
	perms->list[0].domid = (uint16_t)domain->domid;
	perms->list[0].life = domain->life;
	return perms;
}

/* Reads one entry: a letter and a domain's number. */
static int perm_parse(struct store *store, const char *word, struct perm *perm)
{
	static const char letters[] = "nrwb";
	const char *letter = word[0] ? strchr(letters, word[0]) : NULL;
	struct domain *domain;
	uint64_t domid;

	if (!letter || parse_number(word + 1, UINT16_MAX, &domid))
		return -EINVAL;
	perm->domid = (uint16_t)domid;
	perm->access = (uint16_t)(letter - letters);
	perm->life = LIFE_NONE;
	if (domid > DOMID_MAX)
		return 0;
	domain = domain_get_existing(store, (uint32_t)domid);
	if (domain)
		perm->life = domain->life;
	return 0;
}

int perms_parse(struct store *store, const char *text, size_t len, struct perms **out)
{
	struct perms *perms;
	size_t count = 0;
	int err = 0;

	if (!len || text[len - 1])
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		count += !text[i];
	perms = perms_new(store, count);
	if (!perms)
		return -ENOMEM;
	for (size_t i = 0; !err && i < count; i++) {
		err = perm_parse(store, text, &perms->list[i]);
		text += strlen(text) + 1;
	}
	/* A node must have an owner who lives. */
	if (!err && perms->list[0].life == LIFE_NONE)
		err = -ENOENT;
	if (err)
		perms_put(store, perms);
	else
		*out = perms;
	return err;
}

/* Writes a number in decimal with a NUL; returns the bytes. */
static size_t number_format(uint32_t number, char *to)
{
	char digits[12];
	size_t n = 0, len;

	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	for (len = 0; n; len++)
		to[len] = digits[--n];
	to[len] = '\0';
	return len + 1;
}

ssize_t perms_format(struct store *store, const struct perms *perms, char *to, size_t room)
{
	size_t used = 0;

	for (uint32_t i = 0; i < perms->count; i++) {
		const struct perm *perm = &perms->list[i];

		/* An entry for a domain that is gone means nobody, so nobody is shown. */
		if (i && !domain_find_life(store, perm->domid, perm->life))
			continue;
		if (room - used < 8)
			return -E2BIG;
		to[used++] = "nrwb"[perm->access & (PERM_READ | PERM_WRITE)];
		used += number_format(perm->domid, to + used);
	}
	return (ssize_t)used;
}
