/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of bulkhead-policy. */
#pragma once

#include <stdarg.h>

#include "xsm/policy.h"

extern struct policy *policy;
extern uint8_t *conditions; /* values of the policy's conditionals */

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
const char *type_name(uint32_t type);
/* By context or type; does not return when there is none. */
void find_context(const char *name, struct context *c);
uint32_t allowed(const struct context *s, const struct context *t, uint32_t tclass);
void print_perms(uint32_t tclass, uint32_t perms);

/* policy_flow.c */
int cmd_flow(const char *from, const char *to);
/* policy_log.c: work on the core's messages, from the standard input. */
int cmd_explain(void);
int cmd_rules(void);
int cmd_unused(void);
