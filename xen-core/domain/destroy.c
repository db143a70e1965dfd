/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destroying a domain: first it is marked dying, so that nothing new attaches to it; then, in steps
 * that each take a fraction of a millisecond, its event channels, what it has mapped from others
 * and its memory are let go. Then it is dead: the record stays until the last reference is gone (a
 * page of it that another domain still maps holds one).
 */
#include "domain/destroy.h"
#include "domain/guest_console.h"
#include "event/evtchn.h"
#include "grant/grant.h"
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "hvm/vlapic.h"
#include "hypercall/hypercall.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define STEP_PORTS  256
#define STEP_MAPS   128
#define STEP_FRAMES 1024

void vcpu_free(struct vcpu *v)
{
	struct domain *d = v->domain;

	if (v->sched)
		sched_vcpu_free(v);
	if (v->vlapic)
		vlapic_free(v);
	vm_ops->vcpu_free(v);
	if (v->id >= ARRAY_SIZE(d->shared->vcpu_info))
		xfree(v->info_va);
	xfree(v);
}

void domain_free_epoch(struct epoch_node *node)
{
	struct domain *d = container_of(node, struct domain, epoch);

	for (unsigned int i = 0; d->vcpu && i < d->max_vcpus; i++)
		if (d->vcpu[i])
			vcpu_free(d->vcpu[i]);
	xfree(d->vcpu);
	evtchn_free(d);
	grant_free(d);
	cpu_policy_free(d);
	if (d->shared)
		shared_page_free(d->shared);
	xfree(d->memory_map);
	guest_console_free(d);
	xfree(d);
}

void domain_discard(struct domain *d)
{
	if (d->p2m.root)
		p2m_teardown(&d->p2m, ~0U);
	domain_free_epoch(&d->epoch);
}

/* Stops everything of @d that acts by itself. */
static void stop(struct domain *d)
{
	struct vcpu *v;
	unsigned int i;

	domain_pause_sync(d);
	if (d->vcpu) {
		for_each_vcpu (d, v, i)
			vcpu_time_stop(v);
		sched_domain_stop(d);
	}
	frames_claim(d, 0);
}

static void unpin_areas(struct domain *d)
{
	struct vcpu *v;
	unsigned int i;

	for_each_vcpu (d, v, i) {
		guest_area_unpin(&v->runstate_area);
		guest_area_unpin(&v->time_area);
		guest_area_unpin(&v->info);
	}
}

/* One step: true when all is gone. */
static bool release_step(struct domain *d)
{
	if (d->evtchn && !evtchn_destroy(d, STEP_PORTS))
		return false;
	if (d->grant && !grant_destroy(d, STEP_MAPS))
		return false;
	if (!p2m_teardown(&d->p2m, STEP_FRAMES))
		return false;
	if (d->vcpu)
		unpin_areas(d);
	return true;
}

int domain_destroy(struct domain *d)
{
	bool first = false;

	if (d->privileged || d == current_domain())
		return -EINVAL;
	spin_lock(&d->lock);
	if (d->state == DOMAIN_DEAD) {
		spin_unlock(&d->lock);
		return 0;
	}
	if (d->state != DOMAIN_DYING) {
		WRITE_ONCE(d->state, DOMAIN_DYING);
		first = true;
	}
	spin_unlock(&d->lock);
	if (first)
		stop(d);
	do {
		if (release_step(d)) {
			WRITE_ONCE(d->state, DOMAIN_DEAD);
			evtchn_raise_virq_global(VIRQ_DOM_EXC);
			domain_put(d);
			return 0;
		}
	} while (!hypercall_preempt());
	return -ERESTART_CALL;
}
