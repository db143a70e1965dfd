/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A binary policy in memory, and what can be asked of it. Format: as Debian's checkpolicy writes
 * it for the target Xen, versions 24 and 30. Once it is read, only its booleans change.
 */
#pragma once

#include "types.h"
#include "xsm_av.h"
#include "lib/bitops.h"

#define POLICY_SIZE_MAX	 (2U << 20) /* bytes of the binary form */
#define POLICY_FLAGS_AT	 20	    /* byte of the flags in the header */
#define POLICY_MEM_MAX	 (48U << 20)
#define POLICY_CATS	 1024 /* MLS categories */
#define POLICY_CAT_WORDS (POLICY_CATS / 64)
#define SYMBOLS_MAX	 0xffff /* in a table */
#define CONTEXT_PARTS	 3
#define OBJECT_R	 1  /* the role of objects: goes with every user and type */
#define POLICY_DEPTH	 32 /* stack of constraint and conditional expressions, chain of bounds */

/* Set of symbols: those with bit value - 1. */
struct ebitmap {
	uint32_t bits; /* a multiple of 64 */
	unsigned long *map;
};

struct mls_level {
	uint64_t sens; /* from 1; 0 where a policy has no MLS */
	unsigned long cat[POLICY_CAT_WORDS];
};

struct mls_range {
	struct mls_level low, high;
};

/* A security context: values from 1 in the policy's symbol tables. */
struct context {
	union {
		struct {
			uint32_t user, role, type;
		};
		uint32_t part[CONTEXT_PARTS]; /* the same, in this order */
	};
	struct mls_range range;
};

struct symbol {
	const char *name;
	uint32_t value;
	uint32_t next; /* index + 1 of the next one in its hash bucket */
};

struct symtab {
	uint32_t nprim, nel;
	struct symbol *symbol; /* nel, aliases too */
	uint32_t *bucket;      /* mask + 1 of them: index + 1 of a symbol */
	uint32_t mask;
	const char **name; /* [1 … nprim], never NULL */
};

enum policy_symbols {
	SYM_COMMONS,
	SYM_CLASSES,
	SYM_ROLES,
	SYM_TYPES,
	SYM_USERS,
	SYM_BOOLS,
	SYM_LEVELS,
	SYM_CATS,
	SYM_TABLES,
};

/* Nodes of an expression, in postfix order; up to EXPR_NEQ the numbers are the file format's. */
enum expr_type {
	EXPR_BOOL = 1, /* the boolean @of */
	EXPR_NOT,
	EXPR_OR,
	EXPR_AND,
	EXPR_XOR,
	EXPR_EQ,
	EXPR_NEQ,
	EXPR_ATTR,  /* parts of two contexts are compared: @of says which, @op how */
	EXPR_NAMES, /* a part of a context is one of @names */
};

struct expr {
	uint32_t n;
	struct expr_node {
		uint32_t type, of, op;
		struct ebitmap names;
	} * node;
};

/* What an expression is about: a conditional needs the policy alone. */
struct expr_facts {
	const struct policy *policy;
	const struct context *source, *target;
	const struct context *third; /* who makes the change, for validatetrans */
};

struct constraint {
	uint32_t perms;
	struct expr expr;
};

struct class_perms {
	const char *name[32]; /* NULL where there is none */
};

struct policy_class {
	struct class_perms perms; /* with those of its common */
	uint32_t constraints, validatetrans;
	struct constraint *constraint, *validate;
};

struct policy_role {
	struct ebitmap dominates, types;
};

struct policy_type {
	bool attribute;
	bool permissive;
	uint32_t bounds;      /* 0: none */
	struct ebitmap attrs; /* the type itself and the attributes it has, as value - 1 */
};

struct policy_user {
	struct ebitmap roles;
	struct mls_range range;
	uint32_t pos;
};

/* Rule kinds (the file format's bits). */
#define RULE_ALLOWED	     0x0001
#define RULE_AUDITALLOW	     0x0002
#define RULE_AUDITDENY	     0x0004
#define RULE_AV		     (RULE_ALLOWED | RULE_AUDITALLOW | RULE_AUDITDENY)
#define RULE_TRANSITION	     0x0010
#define RULE_MEMBER	     0x0020
#define RULE_CHANGE	     0x0040
#define RULE_TYPE	     (RULE_TRANSITION | RULE_MEMBER | RULE_CHANGE)
/* Our own: @source and @target may be roles; class 0 where there is none. */
#define RULE_ROLE_ALLOW	     0x0100
#define RULE_ROLE_TRANSITION 0x0200
#define RULE_RANGE	     0x0400

struct rule {
	uint16_t source, target, tclass, kind;
	uint32_t data; /* permissions; a type or role; number of a range from 1 */
	uint32_t cond; /* 0: always; else 1 + 2 * conditional + (0: when true, 1: when false) */
	uint32_t next; /* index + 1 of the next one in its bucket */
};

