/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ flask/4: loading of binary policies: good ones, truncated and damaged ones, without memory,
 * again and again. Arguments: the shipped policy, then random ones of versions 24 and 30.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "mm/heap.h"
#include "x86/cpu.h"
#include "xsm/state.h"

struct file {
	uint8_t *data;
	size_t len;
};

static struct file shipped, others[4];
static unsigned int n_others;

static struct file read_file(const char *name)
{
	struct file f = { malloc(POLICY_SIZE_MAX), 0 };
	FILE *in = fopen(name, "rb");

	assert_non_null(in);
	f.len = fread(f.data, 1, POLICY_SIZE_MAX, in);
	fclose(in);
	/* Exactly as large as the policy, so that the sanitizer sees reads beyond its end. */
	f.data = realloc(f.data, f.len);
	return f;
}

static int load(const void *data, size_t len)
{
	return xsm_load(data, len);
}

static uint32_t sid(const char *text)
{
	uint32_t s = 0;

	assert_int_equal(sid_of_text(text, &s), 0);
	return s;
}

static bool may(const char *s, const char *t, enum xsm_perm perm)
{
	return avc_allows(sid(s), sid(t), perm);
}

#define DOM0   "system_u:system_r:dom0_t"
#define GUEST  "system_u:system_r:domU_t"
#define TENANT "system_u:system_r:tenant_a_t"
#define SEALED "system_u:system_r:sealed_t"
#define DRIVER "system_u:system_r:netdom_t"

/* What the shipped policy must say, whatever has been tried meanwhile. */
static void assert_shipped(void)
{
	assert_true(may(DOM0, GUEST, XSM_DOMAIN__PAUSE));
	assert_true(may(DOM0, GUEST, XSM_MMU__MAP_READ));
	assert_false(may(DOM0, SEALED, XSM_MMU__MAP_READ));
	assert_false(may(DRIVER, GUEST, XSM_MMU__MAP_READ));
	assert_true(may(DRIVER, GUEST, XSM_GRANT__MAP_READ));
	assert_false(may(GUEST, DOM0, XSM_DOMAIN__PAUSE));
}

static void start_shipped(void)
{
	if (!this_cpu()->avc)
		assert_int_equal(xsm_cpu_init(), 0);
	assert_int_equal(load(shipped.data, shipped.len), 0);
}

static void good_ones_load(void **state)
{
	unsigned int i;

	(void)state;
	start_shipped();
	assert_shipped();
	for (i = 0; i < n_others; i++) {
		assert_int_equal(load(others[i].data, others[i].len), 0);
		assert_true(xsm_state()->policy->version == 24 ||
			    xsm_state()->policy->version == 30);
	}
	start_shipped();
	assert_shipped();
}

static void names_are_mapped_wholly(void **state)
{
	uint32_t c, b;

	(void)state;
	host_log_clear();
	start_shipped();
	assert_null(strstr(host_log(), "lacks"));
	assert_null(strstr(host_log(), "which the core does not"));
	for (c = 1; c <= XSM_CLASSES; c++)
		for (b = 0; b < xsm_classes[c].perms; b++)
			assert_int_not_equal(xsm_state()->policy->perm_bit[c][b], 0);
}

static void every_truncation_is_refused(void **state)
{
	uint32_t seq;
	size_t len;

	(void)state;
	start_shipped();
	seq = xsm_seq;
	for (len = 0; len < shipped.len; len++) {
		/* A copy of just that size, for the sanitizer. */
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, shipped.data, len);
		host_log_clear();
		assert_int_equal(load(cut, len), -EINVAL);
		assert_non_null(strstr(host_log(), "FLASK: policy refused: "));
		assert_non_null(strstr(host_log(), ", at byte "));
		free(cut);
	}
	assert_int_equal(xsm_seq, seq);
	assert_shipped();
}

static void longer_is_refused(void **state)
{
	uint8_t *more = calloc(1, POLICY_SIZE_MAX + 1);

	(void)state;
	start_shipped();
	memcpy(more, shipped.data, shipped.len);
	assert_int_equal(load(more, shipped.len + 1), -EINVAL);
	assert_int_equal(load(more, POLICY_SIZE_MAX + 1), -EINVAL);
	free(more);
	assert_shipped();
}

/* Decisions between all labels: nothing may crash, whatever the damaged policy says. */
static void ask_everything(void)
{
	uint32_t s, t, c, to;

	for (s = 1; s <= XSM_SID_INITIAL; s++)
		for (t = 1; t <= XSM_SID_INITIAL; t += 3)
			for (c = 1; c <= XSM_CLASSES; c++) {
				(void)xsm_decide(xsm_state(), s, t, c);
				(void)sid_new(s, t, c, RULE_TRANSITION, &to);
			}
}

