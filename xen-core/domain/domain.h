/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains and vCPUs: their records, life cycle, and lookup. */
#pragma once

#include "xen_abi.h"
#include "types.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "mm/guest.h"
#include "mm/p2m.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "x86/epoch.h"
#include "xsm/xsm.h"

struct cpu_policy; /* hvm/cpuid.h */
struct hvm_vcpu;   /* hvm/hvm_vcpu.h */
struct grant_table;
struct evtchn_table;

#define MAX_VCPUS 128

/* An entry of the memory maps of XENMEM_memory_map: type 1 is RAM, 2 reserved, 3 ACPI. */
struct e820entry {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

enum domain_state {
	DOMAIN_BUILDING, /* created, not unpaused by its creator yet */
	DOMAIN_ALIVE,
	DOMAIN_DYING, /* being torn down: nothing new may be attached to it */
	DOMAIN_DEAD,  /* torn down; only references keep the record (and its domid) */
};

struct domain {
	uint16_t id;
	uint8_t state;	   /* enum domain_state; changes under lock, read without */
	bool privileged;   /* Dom0: XEN_DOMCTL_CDF_privileged, the built-in rules' control domain */
	bool is_shut_down; /* all vCPUs have stopped after SCHEDOP_shutdown */
	bool is_shutting_down;
	uint8_t shutdown_code;	   /* SHUTDOWN_* */
	int32_t pause_count;	   /* of all its vCPUs; atomic */
	int32_t controller_pauses; /* those of pause_count that domctl may undo; under domctl_lock */
	uint32_t refs; /* domain_get/put; the last frees the record after a grace period */
	struct xsm_label label;
	struct spinlock lock;
	struct epoch_node epoch;

	unsigned int max_vcpus;
	struct vcpu **vcpu; /* max_vcpus entries, NULL until created */

	struct p2m p2m;
	uint64_t tot_pages; /* guest frames charged; atomic */
	uint64_t max_pages;
	uint64_t claimed_pages;
	uint32_t unmapped; /* list of frames without a place in the map (mm/frame.h) */

	struct shared_info *shared; /* FRAME_SHARED page */
	gfn_t shared_gfn;	    /* where the guest has it, or GFN_INVALID */

	struct evtchn_table *evtchn;
	struct grant_table *grant;
	struct sched_domain sched;
	struct cpu_policy *cpu_policy;

	xen_domain_handle_t handle;
	uint32_t createflags; /* XEN_DOMCTL_CDF_* */
	uint32_t emulation_flags;
	uint64_t hvm_params[HVM_NR_PARAMS];
	uint8_t callback_vector;  /* HVM_PARAM_CALLBACK_IRQ of vector type, 0: none */
	int64_t wallclock_offset; /* seconds, XEN_DOMCTL_settimeoffset */
	struct timer watchdog[2];
	uint32_t watchdog_in_use;
	bool runstate_update_flag; /* VMASST_TYPE_runstate_update_flag */
	struct guest_console {
		struct ratelimit limit;
		unsigned int len;
		char line[128]; /* what will be printed when it ends */
	} console;
	struct e820entry *memory_map; /* XENMEM_set_memory_map, for XENMEM_memory_map */
	unsigned int nr_memory_map;
};

struct vcpu {
	struct domain *domain;
	unsigned int id;
	unsigned int processor;	   /* CPU that it runs on, or ran last */
	unsigned long pause_flags; /* enum pause_flag bits; atomic */
	int32_t pause_count;	   /* atomic */
	bool initialised;	   /* has register state: VCPUOP_initialise or the builder */
	bool running;		   /* is some CPU's current */
	struct sched_vcpu sched;
	struct vcpu_runstate_info runstate;

	/* vcpu_info: in the shared info page (id < 32), or registered by the guest. */
	struct guest_area info; /* size 0: use info_va */
	/* In d->shared; those for which there is no place there share one behind it, in its page. */
	struct vcpu_info *info_va;
	struct guest_area runstate_area;
	struct guest_area time_area;
	struct spinlock area_lock; /* LOCK_VCPU: runstate_area, time_area, time_version */
	uint32_t time_version;	   /* of the published vcpu_time_info */
	bool time_stale;	   /* it has to be published again (vcpu_time_publish) */
	uint64_t tsc_offset;	   /* guest TSC = host TSC + offset */
	uint32_t poll_port;	   /* SCHEDOP_poll on one port; 0: several or none */

	struct timer singleshot, periodic, poll;
	uint64_t periodic_period; /* ns, 0: off */

