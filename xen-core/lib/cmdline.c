/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "lib/strnum.h"

#define WORD_MAX 128

struct core_options options = {
	.dom0_mem = { ~0UL, ~0UL, ~0UL },
	.smp = true,
	.smep = true,
	.smap = true,
	.x2apic = true,
	.iommu = true,
	.loglvl = 3,
	.guest_loglvl = 3,
	.sched_gran = 1,
};

char saved_cmdline[1024];

/* How an option's text becomes its field; @value is never NULL. 0 or -EINVAL. */
typedef int (*option_parser)(const char *value, void *field);

/* Index of @value among the @n words, or -EINVAL. */
static int parse_word(const char *value, const char *const *words, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!strcmp(value, words[i]))
			return (int)i;
	return -EINVAL;
}

static int parse_bool(const char *value, void *field)
{
	static const char
		*const words[] = { "no", "off",	 "false",  "disable", "0", "yes",
				   "on", "true", "enable", "1",	      "" /* the name alone */ };
	int i = parse_word(value, words, ARRAY_SIZE(words));

	if (i < 0)
		return i;
	*(bool *)field = i >= 5;
	return 0;
}

static int parse_u32(const char *value, void *field)
{
	uint64_t n;

	if (parse_u64(value, &value, &n) || *value || n > UINT32_MAX)
		return -EINVAL;
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

/* LEVEL or LEVEL/RATE-LIMITED-LEVEL: all rate-limited messages are one class here. */
static int parse_level(const char *value, void *field)
{
	static const char *const words[] = { "none", "error", "warning", "info", "debug", "all" };
	const char *slash = strchr(value, '/');
	char word[16];
	int level;

	if (slash && (size_t)(slash - value) < sizeof(word)) {
		memcpy(word, value, (size_t)(slash - value));
		word[slash - value] = '\0';
		value = word;
	}
	level = parse_word(value, words, ARRAY_SIZE(words));
	if (level < 0)
		return level;
	*(uint8_t *)field = (uint8_t)level;
	return 0;
}

static int parse_gran(const char *value, void *field)
{
	static const char *const words[] = { "cpu", "core", "socket" };
	int gran = parse_word(value, words, ARRAY_SIZE(words));

	if (gran < 0)
		return gran;
	*(uint8_t *)field = (uint8_t)(gran + 1);
	return 0;
}

/* SIZE, min:SIZE, max:SIZE, separated by commas; a bare number counts KiB, as in Xen. */
static int parse_dom0_mem(const char *value, void *field)
{
	struct dom0_mem_option mem = { ~0UL, ~0UL, ~0UL };

	while (*value) {
		uint64_t *target = &mem.size;

		if (!strncmp(value, "min:", 4))
			target = &mem.min;
		else if (!strncmp(value, "max:", 4))
			target = &mem.max;
		if (target != &mem.size)
			value += 4;
		if (parse_size(value, &value, 1024, target) || (*value && *value++ != ','))
			return -EINVAL;
	}
	*(struct dom0_mem_option *)field = mem;
	return 0;
}

/* N, or MIN-MAX with either left out. */
static int parse_dom0_vcpus(const char *value, void *field)
{
	uint32_t *range = field; /* dom0_max_vcpus_min and _max, see struct core_options */
	uint64_t low = 0, high = 0;

	if (*value != '-' && parse_u64(value, &value, &low))
		return -EINVAL;
	if (*value == '-') {
		value++;
		if (*value && parse_u64(value, &value, &high))
			return -EINVAL;
	} else {
		high = low;
	}
	if (*value || low > UINT32_MAX || high > UINT32_MAX || (high && low > high))
		return -EINVAL;
	range[0] = (uint32_t)low;
	range[1] = (uint32_t)high;
	return 0;
}

#define OPTION(name, field, parser)                                          \
	{                                                                    \
		name, offsetof(struct core_options, field),                  \
			sizeof(((struct core_options *)NULL)->field), parser \
	}

/* @parse NULL: the field is the text itself, of at most @size bytes. */
static const struct option {
	const char *name;
	size_t field, size;
	option_parser parse;
} table[] = {
	OPTION("dom0_mem", dom0_mem, parse_dom0_mem),
	OPTION("dom0_max_vcpus", dom0_max_vcpus_min, parse_dom0_vcpus),
	OPTION("dom0_vcpus_pin", dom0_vcpus_pin, parse_bool),
	OPTION("dom0", dom0, NULL),
	OPTION("console", console, NULL),
	OPTION("com1", com1, NULL),
	OPTION("conswitch", conswitch, NULL),
	OPTION("sync_console", sync_console, parse_bool),
	OPTION("loglvl", loglvl, parse_level),
	OPTION("guest_loglvl", guest_loglvl, parse_level),
	OPTION("noreboot", noreboot, parse_bool),
	OPTION("sched", sched, NULL),
	OPTION("sched-gran", sched_gran, parse_gran),
	OPTION("flask", flask, NULL),
	OPTION("smp", smp, parse_bool),
	OPTION("maxcpus", maxcpus, parse_u32),
	OPTION("smep", smep, parse_bool),
	OPTION("smap", smap, parse_bool),
	OPTION("x2apic", x2apic, parse_bool),
	OPTION("iommu", iommu, parse_bool),
};

static const struct option *option_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

/* "noNAME" and "no-NAME" of a boolean option without a value. */
static const struct option *option_find_negated(const char *name)
{
	const struct option *o;

	if (strncmp(name, "no", 2))
		return NULL;
	o = option_find(name + 2 + (name[2] == '-'));
	return o && o->parse == parse_bool ? o : NULL;
}

static int option_set(const struct option *o, const char *value, struct core_options *out)
{
	char *field = (char *)out + o->field;

	if (o->parse)
		return o->parse(value, field);
	return str_copy(field, value, o->size) < o->size ? 0 : -EINVAL;
}

/* One word, cut at its '=' here. False when it is not known or not understood. */
static bool option_apply(char *word, struct core_options *out)
{
	const struct option *o;
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	o = option_find(word);
	if (!o && !value) {
		o = option_find_negated(word);
		value = "off";
	}
	if (!o) {
		printk(KERN_WARNING "command line: unknown option '%s'\n", word);
		return false;
	}
	if (option_set(o, value ? value : "", out)) {
		printk(KERN_WARNING "command line: '%s=%s' not understood\n", word,
		       value ? value : "");
		return false;
	}
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

unsigned int cmdline_parse(const char *line, struct core_options *out)
{
	unsigned int bad = 0;
	char word[WORD_MAX];

	for (;;) {
		size_t len = 0;

		while (is_space(*line))
			line++;
		while (line[len] && !is_space(line[len]))
			len++;
		if (!len || (len == 2 && !strncmp(line, "--", 2)))
			return bad;
		if (len < sizeof(word)) {
			memcpy(word, line, len);
			word[len] = '\0';
			bad += !option_apply(word, out);
		} else {
			printk(KERN_WARNING "command line: option of %zu bytes ignored\n", len);
			bad++;
		}
		line += len;
	}
}

void cmdline_init(const char *line)
{
	str_copy(saved_cmdline, line, sizeof(saved_cmdline));
	cmdline_parse(saved_cmdline, &options);
}
