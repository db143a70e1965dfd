/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hypervisor in libxencall's place: it records what is asked, gives what it is told to, and can
 * lie or have no memory.
 */
#pragma once

#include "hyper/internal.h"

/* The pointer in a guest handle. */
#define handle_of(handle) ((void *)(uintptr_t)(handle).p)

/* What it saw last, and how it answers. */
struct fake_xencall {
	struct xen_domctl domctl;
	struct xen_sysctl sysctl;
	unsigned int calls, op, cmd;
	int error;		  /* every call fails with it */
	unsigned int error_after; /* but for so many before */
	int unopened;		  /* it can't be opened, for this reason; -1: without one */
	unsigned int domains;
	unsigned int cpus, scheduler;
	size_t console, buffers;
	uint32_t context; /* bytes of save records */
	uint32_t leaves;  /* of the largest policy */
	bool liar;	  /* counts in answers are larger than what was asked for */
	unsigned int
		again; /* so many calls to destroy a domain, or set its pool, want to be repeated */
	int paging_error;			/* then setting the pool fails with it */
	unsigned int allocations, no_memory_at; /* that allocation fails; 0: none */
};

extern struct fake_xencall fake;

/* Around each test: the wrappers' handle on a new hypervisor; every buffer must have been freed. */
extern struct hyper *h;
int fake_xencall_setup(void **state);
int fake_xencall_teardown(void **state);