/* One to three changed bits, @times; returns how many of them were refused. */
static unsigned int damage(const struct file *f, unsigned int times)
{
	uint8_t *bad = malloc(f->len);
	unsigned int refused = 0;
	uint32_t r = 12345;

	for (unsigned int i = 0; i < times; i++) {
		unsigned int n = 1 + i % 3;

		memcpy(bad, f->data, f->len);
		while (n--) {
			r = r * 1664525 + 1013904223;
			bad[(r >> 8) % f->len] ^= (uint8_t)(1U << (r >> 5 & 7));
		}
		if (load(bad, f->len))
			refused++;
		else
			ask_everything();
	}
	free(bad);
	return refused;
}

static void damaged_ones_are_refused_or_harmless(void **state)
{
	(void)state;
	assert_int_not_equal(damage(&shipped, 100000), 0);
	/* With levels and categories too, and of the older version. */
	for (unsigned int i = 0; i < n_others; i++)
		assert_int_not_equal(damage(&others[i], 2000), 0);
	start_shipped();
	assert_shipped();
}

/* Words of the header: each is known, and what is wrong with it is said. */
static void headers_are_checked(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *why;
	} words[] = {
		{ 0, 0, "not a binary policy" },
		{ 8, 0, "not a binary policy" },
		{ 16, 25, "neither 24 nor 30" },
		{ 16, 31, "neither 24 nor 30" },
		{ 20, 8, "unknown flags" },
		{ 20, 6, "unknown flags" },
		{ 24, 9, "another number of symbol" },
		{ 28, 3, "another number of object context" },
	};
	uint8_t *bad = malloc(shipped.len);

	(void)state;
	start_shipped();
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		memcpy(bad, shipped.data, shipped.len);
		memcpy(bad + words[i].at, &words[i].value, 4);
		host_log_clear();
		assert_int_equal(load(bad, shipped.len), -EINVAL);
		assert_non_null(strstr(host_log(), words[i].why));
	}
	free(bad);
	assert_shipped();
}

/* What a policy for Xen has no use for, Xen refuses too: its count is the word before that of initial SIDs. */
static void file_names_are_refused(void **state)
{
	static const uint32_t counts[] = { 0, XSM_SID_INITIAL };
	size_t at = shipped.len - sizeof(counts);

	(void)state;
	start_shipped();
	while (memcmp(shipped.data + at, counts, sizeof(counts)))
		assert_int_not_equal(at--, 0);
	shipped.data[at] = 1;
	host_log_clear();
	assert_int_equal(load(shipped.data, shipped.len), -EINVAL);
	assert_non_null(strstr(host_log(), "transitions by file name"));
	shipped.data[at] = 0;
	assert_shipped();
}

static void without_memory_the_old_one_stays(void **state)
{
	long before;
	int n, err;

	(void)state;
	start_shipped();
	assert_shipped();
	before = host_allocations;
	for (n = 1;; n++) {
		host_fail_after = n;
		err = load(others[0].data, others[0].len);
		host_fail_after = 0;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(host_allocations, before);
	}
	assert_true(n > 10);
	start_shipped();
	assert_shipped();
}

static void reloading_leaks_nothing(void **state)
{
	long before = 0;
	int i;

	(void)state;
	start_shipped();
	assert_shipped();
	for (i = 0; i < 1000; i++) {
		if (n_others)
			assert_int_equal(load(others[i % n_others].data, others[i % n_others].len),
					 0);
		assert_int_equal(load(shipped.data, shipped.len), 0);
		assert_shipped();
		if (i == 10)
			before = host_allocations;
	}
	/* How many pieces a policy takes differs between policies, but not between loads of one. */
	assert_int_equal(host_allocations, before);
}

static void sids_survive_a_policy_without_them(void **state)
{
	uint32_t guest;

	(void)state;
	start_shipped();
	guest = sid(TENANT);
	assert_true(avc_allows(XSM_SID_DOM0, guest, XSM_DOMAIN__PAUSE));
	assert_int_equal(load(others[0].data, others[0].len), 0);
	/* The label means nothing now: it is treated as unlabeled, and keeps its text. */
	assert_string_equal(sid_text(guest), TENANT);
	assert_true(context_equal(&sid_entry(xsm_state(), guest)->context,
				  &sid_entry(xsm_state(), XSM_SID_UNLABELED)->context));
	start_shipped();
	assert_int_equal(sid(TENANT), guest);
	assert_true(avc_allows(XSM_SID_DOM0, guest, XSM_DOMAIN__PAUSE));
}

/* Who found a context just before another policy came gets its label by the text, or none. */
static void a_replaced_policy_gives_no_labels(void **state)
{
	static struct xsm_state stale;
	struct policy_error why;
	uint32_t s, n, had;

	(void)state;
	start_shipped();
	had = sid(TENANT);
	n = xsm_state()->sids;
	assert_int_equal(policy_read(shipped.data, shipped.len, &stale.policy, &why), 0);
	assert_int_equal(sid_of_context(&stale, &sid_entry(xsm_state(), had)->context, &s), 0);
	assert_int_equal(s, had);
	assert_int_equal(xsm_state()->sids, n);
	policy_free(stale.policy);
	assert_int_equal(policy_read(others[0].data, others[0].len, &stale.policy, &why), 0);
	assert_int_equal(
		sid_of_context(&stale, policy_initial_context(stale.policy, XSM_SID_DOM0), &s),
		-EINVAL);
	assert_int_equal(xsm_state()->sids, n);
	assert_int_equal(stale.sids, 0);
	policy_free(stale.policy);
}

