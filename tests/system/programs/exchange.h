/* SPDX-License-Identifier: BSD-2-Clause */
/* The page that granter and mapper exchange numbers in: written by one, answered by the other. */
#pragma once

#include <stdint.h>

#define ROUNDS 500

struct exchange {
	uint32_t port;	   /* the granter's event channel, once it has one */
	uint32_t question; /* from the mapper, ROUNDS of them, none zero */
	uint32_t answer;   /* from the granter: answer_to(question) */
};

static inline uint32_t answer_to(uint32_t question)
{
	return question * 2654435761u + 12345u;
}
