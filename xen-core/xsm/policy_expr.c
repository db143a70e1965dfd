/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions of conditionals and constraints, in postfix order: read, checked, evaluated. */
#include "reader.h"

/* Operators of constraints. */
enum cexpr_op {
	CEXPR_EQ = 1,
	CEXPR_NEQ,
	CEXPR_DOM,
	CEXPR_DOMBY,
	CEXPR_INCOMP
};

/* What a constraint looks at; the first three are the parts of a context, in their order. */
enum cexpr_attr {
	CEXPR_USER = 1,
	CEXPR_ROLE = 2,
	CEXPR_TYPE = 4,
	CEXPR_TARGET = 8,
	CEXPR_XTARGET = 16,
	CEXPR_L1L2 = 32,
	CEXPR_L2H2 = 1024, /* compare_levels() has those between */
};

static uint32_t part_of(const struct expr_node *n)
{
	return (uint32_t)__builtin_ctz(n->of);
}

/* Whether the parts of an attribute or of names go together. */
static bool leaf_known(const struct expr_node *n, enum expr_kind kind)
{
	uint32_t where = n->of & (CEXPR_TARGET | CEXPR_XTARGET), base = n->of - where;
	bool symbol = base == CEXPR_USER || base == CEXPR_ROLE || base == CEXPR_TYPE;
	bool level = base >= CEXPR_L1L2 && base <= CEXPR_L2H2 && !(base & (base - 1));

	if (n->op < CEXPR_EQ || n->op > CEXPR_INCOMP)
		return false;
	if (n->type == EXPR_NAMES)
		return symbol && n->op <= CEXPR_NEQ && where != (CEXPR_TARGET | CEXPR_XTARGET) &&
		       (kind == EXPR_VALIDATETRANS || where != CEXPR_XTARGET);
	return !where && (level || (symbol && (base == CEXPR_ROLE || n->op <= CEXPR_NEQ)));
}

static void read_condition_node(struct reader *r, struct expr_node *n)
{
	size_t at = r->pos;

	n->type = read32(r);
	n->of = read32(r);
	if (n->type > EXPR_NEQ ||
	    (n->type == EXPR_BOOL && (!n->of || n->of > r->p->sym[SYM_BOOLS].nprim)))
		reader_fail_at(r, "a conditional's expression is wrong", at);
}

static void read_constraint_node(struct reader *r, struct expr_node *n, enum expr_kind kind)
{
	static const uint8_t types[] = { 0, EXPR_NOT, EXPR_AND, EXPR_OR, EXPR_ATTR, EXPR_NAMES };
	size_t at = r->pos;
	uint32_t type = read32(r);
	struct ebitmap unused;

	n->type = type < sizeof(types) ? types[type] : 0;
	n->of = read32(r);
	n->op = read32(r);
	if (n->type >= EXPR_ATTR && !leaf_known(n, kind))
		reader_fail_at(r, "a constraint's expression is wrong", at);
	if (r->failed || n->type != EXPR_NAMES)
		return;
	read_ebitmap(r, &n->names, context_table[part_of(n)]);
	if (r->p->version >= 29) { /* the names as they were written, for tools */
		read_ebitmap(r, &unused, SYM_TABLES);
		read_ebitmap(r, &unused, SYM_TABLES);
		read32(r);
	}
}

/* How many values are on the stack of @depth ones after a node of @type; -1 when it is wrong. */
static int depth_after(uint32_t type, int depth)
{
	if (type == EXPR_BOOL || type == EXPR_ATTR || type == EXPR_NAMES)
		return depth < POLICY_DEPTH ? depth + 1 : -1;
	if (type >= EXPR_OR && type <= EXPR_NEQ)
		return depth - 1;
	return type == EXPR_NOT ? depth : -1;
}

