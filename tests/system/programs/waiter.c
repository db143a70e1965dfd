/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest as small as can be that lives as Linux does towards the toolstack: it says in the store
 * that it listens, waits for control/shutdown, and does what it says. `life=poweroff`, `life=reboot`
 * or `life=crash` on its command line: it does that at once.
 */
#include "guest.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/io/xs_wire.h>

#define VALUE_MAX 64

static struct xenstore_domain_interface *ring;
static unsigned int port;
static bool fired;

static uint64_t parameter(uint32_t index)
{
	struct xen_hvm_param param = { .domid = DOMID_SELF, .index = index };

	return HYPERCALL2(hvm_op, HVMOP_get_param, &param) ? 0 : param.value;
}

static void send(const void *data, size_t n)
{
	const char *bytes = data;

	for (size_t i = 0; i < n; i++) {
		while (ring->req_prod - READ_ONCE(ring->req_cons) == XENSTORE_RING_SIZE)
			irq_wait();
		ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = bytes[i];
		barrier();
		WRITE_ONCE(ring->req_prod, ring->req_prod + 1);
	}
}

/* Bytes beyond `room` are dropped. */
static void receive(void *data, size_t n, size_t room)
{
	for (size_t i = 0; i < n; i++) {
		while (ring->rsp_cons == READ_ONCE(ring->rsp_prod))
			irq_wait();
		barrier();
		if (i < room)
			((char *)data)[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
		barrier();
		WRITE_ONCE(ring->rsp_cons, ring->rsp_cons + 1);
	}
	event_send(port);
}

/* One message; true when it is an answer, false when it is a watch's event. `value` is terminated. */
static bool next_message(char value[VALUE_MAX])
{
	struct xsd_sockmsg head;

	receive(&head, sizeof(head), sizeof(head));
	memset(value, 0, VALUE_MAX);
	receive(value, head.len, VALUE_MAX - 1);
	fired |= head.type == XS_WATCH_EVENT;
	return head.type != XS_WATCH_EVENT;
}

/* `second` may be NULL; WRITE's value has no terminator. */
static void request(uint32_t type, const char *first, const char *second, char answer[VALUE_MAX])
{
	size_t more = second ? strlen(second) + (type != XS_WRITE) : 0;
	struct xsd_sockmsg head = { .type = type, .len = (uint32_t)(strlen(first) + 1 + more) };

	send(&head, sizeof(head));
	send(first, strlen(first) + 1);
	send(second, more);
	event_send(port);
	while (!next_message(answer))
		;
}

static void do_word(const char *word)
{
	if (strstr(word, "poweroff") || strstr(word, "halt"))
		shutdown(SHUTDOWN_poweroff);
	if (strstr(word, "reboot"))
		shutdown(SHUTDOWN_reboot);
	if (strstr(word, "crash"))
		shutdown(SHUTDOWN_crash);
}

void guest_main(void)
{
	const struct hvm_start_info *info =
		(const struct hvm_start_info *)(uintptr_t)start_info_address;
	const char *life = strstr((const char *)(uintptr_t)info->cmdline_paddr, "life=");
	char value[VALUE_MAX];

	if (life)
		do_word(life);
	events_init();
	ring = (void *)(uintptr_t)(parameter(HVM_PARAM_STORE_PFN) * PAGE_SIZE);
	port = (unsigned int)parameter(HVM_PARAM_STORE_EVTCHN);
	event_unmask(port);
	request(XS_WATCH, "control/shutdown", "life", value);
	request(XS_WRITE, "control/feature-poweroff", "1", value);
	request(XS_WRITE, "control/feature-reboot", "1", value);
	for (;;) {
		request(XS_READ, "control/shutdown", NULL, value);
		if (strstr(value, "poweroff") || strstr(value, "halt") || strstr(value, "reboot")) {
			char none[VALUE_MAX];

			request(XS_WRITE, "control/shutdown", "", none);
			do_word(value);
		}
		while (!fired)
			(void)next_message(value);
		fired = false;
	}
}
