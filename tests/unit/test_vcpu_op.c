/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu_op, vm_assist, set_timer_op, and what the core publishes of time, with the real scheduler on
 * a simulated machine. REQ core/guests see (vcpu_info registration, runstate area, PV clock,
 * single-shot and periodic timers, VCPUOP_initialise), REQ core/6 (bad arguments).
 */
#include <string.h>
#include "support/sim_machine.h"
#include "event/evtchn.h"
#include "hvm/vlapic.h"
#include "lib/cmdline.h"
#include "mm/frame.h"
#include "x86/time.h"

#define GFNS 8

static struct sim_domain *d;
static struct sim_vcpu *self, *other;

/* ---- what the unit needs beyond the simulated machine ---- */

static uint8_t memory[GFNS][PAGE_SIZE]; /* gfn n is mfn n + 100 */
static int pins[GFNS];
static struct vcpu_info plain_info[SIM_VCPUS];
static unsigned int virqs[SIM_VCPUS], moved;
static bool tsc_stable;
static int set_cpu_result;
static struct hvm_hw_cpu set_cpu;
static struct shared_info shared;
/* Called at each write to an area, so that a test sees what a guest would see in between. */
static void (*on_area_write)(const struct guest_area *area);

static uint8_t *at(mfn_t mfn)
{
	assert_true(mfn.v >= 100 && mfn.v < 100 + GFNS);
	return memory[mfn.v - 100];
}

static int set_hvm_cpu(struct vcpu *v, const struct hvm_hw_cpu *in)
{
	(void)v;
	set_cpu = *in;
	return set_cpu_result;
}

static const struct vcpu *nmi_to;

void vlapic_timer_resume(struct vcpu *v)
{
}

void vlapic_set_nmi(struct vcpu *v)
{
	nmi_to = v;
}

static const struct vm_ops test_ops = { .set_hvm_cpu = set_hvm_cpu };

int guest_write(gva_t dst, const void *src, size_t len)
{
	if (!dst.v)
		return -EFAULT;
	memcpy((void *)(uintptr_t)dst.v, src, len);
	return 0;
}

int guest_area_pin(struct domain *dom, struct guest_area *area, gpa_t gpa, size_t size)
{
	(void)dom;
	assert_int_equal(area->size, 0);
	if (gpa.v >> PAGE_SHIFT >= GFNS)
		return -EFAULT;
	assert_true((gpa.v & ~PAGE_MASK) + size <= PAGE_SIZE);
	area->mfn[0] = (mfn_t) { 100 + (gpa.v >> PAGE_SHIFT) };
	area->offset = gpa.v & ~PAGE_MASK;
	area->size = (uint16_t)size;
	pins[gpa.v >> PAGE_SHIFT]++;
	return 0;
}

int guest_area_pin_va(struct guest_area *area, gva_t va, size_t size)
{
	return guest_area_pin(&d->d, area, (gpa_t) { va.v }, size);
}

void guest_area_unpin(struct guest_area *area)
{
	assert_true(area->size);
	pins[area->mfn[0].v - 100]--;
	area->size = 0;
}

void guest_area_write(const struct guest_area *area, size_t offset, const void *src, size_t len)
{
	assert_true(offset + len <= area->size);
	memcpy(at(area->mfn[0]) + area->offset + offset, src, len);
	if (on_area_write)
		on_area_write(area);
}

struct vcpu_info *vcpu_info_open(const struct vcpu *v)
{
	return v->info.size ? (struct vcpu_info *)(at(v->info.mfn[0]) + v->info.offset)
			    : &plain_info[v->id];
}

void vcpu_info_close(const struct vcpu *v, struct vcpu_info *info)
{
	(void)v;
	(void)info;
}

void evtchn_raise_virq_vcpu(struct vcpu *v, unsigned int virq)
{
	assert_int_equal(virq, VIRQ_TIMER);
	virqs[v->id]++;
	vcpu_unblock(v);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
	(void)v;
	moved++;
}

bool tsc_is_stable(void)
{
	return tsc_stable;
}

void tsc_stamp(uint64_t *tsc, uint64_t *ns)
{
	*tsc = tsc_stable ? 7000 : 7000 + sim_now;
	*ns = tsc_stable ? 0 : sim_now;
}

void tsc_scale(uint32_t *mul, int8_t *shift)
{
	*mul = 0x80000000;
	*shift = 1;
}

