/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptions of guests as JSON, by the tables of config_fields.h. */
#include "life/config.h"
#include "life/config_fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define LIST_MAX 65536u /* entries of any list in a file */

static struct json_object *write_table(const struct field_table *table, const void *structure);
static int read_table(const struct field_table *table, void *structure, struct json_object *json,
		      struct error *err);

static struct json_object *write_string(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static struct json_object *write_strings(char **strings, uint32_t count)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < count; i++)
		json_object_array_add(list, write_string(strings[i]));
	return list;
}

static struct json_object *write_cpus(const struct cpu_set *set)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < CPU_SET_MAX; i++)
		if (cpu_set_has(set, i))
			json_object_array_add(list, json_object_new_int((int)i));
	return list;
}

static struct json_object *write_array(const struct field *f, const char *array, uint32_t count)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < count; i++)
		json_object_array_add(list,
				      write_table(f->table, array + (size_t)i * f->table->size));
	return list;
}

static struct json_object *write_mac(const uint8_t *m)
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	return json_object_new_string(text);
}

static struct json_object *write_uuid(const uint8_t *uuid)
{
	char text[37];

	domain_uuid_format(uuid, text);
	return json_object_new_string(text);
}

static struct json_object *write_field(const struct field *f, const char *structure)
{
	const char *at = structure + f->offset;
	uint32_t count;

	memcpy(&count, structure + f->count, sizeof(count));
	switch (f->kind) {
	case FIELD_STRING:
		return write_string(*(char *const *)at);
	case FIELD_STRINGS:
		return write_strings(*(char **const *)at, count);
	case FIELD_BOOL:
		return json_object_new_boolean(*(const bool *)at);
	case FIELD_U8:
		return json_object_new_int(*(const uint8_t *)at);
	case FIELD_U16:
		return json_object_new_int(*(const uint16_t *)at);
	case FIELD_U32:
		return json_object_new_int64(*(const uint32_t *)at);
	case FIELD_I32:
		return json_object_new_int64(*(const int32_t *)at);
	case FIELD_U64:
		return json_object_new_uint64(*(const uint64_t *)at);
	case FIELD_I64:
		return json_object_new_int64(*(const int64_t *)at);
	case FIELD_WORD:
		return json_object_new_string(f->words[*(const int *)at]);
	case FIELD_UUID:
		return write_uuid((const uint8_t *)at);
	case FIELD_MAC:
		return write_mac((const uint8_t *)at);
	case FIELD_CPUS:
		return write_cpus((const struct cpu_set *)at);
	case FIELD_TABLE:
		return write_array(f, *(char *const *)at, count);
	}
	return NULL;
}

static struct json_object *write_table(const struct field_table *table, const void *structure)
{
	struct json_object *out = json_object_new_object();

	for (size_t i = 0; i < table->n_fields; i++)
		json_object_object_add(out, table->fields[i].name,
				       write_field(&table->fields[i], structure));
	return out;
}

int domain_config_to_json(const struct domain_config *config, char **text)
{
	struct json_object *json = write_table(&domain_fields, config);
	const char *written = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY);

	*text = written ? strdup(written) : NULL;
	json_object_put(json);
	return *text ? 0 : -ENOMEM;
}

static int wrong(const struct field *f, const char *what, struct error *err)
{
	return error_set(err, -EINVAL, "\"%s\": not %s", f->name, what);
}

/* A whole number within [low, high]. */
static int read_number(const struct field *f, struct json_object *json, int64_t low, int64_t high,
		       int64_t *value, struct error *err)
{
	if (!json_object_is_type(json, json_type_int))
		return wrong(f, "a number", err);
	*value = json_object_get_int64(json);
	if (*value < low || *value > high)
		return wrong(f, "a number in the allowed range", err);
	return 0;
}

static int read_u64(const struct field *f, struct json_object *json, uint64_t *value,
		    struct error *err)
{
	if (!json_object_is_type(json, json_type_int) || json_object_get_int64(json) < 0)
		return wrong(f, "a number from 0 on", err);
	*value = json_object_get_uint64(json);
	return 0;
}

static int read_string(const struct field *f, struct json_object *json, char **value,
		       struct error *err)
{
	if (!json)
		return 0;
	if (!json_object_is_type(json, json_type_string))
		return wrong(f, "a string", err);
	*value = strdup(json_object_get_string(json));
	return *value ? 0 : error_set(err, -ENOMEM, "no memory");
}

/* Room for a list; *count is what it has, or an error. */
static int read_list(const struct field *f, struct json_object *json, size_t size, char **array,
		     uint32_t *count, struct error *err)
{
	size_t n;

	if (!json_object_is_type(json, json_type_array))
		return wrong(f, "a list", err);
	n = json_object_array_length(json);
	if (n > LIST_MAX)
		return wrong(f, "a list of bearable length", err);
	if (!n)
		return 0;
	*array = calloc(n, size);
	if (!*array)
		return error_set(err, -ENOMEM, "no memory");
	*count = (uint32_t)n;
	return 0;
}

static int read_strings(const struct field *f, struct json_object *json, char *at, char *count_at,
			struct error *err)
{
	uint32_t count = 0;
	char *array = NULL;
	int rc = read_list(f, json, sizeof(char *), &array, &count, err);

