/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/top_table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MIN   10u
#define NAME_SHORT 24u
#define LINE_MAX   512

static const char *const sort_names[] = { "domid", "name", "state", "cpu", "time", "mem", "vcpus" };

const char *top_sort_name(enum top_sort sort)
{
	return sort_names[sort];
}

int top_sort_parse(const char *word, enum top_sort *sort)
{
	for (int i = 0; i < TOP_SORTS; i++) {
		if (!strcmp(word, sort_names[i])) {
			*sort = (enum top_sort)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int by_number(double a, double b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int compare(const void *left, const void *right, void *arg)
{
	const struct top_row *a = left, *b = right;
	const struct top_view *view = arg;
	int result = 0;

	if (view->dom0_first && !a->d.domid != !b->d.domid)
		return a->d.domid ? 1 : -1;
	switch (view->sort) {
	case TOP_SORT_NAME:
		result = strcmp(a->name, b->name);
		break;
	case TOP_SORT_STATE:
		result = strcmp(b->state, a->state);
		break;
	case TOP_SORT_CPU:
		result = by_number(a->percent, b->percent);
		break;
	case TOP_SORT_TIME:
		result = by_number((double)a->d.cpu_time_ns, (double)b->d.cpu_time_ns);
		break;
	case TOP_SORT_MEM:
		result = by_number((double)a->d.total_pages, (double)b->d.total_pages);
		break;
	case TOP_SORT_VCPUS:
		result = by_number(a->d.online_vcpus, b->d.online_vcpus);
		break;
	default:
		break;
	}
	if (!result)
		result = (a->d.domid > b->d.domid) - (a->d.domid < b->d.domid);
	return view->reverse ? -result : result;
}

void top_sort_rows(const struct top_view *view, struct top_row *rows, unsigned int n)
{
	qsort_r(rows, n, sizeof(*rows), compare, (void *)view);
}

/* ---- lines ---- */

struct page {
	const struct top_view *view;
	FILE *out;
	unsigned int used, limit; /* lines; the last one of a terminal is for the keys */
};

static void line(struct page *p, const char *before, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* One line, cut at the terminal's right edge; none below its last line. */
static void line(struct page *p, const char *before, const char *fmt, ...)
{
	bool terminal = p->view->lines != 0;
	char text[LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!terminal) {
		fprintf(p->out, "%s\n", text);
		return;
	}
	if (p->used == p->limit)
		return;
	fprintf(p->out, "%s%s%.*s%s\033[K", p->used++ ? "\r\n" : "", before, (int)p->view->columns,
		text, *before ? "\033[0m" : "");
}

/* Columns that a terminal may be too narrow for, and what the name may take. */
struct widths {
	unsigned int name;
	bool max_memory, max_percent, label;
};

#define FIXED (1 + 5 + 1 + 6 + 1 + 10 + 1 + 6 + 1 + 10 + 1 + 6 + 1 + 5)

static struct widths choose_widths(const struct top_view *view, const struct top_row *rows,
				   unsigned int n)
{
	struct widths w = { .name = NAME_MIN };
	unsigned int left;

	for (unsigned int i = 0; i < n; i++)
		if (strlen(rows[i].name) > w.name)
			w.name = (unsigned int)strlen(rows[i].name);
	if (!view->full_names && w.name > NAME_SHORT)
		w.name = NAME_SHORT;
	if (!view->lines) {
		w.max_memory = w.max_percent = w.label = true;
		return w;
	}
	if (w.name + FIXED > view->columns)
		w.name = view->columns > FIXED + NAME_MIN ? view->columns - FIXED : NAME_MIN;
	left = view->columns > w.name + FIXED ? view->columns - w.name - FIXED : 0;
	w.max_memory = left >= 11;
	w.max_percent = left >= 11 + 10;
	w.label = left >= 11 + 10 + 5;
	return w;
}

static void header(struct page *p, const struct widths *w)
{
	line(p, "\033[7m", "%-*s %5s %-6s %10s %6s %10s %6s%s%s %5s%s", (int)w->name, "NAME", "ID",
	     "STATE", "CPU(sec)", "CPU(%)", "MEM(k)", "MEM(%)", w->max_memory ? "  MAXMEM(k)" : "",
	     w->max_percent ? " MAXMEM(%)" : "", "VCPUS", w->label ? " SSID" : "");
}

static double share(uint64_t pages, const struct phys_info *phys)
{
	return phys->total_pages ? 100.0 * (double)pages / (double)phys->total_pages : 0;
}

static void row(struct page *p, const struct widths *w, const struct top_row *r)
{
	bool limited = r->d.max_pages < 1ull << 40;
	char max[16] = "", percent[16] = "", label[16] = "";

	if (w->max_memory && limited)
		snprintf(max, sizeof(max), " %10llu", (unsigned long long)r->d.max_pages * 4);
	else if (w->max_memory)
		snprintf(max, sizeof(max), " %10s", "no limit");
	if (w->max_percent && limited)
		snprintf(percent, sizeof(percent), " %9.1f", share(r->d.max_pages, &p->view->phys));
	else if (w->max_percent)
		snprintf(percent, sizeof(percent), " %9s", "n/a");
	if (w->label)
		snprintf(label, sizeof(label), " %4u", r->d.ssidref);
	line(p, "", "%-*.*s %5u %6s %10.0f %6.1f %10llu %6.1f%s%s %5u%s", (int)w->name,
	     (int)w->name, r->name, r->d.domid, r->state, (double)r->d.cpu_time_ns / 1e9,
	     r->percent, (unsigned long long)r->d.total_pages * 4,
	     share(r->d.total_pages, &p->view->phys), max, percent, r->d.online_vcpus, label);
}

static void vcpu_lines(struct page *p, const struct top_row *r)
{
	char text[LINE_MAX];
	size_t len = 0, width = p->view->lines ? p->view->columns : 80;

	for (uint32_t i = 0; i < r->n_vcpus; i++) {
		char one[40];
		int n = snprintf(one, sizeof(one), "%4u: %10.1fs%s", i,
				 (double)r->vcpus[i].cpu_time_ns / 1e9,
				 r->vcpus[i].online ? " " : "-");

		if (len && (len + (size_t)n > width || len + (size_t)n >= sizeof(text))) {
			line(p, "", "%s", text);
			len = 0;
		}
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					len ? "" : "  VCPUs(sec):", one);
	}
	if (len)
		line(p, "", "%s", text);
}

static void summary(struct page *p, const struct top_row *rows, unsigned int n)
{
	const struct phys_info *phys = &p->view->phys;
	unsigned int letters[256] = { 0 };
	uint64_t used = phys->total_pages - phys->free_pages;

	for (unsigned int i = 0; i < n; i++)
		for (const char *c = rows[i].state; *c; c++)
			letters[(unsigned char)*c]++;
	line(p, "", "xl top - %s   Xen %s", p->view->clock, p->view->version);
	line(p, "",
	     "%u domains: %u running, %u blocked, %u paused, %u crashed, %u dying, %u shutdown", n,
	     letters['r'], letters['b'], letters['p'], letters['c'], letters['d'], letters['s']);
	line(p, "", "Mem: %lluk total, %lluk used, %lluk free    CPUs: %u @ %uMHz",
	     (unsigned long long)phys->total_pages * 4, (unsigned long long)used * 4,
	     (unsigned long long)phys->free_pages * 4, phys->cpus, phys->cpu_khz / 1000);
}

void top_print(const struct top_view *view, const struct top_row *rows, unsigned int n, FILE *out)
{
	struct page p = { .view = view, .out = out, .limit = view->lines - 1 };
	struct widths w = choose_widths(view, rows, n);
	char keys[LINE_MAX];

	if (view->lines)
		fputs("\033[H", out);
	summary(&p, rows, n);
	header(&p, &w);
	for (unsigned int i = view->lines ? view->first : 0; i < n; i++) {
		row(&p, &w, &rows[i]);
		if (view->vcpus)
			vcpu_lines(&p, &rows[i]);
	}
	if (!view->lines)
		return;
	while (p.used < p.limit)
		line(&p, "", "%s", "");
	snprintf(keys, sizeof(keys),
		 "Q quit  S sort (%s)  R reverse  V vCPUs  D delay  up/down scroll",
		 sort_names[view->sort]);
	/* No line end here, or the terminal would scroll. */
	fprintf(out, "\033[%u;1H\033[K%.*s", view->lines, (int)view->columns - 1,
		view->prompt ? view->prompt : keys);
}
