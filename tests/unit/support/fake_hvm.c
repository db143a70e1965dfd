/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for everything that xen-core/hvm/ calls: see fake_hvm.h. */
#include <stdlib.h>
#include <string.h>
#include "fake_hvm.h"
#include "event/evtchn.h"
#include "hypercall/hypercall.h"
#include "lib/bitops.h"
#include "lib/printk.h"
#include "mm/heap.h"
#include "x86/time.h"
#include "x86/loop.h"

struct fake_host fake_host;
struct domain fake_domain, fake_other;
struct vcpu fake_vcpus[FAKE_VCPUS];
struct fake_vcpu fake_state[FAKE_VCPUS];
uint8_t fake_memory[FAKE_PAGES * PAGE_SIZE];
enum p2m_type fake_type[FAKE_PAGES];
const xen_cpuid_leaf_t *fake_cpuid;

static struct vcpu *vcpu_table[FAKE_VCPUS];
static struct cpu cpu0, cpu1;
struct cpu *host_this_cpu = &cpu0;
struct cpu *cpus[MAX_CPUS] = { &cpu0, &cpu1 };

/* What QEMU's EPYC model says, shortened; with XSAVE, AVX and features that guests may not have. */
const xen_cpuid_leaf_t fake_cpuid_amd[] = {
	{ 0x0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x1, 0, 0x00800f12, 0x05100800, 0xfefbba3f, 0x178bfbff },
	{ 0x5, 0, 0x40, 0x40, 3, 0 },
	{ 0x7, 0, 2, 0x209c01a9 | 1u << 1, 0x4000018, 0x4 },
	{ 0x7, 1, 0x30, 0xffff, 0xffff, 0xffff },
	{ 0x7, 2, 0xffff, 0xffff, 0xffff, 0x3f },
	{ 0xb, 0, 0, 1, 0x100, 5 },
	{ 0xb, 1, 2, 4, 0x201, 5 },
	{ 0xd, 0, 0x207, 0x340, 0xa88, 0 },
	{ 0xd, 1, 0xf, 0x340, 0x800, 0 },
	{ 0xd, 2, 0x100, 0x240, 0, 0 },
	{ 0xd, 9, 8, 0xa80, 0, 0 },
	{ 0x80000000, 0, 0x80000030, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x80000001, 0, 0x00800f12, 0x40000000, 0x35c233ff, 0x2fd3fbff },
	{ 0x80000002, 0, 0x20444d41, 0x43595045, 0x6f725020, 0x73736563 },
	{ 0x80000005, 0, 0xff40ff40, 0xff40ff40, 0x20080140, 0x40040140 },
	{ 0x80000006, 0, 0, 0x42006400, 0x02006140, 0x00808140 },
	{ 0x80000007, 0, 0, 1, 0, 0x100 },
	{ 0x80000008, 0, 0x3030, 0x00001205, 0x2003, 0 },
	{ 0x8000000a, 0, 1, 16, 0, 9 },
	{ 0x8000001e, 0, 5, 0x101, 0, 0 },
	{ 0x80000021, 0, 0x7c, 0xffff, 7, 0 },
	{ ~0u, 0, 0, 0, 0, 0 },
};

/* An older Intel CPU: few leaves, no XSAVE, deep cache leaf, TSC deadline. */
const xen_cpuid_leaf_t fake_cpuid_intel[] = {
	{ 0x0, 0, 0x7, 0x756e6547, 0x6c65746e, 0x49656e69 },
	{ 0x1, 0, 0x000106a5, 0x00100800, 1u << 24 | 0x00bae3bd, 0xbfebfbff },
	{ 0x4, 0, 0x1c004121, 0x01c0003f, 0x3f, 0 },
	{ 0x4, 1, 0x1c004122, 0x00c0003f, 0x7f, 0 },
	{ 0x7, 0, 0, 0, 0, 0 },
	{ 0x80000000, 0, 0x80000008, 0, 0, 0 },
	{ 0x80000001, 0, 0, 0, 1, 0x28100800 },
	{ 0x80000008, 0, 0x3028, 0, 0, 0 },
	{ ~0u, 0, 0, 0, 0, 0 },
};

void arch_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	memset(out, 0, 16);
	for (const xen_cpuid_leaf_t *l = fake_cpuid; l->leaf != ~0u; l++)
		if (l->leaf == leaf && l->subleaf == subleaf)
			memcpy(out, &l->a, 16);
}

/* ---- timers ---- */

#define MAX_TIMERS 16
static struct timer *timers[MAX_TIMERS];

void timer_init(struct timer *t, void (*fn)(void *data), void *data)
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
	t->data = data;
}

bool timer_stop(struct timer *t)
{
	for (unsigned int i = 0; i < MAX_TIMERS; i++) {
		if (timers[i] == t) {
			timers[i] = NULL;
			return true;
		}
	}
	return false;
}

