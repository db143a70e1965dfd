/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains: creation, lookup, references, shutdown, and destruction.
 *
 * Each id has a slot, and a bit that says that the slot is taken. Creation fills a slot, under
 * domctl_lock; the end of the last reference empties it. Readers take nothing and are protected by
 * the epoch: a record is freed a grace period after its slot was emptied.
 */
#include "domain/domain.h"
#include "event/evtchn.h"
#include "grant/grant.h"
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "hvm/vlapic.h"
#include "hypercall/hypercall.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/smp.h"
#include "xsm/xsm.h"

#define STEP_PORTS  256
#define STEP_MAPS   128
#define STEP_FRAMES 1024

static struct domain *slots[DOMID_FIRST_RESERVED];
static unsigned long taken[DIV_ROUND_UP(DOMID_FIRST_RESERVED, BITS_PER_LONG)];
static uint16_t last_domid;

struct domain *domain_lookup(uint16_t domid)
{
	return domid < ARRAY_SIZE(slots) ? __atomic_load_n(&slots[domid], __ATOMIC_ACQUIRE) : NULL;
}

struct domain *domain_lookup_self(uint16_t domid)
{
	return domid == DOMID_SELF ? current_domain() : domain_lookup(domid);
}

struct domain *domain_next(const struct domain *d)
{
	unsigned int id = d ? d->id + 1U : 0;
	struct domain *next = NULL;

	/* The slot may have been emptied since its bit was seen. */
	for (; !next && id < ARRAY_SIZE(slots); id++) {
		id = find_next_bit(taken, ARRAY_SIZE(slots), id);
		next = domain_lookup((uint16_t)id);
	}
	return next;
}

bool domain_get(struct domain *d)
{
	return refs_get(&d->refs);
}

/* Frees a vCPU that no one can reach. */
static void vcpu_free(struct vcpu *v)
{
	vlapic_free(v);
	vm_ops->vcpu_free(v);
	xfree(v);
}

/* The grace period is over: frees the record and what hangs on it, as far as it was made. */
static void domain_free(struct epoch_node *node)
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
	xfree(d);
}

/* Often called with locks held (frame_unref). */
void domain_put(struct domain *d)
{
	if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL))
		return;
	/* The slot last: then the id may be given to a new domain, which sets the bit. */
	clear_bit(d->id, taken);
	__atomic_store_n(&slots[d->id], NULL, __ATOMIC_RELEASE);
	epoch_defer(&d->epoch, domain_free);
}

/*
 * A free id, after the last one given, so that ids do not come back soon. Creations are serialised
 * by domctl_lock.
 */
static int choose_domid(uint16_t wanted)
{
	if (wanted < DOMID_FIRST_RESERVED && (wanted > 0 || !domain_lookup(0)))
		return domain_lookup(wanted) ? -EEXIST : (int)wanted;
	for (unsigned int i = 0; i < DOMID_FIRST_RESERVED; i++) {
		last_domid = (uint16_t)(last_domid % (DOMID_FIRST_RESERVED - 1) + 1);
		if (!domain_lookup(last_domid))
			return last_domid;
	}
	return -ENOMEM;
}

/* What createdomain may ask for. */
static int check_config(const struct xen_domctl_createdomain *c)
{
	/* Hardware-assisted guests only (docs/abi.md). */
	const uint32_t must = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	const uint32_t may = XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain;

	if (c->flags & ~(XEN_DOMCTL_CDF_MAX * 2 - 1))
		return -EINVAL;
	if ((c->flags & ~may) != must || (c->arch.emulation_flags & ~XEN_X86_EMU_LAPIC))
		return -EOPNOTSUPP;
	if ((c->arch.misc_flags & ~(uint32_t)XEN_X86_MSR_RELAXED) || c->max_vcpus < 1 ||
	    c->max_vcpus > MAX_VCPUS || c->iommu_opts ||
	    (c->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) ||
	    (c->cpupool_id && c->cpupool_id != ~0U))
		return -EINVAL;
	return 0;
}

static int domain_init_parts(struct domain *d, const struct xen_domctl_createdomain *c)
{
	int rc;

	d->vcpu = xzalloc_array(struct vcpu *, d->max_vcpus);
	d->shared = shared_page_alloc(d);
	if (!d->vcpu || !d->shared)
		return -ENOMEM;
	rc = p2m_init(&d->p2m, d);
	if (!rc)
		rc = evtchn_init(d, c->max_evtchn_port);
	if (!rc)
		rc = grant_init(d, (uint32_t)c->max_grant_frames, (uint32_t)c->max_maptrack_frames);
	if (!rc)
		rc = cpu_policy_init(d);
	if (rc)
		return rc;
	sched_domain_init(d);
	return 0;
}

