/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains from creation to the last reference (REQ core/domains and vCPUs: create, shut down, crash,
 * destroy with full release, in steps; references; domain ids reused safely), with fakes of all
 * that a domain consists of. Each fake can fail, and notes that it is let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "domain/domain.h"
#include "event/evtchn.h"
#include "grant/grant.h"
#include "hvm/cpuid.h"
#include "hvm/hvm.h"
#include "hvm/vlapic.h"
#include "hypercall/hypercall.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "mm/core_pages.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/smp.h"
#include "xsm/xsm.h"

static struct cpu cpu;
struct cpu *host_this_cpu = &cpu;

/* Everything that is made, in order; attempt number fail_at fails. */
static unsigned int made, fail_at, alive;
static unsigned int steps[4], virqs, slept, woken, claims_returned, pages_unpinned;
static bool running, preempt;
static uint32_t evtchn_ports, grant_frames;
static jmp_buf host_stops;
static const char *host_stop;
static struct epoch_node *deferred;
static struct shared_info *shared;

static bool make(void)
{
	if (++made == fail_at)
		return false;
	alive++;
	return true;
}

static void unmake(void)
{
	assert_int_not_equal(alive, 0);
	alive--;
}

void *xmalloc(size_t size)
{
	return make() ? malloc(size) : NULL;
}

void *xzalloc(size_t size)
{
	return make() ? calloc(1, size) : NULL;
}

void xfree(void *p)
{
	if (p)
		unmake();
	free(p);
}

void *shared_page_alloc(struct domain *owner)
{
	shared = make() ? aligned_alloc(4096, PAGE_SIZE) : NULL;
	if (shared)
		memset(shared, 0, PAGE_SIZE);
	return shared;
}

void shared_page_free(void *va)
{
	unmake();
	free(va);
}

mfn_t core_va_to_mfn(const void *va)
{
	return (mfn_t) { (uintptr_t)va >> PAGE_SHIFT };
}

static uint8_t window[PAGE_SIZE];
static unsigned int windows;

void *window_open(mfn_t mfn)
{
	windows++;
	return (void *)((uintptr_t)window & PAGE_MASK);
}

void window_close(void *va)
{
	windows--;
}

int p2m_init(struct p2m *p2m, struct domain *d)
{
	if (!make())
		return -ENOMEM;
	p2m->root = 1; /* there is a map */
	return 0;
}

/* Each part takes three steps to go. */
static bool step(unsigned int part)
{
	return ++steps[part] >= 3;
}

bool p2m_teardown(struct p2m *p2m, unsigned int budget)
{
	if (!p2m->root || (budget != ~0U && !step(2)))
		return !p2m->root;
	p2m->root = 0;
	unmake();
	return true;
}

bool frames_free_unmapped(struct domain *d, unsigned int max)
{
	return step(3);
}

#define PART(init, free_fn, member, extra)                 \
	int init                                           \
	{                                                  \
		extra;                                     \
		d->member = make() ? (void *)steps : NULL; \
		return d->member ? 0 : -ENOMEM;            \
	}                                                  \
	void free_fn(struct domain *d)                     \
	{                                                  \
		if (d->member)                             \
			unmake();                          \
		d->member = NULL;                          \
	}
PART(evtchn_init(struct domain *d, uint32_t max_port), evtchn_free, evtchn, evtchn_ports = max_port)
PART(grant_init(struct domain *d, uint32_t frames, uint32_t maptrack), grant_free, grant,
     grant_frames = frames)
PART(cpu_policy_init(struct domain *d), cpu_policy_free, cpu_policy, )

bool evtchn_destroy(struct domain *d, unsigned int budget)
{
	return step(0);
}

bool grant_destroy(struct domain *d, unsigned int budget)
{
	return step(1);
}

static int vm_vcpu_init(struct vcpu *v)
{
	v->vm = make() ? steps : NULL;
	return v->vm ? 0 : -ENOMEM;
}

static void vm_vcpu_free(struct vcpu *v)
{
	if (v->vm)
		unmake();
}

static const struct vm_ops ops = { .vcpu_init = vm_vcpu_init, .vcpu_free = vm_vcpu_free };
const struct vm_ops *vm_ops = &ops;

int vlapic_init(struct vcpu *v)
{
	v->hvm = make() ? (void *)steps : NULL;
	return v->hvm ? 0 : -ENOMEM;
}

void vlapic_free(struct vcpu *v)
{
	if (v->hvm)
		unmake();
}

void sched_vcpu_init(struct vcpu *v)
{
}

void sched_domain_init(struct domain *d)
{
}

void sched_domain_stop(struct domain *d)
{
}

void vcpu_time_init(struct vcpu *v)
{
}

