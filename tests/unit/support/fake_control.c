/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_control.h. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "fake_control.h"
#include "event/evtchn.h"
#include "hvm/hvm.h"
#include "hvm/vlapic.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/printk.h"
#include "lib/symbols.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/time.h"

struct control_log control_log;
int fake_result, fake_xsm_deny_host, fake_xsm_deny_resource;
uint64_t fake_now;
const char *fake_input;
struct fake_domain *dom0, *dom1;

struct core_options options;
char saved_cmdline[1024] = "loglvl=all secret=1";
static struct cpu cpu_records[2] = { { .apic_id = 10, .acpi_id = 20 },
				     { .id = 1, .apic_id = 11, .acpi_id = 21, .core = 1 } };
struct cpu *cpus[MAX_CPUS] = { &cpu_records[0], &cpu_records[1] };
static struct cpu_policy policy;
static struct cpumask affinity[2];

int control_setup(void **state)
{
	(void)state;
	fake_reset();
	memset(&control_log, 0, sizeof(control_log));
	fake_result = fake_xsm_deny_host = fake_xsm_deny_resource = 0;
	fake_alloc_budget = -1;
	fake_now = 1000000000;
	fake_input = "";
	dom0 = fake_domain_add(0, 2, 64);
	dom0->d.privileged = true;
	dom1 = fake_domain_add(1, 2, 64);
	dom1->d.cpu_policy = dom0->d.cpu_policy = &policy;
	dom1->d.state = DOMAIN_BUILDING;
	dom1->d.controller_pauses = 1;
	dom1->vcpus[0].initialised = true;
	memset(affinity, 0, sizeof(affinity));
	affinity[0].bits[0] = affinity[1].bits[0] = ~0UL;
	fake_current(dom0, 0);
	return 0;
}

int control_teardown(void **state)
{
	(void)state;
	assert_int_equal(fake_heap_blocks, 0);
	return 0;
}

unsigned int fake_domain_count(void)
{
	struct domain *d;
	unsigned int n = 0;

	for_each_domain (d)
		n++;
	return n;
}

void put_arg(const void *arg, size_t size)
{
	memcpy(fake_mem(fake_of(current_domain()), ARG), arg, size);
}

void get_arg(void *arg, size_t size)
{
	memcpy(arg, fake_mem(fake_of(current_domain()), ARG), size);
}

/* ---- policy ---- */

int xsm_xen(const struct xsm_label *subj, enum xsm_perm perm)
{
	assert_non_null(subj);
	fake_xsm_last = perm;
	fake_xsm_calls++;
	return (int)perm == fake_xsm_deny_host ? -EPERM : 0;
}

int xsm_resource(const struct xsm_label *subj, const struct xsm_label *obj, enum xsm_resource kind,
		 uint64_t first, uint64_t last, enum xsm_perm perm)
{
	(void)kind;
	assert_non_null(subj);
	assert_non_null(obj);
	assert_true(first <= last);
	fake_xsm_last = perm;
	return (int)perm == fake_xsm_deny_resource ? -EPERM : 0;
}

bool xsm_may_see(const struct xsm_label *subj, const struct xsm_label *obj)
{
	(void)subj;
	return !obj->serial;
}

int xsm_set_target(const struct xsm_label *subj, struct xsm_label *dm,
		   const struct xsm_label *target)
{
	(void)subj;
	dm->target = target->sid;
	return fake_result;
}

/* ---- domains and scheduler ---- */

int domain_create(uint16_t domid, const struct xen_domctl_createdomain *config,
		  const struct xsm_label *creator, struct domain **out)
{
	struct fake_domain *f;

	assert_ptr_equal(creator, &current_domain()->label);
	if (fake_result)
		return fake_result;
	control_log.created++;
	control_log.config = *config;
	f = fake_domain_add(domid ? domid : 7, config->max_vcpus < 8 ? config->max_vcpus : 8, 0);
	f->d.pause_count = 1;
	f->d.cpu_policy = &policy;
	*out = &f->d;
	return 0;
}

int domain_destroy(struct domain *d)
{
	assert_non_null(d);
	control_log.destroyed++;
	return fake_result;
}

