/* SPDX-License-Identifier: BSD-2-Clause */
/* A binary policy's rules: types, conditionals, roles, ranges, labels of hardware, attributes. */
#include "reader.h"
#include "lib/string.h"

#define RULE_BYTES     12 /* in the file */
#define RULE_BYTES_MIN 8  /* of the shortest kind */

/* @value, of a symbol of table @of, which has just been read in @bytes; 0 when there is none. */
static uint16_t check_symbol(struct reader *r, uint32_t value, enum policy_symbols of, size_t bytes)
{
	if (!value || value > r->p->sym[of].nprim)
		value = reader_fail_at(r, "a rule names a symbol that does not exist",
				       r->pos - bytes);
	return (uint16_t)value;
}

static uint16_t symbol_value(struct reader *r, enum policy_symbols of)
{
	return check_symbol(r, read32(r), of, 4);
}

/* There is room for as many as the rest of the file can have. */
static void add_rule(struct reader *r, const struct rule *rule)
{
	if (!r->failed)
		r->p->rule[r->p->rules++] = *rule;
}

static void read_rule(struct reader *r, uint32_t cond)
{
	struct rule rule = { .cond = cond };
	size_t at = r->pos;

	rule.source = check_symbol(r, read16(r), SYM_TYPES, 2);
	rule.target = check_symbol(r, read16(r), SYM_TYPES, 2);
	rule.tclass = check_symbol(r, read16(r), SYM_CLASSES, 2);
	rule.kind = read16(r) & 0x7fff; /* the top bit: its branch held when the policy was made */
	rule.data = read32(r);
	if (!(rule.kind & (RULE_AV | RULE_TYPE)) || rule.kind & (rule.kind - 1))
		reader_fail_at(r, "a rule is of a kind that does not exist", at + 6);
	if (rule.kind & RULE_TYPE && r->p->type[check_symbol(r, rule.data, SYM_TYPES, 4)].attribute)
		reader_fail_at(r, "a type rule gives an attribute", at + 8);
	add_rule(r, &rule);
}

static void read_rule_list(struct reader *r, uint32_t cond)
{
	uint32_t n = read_count(r, RULE_BYTES);

	while (n-- && !r->failed)
		read_rule(r, cond);
}

static void read_conditionals(struct reader *r)
{
	struct policy *p = r->p;
	uint32_t n = read_count(r, 16), i;

	p->conditional = reader_alloc(r, n, sizeof(*p->conditional));
	for (i = 0; i < n && !r->failed; i++) {
		read32(r); /* its value when the policy was made */
		read_expr(r, &p->conditional[i], EXPR_CONDITIONAL);
		read_rule_list(r, 1 + 2 * i);
		read_rule_list(r, 2 + 2 * i);
	}
	p->conditionals = r->failed ? 0 : n;
}

static uint32_t hash_rule(uint32_t source, uint32_t target, uint32_t tclass)
{
	uint32_t h = source * 0x9e3779b1U ^ target * 0x85ebca77U ^ tclass * 0xc2b2ae3dU;

	return h ^ h >> 15;
}

static void index_rules(struct reader *r)
{
	struct policy *p = r->p;
	uint32_t i, h;

	while (p->rule_mask + 1 < p->rules && p->rule_mask < 0xffff)
		p->rule_mask = p->rule_mask * 2 + 1;
	p->rule_bucket = reader_alloc(r, (size_t)p->rule_mask + 1, sizeof(*p->rule_bucket));
	for (i = 0; !r->failed && i < p->rules; i++) {
		struct rule *rule = &p->rule[i];

		h = hash_rule(rule->source, rule->target, rule->tclass) & p->rule_mask;
		rule->next = p->rule_bucket[h];
		p->rule_bucket[h] = i + 1;
	}
}

const struct rule *rule_next(const struct policy *p, const struct rule *r, uint32_t source,
			     uint32_t target, uint32_t tclass)
{
	uint32_t i = r ? r->next : p->rule_bucket[hash_rule(source, target, tclass) & p->rule_mask];

	for (; i; i = p->rule[i - 1].next) {
		r = &p->rule[i - 1];
		if (r->source == source && r->target == target && r->tclass == tclass)
			return r;
	}
	return NULL;
}

static void read_roles(struct reader *r)
{
	struct rule trans = { .kind = RULE_ROLE_TRANSITION };
	struct rule allow = { .kind = RULE_ROLE_ALLOW, .data = 1 };
	uint32_t n;

	for (n = read_count(r, 12); n-- && !r->failed; add_rule(r, &trans)) {
		trans.source = symbol_value(r, SYM_ROLES);
		trans.target = symbol_value(r, SYM_TYPES);
		trans.data = symbol_value(r, SYM_ROLES);
		trans.tclass = r->p->version >= 26 ? symbol_value(r, SYM_CLASSES)
						   : (uint16_t)r->p->class_of[XSM_CLASS_DOMAIN];
	}
	for (n = read_count(r, 8); n-- && !r->failed; add_rule(r, &allow)) {
		allow.source = symbol_value(r, SYM_ROLES);
		allow.target = symbol_value(r, SYM_ROLES);
	}
}

