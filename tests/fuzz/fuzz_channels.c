/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQ core/7: event-channel and grant-table hypercalls of two hostile domains, in any order and
 * with any arguments, while both write what they like into all that they share with the core.
 * At the end both die: every reference, block of heap and window must be back.
 */
#include <stdlib.h>
#include <string.h>
#include "../unit/support/fake.h"
#include "event/evtchn.h"
#include "event/table.h"
#include "grant/table.h"
#include "hypercall/hypercall.h"

#define PAGES  32
#define WINDOW 64 /* gfns from here to 127 are empty at first */

static struct fake_domain *dom[2];
static const uint8_t *input;
static size_t left;

static uint8_t byte(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

/* Mostly small numbers, sometimes large ones. */
static uint64_t number(void)
{
	uint8_t b = byte();
	uint64_t n = 0;

	if (b < 0xf0)
		return b;
	for (unsigned int i = 0; i <= (b & 7); i++)
		n = n << 8 | byte();
	return n;
}

static domid_t domid(void)
{
	static const domid_t ids[] = { 0, 1, DOMID_SELF, 77 };

	return ids[byte() & 3];
}

static void *argument(struct fake_domain *f)
{
	return fake_mem(f, FAKE_ARG_GPA);
}

static void event_call(struct fake_domain *f)
{
	union {
		struct evtchn_alloc_unbound alloc;
		struct evtchn_bind_interdomain bind;
		struct evtchn_init_control init;
		struct evtchn_status status;
		uint32_t words[6];
	} arg = { .words = { 0 } };
	unsigned int cmd = byte() & 15;

	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		arg.alloc.dom = domid();
		arg.alloc.remote_dom = domid();
		break;
	case EVTCHNOP_bind_interdomain:
		arg.bind.remote_dom = domid();
		arg.bind.remote_port = (evtchn_port_t)number();
		break;
	case EVTCHNOP_init_control:
		arg.init.control_gfn = number();
		arg.init.offset = (uint32_t)number();
		arg.init.vcpu = byte() & 3;
		break;
	case EVTCHNOP_status:
	case EVTCHNOP_reset:
		arg.status.dom = domid();
		arg.status.port = (evtchn_port_t)number();
		break;
	default:
		arg.words[0] = (uint32_t)number();
		arg.words[1] = (uint32_t)number();
		break;
	}
	memcpy(argument(f), &arg, sizeof(arg));
	evtchn_op(cmd, (gva_t) { byte() < 0xf8 ? FAKE_ARG_GPA : number() });
}

static void map_element(struct gnttab_map_grant_ref *op)
{
	static const uint32_t flags[] = { GNTMAP_host_map, GNTMAP_host_map | GNTMAP_readonly,
					  GNTMAP_device_map, GNTMAP_host_map | 1U << 31 };

	op->host_addr = (WINDOW + (number() & 0x3f)) << PAGE_SHIFT;
	op->flags = flags[byte() & 3];
	op->ref = (grant_ref_t)number();
	op->dom = domid();
}

static void copy_element(struct gnttab_copy *op)
{
	op->flags = byte() & 3;
	op->source.u.gmfn = number();
	op->source.domid = domid();
	op->source.offset = (uint16_t)number();
	op->dest.u.gmfn = number();
	op->dest.domid = domid();
	op->dest.offset = (uint16_t)number();
	op->len = (uint16_t)number();
}

static size_t element_size(unsigned int cmd)
{
	switch (cmd) {
	case GNTTABOP_map_grant_ref:
		return sizeof(struct gnttab_map_grant_ref);
	case GNTTABOP_unmap_grant_ref:
		return sizeof(struct gnttab_unmap_grant_ref);
	case GNTTABOP_copy:
		return sizeof(struct gnttab_copy);
	case GNTTABOP_unmap_and_replace:
		return sizeof(struct gnttab_unmap_and_replace);
	case GNTTABOP_swap_grant_ref:
		return sizeof(struct gnttab_swap_grant_ref);
	default:
		return 0; /* takes one element alone */
	}
}

