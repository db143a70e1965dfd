/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu_op and its kin. All of it acts on the caller's own domain, so there is no policy to ask.
 *
 * Locks: v->area_lock (LOCK_VCPU) guards the areas that the core writes for the guest against being
 * replaced meanwhile; an area is pinned before and unpinned after it is held. d->lock for being
 * initialised, up and down.
 */
#include "domain/domain.h"
#include "event/evtchn.h"
#include "hvm/hvm.h"
#include "hvm/vlapic.h"
#include "lib/bitops.h"
#include "lib/string.h"
#include "x86/time.h"

#define PERIODIC_MIN_NS 1000000UL
#define DELTA_MAX_NS	(~0UL >> 2)

/* Timers */

static void singleshot_fired(void *data)
{
	evtchn_raise_virq_vcpu(data, VIRQ_TIMER);
}

/* For the tick after the one at @last. Ticks that were missed are not made up for. */
static void periodic_arm(struct vcpu *v, uint64_t last)
{
	uint64_t period = READ_ONCE(v->periodic_period), now;

	if (!period)
		return;
	now = system_time();
	timer_set(&v->periodic, v->processor, last + period > now ? last + period : now + period);
}

/* As the local APIC's (hvm/vlapic_timer.c), it rests after a tick for a vCPU that does not run. */
static void periodic_fired(void *data)
{
	struct vcpu *v = data;
	uint64_t due = v->periodic.expires;

	if (!READ_ONCE(v->periodic_period))
		return;
	evtchn_raise_virq_vcpu(v, VIRQ_TIMER);
	/* Either we see that it runs, or the CPU that it comes to sees that the timer rests. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vcpu_is_running(v))
		periodic_arm(v, due);
}

void vcpu_timers_resume(struct vcpu *v)
{
	if (READ_ONCE(v->periodic_period)) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* after v->running: periodic_fired() */
		if (!timer_armed(&v->periodic))
			periodic_arm(v, v->periodic.expires);
	}
	vlapic_timer_resume(v);
}

static void poll_fired(void *data)
{
	vcpu_unblock(data);
}

void vcpu_time_init(struct vcpu *v)
{
	timer_init(&v->singleshot, singleshot_fired, v);
	timer_init(&v->periodic, periodic_fired, v);
	timer_init(&v->poll, poll_fired, v);
	spin_init(&v->area_lock, LOCK_VCPU);
	v->time_stale = true;
}

void vcpu_time_stop(struct vcpu *v)
{
	v->periodic_period = 0;
	timer_kill(&v->singleshot);
	timer_kill(&v->periodic);
	timer_kill(&v->poll);
}

/* Clocks */

/* As vcpu_time_info's version has it: odd while the rest changes. */
static void time_write(struct vcpu *v, struct vcpu_time_info *t)
{
	struct vcpu_info *info = vcpu_info_open(v);
	volatile struct vcpu_time_info *to = &info->time;

	t->version = v->time_version + 1;
	v->time_version += 2;
	to->version = t->version;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*to = *t;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	to->version = t->version + 1;
	vcpu_info_close(v, info);

	if (!v->time_area.size)
		return;
	guest_area_write(&v->time_area, 0, &t->version, sizeof(t->version));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	guest_area_write(&v->time_area, 0, t, sizeof(*t));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	t->version++;
	guest_area_write(&v->time_area, 0, &t->version, sizeof(t->version));
}

void vcpu_time_publish(struct vcpu *v)
{
	struct vcpu_time_info t = { 0 };

	if (!v->time_stale && tsc_is_stable())
		return;
	v->time_stale = false;
	tsc_stamp(&t.tsc_timestamp, &t.system_time);
	t.tsc_timestamp += v->tsc_offset;
	tsc_scale(&t.tsc_to_system_mul, &t.tsc_shift);
	t.flags = tsc_is_stable() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
	spin_lock(&v->area_lock);
	time_write(v, &t);
	spin_unlock(&v->area_lock);
}

void vcpu_set_tsc_offset(struct vcpu *v, uint64_t offset)
{
	v->tsc_offset = offset;
	v->time_stale = true;
	vcpu_time_publish(v);
}

