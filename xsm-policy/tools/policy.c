/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead-policy: asks a binary policy, with the core's own security server, what would be
 * allowed, and why a denial was one.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "policy_tool.h"

static const char usage_text[] =
	"usage: bulkhead-policy POLICY COMMAND …\n"
	"  info                          what the policy has\n"
	"  labels                        labels that a domain can have (seclabel=)\n"
	"  booleans                      and their values in the file\n"
	"  query SOURCE TARGET CLASS [PERMISSION]\n"
	"                                what SOURCE may do to TARGET; fails when PERMISSION is "
	"not allowed\n"
	"  who TARGET CLASS PERMISSION   who may do that to TARGET\n"
	"  what SOURCE [TARGET]          everything that SOURCE may do (to TARGET)\n"
	"  flow FROM TO                  how information may get from one domain to the other\n"
	"  explain                       denials on the standard input, each with what would allow "
	"it\n"
	"  rules                         the same as allow rules, each once\n"
	"  unused                        reads a log of a core started with flask=uses; prints "
	"rules never used\n"
	"  decide                        reads SOURCE TARGET CLASS lines, prints what is allowed\n"
	"SOURCE and TARGET are types or whole contexts. --boolean NAME=0|1 before COMMAND sets a "
	"boolean.\n";

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("bulkhead-policy: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

struct policy *policy;
uint8_t *conditions;

static void load(const char *name)
{
	static uint8_t data[POLICY_SIZE_MAX + 1];
	struct policy_error err = { "", 0 };
	FILE *f = fopen(name, "rb");
	size_t len;

	if (!f)
		die("%s: %s", name, strerror(errno));
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	if (policy_read(data, len, &policy, &err))
		die("%s: %s, at byte %zu", name, err.text, err.at);
	conditions = calloc(policy->conditionals + 1, 1);
	if (!conditions)
		die("out of memory");
	policy_cond_eval(policy, conditions);
}

static void set_boolean(const char *text)
{
	const char *eq = strchr(text, '=');
	uint32_t b = eq ? symbol_find(&policy->sym[SYM_BOOLS], text, (size_t)(eq - text)) : 0;

	if (!b || (strcmp(eq, "=0") && strcmp(eq, "=1")))
		die("%s: not NAME=0 or NAME=1 of a boolean", text);
	policy->boolean[b] = eq[1] == '1';
	policy_cond_eval(policy, conditions);
}

void find_context(const char *name, struct context *c)
{
	uint32_t type;

	if (strchr(name, ':')) {
		if (context_parse(policy, name, c))
			die("%s: not a context of this policy", name);
		return;
	}
	type = symbol_find(&policy->sym[SYM_TYPES], name, strlen(name));
	if (!type || policy->type[type].attribute)
		die("%s: not a type of this policy", name);
	if (!context_of_type(policy, type, c))
		die("%s: no user and role go with this type", name);
}

static uint32_t find_class(const char *name)
{
	uint32_t c = symbol_find(&policy->sym[SYM_CLASSES], name, strlen(name));

	if (!c)
		die("%s: not a class of this policy", name);
	return c;
}

static uint32_t find_perm(uint32_t tclass, const char *name)
{
	uint32_t i;

	for (i = 0; i < 32; i++)
		if (policy->class[tclass].perms.name[i] &&
		    !strcmp(policy->class[tclass].perms.name[i], name))
			return 1U << i;
	die("%s: not a permission of class %s", name, policy->sym[SYM_CLASSES].name[tclass]);
	return 0;
}

const char *type_name(uint32_t type)
{
	return policy->sym[SYM_TYPES].name[type];
}

uint32_t allowed(const struct context *s, const struct context *t, uint32_t tclass)
{
	struct av av;

	policy_access(policy, conditions, s, t, tclass, &av);
	return av.allowed;
}

void print_perms(uint32_t tclass, uint32_t perms)
{
	uint32_t i;

	putchar('{');
	for (i = 0; i < 32; i++)
		if (perms >> i & 1 && policy->class[tclass].perms.name[i])
			printf(" %s", policy->class[tclass].perms.name[i]);
	fputs(" }", stdout);
}

static int cmd_info(void)
{
	printf("version %u, %s, unknown permissions: %s\n", policy->version,
	       policy->mls ? "MLS" : "no MLS",
	       policy->unknown == UNKNOWN_ALLOW	   ? "allow"
	       : policy->unknown == UNKNOWN_REJECT ? "reject"
						   : "deny");
	printf("%u types and attributes, %u roles, %u users, %u booleans, %u rules\n",
	       policy->sym[SYM_TYPES].nprim, policy->sym[SYM_ROLES].nprim,
	       policy->sym[SYM_USERS].nprim, policy->sym[SYM_BOOLS].nprim, policy->rules);
	host_log_stderr = true;
	policy_lacks_names(policy);
	return 0;
}

/* Types that somebody may create a domain of: those make sense as seclabel=. */
static int cmd_labels(void)
{
	uint32_t domain = find_class("domain"), create = find_perm(domain, "create"), s, t;
	struct context from, to;
	char text[512];

	for (t = 1; t <= policy->sym[SYM_TYPES].nprim; t++) {
		if (policy->type[t].attribute || !context_of_type(policy, t, &to))
			continue;
		for (s = 1; s <= policy->sym[SYM_TYPES].nprim; s++)
			if (!policy->type[s].attribute && context_of_type(policy, s, &from) &&
			    allowed(&from, &to, domain) & create)
				break;
		if (s > policy->sym[SYM_TYPES].nprim)
			continue;
		context_print(policy, &to, text, sizeof(text));
		puts(text);
	}
	return 0;
}

static int cmd_booleans(void)
{
	uint32_t i;

	for (i = 1; i <= policy->sym[SYM_BOOLS].nprim; i++)
		printf("%s=%u\n", policy->sym[SYM_BOOLS].name[i], policy->boolean[i]);
	return 0;
}

static int cmd_query(int argc, char **argv)
{
	struct context s, t;
	uint32_t tclass, perms;

	if (argc < 3 || argc > 4)
		usage();
	find_context(argv[0], &s);
	find_context(argv[1], &t);
	tclass = find_class(argv[2]);
	perms = allowed(&s, &t, tclass);
	if (argc == 4) {
		perms &= find_perm(tclass, argv[3]);
		puts(perms ? "yes" : "no");
		return !perms;
	}
	print_perms(tclass, perms);
	putchar('\n');
	return 0;
}

static int cmd_who(int argc, char **argv)
{
	struct context s, t;
	uint32_t tclass, perm, i;

	if (argc != 3)
		usage();
	find_context(argv[0], &t);
	tclass = find_class(argv[1]);
	perm = find_perm(tclass, argv[2]);
	for (i = 1; i <= policy->sym[SYM_TYPES].nprim; i++)
		if (!policy->type[i].attribute && context_of_type(policy, i, &s) &&
		    allowed(&s, &t, tclass) & perm)
			puts(type_name(i));
	return 0;
}

static int cmd_what(int argc, char **argv)
{
	struct context s, t, only;
	uint32_t c, i, perms;

	if (argc < 1 || argc > 2)
		usage();
	find_context(argv[0], &s);
	if (argc == 2)
		find_context(argv[1], &only);
	for (i = 1; i <= policy->sym[SYM_TYPES].nprim; i++) {
		if (policy->type[i].attribute || !context_of_type(policy, i, &t) ||
		    (argc == 2 && only.type != i))
			continue;
		for (c = 1; c <= policy->sym[SYM_CLASSES].nprim; c++) {
			perms = allowed(&s, &t, c);
			if (!perms)
				continue;
			printf("%s:%s ", type_name(i), policy->sym[SYM_CLASSES].name[c]);
			print_perms(c, perms);
			putchar('\n');
		}
	}
	return 0;
}

/* For tests: one line in, one line out. */
static int cmd_decide(void)
{
	char line[2048], a[800], b[800], class[64];
	struct context s, t;
	uint32_t c;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%799s %799s %63s", a, b, class) != 3)
			die("decide: not SOURCE TARGET CLASS: %s", line);
		find_context(a, &s);
		find_context(b, &t);
		c = find_class(class);
		print_perms(c, allowed(&s, &t, c));
		putchar('\n');
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *command;

	if (argc < 3)
		usage();
	load(argv[1]);
	for (argc -= 2, argv += 2; argc > 2 && !strcmp(argv[0], "--boolean"); argc -= 2, argv += 2)
		set_boolean(argv[1]);
	command = argv[0];
	argc--;
	argv++;
	if (!strcmp(command, "info"))
		return cmd_info();
	if (!strcmp(command, "labels"))
		return cmd_labels();
	if (!strcmp(command, "booleans"))
		return cmd_booleans();
	if (!strcmp(command, "query"))
		return cmd_query(argc, argv);
	if (!strcmp(command, "who"))
		return cmd_who(argc, argv);
	if (!strcmp(command, "what"))
		return cmd_what(argc, argv);
	if (!strcmp(command, "decide"))
		return cmd_decide();
	if (!strcmp(command, "flow") && argc == 2)
		return cmd_flow(argv[0], argv[1]);
	if (!strcmp(command, "explain"))
		return cmd_explain();
	if (!strcmp(command, "rules"))
		return cmd_rules();
	if (!strcmp(command, "unused"))
		return cmd_unused();
	usage();
}