void wallclock_get(uint64_t *sec, uint32_t *nsec)
{
	*sec = 0x123456789aUL;
	*nsec = 42;
}

static int setup(void **state)
{
	(void)state;
	options.sched_gran = 1;
	sim_reset(2, 1);
	memset(memory, 0, sizeof(memory));
	memset(pins, 0, sizeof(pins));
	memset(plain_info, 0, sizeof(plain_info));
	memset(virqs, 0, sizeof(virqs));
	memset(&shared, 0, sizeof(shared));
	moved = 0;
	tsc_stable = true;
	set_cpu_result = 0;
	on_area_write = NULL;
	vm_ops = &test_ops;
	d = sim_domain_add(2, 256);
	for (unsigned int i = 0; i < 2; i++)
		vcpu_time_init(&d->vcpu[i].v);
	self = &d->vcpu[0];
	other = &d->vcpu[1];
	/* The second is down, and not initialised. */
	set_bit(PAUSE_DOWN, &other->v.pause_flags);
	other->v.initialised = false;
	vcpu_sleep(&other->v);
	sim_settle();
	sim_on_cpu(self->v.processor);
	assert_ptr_equal(current_vcpu(), &self->v);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		vcpu_time_stop(&d->vcpu[i].v);
	sim_end();
	return 0;
}

static long op(unsigned int cmd, unsigned int vcpu, const void *arg)
{
	return vcpu_op(cmd, vcpu, sim_gva(arg));
}

/* Lets time pass; then it is the first vCPU's turn again. */
static void pass(uint64_t ns)
{
	sim_run(ns);
	sim_on_cpu(self->v.processor);
}

/* REQ core/control: a vCPU can send any vCPU of its domain an NMI. */
static void test_send_nmi(void **state)
{
	uint64_t something = 0;

	(void)state;
	assert_int_equal(op(VCPUOP_send_nmi, 1, &something), -EINVAL);
	assert_null(nmi_to);
	assert_int_equal(op(VCPUOP_send_nmi, 2, NULL), -ENOENT);
	assert_int_equal(op(VCPUOP_send_nmi, 1, NULL), 0);
	assert_ptr_equal(nmi_to, &other->v);
	assert_int_equal(op(VCPUOP_send_nmi, 0, NULL), 0);
	assert_ptr_equal(nmi_to, &self->v);
}

static void test_bad_vcpu_and_command(void **state)
{
	(void)state;
	assert_int_equal(op(VCPUOP_is_up, 2, NULL), -ENOENT);
	assert_int_equal(op(VCPUOP_is_up, ~0U, NULL), -ENOENT);
	assert_int_equal(op(VCPUOP_get_physid, 0, NULL), -EINVAL);
	assert_int_equal(op(14, 0, NULL), -ENOSYS);
	assert_int_equal(op(~0U, 0, NULL), -ENOSYS);
}

static struct vcpu_hvm_context context_64(void)
{
	struct vcpu_hvm_context c = { .mode = VCPU_HVM_MODE_64B };

	c.cpu_regs.x86_64.rip = 0x1000000;
	c.cpu_regs.x86_64.rsp = 0x8000;
	c.cpu_regs.x86_64.rdi = 5;
	c.cpu_regs.x86_64.cr0 = 0x80000001;
	c.cpu_regs.x86_64.cr3 = 0x3000;
	c.cpu_regs.x86_64.cr4 = 0x20;
	c.cpu_regs.x86_64.efer = 0x100;
	return c;
}

static struct vcpu_hvm_context context_32(void)
{
	struct vcpu_hvm_context c = { .mode = VCPU_HVM_MODE_32B };

	c.cpu_regs.x86_32.eip = 0x1000;
	c.cpu_regs.x86_32.cr0 = 1;
	c.cpu_regs.x86_32.cs_ar = 0xc9b;
	c.cpu_regs.x86_32.ds_ar = c.cpu_regs.x86_32.ss_ar = c.cpu_regs.x86_32.es_ar = 0xc93;
	c.cpu_regs.x86_32.tr_ar = 0x8b;
	c.cpu_regs.x86_32.cs_base = 0x20000;
	c.cpu_regs.x86_32.cs_limit = ~0U;
	return c;
}