int domain_create(uint16_t domid, const struct xen_domctl_createdomain *config,
		  const struct xsm_label *creator, struct domain **out)
{
	struct domain *d;
	int rc = check_config(config);

	if (rc)
		return rc;
	d = xzalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->refs = 1;
	d->pause_count = 1;
	d->max_vcpus = config->max_vcpus;
	d->createflags = config->flags;
	d->emulation_flags = config->arch.emulation_flags;
	d->shared_gfn = GFN_INVALID;
	d->privileged = !creator;
	memcpy(d->handle, config->handle, sizeof(d->handle));
	spin_init(&d->lock, LOCK_DOMAIN);
	rc = choose_domid(domid);
	if (rc >= 0) {
		d->id = (uint16_t)rc;
		rc = xsm_domain_create(creator, d->id, !creator, config->ssidref, &d->label);
	}
	if (!rc)
		rc = domain_init_parts(d, config);
	if (rc) {
		if (d->p2m.root)
			p2m_teardown(&d->p2m, ~0U);
		domain_free(&d->epoch);
		return rc;
	}
	/* It is whole: now all may see it. */
	__atomic_store_n(&slots[d->id], d, __ATOMIC_RELEASE);
	set_bit(d->id, taken);
	/* Only now, or who sets the clock meanwhile would miss it. */
	domain_update_wallclock(d);
	*out = d;
	return 0;
}

int vcpu_create(struct domain *d, unsigned int id)
{
	struct vcpu *v = xzalloc(sizeof(*v));
	int rc;

	if (!v)
		return -ENOMEM;
	v->domain = d;
	v->id = id;
	v->pause_flags = 1UL << PAUSE_DOWN;
	v->runstate.state = RUNSTATE_offline;
	v->info_va = id < ARRAY_SIZE(d->shared->vcpu_info) ? &d->shared->vcpu_info[id]
							   : (struct vcpu_info *)(d->shared + 1);
	rc = vm_ops->vcpu_init(v);
	if (!rc)
		rc = vlapic_init(v);
	if (rc) {
		vcpu_free(v);
		return rc;
	}
	vcpu_time_init(v);
	sched_vcpu_init(v);
	__atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
	return 0;
}

struct vcpu_info *vcpu_info_open(const struct vcpu *v)
{
	if (!v->info.size)
		return v->info_va;
	return (struct vcpu_info *)((char *)window_open(v->info.mfn[0]) + v->info.offset);
}

void vcpu_info_close(const struct vcpu *v, struct vcpu_info *info)
{
	if (info != v->info_va)
		window_close((void *)((uintptr_t)info & PAGE_MASK));
}

/* Dom0 has stopped: the host does what it asked for. */
static void host_shutdown(uint8_t reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		printk("Dom0 asks for power-off.\n");
		machine_power_off();
	case SHUTDOWN_reboot:
		printk("Dom0 asks for a reboot.\n");
		machine_reboot();
	default:
		panic("Dom0 has crashed (reason %u)", reason);
	}
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
	struct vcpu *v;
	unsigned int i;

	if (d->privileged)
		host_shutdown(reason);
	spin_lock(&d->lock);
	if (d->is_shutting_down) {
		spin_unlock(&d->lock);
		return;
	}
	d->shutdown_code = reason;
	WRITE_ONCE(d->is_shutting_down, true);
	for_each_vcpu (d, v, i) {
		set_bit(PAUSE_SHUTDOWN, &v->pause_flags);
		vcpu_sleep(v);
	}
	spin_unlock(&d->lock);
	domain_check_shutdown(d);
}

void domain_check_shutdown(struct domain *d)
{
	struct vcpu *v;
	unsigned int i;
	bool stopped = true;

	spin_lock(&d->lock);
	for_each_vcpu (d, v, i)
		if (vcpu_is_running(v))
			stopped = false;
	stopped = stopped && d->is_shutting_down && !d->is_shut_down;
	if (stopped)
		d->is_shut_down = true;
	spin_unlock(&d->lock);
	if (stopped)
		evtchn_raise_virq_global(VIRQ_DOM_EXC);
}