void vcpu_time_stop(struct vcpu *v)
{
}

void vcpu_sleep(struct vcpu *v)
{
	slept++;
}

void vcpu_wake(struct vcpu *v)
{
	woken++;
}

bool vcpu_is_running(const struct vcpu *v)
{
	return running;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	memset(out, 0, sizeof(*out));
	out->time[RUNSTATE_running] = 100;
}

void domain_pause_sync(struct domain *d)
{
	d->pause_count++;
}

/* Who sets the clock tells all domains in the list: one that is told before it is there can miss it. */
void domain_update_wallclock(struct domain *d)
{
	struct domain *other;

	for_each_domain (other)
		if (other == d)
			return;
	fail();
}

void evtchn_raise_virq_global(unsigned int virq)
{
	assert_int_equal(virq, VIRQ_DOM_EXC);
	virqs++;
}

int frames_claim(struct domain *d, uint64_t pages)
{
	assert_int_equal(pages, 0);
	claims_returned++;
	return 0;
}

void guest_area_unpin(struct guest_area *area)
{
	pages_unpinned++;
}

bool hypercall_preempt(void)
{
	return preempt;
}

int xsm_domain_create(const struct xsm_label *subj, uint16_t domid, bool priv, uint32_t ssidref,
		      struct xsm_label *label)
{
	label->sid = ssidref;
	return ssidref == 13 ? -EPERM : 0;
}

void epoch_defer(struct epoch_node *node, void (*fn)(struct epoch_node *node))
{
	node->free = fn;
	node->next = deferred;
	deferred = node;
}

/* One grace period ends. */
static void grace(void)
{
	struct epoch_node *list = deferred, *next;

	deferred = NULL;
	for (; list; list = next) {
		next = list->next;
		list->free(list);
	}
}

void machine_power_off(void)
{
	host_stop = "off";
	longjmp(host_stops, 1);
}

void machine_reboot(void)
{
	host_stop = "reboot";
	longjmp(host_stops, 1);
}

void panic(const char *fmt, ...)
{
	host_stop = "panic";
	longjmp(host_stops, 1);
}

void printk(const char *fmt, ...)
{
}

void printk_ratelimited(const char *fmt, ...)
{
}

int vsnprintk(char *buf, size_t size, const char *fmt, va_list ap)
{
	return vsnprintf(buf, size, fmt, ap);
}

/* ---- tests ---- */

static const struct xsm_label label;
static struct xen_domctl_createdomain config;

static int setup(void **state)
{
	config = (struct xen_domctl_createdomain) {
		.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		.max_vcpus = 2,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.arch.emulation_flags = XEN_X86_EMU_LAPIC,
	};
	made = fail_at = alive = 0;
	memset(steps, 0, sizeof(steps));
	virqs = slept = woken = claims_returned = pages_unpinned = 0;
	running = preempt = false;
	return 0;
}

static struct domain *create(uint16_t domid)
{
	struct domain *d = NULL;

	memset(steps, 0, sizeof(steps));
	assert_int_equal(domain_create(domid, &config, &label, &d), 0);
	assert_non_null(d);
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		assert_int_equal(vcpu_create(d, i), 0);
	return d;
}

static void destroy(struct domain *d)
{
	while (domain_destroy(d) == -ERESTART_CALL)
		;
	grace();
	grace();
}

/* What createdomain must not ask for; nothing is made. */
static void refused_configurations(void **state)
{
	struct domain *d = NULL;

#define REFUSED(field, value, error)                                              \
	do {                                                                      \
		setup(NULL);                                                      \
		config.field = (value);                                           \
		assert_int_equal(domain_create(0, &config, &label, &d), (error)); \
		assert_int_equal(alive, 0);                                       \
	} while (0)
	REFUSED(flags, ~0U, -EINVAL);
	REFUSED(flags, config.flags | XEN_DOMCTL_CDF_iommu, -EOPNOTSUPP);
	REFUSED(flags, XEN_DOMCTL_CDF_hvm, -EOPNOTSUPP);
	REFUSED(flags, 0, -EOPNOTSUPP);
	REFUSED(arch.emulation_flags, XEN_X86_EMU_ALL, -EOPNOTSUPP);
	REFUSED(arch.misc_flags, 2, -EINVAL);
	REFUSED(max_vcpus, 0, -EINVAL);
	REFUSED(max_vcpus, MAX_VCPUS + 1, -EINVAL);
	REFUSED(iommu_opts, 1, -EINVAL);
	REFUSED(grant_opts, 1U << 31, -EINVAL);
	REFUSED(cpupool_id, 3, -EINVAL);
	REFUSED(ssidref, 13, -EPERM);
	assert_null(d);
	assert_null(domain_next(NULL));
}

