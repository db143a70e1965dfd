/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptions of guests: defaults, copies, names, UUIDs. */
#include "life/config.h"
#include "life/config_fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void domain_config_init(struct domain_config *config)
{
	memset(config, 0, sizeof(*config));
	config->type = DOMAIN_TYPE_PVH;
	config->memory_kib = 128 * 1024;
	config->vcpus = 1;
	config->claim = 1;
	config->on_poweroff = ACTION_DESTROY;
	config->on_reboot = ACTION_RESTART;
	config->on_crash = ACTION_DESTROY;
	config->on_watchdog = ACTION_DESTROY;
	config->on_soft_reset = ACTION_SOFT_RESET;
	config->timer_mode = -1;
	config->apic = true;
	config->acpi = true;
	config->acpi_s3 = true;
	config->acpi_s4 = true;
	config->nx = true;
	config->pae = true;
	config->hap = true;
	config->max_grant_frames = -1;
	config->max_maptrack_frames = -1;
	config->max_grant_version = -1;
	config->max_event_channels = 1023;
}

void domain_config_free(struct domain_config *config)
{
	fields_free(&domain_fields, config);
	domain_config_init(config);
}

int domain_config_copy(struct domain_config *to, const struct domain_config *from)
{
	char *text;
	int rc = domain_config_to_json(from, &text);

	domain_config_init(to);
	if (rc)
		return rc;
	rc = domain_config_from_json(to, text, NULL);
	free(text);
	return rc;
}

static int word_parse(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], word))
			return i;
	return -EINVAL;
}

const char *domain_type_name(enum domain_type type)
{
	return domain_type_words[type];
}

const char *domain_action_name(enum domain_action action)
{
	return domain_action_words[action];
}

int domain_type_parse(const char *word, enum domain_type *type)
{
	int i = word_parse(domain_type_words, word);

	if (i < 0)
		return i;
	*type = (enum domain_type)i;
	return 0;
}

int domain_action_parse(const char *word, enum domain_action *action)
{
	int i = word_parse(domain_action_words, word);

	if (i < 0)
		return i;
	*action = (enum domain_action)i;
	return 0;
}

void domain_uuid_format(const uint8_t u[HYPER_UUID_BYTES], char *text)
{
	snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		 u[13], u[14], u[15]);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int domain_uuid_parse(const char *text, uint8_t uuid[HYPER_UUID_BYTES])
{
	if (strlen(text) != 36)
		return -EINVAL;
	for (int i = 0; i < HYPER_UUID_BYTES; i++) {
		int high, low;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*text++ != '-')
				return -EINVAL;
		high = digit(text[0]);
		low = digit(text[1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		uuid[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	return 0;
}

int domain_uuid_generate(uint8_t uuid[HYPER_UUID_BYTES])
{
	if (getrandom(uuid, HYPER_UUID_BYTES, 0) != HYPER_UUID_BYTES)
		return -EIO;
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}
