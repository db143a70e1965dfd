/* SPDX-License-Identifier: BSD-2-Clause */
/* Decisions of a policy: access vectors, constraints, new contexts. Pure functions of the policy. */
#include "policy.h"
#include "lib/string.h"

void policy_cond_eval(const struct policy *p, const uint8_t *booleans, uint8_t *cond)
{
	const struct expr_facts facts = { .boolean = booleans };
	uint32_t i;

	for (i = 0; i < p->conditionals; i++)
		cond[i] = expr_holds(&p->conditional[i], &facts);
}

static bool rule_holds(const struct rule *r, const uint8_t *cond)
{
	return !r->cond || cond[(r->cond - 1) / 2] == (r->cond & 1);
}

static const struct rule *rule_next(const struct policy *p, const struct rule *r)
{
	return r->next ? &p->rule[r->next - 1] : NULL;
}

static void add_rules(const struct policy *p, const uint8_t *cond, uint32_t source, uint32_t target,
		      uint32_t tclass, struct av *av)
{
	const struct rule *r;

	for (r = rule_first(p, source, target, tclass); r; r = rule_next(p, r)) {
		if (r->source != source || r->target != target || r->tclass != tclass ||
		    !rule_holds(r, cond))
			continue;
		if (r->kind == RULE_ALLOWED)
			av->allowed |= r->data;
		else if (r->kind == RULE_AUDITALLOW)
			av->auditallow |= r->data;
		else if (r->kind == RULE_AUDITDENY)
			av->auditdeny &= r->data;
	}
}

/* What the rules for all of the two types' attributes say. */
static void type_rules(const struct policy *p, const uint8_t *cond, uint32_t source,
		       uint32_t target, uint32_t tclass, struct av *av)
{
	const struct ebitmap *sa = &p->type[source].attrs, *ta = &p->type[target].attrs;
	uint32_t s, t;

	for (s = 0; (s = find_next_bit(sa->map, sa->bits, s)) < sa->bits; s++)
		for (t = 0; (t = find_next_bit(ta->map, ta->bits, t)) < ta->bits; t++)
			add_rules(p, cond, s + 1, t + 1, tclass, av);
}

static bool role_may_become(const struct policy *p, uint32_t from, uint32_t to)
{
	uint32_t i;

	for (i = 0; i < p->role_allows; i++)
		if (p->role_allow[i].role == from && p->role_allow[i].new_role == to)
			return true;
	return from == to;
}

/* A type has no more than the type that bounds it. */
static void apply_bounds(const struct policy *p, const uint8_t *cond, const struct context *source,
			 const struct context *target, uint32_t tclass, struct av *av)
{
	struct context parent;
	struct av limit;

	if (!av->allowed || !p->type[source->type].bounds)
		return;
	parent = *source;
	parent.type = p->type[source->type].bounds;
	policy_access(p, cond, &parent, target, tclass, &limit);
	av->allowed &= limit.allowed;
}

void policy_access(const struct policy *p, const uint8_t *cond, const struct context *source,
		   const struct context *target, uint32_t tclass, struct av *av)
{
	const struct expr_facts facts = { .policy = p, .source = source, .target = target };
	const struct policy_class *c = &p->class[tclass];
	uint32_t i, transition;

	*av = (struct av) { .auditdeny = ~0U, .permissive = p->type[source->type].permissive };
	type_rules(p, cond, source->type, target->type, tclass, av);
	av->by_rules = av->allowed;
	for (i = 0; i < c->constraints; i++)
		if (c->constraint[i].perms & av->allowed &&
		    !expr_holds(&c->constraint[i].expr, &facts))
			av->allowed &= ~c->constraint[i].perms;
	if (tclass == p->class_of[XSM_CLASS_DOMAIN]) {
		transition = p->perm_bit[XSM_CLASS_DOMAIN][XSM_DOMAIN__TRANSITION & 31];
		if (av->allowed & transition && !role_may_become(p, source->role, target->role))
			av->allowed &= ~transition;
	}
	apply_bounds(p, cond, source, target, tclass, av);
}

static void new_range(const struct policy *p, const struct context *source,
		      const struct context *target, uint32_t tclass, uint32_t kind,
		      struct mls_range *out)
{
	uint32_t d = p->class[tclass].default_range, i;
	const struct mls_range *from = d > 3 ? &target->range : &source->range;

	if (kind == RULE_TRANSITION) {
		for (i = 0; i < p->range_transitions; i++) {
			const struct range_trans *t = &p->range_trans[i];

			if (t->source == source->type && t->target == target->type &&
			    t->tclass == tclass) {
				*out = t->range;
				return;
			}
		}
	}
	*out = *from;
	if (kind != RULE_MEMBER && d) {
		if (d % 3 == 1)
			out->high = out->low;
		else if (d % 3 == 2)
			out->low = out->high;
	} else if (kind == RULE_MEMBER || tclass != p->class_of[XSM_CLASS_DOMAIN]) {
		*out = (struct mls_range) { source->range.low, source->range.low };
	}
}

/* A type rule of @kind for exactly these two types; 0 when there is none. */
static uint32_t new_type(const struct policy *p, const uint8_t *cond, uint32_t source,
			 uint32_t target, uint32_t tclass, uint32_t kind)
{
	const struct rule *r;
	uint32_t type = 0;

	/* Rules that always hold come before conditional ones, whatever their order in the bucket. */
	for (r = rule_first(p, source, target, tclass); r; r = rule_next(p, r))
		if (r->source == source && r->target == target && r->tclass == tclass &&
		    r->kind == kind && rule_holds(r, cond) && (!type || !r->cond))
			type = r->data;
	return type;
}

void policy_new_context(const struct policy *p, const uint8_t *cond, const struct context *source,
			const struct context *target, uint32_t tclass, uint32_t kind,
			struct context *out)
{
	const struct policy_class *c = &p->class[tclass];
	bool domain = tclass == p->class_of[XSM_CLASS_DOMAIN];
	uint32_t type, i;

	memset(out, 0, sizeof(*out));
	out->user = kind == RULE_MEMBER || c->default_user == 2 ? target->user : source->user;
	out->role = c->default_role == 1 || (!c->default_role && domain) ? source->role
		    : c->default_role == 2				 ? target->role
									 : 1;
	out->type =
		c->default_type == 1 || (!c->default_type && domain) ? source->type : target->type;
	type = new_type(p, cond, source->type, target->type, tclass, kind);
	if (type)
		out->type = type;
	for (i = 0; kind == RULE_TRANSITION && i < p->role_transitions; i++) {
		const struct role_trans *t = &p->role_trans[i];

		if (t->role == source->role && t->type == target->type &&
		    (t->tclass ? t->tclass == tclass : domain)) {
			out->role = t->new_role;
			break;
		}
	}
	if (p->mls)
		new_range(p, source, target, tclass, kind, &out->range);
}

bool policy_may_change(const struct policy *p, const struct context *from, const struct context *to,
		       const struct context *by, uint32_t tclass)
{
	const struct expr_facts facts = { .policy = p, .source = from, .target = to, .third = by };
	const struct policy_class *c = &p->class[tclass];
	uint32_t i;

	for (i = 0; i < c->validatetrans; i++)
		if (!expr_holds(&c->validate[i].expr, &facts))
			return false;
	return true;
}