	uint8_t upcall_vector;	      /* HVMOP_set_evtchn_upcall_vector, 0: the domain's callback */
	uint32_t virq_port[NR_VIRQS]; /* 0: not bound; owned by event/ */
	struct hvm_vcpu *hvm;	      /* local APIC, memory types */
	void *vm;		      /* hardware part: VMCB, FPU state (x86/svm/svm.h) */
};

/* Domid → domain, or NULL. No reference: good until this CPU returns to a guest (x86/epoch.h). */
struct domain *domain_lookup(uint16_t domid);

/* As domain_lookup, with DOMID_SELF meaning the current domain. */
struct domain *domain_lookup_self(uint16_t domid);

/* Long-lived references. domain_get fails (false) when the record is being freed. */
bool domain_get(struct domain *d);
void domain_put(struct domain *d);

static inline struct domain *current_domain(void)
{
	struct vcpu *v = current_vcpu();

	return v ? v->domain : NULL;
}

/* vCPU @id of @d, or NULL. */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* A domain on which nothing new may be opened. */
static inline bool domain_is_dying(const struct domain *d)
{
	return READ_ONCE(d->state) >= DOMAIN_DYING;
}

/*
 * Iteration in order of domid, without a lock; @d stays valid until this CPU returns to a guest.
 * domain_next(NULL) is the first.
 */
struct domain *domain_next(const struct domain *d);
#define for_each_domain(d) for ((d) = domain_next(NULL); (d); (d) = domain_next(d))
#define for_each_vcpu(d, v, i)                     \
	for ((i) = 0; (i) < (d)->max_vcpus; (i)++) \
		if (((v) = (d)->vcpu[i]) != NULL)

/*
 * Serialises control operations (LOCK_DOMCTL; hypercall/domctl.c holds it around each one, so that
 * domain_create(), vcpu_create(), domain_destroy() called from there run one at a time).
 */
extern struct spinlock domctl_lock;

/*
 * Makes a domain with the id @domid (0 or DOMID_FIRST_RESERVED and above: the first free one, never
 * reused soon). It is paused once (pause_count 1) and has no vCPUs and no memory. The policy has
 * been asked already. -EINVAL, -EEXIST, -ENOMEM.
 */
int domain_create(uint16_t domid, const struct xen_domctl_createdomain *config,
		  const struct xsm_label *creator, struct domain **out);

/* Makes vCPU @id, down and not initialised. */
int vcpu_create(struct domain *d, unsigned int id);

/* Marks dying and tears down in steps: 0 when done, -ERESTART_CALL when there is more to do. */
int domain_destroy(struct domain *d);

/* SCHEDOP_shutdown and the like: stops all vCPUs, raises VIRQ_DOM_EXC; Dom0: the host follows. */
void domain_shutdown(struct domain *d, uint8_t reason);

/* A guest did what it may not: logs the reason and shuts it down as crashed. */
void domain_crash(struct domain *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* XEN_DOMCTL_resumedomain: undoes a shutdown that did not destroy anything. -EINVAL: not shut down. */
int domain_resume(struct domain *d);

/* The main loop calls this when a vCPU of a domain that is shutting down has stopped. */
void domain_check_shutdown(struct domain *d);

/* Publishes the wall clock, with @d's offset, in its shared info page (domain/vcpu.c). No locks needed. */
void domain_update_wallclock(struct domain *d);

/* XEN_DOMCTL_getdomaininfo's record. */
void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/*
 * One byte of debug output of @d (I/O port 0xe9, CONSOLEIO_write). Printed line by line, without
 * control characters, as "(dID) …", at most so many lines a second (domain/guest_console.c). Callers:
 * d's own vCPUs.
 */
void guest_console_putc(struct domain *d, char c);

/* Hypercalls; they act on the current domain, those without @vcpuid on the current vCPU. */
long vcpu_op(unsigned int cmd, unsigned int vcpuid, gva_t arg);
long do_vm_assist(unsigned int cmd, unsigned int type);
/* @ns: absolute system time, 0 stops the timer. */
long do_set_timer_op(uint64_t ns);

/*
 * The initial state that VCPUOP_initialise describes, as set_hvm_cpu takes it. -EINVAL for modes,
 * padding and segments that it does not allow; control registers are for set_hvm_cpu to check.
 */
int vcpu_context_decode(const struct vcpu_hvm_context *ctx, struct hvm_hw_cpu *hw);

/* domain/vcpu.c: a new vCPU's timers; and their end, once it can't run any more. */
void vcpu_time_init(struct vcpu *v);
void vcpu_time_stop(struct vcpu *v);
/* @v begins to run on this CPU: periodic timers, its local APIC's too, that rested go on. */
void vcpu_timers_resume(struct vcpu *v);

/*
 * The clock that the guest reads: writes @v's vcpu_time_info if it is stale (v->time_stale) or the
 * TSCs differ between CPUs. The main loop calls it for a vCPU that it switches to, and the other one
 * for its run state area.
 */
void vcpu_time_publish(struct vcpu *v);
void vcpu_runstate_publish(struct vcpu *v);
/* The guest moved the TSC of @v, the current vCPU: its clock follows. */
void vcpu_set_tsc_offset(struct vcpu *v, uint64_t offset);

/*
 * vcpu_info of @v for the length of a few accesses: opens a window when the guest registered its
 * own. Close with vcpu_info_close(). Fields are shared with the guest: atomic operations only.
 */
struct vcpu_info *vcpu_info_open(const struct vcpu *v);
void vcpu_info_close(const struct vcpu *v, struct vcpu_info *info);
