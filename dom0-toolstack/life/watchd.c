/* SPDX-License-Identifier: BSD-2-Clause */
/* bulkhead-watchd: the watcher as a program of its own. Started by xl; takes no arguments. */
#include "life/life.h"

#include <errno.h>
#include <stdio.h>

int main(void)
{
	struct error err = { 0 };
	int rc = life_watch_run(false, &err);

	if (!rc || rc == -EBUSY)
		return 0;
	fprintf(stderr, "bulkhead-watchd: %s\n", err.text);
	return 1;
}