static void grant_call(struct fake_domain *f)
{
	unsigned int cmd = byte() & 15, count = byte() & 3;
	struct hypercall_args args;
	uint8_t buf[4 * 64] = { 0 };
	size_t size = element_size(cmd);

	for (unsigned int i = 0; i < count; i++) {
		void *at = buf + i * size;

		if (cmd == GNTTABOP_map_grant_ref) {
			map_element(at);
		} else if (cmd == GNTTABOP_copy) {
			copy_element(at);
		} else if (cmd == GNTTABOP_unmap_grant_ref) {
			struct gnttab_unmap_grant_ref *op = at;

			op->handle = (grant_handle_t)number();
			op->host_addr = (WINDOW + (number() & 0x3f)) << PAGE_SHIFT;
		} else {
			uint32_t *words = at;

			words[0] = (uint32_t)number();
			words[1] = (uint32_t)number();
		}
	}
	memcpy(argument(f), buf, sizeof(buf));
	args = (struct hypercall_args) { { cmd, byte() < 0xf8 ? FAKE_ARG_GPA : number(), count } };
	grant_table_op(&args);
}

/* The guest writes into what it shares with the core, or moves its memory about. */
static void guest_acts(struct fake_domain *f)
{
	struct grant_entry_v1 *entry = grant_shared(f->d.grant, byte());
	gfn_t gfn = { byte() & (PAGES - 1) };
	uint8_t *p;

	switch (byte() & 7) {
	case 0:
		memset(f->d.shared, byte(), sizeof(*f->d.shared));
		memset(f->info, 0, sizeof(f->info));
		break;
	case 1:
	case 2:
		entry->flags = byte();
		entry->domid = byte() & 1;
		entry->frame = (uint32_t)number();
		break;
	case 3:
		if (gfn.v > 1)
			p2m_unmap(&f->d.p2m, gfn, 0);
		break;
	case 4:
		if (f->map[gfn.v].type == P2M_NONE)
			p2m_map(&f->d.p2m, gfn, fake_frame_alloc(f->d.id), 0, P2M_RAM);
		break;
	case 5:
		p2m_unmap(&f->d.p2m, (gfn_t) { WINDOW + (byte() & 0x3f) }, 0);
		break;
	case 6:
		evtchn_raise_virq_vcpu(&f->vcpus[byte() & 1], byte() % NR_VIRQS);
		evtchn_raise_virq_global(byte() % NR_VIRQS);
		break;
	default:
		if (f->map[gfn.v].type == P2M_NONE)
			break;
		p = fake_mem(f, gfn.v << PAGE_SHIFT);
		for (unsigned int i = 0, n = byte(); i < n; i++)
			p[number() & 0xfff] = byte();
		break;
	}
}

static void die(struct fake_domain *f)
{
	fake_xsm_deny = 0;
	f->d.state = DOMAIN_DYING;
	fake_current(NULL, 0);
	while (!evtchn_destroy(&f->d, 5) || !grant_destroy(&f->d, 5))
		;
	for (unsigned int i = 0; i < FAKE_GFNS; i++)
		if (f->map[i].type != P2M_NONE)
			p2m_unmap(&f->d.p2m, (gfn_t) { i }, 0);
}

static void send_from(struct fake_domain *f, port_t port)
{
	struct evtchn *chn = evtchn_lookup(f->d.evtchn, port);

	if (chn)
		evtchn_send(chn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	left = size < 4096 ? size : 4096;
	fake_reset();
	for (uint16_t i = 0; i < 2; i++) {
		dom[i] = fake_domain_add(i, 2, PAGES);
		if (evtchn_init(&dom[i]->d, i ? 1023 : 0) || grant_init(&dom[i]->d, 4, 2))
			abort();
	}
	while (left) {
		uint8_t what = byte();
		struct fake_domain *f = dom[what & 1];

		fake_current(f, what >> 1 & 1);
		switch (what >> 2 & 3) {
		case 0:
			event_call(f);
			break;
		case 1:
			grant_call(f);
			break;
		case 2:
			guest_acts(f);
			break;
		default:
			if (what >> 4 == 15)
				fake_epoch_run();
			else
				send_from(f, byte());
			break;
		}
		if (fake_windows_open)
			abort();
	}
	die(dom[0]);
	die(dom[1]);
	fake_epoch_run();
	for (unsigned int i = 0; i < 2; i++) {
		if (dom[i]->d.refs != 1)
			abort();
		evtchn_free(&dom[i]->d);
		grant_free(&dom[i]->d);
	}
	if (fake_heap_blocks || fake_frames_in_use())
		abort();
	return 0;
}
