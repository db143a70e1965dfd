/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The full description of a guest: what a configuration file is parsed into, what the builder
 * builds, and what is recorded so that a guest can be built again after a reboot.
 *
 * All strings and arrays are allocated with malloc and owned by the structure. domain_config_init()
 * gives the defaults; the parser changes what the file says; domain_config_check() finds
 * contradictions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hyper/error.h"
#include "hyper/hyper.h"

#define DOMAIN_NAME_MAX	   127		/* bytes, without the terminator */
#define DOMAIN_VCPUS_MAX   128		/* of an HVM or PVH guest */
#define DOMAIN_CMDLINE_MAX 4095		/* bytes, without the terminator */
#define DOMAIN_MEMORY_MAX  (1ull << 30) /* KiB: 1 TiB */

enum domain_type {
	DOMAIN_TYPE_PVH,
	DOMAIN_TYPE_HVM, /* needs a device model domain */
	DOMAIN_TYPE_PV,	 /* runs in a shim domain */
};

/* What happens when a guest stops. */
enum domain_action {
	ACTION_DESTROY,
	ACTION_RESTART,
	ACTION_RENAME_RESTART, /* keep the old one under another name, and start a new one */
	ACTION_PRESERVE,
	ACTION_COREDUMP_DESTROY,
	ACTION_COREDUMP_RESTART,
	ACTION_SOFT_RESET,
};

/* xl.cfg(5): tsc_mode */
enum tsc_mode {
	TSC_MODE_DEFAULT = 0,
	TSC_MODE_ALWAYS_EMULATE = 1,
	TSC_MODE_NATIVE = 2,
	TSC_MODE_NATIVE_PARAVIRT = 3,
};

enum disk_format {
	DISK_FORMAT_RAW,
	DISK_FORMAT_QCOW,
	DISK_FORMAT_QCOW2,
	DISK_FORMAT_VHD,
	DISK_FORMAT_QED,
	DISK_FORMAT_EMPTY, /* a CD drive without a CD */
};

enum disk_backend {
	DISK_BACKEND_UNKNOWN, /* to be chosen */
	DISK_BACKEND_PHY,
	DISK_BACKEND_TAP,
	DISK_BACKEND_QDISK,
	DISK_BACKEND_STANDALONE,
};

struct disk_config {
	char *target; /* path or name in the back end's domain; NULL only with DISK_FORMAT_EMPTY */
	char *vdev;   /* hda, xvda, sda1, d0p1 … */
	enum disk_format format;
	enum disk_backend backend;
	char *backend_domain; /* name or id of the domain; NULL: Dom0 */
	char *script;	      /* NULL: the default */
	bool readwrite, cdrom, removable, discard, no_discard, direct_io_safe;
};

enum vif_model {
	VIF_MODEL_VIF,
	VIF_MODEL_IOEMU
};

struct vif_config {
	uint8_t mac[6];
	bool mac_given; /* else one is derived from the guest's UUID */
	enum vif_model type;
	char *bridge, *script, *ip, *model, *vifname, *gatewaydev;
	char *backend_domain; /* name or id; NULL: Dom0 */
	uint64_t rate_bytes;  /* bytes each interval, 0: no limit */
	uint32_t rate_interval_us;
	uint32_t mtu; /* 0: default */
	bool trusted; /* default true */
};

struct pci_config {
	uint16_t domain;
	uint8_t bus, device, function;
	bool all_functions; /* function given as '*' */
	int vslot, vfunc;   /* -1: chosen by the toolstack */
	bool permissive, msitranslate, power_mgmt, seize, rdm_relaxed;
	char *name; /* may be NULL */
};

enum affinity_kind {
	AFFINITY_ALL,
	AFFINITY_SET
};

struct vcpu_affinity {
	enum affinity_kind hard_kind, soft_kind;
	struct cpu_set hard, soft;
};

struct domain_config {
	char *name;
	uint8_t uuid[HYPER_UUID_BYTES];
	bool uuid_given; /* else life_create() makes one */
	enum domain_type type;

	uint64_t memory_kib; /* target; guests see this much after boot */
	uint64_t maxmem_kib; /* limit; 0: same as memory_kib */
	uint64_t shadow_kib; /* paging pool; 0: computed */
	uint32_t vcpus;	     /* online at boot */
	uint32_t maxvcpus;   /* 0: same as vcpus */
	uint64_t claim;	     /* 1: claim memory before building (default) */

