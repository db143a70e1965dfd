/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * granter PEER: grants a page to domain PEER, and another for reading only, and says their
 * references; as soon as PEER is there, it opens an event channel for it and writes its number into the
 * page. It answers what the peer writes until all rounds are done. Then it revokes the second grant,
 * says so, and waits for ever: its end is its domain's.
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

/* A policy in force lets nobody offer a port to a domain that is not there. */
static int offer_port(xenevtchn_handle *evtchn, uint32_t peer)
{
	int port, tries = 0;

	while ((port = xenevtchn_bind_unbound_port(evtchn, peer)) < 0 && tries++ < 1000)
		usleep(100000);
	if (port < 0) {
		perror("granter: bind");
		exit(1);
	}
	return port;
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
	volatile struct exchange *exchange;
	char *text;
	int port;

	if (!evtchn || !shr) {
		perror("granter: open");
		return 1;
	}
	exchange = share(shr, peer, 1, &ref);
	text = share(shr, peer, 0, &readonly_ref);
	strcpy(text, "read, don't write");
	printf("granter: ref %u readonly %u end\n", ref, readonly_ref);
	fflush(stdout);
	port = offer_port(evtchn, peer);
	exchange->port = (uint32_t)port;
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
