/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow of information between types: what lets one domain's data reach another, in one step or
 * over others. A domain and how it sees itself (_self) or is seen by its device model (_target)
 * hold the same data.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_tool.h"

/* Permissions that carry data from the source to the target (write) or back (read). */
static const struct {
	const char *tclass, *perm;
	bool read, write;
} carriers[] = {
	{ "mmu", "map_read", true, false },
	{ "mmu", "map_write", false, true },
	{ "grant", "map_read", true, false },
	{ "grant", "map_write", false, true },
	{ "grant", "copy", false, true },
	{ "grant", "transfer", false, true },
	{ "hvm", "gethvmc", true, false },
	{ "hvm", "sethvmc", false, true },
	{ "hvm", "dm", true, true },
	{ "hvm", "getparam", true, false },
	{ "hvm", "setparam", false, true },
	{ "domain", "getvcpucontext", true, false },
	{ "domain", "setvcpucontext", false, true },
	{ "domain", "setdebugging", true, true },
	{ "domain2", "resource_map", true, true },
	{ "argo", "send", false, true },
};

static char (*edge)[2]; /* [from * types + to]: known, there is one */
static uint32_t types;

/* The type whose data @type stands for: that without _self or _target at its end. */
static uint32_t holder(uint32_t type)
{
	const char *name = type_name(type);
	size_t n = strlen(name);
	uint32_t base = 0;

	if (n > 5 && !strcmp(name + n - 5, "_self"))
		base = symbol_find(&policy->sym[SYM_TYPES], name, n - 5);
	else if (n > 7 && !strcmp(name + n - 7, "_target"))
		base = symbol_find(&policy->sym[SYM_TYPES], name, n - 7);
	return base ? base : type;
}

/* Prints (or only finds) what carries data between @subject and @object in the given direction. */
static bool carries(uint32_t subject, uint32_t object, bool read, bool print)
{
	struct context s, t;
	bool any = false;
	uint32_t c, b;
	size_t i;

	if (!context_of_type(policy, subject, &s) || !context_of_type(policy, object, &t))
		return false;
	for (i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		if (read ? !carriers[i].read : !carriers[i].write)
			continue;
		c = symbol_find(&policy->sym[SYM_CLASSES], carriers[i].tclass,
				strlen(carriers[i].tclass));
		for (b = 0; c && b < 32; b++) {
			const char *name = policy->class[c].perms.name[b];

			if (!name || strcmp(name, carriers[i].perm) ||
			    !(allowed(&s, &t, c) >> b & 1))
				continue;
			any = true;
			if (print)
				printf("    %s %s:%s %s\n", type_name(subject), type_name(object),
				       carriers[i].tclass, name);
		}
	}
	return any;
}

/* An event channel: the channel of one end may be bound to the other one. */
static bool signals(uint32_t from, uint32_t to, bool print)
{
	uint32_t event = symbol_find(&policy->sym[SYM_CLASSES], "event", 5), b;
	struct context s, t, channel;

	if (!event || !context_of_type(policy, from, &s) || !context_of_type(policy, to, &t))
		return false;
	policy_new_context(policy, conditions, &s, &t, event, RULE_TRANSITION, &channel);
	for (b = 0; b < 32; b++) {
		const char *name = policy->class[event].perms.name[b];

		if (name && !strcmp(name, "bind") && context_valid(policy, &channel) &&
		    allowed(&channel, &t, event) >> b & 1) {
			if (print)
				printf("    %s %s:event bind\n", type_name(channel.type),
				       type_name(to));
			return true;
		}
	}
	return false;
}

/* Everything by which data of @from gets to @to in one step. */
static bool step(uint32_t from, uint32_t to, bool print)
{
	bool any = false;
	uint32_t t;

	for (t = 1; t <= types; t++) {
		if (policy->type[t].attribute)
			continue;
		if (holder(t) == from && carries(to, t, true, print))
			any = true;
		if (holder(t) == to && carries(from, t, false, print))
			any = true;
	}
	return signals(from, to, print) || any;
}

static bool has_edge(uint32_t from, uint32_t to)
{
	char *e = edge[(size_t)from * (types + 1) + to];

	if (!e[0]) {
		e[0] = 1;
		e[1] = from != to && step(from, to, false);
	}
	return e[1];
}

static bool is_domain(uint32_t type)
{
	uint32_t a = symbol_find(&policy->sym[SYM_TYPES], "domain_type", 11);

	return !policy->type[type].attribute && holder(type) == type &&
	       (!a || ebitmap_get(&policy->type[type].attrs, a - 1));
}

/* Shortest way, breadth first. @via gets the type before each one. */
static bool search(uint32_t from, uint32_t to, uint32_t *via)
{
	uint32_t *queue = calloc(types + 1, sizeof(*queue)), head = 0, tail = 0, t;

	if (!queue)
		die("out of memory");
	queue[tail++] = from;
	via[from] = from;
	while (head < tail && !via[to]) {
		for (t = 1; t <= types; t++)
			if (!via[t] && is_domain(t) && has_edge(queue[head], t)) {
				via[t] = queue[head];
				queue[tail++] = t;
			}
		head++;
	}
	free(queue);
	return via[to];
}

static void print_way(uint32_t from, uint32_t to, const uint32_t *via)
{
	if (from == to)
		return;
	print_way(from, via[to], via);
	printf("  %s -> %s\n", type_name(via[to]), type_name(to));
	step(via[to], to, true);
}

int cmd_flow(const char *from, const char *to)
{
	struct context a, b;
	uint32_t *via;

	find_context(from, &a);
	find_context(to, &b);
	types = policy->sym[SYM_TYPES].nprim;
	edge = calloc((size_t)(types + 1) * (types + 1), sizeof(*edge));
	via = calloc(types + 1, sizeof(*via));
	if (!edge || !via)
		die("out of memory");
	if (step(a.type, b.type, false)) {
		printf("directly:\n  %s -> %s\n", type_name(a.type), type_name(b.type));
		step(a.type, b.type, true);
	} else if (search(a.type, b.type, via)) {
		printf("over others:\n");
		print_way(a.type, b.type, via);
	} else {
		printf("no flow from %s to %s\n", type_name(a.type), type_name(b.type));
	}
	free(via);
	free(edge);
	return 0;
}
