/* SPDX-License-Identifier: BSD-2-Clause */
/* Decisions of a policy: access vectors, constraints, new contexts. Pure functions of the policy. */
#include "policy.h"

void policy_cond_eval(const struct policy *p, uint8_t *cond)
{
	const struct expr_facts facts = { .policy = p };
	uint32_t i;

	for (i = 0; i < p->conditionals; i++)
		cond[i] = expr_holds(&p->conditional[i], &facts);
}

static bool rule_holds(const struct rule *r, const uint8_t *cond)
{
	return !r->cond || cond[(r->cond - 1) / 2] == (r->cond & 1);
}

static void add_rules(const struct policy *p, const uint8_t *cond, uint32_t source, uint32_t target,
		      uint32_t tclass, struct av *av)
{
	const struct rule *r = NULL;

	while ((r = rule_next(p, r, source, target, tclass))) {
		if (!rule_holds(r, cond))
			continue;
		if (r->kind == RULE_ALLOWED)
			av->allowed |= r->data;
		else if (r->kind == RULE_AUDITALLOW)
			av->auditallow |= r->data;
		else if (r->kind == RULE_AUDITDENY)
			av->auditdeny &= r->data;
	}
}

/* What the rule of @kind for exactly these three gives; 0 when there is none. */
static uint32_t rule_gives(const struct policy *p, const uint8_t *cond, uint32_t source,
			   uint32_t target, uint32_t tclass, uint32_t kind)
{
	const struct rule *r = NULL;
	uint32_t data = 0;

	/* Rules that always hold come before conditional ones, whatever their order. */
	while ((r = rule_next(p, r, source, target, tclass)))
		if (r->kind == kind && rule_holds(r, cond) && (!data || !r->cond))
			data = r->data;
	return data;
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
	uint32_t i;

	*av = (struct av) { .auditdeny = ~0U, .permissive = p->type[source->type].permissive };
	type_rules(p, cond, source->type, target->type, tclass, av);
	av->by_rules = av->allowed;
	for (i = 0; i < c->constraints; i++)
		if (c->constraint[i].perms & av->allowed &&
		    !expr_holds(&c->constraint[i].expr, &facts))
			av->allowed &= ~c->constraint[i].perms;
	if (tclass == p->class_of[XSM_CLASS_DOMAIN] && source->role != target->role &&
	    !rule_gives(p, cond, source->role, target->role, 0, RULE_ROLE_ALLOW))
		av->allowed &= ~p->perm_bit[XSM_CLASS_DOMAIN][XSM_DOMAIN__TRANSITION & 31];
	apply_bounds(p, cond, source, target, tclass, av);
}

void policy_new_context(const struct policy *p, const uint8_t *cond, const struct context *source,
			const struct context *target, uint32_t tclass, uint32_t kind,
			struct context *out)
{
	bool domain = tclass == p->class_of[XSM_CLASS_DOMAIN];
	uint32_t type = rule_gives(p, cond, source->type, target->type, tclass, kind);
	uint32_t role = 0, range = 0;

	if (kind == RULE_TRANSITION) {
		role = rule_gives(p, cond, source->role, target->type, tclass,
				  RULE_ROLE_TRANSITION);
		range = rule_gives(p, cond, source->type, target->type, tclass, RULE_RANGE);
	}
	/* Without a rule a domain is like its source, all else an object like its target. */
	*out = (struct context) {
		.user = kind == RULE_MEMBER ? target->user : source->user,
		.role = domain ? source->role : OBJECT_R,
		.type = domain ? source->type : target->type,
		.range = source->range,
	};
	if (role)
		out->role = role;
	if (type)
		out->type = type;
	if (range)
		out->range = p->range[range];
	else if (!domain || kind == RULE_MEMBER)
		out->range.high = out->range.low;
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
