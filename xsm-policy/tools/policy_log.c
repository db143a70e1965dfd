/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's messages about access: denials explained, as rules, and rules that were never used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_tool.h"

struct record {
	bool denied;
	char perm[64];
	struct context source, target;
	uint32_t tclass, bit;
};

/* The word after @key in @line, up to a space. */
static bool word_after(const char *line, const char *key, char *out, size_t size)
{
	const char *at = strstr(line, key);
	size_t n;

	if (!at)
		return false;
	at += strlen(key);
	n = strcspn(at, " \t\r\n");
	if (!n || n >= size)
		return false;
	memcpy(out, at, n);
	out[n] = 0;
	return true;
}

static bool find_type(const char *name, struct context *c)
{
	uint32_t type = symbol_find(&policy->sym[SYM_TYPES], name, strlen(name));

	return type && context_of_type(policy, type, c);
}

static bool find_bit(const char *class, struct record *r)
{
	uint32_t i;

	r->tclass = symbol_find(&policy->sym[SYM_CLASSES], class, strlen(class));
	for (i = 0; r->tclass && i < 32; i++)
		if (policy->class[r->tclass].perms.name[i] &&
		    !strcmp(policy->class[r->tclass].perms.name[i], r->perm)) {
			r->bit = 1U << i;
			return true;
		}
	return false;
}

/* "FLASK: used: allow dom0_t domU_t:domain pause;", which the core logs with flask=uses. */
static bool parse_use(const char *line, struct record *r)
{
	char s[64], t[64], class[64];
	const char *at = strstr(line, "FLASK: used: allow ");

	r->denied = false;
	return at &&
	       sscanf(at, "FLASK: used: allow %63s %63[^:]:%63s %63[^;];", s, t, class, r->perm) ==
		       4 &&
	       find_type(s, &r->source) && find_type(t, &r->target) && find_bit(class, r);
}

/* False: not such a message, or not of this policy (which it says). */
static bool parse(const char *line, struct record *r)
{
	char s[1024], t[1024], class[64];

	r->denied = strstr(line, "avc:  denied");
	if (!r->denied && !strstr(line, "avc:  granted"))
		return false;
	if (!word_after(line, "{ ", r->perm, sizeof(r->perm)) ||
	    !word_after(line, "scontext=", s, sizeof(s)) ||
	    !word_after(line, "tcontext=", t, sizeof(t)) ||
	    !word_after(line, "tclass=", class, sizeof(class)))
		return false;
	if (context_parse(policy, s, &r->source) || context_parse(policy, t, &r->target)) {
		fprintf(stderr, "not a label of this policy: %s or %s\n", s, t);
		return false;
	}
	if (find_bit(class, r))
		return true;
	fprintf(stderr, "not a permission of this policy: %s:%s\n", class, r->perm);
	return false;
}

static void print_rule(const struct record *r)
{
	bool self = r->source.type == r->target.type;

	printf("allow %s %s:%s %s;\n", type_name(r->source.type),
	       self ? "self" : type_name(r->target.type), policy->sym[SYM_CLASSES].name[r->tclass],
	       r->perm);
}

/* A boolean whose change alone would allow it. */
static void print_booleans(const struct record *r)
{
	uint32_t i;

	for (i = 1; i <= policy->sym[SYM_BOOLS].nprim; i++) {
		policy->boolean[i] ^= 1;
		policy_cond_eval(policy, conditions);
		if (allowed(&r->source, &r->target, r->tclass) & r->bit)
			printf("  The boolean %s=%u would allow it.\n",
			       policy->sym[SYM_BOOLS].name[i], policy->boolean[i]);
		policy->boolean[i] ^= 1;
		policy_cond_eval(policy, conditions);
	}
}

static void explain(const struct record *r)
{
	const struct expr_facts facts = { .policy = policy,
					  .source = &r->source,
					  .target = &r->target };
	const struct policy_class *c = &policy->class[r->tclass];
	struct av av;
	uint32_t i;

	policy_access(policy, conditions, &r->source, &r->target, r->tclass, &av);
	if (av.allowed & r->bit) {
		puts("  This policy allows it.");
		return;
	}
	if (!(av.by_rules & r->bit)) {
		printf("  No rule allows it. This one would: ");
		print_rule(r);
		printf("  Which neverallow forbids that rule: xsm-policy/build --try '<rule>'\n");
		print_booleans(r);
		return;
	}
	for (i = 0; i < c->constraints; i++)
		if (c->constraint[i].perms & r->bit &&
		    !expr_holds(&c->constraint[i].expr, &facts)) {
			printf("  A rule allows it, but a constraint forbids it: that on %s ",
			       policy->sym[SYM_CLASSES].name[r->tclass]);
			print_perms(r->tclass, c->constraint[i].perms);
			putchar('\n');
			return;
		}
	puts("  A rule allows it, but the roles may not follow each other, or a bound forbids it.");
}

int cmd_explain(void)
{
	char line[4096];
	struct record r;

	while (fgets(line, sizeof(line), stdin)) {
		if (!parse(line, &r) || !r.denied)
			continue;
		printf("%s:%s from %s to %s\n", policy->sym[SYM_CLASSES].name[r.tclass], r.perm,
		       type_name(r.source.type), type_name(r.target.type));
		explain(&r);
	}
	return 0;
}

int cmd_rules(void)
{
	struct record *seen = NULL, r;
	char line[4096];
	size_t n = 0, i;

	while (fgets(line, sizeof(line), stdin)) {
		if (!parse(line, &r) || !r.denied)
			continue;
		for (i = 0; i < n; i++)
			if (seen[i].source.type == r.source.type &&
			    seen[i].target.type == r.target.type && seen[i].tclass == r.tclass &&
			    seen[i].bit == r.bit)
				break;
		if (i < n)
			continue;
		seen = realloc(seen, (n + 1) * sizeof(*seen));
		if (!seen)
			die("out of memory");
		seen[n++] = r;
		print_rule(&r);
	}
	free(seen);
	return 0;
}

/* Which of a rule's permissions a message showed in use. */
static void mark(const struct record *r, uint32_t *used)
{
	uint32_t i;

	for (i = 0; i < policy->rules; i++) {
		const struct rule *rule = &policy->rule[i];

		if (rule->kind == RULE_ALLOWED && rule->tclass == r->tclass &&
		    ebitmap_get(&policy->type[r->source.type].attrs, rule->source - 1U) &&
		    ebitmap_get(&policy->type[r->target.type].attrs, rule->target - 1U))
			used[i] |= r->bit & rule->data;
	}
}

int cmd_unused(void)
{
	uint32_t *used = calloc(policy->rules + 1, sizeof(*used)), i, total = 0, never = 0;
	struct record r;
	char line[4096];

	if (!used)
		die("out of memory");
	while (fgets(line, sizeof(line), stdin))
		if (parse_use(line, &r) || parse(line, &r))
			mark(&r, used);
	for (i = 0; i < policy->rules; i++) {
		const struct rule *rule = &policy->rule[i];

		if (rule->kind != RULE_ALLOWED)
			continue;
		total += (uint32_t)__builtin_popcount(rule->data);
		never += (uint32_t)__builtin_popcount(rule->data & ~used[i]);
		if (!(rule->data & ~used[i]))
			continue;
		printf("allow %s %s:%s ", type_name(rule->source), type_name(rule->target),
		       policy->sym[SYM_CLASSES].name[rule->tclass]);
		print_perms(rule->tclass, rule->data & ~used[i]);
		puts(rule->cond ? "; # conditional" : ";");
	}
	printf("# %u of %u permissions in rules were never used\n", never, total);
	free(used);
	return 0;
}