static void test_life(void **state)
{
	struct vcpu_hvm_context c = context_64();

	(void)state;
	assert_int_equal(op(VCPUOP_is_up, 0, NULL), 1);
	assert_int_equal(op(VCPUOP_is_up, 1, NULL), 0);
	/* Not before it has a state. */
	assert_int_equal(op(VCPUOP_up, 1, NULL), -EINVAL);
	assert_int_equal(op(VCPUOP_initialise, 1, NULL), -EFAULT);
	set_cpu_result = -EINVAL;
	assert_int_equal(op(VCPUOP_initialise, 1, &c), -EINVAL);
	assert_false(other->v.initialised);
	set_cpu_result = 0;
	c.pad = 1;
	assert_int_equal(op(VCPUOP_initialise, 1, &c), -EINVAL);
	c.pad = 0;
	set_bit(PAUSE_POLL, &other->v.pause_flags); /* as INIT found it */
	assert_int_equal(op(VCPUOP_initialise, 1, &c), 0);
	assert_int_equal(op(VCPUOP_initialise, 1, &c), -EEXIST);
	assert_int_equal(op(VCPUOP_initialise, 0, &c), -EEXIST);
	assert_int_equal(set_cpu.rip, 0x1000000);
	sim_settle();
	assert_false(vcpu_is_running(&other->v));
	assert_int_equal(op(VCPUOP_up, 1, NULL), 0);
	sim_settle();
	assert_true(vcpu_is_running(&other->v));
	assert_int_equal(op(VCPUOP_is_up, 1, NULL), 1);
	assert_int_equal(op(VCPUOP_down, 1, NULL), 0);
	sim_settle();
	assert_false(vcpu_is_running(&other->v));
	assert_int_equal(op(VCPUOP_is_up, 1, NULL), 0);
	/* The last one up ends the domain. */
	sim_on_cpu(self->v.processor);
	assert_int_equal(d->shutdowns, 0);
	assert_int_equal(op(VCPUOP_down, 0, NULL), 0);
	assert_int_equal(d->shutdowns, 1);
	assert_int_equal(d->shutdown_reason, SHUTDOWN_poweroff);
	/* Itself, with another one up. */
	assert_int_equal(op(VCPUOP_up, 1, NULL), 0);
	assert_int_equal(op(VCPUOP_down, 0, NULL), 0);
	sim_settle();
	assert_false(vcpu_is_running(&self->v));
	assert_int_equal(d->shutdowns, 1);
}

/* A vCPU beyond the shared info page's array has nowhere to get events without a vcpu_info. */
static void test_high_vcpu(void **state)
{
	struct vcpu_hvm_context c = context_64();

	(void)state;
	other->v.id = 32;
	assert_int_equal(op(VCPUOP_initialise, 1, &c), -EINVAL);
	other->v.info.size = 64;
	assert_int_equal(op(VCPUOP_initialise, 1, &c), 0);
	other->v.info.size = 0;
	other->v.id = 1;
}

static void test_context_64(void **state)
{
	struct vcpu_hvm_context c = context_64();
	struct hvm_hw_cpu hw;

	(void)state;
	assert_int_equal(vcpu_context_decode(&c, &hw), 0);
	assert_int_equal(hw.rsp, 0x8000);
	assert_int_equal(hw.rdi, 5);
	assert_int_equal(hw.cr3, 0x3000);
	assert_int_equal(hw.msr_efer, 0x500); /* paging makes it active */
	assert_int_equal(hw.rflags, 2);
	assert_int_equal(hw.cs_arbytes, 0xa9b);
	assert_int_equal(hw.ss_arbytes, 0xc93);
	assert_int_equal(hw.tr_arbytes, 0x8b);
	assert_int_equal(hw.dr7, 0x400);
	assert_int_equal(hw.flags & XEN_X86_FPU_INITIALISED, 0); /* as after a reset */
	c.cpu_regs.x86_64.cr0 = 1;
	assert_int_equal(vcpu_context_decode(&c, &hw), -EINVAL);
	c = context_64();
	c.cpu_regs.x86_64.cr0 = 0x80000000;
	assert_int_equal(vcpu_context_decode(&c, &hw), -EINVAL);
	c = context_64();
	c.cpu_regs.x86_64.cr4 = 0;
	assert_int_equal(vcpu_context_decode(&c, &hw), -EINVAL);
	c = context_64();
	c.cpu_regs.x86_64.efer = 0;
	assert_int_equal(vcpu_context_decode(&c, &hw), -EINVAL);
	c = context_64();
	c.mode = 2;
	assert_int_equal(vcpu_context_decode(&c, &hw), -EINVAL);
	c = context_64();
	c.pad = 1;
	assert_int_equal(vcpu_context_decode(&c, &hw), -EINVAL);
}

