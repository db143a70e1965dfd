/* SPDX-License-Identifier: BSD-2-Clause */
/* A binary policy's symbol tables: classes with constraints, roles, types, users, booleans, levels. */
#include "reader.h"
#include "lib/string.h"

static uint32_t hash_name(const char *name, size_t len)
{
	uint32_t h = 5381;

	while (len--)
		h = h * 33 + (uint8_t)*name++;
	return h ^ h >> 15;
}

uint32_t symbol_find(const struct symtab *t, const char *name, size_t len)
{
	uint32_t i;

	if (!t->bucket)
		return 0;
	for (i = t->bucket[hash_name(name, len) & t->mask]; i; i = t->symbol[i - 1].next)
		if (!strncmp(t->symbol[i - 1].name, name, len) && !t->symbol[i - 1].name[len])
			return t->symbol[i - 1].value;
	return 0;
}

/* Room for @nel symbols with values 1 … @nprim. */
static void symtab_init(struct reader *r, struct symtab *t, uint32_t nprim, uint32_t nel)
{
	if (nprim > nel)
		reader_fail(r, "a symbol table has more values than names");
	if (nprim > SYMBOLS_MAX)
		reader_fail(r, "a symbol table has more than 65535 values");
	t->nprim = r->failed ? 0 : nprim;
	while (t->mask + 1 < nel && t->mask < 0xffff)
		t->mask = t->mask * 2 + 1;
	t->symbol = reader_alloc(r, nel, sizeof(*t->symbol));
	t->bucket = reader_alloc(r, (size_t)t->mask + 1, sizeof(*t->bucket));
	t->name = reader_alloc(r, (size_t)t->nprim + 1, sizeof(*t->name));
}

/*
 * Returns @value, or 0 when it can't be added: arrays by value have an element 0 for what is read
 * then. An alias gives a value a further name.
 */
static uint32_t symtab_add(struct reader *r, enum policy_symbols table, const char *name,
			   uint32_t value, bool alias)
{
	struct symtab *t = &r->p->sym[table];
	struct symbol *s;
	uint32_t h;

	if (r->failed)
		return 0;
	if (value < 1 || value > t->nprim || (!alias && t->name[value]))
		return reader_fail(r, "a symbol's value is out of range, or used twice");
	if (symbol_find(t, name, strlen(name)))
		return reader_fail(r, "a name is used twice");
	h = hash_name(name, strlen(name)) & t->mask;
	s = &t->symbol[t->nel];
	*s = (struct symbol) { name, value, t->bucket[h] };
	t->bucket[h] = ++t->nel;
	if (!alias)
		t->name[value] = name;
	return value;
}

static void read_perms(struct reader *r, struct class_perms *perms, uint32_t n)
{
	while (n-- && !r->failed) {
		uint32_t len = read32(r);
		uint32_t value = read_value(r, 32, "a permission's value is out of range");
		const char *name = read_name(r, len);

		if (r->failed)
			return;
		if (perms->name[value - 1])
			reader_fail(r, "a permission's value is used twice");
		perms->name[value - 1] = name;
	}
}

/* Each of these gets the name and the numbers before it, and reads what follows. */
static void read_common(struct reader *r, const char *name, const uint32_t *head)
{
	uint32_t value = symtab_add(r, SYM_COMMONS, name, head[1], false);

	read_perms(r, &r->p->common[value], head[3]);
}

static struct constraint *read_constraints(struct reader *r, uint32_t n, enum expr_kind kind)
{
	struct constraint *con = reader_alloc(r, n, sizeof(*con));
	uint32_t i;

	for (i = 0; !r->failed && i < n; i++) {
		con[i].perms = read32(r);
		read_expr(r, &con[i].expr, kind);
	}
	return con;
}

