/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The members of struct domain_config and of its parts as tables, so that copying, freeing, writing
 * and reading them need no list of their own.
 */
#pragma once

#include <stddef.h>

#include "life/config.h"

enum field_kind {
	FIELD_STRING,  /* char *, malloc, may be NULL */
	FIELD_STRINGS, /* char ** with a uint32_t count at `count` */
	FIELD_BOOL,
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_I32,
	FIELD_U64,
	FIELD_I64,
	FIELD_WORD,  /* an enum (int), written as one of `words` */
	FIELD_UUID,  /* uint8_t[16] */
	FIELD_MAC,   /* uint8_t[6] */
	FIELD_CPUS,  /* struct cpu_set */
	FIELD_TABLE, /* array of `table` structures with a uint32_t count at `count` */
};

struct field_table;

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset, count;	  /* of the member, of the count's member */
	const char *const *words; /* ends with NULL */
	const struct field_table *table;
};

struct field_table {
	const struct field *fields;
	size_t n_fields;
	size_t size; /* of the structure */
};

extern const struct field_table domain_fields;

extern const char *const domain_type_words[];
extern const char *const domain_action_words[];

/* Frees everything that the structure owns. */
void fields_free(const struct field_table *table, void *structure);
