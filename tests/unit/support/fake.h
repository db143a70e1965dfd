/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fake domains with fake memory, for unit tests of what stands on them: event channels, grants,
 * hypercalls. fake_mm.c stands in for mm/ (frames, p2m, guest copies, windows, heap), fake_domain.c
 * for domains, scheduler, policy, epochs and messages. A guest-virtual address is the
 * guest-physical one.
 */
#pragma once

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/domain.h"

#define FAKE_FRAMES  2048
#define FAKE_GFNS    1024
#define FAKE_DOMAINS 8

struct fake_entry {
	mfn_t mfn;
	enum p2m_type type;
};

struct fake_domain {
	struct domain d;
	struct vcpu vcpus[8];
	struct vcpu *vcpu_table[8];
	struct vcpu_info info[8];
	struct fake_entry map[FAKE_GFNS];
	unsigned int notified[8];  /* hvm_event_pending() calls for each vCPU */
	unsigned int unblocked[8]; /* vcpu_unblock() calls for each vCPU */
	bool freed;		   /* the last reference is gone */
};

/* ---- fake_domain.c ---- */

/* Empties everything; every test begins with it. */
void fake_reset(void);
/* A domain with @vcpus vCPUs and RAM at gfns 0 … @pages - 1; its first reference is the test's. */
struct fake_domain *fake_domain_add(uint16_t domid, unsigned int vcpus, unsigned int pages);
/* No lookup finds it any more (its record stays until fake_reset()). */
void fake_domain_hide(struct fake_domain *f);
/* Whose hypercall it is: vCPU @vcpu of @f. */
void fake_current(struct fake_domain *f, unsigned int vcpu);
struct fake_domain *fake_of(const struct domain *d);

/* The policy says -EPERM to @perm (class and permission) until fake_reset(); 0: to nothing. */
extern int fake_xsm_deny;
extern bool fake_xsm_deny_evtchn;
extern enum xsm_perm fake_xsm_last;
extern unsigned int fake_xsm_calls;
/* Answers of hypercall_preempt() before it says true; -1: never. */
extern int fake_preempt_after;
/* Frees what waits for a grace period. Returns how many. */
unsigned int fake_epoch_run(void);
extern unsigned int fake_warnings; /* printk_ratelimited() calls */

/* ---- fake_mm.c ---- */

void fake_mm_reset(void);
/* One frame for @owner (domid), referenced once; not mapped anywhere. */
mfn_t fake_frame_alloc(uint16_t owner);
uint32_t fake_frame_refs(mfn_t mfn);
uint8_t *fake_frame(mfn_t mfn);
/* Frames that have references (by any owner). */
unsigned int fake_frames_in_use(void);
/* Memory of @f at guest-physical @gpa, which must be mapped. */
void *fake_mem(struct fake_domain *f, uint64_t gpa);
/* Heap blocks and windows that are open now. */
extern int fake_heap_blocks;
extern int fake_windows_open;
/* Allocations that succeed before the others fail; -1: all do. */
extern int fake_alloc_budget;
extern int fake_p2m_error; /* what p2m_map() returns, when not 0 */
/* Called before the n-th read of guest memory by window or copy from now on (races). */
extern void (*fake_window_hook)(void *page);
/* Called by vcpu_unblock(), as if another CPU did something at that moment. */
extern void (*fake_unblock_hook)(struct vcpu *v);

/* Runs @op with its argument @arg (a struct) in the memory of the current domain at 0x1000. */
#define FAKE_ARG_GPA 0x1000UL