static void read_context(struct reader *r, struct context *c)
{
	size_t at = r->pos;

	c->user = read32(r);
	c->role = read32(r);
	c->type = read32(r);
	read_range(r, &c->range);
	if (!r->p->mls)
		memset(&c->range, 0, sizeof(c->range));
	if (!r->failed && !context_valid(r->p, c))
		reader_fail_at(r, "a context is not valid", at);
}

static void read_ocontext(struct reader *r, struct ocontext *o, uint32_t kind)
{
	bool range = kind == OCON_IOPORT || kind == OCON_IOMEM;
	bool wide = kind == OCON_IOMEM && r->p->version >= 30;
	size_t at = r->pos;

	if (kind == OCON_DEVICETREE) { /* there is none on this machine: passed over */
		read_name(r, read32(r));
	} else {
		o->low = wide ? read64(r) : read32(r);
		o->high = range ? (wide ? read64(r) : read32(r)) : o->low;
	}
	if (o->high < o->low)
		reader_fail_at(r, "a labelled range ends before it starts", at);
	read_context(r, &o->context);
}

static void read_ocontexts(struct reader *r)
{
	struct policy *p = r->p;
	uint32_t kind, i, n;

	for (kind = 0; kind < p->ocon_kinds; kind++) {
		n = read_count(r, 4 + 12 + 4 + 4 + 12);
		p->ocontext[kind] = reader_alloc(r, n, sizeof(*p->ocontext[kind]));
		for (i = 0; !r->failed && i < n; i++)
			read_ocontext(r, &p->ocontext[kind][i], kind);
		p->ocontexts[kind] = n;
	}
	if (read32(r)) /* file systems */
		reader_fail_at(r, "it labels file systems", r->pos - 4);
}

const struct context *policy_initial_context(const struct policy *p, uint32_t sid)
{
	uint32_t i;

	for (i = 0; i < p->ocontexts[OCON_ISID]; i++)
		if (p->ocontext[OCON_ISID][i].low == sid)
			return &p->ocontext[OCON_ISID][i].context;
	return NULL;
}

static void check_initial_sids(struct reader *r)
{
	static const uint8_t needed[] = { XSM_SID_XEN, XSM_SID_DOM0, XSM_SID_UNLABELED,
					  XSM_SID_SECURITY };
	uint32_t i;

	for (i = 0; !r->failed && i < sizeof(needed); i++)
		if (!policy_initial_context(r->p, needed[i]))
			reader_fail(r, "it lacks the initial SID xen, dom0, unlabeled or security");
}

static void read_range_transitions(struct reader *r)
{
	struct rule rule = { .kind = RULE_RANGE };
	uint32_t n = read_count(r, 32);
	struct mls_range *range = reader_alloc(r, n + 1, sizeof(*range));

	r->p->range = range;
	for (; n-- && !r->failed; add_rule(r, &rule)) {
		size_t at = r->pos;

		rule.source = symbol_value(r, SYM_TYPES);
		rule.target = symbol_value(r, SYM_TYPES);
		rule.tclass = symbol_value(r, SYM_CLASSES);
		read_range(r, &range[++rule.data]);
		if (!r->failed && (!r->p->mls || !range_valid(r->p, &range[rule.data])))
			reader_fail_at(r, "a range transition's range is not valid", at);
	}
}

static uint32_t members(const struct ebitmap *e)
{
	uint32_t i, n = 0;

	for (i = 0; (i = find_next_bit(e->map, e->bits, i)) < e->bits; i++)
		n++;
	return n;
}

static void read_attributes(struct reader *r)
{
	struct policy *p = r->p;
	uint32_t i;

	for (i = 1; !r->failed && i <= p->sym[SYM_TYPES].nprim; i++) {
		read_ebitmap(r, &p->type[i].attrs, SYM_TYPES);
		if (!r->failed && !p->type[i].attribute && !ebitmap_get(&p->type[i].attrs, i - 1))
			reader_fail(r, "a type is missing in its own set of attributes");
		/* A decision looks at each pair of the source's and the target's. */
		if (!r->failed && !p->type[i].attribute && members(&p->type[i].attrs) > 1024)
			reader_fail(r, "a type has more than 1024 attributes");
	}
}

void read_rules(struct reader *r)
{
	r->p->rule = reader_alloc(r, (r->len - r->pos) / RULE_BYTES_MIN, sizeof(*r->p->rule));
	read_rule_list(r, 0);
	read_conditionals(r);
	read_roles(r);
	if (r->p->version >= 25 && read32(r))
		reader_fail_at(r, "it has transitions by file name", r->pos - 4);
	read_ocontexts(r);
	check_initial_sids(r);
	read_range_transitions(r);
	read_attributes(r);
	index_rules(r);
}
