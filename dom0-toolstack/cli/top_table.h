/* SPDX-License-Identifier: BSD-2-Clause */
/* The picture that `xl top` shows: made from samples, without a terminal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "hyper/hyper.h"
#include "life/config.h"

enum top_sort {
	TOP_SORT_DOMID,
	TOP_SORT_NAME,
	TOP_SORT_STATE,
	TOP_SORT_CPU,
	TOP_SORT_TIME,
	TOP_SORT_MEM,
	TOP_SORT_VCPUS,
	TOP_SORTS,
};

struct top_vcpu {
	uint64_t cpu_time_ns;
	bool online;
};

struct top_row {
	struct domain_info d;
	char name[DOMAIN_NAME_MAX + 1];
	char state[7];
	double percent;		/* of one CPU, since the sample before */
	struct top_vcpu *vcpus; /* n_vcpus of them; NULL unless they are shown */
	uint32_t n_vcpus;
};

struct top_view {
	const char *clock, *version; /* "12:34:56", "4.17.1" */
	struct phys_info phys;
	enum top_sort sort;
	bool reverse, dom0_first, full_names, vcpus;
	unsigned int columns, lines; /* of the terminal; 0 lines: plain output, all rows */
	unsigned int first;	     /* rows that are scrolled away */
	const char *prompt;	     /* in place of the keys' line; NULL: none */
};

/* Sorts by the view's column: numbers from the largest down, domid, name and state upwards. */
void top_sort_rows(const struct top_view *view, struct top_row *rows, unsigned int n);

/* "cpu" for TOP_SORT_CPU …; top_sort_parse() returns -EINVAL for other words. */
const char *top_sort_name(enum top_sort sort);
int top_sort_parse(const char *word, enum top_sort *sort);

/*
 * Writes the whole picture. On a terminal no line is longer than its columns, there are at most its
 * lines, and each ends with what clears the rest of it.
 */
void top_print(const struct top_view *view, const struct top_row *rows, unsigned int n, FILE *out);
