/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Needs a partner. REQ core/5: two guests of this kernel exchange data through a granted page and
 * event channels, with nobody between them; what is not granted, or not so, is refused.
 * tests/system/pair.sh starts them with `pair=granter,PEER` and `pair=mapper,PEER` on their command
 * lines. With `pair=spin` it keeps all its vCPUs busy for ever (neighbours.sh).
 */
#include "guest.h"

#include <xen/arch-x86/hvm/start_info.h>

#define EINVAL 22
#define ROUNDS 200

enum {
	REF_RW = 8,
	REF_RO,
	REF_OTHER,
	REF_REVOKED
};

struct exchange {
	uint32_t question, answer;
};

static grant_entry_v1_t table[PAGE_SIZE / sizeof(grant_entry_v1_t)] PAGE_ALIGNED;
static uint8_t pages[4][PAGE_SIZE] PAGE_ALIGNED;
static uint8_t window[3][PAGE_SIZE] PAGE_ALIGNED;
static volatile unsigned int received;

static void count(unsigned int port, void *data)
{
	(void)port;
	(void)data;
	received++;
}

/* The number behind the next comma of *TEXT. */
static unsigned int next_number(const char **text)
{
	unsigned int value = 0;

	while (**text && *(*text)++ != ',')
		;
	for (; **text >= '0' && **text <= '9'; (*text)++)
		value = value * 10 + (unsigned int)(**text - '0');
	return value;
}

/* What follows `pair=` on the command line. */
static const char *role(void)
{
	const struct hvm_start_info *info =
		(const struct hvm_start_info *)(uintptr_t)start_info_address;
	const char *text = (const char *)(uintptr_t)info->cmdline_paddr;

	while (text && *text) {
		if (memcmp(text, "pair=", 5) == 0)
			return text + 5;
		text++;
	}
	return "";
}

static void pause_ms(unsigned int port, unsigned int ms)
{
	static evtchn_port_t ports[1];
	struct sched_poll poll = { .nr_ports = 1, .timeout = system_time() + ms * 1000000UL };

	ports[0] = port;
	set_xen_guest_handle(poll.ports, ports);
	sched_op(SCHEDOP_poll, &poll);
}

/* ---- the granter ---- */

static void grant(unsigned int ref, unsigned int domid, const void *page, uint16_t flags)
{
	table[ref].domid = (domid_t)domid;
	table[ref].frame = (uint32_t)((uintptr_t)page / PAGE_SIZE);
	barrier();
	WRITE_ONCE(table[ref].flags, flags);
}

static void granter(unsigned int peer)
{
	volatile struct exchange *e = (void *)pages[0];
	unsigned int rounds = 0;
	int port;

	/* With a policy in force, a port can be offered only to a domain that is there. */
	while ((port = event_alloc_unbound(DOMID_SELF, (domid_t)peer)) < 0)
		relax();
	map_xen_page(XENMAPSPACE_grant_table, 0, table);
	grant(REF_RW, peer, pages[0], GTF_permit_access);
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		pages[1][i] = (uint8_t)(i * 3);
	grant(REF_RO, peer, pages[1], GTF_permit_access | GTF_readonly);
	grant(REF_OTHER, peer + 1, pages[2], GTF_permit_access);
	grant(REF_REVOKED, peer, pages[3], GTF_permit_access);
	WRITE_ONCE(table[REF_REVOKED].flags, 0);
	event_set_handler((unsigned int)port, count, NULL);
	print("granter: port %d end\n", port);
	for (;;) {
		received = 0;
		if (e->question != e->answer) {
			e->answer = e->question;
			if (++rounds == ROUNDS)
				print("granter: answered %u\n", rounds);
			event_send((unsigned int)port);
			continue;
		}
		wait_flag(&received, 1);
	}
}

/* ---- the mapper ---- */

static struct gnttab_map_grant_ref map(unsigned int dom, unsigned int ref, void *at, uint32_t flags)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = (uintptr_t)at,
		.flags = GNTMAP_host_map | flags,
		.ref = ref,
		.dom = (domid_t)dom,
		.status = 99,
	};

	grant_op(GNTTABOP_map_grant_ref, &op, 1);
	return op;
}

static int unmap(uint32_t handle, void *at)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = (uintptr_t)at, .handle = handle };

	grant_op(GNTTABOP_unmap_grant_ref, &op, 1);
	return op.status;
}

/* Copies 16 bytes between grant REF of DOM and a page of our own. */
static int copy(unsigned int dom, unsigned int ref, bool to_grant)
{
	struct gnttab_copy op = { .len = 16 };
	struct gnttab_copy_ptr grant = { .u.ref = ref, .domid = (domid_t)dom };
	struct gnttab_copy_ptr own = { .u.gmfn = (uintptr_t)pages[0] / PAGE_SIZE,
				       .domid = DOMID_SELF };

	op.source = to_grant ? own : grant;
	op.dest = to_grant ? grant : own;
	op.flags = to_grant ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
	grant_op(GNTTABOP_copy, &op, 1);
	return op.status;
}

