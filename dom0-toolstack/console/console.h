/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console daemon's socket. A client connects and sends one line, CONSOLE_ATTACH with a domain's
 * number. The daemon answers with CONSOLE_ATTACHED, or closes when there is no such guest; from then on
 * the connection carries the console's bytes both ways. All see the output.
 * The first client attached to a console writes to it; the others' input is dropped until the
 * writer leaves, then the longest attached takes its place. The daemon closes when the guest goes.
 */
#pragma once

/* Tests have another place. */
#ifndef CONSOLE_FOLDER
#define CONSOLE_FOLDER "/run/bulkhead"
#endif
#define CONSOLE_SOCKET	 CONSOLE_FOLDER "/console.sock"
#define CONSOLE_ATTACH	 "attach %u\n"
#define CONSOLE_ATTACHED '\n'
