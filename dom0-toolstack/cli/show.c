/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that show one thing of domains: uptime, claims, domid, domname. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xsclient/xsclient.h"

/* Seconds since the guest was created (its store entry), or since the host's start for Dom0. */
static double uptime_of(uint16_t domid)
{
	struct timespec now;
	char path[64], *text;
	double up = -1;

	if (domid == 0) {
		clock_gettime(CLOCK_BOOTTIME, &now);
		return (double)now.tv_sec;
	}
	snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
	if (xs_client_read(life_store(need_life()), XS_CLIENT_NO_TX, path, &text, NULL))
		return up;
	snprintf(path, sizeof(path), "%s/start_time", text);
	free(text);
	if (xs_client_read(life_store(need_life()), XS_CLIENT_NO_TX, path, &text, NULL))
		return up;
	clock_gettime(CLOCK_REALTIME, &now);
	up = (double)now.tv_sec - strtod(text, NULL);
	free(text);
	return up < 0 ? 0 : up;
}

/* The stock tool leaves seconds out in its short form. */
static void format_uptime(double seconds, bool brief, char *out, size_t size)
{
	unsigned long s = (unsigned long)seconds, days = s / 86400;
	size_t len = 0;

	if (seconds < 0) {
		snprintf(out, size, "-");
		return;
	}
	if (days)
		len = (size_t)snprintf(out, size, "%lu day%s, ", days, days > 1 ? "s" : "");
	len += (size_t)snprintf(out + len, size - len, "%2lu:%02lu", s / 3600 % 24, s / 60 % 60);
	if (!brief)
		snprintf(out + len, size - len, ":%02lu", s % 60);
}

static struct json_object *uptime_json(uint16_t domid, double seconds)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(domain_name(domid)));
	json_object_object_add(o, "domid", json_object_new_int(domid));
	json_object_object_add(o, "uptime_s", json_object_new_double(seconds));
	return o;
}

int cmd_uptime(int argc, char **argv)
{
	struct json_object *array = NULL;
	struct domain_info *list;
	time_t now = time(NULL);
	char text[48], clock[16];
	bool brief = false;
	int option, n;

	while ((option = next_option(argc, argv, "s", false)) != -1)
		brief = option == 's';
	n = chosen(argc, argv, &list);
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	if (json)
		array = json_object_new_array();
	else if (!brief)
		printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
	for (int i = 0; i < n; i++) {
		uint16_t domid = list[i].domid;
		double up = uptime_of(domid);

		format_uptime(up, brief, text, sizeof(text));
		if (json)
			json_object_array_add(array, uptime_json(domid, up));
		else if (brief)
			printf(" %s up %s, %s (%u)\n", clock, text, domain_name(domid), domid);
		else
			printf("%-33s %4d %s\n", domain_name(domid), domid, text);
	}
	if (json)
		print_json(array);
	free(list);
	return EXIT_SUCCESS;
}

int cmd_claims(int argc, char **argv)
{
	struct json_object *array = NULL;
	struct domain_info *list;
	int n;

	no_options(argc, argv, false, 0, -1);
	n = chosen(argc, argv, &list);
	if (json)
		array = json_object_new_array();
	else
		printf("Name                                        ID   Mem VCPUs\tState\tTime(s) "
		       " Claimed\n");
	for (int i = 0; i < n; i++) {
		const struct domain_info *d = &list[i];
		struct json_object *o;
		char state[7];

		state_letters(d, state);
		if (json) {
			o = domain_json(d, false);
			json_object_object_add(
				o, "claimed_mib",
				json_object_new_int64((int64_t)(d->outstanding_pages / 256)));
			json_object_array_add(array, o);
		} else {
			printf("%-40s %5d %5lu %5u     %s  %8.1f %5lu\n", domain_name(d->domid),
			       d->domid, (unsigned long)memory_mib(d), d->online_vcpus, state,
			       (double)d->cpu_time_ns / 1e9,
			       (unsigned long)(d->outstanding_pages / 256));
		}
	}
	if (json)
		print_json(array);
	free(list);
	return EXIT_SUCCESS;
}

int cmd_domid(int argc, char **argv)
{
	no_options(argc, argv, false, 1, 1);
	printf("%u\n", need_domain(argv[optind]));
	return EXIT_SUCCESS;
}

int cmd_domname(int argc, char **argv)
{
	char *name;
	uint16_t domid;

	no_options(argc, argv, false, 1, 1);
	domid = (uint16_t)need_number(argv[optind], 0x7fef);
	if (life_name(need_life(), domid, &name))
		return fail("%u is an invalid domain identifier (`xl list` shows all)", domid);
	puts(name);
	free(name);
	return EXIT_SUCCESS;
}
