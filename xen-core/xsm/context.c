/* SPDX-License-Identifier: BSD-2-Clause */
/* Security contexts: validity, comparison, text ("user:role:type:s0:c0.c3,c5-s1"). */
#include "policy.h"
#include "lib/printk.h"
#include "lib/string.h"

const enum policy_symbols context_table[CONTEXT_PARTS] = { SYM_USERS, SYM_ROLES, SYM_TYPES };

bool level_dominates(const struct mls_level *a, const struct mls_level *b)
{
	uint32_t i;

	if (a->sens < b->sens)
		return false;
	for (i = 0; i < POLICY_CAT_WORDS; i++)
		if (b->cat[i] & ~a->cat[i])
			return false;
	return true;
}

/* A level has at most the categories that go with its sensitivity. */
static bool level_valid(const struct policy *p, const struct mls_level *l)
{
	return l->sens && l->sens <= p->sym[SYM_LEVELS].nprim &&
	       level_dominates(&p->level[l->sens], l);
}

bool range_valid(const struct policy *p, const struct mls_range *r)
{
	return level_valid(p, &r->low) && level_valid(p, &r->high) &&
	       level_dominates(&r->high, &r->low);
}

bool context_valid(const struct policy *p, const struct context *c)
{
	const struct mls_range *u;
	uint32_t i;

	for (i = 0; i < CONTEXT_PARTS; i++)
		if (!c->part[i] || c->part[i] > p->sym[context_table[i]].nprim)
			return false;
	if (p->type[c->type].attribute)
		return false;
	if (c->role != OBJECT_R && (!ebitmap_get(&p->role[c->role].types, c->type - 1) ||
				    !ebitmap_get(&p->user[c->user].roles, c->role - 1)))
		return false;
	u = &p->user[c->user].range;
	return !p->mls || (range_valid(p, &c->range) &&
			   (c->role == OBJECT_R || (level_dominates(&c->range.low, &u->low) &&
						    level_dominates(&u->high, &c->range.high))));
}

bool context_of_type(const struct policy *p, uint32_t type, struct context *c)
{
	*c = (struct context) { .type = type };
	for (c->user = 1; c->user <= p->sym[SYM_USERS].nprim; c->user++) {
		c->range = p->user[c->user].range;
		for (c->role = p->sym[SYM_ROLES].nprim; c->role; c->role--)
			if (context_valid(p, c))
				return true;
	}
	return false;
}

bool context_equal(const struct context *a, const struct context *b)
{
	return !memcmp(a->part, b->part, sizeof(a->part)) &&
	       !memcmp(&a->range, &b->range, sizeof(a->range));
}

/* The value of the name that @text starts with, up to one of @ends; moves @text to that. */
static uint32_t parse_name(const struct symtab *t, const char **text, const char *ends)
{
	size_t n = 0;
	uint32_t value;

	while ((*text)[n] && !strchr(ends, (*text)[n]))
		n++;
	value = n ? symbol_find(t, *text, n) : 0;
	*text += n;
	return value;
}

/* "c1,c3.c5"; false when it is wrong. */
static bool parse_cats(const struct policy *p, const char **text, struct mls_level *l)
{
	const struct symtab *cats = &p->sym[SYM_CATS];
	uint32_t from, to;

	do {
		(*text)++;
		from = to = parse_name(cats, text, ".,-");
		if (**text == '.') {
			(*text)++;
			to = parse_name(cats, text, ",-");
		}
		if (!from || to < from)
			return false;
		for (; from <= to; from++)
			set_bit(from - 1, l->cat);
	} while (**text == ',');
	return true;
}

static bool parse_level(const struct policy *p, const char **text, struct mls_level *l)
{
	l->sens = parse_name(&p->sym[SYM_LEVELS], text, ":-");
	return l->sens && (**text != ':' || parse_cats(p, text, l));
}

static bool parse_range(const struct policy *p, const char **text, struct mls_range *r)
{
	if (!parse_level(p, text, &r->low))
		return false;
	r->high = r->low;
	if (**text != '-')
		return true;
	(*text)++;
	memset(&r->high, 0, sizeof(r->high));
	return parse_level(p, text, &r->high);
}

int context_parse(const struct policy *p, const char *text, struct context *c)
{
	uint32_t i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < CONTEXT_PARTS; i++) {
		if (i && *text)
			text++;
		c->part[i] = parse_name(&p->sym[context_table[i]], &text, ":");
	}
	if (p->mls && (!*text || (text++, !parse_range(p, &text, &c->range))))
		return -EINVAL;
	return *text || !context_valid(p, c) ? -EINVAL : 0;
}

struct text {
	char *buf;
	size_t size, len; /* len may grow beyond size */
};

static void put(struct text *t, const char *before, const char *name)
{
	size_t at = min(t->len, t->size);

	t->len += (size_t)snprintk(t->buf + at, t->size - at, "%s%s", before, name);
}

static void put_level(const struct policy *p, struct text *t, const char *before,
		      const struct mls_level *l)
{
	const char *separator = ":";
	uint32_t cats = p->sym[SYM_CATS].nprim, i, end;

	put(t, before, p->sym[SYM_LEVELS].name[l->sens]);
	for (end = 0; (i = find_next_bit(l->cat, cats, end)) < cats;) {
		for (end = i; end < cats && test_bit(end, l->cat); end++)
			;
		put(t, separator, p->sym[SYM_CATS].name[i + 1]);
		if (end > i + 1)
			put(t, end > i + 2 ? "." : ",", p->sym[SYM_CATS].name[end]);
		separator = ",";
	}
}

size_t context_print(const struct policy *p, const struct context *c, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	uint32_t i;

	for (i = 0; i < CONTEXT_PARTS; i++)
		put(&t, i ? ":" : "", p->sym[context_table[i]].name[c->part[i]]);
	if (p->mls) {
		put_level(p, &t, ":", &c->range.low);
		if (memcmp(&c->range.low, &c->range.high, sizeof(c->range.low)))
			put_level(p, &t, "-", &c->range.high);
	}
	return t.len;
}
