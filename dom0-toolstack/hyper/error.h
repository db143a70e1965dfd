/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the toolstack's libraries report a failure: a negative errno as the return value, for
 * programs, and a sentence in the caller's struct error, for people.
 */
#pragma once

#include <stdarg.h>

/*
 * One message, without prefix and without a newline. Empty when nothing failed. The caller owns it
 * (any storage).
 */
struct error {
	int code; /* negative errno, 0: no error */
	char text[1024];
};

/*
 * Sets the message (replacing an older one) and the code. `code` is a negative errno and is
 * returned, so that `return error_set(err, -ENOMEM, "…")` is the usual form. `err` may be NULL.
 */
int error_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set(), with ": strerror(code)" added to the message. */
int error_errno(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message that is there; returns the code that is there. */
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