static void contexts_are_checked(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"::",
		"system_u",
		"system_u:system_r",
		"system_u:system_r:",
		"system_u:system_r:domain_type",
		"system_u:system_r:nosuch_t",
		"nosuch_u:system_r:domU_t",
		"system_u:nosuch_r:domU_t",
		"system_u:system_r:domU_t:s0",
		"system_u:system_r:domU_t ",
		"system_u:system_r:domU_t:",
		"system_u:system_r:security_t",
	};
	uint32_t s;
	size_t i;

	(void)state;
	start_shipped();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sid_of_text(bad[i], &s), -EINVAL);
	assert_int_equal(sid_of_text("system_u:object_r:security_t", &s), 0);
	assert_string_equal(sid_text(s), "system_u:object_r:security_t");
}

/* Random policies with MLS: text → context → text is the same text for every initial SID. */
static void text_of_contexts_is_exact(void **state)
{
	char text[4096];
	struct context c;
	unsigned int i;
	uint32_t s;

	(void)state;
	for (i = 0; i < n_others; i++) {
		assert_int_equal(load(others[i].data, others[i].len), 0);
		for (s = 1; s <= XSM_SID_INITIAL; s++) {
			assert_int_equal(context_parse(xsm_state()->policy, sid_text(s), &c), 0);
			assert_true(context_print(xsm_state()->policy, &c, text, sizeof(text)) <
				    sizeof(text));
			assert_string_equal(text, sid_text(s));
			assert_true(context_equal(&c, &sid_entry(xsm_state(), s)->context));
		}
	}
}

static void labels_have_a_limit(void **state)
{
	struct context c;
	uint32_t s, types, t, u, err = 0;

	(void)state;
	assert_int_equal(load(others[n_others - 1].data, others[n_others - 1].len), 0);
	c = sid_entry(xsm_state(), XSM_SID_DOM0)->context;
	types = xsm_state()->policy->sym[SYM_TYPES].nprim;
	for (u = 0; u < 65536 && !err; u++) {
		c.range.low.cat[0] = u;
		for (t = 1; t <= types && !err; t++) {
			c.type = t;
			err = (uint32_t)sid_of_context(xsm_state(), &c, &s);
		}
	}
	assert_int_equal((int)err, -ENOSPC);
	assert_int_equal(xsm_state()->sids, XSM_SIDS_MAX);
}

/* However many labels there are, a commit makes none of them anew; what frees them is the last state. */
static void a_commit_takes_over_all_labels(void **state)
{
	const struct sid_entry *first, *last;
	char text[4096];
	unsigned int i;

	(void)state;
	assert_int_equal(xsm_state()->sids, XSM_SIDS_MAX);
	first = sid_entry(xsm_state(), 1);
	last = sid_entry(xsm_state(), XSM_SIDS_MAX);
	strcpy(text, last->text);
	for (i = 0; i < 3; i++) {
		assert_int_equal(xsm_commit_booleans(), 0);
		assert_int_equal(xsm_state()->sids, XSM_SIDS_MAX);
		assert_ptr_equal(sid_entry(xsm_state(), 1), first);
		assert_ptr_equal(sid_entry(xsm_state(), XSM_SIDS_MAX), last);
	}
	assert_int_equal(load(others[n_others - 1].data, others[n_others - 1].len), 0);
	assert_ptr_not_equal(sid_entry(xsm_state(), XSM_SIDS_MAX), last);
	assert_string_equal(sid_text(XSM_SIDS_MAX), text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones_load),
		cmocka_unit_test(names_are_mapped_wholly),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(longer_is_refused),
		cmocka_unit_test(damaged_ones_are_refused_or_harmless),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(file_names_are_refused),
		cmocka_unit_test(without_memory_the_old_one_stays),
		cmocka_unit_test(reloading_leaks_nothing),
		cmocka_unit_test(sids_survive_a_policy_without_them),
		cmocka_unit_test(a_replaced_policy_gives_no_labels),
		cmocka_unit_test(contexts_are_checked),
		cmocka_unit_test(text_of_contexts_is_exact),
		cmocka_unit_test(labels_have_a_limit),
		cmocka_unit_test(a_commit_takes_over_all_labels),
	};
	int i;

	if (argc < 3)
		return 2;
	shipped = read_file(argv[1]);
	for (i = 2; i < argc && n_others < 4; i++)
		others[n_others++] = read_file(argv[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