/* Labels of hardware; the first one that covers a number holds. */
enum ocon_kind {
	OCON_ISID,
	OCON_PIRQ,
	OCON_IOPORT,
	OCON_IOMEM,
	OCON_PCI,
	OCON_DEVICETREE,
	OCONS
};

struct ocontext {
	uint64_t low, high;
	struct context context;
};

struct policy {
	uint32_t version;
	bool mls;
	enum {
		UNKNOWN_DENY,
		UNKNOWN_REJECT,
		UNKNOWN_ALLOW
	} unknown;
	struct symtab sym[SYM_TABLES];
	struct class_perms *common; /* [1 … ] as all arrays by value */
	struct policy_class *class;
	struct policy_role *role;
	struct policy_type *type;
	struct policy_user *user;
	uint8_t *boolean; /* values in the file; what is set later holds when it is committed */
	struct mls_level *level; /* categories that go with each sensitivity */
	uint32_t rules, rule_mask;
	struct rule *rule;
	uint32_t *rule_bucket;
	struct mls_range *range; /* what rules of the kind RULE_RANGE give */
	uint32_t conditionals;
	struct expr *conditional;
	uint32_t ocon_kinds; /* OCONS, or fewer in version 24 */
	uint32_t ocontexts[OCONS];
	struct ocontext *ocontext[OCONS];

	/* The core's classes and permissions by the policy's numbers. */
	uint32_t class_of[XSM_CLASSES + 1];	/* 0: the policy has none */
	uint32_t perm_bit[XSM_CLASSES + 1][32]; /* 0: the policy has none */

	struct arena {
		struct arena_chunk *chunks;
		uint8_t *next;
		size_t left, used;
	} arena;
};

/* What a policy says of one (source, target, class); the permissions are in its own bits. */
struct av {
	uint32_t allowed, auditallow, auditdeny;
	uint32_t by_rules; /* what type rules allow; constraints, roles and bounds take away */
	bool permissive;   /* the source's type is permissive */
};

/* Why a policy was refused. */
struct policy_error {
	const char *text;
	size_t at; /* byte of the binary form */
};

/*
 * Reads and wholly checks @len bytes at @data. 0 and a new policy (freed with policy_free()), or
 * -EINVAL or -ENOMEM with @err filled. policy_read.c
 */
int policy_read(const void *data, size_t len, struct policy **out, struct policy_error *err);
void policy_free(struct policy *p);

/* Prints the permissions that only one of policy and core has. Whether the policy lacks any. */
bool policy_lacks_names(const struct policy *p);

/* Value of @name, or 0. */
uint32_t symbol_find(const struct symtab *t, const char *name, size_t len);
static inline bool ebitmap_get(const struct ebitmap *e, uint32_t bit)
{
	return bit < e->bits && test_bit(bit, e->map);
}

/* The first rule for exactly these three, or the next one after @r; NULL: no more. policy_rules.c */
const struct rule *rule_next(const struct policy *p, const struct rule *r, uint32_t source,
			     uint32_t target, uint32_t tclass);

/* Of the initial SID @sid; NULL when the policy has none, which unlabeled never is. policy_rules.c */
const struct context *policy_initial_context(const struct policy *p, uint32_t sid);

/* Whether @e is true of @f. policy_expr.c */
bool expr_holds(const struct expr *e, const struct expr_facts *f);

/* The tables of a context's parts. */
extern const enum policy_symbols context_table[CONTEXT_PARTS];
/* context.c: whether users, roles, types and ranges go together; text to context and back. */
bool context_valid(const struct policy *p, const struct context *c);
/* A context of @type: the first user and role that go with it. False: there are none. */
bool context_of_type(const struct policy *p, uint32_t type, struct context *c);
bool context_equal(const struct context *a, const struct context *b);
bool range_valid(const struct policy *p, const struct mls_range *r);
bool level_dominates(const struct mls_level *a, const struct mls_level *b);
/* 0, or -EINVAL: not text of a valid context. */
int context_parse(const struct policy *p, const char *text, struct context *c);
/* Length without terminator; when that is not below @size, @buf does not hold all of it. */
size_t context_print(const struct policy *p, const struct context *c, char *buf, size_t size);

/*
 * server.c: decisions. @cond has a byte for each conditional: 1 true, 0 false, as follows from the
 * policy's booleans. @tclass is the policy's number, 1 … classes.
 */
void policy_cond_eval(const struct policy *p, uint8_t *cond);
void policy_access(const struct policy *p, const uint8_t *cond, const struct context *source,
		   const struct context *target, uint32_t tclass, struct av *av);
/* @kind: RULE_TRANSITION, RULE_MEMBER or RULE_CHANGE. @out may be a context that is not valid. */
void policy_new_context(const struct policy *p, const uint8_t *cond, const struct context *source,
			const struct context *target, uint32_t tclass, uint32_t kind,
			struct context *out);
/* validatetrans: whether an object of @tclass may change from @from to @to by @by. */
bool policy_may_change(const struct policy *p, const struct context *from, const struct context *to,
		       const struct context *by, uint32_t tclass);