static void test_context_32(void **state)
{
	static const struct {
		size_t offset;
		uint16_t value;
		int want;
	} cases[] = {
#define FIELD(name) offsetof(struct vcpu_hvm_x86_32, name)
		{ FIELD(cs_ar), 0xc93, -EINVAL },  /* data in CS */
		{ FIELD(cs_ar), 0xc1b, -EINVAL },  /* not present */
		{ FIELD(cs_ar), 0xc8b, -EINVAL },  /* system segment */
		{ FIELD(cs_ar), 0xcfb, -EINVAL },  /* privilege 3 under a stack of 0 */
		{ FIELD(cs_ar), 0xc9f, 0 },	   /* conforming */
		{ FIELD(cs_ar), 0xcff, -EINVAL },  /* conforming, less privileged */
		{ FIELD(cs_ar), 0x1c9b, -EINVAL }, /* reserved bit */
		{ FIELD(ss_ar), 0xc91, -EINVAL },  /* read-only */
		{ FIELD(ss_ar), 0xc9b, -EINVAL },  /* code */
		{ FIELD(ss_ar), 0xc13, -EINVAL },
		{ FIELD(ss_ar), 0xc83, -EINVAL },
		{ FIELD(ss_ar), 0, -EINVAL },
		{ FIELD(ds_ar), 0, 0 }, /* null */
		{ FIELD(es_ar), 0, 0 },
		{ FIELD(ds_ar), 0xc91, 0 },
		{ FIELD(ds_ar), 0xc9b, 0 },	  /* readable code */
		{ FIELD(ds_ar), 0xc99, -EINVAL }, /* code that can't be read */
		{ FIELD(es_ar), 0xc83, -EINVAL },
		{ FIELD(es_ar), 0xc13, -EINVAL },
		{ FIELD(tr_ar), 0x83, 0 },	 /* 16 bits */
		{ FIELD(tr_ar), 0x89, -EINVAL }, /* not busy */
		{ FIELD(tr_ar), 0x0b, -EINVAL },
		{ FIELD(tr_ar), 0x9b, -EINVAL },
		{ FIELD(pad1), 1, -EINVAL },
		{ FIELD(pad2[0]), 1, -EINVAL },
		{ FIELD(pad2[1]), 1, -EINVAL },
		{ FIELD(pad2[2]), 1, -EINVAL },
	};
	struct vcpu_hvm_context c = context_32();
	struct hvm_hw_cpu hw;

	(void)state;
	assert_int_equal(vcpu_context_decode(&c, &hw), 0);
	assert_int_equal(hw.rip, 0x1000);
	assert_int_equal(hw.cs_base, 0x20000);
	assert_int_equal(hw.cs_limit, ~0U);
	assert_int_equal(hw.msr_efer, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		c = context_32();
		memcpy((char *)&c.cpu_regs.x86_32 + cases[i].offset, &cases[i].value, 2);
		assert_int_equal(vcpu_context_decode(&c, &hw), cases[i].want);
	}
}

/* ---- areas ---- */

static void assert_time(const struct vcpu_time_info *t, uint64_t tsc)
{
	assert_int_equal(t->version & 1, 0);
	assert_true(t->version != 0);
	assert_int_equal(t->tsc_timestamp, tsc);
	assert_int_equal(t->system_time, 0);
	assert_int_equal(t->tsc_to_system_mul, 0x80000000);
	assert_int_equal(t->tsc_shift, 1);
	assert_int_equal(t->flags, XEN_PVCLOCK_TSC_STABLE_BIT);
}

static void test_time(void **state)
{
	uint32_t version;

	(void)state;
	self->v.tsc_offset = -500UL;
	vcpu_time_publish(&self->v);
	assert_time(&plain_info[0].time, 6500);
	/* Nothing has changed: not written again. */
	version = plain_info[0].time.version;
	vcpu_time_publish(&self->v);
	assert_int_equal(plain_info[0].time.version, version);
	vcpu_set_tsc_offset(&self->v, 1000);
	assert_true(plain_info[0].time.version != version);
	assert_time(&plain_info[0].time, 8000);
	/* TSCs that differ: each time anew, and the guest is told. */
	tsc_stable = false;
	vcpu_time_publish(&self->v);
	assert_int_equal(plain_info[0].time.flags, 0);
	assert_int_equal(plain_info[0].time.system_time, sim_now);
	version = plain_info[0].time.version;
	vcpu_time_publish(&self->v);
	assert_true(plain_info[0].time.version != version);
}

