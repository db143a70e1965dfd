/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The syntax of xl.cfg(5): settings NAME = VALUE or NAME += VALUE, one a line or separated by
 * semicolons; a value is a string in single or double quotes, a number, or a list in brackets.
 * '#' begins a comment. Nothing here knows what the names mean.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hyper/error.h"

#define CFG_TEXT_MAX  (1u << 20) /* bytes of a whole file */
#define CFG_DEPTH_MAX 4		 /* lists within lists */
#define CFG_ITEMS_MAX 1024	 /* of one list */

enum cfg_kind {
	CFG_STRING,
	CFG_NUMBER,
	CFG_LIST
};

struct cfg_value {
	enum cfg_kind kind;
	const char *source; /* as struct cfg's, of where it was written */
	unsigned int line;
	char *text; /* of strings and numbers */
	struct cfg_value *items;
	size_t n_items;
};

struct cfg_setting {
	char *name;
	struct cfg_value value;
};

struct cfg {
	char *source; /* what messages call it: a file's name, "command line" */
	struct cfg_setting *settings;
	size_t n_settings;
};

/* Starts an empty configuration; free it with cfg_free(). -ENOMEM. */
int cfg_init(struct cfg *cfg, const char *source);
void cfg_free(struct cfg *cfg);

/*
 * Adds the settings of `text` (length bytes). A name that is there already is replaced, or with +=
 * extended. -EINVAL with "source:line: what is wrong" in *err; what was read before stays.
 */
int cfg_parse(struct cfg *cfg, const char *text, size_t length, struct error *err);

/* Reads and parses a file ("-": standard input). */
int cfg_parse_file(struct cfg *cfg, const char *path, struct error *err);

/* NULL: not set. */
const struct cfg_value *cfg_get(const struct cfg *cfg, const char *name);

/* Sets *err to "source:line: …", where the value was written, and returns -EINVAL. */
int cfg_error(const struct cfg_value *value, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