int domain_resume(struct domain *d)
{
	struct vcpu *v;
	unsigned int i;

	spin_lock(&d->lock);
	if (!d->is_shut_down) {
		spin_unlock(&d->lock);
		return -EINVAL;
	}
	d->is_shutting_down = d->is_shut_down = false;
	d->shutdown_code = 0;
	for_each_vcpu (d, v, i) {
		clear_bit(PAUSE_SHUTDOWN, &v->pause_flags);
		vcpu_wake(v);
	}
	spin_unlock(&d->lock);
	return 0;
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintk(text, sizeof(text), fmt, ap);
	va_end(ap);
	printk_ratelimited(KERN_WARNING "d%u crashes: %s\n", d->id, text);
	domain_shutdown(d, SHUTDOWN_crash);
}

void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	uint32_t flags = XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
	bool blocked = true;
	struct vcpu *v;
	unsigned int i;

	memset(info, 0, sizeof(*info));
	info->domain = d->id;
	for_each_vcpu (d, v, i) {
		struct vcpu_runstate_info rs;

		vcpu_runstate_get(v, &rs);
		info->cpu_time += rs.time[RUNSTATE_running];
		info->max_vcpu_id = i;
		if (test_bit(PAUSE_DOWN, &v->pause_flags))
			continue;
		if (!test_bit(PAUSE_BLOCKED, &v->pause_flags) &&
		    !test_bit(PAUSE_POLL, &v->pause_flags))
			blocked = false;
		if (vcpu_is_running(v))
			flags |= XEN_DOMINF_running;
		info->nr_online_vcpus++;
	}
	if (blocked)
		flags |= XEN_DOMINF_blocked;
	if (d->state == DOMAIN_DYING || d->state == DOMAIN_DEAD)
		flags |= XEN_DOMINF_dying;
	if (d->is_shut_down)
		flags |= XEN_DOMINF_shutdown;
	if (READ_ONCE(d->pause_count) > 0)
		flags |= XEN_DOMINF_paused;
	if (d->createflags & XEN_DOMCTL_CDF_xs_domain)
		flags |= XEN_DOMINF_xs_domain;
	info->flags = flags | (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;
	info->tot_pages = READ_ONCE(d->tot_pages);
	info->max_pages = d->max_pages;
	info->outstanding_pages = d->claimed_pages;
	info->shared_info_frame = core_va_to_mfn(d->shared).v;
	info->ssidref = d->label.sid;
	info->gpaddr_bits = 48;
	info->arch_config.emulation_flags = d->emulation_flags;
	memcpy(info->handle, d->handle, sizeof(info->handle));
}

/*
 * Destruction: first the domain is marked dying, so that nothing new attaches to it; then, in steps
 * that each take a fraction of a millisecond, its event channels, what it has mapped from others
 * and its memory are let go. Then it is dead: the record stays until the last reference is gone (a
 * page of it that another domain still maps holds one).
 */

/* Stops everything of @d that acts by itself. */
static void domain_stop(struct domain *d)
{
	struct vcpu *v;
	unsigned int i;

	domain_pause_sync(d);
	for_each_vcpu (d, v, i)
		vcpu_time_stop(v);
	sched_domain_stop(d);
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

int domain_destroy(struct domain *d)
{
	uint8_t state;

	if (d->privileged || d == current_domain())
		return -EINVAL;
	spin_lock(&d->lock);
	state = d->state;
	if (state < DOMAIN_DYING)
		WRITE_ONCE(d->state, DOMAIN_DYING);
	spin_unlock(&d->lock);
	if (state == DOMAIN_DEAD)
		return 0;
	if (state != DOMAIN_DYING)
		domain_stop(d);
	while (!evtchn_destroy(d, STEP_PORTS) || !grant_destroy(d, STEP_MAPS) ||
	       !p2m_teardown(&d->p2m, STEP_FRAMES) || !frames_free_unmapped(d, STEP_FRAMES))
		if (hypercall_preempt())
			return -ERESTART_CALL;
	unpin_areas(d);
	WRITE_ONCE(d->state, DOMAIN_DEAD);
	evtchn_raise_virq_global(VIRQ_DOM_EXC);
	domain_put(d);
	return 0;
}

struct xsm_label *xsm_port_label(uint16_t domid)
{
	struct domain *d = domain_lookup(domid);

	return d ? &d->label : NULL;
}
