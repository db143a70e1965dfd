/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of the store (XenStore), for programs of the toolstack: requests that wait for their
 * answer, transactions, and watches whose events can be polled for.
 *
 * It speaks the protocol of <xen/io/xs_wire.h> over the daemon's Unix socket or over the kernel's
 * /dev/xen/xenbus, with our daemon or a stock one.
 *
 * Conventions: every function that can fail returns 0 or a negative errno value. Values that are
 * handed out are allocated with malloc() in one piece: the caller frees each with one free(). A
 * client is used by one thread at a time. Paths are absolute, relative to the connection's domain
 * (/local/domain/N), or special watch names ("@introduceDomain").
 *
 * Errors that any request may return besides its own: -EIO (the daemon went away or answered
 * nonsense; the client is of no more use, close it), -ETIMEDOUT (see xs_client_set_timeout(); the
 * same holds), -ENOMEM, -EINVAL (bad path), -EACCES, -E2BIG (longer than the protocol allows),
 * -EDQUOT is never used: the store reports an exceeded quota as -ENOSPC or -EBUSY.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_client;

/* A transaction's number; XS_CLIENT_NO_TX stands for "outside any transaction". */
typedef uint32_t xs_client_tx_t;

#define XS_CLIENT_NO_TX 0

/* Access to a node, as xenstore-chmod writes it: n, r, w, b. */
enum xs_client_access {
	XS_CLIENT_NONE = 0,
	XS_CLIENT_READ = 1,
	XS_CLIENT_WRITE = 2,
	XS_CLIENT_BOTH = 3,
};

/*
 * One entry of a node's permissions. The first entry names the owner, its access is what every
 * domain without an entry of its own may do; each further entry grants one more domain access.
 */
struct xs_client_perm {
	uint32_t domid;
	enum xs_client_access access;
};

/*
 * Opens a connection to the store that serves this domain: the daemon's socket
 * ($XENSTORED_PATH, else /run/xenstored/socket, else /var/run/...), and if there is none, the
 * kernel's device (/dev/xen/xenbus, else /proc/xen/xenbus). *client is set on success only.
 * Errors: -ENOENT (no store to be found), or those of open() and connect().
 */
int xs_client_open(struct xs_client **client);

/* As xs_client_open(), with the socket or character device at `path`. */
int xs_client_open_path(const char *path, struct xs_client **client);

/*
 * Takes over a connected file descriptor, which xs_client_close() closes; on failure (-ENOMEM)
 * the caller keeps it.
 */
int xs_client_open_fd(int fd, struct xs_client **client);

/* Closes the connection (which ends its watches and transactions) and frees all. NULL is fine. */
void xs_client_close(struct xs_client *client);

/*
 * How long a request may wait for its answer, in milliseconds, a minute by default; -1: for ever.
 * After -ETIMEDOUT the client is of no more use.
 */
void xs_client_set_timeout(struct xs_client *client, int timeout_ms);

/*
 * The descriptor to poll for POLLIN. Events that arrived while a request waited are queued inside
 * the client: call xs_client_next_event() with a timeout of 0 until it returns -EAGAIN before
 * each poll.
 */
int xs_client_fd(const struct xs_client *client);

/*
 * Reads a node. *value is followed by a NUL that *len (may be NULL) does not count.
 * Errors: -ENOENT, -EACCES.
 */
int xs_client_read(struct xs_client *client, xs_client_tx_t tx, const char *path, char **value,
		   size_t *len);

/*
 * Reads a node that holds a whole decimal number and nothing else.
 * Errors: as xs_client_read(), -EBADMSG when it is not a number, -ERANGE.
 */
int xs_client_read_u64(struct xs_client *client, xs_client_tx_t tx, const char *path,
		       uint64_t *value);

/* Writes a node, creating it and its parents. Errors: -EACCES, -ENOSPC (quota), -E2BIG. */
int xs_client_write(struct xs_client *client, xs_client_tx_t tx, const char *path,
		    const void *value, size_t len);

