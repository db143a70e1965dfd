/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the core's cache "SOURCE TARGET CLASS PERMISSION" lines of the standard input under POLICY;
 * the core's messages go to the standard output, "(XEN)" before each as the console has them. Ends
 * with 1 when something was denied. For tests of what tools make of the messages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "xsm/state.h"

static uint32_t find_sid(const char *text)
{
	uint32_t sid;

	if (sid_of_text(text, &sid)) {
		fprintf(stderr, "not a label: %s\n", text);
		exit(2);
	}
	return sid;
}

static enum xsm_perm find_perm(const char *tclass, const char *name)
{
	uint32_t c, b;

	for (c = 1; c <= XSM_CLASSES; c++)
		for (b = 0; b < xsm_classes[c].perms; b++)
			if (!strcmp(xsm_classes[c].name, tclass) &&
			    !strcmp(xsm_classes[c].perm[b], name))
				return (enum xsm_perm)(c << 5 | b);
	fprintf(stderr, "not a permission: %s:%s\n", tclass, name);
	exit(2);
}

int main(int argc, char **argv)
{
	static uint8_t data[POLICY_SIZE_MAX];
	char line[1024], s[400], t[400], tclass[64], perm[64];
	struct xsm_label from = { .domid = 1, .serial = 1 }, to = { .domid = 2, .serial = 2 };
	struct xsm_audit a = { .subj = &from, .obj = &to };
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	int denied = 0;

	if (!f || xsm_boot(data, fread(data, 1, sizeof(data), f), NULL) || xsm_cpu_init())
		return 2;
	fclose(f);
	host_log_clear();
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%399s %399s %63s %63s", s, t, tclass, perm) != 4)
			return 2;
		if (avc_check(find_sid(s), find_sid(t), find_perm(tclass, perm), &a))
			denied = 1;
		for (char *l = strtok((char *)(uintptr_t)host_log(), "\n"); l;
		     l = strtok(NULL, "\n"))
			printf("(XEN) [    1.234567] %s\n", l);
		host_log_clear();
	}
	return denied;
}
