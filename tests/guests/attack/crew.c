/* SPDX-License-Identifier: BSD-2-Clause */
/* The vCPUs that help the first one. */
#include "attack.h"

static struct {
	void (*volatile work)(void);
	volatile unsigned int
		turns[CREW_MAX]; /* counted up whenever one has done its work or idled */
	unsigned int count;
} crew = { .count = 1 };

static void crew_main(void *data)
{
	volatile unsigned int *turns = data;

	for (;;) {
		void (*work)(void) = crew.work;

		if (work)
			work();
		else
			relax();
		++*turns;
	}
}

/* Each has looked at crew.work anew, and done what it found there. */
static void wait_turns(unsigned int turns)
{
	for (unsigned int i = 1; i < crew.count; i++) {
		unsigned int before = crew.turns[i];

		while (crew.turns[i] - before < turns)
			sched_op(SCHEDOP_yield, NULL);
	}
}

void crew_start(void)
{
	while (crew.count < CREW_MAX &&
	       cpu_start(crew.count, crew_main, (void *)&crew.turns[crew.count]) == 0)
		crew.count++;
	wait_turns(1);
}

unsigned int crew_size(void)
{
	return crew.count;
}

void crew_set(void (*work)(void))
{
	crew.work = work;
}

void crew_begin(void (*work)(void))
{
	crew.work = work;
	wait_turns(2);
}

void crew_stop(void)
{
	crew.work = NULL;
	wait_turns(1);
}