static void read_class(struct reader *r, const char *name, const uint32_t *head)
{
	struct policy_class *c = &r->p->class[symtab_add(r, SYM_CLASSES, name, head[2], false)];
	const char *common;
	uint32_t i;

	if (head[1]) {
		common = read_name(r, head[1]);
		if (!r->failed && !symbol_find(&r->p->sym[SYM_COMMONS], common, head[1]))
			reader_fail(r, "a class inherits from a common that does not exist");
		if (!r->failed)
			c->perms =
				r->p->common[symbol_find(&r->p->sym[SYM_COMMONS], common, head[1])];
	}
	read_perms(r, &c->perms, head[4]);
	c->constraints = check_count(r, head[5], 8);
	c->constraint = read_constraints(r, c->constraints, EXPR_CONSTRAINT);
	c->validatetrans = read_count(r, 8);
	c->validate = read_constraints(r, c->validatetrans, EXPR_VALIDATETRANS);
	for (i = 0; r->p->version >= 28 && i < 4; i++)
		read32(r); /* defaults of new objects: Xen takes no notice of them either */
}

/* Its third number, bounds, is checked by the compiler; so is a user's. */
static void read_role(struct reader *r, const char *name, const uint32_t *head)
{
	struct policy_role *role = &r->p->role[symtab_add(r, SYM_ROLES, name, head[1], false)];

	read_ebitmap(r, &role->dominates, SYM_ROLES);
	read_ebitmap(r, &role->types, SYM_TYPES);
}

static void read_type(struct reader *r, const char *name, const uint32_t *head)
{
	enum {
		PRIMARY = 1,
		ATTRIBUTE = 2,
		ALIAS = 4,
		PERMISSIVE = 8
	};
	bool alias = !(head[2] & (PRIMARY | ATTRIBUTE));
	uint32_t value = symtab_add(r, SYM_TYPES, name, head[1], alias);

	if (head[2] & ~(uint32_t)(PRIMARY | ATTRIBUTE | ALIAS | PERMISSIVE))
		reader_fail(r, "a type has unknown properties");
	if (alias)
		return;
	r->p->type[value].attribute = head[2] & ATTRIBUTE;
	r->p->type[value].bounds = head[3];
}

static void read_user(struct reader *r, const char *name, const uint32_t *head)
{
	struct policy_user *u = &r->p->user[symtab_add(r, SYM_USERS, name, head[1], false)];
	struct mls_level unused = { 0 };

	u->pos = (uint32_t)r->pos;
	read_ebitmap(r, &u->roles, SYM_ROLES);
	read_range(r, &u->range);
	read_level(r, &unused); /* the default level serves log-ins, which there are none of */
}

static void read_bool(struct reader *r, const char *name, const uint32_t *head)
{
	uint32_t value = symtab_add(r, SYM_BOOLS, name, head[0], false);

	if (head[1] > 1)
		reader_fail(r, "a boolean is neither 0 nor 1");
	r->p->boolean[value] = (uint8_t)head[1];
}

static void read_sensitivity(struct reader *r, const char *name, const uint32_t *head)
{
	struct mls_level l = { 0 };
	uint32_t value;

	read_level(r, &l);
	value = symtab_add(r, SYM_LEVELS, name, (uint32_t)l.sens, head[1]);
	if (!head[1])
		r->p->level[value] = l;
}

static void read_category(struct reader *r, const char *name, const uint32_t *head)
{
	symtab_add(r, SYM_CATS, name, head[1], head[2]);
}