void domain_update_wallclock(struct domain *d)
{
	static struct spinlock lock = SPINLOCK_INIT(LOCK_VCPU);
	volatile struct shared_info *shared = d->shared;
	uint64_t sec;
	uint32_t nsec;

	if (!shared)
		return;
	spin_lock(&lock);
	/* Looked at here, so that who comes last writes what holds. */
	wallclock_get(&sec, &nsec);
	sec += (uint64_t)READ_ONCE(d->wallclock_offset);
	shared->wc_version |= 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	shared->wc_sec = (uint32_t)sec;
	shared->wc_sec_hi = (uint32_t)(sec >> 32);
	shared->wc_nsec = nsec;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	shared->wc_version++;
	spin_unlock(&lock);
}

void vcpu_runstate_publish(struct vcpu *v)
{
	const size_t entry = offsetof(struct vcpu_runstate_info, state_entry_time);
	bool flag = READ_ONCE(v->domain->runstate_update_flag);
	struct vcpu_runstate_info r;

	if (!READ_ONCE(v->runstate_area.size))
		return;
	memset(&r, 0, sizeof(r));
	vcpu_runstate_snapshot(v, &r);
	spin_lock(&v->area_lock);
	if (v->runstate_area.size) {
		if (flag) {
			r.state_entry_time |= XEN_RUNSTATE_UPDATE;
			guest_area_write(&v->runstate_area, entry, &r.state_entry_time,
					 sizeof(r.state_entry_time));
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
		}
		guest_area_write(&v->runstate_area, 0, &r, sizeof(r));
		if (flag) {
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			r.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
			guest_area_write(&v->runstate_area, entry, &r.state_entry_time,
					 sizeof(r.state_entry_time));
		}
	}
	spin_unlock(&v->area_lock);
}

/* Areas */

/* Registers @size bytes at the address that @arg points to in @slot; a null address ends it. */
static long op_register_area(struct vcpu *v, struct guest_area *slot, size_t size, gva_t arg)
{
	struct guest_area area = { .size = 0 }, old;
	uint64_t va;
	int rc;

	if (guest_read(&va, arg, sizeof(va)))
		return -EFAULT;
	if (va) {
		rc = guest_area_pin_va(&area, (gva_t) { va }, size);
		if (rc)
			return rc;
	}
	spin_lock(&v->area_lock);
	old = *slot;
	*slot = area;
	spin_unlock(&v->area_lock);
	if (old.size)
		guest_area_unpin(&old);
	v->time_stale = true;
	vcpu_time_publish(v);
	vcpu_runstate_publish(v);
	return 0;
}

static long op_register_info(struct vcpu *v, gva_t arg)
{
	struct vcpu_register_vcpu_info reg;
	struct guest_area area = { .size = 0 };
	bool taken;

	if (guest_read(&reg, arg, sizeof(reg)))
		return -EFAULT;
	if (reg.offset > PAGE_SIZE - sizeof(struct vcpu_info))
		return -ENXIO;
	if (reg.mfn >> (64 - PAGE_SHIFT))
		return -EINVAL;
	/* Another vCPU that runs would miss events between the old place and the new one. */
	if (v != current_vcpu() && !test_bit(PAUSE_DOWN, &v->pause_flags))
		return -EINVAL;
	if (guest_area_pin(v->domain, &area, (gpa_t) { (reg.mfn << PAGE_SHIFT) + reg.offset },
			   sizeof(struct vcpu_info)))
		return -EINVAL;

	spin_lock(&v->area_lock);
	taken = v->info.size;
	if (!taken) {
		/* Readers take no lock: the size says that the rest is there. */
		v->info.mfn[0] = area.mfn[0];
		v->info.mfn[1] = area.mfn[1];
		v->info.offset = area.offset;
		__atomic_store_n(&v->info.size, area.size, __ATOMIC_RELEASE);
	}
	spin_unlock(&v->area_lock);
	if (taken) {
		guest_area_unpin(&area);
		return -EINVAL;
	}
	v->time_stale = true;
	vcpu_time_publish(v);
	evtchn_vcpu_info_moved(v);
	return 0;
}

/* Life cycle */

static long op_initialise(struct vcpu *v, gva_t arg)
{
	struct vcpu_hvm_context ctx;
	struct hvm_hw_cpu hw;
	int rc;

	/* Beyond the shared info page's array there is no place for its events otherwise. */
	if (v->id >= XEN_LEGACY_MAX_VCPUS && !v->info.size)
		return -EINVAL;
	if (guest_read(&ctx, arg, sizeof(ctx)))
		return -EFAULT;
	rc = vcpu_context_decode(&ctx, &hw);
	if (rc)
		return rc;
	spin_lock(&v->domain->lock);
	if (v->initialised)
		rc = -EEXIST;
	else if (vcpu_is_running(v))
		rc = -ERESTART_CALL; /* INIT has stopped it, but it is still on its CPU */
	else
		rc = vm_ops->set_hvm_cpu(v, &hw);
	if (!rc) {
		v->initialised = true;
		vcpu_unblock(v); /* INIT may have found it waiting */
	}
	spin_unlock(&v->domain->lock);
	return rc;
}

