/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ flask/3: decisions of the security server on a policy that has every kind of rule once
 * (xsm-policy/test/server.conf), against what follows from its text by hand. Argument: that policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xsm/policy.h"

static struct policy *policy;
static uint8_t cond[16];

static uint32_t value(enum policy_symbols table, const char *name)
{
	uint32_t v = symbol_find(&policy->sym[table], name, strlen(name));

	assert_int_not_equal(v, 0);
	return v;
}

static struct context context(const char *text)
{
	struct context c;

	assert_int_equal(context_parse(policy, text, &c), 0);
	return c;
}

static void set_booleans(bool b0, bool b1)
{
	policy->boolean[value(SYM_BOOLS, "b0")] = b0;
	policy->boolean[value(SYM_BOOLS, "b1")] = b1;
	policy_cond_eval(policy, cond);
}

static struct av access(const char *source, const char *target, const char *tclass)
{
	struct context s = context(source), t = context(target);
	struct av av;

	policy_access(policy, cond, &s, &t, value(SYM_CLASSES, tclass), &av);
	return av;
}

/* Whether @perm of @tclass is in @set. */
static bool has(uint32_t set, const char *tclass, const char *perm)
{
	const struct class_perms *perms = &policy->class[value(SYM_CLASSES, tclass)].perms;
	uint32_t i;

	for (i = 0; i < 32; i++)
		if (perms->name[i] && !strcmp(perms->name[i], perm))
			return set >> i & 1;
	fail_msg("no permission %s:%s", tclass, perm);
	return false;
}

static bool may(const char *source, const char *target, const char *tclass, const char *perm)
{
	return has(access(source, target, tclass).allowed, tclass, perm);
}

#define A  "first_u:one_r:a_t:s0"
#define A1 "first_u:one_r:a_t:s1:c0"
#define A2 "first_u:one_r:a_t:s0-s2:c0.c1"
#define B  "first_u:one_r:b_t:s0"
#define B1 "first_u:one_r:b_t:s1:c1"

static void levels_are_compared(void **state)
{
	(void)state;
	/* l1 dom l2 */
	assert_true(may(A, B, "domain", "pause"));
	assert_true(may(A1, B, "domain", "pause"));
	assert_false(may(A, B1, "domain", "pause"));
	assert_false(may(A1, B1, "domain", "pause")); /* another category */
	/* h1 domby h2 */
	assert_true(may(A, B1, "domain", "unpause"));
	assert_false(may(A2, B1, "domain", "unpause"));
	/* l1 incomp h2 */
	assert_true(may(A1, B1, "domain", "resume"));
	assert_false(may(A, B1, "domain", "resume"));
	assert_false(may(A1, B, "domain", "resume"));
	/* h1 eq l2 */
	assert_true(may(A, B, "domain", "destroy"));
	assert_false(may(A2, B, "domain", "destroy"));
	/* l1 != h1, l2 eq h2 */
	assert_true(may(A2, B, "domain", "shutdown"));
	assert_false(may(A, B, "domain", "shutdown"));
	assert_true(may(A2, B, "domain", "trigger"));
	assert_false(may(B, A2, "domain", "trigger"));
	/* What no constraint is about. */
	assert_true(may(A, B1, "domain", "getvcpuinfo"));
}

static void constraints_take_away(void **state)
{
	const char *second = "second_u:one_r:b_t:s0", *two = "first_u:two_r:b_t:s0";

	(void)state;
	assert_true(may(A, B, "domain2", "relabelfrom"));
	assert_false(may(A, second, "domain2", "relabelfrom"));
	assert_true(may(A, two, "domain2", "relabelto"));
	assert_false(may(A, B, "domain2", "relabelto"));
	assert_true(may(A, A1, "domain2", "relabelself"));
	assert_false(may(A, B, "domain2", "relabelself"));
	/* t1 == some and not (t2 == { b_t c_t }) */
	assert_true(may(A, "first_u:one_r:x_t:s0", "domain2", "make_priv_for"));
	assert_false(may(A, B, "domain2", "make_priv_for"));
	assert_false(
		may("first_u:one_r:x_t:s0", "first_u:one_r:x_t:s0", "domain2", "make_priv_for"));
	/* u2 == second_u or r1 == two_r */
	assert_true(may(A, second, "domain2", "set_as_target"));
	assert_true(may(two, B, "domain2", "set_as_target"));
	assert_false(may(A, B, "domain2", "set_as_target"));
	assert_true(may(B, A, "domain2", "set_cpu_policy"));
	assert_false(may(A, B, "domain2", "set_cpu_policy"));
	/* Roles that dominate neither each other: a role dominates itself. */
	assert_true(may(A, two, "domain2", "gettsc"));
	assert_false(may(A, B, "domain2", "gettsc"));
	assert_true(may(A, B, "domain2", "settsc"));
	assert_false(may(A, two, "domain2", "settsc"));
	/* Taken away by a constraint, but given by a rule. */
	assert_true(has(access(A, B, "domain2").by_rules, "domain2", "gettsc"));
}