static unsigned int odd_seen, even_seen;

static void watch_time(const struct guest_area *area)
{
	struct vcpu_time_info *t = (void *)(at(area->mfn[0]) + area->offset);

	if (t->version & 1)
		odd_seen++;
	else
		even_seen++;
}

static void test_time_area(void **state)
{
	uint64_t reg = 0x2040, bad = GFNS * PAGE_SIZE, none = 0;

	(void)state;
	assert_int_equal(op(VCPUOP_register_vcpu_time_memory_area, 0, NULL), -EFAULT);
	assert_int_equal(op(VCPUOP_register_vcpu_time_memory_area, 0, &bad), -EFAULT);
	odd_seen = even_seen = 0;
	on_area_write = watch_time;
	assert_int_equal(op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), 0);
	on_area_write = NULL;
	/* Odd while the rest is written, even at the end. */
	assert_int_equal(odd_seen, 2);
	assert_int_equal(even_seen, 1);
	assert_time((void *)(memory[2] + 0x40), 7000);
	assert_int_equal(pins[2], 1);
	/* In its place another; then none. */
	reg = 0x3000;
	assert_int_equal(op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), 0);
	assert_int_equal(pins[2], 0);
	assert_int_equal(pins[3], 1);
	/* A bad one leaves the old one alone. */
	assert_int_equal(op(VCPUOP_register_vcpu_time_memory_area, 0, &bad), -EFAULT);
	assert_int_equal(pins[3], 1);
	assert_int_equal(op(VCPUOP_register_vcpu_time_memory_area, 0, &none), 0);
	assert_int_equal(pins[3], 0);
	/* Another vCPU's may be registered as well. */
	assert_int_equal(op(VCPUOP_register_vcpu_time_memory_area, 1, &reg), 0);
	assert_time((void *)memory[3], 7000);
	assert_int_equal(op(VCPUOP_register_vcpu_time_memory_area, 1, &none), 0);
}

static unsigned int flagged, plain;

static void watch_runstate(const struct guest_area *area)
{
	struct vcpu_runstate_info *r = (void *)(at(area->mfn[0]) + area->offset);

	if (r->state_entry_time & XEN_RUNSTATE_UPDATE)
		flagged++;
	else
		plain++;
}