	if (rc)
		return rc;
	*(char ***)at = (char **)array;
	memcpy(count_at, &count, sizeof(count));
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = read_string(f, json_object_array_get_idx(json, i), &((char **)array)[i], err);
	return rc;
}

static int read_array(const struct field *f, struct json_object *json, char *at, char *count_at,
		      struct error *err)
{
	uint32_t count = 0;
	char *array = NULL;
	int rc = read_list(f, json, f->table->size, &array, &count, err);

	if (rc)
		return rc;
	*(char **)at = array;
	memcpy(count_at, &count, sizeof(count));
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = read_table(f->table, array + (size_t)i * f->table->size,
				json_object_array_get_idx(json, i), err);
	return rc;
}

static int read_cpus(const struct field *f, struct json_object *json, struct cpu_set *set,
		     struct error *err)
{
	if (!json_object_is_type(json, json_type_array))
		return wrong(f, "a list of CPUs", err);
	memset(set, 0, sizeof(*set));
	for (size_t i = 0; i < json_object_array_length(json); i++) {
		int64_t cpu;
		int rc = read_number(f, json_object_array_get_idx(json, i), 0, CPU_SET_MAX - 1,
				     &cpu, err);

		if (rc)
			return rc;
		cpu_set_add(set, (unsigned int)cpu);
	}
	return 0;
}

static int read_word(const struct field *f, struct json_object *json, int *value, struct error *err)
{
	const char *word =
		json_object_is_type(json, json_type_string) ? json_object_get_string(json) : "";

	for (int i = 0; f->words[i]; i++) {
		if (!strcmp(f->words[i], word)) {
			*value = i;
			return 0;
		}
	}
	return wrong(f, "one of the known words", err);
}

static int read_mac(const struct field *f, struct json_object *json, uint8_t *mac,
		    struct error *err)
{
	unsigned int m[6];
	char end;

	if (!json_object_is_type(json, json_type_string) ||
	    sscanf(json_object_get_string(json), "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2],
		   &m[3], &m[4], &m[5], &end) != 6)
		return wrong(f, "a MAC address", err);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	return 0;
}

static int read_scalar(const struct field *f, struct json_object *json, char *at, struct error *err)
{
	int64_t n = 0;
	int rc;

	switch (f->kind) {
	case FIELD_BOOL:
		if (!json_object_is_type(json, json_type_boolean))
			return wrong(f, "true or false", err);
		*(bool *)at = json_object_get_boolean(json);
		return 0;
	case FIELD_U8:
		rc = read_number(f, json, 0, UINT8_MAX, &n, err);
		*(uint8_t *)at = (uint8_t)n;
		return rc;
	case FIELD_U16:
		rc = read_number(f, json, 0, UINT16_MAX, &n, err);
		*(uint16_t *)at = (uint16_t)n;
		return rc;
	case FIELD_U32:
		rc = read_number(f, json, 0, UINT32_MAX, &n, err);
		*(uint32_t *)at = (uint32_t)n;
		return rc;
	case FIELD_I32:
		rc = read_number(f, json, INT32_MIN, INT32_MAX, &n, err);
		*(int32_t *)at = (int32_t)n;
		return rc;
	case FIELD_I64:
		return read_number(f, json, INT64_MIN, INT64_MAX, (int64_t *)at, err);
	default:
		return wrong(f, "a known kind", err);
	}
}

static int read_field(const struct field *f, char *structure, struct json_object *json,
		      struct error *err)
{
	char *at = structure + f->offset;

	switch (f->kind) {
	case FIELD_STRING:
		return read_string(f, json, (char **)at, err);
	case FIELD_STRINGS:
		return read_strings(f, json, at, structure + f->count, err);
	case FIELD_TABLE:
		return read_array(f, json, at, structure + f->count, err);
	case FIELD_U64:
		return read_u64(f, json, (uint64_t *)at, err);
	case FIELD_WORD:
		return read_word(f, json, (int *)at, err);
	case FIELD_CPUS:
		return read_cpus(f, json, (struct cpu_set *)at, err);
	case FIELD_MAC:
		return read_mac(f, json, (uint8_t *)at, err);
	case FIELD_UUID:
		if (!json_object_is_type(json, json_type_string) ||
		    domain_uuid_parse(json_object_get_string(json), (uint8_t *)at))
			return wrong(f, "a UUID", err);
		return 0;
	default:
		return read_scalar(f, json, at, err);
	}
}

static int read_table(const struct field_table *table, void *structure, struct json_object *json,
		      struct error *err)
{
	if (!json_object_is_type(json, json_type_object))
		return error_set(err, -EINVAL, "not a JSON object");
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct field *f = &table->fields[i];
		struct json_object *value;
		int rc;

		if (!json_object_object_get_ex(json, f->name, &value))
			continue; /* keeps its default */
		rc = read_field(f, structure, value, err);
		if (rc)
			return rc;
	}
	return 0;
}

int domain_config_from_json(struct domain_config *config, const char *text, struct error *err)
{
	struct json_object *json;
	int rc;

	domain_config_init(config);
	json = json_tokener_parse(text);
	if (!json)
		return error_set(err, -EINVAL, "not JSON");
	rc = read_table(&domain_fields, config, json, err);
	json_object_put(json);
	if (rc)
		domain_config_free(config);
	return rc;
}