void timer_kill(struct timer *t)
{
	timer_stop(t);
}

void timer_set(struct timer *t, unsigned int cpu, uint64_t expires)
{
	unsigned int i = 0;

	(void)cpu;
	timer_stop(t);
	while (timers[i])
		assert_true(++i < MAX_TIMERS);
	timers[i] = t;
	t->expires = expires;
}

bool timer_armed(const struct timer *t)
{
	for (unsigned int i = 0; i < MAX_TIMERS; i++)
		if (timers[i] == t)
			return true;
	return false;
}

unsigned int fake_timers_armed(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAX_TIMERS; i++)
		n += timers[i] != NULL;
	return n;
}

void fake_advance(uint64_t ns)
{
	uint64_t end = fake_host.now + ns;

	for (;;) {
		struct timer *first = NULL;

		for (unsigned int i = 0; i < MAX_TIMERS; i++)
			if (timers[i] && timers[i]->expires <= end &&
			    (!first || timers[i]->expires < first->expires))
				first = timers[i];
		if (!first)
			break;
		if (first->expires > fake_host.now)
			fake_host.now = first->expires;
		timer_stop(first);
		fake_host.timers_fired++;
		first->fn(first->data);
	}
	fake_host.now = end;
}

uint64_t system_time(void)
{
	return fake_host.now;
}

uint64_t tsc_khz(void)
{
	return 1000000;
}

uint64_t tsc_to_ns(uint64_t tsc)
{
	return tsc;
}

void tsc_scale(uint32_t *mul, int8_t *shift)
{
	*mul = 0x80000000u;
	*shift = 1;
}

/* ---- scheduler and CPUs ---- */

static struct fake_vcpu *state_of(struct vcpu *v)
{
	return &fake_state[v->id];
}

void vcpu_unblock(struct vcpu *v)
{
	clear_bit(PAUSE_BLOCKED, &v->pause_flags);
	clear_bit(PAUSE_POLL, &v->pause_flags);
	state_of(v)->unblocked++;
}

void vcpu_wake(struct vcpu *v)
{
	state_of(v)->woken++;
}

void vcpu_sleep(struct vcpu *v)
{
	state_of(v)->slept++;
}

void guest_tlb_flush(struct domain *d)
{
	d->p2m.tlb_epoch++;
}

bool vcpu_is_running(const struct vcpu *v)
{
	return v->running;
}

void cpu_kick(struct cpu *cpu, enum cpu_work work)
{
	assert_non_null(cpu);
	assert_int_equal(work, WORK_EVENT);
	fake_host.kicks++;
}

void vcpu_start_sipi(struct vcpu *v, uint8_t vector)
{
	assert_false(v->running);
	assert_false(v->initialised);
	state_of(v)->sipi = vector;
}

bool evtchn_upcall_pending(const struct vcpu *v)
{
	fake_host.lookups++;
	return fake_state[v->id].upcall_pending;
}

/* ---- memory ---- */

void *xmalloc(size_t size)
{
	if (fake_host.heap_budget == 0)
		return NULL;
	if (fake_host.heap_budget > 0)
		fake_host.heap_budget--;
	fake_host.heap_blocks++;
	return malloc(size);
}

