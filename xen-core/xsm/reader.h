/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a binary policy from the start to the end. The first fault sticks: everything read after
 * it is zero, so that the parsers need no test at each number.
 */
#pragma once

#include "policy.h"

struct reader {
	struct policy *p;
	const uint8_t *data;
	size_t len, pos;
	struct policy_error *err;
	int failed; /* 0, or -errno */
	struct {
		uint32_t value;
		size_t at;
	} named[SYM_TABLES + 1]; /* the highest one in a set, and where: its table may come later */
};

/* Notes the first fault, at byte @at. Returns 0 always, as value of what could not be read. */
uint32_t reader_fail_at(struct reader *r, const char *text, size_t at);
static inline uint32_t reader_fail(struct reader *r, const char *text)
{
	return reader_fail_at(r, text, r->pos);
}
void *reader_alloc(struct reader *r, size_t n, size_t size);

uint16_t read16(struct reader *r);
uint32_t read32(struct reader *r);
uint64_t read64(struct reader *r);
/* @n elements, each of at least @bytes, must fit in the rest of the file. */
uint32_t check_count(struct reader *r, uint32_t n, size_t bytes);
uint32_t read_count(struct reader *r, size_t bytes);
/* A number from 1 to @max; fails with @text otherwise. */
uint32_t read_value(struct reader *r, uint32_t max, const char *text);
/* A name of @len bytes: letters, digits and punctuation that may stand in a context. */
const char *read_name(struct reader *r, uint32_t len);
/* A set of symbols of table @of; of something else if that is SYM_TABLES. */
void read_ebitmap(struct reader *r, struct ebitmap *e, enum policy_symbols of);
void read_level(struct reader *r, struct mls_level *l);
void read_range(struct reader *r, struct mls_range *range);

/* An expression; a constraint's may name the third context only in a validatetrans. policy_expr.c */
enum expr_kind {
	EXPR_CONDITIONAL,
	EXPR_CONSTRAINT,
	EXPR_VALIDATETRANS
};
void read_expr(struct reader *r, struct expr *e, enum expr_kind kind);

/* policy_symbols.c: the symbol tables, with constraints; policy_rules.c: all that follows them. */
void read_symbols(struct reader *r);
void read_rules(struct reader *r);