/* Whatever fails on the way, all before it is let go, and the id is free. */
static void failing_creations(void **state)
{
	struct domain *d = NULL;
	unsigned int at, parts;
	int rc;

	create(40);
	parts = made;
	destroy(domain_lookup(40));
	for (at = 1; at <= parts; at++) {
		setup(NULL);
		fail_at = at;
		rc = domain_create(40, &config, &label, &d);
		if (rc) {
			assert_int_equal(rc, -ENOMEM);
			assert_int_equal(alive, 0);
			assert_null(domain_lookup(40));
			continue;
		}
		rc = vcpu_create(d, 0);
		if (!rc)
			rc = vcpu_create(d, 1);
		assert_int_equal(rc, -ENOMEM);
		destroy(d);
		assert_int_equal(alive, 0);
	}
}

/* Ids do not come back soon; a record in use keeps its id; all are found, in order. */
static void ids(void **state)
{
	struct domain *zero = create(0), *a = create(0), *b = create(0), *fixed = create(300), *d;
	struct domain *clash = NULL, *reused;
	uint16_t first = a->id;
	int last = -1;
	unsigned int n = 0;

	assert_int_equal(zero->id, 0);
	assert_int_equal(b->id, first + 1);
	assert_int_equal(domain_create(300, &config, &label, &clash), -EEXIST);
	assert_ptr_equal(domain_lookup(300), fixed);
	assert_null(domain_lookup(44));
	assert_null(domain_lookup(DOMID_FIRST_RESERVED));
	assert_null(domain_lookup(DOMID_SELF));
	for_each_domain (d) {
		assert_true(d->id > last);
		last = d->id;
		n++;
	}
	assert_int_equal(n, 4);
	destroy(b);
	reused = create(0);
	assert_int_equal(reused->id, first + 2);
	assert_int_equal(grant_frames, -1U);
	host_this_cpu->current = a->vcpu[0];
	assert_ptr_equal(domain_lookup_self(DOMID_SELF), a);
	assert_ptr_equal(domain_lookup_self(300), fixed);
	host_this_cpu->current = NULL;
	assert_ptr_equal(xsm_port_label(300), &fixed->label);
	assert_null(xsm_port_label(299));
	destroy(a);
	destroy(fixed);
	destroy(reused);
	destroy(zero);
	assert_int_equal(alive, 0);
}

/* In steps, with everything let go; the record stays for who has a reference, but nothing else. */
static void destruction(void **state)
{
	struct domain *d = create(0);
	uint16_t id = d->id;
	unsigned int restarts = 0;

	host_this_cpu->current = d->vcpu[0];
	assert_int_equal(domain_destroy(d), -EINVAL); /* itself */
	host_this_cpu->current = NULL;
	assert_true(domain_get(d));
	preempt = true;
	while (domain_destroy(d) == -ERESTART_CALL) {
		assert_true(domain_is_dying(d));
		assert_int_equal(virqs, 0);
		restarts++;
	}
	assert_int_equal(restarts, 8);
	assert_int_equal(virqs, 1);
	assert_int_equal(claims_returned, 1);
	assert_int_equal(pages_unpinned, 2 * 3);
	assert_int_equal(d->pause_count, 2);
	assert_int_equal(domain_destroy(d), 0); /* once is enough */
	assert_int_equal(virqs, 1);
	grace();
	grace();
	assert_ptr_equal(domain_lookup(id), d);
	domain_put(d);
	assert_false(domain_get(d));
	assert_null(domain_lookup(id));
	assert_null(domain_next(NULL));
	assert_int_not_equal(alive, 0); /* lookups of before may still stand on it */
	grace();
	assert_int_equal(alive, 0);
}

static void references(void **state)
{
	struct domain *d = create(0);

	d->refs = 0x80000000;
	assert_false(domain_get(d));
	d->refs = 1;
	assert_true(domain_get(d));
	domain_put(d);
	destroy(d);
	assert_int_equal(alive, 0);
}

