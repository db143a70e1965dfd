/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store as a Linux daemon: sockets, the rings of domains, live update, around the engine
 * (engine/store.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store.h"

struct store_daemon;

/* Something that epoll watches. `ready` may not close other sources, only kick connections. */
struct source {
	int fd;
	bool edge; /* told of changes only, not while a state lasts */
	void (*ready)(struct store_daemon *daemon, struct source *source);
};

/* A listening socket and what its clients are. */
struct listener {
	struct source source;
	unsigned int flags; /* CONN_* */
};

/* The descriptors and ports that a live update hands to the next program. */
struct inherited {
	int32_t listener[2];
	int32_t domains_fd;    /* of the backend: the event channel device; -1: none */
	uint32_t domains_port; /* of the backend: VIRQ_DOM_EXC */
};

/*
 * Where domains come from: Xen, or a simulation in tests. All return 0 or a negative errno value
 * where they return int. Each function may be NULL when there are no domains at all.
 */
struct domains_backend {
	/*
	 * Begins to watch for domains. `inherited` is NULL at a fresh start, when it also connects
	 * Dom0's own ring.
	 */
	int (*start)(struct store_daemon *daemon, const struct inherited *inherited);
	bool (*exists)(struct store_daemon *daemon, uint32_t domid);
	/* As store_host.introduce. */
	int (*introduce)(struct store_daemon *daemon, uint32_t domid, uint64_t gfn, uint32_t port);
	/* Makes a transport of what its conn_ops.save() wrote, without its first byte. */
	int (*adopt)(struct store_daemon *daemon, uint32_t domid, const void *saved, size_t len,
		     const struct conn_ops **ops, void **transport);
	/* Tells a transport of its own about its connection. */
	void (*adopted)(struct store_daemon *daemon, void *transport, struct conn *conn);
	/* Fills in what a live update is to hand over; makes the descriptors inheritable. */
	void (*hand_over)(struct store_daemon *daemon, struct inherited *inherited);
	/* Ends what start() began, when no connection is left. */
	void (*stop)(struct store_daemon *daemon);
};

struct store_daemon {
	struct store *store;
	struct store_host host;
	const struct domains_backend *domains; /* NULL: no domains */
	void *domains_state;
	int epoll;
	struct listener listeners[2];
	int spare_fd;			 /* given up for a moment when there is no other */
	struct socket_client *graveyard; /* closed, to be freed after this round of events */
	bool update_due;
	struct source check; /* the end of `checker`, the child that asks the next program */
	pid_t checker;
	bool to_syslog, no_fork;
	char adopting; /* the kind of transport that is being adopted */
	int argc;
	char **argv;
	char *update_file, *update_line; /* the next program and its command line, when set */
	const char *run_dir, *pid_file;
	uint64_t random_state;
};

/* The first byte of what save() writes tells the kind of a transport. */
#define SAVED_SOCKET 'S'
#define SAVED_DOMAIN 'D'

/* daemon.c */
/* Runs until told to stop; returns the exit code. `domains` is NULL for a store without domains. */
int daemon_main(int argc, char **argv, const struct domains_backend *domains);
void daemon_log(void *daemon, const char *text);
int source_watch(struct store_daemon *daemon, struct source *source);
/* Whether room to write is waited for, too; a change that happened before this is told as well. */
int source_modify(struct store_daemon *daemon, struct source *source, bool out);

/* socket.c */
int sockets_listen(struct store_daemon *daemon);
int sockets_inherit(struct store_daemon *daemon, const struct inherited *inherited);
void sockets_hand_over(struct store_daemon *daemon, struct inherited *inherited);
int socket_adopt(struct store_daemon *daemon, const void *saved, size_t len,
		 const struct conn_ops **ops, void **transport);
void socket_adopted(struct store_daemon *daemon, void *transport, struct conn *conn);
/* Makes a connection of an accepted socket; closes `fd` on failure. */
int socket_connect(struct store_daemon *daemon, int fd, uint32_t domid, unsigned int flags);
void sockets_bury(struct store_daemon *daemon);
int fd_keep(int fd, bool keep);

/* update.c */
int update_control(struct store_daemon *daemon, const char *const *words, size_t count,
		   char *answer, size_t room);
/* Does the update that was asked for; returns only when it fails. */
void update_now(struct store_daemon *daemon);
/*
 * The exit code by which the next program says that it can take a state over: not 0, which any
 * other program might end with.
 */
#define UPDATE_UNDERSTOOD 93
/* Builds the store from the state behind a descriptor. With `check` nothing is touched. */
int update_take_over(struct store_daemon *daemon, int fd, bool check);
