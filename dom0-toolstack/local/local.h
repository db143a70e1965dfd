/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets that programs of one host are reached by. */
#pragma once

#include <sys/types.h>

/*
 * Listens at @path, a Unix socket that gets the permissions @mode before anybody can reach it; what a daemon
 * that is no more left there goes. A daemon that answers there is given ten seconds to end: one that was
 * killed just now still does. Returns the descriptor (close on exec, does not block), or a negative
 * errno: -EADDRINUSE: it serves on; -ENAMETOOLONG; what socket(), bind(), chmod() and listen() say.
 */
int local_listen(const char *path, mode_t mode);