static long op_up(struct vcpu *v)
{
	long rc = -EINVAL;

	spin_lock(&v->domain->lock);
	if (v->initialised) {
		clear_bit(PAUSE_DOWN, &v->pause_flags);
		rc = 0;
	}
	spin_unlock(&v->domain->lock);
	if (!rc)
		vcpu_wake(v);
	return rc;
}

static long op_get_runstate(struct vcpu *v, gva_t arg)
{
	struct vcpu_runstate_info r;

	memset(&r, 0, sizeof(r));
	vcpu_runstate_get(v, &r);
	return guest_write(arg, &r, sizeof(r)) ? -EFAULT : 0;
}

static long op_set_periodic(struct vcpu *v, gva_t arg)
{
	struct vcpu_set_periodic_timer set;

	if (guest_read(&set, arg, sizeof(set)))
		return -EFAULT;
	if (set.period_ns < PERIODIC_MIN_NS || set.period_ns > DELTA_MAX_NS)
		return -EINVAL;
	WRITE_ONCE(v->periodic_period, set.period_ns);
	timer_set(&v->periodic, v->processor, system_time() + set.period_ns);
	return 0;
}

static long op_set_singleshot(struct vcpu *v, gva_t arg)
{
	struct vcpu_set_singleshot_timer set;

	if (v != current_vcpu())
		return -EINVAL;
	if (guest_read(&set, arg, sizeof(set)))
		return -EFAULT;
	if ((set.flags & VCPU_SSHOTTMR_future) && set.timeout_abs_ns < system_time())
		return -ETIME;
	timer_set(&v->singleshot, smp_id(), set.timeout_abs_ns);
	return 0;
}

long vcpu_op(unsigned int cmd, unsigned int vcpuid, gva_t arg)
{
	struct vcpu *v = domain_vcpu(current_domain(), vcpuid);

	if (!v)
		return -ENOENT;
	switch (cmd) {
	case VCPUOP_initialise:
		return op_initialise(v, arg);
	case VCPUOP_up:
		return op_up(v);
	case VCPUOP_down:
		vcpu_down(v);
		return 0;
	case VCPUOP_is_up:
		return !test_bit(PAUSE_DOWN, &v->pause_flags);
	case VCPUOP_get_runstate_info:
		return op_get_runstate(v, arg);
	case VCPUOP_register_runstate_memory_area:
		return op_register_area(v, &v->runstate_area, sizeof(struct vcpu_runstate_info),
					arg);
	case VCPUOP_register_vcpu_time_memory_area:
		return op_register_area(v, &v->time_area, sizeof(struct vcpu_time_info), arg);
	case VCPUOP_register_vcpu_info:
		return op_register_info(v, arg);
	case VCPUOP_set_periodic_timer:
		return op_set_periodic(v, arg);
	case VCPUOP_stop_periodic_timer:
		WRITE_ONCE(v->periodic_period, 0);
		timer_stop(&v->periodic);
		return 0;
	case VCPUOP_set_singleshot_timer:
		return op_set_singleshot(v, arg);
	case VCPUOP_stop_singleshot_timer:
		if (v != current_vcpu())
			return -EINVAL;
		timer_stop(&v->singleshot);
		return 0;
	case VCPUOP_send_nmi:
		if (arg.v)
			return -EINVAL;
		vlapic_set_nmi(v);
		return 0;
	case VCPUOP_get_physid:
		return -EINVAL; /* no vCPU is tied to a physical CPU for its guest to know */
	default:
		return -ENOSYS;
	}
}

long do_set_timer_op(uint64_t ns)
{
	struct vcpu *v = current_vcpu();

	if (!ns)
		timer_stop(&v->singleshot);
	else
		timer_set(&v->singleshot, smp_id(), ns);
	return 0;
}

long do_vm_assist(unsigned int cmd, unsigned int type)
{
	/* The others are about the PV memory interface. */
	if (type != VMASST_TYPE_runstate_update_flag)
		return -EINVAL;
	if (cmd != VMASST_CMD_enable && cmd != VMASST_CMD_disable)
		return -ENOSYS;
	WRITE_ONCE(current_domain()->runstate_update_flag, cmd == VMASST_CMD_enable);
	return 0;
}