int domain_resume(struct domain *d)
{
	assert_non_null(d);
	control_log.resumed++;
	return fake_result;
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
	assert_int_equal(reason, SHUTDOWN_poweroff);
	assert_ptr_equal(d, current_domain());
	control_log.shut_down++;
}

int vcpu_create(struct domain *d, unsigned int id)
{
	assert_null(d->vcpu[id]);
	control_log.vcpus_created++;
	d->vcpu[id] = &fake_of(d)->vcpus[id];
	return fake_result;
}

void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	*info = (struct xen_domctl_getdomaininfo) { .domain = d->id, .max_pages = 77 };
}

void domain_update_wallclock(struct domain *d)
{
	assert_non_null(d);
	control_log.wallclocks++;
}

void domain_pause_sync(struct domain *d)
{
	assert_ptr_not_equal(d, current_domain());
	control_log.paused++;
	d->pause_count++;
}

void domain_unpause(struct domain *d)
{
	control_log.unpaused++;
	d->pause_count--;
}

void vcpu_pause_sync(struct vcpu *v)
{
	assert_ptr_not_equal(v->domain, current_domain());
	control_log.paused++;
}

void vcpu_unpause(struct vcpu *v)
{
	(void)v;
	control_log.unpaused++;
}

bool vcpu_is_running(const struct vcpu *v)
{
	return v->running;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	(void)v;
	memset(out, 0, sizeof(*out));
	out->time[RUNSTATE_running] = 555;
}

int sched_domctl_scheduler_op(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	assert_non_null(d);
	op->u.credit2.weight = 256;
	return fake_result;
}

int sched_sysctl_scheduler_op(struct xen_sysctl_scheduler_op *op)
{
	op->u.sched_credit2.ratelimit_us = 1000;
	return fake_result;
}

int sched_set_affinity(struct vcpu *v, const struct cpumask *hard, const struct cpumask *soft)
{
	(void)v;
	if (hard && !(hard->bits[0] & 3))
		return -EINVAL;
	if (hard)
		affinity[0] = control_log.hard = *hard;
	if (soft)
		affinity[1] = control_log.soft = *soft;
	return 0;
}

void sched_get_affinity(const struct vcpu *v, struct cpumask *hard, struct cpumask *soft)
{
	(void)v;
	*hard = affinity[0];
	*soft = affinity[1];
}

unsigned int cpus_online(void)
{
	return 2;
}

/* ---- hardware part, saved state, CPU policy ---- */

static struct guest_regs *get_regs(struct vcpu *v)
{
	static struct guest_regs regs = { .rip = 0x1234, .rax = 0xa1, .r15 = 0xaf };

	(void)v;
	return &regs;
}

static void get_control(struct vcpu *v, struct guest_control *out)
{
	(void)v;
	*out = (struct guest_control) { .cr0 = 0xc0, .cr2 = 0xc2, .cr3 = 0xc3, .cr4 = 0xc4 };
}

static void get_segment(struct vcpu *v, unsigned int seg, struct guest_segment *out)
{
	(void)v;
	*out = (struct guest_segment) { .sel = (uint16_t)(8 * seg), .base = seg };
}

static const struct vm_ops ops = {
	.regs = get_regs,
	.get_control = get_control,
	.get_segment = get_segment,
};
const struct vm_ops *vm_ops = &ops;

size_t hvm_context_size(const struct domain *d)
{
	assert_non_null(d);
	return SAVED_LEN;
}

int hvm_context_save(struct domain *d, gva_t to)
{
	static const uint8_t saved[SAVED_LEN] = { [SAVED_LEN - 1] = 0x5a };

	assert_non_null(d);
	return guest_write(to, saved, sizeof(saved));
}

int hvm_context_load(struct domain *d, gva_t from, size_t size)
{
	assert_true(d->pause_count > 0);
	control_log.context_at = from.v;
	control_log.context_loaded += size;
	return fake_result;
}

const struct cpu_policy *cpu_policy_system(unsigned int index)
{
	return index == XEN_SYSCTL_cpu_policy_pv_max || index == XEN_SYSCTL_cpu_policy_pv_default
		       ? NULL
		       : &policy;
}

int cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *op)
{
	op->err_leaf = ~0u;
	control_log.policy_set++;
	control_log.policy_of = d;
	if (fake_result)
		op->err_leaf = 0x80000001;
	return fake_result;
}

uint32_t cpu_policy_feature_word(const struct cpu_policy *p, unsigned int word)
{
	assert_ptr_equal(p, &policy);
	return 0x100 + word;
}

int hypercall_page_write(struct domain *d, gpa_t at)
{
	uint8_t page[PAGE_SIZE];

	memset(page, 0xcc, PAGE_SIZE);
	return guest_phys_write(d, at, page, PAGE_SIZE);
}

/* ---- memory ---- */

void *xmalloc(size_t size)
{
	return xzalloc(size);
}

struct frame_counts frame_counts = {
	.total = 1000000, .free = 500000, .limbo = 5, .claimed = 7, .max_mfn = 0x100000
};

void p2m_set_limit(struct p2m *p2m, uint64_t max_pages)
{
	p2m->table_limit = max(p2m->table_limit, max_pages / 64);
}

int guest_phys_write(struct domain *d, gpa_t dst, const void *src, size_t len)
{
	if (dst.v >> PAGE_SHIFT >= FAKE_GFNS ||
	    p2m_lookup(&d->p2m, gpa_to_gfn(dst)).type != P2M_RAM)
		return -EFAULT;
	memcpy(fake_mem(fake_of(d), dst.v), src, len);
	return 0;
}

/* ---- clock, console, messages ---- */

uint64_t system_time(void)
{
	return fake_now;
}

uint64_t tsc_khz(void)
{
	return 2000000;
}

void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t at_system_time)
{
	control_log.wall_sec = sec;
	control_log.wall_nsec = nsec;
	control_log.wall_at = at_system_time;
}

/* The text stays as it is when there is no room: a fuzz target writes more than any test. */
static void append(char *text, size_t room, const char *s, size_t len)
{
	if (strlen(text) + len < room)
		strncat(text, s, len);
}

void console_write(const char *s, size_t len, unsigned int where)
{
	if (where & CONSOLE_RING)
		append(control_log.console, sizeof(control_log.console), s, len);
	if (where & CONSOLE_SERIAL)
		append(control_log.serial, sizeof(control_log.serial), s, len);
}

size_t console_ring_read(uint32_t *index, char *buf, size_t len)
{
	static const char text[] = "0123456789";
	size_t n = 0;

	if (*index < 100 || *index > 600)
		*index = 100;
	while (n < len && *index < 600)
		buf[n++] = text[(*index)++ % 10];
	return n;
}

uint32_t console_ring_start(void)
{
	return 100;
}

void console_ring_clear(uint32_t index)
{
	assert_true(index >= 100);
	control_log.cleared++;
}

size_t console_input_read(char *buf, size_t len)
{
	size_t n = 0;

	while (n < len && *fake_input)
		buf[n++] = *fake_input++;
	return n;
}

void keyhandler_run(char key)
{
	control_log.keys++;
	control_log.last_key = key;
}

int evtchn_set_virq_handler(struct domain *d, uint32_t virq)
{
	control_log.handler = d;
	control_log.handler_virq = virq;
	return fake_result;
}

void vlapic_set_nmi(struct vcpu *v)
{
	control_log.nmi = v;
}

void evtchn_raise_virq_global(unsigned int virq)
{
	assert_int_equal(virq, VIRQ_CONSOLE);
	control_log.virq++;
}

const char *symbol_entry(uint32_t index, uint64_t *address)
{
	*address = 0xffff000000000000 + index;
	return index < 2 ? (index ? "second" : "first_one") : NULL;
}

int snprintk(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

bool ratelimit(struct ratelimit *r, unsigned int burst, uint64_t now, unsigned int *lost)
{
	*lost = 0;
	if (now != r->since) {
		*lost = r->lost;
		*r = (struct ratelimit) { .since = now };
	}
	if (++r->count <= burst)
		return true;
	r->lost++;
	return false;
}