/* Writes formatted text (without a final NUL). */
int xs_client_printf(struct xs_client *client, xs_client_tx_t tx, const char *path,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Creates an empty node and its parents; 0 when it exists. */
int xs_client_mkdir(struct xs_client *client, xs_client_tx_t tx, const char *path);

/* Removes a node with all below it; 0 when it does not exist but its parent does, else -ENOENT. */
int xs_client_rm(struct xs_client *client, xs_client_tx_t tx, const char *path);

/*
 * Lists a node's children by name, however many. *names is one allocation: an array of *count
 * pointers (and a NULL) with the names behind it. Errors: -ENOENT, -EACCES.
 */
int xs_client_directory(struct xs_client *client, xs_client_tx_t tx, const char *path,
			char ***names, size_t *count);

/* Reads a node's permissions, owner first. *perms is one allocation. */
int xs_client_get_perms(struct xs_client *client, xs_client_tx_t tx, const char *path,
			struct xs_client_perm **perms, size_t *count);

/* Sets a node's permissions, owner first (count is at least 1). Errors: -EACCES, -ENOENT. */
int xs_client_set_perms(struct xs_client *client, xs_client_tx_t tx, const char *path,
			const struct xs_client_perm *perms, size_t count);

/*
 * Starts a transaction: a view of the store of its own, made public as a whole by
 * xs_client_tx_end(). Errors: -ENOSPC (too many transactions), -EBUSY.
 */
int xs_client_tx_start(struct xs_client *client, xs_client_tx_t *tx);

/*
 * Ends a transaction: makes its changes public (commit) or drops them. Whatever comes back, the
 * transaction is over. Errors: -EAGAIN (someone changed what it touched: start again), -ENOSPC.
 */
int xs_client_tx_end(struct xs_client *client, xs_client_tx_t tx, bool commit);

/*
 * Runs `body` in a transaction, again for each conflict. When `body` returns a negative value the
 * transaction is dropped and that value returned; otherwise it is committed. `body` must be fit
 * to run several times.
 */
int xs_client_tx_run(struct xs_client *client,
		     int (*body)(struct xs_client *client, xs_client_tx_t tx, void *arg),
		     void *arg);

/*
 * Watches `path` and all below it. The store sends one event at once, then one for each change.
 * `token` is any text of the caller's, which comes back with each event. Errors: -EEXIST,
 * -ENOSPC or -E2BIG (quota).
 */
int xs_client_watch(struct xs_client *client, const char *path, const char *token);

/* Ends a watch; events already queued are still handed out. Errors: -ENOENT. */
int xs_client_unwatch(struct xs_client *client, const char *path, const char *token);

/*
 * Takes the next event, waiting for it up to timeout_ms (0: not at all, -1: forever). *path (one
 * allocation; *token points into it, do not free that) is what changed, in the form in which the
 * watch was set (relative or absolute). Errors: -EAGAIN (none yet), -EIO.
 */
int xs_client_next_event(struct xs_client *client, int timeout_ms, char **path, char **token);

/*
 * Introduces a domain whose ring is at `gfn` and whose unbound event channel is `port`; a domain
 * known already gets the new channel, its watches and transactions end. Privileged: -EACCES.
 */
int xs_client_introduce(struct xs_client *client, uint32_t domid, uint64_t gfn, uint32_t port);

/* The store forgets a domain: its ring, watches, transactions. Errors: -EACCES, -ENOENT. */
int xs_client_release(struct xs_client *client, uint32_t domid);

/* A domain that was suspended runs again: its shutdown is to be noticed anew. */
int xs_client_resume(struct xs_client *client, uint32_t domid);

/* Lets `domid` (a device model) act with `target`'s permissions as well. */
int xs_client_set_target(struct xs_client *client, uint32_t domid, uint32_t target);

/* 1 when the domain is introduced, 0 when not, or a negative errno value. */
int xs_client_is_introduced(struct xs_client *client, uint32_t domid);

/* The path of a domain's own folder ("/local/domain/7"). */
int xs_client_domain_path(struct xs_client *client, uint32_t domid, char **path);

/*
 * Sends a control command, `words` being its `count` strings ("quota", "set", ...); *answer is
 * the daemon's text. Errors: -EACCES, -EINVAL (unknown command).
 */
int xs_client_control(struct xs_client *client, const char *const *words, size_t count,
		      char **answer);