/* A shutdown is complete when every vCPU has stopped, is told once, and can be undone then. */
static void shutdowns(void **state)
{
	struct domain *d = create(0);
	struct xen_domctl_getdomaininfo info;

	clear_bit(PAUSE_DOWN, &d->vcpu[0]->pause_flags);
	running = true;
	assert_int_equal(domain_resume(d), -EINVAL);
	domain_shutdown(d, SHUTDOWN_suspend);
	assert_int_equal(slept, 2);
	assert_int_equal(virqs, 0);
	domain_get_info(d, &info);
	assert_int_equal(info.flags & XEN_DOMINF_shutdown, 0);
	assert_true(info.flags & XEN_DOMINF_running);
	running = false;
	domain_check_shutdown(d);
	domain_check_shutdown(d);
	assert_int_equal(virqs, 1);
	domain_shutdown(d, SHUTDOWN_poweroff); /* the first reason stays */
	domain_get_info(d, &info);
	assert_true(info.flags & XEN_DOMINF_shutdown);
	assert_int_equal(info.flags >> XEN_DOMINF_shutdownshift & 0xff, SHUTDOWN_suspend);
	assert_int_equal(domain_resume(d), 0);
	assert_int_equal(woken, 2);
	domain_get_info(d, &info);
	assert_int_equal(info.flags & XEN_DOMINF_shutdown, 0);
	domain_crash(d, "for %s", "a test");
	domain_get_info(d, &info);
	assert_int_equal(info.flags >> XEN_DOMINF_shutdownshift & 0xff, SHUTDOWN_crash);
	destroy(d);
}

static void information(void **state)
{
	struct domain *d = create(0);
	struct xen_domctl_getdomaininfo info;

	d->createflags |= XEN_DOMCTL_CDF_xs_domain;
	domain_get_info(d, &info);
	assert_int_equal(info.nr_online_vcpus, 0);
	assert_int_equal(info.max_vcpu_id, 1);
	assert_true(info.flags & XEN_DOMINF_blocked);
	assert_true(info.flags & XEN_DOMINF_paused);
	assert_true(info.flags & XEN_DOMINF_xs_domain);
	clear_bit(PAUSE_DOWN, &d->vcpu[1]->pause_flags);
	d->pause_count = 0;
	domain_get_info(d, &info);
	assert_int_equal(info.nr_online_vcpus, 1);
	assert_int_equal(info.cpu_time, 200);
	assert_int_equal(info.flags & (XEN_DOMINF_blocked | XEN_DOMINF_paused), 0);
	set_bit(PAUSE_POLL, &d->vcpu[1]->pause_flags);
	domain_get_info(d, &info);
	assert_true(info.flags & XEN_DOMINF_blocked);
	d->state = DOMAIN_DYING;
	domain_get_info(d, &info);
	assert_true(info.flags & XEN_DOMINF_dying);
	d->state = DOMAIN_ALIVE;
	destroy(d);
}

/* vcpu_info in the shared page, behind it in its page, or where the guest has put it. */
static void vcpu_infos(void **state)
{
	struct domain *d;
	struct vcpu_info *info;

	config.max_vcpus = 33;
	d = create(0);
	assert_ptr_equal(d->vcpu[31]->info_va, &d->shared->vcpu_info[31]);
	assert_ptr_equal(vcpu_info_open(d->vcpu[31]), &d->shared->vcpu_info[31]);
	vcpu_info_close(d->vcpu[31], d->vcpu[31]->info_va);
	assert_ptr_equal(vcpu_info_open(d->vcpu[32]), d->vcpu[32]->info_va);
	assert_true((char *)d->vcpu[32]->info_va >= (char *)(d->shared + 1));
	assert_true((char *)(d->vcpu[32]->info_va + 1) <= (char *)d->shared + PAGE_SIZE);
	assert_int_equal(windows, 0);
	d->vcpu[32]->info = (struct guest_area) { .offset = 64, .size = 64 };
	info = vcpu_info_open(d->vcpu[32]);
	assert_int_equal((uintptr_t)info & ~PAGE_MASK, 64);
	assert_int_equal(windows, 1);
	vcpu_info_close(d->vcpu[32], info);
	assert_int_equal(windows, 0);
	destroy(d);
	assert_int_equal(alive, 0);
}

/* The host does what Dom0 says at its end; Dom0 can't be destroyed. */
static void the_control_domain(void **state)
{
	static const struct {
		uint8_t reason;
		const char *stop;
	} cases[] = { { SHUTDOWN_poweroff, "off" },
		      { SHUTDOWN_reboot, "reboot" },
		      { SHUTDOWN_crash, "panic" } };
	struct domain *d = NULL;

	assert_int_equal(domain_create(0, &config, NULL, &d), 0);
	assert_int_equal(d->id, 0);
	assert_true(d->privileged);
	assert_int_equal(domain_destroy(d), -EINVAL);
	for (volatile unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		host_stop = NULL;
		if (!setjmp(host_stops))
			domain_shutdown(d, cases[i].reason);
		assert_string_equal(host_stop, cases[i].stop);
	}
	d->privileged = false;
	destroy(d);
	assert_int_equal(alive, 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(refused_configurations),
		T(failing_creations),
		T(ids),
		T(destruction),
		T(references),
		T(shutdowns),
		T(information),
		T(vcpu_infos),
		T(the_control_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
