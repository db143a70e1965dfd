/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the attack kernel share. */
#pragma once

#include "guest.h"

/* On our core, not on Xen. */
bool is_our_core(void);
/* In a guest's place, not in Dom0's: there all control operations must be refused. */
bool is_guest(void);

/* ---- further vCPUs (crew.c): they do what they are told for as long as they are told ---- */

#define CREW_MAX 4

/* Starts all vCPUs that there are, at most CREW_MAX with this one; crew_size() tells how many. */
void crew_start(void);
unsigned int crew_size(void);
/* Lets all but this one run WORK again and again. */
void crew_set(void (*work)(void));
/* The same; returns when each has done it once. */
void crew_begin(void (*work)(void));
/* Returns when each has finished what it was doing. */
void crew_stop(void);

/* ---- parts of the attack ---- */

/* control.c: each operation of each hypercall that controls domains or the host, on each domain. */
void attack_control(void);
/* random.c: calls with random arguments from all vCPUs at once. */
void attack_random(void);
/* limits.c: all that the core keeps for a guest, until it gives no more. */
void attack_limits(void);
/* rings.c: rubbish and storms through what a guest shares with Dom0. */
void attack_rings(void);

/* ---- numbers at random ---- */

static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