	struct vcpu_affinity
		*affinity; /* one for each of n_affinity vCPUs; a single one counts for all */
	uint32_t n_affinity;
	struct cpu_set nodes; /* NUMA placement; empty: none */
	uint32_t cpu_weight;  /* 0: scheduler's default */
	uint32_t cap;	      /* percent of one CPU, 0: none */
	uint32_t cpupool;     /* 0: default pool */

	char *kernel, *ramdisk; /* paths */
	char *cmdline;		/* complete: cmdline, root and extra joined; may be NULL */
	char *bootloader;	/* refused by the checks unless NULL */
	char *firmware;

	enum domain_action on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset;

	struct disk_config *disks;
	uint32_t n_disks;
	struct vif_config *vifs;
	uint32_t n_vifs;
	struct pci_config *pci;
	uint32_t n_pci;
	bool pci_permissive, pci_seize, pci_msitranslate, pci_power_mgmt;

	char *seclabel;	     /* FLASK context while it runs; NULL: default */
	char *init_seclabel; /* context while it is built; NULL: seclabel from the start */

	char *device_model_version;	/* NULL: default */
	char *device_model_override;	/* NULL: default */
	char *device_model_user;	/* NULL: default */
	char *device_stubdomain_kernel; /* NULL: default */
	char *device_stubdomain_ramdisk;
	char *device_stubdomain_seclabel;
	uint32_t device_stubdomain_memory_kib; /* 0: default */
	bool device_stubdomain;		       /* device_model_stubdomain_override */
	char **device_model_args;
	uint32_t n_device_model_args;

	char *serial;	    /* e.g. "pty"; NULL: none */
	char *boot;	    /* HVM boot order */
	bool driver_domain; /* driver_domain= */
	char *backend;	    /* backend= for devices that name none; NULL: Dom0 */

	enum tsc_mode tsc_mode;
	int timer_mode;		/* -1: default */
	int64_t rtc_timeoffset; /* seconds */
	bool localtime, apic, acpi, acpi_s3, acpi_s4, nx, pae, hpet, viridian, hap, nested_hvm;
	bool vpmu, xend_suspend_evtchn_compat, nomigrate, passthrough, disable_migrate;
	bool pvshim;
	char *cpuid; /* cpuid= as given; refused by the checks unless NULL */

	int32_t max_grant_frames, max_maptrack_frames; /* -1: hypervisor's default */
	int32_t max_grant_version;		       /* -1: default (2 where offered) */
	uint32_t max_event_channels;		       /* default 1023 */
	uint32_t vmtrace_buf_kib;
	uint32_t vm_event_console; /* 0 */

	/*
	 * Memory of the guest that may be given to others (ignored with a warning where it can't
	 * be).
	 */
	uint64_t video_memory_kib;

	/* For autostart and ordered shutdown: names of guests that must run first. */
	char **depends;
	uint32_t n_depends;
};

/* Sets everything to its default; nothing is allocated. */
void domain_config_init(struct domain_config *config);

/* Frees what it owns and leaves it as domain_config_init() does. */
void domain_config_free(struct domain_config *config);

/* Deep copy; `to` is uninitialised before. -ENOMEM. */
int domain_config_copy(struct domain_config *to, const struct domain_config *from);

/*
 * Finds what is missing, out of range or contradictory, and what this platform does not offer (says
 * which key and what is allowed). Fills in maxmem_kib, maxvcpus when 0. 0 or -EINVAL, -EOPNOTSUPP.
 */
int domain_config_check(struct domain_config *config, struct error *err);

/*
 * As JSON text (malloc), and back. Round trip is exact. `from_json` checks types and ranges:
 * -EINVAL and a message else.
 */
int domain_config_to_json(const struct domain_config *config, char **text);
int domain_config_from_json(struct domain_config *config, const char *text, struct error *err);

/* Words of xl.cfg(5) for the enumerations; *_parse return -EINVAL for other words. */
const char *domain_type_name(enum domain_type type);
const char *domain_action_name(enum domain_action action);
int domain_type_parse(const char *word, enum domain_type *type);
int domain_action_parse(const char *word, enum domain_action *action);

/* xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx; `text` has room for 37 bytes. */
void domain_uuid_format(const uint8_t uuid[HYPER_UUID_BYTES], char *text);
int domain_uuid_parse(const char *text, uint8_t uuid[HYPER_UUID_BYTES]);
/* A new random one (version 4). */
int domain_uuid_generate(uint8_t uuid[HYPER_UUID_BYTES]);
