/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for domains, scheduler, policy, epochs and messages: see fake.h. */
#include <stdlib.h>
#include <string.h>
#include "fake.h"
#include "hvm/hvm.h"
#include "hypercall/hypercall.h"
#include "lib/printk.h"

static struct fake_domain domains[FAKE_DOMAINS];
static bool listed[FAKE_DOMAINS];
static struct shared_info shared_pages[FAKE_DOMAINS] __attribute__((aligned(4096)));
static struct cpu cpu;
static struct epoch_node *deferred;

struct cpu *host_this_cpu = &cpu;
int fake_xsm_deny;
bool fake_xsm_deny_evtchn;
enum xsm_perm fake_xsm_last;
unsigned int fake_xsm_calls;
int fake_preempt_after = -1;
unsigned int fake_warnings;

void fake_reset(void)
{
	fake_mm_reset();
	memset(domains, 0, sizeof(domains));
	memset(listed, 0, sizeof(listed));
	memset(shared_pages, 0, sizeof(shared_pages));
	memset(&cpu, 0, sizeof(cpu));
	deferred = NULL;
	fake_xsm_deny = 0;
	fake_xsm_deny_evtchn = false;
	fake_xsm_calls = 0;
	fake_preempt_after = -1;
	fake_warnings = 0;
	fake_heap_blocks = 0;
}

struct fake_domain *fake_of(const struct domain *d)
{
	return (struct fake_domain *)container_of((struct domain *)(uintptr_t)d, struct fake_domain,
						  d);
}

struct fake_domain *fake_domain_add(uint16_t domid, unsigned int vcpus, unsigned int pages)
{
	unsigned int slot = 0;
	struct fake_domain *f;

	while (listed[slot])
		assert_true(++slot < FAKE_DOMAINS);
	f = &domains[slot];
	memset(f, 0, sizeof(*f));
	listed[slot] = true;
	f->d.id = domid;
	f->d.state = DOMAIN_ALIVE;
	f->d.refs = 1;
	f->d.max_vcpus = vcpus;
	f->d.vcpu = f->vcpu_table;
	f->d.p2m.domain = &f->d;
	f->d.shared = &shared_pages[slot];
	f->d.label.sid = domid + 1U;
	for (unsigned int i = 0; i < vcpus; i++) {
		f->vcpu_table[i] = &f->vcpus[i];
		f->vcpus[i].domain = &f->d;
		f->vcpus[i].id = i;
		f->vcpus[i].info_va = &f->info[i];
	}
	for (unsigned int i = 0; i < pages; i++)
		f->map[i] = (struct fake_entry) { fake_frame_alloc(domid), P2M_RAM };
	return f;
}

void fake_domain_hide(struct fake_domain *f)
{
	listed[f - domains] = false;
}

void fake_current(struct fake_domain *f, unsigned int vcpu)
{
	cpu.current = f ? &f->vcpus[vcpu] : NULL;
}

/* ---- domains ---- */

struct domain *domain_lookup(uint16_t domid)
{
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++)
		if (listed[i] && domains[i].d.id == domid)
			return &domains[i].d;
	return NULL;
}

struct domain *domain_lookup_self(uint16_t domid)
{
	return domid == DOMID_SELF ? current_domain() : domain_lookup(domid);
}

struct domain *domain_next(const struct domain *d)
{
	unsigned int i = d ? (unsigned int)(fake_of(d) - domains) + 1 : 0;

	while (i < FAKE_DOMAINS && !listed[i])
		i++;
	return i < FAKE_DOMAINS ? &domains[i].d : NULL;
}

bool domain_get(struct domain *d)
{
	if (!d->refs)
		return false;
	d->refs++;
	return true;
}

void domain_put(struct domain *d)
{
	assert_true(d->refs > 0);
	if (--d->refs == 0)
		fake_of(d)->freed = true;
}

struct vcpu_info *vcpu_info_open(const struct vcpu *v)
{
	return v->info_va;
}

void vcpu_info_close(const struct vcpu *v, struct vcpu_info *info)
{
	assert_ptr_equal(v->info_va, info);
}

void hvm_event_pending(struct vcpu *v)
{
	__atomic_fetch_add(&fake_of(v->domain)->notified[v->id], 1, __ATOMIC_RELAXED);
}

void (*fake_unblock_hook)(struct vcpu *v);

void vcpu_unblock(struct vcpu *v)
{
	__atomic_fetch_and(&v->pause_flags, ~((1UL << PAUSE_POLL) | (1UL << PAUSE_BLOCKED)),
			   __ATOMIC_SEQ_CST);
	fake_of(v->domain)->unblocked[v->id]++;
	if (fake_unblock_hook)
		fake_unblock_hook(v);
}

bool hypercall_preempt(void)
{
	if (fake_preempt_after < 0)
		return false;
	if (fake_preempt_after-- > 0)
		return false;
	fake_preempt_after = 0;
	return true;
}

/* ---- epochs ---- */

void epoch_defer(struct epoch_node *node, void (*free_node)(struct epoch_node *node))
{
	node->free = free_node;
	node->next = deferred;
	deferred = node;
}

unsigned int fake_epoch_run(void)
{
	unsigned int n = 0;

	while (deferred) {
		struct epoch_node *node = deferred;

		deferred = node->next;
		node->free(node);
		n++;
	}
	return n;
}

/* ---- policy ---- */

int xsm_domain(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_perm perm)
{
	assert_non_null(subj);
	assert_non_null(obj);
	fake_xsm_last = perm;
	fake_xsm_calls++;
	return (int)perm == fake_xsm_deny ? -EPERM : 0;
}

int xsm_evtchn_unbound(const struct xsm_label *subj, const struct xsm_label *owner,
		       const struct xsm_label *remote, uint32_t *sid)
{
	assert_true(subj->sid && remote->sid);
	*sid = owner->sid + 100;
	return fake_xsm_deny_evtchn ? -EPERM : 0;
}

int xsm_evtchn_interdomain(const struct xsm_label *local, const struct xsm_label *remote,
			   uint32_t remote_sid, uint32_t *sid)
{
	assert_int_equal(remote_sid, remote->sid + 100);
	*sid = local->sid + 100;
	return fake_xsm_deny_evtchn ? -EPERM : 0;
}

int xsm_evtchn_send(const struct xsm_label *subj, uint32_t sid)
{
	/* A sender may see its own port while another vCPU of its domain closes it. */
	assert_true(sid == 0 || sid == subj->sid + 100);
	return fake_xsm_deny_evtchn ? -EPERM : 0;
}

int xsm_evtchn_status(const struct xsm_label *subj, const struct xsm_label *owner, uint32_t sid)
{
	assert_true(sid == 0 || sid == owner->sid + 100);
	(void)subj;
	return fake_xsm_deny_evtchn ? -EPERM : 0;
}

/* ---- messages ---- */

void printk(const char *fmt, ...)
{
	(void)fmt;
}

void printk_ratelimited(const char *fmt, ...)
{
	(void)fmt;
	__atomic_fetch_add(&fake_warnings, 1, __ATOMIC_RELAXED);
}

void panic(const char *fmt, ...)
{
	fail_msg("panic: %s", fmt);
	abort();
}
