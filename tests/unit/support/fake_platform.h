/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hypervisor, a store and a domain builder for tests of the life cycle, in memory that survives
 * the process that uses them. Every call that changes or asks something counts as a step; a step
 * can be made to fail, or to be the process's last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hyper/hyper.h"

#define FAKE_DOMAINS_MAX 24
#define FAKE_NODES_MAX	 1024

struct fake_domain {
	bool exists, filled, introduced;
	bool deaf; /* does not do what control/shutdown says */
	struct domain_info info;
};

struct fake_node {
	char path[128], value[128]; /* path empty: free */
};

struct fake_platform {
	struct fake_domain domains[FAKE_DOMAINS_MAX];
	struct fake_node nodes[FAKE_NODES_MAX];
	uint32_t steps;	  /* taken so far */
	uint32_t fail_at; /* this step returns -EIO; 0: none */
	uint32_t kill_at; /* at this step the process ends; 0: none */
	bool killed;	  /* and it did */
	uint32_t hook_at; /* at this step `hook` is called; 0: never */
	void (*hook)(void);
	pid_t session;	     /* of whoever opened the hypervisor last */
	unsigned int events; /* of the store that wait to be taken */
	bool store_broken;   /* no look for events succeeds */
	bool store_gone;     /* the next look for events says so, once */
	uint16_t next_domid;
	uint32_t builds; /* that were completed */
	bool obedient;	 /* guests do what control/shutdown says, and say that they do */
	bool balloon;	 /* Domain-0's memory follows its target */
};

/* Shared between processes; NULL before fake_reset(). */
extern struct fake_platform *fake;

/* An empty platform with Domain-0. */
void fake_reset(void);

/* Value of a node, or NULL. */
const char *fake_read(const char *path);

void fake_write(const char *path, const char *value);

/* How many domains besides Domain-0 there are, and nodes outside of /local/domain/0. */
unsigned int fake_domains_left(void);
unsigned int fake_nodes_left(void);

/* _exit() of the watcher's children. */
void life_test_exit(int status) __attribute__((noreturn));

/* The guest stops by itself. */
void fake_guest_stops(uint16_t domid, enum shutdown_reason reason);
