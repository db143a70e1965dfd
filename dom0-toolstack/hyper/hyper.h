/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Typed access to the hypercalls that a control domain uses: domctl, sysctl, memory, version,
 * flask.
 *
 * Everything goes through the stable libxencall; the structures are those of xen/domctl.h and
 * xen/sysctl.h, which are not exposed here: what comes out are plain structures of our own. Every
 * function returns 0 (or what its comment says) or a negative errno as the hypervisor gave it; none
 * prints. The handle is not for several threads at a time.
 *
 * -EACCES from any of them: the interface version differs, or the policy says no (-EPERM also).
 * -ENOSYS/-EOPNOTSUPP: the hypervisor does not offer it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HYPER_DOMID_FIRST_NA 0x7ff0u /* ids from here on are special */
#define HYPER_UUID_BYTES     16

struct hyper;

/* Opens /dev/xen/privcmd. -ENOENT: not running on the hypervisor, or no control domain. */
int hyper_open(struct hyper **out);
void hyper_close(struct hyper *h);

/* ---- Domains ------------------------------------------------------------ */

/* Why a domain shut down (xen/sched.h, SHUTDOWN_*). */
enum shutdown_reason {
	SHUTDOWN_REASON_POWEROFF = 0,
	SHUTDOWN_REASON_REBOOT = 1,
	SHUTDOWN_REASON_SUSPEND = 2,
	SHUTDOWN_REASON_CRASH = 3,
	SHUTDOWN_REASON_WATCHDOG = 4,
	SHUTDOWN_REASON_SOFT_RESET = 5,
	SHUTDOWN_REASON_NONE = -1, /* not shut down */
};

struct domain_info {
	uint16_t domid;
	uint8_t uuid[HYPER_UUID_BYTES];
	bool dying, hvm, shutdown, paused, blocked, running, debugged, xenstore, hap;
	enum shutdown_reason shutdown_reason; /* SHUTDOWN_REASON_NONE unless `shutdown` */
	uint64_t total_pages;		      /* 4 KiB pages allocated */
	uint64_t max_pages;		      /* upper limit of total_pages */
	uint64_t outstanding_pages;	      /* claimed, not yet allocated */
	uint64_t shared_pages, paged_pages;
	uint64_t shared_info_frame;
	uint64_t cpu_time_ns; /* of all vCPUs */
	uint32_t online_vcpus;
	uint32_t max_vcpu_id; /* UINT32_MAX: no vCPUs yet */
	uint32_t ssidref;     /* SID of its label, 0 without FLASK */
	uint32_t cpupool;
	uint32_t emulation_flags; /* XEN_X86_EMU_*: an HVM guest with LAPIC only is PVH */
};

/* One domain by id. -ESRCH: there is none with exactly that id. */
int hyper_domain_info(struct hyper *h, uint16_t domid, struct domain_info *out);

/* All domains, allocated with malloc (the caller frees). Returns how many. */
int hyper_domain_list_all(struct hyper *h, struct domain_info **out);

int hyper_domain_pause(struct hyper *h, uint16_t domid);
int hyper_domain_unpause(struct hyper *h, uint16_t domid);

/*
 * Kills a domain and frees its memory; repeats until the hypervisor has finished (it stops about
 * every millisecond). The domain lingers, dying, while another domain still maps its memory.
 * -ESRCH: none.
 */
int hyper_domain_destroy(struct hyper *h, uint16_t domid);

/* Limit for the domain's memory, in KiB. */
int hyper_domain_set_max_memory(struct hyper *h, uint16_t domid, uint64_t kib);

enum domain_trigger {
	DOMAIN_TRIGGER_NMI = 0,
	DOMAIN_TRIGGER_RESET = 1,
	DOMAIN_TRIGGER_INIT = 2,
	DOMAIN_TRIGGER_POWER = 3,
	DOMAIN_TRIGGER_SLEEP = 4,
};
int hyper_domain_trigger(struct hyper *h, uint16_t domid, enum domain_trigger trigger,
			 uint32_t vcpu);

/* ---- vCPUs -------------------------------------------------------------- */

struct vcpu_state {
	bool online, blocked, running;
	uint64_t cpu_time_ns;
	uint32_t cpu; /* where it runs or ran last */
};

/* -ESRCH: no such domain; -ENOENT/-EINVAL: no such vCPU. */
int hyper_vcpu_state(struct hyper *h, uint16_t domid, uint32_t vcpu, struct vcpu_state *out);

/* Sets of physical CPUs: bit n of bits[n / 64] is CPU n. */
#define CPU_SET_MAX 1024
struct cpu_set {
	uint64_t bits[CPU_SET_MAX / 64];
};

static inline void cpu_set_add(struct cpu_set *set, unsigned int cpu)
{
	if (cpu < CPU_SET_MAX)
		set->bits[cpu / 64] |= 1ull << (cpu % 64);
}

static inline bool cpu_set_has(const struct cpu_set *set, unsigned int cpu)
{
	return cpu < CPU_SET_MAX && (set->bits[cpu / 64] >> (cpu % 64) & 1);
}