static void read_table(struct reader *r, enum policy_symbols s)
{
	/*
	 * Of a symbol: the numbers before its name, which of them is the name's length, and what
	 * reads the rest. Of the table: the array by value that goes with it.
	 */
	static const struct {
		uint8_t numbers, length;
		void (*read)(struct reader *r, const char *name, const uint32_t *head);
		size_t array, size;
	} tables[SYM_TABLES] = {
#define ARRAY(field) offsetof(struct policy, field), sizeof(*((struct policy *)0)->field)
		{ 4, 0, read_common, ARRAY(common) },	  { 6, 0, read_class, ARRAY(class) },
		{ 3, 0, read_role, ARRAY(role) },	  { 4, 0, read_type, ARRAY(type) },
		{ 3, 0, read_user, ARRAY(user) },	  { 3, 2, read_bool, ARRAY(boolean) },
		{ 2, 0, read_sensitivity, ARRAY(level) }, { 3, 0, read_category, 0, 0 },
	};
	struct policy *p = r->p;
	struct symtab *t = &p->sym[s];
	uint32_t nprim = read32(r), nel = read_count(r, 13), head[6], i;
	const char *name;
	void *array;

	symtab_init(r, t, nprim, nel);
	array = tables[s].size ? reader_alloc(r, (size_t)t->nprim + 1, tables[s].size) : NULL;
	if (array)
		memcpy((char *)p + tables[s].array, &array, sizeof(array));
	while (nel-- && !r->failed) {
		for (i = 0; i < tables[s].numbers; i++)
			head[i] = read32(r);
		name = read_name(r, head[tables[s].length]);
		tables[s].read(r, name, head);
	}
	/* checkpolicy counts aliases of sensitivities and categories as values. */
	while (!r->failed && s >= SYM_LEVELS && t->nprim && !t->name[t->nprim])
		t->nprim--;
	for (i = 1; !r->failed && i <= t->nprim; i++)
		if (!t->name[i])
			reader_fail(r, "a symbol table has a value without a name");
	if (s == SYM_CATS && nprim > POLICY_CATS)
		reader_fail(r, "it has more than 1024 categories");
}

/* Bounds name types, and no type bounds itself over any number of steps. */
static void check_bounds(struct reader *r, uint32_t type)
{
	const struct policy *p = r->p;
	uint32_t steps = 0;

	for (; !r->failed && p->type[type].bounds; type = p->type[type].bounds)
		if (p->type[type].bounds > p->sym[SYM_TYPES].nprim || ++steps > POLICY_DEPTH)
			reader_fail(r, "a type's bounds do not exist, or go in a circle");
}

/* What refers to tables that come later in the file, but for sets. */
static void check_symbols(struct reader *r)
{
	const struct policy *p = r->p;
	uint32_t i;

	for (i = 1; !r->failed && i <= p->sym[SYM_TYPES].nprim; i++)
		check_bounds(r, i);
	for (i = 1; !r->failed && i <= p->sym[SYM_USERS].nprim; i++)
		if (p->mls && !range_valid(p, &p->user[i].range))
			reader_fail_at(r, "a user's range is not valid", p->user[i].pos);
}

static uint32_t perm_find(const struct class_perms *perms, const char *name)
{
	uint32_t i;

	for (i = 0; i < 32; i++)
		if (perms->name[i] && !strcmp(perms->name[i], name))
			return 1U << i;
	return 0;
}

/* Finds the policy's numbers of the core's classes and permissions. */
static void map_names(struct policy *p)
{
	uint32_t c, b, v;

	for (c = 1; c <= XSM_CLASSES; c++) {
		v = symbol_find(&p->sym[SYM_CLASSES], xsm_classes[c].name,
				strlen(xsm_classes[c].name));
		p->class_of[c] = v;
		for (b = 0; v && b < xsm_classes[c].perms; b++)
			p->perm_bit[c][b] = perm_find(&p->class[v].perms, xsm_classes[c].perm[b]);
	}
}

void read_symbols(struct reader *r)
{
	uint32_t s;

	for (s = 0; s < SYM_TABLES; s++)
		read_table(r, s);
	if (r->failed)
		return;
	if (!r->p->sym[SYM_ROLES].nprim || strcmp(r->p->sym[SYM_ROLES].name[1], "object_r"))
		reader_fail(r, "its first role is not object_r");
	check_symbols(r);
	map_names(r->p);
}
