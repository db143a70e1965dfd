/* SPDX-License-Identifier: BSD-2-Clause */
/* REQ toolstack/5: any configuration file is read, or refused with a message that has a place. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domain_config config;
	struct error err = { 0 };
	struct cfg cfg;

	if (cfg_init(&cfg, "input"))
		return 0;
	if (!cfg_parse(&cfg, (const char *)data, size, &err)) {
		if (!guest_config(&cfg, &config, &err))
			domain_config_free(&config);
	}
	if (err.code && strncmp(err.text, "input", 5))
		abort();
	cfg_free(&cfg);
	return 0;
}
