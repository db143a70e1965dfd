/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapper PEER REF READONLY_REF: does the rounds with a granter in domain PEER, then tries what must
 * be refused. Prints PASS and FAIL lines.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "exchange.h"

static sigjmp_buf escape;

static void report(const char *what, int good)
{
	printf("%s %s\n", good ? "PASS" : "FAIL", what);
	fflush(stdout);
}

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(escape, 1);
}

static int writing_faults(volatile char *page)
{
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	if (sigsetjmp(escape, 1))
		return 1;
	*page = 'x';
	return 0;
}

static int do_rounds(xenevtchn_handle *evtchn, evtchn_port_t port,
		     volatile struct exchange *exchange)
{
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		int pending;

		exchange->question = round;
		__sync_synchronize();
		xenevtchn_notify(evtchn, port);
		do {
			pending = xenevtchn_pending(evtchn);
			if (pending < 0)
				return 0;
			xenevtchn_unmask(evtchn, (evtchn_port_t)pending);
		} while (exchange->answer != answer_to(round));
	}
	return 1;
}

static void try_refusals(xengnttab_handle *gnttab, uint32_t peer, uint32_t ref,
			 uint32_t readonly_ref)
{
	char *page = xengnttab_map_grant_ref(gnttab, peer, readonly_ref, PROT_READ);

	report("read-only grant is readable", page && !strcmp(page, "read, don't write"));
	report("read-only mapping is not writable", page && writing_faults(page));
	if (page)
		xengnttab_unmap(gnttab, page, 1);
	report("read-only grant is not mapped writable",
	       !xengnttab_map_grant_ref(gnttab, peer, readonly_ref, PROT_READ | PROT_WRITE));
	report("wrong reference", !xengnttab_map_grant_ref(gnttab, peer, ref + 400, PROT_READ));
	report("wrong domain", !xengnttab_map_grant_ref(gnttab, 0, ref, PROT_READ));
	report("no domain", !xengnttab_map_grant_ref(gnttab, 999, ref, PROT_READ));
}

int main(int argc, char **argv)
{
	xenevtchn_handle *evtchn = xenevtchn_open(NULL, 0);
	xengnttab_handle *gnttab = xengnttab_open(NULL, 0);
	uint32_t peer, ref, readonly_ref;
	volatile struct exchange *exchange;
	int port, tries;

	if (argc < 4 || !evtchn || !gnttab) {
		perror("mapper: open");
		return 1;
	}
	peer = (uint32_t)atoi(argv[1]);
	ref = (uint32_t)atoi(argv[2]);
	readonly_ref = (uint32_t)atoi(argv[3]);
	exchange = xengnttab_map_grant_ref(gnttab, peer, ref, PROT_READ | PROT_WRITE);
	report("map", exchange != NULL);
	if (!exchange)
		return 1;
	for (tries = 0; !exchange->port && tries < 1000; tries++)
		usleep(100000);
	port = xenevtchn_bind_interdomain(evtchn, peer, exchange->port);
	report("bind", port > 0);
	if (port <= 0)
		return 1;
	try_refusals(gnttab, peer, ref, readonly_ref);
	report("rounds", do_rounds(evtchn, (evtchn_port_t)port, exchange));

	/* The granter revokes the read-only grant a while after the last round. */
	for (tries = 0; tries < 30; tries++) {
		char *page = xengnttab_map_grant_ref(gnttab, peer, readonly_ref, PROT_READ);

		if (!page)
			break;
		xengnttab_unmap(gnttab, page, 1);
		sleep(1);
	}
	report("revoked grant", tries < 30);
	printf("mapper: waiting for the peer's end\n");
	fflush(stdout);
	sleep(20);
	/* The page of a domain that is gone stays with its mapping; a new mapping is refused. */
	report("its page is still there", exchange->question == ROUNDS);
	report("unmap", xengnttab_unmap(gnttab, (void *)(uintptr_t)exchange, 1) == 0);
	report("grant of a domain that is gone",
	       !xengnttab_map_grant_ref(gnttab, peer, ref, PROT_READ | PROT_WRITE));
	printf("mapper: done\n");
	return 0;
}