static void bounds_and_roles_take_away(void **state)
{
	(void)state;
	assert_true(may("first_u:one_r:x_t:s0", B, "domain2", "set_cpu_policy"));
	assert_false(may("first_u:one_r:parent_t:s0", B, "domain2", "set_cpu_policy"));
	assert_false(may("first_u:one_r:child_t:s0", B, "domain2", "set_cpu_policy"));
	assert_true(may("first_u:one_r:child_t:s0", B, "domain2", "relabelfrom"));
	assert_true(has(access("first_u:one_r:child_t:s0", B, "domain2").by_rules, "domain2",
			"set_cpu_policy"));
	/* allow one_r two_r, and no other. */
	assert_true(may(A, B, "domain", "transition"));
	assert_true(may(A, "first_u:two_r:b_t:s0", "domain", "transition"));
	assert_false(may("first_u:two_r:b_t:s0", A, "domain", "transition"));
	assert_false(may(A, "first_u:three_r:a_t:s0", "domain", "transition"));
}

static void audit_rules_are_known(void **state)
{
	struct av av = access(A, B, "xen");

	(void)state;
	assert_true(has(av.allowed, "xen", "settime") && has(av.allowed, "xen", "debug"));
	assert_true(has(av.auditallow, "xen", "debug"));
	assert_false(has(av.auditallow, "xen", "settime"));
	assert_false(has(av.auditdeny, "xen", "kexec"));
	assert_false(has(av.auditdeny, "xen", "sleep"));
	assert_true(has(av.auditdeny, "xen", "heap"));
	assert_false(has(av.allowed, "xen", "heap"));
	assert_false(av.permissive);
	assert_true(access("first_u:one_r:loose_t:s0", B, "xen").permissive);
	assert_int_equal(access(B, A, "xen").allowed, 0);
}

static void conditionals_follow_booleans(void **state)
{
	const char *c = "first_u:one_r:c_t:s0";
	int b;

	(void)state;
	for (b = 0; b < 4; b++) {
		bool x = b & 1, y = b & 2;

		set_booleans(x, y);
		assert_int_equal(may(A, c, "event", "send"), x && y);
		assert_int_equal(may(A, c, "event", "status"), x || y);
		assert_int_equal(may(A, c, "event", "create"), x ^ y);
		assert_int_equal(may(A, c, "event", "reset"), !(x ^ y));
		assert_int_equal(may(A, c, "event", "bind"), x == y);
		assert_int_equal(may(A, c, "grant", "setup"), x != y);
		assert_int_equal(may(A, c, "grant", "query"), !x);
		assert_int_equal(may(A, c, "grant", "copy"), x);
	}
	set_booleans(false, true);
}

/* The text of what follows from a type rule of @kind. */
static const char *becomes(const char *source, const char *target, const char *tclass,
			   uint32_t kind)
{
	static char text[200];
	struct context s = context(source), t = context(target), out;

	policy_new_context(policy, cond, &s, &t, value(SYM_CLASSES, tclass), kind, &out);
	assert_true(context_print(policy, &out, text, sizeof(text)) < sizeof(text));
	return text;
}

static void type_rules_give_contexts(void **state)
{
	const char *b = "first_u:two_r:b_t:s1:c1", *c = "first_u:one_r:c_t:s0";

	(void)state;
	/* The type, the role and the range that rules for these two types give. */
	assert_string_equal(becomes(A, b, "domain", RULE_TRANSITION),
			    "first_u:two_r:c_t:s1:c1-s2:c1");
	assert_string_equal(becomes(A, b, "domain", RULE_MEMBER), "first_u:one_r:x_t:s0");
	assert_string_equal(becomes(A2, b, "domain", RULE_CHANGE), "first_u:one_r:b_t:s0-s2:c0,c1");
	/* Without rules: a domain is like its source, everything else an object like its target. */
	assert_string_equal(becomes(A2, c, "domain", RULE_TRANSITION),
			    "first_u:one_r:a_t:s0-s2:c0,c1");
	assert_string_equal(becomes(A2, c, "xen", RULE_TRANSITION), "first_u:object_r:c_t:s0");
	assert_string_equal(becomes(A, c, "event", RULE_TRANSITION), "first_u:three_r:c_t:s0");
	/* A rule that a boolean switches. */
	assert_string_equal(becomes(A, B, "event", RULE_TRANSITION), "first_u:object_r:x_t:s0");
	set_booleans(true, true);
	assert_string_equal(becomes(A, B, "event", RULE_TRANSITION), "first_u:object_r:b_t:s0");
	set_booleans(false, true);
}

/* What the policy says of new objects (default_user, default_role …), nobody follows; nor does Xen. */
static void defaults_of_classes_are_passed_over(void **state)
{
	static const char *const classes[] = { "grant", "mmu", "hvm", "shadow", "event", "argo" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		assert_string_equal(becomes(A2, "second_u:one_r:b_t:s0", classes[i], RULE_CHANGE),
				    "first_u:object_r:b_t:s0");
		assert_string_equal(becomes(A2, "second_u:one_r:b_t:s0", classes[i], RULE_MEMBER),
				    "second_u:object_r:b_t:s0");
	}
}