/* Our core prints a limited number of lines a second for a guest, so checks come in portions. */
static void breathe(unsigned int port)
{
	uint64_t end = system_time() + 2500000000UL;

	while (system_time() < end) {
		shared_info.vcpu_info[0].evtchn_upcall_pending = 0;
		event_clear(port);
		pause_ms(port, 500);
	}
}

static void check_refused(unsigned int peer)
{
	CHECK_EQ("writable-of-readonly", map(peer, REF_RO, window[1], 0).status,
		 GNTST_general_error);
	CHECK_EQ("for-another", map(peer, REF_OTHER, window[1], 0).status, GNTST_general_error);
	CHECK_EQ("revoked", map(peer, REF_REVOKED, window[1], 0).status, GNTST_general_error);
	CHECK_EQ("no-reference", map(peer, 0x7fffffff, window[1], 0).status, GNTST_bad_gntref);
	CHECK_EQ("no-domain", map(12345, REF_RW, window[1], 0).status, GNTST_bad_domain);
	CHECK_EQ("copy-of-another's", copy(peer, REF_OTHER, false), GNTST_general_error);
	CHECK_EQ("copy-of-revoked", copy(peer, REF_REVOKED, false), GNTST_general_error);
	CHECK_EQ("copy-to-readonly", copy(peer, REF_RO, true), GNTST_general_error);
	CHECK_EQ("bind-wrong-port", event_bind_interdomain((domid_t)peer, 0), -EINVAL);
}

static void check_read_only(unsigned int peer)
{
	struct gnttab_map_grant_ref op = map(peer, REF_RO, window[1], GNTMAP_readonly);

	CHECK_EQ("map-readonly", op.status, GNTST_okay);
	CHECK_EQ("read", window[1][5], 15);
	probe_write(window[1], 0x12345678); /* dropped, or an exception */
	CHECK_EQ("nothing-written", window[1][1], 3);
	CHECK_EQ("copy-from-readonly", copy(peer, REF_RO, false), GNTST_okay);
	CHECK_EQ("copied", pages[0][5], 15);
	CHECK_EQ("unmap-readonly", unmap(op.handle, window[1]), GNTST_okay);
	CHECK_EQ("unmap-twice", unmap(op.handle, window[1]), GNTST_bad_handle);
}

static bool exchange_rounds(volatile struct exchange *e, unsigned int port)
{
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		received = 0;
		e->question = i;
		event_send(port);
		while (e->answer != i)
			wait_flag(&received, 1), received = 0;
	}
	return e->answer == ROUNDS;
}

/* Binds to the port that PEER offers, once it does. */
static int bind_any(unsigned int peer)
{
	for (unsigned int port = 1;; port = port % 32 + 1) {
		int bound = event_bind_interdomain((domid_t)peer, port);

		if (bound > 0)
			return bound;
	}
}

static void mapper(unsigned int peer)
{
	volatile struct exchange *e = (void *)window[0];
	int port = bind_any(peer);
	struct gnttab_map_grant_ref op, again;

	/* The port comes before the grants. */
	while ((op = map(peer, REF_RW, window[0], 0)).status == GNTST_general_error)
		relax();
	CHECK_EQ("map", op.status, GNTST_okay);
	CHECK("bind", port > 0);
	event_set_handler((unsigned int)port, count, NULL);
	CHECK("exchange", exchange_rounds(e, (unsigned int)port));
	breathe((unsigned int)port);
	check_refused(peer);
	breathe((unsigned int)port);
	check_read_only(peer);
	breathe((unsigned int)port);
	print("mapper: waiting\n");
	/* The granter is destroyed now. What is mapped stays; what is not can't be any more. */
	while ((again = map(peer, REF_RO, window[2], GNTMAP_readonly)).status == GNTST_okay) {
		unmap(again.handle, window[2]);
		pause_ms((unsigned int)port, 50);
	}
	CHECK("dying-refused", again.status == GNTST_bad_domain || again.status == GNTST_bad_page);
	CHECK_EQ("mapping-stays", e->answer, ROUNDS);
	e->question = 0xabcdef;
	CHECK_EQ("mapping-writable", e->question, 0xabcdef);
	CHECK_EQ("send-to-dead", event_send((unsigned int)port), 0);
	CHECK_EQ("unmap-of-dead", unmap(op.handle, window[0]), GNTST_okay);
	print("mapper: done\n");
	for (;;)
		pause_ms((unsigned int)port, 1000);
}

/* ---- the one that spins ---- */

static void spin(void *data)
{
	(void)data;
	for (;;)
		__asm__ volatile(SPIN_BODY);
}

static void spin_all(void)
{
	for (unsigned int cpu = 1; cpu < MAX_CPUS; cpu++)
		if (cpu_start(cpu, spin, NULL))
			break;
	spin(NULL);
}

void guest_main(void)
{
	const char *text = role();
	char first = text[0];
	unsigned int peer = next_number(&text);

	events_init();
	if (first == 's')
		spin_all();
	if (first == 'g')
		granter(peer);
	else
		mapper(peer);
}
