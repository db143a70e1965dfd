/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of event/ share: the ports of a domain, and the two delivery ABIs.
 *
 * Locks. A domain's table lock (t->lock, LOCK_EVTCHN) guards which ports are in use: whoever takes
 * or closes one holds it. Each channel has a lock of its own (same rank, taken after the table's):
 * whoever changes its binding holds it, and so does whoever makes it pending. So nobody needs
 * another domain's table lock. A sender reads its own channel's binding once, locks the receiving
 * channel, and delivers only if that one is still bound to the sender; who closes a port unbinds its
 * peer in the same way. Two channels at once are locked only to bind to an unbound one: that one
 * first, then the new one, which nobody can bind to. The vCPU's FIFO lock (LOCK_VCPU) is innermost.
 */
#pragma once

#include "domain/domain.h"
#include "event/evtchn.h"
#include "lib/bitops.h"
#include "lib/string.h"

#define PORTS_PER_BUCKET  64
#define EVTCHN_STATE_MASK 7UL

struct evtchn {
	/*
	 * Its state, EVTCHNSTAT_… (port 0 is always closed), in the low bits, and the rest, so that
	 * one load tells all. Unbound: bits 16…31 are the domid that may bind to it. Interdomain:
	 * address of the peer's struct evtchn. VIRQ: bits 16…31 are the VIRQ, 32…47 the vCPU.
	 */
	uint64_t binding;
	struct domain *domain; /* whose port this is; never changes */
	uint32_t sid;	       /* label of the channel (xsm.h); 0 unless unbound or interdomain */
	uint32_t port : 17;
	uint32_t priority : 4;	    /* FIFO queue for the next event */
	uint32_t last_priority : 4; /* FIFO queue that it is or was on, of vCPU last_vcpu */
	uint32_t saved : 1;	    /* pending since before its event array page was there */
	struct spinlock lock;
	uint8_t vcpu; /* that is notified */
	uint8_t last_vcpu;
};
_Static_assert(sizeof(struct evtchn) == 32, "a bucket fills half a page");
_Static_assert(MAX_VCPUS <= 256, "vCPU numbers fit in a byte");

struct evtchn_fifo; /* fifo.c */

struct evtchn_table {
	struct evtchn **bucket;	  /* PORTS_PER_BUCKET channels each */
	uint32_t valid;		  /* ports that have a bucket; grows only, published last */
	uint32_t max_ports;	  /* limit of this domain */
	struct evtchn_fifo *fifo; /* NULL: the 2-level ABI is in use */
	bool polled;		  /* a vCPU may be waiting in SCHEDOP_poll */
	struct spinlock lock;
	uint32_t in_use;     /* ports neither free nor reserved */
	unsigned long *used; /* a bit for each port that is not free */
};

static inline uint32_t evtchn_state(uint64_t binding)
{
	return binding & EVTCHN_STATE_MASK;
}

static inline uint64_t evtchn_bind_to(const struct evtchn *peer)
{
	return (uint64_t)(uintptr_t)peer | EVTCHNSTAT_interdomain;
}

static inline struct evtchn *evtchn_peer_of(uint64_t binding)
{
	return (struct evtchn *)(uintptr_t)(binding & ~EVTCHN_STATE_MASK);
}

/* What a port of @v's VIRQ @virq is bound to; global VIRQs are vCPU 0's. */
static inline uint64_t virq_binding(const struct vcpu *v, uint32_t virq)
{
	return (uint64_t)v->id << 32 | (uint64_t)virq << 16 | EVTCHNSTAT_virq;
}

/* The channel of @port, or NULL. No lock needed. */
static inline struct evtchn *evtchn_lookup(const struct evtchn_table *t, port_t port)
{
	if (unlikely(port >= __atomic_load_n(&t->valid, __ATOMIC_ACQUIRE)))
		return NULL;
	return &t->bucket[port / PORTS_PER_BUCKET][port % PORTS_PER_BUCKET];
}

/* Ports in use, from @from to before @end. */
#define for_each_port(t, port, from, end)                                      \
	for ((port) = find_next_bit((t)->used, (end), (from)); (port) < (end); \
	     (port) = find_next_bit((t)->used, (end), (port) + 1))

/*
 * Marks @v's vcpu_info and tells whether the vCPU must be notified (it was not marked before).
 * @info is open.
 */
static inline bool vcpu_info_mark(struct vcpu_info *info)
{
	return !__atomic_exchange_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
}

/* Makes @chn, which is locked, pending, unlocks it, and notifies its vCPU. */
void evtchn_raise(struct evtchn *chn);
/* The same if its binding is still @expect. It is not locked. */
void evtchn_deliver(struct evtchn *chn, uint64_t expect);

/*
 * Takes the lowest free port of @d and binds it: @sid labels it, @vcpu is notified. The table is
 * locked. A FIFO port that is still linked in a queue is skipped: its next event could arrive on the
 * wrong vCPU. -EINVAL: the domain is dying; -ENOSPC: its limit; -ENOMEM.
 */
int evtchn_port_bind(struct domain *d, uint64_t binding, uint32_t sid, uint32_t vcpu, port_t *out);

/*
 * The operations of the hypercall that make ports (bind.c, virq.c): of the current domain @cur, the
 * argument is copied in.
 */
int bind_unbound(struct domain *cur, void *arg);
int bind_interdomain(struct domain *cur, void *arg);
int bind_virq(struct domain *cur, void *arg);
int bind_ipi(struct domain *cur, void *arg);

/*
 * Operations on a port of the caller. Close: 0, or -EINVAL when it is free. Send: 0; -EINVAL: a port that
 * can't be sent on; -EPERM: policy. Unmask: 0.
 */
int evtchn_close(struct evtchn *chn);
int evtchn_send(struct evtchn *chn);
int evtchn_unmask(struct evtchn *chn);

/* Forgets @d as the handler of global VIRQs. */
void virq_handlers_clear(struct domain *d);
/* Whether @virq is one for the whole domain. */
bool virq_is_global(uint32_t virq);

/*
 * The delivery ABIs. All are called with the channel's lock held, but for the question whether a port
 * is pending, which may be one that the guest has no place for. set_pending and unmask return the vCPU
 * to be notified or NULL; set_pending tells in *@newly whether the port was not pending.
 */
struct vcpu *two_level_set_pending(struct evtchn *chn, bool *newly);
struct vcpu *two_level_unmask(struct evtchn *chn);
void two_level_clear_pending(struct domain *d, port_t port);
bool two_level_pending(const struct domain *d, port_t port);

struct vcpu *fifo_set_pending(struct evtchn_fifo *f, struct evtchn *chn, bool *newly);
struct vcpu *fifo_unmask(struct evtchn_fifo *f, struct evtchn *chn);
void fifo_clear_pending(const struct evtchn_fifo *f, port_t port);
bool fifo_pending(const struct evtchn_fifo *f, port_t port);

/* Ports of bucket @index that the guest has not taken off their queue yet, as a bit mask. */
uint64_t fifo_busy(const struct evtchn_fifo *f, unsigned int index);

/* The FIFO operations of the hypercall: of the current domain @d, the argument is copied in. */
int fifo_init_control(struct domain *d, void *arg);
int fifo_expand_array(struct domain *d, void *arg);

/* To 2-level from either ABI; all ports are closed. Pages and memory go after a grace period. */
void fifo_destroy(struct domain *d);
