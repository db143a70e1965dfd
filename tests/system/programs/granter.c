/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * granter PEER: grants a page to domain PEER, and another for reading only, says their references
 * and an event channel, and answers what the peer writes until all rounds are done. Then it
 * revokes the grants, says so, and waits for ever: its end is its domain's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "exchange.h"

static void *share(xengntshr_handle *shr, uint32_t peer, int writable, uint32_t *ref)
{
	void *page = xengntshr_share_pages(shr, peer, 1, ref, writable);

	if (!page) {
		perror("granter: share");
		exit(1);
	}
	return page;
}

/* Answers one event; returns how many rounds are done. */
static uint32_t answer(xenevtchn_handle *evtchn, evtchn_port_t port,
		       volatile struct exchange *exchange)
{
	int pending = xenevtchn_pending(evtchn);

	if (pending < 0 || xenevtchn_unmask(evtchn, (evtchn_port_t)pending) < 0) {
		perror("granter: event");
		exit(1);
	}
	exchange->answer = answer_to(exchange->question);
	__sync_synchronize();
	xenevtchn_notify(evtchn, port);
	return exchange->question;
}

int main(int argc, char **argv)
{
	uint32_t peer = argc > 1 ? (uint32_t)atoi(argv[1]) : 0;
	uint32_t ref, readonly_ref, round = 0;
	xenevtchn_handle *evtchn = xenevtchn_open(NULL, 0);
	xengntshr_handle *shr = xengntshr_open(NULL, 0);
	struct exchange *exchange;
	char *text;
	int port;

	if (!evtchn || !shr) {
		perror("granter: open");
		return 1;
	}
	exchange = share(shr, peer, 1, &ref);
	text = share(shr, peer, 0, &readonly_ref);
	strcpy(text, "read, don't write");
	port = xenevtchn_bind_unbound_port(evtchn, peer);
	if (port < 0) {
		perror("granter: bind");
		return 1;
	}
	printf("granter: ref %u readonly %u port %d end\n", ref, readonly_ref, port);
	fflush(stdout);
	while (round < ROUNDS)
		round = answer(evtchn, (evtchn_port_t)port, exchange);
	printf("granter: answered %u rounds\n", round);
	fflush(stdout);
	sleep(3);
	xengntshr_unshare(shr, text, 1);
	printf("granter: revoked\n");
	fflush(stdout);
	for (;;)
		pause();
}
