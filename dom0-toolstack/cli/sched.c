/* SPDX-License-Identifier: BSD-2-Clause */
/* sched-credit2: weights, caps and the rate limit. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
	const char *domain, *weight, *cap, *rate;
	bool pool_only;
};

static void read_request(int argc, char **argv, struct request *r)
{
	int option;

	while ((option = next_option(argc, argv, "d:w:c:p:sr:", true)) != -1) {
		if (option == 'd')
			r->domain = optarg;
		else if (option == 'w')
			r->weight = optarg;
		else if (option == 'c')
			r->cap = optarg;
		else if (option == 'r')
			r->rate = optarg;
		else if (option == 's')
			r->pool_only = true;
		else if (strcmp(optarg, "Pool-0") && strcmp(optarg, "0"))
			exit(fail("there is no CPU pool %s; Pool-0 is the only one", optarg));
	}
	need_args(argc, 0, 0);
	if (!r->domain && (r->weight || r->cap))
		exit(fail("Must specify a domain: -d DOMAIN"));
	if (r->domain && r->pool_only)
		exit(fail("-s is for the CPU pool: leave -d out"));
}

static struct json_object *sched_json(uint16_t domid, const struct sched_params *p)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(domain_name(domid)));
	json_object_object_add(o, "domid", json_object_new_int(domid));
	json_object_object_add(o, "weight", json_object_new_int(p->weight));
	json_object_object_add(o, "cap", json_object_new_int(p->cap));
	return o;
}

static void print_domains(const struct domain_info *list, int n)
{
	struct json_object *array = json ? json_object_new_array() : NULL;
	struct sched_params p;

	if (!json)
		printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
	for (int i = 0; i < n; i++) {
		uint16_t domid = list[i].domid;

		if (hyper_sched_get(life_hyper(need_life()), domid, &p))
			continue;
		if (json)
			json_object_array_add(array, sched_json(domid, &p));
		else
			printf("%-33s %4u %6u %4u\n", domain_name(domid), domid, p.weight, p.cap);
	}
	if (json)
		print_json(array);
}

/* The pool's line, as JSON when nothing else follows. */
static void print_pool(bool alone)
{
	uint32_t us = 0;

	hyper_sched_ratelimit_get(life_hyper(need_life()), 0, &us);
	if (!json)
		printf("Cpupool Pool-0: ratelimit=%uus\n", us);
	else if (alone)
		printf("{ \"pool\": \"Pool-0\", \"ratelimit_us\": %u }\n", us);
}

static int set_domain(const struct request *r, uint16_t domid, struct sched_params *p)
{
	int rc;

	if (r->weight)
		p->weight = (uint16_t)need_number(r->weight, 65535);
	if (!p->weight)
		return fail("weight is 1 to 65535");
	if (r->cap)
		p->cap = (uint16_t)need_number(r->cap, 65535);
	if (would("set the weight of %s to %u and its cap to %u", domain_name(domid), p->weight,
		  p->cap))
		return EXIT_SUCCESS;
	rc = hyper_sched_set(life_hyper(need_life()), domid, p);
	return rc ? fail("weight is 1 to 65535, cap 0 to 100 for each vCPU: %s", strerror(-rc))
		  : EXIT_SUCCESS;
}

static int set_rate(const char *text)
{
	uint32_t us = (uint32_t)need_number(text, 500000);
	int rc;

	if (would("set the rate limit to %u us", us))
		return EXIT_SUCCESS;
	rc = hyper_sched_ratelimit_set(life_hyper(need_life()), 0, us);
	return rc ? fail("can't set the rate limit (0, or 100 to 500000 us): %s", strerror(-rc))
		  : EXIT_SUCCESS;
}

int cmd_sched_credit2(int argc, char **argv)
{
	struct domain_info one = { 0 }, *list;
	struct request r = { 0 };
	struct sched_params p;
	int n, rc;

	read_request(argc, argv, &r);
	if (r.rate)
		return set_rate(r.rate);
	if (!r.domain) {
		print_pool(r.pool_only);
		if (r.pool_only)
			return EXIT_SUCCESS;
		n = chosen(0, NULL, &list);
		print_domains(list, n);
		free(list);
		return EXIT_SUCCESS;
	}
	one.domid = need_domain(r.domain);
	rc = hyper_sched_get(life_hyper(need_life()), one.domid, &p);
	if (rc)
		return fail("can't ask for the weight of %s: %s", r.domain, strerror(-rc));
	if (r.weight || r.cap)
		return set_domain(&r, one.domid, &p);
	print_domains(&one, 1);
	return EXIT_SUCCESS;
}
