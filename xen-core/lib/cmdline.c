/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"

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

struct word {
	const char *text;
	uint8_t value;
};

/* The name alone says yes. */
static const struct word booleans[] = { { "", 1 },	 { "yes", 1 },	   { "no", 0 },
					{ "on", 1 },	 { "off", 0 },	   { "true", 1 },
					{ "false", 0 },	 { "1", 1 },	   { "0", 0 },
					{ "enable", 1 }, { "disable", 0 }, { NULL, 0 } };
static const struct word levels[] = { { "none", 0 }, { "error", 1 }, { "warning", 2 },
				      { "info", 3 }, { "debug", 4 }, { "all", 5 },
				      { NULL, 0 } };
static const struct word granularities[] = {
	{ "cpu", 1 }, { "core", 2 }, { "socket", 3 }, { NULL, 0 }
};
static const struct word schedulers[] = { { "credit2", 0 }, { NULL, 0 } };
static const struct word dom0_modes[] = { { "pvh", 0 }, { NULL, 0 } };

struct option {
	const char *name;
	size_t field, size;
	/* Makes the option's field of its text. 0, or an error: the field stays as it is. */
	int (*parse)(const struct option *o, const char *value, void *field);
	const struct word *words; /* of parse_word */
};

static int parse_word(const struct option *o, const char *value, void *field)
{
	/* LEVEL or LEVEL/RATE-LIMITED-LEVEL: all rate-limited messages are one class here. */
	const char *slash = o->words == levels ? strchr(value, '/') : NULL;
	size_t len = slash ? (size_t)(slash - value) : strlen(value);

	for (const struct word *w = o->words; w->text; w++) {
		if (strlen(w->text) == len && !memcmp(value, w->text, len)) {
			*(uint8_t *)field = w->value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_u32(const struct option *o, const char *value, void *field)
{
	uint64_t n;

	if (parse_u64(value, &value, &n) || *value || n > UINT32_MAX)
		return -EINVAL;
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

static int parse_text(const struct option *o, const char *value, void *field)
{
	return str_copy(field, value, o->size) < o->size ? 0 : -EINVAL;
}

/* As parse_u64, with a suffix B, K, M, G or T (either case); a number without one counts KiB, as in Xen. */
static int parse_size(const char *s, const char **end, uint64_t *bytes)
{
	static const char suffixes[] = "bkmgt";
	const char *suffix;
	uint64_t n, unit = 1024;
	int rc = parse_u64(s, &s, &n);

	if (rc)
		return rc;
	suffix = *s ? strchr(suffixes, *s | 0x20) : NULL;
	if (suffix) {
		unit = 1UL << (10 * (suffix - suffixes));
		s++;
	}
	if (__builtin_mul_overflow(n, unit, bytes))
		return -ERANGE;
	*end = s;
	return 0;
}

/* SIZE, min:SIZE, max:SIZE, separated by commas. */
static int parse_dom0_mem(const struct option *o, const char *value, void *field)
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
		if (parse_size(value, &value, target) || (*value && *value++ != ','))
			return -EINVAL;
	}
	*(struct dom0_mem_option *)field = mem;
	return 0;
}

#define OPTION(name, field, ...)                                                  \
	{                                                                         \
		name, offsetof(struct core_options, field),                       \
			sizeof(((struct core_options *)NULL)->field), __VA_ARGS__ \
	}

static const struct option table[] = {
	OPTION("dom0_mem", dom0_mem, parse_dom0_mem, NULL),
	OPTION("dom0_max_vcpus", dom0_max_vcpus, parse_u32, NULL),
	OPTION("dom0_vcpus_pin", dom0_vcpus_pin, parse_word, booleans),
	OPTION("dom0", only_choice, parse_word, dom0_modes),
	OPTION("console", console, parse_text, NULL),
	OPTION("com1", com1, parse_text, NULL),
	OPTION("conswitch", conswitch, parse_text, NULL),
	OPTION("sync_console", sync_console, parse_word, booleans),
	OPTION("loglvl", loglvl, parse_word, levels),
	OPTION("guest_loglvl", guest_loglvl, parse_word, levels),
	OPTION("noreboot", noreboot, parse_word, booleans),
	OPTION("sched", only_choice, parse_word, schedulers),
	OPTION("sched-gran", sched_gran, parse_word, granularities),
	OPTION("flask", flask, parse_text, NULL),
	OPTION("smp", smp, parse_word, booleans),
	OPTION("maxcpus", maxcpus, parse_u32, NULL),
	OPTION("smep", smep, parse_word, booleans),
	OPTION("smap", smap, parse_word, booleans),
	OPTION("x2apic", x2apic, parse_word, booleans),
	OPTION("iommu", iommu, parse_word, booleans),
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
		if (o && o->words != booleans)
			o = NULL;
		value = "no";
	}
	if (!o) {
		printk(KERN_WARNING "command line: unknown option '%s'\n", word);
		return false;
	}
	if (o->parse(o, value, (char *)out + o->field)) {
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