static bool may_change(const char *from, const char *to, const char *by)
{
	struct context f = context(from), t = context(to), b = context(by);

	return policy_may_change(policy, &f, &t, &b, value(SYM_CLASSES, "domain"));
}

static void changes_are_validated(void **state)
{
	const char *x = "first_u:one_r:x_t:s0", *c = "first_u:one_r:c_t:s0";

	(void)state;
	assert_true(may_change(B, c, c));
	assert_false(may_change(B, x, c));			 /* t2 != x_t */
	assert_true(may_change(B, x, A));			 /* unless t3 == a_t */
	assert_false(may_change(B, "second_u:one_r:b_t:s0", c)); /* u1 == u2 */
	assert_false(may_change(B, c, "first_u:two_r:b_t:s0"));	 /* r3 == one_r */
	assert_false(may_change(B, B1, A));			 /* l1 eq l2 or h1 dom h2 */
	assert_true(may_change("first_u:one_r:b_t:s0-s1:c1", B1, A));
}

static void contexts_are_checked(void **state)
{
	static const char *const good[] = {
		"first_u:one_r:old_t:s0",	  "first_u:one_r:a_t:s0-s2:c0.c1",
		"first_u:one_r:a_t:s1:c0,c1",	  "first_u:object_r:x_t:s2:c0.c1",
		"first_u:one_r:a_t:top",	  "first_u:one_r:a_t:s0-top:c1",
		"second_u:object_r:a_t:s2:c0,c1",
	};
	static const char *const bad[] = {
		"first_u:one_r:a_t", /* no level */
		"first_u:one_r:a_t:",
		"first_u:one_r:a_t:s3",
		"first_u:one_r:a_t:s0-",
		"first_u:one_r:a_t:s1-s0",	 /* backwards */
		"first_u:one_r:a_t:s0:c0-s1:c1", /* the category gets lost on the way up */
		"first_u:one_r:a_t:s0:",
		"first_u:one_r:a_t:s0:c9",
		"first_u:one_r:a_t:s0:c1.c0",
		"first_u:one_r:a_t:s0:c0.",
		"first_u:one_r:a_t:s0:c0,",
		"first_u:one_r:a_t:s0-s1-s2",
		"first_u:object_r:a_t:s2:c3", /* s2 goes without c3 */
		"first_u:one_r:a_t:s1:c2",    /* beyond the user's */
		"second_u:one_r:a_t:s0-s1",
		"second_u:two_r:a_t:s0",  /* not the user's */
		"first_u:three_r:b_t:s0", /* not the role's */
		"first_u:one_r:any:s0",
		"nobody_u:one_r:a_t:s0",
	};
	struct context c;
	char text[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(context_parse(policy, good[i], &c), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!context_parse(policy, bad[i], &c))
			fail_msg("taken: %s", bad[i]);
	/* Too small a buffer: the length all the same. */
	c = context(A2);
	assert_int_equal(context_print(policy, &c, text, sizeof(text)),
			 strlen("first_u:one_r:a_t:s0-s2:c0,c1"));
	/* A type that no role goes with; an attribute. */
	assert_true(context_of_type(policy, value(SYM_TYPES, "a_t"), &c));
	assert_false(context_of_type(policy, value(SYM_TYPES, "any"), &c));
	c = context(A);
	c.role = 99;
	assert_false(context_valid(policy, &c));
	c = context(A);
	c.user = 0;
	assert_false(context_valid(policy, &c));
	c = context(A);
	c.range.low.sens = 9;
	assert_false(context_valid(policy, &c));
}

static void contexts_are_compared(void **state)
{
	struct context a = context(A), b = context(A);

	(void)state;
	assert_true(context_equal(&a, &b));
	b.user++;
	assert_false(context_equal(&a, &b));
	b = a;
	b.role++;
	assert_false(context_equal(&a, &b));
	b = a;
	b.type++;
	assert_false(context_equal(&a, &b));
	b = context(A1);
	assert_false(context_equal(&a, &b));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_are_compared),
		cmocka_unit_test(constraints_take_away),
		cmocka_unit_test(bounds_and_roles_take_away),
		cmocka_unit_test(audit_rules_are_known),
		cmocka_unit_test(conditionals_follow_booleans),
		cmocka_unit_test(type_rules_give_contexts),
		cmocka_unit_test(defaults_of_classes_are_passed_over),
		cmocka_unit_test(changes_are_validated),
		cmocka_unit_test(contexts_are_checked),
		cmocka_unit_test(contexts_are_compared),
	};
	static uint8_t data[POLICY_SIZE_MAX];
	struct policy_error err;
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	int failed;

	if (!f || policy_read(data, fread(data, 1, sizeof(data), f), &policy, &err))
		return 2;
	fclose(f);
	set_booleans(false, true);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	policy_free(policy);
	return failed;
}