void *xzalloc(size_t size)
{
	void *p = xmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void xfree(void *p)
{
	fake_host.heap_blocks -= p != NULL;
	free(p);
}

struct p2m_entry p2m_lookup(const struct p2m *p2m, gfn_t gfn)
{
	(void)p2m;
	if (gfn.v >= FAKE_PAGES)
		return (struct p2m_entry) { MFN_INVALID, P2M_NONE, 0 };
	return (struct p2m_entry) { { gfn.v }, fake_type[gfn.v], 0 };
}

static bool accessible(uint64_t addr, size_t len, bool write)
{
	if (addr > sizeof(fake_memory) || len > sizeof(fake_memory) - addr)
		return false;
	for (uint64_t a = addr; a < addr + len; a++) {
		enum p2m_type t;

		t = fake_type[a >> PAGE_SHIFT];
		if (t == P2M_NONE || (write && (t == P2M_RAM_RO || t == P2M_GRANT_RO)))
			return false;
	}
	return true;
}

int guest_phys_read(struct domain *d, void *dst, gpa_t src, size_t len)
{
	(void)d;
	if (!accessible(src.v, len, false))
		return -EFAULT;
	memcpy(dst, fake_memory + src.v, len);
	return 0;
}

int guest_phys_write(struct domain *d, gpa_t dst, const void *src, size_t len)
{
	(void)d;
	if (!accessible(dst.v, len, true))
		return -EFAULT;
	memcpy(fake_memory + dst.v, src, len);
	return 0;
}

int guest_read(void *dst, gva_t src, size_t len)
{
	return guest_phys_read(&fake_domain, dst, (gpa_t) { src.v }, len);
}

int guest_write(gva_t dst, const void *src, size_t len)
{
	return guest_phys_write(&fake_domain, (gpa_t) { dst.v }, src, len);
}

/* ---- domains, policy, messages ---- */

struct domain *domain_lookup_self(uint16_t domid)
{
	if (domid == DOMID_SELF || domid == fake_domain.id)
		return current_domain() ? current_domain() : &fake_domain;
	return domid == fake_other.id ? &fake_other : NULL;
}

int xsm_domain(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_perm perm)
{
	assert_non_null(subj);
	assert_non_null(obj);
	return fake_host.deny_any && fake_host.deny == perm ? -EPERM : 0;
}

void printk_ratelimited(const char *fmt, ...)
{
	assert_non_null(fmt);
	fake_host.messages++;
}

int hypercall_page_write(struct domain *d, gpa_t at)
{
	uint8_t page[PAGE_SIZE];

	memset(page, 0xc3, PAGE_SIZE);
	return guest_phys_write(d, at, page, PAGE_SIZE);
}

/* ---- hardware part ---- */

static struct guest_regs *regs(struct vcpu *v)
{
	return &state_of(v)->regs;
}

static void get_control(struct vcpu *v, struct guest_control *out)
{
	*out = (struct guest_control) { .cr4 = state_of(v)->cr4,
					.xcr0 = state_of(v)->xcr0,
					.cpl = fake_state[v->id].cpl,
					.long_mode = state_of(v)->long_mode };
}

static void get_segment(struct vcpu *v, unsigned int seg, struct guest_segment *out)
{
	assert_true(seg < 10);
	*out = state_of(v)->segment[seg];
}

static void inject_exception(struct vcpu *v, unsigned int vector, int64_t error)
{
	(void)error;
	state_of(v)->exception = (int)vector;
}

static int set_hvm_cpu(struct vcpu *v, const struct hvm_hw_cpu *in)
{
	if (fake_host.set_hvm_cpu_error)
		return fake_host.set_hvm_cpu_error;
	state_of(v)->hvm_cpu = *in;
	return 0;
}

static const struct vm_ops ops = {
	.regs = regs,
	.get_control = get_control,
	.get_segment = get_segment,
	.inject_exception = inject_exception,
	.set_hvm_cpu = set_hvm_cpu,
};
const struct vm_ops *vm_ops = &ops;

/* ---- set-up ---- */

void fake_current_vcpu(unsigned int id)
{
	if (cpu0.current)
		cpu0.current->running = false;
	cpu0.current = &fake_vcpus[id];
	fake_vcpus[id].running = true;
}

void fake_hvm_reset(const xen_cpuid_leaf_t *host)
{
	memset(&fake_host, 0, sizeof(fake_host));
	memset(&fake_domain, 0, sizeof(fake_domain));
	memset(&fake_other, 0, sizeof(fake_other));
	memset(fake_vcpus, 0, sizeof(fake_vcpus));
	memset(fake_state, 0, sizeof(fake_state));
	memset(fake_memory, 0, sizeof(fake_memory));
	memset(timers, 0, sizeof(timers));
	memset(&cpu0, 0, sizeof(cpu0));
	fake_host.heap_budget = -1;
	fake_host.now = 1000000;
	fake_cpuid = host;
	cpu_policy_boot();
	for (unsigned int i = 0; i < FAKE_PAGES; i++)
		fake_type[i] = P2M_RAM;
	fake_domain.id = 5;
	fake_other.id = 6;
	spin_init(&fake_domain.lock, LOCK_DOMAIN);
	spin_init(&fake_other.lock, LOCK_DOMAIN);
	fake_domain.max_vcpus = FAKE_VCPUS;
	fake_domain.vcpu = vcpu_table;
	assert_int_equal(cpu_policy_init(&fake_domain), 0);
	for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
		vcpu_table[i] = &fake_vcpus[i];
		fake_vcpus[i].domain = &fake_domain;
		fake_vcpus[i].id = i;
		fake_vcpus[i].pause_flags = 1UL << PAUSE_DOWN;
		fake_state[i].exception = fake_state[i].sipi = -1;
		fake_state[i].long_mode = true;
		assert_int_equal(vlapic_init(&fake_vcpus[i]), 0);
	}
	fake_vcpus[0].initialised = true;
	fake_vcpus[0].pause_flags = 0;
	fake_current_vcpu(0);
}

int fake_hvm_setup(void **state)
{
	(void)state;
	fake_hvm_reset(fake_cpuid_amd);
	return 0;
}

int fake_hvm_setup_intel(void **state)
{
	(void)state;
	fake_hvm_reset(fake_cpuid_intel);
	return 0;
}

int fake_hvm_teardown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		vlapic_free(&fake_vcpus[i]);
	cpu_policy_free(&fake_domain);
	assert_int_equal(fake_host.heap_blocks, 0);
	assert_int_equal(fake_timers_armed(), 0);
	return 0;
}