/* Either set may be NULL: it is left alone then. */
int hyper_vcpu_affinity_get(struct hyper *h, uint16_t domid, uint32_t vcpu, struct cpu_set *hard,
			    struct cpu_set *soft);
/*
 * `force`: also undo a temporary pinning. -EINVAL: no CPU of the set is online in the domain's
 * pool.
 */
int hyper_vcpu_affinity_set(struct hyper *h, uint16_t domid, uint32_t vcpu,
			    const struct cpu_set *hard, const struct cpu_set *soft, bool force);

/* ---- Scheduler ---------------------------------------------------------- */

enum scheduler_id {
	SCHEDULER_CREDIT = 5,
	SCHEDULER_CREDIT2 = 6,
	SCHEDULER_ARINC653 = 7,
	SCHEDULER_RTDS = 8,
	SCHEDULER_NULL = 9,
};

struct sched_params {
	uint16_t weight; /* 1 … 65535, default 256 */
	uint16_t cap;	 /* percent of one CPU, 0: none */
};

/* "credit2" …, "unknown" else. */
const char *hyper_scheduler_name(uint32_t scheduler);
int hyper_scheduler_id(struct hyper *h, uint32_t *scheduler);

/*
 * Weight and cap of a domain (credit2; credit if that is what runs). -EOPNOTSUPP: scheduler has
 * none.
 */
int hyper_sched_get(struct hyper *h, uint16_t domid, struct sched_params *out);
int hyper_sched_set(struct hyper *h, uint16_t domid, const struct sched_params *params);

/* credit2's rate limit of a CPU pool, in microseconds (0: off). */
int hyper_sched_ratelimit_get(struct hyper *h, uint32_t pool, uint32_t *us);
int hyper_sched_ratelimit_set(struct hyper *h, uint32_t pool, uint32_t us);

/* ---- Host --------------------------------------------------------------- */

struct phys_info {
	uint32_t threads_per_core, cores_per_socket, cpus, max_cpu_id, nodes, max_node_id, cpu_khz;
	bool cap_hvm, cap_pv, cap_directio, cap_hap, cap_shadow, cap_iommu_hap_pt_share;
	bool cap_vmtrace, cap_vpmu, cap_gnttab_v1, cap_gnttab_v2;
	uint64_t total_pages, free_pages, scrub_pages, outstanding_pages, max_mfn;
	uint32_t hw_cap[8];
};
int hyper_phys_info(struct hyper *h, struct phys_info *out);

#define BUILD_ID_MAX 40 /* bytes */

/* What `xl info` shows of the hypervisor; strings are terminated. */
struct version_info {
	uint32_t major, minor;
	char extra[16];
	char compiler[64], compile_by[16], compile_domain[32], compile_date[32];
	char capabilities[1024];
	char changeset[64];
	char command_line[1024];
	char build_id[2 * BUILD_ID_MAX + 1]; /* hexadecimal; empty when there is none */
	uint64_t virt_start;
	uint32_t page_size;
};
int hyper_version_info(struct hyper *h, struct version_info *out);

/*
 * The hypervisor's message ring, from the oldest byte: allocated with malloc, terminated, *length
 * without the terminator. `clear` empties it.
 */
int hyper_console_read(struct hyper *h, bool clear, char **text, size_t *length);

/* Sends the characters of `keys` as debug keys. */
int hyper_debug_keys(struct hyper *h, const char *keys);

struct cpu_topology {
	uint32_t core, socket, node; /* UINT32_MAX: CPU not present */
};
/* Returns how many were written. */
int hyper_cpu_topology(struct hyper *h, struct cpu_topology *out, unsigned int max);

struct numa_node {
	uint64_t memory_bytes, free_bytes; /* UINT64_MAX: node not present */
};
/*
 * Nodes, and the distance of i to j in distance[i * max + j] (UINT32_MAX unknown; may be NULL).
 * Returns how many.
 */
int hyper_numa_info(struct hyper *h, struct numa_node *out, uint32_t *distance, unsigned int max);

/* Claims `pages` for the domain before it is populated; 0 gives what is left back. */
int hyper_claim_pages(struct hyper *h, uint16_t domid, uint64_t pages);

/* ---- FLASK -------------------------------------------------------------- */
/* All: -ENOSYS when no policy engine is there. */

#define FLASK_CONTEXT_MAX 1024

int hyper_flask_load(struct hyper *h, const void *policy, size_t size);
/* Returns 0 (permissive) or 1 (enforcing). */
int hyper_flask_getenforce(struct hyper *h);
int hyper_flask_setenforce(struct hyper *h, bool enforcing);
int hyper_flask_context_to_sid(struct hyper *h, const char *context, uint32_t *sid);
/* `context` has room for `size` bytes and is terminated. -ERANGE: too small. */
int hyper_flask_sid_to_context(struct hyper *h, uint32_t sid, char *context, size_t size);
/*
 * The labels that this domain may make domains with, one a call. *next is 0 at first, and then what
 * the last call left there. -ENOENT: no more; -ENOSYS: this core can't tell (Xen).
 */
int hyper_flask_next_label(struct hyper *h, uint32_t *next, char *context, size_t size);
int hyper_flask_relabel_domain(struct hyper *h, uint16_t domid, uint32_t sid);
