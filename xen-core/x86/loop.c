/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each CPU runs this loop for ever, on its own stack, with interrupts off but for the windows
 * below. See docs/architecture.md.
 */
#include "x86/loop.h"
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "hvm/vlapic.h"
#include "lib/bitops.h"
#include "lib/console.h"
#include "mm/frame.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "x86/cpu.h"
#include "x86/regs.h"
#include "x86/time.h"

/*
 * Frames scrubbed in one turn: a tenth of a millisecond. As many as a guest can free between two exits
 * (hypercall_preempt), so that what is freed does not wait in ever longer queues.
 */
#define SCRUB_BATCH 256u

/* True: memory waits for a grace period or for its turn to be scrubbed. */
static bool do_work(struct cpu *cpu)
{
	unsigned int batch;
	bool more;

	if (test_and_clear_bit(WORK_TIMER, &cpu->pending))
		timers_run();
	if (test_and_clear_bit(WORK_SERIAL, &cpu->pending))
		console_service();
	clear_bit(WORK_EVENT, &cpu->pending);
	more = epoch_run();
	/* Where guests run, only as much as this CPU has freed: those of other CPUs don't wait for it. */
	batch = cpu->current ? min(cpu->freed, SCRUB_BATCH) : SCRUB_BATCH;
	return frames_reap(batch) || more;
}

static void idle(struct cpu *cpu, bool busy)
{
	timers_program();
	epoch_leave();
	if (busy || READ_ONCE(cpu->pending))
		irq_window();
	else
		/* An interrupt between the look and HLT is held back by sti's shadow, and ends HLT. */
		asm volatile("sti; hlt; cli" : : : "memory");
	epoch_enter();
}

static void switch_vcpu(struct vcpu *prev, struct vcpu *next)
{
	if (prev == next)
		return;
	if (prev) {
		vm_ops->switch_from(prev);
		sched_switched_from(prev);
		vlapic_left_cpu(prev);
		if (prev->domain->is_shutting_down)
			domain_check_shutdown(prev->domain);
	}
	if (next) {
		vm_ops->switch_to(next);
		vcpu_timers_resume(next);
		vcpu_time_publish(next);
		vcpu_runstate_publish(next);
	}
}

void main_loop(void)
{
	struct cpu *cpu = this_cpu();
	struct vcpu *prev, *next;
	bool busy;

	epoch_enter();
	set_bit(WORK_SCHED, &cpu->pending);
	for (;;) {
		busy = do_work(cpu);
		prev = cpu->current;
		next = prev;
		/*
		 * Only when asked: an idle CPU that waits for a grace period must not disturb the
		 * others' queues each time round.
		 */
		if (test_and_clear_bit(WORK_SCHED, &cpu->pending)) {
			next = sched_next();
			switch_vcpu(prev, next);
		}
		if (!next) {
			idle(cpu, busy);
			continue;
		}
		timers_program();
		vm_ops->run(next);
	}
}

void guest_tlb_flush(struct domain *d)
{
	struct vcpu *v;
	unsigned int i;

	__atomic_add_fetch(&d->p2m.tlb_epoch, 1, __ATOMIC_SEQ_CST);
	for_each_vcpu (d, v, i) {
		struct cpu *cpu = cpus[READ_ONCE(v->processor)];
		uint64_t exits;

		if (cpu == this_cpu() || !READ_ONCE(v->running))
			continue;
		exits = READ_ONCE(cpu->exits);
		if (READ_ONCE(cpu->current) != v || !READ_ONCE(cpu->in_guest))
			continue;
		cpu_kick(cpu, WORK_EVENT);
		/* It leaves the guest without taking a lock; once out, it flushes before the next entry. */
		while (READ_ONCE(cpu->in_guest) && READ_ONCE(cpu->exits) == exits)
			cpu_relax();
	}
	/* A copy takes no lock and is a page at most. */
	for (i = 0; i < cpus_online(); i++)
		while (__atomic_load_n(&cpus[i]->copying, __ATOMIC_ACQUIRE) == d)
			cpu_relax();
}