static void test_runstate_area(void **state)
{
	struct vcpu_runstate_info *r = (void *)(memory[4] + 8), info;
	uint64_t reg = 4 * PAGE_SIZE + 8, none = 0;

	(void)state;
	assert_int_equal(op(VCPUOP_register_runstate_memory_area, 0, NULL), -EFAULT);
	vcpu_runstate_publish(&self->v); /* none yet: nothing happens */
	pass(5 * MS);
	assert_int_equal(op(VCPUOP_register_runstate_memory_area, 0, &reg), 0);
	assert_int_equal(r->state, RUNSTATE_running);
	assert_int_equal(r->state_entry_time, self->v.runstate.state_entry_time);
	/* With the update flag: set first, cleared last. */
	assert_int_equal(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
	flagged = plain = 0;
	on_area_write = watch_runstate;
	vcpu_runstate_publish(&self->v);
	assert_int_equal(flagged, 2);
	assert_int_equal(plain, 1);
	assert_int_equal(do_vm_assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
	vcpu_runstate_publish(&self->v);
	assert_int_equal(flagged, 2);
	assert_int_equal(plain, 2);
	on_area_write = NULL;
	/* The same by hypercall, up to now. */
	pass(3 * MS);
	assert_int_equal(op(VCPUOP_get_runstate_info, 0, NULL), -EFAULT);
	assert_int_equal(op(VCPUOP_get_runstate_info, 0, &info), 0);
	assert_int_equal(info.state, RUNSTATE_running);
	assert_int_equal(info.time[RUNSTATE_running], 8 * MS);
	assert_int_equal(op(VCPUOP_get_runstate_info, 1, &info), 0);
	assert_int_equal(info.state, RUNSTATE_offline);
	assert_int_equal(op(VCPUOP_register_runstate_memory_area, 0, &none), 0);
	assert_int_equal(pins[4], 0);
}

static void test_vcpu_info(void **state)
{
	struct vcpu_register_vcpu_info reg = { .mfn = 5, .offset = PAGE_SIZE - 64 };
	struct vcpu_register_vcpu_info bad = reg;

	(void)state;
	assert_int_equal(op(VCPUOP_register_vcpu_info, 0, NULL), -EFAULT);
	bad.offset++;
	assert_int_equal(op(VCPUOP_register_vcpu_info, 0, &bad), -ENXIO);
	bad.offset = ~0U;
	assert_int_equal(op(VCPUOP_register_vcpu_info, 0, &bad), -ENXIO);
	bad = reg;
	bad.mfn = GFNS;
	assert_int_equal(op(VCPUOP_register_vcpu_info, 0, &bad), -EINVAL);
	bad.mfn = 1UL << 52 | 5;
	assert_int_equal(op(VCPUOP_register_vcpu_info, 0, &bad), -EINVAL);
	assert_int_equal(self->v.info.size, 0);
	assert_int_equal(moved, 0);

	assert_int_equal(op(VCPUOP_register_vcpu_info, 0, &reg), 0);
	assert_int_equal(moved, 1);
	assert_int_equal(pins[5], 1);
	/* The clock is there at once. */
	assert_time(&((struct vcpu_info *)(memory[5] + PAGE_SIZE - 64))->time, 7000);
	/* Only once. */
	assert_int_equal(op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL);
	assert_int_equal(pins[5], 1);
	/* Another vCPU's, while it is down. */
	reg.offset = 0;
	assert_int_equal(op(VCPUOP_register_vcpu_info, 1, &reg), 0);
	assert_int_equal(moved, 2);
	other->v.info.size = 0;
	clear_bit(PAUSE_DOWN, &other->v.pause_flags);
	assert_int_equal(op(VCPUOP_register_vcpu_info, 1, &reg), -EINVAL);
	set_bit(PAUSE_DOWN, &other->v.pause_flags);
	self->v.info.size = 0;
}

static void test_wallclock(void **state)
{
	(void)state;
	domain_update_wallclock(&d->d); /* no page yet: nothing happens */
	d->d.shared = &shared;
	d->d.wallclock_offset = -0x9a;
	domain_update_wallclock(&d->d);
	assert_int_equal(shared.wc_sec, 0x34567800);
	assert_int_equal(shared.wc_sec_hi, 0x12);
	assert_int_equal(shared.wc_nsec, 42);
	assert_int_equal(shared.wc_version, 2);
	/* A guest that scribbles over the version harms itself alone. */
	shared.wc_version = 7;
	domain_update_wallclock(&d->d);
	assert_int_equal(shared.wc_version, 8);
	d->d.shared = NULL;
}

/* ---- timers ---- */

static void test_singleshot(void **state)
{
	struct vcpu_set_singleshot_timer set = { .timeout_abs_ns = sim_now + 10 * MS };

	(void)state;
	assert_int_equal(op(VCPUOP_set_singleshot_timer, 0, NULL), -EFAULT);
	assert_int_equal(op(VCPUOP_set_singleshot_timer, 1, &set), -EINVAL);
	assert_int_equal(op(VCPUOP_stop_singleshot_timer, 1, NULL), -EINVAL);
	assert_int_equal(op(VCPUOP_set_singleshot_timer, 0, &set), 0);
	pass(10 * MS - 1);
	assert_int_equal(virqs[0], 0);
	pass(1);
	assert_int_equal(virqs[0], 1);
	pass(50 * MS);
	assert_int_equal(virqs[0], 1);
	/* The past: at once, or refused when asked so. */
	assert_int_equal(op(VCPUOP_set_singleshot_timer, 0, &set), 0);
	pass(0);
	assert_int_equal(virqs[0], 2);
	set.flags = VCPU_SSHOTTMR_future;
	assert_int_equal(op(VCPUOP_set_singleshot_timer, 0, &set), -ETIME);
	set.timeout_abs_ns = sim_now + MS;
	assert_int_equal(op(VCPUOP_set_singleshot_timer, 0, &set), 0);
	assert_int_equal(op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	pass(10 * MS);
	assert_int_equal(virqs[0], 2);
	/* set_timer_op is the same timer. */
	assert_int_equal(do_set_timer_op(sim_now + MS), 0);
	pass(MS);
	assert_int_equal(virqs[0], 3);
	assert_int_equal(do_set_timer_op(sim_now + MS), 0);
	assert_int_equal(do_set_timer_op(0), 0);
	pass(10 * MS);
	assert_int_equal(virqs[0], 3);
	/* It wakes one that sleeps. */
	assert_int_equal(do_set_timer_op(sim_now + MS), 0);
	vcpu_block_current(PAUSE_BLOCKED);
	sim_settle();
	assert_false(vcpu_is_running(&self->v));
	pass(MS);
	assert_true(vcpu_is_running(&self->v));
}

static void test_periodic(void **state)
{
	struct vcpu_set_periodic_timer set = { .period_ns = MS - 1 };

	(void)state;
	assert_int_equal(op(VCPUOP_set_periodic_timer, 0, NULL), -EFAULT);
	assert_int_equal(op(VCPUOP_set_periodic_timer, 0, &set), -EINVAL);
	set.period_ns = ~0UL;
	assert_int_equal(op(VCPUOP_set_periodic_timer, 0, &set), -EINVAL);
	set.period_ns = 2 * MS;
	assert_int_equal(op(VCPUOP_set_periodic_timer, 0, &set), 0);
	pass(100 * MS);
	assert_int_equal(virqs[0], 50);
	/* Ticks that were missed do not come in a heap. */
	sim_now += 100 * MS;
	pass(0);
	assert_in_range(virqs[0], 51, 52);
	pass(10 * MS);
	assert_in_range(virqs[0], 55, 57);
	assert_int_equal(op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	virqs[0] = 0;
	pass(100 * MS);
	assert_int_equal(virqs[0], 0);
	/* Stopped while it was about to fire. */
	assert_int_equal(op(VCPUOP_set_periodic_timer, 0, &set), 0);
	self->v.periodic_period = 0;
	pass(100 * MS);
	assert_int_equal(virqs[0], 0);
	/* Another vCPU's; it does not run: REQ core/7, then one tick is all that it costs others. */
	vcpu_timers_resume(&other->v); /* none is set */
	assert_int_equal(op(VCPUOP_set_periodic_timer, 1, &set), 0);
	pass(10 * MS);
	assert_int_equal(virqs[1], 1);
	assert_false(timer_armed(&other->v.periodic));
	other->v.running = true;
	vcpu_timers_resume(&other->v);
	vcpu_timers_resume(&other->v); /* it is armed already */
	pass(10 * MS);
	other->v.running = false;
	assert_in_range(virqs[1], 5, 6);
	assert_int_equal(op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
}

/* The poll timer's function is vcpu.c's. */
static void test_poll_timer(void **state)
{
	(void)state;
	set_bit(PAUSE_POLL, &self->v.pause_flags);
	vcpu_sleep(&self->v);
	timer_set(&self->v.poll, 0, sim_now + MS);
	sim_settle();
	assert_false(vcpu_is_running(&self->v));
	sim_run(MS);
	assert_true(vcpu_is_running(&self->v));
}

static void test_vm_assist(void **state)
{
	(void)state;
	assert_int_equal(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
	assert_true(d->d.runstate_update_flag);
	assert_int_equal(do_vm_assist(2, VMASST_TYPE_runstate_update_flag), -ENOSYS);
	assert_int_equal(do_vm_assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
	assert_false(d->d.runstate_update_flag);
	for (unsigned int type = 0; type < 70; type++)
		if (type != VMASST_TYPE_runstate_update_flag)
			assert_int_equal(do_vm_assist(VMASST_CMD_enable, type), -EINVAL);
	assert_int_equal(do_vm_assist(VMASST_CMD_enable, ~0U), -EINVAL);
	assert_false(d->d.runstate_update_flag);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bad_vcpu_and_command),
		T(test_send_nmi),
		T(test_life),
		T(test_high_vcpu),
		T(test_context_64),
		T(test_context_32),
		T(test_time),
		T(test_time_area),
		T(test_runstate_area),
		T(test_vcpu_info),
		T(test_wallclock),
		T(test_singleshot),
		T(test_periodic),
		T(test_poll_timer),
		T(test_vm_assist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
