/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/syntax.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	struct cfg *cfg;
	const char *at, *end;
	unsigned int line;
	struct error *err;
};

static int error_at(const char *source, unsigned int line, struct error *err, const char *fmt,
		    va_list ap)
{
	char what[400];

	vsnprintf(what, sizeof(what), fmt, ap);
	return error_set(err, -EINVAL, "%s:%u: %s", source, line, what);
}

int cfg_error(const struct cfg_value *value, struct error *err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = error_at(value->source, value->line, err, fmt, ap);
	va_end(ap);
	return rc;
}

__attribute__((format(printf, 3, 4))) static int
parse_error(const struct parser *p, unsigned int line, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = error_at(p->cfg->source, line, p->err, fmt, ap);
	va_end(ap);
	return rc;
}

static void value_free(struct cfg_value *value)
{
	for (size_t i = 0; i < value->n_items; i++)
		value_free(&value->items[i]);
	free(value->items);
	free(value->text);
	memset(value, 0, sizeof(*value));
}

int cfg_init(struct cfg *cfg, const char *source)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->source = strdup(source);
	return cfg->source ? 0 : -ENOMEM;
}

void cfg_free(struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->n_settings; i++) {
		free(cfg->settings[i].name);
		value_free(&cfg->settings[i].value);
	}
	free(cfg->settings);
	free(cfg->source);
	memset(cfg, 0, sizeof(*cfg));
}

const struct cfg_value *cfg_get(const struct cfg *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->n_settings; i++)
		if (strcmp(cfg->settings[i].name, name) == 0)
			return &cfg->settings[i].value;
	return NULL;
}

/* Skips blanks and comments; line ends too, where `lines`. */
static void skip(struct parser *p, bool lines)
{
	for (; p->at < p->end; p->at++) {
		if (*p->at == '#') {
			while (p->at < p->end && *p->at != '\n')
				p->at++;
			p->at--;
		} else if (*p->at == '\n') {
			if (!lines)
				return;
			p->line++;
		} else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r') {
			return;
		}
	}
}

static int fail(struct parser *p, const char *what)
{
	char seen[32] = "the end of the file";

	if (p->at < p->end && *p->at == '\n')
		strcpy(seen, "the line's end");
	else if (p->at < p->end)
		snprintf(seen, sizeof(seen),
			 isprint((unsigned char)*p->at) ? "'%c'" : "byte 0x%02x",
			 (unsigned char)*p->at);
	return parse_error(p, p->line, "%s, but here is %s", what, seen);
}

static char *take(const char *start, const char *end)
{
	return strndup(start, (size_t)(end - start));
}

/* A string up to its quote; a backslash takes the next character as it is, \n and \t have meanings. */
static int parse_string(struct parser *p, struct cfg_value *out)
{
	char quote = *p->at++, *to;
	unsigned int line = p->line;

	to = out->text = malloc((size_t)(p->end - p->at) + 1);
	if (!to)
		return -ENOMEM;
	for (; p->at < p->end && *p->at != quote && *p->at != '\n'; p->at++) {
		char c = *p->at;

		if (c == '\\' && p->at + 1 < p->end && p->at[1] != '\n') {
			c = *++p->at;
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
		}
		if (c == '\0')
			return parse_error(p, line, "a zero byte in a string");
		*to++ = c;
	}
	*to = '\0';
	if (p->at == p->end || *p->at != quote)
		return parse_error(p, line, "this string does not end: a %c is missing", quote);
	p->at++;
	to = realloc(out->text, strlen(out->text) + 1);
	if (to)
		out->text = to;
	return 0;
}

static int parse_value(struct parser *p, struct cfg_value *out, unsigned int depth);

