/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmdline.h"
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

/* How an option's text becomes its field, of @size bytes. 0 or -EINVAL. */
typedef int option_parser(const char *value, void *field, size_t size);

struct word {
	const char *text;
	uint8_t value;
};

/* The value of the @len bytes at @text among @words (ended by NULL), a byte. */
static int parse_word(const char *text, size_t len, const struct word *words, void *field)
{
	for (; words->text; words++) {
		if (strlen(words->text) == len && !memcmp(text, words->text, len)) {
			*(uint8_t *)field = words->value;
			return 0;
		}
	}
	return -EINVAL;
}

/* The name alone says yes. */
static int parse_bool(const char *value, void *field, size_t size)
{
	static const struct word words[] = { { "", 1 },	      { "yes", 1 },	{ "no", 0 },
					     { "on", 1 },     { "off", 0 },	{ "true", 1 },
					     { "false", 0 },  { "1", 1 },	{ "0", 0 },
					     { "enable", 1 }, { "disable", 0 }, { NULL, 0 } };

	return parse_word(value, strlen(value), words, field);
}

/* LEVEL or LEVEL/RATE-LIMITED-LEVEL: all rate-limited messages are one class here. */
static int parse_level(const char *value, void *field, size_t size)
{
	static const struct word words[] = { { "none", 0 }, { "error", 1 }, { "warning", 2 },
					     { "info", 3 }, { "debug", 4 }, { "all", 5 },
					     { NULL, 0 } };
	const char *slash = strchr(value, '/');

	return parse_word(value, slash ? (size_t)(slash - value) : strlen(value), words, field);
}

static int parse_gran(const char *value, void *field, size_t size)
{
	static const struct word words[] = {
		{ "cpu", 1 }, { "core", 2 }, { "socket", 3 }, { NULL, 0 }
	};

	return parse_word(value, strlen(value), words, field);
}

static int parse_u32(const char *value, void *field, size_t size)
{
	uint64_t n;

	if (parse_u64(value, &value, &n) || *value || n > UINT32_MAX)
		return -EINVAL;
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

static int parse_text(const char *value, void *field, size_t size)
{
	return str_copy(field, value, size) < size ? 0 : -EINVAL;
}

/* SIZE, min:SIZE, max:SIZE, separated by commas; a bare number counts KiB, as in Xen. */
static int parse_dom0_mem(const char *value, void *field, size_t size)
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
static int parse_dom0_vcpus(const char *value, void *field, size_t size)
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

static const struct option {
	const char *name;
	size_t field, size;
	option_parser *parse;
} table[] = {
	OPTION("dom0_mem", dom0_mem, parse_dom0_mem),
	OPTION("dom0_max_vcpus", dom0_max_vcpus_min, parse_dom0_vcpus),
	OPTION("dom0_vcpus_pin", dom0_vcpus_pin, parse_bool),
	OPTION("dom0", dom0, parse_text),
	OPTION("console", console, parse_text),
	OPTION("com1", com1, parse_text),
	OPTION("conswitch", conswitch, parse_text),
	OPTION("sync_console", sync_console, parse_bool),
	OPTION("loglvl", loglvl, parse_level),
	OPTION("guest_loglvl", guest_loglvl, parse_level),
	OPTION("noreboot", noreboot, parse_bool),
	OPTION("sched", sched, parse_text),
	OPTION("sched-gran", sched_gran, parse_gran),
	OPTION("flask", flask, parse_text),
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

/* One word, cut at its '=' here. False when it is not known or not understood. */
static bool option_apply(char *word, struct core_options *out)
{
	char *equals = strchr(word, '=');
	const char *value = equals ? equals + 1 : "";
	const struct option *o;

	if (equals)
		*equals = '\0';
	o = option_find(word);
	/* noNAME and no-NAME, of a boolean. */
	if (!o && !equals && !strncmp(word, "no", 2)) {
		o = option_find(word + 2 + (word[2] == '-'));
		if (o && o->parse != parse_bool)
			o = NULL;
		value = "no";
	}
	if (!o) {
		printk(KERN_WARNING "command line: unknown option '%s'\n", word);
		return false;
	}
	if (o->parse(value, (char *)out + o->field, o->size)) {
		printk(KERN_WARNING "command line: '%s=%s' not understood\n", word, value);
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