void read_expr(struct reader *r, struct expr *e, enum expr_kind kind)
{
	uint32_t i;
	int depth = 0;

	e->n = read_count(r, 8);
	e->node = reader_alloc(r, e->n, sizeof(*e->node));
	for (i = 0; !r->failed && i < e->n; i++) {
		size_t at = r->pos;

		if (kind == EXPR_CONDITIONAL)
			read_condition_node(r, &e->node[i]);
		else
			read_constraint_node(r, &e->node[i], kind);
		depth = depth_after(e->node[i].type, depth);
		if (depth < 1)
			reader_fail_at(r, "an expression is wrong", at);
	}
	if (!r->failed && depth != 1)
		reader_fail(r, "an expression is not complete");
}

static bool compare(uint32_t op, bool equal, bool a_dominates, bool b_dominates)
{
	switch (op) {
	case CEXPR_EQ:
		return equal;
	case CEXPR_NEQ:
		return !equal;
	case CEXPR_DOM:
		return a_dominates;
	case CEXPR_DOMBY:
		return b_dominates;
	default: /* CEXPR_INCOMP */
		return !a_dominates && !b_dominates;
	}
}

static bool compare_levels(const struct expr_node *n, const struct mls_range *source,
			   const struct mls_range *target)
{
	const struct mls_level *l1 = &source->low, *h1 = &source->high;
	const struct mls_level *l2 = &target->low, *h2 = &target->high;
	const struct mls_level *pairs[][2] = { { l1, l2 }, { l1, h2 }, { h1, l2 },
					       { h1, h2 }, { l1, h1 }, { l2, h2 } };
	const struct mls_level **pair = pairs[__builtin_ctz(n->of / CEXPR_L1L2)];
	bool first = level_dominates(pair[0], pair[1]);
	bool second = level_dominates(pair[1], pair[0]);

	return compare(n->op, first && second, first, second);
}

static bool compare_parts(const struct expr_node *n, const struct expr_facts *f)
{
	uint32_t part = part_of(n), a = f->source->part[part], b = f->target->part[part];
	const struct policy_role *role = f->policy->role;

	if (n->of != CEXPR_ROLE)
		return compare(n->op, a == b, false, false);
	return compare(n->op, a == b, ebitmap_get(&role[a].dominates, b - 1),
		       ebitmap_get(&role[b].dominates, a - 1));
}

static bool has_name(const struct expr_node *n, const struct expr_facts *f)
{
	const struct context *c = n->of & CEXPR_TARGET	  ? f->target
				  : n->of & CEXPR_XTARGET ? f->third
							  : f->source;

	return ebitmap_get(&n->names, c->part[part_of(n)] - 1) == (n->op == CEXPR_EQ);
}

static bool leaf_holds(const struct expr_node *n, const struct expr_facts *f)
{
	if (n->type == EXPR_BOOL)
		return f->policy->boolean[n->of];
	if (n->type == EXPR_NAMES)
		return has_name(n, f);
	return n->of >= CEXPR_L1L2 ? compare_levels(n, &f->source->range, &f->target->range)
				   : compare_parts(n, f);
}

bool expr_holds(const struct expr *e, const struct expr_facts *f)
{
	bool s[POLICY_DEPTH + 1];
	const struct expr_node *node;
	uint32_t n = 0;

	for (node = e->node; node < e->node + e->n; node++) {
		if (node->type >= EXPR_OR && node->type <= EXPR_NEQ)
			n--;
		switch (node->type) {
		case EXPR_NOT:
			s[n - 1] = !s[n - 1];
			break;
		case EXPR_OR:
			s[n - 1] |= s[n];
			break;
		case EXPR_AND:
			s[n - 1] &= s[n];
			break;
		case EXPR_XOR:
		case EXPR_NEQ:
			s[n - 1] ^= s[n];
			break;
		case EXPR_EQ:
			s[n - 1] = s[n - 1] == s[n];
			break;
		default:
			s[n++] = leaf_holds(node, f);
		}
	}
	return s[0];
}