static int parse_list(struct parser *p, struct cfg_value *out, unsigned int depth)
{
	unsigned int line = p->line;
	int rc;

	p->at++;
	for (;;) {
		struct cfg_value *grown;

		skip(p, true);
		if (p->at < p->end && *p->at == ']') {
			p->at++;
			return 0;
		}
		if (out->n_items == CFG_ITEMS_MAX)
			return parse_error(p, line, "a list has at most %u items", CFG_ITEMS_MAX);
		grown = realloc(out->items, (out->n_items + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		out->items = grown;
		memset(&grown[out->n_items], 0, sizeof(*grown));
		rc = parse_value(p, &grown[out->n_items++], depth + 1);
		if (rc)
			return rc;
		skip(p, true);
		if (p->at < p->end && *p->at == ',')
			p->at++;
		else if (p->at == p->end || *p->at != ']')
			return fail(p, "in a list comes ',' or ']'");
	}
}

static int parse_value(struct parser *p, struct cfg_value *out, unsigned int depth)
{
	const char *start = p->at;

	out->source = p->cfg->source;
	out->line = p->line;
	if (p->at < p->end && (*p->at == '"' || *p->at == '\'')) {
		out->kind = CFG_STRING;
		return parse_string(p, out);
	}
	if (p->at < p->end && *p->at == '[') {
		out->kind = CFG_LIST;
		if (depth == CFG_DEPTH_MAX)
			return parse_error(p, p->line, "lists are nested too deep");
		return parse_list(p, out, depth);
	}
	if (p->at < p->end && *p->at == '-')
		p->at++;
	if (p->at == p->end || !isdigit((unsigned char)*p->at))
		return fail(p, "a value is a string in quotes, a number or a list in []");
	while (p->at < p->end && isalnum((unsigned char)*p->at))
		p->at++;
	out->kind = CFG_NUMBER;
	out->text = take(start, p->at);
	return out->text ? 0 : -ENOMEM;
}

/* += : lists grow, strings are joined. */
static int extend(struct parser *p, struct cfg_value *old, struct cfg_value *new)
{
	if (old->kind != new->kind || old->kind == CFG_NUMBER)
		return parse_error(p, new->line,
				   "+= adds a list to a list or a string to a string");
	if (old->kind == CFG_STRING) {
		char *joined = malloc(strlen(old->text) + strlen(new->text) + 1);

		if (!joined)
			return -ENOMEM;
		strcat(strcpy(joined, old->text), new->text);
		free(old->text);
		old->text = joined;
		return 0;
	}
	struct cfg_value *grown;

	if (old->n_items + new->n_items > CFG_ITEMS_MAX)
		return parse_error(p, new->line, "a list has at most %u items", CFG_ITEMS_MAX);
	if (!new->n_items)
		return 0;
	grown = realloc(old->items, (old->n_items + new->n_items) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memcpy(grown + old->n_items, new->items, new->n_items * sizeof(*grown));
	old->items = grown;
	old->n_items += new->n_items;
	free(new->items);
	new->items = NULL;
	new->n_items = 0;
	return 0;
}

/* Stores what was parsed; takes over the name and the value. */
static int store(struct parser *p, char *name, struct cfg_value *value, bool add)
{
	struct cfg_value *old = (struct cfg_value *)cfg_get(p->cfg, name);
	struct cfg_setting *grown;
	int rc = 0;

	if (old) {
		if (add) {
			rc = extend(p, old, value);
			value_free(value);
		} else {
			value_free(old);
			*old = *value;
		}
		free(name);
		return rc;
	}
	grown = realloc(p->cfg->settings, (p->cfg->n_settings + 1) * sizeof(*grown));
	if (!grown) {
		value_free(value);
		free(name);
		return -ENOMEM;
	}
	p->cfg->settings = grown;
	grown[p->cfg->n_settings++] = (struct cfg_setting) { name, *value };
	return 0;
}

static int parse_setting(struct parser *p)
{
	const char *start = p->at;
	struct cfg_value value = { 0 };
	bool add = false;
	char *name;
	int rc;

	while (p->at < p->end && (isalnum((unsigned char)*p->at) || *p->at == '_'))
		p->at++;
	if (p->at == start || isdigit((unsigned char)*start))
		return fail(p, "a setting begins with its name");
	name = take(start, p->at);
	if (!name)
		return -ENOMEM;
	skip(p, false);
	if (p->end - p->at >= 2 && p->at[0] == '+' && p->at[1] == '=') {
		add = true;
		p->at++;
	}
	rc = p->at < p->end && *p->at == '=' ? 0 : fail(p, "behind the name comes = or +=");
	if (!rc) {
		p->at++;
		skip(p, false);
		rc = parse_value(p, &value, 0);
	}
	if (!rc) {
		skip(p, false);
		if (p->at < p->end && *p->at != '\n' && *p->at != ';')
			rc = fail(p, "behind the value comes the line's end or ';'");
	}
	if (rc) {
		value_free(&value);
		free(name);
		return rc;
	}
	return store(p, name, &value, add);
}

int cfg_parse(struct cfg *cfg, const char *text, size_t length, struct error *err)
{
	struct parser p = { cfg, text, text + length, 1, err };

	if (length > CFG_TEXT_MAX)
		return parse_error(&p, 1, "longer than %u bytes", CFG_TEXT_MAX);
	for (;;) {
		int rc;

		skip(&p, true);
		while (p.at < p.end && *p.at == ';') {
			p.at++;
			skip(&p, true);
		}
		if (p.at == p.end)
			return 0;
		rc = parse_setting(&p);
		if (rc)
			return rc == -ENOMEM ? error_errno(err, rc, "%s", cfg->source) : rc;
	}
}

int cfg_parse_file(struct cfg *cfg, const char *path, struct error *err)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text;
	size_t n;
	int rc;

	if (!file)
		return error_errno(err, -errno, "can't open %s", path);
	text = malloc(CFG_TEXT_MAX + 1);
	n = text ? fread(text, 1, CFG_TEXT_MAX + 1, file) : 0;
	if (!text)
		rc = error_errno(err, -ENOMEM, "%s", path);
	else if (ferror(file))
		rc = error_set(err, -EIO, "can't read %s", path);
	else
		rc = cfg_parse(cfg, text, n, err);
	free(text);
	if (file != stdin)
		fclose(file);
	return rc;
}
