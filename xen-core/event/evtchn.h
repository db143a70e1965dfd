/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels: ports, their binding, and their delivery by the 2-level and the FIFO ABI. */
#pragma once

#include "xen_abi.h"
#include "types.h"

typedef uint32_t port_t; /* evtchn_port_t */

struct evtchn_table; /* all ports of one domain; evtchn.c */

/* Makes @d's table, for at most @max_port + 1 ports (0: the ABI's limit). -ENOMEM. */
int evtchn_init(struct domain *d, uint32_t max_port);

/*
 * Closes all ports, in steps of at most @budget; true when all are closed. Peers see theirs turn
 * unbound. evtchn_free() releases the table: when the record of the domain is freed, after the
 * grace period in which another CPU may still look at it.
 */
bool evtchn_destroy(struct domain *d, unsigned int budget);
void evtchn_free(struct domain *d);

/* The hypercall: reads its argument, checks, asks policy, acts. Returns 0 or -errno. */
long evtchn_op(unsigned int cmd, gva_t arg);

/*
 * Raises VIRQ @virq: of vCPU @v for per-vCPU ones, or of the domain that has bound the global
 * one (VIRQ_DOM_EXC, VIRQ_CONSOLE, …). Nothing happens when nobody has bound it. No locks needed.
 */
void evtchn_raise_virq_vcpu(struct vcpu *v, unsigned int virq);
void evtchn_raise_virq_global(unsigned int virq);

/*
 * XEN_DOMCTL_set_virq_handler: global VIRQ @virq goes to @d (until it dies) instead of Dom0.
 * -EINVAL: no such global VIRQ, or a dying domain.
 */
int evtchn_set_virq_handler(struct domain *d, uint32_t virq);

/*
 * 2-level: an event of @v is pending when its vcpu_info says so. Whether the vCPU has an event to
 * take now: evtchn_upcall_pending set and upcall not masked (HVM guests: pending is enough).
 */
bool evtchn_upcall_pending(const struct vcpu *v);

/*
 * SCHEDOP_poll: is one of @ports of @d pending? 1, 0, or -EINVAL for one that it does not have. A
 * vCPU that is going to wait sets PAUSE_POLL and its poll_port first and asks then; a sender that
 * makes the port pending later wakes it.
 */
int evtchn_poll(struct domain *d, const port_t *ports, unsigned int nr);

/* A vCPU got a new vcpu_info: copies the old one's pending state there, as VCPUOP_register_vcpu_info says. */
void evtchn_vcpu_info_moved(struct vcpu *v);

/* Ports in use by @d (debug key 'q', leak tests). */
unsigned int evtchn_in_use(const struct domain *d);
